"""The operations of JAX' programs as operations of ONNX, one small function each."""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from onefit.interop.onnx.builder import Body
from onefit.interop.onnx.tracing import (
    PRIMITIVES,
    Conversion,
    Lazy,
    Operand,
    Program,
    Size,
    Sizes,
    Step,
    full,
)
from onefit.types import Config

__all__ = ["END"]

END = np.iinfo(np.int64).max
"""The end of an axis, however long it is."""


# Number by number ---------------------------------------------------------------------


def _broadcast(shapes: list[Sizes]) -> Sizes:
    rank = max(len(s) for s in shapes)
    rows = [(1,) * (rank - len(s)) + s for s in shapes]
    return tuple(
        next((n for n in sizes if n != 1), 1) for sizes in zip(*rows, strict=True)
    )


def _each(formula: str | Callable[..., str]) -> Callable[[Step], Lazy]:
    """An operation of each number: by name, or by a formula of names."""

    def convert(s: Step) -> Lazy:
        names = [x.name for x in s.inputs]
        made = (
            s.b.op(formula, *names) if isinstance(formula, str) else formula(s, *names)
        )
        return Lazy(made, _broadcast([x.actual for x in s.inputs]))

    return convert


def _number(s: Step, value: float) -> str:
    """A constant of the type of the first input."""
    return s.b.constant(value, s.inputs[0].dtype)


def _logical(kind: str) -> Conversion:
    def formula(s: Step, *names: str) -> str:
        if s.inputs[0].dtype != bool:
            raise s.refuse("of whole numbers, bit by bit")
        return s.b.op(kind, *names)

    return _each(formula)


def _cast(s: Step) -> Lazy:
    (x,) = s.inputs
    wanted = np.dtype(s.params["new_dtype"])
    same = wanted == x.dtype
    return Lazy(x.name if same else s.b.op("Cast", x.name, to=wanted.name), x.actual)


def _select(s: Step, which: str, no: str, yes: str) -> str:
    if s.inputs[0].dtype != bool:
        raise s.refuse("of more than two cases")
    return s.b.op("Where", which, yes, no)


def _clamp(s: Step, low: str, x: str, high: str) -> str:
    return s.b.op("Min", s.b.op("Max", x, low), high)


def _quotient(s: Step) -> Lazy | str:
    """X / y; e^(z − m) / Σ e^(z − m) is Softmax, which runtimes know by name."""
    lazy = _each("Div")
    if s.inputs[0].actual != s.shape:
        return lazy(s)
    maker = s.b.maker
    exp, spread = maker(s.inputs[0].name), maker(s.inputs[1].name)
    total = spread and spread.kind == "Unsqueeze" and maker(spread.inputs[0])
    shifted = exp and exp.kind == "Exp" and maker(exp.inputs[0])
    if not (total and shifted and (total.kind, shifted.kind) == ("ReduceSum", "Sub")):
        return lazy(s)
    middle = maker(shifted.inputs[1])  # m, which has no size along the axis
    axes = {n.inputs[1] for n in (total, spread, middle) if n and len(n.inputs) > 1}
    same = len(axes) == 1 and middle and middle.kind == "Unsqueeze"
    axis = s.b.array(axes.pop()) if same else None
    if axis is None or len(axis) != 1 or total.inputs[0] != s.inputs[0].name:
        return lazy(s)
    return s.b.op("Softmax", shifted.inputs[0], axis=int(axis[0]))


def _not_equal(s: Step, x: str, y: str) -> str:
    return s.b.op("Not", s.b.op("Equal", x, y))


def _same(s: Step) -> list[Operand]:
    return [
        x._replace(shape=shape) for x, shape in zip(s.inputs, s.shapes, strict=True)
    ]


def _remainder(s: Step, x: str, y: str) -> str:
    return s.b.op("Mod", x, y, fmod=1)


def _rounded(s: Step, x: str) -> str:
    if int(s.params["rounding_method"]) != 1:
        raise s.refuse("of halves away from zero", "write jnp.round")
    return s.b.op("Round", x)


# Shapes -------------------------------------------------------------------------------


