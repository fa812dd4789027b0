"""The one place that turns a name, a config or a class into an object."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from onefit import custom
from onefit.errors import mistyped, unknown
from onefit.types import Identifier

__all__ = ["Registry", "computes_like", "nearest", "nearest_formula", "snake_case"]

Entry = TypeVar("Entry")

BESIDE = {
    *("build", "check", "check_input", "constrain", "from_config", "get_config"),
    *("init", "multiplications", "penalty"),
}
"""Methods that a subclass may write anew and still compute what its base does."""


def snake_case(name: str) -> str:
    """CamelCase as Keras spells it in strings.

    >>> snake_case("MeanSquaredError"), snake_case("L1L2"), snake_case("F1Score")
    ('mean_squared_error', 'l1l2', 'f1_score')
    """
    letters = []
    for i, char in enumerate(name):
        before, after = name[i - 1 : i], name[i + 1 : i + 2]
        starts = char.isupper() and (before.islower() or after.islower())
        if starts and i:
            letters.append("_")
        letters.append(char.lower())
    return "".join(letters)


def nearest(table: Mapping[type, Entry], cls: type) -> Entry | None:
    """The entry of a class in a table by class, or that of its nearest base; or None.

    >>> nearest({int: "whole", object: "any"}, bool)
    'whole'
    """
    return next((table[base] for base in cls.__mro__ if base in table), None)


def nearest_formula(table: Mapping[type, Entry], cls: type) -> Entry | None:
    """As `nearest`, if the class computes what the class of that entry computes."""
    base = next((base for base in cls.__mro__ if base in table), None)
    return table[base] if base is not None and computes_like(cls, base) else None


def computes_like(cls: type, base: type) -> bool:
    """Whether a class is a base or a subclass that leaves its computation as it is.

    A subclass may add settings' defaults, facts and methods; where it writes a method
    of its base anew (but one of those in `BESIDE`), it may compute something else.

    >>> class Wide(onefit.layers.Dense):
    ...     units: int = 512
    >>> class Doubled(onefit.layers.Dense):
    ...     def apply(self, params, state, x, **more):
    ...         return super().apply(params, state, 2 * x, **more)
    >>> dense = onefit.layers.Dense
    >>> computes_like(Wide, dense), computes_like(Doubled, dense)
    (True, False)
    """
    mro = cls.__mro__
    return base in mro and not any(
        _writes_anew(own, base) for own in mro[: mro.index(base)]
    )


def _writes_anew(cls: type, base: type) -> bool:
    """Whether a class itself has a method or a property of another name's."""
    settings = inspect.get_annotations(cls)
    return any(
        (callable(value) or isinstance(value, property | classmethod | staticmethod))
        and not name.startswith("__")
        and name not in BESIDE
        and name not in settings
        and hasattr(base, name)
        for name, value in vars(cls).items()
    )


class Registry:
    """The known objects of one kind, by Keras' names.

    Args:
        kind: What they are called in an error: "loss", "activation".
        room: Where users find them, such as "onefit.losses".
    """

    def __init__(self, kind: str, room: str) -> None:
        self.kind, self.room = kind, room
        self._known: dict[str, Any] = {}
        self._defined: dict[tuple[str, str], Any] = {}

    def add(self, *objects: Any, **aliases: Any) -> None:
        """Registers classes and functions by their names, others by keyword."""
        for obj in objects:
            names = [obj.__name__]
            if isinstance(obj, type):
                self._defined[obj.__module__, obj.__name__] = obj
                names.append(snake_case(obj.__name__))
            self._known |= {name: obj for name in names if self._is_free(name, obj)}
        self._known |= aliases

    def _is_free(self, name: str, obj: Any) -> bool:
        """Whether a thing may have this name: the library's stay the library's."""
        known = self._known.get(name)
        return _is_ours(obj) or known is None or not _is_ours(known)

    def defined(self, module: object, name: str) -> Any:
        """The class of a name that a module has defined, or None.

        Files name the module, so that of two classes of one name the right one is found
        (`__main__` is None there).
        """
        return self._defined.get((str(module or "__main__"), name))

    def names(self) -> list[str]:
        """Every name that `get` takes."""
        return sorted(self._known)

    def objects(self) -> list[Any]:
        """Every registered class or function once, in the order of registration."""
        return list(dict.fromkeys(self._known.values()))

    def get(self, identifier: Identifier) -> Any:
        """The object that a string, a config dict, a class or an object means.

        None stays None; a callable stays itself; a class is made with its defaults.

        Raises:
            ValueError: An unknown name, with the nearest ones.
            TypeError: Neither name, config nor callable.
        """
        if identifier is None:
            return None
        named = isinstance(identifier, dict) and identifier.get("class_name")
        if named and isinstance(named, str):
            config = identifier.get("config")
            if named == "function" and isinstance(config, str):  # as files have it
                return self._find(config)
            registered = identifier.get("registered_name")
            found = custom.lookup(str(registered)) or self._find(named)
            return found.from_config(config or {}) if isinstance(found, type) else found
        if isinstance(identifier, str):
            identifier = self._find(identifier)
        if isinstance(identifier, type):
            return identifier()
        if callable(identifier) or hasattr(identifier, "get_config"):
            return identifier
        raise mistyped(
            self.kind,
            repr(identifier),
            "a name, a config or an object",
            f"write one of the names, such as {self.names()[0]!r}",
        )

    def knows(self, name: object) -> bool:
        """Whether `get` finds something by this name."""
        return isinstance(name, str) and self._known_as(name) is not None

    def named(self, name: str) -> Any:
        """The class or the function of a name, as it was registered."""
        return self._find(name)

    def _known_as(self, name: str) -> Any:
        # A name that the user has given to something of their own means that.
        return custom.lookup(name, exact=name in self._known) or self._known.get(name)

    def _find(self, name: str) -> Any:
        found = self._known_as(name)
        if found is None:
            raise unknown(self.kind, name, self._known, f"dir({self.room})")
        return found


def _is_ours(obj: Any) -> bool:
    """Whether the library has defined a class or a function."""
    return str(getattr(obj, "__module__", "")).startswith("onefit.")
