"""What ONNX' operations compute, as functions of arrays.

They run on numpy where all inputs are numpy, so that sizes stay known while a program
is traced, and on jax elsewhere. Written from ONNX' own specification of each.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

__all__ = ["OPERATORS", "SMALL"]

SMALL = 1024
"""The most numbers that are computed at once; more are part of a program."""

LONGEST = 1 << 31
"""The most numbers of a range."""


def _np(*arrays: Any) -> Any:
    """Numpy for numpy's arrays, jax.numpy where there is any of jax."""
    return jnp if any(isinstance(a, jax.Array) for a in arrays) else np


def _numbers(a: Any) -> tuple[int, ...]:
    """Whole numbers out of an array that has to be known."""
    return tuple(int(n) for n in np.asarray(a).reshape(-1))


def _each(name: str) -> Any:
    """A function of numpy, number by number."""

    def operator(*arrays: Any) -> Any:
        return getattr(_np(*arrays), name)(*arrays)

    return operator


def _folded(name: str) -> Any:
    """A function of two, for any number of arrays."""

    def operator(first: Any, *rest: Any) -> Any:
        for other in rest:
            first = getattr(_np(first, other), name)(first, other)
        return first

    return operator


def _on_jax(function: Any) -> Any:
    """A formula of one array and attributes, by jax whatever the array."""

    def operator(x: Any, **attributes: Any) -> Any:
        return function(jnp.asarray(x), **attributes)

    return operator


# Numbers ------------------------------------------------------------------------------


def _cast(x: Any, to: Any) -> Any:
    to = np.dtype(to)
    return x.astype(jax.dtypes.canonicalize_dtype(to) if _np(x) is jnp else to)


def _divide(x: Any, y: Any) -> Any:
    if np.issubdtype(x.dtype, np.integer):
        quotient = _np(x, y).abs(x) // _np(x, y).abs(y)
        return (quotient * _np(x, y).sign(x) * _np(x, y).sign(y)).astype(x.dtype)
    return x / y


def _modulo(x: Any, y: Any, fmod: int = 0) -> Any:
    return _np(x, y).fmod(x, y) if fmod else _np(x, y).mod(x, y)


def _power(x: Any, y: Any) -> Any:
    return _np(x, y).power(x, y).astype(x.dtype)


def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else _np(x, low).maximum(x, low)
    return x if high is None else _np(x, high).minimum(x, high)


def _softmax(x: Any, axis: int = -1) -> Any:
    return jax.nn.softmax(x, axis)


def _prelu(x: Any, slope: Any) -> Any:
    return _np(x, slope).where(x < 0, x * slope, x)


def _gelu(x: Any, approximate: str = "none") -> Any:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


# Shapes -------------------------------------------------------------------------------


def _shape(x: Any, start: int = 0, end: int | None = None) -> Any:
    return np.asarray(np.shape(x)[start:end], "int64")


def _reshape(x: Any, shape: Any, allowzero: int = 0) -> Any:
    sizes = _numbers(shape)
    if not allowzero:
        sizes = [np.shape(x)[i] if n == 0 else n for i, n in enumerate(sizes)]
    return x.reshape(sizes)


def _axes(axes: Any, rank: int) -> tuple[int, ...]:
    return tuple(a % rank for a in _numbers(axes))


def _squeeze(x: Any, axes: Any = None) -> Any:
    return x.squeeze() if axes is None else x.squeeze(_axes(axes, x.ndim))


def _unsqueeze(x: Any, axes: Any) -> Any:
    return _np(x).expand_dims(x, _axes(axes, x.ndim + np.size(axes)))


def _expand(x: Any, shape: Any) -> Any:
    sizes = np.broadcast_shapes(np.shape(x), _numbers(shape))
    return (_np(x) if math.prod(sizes) <= SMALL else jnp).broadcast_to(x, sizes)


def _transpose(x: Any, perm: Any = None) -> Any:
    return x.transpose(*(perm or reversed(range(x.ndim))))


def _flatten(x: Any, axis: int = 1) -> Any:
    lead = math.prod(x.shape[:axis])
    return x.reshape(lead, -1)


