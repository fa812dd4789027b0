"""Layers, models and metrics in Keras' style: what a subclass writes is what runs."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import onefit
from onefit import layers, metrics, ops
from onefit.models import clone_model

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4)).astype("float32")
Y = (X[:, :1] * X[:, 1:2]).astype("float32")


@pytest.fixture(autouse=True)
def repeatable():
    """The same first weights and draws in each run."""
    onefit.config.set_random_seed(0)


class Linear(layers.Layer):
    """Weights made in build, a count that is no weight, settings in get_config."""

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = onefit.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), name="kernel"
        )
        self.seen = self.add_weight(initializer="zeros", trainable=False, name="seen")
        self.bias = self.add_weight(
            shape=(self.units,), initializer="zeros", name="bias", regularizer="l2"
        )

    def call(self, inputs, training=False):
        if training:
            self.seen.assign_add(1.0)
        return self.activation(inputs @ self.kernel + self.bias)

    def get_config(self):
        activation = onefit.activations.serialize(self.activation)
        return super().get_config() | {"units": self.units, "activation": activation}


class Block(layers.Layer):
    """Layers as attributes, in a list, in a model; no get_config."""

    def __init__(self, width, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.first = Linear(width, "relu")
        self.rest = [layers.Dense(width), layers.BatchNormalization()]
        self.inner = onefit.Sequential([layers.Dense(3), layers.Dense(width)])
        self.drop = layers.Dropout(rate)

    def call(self, inputs, training=None):
        h = self.first(inputs)
        for layer in self.rest:
            h = layer(h)
        return self.drop(h + self.inner(h))


class Net(onefit.Model):
    """A model with a call."""

    def __init__(self, width=6, **kwargs):
        super().__init__(**kwargs)
        self.block = Block(width, 0.0)
        self.head = layers.Dense(1)

    def call(self, inputs, training=False):
        return self.head(self.block(inputs, training=training))


def sequential(*more):
    return onefit.Sequential([onefit.Input((4,)), *more, layers.Dense(1)])


MODELS = {
    "a layer": lambda: sequential(Linear(5, "relu")),
    "a layer of layers": lambda: sequential(Block(5, 0.0)),
    "a model": Net,
    "a model in a model": lambda: sequential(layers.Dense(4), Net(3)),
}
every = pytest.mark.parametrize("make", MODELS.values(), ids=list(MODELS))


@pytest.fixture(scope="module")
def fitted():
    """Each of the models, trained a little."""
    models = {}
    for name, make in MODELS.items():
        model = make()
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=2, batch_size=16, verbose=0)
        models[name] = model
    return models


# Values -------------------------------------------------------------------------------


def test_a_call_is_what_is_computed():
    layer = Linear(2)
    y = layer(np.ones((1, 3), "float32"))
    kernel, bias, seen = (np.array(w) for w in layer.get_weights())
    np.testing.assert_allclose(y, np.ones((1, 3)) @ kernel + bias, rtol=1e-6)
    assert [w.path for w in layer.weights] == [
        "linear/kernel",
        "linear/bias",
        "linear/seen",
    ]
    assert float(seen) == 0.0
    layer(np.ones((1, 3)), training=True)
    assert float(layer.seen) == 1.0


def test_a_state_counts_steps_inside_the_program():
    model = sequential(Linear(3))
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=3, batch_size=16, verbose=0)
    assert float(model.layers[0].seen) == 9.0  # 40 rows are 3 batches
    model.predict(X, verbose=0)
    model.evaluate(X, Y, verbose=0)
    assert float(model.layers[0].seen) == 9.0


def test_numbers_and_order_are_those_of_keras():
    import keras

    class Theirs(keras.layers.Layer):
        def __init__(self, width):
            super().__init__()
            self.inner = keras.layers.Dense(width)
            self.norm = keras.layers.BatchNormalization()

        def build(self, shape):
            self.count = self.add_weight(shape=(), trainable=False, initializer="zeros")
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

        def call(self, x):
            return self.norm(self.inner(x * self.scale)) + self.count

    class Ours(layers.Layer):
        def __init__(self, width):
            super().__init__()
            self.inner = layers.Dense(width)
            self.norm = layers.BatchNormalization()

        build, call = Theirs.build, Theirs.call

    ours, theirs = Ours(3), Theirs(3)
    ours(X)
    theirs(X)
    shapes = [tuple(w.shape) for w in theirs.weights]
    assert [w.shape for w in ours.weights] == shapes
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(X), theirs(X), atol=1e-6)
    for name in ("trainable_weights", "non_trainable_weights", "variables"):
        mine = [w.shape for w in getattr(ours, name)]
        assert mine == [tuple(w.shape) for w in getattr(theirs, name)], name


def test_gradients_are_those_of_the_same_graph():
    class Dense(layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.inner = layers.Dense(units, activation="tanh")

        def call(self, x):
            return self.inner(x)

    plain = sequential(layers.Dense(3, activation="tanh"))
    own = sequential(Dense(3))
    own.set_weights(plain.get_weights())
    for model in (plain, own):
        model.compile(onefit.optimizers.SGD(0.1), "mse")
        model.fit(X, Y, epochs=3, batch_size=16, shuffle=False, verbose=0)
    # The last batch of one is filled up, that of the other is not: rounding differs.
    for a, b in zip(plain.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, 1e-6, 1e-7)


class Twice(layers.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)


class Always(layers.Dropout):
    def call(self, inputs):
        return super().call(inputs, training=True)


class SevenUnits(layers.Dense):
    def __init__(self, **kwargs):
        super().__init__(7, **kwargs)


class Reversed(layers.LSTM):
    def call(self, sequences, mask=None, training=False):
        return super().call(sequences[:, ::-1], mask=mask, training=training)


def test_a_call_over_a_layer_of_the_library_is_honoured():
    twice = Twice(3, kernel_initializer="ones")
    np.testing.assert_array_equal(twice(np.ones((1, 4))), np.full((1, 3), 8.0))
    assert twice.kernel.shape == (4, 3)
    assert SevenUnits()(X).shape == (40, 7)
    x = np.ones((200, 3), "float32")
    always = Always(0.5)
    assert 0.3 < np.mean(np.asarray(always(x)) == 0) < 0.7
    assert np.any(np.asarray(always(x)) != np.asarray(always(x)))
    model = onefit.Sequential([onefit.Input((3,)), Always(0.5)])
    assert len(np.unique(model.predict(x, verbose=0))) == 2
    series = rng.normal(size=(2, 5, 3)).astype("float32")
    ours, plain = Reversed(4), layers.LSTM(4)
    ours(series)
    plain(series)
    plain.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(series), plain(series[:, ::-1]), atol=1e-6)


def test_dropout_inside_draws_anew_at_each_step_and_not_in_predict():
    model = sequential(Block(8, 0.5))
    model.compile("sgd", "mse")
    assert model.graph.random
    first = model.predict(X, verbose=0)
    np.testing.assert_array_equal(first, model.predict(X, verbose=0))
    one, other = model(X[:5], training=True), model(X[:5], training=True)
    assert np.any(np.asarray(one) != np.asarray(other))


def test_seeded_draws_go_on_from_call_to_call():
    class Noise(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seeds = onefit.random.SeedGenerator(1)

        def call(self, x):
            return x + onefit.random.normal(ops.shape(x), seed=self.seeds)

    layer, x = Noise(), np.zeros((2, 3), "float32")
    assert np.any(np.asarray(layer(x, training=True)) != layer(x, training=True))
    assert len(layer.variables) == 1


def test_several_arguments_nests_and_static_ones():
    class Mix(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def build(self, query_shape, parts_shape):
            self.sizes = query_shape[-1], parts_shape["a"][-1]

        def call(self, query, parts, factor=1.0, flip=False):
            y = self.dense(ops.concatenate([query, parts["a"]], -1)) * factor
            return {"y": -y if flip else y, "both": [query, parts["a"]]}

    mix, parts = Mix(), {"a": X[:, :1]}
    y = mix(X, parts)
    assert mix.sizes == (4, 1)
    assert y["y"].shape == (40, 2)
    assert [v.shape for v in y["both"]] == [(40, 4), (40, 1)]
    np.testing.assert_allclose(mix(X, parts, 2.0)["y"], 2 * y["y"], rtol=1e-6)
    np.testing.assert_allclose(mix(X, parts, flip=True)["y"], -y["y"], rtol=1e-6)
    a, b = onefit.Input((4,)), onefit.Input((1,))
    model = onefit.Model([a, b], mix(a, {"a": b}, factor=3.0)["y"])
    np.testing.assert_allclose(
        model.predict([X, X[:, :1]], verbose=0), 3 * y["y"], rtol=1e-5
    )


def test_masks_pass_through_and_reach_a_call_that_asks():
    class Count(layers.Layer):
        def call(self, x, mask=None):
            mask = ops.ones(ops.shape(x)[:2]) if mask is None else mask
            return ops.sum(ops.cast(mask, "float32"), -1, keepdims=True)

    class Through(layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x):
            return x

    class Inside(layers.Layer):
        def __init__(self):
            super().__init__()
            self.embed = layers.Embedding(9, 2, mask_zero=True)
            self.count = Count()

        def call(self, x):
            return self.count(self.embed(x))

    ids = np.array([[1, 2, 0], [3, 0, 0]])
    embed = layers.Embedding(9, 2, mask_zero=True)
    model = onefit.Sequential([onefit.Input((3,), dtype="int32"), embed])
    model.add(Through())
    model.add(Count())
    np.testing.assert_array_equal(model.predict(ids, verbose=0), [[2.0], [1.0]])
    np.testing.assert_array_equal(Inside()(ids), [[2.0], [1.0]])


def test_penalties_of_calls_weights_and_activities_are_in_the_loss():
    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(0.5 * ops.sum(x))
            return x

    ones = np.ones((4, 3), "float32")
    model = onefit.Sequential([onefit.Input((3,)), Penalty()])
    model.compile("sgd", "mse")
    assert model.evaluate(ones, ones, batch_size=4, verbose=0) == pytest.approx(6.0)
    layer = Penalty()
    layer(ones)
    assert [float(v) for v in layer.losses] == [6.0]
    linear = Linear(2)
    linear.build((None, 3))
    linear.bias.assign([1.0, 2.0])
    assert float(sum(linear.losses)) == pytest.approx(0.05)
    model = onefit.Sequential([onefit.Input((3,)), linear])
    model.compile("sgd", "mse")
    y = model.predict(ones, verbose=0)
    assert model.evaluate(ones, y, verbose=0) == pytest.approx(0.05)

    class Kept(layers.Layer):
        def call(self, x):
            return x

    kept = Kept(activity_regularizer="l1")
    kept(ones)
    assert float(kept.losses[0]) == pytest.approx(0.01 * 12 / 4)


def test_constraints_hold():
    class Positive(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(
                shape=(shape[-1],), initializer="ones", constraint="non_neg"
            )

        def call(self, x):
            return -x * self.w

    model = onefit.Sequential([onefit.Input((4,)), Positive()])
    model.compile(onefit.optimizers.SGD(5.0), "mse")
    model.fit(X, X, epochs=1, verbose=0)
    assert np.all(model.get_weights()[0] >= 0)


def test_freezing_reaches_what_is_inside():
    block = Block(3)
    block(X)
    trained = len(block.trainable_weights)
    block.trainable = False
    assert not block.trainable_weights
    assert not block.first.trainable_weights
    block.trainable = True
    assert len(block.trainable_weights) == trained
    model = sequential(block)
    model.compile("sgd", "mse")
    block.first.trainable = False
    before = block.first.kernel.numpy()
    model.fit(X, Y, epochs=1, verbose=0)
    np.testing.assert_array_equal(before, block.first.kernel)


def test_a_layer_that_two_others_have_is_one():
    class Tied(layers.Layer):
        def __init__(self, dense):
            super().__init__()
            self.dense = dense

        def call(self, x):
            return self.dense(x)

    class Model(onefit.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)
            self.one, self.other = Tied(self.dense), Tied(self.dense)

        def call(self, x):
            return self.other(self.one(self.dense(x)))

    model = Model()
    model.compile("sgd", "mse")
    model.fit(X, X, epochs=1, verbose=0)
    assert model.count_params() == 20
    w, b = model.dense.get_weights()
    y = ((X @ w + b) @ w + b) @ w + b
    np.testing.assert_allclose(model.predict(X, verbose=0), y, rtol=1e-4, atol=1e-4)


def test_wrappers_of_the_library_take_them():
    series = rng.normal(size=(2, 3, 4)).astype("float32")
    distributed = layers.TimeDistributed(Linear(2))
    assert distributed(series).shape == (2, 3, 2)
    assert len(distributed.weights) == 3


class Cell(layers.Layer):
    """A recurrent cell: h = x w + h u."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
        self.u = self.add_weight(shape=(self.units, self.units), name="u")

    def call(self, inputs, states):
        h = inputs @ self.w + states[0] @ self.u
        return h, [h]


