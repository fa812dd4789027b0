"""What programs of Keras do with callbacks, copies and parts of models, beside Keras.

Each case is run by both: the same lines with `keras` and with `onefit`.
"""

from typing import Any

import keras
import numpy as np
import pytest

import onefit

BOTH: list[Any] = [keras, onefit]
X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
Y = X[:, :1]


def small(k: Any) -> Any:
    model = k.Sequential([k.Input((3,)), k.layers.Dense(1, kernel_initializer="ones")])
    model.compile("adam", "mse", metrics=["mae"])
    return model


# Callbacks ----------------------------------------------------------------------------


def hand_written(k: Any) -> list[Any]:
    """A loop of one's own tells its callbacks: what they were told."""
    model, told = small(k), []
    show = k.callbacks.LambdaCallback(
        on_train_begin=lambda logs: told.append("begin"),
        on_epoch_begin=lambda epoch, logs: told.append(epoch),
        on_train_batch_end=lambda batch, logs: told.append((batch, logs["loss"])),
        on_epoch_end=lambda epoch, logs: told.append((epoch, logs["loss"])),
        on_train_end=lambda logs: told.append("end"),
    )
    stop = k.callbacks.EarlyStopping("loss", patience=1, mode="min")
    every = k.callbacks.CallbackList([show, stop], model=model, epochs=5, steps=1)
    every.on_train_begin()
    for epoch, loss in enumerate([2.0, 3.0, 4.0, 5.0]):
        every.on_epoch_begin(epoch)
        every.on_train_batch_begin(0)
        every.on_train_batch_end(0, {"loss": loss})
        every.on_epoch_end(epoch, logs={"loss": loss})
        if model.stop_training:
            break
    every.on_train_end()
    return [*told, stop.stopped_epoch, show.params["epochs"], len(every.callbacks)]


def test_a_list_of_callbacks_tells_each():
    theirs, ours = map(hand_written, BOTH)
    assert ours == theirs


def test_a_list_of_callbacks_keeps_a_history_and_a_file(tmp_path):
    model, path = small(onefit), tmp_path / "log.csv"
    log = onefit.callbacks.CSVLogger(str(path))
    every = onefit.callbacks.CallbackList(
        log, add_history=True, add_progbar=True, model=model, epochs=2, steps=1
    )
    assert [type(c).__name__ for c in every] == ["CSVLogger", "ProgbarLogger"]
    every.append(onefit.callbacks.Callback())
    every.on_train_begin()
    for epoch in range(2):
        every.on_epoch_end(epoch, {"loss": 0.5 / (epoch + 1)})
    every.on_train_end()
    assert model.history.history == {"loss": [0.5, 0.25]}
    assert path.read_text().split() == ["epoch,loss", "0,0.5", "1,0.25"]
    with pytest.raises(TypeError, match="received 3; expected rules and callbacks"):
        onefit.callbacks.CallbackList([3])


def test_a_fit_takes_a_list_of_callbacks():
    for k in BOTH:
        model, seen = small(k), []
        note = k.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: seen.append(e))  # noqa: B023
        every = k.callbacks.CallbackList([note], add_history=True, model=model)
        model.fit(X, Y, epochs=2, callbacks=every, verbose=0)
        model.evaluate(X, Y, callbacks=every, verbose=0)
        assert seen == [0, 1]


def test_a_lambda_callback_keeps_what_is_no_hook():
    for k in BOTH:
        assert k.callbacks.LambdaCallback(helper=len).helper is len
    with pytest.raises(ValueError, match="Unknown hook 'on_epoch_ended'"):
        onefit.callbacks.LambdaCallback(on_epoch_ended=print)


# What a call assigns ------------------------------------------------------------------


def counted(k: Any) -> list[int]:
    """How often a model says that it was called in its steps, after two fits."""

    class Counting(k.Model):
        def __init__(self):
            super().__init__()
            self.count = self.add_variable((), "zeros", trainable=False)
            self.dense = k.layers.Dense(1)

        def call(self, x):
            self.count.assign(self.count + 1)
            return self.dense(x)

    model, found = Counting(), []
    model.compile("sgd", "mse")
    for _ in range(2):
        model.fit(X, Y, batch_size=2, verbose=0)
        found.append(int(model.count.numpy()))
    return found


