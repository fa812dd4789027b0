"""What every layer is: a description with pure functions, and a thin face over them."""

import inspect
import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit import config
from onefit.checks import flag
from onefit.config import HALVES
from onefit.description import Description, setting
from onefit.errors import invalid, mistyped, unknown, unready
from onefit.layers.arguments import shapes_of
from onefit.layers.face import Face, Weights, as_shape, dtype_name, floats, kept_in_type
from onefit.layers.in_tensorflow import has_no_numbers, within_tensorflow
from onefit.layers.masks import note_mask, noted_mask
from onefit.layers.metering import Way, carrying, keep
from onefit.layers.passing import current
from onefit.layers.questions import Text
from onefit.layers.symbolic import Call, Tensor, is_symbolic, way_to
from onefit.metrics.base import Metric
from onefit.programs import Program
from onefit.registry import Registry, computes_like, snake_case
from onefit.slots import is_held, put
from onefit.types import (
    Config,
    Function,
    Generator,
    Key,
    Mask,
    Params,
    Scalar,
    Shape,
    Shapes,
    State,
    Tree,
    batch_shape,
    is_shape,
)
from onefit.variables import Variable

__all__ = ["Layer", "Role"]

layers: Registry = Registry("layer", "onefit.layers")

Role = Literal[
    "activation",
    "average pooling",
    "batch normalization",
    "convolution",
    "dense",
    "dropout",
    "embedding",
    "max pooling",
    "other",
    "product",
    "recurrent",
    "scaling",
    "shape",
    "sum",
    "wrapper",
]
"""What a layer is in a network.

'dense' and 'convolution' are z = w·x + b, then g(z); 'scaling' is x·a + b without
weights that train; 'shape' moves or repeats numbers and leaves them as they are; 'sum'
and 'product' are made of several values; a 'wrapper' is what its setting `layer` is.
"""


class Outcome(NamedTuple):
    """What one forward pass of a layer gives.

    Attributes:
        output: The output, or a tuple of several.
        state: The layer's state after it.
        penalty: What the output's regularizer adds to the loss.
        mask: Which steps of the output there are, None for all.
    """

    output: Any
    state: Any
    penalty: Any = 0.0
    mask: Any = None


@Program
def _apply(
    layer: "Layer",
    params: Params,
    state: State,
    x: Tree,
    mask: Mask,
    seed: Scalar,
    *,
    training: bool,
    options: tuple[tuple[str, Any], ...],
):
    draws = layer.random or layer.always_random
    key = jax.random.key(seed) if draws else None
    given = {"training": training, "key": key, "mask": mask} | dict(options)
    y, state, penalty, mask = layer.forward(params, state, x, **given)
    return y, state, penalty if isinstance(penalty, Tracer) else None, mask


_WHOLE = ("int", "uint", "bool")
_COMMON = {"self", "params", "state", "x", "training", "key", "options"}


