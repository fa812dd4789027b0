"""Streams as x: the same numbers as arrays, whatever gives the batches."""

import itertools
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

import onefit
from onefit import Input, Model, Sequential, layers
from onefit.callbacks import Callback, EarlyStopping, ModelCheckpoint
from onefit.data import Dataset
from onefit.errors import OnefitWarning
from onefit.utils import PyDataset

RNG = np.random.default_rng(0)
X = RNG.normal(size=(22, 3)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
W = RNG.random(22).astype("float32")
SIZE = 8  # two batches of 8 rows and one of 6


def network(seed=1, **compiling):
    onefit.config.set_random_seed(seed)
    model = Sequential([Input((3,)), layers.Dense(2, "tanh"), layers.Dense(1)])
    model.compile(**{"optimizer": "adam", "loss": "mse", "check": False} | compiling)
    return model


def pieces(*arrays, size=SIZE):
    """The arrays in batches, as tuples."""
    for at in range(0, len(arrays[0]), size):
        yield tuple(a[at : at + size] for a in arrays)


class Numbered(PyDataset):
    def __init__(self, *arrays, **kwargs):
        super().__init__(**kwargs)
        self.arrays = arrays or (X, Y)
        self.begun = self.ended = 0

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return tuple(a[i * SIZE : (i + 1) * SIZE] for a in self.arrays)

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


class Again:
    """An iterable that can be read again, as a DataLoader is."""

    def __init__(self, function):
        self.function = function

    def __iter__(self):
        return iter(self.function())


class LikeTensorFlow:
    """What is asked of a tf.data.Dataset."""

    element_spec = None

    def __iter__(self):
        raise AssertionError("tensors are not asked for")

    def as_numpy_iterator(self):
        return pieces(X, Y)

    def cardinality(self):
        return np.int64(-2)


class LikeHuggingFace:
    """What is asked of a data set of Hugging Face: columns by name."""

    column_names, features, shape = ["x", "label"], {}, (22, 2)

    def __len__(self):
        return len(X)

    def __getitem__(self, at):
        return {"x": X[at].tolist(), "label": Y[at].tolist()}

    def __iter__(self):
        raise AssertionError("rows are not asked for")


def loader():
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(*map(torch.from_numpy, (X, Y)))
    return torch.utils.data.DataLoader(rows, batch_size=SIZE)


def slices(*arrays):
    return Dataset.from_tensor_slices(arrays or (X, Y))


STREAMS = {
    "a generator": lambda: pieces(X, Y),
    "lists of lists": lambda: ((x.tolist(), y.tolist()) for x, y in pieces(X, Y)),
    "float64": lambda: pieces(X.astype("float64"), Y.astype("float64")),
    "tables": lambda: (
        (pd.DataFrame(x, columns=list("abc")), pd.DataFrame(y)) for x, y in pieces(X, Y)
    ),
    "dicts": lambda: ({"x": x, "y": y} for x, y in pieces(X, Y)),
    "dicts by other names": lambda: (
        {"pixels": x, "label": y} for x, y in pieces(X, Y)
    ),
    "an iterable": lambda: Again(lambda: pieces(X, Y)),
    "an iterable of lists": lambda: Again(lambda: map(list, pieces(X, Y))),
    "a PyDataset": Numbered,
    "a PyDataset with threads": lambda: Numbered(workers=2, max_queue_size=1),
    "a data set of arrays": lambda: slices().batch(SIZE),
    "a data set of a generator": lambda: Dataset.from_generator(
        lambda: zip(X, Y, strict=True)
    ).batch(SIZE),
    "a data set with a function of batches": lambda: (
        slices().batch(SIZE).map(lambda x, y: (x * 1.0, y))
    ),
    "a data set like TensorFlow's": LikeTensorFlow,
    "a DataLoader": loader,
}


@pytest.fixture(scope="module")
def by_arrays():
    model = network()
    history = model.fit(X, Y, batch_size=SIZE, epochs=1, shuffle=False, verbose=0)
    loss = model.evaluate(X, Y, batch_size=SIZE, verbose=0)
    return model.get_weights(), history.history["loss"], loss, model.predict(X)


def same(one, two):
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_its_rows(name, by_arrays):
    # Also the last batch, which is smaller.
    weights, losses, loss, outputs = by_arrays
    model = network()
    history = model.fit(STREAMS[name](), epochs=1, shuffle=False, verbose=0)
    same(model.get_weights(), weights)
    same(history.history["loss"], losses)
    assert model.optimizer.iterations.numpy() == 3
    same([model.evaluate(STREAMS[name](), verbose=0)], [loss])
    same([model.predict(STREAMS[name](), verbose=0)], [outputs])


def test_columns_by_name_are_rows():
    model, other = network(), network()
    model.fit(LikeHuggingFace(), batch_size=SIZE, epochs=2, verbose=0)
    other.fit(X, Y, batch_size=SIZE, epochs=2, verbose=0)
    assert model.optimizer.iterations.numpy() == other.optimizer.iterations.numpy()
    same([model.predict(LikeHuggingFace(), verbose=0)], [model.predict(X)])


def test_weights_come_with_the_batches():
    one, two = network(), network()
    one.fit(pieces(X, Y, W), verbose=0)
    settings = {"batch_size": SIZE, "shuffle": False, "verbose": 0}
    two.fit(X, Y, sample_weight=W, **settings)
    same(one.get_weights(), two.get_weights())
    one, two = network(), network()
    factors = {0: 1.0, 1: 3.0}
    one.fit(pieces(X, Y, W), class_weight=factors, verbose=0)
    two.fit(X, Y, sample_weight=W, class_weight=factors, **settings)
    same(one.get_weights(), two.get_weights())


def test_several_inputs_and_outputs():
    onefit.config.set_random_seed(0)
    a, b = Input((3,), name="a"), Input((1,), name="b")
    out = layers.Dense(1, name="out")(a)
    more = layers.Dense(1, name="more")(layers.Concatenate()([a, b]))
    model = Model([a, b], [out, more])
    model.compile("sgd", "mse", check=False)
    kept = model.get_weights()
    model.fit([X, Y], [Y, Y], batch_size=SIZE, shuffle=False, verbose=0)
    wanted = model.get_weights()
    batches = [((x, y), (y, y)) for x, y in pieces(X, Y)]
    dicts = [({"a": x, "b": y}, {"more": y, "out": y}) for x, y in pieces(X, Y)]
    flat = [{"a": x, "b": y, "more": y, "out": y} for x, y in pieces(X, Y)]
    for items in (batches, dicts, flat):
        model.set_weights(kept)
        model.fit(iter(items), verbose=0)
        same(model.get_weights(), wanted)
    outputs = model.predict((x for x, _ in batches), verbose=0)
    assert [o.shape for o in outputs] == [(22, 1), (22, 1)]
    data = slices({"a": X, "b": Y}, {"out": Y, "more": Y}).batch(SIZE)
    model.set_weights(kept)
    model.fit(data, verbose=0)
    same(model.get_weights(), wanted)


def test_a_generator_may_use_its_arrays_again(by_arrays):
    def batches():
        x, y = np.zeros((SIZE, 3), "float32"), np.zeros((SIZE, 1), "float32")
        for a, b in pieces(X, Y):
            x[: len(a)], y[: len(b)] = a, b
            yield x[: len(a)], y[: len(b)]

    model = network()
    model.fit(batches(), validation_data=batches(), verbose=0)
    same(model.get_weights(), by_arrays[0])


def test_a_model_that_makes_its_own_loss_takes_x_alone():
    class Same(onefit.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
            return onefit.ops.mean((y_pred - x) ** 2)

    def trained(x, **more):
        onefit.config.set_random_seed(2)
        model = Same()
        model.compile("sgd", check=False)
        model.fit(x, verbose=0, **more)
        return model.get_weights()

    wanted = trained(X, batch_size=SIZE, shuffle=False)
    same(trained(x for (x,) in pieces(X)), wanted)
    same(trained(slices(X).batch(SIZE)), wanted)


def test_inputs_of_a_call_come_as_its_batches_have_them():
    class Two(onefit.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs["a"]) + inputs["b"]

    model = Two()
    model.compile("sgd", "mse", check=False)
    batches = [({"a": x, "b": y}, y) for x, y in pieces(X, Y)]
    assert len(model.fit(iter(batches), verbose=0).history["loss"]) == 1
    assert model.predict((x for x, _ in batches), verbose=0).shape == (22, 1)


def test_a_pydataset_of_keras():
    keras = pytest.importorskip("keras")

    class Theirs(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return X[i * SIZE : (i + 1) * SIZE], Y[i * SIZE : (i + 1) * SIZE]

    model = network()
    model.fit(Theirs(), epochs=2, verbose=0)
    assert model.optimizer.iterations.numpy() == 6


def test_a_model_without_a_shape_takes_that_of_the_first_batch():
    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse", check=False)
    model.fit(pieces(X, Y), verbose=0)
    assert Sequential([layers.Dense(2)]).predict(iter([X])).shape == (22, 2)


# Epochs -------------------------------------------------------------------------------


def forever():
    while True:
        yield from pieces(X[:16], Y[:16])


def test_an_endless_generator_is_cut_into_epochs():
    model, taken = network(), itertools.count()

    def batches():
        for batch in forever():
            next(taken)
            yield batch

    history = model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
    assert model.optimizer.iterations.numpy() == next(taken) == 6
    other = network()
    other.fit(
        np.tile(X[:16], (3, 1)),
        np.tile(Y[:16], (3, 1)),
        SIZE,
        1,
        shuffle=False,
        verbose=0,
    )
    same(model.get_weights(), other.get_weights())


@pytest.mark.parametrize(
    "endless",
    [
        forever,
        lambda: itertools.cycle(pieces(X, Y)),
        lambda: slices().repeat().batch(8),
    ],
)
def test_without_an_end_the_steps_have_to_be_said(endless):
    with pytest.raises(
        ValueError, match=r"without an end; .* Write steps_per_epoch=100"
    ):
        network().fit(endless(), verbose=0)
    with pytest.raises(
        ValueError, match=r"without an end; .* Write validation_steps=100"
    ):
        network().fit(X, Y, validation_data=endless(), verbose=0)
    with pytest.raises(
        ValueError, match=r"x: received .* without an end.* Write steps=100"
    ):
        network().predict(endless())
    assert network().predict(endless(), steps=2).shape == (16, 1)


def test_a_stream_that_can_be_read_again_begins_anew():
    data, model = Numbered(), network()
    history = model.fit(data, steps_per_epoch=2, epochs=3, verbose=0)
    assert history.params["steps"] == 2
    assert model.optimizer.iterations.numpy() == 6
    assert data.begun == data.ended == 3
    data, model = Again(lambda: pieces(X, Y)), network()
    model.fit(data, epochs=3, initial_epoch=1, verbose=0)
    assert model.optimizer.iterations.numpy() == 6
    assert model.history.epoch == [1, 2]
    assert model.history.params["steps"] == 3


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_an_exception_of_the_users_own_goes_through_with_its_place(method):
    def broken():
        yield from itertools.islice(pieces(X, Y), 2)
        raise KeyError("a")

    with pytest.raises(KeyError, match="a") as caught:
        getattr(network(), method)(broken(), verbose=0)
    assert caught.value.__notes__ == ["x: a generator raised this in place of batch 3."]


def test_a_generator_that_ends_too_soon_ends_the_fit():
    model = network()
    with pytest.warns(OnefitWarning, match=r"end after epoch 1 of 3.*from_generator"):
        history = model.fit(pieces(X, Y), epochs=3, verbose=0)
    assert history.stopped == "data"
    assert len(history.history["loss"]) == 1
    with pytest.warns(OnefitWarning, match="after 1 of the 2 batches of epoch 2"):
        history = model.fit(pieces(X, Y), steps_per_epoch=2, epochs=4, verbose=0)
    assert len(history.history["loss"]) == 2
    with pytest.warns(OnefitWarning, match="ended after 3 of the 5 batches"):
        model.evaluate(pieces(X, Y), steps=5, verbose=0)
    with pytest.warns(OnefitWarning, match="after 3 of the 9 .* validation_steps"):
        model.fit(X, Y, validation_data=pieces(X, Y), validation_steps=9, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(pieces(X, Y), steps_per_epoch=1, epochs=3, verbose=0)


def test_a_pydataset_is_shuffled_by_batch():
    seen = []

    class Telling(Numbered):
        def __getitem__(self, i):
            seen.append(i)
            return super().__getitem__(i)

    network().fit(Telling(), epochs=6, verbose=0)
    orders = [tuple(seen[i : i + 3]) for i in range(0, 18, 3)]
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    assert len(set(orders)) > 1
    seen.clear()
    network().fit(Telling(), epochs=2, shuffle=False, verbose=0)
    assert seen == [0, 1, 2, 0, 1, 2]


def test_another_process_makes_batches(by_arrays):
    data = Numbered(workers=1, use_multiprocessing=True)
    model = network()
    model.fit(data, shuffle=False, verbose=0)
    same(model.get_weights(), by_arrays[0])
    data.lock = lambda: None  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError, match=r"cannot be sent.*use_multiprocessing=False"):
        model.fit(data, verbose=0)


def test_shapes_may_change_from_batch_to_batch():
    onefit.config.set_random_seed(0)
    model = Sequential([Input((None, 2)), layers.GRU(2), layers.Dense(1)])
    model.compile("sgd", "mse", check=False)
    kept = model.get_weights()
    batches = [
        (RNG.random((n, t, 2), "float32"), RNG.random((n, 1), "float32"))
        for n, t in ((3, 2), (3, 4), (2, 4), (3, 2))
    ]
    model.fit(iter(batches), verbose=0)
    found = model.get_weights()
    model.set_weights(kept)
    for x, y in batches:
        model.train_on_batch(x, y)
    same(found, model.get_weights())
    assert model.predict(iter(batches), verbose=0).shape == (11, 1)
    model.fit(iter(batches), validation_data=iter(batches), verbose=0)
    total = sum(model.evaluate(x, y, verbose=0) * len(x) for x, y in batches) / 11
    same(model.history.history["val_loss"], [total])


# Validation ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", STREAMS)
def test_validation_by_a_stream(name):
    model = network(metrics=["mae"])
    history = model.fit(
        X, Y, epochs=2, validation_data=STREAMS[name](), validation_freq=2, verbose=0
    )
    assert history.validated == [1]
    same(
        [history.history["val_loss"][0], history.history["val_mae"][0]],
        model.evaluate(X, Y, verbose=0),
    )


def test_some_batches_of_an_endless_stream_to_validate():
    model = network()
    history = model.fit(
        forever(),
        steps_per_epoch=2,
        epochs=2,
        validation_data=forever(),
        validation_steps=2,
        verbose=0,
    )
    same(history.history["val_loss"][-1:], [model.evaluate(X[:16], Y[:16], verbose=0)])


def test_rules_and_best_weights_on_streams():
    rule = EarlyStopping(patience=0, restore_best_weights=True, min_delta=10.0)
    model = network()
    history = model.fit(
        Numbered(), validation_data=Numbered(), epochs=9, callbacks=[rule], verbose=0
    )
    assert history.stopped == "rule"
    assert len(history.history["loss"]) == 2
    best = min(history.history["val_loss"])
    assert model.evaluate(X, Y, verbose=0) != history.history["val_loss"][-1] or best


# Callbacks and the end ----------------------------------------------------------------


def test_callbacks_see_every_batch(tmp_path):
    calls = []

    class Watching(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            calls.append(("epoch", epoch))

        def on_train_batch_begin(self, batch, logs=None):
            calls.append(batch)

        def on_train_batch_end(self, batch, logs=None):
            calls.append(round(float(logs["loss"]), 5) > 0)

        def on_epoch_end(self, epoch, logs=None):
            calls.append((self.params["steps"], sorted(logs)))

    saved = ModelCheckpoint(f"{tmp_path}/{{epoch}}.weights.h5", save_weights_only=True)
    model = network()
    model.fit(
        Again(lambda: pieces(X, Y)), epochs=2, callbacks=[Watching(), saved], verbose=0
    )
    steps = [0, True, 1, True, 2, True]
    end = (3, ["loss"])
    assert calls == [("epoch", 0), *steps, end, ("epoch", 1), *steps, end]
    assert len(list(tmp_path.iterdir())) == 2
    other = network()
    other.fit(Again(lambda: pieces(X, Y)), epochs=2, verbose=0)
    same(model.get_weights(), other.get_weights())


def test_a_callback_ends_an_epoch_within_it():
    class Enough(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model = network()
    history = model.fit(
        forever(), steps_per_epoch=5, epochs=3, callbacks=[Enough()], verbose=0
    )
    assert model.optimizer.iterations.numpy() == 2
    assert history.stopped == "callback"


def test_an_error_in_the_generator_is_the_users_own():
    def broken():
        yield from pieces(X[:16], Y[:16])
        raise OSError("disk full")

    model, other = network(), network()
    with pytest.raises(OSError, match="disk full") as caught:
        model.fit(broken(), verbose=0)
    assert caught.traceback[-1].name == "broken"
    other.fit(X[:16], Y[:16], SIZE, shuffle=False, verbose=0)
    same(model.get_weights(), other.get_weights())
    model.fit(pieces(X, Y), verbose=0)  # and goes on
    with pytest.raises(OSError, match="disk full"):
        model.predict(broken())


def test_ctrl_c_ends_the_fit_and_keeps_what_was_trained():
    def interrupted():
        for number, batch in enumerate(forever()):
            if number == 40:
                os.kill(os.getpid(), signal.SIGINT)
            yield batch

    model = network()
    history = model.fit(interrupted(), steps_per_epoch=30, epochs=9, verbose=0)
    assert history.stopped == "interrupted"
    assert len(history.history["loss"]) == 1
    assert model.predict(X).shape == (22, 1)


HANGING = """
import os, signal, time
import numpy as np, onefit

# A process in the background is started with interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def hanging():
    for _ in range(3):
        yield np.ones((8, 2)), np.ones((8, 1))
    for _ in range(2):  # one after the other: two at once are one
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
    raise AssertionError("it went on")

model = onefit.Sequential([onefit.Input((2,)), onefit.layers.Dense(1)])
model.compile("sgd", "mse", check=False)
try:
    model.fit(hanging(), verbose=0)
except KeyboardInterrupt:
    print("ended", model.predict(np.ones((3, 2)), verbose=0).shape)
"""


def test_ctrl_c_twice_in_a_generator_that_hangs():
    # In a process of its own, whose signals nobody else has a hand in.
    run = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, check=False
    )
    assert run.stdout == "ended (3, 1)\n", run.stderr


def test_eagerly():
    model = network(run_eagerly=True)
    model.fit(Numbered(), steps_per_epoch=1, shuffle=False, verbose=0)
    other = network()
    other.train_on_batch(X[:SIZE], Y[:SIZE])
    same(model.get_weights(), other.get_weights())


def test_float64():
    with onefit.config.precision("float64"):
        model = network()
        model.fit(pieces(X, Y), verbose=0)
        found = model.get_weights()
        model = network()
        model.fit(X, Y, SIZE, shuffle=False, verbose=0)
        assert found[0].dtype == np.float64
        for one, two in zip(found, model.get_weights(), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-12)


def test_stateful_layers_take_batches_of_their_size():
    model = Sequential([Input((2, 1), batch_size=4), layers.GRU(2, stateful=True)])
    model.compile("sgd", "mse", check=False)
    x, y = np.ones((8, 2, 1), "float32"), np.ones((8, 2), "float32")
    model.fit(pieces(x, y, size=4), verbose=0)
    with pytest.raises(ValueError, match="batches of 4"):
        model.fit(pieces(x, y, size=3), verbose=0)


# Data sets of arrays are arrays -------------------------------------------------------


def test_a_shuffled_data_set_of_arrays_is_one_program():
    model, other = network(), network()
    data = slices().shuffle(22).batch(SIZE).prefetch(1)
    onefit.config.set_random_seed(5)
    history = model.fit(data, epochs=4, validation_data=slices().batch(5), verbose=0)
    onefit.config.set_random_seed(5)
    other.fit(X, Y, SIZE, 4, verbose=0)
    same(model.get_weights(), other.get_weights())
    same(history.history["val_loss"][-1:], [model.evaluate(X, Y, verbose=0)])


@pytest.mark.parametrize(
    ("made", "steps"),
    [
        (lambda d: d.shuffle(9, seed=1).batch(SIZE), None),
        (
            lambda d: d.skip(2).shuffle(30, seed=1).batch(SIZE, drop_remainder=True),
            None,
        ),
        (lambda d: d.batch(SIZE, drop_remainder=True), None),
        (lambda d: d.shuffle(5, seed=2).repeat().batch(SIZE), 4),
        (lambda d: d.repeat(2).batch(SIZE), None),
        (lambda d: d.take(16).batch(SIZE).shuffle(2, seed=1), 3),
        (lambda d: d.batch(SIZE).shuffle(3, seed=1), None),
        (lambda d: d.batch(SIZE).repeat(2), None),
    ],
)
def test_the_program_takes_the_batches_of_a_pass(made, steps):
    # The oracle: the same data set, its batches given one by one.
    model, other = network(), network()
    model.fit(made(slices()), epochs=2, steps_per_epoch=steps, verbose=0)
    data = made(slices())
    epochs = itertools.chain.from_iterable(data.elements((0, i)) for i in range(3))
    if data.table() is None or data.table().endless:
        epochs = itertools.chain(*(data.elements((i,)) for i in range(2)))
    for batch in itertools.islice(epochs, 2 * (steps or len(data))):
        other.train_on_batch(*batch)
    assert model.optimizer.iterations.numpy() == other.optimizer.iterations.numpy()
    same(model.get_weights(), other.get_weights())


# Refusals -----------------------------------------------------------------------------


def one(*item):
    return iter([item])


REFUSALS = {
    "four things": (
        lambda: network().fit(one(X, Y, W, W), verbose=0),
        r"x, batch 1 > received 4 things from .*; expected \(x, y\), \(x, y, sample",
    ),
    "nothing": (
        lambda: network().fit(iter([None]), verbose=0),
        "x, batch 1 > received nothing from a list_iterator",
    ),
    "no batch": (
        lambda: network().fit(iter([]), verbose=0),
        "x: received a list_iterator that gives nothing, perhaps because it was read",
    ),
    "no batch to predict": (
        lambda: network().predict(iter([])),
        "x: received a list_iterator that gives nothing",
    ),
    "x alone": (
        lambda: network().fit(iter([X]), verbose=0),
        r"batch 1 > received x alone .*; expected \(x, y\).*Write `yield x, y`",
    ),
    "other widths": (
        lambda: network().fit(iter([(X, Y), (X[:, :2], Y)]), verbose=0),
        "x, batch 2 > Dense 'dense.*': received 2 features",
    ),
    "other rows": (
        lambda: network().fit(iter([(X, Y), (X, Y[:3])]), verbose=0),
        "x, batch 2 > received 22 and 3 rows in its parts; expected equally many",
    ),
    "NaN": (
        lambda: network().fit(iter([(X, Y), (X * np.nan, Y)]), verbose=0),
        "x, batch 2 > x: received nan at row 0, column 0",
    ),
    "NaN within a chunk": (
        lambda: network().fit(iter([(X, Y)] * 30 + [(X, Y * np.nan)]), verbose=0),
        "x, batch 31 > y: received nan at row 0",
    ),
    "text": (
        lambda: network().fit(one(np.array(["a", "b"]), Y[:2]), verbose=0),
        "x, batch 1 > x: received text such as 'a'; expected numbers",
    ),
    "a column of text": (
        lambda: network().fit(one(pd.DataFrame({"a": ["u"]}), [1.0]), verbose=0),
        "batch 1 > x: received column 'a' of type",
    ),
    "rows of other lengths": (
        lambda: network().fit(one([[1.0], [1.0, 2.0]], [1.0, 2.0]), verbose=0),
        "batch 1 > x: received rows of different lengths",
    ),
    "single rows": (
        lambda: network().fit(zip(X, Y, strict=True), verbose=0),
        r"x, batch 1 > received a single row from a zip; .*\.batch\(32\)",
    ),
    "single rows of a data set": (
        lambda: network().fit(slices(), verbose=0),
        r"x: received a single row from a Dataset; .*Write \.batch\(32\)",
    ),
    "single rows to predict": (
        lambda: network().predict(iter(X)),
        "x, batch 1 > received a single row",
    ),
    "y beside it": (
        lambda: network().fit(pieces(X, Y), Y, verbose=0),
        "fit: received y beside a stream of batches",
    ),
    "weights beside it": (
        lambda: network().evaluate(pieces(X, Y), sample_weight=W),
        "evaluate: received sample_weight beside a stream",
    ),
    "a share of it": (
        lambda: network().fit(pieces(X, Y), validation_split=0.2, verbose=0),
        "validation_split: received 0.2 of a stream; .*validation_data",
    ),
    "names that are none of the model's": (
        lambda: network().fit(iter([{"a": X, "b": X, "y": Y}]), verbose=0),
        "received a dict with 'a', 'b', 'y' from .*; expected one with 'input",
    ),
    "a dict without targets": (
        lambda: network().fit(iter([{"x": X}]), verbose=0),
        "received a dict with 'x' .*; expected targets in it too",
    ),
    "labels that no unit has": (
        lambda: network(loss="sparse_categorical_crossentropy").fit(
            pieces(X, Y), verbose=0
        ),
        "one unit under a softmax",
    ),
    "a generator to check": (
        lambda: network().check(pieces(X, Y)),
        r"check: received x that can be read once .a generator.*next\(batches\)",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    make, words = REFUSALS[name]
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_rows_of_torch_are_refused():
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(*map(torch.from_numpy, (X, Y)))
    with pytest.raises(TypeError, match=r"single rows; .*DataLoader"):
        network().fit(rows, verbose=0)


def test_a_batch_size_beside_a_stream_says_that_it_changes_nothing():
    with pytest.warns(OnefitWarning, match="batch_size=4 changes nothing"):
        network().fit(Numbered(), batch_size=4, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network().fit(Numbered(), batch_size=SIZE, verbose=0)


# The guide ----------------------------------------------------------------------------


def test_the_guide_looks_at_streams():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "binary_crossentropy")
    with pytest.warns(onefit.guide.TrainingWarning, match="logits-as-probabilities"):
        history = model.fit(Again(lambda: pieces(X, Y)), epochs=2, verbose=0)
    assert history.diagnose() is not None
    assert "logits-as-probabilities" in model.check(Numbered()).codes
    assert "logits-as-probabilities" in model.check(slices().batch(4)).codes
    model.check(X, Y, validation_data=Numbered())


def test_first_batches_of_one_class_are_no_finding():
    # Sorted by class: the first batches say nothing of the others.
    order = np.argsort(Y[:, 0])
    model = network(loss="binary_crossentropy", check=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="error: (constant|stuck|label)")
        warnings.filterwarnings("ignore", message="error: logits")
        model.fit(
            Again(lambda: pieces(X[order], Y[order], size=2)), epochs=3, verbose=0
        )


def test_nan_in_a_streamed_fit_is_told():
    model = network(optimizer=onefit.optimizers.SGD(1e30), check=True)
    with pytest.warns(onefit.guide.TrainingWarning):
        history = model.fit(Numbered(), epochs=3, verbose=0)
    assert not np.isfinite(history.history["loss"][-1])


def test_the_progress_of_a_stream(capsys):
    network().fit(Again(lambda: pieces(X, Y)), epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Epoch 1/2  loss ")
    assert len(lines) == 3
