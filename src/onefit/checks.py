"""Checks of settings, each a function `check(where, name, value)` that may raise.

>>> from onefit.description import Description, setting
>>> class Window(Description):
...     size: int = setting(check=whole(1))
...     ends: str = setting(default="zero", check=one_of("zero", "wrap"))
>>> Window(0)
Traceback (most recent call last):
ValueError: Window: received size=0; expected a whole number, 1 or more.
>>> Window(3, ends="warp")
Traceback (most recent call last):
ValueError: Unknown ends of Window 'warp'. Did you mean 'wrap'? Known: wrap, zero.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from onefit.errors import invalid, is_whole, mistyped, unknown

__all__ = ["Check", "between", "one_of", "whole"]

Check = Callable[[str, str, Any], None]  # where (a class's name), a setting, its value


def whole(least: int | None = None, *, optional: bool = False, fix: str = "") -> Check:
    """Refuses all but whole numbers (True is none).

    Args:
        least: The smallest that is allowed; None for any.
        optional: Whether None is allowed.
        fix: What to write instead, if there is more to say.
    """
    expected = "None or a whole number" if optional else "a whole number"
    expected += "" if least is None else f", {least} or more"

    def check(where: str, name: str, value: Any) -> None:
        absent = optional and value is None
        if not absent and not is_whole(value, least):
            raise invalid(where, f"{name}={value!r}", expected, fix)

    return check


def between(
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    optional: bool = False,
) -> Check:
    """Refuses all but numbers in these bounds, and tuples of them; arrays pass.

    Args:
        minimum, maximum: Bounds that a number may reach.
        above, below: Bounds that it may not reach.
        optional: Whether None is allowed.
    """
    limits: list[tuple[str, float | None, Callable[[Any, Any], bool]]] = [
        ("at least", minimum, lambda value, bound: value >= bound),
        ("at most", maximum, lambda value, bound: value <= bound),
        ("above", above, lambda value, bound: value > bound),
        ("below", below, lambda value, bound: value < bound),
    ]
    limits = [limit for limit in limits if limit[1] is not None]
    words = " and ".join(f"{word} {bound}" for word, bound, _ in limits)

    def check(where: str, name: str, value: Any) -> None:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, jax.Array | np.ndarray) or (optional and one is None):
                continue
            if isinstance(one, bool) or not isinstance(one, int | float | np.number):
                raise mistyped(where, f"{name}={value!r}", "a number")
            if not all(holds(one, bound) for _, bound, holds in limits):
                raise invalid(where, f"{name}={value!r}", f"a number {words}")

    return check


def one_of(*names: str | None) -> Check:
    """Refuses all but these names; None may be one of them."""

    def check(where: str, name: str, value: Any) -> None:
        if value not in names:
            raise unknown(f"{name} of {where}", value, map(str, names))

    return check
