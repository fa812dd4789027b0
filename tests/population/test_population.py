"""Members of a population are what the same networks are when trained alone."""

import functools
import signal

import numpy as np
import pytest

import onefit
from onefit import Input, OnefitWarning, Sequential, initializers, population
from onefit.callbacks import EarlyStopping, ReduceLROnPlateau, TerminateOnNaN
from onefit.layers import BatchNormalization, Dense, Dropout
from onefit.population import engine, fitting
from onefit.regularizers import L2
from onefit.training import stretches
from onefit.training.options import FitOptions

RNG = np.random.default_rng(3)
X = RNG.normal(size=(22, 3))
Y = (X[:, 0] + 0.3 * RNG.normal(size=22) > 0).astype(int) + (X[:, 1] > 1)
ONE_HOT = np.eye(3)[Y]


def net(
    units=4,
    rate=None,
    l2=0.0,
    scale=2.0,
    norm=False,
    optimizer=None,
    smooth=None,
    **settings,
):
    """A network of all that may vary; `None` leaves a part out."""
    start = initializers.VarianceScaling(scale)
    layers = [
        Dense(
            units,
            "tanh",
            kernel_regularizer=L2(l2) if l2 else None,
            kernel_initializer=start,
            name="dense",
        )
    ]
    layers += [BatchNormalization()] if norm else []
    layers += [Dropout(rate, name="dropout")] if rate is not None else []
    model = Sequential([Input((3,)), *layers, Dense(3, "softmax", name="out")])
    loss = "sparse_categorical_crossentropy"
    if smooth is not None:
        loss = onefit.losses.CategoricalCrossentropy(label_smoothing=smooth)
    optimizer = optimizer or onefit.optimizers.SGD(**{"learning_rate": 0.1} | settings)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


# What a path of `vary` is called in `net`.
NAMES = {
    "dense.units": "units",
    "dropout.rate": "rate",
    "dense.kernel_regularizer.l2": "l2",
    "dense.kernel_initializer.scale": "scale",
    "loss.label_smoothing": "smooth",
}


def alone(many, member, told, y, arguments):
    """A member's setting, trained by itself: its model."""
    setting = {name: values[member] for name, values in many.settings.items()}
    seed = setting.pop("seed")
    of_fit = {n: setting.pop(n) for n in ("batch_size", "class_weight") if n in setting}
    model = net(**told | {NAMES.get(name, name): v for name, v in setting.items()})
    onefit.config.set_random_seed(seed)
    model.initialize()
    model.fit(X, y, verbose=0, **arguments | of_fit)
    return model


def same(many, told, y, arguments, tolerance=1e-5, members=None):
    """Whether these members have the curves and weights of networks trained alone."""
    for i in range(len(many)) if members is None else members:
        model = alone(many, i, told, y, arguments)
        ran = len(model.history.epoch)
        assert many.epochs[i] == ran
        for name, curve in model.history.history.items():
            np.testing.assert_allclose(
                many.history[name][i, :ran],
                curve,
                rtol=tolerance,
                atol=tolerance,
                err_msg=f"{name} of member {i}",
            )
        pairs = zip(many.member(i).get_weights(), model.get_weights(), strict=True)
        for ours, lone in pairs:
            np.testing.assert_allclose(ours, lone, rtol=tolerance, atol=tolerance)


HELD = (X[:7] + 0.1, Y[:7])
STOP = EarlyStopping("val_accuracy", patience=1, restore_best_weights=True)
CASES = {
    "plain": ({}, {}, {"shuffle": False, "batch_size": 11}),
    "shuffled, a smaller last batch": (
        {},
        {"learning_rate": [0.1, 0.5], "momentum": [0.9, 0.5]},
        {"batch_size": 8},
    ),
    "dropout, weight decay, label smoothing": (
        {"smooth": 0.1},
        {
            "dropout.rate": [0.2, 0.5],
            "dense.kernel_regularizer.l2": [0.01, 0.1],
            "loss.label_smoothing": [0.2, 0.1],
        },
        {"batch_size": 8},
    ),
    "batch normalization, early stopping": (
        {"norm": True, "learning_rate": 0.5},
        {},
        {"validation_data": HELD, "callbacks": [STOP], "epochs": 8},
    ),
    "reduced rates, class weights, the scale of the start": (
        {},
        {
            "class_weight": [{0: 1, 1: 2, 2: 3}, None],
            "dense.kernel_initializer.scale": [1.0, 3.0],
        },
        {
            "validation_split": 0.3,
            "callbacks": [ReduceLROnPlateau(monitor="val_accuracy", patience=0)],
        },
    ),
    "shapes": (
        {},
        {"dense.units": [3, 4], "batch_size": [8, 22], "optimizer": ["sgd", "adam"]},
        {},
    ),
}


