"""Every metric against Keras, over batches, with and without weights.

Keras' numbers are in oracle/metrics.json; `python tests/test_metrics_oracle.py` makes
them again.
"""

import inspect
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import metrics
from onefit.description import settings

ORACLE = Path(__file__).parent / "oracle" / "metrics.json"

rng = np.random.default_rng(0)
SIZES = (5, 5)
ROWS = sum(SIZES)


def _softmax(z):
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True)


LABELS = rng.integers(0, 4, ROWS)
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
CLASSES = _softmax(2 * rng.normal(size=(ROWS, 4)) + ONE_HOT).astype("float32")
BITS = rng.integers(0, 2, (ROWS, 3)).astype("float32")
CHANCES = np.clip(BITS / 3 + rng.random((ROWS, 3)) * 0.66, 0, 1).astype("float32")
CHANCES[0] = [0.0, 0.5, 1.0]
NUMBERS = rng.normal(size=(ROWS, 3)).astype("float32")
GUESSES = (NUMBERS + 0.3 * rng.normal(size=(ROWS, 3))).astype("float32")
WEIGHTS = rng.random(ROWS).astype("float32")

DATA = {
    "one-hot": (ONE_HOT, CLASSES),
    "labels": (LABELS, CLASSES),
    "labels (n, 1)": (LABELS[:, None], CLASSES),
    "bits": (BITS, CHANCES),
    "bit": (BITS[:, :1], CHANCES[:, :1]),
    "numbers": (NUMBERS, GUESSES),
    "number": (NUMBERS[:, :1], GUESSES[:, :1]),
    "counts": (np.abs(NUMBERS).round(), np.abs(GUESSES) + 0.1),
    "signs": (2 * BITS - 1, 2 * CHANCES - 1),
    "logits": (BITS, 4 * CHANCES - 2),
    "classes": (LABELS, CLASSES.argmax(-1)),
    "sequence": (LABELS.reshape(ROWS, 1).repeat(2, 1), np.stack([CLASSES] * 2, 1)),
}

CASES = [
    ("Accuracy", {}, "classes"),
    ("BinaryAccuracy", {}, "bits"),
    ("BinaryAccuracy", {"threshold": 0.7}, "bit"),
    ("CategoricalAccuracy", {}, "one-hot"),
    ("SparseCategoricalAccuracy", {}, "labels"),
    ("SparseCategoricalAccuracy", {}, "labels (n, 1)"),
    ("SparseCategoricalAccuracy", {}, "sequence"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one-hot"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "labels"),
    ("MeanSquaredError", {}, "numbers"),
    ("RootMeanSquaredError", {}, "numbers"),
    ("MeanAbsoluteError", {}, "numbers"),
    ("MeanAbsolutePercentageError", {}, "numbers"),
    ("MeanSquaredLogarithmicError", {}, "counts"),
    ("LogCoshError", {}, "numbers"),
    ("CosineSimilarity", {}, "numbers"),
    ("R2Score", {}, "numbers"),
    ("R2Score", {"class_aggregation": None}, "numbers"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "numbers"),
    ("R2Score", {"num_regressors": 2}, "number"),
    ("BinaryCrossentropy", {}, "bits"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "logits"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one-hot"),
    ("SparseCategoricalCrossentropy", {}, "labels"),
    ("KLDivergence", {}, "one-hot"),
    ("Poisson", {}, "counts"),
    ("Hinge", {}, "signs"),
    ("SquaredHinge", {}, "signs"),
    ("CategoricalHinge", {}, "one-hot"),
    ("PearsonCorrelation", {}, "numbers"),
    ("ConcordanceCorrelation", {}, "numbers"),
    ("TruePositives", {}, "bits"),
    ("TrueNegatives", {"thresholds": [0.3, 0.6]}, "bits"),
    ("FalsePositives", {"thresholds": 0.4}, "bits"),
    ("FalseNegatives", {"thresholds": [0.0, 0.5, 1.0]}, "bits"),
    ("Precision", {}, "bits"),
    ("Precision", {"thresholds": [0.2, 0.8], "class_id": 1}, "bits"),
    ("Precision", {"top_k": 2}, "one-hot"),
    ("Recall", {}, "bit"),
    ("Recall", {"top_k": 2, "class_id": 3, "thresholds": 0.1}, "one-hot"),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, "bits"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 9}, "bits"),
    ("PrecisionAtRecall", {"recall": 0.7, "class_id": 2}, "bits"),
    ("RecallAtPrecision", {"precision": 0.7, "num_thresholds": 1}, "bits"),
    ("AUC", {}, "bits"),
    ("AUC", {"curve": "PR"}, "bits"),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, "bit"),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 11}, "bits"),
    ("AUC", {"summation_method": "minoring", "thresholds": [0.7, 0.2]}, "bits"),
    ("AUC", {"multi_label": True, "num_thresholds": 30}, "bits"),
    (
        "AUC",
        {"multi_label": True, "label_weights": [1.0, 2.0, 0.5], "curve": "PR"},
        "bits",
    ),
    ("AUC", {"from_logits": True, "label_weights": [1.0, 2.0, 0.5]}, "logits"),
    ("F1Score", {}, "one-hot"),
    ("F1Score", {"average": "micro", "threshold": 0.5}, "bits"),
    ("FBetaScore", {"average": "weighted", "beta": 0.5}, "one-hot"),
    ("FBetaScore", {"average": "macro", "beta": 2.0, "threshold": 0.4}, "bits"),
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, "classes"),
    ("MeanIoU", {"num_classes": 4, "ignore_class": 1}, "classes"),
    ("MeanIoU", {"num_classes": 3, "sparse_y_pred": False}, "labels"),
    ("BinaryIoU", {"threshold": 0.4}, "bits"),
    ("BinaryIoU", {"target_class_ids": [1]}, "bit"),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [1, 3]}, "one-hot"),
    ("OneHotMeanIoU", {"num_classes": 4}, "one-hot"),
    ("R2Score", {"num_regressors": 2}, "numbers"),
]


