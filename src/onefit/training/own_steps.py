"""Steps in Keras' style: a model's own `train_step`, `test_step`, `compute_loss`.

While such a step runs, everything that it changes (weights, the states of optimizers,
the sums of metrics) is held by the program. So it is a pure function like the step of
any other model, and a fit of it is one compiled program too.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit import config
from onefit.data.batch import Batch
from onefit.description import frozen
from onefit.errors import invalid, mistyped
from onefit.layers.passing import Pass, explaining, passing
from onefit.members import contents
from onefit.metrics.base import Metric
from onefit.optimizers import Optimizer
from onefit.slots import holding
from onefit.training.compile_metrics import each_metric
from onefit.training.task import Task, Train
from onefit.types import Array, Key, Scalar, Tree
from onefit.variables import Variable

if TYPE_CHECKING:
    from onefit.training.compiled import Compiled

__all__ = ["OwnTask", "Script", "has_own_steps", "is_own", "own_outputs", "own_task"]

STEPS = ("train_step", "test_step", "compute_loss", "compute_metrics")


class Script:
    """A model whose steps are its own, as a part of a task's structure.

    Attributes:
        model: The model.
        names: The names of the logs of its `train_step`, and of its `test_step`.
        optimizers: The model's optimizer, then those in its attributes.
        metrics: The metrics whose sums an epoch gathers.
    """

    def __init__(self, model: "Compiled") -> None:
        self.model = model
        others = [v for _, v in contents(model) if isinstance(v, Optimizer)]
        self.optimizers = _once([model.optimizer, *others])
        self.metrics = self._metrics()
        self.names: dict[bool, tuple[str, ...]] = {}
        self.steps: Array | None = None
        seen = {k: v for k, v in vars(model).items() if k not in model._unseen}
        self.alike = (
            id(model),
            frozen(seen, {}),
            frozen([vars(o) for o in self.optimizers if o is not None], {}),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Script) and self.alike == other.alike

    def __hash__(self) -> int:
        return hash(self.alike)

    def _metrics(self) -> list[Metric]:
        found = [v for _, v in contents(self.model) if isinstance(v, Metric)]
        return _once([*each_metric(self.model.metrics), *found])

    # What a step holds ----------------------------------------------------------------

    @contextlib.contextmanager
    def _holding(
        self, params: Tree, state: Tree, optimizers: list[Tree], sums: Tree
    ) -> Iterator[dict[int, Any]]:
        pairs = list(self.model.graph.pairs(params, state))
        pairs += [
            (o, dict(s))
            for o, s in zip(self.optimizers, optimizers, strict=True)
            if s is not None
        ]
        for metric, own in zip(self.metrics, sums, strict=True):
            pairs += metric.pairs(own)
        with holding(pairs) as held:
            yield held

    def call(
        self, name: str, batch: Batch, key: Key, building: bool = False
    ) -> dict[str, Array]:
        """The logs of one of the model's steps, which changes what is held."""
        run = Pass(f"{type(self.model).__name__}.{name}", False, building=building)
        method = getattr(self.model, name)
        with passing(run), config.drawing(key), explaining(run.where):
            data = self.data(batch)
            if _takes_state(method):
                logs = self._stateless(method, name, data)
            else:
                logs = method(data)
        if not isinstance(logs, dict):
            raise mistyped(
                run.where,
                f"a step that returns {type(logs).__name__}",
                "the losses and metrics by name",
                "return {'loss': loss}",
            )
        return {k: jnp.mean(v) for k, v in _flat(logs)}

    def data(self, batch: Batch) -> Tree:
        """What a step is given: x, (x, y) or (x, y, sample_weight)."""
        x, y, w = batch[:3]
        model = self.model
        x = model.arranged(x)
        if y is None:  # several inputs are no pair of an input and a target
            return (x,) if isinstance(x, list | tuple) else x
        y = model.known_nest(model.output_nest).arrange(y) if _several(model, y) else y
        return (x, y) if w is None else (x, y, w)

    def _stateless(
        self, method: Callable[..., Any], name: str, data: Tree
    ) -> dict[str, Array]:
        """The logs of a step that takes the state and returns the new one."""
        model = self.model
        lists = [
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer_variables,
            model.metrics_variables,
        ]
        if name != "train_step":
            lists.pop(2)
        state = tuple([v.value for v in variables] for variables in lists)
        logs, new = method(state, data)
        for variables, values in zip(lists, new, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return logs

    # Before a fit ---------------------------------------------------------------------

    def prepare(self, batch: Batch) -> None:
        """Makes all weights and states, and finds the names of the logs."""
        for name in ("train_step", "test_step"):
            nothing_to_test = batch.y is None or self.model.loss is None
            if name == "test_step" and nothing_to_test and not self._tests():
                continue
            self.names[name == "train_step"] = self._names(name, batch)
        known = self.metrics
        self.metrics = self._metrics()
        for metric in self.metrics:  # those that a step has made of names
            if not any(metric is one for one in known):
                metric.reset_state()
        for optimizer in self.optimizers:
            _settle(optimizer, self.model)

    def _tests(self) -> bool:
        """Whether rows can be evaluated without targets, or without a loss."""
        own = {name for name in STEPS if is_own(self.model, name)}
        return "train_step" not in own or bool(own & {"test_step", "compute_loss"})

    def _names(self, name: str, batch: Batch) -> tuple[str, ...]:
        """The logs of a step, by running it on shapes alone; layers get weights."""
        found: list[str] = []

        def look(batch: Batch) -> None:
            slot = self.model.graph.slot
            held = [o.state for o in self.optimizers]
            sums = tuple(metric.state for metric in self.metrics)
            with self._holding(slot.params, slot.state, held, sums):
                logs = self.call(name, batch, jax.random.key(0), building=True)
            found.extend(logs)

        # Operation by operation: with the numbers.
        if jax.config.values["jax_disable_jit"]:
            look(batch)
        else:
            jax.eval_shape(look, batch)
        return tuple(found)


class OwnTask(Task):
    """A task whose step is a method of the model.

    Args:
        script: The model and what its steps change.
    """

    script: Any = None

    def step(
        self, train: Train, fixed: Tree, tally: Tree, batch: Batch, seed: Scalar
    ) -> tuple[Train, Tree]:
        """One call of the model's `train_step`."""
        script: Script = self.script
        params = self.unpack(fixed, train.free)
        states = _split(train.optimizer)
        key = self.draws(seed, train.optimizer["steps"])
        with script._holding(params, train.state, states, tally["metrics"]) as held:
            logs = script.call("train_step", batch, key)
            slot = script.model.graph.slot
            states = [held[id(o)] for o in script.optimizers]
            sums = tuple(metric.state for metric in script.metrics)
        steps = train.optimizer["steps"] + 1
        optimizer = states[0] | {"others": tuple(states[1:]), "steps": steps}
        state = jax.tree.map(
            lambda new, old: new.astype(old.dtype), slot.state, train.state
        )
        return (
            Train(self.pack(slot.params), state, optimizer),
            {"metrics": sums, "logs": _vector(logs, script.names[True])},
        )

    def look(
        self, params: Tree, state: Tree, tally: Tree, batch: Batch
    ) -> tuple[Tree, Tree]:
        """One call of the model's `test_step`."""
        script: Script = self.script
        if False not in script.names:
            raise invalid(
                "evaluate",
                f"{type(script.model).__name__}, which has a train_step of its own, "
                "and no y",
                "what to compute from x alone",
                "write test_step(self, data), which returns losses and metrics by name",
            )
        states = [o.state for o in script.optimizers]
        with script._holding(params, state, states, tally["metrics"]):
            logs = script.call("test_step", batch, jax.random.key(0))
            sums = tuple(metric.state for metric in script.metrics)
        return {"metrics": sums, "logs": _vector(logs, script.names[False])}, state

    def resume(self, params: Tree) -> tuple[Tree, dict[str, Tree]]:
        """The free weights, and what all optimizers go on with."""
        script: Script = self.script
        states = [dict(o.state) for o in script.optimizers]
        steps = np.zeros((), np.int32) if script.steps is None else script.steps
        return self.pack(params), states[0] | {
            "others": tuple(states[1:]),
            "steps": steps,
        }

    def remember(self, state: dict[str, Tree]) -> None:
        """Gives the optimizers their states."""
        self.script.steps = state["steps"]
        states = _split(state)
        for optimizer, own in zip(self.script.optimizers, states, strict=True):
            optimizer.remember(own, optimizer.made_for)

    def finish(self, train: Train, fixed: Tree) -> Tree:
        """The free weights, with the averages of optimizers that follow them."""
        if not any(o.use_ema for o in self.script.optimizers):
            return train.free
        with self._between_steps(train, fixed):
            for optimizer in self.script.optimizers:
                optimizer.finalize_variable_values(optimizer._variables)
            return self.pack(self.script.model.graph.slot.params)

    def swapped(self, train: Train, fixed: Tree) -> Train:
        """With the weights and their averages each in the other's place."""
        with self._between_steps(train, fixed) as held:
            for optimizer in self.script.optimizers:
                variables = optimizer._variables
                arrays = [variable.value for variable in variables]
                new, state = optimizer.swapped(optimizer.state, arrays)
                for variable, value in zip(variables, new, strict=True):
                    variable.assign(value)
                optimizer.remember(state, optimizer.made_for)
            states = [held[id(o)] for o in self.script.optimizers]
            free = self.pack(self.script.model.graph.slot.params)
        steps = train.optimizer["steps"]
        optimizer = states[0] | {"others": tuple(states[1:]), "steps": steps}
        return train._replace(free=free, optimizer=optimizer)

    def _between_steps(self, train: Train, fixed: Tree) -> Any:
        """What a step changes, held as it is between two of them."""
        script: Script = self.script
        sums = tuple(metric.init() for metric in script.metrics)
        states = _split(train.optimizer)
        params = self.unpack(fixed, train.free)
        return script._holding(params, train.state, states, sums)

    def _as_vector(self, free: Tree) -> bool:
        return False

    def tally(self, training: bool = True) -> Tree:
        """The metrics' sums before the first batch, and zeros for the logs."""
        script: Script = self.script
        return {
            "metrics": tuple(metric.init() for metric in script.metrics),
            "logs": jnp.zeros(len(script.names.get(training, ()))),
        }

    def results(self, tally: Tree) -> list[jax.Array]:
        """The logs that the last step gave."""
        return list(tally["logs"])

    @property
    def by_row(self) -> bool:  # type: ignore[override]
        """Nobody knows what a step of the model's own does."""
        return False

    def names(self, given: list[str], training: bool = True) -> list[str]:
        """The names of the logs."""
        del given
        return list(self.script.names.get(training, ()))


def has_own_steps(model: "Compiled") -> bool:
    """Whether the model's class writes a step, a loss or a gathering of metrics.

    So does one that was compiled without a loss: its layers add what it minimises; and
    one with a loss of several outputs at once.
    """
    alone = model.compile_settings is not None and model.loss is None
    return alone or model.has_joint_loss() or any(is_own(model, name) for name in STEPS)


def own_task(model: "Compiled", batch: Batch) -> OwnTask:
    """The task of a model with steps of its own, ready for these rows."""
    if model._body is not None:
        model._body.settle()
    model.resolve_metrics(batch)
    script = Script(model)
    optimizer = model.optimizer
    if _takes_state(model.train_step) and optimizer and optimizer.state is None:
        _settle(optimizer, model)
    with model.eagerly():
        script.prepare(jax.tree.map(lambda a: a[:32], batch))
    return OwnTask(
        graph=model.graph, heads=(), optimizer=model.optimizer, script=script
    )


def own_outputs(
    script: Script, params: Tree, state: Tree, x: Tree, seed: Scalar
) -> tuple[Tree, Tree]:
    """What the model's own `predict_step` gives for inputs, and the state as it was."""
    model = script.model
    run = Pass(f"{type(model).__name__}.predict_step", False)
    with (
        holding(model.graph.pairs(params, state)),
        passing(run),
        config.drawing(jax.random.key(seed)),
        explaining(run.where),
    ):
        return model.predict_step(model.arranged(x)), state


def _takes_state(step: Callable[..., Any]) -> bool:
    """Whether a step takes the state and returns the new one, as Keras' on JAX."""
    return len(inspect.signature(step).parameters) > 1


def is_own(model: "Compiled", name: str) -> bool:
    """Whether the model's class has written this method itself."""
    own = getattr(type(model), name)
    return not own.__module__.startswith("onefit.")


def _several(model: "Compiled", y: Tree) -> bool:
    return isinstance(y, tuple) and model.output_nest is not None


def _once(values: list[Any]) -> list[Any]:
    return list({id(value): value for value in values if value is not None}.values())


def _settle(optimizer: Optimizer, model: "Compiled") -> None:
    """Gives an optimizer numbers where a look at shapes has left none."""
    state = optimizer.state
    traced = state is not None and any(
        isinstance(leaf, Tracer) for leaf in jax.tree.leaves(state)
    )
    if state is None or traced:
        variables = optimizer._variables or model.trainable_variables
        optimizer.remember(None)
        optimizer.build(variables)


def _split(state: Tree) -> list[Tree]:
    own = {k: v for k, v in state.items() if k not in ("others", "steps")}
    return [own, *state["others"]]


def _flat(logs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Logs of one level; what is None is left out."""
    for name, value in logs.items():
        if isinstance(value, dict):
            yield from _flat(value)
        elif value is not None:
            yield name, value.value if isinstance(value, Variable) else value


def _vector(logs: dict[str, Array], names: tuple[str, ...]) -> Array:
    return jnp.stack(
        [jnp.asarray(logs[name], jnp.result_type(float)) for name in names]
    )
