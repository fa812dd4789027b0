"""What every optimizer is: a rule for one step, and what all optimizers share."""

import re
import warnings
from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar, Literal, NoReturn, Self, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit import config
from onefit.checks import whole
from onefit.description import Description, attribute, number, off, setting, settings
from onefit.errors import OnefitWarning, invalid
from onefit.optimizers.rules import Rule, full_like, is_traced
from onefit.optimizers.schedules import (
    InverseTimeDecay,
    LearningRateSchedule,
    as_learning_rate,
)
from onefit.programs import Program
from onefit.registry import Registry
from onefit.slots import Slot, is_held
from onefit.spellings import lacking
from onefit.types import Array, ArrayLike, Config, Function, Scalar, Tree
from onefit.variables import Variable, view

__all__ = ["Optimizer"]

KeyPath: TypeAlias = tuple[Any, ...]

optimizers: Registry = Registry("optimizer", "onefit.optimizers")

CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")


def rate(default: float) -> Any:
    """The field of a learning rate: a number, a schedule or a function of the step."""
    return number(default=default, minimum=0, convert=as_learning_rate)


class Optimizer(Description):
    """Base of optimizers. A subclass annotates its settings and writes `rule()`.

    A rule makes changes of gradients, w := w + change; plain gradient descent has the
    change -α·dJ/dw, where α is the learning rate. What all optimizers share is here,
    in Keras' order: the gradients are accumulated, then clipped; the weights decay,
    w := w - α·λ·w; the rule moves them; their moving average follows.

    `init` and `update` are pure, for use inside programs. `apply` is the face: it keeps
    the state between calls and returns the new weights.

    Args:
        learning_rate: α: a number, a schedule, or a function of the step.
        weight_decay: λ; None is none.
        clipnorm: The gradient of each weight array is scaled down to this norm.
        global_clipnorm: All gradients together are scaled down to this norm.
        clipvalue: Each number of a gradient is kept within ± this value.
        use_ema: Whether to follow the weights by a moving average, which replaces
            them at the end of training.
        ema_momentum: β of that average, w̄ := β·w̄ + (1 - β)·w.
        ema_overwrite_frequency: After how many steps it replaces the weights; None is
            only at the end.
        loss_scale_factor: What the loss was multiplied by (`scale_loss`), so that the
            gradients are divided by it.
        gradient_accumulation_steps: How many gradients are averaged for a step.
        name: Any name.

    Raises:
        ValueError: A number out of its range, more than one kind of clipping, a setting
            that it does not have (Keras 2's `lr` is taken as `learning_rate`, and
            its `decay` as InverseTimeDecay(learning_rate, 1, decay)).

    Differs from Keras: with both accumulation and a moving average, the average follows
    the steps of the weights, not those in between. What all optimizers share is given
    by name.

    Example:
        >>> from onefit.optimizers.rules import Rule
        >>> class SignDescent(Optimizer):
        ...     def rule(self):
        ...         def update(grads, slots, params, alpha, step):
        ...             return jnp.sign(grads) * -alpha, slots
        ...         return Rule(lambda params: (), update)
        >>> SignDescent(0.5).apply(jnp.array([3.0, -2.0]), jnp.array([1.0, 1.0]))
        Array([0.5, 1.5], dtype=float32)
    """

    learning_rate: Any = rate(0.001)
    weight_decay: float | None = number(
        default=None, minimum=0, optional=True, kw_only=True
    )
    clipnorm: float | None = number(
        default=None, minimum=0, optional=True, kw_only=True
    )
    clipvalue: float | None = number(
        default=None, minimum=0, optional=True, kw_only=True
    )
    global_clipnorm: float | None = number(
        default=None, minimum=0, optional=True, kw_only=True
    )
    use_ema: bool = setting(default=False, kw_only=True)
    ema_momentum: float = number(default=0.99, minimum=0, maximum=1, kw_only=True)
    ema_overwrite_frequency: int | None = setting(
        default=None, check=whole(1, optional=True), kw_only=True
    )
    loss_scale_factor: float | None = number(
        default=None, above=0, optional=True, kw_only=True
    )
    gradient_accumulation_steps: int | None = setting(
        default=None, check=whole(2, optional=True), kw_only=True
    )
    name: str | None = setting(default=None, kw_only=True, identity=False)

    _mutable: ClassVar[frozenset[str]] = frozenset(
        {"name", "learning_rate", "loss_scale_factor"}
    )
    _carried = ("_spared",)
    older = frozenset({"lr", "decay"})
    _unseen = Description._unseen | {"_state", "_shapes", "_variables", "_excluded"}
    _made: ClassVar[bool] = False
    _excluded: tuple[list[Any], list[str]] | None = attribute(None)
    _spared: tuple[bool, ...] = attribute(())  # which weights do not decay
    _state = Slot()
    _shapes: ClassVar[Tree] = None
    _variables: ClassVar[list[Any]] = []
    separable: ClassVar[bool] = True
    """Whether the rule treats each number by itself, wherever it stands."""
    step_size: ClassVar[Literal["rate", "gradient"] | None] = None
    """A weight's step: 'rate' is about α, whatever its gradient; 'gradient' α·dJ/dw."""
    slots: ClassVar[tuple[tuple[str, ...], ...] | None] = None
    """Where in its state the rule has what Keras' optimizer keeps, in Keras' order.

    Each is a path ("momentum.trace"), with "-" before it where Keras has the opposite
    sign and "=" where it is one number for all weights. Those of one group alternate in
    Keras, weight by weight. None if Keras has no such optimizer.
    """

    @classmethod
    def _today(cls, given: dict[str, Any]) -> dict[str, Any]:
        known, given = settings(cls), super()._today(given)
        if "lr" not in known and "learning_rate" not in given and "lr" in given:
            given["learning_rate"] = given.pop("lr")
        decay = 0.0 if "decay" in known else given.pop("decay", 0.0)
        if decay:
            start = given.get("learning_rate", cls._fields["learning_rate"].default)
            given["learning_rate"] = InverseTimeDecay(start, 1, decay)
        return given

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if "learning_rate" in own and not isinstance(own["learning_rate"], property):
            del cls.learning_rate  # a default: it is read as `_rate_now` says
        if not abstract:
            optimizers.add(cls, **{cls.__name__.lower(): cls})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name is None:
            object.__setattr__(self, "name", type(self).__name__.lower())
        clips = [name for name in CLIPS if getattr(self, name) is not None]
        if len(clips) > 1:
            raise invalid(
                type(self).__name__,
                " and ".join(f"{n}={getattr(self, n)!r}" for n in clips),
                "one kind of clipping",
                f"keep only {clips[0]}",
            )

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "learning_rate" and self._made:
            value = self.replace(learning_rate=value)._rate
            value = _written(value) if isinstance(value, np.ndarray) else value
            if self._state is not None and not isinstance(value, LearningRateSchedule):
                dtype = self._state["learning_rate"].dtype
                self._state["learning_rate"] = np.asarray(value, dtype)
                if self.constant_rate:
                    return
        super().__setattr__(name, value)

    def check_change(self, other: Any, name: str) -> None:  # one of its class
        """Refuses what would have the state remember something else."""
        if self._state is None or other._remembers() == self._remembers():
            return
        raise AttributeError(
            f"{type(self).__name__}: received {name}={getattr(other, name)!r} after "
            "its first step; expected a setting that leaves what it remembers. Write "
            f"model.compile(optimizer={other!r}), to begin with another."
        )

    def _remembers(self) -> object:
        return jax.tree.structure(self.init({"w": np.zeros(1, "float32")}))

    # The pure functions -------------------------------------------------------------

    def rule(self) -> Rule:
        """The pair of functions that turns gradients into changes."""
        raise NotImplementedError(f"{type(self).__name__} has no rule method")

    @property
    def elementwise(self) -> bool:
        """Whether all weights can be updated as one long vector, to the same effect."""
        whole = self._spared or self._excluded
        return self.separable and off(self.clipnorm) and not whole

    @property
    def constant_rate(self) -> bool:
        """Whether the learning rate is a number rather than a schedule."""
        return self.schedule is None

    @property
    def schedule(self) -> LearningRateSchedule | None:
        """The schedule that the learning rate follows, None for a number."""
        rate = self._rate
        return rate if isinstance(rate, LearningRateSchedule) else None

    @property
    def _rate(self) -> Any:
        """The learning rate that a fresh state begins with: a number or a schedule."""
        return vars(self)["learning_rate"]

    def _rate_now(self) -> Any:
        """The learning rate: a variable; of a schedule, its value at the next step."""
        if not self._made:  # inside a program: the setting itself
            return self._rate
        if self.constant_rate:
            return self._view("learning_rate")
        state = self.state
        return self._rate(0 if state is None else state["iterations"])

    def init(self, params: Tree) -> dict[str, Tree]:
        """The state before the first step.

        `iterations` counts the calls of `update`; `learning_rate` is α, and may be
        changed between them. With a schedule it is the α of the last step, for the
        reader only. `slots` is what the rule remembers; `accumulated` and `average`
        are there when they are used.
        """
        slots = self.rule().init(params)
        return self._with_sums(self._begin(params) | {"slots": slots}, params)

    def _with_sums(self, state: dict[str, Tree], params: Tree) -> dict[str, Tree]:
        """The state, with what accumulation and the moving average need."""
        if self.gradient_accumulation_steps:
            state["accumulated"] = full_like(params)
        if self.use_ema:
            state["average"] = full_like(params)
        return state

    def update(
        self, grads: Tree, state: dict[str, Tree], params: Tree
    ) -> tuple[Tree, dict[str, Tree]]:
        """One step: (new weights, new state)."""
        # In one float type from here on, whether or not they are inputs of a program.
        dtype = jnp.result_type(state["learning_rate"])
        settled = jax.tree.map(lambda x: _cast(x, dtype), self)
        new = settled._update(grads, state, params)
        # Each weight keeps its type: a layer may have one of its own.
        return jax.tree.map(lambda a, old: a.astype(old.dtype), new, (params, state))

    def _update(
        self, grads: Tree, state: dict[str, Tree], params: Tree
    ) -> tuple[Tree, dict[str, Tree]]:
        count = state["iterations"]
        if not self.constant_rate:
            alpha = self._rate(count).astype(state["learning_rate"].dtype)
            state = state | {"learning_rate": alpha}
        if self.loss_scale_factor is not None:
            scale = self.loss_scale_factor
            grads = jax.tree.map(lambda g: g / scale, grads)
        every = self.gradient_accumulation_steps
        if every is None:
            params, new = self._step(grads, state, params, count + 1)
        else:
            total = jax.tree.map(jnp.add, state["accumulated"], grads)
            mean = jax.tree.map(lambda g: g / every, total)
            moved, new = self._step(mean, state, params, count // every + 1)
            new["accumulated"] = full_like(params)
            due = (count + 1) % every == 0
            params, new = jax.tree.map(
                lambda a, b: jnp.where(due, a, b),
                (moved, new),
                (params, state | {"accumulated": total}),
            )
        return params, new | {"iterations": count + 1}

    def _step(
        self, grads: Tree, state: dict[str, Tree], params: Tree, step: Array
    ) -> tuple[Tree, dict[str, Tree]]:
        """One step of the weights, the first being step 1."""
        if not jax.tree.leaves(params):
            return params, state
        alpha, new = state["learning_rate"], dict(state)
        grads = self._clip_gradients(grads)
        params = self._decayed(params, alpha)
        params, new["slots"] = self._moved(grads, state, params, step)
        if self.use_ema:
            gain = jnp.where(step == 1, 1, 1 - self.ema_momentum)
            new["average"] = jax.tree.map(
                lambda a, w: a + (w - a) * gain, state["average"], params
            )
            if self.ema_overwrite_frequency:
                over = step % self.ema_overwrite_frequency == 0
                params = jax.tree.map(
                    lambda a, w: jnp.where(over, a, w), new["average"], params
                )
        return params, new

    def _moved(
        self, grads: Tree, state: dict[str, Tree], params: Tree, step: Array
    ) -> tuple[Tree, Tree]:
        """The weights after the rule's change, and the new slots."""
        alpha = state["learning_rate"]
        change, slots = self.rule().update(
            grads, state["slots"], params, alpha, step.astype(alpha.dtype)
        )
        return jax.tree.map(jnp.add, params, change), slots

    def finish(self, state: dict[str, Tree], params: Tree) -> Tree:
        """The weights to keep when training ends: their average with `use_ema`."""
        if not self.use_ema:
            return params
        moved = state["iterations"] >= (self.gradient_accumulation_steps or 1)
        return jax.tree.map(
            lambda a, w: jnp.where(moved, a, w), state["average"], params
        )

    def swapped(
        self, state: dict[str, Tree], params: Tree
    ) -> tuple[Tree, dict[str, Tree]]:
        """The average of the weights, and a state that has the weights in its place."""
        if not self.use_ema:
            return params, state
        return state["average"], state | {"average": params}

    def loss_scale(self, state: dict[str, Tree] | None) -> Scalar | None:
        """What the loss is multiplied by, and the gradients are divided by."""
        del state
        return self.loss_scale_factor

    def scale_loss(self, loss: Array) -> Array:
        """The loss to differentiate: times the scale that `update` divides by."""
        scale = self.loss_scale(self._state)
        return loss if scale is None else loss * scale

    def _clip_gradients(self, grads: Tree) -> Tree:
        if not off(self.clipvalue):
            most: Any = self.clipvalue
            return jax.tree.map(lambda g: jnp.clip(g, -most, most), grads)
        if not off(self.global_clipnorm):
            scale = _down_to(self.global_clipnorm, jax.tree.leaves(grads))
            return jax.tree.map(lambda g: g * scale, grads)
        if not off(self.clipnorm):
            return jax.tree.map(lambda g: g * _down_to(self.clipnorm, [g]), grads)
        return grads

    def _decayed(self, params: Tree, alpha: Array) -> Tree:
        if self.weight_decay is None or off(self.weight_decay):
            return params
        part = alpha * self.weight_decay
        leaves, nest = jax.tree.flatten(params)
        spared = self._spared or (False,) * len(leaves)
        pairs = zip(leaves, spared, strict=True)
        return nest.unflatten([w if still else w - w * part for w, still in pairs])

    def _begin(self, params: Tree) -> dict[str, Tree]:
        """The numbers of a fresh state: no step, and α in the type of the weights.

        α is 0 while a schedule has not been asked.
        """
        rate = self._rate if self.constant_rate else 0.0
        dtype = jnp.result_type(*(jax.tree.leaves(params) or [config.floatx()]))
        rate = (jnp if is_traced(rate) else np).asarray(rate, dtype)
        return {"iterations": np.zeros((), np.int32), "learning_rate": rate}

    # What it remembers ---------------------------------------------------------------

    @property
    def state(self) -> dict[str, Tree] | None:
        """What `update` goes on with, as `init` describes it; None before any step."""
        return self._state

    @property
    def made_for(self) -> Tree:
        """The shapes of the weights that the state is for, where they are known."""
        return self._shapes

    def remember(self, state: dict[str, Tree] | None, shapes: Tree = None) -> None:
        """Goes on with this state, made for weights of these shapes, if one knows them.

        The learning rate, the count of steps and the slots are there and nowhere else.
        """
        object.__setattr__(self, "_state", state)
        object.__setattr__(self, "_shapes", shapes)

    def forget(self) -> None:
        """Begins anew, with the learning rate as it is now."""
        now = self._as_now()._rate
        self.remember(None)
        super().__setattr__("learning_rate", now)

    def meet(self, variables: Sequence[Any], listed: Sequence[Any] = ()) -> None:
        """Learns which variables the weights are.

        Args:
            variables: A variable for each leaf of the weights, in their order.
            listed: The same in the order that people know, if it is another.
        """
        del listed
        if self._excluded is not None:
            these, patterns = self._excluded
            spared = tuple(
                any(variable is one for one in these)
                or any(re.search(p, getattr(variable, "name", "")) for p in patterns)
                for variable in variables
            )
            self._spared = spared

    @property
    def asks_for_names(self) -> bool:
        """Whether it is to `meet` the variables before its first step."""
        return self._excluded is not None

    def resume(self, params: Tree, weights: Tree) -> dict[str, Tree]:
        """The state for these weights; a fresh one where they are others than before.

        Args:
            params: The weights as `update` will be given them.
            weights: The same weights, each as an array with a shape of its own.
        """
        shapes = jax.tree.map(np.shape, weights)
        if self._state is None or self._shapes != shapes:
            # A state that a file has brought is not known by the weights' shapes.
            fits = self._shapes is None and _shapes_of(self._state) == _shapes_of(
                self.init(params)
            )
            if not fits:
                self.forget()
            self.remember(self._state or self.init(params), shapes)
        assert self._state is not None
        return self._state

    def _as_now(self) -> Self:
        """The settings alone, with the learning rate as it is now."""
        bare = object.__new__(type(self))
        for name, value in vars(self).items():
            if not name.startswith("_") or name in ("_given", *self._carried):
                object.__setattr__(bare, name, value)
        if self._state is not None and self.constant_rate:
            rate = self._state["learning_rate"]
            if np.asarray(self._rate, rate.dtype) != rate:
                object.__setattr__(bare, "learning_rate", _written(rate))
        return bare

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, before its first step."""
        copy = super(Optimizer, self._as_now()).replace(**changes)
        object.__setattr__(copy, "_excluded", self._excluded)
        return copy

    def copied_for(self, variables: Mapping[int, Variable]) -> Self:
        """A copy before its first step, for a copy of the model.

        Args:
            variables: The variable of the copy in place of each of the model's, by
                `id`: those that do not decay there do not decay here.
        """
        copy = self.replace()
        if self._excluded is not None:
            these, patterns = self._excluded
            own = [variables.get(id(variable), variable) for variable in these]
            object.__setattr__(copy, "_excluded", (own, patterns))
        return copy

    def get_config(self) -> Config:
        """The settings as JSON can hold them; the learning rate as it is now."""
        return super(Optimizer, self._as_now()).get_config()

    def __repr__(self) -> str:
        return super(Optimizer, self._as_now()).__repr__()

    # The face -----------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether it has a state for its variables."""
        return self._state is not None

    @property
    def iterations(self) -> Variable:
        """How many steps it has taken."""
        every = self.gradient_accumulation_steps or 1
        return self._view("iterations", lambda count: count // every)

    def _view(self, name: str, shown: Function = lambda value: value) -> Variable:
        """A number of the state as a variable; before the first step as it will be."""
        key = name

        def read() -> Array:
            return shown((self._state or self._begin(()))[key])

        def write(value: Array) -> None:
            if name == "learning_rate" and not is_held(self):
                self.learning_rate = value
            elif self._state is None:
                raise invalid(
                    f"{type(self).__name__}.{name}",
                    "an assignment before the first step",
                    "an optimizer that knows its variables",
                    "write optimizer.build(variables) before it",
                )
            else:
                self._state[key] = value

        name = "iteration" if name == "iterations" else name  # as Keras has it
        path = f"{self.name}/{name}"
        return view(read, write, name=name, path=path, trainable=False, owner=self)

    @property
    def variables(self) -> list[Variable]:
        """What its state is made of: iterations, a constant rate, then the slots."""
        state = self._begin(()) if self._state is None else self._state
        paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(state)]
        places = sorted(enumerate(paths), key=_place)
        found = [self._leaf(path, i) for i, path in places]
        return found if self.constant_rate else [found[0], *found[2:]]

    def __getattr__(self, name: str) -> NoReturn:
        raise lacking(self, name)

    trainable_variables: ClassVar[tuple[Variable, ...]] = ()
    """None of them is trained."""

    def _leaf(self, path: KeyPath, i: int) -> Variable:
        """A number, or an array, of the state as a variable."""
        if len(path) == 1 and path[0].key in ("iterations", "learning_rate"):
            return self._view(path[0].key)

        def write(value: Array) -> None:
            leaves, nest = jax.tree.flatten(self._state)
            leaves[i] = value
            self.remember(nest.unflatten(leaves), self._shapes)

        name = jax.tree_util.keystr(path, simple=True, separator="_")
        name = name.removeprefix("slots_")
        full = f"{self.name}/{name}"
        read = lambda: jax.tree.leaves(self._state)[i]  # noqa: E731
        return view(read, write, name=name, path=full, trainable=False, owner=self)

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Array],
        grads: Sequence[Array],
        trainable_variables: Sequence[Array],
    ) -> tuple[list[Array], list[Array]]:
        """One step as a pure function: (new trainable variables, new state).

        Args:
            optimizer_variables: The state as `variables` lists it, after `build`.
            grads: The gradient of each trainable variable.
            trainable_variables: The weights, as arrays.

        Example:
            >>> sgd = onefit.optimizers.SGD(0.5)
            >>> w = jnp.array([1.0, 2.0])
            >>> sgd.build([w])
            >>> state = [v.value for v in sgd.variables]
            >>> sgd.stateless_apply(state, [jnp.ones(2)], [w])[0]
            [Array([0.5, 1.5], dtype=float32)]
        """
        nest = jax.tree.structure(self.init(list(trainable_variables)))
        paths = [
            path
            for path, _ in jax.tree_util.tree_leaves_with_path(
                nest.unflatten(range(nest.num_leaves))
            )
        ]
        order = [i for i, _ in sorted(enumerate(paths), key=_place)]
        leaves = dict(zip(order, optimizer_variables, strict=True))
        state = nest.unflatten([leaves[i] for i in range(len(order))])
        new, state = self.update(list(grads), state, list(trainable_variables))
        leaves = jax.tree.leaves(state)
        return list(new), [leaves[i] for i in order]

    def build(self, variables: Iterable[Variable | ArrayLike]) -> None:
        """Makes the state for these variables, as before the first step."""
        given = list(variables)
        arrays = _arrays(given)
        object.__setattr__(self, "_variables", given)
        self.meet(given)
        self.resume(arrays, arrays)

    def apply(self, grads: Tree, trainable_variables: Tree = None) -> Tree:
        """The variables after one step; the state is kept for the next.

        Variables (`onefit.variables.Variable`) are changed. Of arrays the new ones are
        returned. After a fit its slots begin anew, since a fit arranges them otherwise;
        the learning rate stays.

        Args:
            grads: The gradient of each variable: a list, or any nest of arrays. A
                variable whose gradient is None stays as it is, with a warning, and so
                do its slots.
            trainable_variables: The variables or arrays that they belong to, in a nest
                like it; unless given, those that `build` was given.

        Raises:
            ValueError: Gradients that do not fit the variables, variables of other
                shapes than at the first call, no gradient at all.
        """
        where = f"{type(self).__name__}.apply"
        variables = (
            self._variables if trainable_variables is None else (trainable_variables)
        )
        if isinstance(grads, tuple) and isinstance(variables, list):
            grads = list(grads)  # what jax.grad returns for many arguments
        arrays = _arrays(variables)
        grads, missing = _filled(where, grads, variables)
        shapes = [jax.tree.map(np.shape, tree) for tree in (grads, arrays)]
        if shapes[0] != shapes[1]:
            raise invalid(
                where,
                f"gradients of shapes {shapes[0]}",
                f"those of the variables, {shapes[1]}",
                "write optimizer.apply(grads, variables) in one order",
            )
        of_fit = isinstance(self._shapes, tuple) and isinstance(arrays, list)
        if self._shapes not in (None, shapes[1]) and not of_fit:
            raise invalid(
                where,
                f"variables of shapes {shapes[1]}",
                f"those of its first step, {self._shapes}",
                "make another optimizer for other variables",
            )
        if self._state is None:
            if isinstance(variables, list):
                object.__setattr__(self, "_variables", variables)
            self.meet(jax.tree.leaves(variables, is_leaf=_is_variable))
        before = self.resume(arrays, arrays)
        new, state = _update(self, grads, before, arrays)
        self.remember(self._kept(before, state, arrays, missing), shapes[1])
        return _put(variables, new, missing)

    def _kept(self, before: Tree, after: Tree, arrays: Tree, missing: set[int]) -> Tree:
        """The state after a step; the slots of variables without a step stay."""
        if not missing:
            return after
        paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(arrays)]

        def leaf(path: KeyPath, old: Array, new: Array) -> Array:
            stays = any(_is_slot_of(path, paths[i], i) for i in missing)
            return old if stays else new

        return jax.tree_util.tree_map_with_path(leaf, before, after)

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Tree, Tree]]
    ) -> list[Tree]:
        """`apply` for pairs: `w, b = optimizer.apply_gradients(zip(grads, [w, b]))`."""
        grads, variables = zip(*grads_and_vars, strict=True)
        return self.apply(list(grads), list(variables))

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[Variable] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        """Names weights that do not decay; to be called before the first step.

        Args:
            var_list: Variables.
            var_names: Patterns; one that is found in a variable's name excludes it.

        Example:
            >>> adam = onefit.optimizers.AdamW(0.1, weight_decay=0.5)
            >>> adam.exclude_from_weight_decay(var_names=["bias"])
        """
        if self.built:
            raise invalid(
                f"{type(self).__name__}.exclude_from_weight_decay",
                "a call after the first step",
                "a call before the optimizer has a state",
                "call it before fit, apply and build",
            )
        self._excluded = list(var_list or ()), list(var_names or ())

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replaces the arrays of `variables`, in their order.

        Raises:
            ValueError: Before `build`, a wrong number of arrays, or a wrong shape.
        """
        where, own = f"{type(self).__name__}.set_weights", self.variables
        if not self.built:
            raise invalid(
                where,
                "a call before the first step",
                "an optimizer that knows its variables",
                "write optimizer.build(variables) before it",
            )
        if len(weights) != len(own):
            raise invalid(
                where,
                f"{len(weights)} arrays",
                f"{len(own)}, one for each in optimizer.variables",
            )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Writes the arrays of `variables` to a dict or a group, by their numbers."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Takes the arrays that `save_own_variables` has written.

        Raises:
            ValueError: As `set_weights`.
        """
        self.set_weights([np.asarray(store[str(i)]) for i in range(len(store))])

    def assign(self, variable: Variable, value: ArrayLike) -> None:
        """Replaces the array of a variable: what an `update_step` does."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: ArrayLike) -> None:
        """Adds to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: ArrayLike) -> None:
        """Subtracts from a variable."""
        variable.assign_sub(value)

    def finalize_variable_values(self, variables: Tree) -> Tree:
        """The variables to keep when training ends: their average with `use_ema`."""
        if self._state is None:
            return variables
        return _put(variables, _finish(self, self._state, _arrays(variables)))