def prepared(case):
    told, vary, arguments = CASES[case]
    told = dict(told) | ({"rate": 0.1, "l2": 0.1} if "dropout.rate" in vary else {})
    return told, vary, {"epochs": 3} | arguments, ONE_HOT if "smooth" in told else Y


@functools.cache
def trained(case):
    seeds = 4 if "stopping" in case else 2
    told, vary, arguments, y = prepared(case)
    return population.fit(
        net(**told), X, y, seeds=seeds, vary=vary, verbose=0, **arguments
    )


@pytest.mark.parametrize("case", CASES)
def test_a_member_is_a_network_trained_alone(case):
    told, _, arguments, y = prepared(case)
    many = trained(case)
    assert len(set(many.final("loss"))) == len(many), "members that do not differ"
    same(many, told, y, arguments)


@pytest.mark.parametrize("case", ["plain", "batch normalization, early stopping"])
def test_a_population_of_one_is_the_lone_fit_bit_for_bit(case):
    told, _, arguments, y = prepared(case)
    one = population.fit(net(**told), X, y, seeds=[5], verbose=0, **arguments)
    same(one, told, y, arguments, tolerance=0)


def test_early_stopping_differs_between_members():
    many = trained("batch normalization, early stopping")
    assert many.stopped.count("rule")
    assert len(set(many.epochs)) > 1
    after = np.isnan(many.history["loss"])
    assert (after.sum(axis=1) == 8 - many.epochs).all()


def test_groups_of_members_give_the_same():
    told, vary, arguments, y = prepared("shuffled, a smaller last batch")
    job = fitting.build_job(net(**told), X, y, FitOptions(verbose=0, **arguments))
    parts = population.fit(
        net(**told),
        X,
        y,
        seeds=2,
        vary=vary,
        verbose=0,
        memory=2 * engine.bytes_a_member(job),
        **arguments,
    )
    whole = trained("shuffled, a smaller last batch")
    assert len(parts.groups) == 2
    assert parts.settings == whole.settings
    np.testing.assert_allclose(parts.history["loss"], whole.history["loss"], rtol=1e-5)


def test_members_put_aside_on_the_way_change_nothing(monkeypatch):
    told, _, arguments, y = prepared("batch normalization, early stopping")
    monkeypatch.setattr(engine, "WORTH", -1.0)
    monkeypatch.setattr(stretches, "SECONDS", 0.0)  # a call an epoch
    sizes = []

    take = engine.Members.take
    monkeypatch.setattr(
        engine.Members, "take", lambda self, at: sizes.append(len(at)) or take(self, at)
    )
    aside = population.fit(net(**told), X, y, seeds=4, verbose=0, **arguments)
    assert sizes[0] == 4
    assert sizes[-1] < 4, "nobody was put aside"
    same(aside, told, y, arguments)


def test_a_member_that_is_dropped_keeps_its_best_weights():
    arguments = {
        "validation_data": HELD,
        "callbacks": [EarlyStopping(patience=9, restore_best_weights=True)],
    }
    told = {"learning_rate": 5.0}
    many = population.fit(
        net(**told),
        X,
        Y,
        seeds=4,
        epochs=8,
        verbose=0,
        drop=population.halving(factor=2, least=4),
        **arguments,
    )
    dropped = [i for i in range(4) if many.stopped[i] == "dropped"]
    assert any(many.history["val_loss"][i, :4].argmin() < 3 for i in dropped)
    same(many, told, Y, arguments | {"epochs": 4}, members=dropped)


def test_an_averaging_optimizer_ends_with_its_average_when_interrupted(monkeypatch):
    monkeypatch.setattr(stretches, "SECONDS", 0.0)
    monkeypatch.setattr(fitting, "Progress", Pressing)
    told = {"optimizer": onefit.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)}
    many = population.fit(net(**told), X, Y, epochs=9, verbose=0)
    assert many.epochs.tolist() == [3]
    same(many, told, Y, {"epochs": 3})


