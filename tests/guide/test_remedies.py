"""Remedies: each one's code runs, and the finding is gone or the network better."""

import warnings
from collections import Counter

import numpy as np
import pytest
from catalogue import FAULTS
from numpy.testing import assert_allclose
from run_catalogue import checked
from run_remedies import findings_of

import onefit
from onefit.guide import CODES
from onefit.guide.improve import Judge, gain
from onefit.guide.program import Program
from onefit.guide.remedies import REMEDIES, usual
from onefit.guide.writing import written
from onefit.layers import Conv2D, Dense
from onefit.optimizers import SGD

pytestmark = pytest.mark.filterwarnings("ignore::onefit.guide.TrainingWarning")

ROWS_ALONE = {"constant-target", "target-unrelated", "time-order-broken"}
"""Findings that only whoever made the rows can mend."""

REFUSED = {
    "one of two inputs in large units",  # a layer in front is for one input
    "a window that holds the answer",  # a step of a sequence is no column
    "a corner that tells the class",
    "ones set by hand",  # by a line that no setting shows
    "a schedule that dies at once",  # which rate it should have is not known
    "so one hot tags with padding",  # its loss leaves out no class; a mask would
    "so padded series step by step",  # nor does one of numbers
}


def test_every_finding_has_remedies():
    assert set(REMEDIES) == set(CODES)
    assert {code for code, remedies in REMEDIES.items() if not remedies} == ROWS_ALONE
    names = [remedy.name for remedy in usual()]
    assert len(set(names)) == len(names)


def test_the_code_of_remedies_runs_and_the_finding_is_gone():
    # A fault of each code; run_remedies.py tries all of them.
    count, said = Counter[str](), []
    for fault in (f for f in FAULTS if f.by == "check"):
        if all(count[code] for code in fault.codes):
            continue
        for finding, program in findings_of(fault, train=False):
            count[finding.code] += 1
            said.append((fault, finding, program))
    assert len({finding.code for _, finding, _ in said}) >= 35
    fell_short = set()
    for fault, finding, program in said:
        if finding.code in ROWS_ALONE:
            continue
        before = [np.array(w) for w in program.model.get_weights()]
        gone = any(_mended(remedy, finding, program) for remedy in finding.remedies)
        if not gone:
            fell_short.add(fault.name)
        for one, other in zip(before, program.model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert fell_short <= REFUSED


def _mended(remedy, finding, program):
    try:
        changed = remedy.apply(finding.program)
    except ValueError:  # a remedy for another kind of network
        return False
    if not changed.against(finding.program):
        return False
    val = program.fit.get("validation_data") or (None, None)
    names = {"x": program.x, "y": program.y, "x_val": val[0], "y_val": val[1]}
    *body, last = changed.code.splitlines()
    assert last.startswith("history = model.fit(x, y")
    exec("\n".join(body), names)
    shapes = [w.shape for w in changed.model.get_weights()]
    assert [w.shape for w in names["model"].get_weights()] == shapes
    found = checked(changed.model, changed.x, changed.y, dict(changed.fit))
    return finding.code not in {f.code for f in found}


@pytest.mark.parametrize(
    "name",
    [
        "wine at a hundredth of its rate",
        "a house price neuron that starts below zero",
        "gradient descent beyond its largest step",
    ],
)
def test_what_a_run_shows_is_mended_by_a_remedy(name):
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    program = fault.program(True)
    history = program.model.fit(program.x, program.y, **{"verbose": 0, **program.fit})
    finding = next(f for f in history.diagnose() if f.code in fault.codes)
    better = []
    for remedy in finding.remedies:
        mended = remedy.apply(finding.program)
        model = mended.fresh(0)
        model.fit(mended.x, mended.y, **{"verbose": 0, **mended.fit})
        judge = Judge(mended)
        held = mended.replace(held=(mended.x, mended.y))
        better.append(
            judge(held, model).mean() > judge(held, program.model).mean() + 0.1
        )
        if better[-1]:
            return
    raise AssertionError([remedy.name for remedy in finding.remedies])


# Code ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (Dense(3), "layers.Dense(3)"),
        (
            Dense(3, "relu", use_bias=False),
            "layers.Dense(3, activation='relu', use_bias=False)",
        ),
        (Conv2D(4, 3, padding="same"), "layers.Conv2D(4, (3, 3), padding='same')"),
        (
            Dense(1, kernel_regularizer=onefit.regularizers.L2(0.1)),
            "layers.Dense(1, kernel_regularizer=regularizers.L2(l2=0.1))",
        ),
        (SGD(0.05, momentum=0.9), "optimizers.SGD(learning_rate=0.05, momentum=0.9)"),
        (onefit.losses.MeanSquaredError(), "losses.MeanSquaredError()"),
        ({"a": [1, (2.5,)]}, "{'a': [1, (2.5,)]}"),
    ],
)
def test_settings_are_written_as_one_would(thing, text):
    assert written(thing) == text


