"""Model: the face over a graph. compile, fit, evaluate and predict hold no maths."""

import contextlib
import itertools
import json
import os
import warnings
from typing import Any, Self

import jax
import numpy as np

from onefit import config, losses, optimizers
from onefit.errors import OnefitWarning, invalid, mistyped, unknown
from onefit.layers.base import Layer, batch_shape, is_shape
from onefit.layers.symbolic import Tensor, is_symbolic
from onefit.models.functional import Nest, graph_of, lone, name_layers
from onefit.models.graph import Graph
from onefit.models.jobs import build_job, chunk, rows_at_once, whole, whole_batches
from onefit.models.tasks import build_task, check_metric, each, flat, is_many
from onefit.spellings import keras_keywords
from onefit.training import data as rows
from onefit.training.callback import Callback
from onefit.training.compiling import compiled
from onefit.training.history import History
from onefit.training.job import Fit
from onefit.training.loop import fit
from onefit.training.state import State
from onefit.training.task import Batch, Task
from onefit.types import Tree

__all__ = ["Model", "model_from_json"]


@jax.jit
def _forward(graph: Graph, params: Tree, state: Tree, x: Any, seed: Any) -> Any:
    key = jax.random.key(seed) if graph.always_random else None
    return graph.apply(params, state, x, training=False, key=key)


