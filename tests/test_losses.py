"""Losses: numbers worked by hand, exactness, shapes, errors, and a contract of all.

The comparison with Keras is in test_losses_oracle.py.
"""

import functools
import json
import math

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from onefit import losses
from onefit.losses.resolving import as_loss
from onefit.losses.shapes import hits

LECTURE = [[0.30, 0.20, 0.15, 0.35]]  # the softmax of lecture 000

BINARY = ([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [[0.1, 0.8], [0.6, 0.3], [0.9, 0.5]])
REAL = ([[3.0, -0.5], [2.0, 7.0], [0.3, 1.0]], [[2.5, 0.1], [2.2, 8.0], [-2.0, 1.4]])
COUNTS = ([[3.0, 0.5], [2.0, 7.0], [0.3, 1.0]], [[2.5, 0.1], [2.2, 8.0], [0.2, 1.4]])
ONE_HOT = (
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    [[0.2, 0.1, 0.7], [0.5, 0.3, 0.2], [0.6, 0.3, 0.1]],
)
LABELS = ([2, 0, 1], ONE_HOT[1])
SPREAD = ([[0.5, 0.2, 0.3], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]], ONE_HOT[1])
ROWS = ([0, 0, 1, 1], [[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
SPEECH = ([[1, 2], [2, 0]], np.sin(np.arange(24.0)).reshape(2, 4, 3))

QUICK = {  # small programs that run once: compiling is what costs
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}

CASES = {  # every loss once: what it is called with
    "MeanSquaredError": REAL,
    "MeanAbsoluteError": REAL,
    "MeanAbsolutePercentageError": REAL,
    "MeanSquaredLogarithmicError": COUNTS,
    "CosineSimilarity": REAL,
    "Huber": REAL,
    "LogCosh": REAL,
    "Hinge": BINARY,
    "SquaredHinge": BINARY,
    "CategoricalHinge": ONE_HOT,
    "KLDivergence": SPREAD,
    "Poisson": COUNTS,
    "BinaryCrossentropy": BINARY,
    "BinaryFocalCrossentropy": BINARY,
    "CategoricalCrossentropy": SPREAD,
    "CategoricalFocalCrossentropy": ONE_HOT,
    "SparseCategoricalCrossentropy": LABELS,
    "CategoricalGeneralizedCrossEntropy": LABELS,
    "CTC": SPEECH,
    "Dice": BINARY,
    "Tversky": BINARY,
    "Circle": ROWS,
}
WITH_LINK = [
    losses.BinaryCrossentropy,
    losses.BinaryFocalCrossentropy,
    losses.CategoricalCrossentropy,
    losses.CategoricalFocalCrossentropy,
    losses.SparseCategoricalCrossentropy,
]


def make(name):
    """The loss with a value for each row."""
    cls = getattr(losses, name)
    return cls(axis=-1) if name in ("Dice", "Tversky") else cls()


# By hand ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (lambda: losses.mean_squared_error([3, -0.5, 2, 7], [2.5, 0, 2, 8]), 0.375),
        (
            lambda: jnp.sqrt(
                losses.MeanSquaredError()([3, -0.5, 2, 7], [2.5, 0, 2, 8])
            ),
            0.6123724,
        ),
        (lambda: losses.sparse_categorical_crossentropy([0], LECTURE), -math.log(0.30)),
        (lambda: losses.sparse_categorical_crossentropy([1], LECTURE), -math.log(0.20)),
        (lambda: losses.sparse_categorical_crossentropy([2], LECTURE), -math.log(0.15)),
        (lambda: losses.sparse_categorical_crossentropy([3], LECTURE), -math.log(0.35)),
        (
            lambda: losses.categorical_crossentropy([[0, 0, 1, 0]], LECTURE),
            -math.log(0.15),
        ),
        (  # y log a counts where y = 1, (1 - y) log(1 - a) where y = 0
            lambda: losses.BinaryCrossentropy()([[1], [0]], [[0.8], [0.8]]),
            (-math.log(0.8) - math.log(0.2)) / 2,
        ),
        (  # targets 0.95 and 0.05 after smoothing by 0.1
            lambda: losses.binary_crossentropy([[1]], [[0.8]], label_smoothing=0.1),
            -0.95 * math.log(0.8) - 0.05 * math.log(0.2),
        ),
        (  # 1 becomes 0.9 + 0.1 / 4, each 0 becomes 0.025
            lambda: losses.categorical_crossentropy(
                [[1, 0, 0, 0]], LECTURE, label_smoothing=0.1
            ),
            -0.9 * math.log(0.3) - 0.025 * math.log(0.3 * 0.2 * 0.15 * 0.35),
        ),
        (  # alpha weighs class 1 by 0.25, class 0 by 0.75
            lambda: losses.binary_focal_crossentropy([[0]], [[0.8]], True),
            -0.75 * 0.8**2 * math.log(0.2),
        ),
        (  # one alpha for each class
            lambda: losses.CategoricalFocalCrossentropy([1.0, 2.0], gamma=1.0)(
                [[0, 1]], [[0.4, 0.6]]
            ),
            -2.0 * 0.4 * math.log(0.6),
        ),
        (lambda: losses.huber([0.0], [3.0], delta=2.0), 2.0 * 3.0 - 0.5 * 2.0**2),
        (  # TP 1.5, FP 0.5, FN 0.5: alpha is for what is predicted but not there
            lambda: losses.tversky([1, 1, 0], [1, 0.5, 0.5], alpha=1.0, beta=0.0),
            1 - 1.5 / 2.0,
        ),
        (lambda: losses.dice(*BINARY), 1 - 2 * 2.6 / (4 + 3.2)),
        (lambda: losses.tversky(*BINARY), 1 - 2 * 2.6 / (4 + 3.2)),
        (lambda: losses.tversky([1, 1], [1, 0.5], 1.0, 0.0), 0.0),
        (lambda: losses.log_cosh([0.0], [1e4]), 1e4 - math.log(2)),
        (lambda: losses.kl_divergence([0.2, 0.8], [0.2, 0.8]), 0.0),
        (lambda: losses.hinge([[0.0, 1.0]], [[-2.0, 3.0]]), 0.0),
        (lambda: losses.cosine_similarity([0.0, 0.0], [1.0, 2.0]), 0.0),
    ],
)
def test_by_hand(values, expected):
    np.testing.assert_allclose(np.squeeze(values()), expected, rtol=2e-6, atol=1e-7)


# Logits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        *((cls, {}) for cls in WITH_LINK),
        (losses.BinaryFocalCrossentropy, {"gamma": 0.5}),
        (losses.CategoricalFocalCrossentropy, {"gamma": 0.5}),
    ],
)
def test_huge_logits_have_finite_exact_losses_and_gradients(cls, settings):
    z = jnp.array([[1e4, -1e4], [-1e4, 1e4]])
    y = jnp.array([1, 1]) if "Sparse" in cls.__name__ else jnp.array([[0, 1], [0, 1.0]])
    loss = cls(from_logits=True, reduction="none", **settings)
    value, slope = jax.jit(jax.value_and_grad(lambda z: loss.cost(y, z).sum()))(z)
    worst = {  # the first row is as wrong as can be, the second right
        "BinaryCrossentropy": (1e4, 0.5 * np.array([[1, -1], [0, 0]])),
        "BinaryFocalCrossentropy": (1e4, 0.5 * np.array([[1, -1], [0, 0]])),
        "CategoricalFocalCrossentropy": (5e3, 0.25 * np.array([[1, -1], [0, 0]])),
    }.get(cls.__name__, (2e4, np.array([[1, -1], [0, 0]])))
    np.testing.assert_allclose(value, worst[0], rtol=1e-6)
    np.testing.assert_allclose(slope, worst[1], atol=1e-7)


