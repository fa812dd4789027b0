"""What every operation keeps to: Keras' numbers and types, in graphs as outside them.

`ROWS` has sample arguments for every name of `keras.ops`; the tests walk over it.
"""

import copy
import inspect
import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import ops
from onefit.layers.symbolic import Tensor
from onefit.ops.table import OPS

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND") != "jax", reason="the oracle is Keras on JAX"
)

RNG = np.random.default_rng(0)
A = RNG.uniform(0.1, 0.9, (4, 3)).astype("float32")
B = RNG.uniform(0.1, 0.9, (4, 3)).astype("float32")
BIG = A + 1.5
INTS = RNG.integers(0, 5, (4, 3)).astype("int32")
MORE = RNG.integers(1, 5, (4, 3)).astype("int32")
BOOL = A > 0.5
SQUARE = (RNG.normal(size=(4, 3, 3)) + 3 * np.eye(3)).astype("float32")
SPD = SQUARE @ SQUARE.transpose(0, 2, 1)
VECTOR = RNG.normal(size=6).astype("float32")
NANS = np.where(A > 0.7, np.nan, A).astype("float32")
IMAGES = RNG.uniform(size=(2, 6, 8, 3)).astype("float32")
GREY = RNG.uniform(size=(2, 6, 8, 4)).astype("float32")
STEPS = RNG.normal(size=(2, 9, 4)).astype("float32")
HEADS = RNG.normal(size=(2, 5, 4, 8)).astype("float32")
KERNEL = RNG.normal(size=(3, 3, 4, 2)).astype("float32")
SIGNAL = RNG.normal(size=(2, 64)).astype("float32")
POINTS = np.array([[0, 0], [7, 0], [0, 5], [7, 5]], "float32")
CORNERS = np.array([[1, 0], [7, 1], [0, 4], [6, 5]], "float32")
LOGITS = RNG.normal(size=(4, 3)).astype("float32")
HOT = np.eye(3, dtype="float32")[[0, 2, 1, 1]]


def row(*args, like="exact", graph=True, traced=True, **kwargs):
    """Arguments; whether the results are compared, traced, and made in a graph."""
    return {
        "args": args,
        "kwargs": kwargs,
        "like": like,
        "graph": graph,
        "traced": traced,
    }


def each(names, *rows):
    return [(name, one) for name in names.split() for one in rows]


