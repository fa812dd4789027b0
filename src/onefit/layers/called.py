# ruff: noqa: D102
"""Layers in Keras' style: `__init__`, `build`, `add_weight` and `call` of one's own.

Such a layer is made pure in one place. While its `call` runs, its variables and its
inner layers read and write the arrays of the program that runs it (`slots.holding`),
so that it trains, batches, saves and is checked like any other.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from onefit import config, regularizers
from onefit.description import attribute, frozen, is_bare, setting
from onefit.errors import invalid
from onefit.layers.arguments import Arrangement, arranged, by_numbers, shapes_of
from onefit.layers.assembled import Assembled
from onefit.layers.base import Layer, Outcome, Weights, where
from onefit.layers.face import as_shape
from onefit.layers.metering import carrying
from onefit.layers.passing import Pass, current, explaining, making, passing
from onefit.layers.questions import (
    Asking,
    Plan,
    Question,
    hosts_in,
    texts_among,
    with_text,
)
from onefit.layers.shapes import refuse_other
from onefit.layers.symbolic import is_symbolic
from onefit.members import refuse_taken, taken_name
from onefit.slots import holding, put
from onefit.types import (
    Config,
    Generator,
    Key,
    Mask,
    Params,
    Shapes,
    State,
    Tree,
    batch_shape,
    is_shape,
)

__all__ = ["Called"]


_TAKEN = """
    always_random apply as_built as_input before begin by_name by_row call_options
    call_shape check_input compute constrain each_weight ends_in equation filled forward
    free fresh gather hold holders host_plan in_keras_style in_type init inner_slot
    input_shape integers merge misfit multiplications on_host output_shape own_dtype
    pairs
    parameters_of_build penalty plain_layers random regained replace role rule slot
    store taken own_variables takes_text takes_whole told_shape unkept weightless
    weights_in_files
