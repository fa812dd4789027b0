"""Models as modules: one small function a family of layers, in one table."""

import dataclasses
import operator
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import jax.numpy as jnp
import numpy as np

from onefit import activations, layers
from onefit.errors import invalid
from onefit.interop.torch.modules import MODES, Pairs, bordered, repeated, softplus_to
from onefit.interop.torch.recurrent import KINDS, by_gate, tensors_of
from onefit.interop.torch.weights import Way, as_is, moved, put, reshaped, stacked
from onefit.interop.torch.writer import Module, Value, Values, Writer, fill, writes
from onefit.layers.base import Layer, where
from onefit.layers.operation import Absolute, Arithmetic, GetItem
from onefit.models.model import Model
from onefit.registry import nearest, nearest_formula
from onefit.types import Function, Params, Shape

if TYPE_CHECKING:
    from torch import fx, nn

__all__ = ["written"]

Conv: TypeAlias = layers.Conv1D | layers.Conv2D | layers.Conv3D
Transposed: TypeAlias = (
    layers.Conv1DTranspose | layers.Conv2DTranspose | layers.Conv3DTranspose
)
Dropout: TypeAlias = (
    layers.Dropout
    | layers.AlphaDropout
    | layers.SpatialDropout1D
    | layers.SpatialDropout2D
    | layers.SpatialDropout3D
)
Pool: TypeAlias = (
    layers.MaxPooling1D
    | layers.MaxPooling2D
    | layers.MaxPooling3D
    | layers.AveragePooling1D
    | layers.AveragePooling2D
    | layers.AveragePooling3D
)
GlobalPool: TypeAlias = (
    layers.GlobalMaxPooling1D
    | layers.GlobalMaxPooling2D
    | layers.GlobalMaxPooling3D
    | layers.GlobalAveragePooling1D
    | layers.GlobalAveragePooling2D
    | layers.GlobalAveragePooling3D
)
AdaptivePool: TypeAlias = (
    layers.AdaptiveMaxPooling1D
    | layers.AdaptiveMaxPooling2D
    | layers.AdaptiveMaxPooling3D
    | layers.AdaptiveAveragePooling1D
    | layers.AdaptiveAveragePooling2D
    | layers.AdaptiveAveragePooling3D
)
Borders: TypeAlias = (
    layers.ZeroPadding1D
    | layers.ZeroPadding2D
    | layers.ZeroPadding3D
    | layers.Cropping1D
    | layers.Cropping2D
    | layers.Cropping3D
)
UpSampling: TypeAlias = layers.UpSampling1D | layers.UpSampling2D | layers.UpSampling3D


def written(model: Model) -> "nn.Module":
    """The module that computes what a model computes.

    Raises:
        ValueError: A model without weights, or a layer that torch has not (which).
    """
    if not model.layers or not model.built:
        raise invalid(
            "to_torch",
            f"the model {model.name!r}, which has no weights yet",
            "a model that was built",
            "begin it with Input((4,)), or call model.build((None, 4)) or fit",
        )
    return Writer().module(model)


# Layers with a kernel -----------------------------------------------------------------


@writes(layers.Dense)
def dense(w: Writer, layer: layers.Dense, x: Value) -> Value:
    """A Linear."""
    x, shape = w.last(x), layer.output_shape(x.shape)

    def make() -> "nn.Module":
        sizes = layer.weights_in_files()["kernel"].shape
        linear = w.weighted(w.nn.Linear, *sizes, bias=layer.use_bias)
        names = {"weight": ("kernel", moved(1, 0)), "bias": ("bias", as_is)}
        return fill(linear, layer.weights_in_files(), **names)

    return w.ended(layer, w.add(layer, make, x.node), shape, False)