ROWS = [
    *each(
        "abs absolute arctan arcsinh cbrt ceil conj conjugate copy cos cosh deg2rad "
        "exp exp2 expm1 fabs floor imag isfinite isinf isnan isneginf isposinf isreal "
        "logical_not negative ones_like rad2deg ravel real round sign sin sinc sinh "
        "square tan tanh trunc zeros_like angle signbit nan_to_num i0",
        row(A - 0.5),
        row(INTS - 2),
    ),
    *each("ceil floor cos exp sum mean logical_not zeros_like", row(BOOL)),
    *each("arccos arcsin arctanh log log10 log1p log2 sqrt reciprocal", row(A)),
    *each("arccosh rsqrt", row(BIG)),
    *each("bitwise_invert bitwise_not", row(INTS)),
    *each(
        "add subtract multiply maximum minimum equal not_equal greater greater_equal "
        "less less_equal logical_and logical_or logical_xor divide true_divide hypot "
        "logaddexp logaddexp2 arctan2 fmax fmin heaviside power",
        row(A, B),
        row(A, 0.5),
    ),
    *each("add multiply power divide", row(A, MORE), row(A, [0.1, 0.2, 0.3])),
    *each("add subtract multiply divide less power", row(INTS, MORE), row(INTS, 2)),
    *each("fmod mod floor_divide", row(BIG, A), row(INTS, MORE), row(A, 0.3)),
    *each("divide_no_nan", row(A, np.where(BOOL, B, 0).astype("float32"))),
    *each("gcd lcm", row(INTS, MORE)),
    *each("nextafter", row(A, B)),
    *each("ldexp", row(A, MORE)),
    *each("isclose", row(A, A + 1e-6), row(A, B, rtol=0.5)),
    *each("allclose", row(A, A)),
    *each("bitwise_and bitwise_or bitwise_xor", row(INTS, MORE), row(INTS, 3)),
    *each(
        "bitwise_left_shift bitwise_right_shift left_shift right_shift",
        row(INTS, MORE),
        row(INTS, 1),
    ),
    *each(
        "all any amax amin max min mean median prod std sum var ptp nanmax nanmin "
        "nanmean nanmedian nanprod nanstd nansum nanvar",
        row(A),
        row(A, axis=-1),
        row(A, axis=1, keepdims=True),
        row(A, (0, 1)),
    ),
    *each("sum prod mean max std var", row(INTS, axis=-1), row(A.astype("float16"))),
    *each("nanmax nansum nanmean nanstd nanvar nanmedian", row(NANS, axis=0)),
    *each("argmax argmin nanargmax nanargmin", row(A), row(A, -1), row(A, 1, True)),
    *each("cumprod cumsum nancumprod nancumsum", row(A), row(A, axis=1)),
    *each("argsort sort", row(A), row(A, 0), row(A, None)),
    *each("argpartition", row(A, 1)),
    *each("append", row(A, B), row(A, B, axis=1)),
    *each("average", row(A, -1), row(A, -1, [0.2, 0.3, 0.5])),
    *each("array_split", row(A, 2, axis=1)),
    *each("split", row(A, 3, axis=1), row(A, [1, 2], -1)),
    *each("hsplit", row(A, 3)),
    *each("vsplit", row(A, 2, graph=False)),
    *each("dsplit", row(IMAGES[:, :, :, 0], 2)),
    *each("bincount", row(INTS[0], traced=False, graph=False)),
    *each("broadcast_to", row(A[0], (4, 3), graph=False)),
    *each("clip", row(A, 0.3, 0.6), row(INTS, 1, 3), row(A, None, 0.5)),
    *each("concatenate hstack vstack dstack", row([A, B])),
    *each("concatenate", row([A, INTS], axis=-1), row((A, B), 1)),
    *each("stack", row([A, B]), row([A, B], axis=-1)),
    *each("corrcoef", row(A)),
    *each("correlate", row(VECTOR, VECTOR[:3], "same", graph=False)),
    *each("count_nonzero", row(INTS), row(INTS, 1)),
    *each("cross", row(A, B)),
    *each("diag", row(VECTOR, graph=False), row(SPD[0], 1, graph=False)),
    *each("diagflat", row(VECTOR, graph=False)),
    *each("diagonal trace", row(SPD, axis1=1, axis2=2)),
    *each("diff", row(A), row(A, 2)),
    *each("digitize", row(A, np.array([0.2, 0.5], "float32"))),
    *each("dot", row(A, SPD[0])),
    *each("einsum", row("ij,kj->ik", A, B), row("ij->i", A)),
    *each("empty_like", row(A, like="kind")),
    *each("expand_dims", row(A, 1), row(A, (1, -1))),
    *each("flip", row(A), row(A, 1)),
    *each("fliplr flipud", row(A)),
    *each("full_like", row(A, 2), row(INTS, 3)),
    *each("get_item", row(A, (slice(None), 1)), row(A, 1), row(A, (..., None))),
    *each("histogram", row(VECTOR, 4, graph=False)),
    *each("inner", row(A, B)),
    *each("isin", row(INTS, [1, 2])),
    *each("kron", row(A, B)),
    *each("matmul", row(A, SPD[0]), row(SPD, SPD)),
    *each("meshgrid", row(VECTOR, A[0], graph=False)),
    *each("moveaxis", row(SPD, 1, 2)),
    *each("ndim size shape", row(A, graph=False, traced=False)),
    *each("nonzero", row(INTS, traced=False, graph=False)),
    *each("outer", row(A, B)),
    *each("pad", row(A, ((0, 0), (1, 2))), row(A, 1, "constant", 2.0)),
    *each("pad", row(A, ((0, 0), (1, 1)), "reflect")),
    *each("percentile nanpercentile", row(A, 30.0, 1), row(A, [30, 60.0], 1)),
    *each("quantile nanquantile", row(A, 0.3, 1), row(A, [0.2, 0.4], 1, "lower")),
    *each("repeat", row(A, 2, 1), row(A, np.array([1, 2, 1]), 1)),
    *each("reshape", row(A, (-1,)), row(A, (-1, 3, 1))),
    *each("roll", row(A, 1, 1)),
    *each("rot90", row(SPD, 1, (1, 2))),
    *each("round", row(A, 1)),
    *each("searchsorted", row(np.sort(VECTOR), VECTOR)),
    *each("select", row([BOOL, ~BOOL], [A, B], 3.0)),
    *each("slogdet", row(SPD)),
    *each("squeeze", row(A[:, None], 1)),
    *each("swapaxes", row(SPD, 1, 2)),
    *each("take", row(A, [0, 2], 1), row(A, INTS[0] % 3, axis=-1), row(A, 1, 1)),
    *each("take_along_axis", row(A, INTS % 3, 1)),
    *each("tensordot", row(A, SPD[0], 1), row(SPD, A, [[2], [1]])),
    *each("tile", row(A, 2), row(A, (1, 2))),
    *each("transpose", row(A), row(SPD, (0, 2, 1))),
    *each("trapezoid", row(A), row(A, dx=0.5)),
    *each("tril triu", row(SPD), row(SPD, 1)),
    *each("unique", row(INTS, traced=False, graph=False)),
    *each("unravel_index", row(INTS, (2, 3))),
    *each("vander", row(VECTOR, 3, graph=False)),
    *each("vdot", row(A, B)),
    *each("view", row(A, "int32")),
    *each("where", row(BOOL, A, B), row(BOOL, A, 0.0)),
    *each("array", row(A), row([1, 2], graph=False), row(A, "int32")),
    *each("arange", row(5), row(1.0, 2.0, 0.25), row(2, 9, 3)),
    *each("empty", row((2, 3), like="kind")),
    *each("zeros ones", row((2, 3)), row(3, "int32")),
    *each("eye tri", row(3), row(3, 4, 1)),
    *each("identity", row(3)),
    *each("full", row((2,), 3.0), row((2,), 3, "int32")),
    *each("linspace", row(0.0, 1.0, 5, graph=False), row(0, 1, 4, False, graph=False)),
    *each("logspace geomspace", row(1.0, 2.0, 5, graph=False)),
    *each("bartlett blackman hamming hanning", row(7)),
    *each("kaiser", row(7, 2.0)),
    # core
    *each("cast", row(A, "int32"), row(INTS, "float16"), row(A, "bool")),
    *each("saturate_cast", row(A * 900 - 200, "uint8"), row(INTS - 2, "uint8")),
    *each("convert_to_tensor", row(A), row([1.5, 2]), row(INTS, "float32")),
    *each("convert_to_numpy", row(A, graph=False, traced=False)),
    *each("is_tensor", row(A, graph=False, traced=False)),
    *each("stop_gradient", row(A)),
    *each("cond", row(True, lambda: A, lambda: B, graph=False)),
    *each("switch", row(1, [jnp.sin, lambda x: x * 2], A, graph=False)),
    *each("scan", row(lambda c, x: (c + x, c), 0.0, A[:, 0])),
    *each("associative_scan", row(lambda a, b: a + b, A, axis=1)),
    *each("map vectorized_map", row(lambda x: x * 2, A)),
    *each("fori_loop", row(0, 3, lambda i, x: x * 2, A)),
    *each("while_loop", row(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, A))),
    *each("scatter", row(INTS[:, :1], A[:, 0], (9,))),
    *each("scatter_update", row(A, [[0, 1], [1, 0]], [5.0, 7.0])),
    *each("scatter_update", row(A, [[0, 1]], [5.0], reduction="add")),
    *each("slice", row(A, [1, 0], [2, 2])),
    *each("slice_update", row(A, [1, 0], B[:2, :2])),
    *each("unstack", row(A, axis=1)),
    *each("rearrange", row(IMAGES, "b (h a) w c -> b h (a w) c", a=2)),
    # math
    *each("erf erfc", row(A)),
    *each("erfinv", row(A - 0.5)),
    *each("cdist", row(A, B)),
    *each("logdet", row(SPD)),
    *each("logsumexp", row(A), row(A, -1, True)),
    *each("top_k", row(A, 2)),
    *each("in_top_k", row(np.array([0, 1, 2, 1]), LOGITS, 2)),
    *each(
        "segment_sum segment_max segment_min segment_prod",
        row(A, np.array([0, 0, 1, 2]), 3),
    ),
    *each("fft fft2 ifft2", row((A, B))),
    *each("rfft", row(A), row(A, 5)),
    *each("irfft", row((A, B)), row((A, B), 4)),
    *each("extract_sequences", row(SIGNAL, 8, 4)),
    *each("stft", row(SIGNAL, 12, 4, 16), row(SIGNAL, 16, 8, 16, None, False)),
    *each("istft", row((STEPS, STEPS * 0), 6, 2, 6, like="close")),
    *each("view_as_complex", row(RNG.normal(size=(4, 2)).astype("float32"))),
    *each("view_as_real", row(A.astype("complex64"), graph=False)),
    # linalg
    *each("cholesky", row(SPD), row(SPD, upper=True)),
    *each("cholesky_inverse", row(np.linalg.cholesky(SPD[0]), graph=False)),
    *each("det inv pinv", row(SPD)),
    *each("eig", row(SPD, like="kind", graph=False)),
    *each("eigh", row(SPD, like="absolute")),
    *each("lstsq", row(A, B[:, :1])),
    *each("lu_factor", row(SPD)),
    *each("matrix_rank", row(SPD), row(SPD, 99.0)),
    *each("norm", row(A), row(A, 1, 1), row(SPD, "fro", (1, 2)), row(A, np.inf, -1)),
    *each("qr", row(SPD), row(SPD, "complete")),
    *each("solve", row(SPD, SQUARE), row(SPD[0], VECTOR[:3])),
    *each("solve_triangular", row(np.tril(SPD), SQUARE, lower=True)),
    *each("svd", row(SPD, like="absolute"), row(SPD, True, False)),
    # nn
    *each(
        "celu elu gelu hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu relu "
        "log_sigmoid relu6 selu sigmoid silu softplus softsign sparse_plus "
        "sparse_sigmoid squareplus swish hard_shrink soft_shrink tanh_shrink",
        row(LOGITS),
    ),
    *each("celu elu leaky_relu squareplus", row(LOGITS, 0.3)),
    *each("gelu", row(LOGITS, False)),
    *each("threshold", row(LOGITS, 0.1, 9.0)),
    *each("glu", row(GREY)),
    *each("softmax log_softmax", row(LOGITS), row(GREY, 1)),
    *each("sparsemax", row(LOGITS, like="kind")),  # Keras' rows may not sum to 1
    *each("conv", row(GREY, KERNEL), row(GREY, KERNEL, 2, "same")),
    *each("conv", row(STEPS, KERNEL[0], padding="same", dilation_rate=2)),
    *each("conv", row(GREY.transpose(0, 3, 1, 2), KERNEL, 1, "same", "channels_first")),
    *each("conv", row(GREY, KERNEL[:, :, :2])),
    *each("depthwise_conv", row(GREY, KERNEL), row(STEPS, KERNEL[0], 1, "same")),
    *each("separable_conv", row(GREY, KERNEL, np.ones((1, 1, 8, 5), "float32"))),
    *each(
        "conv_transpose",
        row(GREY, KERNEL.transpose(0, 1, 3, 2)),
        row(GREY, KERNEL.transpose(0, 1, 3, 2), 2, "same"),
    ),
    *each("max_pool average_pool", row(GREY, 2, 2), row(GREY, (3, 2), (2, 1), "same")),
    *each("max_pool average_pool", row(STEPS, 3, 2)),
    *each("adaptive_average_pool adaptive_max_pool", row(GREY, (3, 4))),
    *each("unfold", row(GREY, 2), row(GREY, (2, 3), 1, 1, 2)),
    *each("fold", row(RNG.normal(size=(2, 8, 12)).astype("float32"), (4, 5), 2)),
    *each("depth_to_space", row(GREY, 2)),
    *each("space_to_depth", row(GREY, 2)),
    *each("moments", row(A, -1), row(A, [1], True)),
    *each("batch_normalization", row(A, B[0], B[1], -1), row(A, *B[:2], -1, *B[2:])),
    *each("layer_normalization", row(A), row(A, B[0], B[1])),
    *each("rms_normalization", row(A), row(A, B[0])),
    *each("normalize", row(A), row(A, 1, 1), row(A, 1, 3)),
    *each("one_hot", row(INTS, 5), row(INTS[:, 0], 5, 0, "int32"), row(INTS - 1, 3)),
    *each("multi_hot", row(INTS, 5)),
    *each("binary_crossentropy", row(HOT, A), row(HOT, LOGITS, True)),
    *each("categorical_crossentropy", row(HOT, A), row(HOT, LOGITS, True)),
    *each(
        "sparse_categorical_crossentropy",
        row(np.array([0, 2, 1, 1]), A),
        row(np.array([[0], [2], [1], [1]]), LOGITS, True),
    ),
    *each(
        "ctc_loss",
        row(
            np.array([[1, 2], [2, 1]]),
            STEPS,
            np.array([2, 1]),
            np.array([9, 7]),
            like="close",
        ),
    ),
    *each("ctc_decode", row(STEPS, np.array([9, 6]), like="close")),
    *each("dot_product_attention", row(HEADS, HEADS, HEADS, like="close")),
    *each(
        "dot_product_attention", row(HEADS, HEADS, HEADS, is_causal=True, like="close")
    ),
    *each("polar", row(A, B)),
    *each("psnr", row(A, B, 1.0)),
    # image
    *each("image.rgb_to_grayscale image.rgb_to_hsv image.hsv_to_rgb", row(IMAGES)),
    *each("image.resize", row(IMAGES, (4, 5)), row(IMAGES, (4, 5), "nearest")),
    *each("image.resize", row(IMAGES, (4, 4), crop_to_aspect_ratio=True)),
    *each("image.resize", row(IMAGES, (4, 4), pad_to_aspect_ratio=True)),
    *each("image.resize", row((IMAGES * 255).astype("uint8"), (3, 3))),
    *each("image.resize", row(IMAGES[0], (4, 5), graph=False)),
    *each("image.pad_images", row(IMAGES, 1, 2, target_height=9, target_width=11)),
    *each("image.crop_images", row(IMAGES, 1, 2, target_height=4, target_width=5)),
    *each("image.extract_patches", row(IMAGES, 2), row(IMAGES, (3, 2), 1)),
    *each("image.extract_patches_3d", row(IMAGES[..., None], 2)),
    *each("image.map_coordinates", row(A, np.stack([B * 3, B * 2]), 1, graph=False)),
    *each(
        "image.affine_transform",
        row(
            IMAGES,
            np.array([[1, 0.1, 0.5, -0.1, 0.9, 0, 0, 0]] * 2, "float32"),
            graph=False,
        ),
    ),
    *each(
        "image.perspective_transform",
        row(IMAGES, np.stack([POINTS] * 2), np.stack([CORNERS] * 2), graph=False),
    ),
    *each("image.elastic_transform", row(IMAGES, seed=3, sigma=0.5, like="kind")),
    *each(  # Keras takes data_format=None for channels first here
        "image.gaussian_blur",
        row(IMAGES, (5, 3), (2.0, 1.0), data_format="channels_last"),
    ),
    *each("image.sobel_edges", row(IMAGES)),
    *each("image.ssim", row(IMAGES, IMAGES**2, filter_size=3)),
    *each(
        "image.scale_and_translate",
        row(
            IMAGES, (2, 3, 4, 3), [0.5, 0.5], [0.0, 1.0], (1, 2), "linear", graph=False
        ),
    ),
]
IDS = [f"{name}-{i}" for i, (name, _) in enumerate(ROWS)]
every = pytest.mark.parametrize(("name", "case"), ROWS, ids=IDS)
FIRST = dict(reversed(ROWS))
first = pytest.mark.parametrize("name", FIRST)

