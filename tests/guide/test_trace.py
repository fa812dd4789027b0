"""The glass box: numbers worked by hand, jax.grad as the oracle, finite differences.

The network worked by hand is 2-2-1 with sigmoids and one example:

    x = (1, 0), y = 1
    W1 = [[0, 1], [2, 0]], b1 = (0, -1): z1 = (0·1 + 2·0 + 0, 1·1 + 0·0 - 1) = (0, 0)
    a1 = (σ(0), σ(0)) = (1/2, 1/2)
    W2 = [[2], [-2]], b2 = 0: z2 = 2·1/2 - 2·1/2 = 0, a2 = 1/2

    L = -log(1/2) = log 2 = J
    dJ/da2 = (a - y)/(a(1 - a)) = (-1/2)/(1/4) = -2
    dJ/dz2 = a - y = -1/2
    dJ/dW2 = dJ/dz2·a1 = (-1/4, -1/4), dJ/db2 = -1/2
    dJ/da1 = dJ/dz2·w = (-1/2·2, -1/2·-2) = (-1, 1)
    dJ/dz1 = dJ/da1·a1(1 - a1) = (-1/4, 1/4)
    dJ/dW1 = x·dJ/dz1 = [[-1/4, 1/4], [0, 0]], dJ/db1 = (-1/4, 1/4)
    dJ/dx = W1·dJ/dz1 = (0·-1/4 + 1·1/4, 2·-1/4 + 0) = (1/4, -1/2)
"""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential, config
from onefit.guide.trace import trace
from onefit.layers import (
    GRU,
    LSTM,
    Activation,
    Add,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Masking,
    MaxPooling2D,
    MultiHeadAttention,
    ReLU,
    Softmax,
)
from onefit.training.prepare import read_rows
from onefit.training.targets import fit_targets

LOG2 = float(np.log(2.0))


@pytest.fixture(scope="module")
def hand():
    model = Sequential(
        [
            Input((2,)),
            Dense(2, "sigmoid", name="hidden"),
            Dense(1, "sigmoid", name="out"),
        ]
    )
    model.set_weights([[[0, 1], [2, 0]], [0, -1], [[2], [-2]], [0]])
    model.compile("sgd", "binary_crossentropy")
    return trace(model, [[1.0, 0.0]], [[1.0]])