def test_cells_are_carried_along_sequences():
    series = rng.normal(size=(2, 3, 4)).astype("float32")
    layer = layers.RNN(Cell(5), return_sequences=True)
    y = layer(series)
    w, u = layer.get_weights()
    h = np.zeros((2, 5))
    for t in range(3):
        h = series[:, t] @ w + h @ u
        np.testing.assert_allclose(y[:, t], h, rtol=1e-5, atol=1e-6)
    assert layers.RNN([Cell(5), Cell(6)])(series).shape == (2, 6)
    assert layers.Bidirectional(layers.RNN(Cell(5)))(series).shape == (2, 10)
    model = onefit.Sequential([layers.RNN(Cell(5)), layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(series, np.ones((2, 1)), epochs=50, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@every
def test_training_brings_the_loss_down(make):
    model = make()
    model.compile(onefit.optimizers.Adam(0.02), "mse")
    losses = model.fit(X, Y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


# Models -------------------------------------------------------------------------------


def test_inputs_and_outputs_in_dicts_and_lists():
    class Two(onefit.Model):
        def __init__(self):
            super().__init__()
            self.embed = layers.Embedding(10, 4)
            self.pool = layers.GlobalAveragePooling1D()
            self.p, self.q = layers.Dense(2, activation="softmax"), layers.Dense(1)

        def call(self, inputs):
            h = ops.concatenate(
                [self.pool(self.embed(inputs["ids"])), inputs["more"]], axis=-1
            )
            return {"p": self.p(h), "q": self.q(h)}

    model = Two()
    model.compile("adam", {"p": "sparse_categorical_crossentropy", "q": "mse"})
    x = {"more": X, "ids": rng.integers(0, 10, (40, 6))}
    y = {"q": Y, "p": rng.integers(0, 2, 40)}
    history = model.fit(x, y, epochs=1, verbose=0).history
    assert set(history) == {"loss", "p_loss", "q_loss"}
    shapes = {k: v.shape for k, v in model.predict(x, verbose=0).items()}
    assert shapes == {"p": (40, 2), "q": (40, 1)}


def test_sizes_of_the_inputs_may_change():
    class Mean(onefit.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(ops.mean(x, axis=1))

    model = Mean()
    for steps in (3, 5):
        x = np.ones((2, steps, 4), "float32")
        assert model(x).shape == model.predict(x, verbose=0).shape == (2, 2)
    assert model.count_params() == 10


def test_the_layers_of_a_model_are_its_attributes():
    net = Net(5)
    net.build((None, 4))
    assert [type(layer).__name__ for layer in net.layers] == ["Block", "Dense"]
    assert net.get_layer("block") is net.block
    lines = []
    net.summary(print_fn=lines.append)
    assert "block (Block)" in lines[0]
    assert "(None, 5)" in lines[0]
    assert net.count_params() == sum(np.size(w) for w in net.get_weights())
    assert net.built


def test_a_model_in_an_eager_loop_learns():
    net, optimizer = Net(5), onefit.optimizers.Adam(0.05)
    losses = []
    for _ in range(20):
        with onefit.GradientTape() as tape:
            loss = ops.mean((net(X, training=True) - Y) ** 2)
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]
    assert float(net.block.first.seen) == 20.0


# Copies and files -------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_copies_compute_the_same(fitted, name):
    model = fitted[name]
    wanted = model.predict(X, verbose=0)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict(X, verbose=0), wanted)
    clone = clone_model(model)
    assert clone.count_params() == model.count_params()
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(X, verbose=0), wanted)


@pytest.mark.parametrize("name", MODELS)
def test_files_bring_them_back(fitted, name, tmp_path):
    model = fitted[name]
    file = tmp_path / "model.keras"
    model.save(file)
    again = onefit.load_model(file)
    assert type(again) is type(model)
    wanted = model.predict(X, verbose=0)
    np.testing.assert_array_equal(again.predict(X, verbose=0), wanted)
    for ending in (".weights.h5", ".safetensors"):
        model.save_weights(tmp_path / f"w{ending}")
        again.set_weights([np.zeros_like(w) for w in again.get_weights()])
        again.load_weights(tmp_path / f"w{ending}")
        np.testing.assert_array_equal(again.predict(X, verbose=0), wanted)


def test_training_goes_on_from_a_file_where_it_stopped(tmp_path):
    model = sequential(Block(4, 0.0))
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=1, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = onefit.load_model(tmp_path / "model.keras")
    one, other = (
        m.fit(X, Y, epochs=1, shuffle=False, verbose=0).history["loss"]
        for m in (model, again)
    )
    assert one == other


@pytest.mark.parametrize("name", MODELS)
def test_onnx_computes_the_same(fitted, name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    from onefit.interop import onnx

    model = fitted[name]
    onnx.export(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (y,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(y, model.predict(X, verbose=0), atol=1e-5)


def test_two_alike_share_one_program():
    def structure(model):
        return jax.tree.structure(model.graph)

    assert structure(sequential(Linear(5))) == structure(sequential(Linear(5)))
    assert structure(sequential(Linear(5))) != structure(sequential(Linear(6)))
    layer = Linear(5)
    before = structure(sequential(layer))
    layer.factor = 2.0
    assert structure(sequential(layer)) != before


# Metrics ------------------------------------------------------------------------------


class Largest(metrics.Metric):
    def __init__(self, name="largest", **kwargs):
        super().__init__(name=name, **kwargs)
        self.best = self.add_weight(name="best", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.best.assign(ops.maximum(self.best, ops.max(y_true)))

    def result(self):
        return self.best


class F1(metrics.Metric):
    def __init__(self, name="f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.precision, self.recall = metrics.Precision(), metrics.Recall()

    def update_state(self, y_true, y_pred, sample_weight=None):
        for metric in (self.precision, self.recall):
            metric.update_state(y_true, y_pred, sample_weight)

    def result(self):
        p, r = self.precision.result(), self.recall.result()
        return 2 * p * r / (p + r + 1e-7)

    def reset_state(self):
        self.precision.reset_state()
        self.recall.reset_state()


class Strict(metrics.BinaryAccuracy):
    def __init__(self, **kwargs):
        super().__init__(threshold=0.9, **kwargs)


class Negated(metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(-y_pred)


def test_metrics_of_ones_own_in_a_fit_and_by_themselves():
    y = (X[:, :1] > 0).astype("float32")
    model = onefit.Sequential(
        [onefit.Input((4,)), layers.Dense(1, activation="sigmoid")]
    )
    own = [Largest(), F1(), Strict(), Negated()]
    model.compile("adam", "binary_crossentropy", metrics=own)
    history = model.fit(X, y, epochs=2, batch_size=16, verbose=0).history
    assert history["largest"] == [1.0, 1.0]
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    p = model.predict(X, verbose=0)
    for metric in own:
        metric.update_state(y[:30], p[:30])
        metric.update_state(y[30:], p[30:])
        name = metric.name
        assert float(metric.result()) == pytest.approx(logs[name], abs=1e-5), name
        metric.reset_state()
        assert all(not np.any(v.numpy()) for v in metric.variables)


# Refusals -----------------------------------------------------------------------------


class Returns(layers.Layer):
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(self, x)


def kept(layer, weight):
    layer.w = weight
    return weight


class Built(Returns):
    def build(self, shape):
        self.w = self.add_weight(shape=(), name="w")


def built_twice(layer, shape):
    Built.build(layer, shape)
    return layer.w


outside = layers.Dense(2)
REFUSED = {
    "a condition on a value": (
        lambda layer, x: x if ops.sum(x) > 0 else -x,
        r"Returns 'returns': received Python code that needs a number which is not "
        r"known yet, in line \d+ of test_subclasses.py: .*ops.where",
    ),
    "numpy": (lambda layer, x: np.exp(x), r"functions of onefit.ops for numpy's"),
    "a method of numpy": (
        lambda layer, x: x.numpy(),
        r"received .numpy\(\) of a value",
    ),
    "a layer made in call": (
        lambda layer, x: layers.Dense(3)(x),
        r"a call of Dense 'dense', which is no part of it",
    ),
    "a layer of nobody": (
        lambda layer, x: outside(x),
        r"a call of Dense 'dense', which is no part of it",
    ),
    "a weight of each call": (
        lambda layer, x: x * layer.add_weight(shape=(), name="w"),
        r"a weight 'w' that each call makes again; .* Make it in build",
    ),
    "a weight of each call in an attribute": (
        lambda layer, x: x * kept(layer, layer.add_weight(shape=())),
        r"a weight .*that each call makes again",
    ),
    "a build in each call": (
        lambda layer, x: built_twice(layer, x.shape) * x,
        r"a weight 'w' that each call makes again",
    ),
    "no output": (lambda layer, x: None, r"a call that returns None"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_call_refuses(name):
    function, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=words):
        Returns(function)(X)


@pytest.mark.parametrize("guard", ["hasattr", "built", "list"])
def test_a_weight_that_the_first_call_makes_is_made_once(guard):
    class Once(layers.Layer):
        def __init__(self):
            super().__init__()
            self.found = []

        def call(self, x, training=False):
            first = {
                "hasattr": not hasattr(self, "w"),
                "built": not self.built or not hasattr(self, "w"),
                "list": not self.found,
            }
            if first[guard]:
                self.w = self.add_weight(shape=(x.shape[-1], 1), name="w")
                self.found.append(self.w)
            return x @ self.w

    model = onefit.Sequential([Once()])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], epochs=2, verbose=0)
    assert [w.path for w in model.weights] == ["once/w"]


def test_a_weight_of_an_open_size_is_refused():
    class Open(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=shape)

        def call(self, x):
            return x

    with pytest.raises(ValueError, match=r"shape=\(None, 4\); expected sizes that are"):
        Open()(X)


def test_run_eagerly_runs_it_operation_by_operation():
    layer = Returns(lambda layer, x: x if float(ops.sum(x)) > 1e9 else 0.0 * x)
    model = onefit.Sequential([layer])
    model.compile("sgd", "mse", run_eagerly=True)
    assert np.all(model.predict(X, verbose=0) == 0)


def test_gradients_by_finite_differences_in_float64():
    with onefit.config.precision("float64"):
        layer = Block(3, 0.0)
        layer.first.activation = onefit.activations.get("tanh")  # without a corner
        x = X[:6].astype("float64")
        layer(x)
        slot = layer.slot
        params = jax.tree.map(jnp.asarray, slot.params)

        def f(params):
            y = layer.forward(params, slot.state, x, training=True, key=None).output
            return jnp.sum(jnp.sin(y))

        check_grads(f, (params,), order=1, modes=["rev"], atol=1e-5)


class Plain(onefit.Model):
    """An `__init__` that takes no name, and no get_config."""

    def __init__(self, units):
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def test_an_init_without_keywords_is_enough(tmp_path):
    model = Plain(2)
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], epochs=1, verbose=0)
    model.save(tmp_path / "plain.keras")
    again = onefit.load_model(tmp_path / "plain.keras")
    wanted = model.predict(X, verbose=0)
    np.testing.assert_array_equal(again.predict(X, verbose=0), wanted)
    many = onefit.population.fit(model, X, X[:, :2], seeds=2, epochs=1, verbose=0)
    assert many.best().predict(X, verbose=0).shape == (40, 2)


def test_a_model_that_was_not_begun_or_has_no_call_says_so():
    class Forgot(onefit.Model):
        def __init__(self):
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    class Silent(onefit.Model):
        def __init__(self):
            super().__init__()

    with pytest.raises(AttributeError, match=r"Write super\(\).__init__\(\) as its"):
        Forgot().predict(X)
    with pytest.raises(ValueError, match="a call of a model whose class says nothing"):
        Silent()(X)


def test_attributes_of_ones_own_stay_and_errors_name_the_class_people_wrote():
    class Shaped(layers.Layer):
        def __init__(self):
            super().__init__()
            self.shapes, self.kind = [1, 2], "mine"
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    layer = Shaped()
    layer(X)
    assert (layer.shapes, layer.kind) == ([1, 2], "mine")

    class Asking(onefit.Model):
        def call(self, x):
            return x if ops.sum(x) > 0 else -x

    with pytest.raises(TypeError, match=r"^Asking 'asking': received Python code"):
        Asking()(X)
    net = Net(3)
    net.compile("sgd", "mse")
    net.build((None, 4))
    assert "Net 'net'" in str(net.trace(X[:2], Y[:2]))


def test_a_layer_is_built_inside_a_build_without_a_shape():
    class Inside(onefit.Layer):
        def build(self, _):
            self.w = self.add_weight(shape=(), initializer="ones")

        def call(self, x):
            return self.w * x

    class Outside(onefit.Layer):
        def build(self, _):
            self.inside = Inside()
            self.inside.build(None)

        def call(self, x):
            return self.inside(x)

    layer = Outside()
    layer.build(None)
    assert [w.shape for w in layer.trainable_weights] == [()]
    np.testing.assert_array_equal(layer(np.ones(2)), np.ones(2))


def test_a_flag_in_the_second_place_is_the_calls_own():
    class Signed(onefit.Layer):
        def call(self, x, negative):
            return -x if negative else x

    class Training(onefit.Layer):
        def call(self, x, training=None):
            return -x if training else x

    for kind in (Signed, Training):
        for flag, expected in ((True, -1.0), (False, 1.0)):
            assert float(kind()(np.ones(1), flag)[0]) == expected


def test_a_build_of_several_shapes_names_them_by_the_calls_arguments():
    class Pair(onefit.Layer):
        def build(self, a_shape, other):
            del a_shape, other

        def call(self, a, b):
            return a + b

    with pytest.raises(ValueError, match="a build that takes 'other'; expected the"):
        Pair()(np.ones(2), np.ones(2))


def test_the_state_of_a_source_of_random_numbers_is_no_weight():
    class Noisy(onefit.Layer):
        def __init__(self):
            super().__init__()
            self.seeds = onefit.random.SeedGenerator(1)
            self.dense = layers.Dense(2)

        def call(self, x):
            noise = onefit.random.normal((2,), seed=self.seeds)
            return self.dense(x) + noise

    model = onefit.Sequential([layers.Dense(3), Noisy(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0)
    assert model.count_params() == 9 + 8 + 3
    assert [w.shape for w in model.layers[1].weights] == [(3, 2), (2,)]
    assert [v.shape for v in model.layers[1].variables] == [(3, 2), (2,), (2,)]
    weights = model.get_weights()
    model.set_weights([w + 1 for w in weights])
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old + 1, new)
    with pytest.raises(ValueError, match="shape"):
        model.set_weights([*weights[:-1], np.ones(7)])
    np.testing.assert_array_equal(model.get_weights()[0], weights[0] + 1)


def test_each_argument_of_a_call_has_its_mask():
    seen = {}

    class Both(onefit.Layer):
        def call(self, first, second, first_mask=None, second_mask=None):
            seen.update(first=first_mask, second=second_mask)
            return first + second

    ids = np.array([[1, 2, 0]])
    words = onefit.Input((3,), dtype="int32")
    embedded = layers.Embedding(5, 2, mask_zero=True)(words)
    plain = layers.Dense(2)(layers.Reshape((3, 1))(words))
    model = onefit.Model(words, Both()(embedded, plain))
    model.predict(ids, verbose=0)
    assert seen["first"].shape == (1, 3)
    assert seen["second"] is None
