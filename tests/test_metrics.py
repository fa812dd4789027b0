"""Metrics by hand: small numbers, edges, names and the texts of errors."""

import functools
import json

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from onefit import losses, metrics, saving
from onefit.metrics.confusion import _histogram

NEEDED = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 1]},
    "MeanIoU": {"num_classes": 3},
    "MeanMetricWrapper": {"fn": "mse"},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": (0, 1)},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}


def _all():
    """Each metric of the house, made with what it needs."""
    classes = [vars(metrics)[n] for n in metrics.__all__]
    classes = [c for c in classes if isinstance(c, type)]
    named = [
        c for c in classes if issubclass(c, metrics.Metric) and c != metrics.Metric
    ]
    return [c(**NEEDED.get(c.__name__, {})) for c in named]


# Numbers by hand ----------------------------------------------------------------------


def test_mean_weighs_each_example_once():
    metric = metrics.Mean()
    metric.update_state([1.0, 3.0], [1.0, 3.0])  # (1·1 + 3·3) / 4
    assert float(metric.result()) == 2.5
    metric.update_state([[0.0, 2.0], [4.0, 6.0], [8.0, 10.0]])  # 1, 5 and 9
    assert float(metric.result()) == pytest.approx((10 + 15) / (4 + 3))
    metric.reset_state()
    assert float(metric.result()) == 0
    metric.update_state([2.0, 4.0], 0.5)  # one weight for all counts by example
    metric.update_state([9.0], 0.5)
    assert float(metric.result()) == 5


def test_a_number_per_batch_counts_by_its_size():
    def error(y_true, y_pred):
        return jnp.mean(jnp.abs(y_true - y_pred))

    metric = metrics.MeanMetricWrapper(error, name="error")
    metric.update_state(np.zeros((3, 1)), np.ones((3, 1)))
    metric.update_state(np.zeros((1, 1)), np.full((1, 1), 5.0))
    assert float(metric.result()) == 2  # (1 + 1 + 1 + 5) / 4


def test_ignored_classes_count_in_no_mean():
    y, a = np.array([0, -1]), np.array([[0.5, 0.5], [0.9, 0.1]])
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    assert float(metric(y, a)) == pytest.approx(np.log(2))
    metric.update_state(y, a, [3.0, 5.0])
    assert float(metric.result()) == pytest.approx(np.log(2))


