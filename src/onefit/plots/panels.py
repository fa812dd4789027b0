"""What pictures of many panels share, and the colours of signed numbers and classes."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit.plots.axes import BLUE, COLOURS, RED
from onefit.types import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["bare", "class_colours", "panels", "short", "signed_colours", "signed_limit"]

MARKS = "osD^vP<"
"""Beside its colour each class has a mark of its own."""


def panels(
    count: int,
    columns: int,
    size: tuple[float, float],
    beside: float = 0.0,
    **options: Any,
) -> np.ndarray:
    """A number of Axes in rows of a figure of their own, each of this size in inches.

    Beside them is room for a scale of colours, where it is asked for.
    """
    from matplotlib.figure import Figure

    columns = min(columns, count)
    lines = math.ceil(count / columns)
    # A Figure of its own, not pyplot's: no window, no state left behind.
    figure = Figure(
        figsize=(max(columns * size[0], 3.2) + beside, lines * size[1] + 0.5),
        layout="constrained",
    )
    axes = figure.subplots(lines, columns, squeeze=False, **options).ravel()
    for unused in axes[count:]:
        unused.remove()
    return axes[:count]


def bare(ax: "Axes") -> None:
    """An Axes for an image: a thin frame and no ticks."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    ax.spines[:].set(linewidth=0.5, color="0.6")


def signed_colours() -> "Colormap":
    """From vermilion below zero over white to blue above, safe for the colour-blind."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", [RED, "#F7F7F7", BLUE])


def signed_limit(values: ArrayLike) -> float:
    """The largest distance from zero, and 1 where all is zero."""
    values = np.asarray(values)
    values = np.abs(values[np.isfinite(values)])
    return float(values.max(initial=0)) or 1.0


def class_colours(count: int) -> np.ndarray:
    """A colour for each class, (count, 4): Okabe and Ito's, or along viridis."""
    from matplotlib import colormaps, colors

    if count == 2:
        return colors.to_rgba_array([RED, BLUE])
    if count < len(COLOURS):  # black is for what is wrong
        return colors.to_rgba_array(COLOURS[:count])
    return colormaps["viridis"](np.linspace(0, 0.95, count))


def short(number: float) -> str:
    """A number in few characters.

    >>> short(0.12345), short(-3.0), short(123456.0), short(0.0)
    ('0.12', '-3', '1.2e+05', '0')
    """
    text = f"{number:.2g}"
    return text if abs(number) < 100 or abs(number) >= 1e4 else f"{number:.0f}"
