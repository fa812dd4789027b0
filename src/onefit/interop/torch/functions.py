"""torch's functions and methods that a `forward` may call, as layers of a graph.

For a function that is a module, too (`F.relu`, `x.softmax(-1)`, `F.max_pool2d`), the
module is taken. The others are arithmetic, shapes and joins.
"""

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import jax.numpy as jnp

from onefit import layers
from onefit.errors import invalid, mistyped
from onefit.interop.torch.recurrent import States
from onefit.layers.base import Layer
from onefit.layers.symbolic import Tensor
from onefit.types import Function

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CALLS", "drops", "module_of"]

Same = TypeVar("Same")


# Functions that are modules -----------------------------------------------------------

POOL = ("kernel_size", "stride", "padding")
AVERAGE = (*POOL, "ceil_mode", "count_include_pad", "divisor_override")
MAX = (*POOL, "dilation", "ceil_mode", "return_indices")

TWINS: dict[str, tuple[str, tuple[str, ...]]] = {
    "adaptive_avg_pool#": ("AdaptiveAvgPool#", ("output_size",)),
    "adaptive_max_pool#": ("AdaptiveMaxPool#", ("output_size", "return_indices")),
    "alpha_dropout": ("AlphaDropout", ("p", "training", "inplace")),
    "avg_pool#": ("AvgPool#", AVERAGE),
    "celu": ("CELU", ("alpha", "inplace")),
    "dropout": ("Dropout", ("p", "training", "inplace")),
    "dropout#": ("Dropout#", ("p", "training", "inplace")),
    "elu": ("ELU", ("alpha", "inplace")),
    "flatten": ("Flatten", ("start_dim", "end_dim")),
    "gelu": ("GELU", ("approximate",)),
    "glu": ("GLU", ("dim",)),
    "hardshrink": ("Hardshrink", ("lambd",)),
    "hardsigmoid": ("Hardsigmoid", ("inplace",)),
    "hardswish": ("Hardswish", ("inplace",)),
    "hardtanh": ("Hardtanh", ("min_val", "max_val", "inplace")),
    "interpolate": ("Upsample", ("size", "scale_factor", "mode", "align_corners")),
    "leaky_relu": ("LeakyReLU", ("negative_slope", "inplace")),
    "log_softmax": ("LogSoftmax", ("dim", "_stacklevel", "dtype")),
    "logsigmoid": ("LogSigmoid", ()),
    "max_pool#": ("MaxPool#", MAX),
    "mish": ("Mish", ("inplace",)),
    "relu": ("ReLU", ("inplace",)),
    "relu6": ("ReLU6", ("inplace",)),
    "selu": ("SELU", ("inplace",)),
    "sigmoid": ("Sigmoid", ()),
    "silu": ("SiLU", ("inplace",)),
    "softmax": ("Softmax", ("dim", "_stacklevel", "dtype")),
    "softplus": ("Softplus", ("beta", "threshold")),
    "softshrink": ("Softshrink", ("lambd",)),
    "softsign": ("Softsign", ()),
    "tanh": ("Tanh", ()),
    "tanhshrink": ("Tanhshrink", ()),
}
"""Functions, their modules, and their arguments; # stands for 1d, 2d and 3d."""

NEUTRAL = {"_stacklevel", "antialias", "dtype", "inplace", "recompute_scale_factor"}
"""Arguments that change nothing here."""


def module_of(
    name: str, args: Sequence[object], kwargs: Mapping[str, object]
) -> "nn.Module | None":
    """The module that does what a function does with these arguments, or None."""
    from torch import nn

    rank = name[-2:] if name[-2:] in ("1d", "2d", "3d") else ""
    if (twin := TWINS.get(name.replace(rank, "#") if rank else name)) is None:
        return None
    given = {**dict(zip(twin[1], args, strict=False)), **kwargs}
    if name == "flatten" and given.setdefault("start_dim", 0) == 0:
        raise invalid(
            name,
            "start_dim=0, which joins the examples of a batch",
            "start_dim=1",
            "write torch.flatten(x, 1)",
        )
    if "dropout" in name:
        given.pop("training", None)
        if not drops(name, args, kwargs):
            return nn.Identity()
    given = {k: v for k, v in given.items() if k not in NEUTRAL and v is not None}
    return getattr(nn, twin[0].replace("#", rank))(**given)


