# ruff: noqa: PLE0605
# pyright: reportUnsupportedDunderAll=false
"""`keras.ops.linalg`: decompositions, inverses and norms."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg

from onefit import config
from onefit.errors import mistyped, unknown
from onefit.faces import own as _own
from onefit.ops.table import operation
from onefit.types import Array, Function


def _float(x: Array) -> Array:
    whole = not jnp.issubdtype(x.dtype, jnp.inexact)
    return x.astype(config.floatx()) if whole else x


def _square(where: str, x: Array) -> Array:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise mistyped(
            where, f"an array of shape {x.shape}", "square matrices, (..., n, n)"
        )
    return _float(x)


@operation
def cholesky(x: Array, upper: bool = False) -> Array:
    """The L of x = L·Lᵀ, or its transpose if `upper`."""
    return jnp.linalg.cholesky(_square("cholesky", x), upper=upper)


@operation
def cholesky_inverse(x: Array, upper: bool = False) -> Array:
    """The inverse of the matrix whose Cholesky factor is x."""
    x = _square("cholesky_inverse", x)
    one = jnp.broadcast_to(jnp.eye(x.shape[-1], dtype=x.dtype), x.shape)
    return jax.scipy.linalg.cho_solve((x, not upper), one)


@operation
def det(x: Array) -> Array:
    """The determinant."""
    return jnp.linalg.det(_square("det", x))


@operation
def eig(x: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of square matrices, complex; on a CPU alone."""
    values, vectors = jnp.linalg.eig(_square("eig", x))
    return values, vectors


@operation
def eigh(x: Array) -> tuple[Array, Array]:
    """Eigenvalues, in order, and eigenvectors of symmetric matrices."""
    return tuple(jnp.linalg.eigh(_square("eigh", x)))


@operation
def inv(x: Array) -> Array:
    """The inverse."""
    return jnp.linalg.inv(_square("inv", x))


def jvp(
    fun: Function,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> Any:
    """A function's value and its derivative along the tangents.

    >>> jvp(lambda x: x**2, (3.0,), (1.0,))
    (Array(9., dtype=float32, weak_type=True), Array(6., dtype=float32, \
weak_type=True))
    """
    return jax.jvp(fun, primals, tangents, has_aux=has_aux)


@operation
def lstsq(a: Array, b: Array, rcond: float | None = None) -> Array:
    """The x with the least ‖a·x - b‖²."""
    return jnp.linalg.lstsq(_float(a), _float(b), rcond=rcond)[0]


@operation
def lu_factor(x: Array) -> tuple[Array, Array]:
    """The triangular factors of P·x = L·U in one matrix, and P's row numbers."""
    factor = jax.scipy.linalg.lu_factor
    for _ in range(x.ndim - 2):
        factor = jax.vmap(factor)
    return factor(_float(x))


@operation
def matrix_rank(x: Array, tol: Any = None) -> Array:
    """How many singular values are above tol, by default of the order of rounding."""
    values = jnp.linalg.svd(_float(x), compute_uv=False)
    if tol is None:
        step = jnp.finfo(values.dtype).eps * max(x.shape[-2:])
        tol = jnp.max(values, -1, keepdims=True) * step
    return jnp.sum(values > tol, -1).astype("int32")


@operation
def norm(
    x: Array,
    ord: Any = None,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
) -> Array:
    """The norm of vectors or matrices, as `jax.numpy.linalg.norm`."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    return jnp.linalg.norm(_float(x), ord=ord, axis=axis, keepdims=keepdims)


@operation
def pinv(x: Array, rcond: float | None = None) -> Array:
    """The pseudo-inverse."""
    return jnp.linalg.pinv(_float(x), rtol=rcond)


@operation
def qr(x: Array, mode: str = "reduced") -> tuple[Array, Array]:
    """The Q and R of x = Q·R; mode "complete" for a square Q."""
    if mode not in ("reduced", "complete"):
        raise unknown("mode of qr", mode, ("reduced", "complete"))
    q, r = jnp.linalg.qr(_float(x), mode=mode)
    return q, r


@operation
def solve(a: Array, b: Array) -> Array:
    """The x of a·x = b."""
    a, b = _square("solve", a), _float(b)
    if b.ndim == a.ndim - 1:
        return jnp.linalg.solve(a, b[..., None])[..., 0]
    return jnp.linalg.solve(a, b)


@operation
def solve_triangular(a: Array, b: Array, lower: bool = False) -> Array:
    """The x of a·x = b, with a triangular."""
    a, b = _square("solve_triangular", a), _float(b)
    if b.ndim == a.ndim - 1:
        columns = b[..., None]
        return jax.scipy.linalg.solve_triangular(a, columns, lower=lower)[..., 0]
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@operation
def svd(x: Array, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The U, S and V of x = U·S·V, or S alone."""
    found = jnp.linalg.svd(_float(x), full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


__all__ = _own(globals())
