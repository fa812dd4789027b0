"""torch's functions and methods in a `forward`, on what stands for arrays.

A function that is a module, too (`F.relu`, `x.softmax(-1)`, `F.max_pool2d`), is taken
as the module. The others are arithmetic, shapes and joins.
"""

import operator
from typing import Any

import jax.numpy as jnp

from onefit import layers
from onefit.errors import invalid, mistyped
from onefit.interop.torch.recurrent import States
from onefit.layers.symbolic import Tensor

__all__ = ["CALLS", "drops", "module_of"]


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


def module_of(name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    """The module that a function is, with these arguments; None if it is none."""
    from torch import nn

    rank = name[-2:] if name[-2:] in ("1d", "2d", "3d") else ""
    if (twin := TWINS.get(name.replace(rank, "#") if rank else name)) is None:
        return None
    told = dict(zip(twin[1], args, strict=False)) | kwargs
    if name == "flatten" and told.setdefault("start_dim", 0) == 0:
        raise invalid(
            name,
            "start_dim=0, which joins the examples of a batch",
            "start_dim=1",
            "write torch.flatten(x, 1)",
        )
    if "dropout" in name:
        told.pop("training", None)
        if not drops(name, args, kwargs):
            return nn.Identity()
    told = {k: v for k, v in told.items() if k not in NEUTRAL and v is not None}
    return getattr(nn, twin[0].replace("#", rank))(**told)


def drops(name: str, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a function is a dropout that is told to drop.

    >>> drops("dropout", (0.5,), {}), drops("alpha_dropout", (0.5,), {})
    (True, False)
    """
    if "dropout" not in name:
        return False
    told = dict(zip(("p", "training"), args, strict=False)) | kwargs
    return bool(told.get("training", "alpha" not in name))  # torch's defaults


# Shapes -------------------------------------------------------------------------------


class _Rows:
    """How many rows a batch has, which is open."""

    def __repr__(self) -> str:
        return "the batch"


ROWS = _Rows()


def _size(x: Any, axis: int | None = None) -> Any:
    sizes = (ROWS, *x.shape[1:])
    return sizes if axis is None else sizes[axis]


def _reshape(x: Any, *shape: Any) -> Any:
    sizes = (
        shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    )
    first, *rest = sizes
    if first == -1 and -1 not in rest and None not in x.shape[1:]:
        first = ROWS if _product(rest) == _product(x.shape[1:]) else first
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


def _product(sizes: Any) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _behind(x: Any, *axes: int) -> list[int]:
    """Axes counted from the first; refused if the batch is among them."""
    found = [axis % x.ndim for axis in axes]
    if 0 in found:
        raise invalid("dim", f"{axes}, the batch among them", "axes behind the batch")
    return found


def _permute(x: Any, *axes: Any) -> Any:
    order: Any = axes[0] if isinstance(axes[0], tuple | list) else axes
    if order[0] != 0:
        raise invalid("permute", f"{tuple(order)}", "the batch first")
    return layers.Permute(tuple(_behind(x, *order[1:])))(x)


def _transpose(x: Any, one: int, other: int) -> Any:
    one, other = _behind(x, one, other)
    axes = list(range(x.ndim))
    axes[one], axes[other] = other, one
    return layers.Permute(tuple(axes[1:]))(x)


def _unsqueeze(x: Any, dim: int) -> Any:
    axis = dim % (x.ndim + 1)
    if not axis:
        _behind(x, 0)
    return layers.Reshape((*x.shape[1:axis], 1, *x.shape[axis:]))(x)


def _squeeze(x: Any, dim: int) -> Any:
    if isinstance(x, States):
        return x.squeeze(dim)
    (axis,) = _behind(x, dim)
    if x.shape[axis] != 1:
        return x
    return layers.Reshape((*x.shape[1:axis], *x.shape[axis + 1 :]))(x)


# Numbers ------------------------------------------------------------------------------


def _reduced(function: Any) -> Any:
    def call(x: Any, dim: Any, keepdim: bool = False) -> Any:
        axes = tuple(_behind(x, *(dim if isinstance(dim, tuple | list) else (dim,))))
        told = {"axis": axes, "keepdims": keepdim}
        return layers.Lambda(function, arguments=told)(x)

    return call


def _elementwise(function: Any) -> Any:
    return layers.Lambda(function)


def _binary(function: Any) -> Any:
    def call(x: Any, y: Any, **settings: Any) -> Any:
        if settings.pop("alpha", 1) != 1 or settings:
            raise mistyped(function.__name__, f"{settings or 'alpha'}", "none")
        return function(x, y)

    return call


def _cat(tensors: Any, dim: int = 0) -> Any:
    (axis,) = _behind(tensors[0], dim)
    return layers.Concatenate(axis=axis)(list(tensors))


def _item(x: Any, index: Any) -> Any:
    symbolic = isinstance(x, Tensor)
    if symbolic:
        first = index[0] if isinstance(index, tuple) else index
        if first is not Ellipsis and first != slice(None):
            raise invalid(
                "an index", f"{index!r}", "all examples of the batch", "write x[:, -1]"
            )
    return x[index]


def _same(x: Any, *_: Any, **__: Any) -> Any:
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