def _slice(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
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
    x: Any, pads: Any, value: Any = None, axes: Any = None, mode: str = "constant"
) -> Any:
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
    x: Any, split: Any = None, axis: int = 0, num_outputs: int | None = None
) -> Any:
    if split is None:
        size = -(-x.shape[axis] // (num_outputs or 1))
        ends = range(size, x.shape[axis], size)
    else:
        ends = np.cumsum(_numbers(split))[:-1].tolist()
    return tuple(_np(x).split(x, list(ends), axis))


def _range(start: Any, end: Any, step: Any) -> Any:
    first, last, by = (np.asarray(n).item() for n in (start, end, step))
    count = max(math.ceil((last - first) / by), 0)
    if count > LONGEST:
        raise ValueError(f"a range of {count} numbers")
    whole = np if count <= SMALL else jnp
    return whole.arange(count).astype(np.asarray(start).dtype) * by + first


def _constant_of_shape(shape: Any, value: Any = None) -> Any:
    value = np.zeros(1, "float32") if value is None else value
    sizes = _numbers(shape)
    return (np if math.prod(sizes) <= SMALL else jnp).full(sizes, value.reshape(()))


def _gather(x: Any, at: Any, axis: int = 0) -> Any:
    if _np(x, at) is np:
        return np.take(x, at, axis)
    at = jnp.where(at < 0, at + x.shape[axis], at)
    return jnp.take(x, at, axis, mode="clip")


def _where(which: Any, yes: Any, no: Any) -> Any:
    return _np(which, yes, no).where(which, yes, no)


# Sums and products --------------------------------------------------------------------


def _reduced(name: str) -> Any:
    def operator(
        x: Any, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Any:
        if axes is None and noop_with_empty_axes:
            return x
        along = None if axes is None else _axes(axes, x.ndim)
        return getattr(_np(x), name)(x, along, keepdims=bool(keepdims))

    return operator


def _first(name: str) -> Any:
    def operator(
        x: Any, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Any:
        if select_last_index:
            raise TypeError("the last of several that are equal")
        return getattr(_np(x), name)(x, axis, keepdims=bool(keepdims))

    return operator


def _cumsum(x: Any, axis: Any, exclusive: int = 0, reverse: int = 0) -> Any:
    (along,) = _numbers(axis)
    y = jnp.flip(x, along) if reverse else x
    y = jnp.cumsum(y, along, dtype=x.dtype) - (y if exclusive else 0)
    return jnp.flip(y, along) if reverse else y


def _matmul(x: Any, y: Any) -> Any:
    return x @ y


def _gemm(
    x: Any,
    y: Any,
    z: Any = None,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Any:
    product = (x.T if transA else x) @ (y.T if transB else y)
    product = product if alpha == 1 else alpha * product
    return product if z is None else product + (z if beta == 1 else beta * z)


def _einsum(*arrays: Any, equation: str) -> Any:
    return _np(*arrays).einsum(equation, *arrays)


# Windows ------------------------------------------------------------------------------


def _borders(
    sizes: Any, reach: Any, strides: Any, pads: Any, auto: str
) -> list[tuple[int, int]]:
    """The cells before and after each axis, (axis, 2)."""
    half = len(reach)
    if auto == "VALID" or (auto == "NOTSET" and pads is None):
        return [(0, 0)] * half
    if auto == "NOTSET":
        return [(pads[i], pads[half + i]) for i in range(half)]
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
    x: Any,
    kernel: Any,
    bias: Any = None,
    auto_pad: str = "NOTSET",
    dilations: Any = None,
    group: int = 1,
    kernel_shape: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Any:
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
    x: Any,
    kernel: Any,
    bias: Any = None,
    auto_pad: str = "NOTSET",
    dilations: Any = None,
    group: int = 1,
    kernel_shape: Any = None,
    output_padding: Any = None,
    output_shape: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Any:
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


def _windows(x: Any, combine: Any, start: Any, told: dict[str, Any]) -> Any:
    """(the combined cells of windows, how many of them are the array's own)."""
    kernel = told["kernel_shape"]
    rank = len(kernel)
    strides = told.get("strides") or (1,) * rank
    dilations = told.get("dilations") or (1,) * rank
    if told.get("ceil_mode") or told.get("storage_order"):
        raise TypeError("a pooling with ceil_mode or storage_order")
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    borders = _borders(
        x.shape[2:], reach, strides, told.get("pads"), told.get("auto_pad", "NOTSET")
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


def _max_pool(x: Any, **told: Any) -> Any:
    return _windows(x, lax.max, -np.inf, told)[0]


def _average_pool(x: Any, count_include_pad: int = 0, **told: Any) -> Any:
    y, own = _windows(x, lax.add, 0, told)
    return y / (math.prod(told["kernel_shape"]) if count_include_pad else own)


def _global(name: str) -> Any:
    def operator(x: Any) -> Any:
        return getattr(jnp, name)(x, tuple(range(2, x.ndim)), keepdims=True)

    return operator


# Normalization ------------------------------------------------------------------------


def _batch_normalization(
    x: Any,
    scale: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> Any:
    if training_mode:
        raise TypeError("a BatchNormalization in training_mode")
    a, b, m, v = (
        p.reshape(-1, *(1,) * (x.ndim - 2)) for p in (scale, bias, mean, variance)
    )
    return (x - m) * (a * lax.rsqrt(v + epsilon)) + b


def _layer_normalization(
    x: Any,
    scale: Any,
    bias: Any = None,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Any:
    axes = tuple(range(axis % x.ndim, x.ndim))
    centred = x - jnp.mean(x, axes, keepdims=True)
    variance = jnp.mean(centred * centred, axes, keepdims=True)
    y = centred * lax.rsqrt(variance + epsilon) * scale
    return y if bias is None else y + bias


# Recurrence ---------------------------------------------------------------------------

GATES = {
    "Sigmoid": lambda a, b: jax.nn.sigmoid,
    "Tanh": lambda a, b: jnp.tanh,
    "Relu": lambda a, b: jax.nn.relu,
    "Softsign": lambda a, b: jax.nn.soft_sign,
    "HardSigmoid": lambda a, b: lambda x: jnp.clip(a * x + b, 0.0, 1.0),
}
"""The functions of a recurrence by name, each made with its alpha and beta."""


def _recurrent(kind: str, gates: int, usual: tuple[str, ...]) -> Any:
    """RNN, GRU or LSTM: x as (time, batch, features), weights by direction."""

    def operator(
        x: Any,
        W: Any,
        R: Any,
        B: Any = None,
        lengths: Any = None,
        h: Any = None,
        c: Any = None,
        P: Any = None,
        *,
        activations: Any = None,
        activation_alpha: Any = (),
        activation_beta: Any = (),
        direction: str = "forward",
        hidden_size: int = 0,
        linear_before_reset: int = 0,
        layout: int = 0,
        clip: Any = None,
        input_forget: int = 0,
    ) -> Any:
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


def _rnn(g: Any, R: Any, b: Any, r: Any, _: int) -> Any:
    def step(s: Any, z: Any) -> Any:
        h = g[0](z + b + s[0] @ R + r)
        return (h,), h

    return step


def _gru(g: Any, R: Any, b: Any, r: Any, linear: int) -> Any:
    units = R.shape[0]

    def step(s: Any, x: Any) -> Any:
        (h,) = s
        x = x + b
        q = h @ R[:, : 2 * units] + r[: 2 * units]
        z, reset = jnp.split(g[0](x[:, : 2 * units] + q), 2, -1)
        R_n, r_n = R[:, 2 * units :], r[2 * units :]
        inner = reset * (h @ R_n + r_n) if linear else (reset * h) @ R_n + r_n
        new = (1 - z) * g[1](x[:, 2 * units :] + inner) + z * h
        return (new,), new

    return step


def _lstm(g: Any, R: Any, b: Any, r: Any, _: int) -> Any:
    def step(s: Any, x: Any) -> Any:
        h, c = s
        i, o, f, n = jnp.split(x + b + h @ R + r, 4, -1)
        c = g[0](f) * c + g[0](i) * g[1](n)
        h = g[0](o) * g[2](c)
        return (h, c), h

    return step


STEPS = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}


# The table ----------------------------------------------------------------------------

OPERATORS: dict[str, Any] = {
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
