"""Classes that say themselves how they are compiled, in files."""

import numpy as np
import pytest

import onefit
from onefit import layers

X = np.linspace(-1, 1, 8, dtype="float32").reshape(4, 2)


class Net(onefit.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.out = layers.Dense(1)

    def call(self, inputs):
        return self.out(inputs)


class Told(Net):
    """A compile with arguments of its own, which the class writes and reads."""

    def compile(self, rule, cost):
        super().compile(optimizer=rule, loss=cost)
        self.cost = cost

    def get_compile_config(self):
        rule = onefit.saving.serialize_keras_object(self.optimizer)
        return {"rule": rule, "cost": self.cost}

    def compile_from_config(self, config):
        rule = onefit.saving.deserialize_keras_object(config["rule"])
        self.compile(rule, config["cost"])


class Other(Net):
    """A compile with arguments of its own, of which files know nothing."""

    def compile(self, rule):
        super().compile(optimizer=rule, loss="mse")


def saved(model, path, *compiled):
    model(X)
    model.compile(*compiled)
    model.fit(X, X[:, :1], verbose=0)
    model.save(path / "model.keras")
    own = {type(model).__name__: type(model)}
    return onefit.load_model(path / "model.keras", custom_objects=own)


def test_a_class_writes_and_reads_what_compile_was_given(tmp_path):
    rule = onefit.optimizers.SGD(0.25)
    again = saved(Told(), tmp_path, rule, "mae")
    assert type(again.optimizer) is onefit.optimizers.SGD
    assert float(again.optimizer.learning_rate) == 0.25
    assert (again.cost, again.loss.name) == ("mae", "mean_absolute_error")
    assert int(again.optimizer.iterations) == int(rule.iterations) == 1


def test_a_compile_of_other_arguments_is_not_called(tmp_path):
    with pytest.warns(onefit.OnefitWarning, match="compile of Other .* not called"):
        again = saved(Other(), tmp_path, "sgd")
    assert not again.compiled
    assert again.predict(X, verbose=0).shape == (4, 1)
