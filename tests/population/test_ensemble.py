"""Ensembles: the mean of several models, as a model that can be saved."""

import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential, population
from onefit.layers import BatchNormalization, Concatenate, Dense, Dropout, Embedding
from onefit.losses import SparseCategoricalCrossentropy
from onefit.population import Ensemble

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))
Y = RNG.integers(0, 3, 12)


def net(units=4, last="softmax", seed=0, norm=False):
    onefit.config.set_random_seed(seed)
    layers = [Dense(units, "tanh"), *([BatchNormalization()] if norm else [])]
    model = Sequential([Input((3,)), *layers, Dropout(0.2), Dense(3, last)])
    loss = SparseCategoricalCrossentropy(from_logits=last is None)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def means(models, x):
    each = np.stack([model.predict(x) for model in models])
    return each.mean(axis=0), each.std(axis=0)


@pytest.mark.parametrize(
    "models",
    [[net(seed=1), net(seed=2), net(seed=3)], [net(seed=1), net(5), net(norm=True)]],
    ids=["one structure", "several"],
)
def test_the_prediction_is_the_mean(models):
    ensemble = Ensemble(models)
    mean, std = ensemble.predict(X, return_std=True)
    wanted = means(models, X)
    np.testing.assert_allclose(mean, wanted[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(std, wanted[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(Model.predict(ensemble, X), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ensemble.predict(X, batch_size=5), mean, rtol=1e-5)
    assert ensemble.predict(X, batch_size=5, steps=1).shape == (5, 3)


def test_evaluate_is_the_loss_of_the_mean():
    ensemble = Ensemble([net(seed=1), net(seed=2)])
    mean = ensemble.predict(X)
    loss, accuracy = ensemble.evaluate(X, Y, verbose=0)
    wanted = -np.log(mean[np.arange(12), Y]).mean()
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    np.testing.assert_allclose(accuracy, (mean.argmax(axis=1) == Y).mean(), rtol=1e-6)


def test_logits_are_made_probabilities_before_the_mean():
    models = [net(last=None, seed=1), net(last=None, seed=2)]
    ensemble = Ensemble(models)
    each = np.exp([model.predict(X) for model in models])
    each /= each.sum(axis=-1, keepdims=True)
    mean = ensemble.predict(X)
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=1e-5)
    loss = ensemble.evaluate(X, Y, verbose=0)[0]
    np.testing.assert_allclose(loss, -np.log(mean[np.arange(12), Y]).mean(), rtol=1e-5)


def test_a_file_holds_the_ensemble_and_opens_in_keras(tmp_path):
    import keras

    ensemble = Ensemble([net(seed=1), net(5), net(last="softmax", norm=True)])
    path = tmp_path / "ensemble.keras"
    ensemble.save(path)
    again = Ensemble.load(path)
    assert len(again.members) == 3
    for ours, theirs in zip(
        ensemble.predict(X, return_std=True),
        again.predict(X, return_std=True),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert again.evaluate(X, Y, verbose=0) == ensemble.evaluate(X, Y, verbose=0)
    theirs = keras.saving.load_model(path).predict(X, verbose=0)  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
    np.testing.assert_allclose(theirs, ensemble.predict(X), rtol=1e-5, atol=1e-6)
    net().save(tmp_path / "one.keras")
    with pytest.raises(ValueError, match="expected an ensemble") as error:
        Ensemble.load(tmp_path / "one.keras")
    assert "Use onefit.load_model" in str(error.value)


def test_several_inputs_and_outputs(tmp_path):
    def two(seed):
        onefit.config.set_random_seed(seed)
        words, table = Input((2,), dtype="int32", name="words"), Input((3,), name="t")
        found = onefit.layers.Flatten()(Embedding(5, 2)(words))
        hidden = Dense(4, "relu")(Concatenate()([found, table]))
        ends = {"a": Dense(1, name="a")(hidden), "b": Dense(2, name="b")(hidden)}
        return Model({"words": words, "t": table}, ends)

    models = [two(1), two(2)]
    x = {"words": RNG.integers(0, 5, (6, 2)), "t": RNG.normal(size=(6, 3))}
    ensemble = Ensemble(models)
    mean, std = ensemble.predict(x, return_std=True)
    assert std["a"].shape == (6, 1)
    for name in ("a", "b"):
        each = np.stack([model.predict(x)[name] for model in models])
        np.testing.assert_allclose(mean[name], each.mean(axis=0), rtol=1e-5, atol=1e-6)
    ensemble.save(tmp_path / "two.keras")
    again = Ensemble.load(tmp_path / "two.keras").predict(x)
    np.testing.assert_array_equal(again["b"], mean["b"])


def test_the_models_given_are_copied():
    models = [net(seed=1), net(seed=2)]
    before = models[0].get_weights()
    ensemble = Ensemble(models)
    ensemble.fit(X, Y, epochs=2, verbose=0)
    for old, new in zip(before, models[0].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [model.name for model in ensemble.members] == ["member_0", "member_1"]
    assert not models[0].graph._named


def test_random_layers_that_are_always_on_are_drawn_each_time():
    onefit.config.set_random_seed(0)

    def drawn():
        x = Input((3,))
        return Model(x, Dropout(0.5)(Dense(3)(x), training=True))

    ensemble = Ensemble([drawn(), drawn()])
    assert ensemble.predict(X).shape == (12, 3)
    mean, std = ensemble.predict(X, return_std=True)
    assert mean.shape == std.shape == (12, 3)
    assert not np.array_equal(mean, ensemble.predict(X))


def test_the_best_of_a_population():
    many = population.fit(
        net(), X, Y, seeds=2, vary={"learning_rate": [0.1, 0.5]}, epochs=2, verbose=0
    )
    ensemble = many.ensemble(top=2, monitor="loss")
    wanted = means(many.members(many.ranking("loss")[:2]), X)[0]
    np.testing.assert_allclose(ensemble.predict(X), wanted, rtol=1e-5)
    assert len(many.ensemble().members) == 4
    with pytest.raises(ValueError, match="received top=5; expected a number from 2"):
        many.ensemble(top=5)


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ([net()], "Ensemble: received 1 members; expected two or more"),
        ([net(), "net"], "Ensemble, member 1: received 'net'; expected a model"),
        (
            [net(), Sequential([Input((3,)), Dense(2)])],
            "member 1: received output_shape (None, 2); expected (None, 3)",
        ),
        (
            [net(), Sequential([Input((2,)), Dense(3)])],
            "member 1: received input_shape (None, 2); expected (None, 3)",
        ),
        ([net(), net(last=None)], "member 1: received logits; expected the same"),
    ],
)
def test_members_that_have_no_mean_are_refused(members, text):
    with pytest.raises((ValueError, TypeError)) as error:
        Ensemble(members)
    assert text in str(error.value)


def test_a_member_that_diverged_is_refused():
    lost = net()
    lost.set_weights([w * np.nan for w in lost.get_weights()])
    with pytest.raises(ValueError, match="weights that are not finite"):
        Ensemble([net(), lost])
    with pytest.raises(ValueError, match="received return_std=True with callbacks"):
        Ensemble([net(), net()]).predict(
            X, return_std=True, callbacks=[onefit.callbacks.LambdaCallback()]
        )
