"""Network: what is computed, its weights, what goes in and what comes out."""

import contextlib
import copy
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import jax
import numpy as np

from onefit import config
from onefit.config import DTypePolicy
from onefit.errors import invalid, mistyped, unknown, unready
from onefit.layers.base import Layer, as_rows, first_row
from onefit.layers.core import InputLayer
from onefit.layers.face import as_shape, dtype_name, flattened, no_quantizing
from onefit.layers.passing import current, making
from onefit.layers.questions import hosts_in
from onefit.layers.symbolic import Tensor, is_symbolic
from onefit.members import refuse_taken, taken_name
from onefit.networks.architecture import Architecture
from onefit.networks.called import Body, Sight, layers_of, outputs_of, own_call
from onefit.networks.functional import (
    Nest,
    Tensors,
    by_name,
    graph_of,
    in_a_list,
    name_layers,
    several,
    unwrap_single,
)
from onefit.networks.graph import chain
from onefit.networks.host import (
    Before,
    Ready,
    may_be_on_host,
    numbers_alone,
    shape_of,
    split,
)
from onefit.registry import snake_case
from onefit.spellings import keras_keywords
from onefit.types import (
    Array,
    ArrayLike,
    Config,
    Data,
    Key,
    Mask,
    Shape,
    Shapes,
    Tree,
    batch_shape,
)
from onefit.variables import Variable

__all__ = ["FACES", "OWN_CLASSES", "Network"]

OWN_CLASSES: dict[tuple[str, str], type["Network"]] = {}
"""The classes of networks that a program has written itself, by module and name."""

FACES: dict[str, Callable[..., "Network"]] = {}
"""The classes that people hold, by Keras' names for them in files.

A model of inputs and outputs is "Functional", a list of layers is "Sequential". Copies
of models and the models of files are made by these.
"""


_TAKEN = """
    arranged as_layer before eagerly entries entry_names graph has_joint_loss input_nest
    is_direct is_own logged_names
    known_nest meet meet_shapes numbers output_nest ready_for resolve_metrics
    target_names task undivided watched whole
"""
TAKEN = frozenset(_TAKEN.split())
"""Names of every network that a class of one's own may not take."""