# What takes functions alone, and is tested by its doctest.
WITHOUT = {"custom_gradient", "jvp", "vectorize", "dtype"}


def found(room, name):
    for part in name.split("."):
        room = getattr(room, part)
    return room


def called(room, name, case):
    return found(room, name)(*case["args"], **case["kwargs"])


def leaves(result):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(result)]


def compare(ours, theirs, like, rtol=2e-5):
    ours, theirs = leaves(ours), leaves(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        if like == "kind":
            continue
        if like == "absolute":
            one, other = abs(one), abs(other)
        loose = like == "close" or one.dtype in ("float16", "bfloat16")
        rtol, atol = (2e-3, 1e-4) if loose else (rtol, 1e-5)
        np.testing.assert_allclose(one, other, rtol, atol)


def public(room):
    return {
        name
        for name in dir(room)
        if name[0] != "_" and not inspect.ismodule(getattr(room, name))
    }


def test_every_name_of_keras_is_here_and_tested():
    named = public(keras.ops)
    named |= {f"image.{name}" for name in public(keras.ops.image)}
    for name in named:
        theirs = inspect.signature(found(keras.ops, name)).parameters
        ours = inspect.signature(found(ops, name)).parameters
        kinds = (inspect.Parameter.VAR_KEYWORD,) if name != "einsum" else ()
        assert [(p.name, p.default) for p in ours.values() if p.kind not in kinds] == [
            (p.name, p.default) for p in theirs.values() if p.kind not in kinds
        ], name
    assert named - {name for name, _ in ROWS} == WITHOUT
    assert ops.dtype(A) == keras.ops.dtype(A) == "float32"
    for part in ("numpy", "nn", "linalg", "image"):
        assert public(getattr(keras.ops, part)) <= set(getattr(ops, part).__all__)


@every
def test_numbers_and_types_are_those_of_keras(name, case):
    compare(called(ops, name, case), called(keras.ops, name, case), case["like"])


def arrays(case):
    """The places of the arrays among the arguments."""
    return [i for i, a in enumerate(case["args"]) if isinstance(a, np.ndarray)]


def replaced(case, change):
    args = [change(a) if i in arrays(case) else a for i, a in enumerate(case["args"])]
    return case | {"args": args}


@first
def test_variables_are_arrays(name):
    case = FIRST[name]
    if not arrays(case):
        return
    held = replaced(case, onefit.Variable)
    if name == "convert_to_numpy":
        held = case
    compare(called(ops, name, held), called(ops, name, case), case["like"])


@first
def test_a_program_computes_the_same(name):
    case = FIRST[name]
    places = arrays(case)[:1]
    if not case["traced"] or not places or case["graph"]:
        return  # a graph is a program, too

    def run(x):
        args = list(case["args"])
        args[places[0]] = x
        return called(ops, name, case | {"args": args})

    expected = called(ops, name, case)
    compare(jax.jit(run)(case["args"][places[0]]), expected, case["like"], 1e-4)


@first
def test_a_graph_computes_the_same_and_its_layer_has_a_config(name):
    case = FIRST[name]
    places = arrays(case)
    if not case["graph"] or not places:
        return
    rows = len(case["args"][places[0]])
    inputs = {i: case["args"][i] for i in places if len(case["args"][i]) == rows}
    entrances = {
        i: onefit.Input(batch_shape=(None, *x.shape[1:]), dtype=str(x.dtype))  # pyright: ignore[reportAttributeAccessIssue]
        for i, x in inputs.items()
    }
    args = [entrances.get(i, a) for i, a in enumerate(case["args"])]
    outputs = jax.tree.leaves(called(ops, name, case | {"args": args}))
    assert all(isinstance(y, Tensor) for y in outputs)
    expected = leaves(called(ops, name, case))
    for tensor, array in zip(outputs, expected, strict=True):
        sizes = zip(tensor.shape, array.shape, strict=True)
        assert all(n in (None, m) for n, m in sizes)
        assert tensor.dtype == str(array.dtype)
    model, x = onefit.Model([*entrances.values()], outputs), [*inputs.values()]
    compare(model(x if len(x) > 1 else x[0]), expected, case["like"], 1e-4)
    layer = outputs[0].call.layer
    if isinstance(layer, ops.table.Operation) and not has_function(case):  # pyright: ignore[reportFunctionMemberAccess]
        again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
        copied = copy.deepcopy(layer).replace()
        for one in (again, copied):
            given = tuple(x) if len(x) > 1 else x[0]
            compare(one(given), layer(given), case["like"], 1e-4)


def has_function(case):
    return any(map(callable, case["args"]))


def test_every_operation_of_the_table_is_shown():
    for name in OPS:
        assert callable(found(ops, name))