def test_what_a_call_counts_is_its_steps_also_when_a_fit_is_watched():
    assert counted(onefit) == counted(keras) == [3, 6]


# Copies -------------------------------------------------------------------------------


def test_a_copy_of_a_compiled_model_is_compiled_with_an_optimizer_of_its_own():
    for k in BOTH:
        model = small(k)
        model.fit(X, Y, verbose=0)
        copy = k.models.clone_model(model)
        assert copy.compiled
        assert int(copy.optimizer.iterations.numpy()) == 0
        copy.fit(X, Y, epochs=2, verbose=0)
        counts = [int(m.optimizer.iterations.numpy()) for m in (model, copy)]
        assert counts == [1, 2]
        assert len(copy.evaluate(X, Y, verbose=0)) == 2
        assert not k.models.clone_model(k.Sequential([k.Input((3,))])).compiled


def test_a_state_tree_is_set_before_the_first_step():
    for k in BOTH:
        model = small(k)
        values = {"iteration": 3, "learning_rate": 0.5}
        model.set_state_tree({"optimizer_variables": {model.optimizer.name: values}})
        assert int(model.optimizer.iterations.numpy()) == 3
        assert float(model.optimizer.learning_rate.numpy()) == 0.5


# Recurrent cells ----------------------------------------------------------------------


def cells(k: Any) -> list[Any]:
    """Two kinds of cell of one's own, one with a state and one with two."""

    class One(k.layers.Layer):
        sizes: Any = 2

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.state_size, self.output_size = self.sizes, 2

        def build(self, input_shape):
            self.kernel = self.add_weight((input_shape[-1], 2), "ones")
            self.built = True

        def call(self, x, states):
            h = k.ops.matmul(x, self.kernel) + sum(states[1:], states[0])
            return h, [h] * len(states)

    class Two(One):
        sizes = (2, 2)

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.state_size = [2, 2]

    return [One, Two]


@pytest.mark.parametrize("kinds", [(0, 0), (1, 0), (1, 1)])
def test_a_stack_gives_each_cells_states_as_keras(kinds):
    x, found = np.arange(12.0, dtype="float32").reshape(2, 2, 3), []
    for k in BOTH:
        stack = k.layers.RNN([cells(k)[kind]() for kind in kinds], return_state=True)
        found.append([np.asarray(s).tolist() for s in stack(x)])
    assert found[1] == found[0]


def test_a_step_of_a_layer_of_ones_own_sees_its_mask():
    x, found = np.ones((3, 2, 4), "float32"), []
    mask = np.array([[False, True], [True, False], [True, True]])
    for k in BOTH:

        class Masked(k.layers.Layer):
            def call(self, inputs, mask=None):
                if mask is None:
                    return inputs
                return inputs * keras.ops.cast(mask, "float32")[:, None]

        layer = k.layers.TimeDistributed(Masked())
        found.append(np.asarray(layer(x, mask=mask)))
    np.testing.assert_array_equal(found[1], found[0])
    assert not found[1][0, 0].any()
    assert found[1][0, 1].all()


# Devices ------------------------------------------------------------------------------


def test_a_block_runs_on_the_device_it_names():
    for k in BOTH:
        for name in ("cpu:0", "CPU"):
            with k.device(name):
                assert float(k.ops.sum(k.ops.ones((2,)))) == 2.0
    for name in ("gpu:7", "cpu:9", "", "cpu:x", 3):
        with pytest.raises(ValueError, match=r"device: received .*; expected one of"):
            onefit.device(name)  # type: ignore[arg-type]


# Policies -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float32", "mixed_bfloat16"])
def test_a_policy_without_a_name_is_that_of_new_layers(name):
    found = []
    for k in BOTH:
        k.config.set_dtype_policy(name)
        try:
            policy: Any = k.dtype_policies.DTypePolicy(None)
            older: Any = k.FloatDTypePolicy(name)
        finally:
            k.config.set_dtype_policy("float32")
        found.append([policy.name, policy.compute_dtype, older.variable_dtype])
    assert found[1] == found[0]