@writes(Conv)
def convolution(w: Writer, layer: Conv, x: Value) -> Value:
    """A Conv, with zeros before it where its own padding cannot say them."""
    shape = layer.output_shape(x.shape)
    reach = [
        d * (k - 1) for d, k in zip(layer.dilation_rate, layer.kernel_size, strict=True)
    ]
    x, first = w.grid(layer, x)
    node, padding = x.node, 0
    if layer.padding == "causal":
        node = w.add(layer, w.nn.ConstantPad1d((reach[0], 0), 0.0), node, "_pad")
    elif layer.padding == "same" and set(layer.strides) == {1}:
        padding = "same"
    elif layer.padding == "same":
        pairs = _around(layer, x.shape, layer.axes(x.shape))
        node = w.add(layer, _pad(w, pairs, 0.0), node, "_pad")

    def make() -> "nn.Module":
        kernel = layer.weights_in_files()["kernel"]
        module = w.weighted(
            getattr(w.nn, f"Conv{layer.rank}d"),
            kernel.shape[-2] * layer.groups,
            layer.filters,
            layer.kernel_size,
            stride=layer.strides,
            padding=padding,
            dilation=layer.dilation_rate,
            groups=layer.groups,
            bias=layer.use_bias,
        )
        return fill(module, layer.weights_in_files(), **_kernel(layer.rank))

    return w.ended(layer, w.add(layer, make, node), shape, first)


def _kernel(rank: int) -> dict[str, tuple[str, Way]]:
    way = moved(*range(2, 2 + rank), 1, 0)
    return {"weight": ("kernel", way), "bias": ("bias", as_is)}