def _store_rate(optimizer: Optimizer, value: object) -> None:
    vars(optimizer)["learning_rate"] = value


# A field of the settings, but read through the state once there is one.
_now = property(lambda optimizer: optimizer._rate_now(), _store_rate)
setattr(Optimizer, "learning_rate", _now)  # noqa: B010


def _written(rate: Array) -> float:
    """A rate with no more digits than its type has: 0.1 rather than 0.100000001."""
    return float(str(np.asarray(rate)))


def _place(numbered: tuple[int, KeyPath]) -> tuple[int, int]:
    """Where Keras lists a leaf of the state: the two numbers first."""
    i, path = numbered
    first = ("iterations", "learning_rate")
    return (first.index(path[0].key) if path[0].key in first else len(first)), i


def _is_variable(value: object) -> bool:
    return isinstance(value, Variable)


def _is_sparse(value: object) -> bool:
    """Whether it is a gradient of few rows, as jax.experimental.sparse has them."""
    return hasattr(value, "todense")


def _is_leaf(value: object) -> bool:
    return _is_variable(value) or _is_sparse(value)


def _arrays(variables: Tree) -> Tree:
    """Variables, or arrays, as arrays of floats."""
    return jax.tree.map(_as_float, variables, is_leaf=_is_leaf)


def _shapes_of(state: Tree) -> Tree:
    return jax.tree.map(np.shape, state)