"""
TAKEN = frozenset(_TAKEN.split())
"""Names of every layer that Keras' layers have not: a class of one's own has others."""


def _building(function: Callable[..., Any]) -> Callable[..., Any]:
    """A `build` of a subclass, which says what it was given and completes the layer."""

    @functools.wraps(function)
    def build(self: "Called", *shapes: Any, **named: Any) -> "Called":
        rng = named.pop("rng", None)
        if shapes and isinstance(shapes[-1], Generator):
            shapes, rng = shapes[:-1], shapes[-1]
        given = tuple(map(as_shape, shapes))
        outermost = not self._depth
        if outermost:
            self._rng = rng
        with self._as_base():
            function(self, *given, **named)
        if outermost:
            given = given or tuple(named.values())
            self._shape = given[0] if given else ()
            inside = self._partly or current() is not None
            known = len(given) == 1 and given[0] is not None
            if not inside and known and self._needs_one():
                self._complete_for(given[0], {})
            self._rng = None
        return self

    return build


class Called(Assembled, abstract=True):
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

    _complete: bool = attribute(False)  # whether its inner layers have their weights
    _partly: bool = attribute(False)  # whether a build is to leave inner layers alone
    _draws: frozenset[bool] = attribute(frozenset())  # in which modes it is random
    _kinds: tuple[Any, ...] = attribute(())  # the types of the last inputs
    _given_shapes: dict[int, Shapes] = attribute({})
    """The shape of what each inner layer gave first, by its `id`."""
    _questions: dict[Arrangement | None, tuple[tuple[bool, ...], list[Question]]] = (
        attribute({})
    )
    """What its `call` asks of host layers, by the arrangement of its arguments."""
    _unseen = Layer._unseen | {
        *("_given_shapes", "_questions"),
        *("_shape", "_depth", "_rng", "_complete", "_partly", "_draws", "_kinds"),
        "_known",
    }
    _internal = Assembled._internal | _unseen

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(abstract, **kwargs)
        cls.in_keras_style = True
        cls._bare = is_bare(cls, Assembled, Layer)
        if not abstract and "call" in vars(cls):
            refuse_taken(cls, TAKEN)
        if "build" in vars(cls):
            cls.build = _building(cls.build)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in TAKEN:
            raise taken_name(type(self), "an attribute", name)
        super().__setattr__(name, value)

    @property
    def _takes_training(self) -> bool:
        return "training" in inspect.signature(self._function).parameters

    @property
    def _function(self) -> Callable[..., Tree]:
        """What computes its output."""
        return self.call

    @property
    def random(self) -> bool:
        """Whether `call` draws random numbers while training."""
        return True in self._draws

    @property
    def always_random(self) -> bool:
        """Whether it draws some also when it does not train."""
        return False in self._draws

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        if self._depth:
            return super().init(rng, input_shape)
        self._fit(input_shape)
        slot = self.inner_slot()
        return slot.params, slot.state

    def apply(self, params, state, x, *, training=False, key=None, **options):
        given = {"training": training, "key": key} | options
        if self._depth:
            return super().apply(params, state, x, **given)
        if not hasattr(self, "state_size"):
            return self.forward(params, state, x, **given)[:2]
        x, arrangement = arranged((x[0], list(x[1])), {})  # a cell, and its states
        y, state, *_ = self.forward(params, state, x, arrangement=arrangement, **given)
        return (y[0], tuple(jax.tree.leaves(y[1]))), state

    def fresh(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        if not self._depth and not self._complete and hasattr(self, "state_size"):
            sizes = jax.tree.leaves(self.state_size)
            states = [jax.ShapeDtypeStruct((1, n), config.floatx()) for n in sizes]
            first = jax.ShapeDtypeStruct((1, *input_shape[1:]), config.floatx())
            x, arrangement = arranged((first, states), {})
            self._kinds = (None,) * len(x)
            self._complete_for(batch_shape(x), {"arrangement": arrangement})
        return super().fresh(rng, input_shape)

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
        """The output of `call` for these weights: a pure function."""
        del use_mask
        outer = current()
        building = not self._complete if outer is None else outer.building
        asking = options.get("asking", None if outer is None else outer.asking)
        plan: Plan | None = options.get("plan")
        if plan is not None:
            x, asking = plan.opened([*hosts_in(self)], x)
            mask = plan.masks(mask)
        run = Pass(where(self), training, building, asking=asking)
        keys = contextlib.nullcontext() if key is None else config.drawing(key)
        with holding(self.pairs(params, state)), passing(run), keys as drawn:
            y, steps = self._called(run, x, mask, options.get("arrangement"))
            after = carrying(self, self.inner_slot().state)
        if run.building:
            self._given_shapes = run.shapes
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
        given, x = x, self.in_type(x)
        if run.asking is not None:
            run.asking.follow(given, x)
        args, named = (
            ((x,), {})
            if arrangement is None
            else arrangement.fill(x if isinstance(x, tuple) else (x,))
        )
        takes = inspect.signature(self._function).parameters
        if "training" in takes:
            named.setdefault("training", run.training)
        mask = run.mask(args[0]) if args else mask  # that of the first argument
        if "mask" in takes:
            named.setdefault("mask", mask)
        for name, value in [*zip(takes, args, strict=False), *named.items()]:
            if f"{name}_mask" in takes:  # as Keras: query_mask is that of query
                named.setdefault(f"{name}_mask", run.mask(value))
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
                "write def call(self, inputs): return inputs",
            )
        run = current()
        if run is None:
            return self(*inputs, training=training, mask=mask, **options)
        x, options = super().gather(*inputs, **options)
        x = jax.tree.map(super().as_input, x)
        training = run.training if training is None else bool(training)
        slot = self._weights
        if slot is None:
            slot = Weights({}, {}, None)
            put(self, slot)
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

    @property
    def ready(self) -> bool:
        return self.built

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
        x, arrangement = arranged(inputs, options)
        self._kinds = tuple(getattr(a, "dtype", None) for a in jax.tree.leaves(x))
        return x, {} if arrangement is None else {"arrangement": arrangement}

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
        # By what it is made of now: an attribute may have changed.
        how = options.get("arrangement"), options.get("plan")
        key = frozen(self, {}), input_shape, how, self._kinds
        known = vars(self).setdefault("_known", {})
        if key not in known:
            known[key] = self._shapes(input_shape, False, options)
        return known[key]

    def _shapes(
        self, input_shape: Shapes, training: bool, options: Config, once: bool = False
    ) -> Shapes:
        """The output's shapes, by running `call` on stand-ins."""
        hosts = [*hosts_in(self)]
        count = len(jax.tree.leaves(input_shape, is_leaf=is_shape))
        kinds: tuple[Any, ...] = self._kinds
        texts = texts_among(kinds, count)
        asks = bool(hosts or any(texts)) and current() is None and "plan" not in options
        how, questions = options.get("arrangement"), list[Question]()
        if asks:
            questions = self._questions.get(how, (texts, questions))[1]
            self._questions = self._questions | {how: (texts, questions)}

        def forward(x: Tree, masked: bool = False) -> Tree:
            slot, key = self.inner_slot(), jax.random.key(0)
            given = {"training": training, "key": key} | options
            if asks:
                x = with_text(x, texts)
                given["asking"] = Asking(hosts, jax.tree.leaves(x), questions)
            if masked:
                given["mask"] = jax.tree.map(lambda a: jnp.ones(a.shape[:2], bool), x)
            return self.forward(slot.params, slot.state, x, **given).output

        try:
            return shapes_of(forward, input_shape, kinds, by_numbers, once)
        except Exception:
            if "mask" not in inspect.signature(self._function).parameters:
                raise
            # It may count on a mask, which the layers before will hand on.
            masked = functools.partial(forward, masked=True)
            return shapes_of(masked, input_shape, kinds, by_numbers, once)

    # What it asks of layers that run before its program -----------------------------

    def host_plan(self, arrangement: Arrangement | None = None) -> Plan | None:
        """What its `call` asks of host layers; None where that is nothing."""
        texts, questions = self._questions.get(arrangement, ((), []))
        return Plan(texts, tuple(questions)) if questions or any(texts) else None

    def taken(self, *inputs: Any, **named: Any) -> tuple[Tree, Config]:
        """As of any layer; what host layers inside it are asked is answered."""
        x, options = super().taken(*inputs, **named)
        leaves = jax.tree.leaves(x)
        traced = any(isinstance(a, Tracer) for a in leaves)
        if current() is not None or is_symbolic(x) or traced or self._depth:
            return x, options
        hosts = [*hosts_in(self)]
        if not hosts:
            return x, options
        self._fit(batch_shape(x), options)
        plan = self.host_plan(options.get("arrangement"))
        if plan is None:
            return x, options
        answers = plan.answers(hosts, dict(enumerate(leaves)))
        handed = plan.given(leaves, answers)
        return handed[0] if len(handed) == 1 else handed, options | {"plan": plan}

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
        needed = [
            name
            for name, one in self._build_takes().items()
            if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
        ]
        for name in needed if len(needed) > 1 else ():
            if name not in names:
                raise invalid(
                    where(self),
                    f"a build that takes {name!r}",
                    "the shapes of call's arguments, by their names and '_shape'",
                    "write def build(self, a_shape, b_shape) for call(self, a, b)",
                )
        by_name = {name: names[name] for name in names if name in taken}
        self._partly = True
        try:
            if by_name:
                self.build(**by_name)
            else:
                self.build(shape)
        finally:
            self._partly = False

    def parameters_of_build(self) -> set[str]:
        """What `build` can be given by name."""
        return set(self._build_takes())

    def _build_takes(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.build).parameters

    def _complete_for(self, input_shape: Shapes, options: Config) -> None:
        """Makes all weights: those of `build`, then of the layers that `call` calls."""
        with making():
            self.begin(input_shape, options)
        self._shapes(input_shape, False, options, once=True)
        known = {id(layer): layer._added for layer in self._assembled()}
        self._shapes(input_shape, True, options, once=True)
        for layer in self._assembled():
            before = known.get(id(layer), layer._added)
            alike = {(one.name, one.shape) for one in before}
            for one in layer._added[len(before) :]:
                if (one.name, one.shape) in alike:
                    raise layer.made_again(one.name)
            layer._complete = True

    def _needs_one(self) -> bool:
        """Whether `call` can be called with one input."""
        try:
            inspect.signature(self._function).bind(None)
        except TypeError:
            return False
        return True

    def takes_whole(self, index: int) -> bool:
        """Whether its input of this number was whole numbers when it was called."""
        kind = self._kinds[index] if index < len(self._kinds) else None
        return kind is not None and not jnp.issubdtype(kind, jnp.inexact)

    def multiplications(self, input_shape: Shapes) -> int:
        """About how many multiplications the forward pass of one example takes.

        As if each matrix of weights were met once: a `call` is not looked into.
        """
        del input_shape
        leaves = jax.tree.leaves(self.inner_slot().params) if self.built else []
        return sum(w.size for w in leaves if w.ndim > 1)

    @_building
    def build(self, input_shape: Shapes) -> None:
        """Makes the weights. Here: those of the class of the library, if it has any."""
        if not self._bare:
            super().build(input_shape, self._rng)

    def get_config(self) -> Config:
        config = super().get_config()
        config.pop("autocast", None)
        if config.get("activity_regularizer", self) is None:
            del config["activity_regularizer"]
        return config


Layer._style = Called, frozenset({"__init__", "build", "call"})
