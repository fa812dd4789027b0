"""A model's own train_step, test_step, compute_loss: the same numbers, one program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import layers, losses, metrics, ops, optimizers

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 4)).astype("float32")
Y = (X[:, :1] * X[:, 1:2]).astype("float32")


@pytest.fixture(autouse=True)
def repeatable():
    """The same first weights and draws in each run."""
    onefit.config.set_random_seed(0)


def taped(self, data):
    """A step as Keras' guide for TensorFlow writes it."""
    x, y = data
    with onefit.GradientTape() as tape:
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
    gradients = tape.gradient(loss, self.trainable_variables)
    self.optimizer.apply_gradients(
        zip(gradients, self.trainable_variables, strict=True)
    )
    for metric in self.metrics:
        if metric.name == "loss":
            metric.update_state(loss)
        else:
            metric.update_state(y, y_pred)
    return {metric.name: metric.result() for metric in self.metrics}


def stateless(self, state, data):
    """A step as Keras' guide for JAX writes it."""
    trainable, rest, memory, sums = state
    x, y = data

    def cost(trainable, rest):
        y_pred, rest = self.stateless_call(trainable, rest, x, training=True)
        return self.compute_loss(x, y, y_pred), (y_pred, rest)

    (loss, (y_pred, rest)), gradients = jax.value_and_grad(cost, has_aux=True)(
        trainable, rest
    )
    trainable, memory = self.optimizer.stateless_apply(memory, gradients, trainable)
    logs, new = {}, []
    for metric in self.metrics:
        own = sums[len(new) : len(new) + len(metric.variables)]
        batch = (loss,) if metric.name == "loss" else (y, y_pred)
        own = metric.stateless_update_state(own, *batch)
        logs[metric.name] = metric.stateless_result(own)
        new += own
    return logs, (trainable, rest, memory, new)


