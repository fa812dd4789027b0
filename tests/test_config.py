"""The float type and the random stream."""

import jax
import numpy as np
import pytest

import onefit
from onefit import config


def test_floatx_and_epsilon():
    assert config.floatx() == "float32"
    assert config.epsilon() == 1e-7
    config.set_floatx("float64")
    try:
        assert config.floatx() == "float64"
        assert jax.numpy.ones(1).dtype == np.float64
    finally:
        config.set_floatx("float32")
    assert jax.numpy.ones(1).dtype == np.float32


@pytest.mark.parametrize("value", ["float16", "double", None, 32])
def test_set_floatx_refuses(value):
    with pytest.raises(ValueError, match="expected 'float32' or 'float64'"):
        config.set_floatx(value)
    assert config.floatx() == "float32"


@pytest.mark.parametrize("seed", [-1, 1.0, True, "1", None])
def test_set_random_seed_refuses(seed):
    with pytest.raises(ValueError, match="expected an integer, 0 or more"):
        config.set_random_seed(seed)


def test_the_stream_repeats_and_moves_on():
    config.set_random_seed(3)
    first = [config.new_seed() for _ in range(100)]
    assert len(set(first)) == 100
    config.set_random_seed(np.int64(3))
    assert [config.new_seed() for _ in range(100)] == first
    config.set_random_seed(4)
    assert config.new_seed() not in first


def test_a_generator_is_named_by_its_path():
    draw = config.generator(1, 2, 3).random(4)
    np.testing.assert_array_equal(draw, config.generator(1, 2, 3).random(4))
    for other in ((1,), (1, 2), (1, 3, 2), (2, 2, 3)):
        assert not np.array_equal(draw, config.generator(*other).random(4))


def test_the_numbers_are_the_same_on_every_platform():
    # Written down once: a change of these changes the result of every seed.
    np.testing.assert_array_equal(config.generator(0).integers(0, 100, 6), GOLDEN)


def test_without_a_seed_the_stream_gives_one():
    config.set_random_seed(5)
    first, second = config.generator(None).random(), config.generator(None).random()
    config.set_random_seed(5)
    assert config.generator(None).random() == first != second


GOLDEN = [72, 56, 35, 23, 59, 39]


# Keras' names -------------------------------------------------------------------------


def test_every_name_of_keras_config_is_here():
    keras = pytest.importorskip("keras")
    names = {n for n in dir(keras.config) if n[0] != "_"}
    assert names <= set(config.__all__)


def test_where_channels_stand_in_layers_that_are_not_told():
    assert config.image_data_format() == "channels_last"
    config.set_image_data_format("channels_first")
    try:
        layer = onefit.layers.MaxPooling2D(2)
        assert layer(np.ones((1, 3, 4, 4))).shape == (1, 3, 2, 2)
        assert onefit.ops.max_pool(np.ones((1, 3, 4, 4)), 2, 2).shape == (1, 3, 2, 2)
    finally:
        config.set_image_data_format("channels_last")
    assert layer.data_format == "channels_first"
    with pytest.raises(ValueError, match="Unknown image_data_format 'first'"):
        config.set_image_data_format("first")


def test_a_fit_is_silent_without_interactive_logging(capsys):
    model = onefit.Sequential([onefit.layers.Dense(1)])
    model.compile("sgd", "mse")
    config.disable_interactive_logging()
    try:
        model.fit(np.ones((4, 2)), np.ones(4))
        model.evaluate(np.ones((4, 2)), np.ones(4))
        assert capsys.readouterr().out == ""
    finally:
        config.enable_interactive_logging()
    model.evaluate(np.ones((4, 2)), np.ones(4))
    assert "4 rows" in capsys.readouterr().out


def test_what_is_as_it_is():
    assert config.backend() == "jax"
    assert config.dtype_policy().name == "float32"
    config.set_dtype_policy("float32")
    config.set_epsilon(1e-7)
    config.set_backend("jax")
    config.set_max_epochs(None)
    config.disable_flash_attention()
    assert not config.is_flash_attention_enabled()
    assert not config.is_nnx_enabled()
    assert config.max_epochs() is config.max_steps_per_epoch() is None
    assert config.is_traceback_filtering_enabled()
    config.disable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled()
    config.enable_traceback_filtering()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: config.set_backend("torch"), "received 'torch'; expected 'jax'"),
        (lambda: config.set_epsilon(1e-3), "received 0.001; expected 1e-07"),
        (lambda: config.set_dtype_policy("mixed_float8"), "mixed_float16"),
        (lambda: config.set_max_epochs(3), r"Write fit\(..., epochs=3\)"),
        (lambda: config.set_max_steps_per_epoch(3), "steps_per_epoch=3"),
        (config.enable_unsafe_deserialization, "hold settings and numbers"),
    ],
)
def test_what_is_refused_in_words(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_a_language_of_the_environment_that_is_none_is_told_once(monkeypatch):
    monkeypatch.setattr(config, "_language", "kr")
    with pytest.warns(onefit.OnefitWarning, match="Unknown ONEFIT_LANGUAGE 'kr'.*ko"):
        assert config.language() == "en"
    assert config.language() == "en"
