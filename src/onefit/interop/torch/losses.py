"""torch's losses: means over all numbers, and what their settings change.

Where one of onefit's losses gives the same numbers, that one is used: it checks the
targets, and whether outputs are probabilities or logits. The others are defined here.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from onefit import losses
from onefit.description import setting
from onefit.errors import invalid, mistyped
from onefit.losses.base import Loss
from onefit.losses.resolving import as_loss
from onefit.losses.shapes import floats, hits, same
from onefit.types import Array, Function, Scalar

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.nn.modules.loss import _Loss

__all__ = ["NAMES", "translated"]

Numbers: TypeAlias = float | tuple[float, ...]
"""A setting of a loss: a number, or a tensor as a tuple."""


class _Numbers(Loss):
    """A formula of each number: J is its mean, or its sum, over all numbers."""

    formula: Any = setting()
    numbers: Any = ()

    pair = same

    def call(self, y_true: Array, y_pred: Array) -> Array:
        y, a = self.pair(y_true, y_pred)
        return self.formula(y, a, *map(_array, self.numbers))


class _Classes(Loss):
    """Cross-entropy of class numbers or probabilities, the classes along axis 1.

    J = Σ w_y·L / Σ w_y over the rows that are not ignored, and with smoothing s
    L = (1 − s)·(−log p_y) + s/k·Σⱼ wⱼ/w_y·(−log pⱼ). `call`
    returns J itself, already reduced, as in torch.
    """

    by_row = False

    logits: bool = True
    weights: Any = None
    ignored: int = -100
    smoothing: float = 0.0
    mean: bool = True

    def pair(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        return y_true, floats(self, y_pred)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        y, z = self.pair(y_true, y_pred)
        k = z.shape[1]
        log_p = jax.nn.log_softmax(z, axis=1) if self.logits else z
        w = jnp.ones(k, z.dtype) if self.weights is None else jnp.asarray(self.weights)
        w = w.astype(z.dtype).reshape(1, k, *(1,) * (z.ndim - 2))
        if y.shape == z.shape:  # probabilities of the classes
            y = y.astype(z.dtype) * (1 - self.smoothing) + self.smoothing / k
            total, size = -jnp.sum(w * y * log_p), z.size // k
            return total / size if self.mean else total
        if y.shape != (z.shape[0], *z.shape[2:]):
            raise invalid(
                "CrossEntropyLoss" if self.logits else "NLLLoss",
                f"targets of shape {y.shape} for an output of {z.shape}",
                f"class numbers of shape {(z.shape[0], *z.shape[2:])}",
                "write y.squeeze(1) for a column",
            )
        y = y.astype(jnp.int32)
        counts = (y != self.ignored).astype(z.dtype)
        hit = hits(y, k, 1)
        own = jnp.sum(jnp.where(hit, w, 0.0), axis=1) * counts
        each = -own * jnp.sum(jnp.where(hit, log_p, 0.0), axis=1)
        if self.smoothing:
            spread = -jnp.sum(w * log_p, axis=1) * counts / k
            each = (1 - self.smoothing) * each + self.smoothing * spread
        total = jnp.sum(each)
        return total / jnp.sum(own) if self.mean else total


def _array(value: Numbers) -> Array | float:
    """A setting as an array, or as the one number that it is."""
    return jnp.asarray(value) if isinstance(value, tuple) else value


def _tuple(tensor: "torch.Tensor | None") -> tuple[float, ...] | None:
    """A tensor as a tuple, which a setting can be."""
    if tensor is None:
        return None
    return tuple(np.atleast_1d(tensor.detach().cpu().numpy()).tolist())


# Formulas -----------------------------------------------------------------------------


def _square(y: Array, a: Array) -> Array:
    return jnp.square(a - y)


def _absolute(y: Array, a: Array) -> Array:
    return jnp.abs(a - y)


def _huber(y: Array, a: Array, delta: Scalar, divided: Scalar) -> Array:
    e = jnp.abs(a - y)
    return jnp.where(e < delta, 0.5 * e * e, delta * (e - 0.5 * delta)) / divided


def _bce(y: Array, a: Array, weight: Array | float = 1.0) -> Array:
    """With logarithms of −100 at least, as torch has them."""
    one, zero = (jnp.maximum(jnp.log(p), -100.0) for p in (a, 1 - a))
    return -weight * (y * one + (1 - y) * zero)


def _bce_logits(
    y: Array, z: Array, weight: Array | float, positive: Array | float
) -> Array:
    one, zero = jax.nn.log_sigmoid(z), jax.nn.log_sigmoid(-z)
    return -weight * (positive * y * one + (1 - y) * zero)


def _soft_margin(y: Array, z: Array) -> Array:
    return jnp.logaddexp(0.0, -y * z)


def _poisson(y: Array, a: Array, logs: bool, full: bool, epsilon: Scalar) -> Array:
    values = jnp.exp(a) - y * a if logs else a - y * jnp.log(a + epsilon)
    if not full:
        return values
    big = jnp.maximum(y, 1.0)
    stirling = big * jnp.log(big) - big + 0.5 * jnp.log(2 * jnp.pi * big)
    return values + jnp.where(y > 1, stirling, 0.0)


def _divergence(y: Array, log_a: Array, logs: bool) -> Array:
    if logs:
        return jnp.exp(y) * (y - log_a)
    safe = jnp.where(y > 0, y, 1.0)
    return y * (jnp.log(safe) - log_a)


# From torch's losses to onefit's ------------------------------------------------------


def _of(formula: Function, loss: "_Loss", *values: Numbers) -> Loss:
    reduction = "sum" if loss.reduction == "sum" else "sum_over_batch_size"
    return _Numbers(formula, values, reduction=reduction)


def _regression(name: str, formula: Function) -> Function:
    def made(loss: "_Loss", ends: str, y: np.ndarray) -> Loss | None:
        mean = loss.reduction == "mean"
        return as_loss(name) if mean else _of(formula, loss)

    return made


def _bce_of(loss: "nn.BCELoss", ends: str, y: np.ndarray) -> Loss:
    if loss.weight is None and loss.reduction == "mean" and ends == "Sigmoid":
        return losses.BinaryCrossentropy()
    weight = [w for w in [_tuple(loss.weight)] if w is not None]
    return _of(_bce, loss, *weight)


def _bce_logits_of(loss: "nn.BCEWithLogitsLoss", ends: str, y: np.ndarray) -> Loss:
    _refuse_end(loss, ends, "Sigmoid")
    given = [_tuple(loss.weight), _tuple(loss.pos_weight)]
    if given == [None, None] and loss.reduction == "mean":
        return losses.BinaryCrossentropy(from_logits=True)
    return _of(_bce_logits, loss, *(1.0 if w is None else w for w in given))


def _cross_entropy_of(loss: "nn.CrossEntropyLoss", ends: str, y: np.ndarray) -> Loss:
    _refuse_end(loss, ends, "Softmax")
    plain = loss.weight is None and not loss.label_smoothing
    plain = plain and loss.reduction == "mean" and y.ndim == 1 and y.dtype.kind in "iu"
    if plain and not (y == loss.ignore_index).any():
        return losses.SparseCategoricalCrossentropy(from_logits=True)
    return _classes(loss, True, loss.label_smoothing)


def _classes(
    loss: "nn.CrossEntropyLoss | nn.NLLLoss", logits: bool, smoothing: float
) -> Loss:
    weights, mean = _tuple(loss.weight), loss.reduction == "mean"
    settings = (logits, weights, loss.ignore_index, smoothing, mean)
    return _Classes(*settings, reduction="sum")  # `call` has reduced it


def _kl_of(loss: "nn.KLDivLoss", ends: str, y: np.ndarray) -> Loss:
    if loss.reduction == "batchmean":
        # The sum over all numbers, by rows.
        return _Rows(_divergence, (loss.log_target,))
    return _of(_divergence, loss, loss.log_target)


class _Rows(_Numbers):
    """A formula of each number, summed over the numbers of a row."""

    def call(self, y_true: Array, y_pred: Array) -> Array:
        values = super().call(y_true, y_pred)
        return jnp.sum(values, axis=tuple(range(1, values.ndim)))


def _refuse_end(loss: "_Loss", ends: str, name: str) -> None:
    """Refuses probabilities where a loss takes logits, which would train badly."""
    if ends == name:
        kind = type(loss).__name__
        other = "BCELoss" if name == "Sigmoid" else "NLLLoss after LogSoftmax"
        raise invalid(
            "loss",
            f"{kind} of a module that ends in {name}",
            f"logits, since {kind} has the {name} in it",
            f"take the last module away, or write {other}",
        )


LOSSES: dict[str, Function] = {
    "BCELoss": _bce_of,
    "BCEWithLogitsLoss": _bce_logits_of,
    "CrossEntropyLoss": _cross_entropy_of,
    "HuberLoss": lambda loss, ends, y: _of(_huber, loss, loss.delta, 1.0),
    "KLDivLoss": _kl_of,
    "L1Loss": _regression("mae", _absolute),
    "MSELoss": _regression("mse", _square),
    "NLLLoss": lambda loss, ends, y: _classes(loss, False, 0.0),
    "PoissonNLLLoss": lambda loss, ends, y: _of(
        _poisson, loss, loss.log_input, loss.full, loss.eps
    ),
    "SmoothL1Loss": lambda loss, ends, y: (
        _of(_huber, loss, loss.beta, loss.beta) if loss.beta else _of(_absolute, loss)
    ),
    "SoftMarginLoss": lambda loss, ends, y: _of(_soft_margin, loss),
}

NAMES = {
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "cross_entropy": "CrossEntropyLoss",
    "huber_loss": "HuberLoss",
    "kl_div": "KLDivLoss",
    "l1_loss": "L1Loss",
    "mse_loss": "MSELoss",
    "nll_loss": "NLLLoss",
    "poisson_nll_loss": "PoissonNLLLoss",
    "smooth_l1_loss": "SmoothL1Loss",
    "soft_margin_loss": "SoftMarginLoss",
}
"""torch.nn.functional's losses, and the classes."""


