"""What scripts of Keras ask of layers, models and variables, beside their numbers."""

import warnings
from typing import Any

import keras
import numpy as np
import pytest

import onefit
from onefit import layers
from onefit.models import clone_model

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
CELLS = ["SimpleRNNCell", "GRUCell", "LSTMCell"]
ONES = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}


# Layers -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 3)])
def test_a_softmax_leaves_out_what_its_mask_does(shape):
    x = np.resize(X, shape)
    mask = np.random.default_rng(1).uniform(size=shape) > 0.4
    mask[0] = False  # a row of which nothing is left
    axes: list[Any] = [-1, 1, (1, 2)]
    for axis in axes[: len(shape)]:
        ours = layers.Softmax(axis)(x, mask=mask)
        np.testing.assert_allclose(
            ours, keras.layers.Softmax(axis)(x, mask=mask), rtol=1e-5, atol=1e-7
        )


def test_a_softmax_with_a_mask_ends_a_model():
    x, m = onefit.Input((3,)), onefit.Input((3,), dtype="bool")
    model = onefit.Model([x, m], layers.Softmax()(layers.Dense(3)(x), mask=m))
    model.compile("sgd", "categorical_crossentropy")
    mask = np.array([[True, True, False]] * 6)
    y = np.eye(3)[[0, 1] * 3]
    history = model.fit([X, mask], y, epochs=1, batch_size=6, verbose=0)
    a = model.predict([X, mask], verbose=0)
    np.testing.assert_array_equal(a[:, 2], 0.0)
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.parametrize("name", CELLS[:2])
def test_a_cell_gives_states_as_it_takes_them(name):
    h = np.ones((6, 2), "float32")
    for states in (h, [h]):
        ours = getattr(layers, name)(2, **ONES)(X, states)
        theirs = getattr(keras.layers, name)(2, **ONES)(X, states)
        assert isinstance(ours[1], list | tuple) == isinstance(theirs[1], list | tuple)
        np.testing.assert_allclose(
            np.asarray(ours[1]), np.asarray(theirs[1]), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_implementation_is_taken(name):
    layer = getattr(layers, name)(2, implementation=1)
    assert "implementation" not in layer.get_config()


def test_the_same_seed_drops_the_same():
    ones = np.ones((9, 9), "float32")
    first, other = layers.Dropout(0.5, seed=3), layers.Dropout(0.5, seed=3)
    for _ in range(2):
        a, b = first(ones, training=True), other(ones, training=True)
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, layers.Dropout(0.5, seed=4)(ones, training=True))
    again = layers.Dropout(0.5, seed=3)
    assert not np.array_equal(again(ones, training=True), again(ones, training=True))
    free = layers.Dropout(0.5)
    assert not np.array_equal(free(ones, training=True), free(ones, training=True))


def test_an_initializer_of_ours_with_a_call_of_its_own():
    class Half(onefit.initializers.GlorotUniform):
        def __call__(self, shape, dtype=None):
            return super().__call__(shape, dtype) / 2

    layer = layers.Dense(2, kernel_initializer=Half(seed=1)).build((None, 3))
    whole = onefit.initializers.GlorotUniform(seed=1)((3, 2))
    np.testing.assert_allclose(layer.kernel.numpy(), whole / 2, rtol=1e-6)


# Variables ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start", ["zeros", "ones", {"class_name": "Constant", "config": {"value": 3.0}}]
)
def test_variables_begin_by_the_name_of_an_initializer(start):
    ours = onefit.Variable(start, shape=(2, 3))
    theirs = keras.Variable(keras.initializers.get(start), shape=(2, 3))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert ours.dtype == theirs.dtype
    with pytest.raises(TypeError, match="a function and no shape"):
        onefit.Variable(start)
    with pytest.raises(ValueError, match=r"zero.*Did you mean"):
        onefit.Variable("zero_s", shape=())


# Models -------------------------------------------------------------------------------


def halved(library, functions):
    inputs = library.Input((3,))
    model = library.Model(inputs, library.layers.Dense(2, name="d")(inputs))
    model.set_weights([np.ones((3, 2)), np.zeros(2)])
    seen = []

    def call(layer, *args, **kwargs):
        seen.append(layer.name)
        return layer(*args, **kwargs) * 0.5

    clone = library.models.clone_model(model, call_function=call)
    clone.set_weights(model.get_weights())
    return np.asarray(clone(X)), seen


def test_a_clone_calls_its_layers_by_a_function():
    (ours, seen), (theirs, expected) = halved(onefit, None), halved(keras, None)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert seen == expected == ["d"]
    model = onefit.Sequential([onefit.Input((3,)), layers.Dense(2)])
    double = clone_model(model, call_function=lambda layer, x: layer(x) + layer(x))
    double.set_weights(model.get_weights())
    np.testing.assert_allclose(double(X), 2 * model(X), rtol=1e-6)
    no_function: Any = 3
    with pytest.raises(TypeError, match="call_function=3; expected a function"):
        clone_model(model, call_function=no_function)


