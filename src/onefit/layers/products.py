"""Products of matrices, also of numbers of half the digits.

A processor that multiplies halves fast sums the products in float32, and XLA uses it
only where the result is asked for in float32. So a product of halves is rounded after
the sum, which is also the more exact. Its gradients are products of halves, too:
X̄ = Z̄ · Wᵀ and W̄ = Xᵀ · Z̄.
"""

import jax.numpy as jnp

from onefit.config import HALVES
from onefit.layers.two_way import TwoWay
from onefit.types import Array

__all__ = ["matmul"]


def matmul(a: Array, b: Array) -> Array:
    """The product a · b of matrices, or of equally many of them.

    >>> half = jnp.full((1, 1000), 0.1, "bfloat16")
    >>> matmul(half, half.T)
    Array([[10]], dtype=bfloat16)
    """
    if a.dtype == b.dtype and str(a.dtype) in HALVES:
        return _of_halves(a, b)
    return a @ b


def _summed(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, preferred_element_type=jnp.float32).astype(a.dtype)


def _turned(a: Array) -> Array:
    return jnp.swapaxes(a, -1, -2)


_of_halves = TwoWay(_summed)
_of_halves.defvjp(
    lambda a, b: (_summed(a, b), (a, b)),
    lambda kept, z: (_summed(z, _turned(kept[1])), _summed(_turned(kept[0]), z)),
)