def network(step=None, cls=onefit.Sequential, **own):
    """A network whose class has these methods."""
    body = own | ({} if step is None else {"train_step": step})
    kind = type("Own", (cls,), body) if body else cls
    return kind(
        [
            onefit.Input((4,)),
            layers.Dense(5, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dense(1),
        ]
    )


STEPS = {
    "taped": taped,
    "stateless": stateless,
    "theirs": lambda s, d: super(type(s), s).train_step(d),  # pyright: ignore[reportAttributeAccessIssue]
}


@pytest.mark.parametrize("name", STEPS)
def test_weights_are_those_of_a_plain_fit(name):
    plain, own = network(), network(STEPS[name])
    own.set_weights(plain.get_weights())
    histories = []
    for model in (plain, own):
        model.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
        fit = model.fit(
            X,
            Y,
            epochs=3,
            batch_size=16,
            shuffle=False,
            verbose=0,
            validation_split=0.2,
        )
        histories.append(fit.history)
        model.fit(X, Y, epochs=1, batch_size=16, shuffle=False, verbose=0)
    for a, b in zip(plain.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    one, other = histories
    assert list(one) == list(other)
    for log in ("mae", "val_loss", "val_mae"):
        np.testing.assert_allclose(one[log], other[log], rtol=1e-5)
    assert float(own.optimizer.iterations) == float(plain.optimizer.iterations) == 13


def test_constraints_hold_in_own_steps_and_eager_loops():
    def constrained(step=None):
        body = {} if step is None else {"train_step": step}
        kind = type("Own", (onefit.Sequential,), body) if body else onefit.Sequential
        dense = layers.Dense(3, kernel_constraint="non_neg")
        return kind([onefit.Input((4,)), dense, layers.Dense(1)])

    plain, own, loop = constrained(), constrained(taped), constrained()
    for model in (own, loop):
        model.set_weights(plain.get_weights())
    for model in (plain, own):
        model.compile(optimizers.SGD(0.5), "mse")
        model.fit(X, Y, epochs=2, batch_size=50, shuffle=False, verbose=0)
    sgd = optimizers.SGD(0.5)
    for _ in range(2):
        with onefit.GradientTape() as tape:
            loss = ops.mean((loop(X) - Y) ** 2)
        weights = loop.trainable_variables
        sgd.apply(tape.gradient(loss, weights), weights)
    assert np.any(plain.get_weights()[0] == 0)
    for model in (own, loop):
        for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_fit_is_one_program():
    calls = []

    def counted(self, data):
        calls.append(1)
        return taped(self, data)

    model = network(counted)
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=50, batch_size=10, verbose=0)
    assert len(calls) < 6  # it is traced, not called 250 times


class Autoencoder(onefit.Model):
    """A variational autoencoder: fit(x), random numbers, metrics as attributes."""

    def __init__(self):
        super().__init__()
        self.encoder = onefit.Sequential([layers.Dense(6, "relu"), layers.Dense(4)])
        self.decoder = onefit.Sequential([layers.Dense(6, "relu"), layers.Dense(4)])
        self.total = metrics.Mean(name="loss")
        self.divergence = metrics.Mean(name="kl")

    @property
    def metrics(self):
        return [self.total, self.divergence]

    def call(self, x):
        mean, log = ops.split(self.encoder(x), 2, axis=-1)
        z = mean + ops.exp(log / 2) * onefit.random.normal(ops.shape(mean))
        return self.decoder(z), mean, log

    def train_step(self, x):
        with onefit.GradientTape() as tape:
            y, mean, log = self(x)
            kl = -0.5 * ops.mean(ops.sum(1 + log - mean**2 - ops.exp(log), -1))
            loss = ops.mean(ops.sum((y - x) ** 2, -1)) + kl
        weights = self.trainable_weights
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        self.total.update_state(loss)
        self.divergence.update_state(kl)
        return {metric.name: metric.result() for metric in self.metrics}


def test_a_model_that_makes_its_own_loss_from_x_alone():
    model = Autoencoder()
    model.compile(optimizers.Adam(0.02))
    history = model.fit(X, epochs=30, batch_size=16, verbose=0).history
    assert set(history) == {"loss", "kl"}
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert model.decoder.built


class Endpoint(onefit.Layer):
    """A loss made inside the network, of two inputs."""

    def call(self, z, targets):
        self.add_loss(onefit.losses.BinaryCrossentropy(from_logits=True)(targets, z))
        return onefit.ops.sigmoid(z)


def ending():
    x, targets = onefit.Input((3,), name="x"), onefit.Input((1,), name="targets")
    end = Endpoint()(onefit.layers.Dense(1)(x), targets)
    model = onefit.Model([x, targets], end)
    model.compile(optimizers.Adam(0.1))
    return model


def test_several_inputs_alone_are_no_input_and_target():
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    data = {"x": x, "targets": (x[:, :1] > 0).astype("float32")}
    history = ending().fit(data, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]


class Adversaries(onefit.Model):
    """Two networks against each other, without a call, with an optimizer each."""

    def __init__(self, judge, maker):
        super().__init__()
        self.judge, self.maker = judge, maker

    def compile(self, judges, makers, loss):
        super().compile()
        self.judges, self.makers, self.cost = judges, makers, loss
        self.tracker = metrics.Mean(name="judge")

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, real):
        rows = ops.shape(real)[0]
        made = self.maker(onefit.random.normal((rows, 2)))
        both = ops.concatenate([made, real], axis=0)
        labels = ops.concatenate([ops.ones((rows, 1)), ops.zeros((rows, 1))], axis=0)
        with onefit.GradientTape() as tape:
            loss = self.cost(labels, self.judge(both, training=True))
        weights = self.judge.trainable_weights
        self.judges.apply_gradients(
            zip(tape.gradient(loss, weights), weights, strict=True)
        )
        with onefit.GradientTape() as tape:
            judged = self.judge(self.maker(onefit.random.normal((rows, 2))))
            fooled = self.cost(ops.zeros((rows, 1)), judged)
        weights = self.maker.trainable_weights
        self.makers.apply_gradients(
            zip(tape.gradient(fooled, weights), weights, strict=True)
        )
        self.tracker.update_state(loss)
        return {"judge": self.tracker.result(), "maker": fooled}


def test_two_networks_with_an_optimizer_each():
    judge = onefit.Sequential([layers.Dense(6, "relu"), layers.Dropout(0.1)])
    judge.add(layers.Dense(1))
    maker = onefit.Sequential([onefit.Input((2,)), layers.Dense(4)])
    model = Adversaries(judge, maker)
    loss = losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(0.01), optimizers.SGD(0.01), loss)
    before = maker.get_weights()
    history = model.fit(X, epochs=2, batch_size=10, verbose=0).history
    assert list(history) == ["judge", "maker"]
    assert np.all(np.isfinite(history["maker"]))
    assert judge.count_params() == 37
    assert np.any(maker.get_weights()[0] != before[0])
    assert [float(o.iterations) for o in (model.judges, model.makers)] == [10, 10]
    first = np.array(judge.get_weights()[0])
    model.fit(X, epochs=1, batch_size=10, verbose=0)
    assert np.any(first != judge.get_weights()[0])
    assert float(model.judges.iterations) == 15


