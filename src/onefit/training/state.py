"""The state of a fit: weights, optimizer, the rules' memories, on their way."""

from typing import Any

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.errors import invalid
from onefit.training.compiling import compiled, is_small
from onefit.training.job import Fit
from onefit.training.program import Plan, Stretch
from onefit.training.task import Train
from onefit.types import batch_shape

__all__ = ["State"]


class State:
    """What moves through a fit: weights, optimizer, the rules' memories."""

    def __init__(self, fit: Fit) -> None:
        self.fit, self.task = fit, fit.task
        self.multiplications = fit.model.graph.multiplications(
            batch_shape(fit.train_data.x)
        )
        self.read()
        self.stops: Any = [False] * len(fit.rules)
        self.memories = tuple(
            jax.tree.map(np.array, rule.init(self.train)) for rule in fit.rules
        )

    def read(self) -> None:
        """Takes the weights from the model, as copies that the program may consume."""
        model = self.fit.model
        slot = model.graph.slot
        self.params = jax.tree.map(np.array, slot.params)
        free = self.task.pack(self.params)
        fresh = self.task.optimizer.init(free)
        view = model_view(model)
        kept = model.optimizer_state
        # Freezing a layer changes what the optimizer sees: it then starts anew.
        fits = jax.tree.map(np.shape, kept) == jax.tree.map(np.shape, fresh)
        if kept is None or not fits or model.optimizer_view not in (None, view):
            kept = model.optimizer_state = fresh
        model.optimizer_view = view
        optimizer = jax.tree.map(np.array, kept)
        self.train = Train(free, jax.tree.map(np.array, slot.state), optimizer)
        self.set_rate()
        self._written = jax.tree.leaves((slot.params, slot.state))

    def write(self) -> None:
        """Gives the weights and the optimizer's state to the model."""
        model = self.fit.model
        arrays = jax.tree.leaves((self.params, self.train))
        if any(isinstance(a, jax.Array) and a.is_deleted() for a in arrays):
            return  # a call that failed has consumed them: the model keeps its last
        model.graph.store(self.params, self.train.state)
        slot = model.graph.slot
        model.optimizer_state = self.train.optimizer
        if model.optimizer.constant_rate:
            model.optimizer.learning_rate = float(self.train.optimizer["learning_rate"])
        self._written = jax.tree.leaves((slot.params, slot.state))

    def heed(self) -> None:
        """Takes up what callbacks have changed: weights, the learning rate."""
        slot = self.fit.model.graph.slot
        now = jax.tree.leaves((slot.params, slot.state))
        if any(a is not b for a, b in zip(now, self._written, strict=True)):
            self.read()
        if model_view(self.fit.model) != self.fit.model.optimizer_view:
            raise invalid(
                "fit",
                "a layer frozen or unfrozen during the fit",
                "the layers as they were at its start",
                "end the fit, change layer.trainable, and call fit again",
            )
        self.set_rate()

    def set_rate(self) -> None:
        """Gives the optimizer's rate, which users may have set, to its state."""
        optimizer = self.fit.model.optimizer
        if optimizer.constant_rate:
            rate = np.asarray(
                optimizer.learning_rate, self.train.optimizer["learning_rate"].dtype
            )
            self.train.optimizer["learning_rate"] = rate

    @property
    def is_small(self) -> bool:
        """Whether a step is bound by dispatch rather than arithmetic."""
        return is_small(self.multiplications, self.fit.batch_size)

    def finish(self, done: bool) -> None:
        """The weights the fit ends with: the rules' best, the optimizer's average."""
        self.params, self.train = compiled("finish", self.is_small)(
            self.task,
            tuple(self.fit.rules),
            self.params,
            self.train,
            self.memories,
            np.bool_(done),
        )

    def run(
        self,
        data: Batch,
        validation: Any,
        stretch: Stretch,
        plan: Plan,
        capacity: int,
        donate: bool,
    ) -> tuple[Any, Any, Any]:
        """One call of the program: (logs, epochs run, which rules stopped it)."""
        params, train, memories, logs, number, stops = compiled(
            "run", self.is_small, donate
        )(
            self.task,
            tuple(self.fit.rules),
            self.params,
            self.train,
            self.memories,
            data,
            validation,
            stretch,
            plan=plan,
            capacity=capacity,
            names=self.fit.names,
        )
        self.params, self.train, self.memories = params, train, memories
        return logs, number, stops


def model_view(model: Any) -> Any:
    """The shapes of the weights that training may change."""
    graph = model.graph
    return jax.tree.map(np.shape, graph.free(graph.slot.params))
