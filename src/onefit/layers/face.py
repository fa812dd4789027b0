"""The face of layers: what people ask of an object, over the slot of its weights.

The names in a slot are the whole mechanism. `layer.kernel` is a view of the weight of
that name; `layer.query_dense.kernel` one of `query_dense/kernel`; and an inner layer
whose weights are in the slot of the layer around it (`rnn.cell`) finds them there.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit import config
from onefit.config import DTypePolicy
from onefit.errors import invalid, mistyped
from onefit.layers.passing import current
from onefit.layers.symbolic import Call, Tensor
from onefit.metrics.base import Metric
from onefit.slots import Slot, is_held
from onefit.spellings import lacking
from onefit.types import Array, Mask, Params, Shape, Shapes, State, Tree, is_shape
from onefit.variables import READERS, Variable

__all__ = [
    "Face",
    "Gathered",
    "Part",
    "Weight",
    "Weights",
    "as_shape",
    "dtype_name",
    "flattened",
    "floats",
    "in_full",
    "kept_in_type",
]


class Weights:
    """The slot of a layer: its weights, in Keras' order, and the shape they are for."""

    def __init__(self, params: Params, state: State, input_shape: Shapes) -> None:
        self.params, self.state, self.input_shape = params, state, input_shape

    def copy(self) -> "Weights":
        """The same arrays in another slot."""
        return Weights(self.params, self.state, self.input_shape)

    def store(self, params: Params, state: State) -> None:
        """Puts weights into the slot, in its own order."""
        self.params = {name: params[name] for name in self.params}
        self.state = {name: state[name] for name in self.state}


class Borrowed(Weights):
    """The slot of an inner layer, whose weights the layer around it has."""

    def __init__(self, named: dict[str, Variable]) -> None:
        self.named = named
        values = {key: weight.value for key, weight in named.items()}
        weights = {k: w for k, w in named.items() if isinstance(w, Weight)}
        state = {key for key, w in weights.items() if w.key in w.states()}
        super().__init__(
            {key: v for key, v in values.items() if key not in state},
            {key: v for key, v in values.items() if key in state},
            None,
        )

    def store(self, params: Params, state: State) -> None:
        """Gives the weights to the layer around it."""
        for key, value in (params | state).items():
            self.named[key].assign(value)


class Gathered(Weights):
    """The slot of what is made of layers: the weights lie in the layers' own slots."""

    def __init__(
        self, layer: "Face", params: Tree, state: Tree, input_shape: Shapes
    ) -> None:
        super().__init__(params, state, input_shape)
        self.layer = layer

    def store(self, params: Tree, state: Tree) -> None:
        """Gives the weights to the layers."""
        self.layer.store(params, state)


class Weight(Variable):
    """A variable that is one array of a layer's slot: `layer.kernel`."""

    def __init__(self, layer: "Face", key: str) -> None:
        self.layer, self.key = layer, key
        self.name = key.rpartition("/")[2]

    def states(self) -> State:
        """What of its layer's slot is no trainable weight."""
        return self.layer.slot.state

    def _read(self) -> Array:
        slot = self.layer.slot
        return (slot.state if self.key in slot.state else slot.params)[self.key]

    def _write(self, value: Array) -> None:
        slot = self.layer.slot
        if self.key in slot.state:
            slot.state = slot.state | {self.key: value}
        else:
            slot.params = slot.params | {self.key: value}

    def _is_held(self) -> bool:
        return all(map(is_held, self.layer.holders()))

    @property
    def path(self) -> str:
        """The names of the layer and of the weight: "dense/kernel"."""
        return f"{self.layer.name}/{self.key}"

    @property
    def trainable(self) -> bool:
        """Whether training changes it."""
        return self.key in self.layer.free(self.layer.slot.params)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if value != self.trainable:
            raise invalid(
                f"Variable {self.path!r}",
                f"trainable={value}",
                "a layer that is trained or frozen as a whole",
                f"write layer.trainable = {value}",
            )

    @property
    def regularizer(  # pyright: ignore[reportIncompatibleVariableOverride] - its layer's
        self,
    ) -> Callable[[Array], Array] | None:
        """The penalty on it, if there is one."""
        return self.layer.rule("regularizer", self.key)

    @property
    def constraint(  # pyright: ignore[reportIncompatibleVariableOverride] - its layer's
        self,
    ) -> Callable[[Array], Array] | None:
        """What it is put through after a step, if anything."""
        return self.layer.rule("constraint", self.key)


