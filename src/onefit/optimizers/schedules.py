# ruff: noqa: D102
"""Learning rate schedules: the rate α as a function of the step."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from onefit.checks import whole
from onefit.custom import CustomObjectScope
from onefit.description import Description, number, setting
from onefit.errors import invalid, mistyped
from onefit.programs import Program
from onefit.registry import Registry
from onefit.types import Array, ArrayLike, Config, Identifier

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "CosineLogCycles",
    "ExponentialDecay",
    "FlatCosineDecay",
    "FunctionSchedule",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "get",
    "serialize",
]

schedules: Registry = Registry("learning rate schedule", "onefit.optimizers.schedules")


class LearningRateSchedule(Description):
    """Base of schedules. A subclass writes `rate(step)`, where the first step is 0.

    `rate` is pure and takes a float, or an array of them; called, a schedule takes any
    number, and is one program.

    >>> class Halving(LearningRateSchedule):
    ...     start: float = number(default=0.1)
    ...     def rate(self, step):
    ...         return self.start / 2**step
    >>> Halving(0.8)(2)
    Array(0.2, dtype=float32)
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        schedules.add(cls)

    def rate(self, step: Array) -> ArrayLike:
        """The learning rate of this step."""
        raise NotImplementedError(f"{type(self).__name__} has no rate method")

    def __call__(self, step: ArrayLike) -> Array:
        """The learning rate of a step, or of an array of steps."""
        return _rate(self, step)


@Program
def _rate(schedule: LearningRateSchedule, step: ArrayLike) -> Array:
    return jnp.asarray(schedule.rate(jnp.asarray(step, jnp.result_type(float))))


def get(identifier: object) -> LearningRateSchedule | None:
    """The schedule that a name, a config or an object means."""
    return schedules.get(identifier)


def as_learning_rate(value: ArrayLike) -> Any:
    """What users write for a learning rate, as a number or a schedule."""
    if isinstance(value, dict):
        return get(value)
    if callable(value) and not isinstance(value, LearningRateSchedule):
        return FunctionSchedule(value)
    return value


def _takes_a_step(where: str, name: str, value: ArrayLike) -> None:
    """Refuses what cannot be called with one step."""
    if not isinstance(value, type) and callable(value):
        try:
            inspect.signature(value).bind(0)
            return
        except TypeError:
            pass
    raise mistyped(
        "learning_rate" if where == "FunctionSchedule" else where,
        repr(value),
        "a number, a schedule or a function of the step",
        "write ExponentialDecay(0.1, 1000, 0.9) or `lambda step: 0.1 / (1 + step)`",
    )


class FunctionSchedule(LearningRateSchedule):
    """The rate that a plain function of the step gives; it must be traceable by JAX.

    Made when a function is given as a learning rate. Differs from Keras: the function
    takes the step, since one without arguments would be a constant of the program.

    >>> FunctionSchedule(lambda step: 0.1 / (1 + step))(3)
    Array(0.025, dtype=float32)
    """

    function_in = "function"
    """The setting that it stands for: files have the function alone."""

    function: Callable[[Any], Any] = setting(check=_takes_a_step)

    def rate(self, step: Array) -> ArrayLike:
        return self.function(step)


class _ByRate(Description):
    """What decays by a rate every `decay_steps` steps, continuously or at once."""

    initial_learning_rate: float = number(minimum=0)
    decay_steps: float = number(above=0)
    decay_rate: float = number(minimum=0)
    staircase: bool = False

    def progress(self, step: Array) -> Array:
        """How often the rate has acted."""
        p = step / self.decay_steps
        return jnp.floor(p) if self.staircase else p


class ExponentialDecay(_ByRate, LearningRateSchedule):
    """α = α₀·r^(step / n): times r every n steps.

    Args:
        initial_learning_rate: α₀.
        decay_steps: n, above 0.
        decay_rate: r.
        staircase: Whether step / n is rounded down, so that α falls in stairs.
        name: Any name.

    Example:
        >>> ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
        Array(0.025, dtype=float32)
    """

    name: str = setting(default="ExponentialDecay", identity=False)

    def rate(self, step: Array) -> ArrayLike:
        return self.initial_learning_rate * jnp.power(
            self.decay_rate, self.progress(step)
        )


class InverseTimeDecay(_ByRate, LearningRateSchedule):
    """α = α₀ / (1 + r·step / n).

    Args:
        initial_learning_rate: α₀.
        decay_steps: n, above 0.
        decay_rate: r.
        staircase: Whether step / n is rounded down, so that α falls in stairs.
        name: Any name.

    Example:
        >>> InverseTimeDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
        Array(0.05, dtype=float32)
    """

    name: str = setting(default="InverseTimeDecay", identity=False)

    def rate(self, step: Array) -> ArrayLike:
        return self.initial_learning_rate / (1 + self.decay_rate * self.progress(step))


