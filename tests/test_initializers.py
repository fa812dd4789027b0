"""Initializers: fans, bounds and moments against Keras, the contract of all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import config, initializers
from onefit.initializers import (
    Constant,
    GlorotUniform,
    HeNormal,
    Identity,
    Initializer,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
    compute_fans,
)
from onefit.initializers import initializers as registry

OBJECTS = registry.objects()
RANDOM = [cls for cls in OBJECTS if "seed" in cls().get_config()]
SCALED = [cls for cls in RANDOM if issubclass(cls, VarianceScaling)]


def rng():
    return np.random.default_rng(0)


# Fans and distributions

SHAPES = [(), (5,), (4, 3), (5, 7, 2), (3, 3, 2, 8), (2, 3, 4, 5, 6)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fans_equal_keras(shape):
    from keras.src.initializers.random_initializers import compute_fans as oracle

    assert compute_fans(shape) == oracle(shape)
    if len(shape) > 2:
        assert compute_fans(shape, (0,), (1, 2)) == oracle(shape, (0,), (1, 2))
        assert compute_fans(shape, 0, -1) == (shape[0], shape[-1])


DRAWS = [
    *[cls() for cls in RANDOM if cls is not Orthogonal],
    RandomNormal(1.0, 2.0),
    TruncatedNormal(1.0, 2.0),
    RandomUniform(1.0, 4.0),
    *[
        VarianceScaling(3.0, mode, distribution)
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("normal", "untruncated_normal", "uniform")
    ],
    HeNormal(input_axes=(1,), output_axes=(0,)),
]


@pytest.mark.parametrize("ours", DRAWS, ids=repr)
def test_distribution_equals_keras(ours):
    """Mean, deviation, quantiles and bounds of 40 000 numbers of each."""
    import keras

    shape = (400, 100)
    theirs = keras.initializers.get(initializers.serialize(ours.replace(seed=1)))
    x, x_keras = ours.draw(rng(), shape), np.asarray(theirs(shape))
    scale = float(x_keras.std())
    assert abs(x.mean() - x_keras.mean()) < 0.03 * scale
    assert x.std() == pytest.approx(scale, rel=0.02)
    at = np.linspace(0.02, 0.98, 25)
    quantiles, quantiles_keras = np.quantile(x, at), np.quantile(x_keras, at)
    np.testing.assert_allclose(quantiles, quantiles_keras, atol=0.06 * scale)
    if "untruncated" not in repr(ours) and not isinstance(ours, RandomNormal):
        for end in (np.min, np.max):
            assert end(x) == pytest.approx(end(x_keras), abs=0.02 * scale)


@pytest.mark.parametrize(
    ("cls", "deviation"),
    [
        ("glorot_uniform", np.sqrt(2 / (300 + 100))),
        ("glorot_normal", np.sqrt(2 / (300 + 100))),
        ("he_uniform", np.sqrt(2 / 300)),
        ("he_normal", np.sqrt(2 / 300)),
        ("lecun_uniform", np.sqrt(1 / 300)),
        ("lecun_normal", np.sqrt(1 / 300)),
    ],
)
@pytest.mark.parametrize("shape", [(300, 100), (3, 4, 25, 100)])
def test_deviations_by_hand(cls, deviation, shape):
    """A window of 12 and 25 channels have a fan in of 300 too."""
    if len(shape) == 4 and "glorot" in cls:
        deviation = np.sqrt(2 / (300 + 1200))
    x = initializers.get(cls).draw(rng(), shape)
    assert x.std() == pytest.approx(deviation, rel=0.02)
    assert abs(x.mean()) < 0.02 * deviation


def test_truncation_is_at_two_deviations():
    x = TruncatedNormal(stddev=0.5).draw(rng(), (100, 100))
    assert 0.99 < np.abs(x).max() <= 1.0
    assert x.std() == pytest.approx(0.8796 * 0.5, rel=0.02)


@pytest.mark.parametrize("shape", [(6, 6), (6, 3), (3, 6), (2, 3, 4)], ids=str)
def test_orthogonal(shape):
    w = Orthogonal(gain=2.0).draw(rng(), shape).reshape(-1, shape[-1])
    w = w if w.shape[0] >= w.shape[1] else w.T
    np.testing.assert_allclose(w.T @ w, 4 * np.eye(w.shape[1]), atol=1e-5)


def test_orthogonal_favours_no_direction():
    """Each entry is as often negative as positive, the diagonal's too."""
    stream = rng()
    many = np.stack([Orthogonal().draw(stream, (2, 2)) for _ in range(2000)])
    np.testing.assert_allclose((many > 0).mean(0), np.full((2, 2), 0.5), atol=0.04)


