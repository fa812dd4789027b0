"""What every metric is: a state that each batch updates, and a number made of it."""

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
from jax.core import Tracer
from jax.typing import DTypeLike

from onefit import config
from onefit.description import Description, attribute, setting
from onefit.errors import invalid
from onefit.programs import Program
from onefit.registry import Registry, snake_case
from onefit.slots import Slot, is_held
from onefit.spellings import lacking
from onefit.types import Array, ArrayLike, Shape, Tree
from onefit.variables import Variable, view

__all__ = [
    "ABSENT",
    "Metric",
    "Paired",
    "as_array",
    "computed",
    "functions",
    "metrics",
    "ratio",
    "same_shape",
    "spread",
]

metrics: Registry = Registry("metric", "onefit.metrics")

functions: Registry = Registry("metric function", "onefit.metrics")

MetricState = dict[str, Any]

ABSENT: Any = None
"""What a shared base has for a setting that only some of its subclasses have.

Without an annotation it is no setting of the base; an annotation there, even ClassVar,
would fix the setting's place among the arguments.
"""


def ratio(part: Array, whole: Array) -> Array:
    """Part / whole, and 0 where whole is 0: the share of nothing is 0, as in Keras."""
    return jnp.where(whole == 0, 0.0, part / jnp.where(whole == 0, 1.0, whole))