def near(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


# By hand ------------------------------------------------------------------------------


def test_forward_by_hand(hand):
    near(hand["hidden"].input, [[1, 0]])
    near(hand["hidden"].z, [[0, 0]])
    near(hand["hidden"].a, [[0.5, 0.5]])
    near(hand["out"].input, [[0.5, 0.5]])
    near(hand["out"].z, [[0]])
    near(hand["out"].a, [[0.5]])
    near(hand.J, LOG2)
    near(hand.outputs[0].values, [LOG2])
    near(hand.outputs[0].shares, [1])


def test_backward_by_hand(hand):
    near(hand["out"].da, [[-2]])
    near(hand["out"].dz, [[-0.5]])
    near(hand["out"].dW, [[-0.25], [-0.25]])
    near(hand["out"].db, [-0.5])
    near(hand["hidden"].da, [[-1, 1]])
    near(hand["hidden"].dz, [[-0.25, 0.25]])
    near(hand["hidden"].gradients["kernel"], [[-0.25, 0.25], [0, 0]])
    near(hand["hidden"].gradients["bias"], [-0.25, 0.25])
    near(hand.dx, [[0.25, -0.5]])


def test_layers_are_found_by_name_and_by_number(hand):
    assert hand[1] is hand["hidden"] is hand.calls[0]
    assert hand[2] is hand["out"]
    assert [call.number for call in hand] == [1, 2]
    assert hand["out"].sources == ("hidden",)


def test_the_text_has_the_formulas_with_the_numbers_put_in(hand):
    text = str(hand)
    for line in (
        "a[⁰] = x = (1, 0)",
        "z₁[¹] = w₁[¹] · a[⁰] + b₁[¹] = 0·1 + 2·0 + 0 = 0",
        "z₂[¹] = w₂[¹] · a[⁰] + b₂[¹] = 1·1 + 0·0 + (-1) = 0",
        "a₁[¹] = σ(z₁[¹]) = 1/(1 + e^0) = 0.5",
        "z₁[²] = w₁[²] · a[¹] + b₁[²] = 2·0.5 + (-2)·0.5 + 0 = 0",
        "L⁽¹⁾ = -y log a - (1 - y) log(1 - a) = -log(0.5) = 0.69315   (y = 1)",
        "= (0.5 - 1)/(0.5(1 - 0.5)) = -2",
        "= a₁[²] - y = 0.5 - 1 = -0.5",
        "dJ/dw₁₂[²] = dJ/dz₁[²] · a₂[¹] = (-0.5)·0.5 = -0.25",
        "dJ/da₂[¹] = w₁₂[²]·dJ/dz₁[²] = (-2)·(-0.5) = 1",
        "dJ/dz₂[¹] = dJ/da₂[¹] · g'(z₂[¹]) = 1 · 0.5(1 - 0.5) = 0.25",
        "dJ/db₁[¹] = dJ/dz₁[¹] = -0.25",
    ):
        assert line in text, f"{line}\nis not in\n{text}"


def test_two_examples_share_the_cost():
    # z = w·x with w = 1: (1, -1); a - y = (σ(1) - 1, σ(-1) - 0) = (-q, q), q = σ(-1);
    # J = (1/2) Σ L, dJ/dz = (-q/2, q/2), dJ/dw = -q/2·1 + q/2·(-1) = -q.
    model = Sequential([Input((1,)), Dense(1, "sigmoid", use_bias=False, name="out")])
    model.set_weights([[[1.0]]])
    model.compile("sgd", "binary_crossentropy")
    seen = trace(model, [[1.0], [-1.0]], [[1.0], [0.0]])
    q = 1 / (1 + np.e)
    near(seen["out"].dz, [[-q / 2], [q / 2]])
    near(seen["out"].dW, [[-q]])
    assert seen["out"].db is None
    text = seen.text(example=2)
    assert "dJ/dz₁[¹]⁽²⁾" in text
    assert "= (a₁[¹] - y)/m = (0.26894 - 0)/2 = 0.13447" in text
    assert "Σᵢ dJ/dz₁[¹]⁽ⁱ⁾ · a₁[⁰]⁽ⁱ⁾" in text
    # Weighted by (3, 1): shares 3/2 and 1/2.
    weighed = trace(model, [[1.0], [-1.0]], [[1.0], [0.0]], [3.0, 1.0])
    near(weighed.outputs[0].shares, [1.5, 0.5])
    near(weighed["out"].dz, [[-1.5 * q], [0.5 * q]])


def test_softmax_has_the_lectures_slopes():
    # Logits 0: a = (1/3, 1/3, 1/3); y = 1: dJ/dz = a - y, dJ/da = (0, -1/a, 0).
    model = Sequential([Input((1,)), Dense(3, "softmax", name="out")])
    model.set_weights([[[1.0, 1.0, 1.0]], [0.0, 0.0, 0.0]])
    model.compile("sgd", "sparse_categorical_crossentropy")
    seen = trace(model, [[1.0]], [1])
    near(seen["out"].dz, [[1 / 3, -2 / 3, 1 / 3]])
    near(seen["out"].da, [[0, -3, 0]])
    text = str(seen)
    assert "y = 1, class 1 is unit 2" in text
    assert "L⁽¹⁾ = -log a_y = -log(0.33333) = 1.0986" in text
    assert "dJ/da₂[¹] = -y₂/a₂[¹] = -1/0.33333 = -3" in text


def test_penalties_stand_apart():
    # w = 2, x = 1, y = 2: no loss; J = 0.1·2² = 0.4 and dJ/dw = 2·0.1·2 = 0.4.
    dense = Dense(1, use_bias=False, kernel_regularizer=onefit.regularizers.L2(0.1))
    model = Sequential([Input((1,)), dense])
    model.set_weights([[[2.0]]])
    model.compile("sgd", "mse")
    seen = trace(model, [[1.0]], [[2.0]])
    near(seen.J, 0.4)
    near(seen.data, 0)
    near(seen[1].dW, [[0.4]])
    near(seen[1].shares["kernel"], [[0]])
    text = str(seen)
    assert "Ω[¹] = 0.1·Σ w·w = 0.1·4 = 0.4" in text
    assert "+ dΩ/dw₁₁[¹] = 0·1 + 0.4 = 0.4" in text


# jax.grad as the oracle ---------------------------------------------------------------


def _shared():
    a, b = Input((3,), name="left"), Input((3,), name="right")
    twin = Dense(4, "tanh", name="twin")
    h, total = Concatenate()([twin(a), twin(b)]), Add()([twin(a), twin(b)])
    ends = {"cls": Dense(2, "softmax", name="cls")(h), "num": Dense(1)(total)}
    return Model([a, b], ends)


def _nested():
    inner = Sequential([Input((3,)), Dense(4, "relu"), Dense(3, "tanh")], name="inner")
    x = Input((3,))
    return Model(x, Dense(1, "sigmoid")(inner(inner(x))))


def _branches():
    x = Input((4,), dtype="int32")
    e = Embedding(5, 3, mask_zero=True)(x)
    h = Bidirectional(GRU(2, return_sequences=True))(e)
    return Model(x, Dense(1, "sigmoid")(GlobalAveragePooling1D()(h)))


RNG = np.random.default_rng(0)
THREE = RNG.normal(size=(4, 3)).astype("float32")
IMAGES = RNG.normal(size=(4, 6, 6, 1)).astype("float32")
STEPS = RNG.normal(size=(4, 5, 3)).astype("float32")
STEPS[0, 3:] = 0
TOKENS = np.array([[1, 2, 3, 0], [4, 0, 0, 0], [1, 1, 1, 1], [2, 3, 0, 0]])
YES = np.array([[0.0], [1], [1], [0]], "float32")
CLASSES = np.array([0, 1, 2, 1])

NETWORKS = {
    "shared, two outputs": (
        _shared,
        {"cls": "sparse_categorical_crossentropy", "num": "mse"},
        [THREE, THREE[::-1]],
        {"cls": CLASSES % 2, "num": YES},
        {},
    ),
    "a model in a model, twice": (_nested, "bce", THREE, YES, {}),
    "embedding, bidirectional, mask": (_branches, "bce", TOKENS, YES, {}),
    "convolution": (
        lambda: Sequential(
            [
                Input((6, 6, 1)),
                Conv2D(2, 3, activation="relu"),
                MaxPooling2D(),
                Flatten(),
                Dense(3, "softmax"),
            ]
        ),
        "sparse_categorical_crossentropy",
        IMAGES,
        CLASSES,
        {},
    ),
    "batch normalisation, training": (
        lambda: Sequential(
            [
                Input((3,)),
                Dense(4, kernel_regularizer="l1"),
                BatchNormalization(),
                Activation("tanh"),
                Dropout(0.5),
                Dense(1),
            ]
        ),
        "mae",
        THREE,
        YES,
        {"training": True},
    ),
    "masked lstm, weights of samples": (
        lambda: Sequential([Input((5, 3)), Masking(), LSTM(3), Dense(3), Softmax()]),
        "sparse_categorical_crossentropy",
        STEPS,
        CLASSES,
        {"sample_weight": np.array([1.0, 2.0, 0.0, 0.5])},
    ),
    "a step each, activity, layers of activation": (
        lambda: Sequential(
            [
                Input((5, 3)),
                Masking(),
                Dense(4, "tanh", activity_regularizer=onefit.regularizers.L2(0.1)),
                ReLU(negative_slope=0.1),
                Dense(1, "sigmoid"),
            ]
        ),
        "bce",
        STEPS,
        RNG.integers(0, 2, (4, 5, 1)).astype("float32"),
        {},
    ),
    "focal, logits": (
        lambda: Sequential([Input((3,)), Dense(3, "elu"), Dense(1)]),
        onefit.losses.BinaryFocalCrossentropy(from_logits=True),
        THREE,
        YES,
        {},
    ),
}


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda name: name)
def network(request):
    build, loss, x, y, told = NETWORKS[request.param]
    onefit.utils.set_random_seed(3)
    model = build()
    model.compile("adam", loss)
    return model, x, y, told, trace(model, x, y, **told)