def _around(
    layer: Conv | Pool, shape: Shape, axes: tuple[int, ...]
) -> list[tuple[int, int]]:
    """How many cells padding="same" puts before and after each axis."""
    if isinstance(layer, Pool):
        sizes, rates = layer.pool_size, (1,) * layer.rank
    else:
        sizes, rates = layer.kernel_size, layer.dilation_rate
    pairs = []
    for axis, k, s, d in zip(axes, sizes, layer.strides, rates, strict=True):
        n = shape[axis]
        if n is None:
            raise invalid(
                where(layer),
                f"padding='same' with strides and input of shape {shape}",
                "known sizes",
                "begin the model with Input((28, 28, 1))",
            )
        more = max(s * (-(-n // s) - 1) + d * (k - 1) + 1 - n, 0)
        pairs.append((more // 2, more - more // 2))
    return pairs


def _pad(w: Writer, pairs: Pairs, value: float) -> "nn.Module":
    """A module that pads a grid, or cuts where negative."""
    flat = tuple(int(n) for pair in reversed([*pairs]) for n in pair)
    return getattr(w.nn, f"ConstantPad{len(flat) // 2}d")(flat, value)


@writes(Transposed)
def transposed(w: Writer, layer: Transposed, x: Value) -> Value:
    """A ConvTranspose; what padding="same" leaves out is cut off after it."""
    shape = layer.output_shape(x.shape)
    x, first = w.grid(layer, x)
    more, cuts = [], []
    for along in range(layer.rank):
        reach = layer.reach(along)
        outside = reach - layer.output_size(1, along)  # the same for any length
        before = 0 if layer.padding == "valid" else max(outside // 2, 0)
        more.append(max(-outside, 0))
        cuts.append((-before, -(max(outside, 0) - before)))

    def make() -> "nn.Module":
        kernel = layer.weights_in_files()["kernel"]
        module = w.weighted(
            getattr(w.nn, f"ConvTranspose{layer.rank}d"),
            kernel.shape[-1],
            layer.filters,
            layer.kernel_size,
            stride=layer.strides,
            output_padding=tuple(more),
            dilation=layer.dilation_rate,
            bias=layer.use_bias,
        )
        return fill(module, layer.weights_in_files(), **_kernel(layer.rank))

    node = w.add(layer, make, x.node)
    if any(map(any, cuts)):
        node = w.add(layer, _pad(w, cuts, 0.0), node, "_cut")
    return w.ended(layer, node, shape, first)


@writes(layers.Embedding)
def embedding(w: Writer, layer: layers.Embedding, x: Value) -> Value:
    """An Embedding, on whole numbers."""
    if layer.mask_zero:
        raise invalid(
            where(layer),
            "mask_zero=True",
            "no masks, which torch's modules do not have",
            "write mask_zero=False, or convert the layers one by one",
        )

    def make() -> "nn.Module":
        sizes = layer.weights_in_files()["embeddings"].shape
        module = w.weighted(w.nn.Embedding, *sizes)
        return fill(module, layer.weights_in_files(), weight=("embeddings", as_is))

    node = w.add(layer, make, w.last(x).node)
    return Value(node, layer.output_shape(x.shape))


# Normalization ------------------------------------------------------------------------


def _gains(w: Writer, layer: Layer, module: Module) -> Module:
    """γ and β; one that the layer has not is 1 or 0, and does not train."""
    named = layer.weights_in_files()
    names = {
        "weight": ("gamma", as_is),
        "bias": ("beta", as_is),
        "running_mean": ("moving_mean", as_is),
        "running_var": ("moving_variance", as_is),
    }
    for name, start in (("weight", 1.0), ("bias", 0.0)):
        if getattr(module, name) is not None:
            w.nn.init.constant_(getattr(module, name), start)
    return fill(module, named, **names)


@writes(layers.BatchNormalization)
def batch_norm(w: Writer, layer: layers.BatchNormalization, x: Value) -> Value:
    """A BatchNorm of the input's rank; its momentum is one minus the layer's."""
    axis = layer.axis % len(x.shape)
    if axis != len(x.shape) - 1 and axis != 1:
        raise invalid(
            where(layer),
            f"axis={layer.axis} and input of shape {x.shape}",
            "features along axis 1 or the last",
        )
    if layer.renorm:
        w.warn(layer, "renorm")
    moves = axis == len(x.shape) - 1 and len(x.shape) > 2
    x = w.channels_first(x) if moves else w.last(x)
    rank = max(len(x.shape) - 2, 1)

    def make() -> "nn.Module":
        size = len(layer.slot.state["moving_mean"])
        module = w.weighted(
            getattr(w.nn, f"BatchNorm{rank}d"),
            size,
            eps=float(layer.epsilon),
            momentum=1 - float(layer.momentum),
            affine=layer.center or layer.scale,
        )
        module.num_batches_tracked.zero_()
        return (
            _gains(w, layer, module)
            if module.affine
            else fill(
                module,
                layer.slot.state,
                running_mean=("moving_mean", as_is),
                running_var=("moving_variance", as_is),
            )
        )

    return dataclasses.replace(x, node=w.add(layer, make, x.node))


@writes(layers.LayerNormalization, layers.RMSNormalization)
def layer_norm(
    w: Writer, layer: layers.LayerNormalization | layers.RMSNormalization, x: Value
) -> Value:
    """A LayerNorm, over the last axes."""
    if getattr(layer, "rms_scaling", False):
        fix = "write RMSNormalization() in its place"
        raise invalid(where(layer), "rms_scaling=True", "what torch has", fix)
    x, ndim = w.last(x), len(x.shape)
    axes = layer.axis if isinstance(layer.axis, tuple) else (layer.axis,)
    axes = sorted(a % ndim for a in axes)
    if axes != list(range(ndim - len(axes), ndim)):
        raise invalid(
            where(layer),
            f"axis={layer.axis} and input of shape {x.shape}",
            "the last axes",
        )

    def make() -> "nn.Module":
        sizes = [x.shape[a] for a in axes]
        if isinstance(layer, layers.RMSNormalization):
            module = w.weighted(w.nn.RMSNorm, sizes, eps=float(layer.epsilon))
            return fill(module, layer.slot.params, weight=("scale", as_is))
        module = w.weighted(
            w.nn.LayerNorm,
            sizes,
            eps=float(layer.epsilon),
            elementwise_affine=layer.center or layer.scale,
            bias=layer.center,
        )
        return _gains(w, layer, module) if module.weight is not None else module

    return dataclasses.replace(x, node=w.add(layer, make, x.node))


@writes(layers.GroupNormalization)
def group_norm(w: Writer, layer: layers.GroupNormalization, x: Value) -> Value:
    """A GroupNorm."""
    axis = layer.axis % len(x.shape)
    moves = axis == len(x.shape) - 1
    x = w.channels_first(x) if moves else w.last(x)
    size = x.shape[axis]

    def make() -> "nn.Module":
        module = w.weighted(
            w.nn.GroupNorm,
            size if layer.groups == -1 else layer.groups,
            size,
            eps=float(layer.epsilon),
            affine=layer.center or layer.scale,
        )
        return _gains(w, layer, module) if module.affine else module

    if axis not in (1, len(x.shape) - 1):
        raise invalid(where(layer), f"axis={layer.axis}", "1 or the last")
    return dataclasses.replace(x, node=w.add(layer, make, x.node))


# Activations --------------------------------------------------------------------------


@writes(layers.Activation)
def activation(w: Writer, layer: layers.Activation, x: Value) -> Value:
    """The module of an activation, by its name."""
    return w.activated(layer, layer.activation, x)


def _bordered(nn: ModuleType, widths: Pairs, mode: str, value: float) -> "nn.Module":
    flat = tuple(n for pair in reversed(widths) for n in pair)
    kinds = {mine: theirs for theirs, mine in MODES.items()}
    kind = kinds.get(mode, "constant").replace("reflect", "reflection")
    kind = kind.replace("replicate", "replication").title()
    more = (value,) if kind == "Constant" else ()
    return getattr(nn, f"{kind}Pad{len(widths)}d")(flat, *more)


FUNCTIONS: dict[Function, Function] = {
    activations.celu: lambda nn, alpha: nn.CELU(alpha),
    activations.gelu: lambda nn, approximate: nn.GELU("tanh"),
    activations.glu: lambda nn, axis: nn.GLU(axis),
    activations.hard_shrink: lambda nn, threshold: nn.Hardshrink(threshold),
    activations.log_softmax: lambda nn, axis: nn.LogSoftmax(axis),
    activations.soft_shrink: lambda nn, threshold: nn.Softshrink(threshold),
    activations.threshold: lambda nn, threshold, default_value: nn.Threshold(
        threshold, default_value
    ),
    bordered: _bordered,
    jnp.clip: lambda nn, min, max: nn.Hardtanh(min, max),
    repeated: lambda nn, factors: nn.Upsample(
        scale_factor=tuple(float(f) for f in factors)
    ),
    softplus_to: lambda nn, beta, threshold: nn.Softplus(beta, threshold),
}
"""What `from_torch` makes Lambdas of, and its modules."""


@writes(layers.Lambda)
def function(w: Writer, layer: layers.Lambda, x: Value) -> Value:
    """One of the functions that `from_torch` makes layers of."""
    if layer.function not in FUNCTIONS:
        raise invalid(
            where(layer),
            "a function of your own",
            "layers",
            "convert the parts before and after it, and write it in torch",
        )
    make = FUNCTIONS[layer.function]
    node = w.add(layer, lambda: make(w.nn, **layer.arguments), w.last(x).node)
    return Value(node, layer.output_shape(x.shape))


@writes(layers.InputLayer)
def entrance(w: Writer, layer: layers.InputLayer, x: Value) -> Value:
    """No module: an input passes as it is."""
    return x


@writes(layers.Identity)
def identity(w: Writer, layer: layers.Identity, x: Value) -> Value:
    """An Identity."""
    return dataclasses.replace(x, node=w.add(layer, w.nn.Identity, x.node))


@writes(layers.Softmax)
def softmax(w: Writer, layer: layers.Softmax, x: Value) -> Value:
    """A Softmax along one axis."""
    x = w.last(x)
    if isinstance(layer.axis, tuple):
        raise invalid(
            where(layer),
            f"axis={layer.axis}",
            "one axis",
            "flatten those axes first, by Reshape",
        )
    make = lambda: w.nn.Softmax(layer.axis)  # noqa: E731
    return dataclasses.replace(x, node=w.add(layer, make, x.node))


@writes(layers.ReLU)
def relu(w: Writer, layer: layers.ReLU, x: Value) -> Value:
    """A ReLU or a ReLU6."""
    settings = layer.max_value, layer.negative_slope, layer.threshold
    known = {(None, 0, 0): w.nn.ReLU, (6, 0, 0): w.nn.ReLU6}
    if settings not in known:
        raise invalid(
            where(layer),
            f"max_value, negative_slope, threshold = {settings}",
            "max_value=6 or none, and no other",
            "write LeakyReLU(negative_slope) for a slope",
        )
    return dataclasses.replace(x, node=w.add(layer, known[settings], x.node))


@writes(layers.LeakyReLU)
def leaky_relu(w: Writer, layer: layers.LeakyReLU, x: Value) -> Value:
    """A LeakyReLU."""
    make = lambda: w.nn.LeakyReLU(float(layer.negative_slope))  # noqa: E731
    return dataclasses.replace(x, node=w.add(layer, make, x.node))


@writes(layers.ELU)
def elu(w: Writer, layer: layers.ELU, x: Value) -> Value:
    """An ELU."""
    make = lambda: w.nn.ELU(float(layer.alpha))  # noqa: E731
    return dataclasses.replace(x, node=w.add(layer, make, x.node))


@writes(layers.PReLU)
def prelu(w: Writer, layer: layers.PReLU, x: Value) -> Value:
    """A PReLU with one slope, or one a channel."""
    slopes = layer.slot.params["alpha"]
    sizes = [n for n in slopes.shape if n != 1] or [1]
    by_last = len(sizes) == 1 and slopes.shape[-1] == sizes[0]
    by_first = len(sizes) == 1 and slopes.shape[0] == sizes[0]
    if not (by_last or by_first):
        raise invalid(
            where(layer),
            f"slopes of shape {slopes.shape}",
            "one, or one a channel",
            "write PReLU(shared_axes=[1, 2])",
        )
    if sizes != [1]:
        x = w.channels_first(x) if by_last and slopes.ndim > 1 else w.last(x)

    def make() -> "nn.Module":
        way = reshaped(slopes.shape, (slopes.size,))
        module = w.weighted(w.nn.PReLU, slopes.size)
        return fill(module, layer.slot.params, weight=("alpha", way))

    return dataclasses.replace(x, node=w.add(layer, make, x.node))


# Dropout, shapes ----------------------------------------------------------------------


@writes(Dropout)
def dropout(w: Writer, layer: Dropout, x: Value) -> Value:
    """A Dropout of the same rate."""
    rate = float(layer.rate)
    alpha = isinstance(layer, layers.AlphaDropout)
    name = "AlphaDropout" if alpha else "Dropout"
    if not isinstance(layer, layers.Dropout | layers.AlphaDropout):
        x, _ = w.grid(layer, x)
        name = f"Dropout{layer.rank}d"
    elif layer.noise_shape is not None:
        ones = (None, None, *[1] * (len(x.shape) - 2))
        if layer.noise_shape != ones or len(ones) < 3:
            raise invalid(
                where(layer),
                f"noise_shape={layer.noise_shape}",
                "none, or 1 for all axes behind the channels",
            )
        x = w.last(x)
        whole = f"Dropout{len(ones) - 2}d"
        name = "FeatureAlphaDropout" if alpha else whole
    node = w.add(layer, lambda: getattr(w.nn, name)(rate), x.node)
    return dataclasses.replace(x, node=node)


@writes(layers.GaussianNoise, layers.GaussianDropout, layers.ActivityRegularization)
def only_training(w: Writer, layer: Layer, x: Value) -> Value:
    """No module: the layer does something only while training."""
    w.warn(layer, "it")
    return x


@writes(layers.Flatten)
def flatten(w: Writer, layer: layers.Flatten, x: Value) -> Value:
    """A Flatten, in the order of the model's array."""
    shape, x = layer.output_shape(x.shape), w.last(x)
    node = x.node
    if layer.data_format == "channels_first" and len(x.shape) > 2:
        order = (0, *range(2, len(x.shape)), 1)
        node = w.call("permute", node, order)
    if len(x.shape) == 1:
        return Value(w.call("unsqueeze", node, 1), shape)
    return Value(w.add(layer, w.nn.Flatten, node), shape)


@writes(layers.Reshape, layers.RepeatVector, layers.Permute)
def reshape(
    w: Writer, layer: layers.Reshape | layers.RepeatVector | layers.Permute, x: Value
) -> Value:
    """A reshape, an expand or a permute."""
    shape, x = layer.output_shape(x.shape), w.last(x)
    if isinstance(layer, layers.Permute):
        return Value(w.call("permute", x, (0, *layer.dims)), shape)
    if isinstance(layer, layers.RepeatVector):
        wide = w.call("unsqueeze", x, 1)
        return Value(w.call("expand", wide, -1, layer.n, -1), shape)
    rows = w.call("size", x, 0)
    return Value(w.call("reshape", x, (rows, *layer.target_shape)), shape)


@writes(GetItem, Absolute)
def part(w: Writer, layer: GetItem | Absolute, x: Value) -> Value:
    """A slice; torch has no steps below zero."""
    shape, x = layer.output_shape(x.shape), w.last(x)
    if isinstance(layer, Absolute):
        return Value(w.call("abs", x), shape)
    keys, node = list(layer.index), x.node
    for axis, key in enumerate(keys):
        if isinstance(key, slice) and (key.step or 1) < 0:
            if (key.start, key.stop, key.step) != (None, None, -1) or (
                Ellipsis in keys[:axis] or None in keys[:axis]
            ):
                raise invalid(
                    where(layer), f"the slice {key}", "::-1 for a step below 0"
                )
            node = w.call("flip", node, (axis,))
            keys[axis] = slice(None)
    return Value(w.call(operator.getitem, node, tuple(keys)), shape)


# Grids --------------------------------------------------------------------------------


@writes(Pool)
def pooling(w: Writer, layer: Pool, x: Value) -> Value:
    """A pool; padding="same" of a maximum is −∞, which is never the maximum."""
    shape = layer.output_shape(x.shape)
    kind = "Max" if layer.role == "max pooling" else "Avg"
    pairs = [(0, 0)] * layer.rank
    if layer.padding == "same":
        pairs = _around(layer, x.shape, layer.axes(x.shape))
    x, first = w.grid(layer, x)
    node, more = x.node, {}
    if any(map(any, pairs)):
        if kind == "Max":
            node = w.add(layer, _pad(w, pairs, -float("inf")), node, "_pad")
        elif all(a == b for a, b in pairs):
            around = tuple(a for a, _ in pairs)
            more = {"padding": around, "count_include_pad": False}
        else:
            raise invalid(
                where(layer),
                f"padding='same', {pairs} cells around the input",
                "as many on both sides",
                "write padding='valid'",
            )
    cls = getattr(w.nn, f"{kind}Pool{layer.rank}d")
    make = lambda: cls(layer.pool_size, layer.strides, **more)  # noqa: E731
    return Value(w.add(layer, make, node), shape, first)


@writes(GlobalPool)
def global_pooling(w: Writer, layer: GlobalPool, x: Value) -> Value:
    """A mean or a maximum over the axes of the grid."""
    shape, axes = layer.output_shape(x.shape), layer.axes(x.shape)
    x = w.last(x)
    name = "amax" if layer.role == "max pooling" else "mean"
    return Value(w.call(name, x, axes, layer.keepdims), shape)


@writes(AdaptivePool)
def adaptive_pooling(w: Writer, layer: AdaptivePool, x: Value) -> Value:
    """An adaptive pool."""
    shape = layer.output_shape(x.shape)
    x, first = w.grid(layer, x)
    kind = "Max" if layer.role == "max pooling" else "Avg"
    cls = getattr(w.nn, f"Adaptive{kind}Pool{layer.rank}d")
    size = layer.output_size
    size = size[0] if layer.rank == 1 and isinstance(size, tuple) else size
    node = w.add(layer, lambda: cls(size), x.node)
    return Value(node, shape, first)


@writes(Borders)
def borders(w: Writer, layer: Borders, x: Value) -> Value:
    """A module that adds cells, or cuts them off."""
    shape = layer.output_shape(x.shape)
    x, first = w.grid(layer, x)
    return Value(w.add(layer, _pad(w, layer.borders(), 0.0), x.node), shape, first)


@writes(UpSampling)
def upsampling(w: Writer, layer: UpSampling, x: Value) -> Value:
    """An Upsample, by repeating or bilinear."""
    shape = layer.output_shape(x.shape)
    x, first = w.grid(layer, x)
    mode = getattr(layer, "interpolation", "nearest")
    if mode not in ("nearest", "bilinear"):
        raise invalid(
            where(layer),
            f"interpolation={mode!r}",
            "'nearest' or 'bilinear'",
            "torch's bicubic is another one",
        )
    factors = tuple(float(f) for f in layer.factors())
    make = lambda: w.nn.Upsample(scale_factor=factors, mode=mode)  # noqa: E731
    return Value(w.add(layer, make, x.node), shape, first)


# Several values -----------------------------------------------------------------------

PAIRS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "matmul": operator.matmul,
    "floor_divide": operator.floordiv,
    "mod": operator.mod,
}


@writes(
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Concatenate,
)
def joined(w: Writer, layer: Layer, xs: Sequence[Value]) -> Value:
    """Several values as one."""
    import torch

    shape = layer.output_shape(tuple(x.shape for x in xs))
    if len({len(x.shape) for x in xs}) > 1:
        raise invalid(
            where(layer),
            f"inputs of shapes {[x.shape for x in xs]}",
            "equally many axes, since torch broadcasts from the last one",
            "add axes: Reshape((1, 3))",
        )
    nodes = [w.last(x).node for x in xs]
    if isinstance(layer, layers.Concatenate):
        return Value(w.call(torch.cat, nodes, layer.axis), shape)
    by: dict[type, Any] = {
        layers.Subtract: operator.sub,
        layers.Multiply: operator.mul,
        layers.Maximum: torch.maximum,
        layers.Minimum: torch.minimum,
    }
    join = nearest(by, type(layer)) or operator.add
    total, *rest = nodes
    for node in rest:
        total = w.call(join, total, node)
    if isinstance(layer, layers.Average):
        total = w.call(operator.truediv, total, len(nodes))
    return Value(total, shape)


@writes(layers.Rescaling)
def rescaling(w: Writer, layer: layers.Rescaling, x: Value) -> Value:
    """A product and a sum, with one number each."""
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        raise invalid(
            where(layer),
            "a scale or an offset for each channel",
            "numbers",
            "make it a BatchNormalization, which has numbers a channel",
        )
    scaled = w.call(operator.mul, w.last(x), float(layer.scale))
    return Value(w.call(operator.add, scaled, float(layer.offset)), x.shape)


@writes(Arithmetic)
def arithmetic(w: Writer, layer: Arithmetic, x: Values) -> Value:
    """An operation of two values, or of one and a number."""
    values = (x,) if isinstance(x, Value) else x
    shapes = tuple(v.shape for v in values)
    shape = layer.output_shape(shapes[0] if len(shapes) == 1 else shapes)
    nodes = [w.last(v).node for v in values]
    if len(values) == 1:
        if np.ndim(layer.constant) or layer.operation not in PAIRS:
            raise invalid(
                where(layer),
                f"{layer.operation} of an array",
                "arithmetic with a number",
            )
        nodes.insert(0 if layer.constant_first else 1, layer.constant)
    if layer.operation not in PAIRS:
        raise invalid(where(layer), layer.operation, f"one of {', '.join(PAIRS)}")
    return Value(w.call(PAIRS[layer.operation], *nodes), shape)


# Recurrent layers ---------------------------------------------------------------------


@writes(layers.SimpleRNN, layers.LSTM, layers.GRU, layers.Bidirectional)
def recurrent(w: Writer, layer: Any, x: Any) -> Values:
    """A recurrent module, and what of its outputs the layer gives."""
    both = isinstance(layer, layers.Bidirectional)
    one = layer.layer if both else layer
    kinds = {mine: theirs for theirs, mine in KINDS.items()}
    kind = nearest_formula(kinds, type(one)) or ""
    _refuse_recurrent(layer, one, kind, both, x)
    if getattr(one, "dropout", 0) or getattr(one, "recurrent_dropout", 0):
        w.warn(layer, "the dropout inside it")
    shape, x = layer.output_shape(x.shape), w.last(x)
    flips = one.go_backwards and not both
    node = w.call("flip", x, (1,)) if flips else x.node

    def make() -> "nn.Module":
        more = {"nonlinearity": activations.serialize(one.activation)}
        weights = layer.slot.params
        first = "forward/" if both else ""
        module = w.weighted(
            getattr(w.nn, kind),
            weights[f"{first}kernel"].shape[0],
            one.units,
            bias=one.use_bias,
            batch_first=True,
            bidirectional=both,
            **(more if kind == "RNN" else {}),
        )
        for way in ("forward/", "backward/") if both else ("",):
            own = {
                n.removeprefix(way): a for n, a in weights.items() if n.startswith(way)
            }
            _fill_gates(module, kind, own, way == "backward/")
        return module

    out = w.add(layer, make, node)
    y = w.call(operator.getitem, out, 0)
    if not one.return_sequences:
        y = (
            _ends(w, y, one.units)
            if both
            else w.call(operator.getitem, y, (slice(None), -1))
        )
    if not one.return_state:
        return Value(y, shape)
    last = w.call(operator.getitem, out, 1)
    memories = (
        [w.call(operator.getitem, last, i) for i in (0, 1)]
        if (kind == "LSTM")
        else [last]
    )
    states = [
        w.call(operator.getitem, m, way) for way in range(1 + both) for m in memories
    ]
    return tuple(map(Value, [y, *states], shape))


def _ends(w: Writer, y: "fx.Node", units: int) -> "fx.Node":
    """The last outputs of both directions."""
    import torch

    every = slice(None)
    one = w.call(operator.getitem, y, (every, -1, slice(None, units)))
    other = w.call(operator.getitem, y, (every, 0, slice(units, None)))
    return w.call(torch.cat, [one, other], -1)


def _fill_gates(module: "nn.Module", kind: str, own: Params, backward: bool) -> None:
    for name, paths in tensors_of(0, backward).items():
        if name not in own:
            continue
        array = np.asarray(own[name])
        if name == "bias" and array.ndim == 1:
            array = np.stack([array, np.zeros_like(array)])
        way = by_gate(kind, stacked if name == "bias" else moved(1, 0))
        arrays = way.split(array)
        for path, part_ in zip(paths.split(), arrays, strict=True):
            put(getattr(module, path), part_)


def _sizes(one: Layer) -> tuple[object, ...]:
    """The settings that both directions of a module of torch share."""
    names = ("units", "use_bias", "activation", "recurrent_activation", "reset_after")
    return type(one), *(getattr(one, name, None) for name in names)


def _refuse_recurrent(layer: Any, one: Layer, kind: str, both: bool, x: Values) -> None:
    """Refuses what torch's recurrent modules do not have."""
    activation = activations.serialize(getattr(one, "activation", None))
    gates = getattr(one, "recurrent_activation", activations.sigmoid)
    gates = activations.serialize(gates)
    known = ("tanh", "relu") if kind == "RNN" else ("tanh",)
    wrong = {
        "a cell of your own": not kind,
        "initial states": isinstance(x, tuple),
        "stateful=True": getattr(one, "stateful", False),
        f"activation={activation!r}": activation not in known,
        f"recurrent_activation={gates!r}": gates != "sigmoid",
        "reset_after=False": not getattr(one, "reset_after", True),
        "a backward_layer of other settings": both
        and _sizes(one) != _sizes(layer.backward_layer),
        f"merge_mode={getattr(layer, 'merge_mode', '')!r}": both
        and layer.merge_mode != "concat",
    }
    for received, is_so in wrong.items():
        if is_so:
            raise invalid(
                where(layer),
                received,
                "what torch's RNN, LSTM and GRU have: tanh, sigmoid gates, "
                "the reset gate behind the product, states that start at zero",
                "make the layer with its usual settings",
            )