class Model:
    """A network that can be compiled, trained, evaluated and asked.

    Made of what layers gave when they were called on what `Input` gave; Sequential
    makes the same of a list of layers.

    Args:
        inputs: What `Input` gave: one, a list, or a dict by name.
        outputs: What layers gave: one, a list, or a dict by name. `predict` arranges
            its arrays the same way.
        name: The model's name.

    Attributes:
        graph: The description of what is computed.
        optimizer, loss: What `compile` was given, as objects.
        history: The History of the last fit.
        stop_training: A callback sets it to end the fit.

    Raises:
        ValueError: An output that needs another input, with the path from there; an
            input that nothing needs; two layers of one name.

    Example:
        >>> from onefit import Input, Model
        >>> from onefit.layers import Dense
        >>> x = Input((4,))
        >>> hidden = Dense(3, activation="relu")(x)
        >>> model = Model(x, Dense(1)(hidden) + 2.0 * x[:, :1])
        >>> model.predict(np.zeros((5, 4)), verbose=0).shape
        (5, 1)

    Source: lecture 004, "Functional API"; Keras, `keras.Model`.
    """

    graph: Graph

    @keras_keywords
    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None
    ) -> None:
        self._start()
        if inputs is None or outputs is None:
            raise mistyped(
                "Model",
                f"no {'inputs' if inputs is None else 'outputs'}",
                "inputs and outputs",
                "write x = Input((4,)); Model(x, Dense(1)(x)), or "
                "Sequential([Dense(1)])",
            )
        self._inputs, self._outputs = Nest(inputs, "inputs"), Nest(outputs, "outputs")
        tensors = self._inputs.tensors, self._outputs.tensors
        self.graph = graph_of(*tensors, name or "functional")
        self.graph.entrance = lone([tensor.shape for tensor in tensors[0]])
        self.graph._named = name is not None
        name_layers(list(self.graph.layers), f"Model {self.name!r}")
        self._show_face()

    def _start(self) -> None:
        """What every model begins with."""
        self.optimizer: Any = None
        self.loss: Any = None
        self.optimizer_state: Any = None
        self.optimizer_view: Any = None
        self.history: History | None = None
        self.stop_training = False
        self.run_eagerly = False
        self._guided, self._checked = True, False
        self._compiled: dict[str, Any] | None = None

    # Inputs and outputs --------------------------------------------------------------

    _inputs: Nest | None = None
    _outputs: Nest | None = None

    @property
    def inputs(self) -> list[Tensor]:
        """What stands for the inputs in a graph."""
        return self._nest(self._inputs).tensors

    @property
    def outputs(self) -> list[Tensor]:
        """What stands for the outputs in a graph."""
        return self._nest(self._outputs).tensors

    @property
    def input(self) -> Any:
        """The inputs as the model was given them: one, a list, or a dict.

        Those of a model without an Input of its own are its place in another.
        """
        if self._inputs is None and self.graph._calls:
            return self.graph.input
        return self._nest(self._inputs).value

    @property
    def output(self) -> Any:
        """The outputs as the model was given them: one, a list, or a dict.

        Those of a model without an Input of its own are its place in another.
        """
        if self._outputs is None and self.graph._calls:
            return self.graph.output
        return self._nest(self._outputs).value

    @property
    def input_shape(self) -> Any:
        """The shape of the input, the batch first, as None; a list of several."""
        return lone([tensor.shape for tensor in self.inputs])

    @property
    def output_shape(self) -> Any:
        """The shape of the output, the batch first, as None; a list of several."""
        return lone([tensor.shape for tensor in self.outputs])

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs: a dict's keys, or those of the Inputs."""
        return _names_of(self._inputs) or ["x"]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: a dict's keys, or those of the layers."""
        return _names_of(self._outputs) or [str(self.layers[-1].name)]

    def _nest(self, nest: Nest | None) -> Nest:
        if nest is None:
            raise invalid(
                self.name,
                "a request for its place in a graph",
                "a model whose input shape is known",
                "begin with Input((4,)), or write model.build((None, 4))",
            )
        return nest

    @property
    def name(self) -> str:
        """The model's name, also as a layer of another."""
        return str(self.graph.name)

    @name.setter
    def name(self, value: str) -> None:
        self.graph.name = value

    # Weights -----------------------------------------------------------------------

    @property
    def layers(self) -> list[Any]:
        """The layers, in order; a model inside is one of them."""
        return [getattr(layer, "face", layer) for layer in self.graph.layers]

    def _show_face(self) -> None:
        """Lets the graph know whose it is, for models that hold it as a layer."""
        object.__setattr__(self.graph, "face", self)

    def reset_states(self) -> None:
        """Makes stateful layers forget: their states are zero again."""
        layer: Any
        for layer in self.graph.plain_layers():
            if layer.stateful:
                layer.reset_states()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name, or at this place.

        Raises:
            ValueError: No such layer, with the nearest names.
        """
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise invalid(
                    "get_layer", f"index={index}", f"0 to {len(self.layers) - 1}"
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown("layer", name, [str(layer.name) for layer in self.layers])

    @property
    def built(self) -> bool:
        """Whether the model has its weights."""
        return self.graph.built

    @property
    def weights(self) -> list[Any]:
        """All weights, layer by layer, as arrays."""
        return self.graph.weights

    @property
    def trainable_weights(self) -> list[Any]:
        """The weights that training changes."""
        params = self.graph.slot.params
        free = {id(w) for w in jax.tree.leaves(self.graph.free(params))}
        return [w for w in self.weights if id(w) in free]

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The weights that it does not: frozen layers', moving means."""
        free = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in free]

    def get_weights(self) -> list[np.ndarray]:
        """All weights as numpy arrays, copied, layer by layer."""
        return self.graph.get_weights()

    def set_weights(self, weights: list[Any]) -> None:
        """Replaces all weights; one that does not fit leaves them all as they were.

        Raises:
            ValueError: A wrong number or shape (which layer, which weight).
        """
        self.graph.set_weights(weights)

    def initialize(self) -> None:
        """Draws all weights anew, as if the model had just been made.

        Frozen layers keep their weights, and a Normalization what it has learned. The
        optimizer starts anew too. With `set_random_seed` before it, a fit is one member
        of a population: `onefit.population.fit(model, ..., seeds=[7])`.

        >>> dense = onefit.layers.Dense(2)
        >>> model = onefit.Sequential([onefit.Input((3,)), dense])
        >>> before = model.get_weights()[0]
        >>> model.initialize()
        >>> bool((before == model.get_weights()[0]).any())
        False
        """
        params, state = self.graph.redraw(config.generator(None))
        self.graph.store(params, state)
        self.optimizer_state = None

    def count_params(self) -> int:
        """How many numbers the model holds."""
        return self.graph.count_params()

    @property
    def trainable(self) -> bool:
        """Whether any layer may be trained; setting it sets all layers."""
        plain = self.graph.plain_layers()
        heavy = [layer for layer in plain if layer.built and layer.slot.params]
        return any(layer.trainable for layer in heavy or plain)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            layer.trainable = bool(value)
        self.optimizer_state = None

    # The pure way ------------------------------------------------------------------

    @property
    def params(self) -> Tree:
        """The trainable weights as a pytree, for an explicit training loop."""
        return self.graph.slot.params

    @params.setter
    def params(self, value: Tree) -> None:
        self.graph.store(value, self.graph.slot.state)

    def apply(
        self, params: Tree, x: Any, *, training: bool = False, key: Any = None
    ) -> Any:
        """The output for these weights: a pure function of `params` and `x`.

        >>> dense = onefit.layers.Dense(1, kernel_initializer="ones")
        >>> model = onefit.Sequential([onefit.Input((2,)), dense])
        >>> model.apply(model.params, jnp.ones((1, 2)))
        Array([[2.]], dtype=float32)
        """
        state = self.graph.slot.state
        return self.graph.apply(params, state, x, training=training, key=key)[0]

    def __call__(self, x: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The output for arrays; what Input gave makes the model a layer of a graph."""
        x = self._take(x) if self._inputs else x
        if not is_symbolic(x):
            self._ready_for(x)
        elif not self.built:
            self.build(lone([t.shape for t in jax.tree.leaves(x)]))
        y = self.graph(x, training=training, mask=mask)
        return self._outputs.arrange(y) if self._outputs else y

    def _take(self, x: Any) -> Any:
        """Inputs in any of Keras' arrangements as the graph has them."""
        names = self.input_names
        if isinstance(x, dict):
            x = rows.by_name(x, names, "x")
        if isinstance(x, list | tuple) and len(x) == len(names):
            if len(names) > 1:
                return tuple(x)
            return x[0] if hasattr(x[0], "shape") and np.ndim(x[0]) else x
        if len(names) == 1:
            return x
        return rows.several(x, names, "x")

    def _ready_for(self, x: Any) -> None:
        """Builds the layers at the first sight of data; refuses what none can mean."""
        if not self.layers or not self.built:
            self.build(batch_shape(x))
        self.graph.check_input(x)

    def build(self, input_shape: Any = None) -> Self:
        """Makes the weights for an input shape, the batch first, as None."""
        if not self.layers:
            raise invalid(
                self.name,
                "a model without layers",
                "at least one",
                "add one: model.add(Dense(1))",
            )
        self.graph.build(input_shape)
        return self

    # Compiling -----------------------------------------------------------------------

    @keras_keywords
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
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
        self.optimizer = optimizers.get(optimizer)
        self.loss = each(loss, losses.get)
        for one in flat(
            list(self.loss.values()) if isinstance(self.loss, dict) else self.loss
        ):
            if one is not None and one.reduction == "none":
                raise invalid(
                    "compile",
                    f"{one.name} with reduction='none'",
                    "a loss that is one number",
                    "leave the reduction out; each row's loss is loss.values(y, p)",
                )
        self.optimizer_state = None
        self.run_eagerly = run_eagerly
        self._guided, self._checked = check, False
        for identifier in [*flat(metrics), *flat(weighted_metrics)]:
            check_metric(identifier)
        self._compiled = {
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }

    def _task(self, batch: Batch) -> Task:
        """What compile said, for rows of these shapes."""
        return build_task(self, batch)

    # Training ------------------------------------------------------------------------

    @keras_keywords
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Trains the model: minimises J(w, b) over the rows of x and y.

        Args:
            x, y: Inputs and targets: arrays, lists, pandas, torch tensors.
            batch_size: Rows in a step, 32 unless given; the last batch may be smaller.
            epochs: Passes over the data; the number of the last one, when
                `initial_epoch` is given.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch, 'auto' by the place.
            callbacks: Rules and callbacks.
            validation_split: The share of the last rows held out.
            validation_data: (x, y) or (x, y, sample_weight), held out.
            shuffle: Whether each epoch takes the rows in a new order.
            class_weight: A factor for each class, {0: 1.0, 1: 3.0}; multiplied with
                `sample_weight` if both are given.
            sample_weight: A factor for each row.
            initial_epoch: The number of the first epoch, to go on with.
            steps_per_epoch: Batches that make an epoch; the rows are then one endless
                stream, and every batch is full.
            validation_steps: At most so many validation batches.
            validation_batch_size: Rows in one of them.
            validation_freq: Validate every so many epochs, or after these (1-based).

        Returns:
            The History: `.history["loss"]` and so on, a number an epoch.

        Raises:
            ValueError, TypeError: What cannot be meant, before anything is compiled.
        """
        job = build_job(
            self,
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split,
            validation_data,
            shuffle,
            class_weight,
            sample_weight,
            initial_epoch,
            steps_per_epoch,
            validation_steps,
            validation_batch_size,
            validation_freq,
        )
        if self._guided and not self.run_eagerly:
            from onefit.guide.watch import watch

            watch(job, check=not self._checked)
            self._checked = True
        return fit(job)

    # The guide -----------------------------------------------------------------------

    def check(
        self,
        x: Any = None,
        y: Any = None,
        *,
        sample_weight: Any = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
    ) -> Any:
        """What in this design, for these rows, will keep the network from learning.

        Nothing is trained or changed. Without x and y only the network and what
        `compile` said are looked at.

        Args:
            x, y, sample_weight, batch_size, epochs, validation_split, validation_data,
                shuffle, class_weight: What `fit` would be given.

        Returns:
            A Report of findings, errors first: what was seen, why it matters, what to
            write instead.

        Example:
            >>> model = onefit.Sequential([onefit.Input((2,)), onefit.layers.Dense(1)])
            >>> model.compile("sgd", "binary_crossentropy")
            >>> model.check().codes
            ['logits-as-probabilities']

        Source: lectures 001 (choosing activations) and 004 (the table of problem type,
            last activation and loss).
        """
        from onefit.guide.check import check

        return check(
            self,
            x,
            y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            epochs=epochs,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
        )

    def trace(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        training: bool = False,
        dtype: str | None = None,
        seed: int = 0,
    ) -> Any:
        """Every number of forward and backward propagation for these rows.

        Args:
            x: The inputs; a few rows are most legible.
            y: The targets; without them only the forward pass is traced.
            sample_weight: A factor for each row.
            training: Whether layers act as in a training step: dropout, statistics of
                the batch.
            dtype: 'float64' for more digits.
            seed: Of what is random in training.

        Returns:
            A Trace: print it, look at it in a notebook, `trace.to_latex()`,
            `trace.verify()` against finite differences, `trace.step()` for the
            optimizer's step; `trace["dense"].dz` and so on are arrays.
        """
        from onefit.guide.trace import trace

        return trace(
            self, x, y, sample_weight, training=training, dtype=dtype, seed=seed
        )

    def _rows(
        self, x: Any, y: Any, sample_weight: Any, place: str, finite: bool = True
    ) -> Batch:
        rows.refuse_stream(x, "x")
        if x is None or y is None:
            raise mistyped(
                place,
                f"no {'x' if x is None else 'y'}",
                "inputs and targets",
                f"write model.{place}(x, y)",
            )
        batch = rows.as_batch(
            x, y, sample_weight, finite, self.input_names, self._targets()
        )
        return batch._replace(x=self._columns(batch.x))

    def _columns(self, x: Any) -> Any:
        """The inputs; lone numbers (n,) as columns (n, 1) where those are wanted."""
        if self._inputs is None:
            return x
        wanted = lone([tensor.shape for tensor in self._inputs.tensors])

        def column(a: Any, shape: Any) -> Any:
            short = len(shape) == a.ndim + 1 and shape[-1] == 1
            return a[..., None] if short else a

        if is_shape(wanted):
            return column(x, wanted)
        return tuple(column(a, shape) for a, shape in zip(x, wanted, strict=True))

    def _targets(self) -> list[str]:
        """The names of the outputs, where they are known."""
        return self.output_names if self._outputs or self.layers else ["y"]

    @keras_keywords
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on these rows; the loss and metrics before it."""
        batch = self._rows(x, y, sample_weight, "train_on_batch")
        self._ready_for(batch.x)
        task = self._task(batch)
        if self.weights and not self.trainable_weights:
            warnings.warn(
                f"train_on_batch: all layers of {self.name!r} are frozen, so nothing "
                "is trained. Write layer.trainable = True for those that shall learn.",
                OnefitWarning,
                stacklevel=3,
            )
        batch = rows.weigh(rows.fit_targets(task, batch), class_weight)
        n = rows.count(batch)
        job = Fit(
            self,
            task,
            batch,
            None,
            batch_size=n,
            epochs=1,
            names=tuple(task.names(self.output_names)),
            seed=config.new_seed(),
        )
        state = State(job)
        tally = compiled("start", False)(task)
        with self._eagerly():
            state.params, state.train, _, results = compiled("part", state.is_small)(
                task,
                state.params,
                state.train,
                tally,
                batch,
                None,
                np.int32(0),
                np.int32(1),
                np.uint32(job.seed),
                size=n,
                batch=n,
            )
        state.write()
        return self._answer(task, results, return_dict)

    # Evaluating --------------------------------------------------------------------

    @keras_keywords
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and metrics of these rows.

        Args:
            x, y, sample_weight: As in `fit`.
            batch_size: Rows at once, which matters for a loss that sums or leaves rows
                out; for others more are taken where that is little memory.
            verbose: 0 for no line of output.
            steps: At most so many batches.
            callbacks: Their `on_test_*` hooks are called.
            return_dict: Whether to return the numbers by name.

        Returns:
            The loss, or [loss, metric, ...] if there are metrics, or a dict.
        """
        batch = self._rows(x, y, sample_weight, "evaluate", finite=False)
        self._ready_for(batch.x)
        task = self._task(batch)
        batch = rows.fit_targets(task, batch)
        if batch_size is not None:
            whole("batch_size", batch_size, 1)
        size = chunk(self, task, batch_size or 32)
        if steps is not None:
            whole("steps", steps, 1)
            size = batch_size or 32
            batch = jax.tree.map(lambda a: a[: steps * size], batch)
        n = rows.count(batch)
        if self.graph.stateful:
            size = batch_size or 32
            whole_batches(self, batch, size)
        size = min(size, n)
        hooks = self._hooks(callbacks)
        for callback in hooks:
            callback.on_test_begin({})
        slot = self.graph.slot
        with self._eagerly():
            tally, state = compiled("start", False)(task), slot.state
            for start in range(0, n, size):
                piece = jax.tree.map(lambda a, at=start: a[at : at + size], batch)
                tally, state = compiled("count", False)(
                    task, slot.params, state, tally, piece
                )
            values = compiled("results", False)(task, tally)
        if self.graph.stateful:
            self.graph.store(slot.params, state)
        answer = self._answer(task, values, return_dict)
        logs = self._answer(task, values, True)
        if not np.isfinite(list(logs.values())).all():
            for name, tree in (("x", batch.x), ("y", batch.y)):
                for array in jax.tree.leaves(tree):
                    rows.refuse_nan(array, name)
        for callback in hooks:
            callback.on_test_end(logs)
        if verbose:
            shown = " - ".join(f"{k}: {v:.4f}" for k, v in logs.items())
            print(f"{n} rows - {shown}")
        return answer

    def _hooks(self, callbacks: Any) -> list[Callback]:
        """The callbacks of an evaluation or a prediction, told of the model."""
        given = callbacks if is_many(callbacks) else [callbacks]
        hooks = [c for c in given or [] if isinstance(c, Callback)]
        for callback in hooks:
            callback.set_model(self)
        return hooks

    def _eagerly(self) -> Any:
        """Operation by operation, where `run_eagerly` asks for it."""
        return jax.disable_jit() if self.run_eagerly else contextlib.nullcontext()

    @keras_keywords
    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and metrics of one batch."""
        n = rows.count(self._rows(x, y, sample_weight, "test_on_batch"))
        return self.evaluate(
            x,
            y,
            batch_size=n,
            verbose=0,
            sample_weight=sample_weight,
            return_dict=return_dict,
        )

    def _answer(self, task: Task, values: Any, as_dict: bool) -> Any:
        numbers = [float(v) for v in jax.device_get(values)]
        if as_dict:
            return dict(zip(task.names(self.output_names), numbers, strict=True))
        return numbers[0] if len(numbers) == 1 else numbers

    # Predicting --------------------------------------------------------------------

    @keras_keywords
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for these rows, as a numpy array.

        Args:
            x: Rows of inputs.
            batch_size: Rows at once; more are taken where that is little memory.
            verbose: Accepted for Keras' scripts: predicting prints nothing.
            steps: At most so many batches.
            callbacks: Their `on_predict_*` hooks are called.
        """
        del verbose
        x = rows.as_batch(x, finite=False, inputs=self.input_names).x
        x = self._columns(x)
        if batch_size is not None:
            whole("batch_size", batch_size, 1)
        if steps is not None:
            whole("steps", steps, 1)
            x = jax.tree.map(lambda a: a[: steps * (batch_size or 32)], x)
        self._ready_for(x)
        if batch_shape(x) != self.graph.slot.input_shape:
            self.graph.output_shape(batch_shape(x))
        hooks = self._hooks(callbacks)
        n = len(jax.tree.leaves(x)[0])
        size = batch_size or 32
        exact = not self.graph.by_row
        if self.graph.stateful:
            size = batch_size or self.graph.batch_size or size
            whole_batches(self, Batch(x, None), size)
        elif (
            n > size and not hooks and not exact
        ):  # hooks count the batches they were promised
            size = rows_at_once(self, batch_size)
        for callback in hooks:
            callback.on_predict_begin({})
        slot = self.graph.slot
        parts = []
        for number, start in enumerate(range(0, n, size)):
            piece = jax.tree.map(lambda a, at=start: a[at : at + size], x)
            count = min(size, n - start)
            y, state = _forward(
                self.graph,
                slot.params,
                slot.state,
                piece if exact else _padded(piece, count, size),
                np.uint32(config.new_seed() if self.graph.always_random else 0),
            )
            if self.graph.stateful:
                self.graph.store(slot.params, state)
                slot = self.graph.slot
            parts.append((y, count))
            for callback in hooks:
                outputs = jax.tree.map(lambda a, c=count: np.asarray(a)[:c], y)
                callback.on_predict_batch_end(number, {"outputs": outputs})
        gathered = [
            jax.tree.map(lambda a, c=count: np.asarray(a)[:c], y) for y, count in parts
        ]
        for callback in hooks:
            callback.on_predict_end({})
        y = gathered[0]
        if len(gathered) > 1:
            y = jax.tree.map(lambda *a: np.concatenate(a), *gathered)
        return self._outputs.arrange(y) if self._outputs else y

    @keras_keywords
    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as a numpy array."""
        return self.predict(x)

    # Files ---------------------------------------------------------------------------

    @keras_keywords
    def save(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Writes the model to a `.keras` file, which Keras opens too.

        What `compile` said and the optimizer's state are in it: after
        `onefit.load_model` training goes on where it stopped.

        Args:
            filepath: The file. It is replaced as a whole, or not at all.
            overwrite: Whether it may be replaced.

        Raises:
            ValueError: A model without weights, or with layers that no file can hold.
        """
        from onefit.interop.keras.file import save_model

        save_model(self, filepath, overwrite)

    @keras_keywords
    def save_weights(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Writes the weights to a `.weights.h5` or `.safetensors` file.

        The optimizer's state is in the first alone.
        """
        from onefit.interop.keras.file import save_weights

        save_weights(self, filepath, overwrite)

    @keras_keywords
    def load_weights(self, filepath: str | os.PathLike, limits: Any = None) -> None:
        """Takes the weights in a `.weights.h5`, `.safetensors` or `.keras` file.

        Args:
            filepath: The file.
            limits: An `onefit.interop.Limits`, for files beyond the usual ones.

        Raises:
            ValueError: A file that does not fit (which weight); nothing is changed.
        """
        from onefit.interop.keras.file import load_weights

        load_weights(self, filepath, limits)

    def get_config(self) -> dict[str, Any]:
        """The layers and their settings, as Keras writes them."""
        from onefit.interop.keras.file import config_of

        return config_of(self, compiled=False)["config"]

    def to_json(self) -> str:
        """The model without its weights, as Keras' JSON."""
        from onefit.interop.keras.file import config_of

        return json.dumps(config_of(self))

    # Showing -----------------------------------------------------------------------

    @keras_keywords
    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: list[str] | None = None,
        detail: bool = False,
    ) -> None:
        """Prints the layers, their output shapes and how many numbers they hold.

        Args:
            line_length, positions, print_fn: The table's width, columns and printer.
            expand_nested, show_trainable, layer_range: As in Keras.
            detail: Whether to spell the numbers out, as in 6*9 + 9.
        """
        from onefit.models.summary import summary

        summary(
            self,
            line_length,
            positions,
            print_fn,
            expand_nested,
            show_trainable,
            layer_range,
            detail,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}: {len(self.layers)} layers>"


@keras_keywords
def model_from_json(
    json_string: str, custom_objects: dict[str, Any] | None = None, limits: Any = None
) -> Model:
    """The model that `to_json` told of, with fresh weights and what `compile` said.

    Args:
        json_string: What `model.to_json()` gave, of onefit or Keras.
        custom_objects: Your own classes and functions, by the names in it.
        limits: An `onefit.interop.Limits`, for models beyond the usual ones.

    Raises:
        ValueError: No JSON, no model, or what onefit has not.

    >>> dense = onefit.layers.Dense(2, name="mine")
    >>> text = onefit.Sequential([onefit.Input((3,)), dense]).to_json()
    >>> onefit.models.model_from_json(text).get_layer("mine").units
    2
    """
    from onefit.interop.keras.file import model_from_json

    return model_from_json(json_string, custom_objects, limits)


def _names_of(nest: Nest | None) -> list[str] | None:
    """What inputs or outputs are called; one that is there twice gets a number."""
    if nest is None:
        return None
    names: list[str] = []
    for name in nest.keys or [tensor.name for tensor in nest.tensors]:
        free = (f"{name}_{i}" if i else name for i in itertools.count())
        names.append(next(n for n in free if n not in names))
    return names


def _padded(x: Any, count: int, size: int) -> Any:
    """Rows filled up with zeros to a power of two, so that few programs serve all."""
    if count == size or count & (count - 1) == 0:
        return x
    wanted = min(size, 1 << (count - 1).bit_length())

    def pad(a: Any) -> Any:
        whole = np.zeros((wanted, *a.shape[1:]), a.dtype)
        whole[:count] = a
        return whole

    return jax.tree.map(pad, x)