def test_gradients_are_those_of_training(network):
    model, x, y, told, seen = network
    batch = read_rows(model, x, y, told.get("sample_weight"), "fit")
    task = model.task(batch)
    batch = fit_targets(task, batch)
    slot, training = model.graph.slot, told.get("training", False)

    @jax.jit
    def costs(params):
        key = jax.random.fold_in(jax.random.key(np.uint32(0)), 0) if training else None
        return task.cost(params, slot.state, batch, training=training, key=key)[0]

    J, gradient = jax.value_and_grad(costs)(slot.params)
    near(seen.J, J)
    for call in seen:
        own = gradient
        for step in call.path:
            own = own[step]
        assert list(call.gradients) == list(call.weights)
        for name, g in call.gradients.items():
            np.testing.assert_allclose(g, own[name], rtol=1e-5, atol=1e-6)


def test_every_gradient_agrees_with_finite_differences(network):
    seen = network[-1]
    checked = seen.verify(sample=6)
    assert checked.ok, checked
    assert checked
    kinds = {check.name.rpartition(".")[2] for check in checked.checks}
    assert {"z", "kernel"} <= kinds
    assert "OK: " in repr(checked)
    assert max(map(len, repr(checked).splitlines())) <= 88
    assert config.floatx() == "float32"


def test_every_face_is_written(network):
    seen = network[-1]
    text = str(seen)
    assert max(map(len, text.splitlines())) <= 88
    assert "nan" not in text
    html = seen._repr_html_()
    for tag in ("details", "div", "span", "table", "sub", "sup", "summary"):
        opened = len(re.findall(rf"<{tag}[ >]", html))
        assert opened == html.count(f"</{tag}>")
    assert "<script" not in html
    assert "http" not in html
    _balanced(seen.to_latex())
    last = seen.calls[-1].name
    assert seen.latex(layer=last) == seen.to_latex(layer=last)