def test_constants():
    np.testing.assert_array_equal(Zeros().draw(rng(), (2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(Constant(2).draw(rng(), (2,)), [2, 2])
    np.testing.assert_array_equal(Constant([1, 2]).draw(rng(), (2,)), [1, 2])
    np.testing.assert_array_equal(
        Identity(3).draw(rng(), (2, 3)), [[3, 0, 0], [0, 3, 0]]
    )


# The contract of every initializer


@pytest.mark.parametrize("cls", OBJECTS)
def test_shape_type_and_stream(cls):
    x = cls().draw(rng(), (4, 3))
    assert x.shape == (4, 3)
    assert x.dtype == "float32"
    assert x.flags.writeable
    np.testing.assert_array_equal(x, cls().draw(rng(), (4, 3)))
    config.set_floatx("float64")
    try:
        exact = cls().draw(rng(), (4, 3))
    finally:
        config.set_floatx("float32")
    assert exact.dtype == "float64"
    np.testing.assert_array_equal(exact.astype("float32"), x)
    assert cls()((4, 3), dtype="float16").dtype == "float16"


@pytest.mark.parametrize("cls", RANDOM)
def test_seeds(cls):
    seeded = cls(seed=1)
    x = seeded.draw(rng(), (4, 3))
    np.testing.assert_array_equal(x, seeded.draw(np.random.default_rng(9), (4, 3)))
    np.testing.assert_array_equal(x, seeded((4, 3)))
    assert not np.array_equal(x, cls(seed=2)((4, 3)))
    assert not np.array_equal(cls()((4, 3)), cls()((4, 3)))
    stream = rng()
    assert not np.array_equal(cls().draw(stream, (4, 3)), cls().draw(stream, (4, 3)))
    config.set_random_seed(3)
    first = cls()((4, 3))
    config.set_random_seed(3)
    np.testing.assert_array_equal(first, cls()((4, 3)))


@pytest.mark.parametrize("cls", OBJECTS)
def test_config_and_back_and_through_keras(cls):
    import keras

    ours = cls(seed=3) if cls in RANDOM else cls()
    config = ours.get_config()
    assert cls.from_config(config).get_config() == config
    theirs = keras.initializers.get(initializers.serialize(ours))
    assert type(theirs).__name__ == cls.__name__
    again = initializers.get(keras.initializers.serialize(theirs))
    assert type(again) is cls
    assert again.get_config() == config


def test_every_name():
    import keras
    from keras.src.initializers import ALL_OBJECTS_DICT

    absent = {keras.initializers.Initializer, keras.initializers.STFT}
    for name, theirs in ALL_OBJECTS_DICT.items():
        if theirs not in absent:
            ours = initializers.get(name)
            assert type(ours).__name__ == theirs.__name__
            # Keras' Identity leaves its gain out.
            assert theirs().get_config().items() <= ours.get_config().items()
    public = {name for name in dir(keras.initializers) if name[0] != "_"}
    absent = {"STFT", "STFTInitializer", "stft"}
    assert public - set(initializers.__all__) == absent


@pytest.mark.parametrize("cls", SCALED)
def test_what_is_fixed_costs_a_program_nothing(cls):
    """Only the scale of VarianceScaling itself is an input of the program."""
    assert len(jax.tree.leaves(cls())) == (cls is VarianceScaling)


# What users give instead


def test_functions_and_arrays_are_initializers():
    import keras

    def with_dtype(shape, dtype=None):
        return np.full(shape, 2.0, dtype)

    for identifier in (
        with_dtype,
        lambda shape: np.full(shape, 2.0),
        lambda shape: jnp.full(shape, 2.0),
        keras.initializers.Constant(2.0),
        np.full((3, 2), 2.0),
        jnp.full((3, 2), 2),
        np.float32(2.0),
    ):
        made = initializers.get(identifier)
        assert isinstance(made, Initializer)
        x = made.draw(rng(), (3, 2))
        assert x.dtype == "float32"
        np.testing.assert_array_equal(x, np.full((3, 2), 2.0))
    assert initializers.get(None) is None
    assert isinstance(initializers.get(HeNormal), HeNormal)


def test_a_subclass_needs_only_sample():
    class Halves(Initializer):
        value: float = 0.5

        def sample(self, rng, shape):
            return np.full(shape, self.value)

    np.testing.assert_array_equal(Halves()(2), [0.5, 0.5])
    assert initializers.get("halves").value == 0.5  # pyright: ignore[reportAttributeAccessIssue]


def test_seeds_of_keras_files():
    seed = {"class_name": "SeedGenerator", "config": {"seed": 7, "name": None}}
    assert GlorotUniform(seed=seed).seed == 7
    assert GlorotUniform(seed=np.int64(7)).seed == 7


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: initializers.get("glorot_unifrom"),
            ValueError,
            "Unknown initializer 'glorot_unifrom'. Did you mean 'glorot_uniform'",
        ),
        (
            lambda: initializers.get(0.1),
            TypeError,
            "initializer: received 0.1; expected a name, a config or an object.",
        ),
        (
            lambda: HeNormal(seed="one"),
            ValueError,
            "initializer: received seed='one'; expected a whole number, 0 or more",
        ),
        (
            lambda: VarianceScaling(0.0),
            ValueError,
            "VarianceScaling: received scale=0.0; expected a number above 0.",
        ),
        (
            lambda: VarianceScaling(mode="fan"),
            ValueError,
            "Unknown mode of VarianceScaling 'fan'.",
        ),
        (
            lambda: VarianceScaling(distribution="unifrom"),
            ValueError,
            "Unknown distribution of VarianceScaling 'unifrom'. Did you mean 'uniform'",
        ),
        (
            lambda: HeNormal(input_axes=0)((2, 3)),
            ValueError,
            "initializer: received input_axes=0 and output_axes=None; expected both or",
        ),
        (
            lambda: RandomUniform(1.0, 0.0)((2,)),
            ValueError,
            "RandomUniform: received minval=1.0 and maxval=0.0; expected minval of at",
        ),
        (
            lambda: RandomNormal(stddev=-1.0),
            ValueError,
            "RandomNormal: received stddev=-1.0; expected a number at least 0.",
        ),
        (
            lambda: Identity()((2,)),
            ValueError,
            "Identity: received shape (2,); expected (rows, columns). For convolutions",
        ),
        (
            lambda: Orthogonal()((2,)),
            ValueError,
            "Orthogonal: received shape (2,); expected two axes or more. For a bias",
        ),
        (
            lambda: Constant([1.0, 2.0])((2, 2)),
            ValueError,
            "Constant: received values of shape (2,); expected one number, or values "
            "of the weight's shape (2, 2). Transpose or reshape the values.",
        ),
        (
            lambda: Zeros()((None, 2)),
            ValueError,
            "initializer: received shape (None, 2); expected sizes that are all known.",
        ),
        (
            lambda: initializers.get(lambda shape: np.zeros(1)).draw(None, (2, 2)),
            ValueError,
            "received values of shape (1,) from the initializer; expected the shape "
            "(2, 2) of the weight. Return an array of the shape that the initializer",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_a_seed_generator_gives_each_draw_its_next_seed():
    seeds = onefit.random.SeedGenerator(3)
    rule = initializers.RandomNormal(seed=seeds)
    one, two = rule((50,)), rule((50,))
    assert not np.allclose(one, two)
    assert seeds.state.numpy().tolist() == [3, 2]
    again = initializers.RandomNormal(seed=onefit.random.SeedGenerator(3))
    np.testing.assert_array_equal(again((50,)), one)
    layer = onefit.layers.Dense(2, kernel_initializer=rule).build((None, 25))
    assert not np.allclose(layer.kernel.numpy().ravel(), one)
    assert seeds.state.numpy().tolist() == [3, 3]
    # A file has the seed that it began with, as Keras' files have.
    other = initializers.deserialize(initializers.serialize(rule))
    assert other.get_config()["seed"] == 3
