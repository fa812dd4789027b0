"""Layers with A·B beside a frozen weight (LoRA), against Keras', and in files."""

import inspect
from typing import Any

import keras
import numpy as np
import pytest
import torch

import onefit
from onefit import layers
from onefit.interop.torch import to_torch

IDS = np.array([[1, 2, 0], [3, 3, 4]])
CASES = {
    "Dense": ({"units": 3, "kernel_regularizer": "l2"}, (2, 4)),
    "EinsumDense": (
        {"equation": "ab,bcd->acd", "output_shape": (3, 5), "bias_axes": "d"},
        (2, 4),
    ),
    "Embedding": ({"input_dim": 5, "output_dim": 4}, (2, 3)),
    "Conv1D": ({"filters": 3, "kernel_size": 2}, (2, 5, 4)),
    "Conv2D": ({"filters": 2, "kernel_size": 2}, (2, 3, 4, 2)),
    "Conv3D": ({"filters": 2, "kernel_size": 2}, (2, 3, 3, 3, 1)),
}


def made(library, name, **more):
    """A model of this layer and one unit, and rows for it."""
    settings, shape = CASES[name]
    x = IDS if name == "Embedding" else np.random.default_rng(0).normal(size=shape)
    model = library.Sequential(
        [
            library.Input(shape[1:]),
            getattr(library.layers, name)(**settings, **more),
            library.layers.Flatten(),
            library.layers.Dense(1),
        ]
    )
    model.compile(library.optimizers.SGD(0.1), "mse")
    return model, x


@pytest.mark.filterwarnings("ignore:to_torch")
@pytest.mark.parametrize("name", CASES)
def test_trained_as_keras_does(name, tmp_path):
    # Keras' Dense and Embedding forget a lora_alpha that __init__ was given.
    alpha = None if name in ("Dense", "Embedding") else 3.0
    ours, x = made(onefit, name, lora_rank=2, lora_alpha=alpha)
    theirs, _ = made(keras, name, lora_rank=2, lora_alpha=alpha)
    W = ours.layers[0].lora_weight
    rng, y = np.random.default_rng(1), np.ones((2, 1))
    for weight in theirs.weights:
        weight.assign(rng.normal(size=weight.shape) / 3)
    ours.layers[0].set_weights(_in_our_order(theirs.layers[0], W))
    ours.layers[-1].set_weights(theirs.layers[-1].get_weights())
    np.testing.assert_allclose(
        ours.predict(x, verbose=0), theirs.predict(x, verbose=0), atol=1e-5
    )
    for model in (ours, theirs):
        model.fit(x, y, epochs=3, batch_size=2, verbose=0, shuffle=False)
    for mine, its in zip(
        ours.layers[0].get_weights(), _in_our_order(theirs.layers[0], W), strict=True
    ):
        np.testing.assert_allclose(mine, its, atol=1e-5)
    # A file holds W + A·B, which Keras reads, and a layer without A and B.
    expected = ours.predict(x, verbose=0)
    ours.save(tmp_path / "m.keras")
    again: Any = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, atol=1e-5)
    ours.save_weights(tmp_path / "m.weights.h5")
    plain, _ = made(onefit, name)
    plain.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(plain.predict(x, verbose=0), expected, atol=1e-5)
    # And goes on training: A is not zero, as it is when Keras loads it.
    back = onefit.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(back.predict(x, verbose=0), expected, atol=1e-5)
    start = back.layers[0].get_weights()
    back.fit(x, y + 1, epochs=2, verbose=0)
    now = back.layers[0].get_weights()
    moved = [np.any(a != b) for a, b in zip(start, now, strict=True)]
    assert not moved[0]
    assert all(moved[1:])
    # torch's module computes with the sum.
    if name != "EinsumDense":
        given = x if name == "Embedding" else x.astype("float32")
        found = to_torch(ours)(torch.tensor(given)).detach().numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5)


def _in_our_order(layer, W):
    """Keras' arrays: W, the bias if any, A and B."""
    named = {w.name: w.numpy() for w in layer.weights}
    return [named[n] for n in (W, "bias", f"lora_{W}_a", f"lora_{W}_b") if n in named]


def test_enabled_after_training_leaves_the_outputs():
    model, x = made(onefit, "Dense")
    model.fit(x, np.ones((2, 1)), epochs=2, verbose=0)
    before, dense = model.predict(x, verbose=0), model.layers[0]
    frozen = dense.kernel.numpy()
    dense.enable_lora(2, lora_alpha=1.0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)
    assert (dense.lora_rank, dense.lora_alpha, dense.lora_enabled) == (2, 1.0, True)
    model.fit(x, np.ones((2, 1)), epochs=2, verbose=0)
    np.testing.assert_array_equal(dense._kernel.numpy(), frozen)
    narrow = dense.lora_kernel_a.numpy() @ dense.lora_kernel_b.numpy()
    np.testing.assert_allclose(dense.kernel, frozen + narrow / 2, atol=1e-6)
    assert [w.name for w in dense.non_trainable_weights] == ["kernel"]
    assert "lora_rank" not in layers.Dense(2).get_config()
    assert model.trace(x, np.ones((2, 1))).verify()


@pytest.mark.parametrize(
    ("layer", "received"),
    [
        (layers.Dense(2), "a layer that has no weights yet"),
        (layers.Dense(2, lora_rank=1), "a layer that has its lora"),
        (layers.Dense(2, kernel_constraint="non_neg"), "a kernel_constraint"),
    ],
)
def test_refused(layer, received):
    if "no weights" not in received:
        layer.build((None, 3))
    with pytest.raises(ValueError, match=received):
        layer.enable_lora(2)
    with pytest.raises(ValueError, match="lora_rank=1 and a kernel_constraint"):
        layers.Dense(2, kernel_constraint="non_neg", lora_rank=1)
    with pytest.raises(ValueError, match="lora_rank=0"):
        layers.Dense(2, lora_rank=0)


@pytest.mark.parametrize("name", CASES)
def test_arguments_come_in_keras_order(name):
    ours, theirs = (
        list(inspect.signature(getattr(lib.layers, name).enable_lora).parameters)
        for lib in (onefit, keras)
    )
    assert ours == theirs