def test_compute_loss_alone():
    def fourth(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean((y - y_pred) ** 4)

    model = network(compute_loss=fourth)
    model.compile("adam", metrics=["mae"])
    model.fit(X, Y, epochs=1, verbose=0)
    loss, mae = model.evaluate(X, Y, batch_size=50, verbose=0)
    error = np.asarray(model.predict(X, verbose=0)) - Y
    assert loss == pytest.approx(np.mean(error**4), rel=1e-4)
    assert mae == pytest.approx(np.mean(np.abs(error)), rel=1e-4)
    assert len(model.train_on_batch(X, Y)) == 2
    assert set(model.test_on_batch(X, Y, return_dict=True)) == {"loss", "mae"}


def test_layers_may_add_all_that_is_minimised():
    class Small(layers.Layer):
        def call(self, x):
            self.add_loss(ops.mean(x**2))
            return x

    model = onefit.Sequential([onefit.Input((4,)), layers.Dense(3), Small()])
    model.compile(optimizers.SGD(0.1))
    losses = model.fit(X, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    answer = model.evaluate(X, batch_size=50, verbose=0)
    assert answer == pytest.approx(np.mean(model.predict(X, verbose=0) ** 2), rel=1e-5)


def test_an_evaluation_that_nobody_wrote_is_refused():
    maker = onefit.Sequential([onefit.Input((2,)), layers.Dense(4)])
    model = Adversaries(network(), maker)
    model.compile(optimizers.SGD(), optimizers.SGD(), losses.MeanSquaredError())
    with pytest.raises(ValueError, match=r"evaluate: received Adversaries, which has"):
        model.evaluate(X, verbose=0)


def test_a_test_step_and_a_predict_step():
    def test_step(self, data):
        x, y = data
        return {"worst": ops.max(ops.abs(y - self(x, training=False)))}

    def predict_step(self, data):
        return 10.0 * self(data, training=False)

    model = network(test_step=test_step, predict_step=predict_step)
    plain = network()
    plain.set_weights(model.get_weights())
    model.compile("sgd", "mse")
    p = plain.predict(X, verbose=0)
    answer = model.evaluate(X, Y, batch_size=50, verbose=0, return_dict=True)
    assert answer["worst"] == pytest.approx(np.max(np.abs(Y - p)), rel=1e-5)
    np.testing.assert_allclose(model.predict(X, verbose=0), 10 * p, rtol=1e-5)
    history = model.fit(X, Y, epochs=1, validation_data=(X, Y), verbose=0).history
    assert list(history) == ["loss", "val_worst"]


def test_sample_weights_are_the_third_thing():
    def weighted(self, data):
        x, y, w = data
        with onefit.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True), w)
        self.optimizer.apply(
            tape.gradient(loss, self.trainable_weights), self.trainable_weights
        )
        return {"loss": loss, "weight": ops.sum(w)}

    model = network(weighted)
    model.compile("sgd", "mse")
    w = np.linspace(0, 1, 50).astype("float32")
    logs = model.fit(X, Y, sample_weight=w, batch_size=50, verbose=0).history
    assert logs["weight"][0] == pytest.approx(w.sum(), rel=1e-5)


def test_callbacks_rules_and_resuming():
    model = network(taped)
    model.compile(optimizers.SGD(0.01), "mse")
    stop = onefit.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10.0)
    seen = []
    look = onefit.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(logs["loss"])
    )
    model.fit(X, Y, epochs=9, validation_split=0.2, callbacks=[stop, look], verbose=0)
    assert len(seen) == 2
    by_batch = onefit.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
    )
    model.fit(X, Y, epochs=1, batch_size=20, callbacks=[by_batch], verbose=0)
    assert len(seen) == 5


def test_numbers_among_the_attributes_are_those_of_now():
    def scaled(self, data):
        logs = taped(self, data)
        return logs | {"factor": jnp.asarray(self.factor)}

    model = network(scaled)
    model.compile("sgd", "mse")
    model.factor = 2.0
    assert model.fit(X, Y, verbose=0).history["factor"] == [2.0]
    model.factor = 3.0
    assert model.fit(X, Y, verbose=0).history["factor"] == [3.0]


