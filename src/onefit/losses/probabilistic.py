# ruff: noqa: D102
"""Losses of probabilities: the cross-entropies, and their relatives.

A loss with a `link` takes probabilities a, or the logits z they are made of:
a = sigmoid(z) or softmax(z). From logits no digit is lost; probabilities are first
brought between 1e-7 and 1 - 1e-7, as in Keras.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from onefit.checks import whole
from onefit.config import epsilon
from onefit.description import Description, number, off, setting
from onefit.losses.base import Loss, losses
from onefit.losses.functions import per_example
from onefit.losses.shapes import (
    Labels,
    Losses,
    Values,
    hits,
    labelled,
    refuse_labels,
    same,
)
from onefit.types import Array, ArrayLike, Shape, Tree

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "KLDivergence",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "kl_divergence",
    "poisson",
    "sparse_categorical_crossentropy",
]


def _smoothed(y: Array, smoothing: float, classes: int) -> Array:
    """The targets moved towards equal probabilities: (1 - s) y + s / classes."""
    return y if off(smoothing) else y * (1 - smoothing) + smoothing / classes


def _power(base: Array, gamma: float) -> Any:
    """base^γ for a base from 0 to 1, with a finite gradient at 0 for every γ."""
    tiny = float(jnp.finfo(base.dtype).tiny)
    return 1.0 if off(gamma) else jnp.power(jnp.maximum(base, tiny), gamma)


def _clipped(a: Array) -> Array:
    return jnp.clip(a, epsilon(), 1 - epsilon())


def _binary(y: Array, a: Array, from_logits: bool) -> Array:
    """-y log a - (1 - y) log(1 - a)."""
    if from_logits:
        return _binary_from_logits(y, a)
    a = _clipped(a)
    return -y * jnp.log(a) - (1 - y) * jnp.log1p(-a)


@jax.custom_jvp
def _binary_from_logits(y: Array, z: Array) -> Array:
    """The same by z: log(1 + eᶻ) - y z, written so that eᶻ cannot overflow."""
    return jnp.maximum(z, 0) - y * z + jnp.log1p(jnp.exp(-jnp.abs(z)))


@_binary_from_logits.defjvp
def _binary_slope(primals: Tree, tangents: Tree) -> tuple[Array, Array]:
    """∂L/∂z = a - y and ∂L/∂y = -z.

    The rule costs half of what softplus's derivative does, and it has
    the right second derivative at z = 0, which max and |z| have not.
    """
    (y, z), (dy, dz) = primals, tangents
    return _binary_from_logits(y, z), (jax.nn.sigmoid(z) - y) * dz - z * dy


def _log_probabilities(a: Array, from_logits: bool, axis: int) -> Array:
    """The logarithm of a; from logits log softmax(z) = z - log Σ eᶻ."""
    if from_logits:
        return jax.nn.log_softmax(a, axis=axis)
    return jnp.log(_clipped(a / jnp.sum(a, axis=axis, keepdims=True)))


def _factors(value: object) -> object:
    return np.asarray(value, float) if isinstance(value, list | tuple) else value


class _Smoothed(Description):
    """What losses share that take logits and pull labels to the middle."""

    from_logits: bool = False
    label_smoothing: float = number(default=0.0, minimum=0, maximum=1)
    axis: int = setting(default=-1, check=whole())


class BinaryCrossentropy(_Smoothed, Loss):
    """L = (1/n) Σᵢ -yᵢ log aᵢ - (1 - yᵢ) log(1 - aᵢ), aᵢ = P(y = 1 | x).

    Args:
        from_logits: Whether y_pred holds z rather than a = sigmoid(z).
        label_smoothing: s, 0 to 1: targets move towards ½, y := (1 - s) y + s/2.
        axis: The axis that is averaged.

    Input: y_true (0 or 1, or a probability) and y_pred of one shape, (batch, ..., n),
    to (batch, ...).

    Example:
        >>> binary_crossentropy([[1.0], [0.0]], [[0.8], [0.8]])  # -log 0.8, -log 0.2
        Array([0.2231, 1.6094], dtype=float32)
        >>> binary_crossentropy([[1.0]], [[-1e4]], from_logits=True)
        Array([10000.], dtype=float32)

    Source: lecture 000, "Multiclass Classification" (logistic regression).
    """

    compares = "binary"

    link: ClassVar[str | None] = "sigmoid"
    pair = same

    def formula(self, y: Array, a: Array) -> Array:
        y = _smoothed(y, self.label_smoothing, 2)
        return jnp.mean(_binary(y, a, self.from_logits), axis=self.axis)


class BinaryFocalCrossentropy(_Smoothed, Loss):
    """L = (1/n) Σᵢ (1 - pᵢ)^γ · BCEᵢ, where pᵢ = yᵢ aᵢ + (1 - yᵢ)(1 - aᵢ).

    The factor turns the easy examples down, whose true class is already probable.

    Args:
        apply_class_balancing: Whether class 1 is weighed by α, and class 0 by 1 - α.
        alpha: α.
        gamma: γ, 0 or more; 0 leaves the cross-entropy as it is.
        from_logits, label_smoothing, axis: As in `BinaryCrossentropy`.

    Example:
        >>> binary_focal_crossentropy([[1.0]], [[0.8]])  # 0.2² · 0.2231
        Array([0.0089], dtype=float32)

    Source: Lin et al., "Focal loss for dense object detection", 2017.
    """

    compares = "binary"

    _order = "apply_class_balancing alpha gamma"

    apply_class_balancing: bool = False
    alpha: float = number(default=0.25)
    gamma: float = number(default=2.0, minimum=0)

    link: ClassVar[str | None] = "sigmoid"
    pair = same

    def formula(self, y: Array, a: Array) -> Array:
        y = _smoothed(y, self.label_smoothing, 2)
        # 1 - a from logits is sigmoid(-z): by subtraction it would round to 0.
        one, zero = (
            (jax.nn.sigmoid(a), jax.nn.sigmoid(-a)) if self.from_logits else (a, 1 - a)
        )
        missed = y * zero + (1 - y) * one
        values = _power(missed, self.gamma) * _binary(y, a, self.from_logits)
        if self.apply_class_balancing:
            values = values * (y * self.alpha + (1 - y) * (1 - self.alpha))
        return jnp.mean(values, axis=self.axis)


class CategoricalCrossentropy(_Smoothed, Loss):
    """L = -Σⱼ yⱼ log aⱼ, over k classes, aⱼ = P(y = j | x).

    Args:
        from_logits: Whether y_pred holds z rather than a = softmax(z).
        label_smoothing: s, 0 to 1: targets move towards 1/k, y := (1 - s) y + s/k.
        axis: The axis of the classes.

    Input: y_true (one-hot rows, or probabilities) and y_pred of one shape,
    (batch, ..., k), to (batch, ...). Probabilities are divided by their sum.

    Differs from Keras: s/k counts the classes on `axis`, not on the last axis.

    Example:
        >>> a = [[0.30, 0.20, 0.15, 0.35]]
        >>> categorical_crossentropy([[1, 0, 0, 0]], a)  # -log 0.30
        Array([1.204], dtype=float32)
        >>> categorical_crossentropy([[0, 0, 0, 1]], a)  # -log 0.35
        Array([1.0498], dtype=float32)

    Source: lecture 003, "Loss function of Multiclass Classification".
    """

    compares = "categorical"

    link: ClassVar[str | None] = "softmax"
    pair = same

    def formula(self, y: Array, a: Array) -> Array:
        log_a = _log_probabilities(a, self.from_logits, self.axis)
        y = _smoothed(y, self.label_smoothing, a.shape[self.axis])
        return -jnp.sum(y * log_a, axis=self.axis)


class CategoricalFocalCrossentropy(_Smoothed, Loss):
    """L = -Σⱼ α (1 - aⱼ)^γ yⱼ log aⱼ.

    Args:
        alpha: α, one number or one for each class.
        gamma: γ, 0 or more; 0 leaves α times the cross-entropy.
        from_logits, label_smoothing, axis: As in `CategoricalCrossentropy`.

    Example:
        >>> a = [[0.30, 0.20, 0.15, 0.35]]
        >>> categorical_focal_crossentropy([[1, 0, 0, 0]], a)  # 0.25 · 0.7² · 1.204
        Array([0.1475], dtype=float32)

    Source: Lin et al., "Focal loss for dense object detection", 2017.
    """

    compares = "categorical"

    _order = "alpha gamma"

    alpha: Any = number(default=0.25, convert=_factors)
    gamma: float = number(default=2.0, minimum=0)

    link: ClassVar[str | None] = "softmax"
    pair = same

    def formula(self, y: Array, a: Array) -> Array:
        log_a = _log_probabilities(a, self.from_logits, self.axis)
        y = _smoothed(y, self.label_smoothing, a.shape[self.axis])
        factor = self.alpha * _power(-jnp.expm1(log_a), self.gamma)
        return -jnp.sum(factor * y * log_a, axis=self.axis)


class SparseCategoricalCrossentropy(Loss):
    """L = -log a_y: the cross-entropy of class numbers y = 0, 1, ..., k - 1.

    Args:
        from_logits: Whether y_pred holds z rather than a = softmax(z).
        ignore_class: A label (such as -1 or 255) whose rows have loss 0 and count in
            no mean; None for none.
        axis: The axis of the classes in y_pred.

    Input: y_true (batch, ...) or (batch, ..., 1) and y_pred (batch, ..., k), to
    (batch, ...). Labels may be whole numbers of a float type.

    Raises:
        ValueError: Called with a label outside 0 to k - 1. Inside a program a label
            cannot be looked at, and such a row has the loss 0, as in Keras.

    Differs from Keras: the classes may lie on any axis.

    Example:
        >>> a = [[0.30, 0.20, 0.15, 0.35]]
        >>> sparse_categorical_crossentropy([2], a)  # -log 0.15
        Array([1.8971], dtype=float32)

    Source: lecture 000, "Multiclass Classification" (crossentropy loss).
    """

    compares = "sparse"

    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = setting(default=-1, check=whole())

    link: ClassVar[str | None] = "softmax"
    pair = labelled

    def formula(self, y: Array, a: Array) -> Array:
        valid = self.mask(y, a)
        if valid is not None:
            # Nothing of an ignored row is computed on: its outputs may be anything.
            a = jnp.where(jnp.expand_dims(valid, self.axis), a, 1.0)
        log_a = _log_probabilities(a, self.from_logits, self.axis)
        hit = hits(y, a.shape[self.axis], self.axis)
        values = -jnp.sum(jnp.where(hit, log_a, 0.0), axis=self.axis)
        return values if valid is None else jnp.where(valid, values, 0.0)

    def mask(self, y_true: Array, y_pred: Array) -> Array | None:
        y, _ = self.pair(y_true, y_pred)
        return None if self.ignore_class is None else y != self.ignore_class

    def check(self, y_true: ArrayLike, shape: Shape) -> None:
        refuse_labels(self, y_true, shape, self.axis, self.ignore_class)


class CategoricalGeneralizedCrossEntropy(Loss):
    """L = (1 - a_y^q) / q, of class numbers y: between 1 - a_y and -log a_y.

    The nearer q is to 1, the less a wrong label in the data pulls.

    Args:
        q: Above 0 and below 1.

    Input: y_true (batch, ...) or (batch, ..., 1) and y_pred (batch, ..., k), to
    (batch, ...).

    Differs from Keras: the gradient at a_y = 0 is finite, and y_true may be (batch, 1).

    Example:
        >>> a = [[0.36, 0.64]]
        >>> categorical_generalized_cross_entropy([1], a, q=0.5)  # (1 - 0.8) / 0.5
        Array([0.4], dtype=float32)

    Source: Zhang and Sabuncu, "Generalized cross entropy loss for training deep neural
    networks with noisy labels", 2018.
    """

    compares = "categorical"

    q: float = number(default=0.5, above=0, below=1)

    pair = labelled

    def formula(self, y: Labels, a: Values) -> Losses:
        p = jnp.sum(jnp.where(hits(y, a.shape[-1]), a, 0.0), axis=-1)
        return (1 - _power(p, self.q)) / self.q

    def check(self, y_true: ArrayLike, shape: Shape) -> None:
        refuse_labels(self, y_true, shape)


class KLDivergence(Loss):
    """L = Σⱼ yⱼ log(yⱼ / aⱼ): how far probabilities a are from y; 0 where they agree.

    Example:
        >>> kl_divergence([0.5, 0.5], [0.25, 0.75])  # ½ log 2 + ½ log ⅔
        Array(0.1438, dtype=float32)
    """

    compares = "probabilities"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        y, a = (jnp.clip(v, epsilon(), 1) for v in (y, a))
        return jnp.sum(y * jnp.log(y / a), axis=-1)


class Poisson(Loss):
    """L = (1/n) Σᵢ ŷᵢ - yᵢ log(ŷᵢ + 1e-7), for counts y with mean ŷ.

    Example:
        >>> round(float(poisson([3.0], [1.0])), 4)  # 1 - 3 log 1
        1.0
    """

    compares = "poisson"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        return jnp.mean(a - y * jnp.log(a + epsilon()), axis=-1)


binary_crossentropy = per_example(BinaryCrossentropy)
binary_focal_crossentropy = per_example(BinaryFocalCrossentropy)
categorical_crossentropy = per_example(CategoricalCrossentropy)
categorical_focal_crossentropy = per_example(CategoricalFocalCrossentropy)
sparse_categorical_crossentropy = per_example(SparseCategoricalCrossentropy)
categorical_generalized_cross_entropy = per_example(CategoricalGeneralizedCrossEntropy)
kl_divergence = per_example(KLDivergence)
poisson = per_example(Poisson)

losses.add(
    bce=BinaryCrossentropy,
    BCE=BinaryCrossentropy,
    kld=KLDivergence,
    KLD=KLDivergence,
    kullback_leibler_divergence=KLDivergence,
)