class PolynomialDecay(LearningRateSchedule):
    """α = (α₀ - α₁)·(1 - step / n)^power + α₁, from α₀ down to α₁ in n steps.

    Args:
        initial_learning_rate: α₀.
        decay_steps: n, above 0. After it α stays at α₁.
        end_learning_rate: α₁.
        power: 1 is a straight line.
        cycle: Whether n is doubled, tripled and so on instead when it is passed, so
            that α rises again.
        name: Any name.

    Example:
        >>> PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0)(50)
        Array(0.05, dtype=float32)
    """

    initial_learning_rate: float = number(minimum=0)
    decay_steps: float = number(above=0)
    end_learning_rate: float = number(default=0.0001, minimum=0)
    power: float = number(default=1.0)
    cycle: bool = False
    name: str = setting(default="PolynomialDecay", identity=False)

    def rate(self, step: Array) -> ArrayLike:
        n = self.decay_steps
        if self.cycle:
            n = n * jnp.maximum(jnp.ceil(step / n), 1)
        left = 1 - jnp.minimum(step / n, 1)
        start, end = self.initial_learning_rate, self.end_learning_rate
        return (start - end) * left**self.power + end


class PiecewiseConstantDecay(LearningRateSchedule):
    """α = values[i] up to and including step boundaries[i], the last value after.

    Args:
        boundaries: Steps, each above the one before it.
        values: The rates, one more than there are boundaries.
        name: Any name.

    Example:
        >>> schedule = PiecewiseConstantDecay([100, 200], [0.5, 0.25, 0.125])
        >>> schedule(np.array([0, 100, 101, 300]))
        Array([0.5  , 0.5  , 0.25 , 0.125], dtype=float32)
    """

    boundaries: Any = number(convert=tuple)
    values: Any = number(convert=tuple)
    name: str = setting(default="PiecewiseConstant", identity=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.values) != len(self.boundaries) + 1:
            raise invalid(
                type(self).__name__,
                f"{len(self.values)} values for {len(self.boundaries)} steps",
                "one value more than boundaries",
                "the last value is the rate after the last boundary",
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise invalid(
                type(self).__name__,
                f"boundaries={list(self.boundaries)}",
                "steps that rise, such as [1000, 2000]",
            )

    def rate(self, step: Array) -> ArrayLike:
        rate = jnp.full_like(step, self.values[0])
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = jnp.where(step > boundary, value, rate)
        return rate


def _cosine(fraction: Array) -> Array:
    """From 1 to 0 along half a cosine as the fraction goes from 0 to 1."""
    return 0.5 * (1 + jnp.cos(math.pi * fraction))


class CosineDecay(LearningRateSchedule):
    """α = α₀·((1 - a)·½(1 + cos(π·step / n)) + a), after a straight warm-up if any.

    Args:
        initial_learning_rate: α₀; with a warm-up, where it starts.
        decay_steps: n, above 0, counted from the end of the warm-up.
        alpha: a, the last rate as a fraction of the highest.
        name: Any name.
        warmup_target: The rate at the end of the warm-up, from where it decays. None
            is no warm-up.
        warmup_steps: How many steps it takes to get there.

    Example:
        >>> CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=10)(5)
        Array(0.05, dtype=float32)

    Source: Loshchilov and Hutter, "SGDR", 2017; Goyal et al., 2017, for the warm-up.
    """

    initial_learning_rate: float = number(minimum=0)
    decay_steps: float = number(above=0)
    alpha: float = number(default=0.0, minimum=0)
    name: str = setting(default="CosineDecay", identity=False)
    warmup_target: float | None = number(default=None, minimum=0, optional=True)
    warmup_steps: float = number(default=0, minimum=0)

    def rate(self, step: Array) -> ArrayLike:
        start, top, warmup = self.initial_learning_rate, self.warmup_target, 0
        if top is None:
            top = start
        else:
            warmup = self.warmup_steps
        fraction = jnp.clip((step - warmup) / self.decay_steps, 0, 1)
        rate = top * ((1 - self.alpha) * _cosine(fraction) + self.alpha)
        if self.warmup_target is None:
            return rate
        # A warm-up of no steps is over before it divides by them.
        rising = start + (top - start) * step / jnp.maximum(warmup, 1)
        return jnp.where(step < warmup, rising, rate)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decays one after another: the i-th starts at α₀·mⁱ and takes n·tⁱ steps.

    Args:
        initial_learning_rate: α₀.
        first_decay_steps: n, above 0.
        t_mul: t, how much longer each decay is than the one before.
        m_mul: m, how much higher each one starts.
        alpha: The end of each decay, as a fraction of α₀.
        name: Any name.

    Differs from Keras: in float32 a decay may start one step late there, when the
    logarithm that counts the decays is rounded down.

    Example:
        >>> CosineDecayRestarts(0.1, first_decay_steps=10)(np.array([0, 5, 10, 20]))
        Array([0.1 , 0.05, 0.1 , 0.05], dtype=float32)

    Source: Loshchilov and Hutter, "SGDR", 2017.
    """

    initial_learning_rate: float = number(minimum=0)
    first_decay_steps: float = number(above=0)
    t_mul: float = number(default=2.0, above=0)
    m_mul: float = number(default=1.0, minimum=0)
    alpha: float = number(default=0.0, minimum=0)
    name: str = setting(default="SGDRDecay", identity=False)

    def rate(self, step: Array) -> ArrayLike:
        x, t = step / self.first_decay_steps, self.t_mul
        same = t == 1

        def begins(i: Array) -> Array:
            """Where decay i begins: 1 + t + ... + t^(i-1) = (tⁱ - 1) / (t - 1)."""
            return jnp.where(same, i, (t**i - 1) / jnp.where(same, 1, t - 1))

        logarithm = jnp.log(1 + x * (t - 1)) / jnp.where(same, 1, jnp.log(t))
        i = jnp.where(same, jnp.floor(x), jnp.round(logarithm))
        # Rounding up may have gone one too far; not so where only digits are missing.
        i = jnp.where(x * (1 + 8 * jnp.finfo(x.dtype).eps) < begins(i), i - 1, i)
        fraction = (x - begins(i)) / t**i
        cosine = self.m_mul**i * _cosine(fraction)
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)


class CosineLogCycles(LearningRateSchedule):
    """Cosine waves, each twice as long: α = α₀·½(1 - cos(2π·log₂(1 + p·t))).

    t = step / n, at most 1, and p = 2^cycles - 1, so that there are `cycles` waves in n
    steps; at both ends, and between two waves, α is 0.

    Args:
        initial_learning_rate: α₀, the top of each wave.
        decay_steps: n, above 0.
        cycles: How many waves.
        name: Any name.

    Example:
        >>> CosineLogCycles(0.1, 15, cycles=4)(np.array([0, 1, 3, 5, 15])).round(3)
        Array([0.   , 0.   , 0.   , 0.093, 0.   ], dtype=float32)

    Source: Howard and others' fastai, as in Holzmüller, Grinsztajn and Steinwart 2024,
    "Better by default", arXiv:2407.04491, "coslog4".
    """

    initial_learning_rate: float = number(minimum=0)
    decay_steps: float = number(above=0)
    cycles: int = setting(default=4, check=whole(1))
    name: str = setting(default="CosineLogCycles", identity=False)

    def rate(self, step: Array) -> ArrayLike:
        t = jnp.clip(step / self.decay_steps, 0, 1)
        waves = jnp.log2(1 + (2**self.cycles - 1) * t)
        return self.initial_learning_rate * _cosine(2 * waves + 1)


class FlatCosineDecay(LearningRateSchedule):
    """α₀ for the first part of n steps, then half a cosine down to 0.

    Args:
        initial_learning_rate: α₀.
        decay_steps: n, above 0.
        flat: The part of the steps before it falls, from 0 to below 1.
        name: Any name.

    Example:
        >>> FlatCosineDecay(1.0, 100)(np.array([0, 50, 100, 120]))
        Array([1., 1., 0., 0.], dtype=float32)

    Source: Holzmüller, Grinsztajn and Steinwart 2024, arXiv:2407.04491, "flat_cos".
    """

    initial_learning_rate: float = number(minimum=0)
    decay_steps: float = number(above=0)
    flat: float = number(default=0.5, minimum=0, below=1)
    name: str = setting(default="FlatCosineDecay", identity=False)

    def rate(self, step: Array) -> ArrayLike:
        falling = (step / self.decay_steps - self.flat) / (1 - self.flat)
        return self.initial_learning_rate * _cosine(jnp.clip(falling, 0, 1))


def serialize(learning_rate_schedule: LearningRateSchedule) -> Config:
    """A schedule as JSON can hold it: its class's name and its settings.

    >>> serialize(ExponentialDecay(0.1, 10, 0.9))["class_name"]
    'ExponentialDecay'
    """
    name = type(learning_rate_schedule).__name__
    return {"class_name": name, "config": learning_rate_schedule.get_config()}


def deserialize(
    config: Config, custom_objects: dict[str, Identifier] | None = None
) -> Any:
    """The schedule that `serialize`, of onefit or Keras, wrote down.

    >>> deserialize(serialize(ExponentialDecay(0.1, 10, 0.9)))
    ExponentialDecay(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.9)
    """
    with CustomObjectScope(custom_objects):
        return schedules.get(config)
