# pyright: reportAttributeAccessIssue=false
# (matplotlib's stubs know less than it has.)
"""Pictures of models: what is drawn, what is said, what is refused."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential, plots
from onefit.layers import (
    Activation,
    Add,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    Normalization,
)
from onefit.losses import Hinge, SparseCategoricalCrossentropy
from onefit.optimizers import SGD, Adam
from onefit.plots.layout import layered
from onefit.plots.panels import class_colours

pytest.importorskip("matplotlib")

XOR = onefit.datasets.xor()


def saved(axes, tmp_path):
    """The picture can be made at all, without a warning, and pyplot knows nothing."""
    import sys

    ax = np.ravel(axes)[0]
    ax.figure.savefig(tmp_path / "picture.png", dpi=40)
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []
    return axes


def texts(ax):
    """Everything that is written in the legend."""
    legend = ax.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


def linear(weights, bias, activation=None, loss=None, inputs=2):
    """A lone layer with these weights."""
    weights = np.array(weights, "float32").reshape(inputs, -1)
    dense = Dense(weights.shape[1], activation=activation)
    model = Sequential([Input((inputs,)), dense])
    model.set_weights([weights, np.array(bias, "float32")])
    if loss:
        model.compile("sgd", loss)
    return model


# Curves -------------------------------------------------------------------------------


def history(**logs):
    model = linear(
        [[1, 2, 3], [4, 5, 6]], [0, 0, 0], "softmax", "sparse_categorical_crossentropy"
    )
    epochs = len(next(iter(logs.values())))
    ways = {"loss": "min", "accuracy": "max"}
    return SimpleNamespace(
        history=logs,
        epoch=list(range(epochs)),
        model=model,
        validated=[1],
        params={"directions": ways},
    )


def test_learning_curves_of_several_metrics(tmp_path):
    found = history(loss=[3.0, 2], val_loss=[2.5], accuracy=[0.3, 0.6])
    axes = saved(
        plots.learning_curves(found, ["loss", "accuracy"], log=True, chance=True),
        tmp_path,
    )
    assert [ax.get_yscale() for ax in axes] == ["log", "linear"]
    assert [ax.get_ylabel() for ax in axes] == ["loss (log scale)", "accuracy"]
    assert axes[0].get_lines()[1].get_xdata() == [2]  # the epoch that was validated
    assert axes[0].get_lines()[-1].get_ydata()[0] == pytest.approx(np.log(3))
    assert texts(axes[1]) == ["training", "chance: 0.333"]


def test_learning_curves_of_one_epoch_and_given_levels(tmp_path):
    ax = saved(plots.learning_curves({"loss": [2.0]}, chance={"loss": 1.5}), tmp_path)
    assert ax.get_lines()[0].get_marker() == "o"
    assert texts(ax) == ["training", "chance: 1.5"]
    assert ax.get_ylabel() == "loss"
    ax = plots.learning_curves({"loss": [2.0]}, chance={"accuracy": 1.5})
    assert texts(ax) == ["training"]


def test_learning_curves_refuse():
    with pytest.raises(ValueError, match=r"Unknown number in the history 'acc'"):
        plots.learning_curves({"loss": [1]}, ["loss", "acc"])
    with pytest.raises(ValueError, match=r"chance=True for 'loss'; expected .*chance="):
        plots.learning_curves({"loss": [1]}, chance=True)
    with pytest.raises(ValueError, match="2 metrics and one Axes"):
        plots.learning_curves({"a": [1], "b": [1]}, ["a", "b"], ax=object())
    with pytest.raises(ValueError, match="no metrics"):
        plots.learning_curves({"a": [1]}, [])


def finding(**evidence):
    return SimpleNamespace(
        code="overfitting", layer="dense", seen="It rises.", evidence=evidence
    )


def test_finding(tmp_path):
    shown = finding(
        loss=[3, 2, 1],
        val_loss=np.array([3.0, 2, 4]),
        chance=2.5,
        epochs=300,
        note="told in words",
    )
    ax = saved(plots.finding(shown), tmp_path)
    assert texts(ax) == ["loss", "validation loss", "chance: 2.5", "epochs: 300"]
    assert ax.get_lines()[1].get_xydata().tolist() == [[1, 3], [2, 2], [3, 4]]
    assert ax.get_title(loc="left") == "overfitting in dense\nIt rises."


def test_finding_with_an_x_of_its_own(tmp_path):
    one = {"x": [0, 10, 20], "y": [1e-1, 1e-4, 1e-7], "label": "first layer"}
    for shown in (finding(**one), finding(gradient=one)):
        ax = saved(plots.finding(shown), tmp_path)
        assert ax.get_lines()[0].get_xdata().tolist() == [0, 10, 20]
        assert ax.get_ylabel() == "first layer"
        assert ax.get_yscale() == "log"
    ax = saved(plots.finding(finding(loss=[1.0, np.nan, np.inf])), tmp_path)
    assert ax.get_yscale() == "linear"


@pytest.mark.parametrize("evidence", [{}, {"loss": []}, {"seen": "words"}, {"n": 3}])
def test_finding_without_a_curve_is_refused(evidence):
    with pytest.raises(ValueError, match=r"'overfitting' without a curve.*Print"):
        plots.finding(finding(**evidence))


# Over the plane of two inputs ---------------------------------------------------------


def test_boundary_of_two_classes(tmp_path):
    """sigmoid(x_1 - 0.5) is above a half to the right of x_1 = 0.5."""
    model = linear([1, 0], [-0.5], "sigmoid", "binary_crossentropy")
    x, y = XOR
    ax = saved(plots.decision_boundary(model, x, y), tmp_path)
    (line,) = (path for c in ax.collections[:1] for path in c.get_paths())
    np.testing.assert_allclose(line.vertices[:, 0], 0.5, atol=1e-3)
    table = ax.images[0].get_array()
    assert table.shape == (161, 161)
    left, right = ax.get_xlim()
    assert (left, right) == (pytest.approx(-0.1), pytest.approx(1.1))
    np.testing.assert_allclose(table[0, 0], 1 / (1 + np.exp(0.6)), rtol=1e-5)
    # It answers 0 0 1 1 where 0 1 1 0 is right: rows (0, 1) and (1, 1) are crossed.
    assert texts(ax) == ["boundary", "class 0", "class 1", "wrong: 2 of 4"]
    assert ax.collections[-1].get_offsets().tolist() == [[0, 1], [1, 1]]


def test_logits_are_probabilities_and_hinge_has_its_own_threshold(tmp_path):
    x, y = XOR
    loss = onefit.losses.BinaryCrossentropy(from_logits=True)
    ax = plots.decision_boundary(linear([1, 0], [-0.5], None, loss), x, y)
    assert ax.images[0].get_array().max() < 1
    assert "boundary" in texts(ax)
    ax = saved(
        plots.decision_boundary(linear([1, 0], [-0.5], None, Hinge()), x, 2 * y - 1),
        tmp_path,
    )
    assert texts(ax)[-1] == "wrong: 2 of 4"
    assert ax.images[0].get_clim() == pytest.approx((-0.6, 0.6))


def test_boundary_of_three_classes(tmp_path):
    """The greatest of x_1, -x_1, and 0.5: class 2 between -0.5 and 0.5."""
    loss = SparseCategoricalCrossentropy(from_logits=True)
    model = linear([[1, -1, 0], [0, 0, 0]], [0, 0, 0.5], None, loss)
    x = np.array([[-2.0, 0], [0, 0], [2, 0.1]])
    ax = saved(
        plots.decision_boundary(model, x, [1, 2, 0], labels=list("abc")), tmp_path
    )
    assert sorted(text.get_text() for text in ax.texts) == ["a", "b", "c"]
    at = {text.get_text(): text.xy[0] for text in ax.texts}
    assert at["b"] < -0.5 < at["c"] < 0.5 < at["a"]
    assert texts(ax) == ["class a", "class b", "class c"]
    one_hot = np.eye(3)[[1, 2, 0]]
    assert texts(plots.decision_boundary(model, x, one_hot))[0] == "class 0"
    assert texts(plots.decision_boundary(model, x)) == []


def test_boundary_of_many_classes(tmp_path):
    model = linear(np.eye(2, 12), np.zeros(12), "softmax")
    saved(
        plots.decision_boundary(
            model, np.random.default_rng(0).normal(size=(50, 2)), np.arange(50) % 12
        ),
        tmp_path,
    )
    assert len(np.unique(class_colours(12), axis=0)) == 12


def test_boundary_of_a_regression(tmp_path):
    model = linear([2, 1], [0], None, "mse")
    x, y = XOR
    ax = saved(plots.decision_boundary(model, x, y), tmp_path)
    np.testing.assert_allclose(ax.images[0].get_array().max(), 3.3, rtol=1e-5)
    assert ax.figure.axes[1].get_ylabel() == "output of the model"
    ax = plots.decision_boundary(model, x, y, threshold=1.5)
    assert texts(ax)[-1] == "wrong: 2 of 4"  # says 0 0 1 1
    saved(plots.decision_boundary(linear([0, 0], [1]), x[:1], y[:1]), tmp_path)


def test_what_has_no_plane_is_refused():
    x, y = XOR
    wide = linear([1, 1, 1], [0], inputs=3)
    with pytest.raises(ValueError, match=r"shape \(3,\); expected two inputs.*:, :2"):
        plots.decision_boundary(wide, np.ones((4, 3)), y)
    with pytest.raises(ValueError, match=r"shape \(3,\); expected two inputs"):
        plots.unit_responses(wide)
    with pytest.raises(ValueError, match="that is not known"):
        plots.unit_responses(Sequential([Dense(1)]))
    with pytest.raises(TypeError, match="a ndarray for the model"):
        plots.decision_boundary(x, y)
    model = linear([1, 1], [0], "sigmoid")
    with pytest.raises(ValueError, match=r"label 2; expected classes from 0 to 1"):
        plots.decision_boundary(model, x, [0, 1, 2, 0])
    with pytest.raises(ValueError, match=r"label 0\.5; expected a whole number"):
        plots.decision_boundary(model, x, [0, 1, 0.5, 0])
    with pytest.raises(ValueError, match="4 rows of x and 3 of y"):
        plots.decision_boundary(model, x, [0, 1, 1])
    with pytest.raises(ValueError, match="3 labels; expected a name for each of the 2"):
        plots.decision_boundary(model, x, labels="abc")
    with pytest.raises(ValueError, match="several classes in a row"):
        plots.decision_boundary(model, x, np.ones((4, 2)))


def two_layers():
    model = Sequential(
        [
            Input((2,)),
            Dense(3, "relu", name="hidden"),
            Dropout(0.5),
            Dense(1, "sigmoid"),
        ]
    )
    kernel = np.array([[1, 0, -1], [0, 1, 0]], "float32")
    model.set_weights(
        [
            kernel,
            np.zeros(3, "float32"),
            np.ones((3, 1), "float32"),
            np.zeros(1, "float32"),
        ]
    )
    return model


def test_unit_responses(tmp_path):
    axes = saved(plots.unit_responses(two_layers()), tmp_path)
    assert [ax.get_ylabel() for ax in axes] == ["hidden", "", "", "dense"]
    first, second, third, _ = (ax.images[0].get_array() for ax in axes)
    along = np.maximum(np.linspace(-1, 1, 61), 0)
    np.testing.assert_allclose(first, np.tile(along, (61, 1)), atol=1e-6)
    np.testing.assert_allclose(second, first.T, atol=1e-6)
    np.testing.assert_allclose(third, first[:, ::-1], atol=1e-6)
    assert axes[0].images[0].get_clim() == pytest.approx((-1, 1))
    assert axes[-1].images[0].get_clim() == (0, 1)


def test_unit_responses_of_one_layer(tmp_path):
    x = np.array([[0.0, 5], [10, 5]])
    for layer in ("hidden", 0):
        axes = saved(plots.unit_responses(two_layers(), x, layer), tmp_path)
        assert len(axes) == 3
    assert "from -1 to 11; up: $x_2$ from 4 to 6" in axes[0].figure.get_supxlabel()
    model = Sequential([Input((2,)), Dense(70), Dense(9, name="out")])
    assert len(plots.unit_responses(model)) == 16
    axes = plots.unit_responses(model, layer="out")
    assert len(axes) == 9
    with pytest.raises(ValueError, match=r"Unknown layer of units 'ot'. Did you mean"):
        plots.unit_responses(model, layer="ot")
    with pytest.raises(ValueError, match="layer=5; expected 0 to 1"):
        plots.unit_responses(model, layer=5)


# Activation functions -----------------------------------------------------------------


def test_activation_functions(tmp_path):
    axes = saved(plots.activation_functions(), tmp_path)
    assert [ax.get_title() for ax in axes][:3] == ["linear", "sigmoid", "tanh"]  # pyright: ignore[reportGeneralTypeIssues]
    g, slope = axes[1].get_lines()[-2:]
    assert g.get_ydata()[200] == pytest.approx(0.5)
    assert slope.get_ydata()[200] == pytest.approx(0.25)
    axes = plots.activation_functions(["relu", jnp.sin, LeakyReLU(0.5), "relu"])
    shown = [ax.get_title() for ax in axes]  # pyright: ignore[reportGeneralTypeIssues]
    assert shown == ["relu", "sin", "leaky_re_lu", "relu (2)"]
    (ax,) = plots.activation_functions({"six": "relu6"}, z=(0, 12))  # pyright: ignore[reportGeneralTypeIssues]
    assert ax.get_lines()[-2].get_ydata()[-1] == 6


def test_activation_functions_refuse():
    with pytest.raises(ValueError, match="'softmax', which is no function of one"):
        plots.activation_functions(["relu", "softmax"])
    with pytest.raises(ValueError, match="Unknown activation 'rleu'"):
        plots.activation_functions("rleu")
    with pytest.raises(ValueError, match=r"z=\(4, -4\); expected a lower end first"):
        plots.activation_functions("relu", z=(4, -4))
    with pytest.raises(ValueError, match="2 functions and one Axes"):
        plots.activation_functions(["relu", "tanh"], ax=object())


# Images -------------------------------------------------------------------------------


def test_weights_of_a_dense_layer(tmp_path):
    model = Sequential([Input((6,)), Dense(2)])
    kernel = np.arange(12, dtype="float32").reshape(6, 2)
    model.set_weights([kernel, np.zeros(2, "float32")])
    axes = saved(plots.weights_as_images(model, shape=(2, 3)), tmp_path)
    shown = axes[1].images[0].get_array()
    assert shown.tolist() == [[1, 3, 5], [7, 9, 11]]  # unit 2: the second column
    assert axes[0].images[0].get_clim() == (-11, 11)
    model = Sequential([Input((2, 3)), Flatten(), Dropout(0.1), Dense(80)])
    axes = plots.weights_as_images(model)  # the shape before Flatten
    assert len(axes) == 64
    assert axes[0].images[0].get_array().shape == (2, 3)
    assert "the first 64 of 80" in axes[0].figure.get_suptitle()


def test_weights_of_convolutions(tmp_path):
    model = Sequential(
        [Input((6, 6, 3)), Conv2D(4, (2, 3)), Conv2D(2, 1, name="second")]
    )
    axes = saved(plots.weights_as_images(model), tmp_path)
    kernel = model.get_weights()[0]
    assert len(axes) == 12  # three channels of four filters
    np.testing.assert_array_equal(axes[5].images[0].get_array(), kernel[:, :, 1, 1])
    assert [ax.get_ylabel() for ax in axes[::4]] == [f"channel {i}" for i in (1, 2, 3)]
    assert len(plots.weights_as_images(model, layer="second")) == 8
    assert len(plots.weights_as_images(model, layer=1)) == 8
    model = Sequential([Input((9, 4)), Conv1D(6, 5)])
    axes = saved(plots.weights_as_images(model), tmp_path)
    np.testing.assert_array_equal(
        axes[2].images[0].get_array(), model.get_weights()[0][:, :, 2].T
    )


def test_weights_that_are_no_images():
    with pytest.raises(ValueError, match=r"shape \(5,\); expected images.*shape="):
        plots.weights_as_images(Sequential([Input((5,)), Dense(2)]))
    model = Sequential([Input((6,)), Activation("relu"), Dense(2)])
    with pytest.raises(ValueError, match=r"shape=\(2, 2\) for 6 numbers"):
        plots.weights_as_images(model, shape=(2, 2))
    with pytest.raises(ValueError, match="'activation', whose weights are no images"):
        plots.weights_as_images(model, layer="activation")
    with pytest.raises(ValueError, match=r"without weights.*Begin with Input"):
        plots.weights_as_images(Sequential([Dense(2)]))
    with pytest.raises(ValueError, match="layers have no kernel"):
        plots.weights_as_images(Sequential([Input((2,)), Activation("relu")]))


def test_wrong_examples(tmp_path):
    """The pixels are the logits: row i says where it is largest."""
    model = linear(np.eye(4), np.zeros(4), "softmax", inputs=4)
    x = np.array([[0, 5, 0, 0], [0, 9, 0, 0], [3, 0, 0, 0], [0, 0, 7, 0.0]])
    y = [0, 0, 0, 2]
    axes = saved(plots.wrong_examples(model, x, y), tmp_path)
    titles = [ax.get_title() for ax in axes]
    sure = 100 / (1 + 3 * np.exp(-5))
    assert titles == ["true: 0\nmodel: 1 (100 %)", f"true: 0\nmodel: 1 ({sure:.0f} %)"]
    assert axes[0].images[0].get_array().tolist() == [[0, 9], [0, 0]]
    assert axes[0].figure.get_suptitle() == "wrong: 2 of 4"
    axes = plots.wrong_examples(model, x, y, count=1, labels=list("abcd"), shape=(1, 4))
    assert axes[0].get_title().startswith("true: a\nmodel: b")
    assert axes[0].figure.get_suptitle() == "wrong: 2 of 4, the surest"
    (ax,) = saved(plots.wrong_examples(model, x, [1, 1, 0, 2]), tmp_path)
    assert ax.texts[0].get_text() == "none wrong of 4"


def test_wrong_examples_of_two_classes_and_with_colours(tmp_path):
    model = Sequential([Input((2, 2, 3)), Flatten(), Dense(1, "sigmoid")])
    x = np.random.default_rng(0).normal(size=(20, 2, 2, 3))
    y = 1 - (model.predict(x, verbose=0) > 0.5)
    axes = saved(plots.wrong_examples(model, x, y, count=3), tmp_path)
    assert axes[0].images[0].get_array().shape == (2, 2, 3)
    percents = [float(ax.get_title().split("(")[1][:-3]) for ax in axes]
    assert percents == sorted(percents, reverse=True)
    assert min(percents) >= 50


def test_wrong_examples_refuse():
    x = np.zeros((3, 5))
    with pytest.raises(ValueError, match="whose output is a number"):
        plots.wrong_examples(linear(np.ones(5), [0], inputs=5), x, [0, 1, 1])
    model = linear(np.ones(5), [0], "sigmoid", inputs=5)
    with pytest.raises(ValueError, match=r"examples of shape \(5,\)"):
        plots.wrong_examples(model, x, [0, 1, 1])
    with pytest.raises(ValueError, match="3 images and 2 classes"):
        plots.wrong_examples(model, x, [0, 1], shape=(1, 5))
    with pytest.raises(TypeError, match="count=0; expected a positive whole number"):
        plots.wrong_examples(model, x, [0, 1, 1], 0, shape=(1, 5))


# Confusion ----------------------------------------------------------------------------


def test_confusion_matrix(tmp_path):
    true, said = [0, 0, 0, 1, 2, 2], [0, 1, 0, 1, 2, 0]
    counts = [[2, 1, 0], [0, 1, 0], [1, 0, 1]]
    ax = saved(plots.confusion_matrix(true, said, labels=["a", "b", "c"]), tmp_path)
    assert ax.images[0].counts.tolist() == counts
    np.testing.assert_allclose(ax.images[0].get_array()[0], [200 / 3, 100 / 3, 0])
    written = {t.get_position(): t.get_text() for t in ax.texts}
    assert written[1, 0] == "1"  # true a, column b
    assert (2, 0) not in written
    assert ax.get_title() == "4 of 6 right (66.7 %)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    # One-hot truths and probabilities, columns, booleans: the same classes.
    wide = plots.confusion_matrix(np.eye(3)[true], 0.9 * np.eye(3)[said])
    assert wide.images[0].counts.tolist() == counts
    two = plots.confusion_matrix(np.array([[0], [1]]), np.array([True, True]))
    assert two.images[0].counts.tolist() == [[0, 1], [0, 1]]


def test_confusion_of_a_model(tmp_path):
    x, y = XOR
    model = linear([1, 0], [-0.5], "sigmoid")
    ax = plots.confusion_matrix(model, x, y)
    assert ax.images[0].counts.tolist() == [[1, 1], [1, 1]]
    model = linear(np.eye(2, 30), np.zeros(30), "softmax")
    ax = saved(plots.confusion_matrix(model, x[1:], [0, 1, 29]), tmp_path)
    assert ax.images[0].counts.shape == (30, 30)
    assert not ax.texts  # too many classes for numbers
    assert len(plots.confusion_matrix([1], [1]).images[0].counts) == 2


def test_confusion_refuses():
    with pytest.raises(TypeError, match=r"1 arguments; expected \(model, x, y\) or"):
        plots.confusion_matrix([0, 1])
    with pytest.raises(ValueError, match="2 true and 3 predicted classes"):
        plots.confusion_matrix([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match=r"label 0\.3; .*of probabilities, p > 0\.5"):
        plots.confusion_matrix([0, 1], [0.3, 0.8])
    with pytest.raises(ValueError, match="label -1; expected classes from 0"):
        plots.confusion_matrix([0, -1, 2], [0, 1, 1])
    with pytest.raises(ValueError, match="dtype <U"):
        plots.confusion_matrix(["a", "b"], ["a", "b"])
    with pytest.raises(ValueError, match="1 labels for 2 classes"):
        plots.confusion_matrix([0, 1], [0, 1], labels=["a"])
    with pytest.raises(ValueError, match="whose output is a number"):
        plots.confusion_matrix(linear([1, 1], [0]), *XOR)


# Histograms ---------------------------------------------------------------------------


def test_activations_histogram(tmp_path):
    model = linear([1.0, -1], [0, 0], "relu", inputs=1)  # units x and -x: half are zero
    x = np.array([[-1.0], [1], [-2], [2]])
    (ax,) = saved(plots.activations_histogram(model, x), tmp_path)
    # 0 1 1 0 0 2 2 0: a mean of 6/8, a mean square of 10/8.
    sd = np.sqrt(10 / 8 - (6 / 8) ** 2)
    assert ax.get_title() == f"dense\nμ = 0.75, σ = {sd:.2g}, 50 % zero"
    heights = [bar.get_height() for bar in ax.patches]
    assert heights[0] == pytest.approx(50)
    assert sum(heights) == pytest.approx(100)


def test_activations_of_models_inside_and_of_chosen_layers(tmp_path):
    inner = Sequential([Dense(3, "relu"), Dropout(0.5), Dense(2)], name="inner")
    x = Input((4,))
    y = inner(x)
    model = Model(x, Add()([Dense(2, name="out")(y), y]))
    rows = np.random.default_rng(0).normal(size=(5000, 4))
    axes = saved(plots.activations_histogram(model, rows), tmp_path)
    names = [ax.get_title().split("\n")[0] for ax in axes]
    assert names == ["inner > dense", "inner > dense_1", "out", "add"]
    (ax,) = plots.activations_histogram(model, rows, ["inner > dropout"])
    assert "% zero" in ax.get_title()
    with pytest.raises(
        ValueError, match=r"Unknown layer 'inner > dens'\. Did you mean"
    ):
        plots.activations_histogram(model, rows, ["inner > dens"])
    with pytest.raises(ValueError, match="no layer; expected one at least"):
        plots.activations_histogram(model, rows, [])
    # The same numbers as those of the model itself.
    from onefit.plots.asking import readings

    last = readings("test", model, rows[:7])[-1].value
    np.testing.assert_allclose(last, model.predict(rows[:7], verbose=0), rtol=1e-5)


def test_gradients_histogram(tmp_path):
    """J = mean((w x + b - y)²): dJ/dw = 2 mean((wx + b - y) x), dJ/db without x."""
    model = linear([3.0], [0], None, "mse", inputs=1)
    x, y = np.array([[1.0], [2]]), np.array([1.0, 1])
    (ax,) = saved(plots.gradients_histogram(model, x, y), tmp_path)
    # Errors 2 and 5: dJ/dw = 2 + 10 = 12, dJ/db = 2 + 5 = 7; the median is 9.5.
    assert ax.get_title(loc="left") == "dense: median 9.5"
    assert ax.get_xscale() == "log"
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(100)


def test_gradients_that_vanish_or_are_none(tmp_path):
    model = Sequential(
        [Input((2,)), *[Dense(4, "sigmoid") for _ in range(6)], Dense(2, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = XOR
    axes = saved(plots.gradients_histogram(model, x, y), tmp_path)
    medians = [ax.get_lines()[0].get_xdata()[0] for ax in axes]
    assert medians[0] < 0.01 * medians[-1]
    dead = linear([-1, -1], [-1], "relu", "mse")
    (ax,) = saved(plots.gradients_histogram(dead, x, y), tmp_path)
    assert ax.get_title(loc="left") == "dense: 100 % exactly 0"
    with pytest.raises(ValueError, match=r"before compile; .*Write model\.compile"):
        plots.gradients_histogram(linear([1, 1], [0]), x, y)
    bare = Sequential([Input((2,)), Activation("relu")])
    bare.compile("sgd", "mse")
    with pytest.raises(ValueError, match="a model without weights"):
        plots.gradients_histogram(bare, x, x)


# The network with its neurons ---------------------------------------------------------


def test_network(tmp_path):
    model = two_layers()
    ax = saved(plots.network(model, [1.0, -2]), tmp_path)
    assert len(ax.patches) == 2 + 3 + 1
    written = [text.get_text() for text in ax.texts]
    # 1 -2; relu(1), relu(-2), relu(-1); sigmoid(1) = 0.73
    for text in (
        "-2",
        "0.73",
        "b = 0",
        "hidden\nrelu\n3 units",
        "dense\nsigmoid\n1 unit",
    ):
        assert text in written
    lines = [c for c in ax.collections if len(c.get_linewidths()) > 1]
    assert [len(c.get_segments()) for c in lines] == [6, 3]
    widths = lines[0].get_linewidths()
    assert max(widths) == pytest.approx(3.5)  # a weight of 1, the largest
    assert min(widths) == pytest.approx(0.25)  # a weight of 0
    assert "widest line: 1" in texts(ax)


def test_network_of_many_neurons(tmp_path):
    model = Sequential(
        [
            Input((8, 8)),
            Flatten(),
            Dense(30, name="first"),
            Activation("relu"),
            Dense(10, "softmax"),
        ]
    )
    ax = saved(plots.network(model), tmp_path)
    assert len(ax.patches) == 9 + 9 + 10
    written = [text.get_text() for text in ax.texts]
    assert written.count("⋮") == 2
    assert "$x_{64}$" in written
    assert "$a^{[1]}_{30}$" in written
    assert "first\n+ activation\n30 units" in written
    ax = plots.network(model, np.ones((8, 8)), units=4)
    assert len(ax.patches) == 9
    inside = Sequential([Input((2,)), Normalization(), two_layers()])
    assert "sequential > hidden\nrelu\n3 units" in [
        text.get_text() for text in plots.network(inside, [1.0, 2]).texts
    ]


def test_network_refuses():
    with pytest.raises(ValueError, match="without weights"):
        plots.network(Sequential([Dense(1)]))
    with pytest.raises(ValueError, match=r"'conv1d', a Conv1D on .*plot_model"):
        plots.network(Sequential([Input((4, 1)), Conv1D(2, 2), Flatten(), Dense(1)]))
    x = Input((2,))
    hidden = Dense(2)(x)
    with pytest.raises(ValueError, match="a model with branches"):
        plots.network(Model(x, Add()([hidden, x])))
    with pytest.raises(ValueError, match=r"4 examples; expected one. Write x\[0\]"):
        plots.network(two_layers(), XOR[0])
    with pytest.raises(ValueError, match="units=2; expected 3"):
        plots.network(two_layers(), units=2)
    with pytest.raises(ValueError, match="without a dense layer"):
        plots.network(Sequential([Input((2,)), Activation("relu")]))


# The graph ----------------------------------------------------------------------------


def boxes(ax):
    """The heads of the boxes, which are bold."""
    return [t.get_text() for t in ax.texts if t.get_fontweight() == "bold"]


def test_plot_model_of_a_chain(tmp_path):
    model = Sequential([Input((6,)), Dense(9, "relu"), Dense(4)])
    ax = plots.plot_model(
        model,
        to_file=tmp_path / "chain.png",
        dpi=50,
        show_shapes=True,
        show_layer_names=True,
        show_dtype=True,
        show_layer_activations=True,
        show_trainable=True,
    )
    assert (tmp_path / "chain.png").stat().st_size > 1000
    assert boxes(ax) == ["InputLayer", "dense (Dense)", "dense_1 (Dense)"]
    said = [t.get_text() for t in ax.texts]
    assert said[1] == "(None, 6)"
    assert said[3:8] == [
        "in (None, 6)",
        "out (None, 9)",
        "dtype float32",
        "activation relu",
        "trainable",
    ]
    model.layers[0].trainable = False
    ax = plots.plot_model(model, show_trainable=True)
    assert [t.get_text() for t in ax.texts] == [
        "InputLayer",
        "Dense",
        "frozen",
        "Dense",
        "trainable",
    ]
    assert boxes(plots.plot_model(Sequential([Dense(2)]))) == ["InputLayer", "Dense"]


def branches():
    left, right = Input((4,), name="left"), Input((4,), name="right")
    shared = Dense(3, name="shared")
    u, v = shared(left), shared(right)
    return Model([left, right], [Dense(1, name="price")(Add()([u, v])), v])


def apart(ax):
    """Whether no two boxes overlap, those inside frames aside."""
    from matplotlib.patches import FancyBboxPatch

    found = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    sides = np.array(
        [
            (
                p.get_x(),
                p.get_y(),
                p.get_x() + p.get_width(),
                p.get_y() + p.get_height(),
            )
            for p in found
            if p.get_linestyle() in ("-", "solid")
        ]
    )
    for i, one in enumerate(sides):
        for other in sides[i + 1 :]:
            beside = one[2] <= other[0] or other[2] <= one[0]
            below = one[3] <= other[1] or other[3] <= one[1]
            if not (beside or below):
                return False
    return len(sides) > 1


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
def test_plot_model_with_branches_and_a_shared_layer(rankdir, tmp_path):
    ax = saved(
        plots.plot_model(branches(), show_layer_names=True, rankdir=rankdir), tmp_path
    )
    assert sorted(boxes(ax)) == [
        "add (Add)",
        "left (InputLayer)",
        "price (Dense)",
        "right (InputLayer)",
        "shared (Dense)",
        "shared (Dense)",
    ]
    said = [t.get_text() for t in ax.texts]
    assert "call 1 of 2, shared" in said
    assert "call 2 of 2, shared" in said
    assert apart(ax)
    place = {t.get_text(): np.array(t.get_position()) for t in ax.texts}
    way = place["price (Dense)"] - place["left (InputLayer)"]
    axis = 0 if rankdir in ("LR", "RL") else 1  # y grows downwards
    assert (way[axis] > 0) == (rankdir in ("TB", "LR"))


def test_plot_model_with_models_inside(tmp_path):
    inner = Sequential([Dense(4, "relu"), Dense(4)], name="inner")
    x = Input((8,))
    model = Model(x, Dense(1)(Add()([inner(x), Dense(4)(x)])))
    ax = saved(plots.plot_model(model), tmp_path)
    assert boxes(ax).count("Sequential") == 1
    ax = saved(plots.plot_model(model, expand_nested=True, show_shapes=True), tmp_path)
    assert boxes(ax).count("Dense") == 4
    assert "inner (Sequential)" in boxes(ax)
    assert apart(ax)


def test_plot_model_refuses():
    with pytest.raises(ValueError, match="without layers"):
        plots.plot_model(Sequential())
    with pytest.raises(ValueError, match="a str; expected a model"):
        plots.plot_model("model")
    with pytest.raises(ValueError, match=r"shape is not known; .*Begin with Input"):
        plots.plot_model(Sequential([Dense(1)]), show_shapes=True)
    with pytest.raises(ValueError, match="Unknown rankdir 'UP'"):
        plots.plot_model(Sequential([Dense(1)]), rankdir="UP")


def test_layout_keeps_its_promises():
    rng = np.random.default_rng(0)
    for count in (1, 5, 30):
        sizes = rng.uniform(10, 80, (count, 2))
        arrows = [(a, b) for b in range(count) for a in range(b) if rng.random() < 0.15]
        found = layered(sizes, arrows)
        low, high = found.places - sizes / 2, found.places + sizes / 2
        assert (low > -1e-6).all()
        assert (high <= [found.width + 1e-6, found.height + 1e-6]).all()
        for i in range(count):
            others = np.arange(count) != i
            clear = (high[i] <= low[others]) | (high[others] <= low[i])
            assert clear.any(axis=1).all()
        for (a, b), way in zip(arrows, found.ways, strict=True):
            assert way[0, 1] == pytest.approx(high[a, 1])
            assert way[-1, 1] == pytest.approx(low[b, 1])
            assert (np.diff(way[:, 1]) >= -1e-6).all()
    assert layered([], []).places.shape == (0, 2)


def test_layout_crosses_no_more_than_it_must():
    """0 to 3 and 1 to 2 cross as they are numbered, and need not."""
    found = layered([(10, 10)] * 4, [(0, 3), (1, 2)])
    assert (found.places[0, 0] < found.places[1, 0]) == (
        found.places[3, 0] < found.places[2, 0]
    )


# The loss over the weights ------------------------------------------------------------


def line(frozen=False):
    """A line w x + b with w = 1, b = 0, on two rows of 2 x + 1."""
    model = linear([1.0], [0.0], None, "mse", inputs=1)
    model.layers[0].trainable = not frozen
    return model, np.array([[0.0], [1]]), np.array([1.0, 3])


def test_loss_surface_is_the_loss(tmp_path, monkeypatch):
    model, x, y = line()
    before = model.get_weights()
    ax = saved(
        plots.loss_surface(model, x, y, np.eye(2)[::-1], side=5, span=1), tmp_path
    )
    assert ax.get_legend().get_texts()[0].get_text() == "the model"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("along $d_1$", "along $d_2$")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    # Weights lie as (bias, kernel): at b = 1, w = 2 the loss is 0, its least.
    tables = []
    keep = lambda ax, lines, table, pale: tables.append(table)  # noqa: E731
    monkeypatch.setattr("onefit.plots.surface._heights", keep)
    plots.loss_surface(model, x, y, np.eye(2), side=5, span=1)
    b, w = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(0, 2, 5))
    worked = ((b - 1) ** 2 + (w + b - 3) ** 2) / 2
    np.testing.assert_allclose(tables[0], worked, atol=1e-5)


def test_optimizer_paths(tmp_path):
    model, x, y = line()
    before = model.get_weights()
    optimizers = {"down": SGD(0.1), "off": SGD(1e9), "adam": Adam(0.1)}
    paths = plots.optimizer_paths(model, x, y, optimizers, epochs=6)
    # Errors -1 and -2: dJ/db = -3, dJ/dw = -2; a step of 0.1 from (0, 1).
    np.testing.assert_allclose(paths["down"][:2], [[0, 1], [0.3, 1.2]], rtol=1e-6)
    assert paths["down"].shape == (7, 2)
    assert 1 <= len(paths["off"]) < 7  # up to where it left the finite numbers
    assert model.history is None
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    del paths["off"]
    ax = saved(plots.loss_surface(model, x, y, paths=paths, side=5), tmp_path)
    assert "100 % of the paths' movement" in ax.get_title()
    assert texts(ax)[-1].startswith("start: loss 2.5")
    walked = ax.get_lines()[0].get_xydata()
    lengths = np.linalg.norm(np.diff(paths["down"], axis=0), axis=1)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(walked, axis=0), axis=1), lengths, rtol=1e-3, atol=1e-5
    )


def test_paths_are_named_and_leave_the_seed():
    model, x, y = line()
    onefit.utils.set_random_seed(5)
    first = onefit.config.new_seed()
    onefit.utils.set_random_seed(5)
    given = [SGD(0.1), SGD(0.1), SGD(0.1, momentum=0.9), "adam"]
    paths = plots.optimizer_paths(model, x, y, given, epochs=2, batch_size=1)
    assert onefit.config.new_seed() == first
    assert list(paths) == [
        "SGD, α = 0.1",
        "SGD, α = 0.1 (2)",
        "SGD, α = 0.1, momentum 0.9",
        "Adam, α = 0.001",
    ]
    np.testing.assert_array_equal(*list(paths.values())[:2])


def test_random_directions_are_as_large_as_the_weights(tmp_path):
    from onefit.plots.surface import _basis

    model = Sequential([Input((3,)), Dense(4), Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((2, 3))
    saved(plots.loss_surface(model, x, [1.0, 2], side=3), tmp_path)
    n = model.count_params()
    pair = _basis("test", model, "random", {}, np.zeros(n), 0)
    assert pair.shape == (2, n)
    # Leaves lie by name: bias, kernel. Each unit's kernel keeps its length.
    kernel = model.get_weights()[0]
    drawn = pair[0][4:16].reshape(3, 4)
    np.testing.assert_allclose(
        np.linalg.norm(drawn, axis=0), np.linalg.norm(kernel, axis=0), rtol=1e-5
    )
    np.testing.assert_array_equal(pair[0][:4], 0)  # as the biases are


def test_surface_of_frozen_and_straight_paths(tmp_path):
    model, x, y = line()
    straight = {"a": np.array([[0.0, 1], [1, 1], [2, 1]])}
    saved(plots.loss_surface(model, x, y, paths=straight, side=3), tmp_path)
    still = {"a": np.array([[0.0, 1]])}
    saved(plots.loss_surface(model, x, y, paths=still, side=3), tmp_path)


def test_loss_surface_refuses():
    model, x, y = line()
    with pytest.raises(ValueError, match=r"path 'a' of shape \(2, 3\); .*of 2 weights"):
        plots.loss_surface(model, x, y, paths={"a": np.ones((2, 3))})
    with pytest.raises(ValueError, match=r"directions of shape \(2, 3\); expected"):
        plots.loss_surface(model, x, y, np.ones((2, 3)))
    with pytest.raises(ValueError, match="directions='paths' without paths"):
        plots.loss_surface(model, x, y, "paths")
    with pytest.raises(ValueError, match="side=2; expected 3 points"):
        plots.loss_surface(model, x, y, side=2)
    with pytest.raises(ValueError, match="before compile"):
        plots.optimizer_paths(linear([1.0], [0], inputs=1), x, y)
    with pytest.raises(ValueError, match="Unknown optimizer 'sdg'"):
        plots.optimizer_paths(model, x, y, ["sdg"])


# All of them --------------------------------------------------------------------------


def test_drawn_on_the_axes_given():
    from matplotlib.figure import Figure

    model, x, y = line()
    model2 = linear([1, 0], [-0.5], "sigmoid")
    for draw in (
        lambda ax: plots.decision_boundary(model2, *XOR, ax=ax),
        lambda ax: plots.confusion_matrix([0, 1], [0, 1], ax=ax),
        lambda ax: plots.network(model, ax=ax),
        lambda ax: plots.finding(finding(loss=[1, 2]), ax=ax),
        lambda ax: plots.activation_functions("relu", ax=ax),
        lambda ax: plots.loss_surface(model, x, y, side=3, ax=ax),
    ):
        ax = Figure().subplots()
        assert draw(ax) is ax
