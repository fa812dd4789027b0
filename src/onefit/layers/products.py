"""Products of matrices, also of numbers of half the digits.

A processor that multiplies halves fast sums the products in float32, and XLA uses it
only where the result is asked for in float32. So a product of halves is rounded after
the sum, which is also the more exact. Its gradients are products of halves, too:
X̄ = Z̄ · Wᵀ and W̄ = Xᵀ · Z̄.
"""

import jax
import jax.numpy as jnp
from jax.experimental.layout import Layout, with_layout_constraint
from jax.typing import DTypeLike

from onefit.config import HALVES
from onefit.layers.two_way import TwoWay
from onefit.types import Array

__all__ = ["matmul", "multiplied"]


def matmul(a: Array, b: Array) -> Array:
    """The product a · b of matrices, or of equally many of them.

    >>> half = jnp.full((1, 1000), 0.1, "bfloat16")
    >>> matmul(half, half.T)
    Array([[10]], dtype=bfloat16)
    """
    if a.dtype != b.dtype or str(a.dtype) not in HALVES:
        return a @ b
    if b.ndim == 2 and a.ndim > 2:  # one product for all: XLA has a fast kernel for it
        z = _of_halves(a.reshape(-1, a.shape[-1]), b)
        return z.reshape(*a.shape[:-1], -1)
    return _of_halves(a, b) if a.shape[:-2] == b.shape[:-2] else a @ b


def multiplied(a: Array, b: Array, kind: DTypeLike, turned: bool = False) -> Array:
    """The product a · b, or a · bᵀ, of a matrix b, its factors rounded to this type.

    The result has the digits that a and b have. Around a product of halves a processor
    is faster with them: it pads, adds and compares halves by way of float32.
    """
    if str(kind) not in HALVES:
        return a @ (b.T if turned else b)
    rows = _by_rows(a.reshape(-1, a.shape[-1]).astype(kind))
    z = _summed(rows, b.astype(kind), turned)
    return z.reshape(*a.shape[:-1], -1)


def _summed(a: Array, b: Array, turned: bool = False) -> Array:
    """A · b, or a · bᵀ, which needs no bᵀ in memory."""
    axes = (a.ndim - 1,), (b.ndim - 1 if turned else b.ndim - 2,)
    many = tuple(range(a.ndim - 2))
    return jax.lax.dot_general(
        a, b, (axes, (many, many)), preferred_element_type=jnp.float32
    )


def _back(kept: tuple[Array, Array], z: Array) -> tuple[Array, Array]:
    a, b = kept
    # XLA would fold the transposition into the product, and leave the fast kernel.
    weights = _by_rows(_summed(_by_rows(jnp.swapaxes(a, -1, -2)), z))
    return _summed(z, b, turned=True).astype(a.dtype), weights.astype(b.dtype)


def _by_rows(a: Array) -> Array:
    """The same, row after row in memory."""
    return with_layout_constraint(a, Layout(major_to_minor=tuple(range(a.ndim))))


_of_halves = TwoWay(lambda a, b: _summed(a, b).astype(a.dtype))
_of_halves.defvjp(lambda a, b: (_summed(a, b).astype(a.dtype), (a, b)), _back)
