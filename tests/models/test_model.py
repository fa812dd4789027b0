"""The face: predict, evaluate, train_on_batch, names, what is converted on the way."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import onefit
from onefit import layers

X = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")


@pytest.fixture(scope="module")
def model():
    onefit.utils.set_random_seed(0)
    made = onefit.Sequential(
        [
            onefit.Input((3,)),
            layers.Dense(4, "relu", name="hidden"),
            layers.Dense(1, "sigmoid"),
        ]
    )
    made.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return made


def test_predict_by_hand(model):
    w1, b1, w2, b2 = model.get_weights()
    z = np.maximum(X @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(model.predict(X), 1 / (1 + np.exp(-z)), rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 50])
@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_predict_does_not_depend_on_how_rows_are_cut(model, rows, batch_size):
    whole = np.asarray(model(X))
    cut = model.predict(X[:rows], batch_size=batch_size)
    assert cut.shape == (rows, 1)
    np.testing.assert_allclose(cut, whole[:rows], rtol=1e-5)


@pytest.mark.parametrize("batch_size", [None, 1, 7, 64])
def test_evaluate_by_hand_however_it_is_cut(model, batch_size):
    p = model.predict(X)
    loss = -(Y * np.log(p) + (1 - Y) * np.log(1 - p)).mean()
    accuracy = ((p > 0.5) == Y).mean()
    values = model.evaluate(X, Y, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(values, [loss, accuracy], rtol=1e-5)


def test_evaluate_answers_by_name_and_says_a_line(model, capsys):
    answer = model.evaluate(X, Y, return_dict=True)
    assert set(answer) == {"loss", "accuracy"}
    assert capsys.readouterr().out.startswith("50 rows - loss: ")
    assert model.test_on_batch(X, Y) == list(answer.values())


def test_evaluate_names_the_row_that_makes_it_nan(model):
    bad = X.copy()
    bad[4, 1] = np.nan
    with pytest.raises(ValueError, match="x: received nan at row 4, column 1"):
        model.evaluate(bad, Y, verbose=0)
    assert np.isnan(model.predict(bad)[4])


def test_train_on_batch_is_a_step_of_fit(model):
    onefit.utils.set_random_seed(1)
    one, other = copy.deepcopy(model), copy.deepcopy(model)
    logs = one.train_on_batch(X, Y, return_dict=True)
    history = other.fit(X, Y, batch_size=50, verbose=0).history
    for name, value in logs.items():
        np.testing.assert_allclose([value], history[name], rtol=1e-6)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_pickle_and_deepcopy(model):
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
        assert other.get_weights()[0] is not model.get_weights()[0]


def test_data_of_every_kind_is_the_same_data(model):
    import jax.numpy as jnp

    frame = pd.DataFrame(X, columns=list("abc"))
    mixed = frame.assign(b=frame["b"].astype("Float32"))
    kinds = [X.astype("float64"), X.tolist(), jnp.asarray(X), frame, mixed, list(X)]
    try:
        import torch

        kinds.append(torch.tensor(X))
    except ImportError:
        pass
    for x in kinds:
        np.testing.assert_allclose(model.predict(x), model.predict(X), rtol=1e-6)


def test_whole_numbers_that_do_not_fit_32_bits_become_floats():
    model = onefit.Sequential([layers.Dense(1, kernel_initializer="ones")])
    np.testing.assert_allclose(model.predict([[3_000_000_000]]), [[3e9]])


def test_pixels_of_8_bits_stay_small_until_the_network():
    model = onefit.Sequential([layers.Dense(1, kernel_initializer="ones")])
    np.testing.assert_array_equal(model.predict(np.full((3, 2), 200, "uint8")), 400.0)


def test_layers_are_found_by_name_and_place(model):
    assert model.get_layer("hidden") is model.layers[0] is model.get_layer(index=0)
    assert model.count_params() == 3 * 4 + 4 + 4 + 1


def test_float64_end_to_end():
    onefit.config.set_floatx("float64")
    try:
        model = onefit.Sequential([onefit.Input((3,)), layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        model.fit(X, Y, verbose=0)
        assert {w.dtype for w in model.get_weights()} == {np.dtype("float64")}
        assert model.predict(X).dtype == np.float64
    finally:
        onefit.config.set_floatx("float32")


def test_lectures_ways_to_give_the_input(model):
    """Keras 2's `input_dim` and `input_shape`, as lectures 002 and 004 write them."""
    for first in (layers.Dense(9, input_shape=(6,)), layers.Dense(9, input_dim=6)):
        made = onefit.Sequential()
        made.add(first)
        made.add(layers.Dense(4))
        assert made.count_params() == 103


def test_a_loss_of_ones_own_may_take_other_shapes():
    """A mean and a spread for each row: two outputs against one target."""

    def gaussian(y, p):
        import jax.numpy as jnp

        return p[:, 1] + (y[:, 0] - p[:, 0]) ** 2 * jnp.exp(-2 * p[:, 1]) / 2

    model = onefit.Sequential([onefit.Input((3,)), layers.Dense(2)])
    model.compile("adam", gaussian)
    history = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_compile_without_a_loss_and_without_reduction_are_refused():
    model = onefit.Sequential([onefit.Input((3,)), layers.Dense(1)])
    model.compile("adam")
    with pytest.raises(ValueError, match="without a loss; expected something"):
        model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="reduction='none'; expected a loss that is"):
        model.compile("adam", onefit.losses.MeanSquaredError(reduction=None))


def test_a_size_of_97_is_a_size_like_any_other():
    """Open sizes are traced as 97 and 89; neither is special."""
    double = layers.Lambda(lambda a: a * 2)
    model = onefit.Sequential([onefit.Input((97,)), double, layers.Dense(3)])
    assert model.layers[0].output_shape((None, 97)) == (None, 97)
    halves = layers.Lambda(lambda a: a.reshape(-1, 2))
    assert halves.output_shape((None, 4)) == (None, 2)


def test_a_layer_of_another_model_keeps_its_name():
    first = onefit.Sequential([onefit.Input((3,)), layers.Dense(3), layers.Dense(3)])
    second = onefit.Sequential([onefit.Input((3,)), layers.Dense(3)])
    with pytest.raises(ValueError, match=r"two layers named 'dense'"):
        second.add(first.layers[0])
    assert [layer.name for layer in first.layers] == ["dense", "dense_1"]


def test_a_layer_with_an_activation_in_its_middle_keeps_it():
    class Squeezed(onefit.Layer):
        activation: str = "sigmoid"

        def apply(self, params, state, x, *, training=False, key=None):
            import jax

            return 0.1 + 0.8 * jax.nn.sigmoid(x), state

    model = onefit.Sequential([onefit.Input((1,)), Squeezed()])
    model.compile("adam", "binary_crossentropy")
    loss = model.evaluate([[0.0]], [1], verbose=0)
    np.testing.assert_allclose(loss, -np.log(0.5), rtol=1e-6)


def test_validation_is_drawn_at_its_own_epochs():
    model = onefit.Sequential([onefit.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(
        X,
        Y,
        epochs=10,
        initial_epoch=1,
        validation_split=0.2,
        validation_freq=4,
        verbose=0,
    )
    training, validation = onefit.plots.learning_curves(history).get_lines()
    assert list(training.get_xdata()) == list(range(2, 11))
    assert list(validation.get_xdata()) == [4, 8]