def same_shape(where: str, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Targets and predictions of one shape, when (n,) against (n, 1) is the difference.

    Raises:
        ValueError: Shapes that only broadcasting would bring together.
    """
    if y_true.shape == y_pred.shape:
        return y_true, y_pred
    if y_true.shape == (*y_pred.shape, 1):
        return y_true, y_pred[..., None]
    if y_pred.shape == (*y_true.shape, 1):
        return y_true[..., None], y_pred
    sparse = y_pred.shape[:-1] in (y_true.shape, y_true.shape[:-1])
    raise invalid(
        where,
        f"y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape}",
        "one shape",
        "one-hot encode integer labels" if sparse else "compare the two shapes",
    )


def spread(sample_weight: ArrayLike | None, shape: Shape, dtype: DTypeLike) -> Array:
    """Weights for values of this shape: broadcast from the left, so one per example.

    Raises:
        ValueError: Weights that do not belong to those values.
    """
    weight = jnp.asarray(sample_weight, dtype)
    if weight.ndim == len(shape) + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    pairs = zip(weight.shape, shape, strict=False)
    if weight.ndim > len(shape) or any(w not in (1, s) for w, s in pairs):
        raise invalid(
            "sample_weight",
            f"shape {weight.shape} for values of shape {shape}",
            "the first axes of the values",
            "give one weight per example, of shape (batch,)",
        )
    missing = (1,) * (len(shape) - weight.ndim)
    return jnp.broadcast_to(weight.reshape(weight.shape + missing), shape)


def computed(dtype: Any) -> Any:
    """The type that a policy computes in; any other type as it is."""
    return getattr(dtype, "compute_dtype", dtype)


class Metric(Description):
    """Base of metrics. A subclass writes three pure functions, which run in programs:

    * `init()`: the state before any batch, a dict of arrays,
    * `update(state, y_true, y_pred, sample_weight=None)`: the state after a batch,
    * `compute(state)`: the number.

    Outside programs the face keeps the state, as in Keras: `update_state`, `result`,
    `reset_state`, or all at once by calling the metric.

    >>> class Largest(Metric):
    ...     def init(self):
    ...         return {"largest": jnp.array(-jnp.inf)}
    ...     def update(self, state, y_true, y_pred, sample_weight=None):
    ...         return {"largest": jnp.maximum(state["largest"], jnp.max(y_pred))}
    ...     def compute(self, state):
    ...         return state["largest"]
    >>> metric = Largest()
    >>> metric.update_state([0.0, 0.0], [1.0, 3.0])
    >>> float(metric.result())
    3.0
    """

    name: str | None = setting(default=None, kw_only=True, identity=False)
    own_dtype: Any = setting(
        default=None, convert=computed, kw_only=True, alias="dtype"
    )

    _unseen = Description._unseen | {"_state", "_views"}
    _views: dict[str, Variable] | None = attribute(None)
    direction: ClassVar[str | None] = None
    """'max' or 'min': which way is better, where the name does not tell."""

    by_row: ClassVar[bool] = True
    """Whether a row with the weight 0 counts nowhere.

    A class from outside the library says so itself.
    """

    _state = Slot()

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "by_row" not in vars(cls) and not cls.__module__.startswith("onefit."):
            cls.by_row = False
        if not abstract:  # a shared base is nobody's metric
            metrics.add(cls)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name is None:
            object.__setattr__(self, "name", snake_case(type(self).__name__))

    def init(self) -> MetricState:
        """The state before any batch.

        What counts each output by itself may begin with a scalar, which broadcasts, as
        long as it does not know their number; a scan needs to know (`sized`).
        """
        raise NotImplementedError

    def update(self, state: MetricState, *batch: Any, **named: Any) -> MetricState:
        """The state after this batch: y_true, y_pred, sample_weight; or values."""
        raise NotImplementedError

    def compute(self, state: MetricState) -> Array:
        """The metric's number."""
        raise NotImplementedError

    def sized(self, output_shape: Shape) -> "Metric":
        """This metric for y_pred of this shape, so that `init` is full-sized.

        Only what counts each output by itself overrides it; see `init`.
        """
        del output_shape
        return self

    # The face -----------------------------------------------------------------------

    def update_state(self, *batch: Any, **named: Any) -> None:
        """Takes a batch into the metric's own state: y_true, y_pred, sample_weight."""
        batch = tuple(as_array(x) for x in batch)
        named = {name: as_array(x) for name, x in named.items()}
        old = self.state
        new = _update(self, old, batch, named)
        kept = (self._state or {}).values()
        known = is_held(self) or any(isinstance(a, Tracer) for a in kept)
        if not known and any(isinstance(a, Tracer) for a in new.values()):
            raise invalid(
                f"{type(self).__name__}.update_state",
                "a batch inside a program, for a metric that no program carries",
                "a metric of the model: in `metrics` of compile, or an attribute of a "
                "model with a train_step",
                "give compile metrics=[...], or update it in the model's train_step",
            )
        # In the order of `init`: JAX sorts the names of what a program returns.
        self.keep({name: new[name] for name in old})

    def result(self) -> Array:
        """The number of all batches since the last reset."""
        return _compute(self, self.state)

    def reset_state(self) -> None:
        """Forgets all batches."""
        object.__setattr__(self, "_state", None)

    def __call__(self, *batch: Any, **named: Any) -> Array:
        """Takes a batch in and gives the number so far."""
        self.update_state(*batch, **named)
        return self.result()

    @property
    def state(self) -> MetricState:
        """What the batches since the last reset have made of the state."""
        return self.init() if self._state is None else self._state

    @property
    def dtype(self) -> str:
        """The type of the state's numbers."""
        return str(self.own_dtype or config.floatx())

    _dtype = dtype  # what classes written for Keras read

    @property
    def variables(self) -> list[Variable]:
        """The arrays of the state, by name also `metric.total`."""
        views = self._views or {}
        object.__setattr__(self, "_views", views)
        for name in self.state:
            if name not in views:
                views[name] = view(
                    functools.partial(self._read, name),
                    functools.partial(self._write, name),
                    name=name,
                    path=f"{self.name}/{name}",
                    trainable=False,
                    owner=self,
                )
        return [views[name] for name in self.state]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same: nothing of a metric is trained."""
        return self.variables

    @property
    def trainable_variables(self) -> list[Variable]:
        """None: nothing of a metric is trained."""
        return []

    def reset_states(self) -> None:
        """As `reset_state`."""
        self.reset_state()

    def pairs(self, state: MetricState) -> list[tuple[object, Any]]:
        """Each holder of its sums with its part of these, for `slots.holding`."""
        # In the order of `init`: JAX sorts names.
        return [(self, {name: state[name] for name in self.state})]

    def keep(self, state: MetricState) -> None:
        """Goes on from these sums."""
        object.__setattr__(self, "_state", state)

    def _read(self, name: str) -> Array:
        return self.state[name]

    def _write(self, name: str, value: Array) -> None:
        object.__setattr__(self, "_state", self.state | {name: value})

    def __getattr__(self, name: str) -> Variable:
        pure = type(self).init is not Metric.init and not self.in_keras_style
        if not name.startswith("_") and pure:
            for variable in self.variables:
                if variable.name == name:
                    return variable
        raise lacking(self, name)

    def stateless_update_state(
        self, metric_variables: Sequence[ArrayLike], *batch: Any, **named: Any
    ) -> list[Array]:
        """The variables' values after a batch, from these before it. Pure.

        >>> metric = onefit.metrics.Mean()
        >>> metric.stateless_update_state([1.0, 1.0], np.array([3.0]))
        [Array(4., dtype=float32), Array(2., dtype=float32)]
        """
        batch = tuple(as_array(x) for x in batch)
        named = {name: as_array(x) for name, x in named.items()}
        state = self._state_of(metric_variables)
        new = self.update(state, *batch, **named)
        return [new[name] for name in state]

    def stateless_result(self, metric_variables: Sequence[ArrayLike]) -> Array:
        """The number for these values of the variables. Pure."""
        return self.compute(self._state_of(metric_variables))

    def stateless_reset_state(self) -> list[Array]:
        """The variables' values before any batch. Pure."""
        return list(self.init().values())

    def _state_of(self, values: Sequence[ArrayLike]) -> MetricState:
        state = self.init()
        if len(values) != len(state):
            raise invalid(
                f"{type(self).__name__} {self.name!r}",
                f"{len(values)} values",
                f"{len(state)}, one for each in metric.variables",
            )
        pairs = zip(state.items(), values, strict=True)
        return {name: jnp.asarray(v, old.dtype) for (name, old), v in pairs}


class Paired(Metric, abstract=True):
    """Base of what compares targets and predictions of one shape, number by number.

    A subclass writes `add`, and `labels` where not the arrays themselves are compared.
    """

    def labels(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """What is compared of targets and predictions."""
        return y_true, y_pred

    def add(self, state: MetricState, y: Array, a: Array, weight: Array) -> MetricState:
        """The state after a batch: y, a and their weights are of one shape."""
        raise NotImplementedError

    def update(
        self,
        state: MetricState,
        y_true: Array,
        y_pred: Array,
        sample_weight: ArrayLike | None = None,
    ) -> MetricState:
        """The state after this batch."""
        y, a = same_shape(type(self).__name__, *self.labels(y_true, y_pred))
        given = 1 if sample_weight is None else sample_weight
        dtype = next(iter(state.values())).dtype
        return self.add(state, y, a, spread(given, y.shape, dtype))


def as_array(x: ArrayLike | None) -> Array | None:
    """What is given as an array; None stays None."""
    return None if x is None else jnp.asarray(x)


@Program
def _update(
    metric: Metric, state: MetricState, batch: tuple, named: dict[str, Any]
) -> Tree:
    return metric.update(state, *batch, **named)


@Program
def _compute(metric: Metric, state: MetricState) -> Array:
    return metric.compute(state)
