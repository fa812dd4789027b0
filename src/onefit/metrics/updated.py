# ruff: noqa: D102
"""Metrics in Keras' style: `add_weight`, `update_state` and `result` of one's own."""

from collections.abc import Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from onefit import initializers
from onefit.description import attribute, is_bare
from onefit.members import contents, named_once, variables_in
from onefit.metrics.base import Metric, MetricState, as_array
from onefit.slots import holding
from onefit.types import Array
from onefit.variables import Variable

__all__ = ["Updated"]


class Updated(Metric, abstract=True):
    """A metric that is written as `update_state` and `result`, over variables.

    A subclass makes variables by `add_weight`, or keeps other metrics as attributes;
    `update_state(y_true, y_pred, sample_weight=None)` assigns to them, `result()`
    gives the number, and `reset_state()`, if it is written, sets them back. Inside a
    program the three read and write the program's own arrays.

    >>> from onefit import ops
    >>> class Largest(onefit.metrics.Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.best = self.add_weight(name="best", initializer="zeros")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.best.assign(ops.maximum(self.best, ops.max(y_pred)))
    ...     def result(self):
    ...         return self.best
    >>> metric = Largest()
    >>> metric.update_state([0.0, 0.0], [1.0, 3.0])
    >>> float(metric.result())
    3.0

    Source: Keras, "Making new metrics by subclassing".
    """

    in_keras_style = True
    _added: tuple[Variable, ...] = attribute(())
    _bare: ClassVar[bool] = True  # whether no metric of the library is its base
    _own = Metric._unseen | {"_added"}

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(abstract, **kwargs)
        cls.in_keras_style = True
        cls._bare = is_bare(cls, Updated, Metric)

    def add_weight(
        self,
        shape: tuple[int, ...] | str | None = (),
        initializer: Any = None,  # whatever initializers.get takes
        dtype: str | None = None,
        name: str | None = None,
        aggregation: str | None = None,
    ) -> Variable:
        """A new variable of the metric's state.

        Args:
            shape: Its shape.
            initializer: How it starts, zeros by default.
            dtype: The type of its numbers, the metric's by default.
            name: Its name.
            aggregation: Accepted: there is one copy of it.
        """
        del aggregation
        if isinstance(shape, str):  # as Keras 2 has it: the name first
            shape, name = (), shape
        rule = initializers.get("zeros" if initializer is None else initializer)
        sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
        with jax.ensure_compile_time_eval():
            first = jnp.asarray(rule(sizes), dtype or self.dtype)
            variable = Variable(first, trainable=False, name=name)
        self._added = (*self._added, variable)
        return variable

    add_variable = add_weight

    def _variables(self) -> dict[str, Variable]:
        """The metric's own variables, by name."""
        found = variables_in(self._added, contents(self, self._own))
        return dict(named_once(found))

    def _holders(self, path: str = "") -> Iterator[tuple[str, Metric | Variable]]:
        """What keeps its state: its base's sums, its variables, the metrics in it."""
        if not self._bare:
            yield path, self
        for name, variable in self._variables().items():
            yield path + name, variable
        for name, value in contents(self, self._own):
            if isinstance(value, Updated):
                yield from value._holders(f"{path}{name}/")
            elif isinstance(value, Metric):
                yield f"{path}{name}/", value

    def _gathered(self) -> MetricState:
        """The state that its holders have now."""
        state: MetricState = {}
        for path, holder in self._holders():
            if isinstance(holder, Variable):
                state[path] = holder.value
            else:
                own = _sums(holder)
                state |= {path + name: value for name, value in own.items()}
        return state

    def pairs(self, state: MetricState) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = []
        for path, holder in self._holders():
            if isinstance(holder, Variable):
                found.append((holder, state[path]))
            else:
                names = _sums(holder)
                found.append((holder, {name: state[path + name] for name in names}))
        return found

    def keep(self, state: MetricState) -> None:
        for holder, own in self.pairs(state):
            if isinstance(holder, Variable):
                holder._write(own)
            else:
                holder._state = own

    # The pure functions ---------------------------------------------------------------

    def init(self) -> MetricState:
        with holding(self.pairs(self._gathered())):
            self.reset_state()
            return {n: jnp.asarray(v) for n, v in self._gathered().items()}

    def update(self, state: MetricState, *batch: Any, **named: Any) -> MetricState:
        with holding(self.pairs(state)):
            self.update_state(*batch, **named)
            new = self._gathered()
        return {n: jnp.asarray(new[n], v.dtype) for n, v in state.items()}

    def compute(self, state: MetricState) -> Array:
        with holding(self.pairs(state)):
            return jnp.asarray(self.result())

    # The face -------------------------------------------------------------------------

    def update_state(self, *batch: Any, **named: Any) -> None:
        """Takes a batch in. Here: as the metric of the library does."""
        if self._bare:
            raise NotImplementedError(f"{type(self).__name__} has no update_state")
        self._state = super().update(
            _sums(self),
            *map(as_array, batch),
            **{name: as_array(value) for name, value in named.items()},
        )

    def result(self) -> Array:
        if self._bare:
            raise NotImplementedError(f"{type(self).__name__} has no result method")
        return super().compute(_sums(self))

    def reset_state(self) -> None:
        """Sets everything back: variables to zero."""
        for _, holder in self._holders():
            if isinstance(holder, Variable):
                holder.assign(jnp.zeros(holder.shape, holder.dtype))
            elif holder is self:
                self._state = super().init()
            else:
                holder._state = holder.init()

    @property
    def state(self) -> MetricState:
        return self._gathered()

    @property
    def variables(self) -> list[Variable]:
        own = list(self._variables().values())
        inner = [v for _, v in contents(self, self._own) if isinstance(v, Metric)]
        base = [] if self._bare else super().variables
        return [*base, *own, *(v for metric in inner for v in metric.variables)]

    def _base_init(self) -> MetricState:
        return super().init()


def _sums(metric: Metric) -> MetricState:
    """The state that a metric keeps itself."""
    if metric._state is not None:
        return metric._state
    return metric._base_init() if isinstance(metric, Updated) else metric.init()


Metric._style = (
    Updated,
    frozenset({"__init__", "update_state", "result", "reset_state"}),
)
