"""Both directions of time, and each step of it."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Input,
    Layer,
    SimpleRNN,
    TimeDistributed,
)


def rows(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def text(function, *args, error=ValueError, **named):
    with pytest.raises(error) as caught:
        function(*args, **named)
    return str(caught.value)


def sums(**settings):
    ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    return SimpleRNN(1, "linear", **ones, **settings)


# Bidirectional ------------------------------------------------------------------------


def test_sums_from_both_ends_by_hand():
    x = np.array([[[1.0], [2.0], [3.0]]])
    y = Bidirectional(sums(return_sequences=True))(x)
    assert y[0].tolist() == [[1, 6], [3, 5], [6, 3]]
    assert Bidirectional(sums())(x).tolist() == [[6, 6]]
    both = Bidirectional(sums(), merge_mode=None)(x)
    assert [one.tolist() for one in both] == [[[6]], [[6]]]
    for mode, expected in {"sum": 12, "mul": 36, "ave": 6}.items():
        assert Bidirectional(sums(), merge_mode=mode)(x).tolist() == [[expected]]


def test_masked_steps_are_zero_in_sequences():
    x = np.array([[[1.0], [2.0], [3.0]]])
    mask = np.array([[True, True, False]])
    y = Bidirectional(sums(return_sequences=True))(x, mask=mask)
    assert y[0].tolist() == [[1, 3], [3, 2], [0, 0]]


def test_a_backward_layer_of_its_own():
    layer = Bidirectional(
        LSTM(2, return_sequences=True, return_state=True),
        backward_layer=GRU(
            3, return_sequences=True, return_state=True, go_backwards=True
        ),
    )
    shape = (None, 4, 5)
    expected = ((None, 4, 5), (None, 2), (None, 2), (None, 3))
    assert layer.output_shape(shape) == expected
    y = layer(rows(2, 4, 5))
    assert [a.shape[1:] for a in y] == [s[1:] for s in expected]
    assert layer.forward_layer.name == "forward_lstm"
    again = Bidirectional.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_both_are_penalised():
    layer = Bidirectional(
        SimpleRNN(2, kernel_regularizer="l2", activity_regularizer="l2")
    ).build((None, 3, 2))
    params = layer.slot.params
    kernels = [params["forward/kernel"], params["backward/kernel"]]
    expected = 0.01 * sum(np.sum(k**2) for k in kernels)
    np.testing.assert_allclose(layer.penalty(params), expected, rtol=1e-5)
    outcome = layer.forward(params, {}, rows(4, 3, 2), training=True, key=None)
    np.testing.assert_allclose(
        outcome.penalty, 0.01 * np.sum(outcome.output**2) / 4, rtol=1e-5
    )


def test_stateful_in_both_directions():
    layer = Bidirectional(SimpleRNN(2, stateful=True))
    x = rows(2, 3, 4)
    first, second = layer(x), layer(x)
    assert not np.allclose(first, second)
    layer.reset_states()
    np.testing.assert_allclose(layer(x), first, rtol=1e-6)


def test_text_in_a_model():
    model = onefit.Sequential(
        [
            Input((6, 3)),
            Bidirectional(GRU(4, return_sequences=True)),
            TimeDistributed(Dense(1)),
        ]
    )
    model.compile("adam", "mse")
    x = rows(32, 6, 3)
    y = x[:, ::-1, :1]  # what only the other direction can know
    history = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model.predict(x, verbose=0).shape == (32, 6, 1)


def test_what_bidirectional_refuses():
    assert re.match(
        r"Bidirectional: received Dense, a layer without a direction; expected a "
        r"recurrent layer\. Write Bidirectional\(LSTM\(8\)\)",
        text(Bidirectional, Dense(2), error=TypeError),
    )
    assert "Unknown merge_mode of Bidirectional 'summ'. Did you mean 'sum'?" in text(
        Bidirectional, LSTM(2), merge_mode="summ"
    )
    assert text(Bidirectional, LSTM(2), backward_layer=LSTM(2)) == (
        "Bidirectional: received go_backwards=False forward and False backward; "
        "expected "
        "False for the layer and True for the backward_layer. Leave backward_layer out "
        "for a copy that goes the other way."
    )
    other = LSTM(2, go_backwards=True, return_sequences=True)
    assert "expected the same for both. Write return_sequences=False" in text(
        Bidirectional, LSTM(2), backward_layer=other
    )
    layer = Bidirectional(
        LSTM(2), merge_mode="sum", backward_layer=LSTM(3, go_backwards=True)
    )
    assert "received merge_mode='sum' and outputs of shapes (None, 2)" in text(
        layer.output_shape, (None, 4, 5)
    )
    assert "expected 2 of shapes" in text(
        Bidirectional(LSTM(2)), rows(2, 3, 4), initial_state=[rows(2, 2), rows(2, 2)]
    )


# TimeDistributed ----------------------------------------------------------------------


def test_each_step_by_itself():
    inner = LSTM(2)
    layer = TimeDistributed(inner)
    x = rows(3, 4, 5, 2)
    y = layer(x)
    inner.build((None, 5, 2)).set_weights(layer.get_weights())
    for t in range(4):
        np.testing.assert_allclose(y[:, t], inner(x[:, t]), rtol=1e-5, atol=1e-7)


def test_batch_statistics_are_those_of_one_step():
    layer = TimeDistributed(BatchNormalization(momentum=0.5, epsilon=0.0))
    x = np.array([[[1.0], [10.0]], [[3.0], [30.0]]])
    y = layer(x, training=True)
    assert y[..., 0].tolist() == [[-1, -1], [1, 1]]
    mean = layer.get_weights()[2]
    np.testing.assert_allclose(mean, [0.5 * (0.5 * 2) + 0.5 * 20])


def test_dropout_draws_at_each_step():
    y = np.asarray(TimeDistributed(Dropout(0.5))(np.ones((8, 5, 9)), training=True))
    assert not np.array_equal(y[:, 0], y[:, 1])


class Present(Layer):
    """How many of x there are."""

    def apply(self, params, state, x, *, training=False, key=None, mask=None):
        there = jnp.ones(x.shape[:2]) if mask is None else mask
        return jnp.sum(there, 1, keepdims=True), state


def test_masks_of_steps_go_inside():
    x, mask = np.ones((2, 3, 4, 1)), np.zeros((2, 3, 4), bool)
    mask[0, 1, :2] = True
    layer = TimeDistributed(Present())
    assert layer(x, mask=mask)[..., 0].tolist() == [[0, 2, 0], [0, 0, 0]]
    assert layer(x, mask=mask[..., 0])[..., 0].tolist() == [[4, 4, 4], [4, 4, 4]]


def test_several_inputs():
    layer = TimeDistributed(onefit.layers.Concatenate())
    assert layer([np.ones((2, 3, 4)), np.ones((2, 3, 5))]).shape == (2, 3, 9)


def test_penalty_is_of_all_steps():
    layer = TimeDistributed(Dense(1, activity_regularizer="l2")).build((None, 3, 2))
    x = rows(4, 3, 2)
    outcome = layer.forward(layer.slot.params, {}, x, training=True, key=None)
    expected = 0.01 * np.sum(np.square(outcome.output)) / 4
    np.testing.assert_allclose(outcome.penalty, expected, rtol=1e-5)


def test_a_model_inside():
    inner = onefit.Sequential([Input((5, 2)), LSTM(3), BatchNormalization(), Dense(1)])
    layer = TimeDistributed(inner)
    x = rows(2, 4, 5, 2)
    assert layer(x, training=True).shape == (2, 4, 1)
    model = onefit.Sequential([Input((4, 5, 2)), layer])
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(x, np.zeros((2, 4, 1)), epochs=1, verbose=0)
    after = model.get_weights()
    assert sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)) > 4


def test_what_time_distributed_refuses():
    assert text(TimeDistributed(Dense(2), name="t"), np.ones((3, 4))) == (
        "TimeDistributed 't': received input of shape (None, 4); expected "
        "(batch, time, "
        "...), with at least one step, and one number of steps for all inputs. Write "
        "x[..., None] for sequences of single numbers."
    )
    assert "expected a layer" in text(TimeDistributed, 3, error=TypeError)
    assert "received a mask of shape (2, 2) for 3 steps" in text(
        TimeDistributed(Dense(2)), np.ones((2, 3, 4)), mask=np.ones((2, 2), bool)
    )
    assert "expected at least one step of time" in text(
        TimeDistributed(LSTM(2)).output_shape, (None, 3, 0, 2)
    )


def test_penalties_in_a_loop_over_time_are_traced_once():
    layer = TimeDistributed(BatchNormalization()).build((None, 3, 2))
    made = jax.make_jaxpr(
        lambda x: layer.apply(layer.slot.params, layer.slot.state, x, training=True)
    )(rows(2, 3, 2))
    assert sum(e.primitive.name == "scan" for e in made.jaxpr.eqns) == 1


def test_a_trained_layer_inside_keeps_its_weights():
    inner = onefit.Sequential([onefit.Input((3,)), onefit.layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("f4")
    wrapped = onefit.layers.TimeDistributed(inner)
    expected = np.stack([inner.predict(x[:, t]) for t in range(5)], axis=1)
    np.testing.assert_allclose(wrapped(x), expected, rtol=1e-5, atol=1e-6)
    wrapped.set_weights([w * 2 for w in wrapped.get_weights()])
    np.testing.assert_allclose(wrapped(x), 2 * expected, rtol=1e-5, atol=1e-6)