@pytest.mark.parametrize("cls", [c for c in WITH_LINK if c.link == "softmax"])
def test_a_constant_added_to_all_logits_changes_nothing(cls):
    z = np.array([[1.0, 2.0, 4.0], [0.5, 0.25, 8.0]], "float32")
    y = [0, 2] if "Sparse" in cls.__name__ else np.eye(3)[[0, 2]]
    loss = cls(from_logits=True)
    np.testing.assert_allclose(loss(y, z + 2.0**17), loss(y, z), rtol=1e-6)


def test_equal_logits_give_log_n():
    z = np.full((1, 10), 3.0)
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy([4], z, True), math.log(10), rtol=1e-6
    )
    np.testing.assert_allclose(
        losses.binary_crossentropy([[1.0]], [[0.0]], True), math.log(2), rtol=1e-6
    )


@pytest.mark.parametrize("cls", WITH_LINK)
def test_logits_and_their_probabilities_agree(cls):
    z = jnp.array([[1.0, -2.0, 0.5], [0.1, 0.2, 3.0]])
    y = [2, 0] if "Sparse" in cls.__name__ else [[0, 0, 1.0], [1.0, 0, 0]]
    a = {"sigmoid": jax.nn.sigmoid, "softmax": jax.nn.softmax}[cls.link](z)
    loss = cls(reduction="none")
    exact = loss.replace(from_logits=True)
    assert exact.name == loss.name
    np.testing.assert_allclose(exact(y, z), loss(y, a), rtol=2e-6)


