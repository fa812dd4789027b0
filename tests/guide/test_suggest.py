"""Suggestions: the lectures' choice for each target, as a model and as its code."""

import numpy as np
import pytest

import onefit
from onefit.guide.suggest import head_of
from onefit.guide.targets import kind_of

RNG = np.random.default_rng(0)
N = 240
X = RNG.normal(size=(N, 3))
CLASS = RNG.integers(0, 3, N)

TARGETS = {
    "yes or no": (CLASS // 2, "sigmoid", "binary_crossentropy", 1),
    "words": (np.array(["no", "yes"])[CLASS // 2], "sigmoid", "binary_crossentropy", 1),
    "signs": (2 * (CLASS // 2) - 1, "sigmoid", "binary_crossentropy", 1),
    "classes": (CLASS, "softmax", "sparse_categorical_crossentropy", 3),
    "from 1": (CLASS + 1, "softmax", "sparse_categorical_crossentropy", 3),
    "names": (
        np.array(["a", "b", "c"])[CLASS],
        "softmax",
        "sparse_categorical_crossentropy",
        3,
    ),
    "one-hot": (np.eye(3)[CLASS], "softmax", "categorical_crossentropy", 3),
    "labels": (RNG.integers(0, 2, (N, 4)), "sigmoid", "binary_crossentropy", 4),
    "share": (RNG.uniform(size=N), "sigmoid", "binary_crossentropy", 1),
    "price": (RNG.exponential(300, N), "softplus", "mse", 1),
    "any": (RNG.normal(size=(N, 2)), "linear", "mse", 2),
    "100 +- 3": (RNG.normal(100, 3, N), "linear", "mse", 1),
}


@pytest.mark.parametrize("name", TARGETS)
def test_the_target_decides_head_and_loss(name):
    y, activation, loss, units = TARGETS[name]
    head = head_of(kind_of(y))
    assert (head.activation, head.loss, head.units) == (activation, loss, units)


@pytest.mark.parametrize("name", ["words", "from 1", "price", "any"])
def test_the_suggestion_trains_and_its_code_is_its_model(name):
    y = TARGETS[name][0]
    idea = onefit.suggest(X, y)
    assert idea.model.check(idea.x, idea.y).errors == []
    names = {"x": X, "y": y}
    exec(idea.code.replace("epochs=300", "epochs=1, verbose=0"), names)
    shapes = [w.shape for w in names["model"].get_weights()]
    assert shapes == [w.shape for w in idea.model.get_weights()]
    history = idea.train(epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_inputs_decide_the_body():
    def kinds(x, y=CLASS):
        return [type(layer).__name__ for layer in onefit.suggest(x, y).model.layers]

    images = RNG.integers(0, 256, (N, 12, 12))
    assert kinds(images)[:4] == ["Reshape", "Rescaling", "Conv2D", "MaxPooling2D"]
    assert kinds(images[..., None] / 255)[0] == "Conv2D"
    assert kinds(RNG.normal(size=(N, 7, 2))) == ["LSTM", "Dense"]
    assert kinds(RNG.integers(0, 900, (N, 7))) == ["Embedding", "LSTM", "Dense"]
    assert kinds(X) == ["Dense", "Dense", "Dense"]
    assert kinds(100 * X)[0] == "Normalization"
    assert kinds(X[:, 0]) == ["Dense", "Dense", "Dense"]


def test_a_rare_class_is_weighed():
    y = (np.arange(N) % 20 == 0).astype(int)
    idea = onefit.suggest(X, y)
    # n / (classes * count): 240 / (2 * 228) and 240 / (2 * 12).
    assert idea.fit["class_weight"] == pytest.approx({0: 0.5263, 1: 10.0}, abs=1e-4)
    assert idea.choices[-1].what == "class_weight"


def test_it_reads_as_text_and_as_html():
    idea = onefit.suggest(X, CLASS)
    text = str(idea)
    assert text.startswith("last layer: Dense(3, activation='softmax'). The target is")
    assert all(len(line) <= 90 for line in text.splitlines())
    assert "&#x27;softmax&#x27;" in idea._repr_html_()


def test_what_cannot_be_suggested_for():
    with pytest.raises(ValueError, match="the same in every row"):
        onefit.suggest(X, np.ones(N))
    with pytest.raises(ValueError, match="as many rows in both"):
        onefit.suggest(X, CLASS[:5])
    with pytest.raises(TypeError, match="expected numbers"):
        onefit.suggest(np.array([["a"], ["b"]]), [0, 1])