def test_a_graph_is_written_call_by_call():
    x = onefit.Input((4,))
    hidden = Dense(3, activation="tanh")(x)
    model = onefit.Model(x, Dense(2)(onefit.layers.Concatenate()([x, hidden])))
    model.compile("adam", "mse")
    code = Program(model, np.zeros((3, 4)), np.zeros((3, 2))).code
    names = {}
    exec(code.rpartition("\n")[0], names)
    assert [w.shape for w in names["model"].get_weights()] == [
        (4, 3),
        (3,),
        (7, 2),
        (2,),
    ]


def test_a_finding_without_a_program_says_what_to_call():
    finding = onefit.guide.Finding("linear-stack", "hint", "dense")
    with pytest.raises(ValueError, match=r"Call model\.check\(x, y\)\[0\]\.fix"):
        finding.fix()


# Improving ----------------------------------------------------------------------------


def small(rate=1e-5):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 3)).astype("float32")
    y = (x[:, 0] + x[:, 1] > 0).astype("int32")
    layers = [onefit.Input((3,)), Dense(6, "tanh"), Dense(1, "sigmoid")]
    model = onefit.Sequential(layers)
    model.compile(SGD(rate), "binary_crossentropy")
    return model, x, y


def test_improve_finds_the_rate_and_changes_nothing():
    model, x, y = small()
    before = [np.array(w) for w in model.get_weights()]
    stream = onefit.config.seed_state()
    advice = model.improve(x, y, seconds=12, epochs=20)
    assert advice.best is not None
    assert advice.best.confirmed.likely
    assert "optimizer" in advice.lines
    assert advice.rows[0]["gain"] > 0.1
    assert str(advice).splitlines()[0].startswith("as it is: accuracy ")
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(stream, onefit.config.seed_state())
    assert model.history is None
    names = {"x": x, "y": y}
    exec(
        advice.code.replace("model.fit(", "model.fit(verbose=0, x=").replace(
            "x=x, y", "x=x, y=y"
        ),
        names,
    )
    accuracy = np.mean((names["model"].predict(x, verbose=0)[:, 0] > 0.5) == y)  # pyright: ignore[reportAttributeAccessIssue]
    assert accuracy > 0.85


def test_where_nothing_can_help_it_names_the_rows():
    rng = np.random.default_rng(1)
    model, x, _ = small(0.1)
    advice = model.improve(x, rng.integers(0, 2, 240), seconds=6, seeds=2, epochs=5)
    assert advice.best is None
    assert advice.lines == advice.code == ""
    assert "look at the data and the labels next" in advice.verdict
    with pytest.raises(ValueError, match="Keep the model as it is"):
        _ = advice.model


