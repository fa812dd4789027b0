"""tf.linalg: products of matrices, their parts and what they solve."""
# pyright: reportUnsupportedDunderAll=false

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from onefit.errors import invalid
from onefit.scripts.tf import math
from onefit.scripts.tf.arrays import convert_to_tensor, tensors
from onefit.scripts.tf.dtypes import float32, narrow
from onefit.scripts.tf.making import axes, family, one
from onefit.types import Array, ArrayLike


def _turned(x: Array, transpose: bool, adjoint: bool = False) -> Array:
    if not (transpose or adjoint):
        return x
    x = jnp.swapaxes(x, -1, -2)
    return jnp.conj(x) if adjoint else x


def _diagonal(x: Array) -> Array:
    return jnp.diagonal(x, axis1=-2, axis2=-1)


_ONE = {
    "adjoint": (lambda x: _turned(x, False, True), "Turned, and conjugated."),
    "cholesky": (jnp.linalg.cholesky, "The lower triangular L of A = L·Lᵀ."),
    "det": (jnp.linalg.det, "The determinant."),
    "diag_part": (_diagonal, "The diagonal of a matrix."),
    "eigvals": (jnp.linalg.eigvals, "The eigenvalues."),
    "eigvalsh": (jnp.linalg.eigvalsh, "The eigenvalues of a symmetric matrix."),
    "expm": (jax.scipy.linalg.expm, "The exponential of a matrix."),
    "logdet": (lambda x: jnp.linalg.slogdet(x)[1], "The logarithm of |det A|."),
    "matrix_rank": (jnp.linalg.matrix_rank, "The rank of a matrix."),
    "matrix_transpose": (lambda x: jnp.swapaxes(x, -1, -2), "Turned: Aᵀ."),
    "pinv": (jnp.linalg.pinv, "The pseudo-inverse."),
    "slogdet": (jnp.linalg.slogdet, "The sign and the logarithm of the determinant."),
    "sqrtm": (jax.scipy.linalg.sqrtm, "The square root of a matrix."),
    "trace": (lambda x: jnp.sum(_diagonal(x), -1), "The sum of the diagonal."),
}
globals().update(family(one, __name__, _ONE))
l2_normalize = math.l2_normalize


@tensors
def matmul(
    a: ArrayLike,
    b: ArrayLike,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    output_type: DTypeLike | None = None,
    name: str | None = None,
) -> Array:
    """The product of two matrices: C = A·B.

    >>> matmul([[1.0, 2.0]], [[3.0], [4.0]]).tolist()
    [[11.0]]
    """
    x = _turned(convert_to_tensor(a), transpose_a, adjoint_a)
    y = _turned(convert_to_tensor(b), transpose_b, adjoint_b)
    if x.ndim < 2 or y.ndim < 2:
        raise invalid(
            "tf.matmul",
            f"shapes {x.shape} and {y.shape}",
            "two matrices",
            "write tf.linalg.matvec(a, b), or tf.tensordot(a, b, 1) for vectors",
        )
    product = jnp.matmul(x, y)
    return product if output_type is None else product.astype(narrow(output_type))


@tensors
def matvec(
    a: ArrayLike,
    b: ArrayLike,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    name: str | None = None,
) -> Array:
    """A matrix times a vector."""
    x = _turned(convert_to_tensor(a), transpose_a, adjoint_a)
    return jnp.matmul(x, convert_to_tensor(b)[..., None])[..., 0]


@tensors
def tensordot(a: ArrayLike, b: ArrayLike, axes: Any, name: str | None = None) -> Array:
    """The sum of products over axes of both."""
    over = axes if isinstance(axes, int) else tuple(axes)
    return jnp.tensordot(convert_to_tensor(a), convert_to_tensor(b), over)


@tensors
def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Array:
    """Sums of products, written as "ij,jk->ik"."""
    return jnp.einsum(equation, *map(convert_to_tensor, inputs))


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: DTypeLike = float32,
    name: str | None = None,
) -> Array:
    """The identity matrix."""
    rows = int(num_rows)
    columns = rows if num_columns is None else int(num_columns)
    one_ = jnp.eye(rows, columns, dtype=narrow(dtype))
    return one_ if batch_shape is None else jnp.tile(one_, (*batch_shape, 1, 1))


@tensors
def norm(
    tensor: ArrayLike,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
) -> Array:
    """The length of a vector or of all numbers: √Σx², or another norm."""
    x, along = convert_to_tensor(tensor), axes(axis)
    if ord == "euclidean":
        squares = jnp.sum(jnp.square(jnp.abs(x)), along, keepdims=bool(keepdims))
        return jnp.sqrt(squares)
    if along is None:
        x = x.ravel()
    return jnp.linalg.norm(x, ord, along, bool(keepdims))


