"""Layers' lower-case functions, older names, InputSpec and Wrapper."""

import inspect
import json

import numpy as np
import pytest

import onefit
from onefit import layers

A, B = np.ones((2, 3), "float32"), np.full((2, 3), 4.0, "float32")
NAMES = ["add", "subtract", "multiply", "average", "maximum", "minimum"]
NAMES += ["concatenate", "dot"]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_its_layer(name):
    settings = {"axes": 1} if name == "dot" else {}
    function = getattr(layers, name)
    cls = getattr(layers, name.capitalize())
    expected = cls(**settings)([A, B])
    np.testing.assert_array_equal(function([A, B], **settings), expected)
    x = onefit.Input((3,))
    y = function([x, x], name="joined", **settings)
    assert isinstance(y.call.layer, cls)
    assert y.name == "joined"


def test_axes_by_place():
    assert layers.concatenate([A, B], 1).shape == (2, 6)
    assert layers.dot([A, B], 1, normalize=True).shape == (2, 1)
    with pytest.raises(TypeError, match="add: received 2 values by place"):
        layers.add([A, B], 1)


def test_older_names_are_the_same_classes():
    keras = pytest.importorskip("keras")
    for name in dir(keras.layers):
        cls = getattr(keras.layers, name)
        if inspect.isclass(cls) and cls.__name__ != name and hasattr(layers, name):
            ours = getattr(layers, name)
            theirs = {cls.__name__, name}
            assert ours.__name__ in theirs
    assert layers.Convolution2D is layers.Conv2D
    assert layers.SeparableConvolution1D is layers.SeparableConv1D
    assert layers.Convolution3DTranspose is layers.Conv3DTranspose


def test_layers_as_configs():
    layer = layers.Dense(3, activation="relu", name="hidden")
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    assert again.get_config() == layer.get_config()

    class Wide(layers.Dense):
        units: int = 9

    config = {"class_name": "Widest", "config": {}}
    assert layers.deserialize(config, {"Widest": Wide}).units == 9


class Checked(onefit.Layer):
    def __init__(self, spec):
        super().__init__()
        self.input_spec = spec

    def call(self, inputs):
        return inputs * 2


SPECS = [
    ({"ndim": 2}, (2, 3), (2, 3, 1)),
    ({"min_ndim": 3}, (2, 3, 1), (2, 3)),
    ({"max_ndim": 2}, (2, 3), (2, 3, 1)),
    ({"axes": {-1: 3}}, (2, 3), (2, 4)),
    ({"shape": (None, 3)}, (2, 3), (2, 4)),
    ({"ndim": 3, "allow_last_axis_squeeze": True}, (2, 3), (3,)),
]


@pytest.mark.parametrize(("spec", "good", "bad"), SPECS)
def test_input_specs_are_kept_to(spec, good, bad):
    keras = pytest.importorskip("keras")
    spec = layers.InputSpec(**spec)
    assert Checked(spec)(np.ones(good)).shape == good
    with pytest.raises(ValueError, match=r"received input of shape .*; expected "):
        Checked(spec)(np.ones(bad))
    with pytest.raises(ValueError, match="received input of shape"):
        Checked(spec)(onefit.Input(bad[1:]))
    again = layers.InputSpec.from_config(spec.get_config())
    assert again.get_config() == spec.get_config()
    ours, theirs = (
        list(inspect.signature(s).parameters)
        for s in (layers.InputSpec, keras.layers.InputSpec)
    )
    assert ours == theirs


class TwiceAround(layers.Wrapper):
    def call(self, inputs):
        return self.layer(self.layer(inputs))


def test_a_wrapper_trains_what_is_inside():
    x = onefit.Input((3,))
    model = onefit.Model(x, TwiceAround(layers.Dense(3))(x))
    assert model.count_params() == 12
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.fit(A, B, verbose=0)
    assert (model.get_weights()[0] != before).any()
    with pytest.raises(TypeError, match="TwiceAround: received 3; expected a layer"):
        TwiceAround(3)


def test_a_wrapper_has_a_config():
    wrapper = TwiceAround(layers.Dense(3, activation="relu"), name="twice")
    config = json.loads(json.dumps(wrapper.get_config()))
    again = TwiceAround.from_config(config)
    assert (again.name, again.layer.units) == ("twice", 3)
    assert again.get_config() == wrapper.get_config()