def test_nothing_of_the_model_changes(network):
    model, x, y, told, seen = network
    onefit.utils.set_random_seed(5)
    before = model.get_weights()
    seed = np.random.SeedSequence(5).spawn(1)[0].generate_state(1)[0]
    again = trace(model, x, y, **told)
    again.step()
    again.verify(sample=1)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer_state is None
    assert config.new_seed() == seed
    assert again.J == seen.J


def _balanced(latex):
    assert latex.isascii()
    assert latex.count(r"\begin{") == latex.count(r"\end{")
    for name in re.findall(r"\\begin\{(.*?)\}", latex):
        assert name in ("align*", "tabular")
    bare = re.sub(r"\\[{}%]", "", latex)
    assert bare.count("{") == bare.count("}")
    for block in re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", latex, re.S):
        for row in block.strip().split("\\\\\n"):
            assert row.count("&") in (1, 3), row
            assert not re.search(r"\^\{[^{}]*\}\^|_\{[^{}]*\}_", row), row


def test_latex_can_be_parsed(hand):
    parser = pytest.importorskip("matplotlib.mathtext").MathTextParser("agg")
    latex = (
        hand.to_latex() + hand.step("adam").to_latex() + hand.step("ftrl").to_latex()
    )
    blocks = re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", latex, re.S)
    sides = {
        side.strip()
        for block in blocks
        for row in block.strip().split("\\\\\n")
        for side in re.split(r"&(?:&|:?=)", row)
    }
    assert len(sides) > 40
    for side in sides - {""}:
        if not side.startswith(r"\text{"):  # matplotlib's words know no formulas
            parser.parse(f"${side}$")


# What is special ----------------------------------------------------------------------


def test_calls_of_a_shared_layer_add_up():
    onefit.utils.set_random_seed(0)
    seen = trace(_compiled(_shared), [THREE, THREE], {"cls": CLASSES % 2, "num": YES})
    both = seen["twin:1"], seen["twin:2"]
    each = [call.shares["kernel"] for call in seen if call.kind == "Dense"][:2]
    each += [seen[f"twin:{i}"].shares["kernel"] for i in (3, 4)]
    near(sum(each), both[0].dW)
    near(both[0].a, both[1].a)
    assert both[1].sources == ("right",)
    with pytest.raises(ValueError, match=r"called 4 times; .*Write trace\['twin:1'\]"):
        seen["twin"]