def _broadcast_in_dim(s: Step) -> Lazy:
    x, axes = s.inputs[0], s.params["broadcast_dimensions"]
    shape = s.params["shape"]
    if len(x.actual) < len(x.shape):  # it was left shorter: its axes are counted anew
        axes = axes[len(x.shape) - len(x.actual) :]
    rank = len(shape)
    if tuple(axes) == tuple(range(rank - len(axes), rank)):
        return Lazy(x.name, x.actual)
    new = [axis for axis in range(axes[0], rank) if axis not in axes]
    actual = [1] * (rank - axes[0])
    for axis, size in zip(axes, x.actual, strict=True):
        actual[axis - axes[0]] = size
    shifted = s.b.whole(*(axis - axes[0] for axis in new))
    return Lazy(s.b.op("Unsqueeze", x.name, shifted), tuple(actual))


def _reshape(s: Step) -> str:
    return reshaped(s, s.full(), s.inputs[0].shape, s.shape)


def reshaped(
    s: Step, x: str, shape: Sequence[int | Size], new: Sequence[int | Size]
) -> str:
    """A value in another shape; one open size is what is left of the others."""
    if tuple(shape) == tuple(new):
        return x
    opens = [i for i, n in enumerate(new) if isinstance(n, Size)]
    if len(opens) == 1 and 0 not in new:
        sizes = s.b.whole(*(-1 if isinstance(n, Size) else n for n in new))
    elif all(i < len(shape) and shape[i] == new[i] for i in opens) and 0 not in new:
        sizes = s.b.whole(*(0 if isinstance(n, Size) else n for n in new))
    else:
        sizes = s.sizes(new)
    return s.b.op("Reshape", x, sizes)


def _squeeze(s: Step) -> str:
    return s.b.op("Squeeze", s.full(), s.b.whole(*s.params["dimensions"]))


def _expand_dims(s: Step) -> str:
    return s.b.op("Unsqueeze", s.full(), s.b.whole(*s.params["dimensions"]))


def _transpose(s: Step) -> str:
    return s.b.transpose(s.full(), s.params["permutation"])


def _reverse(s: Step) -> str:
    axes = s.params["dimensions"]
    minus, ends = [-1] * len(axes), [-END] * len(axes)
    return _sliced(s, s.full(), minus, ends, axes, minus)


def _sliced(
    s: Step,
    x: str,
    starts: Sequence[int | Size],
    ends: Sequence[int | Size],
    axes: Sequence[int],
    steps: Sequence[int] | None = None,
) -> str:
    more = [s.b.whole(*steps)] if steps and any(n != 1 for n in steps) else []
    return s.b.op("Slice", x, s.sizes(starts), s.sizes(ends), s.b.whole(*axes), *more)


def _slice(s: Step) -> str:
    shape = s.inputs[0].shape
    starts, ends = s.params["start_indices"], s.params["limit_indices"]
    steps = s.params["strides"] or (1,) * len(shape)
    cut = [
        (a, start, END if end == n else end, step)
        for a, (start, end, step, n) in enumerate(
            zip(starts, ends, steps, shape, strict=True)
        )
        if (start, end, step) != (0, n, 1)
    ]
    if not cut:
        return s.full()
    axes, starts, ends, steps = zip(*cut, strict=True)
    return _sliced(s, s.full(), starts, ends, axes, steps)


def _dynamic_slice(s: Step) -> str:
    x, *at = s.inputs
    name, b = s.full(), s.b
    pairs = zip(at, x.shape, s.params["slice_sizes"], strict=True)
    for axis, (start, size, wanted) in enumerate(pairs):
        if size == wanted:
            continue
        if isinstance(wanted, Size):
            raise s.refuse("of an open size")
        last = b.op("Sub", s.sizes([size]), b.whole(wanted))
        first = b.op("Cast", start.name, to="int64")
        first = b.op("Min", b.op("Max", first, b.whole(0)), last)  # as lax clamps it
        index = b.op("Add", first, b.whole(*range(wanted)))
        name = b.op("Gather", name, index, axis=axis)
    return name


