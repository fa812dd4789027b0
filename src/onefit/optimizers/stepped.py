# ruff: noqa: D102
"""Optimizers in Keras' style: `build` and `update_step` of one's own."""

import copy
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit import config, initializers
from onefit.description import attribute, is_bare
from onefit.errors import invalid
from onefit.optimizers.base import KeyPath, Optimizer
from onefit.optimizers.rules import Rule
from onefit.slots import holding, is_held
from onefit.types import Array, ArrayLike, Shape, Tree
from onefit.variables import Variable

__all__ = ["Stepped"]


def _building(function: Callable[..., Any]) -> Callable[..., Any]:
    """A `build` of a subclass: called from outside, it makes the state as well."""

    @functools.wraps(function)
    def build(self: "Stepped", variables: Iterable[Any]) -> None:
        if is_held(self):
            function(self, variables)
        else:
            Optimizer.build(self, variables)

    return build


class Stepped(Optimizer, abstract=True):
    """An optimizer that is written as `update_step(gradient, variable, learning_rate)`.

    A subclass makes what it remembers in `build(variables)`, by `add_variable` and
    `add_variable_from_reference`; `update_step` assigns to it and to the weight. Inside
    a program both are the program's own arrays. The variables that the two are given
    stand for the weights: they have their names, shapes and values.

    >>> class Heavy(onefit.optimizers.Optimizer):
    ...     def __init__(self, learning_rate=0.1, momentum=0.5, **kwargs):
    ...         super().__init__(learning_rate=learning_rate, **kwargs)
    ...         self.momentum = momentum
    ...     def build(self, variables):
    ...         super().build(variables)
    ...         self.velocities = [
    ...             self.add_variable_from_reference(v, name="velocity")
    ...             for v in variables
    ...         ]
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         v = self.velocities[self._get_variable_index(variable)]
    ...         v.assign(self.momentum * v - learning_rate * gradient)
    ...         variable.assign_add(v)
    >>> w = onefit.Variable(np.ones(2), name="w")
    >>> Heavy().apply([np.ones(2)], [w])[0].numpy()
    array([0.9, 0.9], dtype=float32)

    Source: Keras, `keras.optimizers.Optimizer`.
    """

    in_keras_style = True
    step_size = None
    _is_built: bool = attribute(False)
    _early: list[Array] = attribute([])  # what was added before any build
    _known: list[Any] = attribute([])  # the weights, in the order people know
    _places: tuple[int, ...] = attribute(())  # of the known ones among the leaves
    _slots_of: dict[int, list[int]] = attribute({})  # by a weight's place
    _stand_ins: list[Variable] = attribute([])
    _names: list[str] = attribute([])
    _bare: ClassVar[bool] = True  # whether no optimizer of the library is its base
    _unseen = Optimizer._unseen | {
        *("_is_built", "_early", "_known", "_places", "_stand_ins", "_names", "_given"),
        "_slots_of",
    }

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(abstract, **kwargs)
        cls.in_keras_style = True
        cls._bare = is_bare(cls, Stepped, Optimizer)
        for name in ("apply", "apply_gradients", "stateless_apply"):
            if name in vars(cls):
                raise invalid(
                    cls.__name__,
                    f"a method {name} of its own",
                    "an update_step, which a program calls for each weight",
                    f"write in update_step what {name} does",
                )
        if "build" in vars(cls):
            cls.build = _building(cls.build)

    # What a subclass calls ------------------------------------------------------------

    def add_variable(
        self,
        shape: Shape,
        initializer: Any = "zeros",  # whatever initializers.get takes
        dtype: str | None = None,
        aggregation: str | None = "none",
        layout: object = None,
        name: str | None = None,
    ) -> "_Remembered":
        """A new variable of the optimizer's state.

        Args:
            shape: Its shape.
            initializer: How it starts.
            dtype: The type of its numbers, `floatx()` by default.
            aggregation, layout: Accepted: there is one copy of it.
            name: Its name.
        """
        del aggregation, layout
        first = initializers.get(initializer)(tuple(shape), dtype or config.floatx())
        if not isinstance(first, jax.Array):
            first = np.asarray(first, dtype or config.floatx())
        values = self._values()
        if values is self._early and "_early" not in vars(self):
            self._early = values = []
        values.append(first)
        number = len(values) - 1
        self._names = [*self._names[:number], name or "variable"]
        return _Remembered(self, number, name or "variable", first)

    def add_variable_from_reference(
        self,
        reference_variable: Variable,
        name: str | None = None,
        initializer: Any = "zeros",  # whatever initializers.get takes
    ) -> Variable:
        """A new variable of the state, with the shape and the type of another.

        Args:
            reference_variable: The other, a weight.
            name: The end of its name.
            initializer: How it starts.
        """
        path = str(reference_variable.path).replace("/", "_")
        variable = self.add_variable(
            tuple(reference_variable.shape),
            initializer,
            str(reference_variable.dtype),
            name=f"{path}_{name or 'var'}",
        )
        if any(reference_variable is one for one in self._stand_ins):
            self._note(reference_variable, variable)
        return variable

    def _note(self, weight: Variable, variable: "_Remembered") -> None:
        """Notes that a variable of the state belongs to a weight."""
        place = self._get_variable_index(weight)
        self._slots_of.setdefault(place, []).append(variable.number)

    def add_optimizer_variables(
        self,
        trainable_variables: Sequence[Variable],
        name: str | Sequence[str],
        initializer: Any = "zeros",  # one, or one for each name
    ) -> Any:  # a list of variables, or a tuple of lists
        """A variable like each weight; of several names, a list for each.

        Args:
            trainable_variables: The weights.
            name: The end of the names, or several.
            initializer: How they start.
        """
        names = [name] if isinstance(name, str) else list(name)
        listed = isinstance(initializer, list | tuple)
        starts = list(initializer) if listed else [initializer] * len(names)
        rows = [
            [
                self.add_variable_from_reference(variable, one, start)
                for one, start in zip(names, starts, strict=True)
            ]
            for variable in trainable_variables
        ]
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        if isinstance(name, str):
            return columns[0] if columns else []
        return columns or tuple([] for _ in names)

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a weight in the list that `build` was given."""
        for known in (self._stand_ins, self._known):
            for i, one in enumerate(known):
                if one is variable:
                    return i
        raise invalid(
            f"{type(self).__name__}._get_variable_index",
            f"the variable {getattr(variable, 'path', variable)!r}",
            "one of those that build was given",
        )

    def _get_current_learning_rate(self) -> Any:
        return self._state["learning_rate"] if is_held(self) else self.learning_rate

    def _values(self) -> list[Array]:
        """The arrays of what it remembers."""
        return self._early if self._state is None else self._state["slots"]

    # What it may write ----------------------------------------------------------------

    def build(self, variables: Iterable[Variable | ArrayLike]) -> None:
        """Makes what it remembers. Here: of the optimizer of the library, if any."""
        if not is_held(self):
            super().build(variables)
            return
        self.built = True
        if not self._bare:
            self._inner: list[Any] = []
            for one in variables:
                assert isinstance(one, Variable)  # as `init` gives them
                slots = super().rule().init([one.value])
                weight = one.path.replace("/", "_")
                kept = []
                for path, array in jax.tree_util.tree_leaves_with_path(slots):
                    end = jax.tree_util.keystr(path[:-1], simple=True, separator="_")
                    first, name = (lambda *_, a=array: a), f"{weight}_{end}"
                    dtype = str(array.dtype)
                    one_more = self.add_variable(array.shape, first, dtype, name=name)
                    self._note(one, one_more)
                    kept.append(one_more)
                self._inner.append((kept, jax.tree.structure(slots)))

    def update_step(
        self, gradient: Array, variable: Variable, learning_rate: Array
    ) -> None:
        """Moves one weight. Here: as the optimizer of the library does."""
        if self._bare:
            raise NotImplementedError(
                f"{type(self).__name__} has no update_step method"
            )
        kept, nest = self._inner[self._get_variable_index(variable)]
        state = nest.unflatten([one.value for one in kept])
        step = (self.iterations.value + 1).astype(jnp.result_type(learning_rate))
        (change,), new = (
            super()
            .rule()
            .update([gradient], state, [variable.value], learning_rate, step)
        )
        variable.assign_add(change)
        for one, value in zip(kept, jax.tree.leaves(new), strict=True):
            one.assign(value)

    # The pure functions ---------------------------------------------------------------

    asks_for_names = True  # pyright: ignore - a fact here, of the settings in the base
    elementwise = False  # pyright: ignore - the same

    def meet(self, variables: Sequence[Any], listed: Sequence[Any] = ()) -> None:
        super().meet(variables)
        rank = {id(variable): i for i, variable in enumerate(listed or variables)}
        ranks = [rank.get(id(one), len(rank)) for one in variables]
        places = sorted(range(len(ranks)), key=ranks.__getitem__)
        self._places = tuple(places)
        self._known = [variables[i] for i in places]

    def init(self, params: Tree) -> dict[str, Tree]:
        leaves = jax.tree.leaves(params)
        if [np.shape(one) for one in self._known] != [
            np.shape(leaves[i]) for i in self._places if i < len(leaves)
        ] or len(self._places) != len(leaves):
            self.meet(leaves)
        self._stand_ins = [_stand_in(one) for one in self._known]
        self._names, self._slots_of = self._names[: len(self._early)], {}
        begin = self._begin(params)
        pairs = self._pairs(params)
        own = {**begin, "slots": list(self._early)}
        self.built = False
        with holding([(self, own), *pairs]) as held:
            self.build(list(self._stand_ins))
            state = dict(held[id(self)])
        self.built = True
        state |= begin | {"slots": tuple(state["slots"])}
        return self._with_sums(state, params)

    def rule(self) -> Rule:
        raise invalid(
            f"{type(self).__name__}.rule",
            "a call of what update_step takes the place of",
            "a call of update or apply",
        )

    def _moved(
        self, grads: Tree, state: dict[str, Tree], params: Tree, step: Array
    ) -> tuple[Tree, Tree]:
        every = self.gradient_accumulation_steps or 1
        count = (step.astype(jnp.int32) - 1) * every
        own = {**state, "iterations": count, "slots": list(state["slots"])}
        slopes, pairs = jax.tree.leaves(grads), self._pairs(params)
        with holding([(self, own), *pairs]) as held:
            for i, variable in zip(self._places, self._stand_ins, strict=True):
                self.update_step(slopes[i], variable, state["learning_rate"])
            slots = tuple(held[id(self)]["slots"])
            new = [held[id(variable)] for variable, _ in pairs]
        leaves, nest = jax.tree.flatten(params)
        for i, value in zip(self._places, new, strict=True):
            leaves[i] = value
        return nest.unflatten(leaves), slots

    def _kept(self, before: Tree, after: Tree, arrays: Tree, missing: set[int]) -> Tree:
        del arrays
        slots = list(after["slots"])
        for i, place in enumerate(self._places):
            for number in self._slots_of.get(i, ()) if place in missing else ():
                slots[number] = before["slots"][number]
        return after | {"slots": tuple(slots)}

    def _pairs(self, params: Tree) -> list[tuple[Variable, Array]]:
        """The stand-ins, each with the array of its weight."""
        leaves = jax.tree.leaves(params)
        return [
            (variable, leaves[i])
            for i, variable in zip(self._places, self._stand_ins, strict=True)
        ]

    # The face -------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether `build` has run."""
        return self._is_built

    @built.setter
    def built(self, value: bool) -> None:
        object.__setattr__(self, "_is_built", value)

    def _leaf(self, path: KeyPath, i: int) -> Variable:
        if path[0].key != "slots":
            return super()._leaf(path, i)
        number = path[1].idx
        return _Remembered(self, number, self._names[number])

    def __copy__(self) -> Self:
        """A copy of its own: variables know whose they are."""
        return copy.deepcopy(self, {id(v): v for v in self._variables})


