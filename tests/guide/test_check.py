"""Checking: what it takes, what it leaves alone, what it costs."""

import contextlib
import importlib.util
import io
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential, datasets
from onefit.guide.case import Case
from onefit.guide.check import RULES, cheap, check
from onefit.guide.codes import CODES
from onefit.guide.targets import kind_of
from onefit.layers import Dense, Embedding, GlobalAveragePooling1D, Lambda
from onefit.training.options import FitOptions
from onefit.training.prepare import build_job

EXAMPLES = Path(__file__).parents[2] / "examples"
rng = np.random.default_rng(0)


def digits(activation="softmax"):
    hidden = [Dense(25, "relu"), Dense(15, "relu")]
    model = Sequential([Input((64,)), *hidden, Dense(10, activation)])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_a_rule_says_what_it_is_for():
    for rule in RULES:
        assert rule.__doc__, rule
    assert len({rule.__name__ for rule in RULES}) == len(RULES)


def test_nothing_is_changed_by_a_check():
    x, y = datasets.load_digits()
    model = Sequential([Dense(25, "relu"), Dense(10)])
    model.compile("adam", "sparse_categorical_crossentropy")
    onefit.utils.set_random_seed(3)
    stream = onefit.config.new_seed()
    onefit.utils.set_random_seed(3)
    assert check(model, x / 16, y).codes == ["logits-as-probabilities"]
    assert not model.built
    assert onefit.config.new_seed() == stream
    model = digits()
    before = model.get_weights()
    check(model, x / 16, y, validation_split=0.2, epochs=5)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_fit_refuses_is_a_finding():
    x, y = datasets.load_digits()
    model = digits()
    assert check(model, x[:, :60], y).codes == ["shapes-broadcast"]
    assert check(model, x[:100], y).codes == ["shapes-broadcast"]
    assert check(model, x / 16, y, validation_split=1.5).codes == ["shapes-broadcast"]
    words = Sequential(
        [Input((5,)), Embedding(10, 4), GlobalAveragePooling1D(), Dense(1, "sigmoid")]
    )
    words.compile("adam", "binary_crossentropy")
    report = check(words, rng.integers(0, 20, (50, 5)), rng.integers(0, 2, 50))
    assert len(report.errors) == 1
    with pytest.raises(ValueError, match="received"):
        model.fit(x[:, :60], y, verbose=0)
    with pytest.raises(ValueError, match="received"):
        words.fit(np.full((9, 5), 20), y[:9] % 2, verbose=0)