def translated(loss: "nn.Module | Function", ends: str, y: np.ndarray) -> Loss:
    """The loss that gives the same numbers as torch's.

    Args:
        loss: A loss of torch: a module, or a function of torch.nn.functional.
        ends: The class of the module's last module.
        y: The targets.

    Raises:
        ValueError, TypeError: A loss that onefit has not, or that does not fit the end
            of the module.
    """
    from torch import nn

    function = getattr(loss, "__name__", "")
    if not isinstance(loss, nn.Module) and function in NAMES:
        loss = getattr(nn, NAMES[function])()
    name = type(loss).__name__
    if not isinstance(loss, nn.Module):
        raise mistyped(
            "loss",
            repr(loss),
            "a loss of torch, or of onefit",
            "write torch.nn.MSELoss()",
        )
    if name not in LOSSES or not type(loss).__module__.startswith("torch.nn."):
        raise invalid(
            "loss",
            name,
            f"one of {', '.join(sorted(LOSSES))}",
            "write a function of (y_true, y_pred) in jax.numpy: "
            "onefit.losses.LossFunctionWrapper(function)",
        )
    if loss.reduction not in ("mean", "sum", "batchmean"):
        raise invalid(
            "loss",
            f"{name}(reduction={loss.reduction!r})",
            "'mean' or 'sum'",
            f"write {name}()",
        )
    return LOSSES[name](loss, ends, y)