def drops(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> bool:
    """Whether a function is a dropout whose arguments let it drop.

    >>> drops("dropout", (0.5,), {}), drops("alpha_dropout", (0.5,), {})
    (True, False)
    """
    if "dropout" not in name:
        return False
    given = {**dict(zip(("p", "training"), args, strict=False)), **kwargs}
    return bool(given.get("training", "alpha" not in name))  # torch's defaults


# Shapes -------------------------------------------------------------------------------


class _Rows:
    """Stands for the number of rows in a batch, which is not known."""

    def __repr__(self) -> str:
        return "the batch"


ROWS = _Rows()
Size: TypeAlias = int | _Rows | None


def _size(x: Tensor, axis: int | None = None) -> Size | tuple[Size, ...]:
    sizes = (ROWS, *x.shape[1:])
    return sizes if axis is None else sizes[axis]


def _reshape(x: Tensor, *shape: Any) -> Tensor:
    sizes = (
        shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    )
    first, *rest = sizes
    if first == -1 and -1 not in rest and None not in x.shape[1:]:
        first = (
            ROWS if _product(rest) == _product(n or 0 for n in x.shape[1:]) else first
        )
    if first is not ROWS:
        raise invalid(
            "view",
            f"{tuple(sizes)} of {x.shape}",
            "the batch first, as it is",
            "write x.view(x.size(0), -1), or torch.flatten(x, 1)",
        )
    if rest == [-1]:
        return layers.Flatten(data_format="channels_last")(x)
    return layers.Reshape(tuple(rest))(x)


def _product(sizes: Iterable[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _behind(x: Tensor, *axes: int) -> list[int]:
    """Axes counted from the first; refused if the batch is among them."""
    counted = [axis % x.ndim for axis in axes]
    if 0 in counted:
        raise invalid("dim", f"{axes}, the batch among them", "axes behind the batch")
    return counted


def _permute(x: Tensor, *axes: Any) -> Tensor:
    order: Any = axes[0] if isinstance(axes[0], tuple | list) else axes
    if order[0] != 0:
        raise invalid("permute", f"{tuple(order)}", "the batch first")
    return layers.Permute(tuple(_behind(x, *order[1:])))(x)


def _transpose(x: Tensor, one: int, other: int) -> Tensor:
    one, other = _behind(x, one, other)
    axes = list(range(x.ndim))
    axes[one], axes[other] = other, one
    return layers.Permute(tuple(axes[1:]))(x)


def _unsqueeze(x: Tensor, dim: int) -> Tensor:
    axis = dim % (x.ndim + 1)
    if not axis:
        _behind(x, 0)
    return layers.Reshape((*x.shape[1:axis], 1, *x.shape[axis:]))(x)


def _squeeze(x: Tensor | States, dim: int) -> Tensor | None:
    if isinstance(x, States):
        return x.squeeze(dim)
    (axis,) = _behind(x, dim)
    if x.shape[axis] != 1:
        return x
    return layers.Reshape((*x.shape[1:axis], *x.shape[axis + 1 :]))(x)


# Numbers ------------------------------------------------------------------------------


def _reduced(function: Function) -> Function:
    def call(
        x: Tensor, dim: int | tuple[int, ...] | list[int], keepdim: bool = False
    ) -> Tensor:
        axes = tuple(_behind(x, *(dim if isinstance(dim, tuple | list) else (dim,))))
        settings = {"axis": axes, "keepdims": keepdim}
        return layers.Lambda(function, arguments=settings)(x)

    return call


def _elementwise(function: Function) -> Layer:
    return layers.Lambda(function)


def _binary(function: Function) -> Function:
    def call(x: object, y: object, **settings: Any) -> object:
        if settings.pop("alpha", 1) != 1 or settings:
            raise mistyped(function.__name__, f"{settings or 'alpha'}", "none")
        return function(x, y)

    return call


def _cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    (axis,) = _behind(tensors[0], dim)
    return layers.Concatenate(axis=axis)(list(tensors))


def _item(x: Any, index: object) -> object:
    first = index[0] if isinstance(index, tuple) and index else index
    whole = first is Ellipsis or first == slice(None)
    if not whole and isinstance(x, Tensor):
        raise invalid(
            "an index", f"{index!r}", "all examples of the batch", "write x[:, -1]"
        )
    return x[index]


def _same(x: Same, *_: Any, **__: Any) -> Same:
    return x


CALLS: dict[str, Any] = {
    "abs": abs,
    "add": _binary(operator.add),
    "amax": _reduced(jnp.max),
    "amin": _reduced(jnp.min),
    "cat": _cat,
    "concat": _cat,
    "contiguous": _same,
    "dim": lambda x: x.ndim,
    "div": _binary(operator.truediv),
    "exp": _elementwise(jnp.exp),
    "float": _same,
    "getattr": lambda x, name: _size(x) if name == "shape" else getattr(x, name),
    "getitem": _item,
    "iadd": _binary(operator.add),
    "imul": _binary(operator.mul),
    "log": _elementwise(jnp.log),
    "maximum": lambda x, y: layers.Maximum()([x, y]),
    "mean": _reduced(jnp.mean),
    "minimum": lambda x, y: layers.Minimum()([x, y]),
    "mul": _binary(operator.mul),
    "neg": operator.neg,
    "permute": _permute,
    "pow": _binary(operator.pow),
    "reshape": _reshape,
    "size": _size,
    "sqrt": _elementwise(jnp.sqrt),
    "squeeze": _squeeze,
    "sub": _binary(operator.sub),
    "sum": _reduced(jnp.sum),
    "transpose": _transpose,
    "truediv": _binary(operator.truediv),
    "unsqueeze": _unsqueeze,
    "view": _reshape,
}
"""Functions and methods by their names in torch and in Python's operators."""
