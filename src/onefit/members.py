"""What is in the attributes of an object in Keras' style, also in lists and dicts."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeVar

from onefit.errors import invalid
from onefit.variables import Variable

__all__ = ["contents", "named_once", "refuse_taken", "state_of", "taken_name"]
__all__ += ["variables_in"]

Named = TypeVar("Named")  # what has a name


def refuse_taken(cls: type, taken: Collection[str]) -> None:
    """Refuses methods of a class whose names the library itself calls.

    Args:
        cls: A class that somebody has written in Keras' style.
        taken: The names.

    Raises:
        ValueError: One of them.
    """
    for name, value in vars(cls).items():
        if name in taken and (callable(value) or isinstance(value, property)):
            raise taken_name(cls, "a method", name)


def taken_name(cls: type, what: str, name: str) -> ValueError:
    """The error for a name that the library itself uses."""
    return invalid(
        cls.__name__,
        f"{what} named {name!r}, which onefit itself has in every such class",
        "another name",
        f"write {name}_ or my_{name}",
    )


def contents(obj: object, but: Collection[str] = ()) -> Iterator[tuple[str, Any]]:
    """What the attributes of an object hold, with the way to it: "blocks/0".

    Args:
        obj: The object.
        but: Attributes that are left out.

    >>> class Box:
    ...     def __init__(self):
    ...         self.one, self.more = 1, {"a": [2, 3]}
    >>> list(contents(Box()))
    [('one', 1), ('more/a/0', 2), ('more/a/1', 3)]
    """
    for name, value in vars(obj).items():
        if name not in but:
            yield from _inside(name, value)


def _inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list | tuple | set | frozenset):
        pairs = enumerate(value)
    else:
        yield name, value
        return
    for key, one in pairs:
        yield from _inside(f"{name}/{key}", one)


def state_of(value: Any) -> Variable | None:
    """The variable of a value: it itself, or what a source of random numbers keeps."""
    if isinstance(value, Variable):
        return value
    state = vars(value).get("state") if hasattr(value, "__dict__") else None
    return state if isinstance(state, Variable) else None


def variables_in(
    added: Iterable[Variable], found: Iterable[tuple[str, Any]]
) -> list[tuple[str, Variable]]:
    """The variables that an object has, each once, with their names.

    Args:
        added: Those that it has made, in order; one without a name has its attribute's.
        found: What its attributes hold, as `contents` gives it.
    """
    named = {id(variable): (variable.name, variable) for variable in added}
    for name, value in found:
        variable = state_of(value)
        if variable is None:
            continue
        known = named.get(id(variable))
        if known is None or known[0] == "variable":
            named[id(variable)] = name, variable
    return list(named.values())


def named_once(pairs: Iterable[tuple[str, Named]]) -> list[tuple[str, Named]]:
    """The same pairs, with numbers behind names that have been there.

    >>> [name for name, _ in named_once([("w", None), ("w", None), ("b", None)])]
    ['w', 'w_1', 'b']
    """
    named: dict[str, Named] = {}
    for name, variable in pairs:
        free, number = name, 0
        while free in named:
            number += 1
            free = f"{name}_{number}"
        named[free] = variable
    return list(named.items())
