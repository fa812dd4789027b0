"""A case: a model, what it is to learn, and from which rows."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Self

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.data.table import Table
from onefit.guide.network import SHAPING, Call, Network, laid_open
from onefit.guide.targets import Targets, kind_of
from onefit.losses.base import Loss
from onefit.optimizers.base import Optimizer
from onefit.registry import snake_case
from onefit.training.callback import Callback
from onefit.training.compiled import Compiled, flat
from onefit.training.options import Callbacks
from onefit.types import Array, Identifier, Shapes, batch_shape

__all__ = ["Case", "Data", "Head", "loss_kind", "sets_rate"]

JUDGED = (
    "binary",
    "categorical",
    "hinge",
    "poisson",
    "probabilities",
    "regression",
    "sparse",
)
"""What the rules know of what losses compare."""

LINKS = {"sigmoid": "binary", "softmax": "categorical"}
"""What a loss of logits compares, if it does not say."""


def loss_kind(loss: Loss | None) -> str | None:
    """What a loss compares; None for what the rules do not know.

    >>> loss_kind(onefit.losses.MeanSquaredError()), loss_kind(onefit.losses.CTC())
    ('regression', None)
    """
    if loss is None or getattr(loss, "axis", -1) != -1:
        return None
    found = loss.compares or LINKS.get(loss.link or "")
    return found if found in JUDGED else None


@dataclasses.dataclass(frozen=True)
class Data:
    """The rows as `fit` would be given them.

    Attributes:
        train, held: The rows for training and for validation.
        batch_size, epochs: As `fit` was given them; None where they are not known.
        shuffle: Whether each epoch takes the rows in a new order.
        weighted: Whether rows or classes have weights.
        split: Whether the validation rows are the last of the rows given.
        class_weight: The factor of each class, where they were given.
        paced: Whether a callback sets the learning rate.
    """

    train: Batch
    held: Batch | None = None
    batch_size: int | None = None
    epochs: int | None = None
    shuffle: bool = True
    weighted: bool = False
    split: bool = False
    class_weight: Mapping[int, float] | None = None
    paced: bool = False

    @classmethod
    def of_table(
        cls, train: Batch, table: Table | None, *more: Any, **named: Any
    ) -> Self:
        """The rows of a data set that come, of all that its arrays have."""
        part = None if table is None else table.part
        if part is not None:
            train = jax.tree.map(lambda a: np.asarray(a)[part], train)
        return cls(train, *more, **named)


def sets_rate(callbacks: Callbacks) -> bool:
    """Whether a callback sets the learning rate, by its word or by its code."""
    for callback in callbacks if isinstance(callbacks, Sequence) else [callbacks]:
        if not isinstance(callback, Callback):
            continue
        if callback.writes is not None:
            if "learning_rate" in callback.writes:
                return True
            continue
        hooks = vars(type(callback)).values()
        codes = [hook.__code__ for hook in hooks if hasattr(hook, "__code__")]
        if any({"learning_rate", "lr"} & {*code.co_names} for code in codes):
            return True
    return False


class Head:
    """One output, with its last activation, its loss and its target.

    Attributes:
        name: The output's name.
        call: The call that gives the last activation, None where it is not known.
        weights: The call whose weights make its z, None where it is not known.
        ending: The call whose activation that is, None where it is not known.
        activation: The activation's name; '?' where the end of the network is
            something else.
        shape: The output's shape.
        loss, kind: The loss, and what it compares; None without one.
        metrics: The names of the metrics.
        y: The target, None without data.
    """

    def __init__(
        self, case: "Case", index: int, loss: Loss | None, metrics: list[str]
    ) -> None:
        network = case.network
        end = network.ends[index]
        self.case, self.index = case, index
        self.name = case.names[index] if index < len(case.names) else None
        self.shape = network.shapes[end]
        self.loss, self.metrics, self.kind = loss, metrics, loss_kind(loss)
        last = network.before(end)
        self.call = self.ending = last
        self.weights = None
        if last is not None and last.activation is not None:
            self.ending = last if _known(last) else None
            self.weights = source = last if last.weighted else _source(network, last)
            if last.activation == "linear" and last.role == "activation" and source:
                self.ending = source
        elif last is not None and last.role == "batch normalization":
            self.ending = None
            self.weights = _source(network, last)
            if self.weights and self.weights.activation == "linear":
                self.call = self.ending = self.weights
        self.activation = (self.ending and self.ending.activation) or "?"

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the greatest number of the last activation, where known."""
        facts = self.ending.facts if self.ending else None
        return facts.range if facts else None

    @property
    def ends_in(self) -> str:
        """The last activation as a finding names it."""
        return (self.ending and self.ending.ends_in) or "?"

    @property
    def loss_name(self) -> str:
        """The loss's name as a finding writes it."""
        assert self.loss is not None
        return str(self.loss.name)

    @property
    def from_logits(self) -> bool:
        """Whether the loss takes logits."""
        return bool(getattr(self.loss, "from_logits", False))

    @property
    def units(self) -> int | None:
        """How many numbers the output has for a row, or for a step."""
        return self.shape[-1] if self.shape and len(self.shape) > 1 else None

    @property
    def layer(self) -> str | None:
        """The name of the layer that a finding about this output names."""
        call = self.weights or self.call
        return call.name if call else None

    @property
    def y(self) -> np.ndarray | None:
        """The target's rows that are looked at."""
        ys = self.case.y
        return ys[self.index] if ys and self.index < len(ys) else None

    @functools.cached_property
    def targets(self) -> Targets | None:
        """What the target asks for."""
        return None if self.y is None else kind_of(self.y)

    @functools.cached_property
    def reconstructs(self) -> bool:
        """Whether the target is of the input's form: an autoencoder's."""
        xs = self.case.x or ()
        return (
            self.y is not None
            and len(xs) == 1
            and xs[0].shape == self.y.shape
            and xs[0].ndim > 1
            and xs[0].shape[-1] > 1
        )

    def written(self, activation: str | None = None, units: int | None = None) -> str:
        """The last layer as one would write it."""
        call = self.weights or self.call
        kind = call.kind if call and call.weighted else "Dense"
        units = units or self.units or 1
        size = ", 1" if kind.startswith("Conv") else ""
        ending = f", activation={activation!r}" if activation else ""
        return f"{kind}({units}{size}{ending})"


