"""What every optimizer is: a rule for one step, and what all optimizers share."""

import dataclasses
from collections.abc import Iterable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.description import Description, number, off, setting
from onefit.errors import invalid, is_whole
from onefit.optimizers.rules import Rule, full_like, is_traced
from onefit.optimizers.schedules import LearningRateSchedule, as_learning_rate
from onefit.registry import Registry
from onefit.types import Array, Tree

__all__ = ["Optimizer", "optimizers"]

optimizers: Registry = Registry("optimizer", "onefit.optimizers")

CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")


def at_least(minimum: int) -> Any:
    """For `setting(check=...)`: refuses all but None and whole numbers from here up."""

    def check(where: str, name: str, value: Any) -> None:
        if value is None:
            return
        if not is_whole(value, minimum):
            raise invalid(
                where, f"{name}={value!r}", f"None or a whole number, {minimum} or more"
            )

    return check


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
        clipvalue: Each number of a gradient is held within ± this value.
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
        ValueError: A number out of its range, more than one kind of clipping.
        TypeError: A setting that it does not have (`lr` is `learning_rate`).

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
        default=None, check=at_least(1), kw_only=True
    )
    loss_scale_factor: float | None = number(
        default=None, above=0, optional=True, kw_only=True
    )
    gradient_accumulation_steps: int | None = setting(
        default=None, check=at_least(2), kw_only=True
    )
    name: str | None = setting(default=None, kw_only=True, identity=False)

    _mutable: ClassVar[frozenset[str]] = frozenset({"name", "learning_rate"})
    _state: ClassVar[dict[str, Any] | None] = None
    _shapes: ClassVar[Any] = None
    separable: ClassVar[bool] = True
    """Whether the rule treats each number by itself, wherever it stands."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
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
        if name == "learning_rate" and getattr(self, "_made", False):
            value = dataclasses.replace(self, learning_rate=value).learning_rate
        super().__setattr__(name, value)

    # The pure functions -------------------------------------------------------------

    def rule(self) -> Rule:
        """The pair of functions that turns gradients into changes."""
        raise NotImplementedError(f"{type(self).__name__} has no rule method")

    @property
    def elementwise(self) -> bool:
        """Whether all weights can be updated as one long vector, to the same effect."""
        return self.separable and off(self.clipnorm)

    @property
    def constant_rate(self) -> bool:
        """Whether the learning rate is a number rather than a schedule."""
        return not isinstance(self.learning_rate, LearningRateSchedule)

    def init(self, params: Tree) -> dict[str, Any]:
        """The state before the first step.

        `iterations` counts the calls of `update`; `learning_rate` is α, and may be
        changed between them. With a schedule it is the α of the last step, for the
        reader only. `slots` is what the rule remembers; `accumulated` and `average`
        are there when they are used.
        """
        state = {"iterations": np.zeros((), np.int32)}
        state["learning_rate"] = self._rate_for(params)
        state["slots"] = self.rule().init(params)
        if self.gradient_accumulation_steps:
            state["accumulated"] = full_like(params)
        if self.use_ema:
            state["average"] = full_like(params)
        return state

    def update(
        self, grads: Tree, state: dict[str, Any], params: Tree
    ) -> tuple[Tree, dict[str, Any]]:
        """One step: (new weights, new state)."""
        # In one float type from here on, whether or not they are inputs of a program.
        dtype = jnp.result_type(state["learning_rate"])
        settled = jax.tree.map(lambda x: _cast(x, dtype), self)
        return settled._update(grads, state, params)

    def _update(
        self, grads: Tree, state: dict[str, Any], params: Tree
    ) -> tuple[Tree, dict[str, Any]]:
        count = state["iterations"]
        if not self.constant_rate:
            alpha = self.learning_rate(count).astype(state["learning_rate"].dtype)
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
        self, grads: Tree, state: dict[str, Any], params: Tree, step: Array
    ) -> tuple[Tree, dict[str, Any]]:
        """One step of the weights, the first being step 1."""
        if not jax.tree.leaves(params):
            return params, state
        alpha, new = state["learning_rate"], dict(state)
        grads = self._clipped(grads)
        params = self._decayed(params, alpha)
        change, new["slots"] = self.rule().update(
            grads, state["slots"], params, alpha, step.astype(alpha.dtype)
        )
        params = jax.tree.map(jnp.add, params, change)
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

    def finish(self, state: dict[str, Any], params: Tree) -> Tree:
        """The weights to keep when training ends: their average with `use_ema`."""
        if not self.use_ema:
            return params
        moved = state["iterations"] >= (self.gradient_accumulation_steps or 1)
        return jax.tree.map(
            lambda a, w: jnp.where(moved, a, w), state["average"], params
        )

    def scale_loss(self, loss: Any) -> Any:
        """The loss to differentiate: times the scale that `update` divides by."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def _clipped(self, grads: Tree) -> Tree:
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
        if off(self.weight_decay):
            return params
        part = alpha * self.weight_decay
        return jax.tree.map(lambda w: w - w * part, params)

    def _rate_for(self, params: Tree) -> Any:
        """α in the float type of the weights; 0 while a schedule has not been asked."""
        rate = self.learning_rate if self.constant_rate else 0.0
        dtype = jnp.result_type(*(jax.tree.leaves(params) or [config.floatx()]))
        return (jnp if is_traced(rate) else np).asarray(rate, dtype)

    # The face -----------------------------------------------------------------------

    def apply(self, grads: Tree, variables: Tree) -> Tree:
        """The variables after one step; the state is kept for the next.

        Args:
            grads: The gradient of each variable: a list, or any nest of arrays.
            variables: The arrays that they belong to, in a nest like it.

        Raises:
            ValueError: Gradients that do not fit the variables, or variables of other
                shapes than at the first call.
        """
        if isinstance(grads, tuple) and isinstance(variables, list):
            grads = list(grads)  # what jax.grad returns for many arguments
        grads, variables = jax.tree.map(_as_float, (grads, variables))
        shapes = [jax.tree.map(jnp.shape, tree) for tree in (grads, variables)]
        if shapes[0] != shapes[1]:
            raise invalid(
                f"{type(self).__name__}.apply",
                f"gradients of shapes {shapes[0]}",
                f"those of the variables, {shapes[1]}",
                "write optimizer.apply(grads, variables) in one order",
            )
        state = self.init(variables) if self._state is None else self._state
        if self._shapes not in (None, shapes[1]):
            raise invalid(
                f"{type(self).__name__}.apply",
                f"variables of shapes {shapes[1]}",
                f"those of its first step, {self._shapes}",
                "make another optimizer for other variables",
            )
        if self.constant_rate:
            state = state | {"learning_rate": self._rate_for(variables)}
        variables, state = _update(self, grads, state, variables)
        object.__setattr__(self, "_state", state)
        object.__setattr__(self, "_shapes", shapes[1])
        return variables

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> list[Any]:
        """`apply` for pairs: `w, b = optimizer.apply_gradients(zip(grads, [w, b]))`."""
        grads, variables = zip(*grads_and_vars, strict=True)
        return self.apply(list(grads), list(variables))

    def finalize_variable_values(self, variables: Tree) -> Tree:
        """The variables to keep when training ends: their average with `use_ema`."""
        return (
            variables
            if self._state is None
            else _finish(self, self._state, jax.tree.map(_as_float, variables))
        )

    @property
    def iterations(self) -> int:
        """How many steps `apply` has taken."""
        count = 0 if self._state is None else int(self._state["iterations"])
        return count // (self.gradient_accumulation_steps or 1)


@jax.jit
def _update(optimizer: Optimizer, grads: Tree, state: dict[str, Any], w: Tree) -> Any:
    return optimizer.update(grads, state, w)


@jax.jit
def _finish(optimizer: Optimizer, state: dict[str, Any], w: Tree) -> Any:
    return optimizer.finish(state, w)


def _cast(x: Any, dtype: Any) -> Any:
    """A setting in the float type of the weights; whole numbers stay whole."""
    inexact = jnp.issubdtype(jnp.result_type(x), jnp.inexact)
    return jnp.asarray(x, dtype) if inexact else x


def _down_to(norm: Any, grads: list[Array]) -> Array:
    """The factor, 1 at most, that brings these gradients down to a norm."""
    squares = sum(jnp.sum(jnp.square(g)) for g in grads)
    return norm / jnp.maximum(jnp.sqrt(squares), norm)


def _as_float(x: Any) -> Any:
    if isinstance(x, jax.Array):
        return x
    x = np.asarray(x)
    return x.astype(config.floatx()) if x.dtype.kind in "iub" or x.itemsize == 8 else x
