"""The glass box: what a network computes and what it learns from, number by number."""

import dataclasses
from collections.abc import Iterator

import jax
import numpy as np

from onefit import config
from onefit.data import rows
from onefit.data.batch import Batch
from onefit.errors import invalid, mistyped, unknown
from onefit.guide.tracing.calls import Call, Output, calls_of, outputs_of, places, plain
from onefit.guide.tracing.html import as_html
from onefit.guide.tracing.latex import as_latex
from onefit.guide.tracing.pages import View, Writer
from onefit.guide.tracing.program import cast, run
from onefit.guide.tracing.stepping import Step, step
from onefit.guide.tracing.text import as_text
from onefit.guide.tracing.verifying import Verification, verify
from onefit.networks.graph import Graph, as_graph
from onefit.training.compiled import Compiled, build_task
from onefit.training.prepare import as_columns
from onefit.training.targets import fit_targets
from onefit.training.task import Gradients, Head, Task
from onefit.types import Data, Identifier, Tree

__all__ = ["Trace", "trace"]


@dataclasses.dataclass(frozen=True)
class Inside:
    """What a trace was made of, to go on from: copies, which no training changes.

    Attributes:
        task: The network as it trains, its losses and optimizer.
        full: The network of the model, with its last activations.
        params, state: Its weights, and what else its layers keep.
        batch: The rows.
        optimizer: The optimizer's state, None before its first step.
        view: The shapes of the weights that state is for.
        seed: Of what is random.
    """

    task: Task
    full: Graph
    params: Tree
    state: Tree
    batch: Batch
    optimizer: Tree
    view: Tree
    seed: int

    @property
    def bare(self) -> Task:
        """The task without its optimizer, whose J is not scaled for it."""
        return self.task.replace(optimizer=None)

    @property
    def iterations(self) -> np.int32:
        """How many steps the optimizer has made."""
        kept = self.optimizer
        return np.int32(0) if kept is None else np.int32(kept["iterations"])