def test_a_program_that_does_not_train_is_mended_first():
    model, x, y = small()
    advice = model.improve(x, np.array(["no", "yes"])[y], seconds=8, epochs=20)
    assert advice.origin.values is None
    assert "does not train" in str(advice).splitlines()[0]
    assert advice.best is not None
    assert "np.unique(y, return_inverse=True)" in advice.lines
    assert all(t.name.startswith(advice.base.name) for t in advice.trials)


def test_too_little_time_is_said():
    model, x, y = small()
    advice = model.improve(x, y, seconds=1e-6, epochs=2)
    assert advice.best is None
    assert "seconds=" in advice.verdict


def test_what_improve_refuses():
    model, x, y = small()
    with pytest.raises(ValueError, match="19 rows; expected 20 or more"):
        model.improve(x[:19], y[:19])
    with pytest.raises(ValueError, match="seeds=1"):
        model.improve(x, y, seeds=1)
    with pytest.raises(ValueError, match="seconds=0"):
        model.improve(x, y, seconds=0)
    with pytest.raises(ValueError, match="epoch"):
        model.improve(x, y, epoch=3)
    batches = onefit.data.Dataset.from_tensor_slices((x, y)).batch(32)
    with pytest.raises(ValueError, match="come as a stream"):
        model.improve(batches, None)
    with pytest.raises(ValueError, match="before compile"):
        onefit.Sequential([Dense(1)]).improve(x, y)


def test_a_history_tries_the_remedies_of_its_own_fit():
    model, x, y = small()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = model.fit(x, y, epochs=20, verbose=0)
    trained = [np.array(w) for w in model.get_weights()]
    advice = history.remedies(seconds=20)
    assert advice.base.program.fit == {"epochs": 20}
    assert advice.trials
    for one, other in zip(trained, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_gain_and_its_interval_by_hand():
    # Scores by seed 0.5 and 0.7, then 0.8 and 0.8: the mean gain is 0.2.
    # Spread: 0.02 / 2 + 0 = 0.01, so 4.303 * 0.1 = 0.4303 to both sides of it.
    before = np.array([[0.5], [0.7]])
    after = np.array([[0.8], [0.8]])
    found = gain(before, after)
    assert_allclose(found, (0.2, 0.2 - 0.4303, 0.2 + 0.4303), atol=1e-4)
    # Paired, the differences are 0.3 and 0.1: 12.706 * sqrt(0.02 / 2) = 1.2706.
    assert_allclose(gain(before, after, paired=True), (0.2, -1.0706, 1.4706), atol=1e-4)


class Answers:
    """A model that answers what it was told."""

    loss = onefit.losses.MeanSquaredError()

    def __init__(self, outputs):
        self.outputs = np.asarray(outputs, float)

    def predict(self, x, verbose=0):
        del x, verbose
        return self.outputs


@pytest.mark.parametrize(
    ("y", "p", "name", "values"),
    [
        # Four of class 0, one of class 1: the accuracy of each row.
        ([0, 1, 0, 1], [[0.2], [0.9], [0.7], [0.4]], "accuracy", [1, 1, 0, 0]),
        (
            [0, 2, 1, 1],
            [[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]],
            "accuracy",
            [1, 1, 0, 1],
        ),
        ([-1, 1, -1, 1], [[-0.3], [0.2], [0.4], [0.1]], "accuracy", [1, 1, 0, 1]),
        # Var(y) = 1.25: 1 - (a - y)^2 / 1.25.
        ([0.5, 1.5, 2.5, 3.5], [[0.5], [1.5], [2.5], [2.5]], "R2", [1, 1, 1, 0.2]),
        ([0.5, 1.5, 2.5, 3.5], [[np.nan]] * 4, "R2", [-10] * 4),
    ],
)
def test_rows_are_judged_by_hand(y, p, name, values):
    y = np.array(y * 5)
    x = np.zeros((len(y), 1))
    program = Program(None, x, y, held=(x, y))
    judge = Judge(program)
    assert judge.name == name
    assert_allclose(judge(program, Answers(p * 5)), values * 5, atol=1e-9)