def test_a_vector_is_a_batch_of_single_outputs():
    metric = metrics.MeanSquaredError()
    metric.update_state([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    metric.update_state([0.0], [5.0], [3.0])
    assert float(metric.result()) == (3 + 75) / 6


def test_accuracies_by_hand():
    tied = np.array([[0.5, 0.5], [0.5, 0.5]])
    assert float(metrics.SparseCategoricalAccuracy()([0, 1], tied)) == 0.5
    assert float(metrics.CategoricalAccuracy()(np.eye(2), tied)) == 0.5
    assert float(metrics.BinaryAccuracy()([1, 0], [0.5, 0.5])) == 0.5  # 0.5 is no yes
    signs = metrics.BinaryAccuracy(threshold=0.0)
    assert float(signs([[-1.0], [1.0]], [[-0.2], [0.3]])) == 1
    weighted = metrics.BinaryAccuracy()
    assert float(weighted([1, 0], [0.9, 0.9], [3.0, 1.0])) == 0.75
    ids = metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
    assert float(ids([1, 2], [[0, 1, 2], [0, 1, 2]])) == 0.5


def test_f1_of_one_output_looks_at_the_probability():
    # TP 1, FP 1, FN 1: F1 = 2 / (2 + 1 + 1)
    metric = metrics.F1Score()
    assert metric([[1], [0], [1], [0]], [[0.9], [0.8], [0.1], [0.2]]).tolist() == [0.5]


def test_intersection_over_union_by_hand():
    y, a = np.array([[0, 0], [1, 255]]), np.array([[0, 1], [1, 0]])
    metric = metrics.MeanIoU(num_classes=3, ignore_class=255)
    # Class 0: 1 of 2; class 1: 1 of 2; class 2 does not occur.
    assert float(metric(y, a)) == 0.5
    metric.reset_state()
    # Weights of a row: class 0 has 2 of 4, class 1 has 0.5 of 2.5.
    assert float(metric(y, a, [2.0, 0.5])) == pytest.approx((2 / 4 + 0.5 / 2.5) / 2)


def test_r2_survives_a_mean_far_from_zero_and_constant_targets():
    y = 10_000 + np.array([[0.0], [1.0], [2.0], [3.0]])
    a = y + np.array([[0.5], [-0.5], [0.5], [-0.5]])
    metric = metrics.R2Score()
    for rows in (slice(0, 1), slice(1, 4)):
        metric.update_state(y[rows], a[rows])
    assert float(metric.result()) == pytest.approx(1 - 1 / 5)
    constant = np.full((4, 1), 3.0)
    assert float(metrics.R2Score()(constant, constant)) == 1
    assert float(metrics.R2Score()(constant, constant + 1)) == 0
    adjusted = metrics.R2Score(num_regressors=1)
    assert float(adjusted(y, a)) == pytest.approx(1 - 0.2 * 3 / 2)
    # As many examples as regressors and one: there is no adjusted score.
    assert float(metrics.R2Score(num_regressors=3)(y, a)) == pytest.approx(0.8)


def test_a_constant_correlates_with_nothing():
    y, a = np.array([[1.0, 2.0, 3.0]]), np.ones((1, 3))
    assert float(metrics.PearsonCorrelation()(y, a)) == 0
    by_batch = metrics.PearsonCorrelation(axis=0)
    assert float(by_batch(y.T, 2 * y.T)) == pytest.approx(1)


# Thresholds ---------------------------------------------------------------------------


def test_both_ways_to_count_between_thresholds_are_the_definition():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.random(50), np.linspace(0, 1, 11), [np.nan]])
    scores = scores.astype("float32").reshape(-1, 2)
    values = rng.random((2, *scores.shape)).astype("float32")
    for count in (11, 41):
        grid = np.linspace(0, 1, count, dtype="float32")
        sums = np.asarray(_histogram(scores, values, grid))
        above = scores > grid[:, None, None]
        expected = np.where(above, values[:, None], 0).sum(2)
        from_the_top = sums[:, ::-1].cumsum(1)[:, ::-1]
        np.testing.assert_allclose(from_the_top[:, 1:], expected, rtol=1e-5)
        np.testing.assert_allclose(from_the_top[:, 0], values.sum(1), rtol=1e-5)


def test_thresholds_may_come_in_any_order_and_number():
    y, a = np.array([0, 1, 1, 1]), np.array([0.1, 0.4, 0.6, 0.9])
    few = metrics.Recall(thresholds=[0.5, 0.2])(y, a)
    np.testing.assert_allclose(few, [2 / 3, 1])
    many = np.linspace(0.96, 0.06, 19)
    found = metrics.TruePositives(thresholds=many)(y, a)
    np.testing.assert_allclose(found, (a[y == 1] > many[:, None]).sum(1))


def test_auc_at_its_edges():
    y, a = np.array([0, 0, 1, 1]), np.array([0.0, 0.5, 0.3, 0.9])
    # Of the four pairs of a 0 and a 1, three are in order.
    assert float(metrics.AUC()(y, a)) == pytest.approx(0.75)
    assert float(metrics.AUC()(y, y)) == 1  # scores of exactly 0 and 1
    assert float(metrics.AUC()(y, 1 - y)) == 0
    assert float(metrics.AUC()(np.ones(4), a)) == 0  # one kind of target alone
    assert float(metrics.AUC(curve="PR")(np.ones(4), a)) == pytest.approx(1)
    assert float(metrics.AUC()(y, np.full(4, 0.5))) == pytest.approx(0.5)


def test_what_is_divided_by_nothing_is_zero():
    nothing = np.zeros(3)
    assert float(metrics.Precision()([1, 0, 1], nothing)) == 0
    assert float(metrics.Recall()(nothing, [0.9, 0.8, 0.7])) == 0
    assert metrics.F1Score()(np.zeros((2, 3)), np.zeros((2, 3))).tolist() == [0, 0, 0]


# The contract of all ------------------------------------------------------------------