def _stand_in(variable: Any) -> Variable:
    """A variable that has the name and the shape of a weight."""
    shape, dtype = np.shape(variable), jnp.dtype(getattr(variable, "dtype", "float32"))
    one = Variable(np.broadcast_to(np.zeros((), dtype), shape))
    one.name = getattr(variable, "name", None) or "variable"
    one.path = getattr(variable, "path", None) or one.name
    return one


class _Remembered(Variable):
    """A variable of an optimizer's state."""

    def __init__(
        self, owner: Stepped, number: int, name: str, first: Array | None = None
    ) -> None:
        self.owner, self.number, self.name = owner, number, name
        self.path, self.trainable = f"{owner.name}/{name}", False
        self.initializer = None
        self.first: Any = None if isinstance(first, Tracer) else first

    def _read(self) -> Array:
        values = self.owner._values()
        # An optimizer that begins anew has none until it is built.
        return values[self.number] if self.number < len(values) else self.first

    def _write(self, value: Array) -> None:
        values = list(self.owner._values())
        values[self.number] = value
        if self.owner._state is None:
            self.owner._early = values
        else:
            kept: Any = values if is_held(self.owner) else tuple(values)
            self.owner._state["slots"] = kept

    def _is_held(self) -> bool:
        return is_held(self.owner)


Optimizer._style = Stepped, frozenset({"build", "update_step"})
