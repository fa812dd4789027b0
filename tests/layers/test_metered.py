"""Metrics that layers and models have, and update in their `call`."""

import numpy as np
import pytest

import onefit
from onefit import layers, metrics, ops

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


class Watched(layers.Layer):
    """A layer that keeps the mean size of what it gives."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dense = units, layers.Dense(units)
        self.size = metrics.Mean(name="size")

    def call(self, x):
        y = self.dense(x)
        self.size.update_state(ops.abs(y))
        return y


class Largest(metrics.Metric):
    """A metric in Keras' style."""

    def __init__(self, name="largest", **kwargs):
        super().__init__(name=name, **kwargs)
        self.best = self.add_weight(name="best", initializer="zeros")

    def update_state(self, values):
        self.best.assign(ops.maximum(self.best, ops.max(values)))

    def result(self):
        return self.best


def test_a_call_outside_a_program_counts():
    layer = Watched()
    a, b = layer(X[:10]), layer(X[10:])
    sizes = np.abs(np.concatenate([a, b])).mean()
    assert [m.name for m in layer.metrics] == ["size"]
    assert float(layer.size.result()) == pytest.approx(sizes, rel=1e-5)
    assert len(layer.weights) == len(layer.variables) == 2
    assert len(layer.metrics_variables) == 2
    assert sorted(layer.get_config()) == ["dtype", "name", "trainable"]


def model_of(*more, **compiled):
    model = onefit.Sequential([onefit.Input((4,)), *more, layers.Dense(1)])
    model.compile("sgd", "mse", **compiled)
    return model


class Outer(layers.Layer):
    def __init__(self):
        super().__init__()
        self.parts = [Watched(), layers.ReLU()]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


WAYS = {
    "in a layer": Watched,
    "in a model inside": lambda: onefit.Sequential([onefit.Input((4,)), Watched()]),
    "in a layer of layers": Outer,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", WAYS.values(), ids=list(WAYS))
def test_its_number_is_in_the_logs_anew_for_each_epoch(make):
    model = model_of(make(), metrics=["mae"])
    watched = model.layers[0]
    dense = watched.dense if hasattr(watched, "dense") else None
    model.optimizer.learning_rate = 0.0  # so that each epoch gives the same
    history = model.fit(
        X, Y, epochs=3, batch_size=16, verbose=0, validation_data=(X[:20], Y[:20])
    ).history
    assert list(history) == ["loss", "mae", "size", "val_loss", "val_mae", "val_size"]
    np.testing.assert_allclose(history["size"], history["size"][0], rtol=1e-5)
    np.testing.assert_allclose(history["val_size"], history["val_size"][0], rtol=1e-5)
    answer = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert answer["size"] == pytest.approx(history["size"][0], rel=1e-5)
    if dense is not None:
        size = np.abs(dense(X)).mean()
        assert answer["size"] == pytest.approx(float(size), rel=1e-5)
    assert model.metrics_names == ["loss", "mae", "size"]
    assert model.predict(X, verbose=0).shape == (40, 1)
    batch = model.train_on_batch(X, Y, return_dict=True)
    assert batch["size"] == pytest.approx(answer["size"], rel=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_of_a_model_with_a_call_and_of_ones_own_class(tmp_path):
    class Net(onefit.Model):
        def __init__(self):
            super().__init__()
            self.inner, self.out = Watched(), layers.Dense(1)
            self.top = Largest()

        def call(self, x):
            h = self.inner(x)
            self.top.update_state(h)
            return self.out(h)

    model = Net()
    model.compile("sgd", "mse")
    history = model.fit(X, Y, epochs=2, batch_size=20, verbose=0).history
    assert list(history) == ["loss", "largest", "size"]
    answer = model.evaluate(X, Y, verbose=0, return_dict=True)
    hidden = np.asarray(model.inner.dense(X))
    assert answer["largest"] == pytest.approx(hidden.max(), rel=1e-5)
    model.save_weights(tmp_path / "net.weights.h5")  # without the sums
    model.top.reset_state()
    model.load_weights(tmp_path / "net.weights.h5")
    assert float(model.top.result()) == 0.0


@pytest.mark.filterwarnings("ignore")
def test_an_endpoint_takes_targets_and_makes_loss_and_metric():
    class Endpoint(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.loss = onefit.losses.BinaryCrossentropy(from_logits=True)
            self.right = metrics.BinaryAccuracy(threshold=0.0)

        def call(self, targets, logits):
            self.add_loss(self.loss(targets, logits))
            self.right.update_state(targets, logits)
            return ops.sigmoid(logits)

    x, y = onefit.Input((4,), name="x"), onefit.Input((1,), name="y")
    model = onefit.Model([x, y], Endpoint(name="end")(y, layers.Dense(1)(x)))
    model.compile("adam")
    history = model.fit({"x": X, "y": Y}, epochs=2, verbose=0).history
    assert list(history) == ["loss", "binary_accuracy"]
    assert model.metrics_names == ["loss", "binary_accuracy"]


def test_copies_and_files_have_metrics_of_their_own(tmp_path):
    model = model_of(Watched())
    model.save(tmp_path / "m.keras")
    loaded = onefit.models.load_model(
        tmp_path / "m.keras", custom_objects={"Watched": Watched}
    )
    copied = onefit.models.clone_model(model)
    for other in (loaded, copied):
        assert other.layers[0].size is not model.layers[0].size
        other(X)
    assert float(model.layers[0].size.result()) == 0.0
    np.testing.assert_allclose(
        loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6
    )