def test_every_metric_of_nothing_is_a_finite_number():
    every = _all()
    numbers = jax.jit(lambda: [m.compute(m.init()) for m in every])()
    for metric, value in zip(every, numbers, strict=True):
        assert jnp.all(value == 0), metric


def test_every_metric_survives_its_config():
    for metric in _all():
        written = json.loads(json.dumps(metrics.serialize(metric)))
        again = metrics.deserialize(written)
        assert type(again) is type(metric)
        assert metrics.serialize(again) == written
    wrapper = metrics.MeanMetricWrapper(metrics.binary_accuracy, name="f")
    assert type(wrapper).from_config(wrapper.get_config()).fn is wrapper.fn


def test_which_way_is_better():
    ways = {m.name: m.direction for m in _all()}
    assert {ways[n] for n in ("auc", "binary_accuracy", "r2_score", "recall")} == {
        "max"
    }
    low = ("mean_squared_error", "poisson", "false_positives", "mean_metric_wrapper")
    assert {ways[n] for n in low} == {"min"}
    assert ways["cosine_similarity"] == "max"
    assert ways["mean"] is ways["sum"] is None
    assert {name for name, way in ways.items() if way is None} == {"mean", "sum"}
    assert metrics.MeanMetricWrapper(metrics.binary_accuracy).direction is None


def test_arrays_come_by_place_or_by_name_and_reset_forgets():
    metric = metrics.MeanAbsoluteError()
    metric.update_state(y_true=[[0.0]], y_pred=[[2.0]], sample_weight=[2.0])
    metric.update_state([[0.0]], [[5.0]], [1.0])
    assert float(metric.result()) == 3
    metric.reset_state()
    assert float(metric([[0.0]], [[1.0]])) == 1


def test_float64_and_other_types_of_sums():
    with jax.enable_x64(True):
        third = metrics.Mean()(np.array([1 / 3]))
        assert third.dtype == "float64"
        assert float(third) == 1 / 3
        y, a = np.array([[0.0], [1.0]]), np.array([[0.25], [0.75]])
        for name in ("AUC", "R2Score", "BinaryCrossentropy"):
            assert getattr(metrics, name)()(y, a).dtype == "float64"
    assert metrics.Mean(dtype="float16").init()["total"].dtype == "float16"
    half = jnp.ones((300, 1), "float16") * 300  # the square is beyond a half's range
    assert float(metrics.MeanSquaredError()(0 * half, half)) == 90_000


@pytest.mark.parametrize("name", ["F1Score", "R2Score", "AUC"])
def test_sized_gives_the_state_that_a_scan_carries(name):
    settings = {"multi_label": True, "num_thresholds": 5} if name == "AUC" else {}
    metric = getattr(metrics, name)(**settings)
    arrays = [jax.ShapeDtypeStruct((4, 3), "float32")] * 2
    after = jax.eval_shape(metric.update, metric.init(), *arrays)
    first = metric.sized((None, 3)).init()
    assert jax.tree.map(jnp.shape, first) == jax.tree.map(jnp.shape, after)
    micro = metrics.F1Score(average="micro").sized((None, 3)).init()
    assert {jnp.shape(v) for v in micro.values()} == {()}


# What names mean ----------------------------------------------------------------------

BINARY, SPARSE = metrics.BinaryAccuracy, metrics.SparseCategoricalAccuracy
CATEGORICAL = metrics.CategoricalAccuracy


