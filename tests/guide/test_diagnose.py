"""The diagnosis: what a run shows, where, and that sound runs show nothing."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import onefit
from onefit import optimizers
from onefit.guide import CODES, Finding, TrainingWarning
from onefit.guide.evidence import Evidence
from onefit.layers import BatchNormalization, Dense, Dropout, Lambda

pytestmark = pytest.mark.filterwarnings("ignore::onefit.guide.TrainingWarning")


@pytest.fixture(scope="module")
def digits():
    x, y = onefit.datasets.load_digits()
    return (x / 16)[:500], y[:500]


def fitted(layers, x, y, optimizer="adam", loss=None, epochs=20, check=True, **options):
    onefit.utils.set_random_seed(3)
    model = onefit.Sequential([onefit.Input(x.shape[1:]), *layers])
    loss = loss or "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], check=check)
    return model.fit(x, y, epochs=epochs, verbose=0, **options)


def hidden(activation="relu", count=2, units=15, **options):
    return [Dense(units, activation, **options) for _ in range(count)]


def test_a_run_that_learns_shows_nothing(digits):
    history = fitted([*hidden(), Dense(10, "softmax")], *digits, epochs=60)
    report = history.diagnose()
    assert list(report) == []
    assert str(report) == "diagnosis of 'sequential': nothing found."
    assert history.evidence.probes.keys() == {0, 60}


FAULTS = {
    "dead-units": (
        lambda: [
            *hidden(bias_initializer=onefit.initializers.Constant(-30)),
            Dense(10, "softmax"),
        ],
        {},
        "dense",
    ),
    "saturated-units": (
        lambda: [
            *hidden(
                "tanh", kernel_initializer=onefit.initializers.RandomNormal(stddev=30.0)
            ),
            Dense(10, "softmax"),
        ],
        {"optimizer": "sgd"},
        "dense",
    ),
    "vanishing-gradients": (
        lambda: [*hidden("sigmoid", 6), Dense(10, "softmax")],
        {"optimizer": "sgd"},
        "dense",
    ),
    "symmetric-units": (
        lambda: [*hidden("tanh", kernel_initializer="ones"), Dense(10, "softmax")],
        {},
        "dense",
    ),
    "crawling": (
        lambda: [*hidden(), Dense(10, "softmax")],
        {"optimizer": optimizers.SGD(1e-6)},
        None,
    ),
    "diverging": (
        lambda: [*hidden(), Dense(10)],
        {"optimizer": optimizers.SGD(1e3), "loss": "mse"},
        None,
    ),
    "frozen-weights": (
        lambda: [*hidden(), Dense(10, "softmax")],
        {"optimizer": optimizers.SGD(0.0)},
        None,
    ),
}


@pytest.mark.parametrize("code", FAULTS)
def test_faults_are_found_with_their_layer(code, digits):
    layers, options, layer = FAULTS[code]
    x, y = digits
    if options.get("loss") == "mse":
        y = np.eye(10)[y]
    report = fitted(layers(), x, y, **options).diagnose()
    if code == "diverging":
        assert report.codes[0] in ("diverging", "loss-not-a-number")
        return
    assert code in report.codes, report
    found = next(f for f in report if f.code == code)
    assert found.severity == "error"
    if layer:
        assert found.layer == layer
    assert found.seen
    assert found.why
    assert found.instead


def test_a_network_that_learns_nothing_is_stuck_at_chance():
    x, y = onefit.datasets.xor()
    report = fitted(
        [Dense(1, "sigmoid")],
        x,
        y,
        loss="binary_crossentropy",
        optimizer=optimizers.Adam(0.05),
        epochs=300,
    ).diagnose()
    assert report.codes == ["stuck-at-chance"]


def test_a_penalty_that_outweighs_the_loss():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = (x[:, 0] > 0).astype(float)
    strong = Dense(1, "sigmoid", kernel_regularizer=onefit.regularizers.L2(10.0))
    report = fitted([strong], x, y, loss="binary_crossentropy", epochs=20).diagnose()
    assert "penalty-too-strong" in report.codes


def test_the_loss_of_guessing_by_hand(digits):
    # A quarter of ones: -(1/4 log 1/4 + 3/4 log 3/4) = 0.5623.
    x, y = np.zeros((8, 1)), np.array([1, 0, 0, 0, 1, 0, 0, 0.0])
    evidence = fitted(
        [Dense(1, "sigmoid")], x, y, loss="binary_crossentropy", epochs=1
    ).evidence
    assert_allclose(evidence.chance, 0.5623, atol=1e-4)
    assert_allclose(evidence.spread, [0.75, 0.25])
    # Ten classes, nearly as often each: log 10 = 2.3026.
    assert_allclose(
        fitted([Dense(10, "softmax")], *digits, epochs=1).evidence.chance,
        2.3026,
        atol=2e-3,
    )
    # The best constant answer to 1, 2, 6 by squares is their mean: (4 + 1 + 9) / 3.
    y = np.array([1, 2, 6.0])
    assert_allclose(
        fitted([Dense(1)], np.zeros((3, 1)), y, loss="mse", epochs=1).evidence.chance,
        14 / 3,
    )


def test_overfitting_is_told_by_rows_not_seen():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 20)), rng.integers(0, 2, 60)
    layers = [Dense(100, "relu"), Dense(100, "relu"), Dense(2, "softmax")]
    report = fitted(layers, x, y, epochs=150, validation_split=0.5).diagnose()
    assert report.codes == ["overfitting"]
    assert "L2" in report[0].instead
    assert "more data" in report[0].instead
    assert set(report[0].evidence) >= {"loss", "val_loss"}


def test_nan_is_traced_to_its_step_layer_and_operation(digits):
    x, y = digits
    layers = [Dense(8, "relu"), Lambda(jnp.log), Dense(10, "softmax")]
    history = fitted(layers, x, y, epochs=2)
    found = history.diagnose()
    assert found.codes == ["loss-not-a-number"]
    assert found[0].layer == "lambda"
    place = history.evidence.broken
    assert (place.epoch, place.step, place.part) == (0, 0, "forward")
    assert place.operation == "log"
    again = history.model.fit(x, y, epochs=1, verbose=0).diagnose()
    assert "before the fit began" in again[0].seen


def test_nan_within_a_nested_model_and_in_a_later_step(digits):
    x, y = digits
    x = x.copy()
    x[450] = 1e30  # the last rows: in order, step 28 of 32 rows each is the 29th
    x[450, 1] = -1e30
    inner = onefit.Sequential([Dense(8, kernel_initializer="ones")], name="inner")
    square = Lambda(lambda z: z * z, name="square")
    layers = [inner, square, Dense(10, "softmax")]
    history = fitted(
        layers, x, y, optimizer="sgd", epochs=1, batch_size=16, shuffle=False
    )
    place = history.evidence.broken
    assert (place.epoch, place.step) == (0, 450 // 16)
    assert place.layer == "square"


def test_what_a_fit_warns_of_comes_from_the_users_line(digits):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted(
            [*hidden("tanh", kernel_initializer="ones"), Dense(10, "softmax")], *digits
        )
    found = [w for w in caught if issubclass(w.category, TrainingWarning)]
    assert found
    assert all(w.filename == __file__ for w in found)
    assert {w.message.finding.code for w in found} <= set(CODES)  # pyright: ignore[reportAttributeAccessIssue]
    codes = [w.message.finding.code for w in found]  # pyright: ignore[reportAttributeAccessIssue]
    assert len(codes) == len(set(codes))


def test_check_false_is_silent_and_leaves_no_evidence(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fitted(
            [Dense(10, "softmax", kernel_initializer="zeros")],
            *digits,
            optimizer=optimizers.SGD(0.0),
            check=False,
        )
    with pytest.raises(ValueError, match=r"a fit not watched.*check=True"):
        history.diagnose()
    with pytest.raises(ValueError, match="a fit of no epochs"):
        fitted([Dense(10, "softmax")], *digits, epochs=0).diagnose()


def test_watching_changes_no_number(digits):
    def layers():
        return [*hidden(), Dropout(0.2), BatchNormalization(), Dense(10, "softmax")]

    kept = []
    for check in (True, False):
        history = fitted(layers(), *digits, check=check, validation_split=0.2)
        if check:
            history.diagnose()
        kept.append((history.history, history.model.get_weights()))
    (a, v), (b, w) = kept
    assert a == b
    for one, other in zip(v, w, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_measured_step_is_the_step_the_fit_takes(digits):
    x, y = (a[:64] for a in digits)
    history = fitted(
        [*hidden(), Dense(10, "softmax")],
        x,
        y,
        epochs=1,
        batch_size=64,
        optimizer=optimizers.SGD(0.5),
        shuffle=False,
    )
    evidence: Evidence = history.evidence
    before, after = evidence.start.params, evidence.end.params
    probe = evidence.measured()[0]
    assert_allclose(probe.loss, history.history["loss"][0], rtol=1e-5)
    for index, name in enumerate(["dense", "dense_1", "dense_2"]):
        sizes = next(w for w in probe.weights if (w.layer, w.name) == (name, "kernel"))
        moved = np.asarray(after[index]["kernel"]) - before[index]["kernel"]
        rms = np.sqrt(np.mean(moved**2))
        assert_allclose(sizes.update, rms, rtol=1e-4)
        assert_allclose(sizes.gradient * 0.5, rms, rtol=1e-4)


def test_a_report_reads_well_and_sorts_errors_first():
    hint = Finding("overfitting", "hint", None, "seen", "why", "fix")
    error = Finding("dead-units", "error", "dense", "<seen>", "why", "fix")
    report = onefit.guide.Report([hint, error], "diagnosis of 'm'")
    assert report.codes == ["dead-units", "overfitting"]
    assert (report.errors, report.hints) == ([error], [hint])
    assert str(report).startswith("diagnosis of 'm': 1 error, 1 hint\n\nerror: dead-")
    assert "&lt;seen&gt;" in report._repr_html_()
    with pytest.raises(AssertionError, match="stands in no list"):
        Finding("nonsense", "error")


def test_numbers_by_layer_are_those_of_the_fit_and_change_nothing(digits):
    plain, asked = (
        fitted([*hidden(), Dense(10, "softmax")], *digits, epochs=5, **more)
        for more in ({}, {"watch": "layers"})
    )
    pairs = zip(plain.model.get_weights(), asked.model.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    found, layers = asked.layers, asked.model.layers
    assert found.epochs.tolist() == [0, 1, 2, 3, 4, 5]
    assert list(found) == [layer.name for layer in layers]
    for layer in layers:
        sizes = np.concatenate([np.ravel(w) for w in layer.get_weights()])
        by_hand = np.sqrt(np.mean(sizes**2))
        assert_allclose(found[layer.name]["weight"][-1], by_hand, rtol=1e-5)
        assert found[layer.name]["update/weight"][0] > 0
    assert len(found.plot()) == 3
    with pytest.raises(ValueError, match="watch="):
        _ = plain.layers
    with pytest.raises(ValueError, match="'layers'"):
        asked.model.fit(*digits, watch="all", verbose=0)


def test_a_symptom_is_not_named_as_the_cause():
    x = np.array([[-40.0], [-10], [0], [8], [15], [22], [38]])
    line = Dense(1, kernel_initializer="zeros")
    slow = fitted([line], x, 1.8 * x + 32, optimizers.Adam(1e-3), "mse", epochs=50)
    assert slow.diagnose().codes == ["too-few-steps"]  # no exploding gradients


def test_a_few_epochs_to_try_a_program_out_are_no_error(digits):
    history = fitted(
        [*hidden(), Dense(10, "softmax")], *digits, optimizers.SGD(3e-3), epochs=3
    )
    report = history.diagnose()
    assert report.codes == ["too-few-steps"]
    assert not report.errors


def test_a_rate_that_a_callback_takes_away_or_searches_through(digits):
    def paced(schedule, epochs):
        step = onefit.callbacks.LearningRateScheduler(schedule)
        layers = [*hidden(), Dense(10, "softmax")]
        return fitted(
            layers, *digits, optimizers.SGD(0.1), epochs=epochs, callbacks=[step]
        )

    gone = paced(lambda epoch, rate: rate / 2, 20).diagnose()
    assert [(f.code, f.severity) for f in gone] == [("learning-rate-too-low", "error")]
    search = paced(lambda epoch: 1e-4 * 10 ** (epoch / 4), 24).diagnose()
    assert not search.errors
