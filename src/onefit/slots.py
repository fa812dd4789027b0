"""Slots: where an object keeps the numbers that a program may take the place of.

People hold objects, and programs are pure functions of arrays. A `Slot` joins the two:
it is an attribute that gives what the object keeps, and inside `holding` what the
program has in its place. Code that reads and writes the attribute is pure there,
without a word about it.
"""

import contextlib
import contextvars
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["Slot", "holding", "innermost", "is_held", "put"]

_held: contextvars.ContextVar["dict[int, Any] | None"] = contextvars.ContextVar(
    "held", default=None
)


class Slot:
    """An attribute of which a program has its own value.

    >>> class Counter:
    ...     count = Slot(0)
    >>> counter = Counter()
    >>> counter.count = 1
    >>> with holding([(counter, 10)]) as held:
    ...     counter.count += 1
    >>> counter.count, held[id(counter)]
    (1, 11)
    """

    def __init__(self, default: Any = None) -> None:
        self.default, self.name = default, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, obj: Any, cls: type | None = None) -> Any:
        if obj is None:
            return self.default
        held = _held.get()
        if held is not None and id(obj) in held:
            return held[id(obj)]
        return obj.__dict__.get(self.name, self.default)

    def __set__(self, obj: Any, value: Any) -> None:
        held = _held.get()
        if held is not None and id(obj) in held:
            held[id(obj)] = value
        else:
            obj.__dict__[self.name] = value


@contextlib.contextmanager
def holding(values: Iterable[tuple[object, Any]]) -> Iterator[dict[int, Any]]:
    """Gives objects these values of their slots inside, and their own again after.

    Args:
        values: The objects, each with its value: objects have one slot each.

    Returns:
        What the objects hold now, by their `id`.
    """
    held = (_held.get() or {}) | {id(obj): value for obj, value in values}
    token = _held.set(held)
    try:
        yield held
    finally:
        _held.reset(token)


def innermost() -> object:
    """What tells the innermost `holding` from others; None outside any."""
    return _held.get()


def is_held(obj: object) -> bool:
    """Whether a program has its own value of this object's slot."""
    return id(obj) in (_held.get() or {})


def put(obj: object, value: Any) -> None:
    """Gives an object a value of its slot for the rest of the `holding` inside."""
    held = _held.get()
    assert held is not None, "put belongs inside holding"
    held[id(obj)] = value