@pytest.mark.parametrize(
    ("loss", "output_shape", "target_shape", "expected"),
    [
        ("mse", (None, 1), (None, 1), BINARY),
        ("binary_crossentropy", (None, 1), (None,), BINARY),
        ("binary_crossentropy", (None, 5), (None, 5), BINARY),
        (losses.BinaryFocalCrossentropy(), (8, 5), (8, 5), BINARY),
        ("hinge", (None, 1), (None, 1), BINARY),
        ("sparse_categorical_crossentropy", (None, 10), (None,), SPARSE),
        ("sparse_categorical_crossentropy", (None, 10), (None, 1), SPARSE),
        ("sparse_categorical_crossentropy", (None, 7, 10), (None, 7), SPARSE),
        ("categorical_crossentropy", (None, 10), (None, 10), CATEGORICAL),
        ("mse", (None, 10), (None, 10), CATEGORICAL),
        ("crossentropy", (None, 10), (None,), SPARSE),
        (None, (None, 10), (None, 10), CATEGORICAL),
        (lambda y, a: y - a, (None, 10), (None,), SPARSE),
    ],
)
def test_accuracy_is_the_one_that_fits(loss, output_shape, target_shape, expected):
    shapes = {"output_shape": output_shape, "target_shape": target_shape}
    for name in ("accuracy", "acc"):
        metric = metrics.resolve(name, loss=loss, **shapes)
        assert type(metric) is expected
        assert metric.name == name
    if loss == "hinge":
        assert metric.threshold == 0
    entropy = metrics.resolve("ce", loss=loss, **shapes)
    assert entropy.name == "ce"
    assert type(entropy).__name__ == expected.__name__.replace(
        "Accuracy", "Crossentropy"
    )


def _resolve(identifier):
    shapes = {"output_shape": (None, 3), "target_shape": (None, 3)}
    return metrics.resolve(identifier, loss="mse", **shapes)


def test_resolve_takes_whatever_compile_does():
    for name in (
        "mse",
        "AUC",
        "f1_score",
        "binary_accuracy",
        "RMSE",
        "huber",
        "Recall",
    ):
        assert _resolve(name).name == name
    assert isinstance(_resolve("mse"), metrics.MeanSquaredError)
    assert isinstance(_resolve("huber").fn, losses.Huber)
    assert _resolve("huber").direction == "min"
    assert _resolve(metrics.AUC).name == "auc"
    own = metrics.Precision(name="p")
    assert _resolve(own) is own
    assert _resolve({"class_name": "Recall", "config": {"name": "r"}}).name == "r"
    assert _resolve({"class_name": "Huber", "config": {"delta": 2.0}}).fn.delta == 2
    assert _resolve(losses.MeanAbsoluteError()).name == "mean_absolute_error"
    assert _resolve(losses.mean_absolute_error).direction == "min"

    def worstError(y_true, y_pred):
        return jnp.max(jnp.abs(y_true - y_pred), -1)

    assert _resolve(worstError).name == "worst_error"
    top = functools.partial(metrics.top_k_categorical_accuracy, k=2)
    metric = _resolve(top)
    assert metric.name == "top_k_categorical_accuracy"
    scores = np.array([[0.1, 0.9, 0.8]])
    assert float(metric(np.array([[0, 0, 1]]), scores)) == 1
    assert _resolve("f1_score").init()["true_positives"].shape == (3,)


# Errors -------------------------------------------------------------------------------


def _said(error, call, *parts):
    with pytest.raises(error) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def test_names_that_nobody_has():
    _said(ValueError, lambda: _resolve("acuracy"), "Did you mean 'accuracy'")
    _said(ValueError, lambda: _resolve("huberr"), "Did you mean 'huber'")
    _said(ValueError, lambda: metrics.get("preccision"), "Did you mean 'precision'")
    _said(
        ValueError, lambda: _resolve(None), "received None; expected a name, a metric"
    )
    _said(ValueError, lambda: metrics.AUC(curve="rock"), "Did you mean 'ROC'")
    _said(ValueError, lambda: metrics.F1Score("maccro"), "Did you mean 'macro'")
    _said(ValueError, lambda: metrics.R2Score("mean"), "uniform_average")