def test_other_forms_of_data():
    pandas = pytest.importorskip("pandas")
    x = rng.normal(size=(60, 2))
    y = (x[:, 0] > x[:, 1]).astype(int)
    model = Sequential([Input((2,)), Dense(4, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    table = pandas.DataFrame(x, columns=["a", "b"])
    for data in (
        (x.tolist(), y.tolist()),
        (table, pandas.Series(y)),
        (jax.numpy.asarray(x), jax.numpy.asarray(y)),
    ):
        assert check(model, *data).codes == []


def test_what_is_not_known_is_left_alone():
    x = Input((4,))
    model = Model(x, Lambda(lambda z: z * 2.0)(Dense(3, "tanh")(x)))
    model.compile("adam", lambda y, a: (y - a) ** 2)
    data = rng.normal(size=(50, 4)), 10 * rng.normal(size=(50, 3))
    assert check(model).codes == check(model, *data).codes == []


def test_a_report_names_its_model_and_codes_are_those_of_the_list():
    model = digits("linear")
    report = check(model)
    assert str(report).startswith("check of 'sequential': 1 error\n")
    assert set(report.codes) <= set(CODES)


def test_a_fit_is_checked_by_the_same_rules():
    x, y = datasets.load_digits()
    order = np.argsort(y)
    model = digits()
    job = build_job(
        model, x[order] / 16, y[order], FitOptions(epochs=5, validation_split=0.2)
    )
    assert [f.code for f in cheap(job)] == ["rows-in-order"]
    job = build_job(model, x / 16, y, FitOptions(epochs=5, validation_split=0.2))
    assert cheap(job) == []
    job = build_job(model, x * 16, y, FitOptions(epochs=5))
    assert [(f.code, f.layer) for f in cheap(job)] == [("inputs-not-scaled", "dense")]
    model = digits("sigmoid")
    job = build_job(model, x / 16, y, FitOptions(epochs=5))
    assert [f.code for f in cheap(job)] == ["sigmoid-for-exclusive-classes"]


def test_checking_a_fit_looks_at_few_rows():
    x = rng.random((20_000, 200), dtype="float32")
    y = rng.integers(0, 10, 20_000)
    hidden = [Dense(32, "relu"), Dense(10, "softmax")]
    model = Sequential([Input((200,)), *hidden])
    model.compile("adam", "sparse_categorical_crossentropy")
    job = build_job(model, x, y, FitOptions(epochs=5))
    cheap(job)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        cheap(job)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.01  # measured: under a millisecond


def test_rows_that_are_looked_at_are_spread_evenly():
    case = Case(digits(), None, numbers=640)
    some = case.some(np.repeat(np.arange(1000)[:, None], 10, axis=1))
    assert len(some) <= 64
    assert np.ptp(np.diff(some[:, 0])) == 0
    assert some[-1, 0] > 900


# Trains networks that are wrong on purpose; trains no model by `fit`.
LEFT_OUT = ("why_it_does_not_learn", "xor_populations")


class Checked(Exception):
    """Ends an example at its first fit."""


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_nothing_is_found_in_the_examples(path, monkeypatch):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    example = importlib.util.module_from_spec(spec)
    reports = []

    def fit(model, x, y, batch_size=None, epochs=1, verbose=0, callbacks=None, **told):
        reports.append(check(model, x, y, batch_size=batch_size, epochs=epochs, **told))
        raise Checked

    monkeypatch.setattr(Model, "fit", fit)
    monkeypatch.setattr(datasets, "load_mnist", lambda **_: pytest.skip("a download"))
    source = path.read_text()
    if ".fit(" not in source or "sklearn" in source or path.stem in LEFT_OUT:
        return
    spec.loader.exec_module(example)
    with contextlib.redirect_stdout(io.StringIO()), pytest.raises(Checked):
        example.main()
    assert [report.codes for report in reports] == [[]]


@pytest.mark.parametrize(
    ("y", "kind", "classes"),
    [
        ([0, 1, 1, 0], "binary", (0, 1)),
        ([[True], [False], [True]], "binary", (0, 1)),
        ([-1.0, 1.0, 1.0], "signs", (-1, 1)),
        ([0, 2, 1, 2, 1, 0], "classes", (0, 1, 2)),
        ([1, 2] * 5, "classes", (1, 2)),
        ([0, 1, 3] * 4, "classes", (0, 1, 3)),
        (list(range(10)), "counts", ()),  # each comes once
        ([-3, -1, 1, 3, 5, 7], "real", ()),  # y = 2x - 1
        ([3, 150, 977, 12], "counts", ()),
        (np.eye(4)[[3, 0, 1, 2]], "one-hot", (0, 1, 2, 3)),
        ([[1, 0, 1], [0, 0, 0]], "several labels", (0, 1, 2)),
        ([[0.2, 0.8], [0.5, 0.5]], "distribution", ()),
        ([0.1, 0.9, 1.0], "share", ()),
        ([0.5, 2.5, 100.0], "positive", ()),
        ([-0.5, 2.5], "real", ()),
        ([2.0, 2.0], "constant", ()),
        (["b", "a", "b", "c"], "classes", ("a", "b", "c")),
    ],
)
def test_kinds_of_targets(y, kind, classes):
    found = kind_of(y)
    assert (found.kind, found.classes) == (kind, classes)


def test_what_else_a_target_tells():
    ids = np.repeat([2, 0, 1], [5, 10, 15])
    found = kind_of(ids)
    assert found.counts == (10, 15, 5)
    assert found.major == 0.5
    assert found.sorted  # each class in one piece
    assert not kind_of(np.tile(ids, 2)).sorted
    assert kind_of(np.eye(3)[ids]).sorted
    assert kind_of(np.linspace(0, 3, 9)).sorted
    prices = np.random.default_rng(0).lognormal(0, 1.5, 500)
    assert kind_of(prices).skewed
    assert not kind_of(np.random.default_rng(0).uniform(1, 2, 500)).skewed
    assert kind_of([3.0, -4.0, np.nan]).size == pytest.approx(12.5**0.5)
    assert kind_of(["no", "yes"]).text