def test_what_other_rooms_do_is_refused_with_what_to_write():
    model = onefit.Sequential([onefit.Input((3,)), layers.Dense(2)], name="net")
    with pytest.raises(ValueError, match=r"Sequential 'net'\.quantize: received mode="):
        model.quantize("int8")
    with pytest.raises(TypeError, match="received a function; expected a number"):
        layers.Dense(1).add_loss(lambda: 1.0)


# Classes of one's own, of every kind --------------------------------------------------


def kinds(library, functions):
    """A class of each kind, with an `__init__` of its own."""

    class Root(library.losses.Loss):
        def __init__(self, power=2.0, reduction="sum_over_batch_size", name="root"):
            super().__init__(reduction=reduction, name=name)
            self.power = power

        def call(self, y_true, y_pred):
            gap = functions.abs(y_true - y_pred) ** self.power
            return functions.sqrt(functions.mean(gap, axis=-1) + 1e-3)

        def get_config(self):
            return {**super().get_config(), "power": self.power}

    class Fifth(library.optimizers.schedules.LearningRateSchedule):
        def __init__(self, start):
            self.start = start

        def __call__(self, step):
            return self.start / (1.0 + functions.cast(step, "float32") / 5.0)

        def get_config(self):
            return {"start": self.start}

    class Ball(library.constraints.Constraint):
        def __init__(self, radius=1.0):
            self.radius = radius

        def __call__(self, w):
            norm = functions.sqrt(functions.sum(functions.square(w)))
            return w * self.radius / functions.maximum(norm, self.radius)

        def get_config(self):
            return {"radius": self.radius}

    class Quartic(library.regularizers.Regularizer):
        def __init__(self, factor=0.1):
            self.factor = factor

        def __call__(self, x):
            return self.factor * functions.sum(x**4)

        def get_config(self):
            return {"factor": self.factor}

    class Ramp(library.initializers.Initializer):
        def __init__(self, top=1.0):
            self.top = top

        def __call__(self, shape, dtype=None, **kwargs):
            n = int(np.prod(shape))
            ramp = functions.linspace(0.0, self.top, n)
            return functions.cast(functions.reshape(ramp, shape), dtype or "float32")

        def get_config(self):
            return {"top": self.top}

    return [Root, Fifth, Ball, Quartic, Ramp]


def of_own(library: Any, functions: Any) -> tuple[Any, list[float], dict[str, Any]]:
    made = kinds(library, functions)
    root, fifth, ball, quartic, ramp = made
    dense = library.layers.Dense(
        2,
        kernel_initializer=ramp(0.7),
        kernel_regularizer=quartic(0.05),
        kernel_constraint=ball(0.9),
    )
    model = library.Sequential([library.Input((3,)), dense])
    model.compile(library.optimizers.SGD(fifth(0.1)), root(2.0))
    seen = []

    class Epochs(library.callbacks.Callback):
        def __init__(self, offset):
            super().__init__()
            self.offset = offset

        def on_epoch_end(self, epoch, logs=None):
            seen.append(epoch + self.offset)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = model.fit(
            X,
            X[:, :2],
            batch_size=4,
            epochs=3,
            shuffle=False,
            verbose=0,
            callbacks=[Epochs(10)],
        )
    assert seen == [10, 11, 12]
    return model, history.history["loss"], {cls.__name__: cls for cls in made}


def test_classes_of_every_kind_train_as_in_keras(tmp_path):
    from onefit import ops

    model, losses, classes = of_own(onefit, ops)
    theirs, expected, _ = of_own(keras, keras.ops)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    np.testing.assert_allclose(
        model.get_weights()[0], theirs.get_weights()[0], rtol=1e-3, atol=1e-5
    )
    model.save(tmp_path / "m.keras")
    again: Any = onefit.load_model(tmp_path / "m.keras", custom_objects=classes)
    assert again.loss.get_config() == model.loss.get_config()
    assert type(again.optimizer.schedule).__name__ == "Fifth"
    for kind in ("initializer", "regularizer", "constraint"):
        mine = getattr(model.layers[0], f"kernel_{kind}")
        loaded = getattr(again.layers[0], f"kernel_{kind}")
        assert (type(loaded), loaded.get_config()) == (type(mine), mine.get_config())
    options = {"batch_size": 4, "epochs": 1, "shuffle": False, "verbose": 0}
    assert (
        again.fit(X, X[:, :2], **options).history
        == model.fit(X, X[:, :2], **options).history
    )