class Holder:
    """What has weights by name: a layer, or a part of one."""

    def by_name(self) -> dict[str, Variable]:
        """The weights by their names here, in Keras' order."""
        raise NotImplementedError

    @property
    def weights(self) -> list[Variable]:
        """The weights: the trainable ones, then the others."""
        return [w for w in self.by_name().values() if not w.is_seed]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return [w for w in self.weights if w.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not change by gradients."""
        return [w for w in self.weights if not w.trainable]

    def get_weights(self) -> list[np.ndarray]:
        """The weights as numpy arrays, copied: `W, b = layer.get_weights()`."""
        return [w.numpy() for w in self.weights]

    def count_params(self) -> int:
        """How many numbers there are in the weights."""
        return sum(w.size for w in self.weights)

    def __getattr__(self, name: str) -> Any:  # a Variable, or a Part
        if not name.startswith("_"):
            named = self.by_name()
            if name in named:
                return named[name]
            if any(key.startswith(f"{name}/") for key in named):
                return Part(self, name)
        if hasattr(type(self), name):  # a property that says what is not there yet
            return object.__getattribute__(self, name)
        raise lacking(self, name)


class Part(Holder):
    """The weights of a layer whose names begin alike: `layer.query_dense`.

    >>> layer = onefit.layers.MultiHeadAttention(num_heads=2, key_dim=3)
    >>> _ = layer(np.ones((1, 4, 5)), np.ones((1, 4, 5)))
    >>> layer.query_dense.kernel.shape
    (5, 2, 3)
    """

    def __init__(self, whole: Holder, name: str) -> None:
        self._whole, self.name = whole, name

    def by_name(self) -> dict[str, Variable]:  # noqa: D102
        start = f"{self.name}/"
        return {
            key.removeprefix(start): weight
            for key, weight in self._whole.by_name().items()
            if key.startswith(start)
        }


class Face(Holder):
    """What people ask of a layer beside its output: weights, types, shapes, losses."""

    # What Keras' layers have, and these where a subclass says so.
    activity_regularizer = input_spec = None
    autocast = supports_jit = True

    _weights = Slot()
    _losses: ClassVar[list[Array]] = []  # of the last call
    _wholes: ClassVar[tuple[tuple["Face", str], ...]] = ()  # the layers around it

    # Weights ------------------------------------------------------------------------

    def by_name(self) -> dict[str, Variable]:  # noqa: D102
        slot = self._weights
        if slot is None:
            return self._in_whole()
        views = self.__dict__.setdefault("_views", {})
        names = [*slot.params, *slot.state]
        views |= {name: Weight(self, name) for name in names if name not in views}
        return {name: views[name] for name in names}

    def _in_whole(self) -> dict[str, Variable]:
        """The weights that a layer around this one has for it."""
        wholes = [w for w in self._wholes if w[0].parts().get(w[1]) is self]
        found = [named for w in wholes if (named := Part(*w).by_name())]
        if len(found) > 1:
            raise invalid(
                f"{type(self).__name__} {self.name!r}",
                f"a question about the weights of a part of {len(found)} layers",
                "a part of one, as each has weights of its own for it",
                "ask the layer around it for its weights",
            )
        return found[0] if found else {}

    def _borrowed(self) -> Borrowed | None:
        """What takes the place of a slot in an inner layer."""
        named = {} if self.built else self._in_whole()
        return Borrowed(named) if named else None

    def __getattr__(self, name: str) -> Any:  # a Variable, or a Part
        try:
            return super().__getattr__(name)
        except AttributeError as error:
            if name.startswith("_") or not self._may_have(name):
                raise
            if self.built:
                return None  # as in Keras: a Dense with use_bias=False has no bias
            raise AttributeError(
                f"{type(self).__name__} {self.name!r} has no {name} yet: weights are "
                "made when the layer sees the shape of its input. Call it once, "
                "layer(x), or write layer.build((None, 4))."
            ) from error

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            if (weight := self.by_name().get(name)) is not None:
                weight.assign(value)
                return
            if not self.built and self._may_have(name):
                getattr(self, name)  # says what to do first
        super().__setattr__(name, value)

    def _may_have(self, name: str) -> bool:
        """Whether a setting says how a weight of this name starts."""
        names = {name, name.removesuffix("_kernel"), name.removesuffix("s")}
        return any(hasattr(type(self), f"{n}_initializer") for n in names)

    def _computed_with(self, slot: Weights) -> Params:
        """The weights that a call computes with: those of the slot, read one by one.

        Only a tape can tell the difference; what is borrowed has been read already.
        """
        if not READERS.get() or isinstance(slot, Borrowed):
            return slot.params
        return self.filled(lambda weight: weight.value)[0]

    def filled(self, value: Callable[[Variable], Tree]) -> tuple[Tree, Tree]:
        """Params and state with an array of each weight's, as the slot has them."""
        named, slot = self.by_name(), self.slot
        return (
            {name: value(named[name]) for name in slot.params},
            {name: value(named[name]) for name in slot.state},
        )

    def each_weight(
        self, params: Tree, state: Tree
    ) -> Iterator[tuple[Variable, Array]]:
        """Each weight with its array in these params and this state."""
        named = self.by_name()
        for name, array in {**params, **state}.items():
            yield named[name], array

    def rule(self, kind: str, key: str) -> Callable[[Array], Array] | None:
        """The `kind` ("regularizer", "constraint") of a weight: `kernel_constraint`.

        That of a recurrent_kernel is in the setting recurrent_regularizer.
        """
        names = key, key.removesuffix("_kernel")
        found = (getattr(self, f"{name}_{kind}", None) for name in names)
        return next((rule for rule in found if rule is not None), None)

    def _made_weights(self) -> dict[str, Variable]:
        """The weights by name; the slot refuses before they are made."""
        named = self.by_name()
        return named if named or self.slot else {}

    def set_weights(self, weights: Sequence[Tree]) -> None:
        """Replaces the weights: `layer.set_weights([W, b])`.

        Raises:
            ValueError: A wrong number of arrays, or a wrong shape (which weight).
        """
        named = self._made_weights()
        where = f"{type(self).__name__} {self.name!r}.set_weights"
        if len(weights) < len(named):  # those of get_weights, without seeds
            named = {name: w for name, w in named.items() if not w.is_seed}
        if len(weights) != len(named):
            raise invalid(
                where,
                f"{len(weights)} arrays",
                f"{len(named)} ({', '.join(named) or 'it has no weights'})",
                "see layer.get_weights() for their order and shapes",
            )
        pairs = []
        for (name, old), value in zip(named.items(), weights, strict=True):
            value = np.asarray(value, dtype=old.dtype)
            if value.shape != old.shape:
                raise invalid(
                    where,
                    f"{name} of shape {value.shape}",
                    f"shape {old.shape}",
                    f"reshape {name}, or build the layer for another input",
                )
            pairs.append((old, value))
        for old, value in pairs:
            old.assign(np.array(value))

    def count_params(self) -> int:
        """How many numbers there are in the weights."""
        return sum(w.size for w in self._made_weights().values() if not w.is_seed)

    @property
    def variables(self) -> list[Variable]:
        """The weights, and the state of the random numbers that a layer draws."""
        own = [w for w in self.by_name().values() if w.is_seed]
        return [*self.weights, *own, *self._seeds()]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes by gradients."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that it does not."""
        return [v for v in self.variables if not v.trainable]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics in its attributes, and in those of layers inside."""
        return [metric for _, metric in self.metered()]

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of the layer's own metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Writes the layer's own variables to a dict or a group, by their numbers.

        Those of layers inside it are written by them. A class with a `call` may write
        its own `save_own_variables` and `load_own_variables`, which files honour.
        """
        for number, variable in enumerate(self.own_variables()):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Takes the arrays that `save_own_variables` has written.

        Raises:
            ValueError: Another number of them, or another shape.
        """
        own = self.own_variables()
        if len(store) != len(own):
            raise invalid(
                f"{type(self).__name__} {self.name!r}.load_own_variables",
                f"{len(store)} arrays",
                f"{len(own)}, one for each of its own variables",
            )
        for number, variable in enumerate(own):
            variable.assign(np.asarray(store[str(number)]))

    @property
    def unkept(self) -> frozenset[str]:
        """The names of weights that files do not hold."""
        return frozenset()

    def weights_in_files(self) -> dict[str, Array]:
        """The weights as files and other libraries have them, by name."""
        named = {**self.slot.params, **self.slot.state}
        return {name: w for name, w in named.items() if name not in self.unkept}

    def regained(self, kept: dict[str, Array]) -> dict[str, Array]:
        """All weights, of those that a file has."""
        return kept

    def own_variables(self) -> list[Variable]:
        """The variables, without those of layers inside."""
        return list(self.by_name().values())

    # Keras' own names, which extensions of Keras and its test cases ask for.

    def _flatten_layers(
        self, include_self: bool = True, recursive: bool = True
    ) -> list["Face"]:
        """It itself, and the layers inside it, each once."""
        return flattened(self, self._layers_inside(), include_self, recursive)

    def _layers_inside(self) -> list["Face"]:
        """The layers that keep their own weights inside this one."""
        return []

    @property
    def _seed_generators(self) -> list[Variable]:
        return self._seeds()

    def _seeds(self) -> list[Variable]:
        """What `stateless_call` draws random numbers from."""
        if not self.random:
            return []
        if "_seed" not in self.__dict__:
            seed = Variable(
                config.seed_state(), trainable=False, name="seed_generator_state"
            )
            object.__setattr__(self, "_seed", seed)
        return [self._seed]

    # Without side effects -----------------------------------------------------------

    def stateless_call(
        self,
        trainable_variables: Sequence[Tree],
        non_trainable_variables: Sequence[Tree],
        *inputs: Any,
        return_losses: bool = False,
        training: bool | None = None,
        mask: Mask = None,
        **named: Any,
    ) -> tuple[Tree, ...]:
        """The output for these values of the variables: a pure function.

        Args:
            trainable_variables, non_trainable_variables: A value for each of the
                layer's, in their order.
            *inputs, training, mask, **named: As in a call.
            return_losses: Whether to give the losses, too.

        Returns:
            (outputs, new values of the non-trainable variables), and the losses.

        Raises:
            ValueError: A layer that is not built, another number of values.

        Example:
            >>> layer = onefit.layers.Dense(1)
            >>> _ = layer.build((None, 2))
            >>> y, rest = layer.stateless_call([np.ones((2, 1)), [3.0]], [],
            ...                                np.ones((1, 2)))
            >>> y, rest
            (Array([[5.]], dtype=float32), [])

        Source: Keras, `keras.Layer.stateless_call`.
        """
        values: dict[int, Array] = {}
        for kind, given in (
            ("trainable_variables", trainable_variables),
            ("non_trainable_variables", non_trainable_variables),
        ):
            own = getattr(self, kind)
            if len(own) != len(given):
                raise invalid(
                    f"{type(self).__name__} {self.name!r}.stateless_call",
                    f"{len(given)} {kind}",
                    f"{len(own)}, one for each in layer.{kind}",
                )
            pairs = zip(own, given, strict=True)
            values |= {id(v): _as_given(v, value) for v, value in pairs}
        params, state = {}, {}
        if not self.weightless:
            params, state = self.filled(lambda weight: values[id(weight)])
        seeds = self._seeds()
        bits = jnp.asarray(values[id(seeds[0])]) if seeds else None
        key = None if bits is None else jax.random.wrap_key_data(bits)
        x, options = self.taken(*inputs, **named)
        training = bool(self.trains_alone if training is None else training)
        outcome = self.forward(
            params,
            state,
            self.as_inputs(x),
            training=training,
            key=key,
            mask=mask,
            **options,
        )
        pairs = () if self.weightless else self.each_weight(params, outcome.state)
        after = {id(weight): array for weight, array in pairs}
        for i, seed in enumerate(seeds):
            assert key is not None  # it is of the first seed
            new = jax.random.key_data(jax.random.fold_in(key, i))
            after[id(seed)] = new if training else values[id(seed)]
        changed = [after[id(v)] for v in self.non_trainable_variables]
        if not return_losses:
            return outcome.output, changed
        pairs = [(w.regularizer, after[id(w)]) for w in self.trainable_weights]
        losses = [rule(value) for rule, value in pairs if rule is not None]
        if not isinstance(outcome.penalty, float):  # there is an activity_regularizer
            losses.insert(0, outcome.penalty)
        return outcome.output, changed, losses

    # Losses -------------------------------------------------------------------------

    @property
    def losses(self) -> list[Array]:
        """What the layer adds to the loss: of the last call, and its regularizers."""
        pairs = [(w.regularizer, w.value) for w in self.trainable_weights]
        penalties = [rule(value) for rule, value in pairs if rule is not None]
        run = current()
        return [*(self._losses if run is None else run.penalties), *penalties]

    def add_loss(self, loss: Tree) -> None:
        """Adds numbers to the loss: in a `call` to that of the program it is in.

        Outside one they are in `losses` until the next call.

        Raises:
            TypeError: What is no number, or one of a program that is no `call`.
        """
        run = current()
        for value in jax.tree.leaves(loss):
            if callable(value):
                raise mistyped(
                    f"{type(self).__name__} {self.name!r}.add_loss",
                    "a function",
                    "a number",
                    "write self.add_loss(value) in call, or kernel_regularizer=... "
                    "for a penalty on weights",
                )
            if isinstance(value, Tensor):
                raise mistyped(
                    f"{type(self).__name__} {self.name!r}.add_loss",
                    "a value of a graph, which has no numbers yet",
                    "what a call computes",
                    "write a layer: class Penalty(onefit.Layer), with def call(self, "
                    "x): self.add_loss(onefit.ops.mean(x)); return x. And call it in "
                    "the graph: x = Penalty()(x)",
                )
            if run is None and isinstance(value, Tracer):
                raise mistyped(
                    f"{type(self).__name__} {self.name!r}.add_loss",
                    "a number of a program",
                    "a number, as apply is a pure function",
                    "write it in call(self, inputs), or set activity_regularizer",
                )
        new = [*map(jax.numpy.asarray, jax.tree.leaves(loss))]
        if run is not None:
            run.penalties += [a.sum() for a in new]
        else:
            object.__setattr__(self, "_losses", [*self._losses, *new])

    # Shapes and types ---------------------------------------------------------------

    def compute_output_shape(self, *shapes: Any, **named: Any) -> Shapes:
        """The output's shape for these shapes of the inputs; nothing is built.

        >>> onefit.layers.Dense(3).compute_output_shape(input_shape=(None, 4))
        (None, 3)
        """
        entries = {name.removesuffix("_shape"): s for name, s in named.items()}
        if "input" in entries:
            shapes = (entries.pop("input"), *shapes)
        specs = self.compute_output_spec(
            *map(_stand_in, shapes), **{n: _stand_in(s) for n, s in entries.items()}
        )
        return jax.tree.map(lambda spec: spec.shape, specs)

    def compute_output_spec(
        self, *inputs: Any, training: bool | None = None, mask: Mask = None, **rest: Any
    ) -> Tree:
        """What stands for the output of a call: its shape and type; nothing is built.

        >>> spec = onefit.layers.Dense(3).compute_output_spec(onefit.Input((4,)))
        >>> spec.shape, spec.dtype
        ((None, 3), 'float32')
        """
        del training
        x, options = self.taken(*inputs, **rest)
        output_shape = self.call_shape(jax.tree.map(_shape_of, x), **options)
        return Call(self, x, mask, tuple(options.items()), output_shape).outputs

    def get_build_config(self) -> dict | None:
        """The input's shape that the layer was built for."""
        return {"input_shape": self.slot.input_shape} if self.ready else None

    def build_from_config(self, config: dict | None) -> None:
        """Makes the weights for what `get_build_config` gave."""
        if config and "input_shape" in config:
            self.build(config["input_shape"])

    @property
    def path(self) -> str | None:
        """The layer's name, once it has its weights."""
        return self.name if self.built else None

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The types of the layer's numbers: its own, or that of the library."""
        return DTypePolicy(self.own_dtype or config.floatx())

    @dtype_policy.setter
    def dtype_policy(self, policy: Any) -> None:  # a policy, or its name
        self.own_dtype = policy

    @property
    def dtype(self) -> str:
        """The type of the weights."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The type of the weights."""
        return self.dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The type that the layer computes in."""
        return self.dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        """The type that inputs are brought to."""
        return self.compute_dtype

    def in_type(self, nest: Tree) -> Tree:
        """Floats in the type that the layer computes in, if it has one of its own."""
        own = self.own_dtype is not None and not config.in_all_digits()
        return floats(nest, self.compute_dtype) if own else nest

    def weights_in_type(self, params: Params) -> Params:
        """The weights that training changes as the layer computes with them."""
        own = self.own_dtype is not None and not config.in_all_digits()
        if not own or self.dtype == self.compute_dtype:
            return params
        return {n: floats(w, self.compute_dtype) for n, w in params.items()}

    @property
    def quantization_mode(self) -> None:
        """None: weights are never quantized."""
        return None

    def quantize(self, mode: object = None, **options: Any) -> None:
        """Refused: weights are numbers of a float type."""
        del options
        raise no_quantizing(f"{type(self).__name__} {self.name!r}", mode)


def flattened(
    one: Any, inside: Sequence[Any], include_self: bool, recursive: bool
) -> list[Any]:
    """A layer or a model and the layers inside it, and inside those, each once."""
    found = [one] if include_self else []
    for layer in inside:
        found += layer._flatten_layers() if recursive else [layer]
    return list({id(layer): layer for layer in found}.values())


def no_quantizing(where: str, mode: object) -> ValueError:
    """The error for `quantize`, of a layer or a model."""
    return invalid(
        f"{where}.quantize",
        f"mode={mode!r}",
        "weights of a float type, as training and files need them",
        "write onefit.interop.onnx.export(model, 'model.onnx'), and quantize the file",
    )


def as_shape(shape: Shapes) -> Shapes:
    """A shape, or a nest of them, in tuples."""
    if isinstance(shape, list | tuple):
        return tuple(as_shape(size) for size in shape)
    return shape


def floats(nest: Tree, dtype: str) -> Tree:
    """A nest with its floats in a type of floats."""
    if dtype == "string" or not jnp.issubdtype(dtype, jnp.floating):
        return nest
    return jax.tree.map(
        lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, nest
    )


def in_full(a: Array) -> Array:
    """Numbers of half the digits in the library's type, others as they are."""
    return a.astype(config.floatx()) if str(a.dtype) in config.HALVES else a


def kept_in_type(new: Tree, old: Tree) -> Tree:
    """What a call keeps for the next one, in the types that it had."""
    if new is old:
        return new
    return jax.tree.map(lambda a, b: jnp.asarray(a, jnp.result_type(b)), new, old)


def dtype_name(value: Any) -> str | None:
    """The name of a type, of what users and Keras' configs write for one."""
    if isinstance(value, dict):  # of a config: that of all layers is no layer's own
        value = value.get("config", value).get("name")
        value = None if value == (config.own_policy() or config.floatx()) else value
    value = getattr(value, "name", value)  # of a policy, or a type of numpy
    return value if value is None or isinstance(value, str) else jnp.dtype(value).name


def _stand_in(shape: Shapes) -> Tree:
    """What stands for inputs of a shape, or a nest of them."""
    return jax.tree.map(
        lambda s: jax.ShapeDtypeStruct(s, "float32"), as_shape(shape), is_leaf=is_shape
    )


def _shape_of(x: Any) -> Shape:
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def _as_given(weight: Variable, value: Tree) -> Array:
    """A value for a weight: an array, or what JAX has put in its place."""
    value = value.value if isinstance(value, Variable) else value
    return value if isinstance(value, jax.Array) else jnp.asarray(value, weight.dtype)
