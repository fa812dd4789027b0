# pyright: reportAttributeAccessIssue=false
# (programs of TensorFlow's words.)
"""The small tf against TensorFlow's own numbers, and what tensors are."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from make_numbers import expressions, plain

import onefit
from onefit.scripts import standin
from onefit.scripts.tf.dressing import dressed

HERE = Path(__file__).parent
NUMBERS = json.loads((HERE / "numbers.json").read_text("utf-8"))
# 64 bits become 32, and Python's own whole numbers divide to float32.
NARROW = {"float64": "float32", "int64": "int32", "uint64": "uint32"}

tf = standin("tensorflow")
ROWS = tf.ragged.constant([[1]])


@pytest.mark.parametrize("line", expressions())
def test_a_function_gives_tensorflows_numbers(line):
    with dressed():
        found = plain(eval(line, {"tf": tf, "np": np}))
    _same(found, NUMBERS[line])


def _same(found, wanted):
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            _same(one, other)
        return
    kind = NARROW.get(wanted["dtype"], wanted["dtype"])
    assert NARROW.get(found["dtype"], found["dtype"]) == kind
    if kind == "string":
        assert found["value"] == wanted["value"]
    else:
        np.testing.assert_allclose(
            np.array(found["value"]), np.array(wanted["value"]), rtol=2e-5, atol=2e-6
        )


# What tensors are ---------------------------------------------------------------------


def test_tensors_are_jaxs_arrays_only_while_a_script_runs():
    x = tf.constant([[1.0, 2.0]])
    assert isinstance(x, jax.Array)
    assert isinstance(x, tf.Tensor)
    assert not hasattr(x, "numpy")
    with dressed():
        assert x.numpy().flags.writeable
        assert isinstance(x[0, 0].numpy(), np.float32)
        assert str(x) == "tf.Tensor([[1. 2.]], shape=(1, 2), dtype=float32)"
        assert f"{x[0, 0]:.2f}" == "1.00"
        assert x.get_shape().as_list() == [1, 2]
        assert len({x.ref(), x.ref()}) == 1
        with pytest.raises(TypeError, match="no numbers yet"):
            jax.jit(lambda v: v.numpy())(x)
    assert repr(x).startswith("Array(")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tf.constant([[1.0], [2.0, 3.0]]), "rows of different lengths"),
        (lambda: tf.constant("a", dtype=tf.int32), "text such as 'a'"),
        (lambda: tf.constant(1.5, dtype=tf.int32), "fractions for int32"),
        (lambda: tf.constant(["a", 1]), "text alone"),
        (lambda: tf.cast("1", tf.float32), "tf.strings.to_number"),
        (lambda: tf.Variable("a"), "tf.constant"),
        (lambda: tf.matmul([1.0], [1.0]), "tf.linalg.matvec"),
        (lambda: tf.split([1, 2, 3], 2), "3 numbers in 2 parts"),
        (lambda: tf.ensure_shape(tf.ones(2), [3]), "shape"),
        (lambda: tf.image.resize(tf.ones((2, 2, 1)), (1, 1), "cubical"), "bilinear"),
        (lambda: tf.nn.conv2d(1, 1, 1, "SAME", "NCHW"), "channels last"),
        (lambda: tf.constant([[1, 2], [3]]), "rows of different lengths"),
        (
            lambda: tf.ragged.constant([[1]]) + tf.ragged.constant([[1, 2]]),
            "other lengths",
        ),
        (lambda: tf.as_dtype("float31"), "float31|not understood"),
        (lambda: tf.io.decode_image(tf.constant("no picture")), "no picture"),
        (lambda: tf.io.decode_csv("1", [0, 0]), "a line of 1 fields"),
        (lambda: standin("tensorflow_datasets").load("nothing"), "np.savez"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_types_are_those_of_numpy_and_jax():
    assert tf.float32 == np.float32 == tf.as_dtype("float32")
    assert jnp.zeros(1).dtype == tf.float32
    assert jnp.ones(1, tf.int32).dtype == "int32"
    assert onefit.layers.Dense(1, dtype=tf.float32).dtype == "float32"
    with onefit.config.precision("float64"):
        assert tf.constant(1.0, tf.float64).dtype == tf.float64
    assert tf.constant(1.0, tf.float64).dtype == tf.float32


# tf.function --------------------------------------------------------------------------


def test_a_function_reads_and_assigns_variables_in_one_program():
    w, calls = tf.Variable(1.0), []

    @tf.function
    def double(x):
        calls.append(1)
        w.assign(w * 2)
        return w * x

    x = tf.constant(3.0)
    assert [float(double(x)) for _ in range(4)] == [6.0, 12.0, 24.0, 48.0]
    assert float(w) == 16.0
    assert len(calls) == 2  # once as it stands, once traced
    double(tf.ones(2))
    assert len(calls) == 3


def test_a_function_draws_anew_in_each_call():
    layer = onefit.layers.Dropout(0.5)

    @tf.function
    def drawn():
        return tf.random.uniform([3]), layer(tf.ones((1, 64)), training=True)

    some = [drawn() for _ in range(4)]
    for pair in zip(*some, strict=True):
        assert len({np.asarray(one).tobytes() for one in pair}) == 4


def test_methods_and_functions_that_cannot_be_traced():
    class Counter(tf.Module):
        def __init__(self):
            super().__init__()
            self.total = tf.Variable(0.0)

        @tf.function
        def add(self, x):
            if x > 1.0:  # asks for a number: runs as it stands
                self.total.assign_add(x)
            return self.total

    one, other = Counter(), Counter()
    for _ in range(3):
        one.add(tf.constant(2.0))
    other.add(tf.constant(0.5))
    assert (float(one.total), float(other.total)) == (6.0, 0.0)


def test_a_compiled_step_is_the_plain_one():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 3)).astype("float32"), rng.integers(0, 2, 32)
    results = []
    for wrap in (lambda f: f, tf.function):
        onefit.config.set_random_seed(0)
        model = onefit.Sequential(
            [
                onefit.layers.Dense(4),
                onefit.layers.BatchNormalization(),
                onefit.layers.Dense(2),
            ]
        )
        optimizer = onefit.optimizers.Adam(0.1)
        loss_of = onefit.losses.SparseCategoricalCrossentropy(from_logits=True)
        mean = onefit.metrics.Mean()

        @wrap
        def step(a, b, model=model, optimizer=optimizer, mean=mean, loss_of=loss_of):
            with tf.GradientTape() as tape:
                loss = loss_of(b, model(a, training=True))
            weights = model.trainable_variables
            slopes = tape.gradient(loss, weights)
            optimizer.apply_gradients(zip(slopes, weights, strict=True))
            mean.update_state(loss)
            return loss

        losses = [float(step(tf.constant(x), tf.constant(y))) for _ in range(5)]
        numbers = [losses, float(mean.result()), int(optimizer.iterations)]
        results.append((numbers, model.get_weights()))
    (plain, weights), (fast, others) = results
    np.testing.assert_allclose(plain[0], fast[0], rtol=1e-4)
    assert plain[2] == fast[2] == 5
    assert abs(plain[1] - fast[1]) < 1e-4
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