class Layer(Face, Description):
    """Base of all layers. A subclass annotates its settings and writes `apply`.

    A layer with weights also writes `init`; one whose output shape cannot be found by
    tracing writes `output_shape`. All three are pure: they read settings and arguments
    and nothing else. Shapes carry the batch first, as None. Several inputs are a tuple
    of arrays, and so are several outputs.

    A layer without state or randomness writes `compute(params, x)`, any other `apply`.
    If they take a `mask`, they are given which steps of x there are; parameters beyond
    that are static options of a call. What is known of a layer beside that (its
    `role`, whether it is `random`) are attributes of the class, which it inherits.

    >>> class Scale(Layer):
    ...     role = "scaling"
    ...     start: float = 1.0
    ...     def init(self, rng, input_shape):
    ...         return {"gain": np.full(input_shape[-1], self.start, "float32")}, {}
    ...     def compute(self, params, x):
    ...         return x * params["gain"]
    >>> layer = Scale(start=2.0)
    >>> layer(np.ones((1, 3), "float32"))
    Array([[2., 2., 2.]], dtype=float32)
    """

    name: Any = setting(default=None, kw_only=True, identity=False)
    trainable: bool = setting(default=True, check=flag, kw_only=True)
    own_dtype: Any = setting(
        default=None, convert=dtype_name, kw_only=True, alias="dtype"
    )
    input_shape: Any = setting(default=None, kw_only=True, identity=False)
    input_dim: int | None = setting(default=None, kw_only=True, identity=False)
    batch_input_shape: Any = setting(default=None, kw_only=True, identity=False)

    _mutable: ClassVar[frozenset[str]] = frozenset({"name", "trainable"})
    _keeps_tuples = True
    _unseen = Description._unseen | {
        *(
            "_weights",
            "_views",
            "_losses",
            "_calls",
            "_wholes",
            "_named",
            "_seed",
            "_count",
        )
    }
    autograph_info__ = None  # TensorFlow calls what has it as it is, unconverted
    random = False  # not annotated, as others here: settings or properties of some
    """Whether `apply` draws random numbers from its key while training."""
    on_host = False
    """Whether it works on texts and categories, before the program."""
    is_network: ClassVar[bool] = False
    """Whether its weights are a tuple, those of one of its layers after another."""
    trains_alone = False
    """Whether a call outside a model, that does not say, is one of training."""
    always_random = False
    """Whether it draws some also when it does not train."""
    keeps_digits: ClassVar[bool] = False
    """Whether a type of half the digits is its output's alone, not its input's."""
    integers = False
    """Whether whole-number inputs stay whole (token ids) instead of becoming floats."""
    takes_text: ClassVar[bool] = False
    """Whether its input may be text."""
    then_mask: ClassVar[bool] = False
    """Whether a second argument of a call is its mask."""
    takes_policy: ClassVar[bool] = True
    """Whether the policy of new layers (`config.set_dtype_policy`) is for it, too."""
    supports_masking = False  # not annotated: a layer in Keras' style assigns it
    """Whether the output's steps are the input's, so that its mask holds for them."""
    role: ClassVar[Role] = "other"
    """What the layer is in a network; a subclass is what its base is."""
    equation = None
    """What it computes, where the first line of its docstring is no formula."""
    by_row = True
    """Whether the output of a row cannot depend on the rows beside it.

    A class from outside the library that computes something of its own says so itself.
    """
    learns_by_row = True
    """Whether that holds while it trains, too, and what it draws for a row also."""
    stateful = False  # not annotated, so that a layer can make it a setting
    """Whether a call goes on from the last one's state, also when not training."""
    call_options: ClassVar[frozenset[str]] = frozenset()
    """What `apply` takes beside x: found by its signature."""

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        functions = map(inspect.signature, (cls.apply, cls.compute))
        names = (name for function in functions for name in function.parameters)
        cls.call_options = frozenset(names) - _COMMON
        if "by_row" not in vars(cls) and not cls.__module__.startswith("onefit."):
            parent = next(base for base in cls.__mro__[1:] if issubclass(base, Layer))
            known = parent is not Layer and parent.by_row
            cls.by_row = known and computes_like(cls, parent)
        if not abstract:  # a base that only others stand on has no name to be found by
            layers.add(cls)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.own_dtype is None and self.takes_policy and not self.is_network:
            # Known when the layer is made; later changes are for other layers.
            object.__setattr__(self, "own_dtype", config.own_policy())
        mixed = (f"mixed_{half}" for half in HALVES)
        own, known = self.own_dtype, {*HALVES, *mixed, "float32", config.floatx()}
        kinds = (*_WHOLE, "string") if self.takes_text else _WHOLE
        whole = type(self).integers is True and str(own).startswith(kinds)
        if own is not None and own not in known and not whole:
            raise invalid(
                type(self).__name__,
                f"dtype={own!r}",
                " or ".join(map(repr, sorted(known))),
                "write onefit.config.set_floatx('float64') first, which lets all "
                "layers compute in it"
                if own == "float64"
                else "",
            )
        self._named = self.name is not None
        if not self._named:
            self.name = snake_case(type(self).__name__)

    def get_config(self) -> Config:
        """The settings by Keras' names."""
        config = super().get_config()
        # Where Keras 2 let the first layer say the model's input: not the layer's own.
        for name in ("input_shape", "input_dim", "batch_input_shape"):
            if config.get(name) is None or not self.in_keras_style:
                config.pop(name, None)
        return config | {"dtype": self.dtype_policy.serialized()}

    def check_change(self, other: Any, name: str) -> None:  # one of its class
        """Refuses what would change the weights, or the outputs in graphs, in shape."""

        def size(weights: Any) -> Any:  # parameters and state, as nests
            return jax.tree.map(np.shape, weights)

        same = True
        if self.ready and self.slot.input_shape is not None:
            weights = other.fresh(config.generator(0), self.slot.input_shape)
            same = size(weights) == size((self.slot.params, self.slot.state))
        for call in self._calls if same else ():
            shapes = jax.tree.map(lambda a: a.shape, call.sources)
            now = other.call_shape(shapes, **dict(call.options))
            same &= now == jax.tree.map(lambda a: a.shape, call.outputs)
        if not same:
            value = getattr(other, name)
            raise AttributeError(
                f"{where(self)}: received {name}={value!r} when it has its weights and "
                "its place; expected a setting that leaves their shapes. Make another "
                f"layer: {type(self).__name__}(..., {name}={value!r})."
            )

    # The pure functions -------------------------------------------------------------

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        """Fresh weights for an input of this shape, in Keras' order."""
        del rng, input_shape
        return {}, {}

    def fresh(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        """What `init` makes, in the layer's own type if it has one."""
        weights = self.init(rng, input_shape)
        if self.own_dtype is None:
            return weights
        kind = self.variable_dtype
        params, state = ({n: floats(w, kind) for n, w in p.items()} for p in weights)
        return params, state

    if TYPE_CHECKING:  # what a layer takes beside these is its own affair

        def apply(  # noqa: D102
            self,
            params: Params,
            state: State,
            x: Tree,
            *,
            training: bool = False,
            key: Key | None = None,
        ) -> tuple[Tree, State]: ...

    else:

        def apply(self, params, state, x, *, training=False, key=None, **options):
            """The forward pass: (output, new state). Pure.

            By default the output that `compute` gives, and the state as it was.
            """
            return self.compute(params, x, **options), state

    def compute(self, params: Params, x: Tree) -> Tree:
        """The output of a layer without state or randomness; takes a mask if it asks.

        Such a layer writes this in place of `apply`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no apply method")

    def misfit(self, received: str, expected: str, fix: str = "") -> ValueError:
        """The error for what does not fit this layer, which it names."""
        return invalid(where(self), received, expected, fix)

    def refuse_text(self, x: Tree) -> None:
        """Refuses text, in the `call` of a layer around it."""
        if any(isinstance(a, Text) for a in jax.tree.leaves(x)):
            raise self.takes_no_text()

    def takes_no_text(self) -> ValueError:
        """The error for text, which is no input of the layer."""
        return self.misfit(
            "text",
            "numbers",
            "put a layer between that makes numbers of it: TextVectorization for "
            "texts, StringLookup for categories",
        )

    def as_built(
        self, seen: object, known: object, what: str, shape: Shapes, fix: str
    ) -> None:
        """Refuses an input with another size than the layer was built for."""
        if seen != known:
            received = f"{seen} {what} (input shape {shape})"
            raise self.misfit(received, f"{known}, as it was built for", fix)

    def output_shape(self, input_shape: Shapes) -> Shapes:
        """The output's shape for this input's; found by tracing unless overridden."""
        return traced_output_shape(self, input_shape)

    def call_shape(self, input_shape: Shapes, **options: Any) -> Shapes:
        """The output's shape in a call with these options, which may add outputs."""
        del options
        return self.output_shape(input_shape)

    def check_input(self, x: Tree) -> None:
        """Refuses numbers that the layer cannot mean, before any time is spent.

        Asked of a layer that an input leads to directly, with arrays on the host.
        """

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        """Which steps of the output there are, given which of inputs: None for all."""
        del inputs
        return mask if self.supports_masking else None

    def gather(self, *inputs: Any, **options: Any) -> tuple[Tree, Config]:
        """What a call hands to `apply`: x, and the static options.

        A layer that is called with several arguments makes one tuple of them here.
        """
        if len(inputs) != 1:
            raise mistyped(
                where(self),
                f"{len(inputs)} inputs",
                "one, or one list of several",
                "write layer([a, b]) for several",
            )
        for name in options:
            if name not in self.call_options - {"mask"}:
                known = sorted({"training", "mask"} | self.call_options)
                raise unknown(f"argument of a call of {where(self)}", name, known)
        return inputs[0], options

    def forward(
        self,
        params: Params,
        state: State,
        x: Tree,
        *,
        training: bool,
        key: Key | None,
        mask: Mask = None,
        use_mask: bool = True,
        **options: Any,
    ) -> Outcome:
        """`apply`, with what follows from its output: its penalty and its mask.

        With use_mask=False the layer does not see the mask, which its output keeps.
        """
        if "mask" in self.call_options:
            options["mask"] = mask if use_mask else None
        y, new = self.apply(
            self.weights_in_type(params),
            state,
            x if self.keeps_digits else self.in_type(x),
            training=training,
            key=key,
            **options,
        )
        y, state = self.in_type(y), kept_in_type(new, state)
        activity = getattr(self, "activity_regularizer", None)
        penalty = 0.0
        if activity is not None:
            penalty = sum(
                (activity(a) / max(a.shape[0], 1) for a in jax.tree.leaves(y)),
                start=0.0,
            )
        steps = self.compute_mask(x, mask)
        if isinstance(y, tuple) and steps is not None and not isinstance(steps, tuple):
            steps = (steps, *[None] * (len(y) - 1))  # the first output has the steps
        return Outcome(y, state, penalty, steps)

    def penalty(self, params: Params) -> Scalar:
        """What the weights' regularizers add to the loss: sum of Omega(w).

        The penalty on a weight `kernel` is the setting `kernel_regularizer`, if any.
        """
        return sum(
            (rule(params[name]) for name, rule in self._rules("regularizer", params)),
            start=0.0,
        )

    def multiplications(self, input_shape: Shapes) -> int:
        """About how many multiplications the forward pass of one example takes.

        Each matrix of weights is met once at every place of the input, or output.
        """
        leaves = jax.tree.leaves(self.slot.params) if self.built else []
        sizes = sum(w.size for w in leaves if w.ndim > 1)
        shapes = (input_shape, self.output_shape(input_shape)) if sizes else ()
        places = [
            math.prod(n or 1 for n in shape[1:-1])
            for shape in jax.tree.leaves(shapes, is_leaf=is_shape)
        ]
        return sizes * max(places, default=1)

    def before(self, link: str) -> "Layer | None":
        """The layer without its final activation, if that is the one named."""
        del link

    def free(self, params: Params) -> Params:
        """The weights that training may change: none when the layer is frozen."""
        return params if self.trainable else {}

    def merge(self, params: Params, free: Params) -> Params:
        """All weights, with the free ones replaced by these."""
        return params | free

    def constrain(self, params: Params) -> Params:
        """The weights after their constraints (`kernel_constraint` holds `kernel`)."""
        return params | {
            name: rule(params[name]) for name, rule in self._rules("constraint", params)
        }

    def _rules(self, kind: str, params: Params) -> list[tuple[str, Function]]:
        own = [name for name in params if "/" not in name]  # not of layers inside
        found = [(name, self.rule(kind, name)) for name in own]
        return [(name, rule) for name, rule in found if rule is not None]

    @property
    def ends_in(self) -> Function | None:
        """The activation that the output comes from; None where there is none."""
        return getattr(self, "activation", None)

    @property
    def told_shape(self) -> Shapes:
        """The input's shape, without the batch, if a setting gives it."""
        told = self.batch_input_shape
        if told is not None:
            return tuple(told)[1:]
        if self.input_shape is not None:
            return self.input_shape
        return self.input_dim and (self.input_dim,)

    @property
    def told_batch(self) -> int | None:
        """The rows of a batch, if a setting gives them."""
        return self.batch_input_shape and self.batch_input_shape[0]

    # The face -----------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the layer has its weights; False makes it forget them.

        One that never has any, and whose class writes no `build`, needs none made.
        """
        return self.ready or (self.weightless and type(self).build is Layer.build)

    @built.setter
    def built(self, value: bool) -> None:
        if not value:
            object.__setattr__(self, "_weights", None)
        elif not self.built and not self.weightless:
            raise invalid(
                where(self),
                "built=True without weights",
                "a layer that has its weights",
                "write layer.build((None, 4))",
            )

    @property
    def ready(self) -> bool:
        """Whether the layer has seen the shape of its input, and made its weights."""
        return self._weights is not None

    @property
    def weightless(self) -> bool:
        """Whether the layer makes no weights, whatever its input."""
        return type(self).init is Layer.init

    if TYPE_CHECKING:  # a layer in Keras' style writes it as it likes

        def build(self, *args: Any, **kwargs: Any) -> Any: ...  # noqa: D102

    else:

        def build(self, input_shape: Shapes, rng: Generator | None = None) -> Self:
            """Makes the weights for this input shape (the batch first, as None)."""
            input_shape = as_shape(input_shape)
            self.output_shape(input_shape)  # refuses what does not fit
            params, state = self.fresh(rng or config.generator(None), input_shape)
            object.__setattr__(self, "_weights", Weights(params, state, input_shape))
            return self

    @property
    def slot(self) -> Weights:
        """The weights; refused before there are any."""
        if self._weights is None:
            if self.weightless:
                return Weights({}, {}, None)
            raise invalid(
                f"{type(self).__name__} {self.name!r}",
                "a request for weights that do not exist yet",
                "a layer that has seen an input shape",
                "call it once, layer(x), or write layer.build((None, 4))",
            )
        return self._weights

    def call(self, *inputs: Any, **options: Any) -> Tree:
        """As the layer itself, called."""
        return self(*inputs, **options)

    @property
    def _class_name(self) -> str:
        """The name of the class that people wrote."""
        return type(self).__name__

    def plain_layers(self) -> "list[Layer]":
        """The layers that are no graphs, those of graphs inside in their place."""
        return [self]

    def metered(self) -> list[tuple[Way, Metric]]:
        """The metrics in it, with the ways to their sums in a state."""
        return []

    # In the call of a layer around it -------------------------------------------------

    def begin(self, input_shape: Shapes) -> None:
        """Makes the weights, if there are none."""
        if not self.ready and not self._in_whole():
            self.build(input_shape)

    def inner_slot(self) -> Weights:
        """The weights, wherever they are; none for a layer that has none."""
        borrowed = self._borrowed()
        none = self._weights is None and self.weightless
        return borrowed or (Weights({}, {}, None) if none else self.slot)

    def holders(self) -> list[object]:
        """The objects whose slots hold its weights."""
        slot = self._weights
        if slot is None:
            return [whole for whole, _ in self._wholes]
        return [self] if slot.params or slot.state else []

    def pairs(self, params: Tree, state: Tree) -> list[tuple[object, Any]]:
        """Each holder of its weights with its part of these, for `slots.holding`."""
        slot = self._weights
        if slot is None:
            return []
        own = slot.copy()
        own.store(params, state)  # in its own order: JAX sorts names
        return [(self, own)]

    def hold(self) -> None:
        """Lets a program have weights of its own in its place."""
        if self._weights is not None and not is_held(self):
            put(self, self._weights.copy())

    _calls: ClassVar[tuple[Call, ...]] = ()
    _takes_training = True
    """Whether True or False in the second place of a call says whether it trains."""

    def __call__(
        self, *inputs: Any, training: bool | None = None, mask: Mask = None, **rest: Any
    ) -> Tree:
        """The layer's output for arrays; the first call makes the weights.

        Called on what `Input` gives, the layer becomes part of a graph instead, and the
        result stands for what it will compute: `Model(inputs, outputs)`.

        Args:
            *inputs: An array, a list of several, or what the layer's call takes.
            training: Whether the layer trains; in a graph, whatever the model does.
            mask: Which steps of the input there are, (batch, time), if not all.
            **rest: What the layer's call takes beside.
        """
        two = len(inputs) == 2 and self._takes_training
        if two and isinstance(inputs[1], bool | None) and training is None:
            inputs, training = inputs[:1], inputs[1]  # layer(x, True), as in Keras
        if len(inputs) == 2 and self.then_mask and mask is None:
            inputs, mask = inputs[:1], inputs[1]
        x, options = self.taken(*inputs, **rest)
        if is_symbolic((x, mask)):
            if training is not None:
                options = options | {"training": bool(training)}
            return self._record(x, mask, options)
        if (run := current()) is not None:
            return run.call(self, x, mask, training, options)
        if has_no_numbers(x):
            how = {} if training is None else {"training": training}
            return within_tensorflow(self, x, **how)
        one = self.takes_one(x)
        mask = noted_mask(x) if mask is None else mask
        x = self.as_inputs(as_rows(x) if one else x)
        training = self.trains_alone if training is None else training
        if not any(isinstance(a, Tracer) for a in jax.tree.leaves(x)):
            self.check_input(x)
        # A stateful layer has a state for each row, so for it the batch is known.
        shapes = jax.tree.map(np.shape, x) if self.stateful else batch_shape(x)
        borrowed = self._borrowed()
        if borrowed is None:
            self._fit(shapes, options)
        else:
            self.call_shape(shapes, **options)
        slot = borrowed or self.slot
        draws = (training and self.random) or self.always_random
        seed = self._drawn() if draws else np.uint32(0)
        y, state, penalty, steps = _apply(
            self,
            self._computed_with(slot),
            carrying(self, slot.state),
            x,
            _several(mask),
            seed,
            training=bool(training),
            options=tuple(options.items()),
        )
        if training or self.stateful or self.in_keras_style:
            (borrowed or self).store(slot.params, state)
        keep(self, state)
        object.__setattr__(self, "_losses", [] if penalty is None else [penalty])
        return first_row(y) if one else note_mask(y, steps)

    def _drawn(self) -> Scalar:
        """A seed for a call: the next of the layer's own stream, if it has one."""
        word = config.new_word()
        own = getattr(self, "seed", None)
        if not isinstance(own, int) or isinstance(word, jax.Array):  # of a program
            return word
        count = self.__dict__.get("_count", 0)
        object.__setattr__(self, "_count", count + 1)
        return np.uint32(count)

    def taken(self, *inputs: Any, **named: Any) -> tuple[Tree, Config]:
        """The x of a call, several inputs as a tuple, and its static options."""
        if "inputs" in named:  # as Keras calls the first argument
            inputs = (named.pop("inputs"), *inputs)
        x, options = self.gather(*inputs, **named)
        return _several(x), options

    def takes_one(self, x: Tree) -> bool:
        """Whether this is one row without a batch, as its shape says to the layer."""
        del x
        return False

    def as_inputs(self, x: Tree) -> Tree:
        """All that a call was given, as numbers for the layer."""
        return jax.tree.map(self.as_input, x)

    def as_input(self, x: Any) -> Any:  # an array, or what stands for text
        """Numbers for the layer: in the library's float type, or whole ones as such.

        Text stays text, which the layers inside this one may ask about.
        """
        if isinstance(x, Text):
            return x
        x = x if isinstance(x, jax.Array) else np.asarray(x)
        whole = not jnp.issubdtype(x.dtype, jnp.inexact)
        cast = x.dtype == np.float64 or (whole and not self.integers)
        return x.astype(config.floatx()) if cast else x

    def _fit(self, input_shape: Shapes, options: Config | None = None) -> Shapes:
        """The output's shape; the layer has its weights afterwards."""
        if not self.ready:
            self.build(input_shape)
        return self.call_shape(input_shape, **(options or {}))

    def _record(self, x: Tree, mask: Mask, options: Config) -> Tree:
        """A call of a graph: what stands for the output."""
        for value in jax.tree.leaves((x, mask)):
            if not isinstance(value, Tensor):
                raise mistyped(
                    where(self),
                    f"an array among the values of a graph ({type(value)})",
                    "values of the graph alone",
                    "write x + array for a sum, or "
                    "Lambda(lambda x: jnp.concatenate([x, array], axis=-1))(x)",
                )
        shapes = jax.tree.map(lambda a: a.shape, x)
        try:
            output_shape = self._fit(shapes, options)
        except ValueError as error:
            way = " → ".join([*way_to(jax.tree.leaves(x)[0]), str(self.name)])
            raise ValueError(f"{error} The path: {way}.") from None
        call = Call(self, x, mask, tuple(options.items()), output_shape)
        object.__setattr__(self, "_calls", (*self._calls, call))
        return call.outputs

    @property
    def output(self) -> Tree:
        """What stands for the output in a graph: that of the layer's first call."""
        return self._first_call().outputs

    @property
    def input(self) -> Tree:
        """What stands for the input in a graph: that of the layer's first call."""
        return self._first_call().sources

    def _first_call(self) -> Call:
        if not self._calls:
            raise unready(
                where(self),
                "a request for its place in a graph",
                "a layer that was called on an Input",
                "keep what the call returns: y = layer(x)",
            )
        return self._calls[0]

    def store(self, params: Params, state: State) -> None:
        """Puts weights into the slot, in its own order."""
        self.slot.store(params, state)


def _several(x: Tree) -> Tree:
    """Several inputs as a tuple; nested lists of numbers as one array, not several."""
    if isinstance(x, Variable):
        return x.value
    if isinstance(x, list):
        if not any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(x)):
            return np.asarray(x)
        x = tuple(x)
    if isinstance(x, Variable):
        return x.value
    return tuple(_several(v) for v in x) if isinstance(x, tuple) else x


def as_rows(x: Tree) -> Tree:
    """One row as a batch of one."""
    return jax.tree.map(lambda a: jnp.expand_dims(a, 0), x)


def first_row(y: Tree) -> Tree:
    """The only row of a batch."""
    return jax.tree.map(lambda a: a[0], y)


def traced_output_shape(layer: Layer, input_shape: Shapes) -> Shapes:
    """The output shape by abstract evaluation: nothing is computed.

    Each open size is traced as two different numbers, one after the other; an output
    size that follows the number is open too.
    """

    def forward(x: Tree) -> Tree:
        params, state = layer.fresh(np.random.default_rng(0), input_shape)
        key = jax.random.key(0) if layer.random else None
        return layer.apply(params, state, x, training=False, key=key)[0]

    return shapes_of(forward, input_shape)


def where(layer: Layer) -> str:
    """How an error names a layer: `Dense 'hidden'`."""
    kind = layer._class_name
    return kind if layer.name is None else f"{kind} {layer.name!r}"  # no names inside