SEQUENCES = rng.random((ROWS, 3)).astype("float32")
SPREAD = {
    "none": None,
    "of examples": WEIGHTS,
    "of examples (n, 1)": WEIGHTS[:, None],
    "of each value": rng.random((ROWS, 3)).astype("float32"),
    "zero": np.zeros(ROWS, "float32"),
}


def _batches(*arrays, sizes=SIZES):
    """The arrays' rows, batch by batch; None stays None."""
    ends = np.cumsum(sizes)
    for start, end in zip(ends - sizes, ends, strict=True):
        yield [None if a is None else a[start:end] for a in arrays]


@pytest.fixture(scope="module")
def oracle():
    return json.loads(ORACLE.read_text())


@pytest.fixture(scope="module")
def ours():
    """The numbers of all cases, with and without weights, by one scan over batches."""
    made = [getattr(metrics, name)(**settings) for name, settings, _ in CASES]
    sized = [m.sized(DATA[c[2]][1].shape) for m, c in zip(made, CASES, strict=True)]

    def step(states, batch):
        data, weights = batch
        for given, w in (("none", None), ("of examples", weights)):
            states[given] = [
                metric.update(state, *data[kind], w)
                for metric, state, (_, _, kind) in zip(
                    sized, states[given], CASES, strict=True
                )
            ]
        return states, None

    @jax.jit
    def run(batches):
        first = [metric.init() for metric in sized]
        states, _ = jax.lax.scan(step, {"none": first, "of examples": first}, batches)
        return {
            given: [m.compute(s) for m, s in zip(sized, kept, strict=True)]
            for given, kept in states.items()
        }

    return run(
        jax.tree.map(
            lambda a: jax.numpy.asarray(a).reshape(len(SIZES), -1, *a.shape[1:]),
            (DATA, WEIGHTS),
        )
    )


@pytest.mark.parametrize("weights", ["none", "of examples"])
@pytest.mark.parametrize(
    "case", range(len(CASES)), ids=lambda i: "-".join(CASES[i][::2])
)
def test_equals_keras(case, weights, ours, oracle):
    theirs = oracle["cases"][case][weights]
    np.testing.assert_allclose(ours[weights][case], theirs, rtol=2e-5, atol=1e-6)


def test_means_and_sums_of_sequences_weigh_as_keras(oracle):
    for name in ("Mean", "Sum"):
        ours = []
        for weights in SPREAD.values():
            metric = getattr(metrics, name)()
            for batch in _batches(SEQUENCES, weights, sizes=(6, 4)):
                metric.update_state(*batch)
            ours.append(metric.result())
        np.testing.assert_allclose(ours, oracle["reductions"][name], rtol=1e-6)


def test_every_metric_is_here_with_its_name_arguments_and_defaults(oracle):
    for name, theirs in oracle["classes"].items():
        made = getattr(metrics, name)(**theirs["required"])
        assert made.name == theirs["name"], name
        assert theirs["direction"] in (None, made.direction), name
        ours = inspect.signature(type(made)).parameters
        for key, default in theirs["defaults"].items():
            value = getattr(made.replace(), settings(type(made))[key])
            value = list(value) if isinstance(value, tuple) else value
            assert ours[key].name
            assert value == default, (name, key)
    assert not set(oracle["names"]) - set(metrics.__all__)