@tensors
def normalize(
    tensor: ArrayLike, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Any, Any]:
    """The tensor by its norm, and the norm."""
    x = convert_to_tensor(tensor)
    length = norm(x, ord, axis, True)
    return x / length, length


def global_norm(t_list: Any, name: str | None = None) -> Array:
    """√Σx² over all numbers of several tensors."""
    parts = [jnp.sum(jnp.square(convert_to_tensor(t))) for t in t_list if t is not None]
    return jnp.sqrt(sum(parts))


@tensors
def inv(input: ArrayLike, adjoint: bool = False, name: str | None = None) -> Any:
    """The inverse of a matrix."""
    return _turned(jnp.linalg.inv(convert_to_tensor(input)), False, adjoint)


@tensors
def solve(
    matrix: ArrayLike, rhs: ArrayLike, adjoint: bool = False, name: str | None = None
) -> Array:
    """The X of A·X = B."""
    a = _turned(convert_to_tensor(matrix), False, adjoint)
    return jnp.linalg.solve(a, convert_to_tensor(rhs))


@tensors
def lstsq(
    matrix: ArrayLike,
    rhs: ArrayLike,
    l2_regularizer: float = 0.0,
    fast: bool = True,
    name: str | None = None,
) -> Any:
    """The X for which A·X is nearest to B."""
    a, b = convert_to_tensor(matrix), convert_to_tensor(rhs)
    if not l2_regularizer:
        return jnp.linalg.lstsq(a, b)[0]
    ridge = l2_regularizer * jnp.eye(a.shape[-1], dtype=a.dtype)
    turned = _turned(a, True)
    return jnp.linalg.solve(turned @ a + ridge, turned @ b)


@tensors
def svd(
    tensor: ArrayLike,
    full_matrices: bool = False,
    compute_uv: bool = True,
    name: str | None = None,
) -> Any:
    """The singular values s, and u and v with A = u·diag(s)·vᵀ: (s, u, v)."""
    found = jnp.linalg.svd(convert_to_tensor(tensor), full_matrices, compute_uv)
    if not compute_uv:
        return found
    u, s, vt = found
    return s, u, _turned(vt, False, True)


@tensors
def qr(input: ArrayLike, full_matrices: bool = False, name: str | None = None) -> Any:
    """Q and R with A = Q·R."""
    mode = "complete" if full_matrices else "reduced"
    return tuple(jnp.linalg.qr(convert_to_tensor(input), mode))


@tensors
def eigh(tensor: ArrayLike, name: str | None = None) -> Any:
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    return tuple(jnp.linalg.eigh(convert_to_tensor(tensor)))


@tensors
def eig(tensor: ArrayLike, name: str | None = None) -> Any:
    """Eigenvalues and eigenvectors, as complex numbers."""
    return tuple(jnp.linalg.eig(convert_to_tensor(tensor)))


@tensors
def diag(diagonal: ArrayLike, name: str | None = None, k: int = 0) -> Any:
    """A matrix with these numbers on a diagonal."""
    x = convert_to_tensor(diagonal)
    make = lambda v: jnp.diag(v, k)  # noqa: E731
    for _ in range(x.ndim - 1):
        make = jax.vmap(make)
    return make(x)


tensor_diag, tensor_diag_part = diag, globals()["diag_part"]


@tensors
def band_part(
    input: Array, num_lower: Array, num_upper: Array, name: str | None = None
) -> Array:
    """A matrix with zeros outside so many diagonals; -1 keeps them all.

    >>> band_part([[1, 1], [1, 1]], -1, 0).tolist()
    [[1, 0], [1, 1]]
    """
    x = convert_to_tensor(input)
    rows, columns = jnp.indices(x.shape[-2:])
    low, high = int(num_lower), int(num_upper)
    keep = ((low < 0) | (rows - columns <= low)) & (
        (high < 0) | (columns - rows <= high)
    )
    return jnp.where(keep, x, 0)


@tensors
def cross(a: ArrayLike, b: ArrayLike, name: str | None = None) -> Array:
    """The cross product of vectors of three numbers."""
    return jnp.cross(convert_to_tensor(a), convert_to_tensor(b))


@tensors
def triangular_solve(
    matrix: ArrayLike,
    rhs: ArrayLike,
    lower: bool = True,
    adjoint: bool = False,
    name: str | None = None,
) -> Array:
    """The X of A·X = B, for a triangular A."""
    return jax.scipy.linalg.solve_triangular(
        convert_to_tensor(matrix), convert_to_tensor(rhs), int(adjoint), lower=lower
    )


__all__ = [  # noqa: PLE0604 - the names of the table above
    *_ONE,
    *("band_part", "cross", "diag", "eig", "eigh", "einsum", "eye", "global_norm"),
    *("inv", "l2_normalize", "lstsq", "matmul", "matvec", "norm", "normalize", "qr"),
    *("solve", "svd", "tensor_diag", "tensor_diag_part", "tensordot"),
    *("triangular_solve",),
]
