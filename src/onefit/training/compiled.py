"""From what `compile` is given, and the shapes of the data, to a task."""

import contextlib
import copy
import functools
import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from onefit import metrics, optimizers
from onefit.data.batch import Batch, unpack_x_y_sample_weight
from onefit.errors import invalid, unknown
from onefit.layers import Layer
from onefit.losses.resolving import as_loss
from onefit.members import contents
from onefit.metrics.base import Metric
from onefit.networks.functional import Names, in_a_list
from onefit.networks.network import Network
from onefit.optimizers import Optimizer
from onefit.spellings import keras_keywords
from onefit.training.compile_metrics import CompileMetrics, each_metric
from onefit.training.task import Head, Task, head
from onefit.types import Array, Identifier, Tree, batch_shape, is_shape
from onefit.variables import Variable

__all__ = ["Compiled", "build_task", "check_metric", "each", "flat", "is_many"]

T = TypeVar("T")

Nest: TypeAlias = "T | list[Nest[T]] | dict[str, Nest[T]]"
"""One, or some in lists and dicts."""

Identifiers: TypeAlias = Identifier | list[Identifier] | dict[str, Identifier] | None
"""One for all outputs; or one for each, in a list or by the outputs' names."""


class Compiled(Network):
    """A network with what `compile` said: a loss, an optimizer, what to report.

    Attributes:
        optimizer, loss: What `compile` was given, as objects.
        compile_settings: What else `compile` was given, None before.
        history: The History of the last fit.
        stop_training: A callback sets it to end the fit.
        stepping: Where the last `train_on_batch` stopped, for the next to go on from.
        predicting: How the last prediction was made: by the model's own `predict_step`,
            compiled, or for which rows.
        watched: Whether the guide looks at fits.
        checked: Whether it has looked at the design already.
    """

    _unseen = Network._unseen | {
        *("optimizer", "loss", "history", "stop_training", "run_eagerly"),
        *("watched", "checked", "compile_settings", "_loss_tracker", "_resolved"),
        *("_number_names", "_output_losses", "_prefixes", "_trained", "_written"),
        *("stepping", "predicting", "_known_task"),
    }

    def _start(self) -> None:
        super()._start()
        self.optimizer: Optimizer | None = None
        self.loss: Any = None
        self._written: Any = None  # the loss as compile was given it
        self.history: Any = None
        self.stop_training = False
        self.run_eagerly = False
        self.watched, self.checked = True, False
        self.compile_settings: dict[str, Any] | None = None
        self._trained: list[Layer] = []
        self._loss_tracker = metrics.Mean(name="loss")
        self._resolved: dict[tuple[str, int, int], Metric] = {}
        self._output_losses: dict[str, Metric] = {}
        self._prefixes: dict[int, str] = {}  # of the metrics of one of several outputs
        self._number_names: list[str] = []
        self._forget_steps()

    def _forget_steps(self) -> None:
        self.stepping: Any = None  # a State, of a room above this file
        self.predicting: tuple[Any, ...] = ()
        self._known_task: tuple[Any, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy is made of: all but what is found anew."""
        return vars(self) | {"stepping": None, "predicting": (), "_known_task": ()}

    @property
    def optimizer_state(self) -> dict[str, Tree] | None:
        """The optimizer's own state; set to None, the optimizer begins anew."""
        return None if self.optimizer is None else self.optimizer.state

    @optimizer_state.setter
    def optimizer_state(self, state: dict[str, Tree] | None) -> None:
        if self.optimizer is not None:
            self.optimizer.forget()
            self.optimizer.remember(state)

    def _forget_training(self) -> None:
        self.optimizer_state = None

    def _find_anew(self) -> None:
        if self.optimizer is not None:
            self.optimizer.remember(self.optimizer_state)  # as a file brings it

    @keras_keywords
    def compile(
        self,
        optimizer: Identifier = "rmsprop",
        loss: Identifiers = None,
        loss_weights: list[float] | dict[str, float] | float | None = None,
        metrics: Identifiers = None,
        weighted_metrics: Identifiers = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        check: bool = True,
    ) -> None:
        """Says what to minimise, how, and what to report.

        Args:
            optimizer: A name or an optimizer.
            loss: A name, a loss, or a function f(y_true, y_pred); a list or a dict by
                output's name for several outputs.
            loss_weights: A factor for each output's loss.
            metrics: Names, metrics or functions, without sample weights.
            weighted_metrics: The same, with sample weights.
            run_eagerly: Run operation by operation, to look inside with a debugger.
            steps_per_execution, jit_compile: Accepted for Keras' scripts; a whole fit
                is one compiled program as it is.
            auto_scale_loss: Put a `LossScaleOptimizer` around the optimizer of a model
                with layers of the policy "mixed_float16".
            check: Whether `fit` warns of what keeps a network from learning: before
                the first epoch (`Model.check`) and while it trains
                (`History.diagnose`). It costs less than 3 % of a fit.

        Raises:
            ValueError: An unknown name, with the nearest ones.
        """
        del steps_per_execution, jit_compile
        if optimizer is None:
            raise invalid(
                "compile",
                "optimizer=None",
                "a name or an optimizer",
                "write optimizer='adam'",
            )
        rule, costs = optimizers.get(optimizer), each(loss, as_loss)
        kinds = {layer.own_dtype for layer in self.graph.plain_layers()}
        scaled = isinstance(rule, optimizers.LossScaleOptimizer)
        if auto_scale_loss and "mixed_float16" in kinds and not scaled:
            rule = optimizers.LossScaleOptimizer(rule)
        for one in flat(costs):
            if one is not None and one.reduction == "none":
                raise invalid(
                    "compile",
                    f"{one.name} with reduction='none'",
                    "a loss that is one number",
                    "leave the reduction out; each row's loss is loss.values(y, p)",
                )
        for identifier in [*flat(metrics), *flat(weighted_metrics)]:
            check_metric(identifier)
        # From here on nothing is refused: a model stays as it was until then.
        self.optimizer, self.loss = _owned(rule, self), costs
        self._written = loss
        self.optimizer_state = None
        self.run_eagerly = run_eagerly
        self.watched, self.checked = check, False
        self._trained = [one for one in self.graph.plain_layers() if one.trainable]
        self._resolved, self._number_names = {}, []
        self._output_losses, self._prefixes = {}, {}
        self.compile_settings = {
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }

    def compile_like(self, other: Network) -> None:
        """Compiles it as another is, with an optimizer and metrics of its own."""
        if not isinstance(other, Compiled) or other.compile_settings is None:
            return
        given = copy.deepcopy((other.optimizer, other.compile_settings))
        self.compile(
            given[0],
            other.loss,
            **given[1],
            run_eagerly=other.run_eagerly,
            check=other.watched,
        )

    @contextlib.contextmanager
    def as_compiled(self) -> Iterator[None]:
        """With the layers trainable that `compile` found so, if all are frozen now.

        The discriminator of a GAN is compiled, then frozen for the model that trains
        the generator, and goes on training by itself: in Keras, too, `trainable` is
        said to count as it was at `compile`.
        """
        going = any(layer.trainable for layer in self._trained) or self.trainable
        thawed = [] if going else self._trained
        for layer in thawed:
            layer.trainable = True
        try:
            yield
        finally:
            for layer in thawed:
                layer.trainable = False

    @property
    def optimizer_variables(self) -> list[Variable]:
        """What the optimizer remembers, once `compile` has named one."""
        return [] if self.optimizer is None else self.optimizer.variables

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self.compile_settings is not None

    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss, what `compile` named as one entry, and those of parts.

        These are metrics in attributes of the model, and of its layers.
        """
        found: list[Any] = []
        given = self.compile_settings
        if given is not None:
            named = given.get("metrics"), given.get("weighted_metrics")
            found = [
                self._loss_tracker,
                *([CompileMetrics(self)] if any(named) else []),
                *self._output_losses.values(),
            ]
        found += [v for _, v in contents(self, self._unseen) if isinstance(v, Metric)]
        found += [metric for _, metric in self.graph.metered()]
        return list({id(metric): metric for metric in found}.values())

    jit_compile, steps_per_execution = True, 1
    """A fit is one compiled program, whatever `compile` was told."""

    def named_metrics(self) -> list[Metric]:
        """The metrics that `compile` named as objects, then those made of names.

        These follow once the shapes of rows are known.
        """
        given = self.compile_settings or {}
        named = [*flat(given.get("metrics")), *flat(given.get("weighted_metrics"))]
        known = [metric for metric in named if isinstance(metric, Metric)]
        found = [*known, *self._resolved.values()]
        return list({id(metric): metric for metric in found}.values())

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of those metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    # Steps, which a subclass may write itself ---------------------------------------

    def train_step(self, data: Tree) -> dict[str, Array]:
        """One step of training on a batch; a subclass may write its own.

        Args:
            data: x, (x, y) or (x, y, sample_weight), as `fit` was given them.

        Returns:
            The losses and metrics by name.
        """
        from onefit.tape import GradientTape

        x, y, weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.own_loss(x, y, y_pred, weight, training=True)
        variables = self.trainable_variables
        assert self.optimizer is not None  # as compute_loss has asked
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self._loss_tracker.update_state(loss, jax.tree.leaves(x)[0].shape[0])
        return self.compute_metrics(x, y, y_pred, weight)

    def test_step(self, data: Tree) -> dict[str, Array]:
        """One batch of an evaluation; see `train_step`."""
        x, y, weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self.own_loss(x, y, y_pred, weight, training=False)
        self._loss_tracker.update_state(loss, jax.tree.leaves(x)[0].shape[0])
        return self.compute_metrics(x, y, y_pred, weight)

    def predict_step(self, data: Tree) -> Tree:
        """The outputs for a batch; a subclass may write its own."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def own_loss(
        self, x: Tree, y: Tree, y_pred: Tree, weight: Tree, training: bool
    ) -> Array:
        """What `compute_loss` gives, which may be one that does not take `training`."""
        takes = inspect.signature(self.compute_loss).parameters.values()
        told = any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in takes)
        mode = {"training": training} if told else {}
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **mode)

    def steps_itself(self) -> bool:
        """Whether the class says itself what a step of training does."""
        return not type(self).train_step.__module__.startswith("onefit.")

    def compute_loss(
        self,
        x: Tree = None,
        y: Tree = None,
        y_pred: Tree = None,
        sample_weight: Tree = None,
        training: bool = True,
    ) -> Array:
        """J: the loss that `compile` named, and what layers add to it.

        Args:
            x: The inputs.
            y, y_pred: Targets and outputs.
            sample_weight: A factor for each row.
            training: Whether it is for a step of training.
        """
        del training
        factors = (self.compile_settings or {}).get("loss_weights")
        terms: list[Array] = []
        found = [
            (name, loss(target, output, weight), 1.0 if factor is None else factor)
            for name, loss, target, output, weight, factor in self._judged(
                y, y_pred, sample_weight, factors
            )
        ]
        for name, value, factor in found:
            terms.append(factor * value)
            if len(found) > 1:
                self._output_loss(name).update_state(value, _count(x, y))
        terms += self.losses
        if not terms:
            raise invalid(
                self.name,
                "a compile without a loss",
                "something to minimise",
                "write model.compile(optimizer='adam', loss='mse'), or self.add_loss "
                "in the call of a layer",
            )
        return sum(terms[1:], start=jnp.asarray(terms[0]))

    def _judged(
        self, y: Tree, y_pred: Tree, weight: Tree, factors: Any
    ) -> Iterator[tuple[str, Any, Tree, Tree, Tree, Any]]:
        """Each loss: the name of its output, what it is asked about, its factor.

        One of several outputs at once is asked about all of them.
        """
        if self.has_joint_loss():
            yield from _by_place(self.loss, y, y_pred, weight, factors)
            return
        names = self._outputs_of(y_pred)
        spread = _spread(factors, names, "loss_weights", 1.0)
        judged = self._by_output(y, y_pred, weight, self.loss)
        labels = self._loss_names(names)
        for name, factor, (loss, target, output, w) in zip(
            labels, spread, judged, strict=True
        ):
            if loss is not None and target is not None:
                yield name, loss, target, output, w, factor

    def has_joint_loss(self) -> bool:
        """Whether a loss stands where the outputs are in a nest: it takes them all."""
        return _is_joint(self.loss, getattr(self.output_nest, "places", 0))

    def _name_losses(self, names: list[str]) -> None:
        """Makes the means of the outputs' losses, where there are several."""
        if self.has_joint_loss():
            found = [name for name, *_ in _by_place(self.loss, None, None, None, None)]
        else:
            losses = _spread(self.loss, names, "loss")
            pairs = zip(self._loss_names(names), losses, strict=True)
            found = [name for name, loss in pairs if loss is not None]
        for name in found if len(found) > 1 else ():
            self._output_loss(name)

    def _loss_names(self, names: list[str]) -> list[str]:
        """What logs call the loss of each output.

        An output in a list, of a `call`, has no name: it is called after its loss.
        """
        if self._body is None or not isinstance(names, Names):
            return getattr(names, "labels", names)
        written = _spread(self._written, names, "loss")
        pairs = zip(names, written, _spread(self.loss, names, "loss"), strict=True)
        return names.labelled(
            [
                name if one is None else text if isinstance(text, str) else one.name
                for name, text, one in pairs
            ]
        )

    @property
    def logged_names(self) -> list[str]:
        """What stands before an output's metrics; in lists of a `call`, nothing."""
        names = self.output_names
        if self._body is None or not isinstance(names, Names):
            return names
        keyed = isinstance(names.places, dict) and _is_flat(names.places)
        return list(names) if keyed else [""] * len(names)

    def _output_loss(self, name: str) -> Metric:
        """The mean of the loss of one output."""
        if name not in self._output_losses:
            self._output_losses[name] = metrics.Mean(name=f"{name}_loss")
        return self._output_losses[name]

    def compute_metrics(
        self, x: Tree, y: Tree, y_pred: Tree, sample_weight: Tree = None
    ) -> dict[str, Array]:
        """Takes a batch into the metrics that `compile` named; all results by name."""
        del x
        self.take_in(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def take_in(self, y: Tree, y_pred: Tree, sample_weight: Tree = None) -> None:
        """Takes a batch into the metrics that `compile` named."""
        names = self._outputs_of(y_pred)
        for what in ("metrics", "weighted_metrics"):
            given = (self.compile_settings or {}).get(what)
            weight = sample_weight if what == "weighted_metrics" else None
            lists = _lists(given, names, what)
            pairs = self._by_output(y, y_pred, weight, lists)
            for i, (listed, target, output, factor) in enumerate(pairs):
                for j in range(len(listed or [])):
                    if (what, i, j) not in self._resolved:
                        self._resolve(names, i, output, target)
                    self._resolved[what, i, j].update_state(target, output, factor)

    def resolve_metrics(self, batch: Batch) -> None:
        """Makes metrics of their names, where the outputs for a batch are known."""
        if self.output_nest is None or batch.y is None:
            return
        names = self.output_names
        self._name_losses(names)
        shapes = self.graph.output_shape(batch_shape(batch.x))
        outputs = jax.tree.leaves(shapes, is_leaf=is_shape)
        targets = batch.y if isinstance(batch.y, tuple) else (batch.y,) * len(names)
        for i, (output, target) in enumerate(zip(outputs, targets, strict=False)):
            self._resolve(names, i, np.empty([n or 1 for n in output]), target)

    def _resolve(self, names: list[str], i: int, output: Array, target: Array) -> None:
        """Makes metrics of the names for output i."""
        for what in ("metrics", "weighted_metrics"):
            given = (self.compile_settings or {}).get(what)
            for j, identifier in enumerate(_lists(given, names, what)[i]):
                if (what, i, j) not in self._resolved:
                    joint = self.has_joint_loss()
                    metric = self._resolved[what, i, j] = metrics.resolve(
                        identifier,
                        loss=None if joint else _spread(self.loss, names, "loss")[i],
                        output_shape=(None, *np.shape(output)[1:]),
                        target_shape=(None, *np.shape(target)[1:]),
                    )
                    if len(names) > 1 and (name := self.logged_names[i]):
                        self._prefixes[id(metric)] = f"{name}_"

    def get_metrics_result(self) -> dict[str, Array]:
        """The results of all metrics by name."""
        metrics = each_metric(self.metrics)
        return {self._name_of(metric): metric.result() for metric in metrics}

    def _name_of(self, metric: Metric) -> str:
        """What logs call a metric: after its output, where there are several."""
        return f"{self._prefixes.get(id(metric), '')}{metric.name}"

    def reset_metrics(self) -> None:
        """Lets all metrics forget what they have seen."""
        for metric in self.metrics:
            metric.reset_state()

    @property
    def metrics_names(self) -> list[str]:
        """The names of the numbers that `evaluate` gives, once data were seen."""
        return self._number_names or [str(metric.name) for metric in self.metrics]

    def numbers_named(self, names: list[str]) -> None:
        """Told what the numbers of an evaluation are called."""
        self._number_names = names

    def _outputs_of(self, y_pred: Tree) -> list[str]:
        """The names of outputs that come like these."""
        if not _is_flat(y_pred):
            return self.output_names
        if isinstance(y_pred, dict):
            return list(y_pred)
        several = isinstance(y_pred, list | tuple)
        names = self.output_names
        if several and len(names) != len(y_pred):
            names = [f"output_{i}" for i in range(len(y_pred))]
        return names if several else names[:1]

    def _by_output(
        self, y: Tree, y_pred: Tree, sample_weight: Tree, value: Identifiers
    ) -> Iterator[tuple[Any, Tree, Array, Tree]]:
        """For each output: a value for it, its target, it itself, its weights."""
        names = self._outputs_of(y_pred)
        one = not isinstance(y_pred, dict | list | tuple)
        outputs = in_a_list(y_pred, names)
        outputs = [y_pred] if one else list(outputs)
        if isinstance(y_pred, dict) and _is_flat(y_pred):
            outputs = list(y_pred.values())

        def each_of(tree: Tree) -> list[Tree]:
            tree = in_a_list(tree, names)
            if isinstance(tree, dict):
                return [tree.get(name) for name in names]
            listed = isinstance(tree, list | tuple) and not one
            return list(tree) if listed else [tree] * len(names)

        values = value if isinstance(value, list) and len(value) == len(names) else None
        values = values or _spread(value, names, "loss")
        yield from zip(values, each_of(y), outputs, each_of(sample_weight), strict=True)

    def task(self, batch: Batch) -> Task:
        """What is trained, for rows of these shapes; the same as long as it is."""
        layers = self.graph.plain_layers()
        if any(layer.in_keras_style for layer in layers):  # anything may have changed
            return build_task(self, batch)
        made_of = [self.graph, self.optimizer, self.loss, self.compile_settings]
        found = (
            list(map(id, made_of)),
            self.output_names,
            [layer.trainable for layer in layers],
            jax.tree.map(lambda a: a.shape[1:], batch.x),
            jax.tree.map(lambda a: a.shape[1:], batch.y),
        )
        if self._known_task[:1] != (found,):
            self._known_task = found, build_task(self, batch), made_of
        return self._known_task[1]

    def eagerly(self) -> contextlib.AbstractContextManager[object]:
        """Operation by operation, where `run_eagerly` asks for it."""
        return jax.disable_jit() if self.run_eagerly else contextlib.nullcontext()


_OWNERS: weakref.WeakKeyDictionary[Optimizer, weakref.ref[Compiled]] = (
    weakref.WeakKeyDictionary()
)


def _owned(optimizer: Optimizer, model: Compiled) -> Optimizer:
    """An optimizer for this model alone; one that had it goes on with a copy."""
    owner = _OWNERS.get(optimizer, lambda: None)()
    if owner is not None and owner is not model and owner.optimizer is optimizer:
        owner.optimizer = copy.copy(optimizer)
    _OWNERS[optimizer] = weakref.ref(model)
    return optimizer


def build_task(model: Compiled, batch: Batch) -> Task:
    """The network of a model with the losses and metrics of each output."""
    if model.compile_settings is None:
        raise invalid(
            model.name,
            "a call of fit or evaluate before compile",
            "a loss and an optimizer first",
            "write model.compile(optimizer='adam', loss='mse')",
        )
    names = model.output_names
    shapes = model.graph.output_shape(batch_shape(batch.x))
    outputs = jax.tree.leaves(shapes, is_leaf=is_shape)
    targets = batch.y if isinstance(batch.y, tuple) else (batch.y,) * len(names)
    losses_ = _spread(model.loss, names, "loss")
    weights = _spread(
        model.compile_settings["loss_weights"], names, "loss_weights", 1.0
    )
    plain = _lists(model.compile_settings["metrics"], names, "metrics")
    weighted = _lists(
        model.compile_settings["weighted_metrics"], names, "weighted_metrics"
    )
    graph, heads = model.graph, []
    for i, name in enumerate(model._loss_names(names)):
        graph, loss, link = head(graph, losses_[i], i)
        resolve = functools.partial(
            metrics.resolve,
            loss=losses_[i],
            output_shape=outputs[i],
            target_shape=(None, *np.shape(targets[i])[1:]),
        )
        heads.append(
            Head(
                loss=loss,
                metrics=tuple(resolve(m) for m in plain[i]),
                weighted_metrics=tuple(resolve(m) for m in weighted[i]),
                link=link,
                weight=float(1.0 if weights[i] is None else weights[i]),
                name=name,
            )
        )
    if not any(head_.loss for head_ in heads):
        raise invalid(
            model.name,
            "a compile without a loss",
            "something to minimise",
            "write model.compile(optimizer='adam', loss='mse')",
        )
    return Task(graph=graph, heads=tuple(heads), optimizer=model.optimizer)


def is_many(value: object) -> bool:
    """Whether this is a list or None, rather than one thing."""
    return value is None or isinstance(value, tuple | list)


def flat(value: Identifiers) -> Iterable[Identifier]:
    """All things in a nest of lists and dicts."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [m for v in value.values() for m in flat(v)]
    return [m for v in value for m in flat(v)] if is_many(value) else [value]


def each(value: Identifiers, convert: Callable[[Identifier], T]) -> "Nest[T]":
    """What one thing, or each of several in lists and dicts, converts to."""
    if isinstance(value, dict) and "class_name" not in value:
        return {k: each(v, convert) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [each(v, convert) for v in value]
    return convert(value)


def check_metric(identifier: Identifier) -> None:
    """Refuses an unknown name at compile time; what it means depends on fit's rows."""
    metrics.resolve(
        identifier, loss=None, output_shape=(None, 1), target_shape=(None, 1)
    )


def _is_flat(nest: Tree) -> bool:
    """Whether there are no nests in a nest."""
    if isinstance(nest, dict):
        nest = list(nest.values())
    several = nest if isinstance(nest, list | tuple) else []
    return not any(isinstance(part, dict | list | tuple) for part in several)


def _is_joint(loss: Any, places: Tree) -> bool:
    """Whether a loss that stands inside a nest of losses stands for several places."""
    parts = loss.items() if isinstance(loss, dict) else ()
    if isinstance(loss, list | tuple):
        parts = enumerate(loss)
    for key, one in parts:
        try:
            place = places[key]
        except (TypeError, KeyError, IndexError):  # it is told elsewhere
            continue
        alone = one is not None and not isinstance(one, dict | list | tuple)
        if (alone and not isinstance(place, int)) or _is_joint(one, place):
            return True
    return False


def _by_place(
    loss: Any, y: Tree, y_pred: Tree, weight: Tree, factors: Any, way: str = ""
) -> Iterator[tuple[str, Any, Tree, Tree, Tree, Any]]:
    """Each loss of a nest with what stands in its place in other nests."""
    if loss is None:
        return
    if not isinstance(loss, dict | list | tuple):
        yield way, loss, y, y_pred, weight, factors
        return

    def at(nest: Any, key: Any) -> Any:
        return nest[key] if isinstance(nest, dict | list | tuple) else nest

    for key in loss if isinstance(loss, dict) else range(len(loss)):
        parts = (at(nest, key) for nest in (loss, y, y_pred, weight, factors))
        yield from _by_place(*parts, way=f"{way}/{key}" if way else str(key))


def _count(x: Tree, y: Tree) -> int:
    """The rows of a batch."""
    return jax.tree.leaves((x, y))[0].shape[0]


def _spread(
    value: Identifiers, names: list[str], what: str, default: float | None = None
) -> list[Identifier]:
    """One value for each output, from one for all, a list, or a dict by name."""
    found = _spread_out(in_a_list(value, names), names, what, default)
    found = [v[0] if isinstance(v, list | tuple) and len(v) == 1 else v for v in found]
    for name, each in zip(names, found, strict=True):
        if isinstance(each, list | tuple | dict):
            raise invalid(
                what,
                f"{len(each)} values for the output {name!r}",
                "one for each output",
                "write a function of (y, p) that adds them up",
            )
    return found


def _spread_out(
    value: Identifiers, names: list[str], what: str, default: float | None
) -> list[Identifier]:
    if isinstance(value, dict):
        for name in value:
            if name not in names:
                raise unknown(f"output in {what}", name, names)
        return [value.get(name, default) for name in names]
    if isinstance(value, list | tuple):
        if len(value) != len(names):
            raise invalid(what, f"{len(value)} values", f"{len(names)}")
        return list(value)
    return [default if value is None else value] * len(names)


def _lists(value: Identifiers, names: list[str], what: str) -> list[list[Identifier]]:
    """The metrics of each output."""
    value = in_a_list(value, names)
    if isinstance(value, dict):
        return [list(flat(v)) for v in _spread_out(value, names, what, None)]
    if len(names) == 1:
        return [list(flat(value))]
    listed = value if isinstance(value, list | tuple) else []
    if len(listed) == len(names) and any(map(is_many, listed)):
        return [list(flat(v)) for v in listed]
    return [list(flat(value)) for _ in names]
