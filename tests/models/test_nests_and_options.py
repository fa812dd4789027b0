"""Inputs that may be None, nests of outputs, names that are taken, what files keep."""

import numpy as np
import pytest

import onefit
from onefit import layers

X, Z = np.random.default_rng(0).normal(size=(2, 12, 3)).astype("float32")
Y = (X @ [1.0, -2.0, 0.5]).astype("float32")[:, None]


def two(library):
    class Sum(library.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = library.layers.Dense(1)

        def call(self, one, other=None):
            return self.dense(one if other is None else one + other)

        def compute_output_shape(self, shape, *_):
            return (shape[0], 1)

    one = library.Input((3,), name="one")
    other = library.Input((3,), name="other", optional=True)
    model = library.Model([one, other], Sum()(one, other))
    model.set_weights([np.full((3, 1), 0.5, "float32"), np.zeros(1, "float32")])
    model.compile("sgd", "mse")
    return model


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_an_optional_input_may_be_none_as_in_keras(tmp_path):
    import keras

    fits = []
    for library in (keras, onefit):
        model, how = two(library), {"shuffle": False, "verbose": 0, "batch_size": 5}
        losses = [
            model.fit(x, Y, epochs=2, **how).history["loss"]
            for x in ([X, None], {"one": X, "other": None}, [X, Z])
        ]
        pairs = ((X[i : i + 4], None) for i in (0, 4, 8))
        batches = ((pair, Y[4 * i : 4 * i + 4]) for i, pair in enumerate(pairs))
        losses.append(model.fit(batches, shuffle=False, verbose=0).history["loss"])
        given = model.predict([X, None], verbose=0), model.predict([X, Z], verbose=0)
        fits.append((losses, *given))
    for theirs, ours in zip(*fits, strict=True):
        for one, other in zip(theirs, ours, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="'one': received None as its input"):
        model.predict([None, Z], verbose=0)
    model.save(tmp_path / "m.keras")
    again = onefit.load_model(tmp_path / "m.keras", {"Sum": type(model.layers[-1])})
    np.testing.assert_array_equal(again.predict([X, None], verbose=0), given[0])


def nested(library):
    dense = library.layers.Dense
    a, b = library.Input((3,), name="a"), library.Input((3,), name="b")
    hidden = library.layers.Add()([a, b])
    outs = [dense(1, name=f"o{i}", kernel_initializer="ones") for i in range(3)]
    model = library.Model(
        {"in": [a, b]}, {"u": [outs[0](hidden), outs[1](hidden)], "v": outs[2](hidden)}
    )
    model.compile(
        "sgd",
        {"u": ["mse", "mae"], "v": "mse"},
        loss_weights={"u": [1.0, 0.5], "v": 2.0},
        metrics={"u": [["mae"], ["mse"]], "v": ["mae"]},
    )
    return model


def test_lists_in_dicts_are_arranged_as_in_keras(tmp_path):
    import keras

    y, logs, told = {"u": [Y, 2 * Y], "v": -Y}, [], []
    for library in (keras, onefit):
        model = nested(library)
        x = {"in": [X, Z]}
        history = model.fit(x, y, epochs=2, shuffle=False, verbose=0)
        logs.append(history.history)
        told.append(model.predict(x, verbose=0))
    assert set(logs[0]) == set(logs[1])
    for name in logs[0]:
        np.testing.assert_allclose(logs[0][name], logs[1][name], rtol=1e-4)
    np.testing.assert_allclose(told[0]["u"][1], told[1]["u"][1], rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "m.keras")
    for library in (onefit, keras):
        again = library.saving.load_model(tmp_path / "m.keras")
        found = again.predict(x, verbose=0)["u"][1]
        np.testing.assert_allclose(found, told[1]["u"][1], rtol=1e-5)


def test_weighted_metrics_and_compile_metrics_have_keras_names():
    model = onefit.Sequential([onefit.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae"])
    history = model.fit(X, Y, sample_weight=np.arange(12.0), verbose=0).history
    assert list(history) == ["loss", "mae", "weighted_mae"]
    assert [one.name for one in model.metrics] == ["loss", "compile_metrics"]
    assert model.metrics_names == ["loss", "mae", "weighted_mae"]  # as evaluate has it
    assert model.compiled


@pytest.mark.parametrize("name", ["slot", "random", "pairs", "begin", "forward"])
def test_a_name_that_layers_use_is_refused(name):
    class Taking(layers.Layer):
        def __init__(self):
            super().__init__()
            setattr(self, name, 3.0)

        def call(self, x):
            return x

    with pytest.raises(ValueError, match=f"an attribute named '{name}'"):
        Taking()
    with pytest.raises(ValueError, match=f"a method named '{name}'"):
        type("Taking", (layers.Layer,), {name: lambda self: 1, "call": lambda s, x: x})


def test_a_name_that_models_use_is_refused():
    class TakingModel(onefit.Model):
        def __init__(self):
            super().__init__()
            self.graph = 3  # pyright: ignore[reportAttributeAccessIssue]

    with pytest.raises(ValueError, match="an attribute named 'graph'"):
        TakingModel()
    with pytest.raises(ValueError, match="a method named 'task'"):
        type("TakingTask", (onefit.Model,), {"task": lambda self: 1})


class Kept(layers.Layer):
    """A layer that keeps a table beside its weight."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = np.zeros(2)

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones", name="w")

    def call(self, x):
        return x * self.w

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["table"] = self.table

    def load_own_variables(self, store):
        self.w.assign(store["0"])
        self.table = np.array(store["table"])


class Keeping(layers.Layer):
    """One with such a layer inside."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.dense = Kept(), layers.Dense(2)

    def call(self, x):
        return self.dense(self.inner(x))


def test_own_variables_are_what_a_file_has(tmp_path):
    model = onefit.Sequential([onefit.Input((3,)), Kept(), Keeping()])
    model.layers[0].table, model.layers[1].inner.table = np.ones(2), np.arange(5.0)
    model.layers[0].w.assign([1.0, 2.0, 3.0])
    model.save(tmp_path / "m.keras")
    again = onefit.load_model(tmp_path / "m.keras", {"Kept": Kept, "Keeping": Keeping})
    model.save_weights(tmp_path / "m.weights.h5")
    again.layers[0].table = None
    again.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(again.layers[0].table, np.ones(2))
    np.testing.assert_array_equal(again.layers[1].inner.table, np.arange(5.0))
    found = again.predict(X, verbose=0)
    np.testing.assert_array_equal(found, model.predict(X, verbose=0))
    dense = onefit.layers.Dense(1)
    dense.build((None, 2))
    store = {}
    dense.save_own_variables(store)
    assert [array.shape for array in store.values()] == [(2, 1), (1,)]
    with pytest.raises(ValueError, match="received 1 arrays; expected 2"):
        dense.load_own_variables({"0": store["0"]})


def noisy(seed):
    inside = [
        layers.Dense(8, kernel_initializer="ones"),
        layers.Dropout(0.5, seed=seed),
    ]
    end = layers.Dense(1, kernel_initializer="ones")
    model = onefit.Sequential([onefit.Input((3,)), *inside, end])
    model.compile("sgd", "mse")
    return model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]


def test_fits_with_a_seed_of_their_own_are_alike():
    assert noisy(1) == noisy(1) != noisy(2)
    assert noisy(None) != noisy(None)


def test_a_stream_that_does_not_end_is_said(monkeypatch):
    from onefit.training import feeding

    monkeypatch.setattr(feeding, "ENDLESS", 5)
    model = onefit.Sequential([onefit.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(onefit.OnefitWarning, match="steps_per_epoch=100"):
        model.fit(((X, Y) for _ in range(9)), verbose=0)


def test_state_trees_bring_all_back():
    model = onefit.Sequential([onefit.Input((3,)), layers.Dense(1, name="d")])
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    tree = model.get_state_tree("numpy_array")
    assert tree["trainable_variables"]["d"]["kernel"].shape == (3, 1)
    model.fit(X, Y, verbose=0)
    model.set_state_tree(tree)
    np.testing.assert_array_equal(
        model.get_weights()[0], tree["trainable_variables"]["d"]["kernel"]
    )
    assert int(model.optimizer.iterations) == 1
    with pytest.raises(ValueError, match="Unknown variable in trainable_variables"):
        model.set_state_tree({"trainable_variables": {"e": {"kernel": 1}}})
    config = model.get_compile_config()
    model.compile("sgd", "mae")
    model.compile_from_config(config)
    assert type(model.optimizer) is onefit.optimizers.Adam
