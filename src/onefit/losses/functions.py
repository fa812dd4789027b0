# ruff: noqa: D102
"""Losses and functions: each loss as a function, and any function as a loss."""

import inspect
from collections.abc import Callable
from typing import Any

from onefit.description import setting
from onefit.errors import mistyped
from onefit.losses.base import Compares, Loss, losses
from onefit.registry import snake_case
from onefit.types import Array, Function, Identifier

__all__ = ["LossFunctionWrapper", "per_example"]


def _function(fn: Identifier) -> Function:
    fn = losses.get(fn)
    if not callable(fn):
        raise mistyped(
            "loss",
            repr(fn),
            "a function of (y_true, y_pred)",
            "write a loss's name, such as 'mse', or a function",
        )
    return fn


class LossFunctionWrapper(Loss):
    """A plain function f(y_true, y_pred) as a loss: `losses.get(f)` makes it.

    Args:
        fn: Gives the loss of each example, (batch, ...), in jax.numpy.

    Where y_true and y_pred differ by a last axis of size 1, both get one rank first.
    A function that was added to the registry (`losses.add(f)`) can be saved by name.

    Example:
        >>> def fourth_power(y_true, y_pred):
        ...     return jnp.mean((y_pred - y_true) ** 4, axis=-1)
        >>> loss = LossFunctionWrapper(fourth_power)
        >>> loss.name, float(loss([0.0, 0.0], [[1.0], [2.0]]))
        ('fourth_power', 8.5)
    """

    by_row = False  # a function may do anything
    function_in = "fn"
    """The setting that it stands for: files have the function alone."""

    fn: Any = setting(convert=_function)

    @property
    def compares(self) -> Compares | None:  # pyright: ignore[reportIncompatibleVariableOverride] - of its function
        """What the function says that it compares: `f.compares = "regression"`."""
        return getattr(self.fn, "compares", None)

    def __post_init__(self) -> None:
        named = self.name is not None
        super().__post_init__()
        if not named:
            name = getattr(self.fn, "__name__", snake_case(type(self.fn).__name__))
            object.__setattr__(self, "name", name.strip("<>"))

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return self.fn(*self.pair(y_true, y_pred))


def per_example(loss: type[Loss]) -> Callable[..., Array]:
    """The function form of a loss: the loss of each example, not weighed, not reduced.

    It takes y_true, y_pred and the loss's settings, by place or by name.
    """
    shared = ("name", "reduction", "dtype")
    settings = inspect.signature(loss).parameters.values()
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arrays = [inspect.Parameter(name, either) for name in ("y_true", "y_pred")]
    signature = inspect.Signature(
        [*arrays, *(p for p in settings if p.name not in shared)]
    )

    def function(*args: Any, **kwargs: Any) -> Array:
        given = signature.bind(*args, **kwargs).arguments
        y_true, y_pred = given.pop("y_true"), given.pop("y_pred")
        return loss(**given).values(y_true, y_pred)

    function.__name__ = function.__qualname__ = snake_case(loss.__name__)
    function.__module__ = loss.__module__
    function.__doc__ = f"The loss of each example, as in `{loss.__name__}`."
    vars(function).update(__signature__=signature, loss_class=loss)
    loss.function = function
    return function