REFUSED = {
    "no logs": (lambda self, data: None, r"a step that returns NoneType; .*by name"),
    "a condition": (
        lambda self, data: {"loss": 1.0 if ops.sum(data[0]) > 0 else 2.0},
        r"Own.train_step: received Python code that needs a number",
    ),
    "no gradient": (
        lambda self, data: self.optimizer.apply([None] * 6, self.trainable_variables),
        "received no gradient",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_step_refuses(name):
    step, words = REFUSED[name]
    model = network(step)
    model.compile("sgd", "mse")
    with pytest.raises((ValueError, TypeError), match=words):
        model.fit(X, Y, verbose=0)
    plain = network()
    plain.set_weights(model.get_weights())  # nothing is lost


def test_run_eagerly_lets_a_step_look_at_numbers():
    seen = []

    def looking(self, data):
        logs = taped(self, data)
        seen.append(float(logs["loss"]))
        return logs

    model = network(looking)
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X, Y, epochs=1, batch_size=25, verbose=0)
    assert len(seen) >= 2


class Distiller(onefit.Model):
    """A student that learns from a teacher; its compute_loss takes no `training`."""

    def __init__(self, student, teacher):
        super().__init__()
        self.student, self.teacher = student, teacher
        self.teacher.trainable = False

    def call(self, x):
        return self.student(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        soft = ops.softmax(self.teacher(x, training=False) / 3.0)
        return onefit.losses.KLDivergence()(soft, ops.softmax(y_pred / 3.0))


def test_a_student_learns_what_its_teacher_says():
    def net(width):
        dense = onefit.layers.Dense
        return onefit.Sequential([onefit.Input((3,)), dense(width, "tanh"), dense(2)])

    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    labels = (x[:, 0] > 0).astype("int32")
    student, teacher = net(3), net(8)
    before = teacher.get_weights()
    model = Distiller(student, teacher)
    model.compile(optimizers.Adam(0.02), metrics=[metrics.SparseCategoricalAccuracy()])
    history = model.fit(x, labels, epochs=20, verbose=0).history
    assert list(history) == ["loss", "sparse_categorical_accuracy"]
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    for a, b in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Apart(onefit.Model):
    """Rows of three values, which only its steps understand: no input of its call."""

    def __init__(self):
        super().__init__()
        dense = onefit.layers.Dense
        self.embed = onefit.Sequential([onefit.Input((3,)), dense(4, "tanh"), dense(2)])
        self.far = metrics.Mean(name="far")

    def call(self, inputs):
        a, b, c = (self.embed(x) for x in inputs)
        near = ops.sum(ops.square(a - b), -1)
        return near, ops.sum(ops.square(a - c), -1)

    def cost(self, data):
        near, far = self(data)
        self.far.update_state(far)
        return ops.mean(ops.maximum(near - far + 0.5, 0.0))

    def train_step(self, data):
        with onefit.GradientTape() as tape:
            loss = self.cost(data)
        weights = self.embed.trainable_weights
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, weights), weights, strict=True)
        )
        return {"loss": loss, "far": self.far.result()}

    def test_step(self, data):
        return {"loss": self.cost(data), "far": self.far.result()}

    def predict_step(self, data):
        self.traced.append(len(self.traced))
        return self.embed(data)

    traced: list[int] = []  # noqa: RUF012 - of the class: no attribute of a model


def test_rows_that_only_a_step_understands_and_a_predict_step_compiled_once():
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    model = Apart()
    model.compile(optimizers.Adam(0.01))
    rows = onefit.data.Dataset.from_tensor_slices((x, x + 0.1, -x)).batch(16)
    history = model.fit(rows, epochs=3, validation_data=rows, verbose=0).history
    assert list(history) == ["loss", "far", "val_loss", "val_far"]
    assert history["loss"][-1] < history["loss"][0]
    first = model.predict(x[:32], verbose=0)
    count = len(Apart.traced)
    again = model.predict(x[:32], verbose=0)
    np.testing.assert_array_equal(first, again)
    assert len(Apart.traced) == count


def test_a_step_that_takes_the_state_has_the_metrics_variables_that_the_model_names():
    class Stateless(onefit.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.mean = metrics.Mean(name="loss")
            self.mae = metrics.MeanAbsoluteError(name="mae")

        @property
        def metrics(self):
            return [self.mean, self.mae]

        def train_step(self, state, data):
            trained, others, optimizer, sums = state
            x, y = data

            def cost(trained, others):
                out, others = self.stateless_call(trained, others, x, training=True)
                return ops.mean(ops.square(out - y)), (out, others)

            (loss, (out, others)), slopes = jax.value_and_grad(cost, has_aux=True)(
                trained, others
            )
            trained, optimizer = self.optimizer.stateless_apply(
                optimizer, slopes, trained
            )
            mean = self.mean.stateless_update_state(sums[:2], loss)
            mae = self.mae.stateless_update_state(sums[2:], y, out)
            logs = {"loss": self.mean.stateless_result(mean)}
            logs["mae"] = self.mae.stateless_result(mae)
            return logs, (trained, others, optimizer, mean + mae)

    x = onefit.Input((3,))
    model = Stateless(x, onefit.layers.Dense(1)(x))
    model.compile(optimizers.Adam(0.05))
    rows = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    history = model.fit(rows, rows[:, :1], epochs=10, verbose=0).history
    assert list(history) == ["loss", "mae"]
    assert history["mae"][-1] < history["mae"][0]


def test_a_loss_that_writes_its_call_alone():
    class Sum(onefit.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return ops.sum(ops.square(y_true - y_pred))

    model = onefit.Sequential([onefit.Input((3,)), onefit.layers.Dense(1)])
    model.compile("sgd", Sum())
    x = np.ones((4, 3), "float32")
    answer = model.evaluate(x, np.zeros((4, 1)), verbose=0)
    assert answer == pytest.approx(float(np.sum(model.predict(x) ** 2)), rel=1e-5)
