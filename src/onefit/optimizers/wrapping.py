# ruff: noqa: D102
"""Optimizers around others: several for one network, a loss scale that finds itself."""

import copy
import re
from abc import ABCMeta
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any, ClassVar, NoReturn, Self, cast

import jax
import jax.numpy as jnp
import numpy as np

from onefit.checks import whole
from onefit.description import Description, attribute, number, setting
from onefit.errors import invalid, mistyped
from onefit.optimizers.base import Optimizer
from onefit.optimizers.resolving import get
from onefit.optimizers.schedules import LearningRateSchedule
from onefit.slots import is_held
from onefit.spellings import lacking
from onefit.types import Array, Config, Function, Scalar, Tree

__all__ = ["LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"]


_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("weight_decay", "clipnorm", "clipvalue", "global_clipnorm")),
    **dict.fromkeys(("ema_overwrite_frequency", "gradient_accumulation_steps")),
    "loss_scale_factor": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "dynamic": True,
}
"""Settings with values that ask for nothing."""


class _Wrapping(Optimizer, abstract=True):
    """What optimizers around others share: the usual settings are the inner ones'.

    In the slots are the states of the inner optimizers, which hold the same dicts: to
    assign the learning rate of one changes this state.
    """

    learning_rate: Any = attribute(None)
    weight_decay: float | None = attribute(None)
    clipnorm: float | None = attribute(None)
    clipvalue: float | None = attribute(None)
    global_clipnorm: float | None = attribute(None)
    use_ema: bool = attribute(False)
    ema_momentum: float = attribute(0.99)
    ema_overwrite_frequency: int | None = attribute(None)
    gradient_accumulation_steps: int | None = attribute(None)
    step_size = None
    slots = (("inner",),)
    _around: ClassVar[tuple[str, ...]] = ()
    """The settings in which the inner optimizers are."""

    @classmethod
    def _today(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The settings, without what older files write of all optimizers: nothing."""
        given = super()._today(given)
        return {
            name: value
            for name, value in given.items()
            if name not in _NOTHING or value != _NOTHING[name]
        }

    @property
    def inner(self) -> tuple[Optimizer, ...]:
        """The optimizers that move the weights."""
        raise NotImplementedError

    def _begin(self, params: Tree) -> dict[str, Tree]:
        del params
        return {"iterations": np.zeros((), np.int32)}

    def remember(self, state: dict[str, Tree] | None, shapes: Tree = None) -> None:
        super().remember(state, shapes)
        none = [None] * len(self.inner)
        states = none if state is None else state["slots"]["inner"]
        if not is_held(self):  # else they are a program's
            for inner, own in zip(self.inner, states, strict=True):
                inner.remember(own)

    def forget(self) -> None:
        for inner in self.inner:
            inner.forget()
        self.remember(None)

    def _as_now(self) -> Self:
        bare = copy.copy(self)
        vars(bare).pop("_state", None)
        fresh = {id(inner): inner.replace() for inner in self.inner}
        around = copy.deepcopy([vars(self)[name] for name in self._around], fresh)
        for name, value in zip(self._around, around, strict=True):
            object.__setattr__(bare, name, value)
        return bare


def _mover(
    where: str, optimizer: object, refused: type[Optimizer] = _Wrapping
) -> Optimizer:
    """An optimizer that others may be around."""
    if isinstance(optimizer, Optimizer) and not isinstance(optimizer, refused):
        return optimizer
    raise mistyped(
        where,
        f"{optimizer!r} as an inner optimizer",
        "an optimizer that moves weights itself",
        "write one such as onefit.optimizers.Adam(0.001)",
    )


class LossScaleOptimizer(_Wrapping):
    """An optimizer for float16: the loss is scaled so that gradients do not vanish.

    The loss is multiplied by a scale s, and the gradients are divided by it. If one of
    them is infinite or NaN, the step is left out and s := s/2; after so many steps
    without one, s := 2·s.

    Args:
        inner_optimizer: The optimizer that moves the weights; its `loss_scale_factor`
            is set to None. The learning rate is its own.
        initial_scale: The first s.
        dynamic_growth_steps: After how many steps s grows.
        name: Any name.

    Raises:
        TypeError: An inner optimizer that is around another.

    Example:
        >>> sgd = onefit.optimizers.SGD(0.5)
        >>> scaled = LossScaleOptimizer(sgd, initial_scale=4.0)
        >>> scaled.apply([jnp.array([8.0])], [jnp.array([3.0])])  # 3 - 0.5 · 8/4
        [Array([2.], dtype=float32)]
        >>> _ = scaled.apply([jnp.array([jnp.inf])], [jnp.array([2.0])])
        >>> float(scaled.scale_loss(1.0))
        2.0

    Source: Micikevicius et al., "Mixed Precision Training", 2018; Keras, the class of
        this name.
    """

    inner_optimizer: Any = setting(convert=get)
    initial_scale: float = number(default=2.0**15, above=0)
    dynamic_growth_steps: int = setting(default=2000, check=whole(1))
    name: str | None = setting(default="loss_scale_optimizer", identity=False)
    loss_scale_factor: float | None = attribute(None)
    _order = "inner_optimizer initial_scale dynamic_growth_steps name"
    _around = ("inner_optimizer",)

    def __post_init__(self) -> None:
        super().__post_init__()
        inner = _mover("LossScaleOptimizer", self.inner_optimizer, LossScaleOptimizer)
        inner.loss_scale_factor = None

    @property
    def inner(self) -> tuple[Optimizer, ...]:
        return (self.inner_optimizer,)

    def _rate_now(self) -> Any:
        return self.inner_optimizer.learning_rate

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "learning_rate":
            self.inner_optimizer.learning_rate = value
            vars(self).pop("_flat", None)
        else:
            super().__setattr__(name, value)

    @property
    def schedule(self) -> LearningRateSchedule | None:
        return self.inner_optimizer.schedule

    @property
    def elementwise(self) -> bool:
        return self.inner_optimizer.elementwise

    @property
    def asks_for_names(self) -> bool:
        return self.inner_optimizer.asks_for_names

    def meet(self, variables: Sequence[Any], listed: Sequence[Any] = ()) -> None:
        self.inner_optimizer.meet(variables, listed)

    def exclude_from_weight_decay(self, *args: Any, **named: Any) -> None:
        self.inner_optimizer.exclude_from_weight_decay(*args, **named)

    # The pure functions --------------------------------------------------------------

    def init(self, params: Tree) -> dict[str, Tree]:
        slots = {
            "step_counter": np.zeros((), np.int32),
            "dynamic_scale": jnp.asarray(self.initial_scale, jnp.float32),
            "inner": (self.inner_optimizer.init(params),),
        }
        return self._begin(params) | {"slots": slots}

    def update(
        self, grads: Tree, state: dict[str, Tree], params: Tree
    ) -> tuple[Tree, dict[str, Tree]]:
        old = state["slots"]
        scale, steps = old["dynamic_scale"], old["step_counter"] + 1
        grads = jax.tree.map(lambda g: (g / scale).astype(g.dtype), grads)
        moved, inner = self.inner_optimizer.update(grads, old["inner"][0], params)
        due = steps == self.dynamic_growth_steps
        grown = {
            "step_counter": jnp.where(due, 0, steps),
            "dynamic_scale": jnp.where(due, scale * 2, scale),
            "inner": (inner,),
        }
        skipped = old | {"step_counter": steps * 0, "dynamic_scale": scale / 2}
        finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(grads)])
        new, slots = jax.tree.map(
            lambda new, old: jnp.where(finite.all(), new, old),
            (moved, grown),
            (params, skipped),
        )
        return new, {"iterations": state["iterations"] + 1, "slots": slots}

    def finish(self, state: dict[str, Tree], params: Tree) -> Tree:
        return self.inner_optimizer.finish(state["slots"]["inner"][0], params)

    def swapped(
        self, state: dict[str, Tree], params: Tree
    ) -> tuple[Tree, dict[str, Tree]]:
        own = state["slots"]["inner"][0]
        new, after = self.inner_optimizer.swapped(own, params)
        return new, state | {"slots": state["slots"] | {"inner": (after,)}}

    def loss_scale(self, state: dict[str, Tree] | None) -> Scalar:
        return self.initial_scale if state is None else state["slots"]["dynamic_scale"]


class OptimizerMap(Description):
    """Which optimizer moves which weights, by the weights' paths.

    Args:
        default_optimizer: Of all weights that no pattern fits.
        optimizer_map: Optimizers by patterns (regular expressions) of whole paths, such
            as "encoder/.*". A path itself comes before patterns.

    Raises:
        ValueError: A path that several patterns fit, a pattern that is there already.

    Example:
        >>> sgd, adam = onefit.optimizers.SGD(), onefit.optimizers.Adam()
        >>> chosen = OptimizerMap(sgd, {"encoder/.*": adam})
        >>> chosen["encoder/kernel"] is adam, chosen["decoder/kernel"] is sgd
        (True, True)

    Source: Keras, the class of this name.
    """

    default_optimizer: Any = setting()
    optimizer_map: Any = setting(default=None, identity=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.optimizer_map or {}
        if not isinstance(given, dict):
            raise mistyped(
                "OptimizerMap",
                f"optimizer_map={given!r}",
                "a dict of optimizers by patterns",
                'write {"encoder/.*": onefit.optimizers.Adam()}',
            )
        object.__setattr__(self, "default_optimizer", _made(self.default_optimizer))
        object.__setattr__(self, "optimizer_map", {})
        for pattern, optimizer in given.items():
            self[pattern] = optimizer

    def __getitem__(self, path: str) -> Optimizer:
        if path in self.optimizer_map:
            return self.optimizer_map[path]
        fitting = [p for p in self.optimizer_map if re.fullmatch(p, path)]
        if len(fitting) > 1:
            raise invalid(
                "OptimizerMap",
                f"the weight {path!r}, which the patterns {fitting} fit",
                "one optimizer for each weight",
                "write patterns of which one fits",
            )
        return self.optimizer_map[fitting[0]] if fitting else self.default_optimizer

    def __setitem__(self, pattern: str, optimizer: Any) -> None:
        if not isinstance(pattern, str):
            raise mistyped(
                "OptimizerMap", repr(pattern), "a path or a pattern, as text"
            )
        if pattern in self.optimizer_map:
            raise invalid(
                "OptimizerMap",
                f"the pattern {pattern!r} twice",
                "each pattern once",
                f"write del optimizer_map[{pattern!r}] first",
            )
        self.optimizer_map[pattern] = _made(optimizer)

    def __delitem__(self, pattern: str) -> None:
        del self.optimizer_map[pattern]

    def __iter__(self) -> Iterator[str]:
        return iter(self.optimizer_map)

    def __len__(self) -> int:
        return len(self.optimizer_map)

    def __bool__(self) -> bool:
        return True

    def __call__(self, variable: Any) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]


for _name in ("keys", "items", "values", "get", "pop", "popitem", "clear", "update"):
    setattr(OptimizerMap, _name, getattr(MutableMapping, _name))
cast(ABCMeta, MutableMapping).register(OptimizerMap)


def _made(optimizer: Any) -> Optimizer:
    return _mover("OptimizerMap", get(optimizer))


def _chooser(value: Any) -> Function:
    if isinstance(value, dict) and value.get("class_name") == "OptimizerMap":
        value = OptimizerMap.from_config(value["config"])
    if callable(value):
        return value
    raise mistyped(
        "MultiOptimizer",
        f"optimizer_map={value!r}",
        "an OptimizerMap, or a function of a variable that returns an optimizer",
        "write MultiOptimizer(OptimizerMap(onefit.optimizers.Adam()))",
    )


class MultiOptimizer(_Wrapping):
    """Several optimizers for one network: each weight has the one that a map says.

    Args:
        optimizer_map: An `OptimizerMap`, or a function of a variable that returns its
            optimizer; it is asked once for each.
        loss_scale_factor: As of other optimizers; the inner ones get it.
        name: Any name.

    It has no learning rate: the optimizers in `optimizers` have theirs.

    Raises:
        AttributeError: Its learning rate, asked or assigned.
        TypeError: A map that gives no optimizer.

    Example:
        >>> fast, slow = onefit.optimizers.SGD(1.0), onefit.optimizers.SGD(0.1)
        >>> both = MultiOptimizer(OptimizerMap(slow, {"head/.*": fast}))
        >>> w = [onefit.Variable(np.ones(1), name=n) for n in ("a", "b")]
        >>> w[0].path = "head/kernel"
        >>> [v.numpy().item() for v in both.apply([np.ones(1)] * 2, w)]
        [0.0, 0.8999999761581421]

    Source: Keras, the class of this name.
    """

    optimizer_map: Any = setting(convert=_chooser, identity=False)
    loss_scale_factor: float | None = number(default=None, above=0, optional=True)
    name: str | None = setting(default="multi_optimizer", identity=False)
    optimizers: tuple[Optimizer, ...] = setting(default=(), kw_only=True)

    _order = "optimizer_map loss_scale_factor name"
    _around = ("optimizer_map", "optimizers")
    _carried = ("_places",)
    _places: ClassVar[tuple[int, ...]] = ()  # of each weight: its optimizer
    _chosen: ClassVar[dict[int, tuple[Any, int]]] = {}  # the same by variable's id

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_chosen", {})
        if isinstance(self.optimizer_map, OptimizerMap):
            for one in self.optimizer_map.optimizer_map.values():
                self._number(one)
            self._number(self.optimizer_map.default_optimizer)

    def _number(self, optimizer: Any) -> int:
        """The place of an optimizer among the inner ones, where it is put if new."""
        optimizer = _mover("MultiOptimizer", optimizer)
        for i, known in enumerate(self.optimizers):
            if known is optimizer:
                return i
        optimizer.loss_scale_factor = self.loss_scale_factor
        object.__setattr__(self, "optimizers", (*self.optimizers, optimizer))
        vars(self).pop("_flat", None)
        return len(self.optimizers) - 1

    @property
    def inner(self) -> tuple[Optimizer, ...]:
        return self.optimizers

    @property
    def elementwise(self) -> bool:
        return False

    @property
    def asks_for_names(self) -> bool:
        return True

    @property
    def schedule(self) -> None:
        return None

    def _rate_now(self) -> NoReturn:
        raise lacking(self, "learning_rate")  # each of `optimizers` has its own

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "learning_rate":
            _ = self.learning_rate
        super().__setattr__(name, value)

    def meet(self, variables: Sequence[Any], listed: Sequence[Any] = ()) -> None:
        for one in listed or variables:
            if not hasattr(one, "path"):
                raise invalid(
                    "MultiOptimizer",
                    "arrays, which have no names",
                    "variables, whose paths say which optimizer moves them",
                    "write onefit.Variable(array, name='w')",
                )
            if id(one) not in self._chosen:
                self._chosen[id(one)] = one, self._number(self.optimizer_map(one))
        places = tuple(self._chosen[id(one)][1] for one in variables)
        object.__setattr__(self, "_places", places)
        vars(self).pop("_flat", None)
        for i, inner in enumerate(self.optimizers):
            own = [v for v, place in zip(variables, places, strict=True) if place == i]
            inner.meet(own)

    # The pure functions --------------------------------------------------------------

    def _split(self, tree: Tree) -> list[dict[int, Array]]:
        """The leaves of each inner optimizer, by their numbers."""
        leaves = jax.tree.leaves(tree)
        if len(leaves) != len(self._places):
            self.meet(leaves)
        parts: list[dict[int, Array]] = [{} for _ in self.optimizers]
        for i, (leaf, place) in enumerate(zip(leaves, self._places, strict=True)):
            parts[place][i] = leaf
        return parts

    def init(self, params: Tree) -> dict[str, Tree]:
        parts = self._split(params)
        pairs = zip(self.optimizers, parts, strict=True)
        inner = tuple(one.init(part) for one, part in pairs)
        return self._begin(params) | {"slots": {"inner": inner}}

    def _each(
        self,
        step: Callable[..., tuple[Tree, Tree]],
        state: dict[str, Tree],
        *trees: Tree,
    ) -> tuple[Tree, dict[str, Tree]]:
        """What a step of each inner optimizer gives, put together again."""
        new: dict[int, Array] = {}
        after = []
        parts = state["slots"]["inner"], *map(self._split, trees)
        for inner, own, *part in zip(self.optimizers, *parts, strict=True):
            # One that has no weights does nothing.
            moved, own = step(inner, own, *part) if part[0] else ({}, own)
            new |= moved
            after.append(own)
        nest = jax.tree.structure(trees[-1])
        moved = nest.unflatten([new[i] for i in range(len(new))])
        return moved, state | {"slots": {"inner": tuple(after)}}

    def update(
        self, grads: Tree, state: dict[str, Tree], params: Tree
    ) -> tuple[Tree, dict[str, Tree]]:
        new, state = self._each(
            lambda one, own, g, w: one.update(g, own, w), state, grads, params
        )
        return new, state | {"iterations": state["iterations"] + 1}

    def finish(self, state: dict[str, Tree], params: Tree) -> Tree:
        kept = self._each(lambda one, own, w: (one.finish(own, w), own), state, params)
        return kept[0]

    def swapped(
        self, state: dict[str, Tree], params: Tree
    ) -> tuple[Tree, dict[str, Tree]]:
        return self._each(lambda one, own, w: one.swapped(own, w), state, params)

    def __repr__(self) -> str:
        return f"MultiOptimizer({self._as_now().optimizer_map!r})"

    def _settings(self) -> Config:
        settings = super()._settings()
        del settings["optimizers"]
        return settings
