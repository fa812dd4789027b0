"""What every loss is: a value per example, and one place that weighs and reduces."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike

from onefit.description import Description, setting
from onefit.errors import invalid, unknown
from onefit.losses.shapes import floats, squeezed
from onefit.programs import Program
from onefit.registry import Registry, snake_case
from onefit.types import Array, ArrayLike, Config, Shape, Tree

__all__ = ["Compares", "Loss", "losses", "reduce"]

losses: Registry = Registry("loss", "onefit.losses")

Compares = Literal[
    "binary",
    "categorical",
    "directions",
    "embeddings",
    "hinge",
    "poisson",
    "probabilities",
    "regression",
    "scores",
    "sequences",
    "sparse",
]
"""What y_true and y_pred of a loss are.

'binary' is probabilities of yes, each for itself; 'categorical' probabilities of
classes with one-hot targets, 'sparse' with class numbers, 'scores' any numbers with
one-hot targets; 'probabilities' either; 'hinge' any numbers with targets -1 and 1;
'poisson' means of counts, above 0; 'regression' any numbers; 'directions' vectors;
'embeddings' rows with class numbers; 'sequences' steps with labels.
"""

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")
FLOATS = ("bfloat16", "float16", "float32", "float64")


def _reduction(name: str | None) -> str:
    if name is None:
        return "none"
    if name not in REDUCTIONS:
        raise unknown("reduction", name, REDUCTIONS)
    return name


def _dtype(value: DTypeLike | None) -> str | None:
    if value is None:
        return None
    value = getattr(value, "compute_dtype", value)  # of a policy
    name = value if isinstance(value, str) else jnp.dtype(value).name
    if name not in FLOATS:
        raise unknown("dtype of a loss", name, FLOATS)
    return name


def _weights(values: Array, sample_weight: ArrayLike | None) -> Array:
    """The weights in the shape of the values: of each row, or of each value."""
    w = jnp.asarray(sample_weight).astype(values.dtype)
    if w.ndim == values.ndim + 1 and w.shape[-1] == 1:
        w = jnp.squeeze(w, -1)
    fits = w.ndim <= values.ndim and all(
        size in (1, n) for size, n in zip(w.shape, values.shape, strict=False)
    )
    if not fits:
        raise invalid(
            "sample_weight",
            f"weights of shape {w.shape} for losses of shape {values.shape}",
            "one weight for each row",
        )
    w = w.reshape(w.shape + (1,) * (values.ndim - w.ndim))
    return jnp.broadcast_to(w, values.shape)


def is_nest(y_pred: Tree) -> bool:
    """Whether these are several outputs in lists and dicts, rather than numbers."""
    nest = isinstance(y_pred, dict | list | tuple)
    return nest and any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(y_pred))


def reduce(
    values: Array,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
    mask: Array | None = None,
) -> Array:
    """Weighs per-example values and reduces them: J = (1/m) Σ wᵢ Lᵢ.

    Args:
        values: One value per example, (batch, ...).
        sample_weight: None, or weights that broadcast to the values from the left.
        reduction: 'sum_over_batch_size' and 'mean' divide the weighted sum by m, the
            number of values (so a weight of zero counts in m, as in Keras),
            'mean_with_sample_weight' by the sum of the weights; 'sum'; 'none'.
        mask: None, or which values there are; the others count nowhere, not even in m.

    Differs from Keras: weights (batch,) are for rows also where a row has several
    values, and 'mean_with_sample_weight' then divides by the weights of all values.
    """
    weights = jnp.ones_like(values)
    if sample_weight is not None:
        weights = _weights(values, sample_weight)
    if mask is not None:
        weights = weights * mask
    if sample_weight is not None or mask is not None:
        values = values * weights
    if reduction == "none":
        return values
    total = jnp.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight":
        m = jnp.sum(weights)
    elif mask is not None:
        m = jnp.sum(mask).astype(values.dtype)
    else:
        return total / max(values.size, 1)
    return jnp.where(m == 0, 0.0, total / jnp.where(m == 0, 1.0, m))


class Loss(Description):
    """Base of losses. A subclass writes `call(y_true, y_pred)`: a value per example.

    Called, a loss weighs those values and reduces them to the cost J. By what it
    `compares` the guide judges targets and last activations:

    >>> class Quartic(Loss):
    ...     compares = "regression"
    ...     def call(self, y_true, y_pred):
    ...         return jnp.mean((y_pred - y_true) ** 4, axis=-1)
    >>> float(Quartic()(jnp.zeros((2, 1)), jnp.array([[1.0], [2.0]])))
    8.5
    """

    function: ClassVar[Callable[..., Array] | None] = None
    """The same as a function of y_true, y_pred and the settings, where there is one."""

    name: str | None = setting(default=None, kw_only=True, identity=False)
    reduction: str = setting(
        default="sum_over_batch_size", convert=_reduction, kw_only=True
    )
    dtype: Any = setting(default=None, convert=_dtype, kw_only=True)

    compares: ClassVar[Compares | None] = None
    """What targets and predictions are; None if nobody says."""

    link: ClassVar[str | None] = None
    """The activation that turns this loss's logits into probabilities, if it has any.

    A loss with a link has a setting `from_logits`.
    """

    by_row: ClassVar[bool] = True
    """Whether the loss of a row cannot depend on the rows beside it.

    A class from outside the library says so itself.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "by_row" not in vars(cls) and not cls.__module__.startswith("onefit."):
            cls.by_row = False
        losses.add(cls)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name is None:
            object.__setattr__(self, "name", snake_case(type(self).__name__))

    def __getattr__(self, name: str) -> Any:
        if name == "fn":  # the same as a function, where no setting is called so
            return type(self).function or self.call
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """The loss of each example: (batch, ..., n) and its like to (batch, ...).

        By default that of `formula`, once `pair` has made the two fit.
        """
        return self.formula(*self.pair(y_true, y_pred))

    def formula(self, y: Array, a: Array) -> Array:
        """The loss of each example, of what `pair` gives."""
        raise NotImplementedError(f"{type(self).__name__} has no call method")

    def pair(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """Targets and predictions as `call` works on them.

        Here y_pred becomes floats, and a last axis of size 1 that one of the two lacks
        is added or dropped, so that (n,) meets (n, 1) row by row. The losses of the
        house also refuse shapes that would only work by broadcasting (`shapes.py`).
        """
        if is_nest(y_pred):
            return y_true, y_pred
        y_true, y_pred = squeezed(y_true, y_pred)
        y_pred = floats(self, y_pred)
        cast = y_true.dtype == bool or self.dtype is not None
        return (y_true.astype(y_pred.dtype) if cast else y_true), y_pred

    def mask(self, y_true: Array, y_pred: Array) -> Array | None:
        """Which values there are, in the shape of `call`'s; None for all."""
        del y_true, y_pred

    def check(self, y_true: ArrayLike, shape: Shape) -> None:
        """Refuses targets, on the host, that cannot be meant for this y_pred shape."""
        del y_true, shape

    def get_config(self) -> Config:
        """The settings as JSON can hold them; a dtype only if one was given."""
        config = super().get_config()
        if config.get("dtype", self) is None:
            del config["dtype"]
        return config

    def values(self, y_true: ArrayLike, y_pred: ArrayLike) -> Array:
        """The loss of each example, of arrays, lists or numbers."""
        return _values(self, *self._arrays(y_true, y_pred))

    def cost(
        self,
        y_true: Array,
        y_pred: Array,
        sample_weight: ArrayLike | None = None,
        steps: Array | None = None,
        see: Callable[[Array], Array] | None = None,
    ) -> Array:
        """The reduced loss J; pure, for use inside programs.

        Args:
            y_true, y_pred, sample_weight: As when the loss is called.
            steps: Which steps of a sequence there are, (batch, time), if not all.
            see: Looks at the loss of each example, and hands it on.
        """
        if type(self).__call__ is not Loss.__call__:  # the class says it all itself
            value = jnp.mean(jnp.asarray(self(y_true, y_pred, sample_weight)))
            return value if see is None else see(value)
        y_true, y_pred = self.pair(y_true, y_pred)
        values, mask = self.call(y_true, y_pred), self.mask(y_true, y_pred)
        values = values if self.dtype is None else values.astype(self.dtype)
        values = values if see is None else see(values)
        if steps is not None and steps.shape[values.ndim :] == (1,):
            steps = steps[..., 0]
        if steps is not None and steps.ndim <= values.ndim:
            steps = steps.reshape(*steps.shape, *(1,) * (values.ndim - steps.ndim))
            mask = jnp.broadcast_to(
                steps if mask is None else mask & steps, values.shape
            )
        if not values.ndim and sample_weight is not None and np.ndim(sample_weight):
            raise invalid(
                type(self).__name__,
                f"sample weights of shape {np.shape(sample_weight)}",
                "none, since this loss is one value for the whole batch",
                "write axis=(1, 2, 3) in a loss that has an axis, axis=-1 in a "
                "function's mean, or give y_true and y_pred the shape (n, 1)",
            )
        return reduce(values, sample_weight, self.reduction, mask)

    def __call__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """The reduced loss J of arrays, lists or numbers.

        A mask that y_pred has, `y_pred._keras_mask`, says which values there are. A
        class of yours, or a function, may take several outputs in lists and dicts.
        """
        if is_nest(y_pred):  # of several outputs at once, as `call` knows them
            nests: Any = jax.tree.map(jnp.asarray, (y_true, y_pred))
            return reduce(self.call(*nests), sample_weight, self.reduction)
        mask = getattr(y_pred, "_keras_mask", None)
        given = [None if a is None else jnp.asarray(a) for a in (sample_weight, mask)]
        return _cost(self, *self._arrays(y_true, y_pred), *given)

    def _arrays(self, y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
        if not isinstance(y_true, Tracer):
            self.check(y_true, np.shape(y_pred))
        return jnp.asarray(y_true), jnp.asarray(y_pred)


@Program
def _cost(
    loss: Loss,
    y_true: Array,
    y_pred: Array,
    sample_weight: Array | None,
    mask: Array | None,
) -> Array:
    return loss.cost(y_true, y_pred, sample_weight, mask)


@Program
def _values(loss: Loss, y_true: Array, y_pred: Array) -> Array:
    return loss.call(*loss.pair(y_true, y_pred))