class Trace:
    """Forward and backward propagation of some rows: see `trace`.

    Attributes:
        calls: Each call of a layer, in its order; `trace["dense"]` and `trace[1]`, the
            layer l = 1, find one.
        outputs: Each output with its targets and losses.
        J: The cost: the mean loss, and penalties. None without targets.
        data: J without the weights' penalties.
        x: The input, or inputs.
        dx: dJ/dx, None where x is whole numbers.
        training: Whether layers did what they do while training.
        dtype: The float type.
    """

    def __init__(
        self,
        name: str,
        inside: Inside,
        view: Gradients,
        calls: list[Call],
        outputs: list[Output],
        training: bool,
        dtype: str,
    ) -> None:
        self.name, self.inside, self.gradients = name, inside, view
        self.calls, self.outputs = calls, outputs
        self.training, self.dtype = training, dtype
        self.x = inside.batch.x
        self.J = self.data = None
        found: Tree = jax.tree.map(lambda x: None, self.x)
        if view.slopes:
            self.J, self.data = float(view.loss), float(view.seen["data"][()])
            found = view.slopes["x"][()]
        slopes = jax.tree.leaves(found, is_leaf=lambda leaf: leaf is None)
        self.dx = slopes[0] if len(slopes) == 1 else tuple(slopes)

    # Reading -------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """m, how many examples there are."""
        return len(jax.tree.leaves(self.x)[0])

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def __getitem__(self, which: str | int) -> Call:
        """The call of the layer of this name, or of this number l.

        Raises:
            ValueError: No such layer, or one that is called more than once.
        """
        if isinstance(which, str):
            found = [
                call
                for call in self.calls
                if which
                in (
                    call.name,
                    plain(call.name),
                    call.name.partition(":")[0],
                    plain(call.name).partition(":")[0],
                )
            ]
            if not found:
                raise unknown("layer in the trace", which, [c.name for c in self.calls])
        elif isinstance(which, int) and not isinstance(which, bool):
            found = [c for c in self.calls if c.number == which]
            if not found:
                most = max((c.number or 0 for c in self.calls), default=0)
                raise invalid(
                    "trace",
                    f"the layer number {which}",
                    f"1 to {most}, as layers with weights are numbered",
                    f"write trace[{most}] for the last, or trace.calls[-1]",
                )
        else:
            raise mistyped(
                "trace",
                f"{which!r}",
                "a layer's name, or its number l",
                "write trace['dense'] or trace[1]",
            )
        exact = [c for c in found if c.name == which]
        if len(exact or found) > 1:
            raise invalid(
                "trace",
                f"{which!r}, a layer that is called {len(found)} times",
                "one of its calls",
                f"write trace[{found[0].name!r}]",
            )
        return (exact or found)[0]

    # Faces ---------------------------------------------------------------------------

    def text(
        self,
        example: int = 1,
        layer: str | int | None = None,
        unit: int | None = None,
        units: int = 2,
        terms: int = 4,
    ) -> str:
        """The trace for a terminal, in lines of up to 88 characters.

        Args:
            example: i, whose way through the network is shown: 1 is the first row.
            layer: A layer's name, or its number l; None for all.
            unit: j, the one unit to show; None for the first few.
            units: How many units of a layer, and inputs of a unit, are shown; of four
                or fewer, all.
            terms: How many terms of a sum.
        """
        view = View(example, layer, unit, units, terms)
        return as_text(Writer(self, view).sections())

    def to_latex(
        self,
        example: int = 1,
        layer: str | int | None = None,
        unit: int | None = None,
        units: int = 2,
        terms: int = 4,
    ) -> str:
        """The trace as LaTeX, for a document that uses the package amsmath.

        The arguments are those of `text`.
        """
        view = View(example, layer, unit, units, terms)
        return as_latex(Writer(self, view).sections())

    latex = to_latex

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(
        self,
        example: int = 1,
        layer: str | int | None = None,
        unit: int | None = None,
        units: int = 2,
        terms: int = 4,
    ) -> str:
        """The trace as HTML, which a notebook shows by itself; arguments as in `text`.

        Layers can be folded; there is no script in it.
        """
        view = View(example, layer, unit, units, terms)
        return as_html(Writer(self, view).sections())

    def verify(
        self, tolerance: float = 1e-5, sample: int = 100, seed: int = 0
    ) -> Verification:
        """Compares every gradient with finite differences of J, in float64.

        dJ/dw is to be (J(w + h) - J(w - h)) / 2h: of every weight, of z and a of every
        layer, and of x. `print` the result for the largest error of each.

        Args:
            tolerance: The relative error that is allowed.
            sample: How many numbers of an array are tested, at most; drawn by the seed.
            seed: Any whole number.
        """
        self._has_targets("verify")
        return verify(self, tolerance, sample, seed)

    def step(self, optimizer: Identifier = None) -> Step:
        """The step that the optimizer makes of these gradients, number by number.

        It goes on from the state that the model's optimizer had; the new weights are
        those that `model.train_on_batch` would give. The model stays as it is.

        Args:
            optimizer: Another one, by its name or as an object, at its first step.
        """
        self._has_targets("step")
        return step(self, optimizer)

    def _has_targets(self, method: str) -> None:
        if self.J is None:
            raise invalid(
                f"trace.{method}",
                "a trace without targets",
                "a cost J to differentiate",
                "write model.trace(x, y)",
            )

    def __str__(self) -> str:
        return self.text().rstrip()

    def __repr__(self) -> str:
        cost = "" if self.J is None else f", J = {self.J:.5g}"
        return f"<Trace of {self.name!r}: {self.rows} rows, {len(self)} calls{cost}>"