def _compiled(build):
    model = build()
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    return model


def test_a_layer_of_activation_has_a_z():
    model = Sequential([Input((2,)), Dense(2, name="d"), ReLU(name="r"), Dense(1)])
    model.compile("sgd", "mse")
    seen = trace(model, [[1.0, -2.0], [0.5, 3.0]], [[1.0], [0.0]])
    near(seen["r"].z, seen["d"].a)
    near(seen["r"].a, np.maximum(seen["d"].a, 0))
    near(seen["r"].dz, seen["r"].da * (seen["r"].z > 0))
    near(seen["d"].da, seen["r"].dz)
    assert seen["d"].number == 1
    assert seen["r"].number is None
    assert seen[2].inputs == (1,)  # what comes in is a^[1] still


def test_without_targets_only_forward():
    model = Sequential([Input((2,)), Dense(1, name="d")])
    seen = trace(model, [[1.0, 2.0]])
    assert seen.J is None
    assert seen["d"].dz is None
    near(seen["d"].a, model.predict([[1.0, 2.0]], verbose=0))
    assert "Backward" not in str(seen)
    for face in (seen._repr_html_(), seen.to_latex()):
        assert "Backward" not in face
    for method in ("verify", "step"):
        with pytest.raises(
            ValueError, match=r"a cost J to differentiate\. Write model"
        ):
            getattr(seen, method)()


