"""`.safetensors`: exact both ways, read by its own package and torch; or refused."""

import json
import sys

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import onefit
from onefit import Input, Model, Sequential, layers
from onefit.files import safetensors as files
from onefit.files.refusal import BadFile

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def network(units=3):
    inner = Sequential([layers.Dense(units), layers.PReLU()], name="inner")
    x = Input((4,))
    y = layers.BatchNormalization()(inner(x))
    y = layers.Concatenate()([y, layers.Dropout(0.5, seed=3)(x)])
    y = layers.Reshape((-1, 1))(y)
    return Model(x, layers.Bidirectional(layers.LSTM(2), name="both")(y))


@pytest.fixture
def saved(tmp_path):
    model = network()
    model.set_weights([w + i for i, w in enumerate(model.get_weights())])
    model.save_weights(tmp_path / "a.safetensors")
    return model, tmp_path / "a.safetensors"


def same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)


def test_weights_by_name(saved):
    model, path = saved
    found = safetensors.numpy.load_file(path)
    assert {"inner/dense/kernel", "batch_normalization/moving_mean"} <= found.keys()
    assert "both/forward/recurrent_kernel" in found
    same([found["inner/dense/kernel"]], model.get_layer("inner").get_weights()[:1])
    with safetensors.safe_open(path, framework="np") as file:
        assert file.metadata() == {"written_by": "onefit", "model": model.name}
    other = network()
    other.compile("adam", "mse")
    other.load_weights(path)
    same(other.get_weights(), model.get_weights())
    same([other.predict(X)], [model.predict(X)])
    # Of another library, in another order and type.
    turned = {k: found[k].astype("f8") for k in reversed(found)}
    path.write_bytes(safetensors.numpy.save(turned))
    again = network()
    again.load_weights(path)
    same(again.get_weights(), model.get_weights())


def test_torch_reads_it(saved):
    torch = pytest.importorskip("safetensors.torch")
    model, path = saved
    found = torch.load_file(path)
    kernel = found["inner/dense/kernel"]
    same([kernel.numpy()], model.get_layer("inner").get_weights()[:1])
    torch.save_file({name: array.clone() for name, array in found.items()}, path)
    other = network()
    other.load_weights(path)
    same(other.get_weights(), model.get_weights())


DTYPES = ["float16", "float32", "float64", "bfloat16", "bool"]
DTYPES += [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]


def test_every_type_of_numbers(tmp_path):
    arrays = {
        f"{name}/{shape}": np.arange(np.prod(shape, dtype=int))
        .reshape(shape)
        .astype(jnp.bfloat16 if name == "bfloat16" else name)
        for name in DTYPES
        for shape in [(), (3,), (2, 3), (0, 2)]
    }
    arrays["turned"] = np.ones((3, 2)).cumsum(0).T  # in another order in memory
    files.write(tmp_path / "a.safetensors", arrays)
    found = files.read(tmp_path / "a.safetensors", "here", arrays)
    same(found.values(), arrays.values())
    assert found.keys() == arrays.keys()
    with pytest.raises(ValueError, match=r"received arrays of <U1; expected plain num"):
        files.write(tmp_path / "b.safetensors", {"a": np.array("x")})
    assert not (tmp_path / "b.safetensors").exists()


def test_float64_to_the_bit(tmp_path):
    onefit.config.set_floatx("float64")
    try:
        model = Sequential([Input((2,)), layers.Dense(2)])
        model.save_weights(tmp_path / "a.safetensors")
        other = Sequential([Input((2,)), layers.Dense(2)])
        other.load_weights(tmp_path / "a.safetensors")
        assert other.get_weights()[0].dtype == "float64"
        same(other.get_weights(), model.get_weights())
    finally:
        onefit.config.set_floatx("float32")


def test_the_optimizer_begins_anew(saved):
    other = network()
    other.compile("adam", "mse")
    other.fit(X, X, verbose=0)
    other.load_weights(saved[1])
    assert other.optimizer_state is None


def header(**entries):
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text


def entry(begin, end, shape=(1,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


WRONG = {
    "empty": (b"", "no safetensors file, or a part"),
    "cut": (header(a=entry(0, 8, (2,))) + bytes(4), "no safetensors file, or a part"),
    "pickle": (b"\x80\x04cos\nsystem\n" + bytes(99), "or no safetensors file"),
    "an endless header": ((1 << 40).to_bytes(8, "little"), "1,099,511,627,776 bytes"),
    "outside": (
        header(a=entry(0, 4), b=entry(4, 1 << 50, (1 << 48,))) + bytes(8),
        "no safetensors file",
    ),
    "over one another": (
        header(a=entry(0, 4), b=entry(0, 4)) + bytes(4),
        "no safetensors file",
    ),
    "a gap": (header(a=entry(0, 4), b=entry(8, 12)) + bytes(12), "no safetensors file"),
    "a size that lies": (
        header(a=entry(0, 4, (1 << 62, 4))) + bytes(4),
        "no safetensors file",
    ),
    "others": (header(a=entry(0, 4)) + bytes(4), "no weights named 'dense/bias'"),
    "more": (
        header(
            **{
                "dense/kernel": entry(0, 8, (2, 1)),
                "dense/bias": entry(8, 12),
                "x": entry(12, 16),
            }
        )
        + bytes(16),
        "weights named 'x'; expected",
    ),
    "other shapes": (
        header(**{"dense/kernel": entry(0, 8, (1, 2)), "dense/bias": entry(8, 12)})
        + bytes(12),
        r"dense/kernel of shape \(1, 2\), F32; expected numbers of",
    ),
    "complex": (
        header(
            **{"dense/kernel": entry(0, 16, (2, 1), "C64"), "dense/bias": entry(16, 20)}
        )
        + bytes(20),
        "C64; expected",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_change_nothing(case, tmp_path):
    model = Sequential([Input((2,)), layers.Dense(1, name="dense")])
    before = model.get_weights()
    data, match = WRONG[case]
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(BadFile, match=match):
        model.load_weights(tmp_path / "a.safetensors")
    same(model.get_weights(), before)


def test_names_and_packages(tmp_path, monkeypatch):
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.save_weights(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="which exists; expected a new name"):
        model.save_weights(tmp_path / "a.safetensors", overwrite=False)
    with pytest.raises(ValueError, match=r"Did you mean '.*a\.safetensors'"):
        model.load_weights(tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match=r"\.weights\.h5 or \.safetensors or \.keras"):
        model.load_weights(tmp_path / "a.pt")
    inner = Sequential([layers.Dense(1, name="b/c")], name="a")
    other = Sequential([layers.Dense(1, name="c")], name="a/b")
    twins = Sequential([Input((2,)), inner, other])
    with pytest.raises(ValueError, match="two weights named a/b/c/'kernel'"):
        twins.save_weights(tmp_path / "b.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r'pip install "onefit\[files\]"'):
        model.save_weights(tmp_path / "b.safetensors")
    with pytest.raises(ImportError, match=r'pip install "onefit\[files\]"'):
        model.load_weights(tmp_path / "a.safetensors")