# What comes out ----------------------------------------------------------------------


def test_what_a_population_knows():
    many = trained("shuffled, a smaller last batch")
    assert many.settings["seed"] == [0, 1, 0, 1]
    assert many.settings["learning_rate"] == [0.1, 0.1, 0.5, 0.5]
    final = many.final("loss")
    assert many.ranking("loss")[0] == final.argmin()
    assert many.ranking("accuracy")[0] == many.final("accuracy").argmax()
    assert many.share(below=np.median(final), monitor="loss") == 0.5
    best = many.best("loss")
    np.testing.assert_allclose(
        best.evaluate(X, Y, verbose=0),
        many.member(final.argmin()).evaluate(X, Y, verbose=0),
    )
    assert many.predict(X).shape == (4, 22, 3)
    np.testing.assert_allclose(many.predict(X)[3], many.member(3).predict(X), rtol=1e-5)
    assert [row["member"] for row in many.rows("loss")] == many.ranking("loss").tolist()
    assert "4 networks" in repr(many)


def test_the_model_itself_is_left_as_it_is():
    model = net()
    before = model.get_weights()
    told, _, arguments, _ = prepared("plain")
    del told
    population.fit(model, X, Y, seeds=2, verbose=0, **arguments)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_log_named_like_a_setting_does_not_hide_it():
    many = trained("reduced rates, class weights, the scale of the start")
    assert many.final("learning_rate").max() <= 0.1 + 1e-6
    assert "learning_rate" in many.rows()[0]


def line(rate=0.1):
    model = Sequential([Input((1,)), Dense(1)])
    model.compile(onefit.optimizers.SGD(rate), "mse")
    return model


STEEP = np.linspace(1, 2, 8)[:, None]


def test_it_is_said_that_all_diverged_and_at_which_rates():
    with pytest.warns(OnefitWarning) as seen:
        lost = population.fit(
            line(),
            STEEP,
            STEEP,
            vary={"learning_rate": [50.0, 10.0]},
            epochs=60,
            verbose=0,
            callbacks=[TerminateOnNaN()],
        )
    assert str(seen[0].message) == (
        "population.fit: all 2 networks diverged (the loss is not finite), at learning "
        "rates 10 to 50. Write a smaller learning rate, or scale the inputs."
    )
    assert repr(lost) == (
        "Population(all 2 networks diverged (the loss is not finite), at learning "
        "rates 10 to 50)"
    )
    assert lost.stopped == ["rule", "rule"]


def test_a_few_that_diverged_are_in_the_repr_alone():
    some = population.fit(
        line(),
        STEEP,
        STEEP,
        vary={"learning_rate": [0.01, 50.0]},
        epochs=60,
        verbose=0,
        callbacks=[TerminateOnNaN()],
    )
    assert "1 diverged, from learning rate 50 on; 0.01 did not" in repr(some)
    assert some.ranking().tolist() == [0, 1]


def test_ctrl_c_keeps_what_is_finished(monkeypatch):
    monkeypatch.setattr(stretches, "SECONDS", 0.0)  # a call an epoch
    monkeypatch.setattr(fitting, "Progress", Pressing)
    before = signal.getsignal(signal.SIGINT)
    many = population.fit(
        line(),
        STEEP,
        STEEP,
        seeds=2,
        epochs=60,
        batch_size=8,
        verbose=0,
        vary={"batch_size": [8, 4]},
    )
    assert signal.getsignal(signal.SIGINT) is before
    assert many.interrupted
    assert len(many) == 2, "the second program was begun"
    assert many.epochs.tolist() == [3, 3]
    assert many.numbers.tolist() == [0, 1]
    short = population.fit(
        line(), STEEP, STEEP, seeds=2, epochs=3, batch_size=8, verbose=0
    )
    np.testing.assert_allclose(
        many.member(1).get_weights()[0], short.member(1).get_weights()[0], rtol=1e-6
    )


class Pressing(fitting.Progress):
    """A display at which Ctrl-C is pressed after the third epoch."""

    def of(self, part):
        def show(epoch, logs, active):
            if epoch == 3:
                signal.raise_signal(signal.SIGINT)

        return show


