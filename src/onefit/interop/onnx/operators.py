"""What ONNX' operations compute, as functions of arrays.

They run on numpy where all inputs are numpy, so that sizes stay known while a program
is traced, and on jax elsewhere. Written from ONNX' own specification of each.
"""

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from onefit.types import Array, ArrayLike, Config

__all__ = ["OPERATORS", "SMALL"]

SMALL = 1024
"""The most numbers that are computed at once; more are part of a program."""

LONGEST = 1 << 31
"""The most numbers of a range."""

Operator: TypeAlias = Callable[..., Array | tuple[Array, ...]]
"""An operation as a function: of its inputs, and of its attributes by name."""

Gate: TypeAlias = Callable[[Array], Array]
"""The activation inside a recurrence."""

States: TypeAlias = tuple[Array, ...]
"""What a recurrence carries from step to step."""

Recurrence: TypeAlias = Callable[[States, Array], tuple[States, Array]]
"""One step: from the states and the input to the new states and the output."""


def _np(*arrays: object) -> ModuleType:
    """Numpy for numpy's arrays, jax.numpy where any of them is jax's."""
    return jnp if any(isinstance(a, jax.Array) for a in arrays) else np


def _numbers(a: ArrayLike) -> tuple[int, ...]:
    """Whole numbers out of an array that has to be known."""
    return tuple(int(n) for n in np.asarray(a).reshape(-1))


def _each(name: str) -> Operator:
    """A function of numpy, number by number."""

    def operator(*arrays: Array) -> Array:
        return getattr(_np(*arrays), name)(*arrays)

    return operator


def _folded(name: str) -> Operator:
    """A function of two, for any number of arrays."""

    def operator(first: Array, *rest: Array) -> Array:
        for other in rest:
            first = getattr(_np(first, other), name)(first, other)
        return first

    return operator


def _on_jax(function: Callable[..., Array]) -> Operator:
    """A formula of one array and attributes, by jax whatever the array."""

    def operator(x: Array, **attributes: object) -> Array:
        return function(jnp.asarray(x), **attributes)

    return operator


# Numbers ------------------------------------------------------------------------------


def _cast(x: Array, to: str) -> Array:
    dtype = np.dtype(to)
    return x.astype(jax.dtypes.canonicalize_dtype(dtype) if _np(x) is jnp else dtype)


def _divide(x: Array, y: Array) -> Array:
    if np.issubdtype(x.dtype, np.integer):
        quotient = _np(x, y).abs(x) // _np(x, y).abs(y)
        return (quotient * _np(x, y).sign(x) * _np(x, y).sign(y)).astype(x.dtype)
    return x / y


def _modulo(x: Array, y: Array, fmod: int = 0) -> Array:
    return _np(x, y).fmod(x, y) if fmod else _np(x, y).mod(x, y)


def _power(x: Array, y: Array) -> Array:
    return _np(x, y).power(x, y).astype(x.dtype)