class Network:
    """An architecture with its weights, its inputs and its outputs.

    Made of what layers gave when they were called on what `Input` gave. It can be
    called, asked for its layers and given weights; not how it is trained.

    Args:
        inputs: What `Input` gave: one, a list, or a dict by name.
        outputs: What layers gave: one, a list, or a dict by name.
        name: The network's name.

    Attributes:
        graph: The architecture that a program runs: what is computed from numbers.
        whole: The architecture with what runs before the program: host layers.
        before: That part alone, None where there is none.

    Raises:
        ValueError: An output that needs another input, with the path from there; an
            input that nothing needs; two layers of one name.
    """

    _made_with: tuple[tuple[Any, ...], Config]
    whole: Architecture
    before: Before | None = None

    @property
    def graph(self) -> Architecture:
        """The architecture that a program runs; setting it sets the whole."""
        return self._graph

    @graph.setter
    def graph(self, whole: Architecture) -> None:
        entrance = getattr(self, "entrance_layer", None)
        exact = not self.is_own()  # its steps call it within the program
        self.before, self._graph = split(whole, entrance, exact)
        self.whole = whole
        self._may = may_be_on_host(whole) if exact else []
        self._split_for = self._on_host_now()

    def _on_host_now(self) -> list[bool]:
        """Which of the layers that may run before the program do, by their numbers."""
        return [layer.on_host for layer in self._may]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in TAKEN and self.is_own():
            caller = str(sys._getframe(1).f_globals.get("__name__"))
            if not caller.startswith("onefit."):
                raise taken_name(type(self), "an attribute", name)
        super().__setattr__(name, value)

    def __init_subclass__(cls, face: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.is_own():
            refuse_taken(cls, TAKEN)
        if face is not None:
            FACES[face] = cls
        elif cls.is_own():
            OWN_CLASSES[cls.__module__, cls.__name__] = cls
            OWN_CLASSES["", cls.__name__] = cls  # the last one of the name

    @classmethod
    def is_own(cls) -> bool:
        """Whether it is a class of the user's, which alone knows how it is made."""
        return not cls.__module__.startswith("onefit.")

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """The network, which remembers what it was made with."""
        network = super().__new__(cls)
        network._made_with = args, kwargs
        return network

    @keras_keywords
    def __init__(
        self,
        inputs: Tensors | None = None,
        outputs: Tensors | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,  # a name, or Keras' config of a policy
    ) -> None:
        self._start()
        if dtype_name(dtype) not in (None, config.floatx()):
            raise invalid(
                type(self).__name__,
                f"dtype={dtype_name(dtype)!r}",
                f"{config.floatx()!r}, the type of all layers",
                "give the layers that compute in another a dtype of their own",
            )
        if inputs is None and outputs is None and self.is_own():
            body = Body(self, name or snake_case(type(self).__name__))
            self._body, self.graph = body, chain((body,), body.name)
            self.graph._named = name is not None
            self._hold()
            if not trainable:
                self.trainable = False
            return
        if inputs is None or outputs is None:
            raise mistyped(
                "Model",
                f"no {'inputs' if inputs is None else 'outputs'}",
                "inputs and outputs",
                "write x = Input((4,)); Model(x, Dense(1)(x)), or "
                "Sequential([Dense(1)])",
            )
        self.input_nest, self.output_nest = (
            Nest(inputs, "inputs"),
            Nest(outputs, "outputs"),
        )
        entries = self.input_nest.tensors
        graph = graph_of(entries, self.output_nest, name or "functional")
        graph.entrance = unwrap_single([tensor.shape for tensor in entries])
        name_layers(list(graph.layers), f"Model {graph.name!r}")
        self.graph = graph
        self.whole._named = name is not None
        self._hold()

    _unseen: ClassVar[frozenset[str]] = frozenset(
        {"_graph", "whole", "before", "input_nest", "output_nest", "_body", "_sight"}
        | {"_made_with"}
    )
    """Attributes that are no parts of a subclass with its own `call`."""
    _body: Body | None = None
    _sight: Sight | None = None

    @property
    def as_layer(self) -> Layer:
        """The network as a layer of another: its body, or its graph."""
        return self._body or self.whole

    def call(self, *inputs: Any, **options: Any) -> Tree:
        """As the network itself, called; a subclass may write its own."""
        return self(*inputs, **options)

    def add_weight(self, *args: Any, **settings: Any) -> Variable:
        """A weight of a subclass with its own `call`; see `Layer.add_weight`."""
        if self._body is None:
            raise invalid(
                self.name,
                "add_weight of a network whose weights are its layers'",
                "a subclass that writes its own call",
                "add a layer that makes the weight",
            )
        return self._body.add_weight(*args, **settings)

    def add_variable(self, *args: Any, **settings: Any) -> Variable:
        """As `add_weight`."""
        return self.add_weight(*args, **settings)

    def arranged(self, x: Tree) -> Tree:
        """The inputs of a batch as the network's methods are given them."""
        if self._sight is not None:
            return self._sight.arrange(self._with_answers(x))
        return self.input_nest.arrange(x) if self.input_nest else x

    def _with_answers(self, x: Tree) -> Tree:
        """The inputs of a `call`, for a step of the model's own that calls it."""
        run, body = current(), self._body
        if run is None or body is None or self.before is None:
            return x
        for plan in filter(None, map(body.host_plan, body._questions)):
            x, run.asking = plan.opened([*hosts_in(body)], x)
        return x

    def meet(self, x: Data) -> None:
        """Lets a network that is a `call` see how its inputs come; others know it."""
        if self._body is None:
            return
        sight = Sight(x)
        if self._sight is None or sight != self._sight:
            if own_call(self, Network):
                self._become(sight)
            self._sight = sight

    def _become(self, sight: Sight) -> None:
        """A graph of the body alone, for inputs that come like these."""
        assert self._body is not None
        mine = [layer for layer in layers_of(self._body) if not layer._named]
        name_layers(mine, f"Model {self.name!r}")
        named, inputs = self.graph._named, sight.entrances()
        outputs = outputs_of(self.name, self._seen_by_body(inputs))
        self.input_nest, self.output_nest = (
            Nest(inputs, "inputs"),
            Nest(outputs, "outputs"),
        )
        entries = self.input_nest.tensors
        graph = graph_of(entries, self.output_nest, self.name)
        graph.entrance = unwrap_single([tensor.shape for tensor in entries])
        graph._named = named
        self.graph, self._sight = graph, sight
        self._hold()

    def _seen_by_body(self, inputs: Tree) -> Tree:
        """What the body gives for the inputs.

        Rows that only a step of the model's own understands need not fit its call.
        """
        assert self._body is not None
        self._body.unfit = False
        try:
            return self._body(inputs)
        except Exception:
            parts = layers_of(self._body)
            if not self.steps_itself() or not all(part.built for part in parts):
                raise
            self._body.unfit = True
            return self._body(inputs)

    def steps_itself(self) -> bool:
        """Whether the class says itself what a step of training does."""
        return False

    def eagerly(self) -> contextlib.AbstractContextManager[object]:
        """How its call runs: here inside a program."""
        return contextlib.nullcontext()

    def __alike__(self) -> object:
        """What makes two networks one program: the graph, or the parts of a `call`."""
        if self._body is None:
            return self.graph
        return {k: v for k, v in vars(self).items() if k not in self._unseen}

    def _start(self) -> None:
        """What every network begins with, before its graph; extended by subclasses."""

    def compile_like(self, other: "Network") -> None:
        """Compiles it as another is; a network alone cannot be trained."""

    def _forget_training(self) -> None:
        """Called when the weights that training goes on from are no longer there."""

    def _find_anew(self) -> None:
        """Called when they are the same, in other places of the graph."""

    # Inputs and outputs --------------------------------------------------------------

    input_nest: Nest | None = None
    output_nest: Nest | None = None

    @property
    def inputs(self) -> list[Tensor]:
        """The inputs as tensors of a graph."""
        return self.known_nest(self.input_nest).tensors

    @property
    def outputs(self) -> list[Tensor]:
        """The outputs as tensors of a graph."""
        return self.known_nest(self.output_nest).tensors

    @property
    def input(self) -> Tensors:
        """The inputs as the model was given them: one, a list, or a dict.

        Those of a model without an Input of its own are its place in another.
        """
        if self.input_nest is None and self.whole._calls:
            return self.whole.input
        return self.known_nest(self.input_nest).value

    @property
    def output(self) -> Tensors:
        """The outputs as the model was given them: one, a list, or a dict.

        Those of a model without an Input of its own are its place in another.
        """
        if self.output_nest is None and self.whole._calls:
            return self.whole.output
        return self.known_nest(self.output_nest).value

    @property
    def input_shape(self) -> Shapes:
        """The shape of the input, the batch first, as None; a list of several."""
        return unwrap_single([tensor.shape for tensor in self.inputs])

    @property
    def output_shape(self) -> Shapes:
        """The shape of the output, the batch first, as None; a list of several."""
        return unwrap_single([tensor.shape for tensor in self.outputs])

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs: a dict's keys, or those of the Inputs."""
        seen = self._sight.names() if self._sight else ["x"]
        return self.input_nest.names() if self.input_nest else seen

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: a dict's keys, or those of the layers."""
        nest = self.output_nest
        return nest.names() if nest else [str(self.layers[-1].name)]

    def known_nest(self, nest: Nest | None) -> Nest:
        """The arrangement of inputs or outputs, once their shapes are known."""
        if nest is None:
            raise unready(
                self.name,
                "a request for its place in a graph",
                "a model whose input shape is known",
                "begin with Input((4,)), or write model.build((None, 4))",
            )
        return nest

    def get_config(self) -> Config:
        """What `from_config` makes such a network of."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The network of a config, with fresh weights."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The model's name, also as a layer of another."""
        return str(self.whole.name)

    @name.setter
    def name(self, value: str) -> None:
        self.whole.name = self.graph.name = value

    # Weights -----------------------------------------------------------------------

    @property
    def layers(self) -> list[Any]:  # a Layer, with attributes of its own; a Network
        """The layers, in order; a model inside is one of them."""
        parts = self.whole.layers if self._body is None else layers_of(self._body)
        return [
            layer.face if isinstance(layer, Architecture) else layer for layer in parts
        ]

    def _hold(self) -> None:
        """Tells the graph whose it is, for networks that have it as a layer."""
        object.__setattr__(self.whole, "face", self)

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
        """Whether the model has its weights; a `build` of yours may say so too."""
        return self.whole.built

    @built.setter
    def built(self, value: bool) -> None:
        if not value:
            raise invalid(
                self.name,
                f"built={value!r}",
                "True, at the end of a build() of your own",
                "draw the weights anew: model.reset_weights()",
            )

    def get_weights(self) -> list[np.ndarray]:
        """All weights as numpy arrays, copied, layer by layer."""
        return self.whole.get_weights()

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replaces all weights; one that does not fit leaves them all as they were.

        Raises:
            ValueError: A wrong number or shape (which layer, which weight).
        """
        self.whole.set_weights(weights)

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
        self._forget_training()

    def _flatten_layers(
        self, include_self: bool = True, recursive: bool = True
    ) -> list[Any]:
        """It itself, and the layers inside it: Keras' own name for them."""
        return flattened(self, self.layers, include_self, recursive)

    def count_params(self) -> int:
        """How many numbers the model holds."""
        return self.whole.count_params()

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

    # The pure way ------------------------------------------------------------------

    @property
    def params(self) -> Tree:
        """The trainable weights as a pytree, for an explicit training loop."""
        return self._in_program.slot.params

    @params.setter
    def params(self, value: Tree) -> None:
        self._in_program.store(value, self._in_program.slot.state)

    def apply(
        self, params: Tree, x: Tree, *, training: bool = False, key: Key | None = None
    ) -> Tree:
        """The output for these weights: a pure function of `params` and `x`.

        >>> dense = onefit.layers.Dense(1, kernel_initializer="ones")
        >>> model = onefit.Sequential([onefit.Input((2,)), dense])
        >>> model.apply(model.params, jnp.ones((1, 2)))
        Array([[2.]], dtype=float32)
        """
        graph = self._in_program
        state = graph.slot.state
        return graph.apply(params, state, x, training=training, key=key)[0]

    def __call__(
        self,
        x: Tree = None,
        training: bool | None = None,
        mask: Mask = None,
        **options: Any,
    ) -> Tree:
        """The output for arrays; what Input gave makes the model a layer of a graph."""
        x = self._named_input(options) if x is None else x
        if self._body is not None:
            if self._body.silent:
                raise invalid(
                    f"{type(self).__name__} {self.name!r}",
                    "a call of a model whose class says nothing of it",
                    "one that writes what it computes",
                    "write def call(self, inputs): return inputs",
                )
            return self._body(x, training=training, mask=mask, **options)
        run = current()
        if run is None and not is_symbolic(x) and self._takes_one(x):
            return first_row(self(as_rows(x), training=training, mask=mask, **options))
        looked = self.before is not None and run is None and not is_symbolic(x)
        if looked and self._in_program is self.whole:  # no gradient passes the host
            looked = not any(isinstance(a, jax.Array) for a in jax.tree.leaves(x))
        if looked:
            x = self.numbers(x)
        elif self.input_nest:
            x = self._in_rank(self._take(x))
        if run is not None:
            if run.building and not self.built:
                with making():
                    self.build(batch_shape(x))
        elif not is_symbolic(x):
            if self.input_nest is None or not self.built:  # else the graph looks at x
                self.ready_for(x)
        elif not self.built:
            self.build(unwrap_single([t.shape for t in jax.tree.leaves(x)]))
        graph = self.graph if looked else self.whole  # building may have made it anew
        y = graph(x, training=training, mask=mask, **options)
        return self.output_nest.arrange(y) if self.output_nest else y

    def _takes_one(self, x: Tree) -> bool:
        """Whether this is one row without a batch, which its first layer knows."""
        plain = (layer for layer in self.layers if not isinstance(layer, InputLayer))
        first = next(plain, None)
        if isinstance(first, Network):
            return first._takes_one(x)
        return first is not None and first.takes_one(x)

    def _named_input(self, options: Config) -> Tree:
        """The input that a call names: `inputs`, or as its own `call` has it."""
        own = next(iter(inspect.signature(self.call).parameters), "inputs")
        for name in ("inputs", own):
            if name in options:
                return options.pop(name)
        raise mistyped(self.name, "a call without an input", "arrays", "write model(x)")

    # Before the program --------------------------------------------------------------

    def numbers(self, x: Data) -> Data:
        """The rows as the program takes them: host layers have looked at them.

        Without host layers it is what was given.
        """
        if isinstance(x, Ready):
            return x.values
        if self._may and self._on_host_now() != self._split_for:
            self.graph = self.whole  # cuts it anew
            self._find_anew()
        if self.before is None or x is None:
            return x
        if self.input_nest is None:
            self.build(shape_of(x))
        assert self.before is not None
        return self.before.run(x, self.input_names, self.input_shape)

    @property
    def is_direct(self) -> bool:
        """Whether the program is given rows as they come: nothing looks at them."""
        return self.before is None and not self._may and self._body is None

    @property
    def _in_program(self) -> Architecture:
        """All of the network that a program can compute."""
        return self.graph if self.before and self.before.hosts() else self.whole

    def undivided(self, place: str) -> Self:
        """The network with all its layers in the program, for files of other libraries.

        Raises:
            ValueError: Layers that no program can compute; `place` is who asks.
        """
        numbers_alone(self.before, place)
        if self.before is None:
            return self
        one = copy.copy(self)
        one.before, one._graph = None, one.whole
        return one

    @property
    def entries(self) -> list[tuple[str, Shape | None]]:
        """The name and the shape of each value that the program takes."""
        shapes = [None] if self.input_nest is None else [t.shape for t in self.inputs]
        if self.before is None or self.input_nest is None:
            return list(zip(self.input_names, shapes, strict=True))
        handed = self.before.shapes(self.input_shape)
        return list(zip(self.before.names(self.input_names), handed, strict=True))

    @property
    def entry_names(self) -> list[str]:
        """The names of the values that the program takes."""
        if self.before is None:
            return self.input_names
        return [name for name, _ in self.entries]

    def _take(self, x: Tree) -> Tree:
        """Inputs in any of Keras' arrangements as the graph has them."""
        names = self.input_names
        x = in_a_list(x, names)
        if isinstance(x, dict):
            x = by_name(x, names, "x")
        if isinstance(x, list | tuple) and len(x) == len(names):
            return tuple(map(_held, x)) if len(names) > 1 else _held(x)
        if len(names) == 1:
            return x
        return several(x, names, "x")

    def _in_rank(self, x: Tree) -> Tree:
        """Rows of one number each with an axis of length 1, as the inputs have it."""

        def fit(a: Any, wanted: Shape) -> Any:  # an array, or what stands for one
            column = len(wanted) == np.ndim(a) + 1 and wanted[-1] == 1
            return a[..., None] if column and hasattr(a, "shape") else a

        shapes = [tensor.shape for tensor in self.inputs]
        if isinstance(x, tuple):
            return tuple(map(fit, x, shapes))
        return fit(x, shapes[0]) if len(shapes) == 1 else x

    @property
    def target_names(self) -> list[str]:
        """The names of the outputs, where they are known."""
        return self.output_names if self.output_nest or self.layers else ["y"]

    def ready_for(self, x: Tree) -> None:
        """Builds the layers when data first come; refuses data that no layer takes."""
        if self._body is None and (not self.layers or not self.built):
            self.build(batch_shape(x))
        self.graph.check_input(x)

    def build(self, input_shape: Shapes = None) -> Self:
        """Makes the weights for an input shape, the batch first, as None."""
        if self._body is not None:
            if not self._body._depth:  # or it is super().build of a subclass
                self.meet_shapes(input_shape)
            return self
        if not self.layers:
            raise invalid(
                self.name,
                "a model without layers",
                "at least one",
                "add one: model.add(Dense(1))",
            )
        if self.before is None or not self.built:
            self.whole.build(input_shape)
        return self

    def meet_shapes(self, shapes: Shapes) -> None:
        """As `meet`, for inputs of these shapes, the batch first."""
        self._become(Sight.of_shapes(shapes))

    # The face of a layer -------------------------------------------------------------

    @property
    def weights(self) -> list[Variable]:
        """All weights, layer by layer."""
        return self.whole.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return self.whole.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that it does not: frozen layers', moving means."""
        return self.whole.non_trainable_weights

    @property
    def variables(self) -> list[Variable]:
        """The weights, and the state of random numbers that layers draw."""
        return self.whole.variables

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes by gradients."""
        return self.whole.trainable_variables

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that it does not."""
        return self.whole.non_trainable_variables

    @property
    def losses(self) -> list[Array]:
        """What the layers add to the loss: of the last call, and regularizers."""
        return self.graph.losses

    def add_loss(self, loss: Tree) -> None:
        """Adds numbers to `losses`, until the next call."""
        self.graph.add_loss(loss)

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """The shapes of the outputs, arranged as they are, for those of the inputs."""
        shape = self.whole.compute_output_shape(input_shape)
        return self.output_nest.arrange(shape) if self.output_nest else shape

    def compute_output_spec(self, inputs: Tree, **options: Any) -> Tree:
        """What stands for the outputs of a call: their shapes and types."""
        spec = self._in_program.compute_output_spec(self._take(inputs), **options)
        return self.output_nest.arrange(spec) if self.output_nest else spec

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        """Which steps of the outputs there are, given which of the inputs."""
        return self._in_program.compute_mask(self._take(inputs), mask)

    def stateless_call(
        self,
        trainable_variables: Sequence[ArrayLike],
        non_trainable_variables: Sequence[ArrayLike],
        inputs: Tree,
        **options: Any,
    ) -> tuple[Tree, ...]:
        """The outputs for these values of the variables: a pure function.

        See `Layer.stateless_call`.
        """
        x = self._take(inputs) if self.input_nest else inputs
        y, *rest = self._in_program.stateless_call(
            trainable_variables, non_trainable_variables, x, **options
        )
        return (self.output_nest.arrange(y) if self.output_nest else y, *rest)

    @property
    def path(self) -> str | None:
        """The model's name, once it has its weights."""
        return self.graph.path

    @property
    def dtype(self) -> str:
        """The type of the numbers of layers that have none of their own."""
        return self.graph.dtype

    variable_dtype = compute_dtype = input_dtype = dtype

    @property
    def dtype_policy(self) -> DTypePolicy:
        """That type as an object."""
        return self.graph.dtype_policy

    def get_build_config(self) -> Config | None:
        """What `build_from_config` needs: the shapes of the inputs, and their types."""
        if self._sight is None:
            return self.graph.get_build_config()
        return self._sight.config()

    def build_from_config(self, config: Config | None) -> None:
        """Makes the weights for what `get_build_config` gave."""
        if not config or "input_shape" not in config:
            return
        if self._body is not None:
            self._become(Sight.from_config(config))
        else:
            self.build(as_shape(config["input_shape"]))

    def quantize(self, mode: object = None, **options: Any) -> None:
        """Refused: weights are numbers of a float type."""
        del options
        raise no_quantizing(f"{type(self).__name__} {self.name!r}", mode)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}: {len(self.layers)} layers>"


def _held(x: Tree) -> Tree:
    """The array that a list of one holds, as Keras takes it; else what it is."""
    single = isinstance(x, list | tuple) and len(x) == 1 and hasattr(x[0], "shape")
    return x[0] if single and np.ndim(x[0]) else x
