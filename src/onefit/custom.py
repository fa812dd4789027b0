"""The user's own classes and functions, by the names that configs and files have.

The one place that knows them: those registered for good, those of a block, and those
that a caller hands over. Nothing is ever imported for a name.
"""

import contextvars
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from onefit.errors import invalid, mistyped
from onefit.types import Identifier

__all__ = [
    "CustomObjectScope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "known",
    "lookup",
    "register_keras_serializable",
]

Named = TypeVar("Named", bound=Callable[..., Any])

_objects: dict[str, Any] = {}
_names: dict[Any, str] = {}
_scope: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar(
    "custom_objects", default=types.MappingProxyType({})
)


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Named], Named]:
    """A decorator: configs and files find this class or function by its name.

    Args:
        package: What it belongs to; the whole name is "package>name".
        name: Its name; by default that of the class or function.

    Raises:
        TypeError: What is neither a class nor a function.
        ValueError: A class without `get_config`, which no file can describe.

    Example:
        >>> @register_keras_serializable(package="mine")
        ... def cube(x):
        ...     return x**3
        >>> get_registered_name(cube), onefit.activations.get("cube")(2.0)
        ('mine>cube', 8.0)

    Source: Keras, `keras.saving.register_keras_serializable`.
    """

    def register(thing: Named) -> Named:
        where = "register_keras_serializable"
        if not callable(thing):
            raise mistyped(where, repr(thing), "a class or a function")
        title = name if name is not None else thing.__name__
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise invalid(
                where,
                f"the class {title}, which has no get_config",
                "a class whose settings can be written down",
                "write get_config(self), which returns them in a dict",
            )
        whole = f"{package}>{title}"
        _objects[whole], _names[thing] = thing, whole
        return thing  # pyright: ignore[reportReturnType] - isclass has narrowed it

    return register


def get_custom_objects() -> dict[str, Any]:
    """The registered classes and functions by name; the dict may be changed.

    >>> get_custom_objects()["half"] = lambda x: x / 2
    >>> onefit.activations.get("half")(3.0)
    1.5
    >>> del get_custom_objects()["half"]
    """
    return _objects


class CustomObjectScope:
    """A block in which these names are known: `with CustomObjectScope({"f": f}):`.

    Args:
        custom_objects: Classes and functions by name.

    Example:
        >>> with CustomObjectScope({"twice": lambda x: 2 * x}):
        ...     layer = onefit.layers.Activation("twice")
        >>> layer(np.ones(2))
        Array([2., 2.], dtype=float32)

    Source: Keras, `keras.saving.CustomObjectScope`.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._tokens: list[contextvars.Token] = []

    def __enter__(self) -> "CustomObjectScope":
        inside = {**_scope.get(), **self.custom_objects}
        self._tokens.append(_scope.set(inside))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        _scope.reset(self._tokens.pop())


def lookup(
    name: str, given: Mapping[str, Any] | None = None, exact: bool = False
) -> Any:
    """The user's class or function of a name, or None.

    Those given come first, then those of the block, then those registered. Unless
    exact, a name without its package is enough where one package alone has it.
    """
    whole = {**_objects, **_scope.get(), **(given or {})}
    if name in whole or exact:
        return whole.get(name)
    short = {id(v): v for k, v in whole.items() if k.rpartition(">")[2] == name}
    return next(iter(short.values())) if len(short) == 1 else None


def known(given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All of the user's classes and functions, by whole names and by short ones."""
    whole = {**_objects, **_scope.get(), **(given or {})}
    short = {name.rpartition(">")[2] for name in whole}
    found = {name: lookup(name, given) for name in short - whole.keys()}
    return whole | {name: thing for name, thing in found.items() if thing is not None}


def get_registered_name(obj: Identifier) -> str:
    """The name that a class or function is registered by, or else its own.

    >>> get_registered_name(onefit.layers.Dense)
    'Dense'
    """
    try:
        name = _names.get(obj)
    except TypeError:  # what cannot be a key is not registered
        name = None
    return name or obj.__name__


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The class or function of a name, or None.

    Args:
        name: As it was registered: "package>name".
        custom_objects: Others by name, asked first.
        module_objects: More by name, asked last, such as `vars(module)`.
    """
    found = lookup(name, custom_objects)
    return found if found is not None else (module_objects or {}).get(name)