def test_float64_has_more_digits(hand):
    model = Sequential([Input((3,)), Dense(4, "tanh"), Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    seen = trace(model, THREE, YES, dtype="float64")
    assert seen[1].dW.dtype == np.float64
    assert config.floatx() == "float32"
    short = trace(model, THREE, YES)
    assert short[1].dW.dtype == np.float32
    near(seen[1].dW, short[1].dW)
    (W, b), (V, c) = (call.weights.values() for call in seen)
    a = np.tanh(THREE.astype(float) @ W + b)
    near(seen[2].a, 1 / (1 + np.exp(-(a @ V + c))))
    np.testing.assert_allclose(seen[1].a, a, rtol=1e-14)
    assert all(c.rounding is None for c in seen.verify().checks)


def test_training_takes_the_batchs_own_mean_and_drops_units():
    model = Sequential(
        [Input((3,)), BatchNormalization(), Dropout(0.5, name="drop"), Dense(1)]
    )
    model.compile("sgd", "mse")
    told = trace(model, THREE, YES, training=True)
    near(told[1].a.mean(0), [0, 0, 0])
    dropped = told["drop"].a == 0
    assert 0 < dropped.mean() < 1
    near(told["drop"].a[~dropped], 2 * told["drop"].input[~dropped])
    other = trace(model, THREE, YES, training=True, seed=1)
    assert (other["drop"].a != told["drop"].a).any()
    plain = trace(model, THREE, YES)
    near(plain["drop"].a, plain["drop"].input)
    near(plain.J, model.evaluate(THREE, YES, verbose=0))
    assert "training=True" in str(plain.step())
    assert "training=True" not in str(told.step())


def test_a_corner_is_no_error():
    # ReLU at z = 0: dJ/db is 0 to the left and not to the right.
    model = Sequential([Input((1,)), Dense(1, "relu", name="d"), Dense(1, name="o")])
    model.set_weights([[[1.0]], [0.0], [[1.0]], [0.0]])
    model.compile("sgd", "mse")
    checked = trace(model, [[0.0]], [[1.0]]).verify()
    found = {check.name: check for check in checked.checks}
    assert checked.ok
    assert found["d.bias"].kinks == 1
    assert found["o.bias"].kinks == 0
    assert "J has a corner" in repr(checked)


def test_a_wrong_gradient_is_found():
    @jax.custom_jvp
    def wrong(z):
        return jnp.sin(z)

    wrong.defjvp(lambda x, t: (jnp.sin(x[0]), 1.1 * jnp.cos(x[0]) * t[0]))
    model = Sequential([Input((3,)), Dense(2, activation=wrong, name="d"), Dense(1)])
    model.compile("sgd", "mse")
    checked = trace(model, THREE, YES).verify()
    assert not checked
    assert {c.name for c in checked.wrong} == {"d.kernel", "d.bias", "d.z", "x"}
    assert "WRONG at [" in repr(checked)
    assert 0.05 < checked.error < 0.15


def test_large_layers_are_shortened():
    model = Sequential([Input((40,)), Dense(30, "relu", name="wide"), Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(16, 40))
    seen = trace(model, x, np.ones((16, 1)))
    text = str(seen)
    assert len(text.splitlines()) < 100
    assert "units 1 to 2 of 30; another: trace.text(layer='wide', unit=30)" in text
    assert "… (36 smaller)" in text
    one = seen.text(layer="wide", unit=30, example=3, terms=40)
    assert "z₃₀[¹] = w₃₀[¹] · a[⁰] + b₃₀[¹]" in one
    assert "…" not in one.split("Backward")[0]
    assert "Loss" not in one


# Errors -------------------------------------------------------------------------------


def test_what_cannot_be_traced_is_refused(hand):
    model = Sequential([Dense(1)])
    with pytest.raises(
        ValueError, match=r"without weights; .*Begin the model with Inp"
    ):
        trace(model, [[1.0]])
    model = Sequential([Input((2,)), Dense(1, name="d")])
    with pytest.raises(
        ValueError, match=r"not compiled; expected a loss .*leave y out"
    ):
        trace(model, [[1.0, 2.0]], [1.0])
    with pytest.raises(TypeError, match=r"sample weights without targets"):
        trace(model, [[1.0, 2.0]], sample_weight=[1.0])
    with pytest.raises(ValueError, match=r"received 3 features"):
        trace(model, [[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match=r"dtype='half'; expected 'float32' or"):
        trace(model, [[1.0, 2.0]], dtype="half")
    with pytest.raises(TypeError, match=r"received a Dense; expected a model"):
        trace(Dense(1), [[1.0]])
    with pytest.raises(
        ValueError, match=r"Unknown layer in the trace 'hiden'. Did you"
    ):
        hand["hiden"]
    with pytest.raises(ValueError, match=r"layer number 0; expected 1 to 2"):
        hand[0]
    with pytest.raises(TypeError, match=r"expected a layer's name, or its number l"):
        hand[1.5]
    with pytest.raises(ValueError, match=r"example=2; expected 1 to 1"):
        hand.text(example=2)
    with pytest.raises(ValueError, match=r"unit=3; expected 1 to 2"):
        hand.text(layer=1, unit=3)


def test_attention_is_shown_by_its_shapes():
    x = Input((5, 4))
    h = MultiHeadAttention(2, 2, name="look")(x, x)
    model = Model(x, Dense(1)(GlobalAveragePooling1D()(h)))
    seen = trace(model, np.ones((2, 5, 4)))
    assert seen["look"].a.shape == (2, 5, 4)
    assert "MultiHeadAttention 'look': (2, 5, 4) and (2, 5, 4)" in str(seen)


@pytest.mark.parametrize("units", [1, 2])
def test_a_saturated_sigmoid_has_a_derivative(units):
    model = onefit.Sequential(
        [onefit.Input((1,)), onefit.layers.Dense(units, "sigmoid")]
    )
    model.set_weights([np.ones((1, units)), np.zeros(units)])
    model.compile("adam", "binary_crossentropy")
    x = np.array([[200.0], [-200.0], [1.0]])
    y = np.array([[1.0] * units, [0.0] * units, [0.0] * units])
    da = model.trace(x, y)["dense"].da
    share = 1 / (3 * units)
    a = 1 / (1 + np.exp(-1.0))
    wanted = [[-share] * units, [share] * units, [share / (1 - a)] * units]
    np.testing.assert_allclose(da, wanted, rtol=1e-5)


def test_a_saturated_softmax_has_a_derivative():
    model = onefit.Sequential([onefit.Input((1,)), onefit.layers.Dense(2, "softmax")])
    model.set_weights([np.array([[1.0, -1.0]]), np.zeros(2)])
    model.compile("adam", "sparse_categorical_crossentropy")
    da = model.trace(np.array([[200.0], [1.0]]), np.array([0, 0]))["dense"].da
    np.testing.assert_allclose(da[0], [-0.5, 0.0], rtol=1e-5)
    assert np.isfinite(da).all()
