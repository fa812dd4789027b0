"""Every loss against Keras: values and gradients, in all reductions and weights."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import losses

QUICK = {  # small programs that run once: compiling is what costs
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
REDUCTIONS = ("sum_over_batch_size", "sum", "mean_with_sample_weight", None)

rng = np.random.default_rng(7)


def softmax(z):
    e = np.exp(z)
    return (e / e.sum(-1, keepdims=True)).astype("float32")


Z = rng.normal(size=(6, 4)).astype("float32")
Y = rng.normal(size=(6, 4)).astype("float32")
LABELS = np.array([3, 0, 1, 1, 2, 3])
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
BITS = (Y > 0).astype("float32")
P, Q = softmax(Z), softmax(Y)
SIGMOID = 1 / (1 + np.exp(-Z))
UNIT = Z / np.linalg.norm(Z, axis=-1, keepdims=True)
IMAGE = np.stack([SIGMOID, SIGMOID[::-1]], axis=-1)
MASK = np.stack([BITS, BITS[::-1]], axis=-1)
FRAMES = rng.normal(size=(2, 6, 5)).astype("float32")
WORDS = np.array([[1, 2, 2], [3, 0, 0]])

CASES = [
    ("MeanSquaredError", {}, Y, Z),
    ("MeanSquaredError", {}, MASK, IMAGE),  # (batch, ..., n): values (6, 4)
    ("MeanAbsoluteError", {}, Y, Z),
    ("MeanAbsolutePercentageError", {}, Y, Z),
    ("MeanSquaredLogarithmicError", {}, np.abs(Y), np.abs(Z) + 0.1),
    ("CosineSimilarity", {}, Y, Z),
    ("CosineSimilarity", {"axis": 1}, MASK, IMAGE),
    ("Huber", {}, Y, Z),
    ("Huber", {"delta": 0.3}, Y, Z),
    ("LogCosh", {}, Y, Z),
    ("Hinge", {}, BITS, Z),
    ("Hinge", {}, 2 * BITS - 1, Z),
    ("SquaredHinge", {}, BITS, Z),
    ("CategoricalHinge", {}, ONE_HOT, Z),
    ("KLDivergence", {}, Q, P),
    ("Poisson", {}, np.abs(Y), np.abs(Z) + 0.1),
    ("BinaryCrossentropy", {}, BITS, SIGMOID),
    ("BinaryCrossentropy", {"axis": 1}, MASK, IMAGE),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, BITS, Z),
    ("BinaryFocalCrossentropy", {}, BITS, SIGMOID),
    (
        "BinaryFocalCrossentropy",
        {
            "apply_class_balancing": True,
            "alpha": 0.4,
            "gamma": 1.5,
            "from_logits": True,
            "label_smoothing": 0.1,
        },
        BITS,
        Z,
    ),
    ("CategoricalCrossentropy", {}, ONE_HOT, P),
    ("CategoricalCrossentropy", {}, ONE_HOT, 3 * P),  # divided by their sum
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, Q, Z),
    ("CategoricalCrossentropy", {"from_logits": True, "axis": 1}, MASK, IMAGE),
    ("CategoricalFocalCrossentropy", {}, ONE_HOT, P),
    (
        "CategoricalFocalCrossentropy",
        {
            "alpha": [0.1, 0.2, 0.3, 0.4],
            "gamma": 1.5,
            "from_logits": True,
            "label_smoothing": 0.1,
        },
        ONE_HOT,
        Z,
    ),
    ("SparseCategoricalCrossentropy", {}, LABELS, P),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LABELS[:, None], Z),
    (
        "SparseCategoricalCrossentropy",
        {"from_logits": True, "ignore_class": 1},
        LABELS,
        Z,
    ),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, LABELS, P),
    ("CTC", {}, WORDS, FRAMES),
    ("Dice", {}, BITS, SIGMOID),
    ("Dice", {"axis": (1, 2)}, MASK, IMAGE),
    ("Tversky", {"axis": (1, 2)}, MASK, IMAGE),
    ("Circle", {"gamma": 8.0}, LABELS, UNIT),
    ("Circle", {"gamma": 8.0, "remove_diagonal": False}, LABELS, UNIT),
]


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


@pytest.mark.parametrize(
    ("name", "settings", "y", "a"),
    CASES,
    ids=[f"{case[0]}{i}" for i, case in enumerate(CASES)],
)
def test_as_keras(keras, name, settings, y, a):
    def pair(reduction):
        loss = getattr(losses, name)(**settings, reduction=reduction)
        theirs = getattr(keras.losses, name)(**settings, reduction=reduction)
        config = theirs.get_config()
        again = type(loss).from_config(config)
        assert (again.name, again.reduction) == (loss.name, reduction or "none")
        assert set(config) <= set(loss.get_config())
        return loss.cost, theirs

    shape = jax.eval_shape(getattr(losses, name)(**settings).values, y, a).shape
    ramp = np.linspace(0.0, 2.0, 24, dtype="float32")[: int(np.prod(shape))]
    weight = ramp.reshape(shape) if shape else None

    @partial(jax.jit, compiler_options=QUICK)  # all of it at once: one compilation
    def compare(y, a, weight):
        costs = [(*pair(kind), weight) for kind in REDUCTIONS]
        costs.append((*pair("sum_over_batch_size"), None))
        values = [(ours(y, a, w), known(y, a, w)) for ours, known, w in costs]
        slopes = [
            jax.grad(lambda a, cost=cost: jnp.vdot(cost(y, a, None), 1.0 + ramp))(a)
            for cost in pair(None)
        ]
        return values, slopes

    values, (slope, known_slope) = compare(y, a, weight)
    for value, known in values:
        assert value.shape == known.shape
        np.testing.assert_allclose(value, known, rtol=2e-6, atol=2e-7)
    scale = max(1.0, float(np.max(np.abs(known_slope))))
    np.testing.assert_allclose(slope, known_slope, rtol=2e-6, atol=1e-6 * scale)


def test_rows_that_fill_a_batch_change_nothing():
    """Copies of the first row, which a mask leaves out: where rows do not meet."""
    made = [
        (getattr(losses, name)(**settings, reduction=kind), y, a)
        for name, settings, y, a in CASES
        for kind in ("sum_over_batch_size", "sum", "mean_with_sample_weight")
    ]
    assert {type(loss).__name__ for loss, *_ in made if not loss.by_row} == {
        "Dice",
        "Circle",
    }
    made = [case for case in made if case[0].by_row]
    rows = [np.linspace(0.5, 2.0, len(y), dtype="float32") for _, y, _ in made]

    def filled(a):
        return np.concatenate([a, a[:1], a[:1]])

    @partial(jax.jit, compiler_options=QUICK)  # all of it at once: one compilation
    def both():
        found = []
        for (loss, y, a), w in zip(made, rows, strict=True):
            there = jnp.arange(len(y) + 2) < len(y)
            more = [jnp.asarray(filled(v)) for v in (y, a, w)]
            for weight, weights in ((None, None), (w, more[2])):
                plain = jax.value_and_grad(
                    lambda a, loss=loss, y=y, w=weight: loss.cost(y, a, w)
                )
                wide = jax.value_and_grad(
                    lambda a, loss=loss, y=more[0], w=weights, m=there: loss.cost(
                        y, a, w, m
                    )
                )
                found.append((plain(jnp.asarray(a)), wide(more[1])))
        return found

    for (value, slope), (same, slopes) in both():
        np.testing.assert_allclose(same, value, rtol=1e-6)
        np.testing.assert_allclose(slopes[: len(slope)], slope, rtol=1e-5, atol=1e-7)
        assert not np.any(slopes[len(slope) :])
