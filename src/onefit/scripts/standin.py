"""Modules that are put together of names: what `import tensorflow` gives a script.

A `Standin` looks like the module that a script asks for. Each of its names is looked up
where it lives in onefit, when it is first asked for. A name that is not here raises an
AttributeError that says what to write instead.
"""

import difflib
import functools
import importlib
import importlib.util
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from onefit.scripts.absent import reason
from onefit.scripts.names import ROOTS, SAME, SPACES, Space

__all__ = ["Standin", "canonical", "find", "is_root", "standin"]


def is_root(name: str) -> bool:
    """Whether scripts get a stand-in for this package.

    >>> is_root("tensorflow"), is_root("numpy")
    (True, False)
    """
    return name in ROOTS


def canonical(name: str) -> str:
    """The one name of a module that scripts spell in several ways.

    >>> canonical("tf_keras.layers"), canonical("tensorflow.keras.layers")
    ('keras.layers', 'keras.layers')
    """
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        start = ".".join(parts[:count])
        if start in SAME:
            return canonical(".".join([SAME[start], *parts[count:]]))
    return name


class Standin(ModuleType):
    """One module of the stand-in, such as `tensorflow.nn`.

    >>> nn = standin("tensorflow.nn")
    >>> nn.relu(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    >>> nn.relu7
    Traceback (most recent call last):
    AttributeError: tf.nn.relu7 is not in onefit's stand-in for TensorFlow. Nearest: \
relu, relu6, crelu.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, SPACES[name].about)
        self.__path__ = []  # a package, to whoever asks
        self.__spec__ = ModuleSpec(name, None, is_package=True)
        self.__file__ = __file__
        self._space = SPACES[name]

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [n for n in dir(self) if not n.startswith("_")]
        path = f"{self.__name__}.{name}"
        if name.startswith("__") and name not in self._space.names:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if canonical(path) in SPACES:
            value: Any = standin(path)
        elif name in self._space.names:
            value = _at(self._space.names[name])
        else:
            value = self._of_a_home(name)
        self.__dict__[name] = value
        return value

    def _of_a_home(self, name: str) -> Any:
        for home in _homes(self._space):
            if name in home.__all__:
                return getattr(home, name)
        raise AttributeError(self.missing(name))

    def missing(self, name: str) -> str:
        """What there is to say about a name that is not here."""
        said = _spoken(f"{self.__name__}.{name}")
        why = reason(f"{self.__name__}.{name}")
        if why:
            return f"{said} is not in onefit: {why}."
        near = difflib.get_close_matches(name, dir(self), n=3)
        hint = f" Nearest: {', '.join(near)}." if near else ""
        return f"{said} is not in onefit's stand-in for TensorFlow.{hint}"

    def __dir__(self) -> list[str]:
        start = f"{self.__name__}."
        below = {n.removeprefix(start) for n in (*SPACES, *SAME) if n.startswith(start)}
        names = {n for n in below if "." not in n} | set(self._space.names)
        for home in _homes(self._space):
            names |= set(home.__all__)
        return sorted(names)


def _homes(space: Space) -> list[ModuleType]:
    return [importlib.import_module(home) for home in space.homes if _there(home)]


@functools.cache
def _there(home: str) -> bool:
    try:
        return importlib.util.find_spec(home) is not None
    except ModuleNotFoundError:
        return False


def _spoken(path: str) -> str:
    """As scripts write it: tf for tensorflow."""
    root, _, rest = path.partition(".")
    return f"tf.{rest}" if root == "tensorflow" and rest else path


def _at(place: str) -> Any:
    """What stands at "module:name"; what begins with = is the text itself."""
    if place.startswith("="):
        return place[1:]
    module, _, name = place.partition(":")
    found = importlib.import_module(module)
    for part in filter(None, name.split(".")):
        found = getattr(found, part)
    return found


@functools.cache
def _made(name: str) -> Standin:
    return Standin(name)


def standin(name: str) -> ModuleType:
    """The module of this name; all spellings of one give the same.

    Raises:
        ModuleNotFoundError: A module that is not here, with what to write.

    >>> standin("tensorflow.keras.layers") is standin("keras.layers")
    True
    """
    known = canonical(name)
    if known not in SPACES:
        parent, _, last = known.rpartition(".")
        found = getattr(_made(parent), last, None) if parent in SPACES else None
        if isinstance(found, ModuleType):
            return found
        if parent in SPACES:
            raise ModuleNotFoundError(_made(parent).missing(last), name=name)
        why = reason(known)
        said = _spoken(name)
        raise ModuleNotFoundError(
            f"{said} is not in onefit: {why}." if why else f"No module named {name!r}",
            name=name,
        )
    return _made(known)


def _is_module(parts: list[str]) -> bool:
    return canonical(".".join(parts)) in SPACES


def find(path: str) -> tuple[Any, list[str]]:
    """What a dotted name means, as far as it leads, and what is left of it.

    Raises:
        AttributeError, ModuleNotFoundError: A name that is not here.

    >>> find("keras.layers.Dense")[0].__name__, find("tensorflow.__version__.split")[1]
    ('Dense', ['split'])
    """
    parts = path.split(".")
    known = [n for n in range(len(parts), 1, -1) if _is_module(parts[:n])]
    count = known[0] if known else 1
    found: Any = standin(".".join(parts[:count]))
    rest = parts[count:]
    while rest:
        if isinstance(found, ModuleType):
            found = getattr(found, rest.pop(0))
        elif isinstance(found, type) and not hasattr(type(found), "__getattr__"):
            name = rest[0]
            if not hasattr(found, name):
                near = difflib.get_close_matches(name, dir(found), n=3)
                hint = f" Nearest: {', '.join(near)}." if near else ""
                raise AttributeError(f"{found.__name__} has no {name!r}.{hint}")
            found = getattr(found, rest.pop(0))
            if not isinstance(found, type):
                break
        else:
            break
    return found, rest