def _known(call: Call) -> bool:
    # A recurrent layer's output is its activation's, times a gate between 0 and 1.
    return call.weighted or call.role in ("activation", "recurrent")


def _source(network: Network, call: Call) -> Call | None:
    """The weighted call whose z this is."""
    through = SHAPING | {"batch normalization"}
    found = network.before(call.sources[0], through) if call.sources else None
    return found if found and found.weighted else None


class Case:
    """All that the rules look at.

    Args:
        model: The model; it is not changed.
        data: The rows, if there are any.
        numbers: About how many numbers of an array of inputs are looked at, at most,
            in rows that are evenly spread.
        rows: How many rows are looked at, at most.

    Attributes:
        names: The names of the outputs.
        cheap: Whether only what costs little is to be done.
    """

    def __init__(
        self,
        model: Compiled,
        data: Data | None = None,
        numbers: int = 1 << 24,
        rows: int = 20_000,
        cheap: bool = False,
    ) -> None:
        self.model, self.data, self.cheap = model, data, cheap
        self.numbers, self.limit = numbers, rows
        self.names = model.target_names if model.layers else []

    # The network --------------------------------------------------------------------

    @functools.cached_property
    def network(self) -> Network:
        """The calls of the network, with their shapes where they are known."""
        return Network(laid_open(self.model), self._input_shape)

    @property
    def _input_shape(self) -> Shapes:
        if self.data is not None:
            return batch_shape(self.data.train.x)
        if self.model.input_nest is not None:
            return tuple(t.shape for t in self.model.input_nest.tensors)
        if self.model.layers and self.model.built:
            return self.model.graph.slot.input_shape
        return None

    @functools.cached_property
    def hidden(self) -> list[Call]:
        """The weighted calls whose values go on through other weights."""
        last = {id(head.weights) for head in self.heads if head.weights}
        roles = {"dense", "convolution", "recurrent"}
        return [
            call
            for call in self.network.calls
            if call.weighted
            and id(call) not in last
            and self.network.reaches(call, roles)
        ]

    # What compile said ----------------------------------------------------------------

    @property
    def compiled(self) -> bool:
        """Whether there is a loss and an optimizer."""
        return self.model.compile_settings is not None

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that `compile` was given."""
        assert self.model.optimizer is not None
        return self.model.optimizer

    @functools.cached_property
    def heads(self) -> list[Head]:
        """The outputs."""
        count = len(self.network.ends) if self.model.layers else 0
        given = self.model.compile_settings or {}
        losses = _each(self.model.loss, self.names, count)
        metrics = [
            (*a, *b)
            for a, b in zip(
                _lists(given.get("metrics"), self.names, count),
                _lists(given.get("weighted_metrics"), self.names, count),
                strict=True,
            )
        ]
        return [
            Head(
                self,
                i,
                losses[i] if self.compiled else None,
                [_metric_name(m) for m in metrics[i]],
            )
            for i in range(count)
        ]

    @property
    def learned(self) -> bool:
        """Whether the model has been trained already, by an earlier fit."""
        return self.model.history is not None

    @functools.cached_property
    def rate(self) -> float | None:
        """The learning rate; of a schedule its largest, None where it is not known."""
        if not self.compiled or (self.data is not None and self.data.paced):
            return None
        optimizer = self.optimizer
        if rate := optimizer.schedule:
            rates = [
                getattr(rate, name, None)
                for name in ("initial_learning_rate", "warmup_target")
            ]
            rates += list(np.atleast_1d(getattr(rate, "values", None) or []))
            known = [
                float(r) for r in rates if isinstance(r, int | float | np.floating)
            ]
            return max(known, default=None)
        rate = getattr(optimizer, "learning_rate", None)  # several have none together
        return None if rate is None else float(rate)

    # The rows -----------------------------------------------------------------------

    @functools.cached_property
    def rows(self) -> int:
        """How many rows there are for training; 0 without data."""
        return len(jax.tree.leaves(self.data.train.x)[0]) if self.data else 0

    @functools.cached_property
    def x(self) -> tuple[np.ndarray, ...] | None:
        """The inputs' rows that are looked at."""
        if self.data is None:
            return None
        return tuple(self.some(a) for a in jax.tree.leaves(self.data.train.x))

    @functools.cached_property
    def y(self) -> tuple[np.ndarray | None, ...] | None:
        """The targets' rows that are looked at."""
        return None if self.data is None else self._targets(self.data.train)

    @functools.cached_property
    def held(
        self,
    ) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray | None, ...]] | None:
        """The validation's rows that are looked at: inputs and targets."""
        held = self.data.held if self.data else None
        if held is None:
            return None
        inputs = tuple(self.some(a) for a in jax.tree.leaves(held.x))
        return inputs, self._targets(held)

    def _targets(self, batch: Batch) -> tuple[np.ndarray | None, ...]:
        ys = batch.y if isinstance(batch.y, tuple) else (batch.y,)
        return tuple(None if y is None else self.some(y) for y in ys)

    def some(self, array: Array) -> np.ndarray:
        """Rows of an array, evenly spread over it, in their order."""
        n = len(array)
        width = max(1, array.size // max(n, 1))
        wanted = max(64, min(self.limit, self.numbers // width))
        # As numpy first: a slice of a jax array is a program of its own.
        return (
            np.asarray(array)[:: -(-n // wanted)] if n > wanted else np.asarray(array)
        )

    def together(self, head: Head) -> tuple[np.ndarray, np.ndarray]:
        """The first input and a head's target, of the same rows."""
        assert self.data is not None
        x = jax.tree.leaves(self.data.train.x)[0]
        ys = self.data.train.y
        y = ys[head.index] if isinstance(ys, tuple) else ys
        step = -(-len(x) // max(1, len(self.some(x))))
        return np.asarray(x)[::step], np.asarray(y)[::step]

    @functools.cached_property
    def batch(self) -> int | None:
        """The rows in a batch."""
        if self.data is None or self.data.batch_size is None:
            return 32 if self.data is not None else None
        return self.data.batch_size

    @functools.cached_property
    def steps(self) -> int | None:
        """How many steps the fit takes, where the epochs are known."""
        if self.data is None or self.data.epochs is None or not self.batch:
            return None
        return self.data.epochs * -(-self.rows // self.batch)


def _each(value: Identifier, names: Sequence[str], count: int) -> list[Any]:
    """One value for each output; what does not fit is left to fit to refuse."""
    if isinstance(value, dict):
        return [value.get(name) for name in [*names, *[None] * count][:count]]
    if isinstance(value, list | tuple):
        return [*value, *[None] * count][:count]
    return [value] * count


def _lists(value: Identifier, names: Sequence[str], count: int) -> list[list[Any]]:
    """The metrics of each output."""
    nested = isinstance(value, list | tuple) and len(value) == count > 1
    if isinstance(value, dict) or (nested and any(isinstance(v, list) for v in value)):
        return [list(flat(v)) for v in _each(value, names, count)]
    return [list(flat(value)) for _ in range(count)]


def _metric_name(metric: Identifier) -> str:
    if isinstance(metric, str):
        return snake_case(metric) if metric != metric.lower() else metric
    if isinstance(metric, type):
        return snake_case(metric.__name__)
    return snake_case(getattr(metric, "__name__", type(metric).__name__))
