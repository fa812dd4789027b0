"""Optimizers in Keras' style: what `build` and `update_step` write is what runs."""

import copy
import pickle
import warnings
from typing import Any

import jax.numpy as jnp
import keras
import numpy as np
import pytest

import onefit
from onefit import ops, optimizers

rng = np.random.default_rng(0)
X = rng.normal(size=(10, 3)).astype("float32")
Y = X[:, :1]
K0 = rng.normal(size=(3, 4)).astype("float32")


def written(library: Any, functions: Any) -> dict[str, Any]:
    """The same two classes of ours and of Keras: one bare, one over Adam."""

    class Heavy(library.optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, momentum=0.5, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.momentum = momentum

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.velocities = self.add_optimizer_variables(variables, "velocity")
            self.total = self.add_variable((), name="total")

        def update_step(self, gradient, variable, learning_rate):
            rate = functions.cast(learning_rate, variable.dtype)
            step = functions.cast(self.iterations + 1, variable.dtype)
            v = self.velocities[self._get_variable_index(variable)]
            self.assign(v, v * self.momentum - rate * gradient / functions.sqrt(step))
            self.assign_add(variable, v)
            self.total.assign_add(1.0)

        def get_config(self):
            return {**super().get_config(), "momentum": self.momentum}

    class Doubled(library.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient * 2.0 + variable, variable, learning_rate)

    return {"bare": Heavy, "over Adam": Doubled}


OURS = written(onefit, ops)
Heavy = OURS["bare"]
both = pytest.mark.parametrize("kind", OURS)


def fitted(library: Any, optimizer: Any, **options: Any) -> tuple[Any, list[float]]:
    model = library.Sequential(
        [
            library.Input((3,)),
            library.layers.Dense(4, activation="tanh"),
            library.layers.Dense(1),
        ]
    )
    model.set_weights([K0, np.zeros(4), K0.T[:, :1], np.zeros(1)])
    model.compile(optimizer, "mse", **options)
    options = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
    history = model.fit(X, Y, **options)
    return model, history.history["loss"]


SETTINGS = {
    "plain": {},
    "decay, clipped": {"weight_decay": 0.1, "clipnorm": 0.5},
    "average": {"use_ema": True, "global_clipnorm": 0.1},
    "accumulation": {"gradient_accumulation_steps": 2},
}


@both
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_a_fit_is_that_of_keras(kind, settings):
    model, losses = fitted(onefit, OURS[kind](0.1, **settings))
    theirs, expected = fitted(
        keras, written(keras, keras.ops)[kind](learning_rate=0.1, **settings)
    )
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for mine, other in zip(model.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)
    shapes = sorted(v.shape for v in theirs.optimizer.variables)
    assert sorted(v.shape for v in model.optimizer.variables) == shapes


def test_its_variables_are_read_after_a_fit():
    model, _ = fitted(onefit, Heavy())
    optimizer = model.optimizer
    assert int(optimizer.iterations) == 9
    assert float(optimizer.total) == 9 * 4  # four weights a step
    assert optimizer.built
    names = [v.name for v in optimizer.variables]
    assert names[:2] == ["iteration", "learning_rate"]
    assert names[2:] == [
        *("dense_kernel_velocity", "dense_bias_velocity"),
        *("dense_1_kernel_velocity", "dense_1_bias_velocity", "total"),
    ]
    optimizer.set_weights([np.zeros(v.shape) for v in optimizer.variables])
    assert float(optimizer.total) == 0
    with pytest.raises(ValueError, match="3 arrays; expected 7, one for each"):
        optimizer.set_weights([np.zeros(())] * 3)


@both
def test_it_goes_on_after_saving_and_copying(kind, tmp_path):
    model, _ = fitted(onefit, OURS[kind](0.05))
    model.save(tmp_path / "m.keras")
    name = OURS[kind].__name__
    again: Any = onefit.load_model(
        tmp_path / "m.keras", custom_objects={name: OURS[kind]}
    )
    assert type(again.optimizer) is OURS[kind]
    assert again.optimizer.get_config() == model.optimizer.get_config()
    others = [again, copy.deepcopy(model)]
    options = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    expected = model.fit(X, Y, **options).history["loss"]
    for other in others:
        assert other.fit(X, Y, **options).history["loss"] == expected
        assert int(other.optimizer.iterations) == 15


def test_a_copy_has_variables_of_its_own():
    w = onefit.Variable(np.ones(2))
    optimizer = Heavy(0.1)
    optimizer.apply([np.ones(2)], [w])
    for other in (copy.copy(optimizer), copy.deepcopy(optimizer)):
        other.total.assign(7.0)
        assert (float(optimizer.total), float(other.total)) == (1.0, 7.0)


def test_one_step_by_hand():
    # v = 0.5·0 - 0.1·2 / √1 = -0.2; then v = -0.1 - 0.1·2 / √2
    w = onefit.Variable(np.ones(2), name="w")
    optimizer = Heavy(0.1)
    optimizer.build([w])
    assert [v.name for v in optimizer.variables[2:]] == ["w_velocity", "total"]
    optimizer.apply([np.full(2, 2.0)])
    np.testing.assert_allclose(w.numpy(), 0.8, rtol=1e-6)
    optimizer.apply_gradients([(np.full(2, 2.0), w)])
    np.testing.assert_allclose(w.numpy(), 0.8 - 0.1 - 0.2 / 2**0.5, rtol=1e-6)
    assert optimizer.learning_rate == 0.1


@both
def test_a_variable_without_a_gradient_stays(kind):
    v, w = onefit.Variable(np.ones(2), name="v"), onefit.Variable(np.ones(2), name="w")
    optimizer = OURS[kind](0.1)
    optimizer.apply([np.ones(2), np.ones(2)], [v, w])
    before = [one.numpy() for one in optimizer.variables]
    x = w.numpy()
    with pytest.warns(onefit.OnefitWarning, match="no gradient for w"):
        optimizer.apply([np.ones(2), None], [v, w])
    np.testing.assert_array_equal(w.numpy(), x)
    for one, old in zip(optimizer.variables, before, strict=True):
        stays = one.name.startswith("w_") or one.name == "learning_rate"
        assert np.array_equal(one.numpy(), old) == stays, one.name


def test_it_trains_populations_and_steps_of_ones_own():
    class Own(onefit.Model):
        def __init__(self):
            super().__init__()
            self.dense = onefit.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self: Any, data: Any) -> dict[str, Any]:
            x, y = data
            with onefit.GradientTape() as tape:
                loss = ops.mean(ops.square(self(x) - y))
            weights = self.trainable_variables
            self.optimizer.apply_gradients(
                zip(tape.gradient(loss, weights), weights, strict=True)
            )
            return {"loss": loss}

    model: Any = Own()
    model.compile(Heavy(0.1), "mse")
    losses = model.fit(X, Y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert (int(model.optimizer.iterations), float(model.optimizer.total)) == (3, 6.0)
    plain = onefit.Sequential([onefit.Input((3,)), onefit.layers.Dense(1)])
    plain.compile(Heavy(0.1), "mse")
    found = onefit.population.fit(plain, X, Y, seeds=3, epochs=2, verbose=0)
    assert len(found) == 3


def test_a_schedule_of_ones_own_is_its_rate():
    class Inverse(optimizers.schedules.LearningRateSchedule):
        def __init__(self, start):
            self.start = start

        def __call__(self, step):
            return self.start / (1.0 + ops.cast(step, "float32"))

        def get_config(self):
            return {"start": self.start}

    _, losses = fitted(onefit, Heavy(Inverse(0.1)))
    plain = optimizers.schedules.InverseTimeDecay(0.1, 1, 1.0)
    _, expected = fitted(onefit, Heavy(plain))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert float(Inverse(0.5)(1)) == 0.25


def test_a_changed_rate_makes_no_other_program():
    model, _ = fitted(onefit, Heavy(0.1))
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    model.optimizer.set_weights([np.zeros(v.shape) for v in model.optimizer.variables])
    model.fit(X, Y, epochs=1, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_loop_of_ones_own():
    optimizer, w = Heavy(0.1), onefit.Variable(np.array([1.0, 2.0]))
    with onefit.GradientTape() as tape:
        loss = jnp.sum(jnp.square(w.value))
    optimizer.apply_gradients([(tape.gradient(loss, w), w)])
    np.testing.assert_allclose(w.numpy(), [0.8, 1.6], rtol=1e-6)


def test_a_subclass_with_settings_of_its_own_stays_pure():
    class Slow(optimizers.Adam):
        def __init__(self, factor=0.5, **kwargs):
            super().__init__(learning_rate=0.1 * factor, **kwargs)
            self.factor = factor

    model, losses = fitted(onefit, Slow())
    expected = fitted(onefit, optimizers.Adam(0.05))[1]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert model.optimizer.elementwise


def test_what_cannot_run_in_a_program_is_refused():
    with pytest.raises(ValueError, match="a method apply of its own; expected an upd"):

        class Own(optimizers.Optimizer):
            def update_step(self, gradient, variable, learning_rate):
                pass

            def apply(self, grads, trainable_variables=None):
                pass

    class Empty(optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)

    with pytest.raises(NotImplementedError, match="Empty has no update_step"):
        Empty(0.1).apply([np.ones(2)], [onefit.Variable(np.ones(2))])


# Weight decay of some weights alone ---------------------------------------------------


@pytest.mark.parametrize("by", ["names", "variables"])
@pytest.mark.parametrize("kind", ["AdamW", "bare"])
def test_excluded_weights_do_not_decay(by, kind):
    results = []
    for library, functions in ((onefit, ops), (keras, keras.ops)):
        cls = library.optimizers.AdamW
        cls = cls if kind == "AdamW" else written(library, functions)["bare"]
        optimizer = cls(learning_rate=0.01, weight_decay=0.5)
        model = library.Sequential(
            [library.Input((3,)), library.layers.Dense(4), library.layers.Dense(1)]
        )
        model.set_weights([K0, np.ones(4), K0.T[:, :1], np.ones(1)])
        if by == "names":
            optimizer.exclude_from_weight_decay(var_names=["bias"])
        else:
            layer = model.layers[-1]
            optimizer.exclude_from_weight_decay(var_list=[layer.kernel, layer.bias])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.compile(optimizer, "mse")
            model.fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0)
        results.append(model.get_weights())
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)