def test_second_derivative_of_the_binary_crossentropy_at_zero():
    def cost(z):
        return losses.BinaryCrossentropy(from_logits=True).cost(np.ones(1), z[None])

    assert float(jax.jit(jax.hessian(cost))(0.0)) == 0.25


def test_minus_infinity_rules_a_class_out():
    z = jnp.array([[0.0, 0.0, -jnp.inf]])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    program = jax.jit(jax.value_and_grad(lambda z: loss.cost(jnp.array([0]), z)))
    value, slope = program(z)
    np.testing.assert_allclose(value, math.log(2), rtol=1e-6)
    np.testing.assert_allclose(slope, [[-0.5, 0.5, 0.0]], rtol=1e-6)


# Labels -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        np.array([2, 0, 1]),
        np.array([[2], [0], [1]]),
        np.array([2.0, 0.0, 1.0], "float32"),
        np.array([2, 0, 1], "uint8"),
    ],
)
def test_labels_in_every_form(y):
    one_hot = losses.categorical_crossentropy(*ONE_HOT)
    sparse = losses.sparse_categorical_crossentropy(y, ONE_HOT[1])
    np.testing.assert_allclose(sparse, one_hot, rtol=1e-6)


def test_small_integer_labels_with_many_classes():
    z = np.zeros((1, 300), "float32")
    value = losses.sparse_categorical_crossentropy(np.array([7], "int8"), z, True)
    np.testing.assert_allclose(value, math.log(300), rtol=1e-6)


def test_classes_on_another_axis():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
    last = losses.sparse_categorical_crossentropy(y, np.moveaxis(z, 1, -1), True)
    first = losses.sparse_categorical_crossentropy(y, z, True, axis=1)
    kept = losses.sparse_categorical_crossentropy(y[:, None], z, True, axis=1)
    one_hot = losses.categorical_crossentropy(
        np.asarray(hits(y, 3, 1)), z, True, axis=1, label_smoothing=0.0
    )
    for values in (first, kept, one_hot):
        np.testing.assert_allclose(values, last, rtol=1e-5)


def test_ignored_rows_count_nowhere():
    y, z = np.array([1, -1, 0, -1]), np.random.default_rng(0).normal(size=(4, 3))
    z[1] = np.nan  # what an ignored row holds does not matter
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    kept = losses.SparseCategoricalCrossentropy(from_logits=True)(y[::2], z[::2])
    np.testing.assert_allclose(loss(y, z), kept, rtol=1e-6)
    slope = jax.jit(jax.grad(lambda z: loss.cost(jnp.array(y), z)))(z.astype("f4"))
    assert np.all(np.isfinite(slope))
    assert not np.any(slope[1::2])
    assert float(loss([-1], z[:1])) == 0.0  # nothing is left