# What cannot be meant ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("vary", "text"),
    [
        ({"learning_rat": [0.1]}, "Did you mean 'learning_rate'?"),
        ({"dense.unit": [3]}, "Did you mean 'dense.units' or"),
        ({"dens.units": [3]}, "Did you mean 'dense.units' or"),
        ({"dense.kernel_regularizer.l2": [3]}, "Unknown setting to vary"),
        ({"learning_rate": []}, "received 0 for 'learning_rate' values"),
        (
            {"learning_rate": [0.1, 0.2], "momentum": [0.1]},
            "received 2 for 'learning_rate', 1 for 'momentum' values; expected as many "
            "values for each setting, at least one. Write "
            "vary=onefit.population.grid(...) for every combination.",
        ),
        (
            {"learning_rate": [0.1, -1.0]},
            "vary['learning_rate'] > SGD: received learning_rate=-1.0",
        ),
        ({"dense.units": [3, 0]}, "vary['dense.units'] > Dense: received units=0"),
        ({"optimizer": ["sgd", "adem"]}, "Did you mean 'adam'"),
        ({"batch_size": [8, 0]}, "received batch_size=0"),
    ],
)
def test_settings_that_are_refused(vary, text, monkeypatch):
    monkeypatch.setattr(engine, "train", None)  # before anything is trained
    with pytest.raises(ValueError) as error:  # noqa: PT011
        population.fit(net(), X, Y, vary=vary, verbose=0)
    assert text in str(error.value)


def test_a_value_in_place_of_a_list_is_refused():
    with pytest.raises(TypeError, match=r"Write vary=\{'learning_rate': \[0\.1\]\}"):
        population.fit(net(), X, Y, vary={"learning_rate": 0.1}, verbose=0)


def test_too_little_memory_for_one_is_refused():
    with pytest.raises(ValueError, match="which one member takes") as error:
        population.fit(net(), X, Y, memory=10, verbose=0)
    assert "received 10 bytes" in str(error.value)
    assert "Write memory=" in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"seeds": 0}, "received 0; expected how many, or a list of whole numbers"),
        ({"seeds": [1.5]}, "expected how many"),
        ({"callbacks": [onefit.callbacks.LambdaCallback()]}, "which runs in Python"),
        ({"initial_epoch": 2}, "received initial_epoch=2; expected whole epochs"),
    ],
)
def test_calls_that_are_refused(arguments, text):
    with pytest.raises((ValueError, TypeError)) as error:
        population.fit(net(), X, Y, verbose=0, **arguments)
    assert text in str(error.value)


def test_models_that_are_not_ready_are_refused():
    with pytest.raises(ValueError, match=r"population\.fit before compile"):
        population.fit(Sequential([Input((3,)), Dense(1)]), X, Y)
    model = Sequential([Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="does not know its input's shape"):
        population.fit(model, X, Y)
    with pytest.raises(TypeError, match="expected a compiled model"):
        population.fit("model", X, Y)


def test_a_setting_is_named_as_it_stands_in_the_tree():
    short = {"learning_rate": [0.01, 0.1], "dense.kernel_regularizer.l2": [0.1, 0.2]}
    model = Sequential(
        [Input((3,)), Dense(3, kernel_regularizer=L2(0.1), name="dense"), Dense(1)]
    )
    model.compile("sgd", "mse")
    long = {
        "optimizer.learning_rate": short["learning_rate"],
        "layers.dense.kernel_regularizer.l2": short["dense.kernel_regularizer.l2"],
    }
    a, b = (
        population.fit(model, X, Y, vary=vary, epochs=2, verbose=0)
        for vary in (short, long)
    )
    np.testing.assert_array_equal(a.history["loss"], b.history["loss"])
    assert b.member(1).optimizer.get_config()["learning_rate"] == 0.1


def test_what_an_optimizer_begins_with_is_each_members_own():
    model = line()
    starts = [0.1, 10.0]
    model.compile(onefit.optimizers.Adagrad(0.1), "mse")
    many = population.fit(
        model,
        STEEP,
        STEEP,
        epochs=2,
        verbose=0,
        vary={"initial_accumulator_value": starts},
    )
    for start, losses in zip(starts, many.history["loss"], strict=True):
        model.compile(onefit.optimizers.Adagrad(0.1, start), "mse")
        onefit.utils.set_random_seed(0)
        model.initialize()
        alone = model.fit(STEEP, STEEP, epochs=2, verbose=0)
        np.testing.assert_allclose(losses, alone.history["loss"], rtol=1e-6)
