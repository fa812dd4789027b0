"""What is in the attributes of an object in Keras' style, also in lists and dicts."""

from collections.abc import Collection, Iterator
from typing import Any

from onefit.variables import Variable

__all__ = ["contents", "state_of"]


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