def test_the_sparse_loss_has_no_gather_and_no_scatter():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    program = jax.jit(jax.value_and_grad(lambda z, y: loss.cost(y, z)))
    text = program.lower(jnp.zeros((4, 3)), jnp.zeros(4, int)).as_text()
    assert "scatter" not in text
    assert "gather" not in text


# Weights and reductions -------------------------------------------------------------


@pytest.mark.parametrize(
    ("reduction", "weight", "expected"),
    [
        ("sum_over_batch_size", None, 14 / 3),
        ("mean", None, 14 / 3),
        ("sum", None, 14.0),
        (None, None, [1.0, 4.0, 9.0]),
        ("mean_with_sample_weight", None, 14 / 3),
        ("sum_over_batch_size", [1.0, 0.0, 2.0], 19 / 3),  # m counts every row
        ("sum", [1.0, 0.0, 2.0], 19.0),
        ("none", [1.0, 0.0, 2.0], [1.0, 0.0, 18.0]),
        ("mean_with_sample_weight", [1.0, 0.0, 2.0], 19 / 3),
        ("mean_with_sample_weight", [[1.0], [0.0], [3.0]], 28 / 4),
        ("mean_with_sample_weight", [0.0, 0.0, 0.0], 0.0),
        ("sum", 2.0, 28.0),
    ],
)
def test_reductions(reduction, weight, expected):
    loss = losses.MeanSquaredError(reduction=reduction)
    value = loss([[0.0], [0.0], [0.0]], [[1.0], [2.0], [3.0]], weight)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_weights_of_rows_reach_all_values_of_a_row():
    y, a = np.zeros((2, 3, 1)), np.array([[[1.0], [1], [1]], [[2], [2], [2]]])
    loss = losses.MeanSquaredError(reduction="none")
    by_row = [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    np.testing.assert_array_equal(loss(y, a, [1.0, 0.0]), by_row)
    np.testing.assert_array_equal(loss(y, a, [[1.0], [0.0]]), by_row)
    mean = loss.replace(reduction="mean_with_sample_weight")
    assert float(mean(y, a, [1.0, 0.0])) == 1.0


# Shapes -----------------------------------------------------------------------------


@pytest.mark.parametrize("y_shape", [(4,), (4, 1)])
@pytest.mark.parametrize("a_shape", [(4,), (4, 1)])
def test_a_column_meets_a_vector_row_by_row(y_shape, a_shape):
    y, a = np.arange(4.0).reshape(y_shape), np.arange(4.0).reshape(a_shape)
    assert float(losses.MeanSquaredError()(y, a + 1)) == 1.0
    fn = as_loss(lambda y_true, y_pred: (y_true - y_pred) ** 2)
    assert float(fn(y, a + 1)) == 1.0


@pytest.mark.parametrize(
    ("name", "y", "a", "text"),
    [
        (
            "MeanSquaredError",
            (32, 1),
            (32, 3),
            "MeanSquaredError: received y_true of shape (32, 1) and y_pred of shape "
            "(32, 3); expected one shape for both. End the network in Dense(1), or "
            "give y 3 columns.",
        ),
        (
            "MeanSquaredError",
            (32,),
            (32, 3),
            "End the network in Dense(1), or give y 3",
        ),
        ("MeanSquaredError", (32, 4), (32, 2, 2), "Reshape y_true to (32, 2, 2)."),
        ("Huber", (31, 1), (32, 1), "Give as many targets as predictions."),
        ("BinaryCrossentropy", (8, 2), (8, 1), "End the network in Dense(2)"),
        ("MeanSquaredError", (), (), "Write [1.0], not 1.0, for a single example."),
        (
            "CategoricalCrossentropy",
            (32,),
            (32, 3),
            "Write SparseCategoricalCrossentropy(), which takes class numbers.",
        ),
        (
            "SparseCategoricalCrossentropy",
            (32, 3),
            (32, 3),
            "expected y_true of shape (32,), a class number for each row. Write "
            "CategoricalCrossentropy(), which takes one-hot rows.",
        ),
        ("SparseCategoricalCrossentropy", (31,), (32, 3), "Give as many targets"),
        ("CTC", (2, 3), (2, 3), "expected (batch, length) and (batch, time, classes)."),
    ],
)
def test_shapes_that_would_only_broadcast_are_refused(name, y, a, text):
    loss, y, a = getattr(losses, name)(), np.zeros(y, "float32"), np.zeros(a, "float32")
    shapes = f"received y_true of shape {y.shape} and y_pred of shape {a.shape}"
    for call in (loss, loss.call, loss.cost, loss.values, jax.jit(loss.cost)):
        with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is below
            call(y, a)
        assert text in str(error.value)
        assert shapes in str(error.value)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: losses.get("mean_square_error"),
            ValueError,
            "Unknown loss 'mean_square_error'. Did you mean 'mean_squared_error'",
        ),
        (
            lambda: losses.MeanSquaredError(reduction="avg"),
            ValueError,
            "Unknown reduction 'avg'. Known: mean, mean_with_sample_weight, none, sum",
        ),
        (
            lambda: losses.Poisson(dtype="int32"),
            ValueError,
            "Unknown dtype of a loss 'int32'.",
        ),
        (
            lambda: losses.Huber(0.0),
            ValueError,
            "Huber: received delta=0.0; expected a number above 0.",
        ),
        (
            lambda: losses.BinaryCrossentropy(label_smoothing=2.0),
            ValueError,
            "received label_smoothing=2.0; expected a number at least 0 and at most 1.",
        ),
        (
            lambda: losses.CategoricalCrossentropy(axis=True),
            ValueError,
            "CategoricalCrossentropy: received axis=True; expected a whole number.",
        ),
        (
            lambda: losses.CategoricalGeneralizedCrossEntropy(1.0),
            ValueError,
            "expected a number above 0 and below 1.",
        ),
        (lambda: losses.get(3), TypeError, "loss: received 3; expected a name"),
        (
            lambda: losses.MeanSquaredError()(
                [[1.0], [2.0]], [[1.0], [2.0]], [1.0] * 3
            ),
            ValueError,
            "sample_weight: received weights of shape (3,) for losses of shape (2,); "
            "expected one weight for each row.",
        ),
        (
            lambda: losses.Dice()([[1.0], [0.0]], [[1.0], [0.5]], [1.0, 2.0]),
            ValueError,
            "Dice: received sample weights of shape (2,); expected none, since this "
            "loss is one value for the whole batch. Write axis=(1, 2, 3)",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy()([0, 4], np.ones((2, 4)) / 4),
            ValueError,
            "SparseCategoricalCrossentropy: received the label 4 for 4 classes; "
            "expected whole numbers from 0 to 3. Number the classes from 0, or end the "
            "network in as many units.",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy([0.5], [[0.5, 0.5]]),
            ValueError,
            "received the label 0.5 for 2 classes",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy(axis=2)([0], [[0.5, 0.5]]),
            ValueError,
            "received y_pred of shape (1, 2); expected an axis 2",
        ),
        (
            lambda: losses.huber([0.0], [1.0], reduction="sum"),
            TypeError,
            "unexpected keyword argument 'reduction'",
        ),
    ],
)
def test_errors_say_what_was_expected(make, error, text):
    with pytest.raises(error) as raised:
        make()
    assert text in str(raised.value)


