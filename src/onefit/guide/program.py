"""A program: a model, its rows and what fit is given, as one thing that can be changed.

Remedies are functions from a program to a program. Nothing of it is trained or changed
in place: `fresh` gives a model with new weights, `code` the lines to write.
"""

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from onefit import config
from onefit.data.batch import Batch
from onefit.errors import invalid
from onefit.guide.case import Case, Data
from onefit.guide.writing import compiling, fitting, model_lines
from onefit.layers.base import Layer
from onefit.networks.cloning import clone_model
from onefit.networks.graph import Graph
from onefit.networks.network import FACES
from onefit.networks.sequential import SequentialNetwork
from onefit.training.compiled import Compiled
from onefit.training.options import FitOptions

__all__ = ["Program", "Rows"]

Rows: TypeAlias = tuple[Any, Any]
"""Inputs and targets: arrays, or nests of them."""

Change: TypeAlias = Callable[[Layer], Iterable[Layer]]
"""What stands in place of a layer: itself with other settings, several, or none."""


def _as_it_is(layer: Layer) -> Iterable[Layer]:
    return [layer]


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """What a user wrote: a compiled model, rows, and what fit is given.

    Attributes:
        model: The model; only its settings, frozen weights, and what `adapt` has
            learned are looked at.
        x, y: The rows for training, None where only the model is known.
        fit: The other arguments of `fit`: epochs, batch_size, ...
        held: Rows to judge by, prepared like x and y; None where there are none.
        lines: How x and y are prepared, before the model.
        spelled: How a layer is written that its settings do not say, by its name.
    """

    model: Compiled
    x: Any = None
    y: Any = None
    fit: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    held: Rows | None = None
    lines: tuple[str, ...] = ()
    spelled: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, model: Compiled, x: Any, y: Any, fit: Mapping[str, Any]) -> "Program":
        """The program of a call of `fit`, by the arguments that are not the usual."""
        usual = {f.name: f.default for f in dataclasses.fields(FitOptions)}
        given = {
            name: value
            for name, value in fit.items()
            if name != "verbose"
            and value is not usual[name]
            and not (isinstance(value, int | float) and value == usual[name])
        }
        return cls(model, x, y, given)

    def replace(self, **changes: Any) -> "Program":
        """The program with some of its parts changed."""
        return dataclasses.replace(self, **changes)

    @property
    def case(self) -> Case:
        """The program as the rules look at it."""
        if self.x is None:
            return Case(self.model)
        return Case(self.model, Data(Batch(*self.arrays)))

    @property
    def arrays(self) -> Rows:
        """The rows as arrays: one, or a tuple in the order of inputs or outputs."""
        names = self.model.entry_names, self.model.target_names
        return _listed(self.x, names[0]), _listed(self.y, names[1])

    # Changes --------------------------------------------------------------------------

    def fitted_with(self, **fit: Any) -> "Program":
        """The program with other arguments of `fit`; None leaves one out."""
        both = {**self.fit, **fit}
        return self.replace(fit={k: v for k, v in both.items() if v is not None})

    def compiled_with(self, **settings: Any) -> "Program":
        """The program with another optimizer, loss or metrics."""
        return self.replace(model=_remade(self.model, _as_it_is, settings))

    def with_layers(self, change: Change, **settings: Any) -> "Program":
        """The program with other layers, compiled alike but for these settings.

        Raises:
            ValueError: A model of the user's own class, which alone makes its layers.
        """
        return self.replace(model=_remade(self.model, change, settings))

    def begun_with(self, layer: Layer, spelled: str = "") -> "Program":
        """The program with a layer in front of all others."""
        model = self.model
        if model.input_nest is None and self.x is None:
            raise invalid(
                "fix", "a model that does not know its input", "an Input first"
            )
        if isinstance(self.x, list | tuple | dict):
            raise invalid("fix", "a model of several inputs", "one input")
        shape = np.shape(self.x)[1:] if self.x is not None else None
        shape = shape or model.known_nest(model.input_nest).tensors[0].shape[1:]
        rest = model.whole.layers if isinstance(model, SequentialNetwork) else [model]
        made: Any = FACES["Sequential"]
        from onefit.layers.core import Input

        new = made([Input(tuple(shape)), layer, *map(_copied, rest)])
        _compile(new, model, {})
        names = {str(layer.name): spelled} if spelled else {}
        return self.replace(model=new, spelled={**self.spelled, **names})

    def prepared(
        self,
        line: str,
        x: Callable[[Any], Any] = lambda rows: rows,
        y: Callable[[Any], Any] = lambda rows: rows,
    ) -> "Program":
        """The program with its rows changed: those held out, and to validate, alike.

        Args:
            line: The line that does it, on x and y.
            x, y: What is done to inputs and targets.
        """

        def both(rows: Any) -> Any:
            return None if rows is None else (x(rows[0]), y(rows[1]), *rows[2:])

        fit = dict(self.fit)
        if isinstance(fit.get("validation_data"), tuple | list):
            fit["validation_data"] = both(fit["validation_data"])
        return self.replace(
            x=x(self.x),
            y=y(self.y),
            held=both(self.held),
            fit=fit,
            lines=(*self.lines, *line.split("\n")),
        )

    # What it is for -------------------------------------------------------------------

    def fresh(self, seed: int) -> Compiled:
        """A copy of the model with new weights; frozen ones are as they were."""
        with config.aside(seed):
            return _remade(self.model, _as_it_is, {})

    @property
    def code(self) -> str:
        """The whole program as Python, for x and y that are there."""
        body = [
            *self.lines,
            *model_lines(self.model, self.spelled),
            compiling(self.model),
            fitting(self.fit),
        ]
        text = "\n".join(body)
        rooms = ("callbacks", "constraints", "initializers", "layers", "losses")
        rooms += ("metrics", "optimizers", "regularizers")
        used = [room for room in rooms if f"{room}." in text]
        head = ["import numpy as np"] if "np." in text else []
        head += ["import onefit"]
        head += [f"from onefit import {', '.join(used)}"] if used else []
        return "\n".join([*head, "", text])

    def against(self, before: "Program") -> str:
        """What is to be written: the lines that another program has not.

        Where lines are only left out, these, as comments.
        """
        both = [*difflib.ndiff(before.code.splitlines(), self.code.splitlines())]
        new = [line[2:] for line in both if line.startswith("+ ")]
        gone = [f"# leave out: {line[2:].strip()}" for line in both if line[:2] == "- "]
        return "\n".join(new or gone)


