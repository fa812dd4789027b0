"""Constraints: what weights are put through after every step."""
# ruff: noqa: D102

from typing import Any

import jax.numpy as jnp

from onefit.description import Description, number
from onefit.errors import invalid
from onefit.programs import Program
from onefit.registry import Registry
from onefit.types import Array, ArrayLike

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

constraints: Registry = Registry("constraint", "onefit.constraints")


class Constraint(Description):
    """Base of constraints. A subclass writes `project(w)`: pure, of the same shape.

    Any function of an array that gives one of its shape is as good.

    >>> class Centred(Constraint):
    ...     def project(self, w):
    ...         return w - jnp.mean(w)
    >>> Centred()([1.0, 3.0])
    Array([-1.,  1.], dtype=float32)
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        constraints.add(cls)

    def project(self, w: Array) -> Array:
        """The nearest weights that are allowed. Pure."""
        raise NotImplementedError(f"{type(self).__name__} has no project method")

    def __call__(self, w: ArrayLike) -> Array:
        """The nearest weights that are allowed, as one program."""
        return _project(self, jnp.asarray(w))


@Program
def _project(constraint: Constraint, w: Array) -> Array:
    return constraint.project(w)


def _norm(w: Array, axis: int | tuple[int, ...]) -> Array:
    return jnp.sqrt(jnp.sum(w * w, axis=axis, keepdims=True))


def _rescaled(w: Array, norm: Array, wanted: Any) -> Array:
    """W with these norms; weights of norm 0 have no direction and stay 0."""
    return w * jnp.where(norm > 0, wanted / jnp.where(norm > 0, norm, 1.0), 0.0)


class MaxNorm(Constraint):
    """W · min(1, max_value / ‖w‖): each unit's weights have a norm up to max_value.

    Args:
        max_value: The largest norm, 2 unless given.
        axis: The axis, or axes, that the norm sums over: 0 for the kernel of Dense,
            (0, 1, 2) for that of Conv2D.

    Input and output: weights of any shape that has these axes.

    Differs from Keras: no 1e-7 is added to the norm, so that weights within the bound
    stay exactly as they are.

    Example:
        >>> MaxNorm(1.0)([[3.0, 0.3], [4.0, 0.4]])
        Array([[0.6, 0.3],
               [0.8, 0.4]], dtype=float32)

    Source: Srivastava et al., 2014, "Dropout".
    """

    max_value: float = number(default=2, minimum=0)
    axis: Any = 0

    def project(self, w: Array) -> Array:
        norm = _norm(w, self.axis)
        return jnp.where(norm > self.max_value, _rescaled(w, norm, self.max_value), w)


class UnitNorm(Constraint):
    """W / ‖w‖: the norm of each unit's weights is 1.

    Args:
        axis: As in `MaxNorm`.

    Differs from Keras: no 1e-7 is added to the norm.

    Example:
        >>> UnitNorm()([[3.0], [4.0]])
        Array([[0.6],
               [0.8]], dtype=float32)
    """

    axis: Any = 0

    def project(self, w: Array) -> Array:
        return _rescaled(w, _norm(w, self.axis), 1.0)


class MinMaxNorm(Constraint):
    """W · (rate · clip(‖w‖, min_value, max_value) + (1 - rate) ‖w‖) / ‖w‖.

    Args:
        min_value: The smallest norm, 0 unless given.
        max_value: The largest norm, 1 unless given.
        rate: How far a norm outside the bounds is moved to them: 1, all the way.
        axis: As in `MaxNorm`.

    Differs from Keras: no 1e-7 is added to the norm.

    Raises:
        ValueError: min_value above max_value, or a rate outside 0 to 1.

    Example:
        >>> MinMaxNorm(rate=0.5)([[3.0], [4.0]])
        Array([[1.8],
               [2.4]], dtype=float32)
    """

    min_value: float = number(default=0.0, minimum=0)
    max_value: float = number(default=1.0, minimum=0)
    rate: float = number(default=1.0, minimum=0, maximum=1)
    axis: Any = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.min_value, self.max_value
        if (
            isinstance(low, int | float)
            and isinstance(high, int | float)
            and low > high
        ):
            raise invalid(
                "MinMaxNorm",
                f"min_value={low} and max_value={high}",
                "min_value of at most max_value",
            )

    def project(self, w: Array) -> Array:
        norm = _norm(w, self.axis)
        within = jnp.clip(norm, self.min_value, self.max_value)
        return _rescaled(w, norm, self.rate * within + (1 - self.rate) * norm)


class NonNeg(Constraint):
    """max(0, w).

    Example:
        >>> NonNeg()([-1.0, 2.0])
        Array([0., 2.], dtype=float32)
    """

    def project(self, w: Array) -> Array:
        return jnp.maximum(w, 0.0)


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm


def get(identifier: object) -> Any:
    """The constraint that a name, a config or a callable means; None is none.

    >>> get("non_neg")
    NonNeg()
    """
    return constraints.get(identifier)


deserialize = get


def serialize(constraint: Constraint) -> dict[str, Any]:
    """What a file says of a constraint; the reverse of `get`.

    >>> serialize(UnitNorm(axis=(0, 1)))
    {'class_name': 'UnitNorm', 'config': {'axis': [0, 1]}}
    """
    name = type(constraint).__name__
    return {"class_name": name, "config": constraint.get_config()}
