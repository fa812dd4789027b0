"""What a population must not do: found by trying it."""

import jax
import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential, layers, losses, population

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype("f4")
Y = X[:, :1] * 2
B = (Y > 1).astype("f4")


def test_what_diverged_is_never_the_best():
    start = {"use_bias": False, "kernel_initializer": "ones"}
    model = Sequential([Input((1,)), layers.Dense(1, **start)])
    model.compile(onefit.optimizers.SGD(1e-6), lambda y, p: jax.numpy.sqrt(p))
    ones = np.ones((4, 1), "f4")
    many = population.fit(
        model, ones, ones, vary={"learning_rate": [1e-6, 0.9]}, epochs=6, verbose=0
    )
    assert np.isfinite(many.history["loss"][1, 1])  # it looked better on the way
    assert many.ranking().tolist() == [0, 1]
    assert many.share(below=0.99, monitor="loss") == 0.0
    assert np.isfinite(many.best().get_weights()[0]).all()


def test_members_answer_with_their_own_numbers():
    leaky = layers.LeakyReLU(0.3, name="leaky")
    model = Sequential([Input((4,)), layers.Dense(5), leaky, layers.Dense(1)])
    model.compile("adam", "mse")
    vary = {"leaky.negative_slope": [0.1, 0.9]}
    many = population.fit(model, X, Y, vary=vary, epochs=2, verbose=0)
    expected = [many.member(i).predict(X) for i in range(2)]
    np.testing.assert_allclose(many.predict(X), expected, rtol=1e-5)


def test_a_name_in_two_models_inside_varies_in_both():
    def inner(name):
        dense = layers.Dense(3, "relu", name="d")
        drop = layers.Dropout(0.1, name="drop")
        return Sequential([Input((4,)), dense, drop], name=name)

    x = Input((4,))
    both = layers.Concatenate()([inner("one")(x), inner("two")(x)])
    model = Model(x, layers.Dense(1)(both))
    model.compile("adam", "mse")
    last = [
        population.fit(
            model, X, Y, vary={"drop.rate": [first, 1e-4]}, epochs=2, verbose=0
        ).history["loss"][1]
        for first in (0.9, 1e-4)
    ]
    np.testing.assert_allclose(*last, rtol=1e-6)


def test_large_arrays_are_told_apart():
    one = np.zeros((2000, 1), "f4")
    other = one.copy()
    other[1000] = 7.0
    make = onefit.initializers.Constant
    dense = layers.Dense(1, name="d", kernel_initializer=make(0.0))
    model = Sequential([Input((2000,)), dense])
    model.compile(onefit.optimizers.SGD(1e-9), "mse")
    ones = np.ones((4, 2000), "f4")
    many = population.fit(
        model,
        ones,
        ones[:, :1],
        vary={"d.kernel_initializer": [make(one), make(other)]},
        verbose=0,
    )
    np.testing.assert_allclose(many.history["loss"][:, 0], [1.0, 36.0], rtol=1e-5)
    assert len(many.scores()) == 2


def test_an_ensemble_has_a_link_for_each_output():
    x = Input((4,))
    model = Model(x, {"a": layers.Dense(1, name="a")(x), "b": layers.Dense(1)(x)})
    told = {"a": losses.BinaryCrossentropy(from_logits=True), "b": "mse"}
    model.compile("adam", told)
    together = population.fit(
        model, X * 20, {"a": B, "b": Y}, seeds=2, verbose=0
    ).ensemble()
    a = together.predict(X * 20)["a"]
    assert a.min() >= 0
    assert a.max() <= 1


def test_a_population_takes_nothing_from_the_stream_of_seeds():
    frozen = layers.Dense(5, name="f", trainable=False)
    first = layers.Dense(3, "relu", name="d")
    model = Sequential([Input((4,)), first, frozen, layers.Dense(1)])
    model.compile("adam", "mse")
    runs = [
        population.fit(model, X, Y, vary={"d.units": [3, 6]}, verbose=0).history["loss"]
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*runs)


def test_class_weights_that_vary_take_the_place_of_others():
    model = Sequential([Input((4,)), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    weights = {0: 1.0, 1: 5.0}
    run = {"batch_size": 40, "verbose": 0, "class_weight": weights}
    both = population.fit(model, X, B, vary={"class_weight": [weights]}, **run)
    plain = population.fit(model, X, B, **run)
    np.testing.assert_allclose(both.history["loss"], plain.history["loss"], rtol=1e-6)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"vary": {"seed": [1.5]}}, "seed: received 1.5"),
        ({"vary": {"seed": [3, 4]}, "seeds": 5}, "Leave seeds out"),
        ({"drop": "halving"}, "Write drop=onefit.population.halving()"),
    ],
)
def test_what_is_refused(told, text):
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises((ValueError, TypeError)) as error:
        population.fit(model, X, Y, **told)
    assert text in str(error.value)