def _fixed(s: Step, *names: str) -> None:
    """Refuses settings that are other numbers for other sizes."""

    def opened(value: object) -> bool:
        if isinstance(value, tuple) and not isinstance(value, Size):
            return any(map(opened, value))
        return isinstance(value, Size)

    for name in names:
        if opened(s.params[name]):
            raise s.walk.known(
                f"{s.primitive} whose {name} follows the length of an open axis"
            )


def _pad(s: Step) -> str:
    _fixed(s, "padding_config")
    x, widths, shape = s.full(), s.params["padding_config"], list(s.inputs[0].shape)
    for axis, (_, _, between) in enumerate(widths):
        if between:
            x = spread(s, x, shape, axis, between + 1, s.inputs[1].name)
    cut = [
        (a, max(-low, 0), high if high < 0 else END)
        for a, (low, high, _) in enumerate(widths)
        if min(low, high) < 0
    ]
    if cut:
        axes, starts, ends = zip(*cut, strict=True)
        x = _sliced(s, x, starts, ends, axes)
    more = [max(w[side], 0) for side in (0, 1) for w in widths]
    return s.b.op("Pad", x, s.b.whole(*more), s.inputs[1].name) if any(more) else x


def spread(
    s: Step, x: str, shape: list[int | Size], axis: int, step: int, fill: str
) -> str:
    """The value with `step - 1` cells between those along an axis; shape follows."""
    size, before, after = shape[axis], shape[:axis], shape[axis + 1 :]
    if isinstance(size, Size):
        raise s.walk.known(
            f"{s.primitive} with cells between those of an axis of open size"
        )
    x = s.b.op("Unsqueeze", x, s.b.whole(axis + 1))
    rank = len(shape) + 1
    more = [0] * (2 * rank)
    more[rank + axis + 1] = step - 1
    x = s.b.op("Pad", x, s.b.whole(*more), fill)
    shape[axis] = size * step
    x = reshaped(s, x, [*before, size, step, *after], shape)
    shape[axis] = (size - 1) * step + 1
    return _sliced(s, x, [0], [1 - step], [axis]) if step > 1 else x


def _concatenate(s: Step) -> str:
    names = [s.full(i) for i in range(len(s.inputs))]
    return s.b.op("Concat", *names, axis=s.params["dimension"])


def _stack(s: Step) -> str:
    at = s.b.whole(s.params["axis"])
    names = [s.b.op("Unsqueeze", s.full(i), at) for i in range(len(s.inputs))]
    return s.b.op("Concat", *names, axis=s.params["axis"])


def _split(s: Step) -> list[str]:
    sizes = s.params["sizes"]
    if len(sizes) == 1:
        return [s.full()]
    axis = s.params["axis"]
    return s.b.ops("Split", len(sizes), s.full(), s.sizes(sizes), axis=axis)


def _tile(s: Step) -> str:
    return s.b.op("Tile", s.full(), s.sizes(s.params["reps"]))


def _iota(s: Step) -> Lazy:
    axis, dtype, b = s.params["dimension"], s.dtypes[0], s.b
    size = s.shape[axis]
    if isinstance(size, Size):
        flat = b.op("Squeeze", s.sizes([size]), b.whole(0))
        zero, one = b.constant(0, "int64"), b.constant(1, "int64")
        x = b.op("Cast", b.op("Range", zero, flat, one), to=np.dtype(dtype).name)
    else:
        x = b.constant(np.arange(size, dtype=dtype))
    behind = len(s.shape) - 1 - axis
    if behind:
        x = b.op("Unsqueeze", x, b.whole(*range(1, behind + 1)))
    return Lazy(x, (size, *(1,) * behind))


# Sums, products -----------------------------------------------------------------------


def _reduce(kind: str) -> Conversion:
    def convert(s: Step) -> str:
        axes = s.b.whole(*s.params["axes"])
        if s.inputs[0].dtype != bool:
            return s.b.op(kind, s.full(), axes, keepdims=0)
        numbers = s.b.op("Cast", s.full(), to="int32")
        return s.b.op("Cast", s.b.op(kind, numbers, axes, keepdims=0), to="bool")

    return convert


def _first(kind: str) -> Conversion:
    def convert(s: Step) -> str:
        (axis,) = s.params["axes"]
        index = s.b.op(kind, s.full(), axis=axis, keepdims=0)
        return s.b.op("Cast", index, to=np.dtype(s.dtypes[0]).name)

    return convert


