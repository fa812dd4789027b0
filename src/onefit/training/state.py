"""The state of a fit: weights, the optimizer's state, the rules' memories."""

from typing import Any

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.errors import invalid
from onefit.programs import spread
from onefit.training.compiling import compiled, is_brief, is_small
from onefit.training.job import Job
from onefit.training.program import Plan, Stretch
from onefit.training.task import Train
from onefit.types import Array, Tree, batch_shape

__all__ = ["State"]


class State:
    """What changes in a fit: weights, the optimizer's state, the rules' memories.

    One of two runners of the program: of one network (`population.engine.Members` is
    that of many).

    Attributes:
        multiplications: Of one row's forward pass.
        by_row: Whether rows that count nowhere may fill a batch.
        axes: The axes in front of a call's inputs and results: none.
    """

    axes: tuple[int, ...] = ()

    def __init__(self, job: Job) -> None:
        self.job, self.task = job, job.task
        self.multiplications = job.model.graph.multiplications(
            batch_shape(job.train_data.x)
        )
        self.by_row = job.task.learns_by_row
        # Whether a step is bound by dispatch rather than arithmetic.
        self.is_small = is_small(self.multiplications, job.batch_size)
        # Whether compiling takes longer than the whole fit.
        self.is_brief = is_brief(self.multiplications, job.batch_size, job.batches)
        plain = job.model.graph.plain_layers()
        self._layers = [layer for layer in plain if layer.weights]
        self._shows_average = False
        self.memories: tuple[Tree, ...] = ()
        self.read()
        self.stops: Any = [False] * len(job.rules)
        self.memories = tuple(
            jax.tree.map(np.array, rule.init(self.train)) for rule in job.rules
        )

    def read(self) -> None:
        """Takes the weights and the optimizer's state from the model."""
        model = self.job.model
        slot = model.graph.slot
        self.params = slot.params
        free, optimizer = self.job.task.resume(slot.params)
        self.train = Train(free, slot.state, optimizer)
        self._note()
        self.place()

    def place(self) -> None:
        """Brings what moves to the devices that programs are spread over."""
        over = spread()
        if over is not None:
            moving = self.params, self.train, self.memories
            weights = [(v.path, v.shape) for v in self.job.model.weights]
            moving = over.laid_out(moving, weights)
            self.params, self.train, self.memories = moving

    def write(self) -> None:
        """Gives the weights and the optimizer's state to the model."""
        model = self.job.model
        arrays = jax.tree.leaves((self.params, self.train))
        if any(isinstance(a, jax.Array) and a.is_deleted() for a in arrays):
            return  # a call that failed has consumed them: the model keeps its last
        params, train = self.params, self.train
        if spread() is not None:  # what other programs use is on one device
            params, train = jax.tree.map(np.asarray, (params, train))
        model.graph.store(params, train.state)
        self.job.task.remember(train.optimizer)
        self._note()

    def pull_changes(self) -> None:
        """Takes over what callbacks have changed: weights, the learning rate."""
        now, trainable = self._seen()
        if trainable != self._trainable:
            raise invalid(
                "fit",
                "a layer frozen or unfrozen during the fit",
                "the layers as they were at its start",
                "end the fit, change layer.trainable, and call fit again",
            )
        if len(now) != len(self._written) or any(
            a is not b for a, b in zip(now, self._written, strict=True)
        ):
            self.read()

    def _note(self) -> None:
        """Notes what the model holds now, which is what this state holds."""
        self._written, self._trainable = self._seen()
        self._shared = True  # a program may not consume what the model holds too

    def _seen(self) -> tuple[list[Array], list[bool]]:
        """All arrays that the model holds, and which layers train."""
        slots = [layer.slot for layer in self._layers]
        held = [(slot.params, slot.state) for slot in slots]
        arrays = jax.tree.leaves((held, self.job.model.optimizer_state))
        return arrays, [layer.trainable for layer in self._layers]

    def show_average(self, shown: bool) -> None:
        """Has the average of the weights in their place, or the weights again."""
        if shown is not self._shows_average:
            self.train = self.task.swapped(self.train, self.params)
            self.params = self.task.unpack(self.params, self.train.free)
            self._shows_average = shown

    def finish(self, done: bool) -> None:
        """The weights the fit ends with: the rules' best, the optimizer's average."""
        self.show_average(False)
        self.params, self.train = compiled("finish", self.is_small)(
            self.task,
            tuple(self.job.rules),
            self.params,
            self.train,
            self.memories,
            np.bool_(done),
        )

    @property
    def exchanged(self) -> int:
        """Numbers that a step exchanges where it is spread: a gradient each."""
        return sum(np.size(leaf) for leaf in jax.tree.leaves(self.train.free))

    def order(self, plan: Plan, epoch: int, count: int, out: np.ndarray) -> None:
        """Writes the rows of these epochs."""
        self.job.order(plan, epoch, count, out)

    def run(
        self,
        data: Batch,
        validation: Batch | None,
        stretch: Stretch,
        plan: Plan,
        capacity: int,
        donate: bool,
    ) -> tuple[Array, Array, Array]:
        """One call of the program: (logs, epochs run, which rules stopped it)."""
        if donate and self._shared:
            self.params, self.train = jax.tree.map(np.array, (self.params, self.train))
            self._shared = False
        self.place()
        params, train, memories, logs, number, stops = compiled(
            "run", self.is_small, donate, brief=self.is_brief
        )(
            self.task,
            tuple(self.job.rules),
            self.params,
            self.train,
            self.memories,
            data,
            validation,
            stretch,
            plan=plan.shape(),
            capacity=capacity,
            names=self.job.names,
        )
        self.params, self.train, self.memories = params, train, memories
        return logs, number, stops
