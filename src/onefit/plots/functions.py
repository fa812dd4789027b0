"""Activation functions and their derivatives."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit import activations, config
from onefit.errors import invalid
from onefit.plots.axes import BLUE, RED, drawn, draws
from onefit.plots.panels import panels
from onefit.types import Array, Function, Identifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["activation_functions"]

LECTURES = (
    "linear",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "softplus",
    "gelu",
)


@draws
def activation_functions(
    names: Identifier = None,
    z: tuple[float, float] = (-4.0, 4.0),
    *,
    ax: "Axes | None" = None,
) -> "Axes | np.ndarray":
    """Draws activation functions g(z), solid, and their derivatives g'(z), dashed.

    Args:
        names: A name, a function of jax.numpy or an activation layer; several as a
            list, or as a dict by what they are to be called. The lectures' and the
            usual ones unless given.
        z: From where to where.
        ax: The Axes to draw a single function on; a new figure without one.

    Returns:
        The matplotlib Axes; of several functions an array of them, (function,).

    Raises:
        ValueError: An unknown name; a function of many values at once, such as softmax;
            several functions on one Axes.

    Example:
        >>> ax = activation_functions("relu", z=(-1, 1))
        >>> curve, slope = ax.get_lines()[-2:]
        >>> curve.get_ydata()[[0, -1]].tolist(), slope.get_ydata()[[0, -1]].tolist()
        ([0.0, 1.0], [0.0, 1.0])

    Source: lecture 004, section 2.3.5; lecture 003, "Activation Functions".
    """
    where = "activation_functions"
    low, high = (float(end) for end in z)
    if not low < high:
        raise invalid(where, f"z={tuple(z)}", "a lower end first", "write z=(-4, 4)")
    single = names is not None and not isinstance(names, list | tuple | dict)
    functions = _functions([names] if single else LECTURES if names is None else names)
    if not functions or (ax is not None and len(functions) > 1):
        raise invalid(
            where,
            f"{len(functions)} functions" + (" and one Axes" if functions else ""),
            "one function for one Axes",
            "leave ax out, or call it for each",
        )
    at = np.linspace(low, high, 401)
    # Not at whole numbers, where functions have their corners and slopes two values.
    slopes_at = at + (high - low) * 1e-6
    curves = _curves(where, functions, at, slopes_at)
    if single or ax is not None:
        axes = [drawn(ax, (5, 3.6))]
    else:
        axes = panels(len(functions), 4, (2.5, 2.3), sharex=True)
    for panel, name, (value, slope) in zip(axes, functions, curves, strict=True):
        drawn(panel)
        panel.axhline(0, color="0.85", linewidth=0.8)
        panel.axvline(0, color="0.85", linewidth=0.8)
        panel.plot(at, value, color=BLUE, linewidth=1.8, label="$g(z)$")
        panel.plot(at, slope, color=RED, linewidth=1.4, linestyle="--", label="$g'(z)$")
        panel.set_title(name, fontsize=10)
        panel.set_xlim(low, high)
        panel.set_xlabel("$z$")
        panel.tick_params(labelsize=8, labelbottom=True)
    axes[0].legend(frameon=False, fontsize=8.5, loc="best")
    return axes[0] if single else np.array(axes)


def _functions(
    given: Sequence[Identifier] | dict[str, Identifier],
) -> dict[str, Function]:
    """The functions by what they are called, each name once."""
    if isinstance(given, dict):
        return {str(name): activations.get(g) for name, g in given.items()}
    found: dict[str, Callable[..., Any]] = {}
    for one in given:
        g = activations.get(one)
        name = one if isinstance(one, str) else getattr(g, "__name__", None)
        name = str(name or getattr(g, "name", type(g).__name__))
        copies = sum(known.split(" (")[0] == name for known in found)
        found[f"{name} ({copies + 1})" if copies else name] = g
    return found


def _curves(
    where: str, functions: dict[str, Function], at: np.ndarray, slopes_at: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each function's values and slopes: one program for all."""
    for name, g in functions.items():
        try:
            shape = jax.eval_shape(g, jax.ShapeDtypeStruct((), config.floatx())).shape
        except (TypeError, ValueError, IndexError):
            shape = None
        if shape != ():
            raise invalid(
                where,
                f"{name!r}, which is no function of one number",
                "g(z) of a lone z, written in jax.numpy",
                f"write {{'{name}': lambda z: ...}}, with its other values as "
                "they are to be",
            )

    @jax.jit
    def both(z: Array, slopes_z: Array) -> list[tuple[Array, Array]]:
        return [
            (jax.vmap(g)(z), jax.vmap(jax.grad(g))(slopes_z))
            for g in functions.values()
        ]

    found = both(at.astype(config.floatx()), slopes_at.astype(config.floatx()))
    return [(np.asarray(value), np.asarray(slope)) for value, slope in found]
