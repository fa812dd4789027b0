"""Model: the face over a graph. compile, fit, evaluate and predict hold no maths."""

import importlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, cast

import numpy as np

from onefit.description import arguments_of, made_from
from onefit.errors import invalid, unknown
from onefit.models.history import History
from onefit.spellings import METHODS, keras_keywords
from onefit.training import evaluation
from onefit.training.compiled import Compiled
from onefit.training.loop import fit
from onefit.training.options import Callbacks, FitOptions
from onefit.training.prepare import build_job
from onefit.types import Config, Data, Identifier, Tree
from onefit.variables import Variable

if TYPE_CHECKING:
    from onefit.files.limits import Limits
    from onefit.guide.finding import Report
    from onefit.guide.improve import Advice
    from onefit.guide.trace import Trace

__all__ = ["Model"]


EXPORTERS = {"onnx": "onefit.interop.onnx"}
"""Who writes a model for others, by format. They stand on models: asked for by name."""


class Model(Compiled, face="Functional"):
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

    # Training ------------------------------------------------------------------------

    @keras_keywords
    def fit(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Data = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Data = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
        *,
        watch: Literal["layers"] | None = None,
    ) -> History:
        """Trains the model: minimises J(w, b) over the rows of x and y.

        Args:
            x, y: Inputs and targets: arrays, lists, pandas, torch tensors. Or x alone
                gives batches, (x, y) or (x, y, sample_weight): a generator, a
                `data.Dataset`, a `utils.PyDataset`, a DataLoader of torch, data sets of
                TensorFlow or Hugging Face.
            batch_size: Rows in a step, 32 unless given; the last batch may be smaller.
            epochs: Passes over the data; the number of the last one, when
                `initial_epoch` is given.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch, 'auto' by the place.
            callbacks: Rules and callbacks.
            validation_split: The share of the last rows held out.
            validation_data: (x, y) or (x, y, sample_weight), held out; or batches.
            shuffle: Whether each epoch takes the rows in a new order; of a PyDataset
                the batches. Other streams have an order of their own.
            class_weight: A factor for each class, {0: 1.0, 1: 3.0}; multiplied with
                `sample_weight` if both are given.
            sample_weight: A factor for each row.
            initial_epoch: The number of the first epoch, to go on with.
            steps_per_epoch: Batches that make an epoch; the rows are then one endless
                stream, and every batch is full. A stream without an end needs it.
            validation_steps: At most so many validation batches.
            validation_batch_size: Rows in one of them.
            validation_freq: Validate every so many epochs, or after these (1-based).
            watch: 'layers' measures a step at up to 20 epochs, for `history.layers`:
                sizes of weights, gradients and updates, and what units answer.

        Returns:
            The History: `.history["loss"]` and so on, a number an epoch.

        Raises:
            ValueError, TypeError: What cannot be meant, before anything is compiled.

        Warns:
            OnefitWarning: A generator that ends before the fit does, which stops it.
        """
        options = FitOptions(
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
        with self.as_compiled():
            job = build_job(self, x, y, options)
            if (self.watched and job.task.heads) or watch is not None:
                from onefit.guide.program import Program
                from onefit.guide.watch import begin, wanted

                layers = wanted(job, watch)
                program = Program.of(self, x, y, vars(options))
                begin(job, program, self.watched, not self.checked, layers)
                self.checked = True
            return fit(job, History(self))

    def __getattr__(self, name: str) -> NoReturn:
        told = METHODS.get(name)
        if "whole" not in vars(self) and not name.startswith("__"):
            told = (
                "Its __init__ has not called that of onefit.Model. Write "
                "super().__init__() as its first line."
            )
        if told is None:
            object.__getattribute__(self, name)  # raises what it would have raised
        raise AttributeError(
            f"{type(self).__name__} has no {name!r}. {told}", name=name, obj=self
        )

    # The guide -----------------------------------------------------------------------

    def check(
        self,
        x: Data = None,
        y: Data = None,
        *,
        sample_weight: Data = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        validation_split: float = 0.0,
        validation_data: Data = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        callbacks: Callbacks = None,
    ) -> "Report":
        """What in this design, for these rows, will keep the network from learning.

        Nothing is trained or changed. Without x and y only the network and what
        `compile` said are looked at.

        Args:
            x, y, sample_weight, batch_size, epochs, validation_split, validation_data,
                shuffle, class_weight, callbacks: What `fit` would be given.

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
            callbacks=callbacks,
        )

    def improve(
        self, x: Data, y: Data, *, seconds: float = 60.0, seeds: int = 3, **fit: Any
    ) -> "Advice":
        """What would make the network better: changes that have been tried.

        The remedies of what the guide finds, and the usual suspects (rate, epochs,
        batch, width, activation, normalization, scale), are trained from several seeds
        and judged on a fifth of the rows that no network has seen, beside the network
        as it is. What helps is trained again, from other seeds and on other rows,
        before it is recommended. Nothing of this model is changed.

        Args:
            x, y: The rows, as arrays.
            seconds: How long it may take, about.
            seeds: From how many initial weights each change is trained, 2 or more; up
                to 8 are taken where fits are quick.
            **fit: What `fit` would be given: epochs, batch_size, ... Unless given, as
                in the last fit; epochs=20 where there was none.

        Returns:
            An Advice: print it for the table (name, score, gain with its interval,
            seconds) and the lines to write; `.best`, `.code`, `.model`, `.rows`.

        Raises:
            ValueError: A model that is not compiled, fewer than 20 rows.
            TypeError: Rows that come as a stream.

        Example:
            >>> rng = np.random.default_rng(0)
            >>> x = rng.normal(size=(300, 2)).astype("float32")
            >>> y = (x[:, 0] > 0).astype("int32")
            >>> dense = onefit.layers.Dense(1, activation="sigmoid")
            >>> model = onefit.Sequential([onefit.Input((2,)), dense])
            >>> model.compile(onefit.optimizers.SGD(1e-6), "binary_crossentropy")
            >>> advice = model.improve(x, y, seconds=20, epochs=5)
            >>> advice.best is not None, "optimizer=" in advice.lines
            (True, True)
        """
        from onefit.guide.improve import improve
        from onefit.guide.program import Program

        evidence = getattr(self.history, "evidence", None)
        known = getattr(evidence, "program", None)
        usual = dict(known.fit) if known else {"epochs": 20}
        options = FitOptions.given("improve", **{**usual, **fit})
        program = Program.of(self, x, y, vars(options))
        return improve(program, seconds=seconds, seeds=seeds)

    def trace(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        *,
        training: bool = False,
        dtype: str | None = None,
        seed: int = 0,
    ) -> "Trace":
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

    @keras_keywords
    def train_on_batch(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> evaluation.Answer:
        """One step on these rows; the loss and metrics before it."""
        with self.as_compiled():
            return evaluation.train_on_batch(
                self, x, y, sample_weight, class_weight, return_dict
            )

    # Evaluating --------------------------------------------------------------------

    @keras_keywords
    def evaluate(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Data = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> evaluation.Answer:
        """The loss and metrics of these rows.

        Args:
            x, y, sample_weight: As in `fit`; also a stream of batches as x.
            batch_size: Rows at once, which matters for a loss that sums or leaves rows
                out; for others more are taken where that is little memory.
            verbose: 0 for no line of output.
            steps: At most so many batches.
            callbacks: Their `on_test_*` hooks are called.
            return_dict: Whether to return the numbers by name.

        Returns:
            The loss, or [loss, metric, ...] if there are metrics, or a dict.
        """
        return evaluation.evaluate(
            self,
            x,
            y,
            batch_size,
            verbose,
            sample_weight,
            steps,
            callbacks,
            return_dict,
        )

    @keras_keywords
    def test_on_batch(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        return_dict: bool = False,
    ) -> evaluation.Answer:
        """The loss and metrics of one batch."""
        return evaluation.evaluate_batch(self, x, y, sample_weight, return_dict)

    # Predicting --------------------------------------------------------------------

    @keras_keywords
    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
        *,
        output: str | os.PathLike | None = None,
    ) -> Tree:
        """The outputs for these rows, as a numpy array.

        Args:
            x: Rows of inputs, or a stream of batches as in `fit`, whose targets are
                left out.
            batch_size: Rows at once; more are taken where that is little memory.
            verbose: Accepted for Keras' scripts: predicting prints nothing.
            steps: At most so many batches.
            callbacks: Their `on_predict_*` hooks are called.
            output: A '.npy' file that the outputs are written to as they come, where
                they may be more than memory holds; what is returned is mapped from it.
                It is written as a whole, or not at all.
        """
        del verbose
        if output is None:
            return evaluation.predict(self, x, batch_size, steps, callbacks)
        from onefit.files.atomic import replaced

        if not os.fspath(output).endswith(".npy"):
            raise invalid("predict", f"output={output!r}", "a name that ends in '.npy'")
        with replaced(output) as file:
            evaluation.predict(self, x, batch_size, steps, callbacks, file)
        return np.load(output, mmap_mode="r")

    @keras_keywords
    def predict_on_batch(self, x: Data) -> Tree:
        """The outputs for one batch, as a numpy array."""
        return self.predict(x)

    # Files ---------------------------------------------------------------------------

    @keras_keywords
    def save(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Writes the model to a `.keras` or `.h5` file, which Keras opens too.

        What `compile` said and the optimizer's state are in it: after
        `onefit.load_model` training goes on where it stopped.

        Args:
            filepath: The file. It is replaced as a whole, or not at all.
            overwrite: Whether it may be replaced.

        Raises:
            ValueError: A model without weights, or with layers that no file can hold.
        """
        from onefit.files.keras import save_model

        save_model(self, filepath, overwrite)

    @keras_keywords
    def save_weights(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Writes the weights to a `.weights.h5` or `.safetensors` file.

        The optimizer's state is in the first alone.
        """
        from onefit.files.keras import save_weights

        save_weights(self, filepath, overwrite)

    @keras_keywords
    def load_weights(
        self,
        filepath: str | os.PathLike,
        skip_mismatch: bool = False,
        *,
        by_name: bool = False,
        limits: "Limits | None" = None,
    ) -> None:
        """Takes the weights in a file: `.h5`, `.safetensors` or `.keras`.

        Args:
            filepath: The file.
            skip_mismatch: Whether layers that the file's arrays do not fit stay as they
                are, with a warning that names them; not of `.safetensors`.
            by_name: Of a file of Keras' old format: whether only layers whose names it
                has take weights.
            limits: An `onefit.interop.Limits`, for files beyond the usual ones.

        Raises:
            ValueError: A file that does not fit (which weight); nothing is changed.
        """
        from onefit.files.keras import load_weights

        load_weights(self, filepath, limits, skip_mismatch, by_name)

    def get_config(self) -> Config:
        """The layers and their settings, as Keras writes them.

        Of a class with its own `__init__`, what that was given.
        """
        if self.is_own():
            return {"name": self.name, "trainable": True} | arguments_of(self)
        from onefit.files.keras import config_of

        return config_of(self, compiled=False)["config"]

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: dict[str, Identifier] | None = None
    ) -> Self:
        """The network that `get_config` described, with fresh weights.

        Args:
            config: What `get_config` gave.
            custom_objects: The classes and functions in it that are your own, by name.
        """
        if cls.is_own():
            return made_from(cls, config)
        from onefit.files.keras import model_from_config

        return cast(Self, model_from_config(cls, config, custom_objects))

    def get_compile_config(self) -> Config:
        """What `compile` was given, as Keras writes it; empty before."""
        from onefit.files.config import write_compile

        return {} if self.optimizer is None else write_compile(self)

    def compile_from_config(self, config: Config) -> None:
        """Compiles the model as `get_compile_config` says."""
        from onefit.files.config import read_compile

        given = read_compile({"compile_config": config}, None, self.name)
        if given is not None:
            self.compile(**given)

    def get_state_tree(self, value_format: str = "backend_tensor") -> Tree:
        """All variables by their paths, in nested dicts: weights, optimizer, metrics.

        Args:
            value_format: 'backend_tensor' for JAX's arrays, 'numpy_array' for numpy's.
        """
        numpy = value_format == "numpy_array"
        return {
            kind: _nested(variables, numpy)
            for kind, variables in self._variables_by_kind().items()
        }

    def set_state_tree(self, state_tree: Tree) -> None:
        """Replaces the variables that `get_state_tree` has given.

        Raises:
            ValueError: A path that the model has not.
        """
        optimizer = getattr(self, "optimizer", None)
        if optimizer is not None and not optimizer.built and self.built:
            optimizer.build(self.trainable_variables)
        for kind, tree in state_tree.items():
            known = {str(v.path): v for v in self._variables_by_kind().get(kind, [])}
            for path, value in _flattened(tree):
                if path not in known:
                    raise unknown(f"variable in {kind}", path, list(known))
                known[path].assign(value)

    def _variables_by_kind(self) -> dict[str, list[Variable]]:
        kinds = "trainable", "non_trainable", "optimizer", "metrics"
        return {f"{k}_variables": getattr(self, f"{k}_variables") for k in kinds}

    @keras_keywords
    def export(
        self,
        filepath: str | os.PathLike,
        format: str | None = None,
        verbose: bool | None = None,
    ) -> None:
        """Writes what `predict` computes to an ONNX file, which other programs run.

        Args:
            filepath: The file: "model.onnx".
            format: "onnx", the one there is; by default what the name's ending says.
            verbose: Whether it is said where the file is.

        Raises:
            ValueError: Another format; what `interop.onnx.export` refuses.

        Differs from Keras: TensorFlow's SavedModel and others are not written.
        """
        writer = EXPORTERS.get(format or os.fspath(filepath).rpartition(".")[2])
        if writer is None:
            raise invalid(
                f"{type(self).__name__}.export",
                f"filepath={os.fspath(filepath)!r}, format={format!r}",
                "a file for ONNX, which TensorFlow, OpenVINO and others read",
                "write model.export('model.onnx'), or model.save('model.keras')",
            )
        importlib.import_module(writer).export(self, filepath)
        if verbose:
            print(f"Saved to {os.fspath(filepath)}.")

    def to_json(self) -> str:
        """The model without its weights, as Keras' JSON."""
        from onefit.files.keras import config_of

        return json.dumps(config_of(self))

    # Showing -----------------------------------------------------------------------

    @keras_keywords
    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
        detail: bool = False,
    ) -> None:
        """Prints the layers, their output shapes and how many numbers they hold.

        Args:
            line_length, positions, print_fn: The table's width, columns and printer.
            expand_nested, show_trainable, layer_range: As in Keras.
            detail: Whether to spell the numbers out, as in 6*9 + 9.
        """
        from onefit.networks.summary import summary

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


def _nested(variables: list[Variable], numpy: bool) -> Tree:
    """Values by the parts of their paths."""
    tree: dict[str, Any] = {}
    for variable in variables:
        *way, name = str(variable.path).split("/")
        inside = tree
        for part in way:
            inside = inside.setdefault(part, {})
        inside[name] = variable.numpy() if numpy else variable.value
    return tree


def _flattened(tree: Tree, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested dicts, with their paths."""
    if not isinstance(tree, dict):
        yield path, tree
        return
    for name, inside in tree.items():
        yield from _flattened(inside, f"{path}/{name}" if path else name)
