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
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from onefit.errors import invalid, is_whole, mistyped, unknown

__all__ = ["Between", "Check", "Whole", "between", "flag", "one_of", "whole"]

Check = Callable[[str, str, Any], None]  # where (a class's name), a setting, its value


@dataclass(frozen=True)
class Whole:
    """What `whole` gives: the check, which tells its bound.

    Attributes:
        least: The smallest that is allowed; None for any.
        optional: Whether None is allowed.
        fix: What to write instead, if there is more to say.
    """

    least: int | None
    optional: bool
    fix: str

    def __call__(self, where: str, name: str, value: Any) -> None:
        """Raises ValueError below the bound, TypeError for what is no whole number."""
        if self.optional and value is None:
            return
        if not is_whole(value, self.least):
            expected = "None or a whole number" if self.optional else "a whole number"
            expected += "" if self.least is None else f", {self.least} or more"
            error = invalid if is_whole(value, None) else mistyped
            raise error(where, f"{name}={value!r}", expected, self.fix)


def whole(least: int | None = None, *, optional: bool = False, fix: str = "") -> Whole:
    """Refuses all but whole numbers (True is none).

    Args:
        least: The smallest that is allowed; None for any.
        optional: Whether None is allowed.
        fix: What to write instead, if there is more to say.
    """
    return Whole(least, optional, fix)


def flag(where: str, name: str, value: object) -> None:
    """Refuses all but True and False."""
    if not isinstance(value, bool | np.bool_):
        raise mistyped(where, f"{name}={value!r}", "True or False")


@dataclass(frozen=True)
class Between:
    """What `between` gives: the check, which tells its bounds.

    Attributes:
        minimum, maximum: Bounds that a number may reach.
        above, below: Bounds that it may not reach.
        optional: Whether None is allowed.
    """

    minimum: float | None
    maximum: float | None
    above: float | None
    below: float | None
    optional: bool

    def holds(self, value: float) -> bool:
        """Whether a number is in these bounds."""
        return (
            (self.minimum is None or bool(value >= self.minimum))
            and (self.maximum is None or bool(value <= self.maximum))
            and (self.above is None or bool(value > self.above))
            and (self.below is None or bool(value < self.below))
        )

    def __call__(self, where: str, name: str, value: Any) -> None:
        """Raises ValueError beyond the bounds, TypeError for what is no number."""
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, jax.Array | np.ndarray):
                continue
            if self.optional and one is None:
                continue
            if isinstance(one, bool) or not isinstance(one, int | float | np.number):
                raise mistyped(where, f"{name}={value!r}", "a number")
            if not self.holds(float(one)):
                raise invalid(where, f"{name}={value!r}", f"a number {self._words()}")

    def _words(self) -> str:
        bounds = {
            "at least": self.minimum,
            "at most": self.maximum,
            "above": self.above,
            "below": self.below,
        }
        return " and ".join(f"{w} {b}" for w, b in bounds.items() if b is not None)


def between(
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    optional: bool = False,
) -> Between:
    """Refuses all but numbers in these bounds, and tuples of them; arrays pass.

    Args:
        minimum, maximum: Bounds that a number may reach.
        above, below: Bounds that it may not reach.
        optional: Whether None is allowed.
    """
    return Between(minimum, maximum, above, below, optional)


def one_of(*names: str | None) -> Check:
    """Refuses all but these names; None may be one of them."""

    def check(where: str, name: str, value: Any) -> None:
        if value not in names:
            raise unknown(f"{name} of {where}", value, map(str, names))

    return check
