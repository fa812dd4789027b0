# ruff: noqa: D102
"""Layers whose weights lie with their members: variables and layers in attributes."""

import contextlib
import inspect
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from onefit import config, initializers, regularizers
from onefit.constraints import get as get_constraint
from onefit.description import attribute
from onefit.errors import invalid
from onefit.initializers import Initializer
from onefit.layers.base import Layer, Weights, where
from onefit.layers.face import Face, Gathered
from onefit.layers.metering import Way, carried_sums, metered_below
from onefit.layers.passing import current, making
from onefit.members import contents, named_once, variables_in
from onefit.metrics.base import Metric
from onefit.slots import is_held, put
from onefit.types import (
    Array,
    Function,
    Generator,
    Params,
    Scalar,
    Shape,
    Shapes,
    State,
)
from onefit.variables import Variable

__all__ = ["Assembled", "Member"]


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


class Assembled(Layer, abstract=True):
    """A layer of variables, layers and models that are its attributes.

    Each member keeps its own weights. The layer's are all of them, in one dict: that of
    the weight `kernel` of the layer in the attribute `dense` is called `dense/kernel`,
    and in a list `blocks`, `blocks/0/kernel`. A member that two layers have is one
    member: its weights are shared.
    """

    _shape: Shapes | None = attribute(None)  # of the inputs it was built for
    _depth: int = attribute(0)  # of calls into the class of the library, its base
    _rng: Generator | None = attribute(None)
    _added: tuple[Variable, ...] = attribute(())
    _frozen: tuple[Variable, ...] = attribute(())  # by trainable = False
    _bare: ClassVar[bool] = True  # whether no class of the library is its base
    _internal: ClassVar[frozenset[str]] = Layer._unseen | {
        *("_shape", "_depth", "_rng", "_added", "_frozen")
    }
    """Attributes that hold no members."""

    def _contents(self) -> Iterator[tuple[str, Any]]:
        """What its attributes hold."""
        return contents(self, self._internal)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "trainable" and "_made" in self.__dict__:
            thawed = self._frozen if value else ()
            own = [
                v
                for _, v in self._own_variables()
                if v.trainable or any(v is one for one in thawed)
            ]
            self._frozen = () if value else tuple(own)
            for part in (*own, *(layer for _, layer in self._inner())):
                part.trainable = value
        object.__setattr__(self, name, value)

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
        run = current()
        if run is not None and not run.building:
            raise self.made_again(name)
        given: Any = shape
        if isinstance(shape, str):  # as Keras 2 has it: the name first
            given, name, initializer = initializer, shape, None
        sizes = (given,) if isinstance(given, int) else tuple(given or ())
        dtype = dtype or self.dtype
        whole = not jnp.issubdtype(jnp.dtype(dtype), jnp.inexact)
        rule = initializers.get(initializer or ("zeros" if whole else "glorot_uniform"))
        if any(size is None for size in sizes):
            raise invalid(
                f"{where(self)}.add_weight",
                f"shape={sizes}",
                "sizes that are all known",
                "take the size of the last axis: input_shape[-1]",
            )
        with making():
            value = _drawn(rule, self._rng, sizes, dtype)
            variable = Variable(value, dtype=dtype, trainable=trainable, name=name)
        variable.initializer = rule
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = get_constraint(constraint)
        self._added = (*self._added, variable)
        if trainable and not self.trainable:
            variable.trainable, self._frozen = False, (*self._frozen, variable)
        return variable

    def made_again(self, name: str | None) -> ValueError:
        """The error for a weight that every call makes anew."""
        return invalid(
            where(self),
            f"a weight {name or 'without a name'!r} that each call makes again",
            "weights that are made once",
            "make it in build(self, input_shape), which runs before the first call",
        )

    def add_variable(self, *args: Any, **kwargs: Any) -> Variable:
        """As `add_weight`."""
        return self.add_weight(*args, **kwargs)

    def _own_variables(self) -> list[tuple[str, Variable]]:
        """The layer's own variables with their names, the trainable ones first."""
        found = variables_in(self._added, self._contents())
        return named_once(sorted(found, key=lambda pair: not pair[1].trainable))

    def own_variables(self) -> list[Variable]:
        base = [] if self._weights is None else list(super().by_name().values())
        return [*base, *(variable for _, variable in self._own_variables())]

    def _inner(self) -> list[tuple[str, Layer]]:
        """The layers in its attributes, with the names that lead to them."""
        found: dict[int, tuple[str, Layer]] = {}
        for name, value in self._contents():
            layer = getattr(value, "as_layer", value)
            if isinstance(layer, Layer) and layer is not self:
                found.setdefault(id(layer), (name, layer))
        return list(found.values())

    def _layers_inside(self) -> list[Face]:
        return [layer for _, layer in self._inner()]

    def metered(self) -> list[tuple[Way, Metric]]:
        found: list[tuple[Way, Metric]] = [
            ((f"{name}/",), value)
            for name, value in self._contents()
            if isinstance(value, Metric)
        ]
        for name, layer in self._inner():
            found += metered_below(name, layer)
        return list({id(metric): (way, metric) for way, metric in found}.values())

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
            for i, one in enumerate(layer.plain_layers()):
                inside = f"{path}{name}/" + (f"{i}/" if one is not layer else "")
                if isinstance(one, Assembled):
                    yield from one._members(inside, met)
                elif id(one) not in met:
                    met.add(id(one))
                    yield Member(inside, one)

    def _assembled(self, met: set[int] | None = None) -> Iterator["Assembled"]:
        """It itself, and the layers of its kind inside it, each once."""
        met = set() if met is None else met
        if id(self) in met:
            return
        met.add(id(self))
        yield self
        for _, layer in self._inner():
            for one in layer.plain_layers():
                if isinstance(one, Assembled):
                    yield from one._assembled(met)

    def _settled(self) -> list[Member]:
        """The members that have their weights."""
        return [
            m
            for m in self._members()
            if isinstance(m.holder, Variable) or m.holder._weights is not None
        ]

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
                (params if holder.trainable else state)[path + name] = holder._read()
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
                member.holder._weights.store(own, own)

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
        found, every = [], params | state
        for member in self._settled():
            own = member.own(every)
            if isinstance(member.holder, Layer):
                slot = member.holder._weights.copy()
                slot.store(own, own)
                slot.params = member.holder.weights_in_type(slot.params)
                own = slot
            elif member.holder.trainable:
                own = self.weights_in_type({"": own})[""]
            found.append((member.holder, own))
        # Metrics in any case, so that no number of a program stays in them.
        for (_, metric), sums in zip(
            self.metered(), carried_sums(self, state), strict=True
        ):
            found += metric.pairs(metric.state if sums is None else sums)
        return found

    @contextlib.contextmanager
    def _as_base(self) -> Iterator[None]:
        """Inside, the layer is what the class of the library makes of it."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

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

    def penalty(self, params: Params) -> Scalar:
        total: Any = 0.0  # a number, or an array of a program
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

    @property
    def weightless(self) -> bool:
        return False

    def by_name(self) -> dict[str, Variable]:
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


def _drawn(rule: Function, rng: Generator | None, shape: Shape, dtype: str) -> Array:
    """First numbers of a weight, from a stream where the initializer takes one."""
    if isinstance(rule, Initializer) and jnp.issubdtype(dtype, jnp.inexact):
        return rule.draw(rng or config.generator(None), shape)
    taken = inspect.signature(rule).parameters
    return rule(shape, dtype=dtype) if "dtype" in taken else rule(shape)