def _cumulated(s: Step) -> str:
    axis = s.b.constant(s.params["axis"], "int64")
    return s.b.op("CumSum", s.full(), axis, reverse=int(s.params["reverse"]))


def _product(s: Step) -> str:
    (of_x, of_y), (rows_x, rows_y) = s.params["dimension_numbers"]
    x, y = s.inputs
    rank = len(x.shape)
    lead = tuple(range(len(rows_x)))
    stacked = rows_x == rows_y == lead and len(lead) in (rank - 2, 0)
    if len(y.shape) == len(lead) + 2 and stacked and rank >= len(lead) + 2:
        (inner,) = of_x if len(of_x) == 1 else (None,)
        if inner == rank - 1 and of_y == (len(lead),):
            return s.b.op("MatMul", s.full(0), s.full(1))
        if inner == rank - 1 and of_y == (len(lead) + 1,):
            order = (*lead, len(lead) + 1, len(lead))
            return s.b.op("MatMul", s.full(0), s.b.transpose(s.full(1), order))
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    xs = [next(letters) for _ in x.shape]
    ys = [next(letters) for _ in y.shape]
    for i, j in itertools.chain(
        zip(of_x, of_y, strict=True), zip(rows_x, rows_y, strict=True)
    ):
        ys[j] = xs[i]
    rows = [xs[i] for i in rows_x]
    rest = [
        c
        for cs, gone in ((xs, (*of_x, *rows_x)), (ys, (*of_y, *rows_y)))
        for i, c in enumerate(cs)
        if i not in gone
    ]
    equation = f"{''.join(xs)},{''.join(ys)}->{''.join(rows + rest)}"
    return s.b.op("Einsum", s.full(0), s.full(1), equation=equation)


def _convolution(s: Step) -> str:
    _fixed(s, "padding")
    p, b = s.params, s.b
    layout = p["dimension_numbers"]
    if p["batch_group_count"] != 1:
        raise s.refuse("with groups of rows")
    x = b.transpose(s.full(0), layout.lhs_spec)
    kernel = b.transpose(s.full(1), layout.rhs_spec)
    shape = [s.inputs[0].shape[a] for a in layout.lhs_spec]
    zero = _number(s, 0)
    for axis, step in enumerate(p["lhs_dilation"], 2):
        if step > 1:
            x = spread(s, x, shape, axis, step, zero)
    low, high = zip(*p["padding"], strict=True)
    if min(*low, *high) < 0:
        axes = range(2, len(shape))
        starts = [max(-n, 0) for n in low]
        x = _sliced(s, x, starts, [min(n, 0) or END for n in high], axes)
    z = b.op(
        "Conv",
        x,
        kernel,
        kernel_shape=tuple(s.inputs[1].shape[a] for a in layout.rhs_spec[2:]),
        strides=p["window_strides"],
        dilations=p["rhs_dilation"],
        pads=tuple(max(n, 0) for n in (*low, *high)),
        group=p["feature_group_count"],
    )
    return b.transpose(z, np.argsort(layout.out_spec).tolist())


def _window(kind: str) -> Conversion:
    """The maxima or sums of windows along any axes."""

    def convert(s: Step) -> str:
        _fixed(s, "window_dimensions", "window_strides", "padding")
        p, b = s.params, s.b
        sizes, steps = p["window_dimensions"], p["window_strides"]
        dilated = {*p["base_dilation"], *p["window_dilation"]} != {1}
        if dilated or len(s.inputs[0].shape) < 2:
            raise s.refuse("with gaps in its windows")
        # In front of the axes an axis of rows and one of channels, as pooling has it.
        x = b.op("Unsqueeze", s.full(), b.whole(0, 1))
        low, high = zip(*p["padding"], strict=True)
        settings: Config = {"kernel_shape": sizes, "strides": steps}
        settings["pads"] = (*low, *high)
        if len(sizes) > 3:
            raise s.refuse("of more than three axes")
        if kind == "MaxPool":
            y = b.op(kind, x, **settings)
        else:
            y = b.op("AveragePool", x, count_include_pad=1, **settings)
            y = b.op("Mul", y, _number(s, math.prod(sizes)))
        return b.op("Squeeze", y, b.whole(0, 1))

    return convert