def trace(
    model: Compiled,
    x: Data,
    y: Data = None,
    sample_weight: Data = None,
    *,
    training: bool = False,
    dtype: str | None = None,
    seed: int = 0,
) -> Trace:
    """Everything that happens to these rows, forward and backward, number by number.

    Of each layer l: what comes in, a^[l-1], then z^[l] = W^[l]ᵀ·a^[l-1] + b^[l] and
    a^[l] = g(z^[l]). Of the loss: L of each example and J = (1/m) Σ L. And back from
    J by the chain rule: dJ/da^[l], dJ/dz^[l] = dJ/da^[l] · g'(z^[l]), dJ/dW^[l] and
    dJ/db^[l].

    `print(trace)` spells it out, a notebook shows it, `trace.to_latex()` writes it;
    `trace["dense"].dz` and so on are the arrays. `trace.verify()` compares every
    gradient with finite differences, `trace.step()` shows the step that the optimizer
    makes of them. The model is not changed.

    Args:
        model: A model with its weights; compiled, if there are targets.
        x: A few rows of inputs.
        y: Their targets; without them only the forward pass is traced.
        sample_weight: A factor for each row.
        training: Whether layers do what they do while training: dropout drops, batch
            normalisation takes the batch's own mean. If not, the output is what
            `predict` gives, J what `evaluate` gives, and the gradients are of that J.
        dtype: 'float64' for the same numbers with all their digits; the library's type
            unless given.
        seed: Of what is random while training.

    Returns:
        The Trace.

    Raises:
        ValueError, TypeError: A model without weights, rows that do not fit it, targets
            for a model that was not compiled.

    Example:
        >>> model = onefit.Sequential(
        ...     [onefit.Input((2,)), onefit.layers.Dense(1, "sigmoid", name="out")])
        >>> model.set_weights([[[2.0], [1.0]], [-1.0]])
        >>> model.compile("sgd", "binary_crossentropy")
        >>> seen = trace(model, [[1.0, 0.0]], [[1.0]])
        >>> seen["out"].z, seen["out"].dz  # z = 2·1 + 1·0 - 1, dJ/dz = a - y
        (array([[1.]], dtype=float32), array([[-0.2689]], dtype=float32))

    Source: lecture 004, "Backpropagation"; lecture 000, "Model Training Steps".
    """
    model = _traceable(model, y)
    dtype = dtype or config.floatx()
    if dtype not in ("float32", "float64"):
        raise invalid("trace", f"dtype={dtype!r}", "'float32' or 'float64'")
    x = model.numbers(x)
    batch = rows.as_batch(
        x, y, sample_weight, True, model.entry_names, model.target_names
    )
    batch = batch._replace(x=as_columns(model, batch.x))
    model.graph.check_input(batch.x)
    full = as_graph(model.graph, "trace")
    full.output_shape(jax.tree.map(lambda a: (None, *np.shape(a)[1:]), batch.x))
    if y is not None:
        task = build_task(model, batch)
        batch = fit_targets(task, batch)
    elif sample_weight is not None:
        raise mistyped(
            "trace",
            "sample weights without targets",
            "y, whose losses they weigh",
            "write model.trace(x, y, sample_weight)",
        )
    else:
        heads = (Head(None),) * len(model.output_names)
        task, batch = Task(full, heads), batch._replace(y=(None,) * len(heads))
    slot = full.slot
    params, state, batch, kept = cast(
        (slot.params, slot.state, batch, model.optimizer_state), dtype
    )
    inside = Inside(
        task,
        full,
        params,
        state,
        batch,
        kept if y is not None else None,
        model.optimizer and model.optimizer.made_for,
        seed,
    )
    found, ends = places(full, list(model.input_names))
    with config.precision(dtype):
        view = jax.device_get(
            run(
                inside.bare,
                full,
                params,
                state,
                batch,
                np.uint32(seed),
                inside.iterations,
                training=training,
            )
        )
    calls = calls_of(task, found, params, view, len(model.input_names) == 1)
    by_place = {id(place): call for place, call in zip(found, calls, strict=True)}
    makers = [by_place.get(id(end)) for end in ends]
    outputs = outputs_of(task, batch, view, makers) if view.slopes else []
    return Trace(str(model.name), inside, view, calls, outputs, training, dtype)


def _traceable(model: Compiled, y: Data) -> Compiled:
    """The model, refused where it has nothing to trace."""
    if not hasattr(model, "graph"):
        raise mistyped(
            "trace",
            f"a {type(model).__name__}",
            "a model",
            "write trace(Sequential([Input((2,)), layer]), x)",
        )
    if not model.layers or not model.built:
        raise invalid(
            f"trace of {model.name!r}",
            "a model without weights",
            "weights to compute with",
            "begin the model with Input((2,)), write model.build((None, 2)), or "
            "train it first",
        )
    if y is not None and model.compile_settings is None:
        raise invalid(
            f"trace of {model.name!r}",
            "targets for a model that was not compiled",
            "a loss to differentiate",
            "write model.compile('adam', 'mse') before it, or leave y out to see "
            "the forward pass alone",
        )
    return model
