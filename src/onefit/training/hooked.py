"""Rules on the host: in a loop written by hand, and in classes with hooks of their own.

A fit runs a rule inside the program. Where a person calls its hooks, or a subclass
writes one, the same pure functions are called here, between two epochs.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit.training.callback import Callback, Logs
from onefit.training.from_functions import LambdaCallback
from onefit.training.task import Train, rated
from onefit.types import Config

if TYPE_CHECKING:
    from onefit.training.compiled import Compiled

__all__ = ["Driven", "Hooked"]

HOOKS = tuple(
    name
    for name in vars(Callback)
    if name.startswith("on_")
    and name.endswith(("_begin", "_end"))
    and name not in ("on_part_end", "on_stretch_end")
)


class Hooked:
    """The hooks of a rule, which Keras' callbacks of its name have."""

    _model: "Compiled | None" = None
    _memory: Any = None  # of any rule: before the first epoch None
    _stopped: int | None = None
    params: Config | None = None

    @property
    def model(self) -> "Compiled | None":
        """The model being trained, if someone has said so."""
        return self._model

    def set_model(self, model: "Compiled") -> None:
        """Says which model `on_epoch_end` is to stop, and whose weights it keeps."""
        self._model = model

    def set_params(self, params: Config) -> None:
        """Takes what a loop says of itself."""
        self.params = params

    def own_hooks(self) -> list[str]:
        """The hooks that its class writes anew."""
        cls = type(self)
        return [n for n in HOOKS if getattr(cls, n) is not getattr(Hooked, n)]

    def on_train_begin(self, logs: Logs = None) -> None:
        """Begins anew."""
        del logs
        self._memory, self._stopped = None, None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Looks at the logs of an epoch, and does to the model what the rule says."""
        rule: Any = self  # the pure functions
        logs = {} if logs is None else logs
        if rule.logs_learning_rate:
            rates = [float(one.learning_rate) for one in self._rated().values()]
            logs.setdefault("learning_rate", max(rates))
        rule = rule.bind(self._directions(logs), written=True)
        if rule.monitor not in logs:
            return
        train = self._train()
        memory = rule.init(train) if self._memory is None else self._memory
        numbers = {n: jnp.asarray(v) for n, v in logs.items() if np.isscalar(v)}
        numbers[rule.monitor] = jnp.asarray(logs[rule.monitor])
        at = jnp.int32(epoch)
        self._memory, after, stop = rule.step(memory, at, numbers, train, True)
        self._put(train, after)
        if stop:
            self._stopped = epoch
            if self._model is not None:
                self._model.stop_training = True
        rule = self
        rule.report(jax.tree.map(np.asarray, self._memory), self._stopped)

    def on_train_end(self, logs: Logs = None) -> None:
        """Ends: the best weights are restored, if the rule is to do so."""
        del logs
        if self._memory is not None:
            rule: Any = self
            train = self._train()
            self._put(train, rule.finish(self._memory, train, True))
            for line in rule.report(self._memory, self._stopped):
                print(line)

    def _directions(self, logs: Mapping[str, Any]) -> dict[str, str]:
        """Which way is better: of a metric by itself, else by the name, as in Keras."""
        found = {} if self._model is None else self._model.named_metrics()
        known = {metric.name: metric.direction for metric in found}

        def way(name: str) -> str:
            name = name.removeprefix("val_")
            rises = name.endswith(("acc", "accuracy", "auc")) or "fmeasure" in name
            return known.get(name) or ("max" if rises else "min")

        return {name: way(name) for name in logs}

    def _rated(self) -> dict[str, Any]:
        optimizer = getattr(self._model, "optimizer", None)
        found = {} if optimizer is None else rated(optimizer)
        return {name: one for name, one in found.items() if one.constant_rate}

    def _train(self) -> Train:
        """What a rule may look at and change."""
        model = self._model
        weights = [] if model is None else [v.value for v in model.variables]
        rates = {
            n: {"learning_rate": o.learning_rate.value}
            for n, o in self._rated().items()
        }
        return Train(weights, (), rates)

    def _put(self, before: Train, after: Train) -> None:
        """Gives the model what has changed."""
        model = self._model
        if model is None:
            return
        pairs = zip(model.variables, before.free, after.free, strict=True)
        for variable, old, new in pairs:
            if new is not old:
                variable.assign(new)
        for name, one in self._rated().items():
            rate = after.optimizer[name]["learning_rate"]
            if rate is not before.optimizer[name]["learning_rate"]:
                one.learning_rate = rate


def _nothing(self: Hooked, *given: Any, **named: Any) -> None:
    """Does nothing: a rule looks at epochs."""


for _name in HOOKS:
    if _name not in vars(Hooked):
        setattr(Hooked, _name, _nothing)


class Driven(LambdaCallback):
    """A rule whose class writes hooks, as a callback of the fit."""

    def __init__(self, rule: Hooked) -> None:
        hooks = {*rule.own_hooks(), "on_train_begin", "on_epoch_end", "on_train_end"}
        self.rule = rule
        super().__init__(**{name: getattr(rule, name) for name in sorted(hooks)})

    def set_model(self, model: "Compiled") -> None:  # noqa: D102
        super().set_model(model)
        self.rule.set_model(model)

    def set_params(self, params: Config) -> None:  # noqa: D102
        super().set_params(params)
        self.rule.set_params(params)
