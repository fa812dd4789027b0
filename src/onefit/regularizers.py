"""Regularizers: penalties Ω on weights or outputs, added to the cost."""
# ruff: noqa: D102

import math
from typing import Any

import jax.numpy as jnp

from onefit.checks import one_of
from onefit.description import Description, number, off, setting
from onefit.errors import invalid
from onefit.programs import Program
from onefit.registry import Registry
from onefit.types import Array, ArrayLike

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]

regularizers: Registry = Registry("regularizer", "onefit.regularizers")


class Regularizer(Description):
    """Base of regularizers. A subclass writes `penalty(x)`: pure, one number.

    Any function of an array that gives one number is as good.

    >>> class Cube(Regularizer):
    ...     factor: float = number(default=1.0)
    ...     def penalty(self, x):
    ...         return self.factor * jnp.sum(jnp.abs(x) ** 3)
    >>> float(Cube(2.0)([1.0, -2.0]))
    18.0
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        regularizers.add(cls)

    def penalty(self, x: Array) -> Array:
        """Ω(x), one number. Pure."""
        raise NotImplementedError(f"{type(self).__name__} has no penalty method")

    def __call__(self, x: ArrayLike) -> Array:
        """Ω(x), as one program."""
        return _penalty(self, jnp.asarray(x))


@Program
def _penalty(regularizer: Regularizer, x: Array) -> Array:
    return regularizer.penalty(x)


def _absolute(x: Array) -> Array:
    """|x|, with the slope 0 at 0: a weight that is exactly 0 stays there.

    The slope of `jnp.abs` is 1 at 0.
    """
    return x * jnp.sign(x)


def _or(default: float) -> Any:
    """Keras takes None as the default."""
    return lambda value: default if value is None else value


class L1(Regularizer):
    """Ω(w) = λ Σ |w|: pulls weights to exactly 0 (lasso).

    Args:
        l1: λ, 0.01 unless given.

    Differs from Keras on JAX: the slope at w = 0 is 0, not λ.

    Example:
        >>> float(L1(0.5)([1.0, -2.0]))
        1.5

    Source: lecture 003, "Regularization (1/2)".
    """

    l1: float = number(default=0.01, minimum=0, below=math.inf, convert=_or(0.01))

    def penalty(self, x: Array) -> Array:
        return self.l1 * jnp.sum(_absolute(x))


class L2(Regularizer):
    """Ω(w) = λ Σ w²: keeps weights small (ridge).

    Args:
        l2: λ, 0.01 unless given.

    Example:
        >>> float(L2(0.5)([1.0, -2.0]))
        2.5

    Source: lecture 003, "Regularization (2/2)".
    """

    l2: float = number(default=0.01, minimum=0, below=math.inf, convert=_or(0.01))

    def penalty(self, x: Array) -> Array:
        return self.l2 * jnp.sum(x * x)


class L1L2(Regularizer):
    """Ω(w) = λ₁ Σ |w| + λ₂ Σ w² (elastic net).

    Args:
        l1: λ₁, 0 unless given.
        l2: λ₂, 0 unless given.

    Example:
        >>> float(L1L2(l1=0.5, l2=0.5)([1.0, -2.0]))
        4.0
    """

    l1: float = number(default=0.0, minimum=0, below=math.inf, convert=_or(0.0))
    l2: float = number(default=0.0, minimum=0, below=math.inf, convert=_or(0.0))

    def penalty(self, x: Array) -> Array:
        first: Any = 0.0 if off(self.l1) else self.l1 * jnp.sum(_absolute(x))
        second = 0.0 if off(self.l2) else self.l2 * jnp.sum(x * x)
        return first + second


class OrthogonalRegularizer(Regularizer):
    """Ω(W) = λ · the mean over pairs of rows (or columns) of |cos of their angle|.

    0 where they are at right angles, λ where all point the same way or the opposite.

    Args:
        factor: λ, 0.01 unless given.
        mode: 'rows' or 'columns'.

    Input: a matrix.

    Differs from Keras: the penalty of one row is 0, not NaN.

    Raises:
        ValueError: An unknown mode, or an array that is not a matrix.

    Example:
        >>> penalty = OrthogonalRegularizer(0.5)
        >>> float(penalty(np.eye(3))), float(penalty([[1.0, 0.0], [2.0, 0.0]]))
        (0.0, 0.5)
    """

    factor: float = number(default=0.01, minimum=0, below=math.inf)
    mode: str = setting(default="rows", check=one_of("rows", "columns"))

    def penalty(self, x: Array) -> Array:
        if x.ndim != 2:
            raise invalid(
                "OrthogonalRegularizer",
                f"an array of shape {x.shape}",
                "a matrix",
                "use it on the kernel of a Dense layer, not on a bias",
            )
        w = x if self.mode == "rows" else x.T
        n = w.shape[0]
        # A row of zeros has no direction: its cosines, and their gradients, are 0.
        square = jnp.sum(w * w, axis=1, keepdims=True)
        unit = w * jnp.where(
            square > 0, jnp.where(square > 0, square, 1.0) ** -0.5, 0.0
        )
        cosines = _absolute(unit @ unit.T) * (1.0 - jnp.eye(n, dtype=w.dtype))
        return self.factor * jnp.sum(cosines) / max(n * (n - 1), 1)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
regularizers.add(l1_l2=L1L2, orthogonal=OrthogonalRegularizer)


def get(identifier: object) -> Any:
    """The regularizer that a name, a config or a callable means; None is none.

    >>> get("l2")
    L2()
    """
    return regularizers.get(identifier)


deserialize = get


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """What a file says of a regularizer; the reverse of `get`.

    >>> serialize(L2(0.1))
    {'class_name': 'L2', 'config': {'l2': 0.1}}
    """
    name = type(regularizer).__name__
    return {"class_name": name, "config": regularizer.get_config()}