# Strings, functions, configs --------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "cls"),
    [
        ("mse", losses.MeanSquaredError),
        ("MAE", losses.MeanAbsoluteError),
        ("mape", losses.MeanAbsolutePercentageError),
        ("msle", losses.MeanSquaredLogarithmicError),
        ("bce", losses.BinaryCrossentropy),
        ("kld", losses.KLDivergence),
        ("huber", losses.Huber),
        ("log_cosh", losses.LogCosh),
        ("MeanSquaredError", losses.MeanSquaredError),
        ("sparse_categorical_crossentropy", losses.SparseCategoricalCrossentropy),
        (losses.circle, losses.Circle),
        (losses.binary_crossentropy, losses.BinaryCrossentropy),
        (losses.CTC, losses.CTC),
        (losses.Poisson(), losses.Poisson),
        ({"class_name": "Dice", "config": {"axis": [1, 2]}}, losses.Dice),
    ],
)
def test_get(alias, cls):
    assert type(as_loss(alias)) is cls


def test_names_of_functions_give_the_function():
    for name in ("mse", "huber", "sparse_categorical_crossentropy", "KLD"):
        ours, theirs = losses.get(name), keras.losses.get(name)
        assert ours.__name__ == theirs.__name__  # pyright: ignore[reportAttributeAccessIssue]
        assert losses.get(losses.serialize(ours)) is ours
        config = theirs.__name__  # pyright: ignore[reportAttributeAccessIssue]
        assert losses.get({"class_name": "function", "config": config}) is ours
    assert type(losses.get("MeanSquaredError")) is losses.MeanSquaredError
    y, a = np.ones((3, 2)), np.zeros((3, 2))
    assert losses.get("mse")(y, a).shape == (3,)


