# ruff: noqa: D102
"""Layers in Keras' style: `__init__`, `build`, `add_weight` and `call` of one's own.

Such a layer is made pure in one place. While its `call` runs, its variables and its
inner layers read and write the arrays of the program that runs it (`slots.holding`),
so that it trains, batches, saves and is checked like any other.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onefit import config, initializers, regularizers
from onefit.constraints import get as get_constraint
from onefit.description import setting
from onefit.errors import invalid
from onefit.initializers import Initializer
from onefit.layers.base import Layer, Outcome, Weights, where
from onefit.layers.face import Gathered, as_shape
from onefit.layers.passing import Pass, current, explaining, making, passing
from onefit.layers.specs import refuse_other
from onefit.members import contents, state_of
from onefit.slots import holding, is_held, put
from onefit.types import (
    Array,
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
    is_shape,
)
from onefit.variables import Variable

__all__ = ["Called"]


_ARRAY = "an array"


class Arrangement(NamedTuple):
    """How the arguments of a call are arranged, around its arrays.

    Attributes:
        nest: The positional and the named arguments, as a tree.
        fixed: The values at its leaves, None where there is an array.
    """

    nest: Any  # a PyTreeDef
    fixed: tuple[Any, ...]

    @property
    def arrays(self) -> int:
        """How many arrays there are."""
        return self.fixed.count(_ARRAY)

    def fill(self, arrays: Iterable[Array]) -> tuple[tuple[Any, ...], Config]:
        """The arguments again, with these arrays."""
        rest = iter(arrays)
        return self.nest.unflatten(
            [next(rest) if v == _ARRAY else v for v in self.fixed]
        )


class Member(NamedTuple):
    """What holds weights of a layer: an inner layer, a variable, or the layer's base.

    Attributes:
        path: How the names of its weights begin in the layer: "dense/".
        holder: The object whose slot has them.
        name: Of a variable.
    """

    path: str
    holder: Layer | Variable
    name: str = ""

    def own(self, weights: Params) -> Any:
        """Its part of the layer's weights: by name, or the variable's array."""
        if isinstance(self.holder, Variable):
            return weights.get(self.path + self.name)
        # What lies deeper is another member's.
        n = len(self.path)
        return {k[n:]: w for k, w in weights.items() if k[:n] == self.path}


def _building(function: Callable[..., Any]) -> Callable[..., Any]:
    """A `build` of a subclass, which says what it was given and completes the layer."""

    @functools.wraps(function)
    def build(self: "Called", *shapes: Any, **named: Any) -> "Called":
        rng = named.pop("rng", None)
        if shapes and isinstance(shapes[-1], Generator):
            *shapes, rng = shapes
        shapes = tuple(map(as_shape, shapes))
        outermost = not self._depth
        if outermost:
            self._rng = rng
        with self._as_base():
            function(self, *shapes, **named)
        if outermost:
            given = shapes or tuple(named.values())
            self._shape = given[0] if given else ()
            if not self._partly and len(given) == 1 and self._needs_one():
                self._complete_for(given[0], {})
            self._rng = None
        return self

    return build


def _drawn(rule: Function, rng: Generator | None, shape: Shape, dtype: str) -> Array:
    """First numbers of a weight, from a stream where the initializer takes one."""
    if isinstance(rule, Initializer) and jnp.issubdtype(dtype, jnp.inexact):
        return rule.draw(rng or config.generator(None), shape)
    taken = inspect.signature(rule).parameters
    return rule(shape, dtype=dtype) if "dtype" in taken else rule(shape)


def _is_variable(value: object) -> bool:
    return isinstance(value, Variable)


def _is_numbers(value: object) -> bool:
    """Whether this is a list of plain numbers, rather than of arrays."""
    nest = isinstance(value, list | tuple)
    return nest and not any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(value))


def _without_batch(
    function: Callable[[Tree], Tree],
    input_shape: Shapes,
    kinds: tuple[Any, ...],
    once: bool = False,
) -> Shapes:
    """The shapes that a function gives, by tracing it; open sizes stay open."""

    def sizes(open_size: int) -> Tree:
        leaves, nest = jax.tree.flatten(input_shape, is_leaf=is_shape)
        known = kinds if len(kinds) == len(leaves) else (None,) * len(leaves)
        x = [
            jax.ShapeDtypeStruct(
                tuple(open_size if n is None else n for n in shape), _number_type(kind)
            )
            for shape, kind in zip(leaves, known, strict=True)
        ]
        return jax.eval_shape(function, nest.unflatten(x))

    one = sizes(97)
    other = one if once else sizes(89)
    return jax.tree.map(
        lambda a, b: tuple(
            n if n == m else None for n, m in zip(a.shape, b.shape, strict=True)
        ),
        one,
        other,
    )


def _number_type(kind: Any) -> jnp.dtype:
    """The type of an input in the program: floats in the library's."""
    if kind is None or jnp.issubdtype(kind, jnp.inexact):
        return jnp.dtype(config.floatx())
    return jnp.dtype(jax.dtypes.canonicalize_dtype(kind))


