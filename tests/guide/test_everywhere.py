"""The same rules, however a program is written: classes, data sets, many, eager."""

import warnings

import jax
import numpy as np
import pytest

import onefit
from onefit import population
from onefit.data import Dataset
from onefit.guide import TrainingWarning
from onefit.layers import Dense, Dropout

X = np.random.default_rng(0).normal(size=(400, 6)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


class OwnNetwork(onefit.Model):
    """Two linear layers, and logits where probabilities are asked for."""

    def __init__(self):
        super().__init__()
        self.one, self.drop = Dense(5), Dropout(0.1)
        self.two, self.last = Dense(5, "relu"), Dense(1)

    def call(self, x, training=False):
        """The layers one after another."""
        return self.last(self.two(self.drop(self.one(x), training=training)))


class OwnArithmetic(OwnNetwork):
    """Computes what symbols do not: it stays one layer."""

    def call(self, x, training=False):
        """A sum along the columns, by JAX's own function."""
        return self.last(self.two(jax.lax.cumsum(x, 1)))


def compiled(model, optimizer="adam", **options):
    model.compile(optimizer, "binary_crossentropy", **options)
    return model


def plain(last="sigmoid", hidden="relu"):
    layers = [onefit.Input((6,)), Dense(5, hidden), Dense(5, "relu"), Dense(1, last)]
    return compiled(onefit.Sequential(layers))


def said(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [
        w.message.finding.code for w in caught if isinstance(w.message, TrainingWarning)
    ]


FAULTY = ["logits-as-probabilities", "linear-stack"]


@pytest.mark.parametrize("built", [False, True])
def test_a_class_of_ones_own_is_checked_by_the_calls_it_makes(built):
    model = compiled(OwnNetwork())
    if built:
        model.predict(X[:2], verbose=0)
    calls = [layer._calls for layer in (model.one, model.two)]
    assert model.check(X, Y).codes == FAULTY
    assert model.built == built
    assert [layer._calls for layer in (model.one, model.two)] == calls
    assert said(lambda: model.fit(X, Y, verbose=0)) == FAULTY
    rate = compiled(OwnNetwork(), onefit.optimizers.SGD(1e-9)).check(X, Y, epochs=9)
    assert "learning-rate-too-low" in rate.codes


def test_a_class_that_symbols_do_not_pass_is_one_layer():
    model = compiled(OwnArithmetic())
    assert model.check(X, Y).codes == []


@pytest.mark.parametrize(
    ("held", "found"),
    [
        (lambda rows: rows.skip(300), []),
        (lambda rows: rows.take(300), ["rows-in-both"]),
        (lambda rows: rows.skip(200), ["rows-in-both"]),
    ],
)
@pytest.mark.parametrize("cached", [True, False])
def test_rows_that_a_data_set_leaves_out_are_not_trained_on(held, found, cached):
    rows = Dataset.from_tensor_slices((X, Y))
    train = rows.take(300)
    train = (train.cache() if cached else train).batch(32)
    report = plain().check(train, validation_data=held(rows).batch(32))
    assert report.codes == found


def test_a_population_is_checked_once():
    model = plain(last=None, hidden=None)
    arguments = {"seeds": 2, "epochs": 1, "verbose": 0}
    assert said(lambda: population.fit(model, X, Y, **arguments)) == FAULTY
    model = plain()
    model.compile(onefit.optimizers.SGD(1e-9), "binary_crossentropy")
    assert said(lambda: population.fit(model, X, Y, **arguments)) == [
        "learning-rate-too-low"
    ]
    many = arguments | {"vary": {"learning_rate": [0.1, 0.2]}}
    assert said(lambda: population.fit(model, X, Y, **many)) == []


def test_an_eager_fit_is_watched():
    model = plain(last=None)
    compiled(model, run_eagerly=True)
    found = said(lambda: model.fit(X[:32], Y[:32], verbose=0))
    assert found == ["logits-as-probabilities"]


def some(seeds=4, vary=None, epochs=30, **options):
    model = plain()
    model.compile(onefit.optimizers.SGD(0.1), "binary_crossentropy", **options)
    return population.fit(model, X, Y, seeds=seeds, vary=vary, epochs=epochs, verbose=0)


def test_a_population_is_diagnosed_by_its_curves():
    many = some(1, {"learning_rate": [0.1, 1e-5, 1e-6]})
    report = many.diagnose()
    assert report.codes == ["too-few-steps"]
    assert report[0].seen.startswith("2 of 3 members (1, 2); of member 1: after ")
    alone = many.member(1).fit(X, Y, epochs=1, verbose=0)
    assert alone.model.optimizer.learning_rate == pytest.approx(1e-5)
    assert some().diagnose().codes == []


def test_what_all_members_show_is_a_warning():
    assert not said(some)
    x = np.random.default_rng(1).normal(size=(400, 6))
    model = plain()
    noise = np.random.default_rng(2).integers(0, 2, 400)
    model.compile(onefit.optimizers.SGD(0.05), "binary_crossentropy")
    given = {"seeds": 3, "epochs": 40, "verbose": 0}
    assert said(lambda: population.fit(model, x, noise, **given)) == ["stuck-at-chance"]
    # One that learns is enough: how many do is what is asked.
    rates = {"learning_rate": [0.05, 20.0]}
    assert not said(lambda: population.fit(model, X, Y, vary=rates, **given))
    model.compile("sgd", "binary_crossentropy", check=False)
    silent = population.fit(model, x, noise, **given)
    with pytest.raises(ValueError, match="rows are not known"):
        silent.diagnose()