def _gather(s: Step) -> str:
    """Rows of a table: the one kind of gather that ONNX has."""
    p, (x, at) = s.params, s.inputs
    d, b = p["dimension_numbers"], s.b
    picked = tuple(d.start_index_map)
    if len(picked) != 1 or d.collapsed_slice_dims != picked or at.shape[-1] != 1:
        raise s.refuse("of more than one axis")
    (axis,) = picked
    sizes = p["slice_sizes"]
    if any(
        n != m for a, (n, m) in enumerate(zip(sizes, x.shape, strict=True)) if a != axis
    ):
        raise s.refuse("of parts of rows")
    rank = len(at.shape) - 1
    index = b.op("Squeeze", s.full(1), b.whole(-1))
    # Outside of the table the nearest row is taken, as mode="clip" does.
    size, low = x.shape[axis], b.constant(0, at.dtype)
    if isinstance(size, Size):
        last = b.op("Sub", s.sizes([size]), b.whole(1))
        high = b.op("Cast", last, to=np.dtype(at.dtype).name)
    else:
        high = b.constant(size - 1, at.dtype)
    index = b.op("Min", b.op("Max", index, low), high)
    y = b.op("Gather", s.full(0), index, axis=axis)
    # ONNX puts the places where the axis was, jax where offset_dims leave room.
    mine = [a for a in range(len(s.shape)) if a not in d.offset_dims]
    order = {new: axis + i for i, new in enumerate(mine)}
    others = [a if a < axis else a + rank - 1 for a in range(len(x.shape)) if a != axis]
    order |= dict(zip(d.offset_dims, others, strict=True))
    return b.transpose(y, [order[a] for a in range(len(s.shape))])


# Programs in programs -----------------------------------------------------------------


def _inline(*names: str) -> Conversion:
    def convert(s: Step) -> list[Operand]:
        program = next(s.params[n] for n in names if n in s.params)
        return s.walk.run(program, s.inputs)

    return convert


def _platform(s: Step) -> str:
    """The case for any platform, which is the last."""
    return s.b.constant(len(s.params["platforms"]) - 1, "int32")


def _case(s: Step) -> list[Operand]:
    which = s.b.array(s.inputs[0].name)
    if which is None:
        raise s.refuse(
            "with a case that the data choose", "write jnp.where, which takes both"
        )
    return s.walk.run(s.params["branches"][int(which)], s.inputs[1:])


def _scan(s: Step) -> list[str]:
    p, b = s.params, s.b
    program: Program = p["jaxpr"]
    consts = s.inputs[: p["num_consts"]]
    carried = s.inputs[p["num_consts"] :][: p["num_carry"]]
    steps = s.inputs[p["num_consts"] + p["num_carry"] :]
    rows = [full(s.walk, x) for x in steps]
    if not rows:
        rows = [b.op("Expand", b.constant(0, "float32"), s.sizes([p["length"]]))]
    inner = b.inner()
    state_types = {inner.name(f"{b.scope}/state"): x.dtype for x in carried}
    states = [
        Operand(name, x.shape, x.shape, x.dtype)
        for name, x in zip(state_types, carried, strict=True)
    ]
    step_types = {inner.name(f"{b.scope}/step"): x.dtype for x in steps}
    now = [
        Operand(name, x.shape[1:], x.shape[1:], x.dtype)
        for name, x in zip(step_types, steps, strict=True)
    ]
    step_types = step_types or {inner.name(f"{b.scope}/step"): np.dtype("float32")}
    walk = s.walk.inside(inner)
    made = walk.run(program, [*consts, *states, *now])
    ends = {}
    for x in made:
        # An output of its own name, whatever it is: also what only passes through.
        ends[inner.op("Identity", full(walk, x))] = x.dtype
    body = Body(inner.needed(list(ends)), state_types | step_types, ends)
    backwards = (int(p["reverse"]),)
    firsts = [full(s.walk, x) for x in carried]
    return b.ops(
        "Scan",
        len(made),
        *firsts,
        *rows,
        body=body,
        num_scan_inputs=len(rows),
        scan_input_directions=backwards * len(rows),
        scan_output_directions=backwards * (len(made) - len(carried)) or None,
    )


