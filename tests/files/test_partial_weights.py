"""Weights of another model: what fits is taken, the rest stays, and is named."""

import keras
import numpy as np
import pytest

import onefit
from onefit import OnefitWarning

ENDINGS = ["mine.keras", "mine.weights.h5", "mine.h5"]


def network(library, outputs, last="last"):
    return library.Sequential(
        [
            library.Input((3,)),
            library.layers.Dense(4, activation="relu", name="first"),
            library.layers.Dense(outputs, name=last),
        ]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of a network of Keras with 2 outputs, of each kind."""
    folder, model = tmp_path_factory.mktemp("weights"), network(keras, 2)
    for name in ENDINGS:
        saved = model.save_weights if name.endswith("weights.h5") else model.save
        saved(folder / name)
    np.save(folder / "first.npy", model.layers[-2].get_weights()[0])
    return folder


def first(model):
    return model.get_layer("first").get_weights()[0]


@pytest.mark.parametrize("name", ENDINGS)
def test_a_layer_that_misfits_stays_as_it_is_and_is_named(folder, name):
    model = network(onefit, 5)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"last.*received kernel of shape \(4, 2\)"):
        model.load_weights(folder / name)
    np.testing.assert_array_equal(first(model), before[0])
    with pytest.warns(OnefitWarning, match="do not fit 'last', which stay as they"):
        model.load_weights(folder / name, skip_mismatch=True)
    np.testing.assert_array_equal(first(model), np.load(folder / "first.npy"))
    for one, other in zip(model.get_weights()[2:], before[2:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_layers_of_the_file_take_weights_by_name(folder):
    model = network(onefit, 2, last="other")
    before = model.get_weights()
    model.load_weights(folder / "mine.h5", by_name=True)
    np.testing.assert_array_equal(first(model), np.load(folder / "first.npy"))
    np.testing.assert_array_equal(model.get_weights()[2], before[2])


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("mine.keras", "by_name"),
        ("mine.weights.h5", "by_name"),
        ("mine.safetensors", "by_name"),
        ("mine.safetensors", "skip_mismatch"),
    ],
)
def test_what_a_kind_of_file_does_not_have_is_refused(folder, name, setting):
    model = network(onefit, 2)
    if name.endswith("safetensors"):
        pytest.importorskip("safetensors")
        model.save_weights(folder / name)
    with pytest.raises(ValueError, match=f"received {setting}=True; expected an .h5"):
        model.load_weights(folder / name, **{setting: True})