def _put(variables: Tree, new: Tree, but: Collection[int] = ()) -> Tree:
    """Assigns new arrays to variables, and returns these or, for arrays, the new ones.

    Those whose number is in `but` stay as they are.
    """
    given, nest = jax.tree.flatten(variables, is_leaf=_is_variable)
    leaves = jax.tree.leaves(new)
    for i, (old, value) in enumerate(zip(given, leaves, strict=True)):
        if i in but:
            leaves[i] = old
        elif isinstance(old, Variable):
            held = value if old.constraint is None else old.constraint(value)
            leaves[i] = old.assign(held)
    return nest.unflatten(leaves)


def _filled(where: str, grads: Tree, variables: Tree) -> tuple[Tree, set[int]]:
    """The gradients with zeros for those that are None, and which those are."""
    given, nest = jax.tree.flatten(variables, is_leaf=_is_variable)
    try:
        leaves = nest.flatten_up_to(grads)
    except ValueError:  # another nest, whose shapes are compared
        return _arrays(grads), set()
    missing = {i for i, g in enumerate(leaves) if g is None}
    if given and len(missing) == len(given):
        raise invalid(
            where,
            "no gradient, each being None,",
            "the gradient of each variable",
            "take the gradients of a loss that depends on the variables",
        )
    if missing:
        names = [getattr(given[i], "path", f"number {i}") for i in sorted(missing)]
        warnings.warn(
            f"{where}: there is no gradient for {', '.join(names)}: these variables "
            "stay as they are. Take the gradients of a loss that depends on them, or "
            "leave them out.",
            OnefitWarning,
            stacklevel=3,
        )
    pairs = zip(leaves, given, strict=True)
    filled = [np.zeros(np.shape(v)) if g is None else g for g, v in pairs]
    return nest.unflatten([_as_float(g) for g in filled]), missing