def _listed(rows: Any, names: Sequence[str]) -> Any:
    """Rows as arrays: one, or a tuple in the order of the inputs or outputs."""
    if isinstance(rows, dict):
        rows = [rows[name] for name in names]
    several = isinstance(rows, list | tuple) and len(names) > 1
    return tuple(map(np.asarray, rows)) if several else np.asarray(rows)


def _copied(layer: Any) -> Any:
    """A layer with the same settings, and no weights; a model inside likewise."""
    if isinstance(layer, Compiled):
        return clone_model(layer).as_layer
    if isinstance(layer, Graph):
        return _changed(layer, _as_it_is)[0]
    new = layer.replace()
    object.__setattr__(new, "_named", layer._named)
    new.trainable = layer.trainable
    return new


def _remade(model: Compiled, change: Change, settings: Mapping[str, Any]) -> Compiled:
    """The model with other layers and settings, and new weights."""
    if model.is_own():
        if change is not _as_it_is:
            raise invalid(
                "fix",
                f"{type(model).__name__}, whose layers are made by its own code",
                "a Sequential, or a Model of inputs and outputs",
                "change the layers in its __init__",
            )
        new: Any = clone_model(model)
    elif isinstance(model, SequentialNetwork):
        layers = [
            one for layer in model.whole.layers for one in _changed(layer, change)
        ]
        entrance = model.entrance_layer
        made: Any = FACES["Sequential"]
        new = made([*([entrance.replace()] if entrance else []), *layers])
    else:
        new = _rewired(model, change)
    if not new.built and model.built:
        new.build(model.graph.slot.input_shape)
    _keep(model, new)
    _compile(new, model, settings)
    return cast(Compiled, new)


def _changed(layer: Layer, change: Change) -> list[Layer]:
    """What stands in place of a layer, as copies; of a model inside, its layers."""
    if not isinstance(layer, Graph):
        return [_copied(one) for one in change(layer)]

    def inside(layer: Layer) -> Layer:
        first, *more = change(layer)
        if more:
            raise invalid("fix", "several layers for one, in a model inside", "one")
        return _copied(first)

    face: Any = layer.face  # type: ignore[attr-defined]
    return [clone_model(face, clone_function=inside).as_layer]


def _rewired(model: Compiled, change: Change) -> Compiled:
    """A model of inputs and outputs whose layers are changed where they are called."""
    made: dict[int, list[Layer]] = {}

    def plain(layer: Layer) -> Layer:
        new = _copied(layer)
        made[id(new)] = [new if one is layer else _copied(one) for one in change(layer)]
        return new

    def call(layer: Layer, *args: Any, **options: Any) -> Any:
        chain = made.get(id(layer), [layer])
        for one in chain:
            given = options if one is chain[-1] else {}
            args = (one(*args, **given),)
        return args[0]

    return clone_model(model, clone_function=plain, call_function=call)


def _keep(old: Compiled, new: Compiled) -> None:
    """What is not drawn anew (frozen layers, what `adapt` has learned) is as it was."""
    known = {str(layer.name): layer for layer in old.whole.plain_layers()}
    for layer in new.whole.plain_layers():
        was = known.get(str(layer.name))
        if was is None or type(was) is not type(layer) or not layer.ready:
            continue
        kept = not was.trainable or hasattr(was, "adapt")
        alike = [w.shape for w in was.weights] == [w.shape for w in layer.weights]
        if kept and alike and was.weights:
            layer.set_weights(was.get_weights())


def _compile(new: Any, model: Compiled, settings: Mapping[str, Any]) -> None:
    """Compiles a model as another is, but for some settings."""
    if model.compile_settings is None and not settings:
        return
    assert model.optimizer is not None
    given = {"optimizer": model.optimizer.replace(), "loss": model.loss}
    new.compile(**given | dict(model.compile_settings or {}) | dict(settings))
    new.watched = False