def test_agrees_with_scikit_learn():
    from sklearn import metrics as sk

    y, p = BITS[:, 0], CHANCES[:, 0]
    hard = p > 0.5
    w = WEIGHTS
    pairs = [
        (metrics.BinaryAccuracy(), sk.accuracy_score(y, hard, sample_weight=w)),
        (metrics.Precision(), sk.precision_score(y, hard, sample_weight=w)),
        (metrics.Recall(), sk.recall_score(y, hard, sample_weight=w)),
    ]
    for metric, expected in pairs:
        assert float(metric(y, p, w)) == pytest.approx(expected, abs=1e-6)
    f1 = metrics.F1Score(average="macro")(ONE_HOT, CLASSES)
    expected = sk.f1_score(LABELS, CLASSES.argmax(-1), average="macro")
    assert float(f1) == pytest.approx(expected, abs=1e-6)
    area = metrics.AUC(num_thresholds=2001)(y, p, w)
    assert float(area) == pytest.approx(
        sk.roc_auc_score(y, p, sample_weight=w), abs=1e-3
    )
    for how in ("uniform_average", "variance_weighted"):
        ours = metrics.R2Score(how + "_average" * (how[0] == "v"))
        expected = sk.r2_score(NUMBERS, GUESSES, sample_weight=w, multioutput=how)
        assert float(ours(NUMBERS, GUESSES, w)) == pytest.approx(expected, abs=1e-5)


def _oracle():
    """Keras' numbers."""
    import os

    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    given = {"num_classes": 3, "target_class_ids": [0]} | dict.fromkeys(
        ("recall", "precision", "sensitivity", "specificity"), 0.5
    )
    empty = inspect.Parameter.empty
    ways = {"up": "max", "down": "min"}

    def described(cls):
        keras.backend.clear_session()
        parameters = inspect.signature(cls).parameters.values()
        required = {p.name: given[p.name] for p in parameters if p.default is empty}
        made = cls(**required)
        return {
            "required": required,
            "name": made.name,
            "direction": ways.get(getattr(made, "_direction", None)),
            "defaults": {
                p.name: p.default
                for p in parameters
                if p.default is not empty and p.name != "name"
            },
        }

    def number(metric, *arrays, sizes=SIZES):
        for batch in _batches(*arrays, sizes=sizes):
            metric.update_state(*batch)
        return np.asarray(metric.result()).tolist()

    def case(name, settings, kind):
        # Keras' IoU counts in integers by itself, and wants a weight for each value.
        iou = "IoU" in name
        settings = settings | {"dtype": "float32"} if iou else settings
        y_true, y_pred = DATA[kind]
        shape = y_true.shape if iou and "OneHot" not in name else (ROWS,)
        each = WEIGHTS.reshape(-1, *[1] * (len(shape) - 1))
        cls = getattr(keras.metrics, name)
        return {
            "none": number(cls(**settings), y_true, y_pred, None),
            "of examples": number(
                cls(**settings), y_true, y_pred, np.broadcast_to(each, shape)
            ),
        }

    public = {k: v for k, v in vars(keras.metrics).items() if not k.startswith("_")}
    return {
        "cases": [case(*given) for given in CASES],
        "reductions": {
            name: [
                number(getattr(keras.metrics, name)(), SEQUENCES, w, sizes=(6, 4))
                for w in SPREAD.values()
            ]
            for name in ("Mean", "Sum")
        },
        "classes": {
            name: described(cls)
            for name, cls in public.items()
            if isinstance(cls, type) and name not in ("Metric", "MeanMetricWrapper")
        },
        "names": sorted(public),
    }


if __name__ == "__main__":
    ORACLE.write_text(json.dumps(_oracle(), indent=1) + "\n")


def test_rows_that_fill_a_batch_change_nothing():
    """Copies of the first row, with the weight 0: where a metric is `by_row`."""
    made = [
        (getattr(metrics, name)(**settings), kind) for name, settings, kind in CASES
    ]
    adjusted = [m for m, _ in made if not m.by_row]
    assert [m.num_regressors for m in adjusted] == [2, 2]
    made = [(metric, kind) for metric, kind in made if metric.by_row]

    @jax.jit
    def both():
        found = []
        for metric, kind in made:
            y, a = map(jnp.asarray, DATA[kind])
            metric = metric.sized(a.shape)
            more = [jnp.concatenate([v, v[:1], v[:1]]) for v in (y, a)]
            there = jnp.arange(len(y) + 2) < len(y)
            plain = metric.update(metric.init(), y, a)
            found.append(
                [
                    metric.compute(state)
                    for state in (plain, metric.update(metric.init(), *more, there))
                ]
            )
        return found

    for (metric, _), (plain, same) in zip(made, both(), strict=True):
        np.testing.assert_allclose(same, plain, rtol=2e-6, err_msg=str(metric.name))
