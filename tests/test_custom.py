"""The user's own names: registered, in a block, handed over."""

import numpy as np
import pytest

import onefit
from onefit import custom
from onefit.custom import CustomObjectScope, get_custom_objects, lookup
from onefit.custom import register_keras_serializable as register


@pytest.fixture(autouse=True)
def _as_it_was():
    before = dict(get_custom_objects())
    yield
    get_custom_objects().clear()
    get_custom_objects().update(before)


def cube(x):
    return x**3


class WideOne(onefit.layers.Dense):
    units: int = 7


class Twice(onefit.losses.Loss):
    compares = "regression"

    def formula(self, y, a):
        return 2 * (y - a) ** 2


def test_what_is_registered_is_found_by_both_names():
    register("mine")(cube)
    assert lookup("mine>cube") is lookup("cube") is cube
    assert custom.get_registered_name(cube) == "mine>cube"
    assert custom.get_registered_object("mine>cube") is cube
    assert onefit.activations.get("cube") is onefit.activations.get("mine>cube") is cube
    register("other", name="cube")(np.cbrt)
    assert lookup("cube") is None  # two have it
    assert lookup("other>cube") is np.cbrt


def test_blocks_are_nested_and_end():
    with CustomObjectScope({"f": cube}):
        with CustomObjectScope({"f": np.sin, "g": cube}):
            assert (lookup("f"), lookup("g")) == (np.sin, cube)
        assert (lookup("f"), lookup("g")) == (cube, None)
        with pytest.raises(ZeroDivisionError), CustomObjectScope({"f": np.cos}):
            raise ZeroDivisionError
        assert lookup("f") is cube
    assert lookup("f") is None


def test_a_name_of_the_users_stands_before_ours_only_if_it_is_the_whole_name():
    register("mine", name="relu")(cube)
    assert onefit.activations.get("relu") is onefit.activations.relu
    with CustomObjectScope({"relu": cube}):
        assert onefit.activations.get("relu") is cube


@pytest.mark.parametrize(
    ("room", "cls", "name"), [("losses", Twice, "Twice"), ("metrics", cube, "cube")]
)
def test_every_registry_finds_it(room, cls, name):
    with CustomObjectScope({name: cls}):
        found = getattr(onefit, room).get(name)
    assert found is not None


def test_configs_name_it_as_keras_writes_them():
    register("mine")(Twice)
    config = {"class_name": "Other", "config": {}, "registered_name": "mine>Twice"}
    assert isinstance(onefit.losses.get(config), Twice)
    register("mine")(cube)
    config = {"class_name": "function", "config": "cube", "module": "builtins"}
    assert onefit.activations.get(config) is cube


def test_a_compiled_model_takes_names():
    def smape(y_true, y_pred):
        return abs(y_true - y_pred)

    with CustomObjectScope({"smape": smape, "cube": cube}):
        model = onefit.Sequential([onefit.layers.Dense(1, activation="cube")])
        model.compile("sgd", loss="smape", metrics=["smape"])
        history = model.fit(np.ones((4, 2)), np.ones(4), epochs=1, verbose=0)
    assert "smape" in history.history


def test_what_cannot_be_registered():
    with pytest.raises(TypeError, match="received 3; expected a class or a function"):
        register()(3)

    class Plain:
        pass

    with pytest.raises(ValueError, match="the class Plain, which has no get_config"):
        register()(Plain)
