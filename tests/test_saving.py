"""Objects as configs: of onefit, of Keras, the user's own."""

import json

import numpy as np
import pytest

import onefit
from onefit import layers, saving
from onefit.custom import get_custom_objects
from onefit.saving import deserialize_keras_object as read
from onefit.saving import serialize_keras_object as write


@pytest.fixture(autouse=True)
def _as_it_was():
    before = dict(get_custom_objects())
    yield
    get_custom_objects().clear()
    get_custom_objects().update(before)


def through(obj):
    return read(json.loads(json.dumps(write(obj))))


@pytest.mark.parametrize(
    "obj",
    [
        layers.Dense(2, activation="relu", kernel_regularizer="l2"),
        onefit.losses.MeanSquaredError(),
        onefit.metrics.AUC(num_thresholds=7),
        onefit.optimizers.Adam(0.5),
        onefit.initializers.HeNormal(seed=1),
        onefit.regularizers.L1L2(0.1, 0.2),
        onefit.constraints.MaxNorm(3),
        onefit.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9),
    ],
    ids=lambda obj: type(obj).__name__,
)
def test_descriptions(obj):
    again = through(obj)
    assert type(again) is type(obj)
    assert again.get_config() == obj.get_config()


def test_plain_values_and_arrays():
    nest = {"a": [1, 2.5, None, "text", True], "b": {"c": []}}
    assert through(nest) == nest
    array = through(np.arange(3, dtype="int8"))
    assert array.dtype == "int8"
    assert array.tolist() == [0, 1, 2]
    assert through(slice(1, None, 2)) == slice(1, None, 2)
    assert through(onefit.random.SeedGenerator(3)).next().tolist() == [3, 0]


def test_functions_are_found_by_name():
    assert through(onefit.activations.relu) is onefit.activations.relu
    assert through(onefit.losses.mean_squared_error) is onefit.losses.mean_squared_error

    @saving.register_keras_serializable("mine")
    def cube(x):
        return x**3

    assert write(cube)["config"] == "mine>cube"
    assert through(cube) is cube
    with pytest.raises(TypeError, match="what settings describe"):
        write(lambda x: x)
    with pytest.raises(ValueError, match="Unknown function 'cubes'"):
        read({"class_name": "function", "config": "cubes"})


def test_models():
    model = onefit.Sequential([onefit.Input((2,)), layers.Dense(3)])
    assert through(model).count_params() == 9
    assert [type(layer) for layer in through(model).layers] == [layers.Dense]


def test_own_classes():
    @saving.register_keras_serializable("mine")
    class Scale:
        def __init__(self, by):
            self.by = by

        def get_config(self):
            return {"by": self.by}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    assert through(Scale(3)).by == 3

    class Wide(layers.Dense):
        units: int = 5

    config = write(Wide())
    assert isinstance(read(config, custom_objects={"Wide": Wide}), Wide)


def test_objects_of_keras():
    keras = pytest.importorskip("keras")
    theirs = [
        keras.layers.LSTM(3, dropout=0.1),
        keras.losses.Huber(0.5),
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.layers.Conv2D(2, 3, activation="relu"),
    ]
    for obj in theirs:
        ours = read(keras.saving.serialize_keras_object(obj))
        assert type(ours).__name__ == type(obj).__name__


def test_names_are_those_of_keras():
    keras = pytest.importorskip("keras")
    names = {n for n in dir(keras.saving) if n[0] != "_"}
    assert names - {"KerasFileEditor"} == set(saving.__all__)


def test_weights(tmp_path):
    model = onefit.Sequential([onefit.Input((2,)), layers.Dense(3)])
    saving.save_weights(model, tmp_path / "w.weights.h5")
    other = onefit.Sequential([onefit.Input((2,)), layers.Dense(3)])
    saving.load_weights(other, tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])
    with pytest.raises(TypeError, match="received an argument 'limit'"):
        saving.load_weights(other, tmp_path / "w.weights.h5", limit=1)