def _is_slot_of(path: KeyPath, own: KeyPath, number: int) -> bool:
    """Whether a path in the state is of the weight with this path and this number.

    It ends in the weight's path, or in names beneath it; where a rule sorts the weights
    by kinds, in its number.
    """
    key = jax.tree_util.DictKey
    ends = list(path)
    while len(ends) > len(own) and tuple(ends[-len(own) :]) != own:
        if not isinstance(ends.pop(), key):
            return False
    return len(ends) > len(own) or path[-1] == key(number)


@Program
def _update(optimizer: Optimizer, grads: Tree, state: Tree, w: Tree) -> Tree:
    return optimizer.update(grads, state, w)


@Program
def _finish(optimizer: Optimizer, state: dict[str, Tree], w: Tree) -> Tree:
    return optimizer.finish(state, w)


def _cast(x: Scalar, dtype: DTypeLike) -> Scalar:
    """A setting in the float type of the weights; whole numbers stay whole."""
    inexact = jnp.issubdtype(jnp.result_type(x), jnp.inexact)
    return jnp.asarray(x, dtype) if inexact else x


def _down_to(norm: Any, grads: list[Array]) -> Array:
    """The factor, 1 at most, that brings these gradients down to a norm."""
    squares = sum(jnp.sum(jnp.square(g)) for g in grads)
    return norm / jnp.maximum(jnp.sqrt(squares), norm)


def _as_float(x: Variable | ArrayLike) -> Array:
    given: Any = x.value if isinstance(x, Variable) else x
    x = given.todense() if _is_sparse(given) else given
    if isinstance(x, jax.Array):
        return x
    x = np.asarray(x)
    return x.astype(config.floatx()) if x.dtype.kind in "iub" or x.itemsize == 8 else x