def test_get_wraps_a_function_and_keeps_none():
    def quartic(y_true, y_pred):
        return jnp.mean((y_pred - y_true) ** 4, axis=-1)

    loss = as_loss(quartic)
    assert isinstance(loss, losses.LossFunctionWrapper)
    assert loss.name == "quartic"
    assert float(loss([[True], [False]], [[3.0], [1.0]])) == (16 + 1) / 2
    assert as_loss(functools.partial(quartic)).name == "partial"
    assert as_loss(None) is None
    assert losses.LossFunctionWrapper(quartic, name="mine").name == "mine"


def test_a_registered_function_is_saved_by_name():
    def cubic(y_true, y_pred):
        return jnp.mean(jnp.abs(y_pred - y_true) ** 3, axis=-1)

    losses.losses.add(cubic)
    again = losses.deserialize(losses.serialize(losses.get("cubic")))
    assert again is losses.get(cubic) is cubic
    assert as_loss(again).fn is cubic


# The contract of all losses ---------------------------------------------------------


def test_every_loss_of_the_house_has_a_case():
    house = {
        cls.__name__
        for cls in losses.losses.objects()
        if getattr(cls, "__module__", "").startswith("onefit.losses.")
    }
    assert house - {"LossFunctionWrapper"} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_contract(name):
    loss, (y, a) = make(name), map(np.asarray, CASES[name])
    a = a.astype("float32")
    function = getattr(losses, loss.name.replace("huber_loss", "huber"))
    axis = {"axis": -1} if name in ("Dice", "Tversky") else {}

    values = loss.values(y, a)
    assert values.shape == a.shape[:1]
    assert values.dtype == np.float32
    np.testing.assert_allclose(function(y, a, **axis), values, rtol=1e-6)

    if name != "CTC":  # a scan is compiled in any case
        eager = loss.call(jnp.asarray(y), jnp.asarray(a))
        np.testing.assert_allclose(eager, values, rtol=1e-5, atol=1e-6)

    config = json.loads(json.dumps(losses.serialize(loss)))
    assert losses.deserialize(config).get_config() == loss.get_config()

    batches = np.stack([a, a[::-1], 0.5 * a])
    mapped = jax.jit(jax.vmap(loss.call, (None, 0)))(y, batches)
    alone = [loss.values(y, batch) for batch in batches]
    np.testing.assert_allclose(mapped, alone, rtol=1e-5, atol=1e-6)

    # Half-precision outputs have a whole loss.
    half = jax.eval_shape(loss.cost, y, a.astype("float16"))
    assert half.dtype == np.float32


