"""One forward pass through a layer that is written as a `call`, in Keras' style."""

import contextlib
import contextvars
import dataclasses
import os
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

import jax
import numpy as np

from onefit import config
from onefit.errors import invalid, mistyped
from onefit.layers.metering import carrying, keep
from onefit.slots import is_held
from onefit.types import Array, Config, Mask, Shapes, Tree, batch_shape

if TYPE_CHECKING:
    from onefit.layers.base import Layer
    from onefit.layers.questions import Asking

__all__ = ["Pass", "current", "explaining", "making", "passing"]

_current: contextvars.ContextVar["Pass | None"] = contextvars.ContextVar(
    "pass", default=None
)


def current() -> "Pass | None":
    """The pass that is under way, if any."""
    return _current.get()


@contextlib.contextmanager
def passing(run: "Pass") -> Iterator["Pass"]:
    """Makes the layers that are called inside part of this pass."""
    token = _current.set(run)
    try:
        yield run
    finally:
        _current.reset(token)


@contextlib.contextmanager
def making() -> Iterator[None]:
    """Outside any pass: weights are made of numbers, not of what a pass computes."""
    token = _current.set(None)
    try:
        with jax.ensure_compile_time_eval():
            yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def explaining(where: str) -> Iterator[None]:
    """Says in words, with the line, what cannot be part of a program.

    Args:
        where: How the error names what runs inside.
    """
    try:
        yield
    except jax.errors.UnexpectedTracerError as error:
        raise invalid(
            where,
            f"a value of an earlier call of the program, {_line(error)}",
            "values of this call, and variables",
            "keep what goes on from call to call in a variable: "
            "self.n = self.add_weight(name='n', trainable=False)",
        ) from None
    except (
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerArrayConversionError,
        jax.errors.TracerIntegerConversionError,
    ) as error:
        raise mistyped(
            where,
            f"Python code that needs a number which is not known yet, {_line(error)}",
            "functions of arrays, which can be compiled",
            "write onefit.ops.where or onefit.ops.cond for a condition and functions "
            "of onefit.ops for numpy's, or compile(run_eagerly=True)",
        ) from None
    except AttributeError as error:
        words = str(error).split()
        if words[:1] != ["DynamicJaxprTracer"] or words[-1:] != ["numpy"]:
            raise
        raise mistyped(
            where,
            f".numpy() of a value that is not known yet, {_line(error)}",
            "the value itself",
            "leave .numpy() out, or compile(run_eagerly=True)",
        ) from None
    except (TypeError, ValueError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        if not frames[-1].filename.startswith(_LIBRARIES[1]):
            raise
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise type(error)(  # what JAX says of shapes, with its place
            f"{where}: received what does not fit together ({said}), {_line(error)}; "
            "expected arrays that the operation takes. Compare the inputs' shapes "
            "with those of the weights that build has made."
        ) from error


def _line(error: BaseException) -> str:
    """The last line of the user's own that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not any(d in f.filename for d in _LIBRARIES)]
    if not own:
        return "inside the library"
    last = own[-1]
    text = f": {last.line}" if last.line else ""  # there is none of what was typed in
    return f"in line {last.lineno} of {os.path.basename(last.filename)}{text}"


_LIBRARIES = (
    os.path.dirname(os.path.dirname(__file__)),
    os.path.dirname(jax.__file__),
    os.path.dirname(np.__file__),
    os.path.join("lib", "python"),
    os.path.dirname(contextlib.__file__),
)


@dataclasses.dataclass(eq=False)
class Pass:
    """What the calls inside one `call` share.

    Attributes:
        where: How an error names the layer whose `call` it is.
        training: Whether the layers train, where a call does not say.
        building: Whether layers without weights get them: nothing is computed yet.
        penalties: What the calls add to the loss.
        calls: The layers called so far.
        shapes: The shape of what each layer gave first, by its `id`.
        asking: What is asked of host layers, if any.
    """

    where: str
    training: bool
    building: bool = False
    penalties: list[Array] = dataclasses.field(default_factory=list)
    calls: list["Layer"] = dataclasses.field(default_factory=list)
    shapes: dict[int, Shapes] = dataclasses.field(default_factory=dict)
    asking: "Asking | None" = None
    _masks: dict[int, tuple[Array, Mask]] = dataclasses.field(default_factory=dict)

    def call(
        self,
        layer: "Layer",
        x: Tree,
        mask: Mask,
        training: bool | None,
        options: Config,
    ) -> Tree:
        """The output of a layer, whose state and penalty the pass keeps."""
        if not (layer.in_keras_style or layer.is_network):
            layer.refuse_text(x)
        x = layer.as_inputs(x)
        if self.building:
            self._build(layer, x)
        elif not all(map(is_held, layer.holders())):
            raise self.stranger(layer)
        training = self.training if training is None else bool(training)
        draws = (training and layer.random) or layer.always_random
        slot = layer.inner_slot()
        outcome = layer.forward(
            layer._computed_with(slot),
            carrying(layer, slot.state),
            x,
            training=training,
            key=config.new_key() if draws else None,
            mask=self.mask(x) if mask is None else mask,
            **options,
        )
        self.calls.append(layer)
        if not self.building:
            slot.store(slot.params, outcome.state)
            keep(layer, outcome.state)
        if not isinstance(outcome.penalty, float):
            self.penalties.append(outcome.penalty)
        self.note(outcome.output, outcome.mask)
        self.shapes.setdefault(id(layer), batch_shape(outcome.output))
        return outcome.output

    def _build(self, layer: "Layer", x: Tree) -> None:
        with making():
            sizes = jax.tree.map(lambda a: a.shape, x)
            layer.begin(sizes if layer.stateful else batch_shape(x))
        layer.hold()

    def stranger(self, layer: "Layer") -> ValueError:
        """The error for a layer with weights that is no part of the one that calls."""
        return invalid(
            self.where,
            f"a call of {layer._class_name} {layer.name!r}, which is no part of it",
            "layers that are its attributes, so that their weights are its own",
            "make it in __init__: self.dense = Dense(3)",
        )

    def mask(self, x: Tree) -> Mask:
        """Which steps of these values there are: as the call that gave them said."""
        masks = jax.tree.map(lambda a: self._masks.get(id(a), (a, None))[1], x)
        leaves = jax.tree.leaves(masks)
        return masks if leaves else None

    def note(self, y: Tree, mask: Mask) -> None:
        """Keeps which steps of these values there are."""
        leaves, nest = jax.tree.flatten(y)
        masks = [None] * len(leaves) if mask is None else nest.flatten_up_to(mask)
        for leaf, steps in zip(leaves, masks, strict=True):
            if steps is not None:  # the array is kept, so that no other has its id
                self._masks[id(leaf)] = (leaf, steps)
