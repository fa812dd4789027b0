"""One step of each optimizer: the numbers shown are those of training."""

import numpy as np
import pytest

import onefit
from onefit import Input, Sequential, optimizers
from onefit.guide.trace import trace
from onefit.layers import Dense

X, Y = onefit.datasets.xor()

OPTIMIZERS = [
    optimizers.SGD(0.1),
    optimizers.SGD(0.1, momentum=0.9),
    optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    optimizers.RMSprop(0.01),
    optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    optimizers.Adagrad(0.1),
    optimizers.Adadelta(1.0),
    optimizers.Adam(0.01),
    optimizers.Adam(0.01, amsgrad=True, clipnorm=0.01),
    optimizers.AdamW(0.01, weight_decay=0.1),
    optimizers.Adamax(0.01),
    optimizers.Nadam(0.01),
    optimizers.Lion(0.01),
    optimizers.Ftrl(
        0.1, l1_regularization_strength=0.001, l2_regularization_strength=0.01
    ),
    optimizers.Lamb(0.01),
    optimizers.Adafactor(0.01),
    optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 1, 0.5), clipvalue=0.01),
]
WITHOUT_FORMULA = ("Lamb", "Adafactor")


def small(optimizer, **told):
    onefit.utils.set_random_seed(1)
    model = Sequential([Input((2,)), Dense(2, "tanh", **told), Dense(1, "sigmoid")])
    model.compile(optimizer, "binary_crossentropy")
    return model


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_new_weights_are_those_of_train_on_batch(optimizer):
    model = small(optimizer)
    for _ in range(2):  # from the first step, and going on from the second's state
        step = trace(model, X, Y).step()
        text = step.text()
        assert max(map(len, text.splitlines())) <= 88
        if type(optimizer).__name__ not in WITHOUT_FORMULA:
            worked = text.partition("One weight")[2].partition("All weights")[0]
            assert "w := w + (" not in worked or "· " in worked, worked
            assert len(worked.splitlines()) > 4 or "w - α·g" in worked, worked
        model.train_on_batch(X, Y)
        for new, own in zip(model.get_weights(), step.get_weights(), strict=True):
            # Equal but for how XLA fuses a clipped gradient.
            np.testing.assert_allclose(new, own, rtol=3e-7, atol=0)
    assert step.t == 2


def test_adam_by_hand():
    # g = -1/2 (see test_trace: z = 0, y = 1, x = 1); m = 0.1·g = -0.05,
    # v = 0.001·g² = 0.00025, αₜ = 0.1·√0.001/0.1, w := 0 + 0.1·0.05/0.5·... = 0.1.
    model = Sequential([Input((1,)), Dense(1, "sigmoid", use_bias=False, name="d")])
    model.set_weights([[[0.0]]])
    model.compile(optimizers.Adam(0.1), "binary_crossentropy")
    step = trace(model, [[1.0]], [[1.0]]).step()
    text = str(step)
    assert "m := β₁·m + (1 - β₁)·g = 0.9·0 + 0.1·(-0.5) = -0.05" in text
    assert "v := β₂·v + (1 - β₂)·g² = 0.999·0 + 0.001·(-0.5)² = 0.00025" in text
    assert "αₜ = α·√(1 - β₂ᵗ)/(1 - β₁ᵗ) = 0.1·√(1 - 0.999^1)/(1 - 0.9^1)" in text
    np.testing.assert_allclose(step.weights["d"]["kernel"], [[0.1]], rtol=1e-5)
    assert step.before["d"]["kernel"] == 0
    assert step.gradients["d"]["kernel"] == -0.5
    assert (step.alpha, step.t) == (pytest.approx(0.1), 1)


def test_decay_clipping_and_constraints_are_shown():
    told = {"kernel_constraint": "non_neg"}
    model = small(optimizers.SGD(0.5, clipvalue=0.001, weight_decay=0.1), **told)
    step = trace(model, X, Y).step()
    text = step.text(layer=1, weight="kernel")
    assert "g := clipped = " in text
    assert "w := w - α·λ·w = " in text
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], step.get_weights()[0])
    assert (step.weights["dense"]["kernel"] >= 0).all()
    low = np.unravel_index(step.before["dense"]["kernel"].argmin(), (2, 2))
    assert "w := held by its constraint = 0" in step.text(1, "kernel", low)


def test_accumulated_gradients_wait():
    model = small(optimizers.SGD(0.1, gradient_accumulation_steps=2))
    first = trace(model, X, Y).step()
    assert "averaged over 2 calls; this is number 1" in str(first)
    np.testing.assert_array_equal(first.get_weights()[0], model.get_weights()[0])
    model.train_on_batch(X, Y)
    second = trace(model, X[:2], Y[:2]).step()
    assert "g := mean of 2 gradients = " in str(second)
    model.train_on_batch(X[:2], Y[:2])
    np.testing.assert_array_equal(second.get_weights()[0], model.get_weights()[0])


def test_another_optimizer_starts_anew():
    model = small("adam")
    model.train_on_batch(X, Y)
    seen = trace(model, X, Y)
    assert seen.step().t == 2
    other = seen.step("sgd")
    assert other.t == 1
    W, dW = other.before["dense"]["kernel"], seen["dense"].dW
    np.testing.assert_allclose(
        other.weights["dense"]["kernel"], W - np.float32(0.01) * dW, rtol=1e-6
    )
    assert type(model.optimizer).__name__ == "Adam"


def test_a_frozen_layer_stays():
    model = small("adam", trainable=False)
    seen = trace(model, X, Y)
    step = seen.step()
    np.testing.assert_array_equal(step.weights["dense"]["kernel"], seen["dense"].W)
    assert "frozen: w stays as it is" in step.text(layer="dense")
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[2], step.get_weights()[2])


def test_one_weight_can_be_chosen():
    step = trace(small("adam"), X, Y).step()
    assert "w = w₁₂[¹] = " in step.text(layer=1, weight="kernel", index=(1, 0))
    assert "w = b₂[¹] = " in step.text(layer="dense", weight="bias", index=1)
    with pytest.raises(ValueError, match=r"weight='kernal'; expected one of 'kernel'"):
        step.text(layer=1, weight="kernal")
    with pytest.raises(ValueError, match=r"index=\(2, 0\); expected a place in kernel"):
        step.text(layer=1, weight="kernel", index=(2, 0))
    assert "<details" in step._repr_html_()
    assert r"\begin{align*}" in step.to_latex()
    assert repr(step) == "<Step 1 of Adam>"