def test_numbers_are_inputs_of_the_program():
    y, a = jnp.array([[0.0]]), jnp.array([[3.0]])
    made = jax.jit(lambda d: losses.Huber(d).cost(y, a))
    np.testing.assert_allclose(made(2.0), 4.0)
    rates = jax.vmap(made)(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(rates, [2.5, 4.0])
    smoothed = lambda s: losses.BinaryCrossentropy(True, s).cost(1 - y, a)  # noqa: E731
    slope = jax.jit(jax.grad(smoothed))(0.1)
    np.testing.assert_allclose(slope, 1.5, rtol=1e-6)  # d/ds of -y z, y = 1 - s/2


@pytest.mark.parametrize("name", CASES)
def test_gradients_by_finite_differences_in_float64(name):
    with jax.enable_x64(True):
        loss, (y, a) = make(name), map(np.asarray, CASES[name])
        both = [loss, loss.replace(from_logits=True)] if loss.link else [loss]
        a = jnp.asarray(a, "float64") + (0.0 if name == "Circle" else 1e-3)
        direction = jnp.cos(jnp.arange(a.size, dtype="float64")).reshape(a.shape)

        @functools.partial(jax.jit, compiler_options=QUICK)
        def slopes(y, step):
            def along(t):
                return jnp.stack([each.cost(y, a + t * direction) for each in both])

            ends = jax.lax.map(along, jnp.stack([-step, step]))
            return jax.jvp(along, (0.0,), (1.0,))[1], (ends[1] - ends[0]) / (2 * step)

        exact, numeric = slopes(y, 1e-5)
        assert exact.dtype == np.float64
        np.testing.assert_allclose(exact, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("loss", "y", "a"),
    [
        (losses.CosineSimilarity(), [[1.0, 2.0]], [[0.0, 0.0]]),
        (losses.CategoricalGeneralizedCrossEntropy(), [1], [[1.0, 0.0]]),
        (losses.Circle(), [0, 0, 0], [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]),
        (losses.BinaryFocalCrossentropy(gamma=0.5), [[1.0]], [[1.0]]),
        (losses.MeanSquaredLogarithmicError(), [[1.0]], [[-3.0]]),
    ],
)
def test_gradients_stay_finite_at_the_corners(loss, y, a):
    slope = jax.jit(jax.grad(lambda a: loss.cost(jnp.array(y), a)))(jnp.array(a))
    assert np.all(np.isfinite(slope))


def test_a_hinge_target_of_zero_means_minus_one():
    both = losses.Hinge(reduction="none")
    np.testing.assert_array_equal(
        both([[0.0], [-1.0], [1.0]], [[0.5], [0.5], [0.5]]), [1.5, 1.5, 0.5]
    )


def test_circle_takes_pairs_from_references():
    y, a = map(np.asarray, ROWS)
    own = losses.circle(y, a)
    np.testing.assert_allclose(losses.circle(y, a, y, a), own, rtol=1e-6)
    other = losses.circle(y, a, y[:2], a[:2], remove_diagonal=False, gamma=1.0)
    assert other.shape == (4,)
    assert float(other[2]) == 0.0  # no reference row of its class


def test_a_mask_on_predictions_says_which_values_there_are():
    """As Keras' layers and losses hand it on, in calls outside a program."""
    y, w = np.float32([1, 0, 1, 0]), np.float32([0.4, 0.3, 0.2, 0.1])
    mask = np.array([True, False, True, True])

    def cost(mask, axes=0):
        a = jnp.float32([0.1, 0.2, 0.3, 0.4]).reshape(-1, *[1] * axes)
        a._keras_mask = mask
        return float(losses.MeanSquaredError()(y.reshape(a.shape), a, w))

    by_hand = (0.4 * 0.81 + 0.2 * 0.49 + 0.1 * 0.16) / 3
    assert cost(mask, axes=1) == pytest.approx(by_hand)
    assert cost(jnp.asarray(mask)[:, None], axes=1) == pytest.approx(by_hand)
    assert cost(np.zeros(4, bool), axes=1) == 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_loss_of_a_type_of_its_own_gives_that_type(dtype):
    class Square(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** 2

    y, a = np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")
    for made in (Square(dtype=dtype), losses.CosineSimilarity(dtype=dtype)):
        assert made(y, a).dtype == made(y, a, np.ones(2, "float32")).dtype == dtype
    rows = np.zeros((2, 5, 4), "float32")
    assert losses.CTC(dtype=dtype)(np.ones((2, 2), "int32"), rows).dtype == dtype