def test_shapes_that_only_broadcasting_would_bring_together():
    labels, scores = np.array([0, 1]), np.full((2, 3), 0.3)
    _said(
        ValueError,
        lambda: metrics.Precision()(labels, scores),
        "Precision: received y_true of shape (2,) and y_pred of shape (2, 3)",
        "One-hot encode integer labels.",
    )
    _said(
        ValueError,
        lambda: metrics.SparseCategoricalAccuracy()(np.eye(3)[labels], scores),
        "expected integer labels of shape (2,)",
        "Write categorical_accuracy for one-hot targets.",
    )
    _said(
        ValueError,
        lambda: metrics.Mean()([1.0, 2.0], [1.0, 2.0, 3.0]),
        "sample_weight: received shape (3,) for values of shape (2,)",
        "Give one weight per example, of shape (batch,).",
    )
    _said(
        ValueError,
        lambda: metrics.PearsonCorrelation()(np.ones((4, 1)), np.ones((4, 1))),
        "Write axis=0 to correlate over the examples",
    )
    _said(
        ValueError,
        lambda: metrics.F1Score()(labels, labels),
        "F1Score: received arrays of shape (2,); expected (batch, classes)",
    )
    _said(
        ValueError,
        lambda: metrics.R2Score()(np.ones((2, 2, 2)), np.ones((2, 2, 2))),
        "R2Score: received arrays of shape (2, 2, 2); expected (batch,) or",
    )
    _said(
        ValueError,
        lambda: metrics.Recall(class_id=3)(scores, scores),
        "class_id=3 for shape (2, 3)",
    )


def test_settings_that_cannot_be_meant():
    cases = [
        (lambda: metrics.Precision(thresholds=[0.5, 1.5]), "at least 0 and at most 1"),
        (lambda: metrics.AUC(num_thresholds=1), "a whole number, 2 or more"),
        (lambda: metrics.AUC(num_labels=3), "Write multi_label=True."),
        (lambda: metrics.PrecisionAtRecall(1.5), "at least 0 and at most 1"),
        (lambda: metrics.PrecisionAtRecall(0.5, 0), "a whole number, 1 or more"),
        (lambda: metrics.FBetaScore(beta=0.0), "a number above 0"),
        (lambda: metrics.F1Score(threshold=1.5), "a number at most 1 and above 0"),
        (lambda: metrics.IoU(2, [2]), "expected classes from 0 to 1"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), "a whole number, 1 or more"),
        (lambda: metrics.R2Score(num_regressors=-1), "a whole number, 0 or more"),
    ]
    for call, text in cases:
        _said(ValueError, call, text)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("TruePositives", {"thresholds": [0.9, 0.4]}),
        ("FalsePositives", {}),
        ("TrueNegatives", {"thresholds": 0.3}),
        ("FalseNegatives", {}),
        ("Precision", {"thresholds": [0.3, 0.9]}),
        ("Recall", {"top_k": 2}),
        ("SensitivityAtSpecificity", {"specificity": 0.5, "num_thresholds": 4}),
        ("AUC", {"num_thresholds": 5}),
        ("AUC", {"num_thresholds": 5, "multi_label": True}),
        ("AUC", {"num_thresholds": None, "thresholds": [0.2, 0.8]}),
    ],
)
def test_what_a_metric_of_thresholds_keeps_is_what_keras_keeps(name, settings):
    """Names, order and numbers of its variables, and its settings as attributes."""
    rng = np.random.default_rng(1)
    y, a = rng.integers(0, 2, (6, 3)), rng.random((6, 3)).astype("float32")
    weights = rng.random(6).astype("float32")
    theirs = getattr(keras.metrics, name)(**settings)
    ours = getattr(metrics, name)(**settings)
    for metric in (theirs, ours):
        metric.update_state(y, a, weights)
        metric.update_state(y, a)
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    for one, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), np.asarray(other), 1e-5, 1e-5)
    np.testing.assert_allclose(ours.result(), theirs.result(), rtol=1e-5)
    if hasattr(theirs, "thresholds"):
        assert type(ours.thresholds) is list
        np.testing.assert_allclose(ours.thresholds, theirs.thresholds, atol=1e-6)
    assert getattr(ours, "num_thresholds", 0) == getattr(theirs, "num_thresholds", 0)
    again = type(ours).from_config(ours.get_config())
    assert again.get_config() == ours.get_config()


@pytest.mark.parametrize("dtype", ["int32", "float16", "float32"])
def test_a_metric_of_a_type_of_its_own_keeps_it_in_configs(dtype):
    for metric in (metrics.Sum(dtype=dtype), metrics.Poisson(dtype=dtype)):
        again = saving.deserialize_keras_object(saving.serialize_keras_object(metric))
        assert again.dtype == metric.dtype == metric._dtype == dtype
        assert {v.dtype for v in again.variables} == {dtype}
    assert metrics.MeanIoU(2, dtype="int").dtype == "float32"  # weights are fractions