_NESTS = (list, tuple, dict)
_INTERNAL = Layer._unseen | {"_added", "_frozen", "_shape", "_known_", "_kinds"}


class Called(Layer, abstract=True):
    """A layer that is written as a `call`. Every class with a `call` derives from it.

    A subclass may write `__init__`, `build(input_shape)`, `call(inputs)` (which may
    take `training`, `mask` and more), `compute_output_shape`, `compute_mask` and
    `get_config`, as in Keras. Layers, models and variables in its attributes, also in
    lists and dicts, are part of it. `call` is traced: it computes with `jax.numpy` or
    `onefit.ops`, and its Python lines run when a program is made, not at every step.

    Args:
        activity_regularizer: A penalty on the output.
        autocast: Accepted; inputs come in the layer's float type.

    >>> class Linear(onefit.Layer):
    ...     def __init__(self, units, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.units = units
    ...     def build(self, input_shape):
    ...         self.w = self.add_weight(shape=(input_shape[-1], self.units),
    ...                                  initializer="ones", name="w")
    ...     def call(self, inputs):
    ...         return inputs @ self.w
    >>> layer = Linear(2)
    >>> layer(np.ones((1, 3)))
    Array([[3., 3.]], dtype=float32)
    >>> layer.weights[0].path
    'linear/w'

    Differs from Keras: numbers among the attributes are part of the program; when they
    change, the next call makes another one.

    Source: Keras, "Making new layers and models via subclassing".
    """

    in_keras_style = True
    integers = True

    activity_regularizer: Any = setting(
        default=None, convert=regularizers.get, kw_only=True
    )
    autocast: bool = setting(default=True, kw_only=True)

    _shape: ClassVar[Shapes | None] = None  # of the inputs it was built for
    _complete: ClassVar[bool] = False  # whether its inner layers have their weights
    _depth: ClassVar[int] = 0  # of builds that call super().build
    _rng: ClassVar[Generator | None] = None
    _added: ClassVar[tuple[Variable, ...]] = ()
    _frozen: ClassVar[tuple[Variable, ...]] = ()  # by trainable = False
    _draws: ClassVar[frozenset[bool]] = frozenset()  # in which modes it is random
    _bare: ClassVar[bool] = True  # whether no class of the library is its base
    _partly: ClassVar[bool] = False  # whether a build is to leave inner layers alone
    _kinds: ClassVar[tuple[Any, ...]] = ()  # the types of the last inputs
    _unseen = Layer._unseen | {
        *("_shape", "_complete", "_depth", "_rng", "_draws", "_known_", "_kinds"),
        "_partly",
    }

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(abstract, **kwargs)
        cls.in_keras_style = True
        own = (base for base in cls.__mro__ if not issubclass(base, Called))
        cls._bare = next(base for base in own if issubclass(base, Layer)) is Layer
        if "build" in vars(cls):
            cls.build = _building(cls.build)

    def _contents(self) -> Iterator[tuple[str, Any]]:
        """What its attributes hold."""
        return contents(self, _INTERNAL)

    @property
    def _function(self) -> Callable[..., Tree]:
        """What computes its output."""
        return self.call

    # What it is made of ---------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "trainable" and "_made" in self.__dict__:
            thawed = self._frozen if value else ()
            own = [v for _, v in self._own_variables() if v.trainable or v in thawed]
            self._frozen = () if value else tuple(own)
            for part in (*own, *(layer for _, layer in self._inner())):
                part.trainable = value
        object.__setattr__(self, name, value)
        self.__dict__.pop("_known_", None)

    @property
    def _known(self) -> dict[Any, Shapes]:
        """The output's shapes that were found, until an attribute changes."""
        return self.__dict__.setdefault("_known_", {})

    def _needs_one(self) -> bool:
        """Whether `call` can be called with one input."""
        try:
            inspect.signature(self._function).bind(None)
        except TypeError:
            return False
        return True

    def add_weight(
        self,
        shape: Shape | int | str | None = None,
        initializer: Any = None,  # whatever initializers.get takes
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str | None = None,
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """A new weight of the layer, which training changes if it is trainable.

        Args:
            shape: Its shape, () by default.
            initializer: How it starts; by default 'glorot_uniform', and zeros for
                whole numbers.
            dtype: The type of its numbers, the layer's by default.
            trainable: Whether training changes it by gradients.
            autocast, aggregation, overwrite_with_gradient: Accepted.
            regularizer: A penalty on it, part of the loss.
            constraint: What it is put through after a step.
            name: Its name.

        Returns:
            A Variable: `self.w = self.add_weight(...)`.
        """
        del autocast, aggregation, overwrite_with_gradient
        if isinstance(shape, str):  # as Keras 2 has it: the name first
            shape, name, initializer = initializer or (), shape, None
        shape = () if shape is None else shape
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        dtype = dtype or self.dtype
        whole = not jnp.issubdtype(jnp.dtype(dtype), jnp.inexact)
        rule = initializers.get(initializer or ("zeros" if whole else "glorot_uniform"))
        if any(size is None for size in shape):
            raise invalid(
                f"{where(self)}.add_weight",
                f"shape={shape}",
                "sizes that are all known",
                "take the size of the last axis: input_shape[-1]",
            )
        with making():
            value = _drawn(rule, self._rng, shape, dtype)
            variable = Variable(value, dtype=dtype, trainable=trainable, name=name)
        variable.initializer = rule
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = get_constraint(constraint)
        self._added = (*self._added, variable)
        if trainable and not self.trainable:
            variable.trainable, self._frozen = False, (*self._frozen, variable)
        return variable

    def add_variable(self, *args: Any, **kwargs: Any) -> Variable:
        """As `add_weight`."""
        return self.add_weight(*args, **kwargs)

    def _own_variables(self) -> list[tuple[str, Variable]]:
        """The layer's own variables with their names, the trainable ones first."""
        found = [(v.name, v) for v in self._added]
        known = {id(v) for v in self._added}
        for name, value in self._contents():
            variable = state_of(value)
            if variable is not None and id(variable) not in known:
                known.add(id(variable))
                found.append((name, variable))
            elif variable is not None:
                found = [
                    (name if v is variable and n == "variable" else n, v)
                    for n, v in found
                ]
        named: dict[str, Variable] = {}
        for name, variable in sorted(found, key=lambda pair: not pair[1].trainable):
            free, number = name, 0
            while free in named:
                number += 1
                free = f"{name}_{number}"
            named[free] = variable
        return list(named.items())

    def _inner(self) -> list[tuple[str, Layer]]:
        """The layers in its attributes, with the names that lead to them."""
        found: dict[int, tuple[str, Layer]] = {}
        for name, value in self._contents():
            layer = getattr(value, "as_layer", value)
            if isinstance(layer, Layer) and layer is not self:
                found.setdefault(id(layer), (name, layer))
        return list(found.values())

    def _members(self, path: str = "", met: set[int] | None = None) -> Iterator[Member]:
        """What holds its weights: each once, in Keras' order."""
        met = set() if met is None else met
        if id(self) in met:
            return
        met.add(id(self))
        if self._weights is not None:
            yield Member(path, self)
        for name, variable in self._own_variables():
            if id(variable) not in met:
                met.add(id(variable))
                yield Member(path, variable, name)
        for name, layer in self._inner():
            plain = getattr(layer, "plain_layers", lambda one=layer: [one])()
            for i, one in enumerate(plain):
                inside = f"{path}{name}/" + (f"{i}/" if one is not layer else "")
                if isinstance(one, Called):
                    yield from one._members(inside, met)
                elif id(one) not in met:
                    met.add(id(one))
                    yield Member(inside, one)

    def _settled(self) -> list[Member]:
        """The members that have their weights."""
        return [
            m
            for m in self._members()
            if isinstance(m.holder, Variable) or m.holder._weights is not None
        ]

    # The pure functions ---------------------------------------------------------------

    @property
    def slot(self) -> Weights:
        """The weights, gathered from what holds them."""
        if self._depth and self._weights is not None:
            return self._weights
        if not self.built:
            return super().slot  # which says what to do
        return self.inner_slot()

    def inner_slot(self) -> Weights:
        params, state = {}, {}
        for path, holder, name in self._settled():
            if isinstance(holder, Variable):
                (params if holder.trainable else state)[path + name] = holder.value
            else:
                own = holder._weights
                params |= {path + n: w for n, w in own.params.items()}
                state |= {path + n: w for n, w in own.state.items()}
        return Gathered(self, params, state, self._shape)

    def store(self, params: Params, state: State) -> None:
        every = params | state
        for member in self._settled():
            own = member.own(every)
            if isinstance(member.holder, Variable):
                member.holder._write(own)
            else:
                slot = member.holder._weights
                slot.store(
                    *({n: own[n] for n in part} for part in (slot.params, slot.state))
                )

    def holders(self) -> list[object]:
        return [m.holder for m in self._settled()]

    def hold(self) -> None:
        for member in self._settled():
            holder = member.holder
            if not is_held(holder):
                value = (
                    holder._value
                    if isinstance(holder, Variable)
                    else holder._weights.copy()
                )
                put(holder, value)

    def pairs(self, params: Params, state: State) -> list[tuple[object, Any]]:
        found = []
        for member in self._settled():
            if isinstance(member.holder, Variable):
                found.append((member.holder, member.own(params | state)))
            else:
                own = member.holder._weights.copy()
                own.store(member.own(params), member.own(state))
                found.append((member.holder, own))
        return found

    @contextlib.contextmanager
    def _as_base(self) -> Iterator[None]:
        """Inside, the layer is what the class of the library makes of it."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        if self._depth:
            return super().init(rng, input_shape)
        self._fit(input_shape)
        slot = self.inner_slot()
        return slot.params, slot.state

    def apply(self, params, state, x, *, training=False, key=None, **options):
        if self._depth:
            return super().apply(
                params, state, x, training=training, key=key, **options
            )
        return self.forward(params, state, x, training=training, key=key, **options)[:2]

    def fresh(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        if self._depth:
            return super().fresh(rng, input_shape)
        params, state = {}, {}
        for (path, holder, name), stream in self._with_streams(rng):
            if isinstance(holder, Variable):
                known = holder.initializer
                value = holder.value
                if known is not None:
                    value = jnp.asarray(
                        _drawn(known, stream, holder.shape, holder.dtype), holder.dtype
                    )
                (params if holder.trainable else state)[path + name] = value
                continue
            slot = holder._weights
            own = slot.params, slot.state
            if holder is self:
                own = super().fresh(stream, slot.input_shape)
            elif holder.trainable and not hasattr(holder, "adapt"):
                own = holder.fresh(stream, slot.input_shape)
            params |= {path + n: w for n, w in own[0].items()}
            state |= {path + n: w for n, w in own[1].items()}
        return params, state

    def _with_streams(self, rng: Generator) -> Iterable[tuple[Member, Generator]]:
        members = self._settled()
        return zip(members, rng.spawn(len(members)), strict=True)

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
        arrangement: Arrangement | None = None,
    ) -> Outcome:
        """The output of `call` for these weights: a pure function."""
        del use_mask
        run = Pass(where(self), training, building=not self._complete)
        keys = contextlib.nullcontext() if key is None else config.drawing(key)
        with holding(self.pairs(params, state)), passing(run), keys as drawn:
            y, steps = self._called(run, x, mask, arrangement)
            after = self.inner_slot().state
        if run.building:
            self._draws |= {training} if drawn else set()
            self._refuse_strangers(run)
        penalty = sum(run.penalties, start=0.0)
        if self.activity_regularizer is not None:
            for a in jax.tree.leaves(y):
                penalty += self.activity_regularizer(a) / max(a.shape[0], 1)
        return Outcome(self.in_type(y), {n: after[n] for n in state}, penalty, steps)

    def _refuse_strangers(self, run: Pass) -> None:
        """Refuses layers with weights that `call` makes, or that others have."""
        mine = {id(holder) for holder in self.holders()}
        for layer in run.calls:
            if any(id(holder) not in mine for holder in layer.holders()):
                raise run.stranger(layer)

    def _called(
        self, run: Pass, x: Tree, mask: Mask, arrangement: Arrangement | None
    ) -> tuple[Tree, Mask]:
        """What `call` gives, and which steps of it there are."""
        run.note(x, mask)
        x = self.in_type(x)
        args, named = (
            ((x,), {})
            if arrangement is None
            else arrangement.fill(x if isinstance(x, tuple) else (x,))
        )
        takes = inspect.signature(self._function).parameters
        if "training" in takes:
            named.setdefault("training", run.training)
        if "mask" in takes:
            named.setdefault("mask", run.mask(args[0]) if args else mask)
        with explaining(where(self)):
            y = self._function(*args, **named)
        if y is None:
            raise invalid(
                where(self),
                "a call that returns None",
                "the output",
                "end call with `return outputs`",
            )
        y = jax.tree.map(jnp.asarray, y)
        if type(self).compute_mask is not Layer.compute_mask or self.supports_masking:
            return y, self.compute_mask(args[0] if args else x, mask)
        return y, run.mask(y)

    def call(
        self,
        *inputs: Any,
        training: bool | None = None,
        mask: Mask = None,
        **options: Any,
    ) -> Tree:
        """The output. Here: what the class of the library computes, for `super().call`.

        Args:
            *inputs: The inputs.
            training: Whether the layer trains.
            mask: Which steps of the inputs there are.
            **options: What a call of that class takes beside.
        """
        if self._bare:
            raise invalid(
                where(self),
                "a class without a call method",
                "one that says what it computes",
                "write def call(self, inputs): return ...",
            )
        run = current()
        if run is None:
            return self(*inputs, training=training, mask=mask, **options)
        x, options = super().gather(*inputs, **options)
        x = jax.tree.map(super().as_input, x)
        training = run.training if training is None else bool(training)
        if self._weights is None:
            put(self, Weights({}, {}, None))
        slot = self._weights
        with self._as_base():
            outcome = super().forward(
                slot.params,
                slot.state,
                x,
                training=training,
                key=config.new_key() if training and super().random else None,
                mask=run.mask(x) if mask is None else mask,
                **options,
            )
        slot.store(slot.params, outcome.state)
        run.note(outcome.output, outcome.mask)
        return outcome.output

    def penalty(self, params: Params) -> Scalar:
        total: Scalar = 0.0
        for member in self._settled():
            holder, own = member.holder, member.own(params)
            if holder is self:
                total += super().penalty(own)
            elif isinstance(holder, Layer):
                total += holder.penalty(own)
            elif holder.regularizer is not None and own is not None:
                total += holder.regularizer(own)
        return total

    def constrain(self, params: Params) -> Params:
        new = dict(params)
        for member in self._settled():
            path, holder, name = member
            own = member.own(params)
            if isinstance(holder, Layer):
                rule = super().constrain if holder is self else holder.constrain
                new |= {path + n: w for n, w in rule(own).items()}
            elif holder.constraint is not None and own is not None:
                new[path + name] = holder.constraint(own)
        return new

    def free(self, params: Params) -> Params:
        new = {}
        for member in self._settled():
            path, holder, name = member
            own = member.own(params)
            if isinstance(holder, Layer):
                free = super().free(own) if holder is self else holder.free(own)
                new |= {path + n: w for n, w in free.items()}
            elif own is not None:
                new[path + name] = own
        return new

    # Shapes and building --------------------------------------------------------------

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether `call` draws random numbers while training."""
        return True in self._draws

    @property
    def always_random(self) -> bool:
        """Whether it draws some also when it does not train."""
        return False in self._draws

    @property
    def weightless(self) -> bool:
        return False

    @property
    def built(self) -> bool:
        """Whether `build` has run; False makes the layer forget its weights."""
        return self._shape is not None

    @built.setter
    def built(self, value: bool) -> None:
        if not value:
            self._shape = self._weights = None
            self._added, self._complete = (), False

    def gather(self, *inputs: Any, **options: Any) -> tuple[Tree, Config]:
        if len(inputs) == 1 and not options and not isinstance(inputs[0], _NESTS):
            self._kinds = (getattr(inputs[0], "dtype", None),)
            return inputs[0], {}
        if inputs and _is_numbers(inputs[0]):
            inputs = (np.asarray(inputs[0]), *inputs[1:])
        leaves, nest = jax.tree.flatten((inputs, options), is_leaf=_is_variable)
        arrays = [leaf for leaf in leaves if hasattr(leaf, "shape")]
        fixed = [_ARRAY if hasattr(leaf, "shape") else leaf for leaf in leaves]
        self._kinds = tuple(getattr(a, "dtype", None) for a in arrays)
        x = tuple(arrays) if len(arrays) != 1 else arrays[0]
        return x, {"arrangement": Arrangement(nest, tuple(fixed))}

    def output_shape(self, input_shape: Shapes) -> Shapes:
        return self.call_shape(input_shape)

    def call_shape(self, input_shape: Shapes, **options: Any) -> Shapes:
        if self._depth:  # in the build of the class of the library
            return super().output_shape(input_shape)
        return self._fit(input_shape, options)

    def _fit(self, input_shape: Shapes, options: Config | None = None) -> Shapes:
        if (spec := getattr(self, "input_spec", None)) is not None:
            refuse_other(where(self), spec, input_shape)
        options = options or {}
        if not self._complete:
            self._complete_for(input_shape, options)
        key = input_shape, options.get("arrangement"), self._kinds
        if key not in self._known:
            self._known[key] = _without_batch(
                lambda x: self._abstract(x, False, options), input_shape, self._kinds
            )
        return self._known[key]

    def begin(self, input_shape: Shapes, options: Config | None = None) -> None:
        """Runs `build` for these shapes of the inputs, if it has not run."""
        if self.built:
            return
        shape: Any = input_shape
        arrangement: Arrangement | None = (options or {}).get("arrangement")
        names: dict[str, Any] = {}
        if arrangement is not None:
            shapes = (shape,) if arrangement.arrays == 1 else shape
            args, named = arrangement.fill(shapes)
            given = (
                inspect.signature(self._function).bind_partial(*args, **named).arguments
            )
            shape = next(iter(given.values()), None)
            names = {f"{name}_shape": value for name, value in given.items()}
        taken = self.parameters_of_build()
        by_name = {name: names[name] for name in names if name in taken}
        object.__setattr__(self, "_partly", True)
        try:
            if by_name:
                self.build(**by_name)
            else:
                self.build(shape)
        finally:
            object.__setattr__(self, "_partly", False)

    def multiplications(self, input_shape: Shapes) -> int:
        """About how many multiplications the forward pass of one example takes.

        As if each matrix of weights were met once: a `call` is not looked into.
        """
        del input_shape
        leaves = jax.tree.leaves(self.inner_slot().params) if self.built else []
        return sum(w.size for w in leaves if w.ndim > 1)

    def parameters_of_build(self) -> set[str]:
        """What `build` can be given by name."""
        return set(inspect.signature(type(self).build).parameters)

    def _complete_for(self, input_shape: Shapes, options: Config) -> None:
        """Makes all weights: those of `build`, then of the layers that `call` calls."""
        with making():
            self.begin(input_shape, options)
        for training in (False, True):
            _without_batch(
                lambda x, on=training: self._abstract(x, on, options),
                input_shape,
                self._kinds,
                once=True,
            )
        self._complete = True

    def _abstract(self, x: Tree, training: bool, options: Config) -> Tree:
        slot, key = self.inner_slot(), jax.random.key(0)
        return self.forward(
            slot.params, slot.state, x, training=training, key=key, **options
        ).output

    @_building
    def build(self, input_shape: Shapes) -> None:
        """Makes the weights. Here: those of the class of the library, if it has any."""
        if not self._bare:
            super().build(input_shape, self._rng)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["autocast"]
        if config["activity_regularizer"] is None:
            del config["activity_regularizer"]
        return config

    # The face -------------------------------------------------------------------------

    def by_name(self) -> dict[str, Variable]:  # type: ignore[override]
        named: dict[str, Variable] = {}
        for path, holder, name in self._settled():
            if isinstance(holder, Variable):
                if not is_held(holder):
                    holder.path = f"{self.name}/{path}{name}"
                named[path + name] = holder
            else:
                views = super().by_name() if holder is self else holder.by_name()
                named |= {path + n: view for n, view in views.items()}
        return named


Layer._style = Called, frozenset({"__init__", "build", "call"})
