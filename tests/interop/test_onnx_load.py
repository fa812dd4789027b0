"""Files of others, and of strangers: what they mean, and what is refused."""

import numpy as np
import pytest

import onefit
from onefit import Input, Sequential
from onefit.files.refusal import BadFile
from onefit.interop.onnx import export, load
from onefit.interop.onnx import reader as onnx_reader
from onefit.layers import LSTM, Conv2D, Dense, Embedding, Flatten

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

rng = np.random.default_rng(0)


def floats(*shape):
    return rng.normal(size=shape).astype("float32")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def node(kind, inputs, outputs, name="", **told):
    return helper.make_node(kind, inputs, outputs, name=name, **told)


def info(name, *shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def made(nodes, arrays=None, inputs=None, outputs=None, opset=18, **told):
    arrays = [numpy_helper.from_array(a, k) for k, a in (arrays or {}).items()]
    graph = helper.make_graph(
        nodes,
        "g",
        inputs or [info("x", "n", 4)],
        outputs or [info("y", "n", None)],
        arrays,
        **told,
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def saved(file, path):
    path.write_bytes(file.SerializeToString())
    return path


def same(file, path, *xs):
    """Checks a file against ONNX Runtime; returns the model."""
    onnx.checker.check_model(file, full_check=True)
    run = onnxruntime.InferenceSession(file.SerializeToString())
    names = [i.name for i in run.get_inputs()]
    expected = run.run(None, dict(zip(names, xs, strict=True)))
    model = load(saved(file, path))
    y = model.predict(xs[0] if len(xs) == 1 else list(xs), verbose=0)
    y = list(y.values()) if isinstance(y, dict) else [y]
    for ours, theirs in zip(y, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-5, 1e-5)
    return model


# Files of others ----------------------------------------------------------------------


def test_a_network_as_torch_writes_it(path):
    arrays = {
        "conv.weight": floats(3, 2, 3, 3),
        "conv.bias": floats(3),
        "bn.weight": floats(3),
        "bn.bias": floats(3),
        "bn.running_mean": floats(3),
        "bn.running_var": np.abs(floats(3)) + 0.5,
        "fc.weight": floats(5, 24),
        "fc.bias": floats(5),
        "low": np.array(0.0, "float32"),
    }
    running = [f"bn.{n}" for n in ("weight", "bias", "running_mean", "running_var")]
    nodes = [
        node(
            "Conv",
            ["x", "conv.weight", "conv.bias"],
            ["a"],
            "/conv/Conv",
            pads=[1, 1, 1, 1],
            strides=[2, 2],
            kernel_shape=[3, 3],
        ),
        node("BatchNormalization", ["a", *running], ["b"], "/bn/BatchNormalization"),
        node("Clip", ["b", "low"], ["c"], "/act/Clip"),
        node(
            "AveragePool",
            ["c"],
            ["d"],
            "/pool/AveragePool",
            kernel_shape=[2, 2],
            pads=[0, 1, 0, 1],
            count_include_pad=1,
        ),
        node("Flatten", ["d"], ["e"], "/Flatten"),
        node(
            "Gemm",
            ["e", "fc.weight", "fc.bias"],
            ["f"],
            "/fc/Gemm",
            transB=1,
            alpha=0.5,
            beta=2.0,
        ),
        node("Softmax", ["f"], ["y"], "/Softmax"),
    ]
    file = made(nodes, arrays, [info("x", "n", 2, 6, 5)], [info("y", "n", 5)])
    model = same(file, path, floats(4, 2, 6, 5))
    names = [layer.name for layer in model.layers]
    assert names == ["x", "conv", "bn", "act", "pool", "/Flatten", "fc", "/Softmax"]
    assert [w.shape for w in model.get_layer("fc").weights] == [(5, 24), (5,)]
    # The averages of a batch normalization are not trained.
    assert len(model.non_trainable_weights) == 2


def test_operations_with_other_settings(path):
    # Sizes that are found as it runs, and repeated along the batch.
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Constant", [], ["zero"], value_ints=[0]),
        node("Gather", ["s", "zero"], ["rows"]),
        node("Constant", [], ["two"], value_ints=[2, 2]),
        node("Concat", ["rows", "two"], ["t"], axis=0),
        node("Reshape", ["x", "t"], ["a"]),
        node("ReduceMean", ["a"], ["b"], axes=[1], keepdims=0),
        node("Split", ["b"], ["c", "d"], axis=1),
        node("Sum", ["c", "d", "c"], ["e"]),
        node("ConstantOfShape", ["rows"], ["f"]),
        node("Unsqueeze", ["f", "one"], ["g"]),
        node("Sub", ["e", "g"], ["h"]),
        node("Pow", ["h", "half"], ["i"]),
        node("Mod", ["i", "half"], ["y"], fmod=1),
    ]
    arrays = {"one": np.array([1]), "half": np.array(2.0, "float32")}
    same(made(nodes, arrays, opset=13), path, np.abs(floats(3, 4)))


def test_weights_that_two_layers_share_stay_one(path):
    nodes = [
        node("MatMul", ["x", "w"], ["a"], "one/MatMul"),
        node("MatMul", ["a", "w"], ["y"], "two/MatMul"),
    ]
    model = same(made(nodes, {"w": floats(4, 4)}), path, floats(2, 4))
    assert [layer.name for layer in model.layers] == ["x", "g"]
    assert model.count_params() == 16


def test_what_is_read_is_written_as_it_was(path, tmp_path):
    model = Sequential(
        [Input((5,)), Embedding(7, 3, mask_zero=True), LSTM(2), Dense(2, "softmax")]
    )
    export(model, path)
    again = load(path)
    other = tmp_path / "again.onnx"
    export(again, other)
    kinds = [[n.op_type for n in onnx.load(p).graph.node] for p in (path, other)]
    assert sorted(kinds[0]) == sorted(kinds[1])
    ids = rng.integers(0, 7, (3, 5))
    expected = model.predict(ids, verbose=0)
    np.testing.assert_allclose(load(other).predict(ids, verbose=0), expected, 1e-5)
    with pytest.raises(ValueError, match="operations of an ONNX file"):
        again.layers[1].get_config()
    again.save_weights(tmp_path / "w.weights.h5")
    weights = again.get_weights()
    again.set_weights([0 * w for w in weights])
    again.load_weights(tmp_path / "w.weights.h5")
    for one, two in zip(weights, again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


# Refusals -----------------------------------------------------------------------------


def refused(file, path, match, **told):
    with pytest.raises(BadFile, match=match) as error:
        load(saved(file, path), **told)
    assert "; expected " in str(error.value)


RELU = [node("Relu", ["x"], ["y"])]


def test_what_onefit_has_not_is_named_as_a_whole(path):
    nodes = [
        node("NonZero", ["x"], ["a"]),
        node("Det", ["x"], ["b"]),
        node("Relu", ["x"], ["y"]),
    ]
    refused(made(nodes), path, r"the operations Det, NonZero; .*Conv, .*onnxruntime")
    # Also those inside of others.
    inner = helper.make_graph([node("Det", ["x"], ["z"])], "i", [], [info("z")])
    scan = node("Scan", ["x"], ["y"], body=inner, num_scan_inputs=1)
    refused(made([scan]), path, "operations Det")
    own = made([helper.make_node("Relu", ["x"], ["y"], domain="their.own")])
    refused(own, path, "'their.own'")
    refused(made(RELU, opset=11), path, "opset 11; expected 13 to 26")
    refused(made(RELU, opset=99), path, "version_converter")


def test_other_files_are_not_opened(path):
    file = made([node("MatMul", ["x", "w"], ["y"])], {"w": floats(4, 4)})
    secret = path.with_name("secret")
    secret.write_bytes(bytes(64))
    for place in ("secret", "../../etc/passwd", str(secret)):
        array = file.graph.initializer[0]
        array.ClearField("raw_data")
        array.ClearField("external_data")
        array.data_location = TensorProto.EXTERNAL
        array.external_data.add(key="location", value=place)
        refused(file, path, "'w' in another file; .*onnx.save")


def test_arrays_have_to_have_what_they_declare(path):
    file = made([node("MatMul", ["x", "w"], ["y"])], {"w": floats(4, 4)})
    for dims in ([10**9, 10**9], [4, 5], [-1, 4], []):
        array = file.graph.initializer[0]
        del array.dims[:]
        array.dims.extend(dims)
        refused(file, path, "'w'|'x'|shape|MatMul")
    for kind in (TensorProto.STRING, TensorProto.COMPLEX64, 99):
        array = file.graph.initializer[0]
        array.data_type = kind
        refused(file, path, "'w' of type object|'w' of type complex64")


BOMB = np.array([10**6, 10**6, 10**6])


@pytest.mark.parametrize(
    "nodes",
    [
        [node("ConstantOfShape", ["big"], ["z"]), node("Add", ["x", "z"], ["y"])],
        [node("Expand", ["x", "big"], ["y"])],
        [node("Range", ["from", "to", "by"], ["z"]), node("Mul", ["x", "z"], ["y"])],
        [node("Pad", ["x", "wide"], ["y"])],
        [
            node("Expand", ["one", "some"], ["a"]),
            node("Unsqueeze", ["a", "one"], ["b"]),
            node("Mul", ["a", "b"], ["c"]),
            *(
                node("Concat", [c, c], [d], axis=0)
                for c, d in zip("cdefghij", "defghijk", strict=True)
            ),
            node("Cast", ["k"], ["l"], to=1),
            node("MatMul", ["x", "l"], ["y"]),
        ],
        [node("Einsum", ["x", "x", "x", "x"], ["y"], equation="ab,cd,ef,gh->abcdefgh")],
        [node("Reshape", ["x", "big"], ["y"])],
        [node("AveragePool", ["x"], ["y"], kernel_shape=[3])],
        [node("Slice", ["x", "x", "x"], ["y"])],
        [node("Transpose", ["x"], ["y"], perm=[5, 6])],
        [node("Relu", ["x"], ["y"], alpha=2.0)],
        [node("Relu", [], ["y"])],
        [node("Scan", ["x"], ["y"], num_scan_inputs=1)],
    ],
    ids=lambda nodes: nodes[-1].op_type + str(len(nodes)),
)
def test_a_small_file_takes_no_large_memory(nodes, path):
    arrays = {
        "big": BOMB,
        "wide": np.array([0, 0, 10**12, 0]),
        "one": np.array([1]),
        "some": np.array([30_000]),
        "from": np.array(0),
        "to": np.array(10**15),
        "by": np.array(1),
    }
    refused(made(nodes, arrays), path, "received")


def test_graphs_have_to_be_in_order(path):
    relu = RELU[0]
    refused(
        made([node("Add", ["x", "y"], ["y"])]), path, "on 'y', which nothing before"
    )
    refused(made([relu, relu]), path, "the name 'y' twice")
    refused(made([node("Relu", ["x"], ["z"])]), path, "the output 'y', which no")
    refused(made([node("Abs", ["w"], ["y"])], {"w": floats(4)}), path, "no input leads")
    refused(made(RELU, inputs=[info("x")]), path, "'x' without a shape")
    half = info("x", "n", 4, kind=TensorProto.FLOAT16)
    refused(made(RELU, inputs=[half]), path, "float16")
    two = made(RELU, {"w": floats(2)})
    two.graph.initializer.append(two.graph.initializer[0])
    refused(two, path, "'w' twice")


def test_limits(path, monkeypatch):
    refused(made(RELU), path, "bytes; expected 10 at most.*limit=", limit=10)
    monkeypatch.setattr(onnx_reader, "NODES", 3)
    many = [node("Relu", [a], [b]) for a, b in zip("xabcd", "abcdy", strict=True)]
    refused(made(many), path, "more than 3 operations")
    deep = None
    for i in range(12):
        body = helper.make_graph([deep] if deep else [], f"{i}", [], [])
        deep = node("Scan", ["x"], [f"y{i}"], body=body, num_scan_inputs=1)
    refused(made([deep]), path, "received")


def test_no_file_and_no_onnx(path):
    with pytest.raises(BadFile, match="no file"):
        load(path)
    for data in (b"", b"not a model", bytes(range(256)) * 4, b"\x08\x08"):
        path.write_bytes(data)
        with pytest.raises(BadFile):
            load(path)


def test_damaged_files_are_refused_or_mean_something(path):
    """Bytes changed, cut out or doubled: a model or our error, and nothing else."""
    model = Sequential(
        [Input((6, 6, 1)), Conv2D(2, 3, activation="relu"), Flatten(), Dense(2)]
    )
    export(model, path)
    good = path.read_bytes()
    draw = np.random.default_rng(5)
    for _ in range(200):
        data = bytearray(good)
        for _ in range(draw.integers(1, 4)):
            at = int(draw.integers(len(data)))
            match draw.integers(4):
                case 0:
                    data[at] = int(draw.integers(256))
                case 1:
                    data[at] ^= 1 << int(draw.integers(8))
                case 2:
                    del data[at : at + int(draw.integers(1, 20))]
                case 3:
                    data[at:at] = data[at : at + int(draw.integers(1, 20))]
        path.write_bytes(data)
        try:
            loaded = load(path)
        except BadFile:
            continue
        assert isinstance(loaded, onefit.Model)