def test_weights_are_excluded_before_the_first_step():
    adam = optimizers.AdamW()
    adam.build([onefit.Variable(np.ones(2))])
    with pytest.raises(ValueError, match="Call it before fit, apply and build"):
        adam.exclude_from_weight_decay(var_names=["bias"])


def test_excluded_variables_of_a_loop():
    v, w = onefit.Variable(np.ones(2)), onefit.Variable(np.ones(2))
    sgd = optimizers.SGD(0.1, weight_decay=0.5)
    sgd.exclude_from_weight_decay(var_list=[v])
    sgd.apply([np.zeros(2), np.zeros(2)], [v, w])
    np.testing.assert_allclose([v.numpy()[0], w.numpy()[0]], [1.0, 0.95])


def test_states_go_to_a_dict_and_back():
    adam, w = optimizers.Adam(0.1), onefit.Variable(np.ones(3))
    adam.apply([np.ones(3)], [w])
    store = {}
    adam.save_own_variables(store)
    other = optimizers.Adam(0.5)
    other.build([w])
    other.load_own_variables(store)
    assert float(other.learning_rate) == pytest.approx(0.1)
    for a, b in zip(adam.variables, other.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_an_optimizer_pickles():
    adam = pickle.loads(pickle.dumps(optimizers.Adam(0.1)))
    assert adam.get_config() == optimizers.Adam(0.1).get_config()
