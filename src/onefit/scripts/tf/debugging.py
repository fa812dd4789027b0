"""tf.debugging: checks of numbers, which raise where they do not hold."""
# pyright: reportUnsupportedDunderAll=false

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from onefit.errors import invalid
from onefit.scripts.noops import noop
from onefit.scripts.tf.arrays import convert_to_tensor
from onefit.scripts.tf.errors import InvalidArgumentError
from onefit.scripts.tf.making import named
from onefit.types import ArrayLike

_CHECKS: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "assert_equal": (np.equal, "x = y"),
    "assert_none_equal": (np.not_equal, "x ≠ y"),
    "assert_greater": (np.greater, "x > y"),
    "assert_greater_equal": (np.greater_equal, "x ≥ y"),
    "assert_less": (np.less, "x < y"),
    "assert_less_equal": (np.less_equal, "x ≤ y"),
}


def _checked(name: str, holds: Callable[[Any, Any], Any], said: str) -> Any:
    def made(
        x: ArrayLike,
        y: ArrayLike,
        message: str | None = None,
        summarize: Any = None,
        name: str | None = None,
    ) -> None:
        one, other = np.asarray(x), np.asarray(y)
        if not np.all(holds(one, other)):
            raise InvalidArgumentError(
                message or f"{said} does not hold: x is {one}, y is {other}"
            )

    return named(made, name, f"Raises InvalidArgumentError unless {said}.", __name__)


globals().update({n: _checked(n, f, said) for n, (f, said) in _CHECKS.items()})


def assert_near(
    x: ArrayLike,
    y: ArrayLike,
    rtol: float | None = None,
    atol: float | None = None,
    message: str | None = None,
    summarize: Any = None,
    name: str | None = None,
) -> None:
    """Raises InvalidArgumentError unless |x - y| ≤ atol + rtol · |y|."""
    near = 10 * float(jnp.finfo(convert_to_tensor(x).dtype).eps)
    wanted = near if rtol is None else rtol, near if atol is None else atol
    if not np.allclose(np.asarray(x), np.asarray(y), *wanted):
        raise InvalidArgumentError(message or f"{x} is not near {y}")


def assert_positive(
    x: ArrayLike,
    message: str | None = None,
    summarize: Any = None,
    name: str | None = None,
) -> None:
    """Raises InvalidArgumentError unless all numbers are greater than 0."""
    if not np.all(np.asarray(x) > 0):
        raise InvalidArgumentError(message or f"x > 0 does not hold: x is {x}")


def assert_non_negative(
    x: ArrayLike,
    message: str | None = None,
    summarize: Any = None,
    name: str | None = None,
) -> None:
    """Raises InvalidArgumentError unless all numbers are 0 or greater."""
    if not np.all(np.asarray(x) >= 0):
        raise InvalidArgumentError(message or f"x ≥ 0 does not hold: x is {x}")


def assert_rank(
    x: ArrayLike, rank: int, message: str | None = None, name: str | None = None
) -> None:
    """Raises ValueError unless there are so many axes."""
    if np.ndim(x) != int(rank):
        raise invalid("tf.debugging.assert_rank", f"{np.ndim(x)} axes", f"{rank}")


def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: Any = None,
    message: str | None = None,
    name: str | None = None,
) -> None:
    """Raises ValueError unless tensors have these shapes; letters are sizes.

    >>> assert_shapes([(np.ones((2, 3)), ("N", 3)), (np.ones(2), ("N",))])
    """
    known: dict[Any, int] = {}
    pairs = shapes.items() if isinstance(shapes, dict) else shapes
    for x, wanted in pairs:
        found = np.shape(x)
        fits = len(found) == len(wanted) and all(
            w is None or known.setdefault(w, n) == n if isinstance(w, str) else w == n
            for n, w in zip(found, wanted, strict=True)
        )
        if not fits:
            raise invalid(
                "tf.debugging.assert_shapes",
                f"shape {found}",
                message or f"shape {tuple(wanted)}, with {known}",
            )


def assert_all_finite(x: ArrayLike, message: str, name: str | None = None) -> Any:
    """The tensor; raises InvalidArgumentError for NaN or infinity in it."""
    if not np.isfinite(np.asarray(x)).all():
        raise InvalidArgumentError(f"{message}: NaN or infinity")
    return x


def check_numerics(tensor: ArrayLike, message: str, name: str | None = None) -> Any:
    """The tensor; raises InvalidArgumentError for NaN or infinity in it."""
    return assert_all_finite(tensor, message)


def is_numeric_tensor(tensor: ArrayLike) -> bool:
    """Whether it is a tensor of numbers."""
    kind = getattr(tensor, "dtype", None)
    return kind is not None and jnp.issubdtype(getattr(kind, "dtype", kind), jnp.number)


def Assert(
    condition: ArrayLike, data: Any, summarize: Any = None, name: str | None = None
) -> None:
    """Raises InvalidArgumentError unless the condition holds."""
    if not np.all(np.asarray(condition)):
        raise InvalidArgumentError(f"the condition does not hold: {data}")


@noop("tf.debugging.set_log_device_placement", "one device is used")
def set_log_device_placement(enabled: bool) -> None:
    """Does nothing: there is one device."""


@noop("tf.debugging.enable_check_numerics", "write tf.debugging.check_numerics(x, '')")
def enable_check_numerics(
    stack_height_limit: int = 30, path_length_limit: int = 50
) -> None:
    """Does nothing: `check_numerics` looks at one tensor."""


__all__ = [  # noqa: PLE0604 - the names of the table above
    *_CHECKS,
    *("Assert", "assert_all_finite", "assert_near", "assert_non_negative"),
    *("assert_positive", "assert_rank", "assert_shapes", "check_numerics"),
    *("enable_check_numerics", "is_numeric_tensor", "set_log_device_placement"),
]
