"""Draws: by a seed the numbers of Keras on JAX; generators; streams of programs."""

import inspect
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import random

DRAWS = {
    "normal": ((3, 2), 1.0, 2.0),
    "truncated_normal": ((3, 2),),
    "uniform": ((4,), -1.0, 2.0),
    "randint": ((5,), 0, 9),
    "gamma": ((3,), 2.0),
    "beta": ((3,), 2.0, 3.0),
    "binomial": ((3,), 5, 0.5),
    "categorical": (np.log([[0.2, 0.8], [0.5, 0.5]]).astype("float32"), 6),
    "dropout": (np.ones((4, 3), "float32"), 0.5),
    "shuffle": (np.arange(9),),
}
draws = pytest.mark.parametrize("name", DRAWS)


def drawn(name, seed, room=random):
    return np.asarray(getattr(room, name)(*DRAWS[name], seed=seed))


@draws
@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") != "jax", reason="Keras on JAX")
def test_numbers_types_and_arguments_are_those_of_keras(name):
    keras = pytest.importorskip("keras")
    seeds = random.SeedGenerator(5), keras.random.SeedGenerator(5)
    for ours, theirs in [(3, 3), seeds, seeds]:
        one, other = drawn(name, ours), drawn(name, theirs, keras.random)
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    one, other = (
        [(p.name, p.default) for p in inspect.signature(f).parameters.values()]
        for f in (getattr(random, name), getattr(keras.random, name))
    )
    assert one == other
    assert {n for n in dir(keras.random) if n[0] != "_"} == set(random.__all__)


@draws
def test_seeds(name):
    np.testing.assert_array_equal(drawn(name, 3), drawn(name, 3))
    seeds = random.SeedGenerator(3)
    runs = [drawn(name, seeds) for _ in range(4)]
    np.testing.assert_array_equal(runs[0], drawn(name, 3))
    assert any((run != runs[0]).any() for run in runs)
    onefit.config.set_random_seed(1)
    one = [drawn(name, None) for _ in range(2)]
    onefit.config.set_random_seed(1)
    np.testing.assert_array_equal(one, [drawn(name, None) for _ in range(2)])


def test_a_generator_counts_in_a_variable():
    seeds = random.SeedGenerator(7, name="seeds")
    assert isinstance(seeds.state, onefit.Variable)
    assert (seeds.state.shape, seeds.state.dtype) == ((2,), "uint32")
    assert seeds.state.trainable is False
    assert seeds.next().tolist() == [7, 0]
    assert seeds.state.numpy().tolist() == [7, 1]
    assert seeds.get_config() == {"seed": 7, "name": "seeds"}
    again = random.SeedGenerator.from_config(seeds.get_config())
    assert again.next().tolist() == [7, 0]
    assert random.SeedGenerator().state.numpy()[0] >= 0


def test_in_a_program_none_is_the_programs_stream():
    run = jax.jit(_with)
    keys = [jax.random.key(i) for i in (1, 1, 2)]
    one, same, other = (np.asarray(run(key)) for key in keys)
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert one[0] != one[1]  # two draws of one program


def _with(key):
    with onefit.config.drawing(key):
        return jnp.stack([random.normal(()), random.normal(())])


def test_rows_are_shuffled_whole():
    x = np.arange(12).reshape(6, 2)
    found = np.asarray(random.shuffle(x, seed=3))
    assert (found[:, 1] == found[:, 0] + 1).all()
    assert sorted(found[:, 0]) == list(range(0, 12, 2))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: random.normal((2,), seed="x"), TypeError, "received 'x'; expected a"),
        (lambda: random.SeedGenerator(1.5), ValueError, "received seed=1.5"),
        (lambda: random.dropout([1.0], 2), ValueError, "received rate=2"),
        (lambda: random.categorical([0.5], 2), ValueError, "logits of shape .1,."),
        (lambda: random.randint((2,), 0, 2, "float32"), ValueError, "whole numbers"),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