def _clip(x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    x = x if low is None else _np(x, low).maximum(x, low)
    return x if high is None else _np(x, high).minimum(x, high)


def _softmax(x: Array, axis: int = -1) -> Array:
    return jax.nn.softmax(x, axis)


def _prelu(x: Array, slope: Array) -> Array:
    return _np(x, slope).where(x < 0, x * slope, x)


def _gelu(x: Array, approximate: str = "none") -> Array:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


# Shapes -------------------------------------------------------------------------------


def _shape(x: Array, start: int = 0, end: int | None = None) -> np.ndarray:
    return np.asarray(np.shape(x)[start:end], "int64")


def _reshape(x: Array, shape: Array, allowzero: int = 0) -> Array:
    sizes = _numbers(shape)
    if not allowzero:
        sizes = [np.shape(x)[i] if n == 0 else n for i, n in enumerate(sizes)]
    return x.reshape(sizes)


def _axes(axes: ArrayLike, rank: int) -> tuple[int, ...]:
    return tuple(a % rank for a in _numbers(axes))


def _squeeze(x: Array, axes: Array | None = None) -> Array:
    return x.squeeze() if axes is None else x.squeeze(_axes(axes, x.ndim))


def _unsqueeze(x: Array, axes: Array) -> Array:
    return _np(x).expand_dims(x, _axes(axes, x.ndim + np.size(axes)))


def _expand(x: Array, shape: Array) -> Array:
    sizes = np.broadcast_shapes(np.shape(x), _numbers(shape))
    return (_np(x) if math.prod(sizes) <= SMALL else jnp).broadcast_to(x, sizes)


def _transpose(x: Array, perm: Sequence[int] | None = None) -> Array:
    return x.transpose(*(perm or reversed(range(x.ndim))))


def _flatten(x: Array, axis: int = 1) -> Array:
    lead = math.prod(x.shape[:axis])
    return x.reshape(lead, -1)


def _slice(
    x: Array,
    starts: Array,
    ends: Array,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    first = _numbers(starts)
    along = range(len(first)) if axes is None else _axes(axes, x.ndim)
    by = (1,) * len(first) if steps is None else _numbers(steps)
    index = [slice(None)] * x.ndim
    if _np(starts, ends) is jnp:
        raise TypeError("a slice whose place the data choose")
    for axis, start, end, step in zip(along, first, _numbers(ends), by, strict=True):
        # A start or an end before the array is its beginning, going either way.
        size = x.shape[axis]
        start = start + size if start < 0 else start
        end = end + size if end < 0 else end
        start = max(start, 0) if step > 0 else min(start, size - 1)
        index[axis] = slice(start, None if end < 0 else end, step)
    return x[tuple(index)]


def _pad(
    x: Array,
    pads: Array,
    value: Array | None = None,
    axes: Array | None = None,
    mode: str = "constant",
) -> Array:
    numbers = _numbers(pads)
    along = range(x.ndim) if axes is None else _axes(axes, x.ndim)
    half = len(numbers) // 2
    widths = [(0, 0)] * x.ndim
    for axis, low, high in zip(along, numbers[:half], numbers[half:], strict=True):
        widths[axis] = low, high
    if any(n < 0 for pair in widths for n in pair):
        raise TypeError("a negative width of a border")
    if mode != "constant":
        return _np(x).pad(x, widths, mode={"edge": "edge", "reflect": "reflect"}[mode])
    fill = 0 if value is None else value.reshape(())
    return _np(x, value).pad(x, widths, constant_values=fill)


def _split(
    x: Array, split: Array | None = None, axis: int = 0, num_outputs: int | None = None
) -> tuple[Array, ...]:
    if split is None:
        size = -(-x.shape[axis] // (num_outputs or 1))
        ends = range(size, x.shape[axis], size)
    else:
        ends = np.cumsum(_numbers(split))[:-1].tolist()
    return tuple(_np(x).split(x, list(ends), axis))


def _range(start: Array, end: Array, step: Array) -> Array:
    first, last, by = (np.asarray(n).item() for n in (start, end, step))
    count = max(math.ceil((last - first) / by), 0)
    if count > LONGEST:
        raise ValueError(f"a range of {count} numbers")
    whole = np if count <= SMALL else jnp
    return whole.arange(count).astype(np.asarray(start).dtype) * by + first


def _constant_of_shape(shape: Array, value: Array | None = None) -> Array:
    value = np.zeros(1, "float32") if value is None else value
    sizes = _numbers(shape)
    return (np if math.prod(sizes) <= SMALL else jnp).full(sizes, value.reshape(()))


def _gather(x: Array, at: Array, axis: int = 0) -> Array:
    if _np(x, at) is np:
        return np.take(x, at, axis)
    at = jnp.where(at < 0, at + x.shape[axis], at)
    return jnp.take(x, at, axis, mode="clip")


def _where(which: Array, yes: Array, no: Array) -> Array:
    return _np(which, yes, no).where(which, yes, no)


# Sums and products --------------------------------------------------------------------


def _reduced(name: str) -> Operator:
    def operator(
        x: Array,
        axes: Array | None = None,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Array:
        if axes is None and noop_with_empty_axes:
            return x
        along = None if axes is None else _axes(axes, x.ndim)
        return getattr(_np(x), name)(x, along, keepdims=bool(keepdims))

    return operator


def _first(name: str) -> Operator:
    def operator(
        x: Array, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Array:
        if select_last_index:
            raise TypeError("the last of several that are equal")
        return getattr(_np(x), name)(x, axis, keepdims=bool(keepdims))

    return operator


def _cumsum(x: Array, axis: Array, exclusive: int = 0, reverse: int = 0) -> Array:
    (along,) = _numbers(axis)
    y = jnp.flip(x, along) if reverse else x
    y = jnp.cumsum(y, along, dtype=x.dtype) - (y if exclusive else 0)
    return jnp.flip(y, along) if reverse else y


def _matmul(x: Array, y: Array) -> Array:
    return x @ y


def _gemm(
    x: Array,
    y: Array,
    z: Array | None = None,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Array:
    product = (x.T if transA else x) @ (y.T if transB else y)
    product = product if alpha == 1 else alpha * product
    return product if z is None else product + (z if beta == 1 else beta * z)


def _einsum(*arrays: Array, equation: str) -> Array:
    return _np(*arrays).einsum(equation, *arrays)


# Windows ------------------------------------------------------------------------------


def _borders(
    sizes: Sequence[int],
    reach: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int] | None,
    auto: str,
) -> list[tuple[int, int]]:
    """The cells before and after each axis, (axis, 2)."""
    half = len(reach)
    if auto == "NOTSET" and pads is not None:
        return [(pads[i], pads[half + i]) for i in range(half)]
    if auto in ("NOTSET", "VALID"):
        return [(0, 0)] * half
    missing = [
        max((-(-n // s) - 1) * s + k - n, 0)
        for n, k, s in zip(sizes, reach, strides, strict=True)
    ]
    upper = auto == "SAME_UPPER"
    return [(m // 2, m - m // 2) if upper else (m - m // 2, m // 2) for m in missing]


def _layout(rank: int) -> tuple[str, str, str]:
    cells = "DHW"[3 - rank :]
    return f"NC{cells}", f"OI{cells}", f"NC{cells}"


def _conv(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Array:
    rank = x.ndim - 2
    strides, dilations = strides or (1,) * rank, dilations or (1,) * rank
    sizes = kernel.shape[2:]
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, sizes, strict=True)]
    z = lax.conv_general_dilated(
        jnp.asarray(x),
        jnp.asarray(kernel),
        strides,
        _borders(x.shape[2:], reach, strides, pads, auto_pad),
        rhs_dilation=dilations,
        feature_group_count=group,
        dimension_numbers=_layout(rank),
    )
    return z if bias is None else z + bias.reshape(-1, *(1,) * rank)


def _conv_transpose(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    output_padding: Sequence[int] | None = None,
    output_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Array:
    rank = x.ndim - 2
    if group != 1 or output_shape is not None or auto_pad != "NOTSET":
        raise TypeError("a ConvTranspose with group, output_shape or auto_pad")
    strides, dilations = strides or (1,) * rank, dilations or (1,) * rank
    pads, more = pads or (0,) * 2 * rank, output_padding or (0,) * rank
    reach = [d * (k - 1) for d, k in zip(dilations, kernel.shape[2:], strict=True)]
    borders = [(r - pads[i], r - pads[rank + i] + more[i]) for i, r in enumerate(reach)]
    turned = jnp.flip(kernel, range(2, rank + 2)).swapaxes(0, 1)
    z = lax.conv_general_dilated(
        jnp.asarray(x),
        turned,
        (1,) * rank,
        borders,
        lhs_dilation=strides,
        rhs_dilation=dilations,
        dimension_numbers=_layout(rank),
    )
    return z if bias is None else z + bias.reshape(-1, *(1,) * rank)


def _windows(
    x: Array, combine: Callable[[Array, Array], Array], start: float, settings: Config
) -> tuple[Array, Array]:
    """(the combined cells of windows, how many of them are the array's own)."""
    kernel = settings["kernel_shape"]
    rank = len(kernel)
    strides = settings.get("strides") or (1,) * rank
    dilations = settings.get("dilations") or (1,) * rank
    if settings.get("ceil_mode") or settings.get("storage_order"):
        raise TypeError("a pooling with ceil_mode or storage_order")
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    borders = _borders(
        x.shape[2:],
        reach,
        strides,
        settings.get("pads"),
        settings.get("auto_pad", "NOTSET"),
    )
    along: dict[str, Any] = {
        "window_dimensions": (1, 1, *kernel),
        "window_strides": (1, 1, *strides),
        "window_dilation": (1, 1, *dilations),
        "padding": [(0, 0), (0, 0), *borders],
    }
    y = lax.reduce_window(jnp.asarray(x), np.asarray(start, x.dtype), combine, **along)
    own = jnp.ones((1, 1, *x.shape[2:]), x.dtype)
    return y, lax.reduce_window(own, np.zeros((), x.dtype), lax.add, **along)


def _max_pool(x: Array, **settings: Any) -> Array:
    return _windows(x, lax.max, -np.inf, settings)[0]


def _average_pool(x: Array, count_include_pad: int = 0, **settings: Any) -> Array:
    y, own = _windows(x, lax.add, 0, settings)
    return y / (math.prod(settings["kernel_shape"]) if count_include_pad else own)


def _global(name: str) -> Operator:
    def operator(x: Array) -> Array:
        return getattr(jnp, name)(x, tuple(range(2, x.ndim)), keepdims=True)

    return operator


# Normalization ------------------------------------------------------------------------


def _batch_normalization(
    x: Array,
    scale: Array,
    bias: Array,
    mean: Array,
    variance: Array,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> Array:
    if training_mode:
        raise TypeError("a BatchNormalization in training_mode")
    a, b, m, v = (
        p.reshape(-1, *(1,) * (x.ndim - 2)) for p in (scale, bias, mean, variance)
    )
    return (x - m) * (a * lax.rsqrt(v + epsilon)) + b


def _layer_normalization(
    x: Array,
    scale: Array,
    bias: Array | None = None,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Array:
    axes = tuple(range(axis % x.ndim, x.ndim))
    centred = x - jnp.mean(x, axes, keepdims=True)
    variance = jnp.mean(centred * centred, axes, keepdims=True)
    y = centred * lax.rsqrt(variance + epsilon) * scale
    return y if bias is None else y + bias


# Recurrence ---------------------------------------------------------------------------

GATES: dict[str, Callable[[float, float], Gate]] = {
    "Sigmoid": lambda a, b: jax.nn.sigmoid,
    "Tanh": lambda a, b: jnp.tanh,
    "Relu": lambda a, b: jax.nn.relu,
    "Softsign": lambda a, b: jax.nn.soft_sign,
    "HardSigmoid": lambda a, b: lambda x: jnp.clip(a * x + b, 0.0, 1.0),
}
"""The functions of a recurrence by name, each made with its alpha and beta."""


def _recurrent(kind: str, gates: int, usual: tuple[str, ...]) -> Operator:
    """RNN, GRU or LSTM: x as (time, batch, features), weights by direction."""

    def operator(
        x: Array,
        W: Array,
        R: Array,
        B: Array | None = None,
        lengths: Array | None = None,
        h: Array | None = None,
        c: Array | None = None,
        P: Array | None = None,
        *,
        activations: Sequence[str] | None = None,
        activation_alpha: Sequence[float] = (),
        activation_beta: Sequence[float] = (),
        direction: str = "forward",
        hidden_size: int = 0,
        linear_before_reset: int = 0,
        layout: int = 0,
        clip: float | None = None,
        input_forget: int = 0,
    ) -> States:
        left = lengths, P, clip, layout or None, input_forget or None
        if any(given is not None for given in left):
            raise TypeError(f"lengths, peepholes, clip or layout of {kind}")
        count, units = R.shape[0], R.shape[-1]
        names = activations or usual * count
        alphas, betas = list(activation_alpha), list(activation_beta)
        functions = []
        for name in names:
            parametric = name == "HardSigmoid"
            a = alphas.pop(0) if parametric and alphas else 0.2
            b = betas.pop(0) if parametric and betas else 0.5
            functions.append(GATES[name](a, b))
        zeros = jnp.zeros((count, x.shape[1], units), x.dtype)
        h, c = (zeros if s is None else s for s in (h, c))
        B = jnp.zeros((count, 2 * gates * units), x.dtype) if B is None else B
        ends = []
        for d in range(count):
            g = functions[d * len(usual) :][: len(usual)]
            backwards = direction == "reverse" or d == 1
            step = STEPS[kind](g, R[d].T, *np.split(B[d], 2), linear_before_reset)
            first = (h[d], c[d]) if kind == "LSTM" else (h[d],)
            z = x @ W[d].T
            ends.append(lax.scan(step, first, z, reverse=backwards))
        y = jnp.stack([ys for _, ys in ends], 1)
        return (y, *(jnp.stack(s) for s in zip(*(s for s, _ in ends), strict=True)))

    return operator


def _rnn(g: Sequence[Gate], R: Array, b: Array, r: Array, _: int) -> Recurrence:
    def step(s: States, z: Array) -> tuple[States, Array]:
        h = g[0](z + b + s[0] @ R + r)
        return (h,), h

    return step


def _gru(g: Sequence[Gate], R: Array, b: Array, r: Array, linear: int) -> Recurrence:
    units = R.shape[0]

    def step(s: States, x: Array) -> tuple[States, Array]:
        (h,) = s
        x = x + b
        q = h @ R[:, : 2 * units] + r[: 2 * units]
        z, reset = jnp.split(g[0](x[:, : 2 * units] + q), 2, -1)
        R_n, r_n = R[:, 2 * units :], r[2 * units :]
        inner = reset * (h @ R_n + r_n) if linear else (reset * h) @ R_n + r_n
        new = (1 - z) * g[1](x[:, 2 * units :] + inner) + z * h
        return (new,), new

    return step


def _lstm(g: Sequence[Gate], R: Array, b: Array, r: Array, _: int) -> Recurrence:
    def step(s: States, x: Array) -> tuple[States, Array]:
        h, c = s
        i, o, f, n = jnp.split(x + b + h @ R + r, 4, -1)
        c = g[0](f) * c + g[0](i) * g[1](n)
        h = g[0](o) * g[2](c)
        return (h, c), h

    return step


STEPS = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}


# The table ----------------------------------------------------------------------------

OPERATORS: dict[str, Operator] = {
    "Abs": _each("abs"),
    "Acos": _each("arccos"),
    "Add": _each("add"),
    "And": _each("logical_and"),
    "ArgMax": _first("argmax"),
    "ArgMin": _first("argmin"),
    "Asin": _each("arcsin"),
    "Atan": _each("arctan"),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Ceil": _each("ceil"),
    "Celu": _on_jax(lambda x, alpha=1.0: jax.nn.celu(x, alpha)),
    "Clip": _clip,
    "Concat": lambda *xs, axis: _np(*xs).concatenate(xs, axis),
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Cos": _each("cos"),
    "Cosh": _each("cosh"),
    "CumSum": _cumsum,
    "Div": _divide,
    "Dropout": lambda x, *_: x,
    "Einsum": _einsum,
    "Elu": _on_jax(lambda x, alpha=1.0: jax.nn.elu(x, alpha)),
    "Equal": _each("equal"),
    "Erf": _on_jax(lax.erf),
    "Exp": _each("exp"),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _each("floor"),
    "GRU": _recurrent("GRU", 3, ("Sigmoid", "Tanh")),
    "Gather": _gather,
    "Gelu": _on_jax(_gelu),
    "Gemm": _gemm,
    "GlobalAveragePool": _global("mean"),
    "GlobalMaxPool": _global("max"),
    "Greater": _each("greater"),
    "GreaterOrEqual": _each("greater_equal"),
    "HardSigmoid": _on_jax(
        lambda x, alpha=0.2, beta=0.5: jnp.clip(alpha * x + beta, 0.0, 1.0)
    ),
    "HardSwish": _on_jax(lambda x: x * jnp.clip(x / 6 + 0.5, 0.0, 1.0)),
    "Identity": lambda x: x,
    "LSTM": _recurrent("LSTM", 4, ("Sigmoid", "Tanh", "Tanh")),
    "LayerNormalization": _layer_normalization,
    "LeakyRelu": _on_jax(lambda x, alpha=0.01: jax.nn.leaky_relu(x, alpha)),
    "Less": _each("less"),
    "LessOrEqual": _each("less_equal"),
    "Log": _each("log"),
    "LogSoftmax": _on_jax(lambda x, axis=-1: jax.nn.log_softmax(x, axis)),
    "MatMul": _matmul,
    "Max": _folded("maximum"),
    "MaxPool": _max_pool,
    "Min": _folded("minimum"),
    "Mish": _on_jax(jax.nn.mish),
    "Mod": _modulo,
    "Mul": _each("multiply"),
    "Neg": _each("negative"),
    "Not": _each("logical_not"),
    "Or": _each("logical_or"),
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": _power,
    "RNN": _recurrent("RNN", 1, ("Tanh",)),
    "Range": _range,
    "Reciprocal": lambda x: 1 / x,
    "ReduceMax": _reduced("max"),
    "ReduceMean": _reduced("mean"),
    "ReduceMin": _reduced("min"),
    "ReduceProd": _reduced("prod"),
    "ReduceSum": _reduced("sum"),
    "Relu": _on_jax(jax.nn.relu),
    "Reshape": _reshape,
    "Round": _each("round"),
    "Selu": _on_jax(
        lambda x, alpha=1.6732632, gamma=1.0507009: gamma * jax.nn.elu(x, alpha)
    ),
    "Shape": _shape,
    "Sigmoid": _on_jax(jax.nn.sigmoid),
    "Sign": _each("sign"),
    "Sin": _each("sin"),
    "Sinh": _each("sinh"),
    "Slice": _slice,
    "Softmax": _on_jax(_softmax),
    "Softplus": _on_jax(jax.nn.softplus),
    "Softsign": _on_jax(jax.nn.soft_sign),
    "Split": _split,
    "Sqrt": _each("sqrt"),
    "Squeeze": _squeeze,
    "Sub": _each("subtract"),
    "Sum": _folded("add"),
    "Tan": _each("tan"),
    "Tanh": _each("tanh"),
    "Tile": lambda x, repeats: jnp.tile(x, _numbers(repeats)),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
    "Xor": _each("logical_xor"),
}
"""A function for each operation, of its inputs (None left out) and its attributes."""
