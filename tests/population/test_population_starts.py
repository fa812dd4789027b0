"""Members that start from their own rows, and weights that do not decay."""

import numpy as np

import onefit
from onefit import population
from onefit.layers import Dense, NTPDense, RobustScaling
from onefit.optimizers import AdamW

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype("f4")
Y = X[:, :1]


def test_each_member_starts_from_the_rows_that_it_is_trained_on():
    x = X + np.repeat([[0.0], [100.0]], 20, axis=0)
    model = onefit.Sequential([onefit.Input((3,)), RobustScaling(), NTPDense(4)])
    model.compile(onefit.optimizers.SGD(0.0), "mse")
    halves = np.arange(20), np.arange(20, 40)
    many = population.fit(
        model,
        x,
        np.zeros((40, 4)),
        folds=[halves, halves[::-1]],
        from_data=True,
        validation_data=(x, np.zeros((40, 4))),
        verbose=0,
    )
    [group] = many.groups
    centers = group.state[1 - 1]["center"]
    for i, own in enumerate(halves):
        np.testing.assert_allclose(centers[i], np.median(x[own], axis=0), rtol=1e-5)
        z = (x[own] - centers[i]) * group.state[0]["scale"][i]
        z = z / np.sqrt(1 + (z / 3) ** 2) @ group.params[1]["kernel"][i] / np.sqrt(3)
        np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-3)


def test_members_spare_from_decay_what_the_model_does():
    def made():
        model = onefit.Sequential(
            [onefit.Input((3,)), Dense(2, bias_initializer="ones")]
        )
        optimizer = AdamW(0.0, weight_decay=0.5)
        return model, optimizer

    for told in ({"var_names": ["bias"]}, {"var_list": "own"}):
        model, optimizer = made()
        optimizer.learning_rate = 0.1
        if "var_list" in told:
            told = {"var_list": [model.layers[-1].bias]}
        optimizer.exclude_from_weight_decay(**told)
        model.compile(optimizer, "mse")
        zero = np.zeros((40, 2))
        many = population.fit(model, 0 * X, zero, seeds=[3, 4], epochs=1, verbose=0)
        onefit.config.set_random_seed(3)
        model.initialize()
        model.fit(0 * X, zero, verbose=0)
        kernel, bias = model.get_weights()
        [group] = many.groups
        alone = group.params[0]
        np.testing.assert_allclose(alone["kernel"][0], kernel, rtol=1e-5)
        np.testing.assert_allclose(alone["bias"][0], bias, rtol=1e-5)
        # Two steps of Adam, 0.1 each, and no decay beside them.
        np.testing.assert_allclose(bias, 0.8, atol=1e-3)