# The table ----------------------------------------------------------------------------


def _power(s: Step, x: str) -> str:
    return s.b.op("Pow", x, _number(s, s.params["y"]))


PRIMITIVES |= {
    "abs": _each("Abs"),
    "acos": _each("Acos"),
    "add": _each("Add"),
    "add_any": _each("Add"),
    "and": _logical("And"),
    "argmax": _first("ArgMax"),
    "argmin": _first("ArgMin"),
    "asin": _each("Asin"),
    "atan": _each("Atan"),
    "broadcast_in_dim": _broadcast_in_dim,
    "ceil": _each("Ceil"),
    "clamp": _each(_clamp),
    "concatenate": _concatenate,
    "cond": _case,
    "conv_general_dilated": _convolution,
    "convert_element_type": _cast,
    "copy": _same,
    "copy_p": _same,
    "cos": _each("Cos"),
    "cosh": _each("Cosh"),
    "cumsum": _cumulated,
    "custom_jvp_call": _inline("call_jaxpr", "jvp_jaxpr_fun"),
    "custom_vjp_call": _inline("call_jaxpr", "fun_jaxpr"),
    "div": _quotient,
    "dot_general": _product,
    "dynamic_slice": _dynamic_slice,
    "eq": _each("Equal"),
    "erf": _each("Erf"),
    "erfc": _each(lambda s, x: s.b.op("Sub", _number(s, 1), s.b.op("Erf", x))),
    "exp": _each("Exp"),
    "exp2": _each(lambda s, x: s.b.op("Pow", _number(s, 2), x)),
    "expand_dims": _expand_dims,
    "expm1": _each(lambda s, x: s.b.op("Sub", s.b.op("Exp", x), _number(s, 1))),
    "floor": _each("Floor"),
    "gather": _gather,
    "ge": _each("GreaterOrEqual"),
    "gt": _each("Greater"),
    "integer_pow": _each(_power),
    "iota": _iota,
    "jit": _inline("jaxpr"),
    "le": _each("LessOrEqual"),
    "log": _each("Log"),
    "log1p": _each(lambda s, x: s.b.op("Log", s.b.op("Add", x, _number(s, 1)))),
    "logistic": _each("Sigmoid"),
    "lt": _each("Less"),
    "max": _each("Max"),
    "min": _each("Min"),
    "mul": _each("Mul"),
    "ne": _each(_not_equal),
    "neg": _each("Neg"),
    "not": _logical("Not"),
    "optimization_barrier": _same,
    "or": _logical("Or"),
    "pad": _pad,
    "platform_index": _platform,
    "pow": _each("Pow"),
    "reduce_and": _reduce("ReduceMin"),
    "reduce_max": _reduce("ReduceMax"),
    "reduce_min": _reduce("ReduceMin"),
    "reduce_or": _reduce("ReduceMax"),
    "reduce_precision": _same,
    "reduce_prod": _reduce("ReduceProd"),
    "reduce_sum": _reduce("ReduceSum"),
    "reduce_window_max": _window("MaxPool"),
    "reduce_window_sum": _window("AveragePool"),
    "rem": _each(_remainder),
    "remat2": _inline("jaxpr"),
    "reshape": _reshape,
    "rev": _reverse,
    "round": _each(_rounded),
    "rsqrt": _each(lambda s, x: s.b.op("Reciprocal", s.b.op("Sqrt", x))),
    "scan": _scan,
    "select_n": _each(_select),
    "sign": _each("Sign"),
    "sin": _each("Sin"),
    "sinh": _each("Sinh"),
    "slice": _slice,
    "split": _split,
    "sqrt": _each("Sqrt"),
    "square": _each(lambda s, x: s.b.op("Mul", x, x)),
    "squeeze": _squeeze,
    "stack": _stack,
    "stop_gradient": _same,
    "sub": _each("Sub"),
    "tan": _each("Tan"),
    "tanh": _each("Tanh"),
    "tile": _tile,
    "transpose": _transpose,
    "xor": _logical("Xor"),
}
"""A function for each operation: of a Step, to names of the graph."""
