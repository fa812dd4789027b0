"""Pictures over the plane of two inputs: a model's answers, and each unit's."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onefit import config
from onefit.errors import invalid, unknown
from onefit.layers.base import Layer
from onefit.layers.core import InputLayer
from onefit.plots.asking import Answers, Reading, answers, classes, inputs, readings
from onefit.plots.axes import BLACK, drawn, draws
from onefit.plots.panels import MARKS, bare, class_colours, signed_colours, signed_limit
from onefit.training.compiled import Compiled
from onefit.types import Data, is_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["decision_boundary", "unit_responses"]

FINE, COARSE = 161, 61
"""Points along each side of the plane, of one large picture and of many small ones."""

UNITS, ALONE = 8, 64
"""How many units of a layer are drawn, beside other layers and alone."""


class Plane(NamedTuple):
    """A grid of points over two inputs.

    Attributes:
        points: The points, (side * side, 2), row by row from the bottom.
        side: How many along each side.
        extent: (left, right, bottom, top).
    """

    points: np.ndarray
    side: int
    extent: tuple[float, float, float, float]

    @property
    def lines(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the points lie along each input."""
        left, right, bottom, top = self.extent
        return np.linspace(left, right, self.side), np.linspace(bottom, top, self.side)

    def table(self, values: np.ndarray) -> np.ndarray:
        """Numbers of the points, (side, side), the bottom row first."""
        return np.asarray(values, float).reshape(self.side, self.side)


def _plane(where: str, model: Compiled, x: Data, side: int) -> Plane:
    """The plane around the rows of x; from -1 to 1 without them."""
    if x is None:
        ends = np.array([[-1.0, -1.0], [1.0, 1.0]])
        built = model.graph.slot.input_shape if model.built else None
        shape = tuple(built[1:]) if built and is_shape(built) else "that is not known"
    else:
        ends = inputs(where, model, x)
        shape = ends.shape[1:] if hasattr(ends, "shape") else f"of {len(ends)} inputs"
    if shape != (2,):
        raise invalid(
            where,
            f"a model whose examples have the shape {shape}",
            "two inputs, the axes of the plane: x of shape (rows, 2)",
            "train a model on two of the columns, x[:, :2], or on two features "
            "made of them",
        )
    low, high = ends.min(axis=0).astype(float), ends.max(axis=0).astype(float)
    margin = np.where(high > low, 0.1 * (high - low) * (x is not None), 1.0)
    low, high = low - margin, high + margin
    extent = float(low[0]), float(high[0]), float(low[1]), float(high[1])
    plane = Plane(np.empty(0), side, extent)
    across, up = np.meshgrid(*plane.lines)
    points = np.column_stack([across.ravel(), up.ravel()]).astype(config.floatx())
    return plane._replace(points=points)


# The model's answer -------------------------------------------------------------------


@draws
def decision_boundary(
    model: Compiled,
    x: Data,
    y: Data = None,
    *,
    labels: Iterable[object] | None = None,
    threshold: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws what a model of two inputs answers everywhere, and the rows of data.

    Two classes: the probability as a colour, the boundary as a black line. More
    classes: each class's region, the paler the less sure. A regression: the surface as
    a map of height lines, the rows coloured by their targets. Rows that the model
    classifies wrongly are crossed out.

    Args:
        model: A model with two inputs, x of shape (rows, 2), and one output.
        x: The rows, (n, 2).
        y: Their classes or targets; without them no rows are drawn.
        labels: The names of the classes, their numbers unless given.
        threshold: Above which a single output means class 1: 0.5 for a probability, 0
            for a hinge loss. Another single output is a regression, unless this is
            given.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A model of another number of inputs, or several outputs; labels
            that are no classes.

    Example:
        >>> x, y = onefit.datasets.xor()
        >>> dense = onefit.layers.Dense(1, activation="sigmoid")
        >>> ax = decision_boundary(onefit.Sequential([dense]), x, y)
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('$x_1$', '$x_2$')

    Source: lecture 002, "Why Neural Net?"; the TensorFlow Playground.
    """
    where = "decision_boundary"
    plane = _plane(where, model, x, FINE)
    found = answers(where, model, plane.points, threshold)
    ax = drawn(ax, (6.2, 4.6))
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    if found.is_classifier:
        names = _names(where, labels, found.class_count)
        if found.class_count == 2:
            _two_regions(ax, plane, found, names)
        else:
            _regions(ax, plane, found, names)
        if y is not None:
            true = classes(where, y, found.class_count)
            own = answers(where, model, x, threshold).classes
            _refuse_lengths(where, len(own), len(true))
            _rows(ax, np.asarray(x), true, own, names)
    else:
        _surface(ax, plane, found, x, y)
    left, right, bottom, top = plane.extent
    ax.set(xlim=(left, right), ylim=(bottom, top))
    if ax.get_legend_handles_labels()[1]:
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(0, -0.12),
            ncols=4,
            frameon=False,
            fontsize=8.5,
            handletextpad=0.5,
            columnspacing=1.4,
            markerscale=1.2,
            borderaxespad=0,
        )
    return ax


def _names(where: str, labels: Iterable[object] | None, count: int) -> list[str]:
    names = [str(k) for k in range(count)] if labels is None else list(map(str, labels))
    if len(names) != count:
        raise invalid(
            where,
            f"{len(names)} labels",
            f"a name for each of the {count} classes",
            "leave labels out for their numbers",
        )
    return names


def _refuse_lengths(where: str, x: int, y: int) -> None:
    if x != y:
        raise invalid(where, f"{x} rows of x and {y} of y", "a target for each row")


def _two_regions(ax: "Axes", plane: Plane, found: Answers, names: list[str]) -> None:
    """The probability of class 1 as a colour, and where it crosses the threshold."""
    values = found.values
    limit = 0.5 if found.threshold is None else found.threshold
    table = plane.table(values[:, -1])
    if found.link:
        low, high, name = 0.0, 1.0, f"probability of class {names[1]}"
    else:
        wide = signed_limit(table - limit)
        low, high, name = limit - wide, limit + wide, "output of the model"
    image = ax.imshow(
        table,
        cmap=signed_colours(),
        vmin=low,
        vmax=high,
        alpha=0.75,
        origin="lower",
        extent=plane.extent,
        aspect="auto",
        interpolation="bilinear",
    )
    if table.min() < limit < table.max():
        ax.contour(*plane.lines, table, [limit], colors=BLACK, linewidths=1.6)
        ax.plot([], [], color=BLACK, linewidth=1.6, label="boundary")
    ax.figure.colorbar(image, ax=ax, label=name)


def _regions(ax: "Axes", plane: Plane, found: Answers, names: list[str]) -> None:
    """Each class's region, the paler the less sure, and their boundaries."""
    number, colours = plane.table(found.classes), class_colours(len(names))
    sure = found.values.max(axis=1)
    least = 1 / len(names)
    share = np.clip((sure - least) / (1 - least), 0, 1) if found.link else 1.0
    strength = plane.table(np.broadcast_to(0.15 + 0.5 * share, len(sure)))[..., None]
    picture = strength * colours[number.astype(int), :3] + (1 - strength)
    ax.imshow(
        picture,
        origin="lower",
        extent=plane.extent,
        aspect="auto",
        interpolation="nearest",
    )
    for k in np.unique(number).astype(int):
        own = number == k
        if not own.all():
            ax.contour(*plane.lines, own, [0.5], colors=BLACK, linewidths=0.8)
        at = _inside(own)
        across, up = plane.lines
        ax.annotate(
            names[k],
            (across[at[1]], up[at[0]]),
            ha="center",
            va="center",
            fontweight="bold",
            zorder=6,
            bbox={"boxstyle": "round,pad=0.2", "color": "white", "alpha": 0.85},
        )


def _inside(region: np.ndarray) -> tuple[int, int]:
    """A place well inside a region: what is left of it when its rim is taken off."""
    while True:
        left = np.zeros_like(region)
        left[1:-1, 1:-1] = (
            region[1:-1, 1:-1]
            & region[:-2, 1:-1]
            & region[2:, 1:-1]
            & region[1:-1, :-2]
            & region[1:-1, 2:]
        )
        if not left.any():
            rows, columns = np.nonzero(region)
            middle = len(rows) // 2
            return int(rows[middle]), int(columns[middle])
        region = left


def _rows(
    ax: "Axes", x: np.ndarray, true: np.ndarray, own: np.ndarray, names: list[str]
) -> None:
    """The rows, each class with its colour and mark, and crosses on the wrong ones."""
    colours = class_colours(len(names))
    size = float(np.clip(6000 / len(x), 12, 42))
    for k in np.unique(true):
        ax.scatter(
            *x[true == k].T,
            s=size,
            color=colours[k],
            marker=MARKS[k % 7],
            edgecolors="white",
            linewidths=0.6,
            zorder=4,
            label=f"class {names[k]}",
        )
    wrong = own != true
    if wrong.any():
        ax.scatter(
            *x[wrong].T,
            s=size,
            color=BLACK,
            marker="x",
            linewidths=1.2,
            zorder=5,
            label=f"wrong: {wrong.sum():,} of {len(x):,}",
        )


def _surface(ax: "Axes", plane: Plane, found: Answers, x: Data, y: Data) -> None:
    """The output as a map with lines of equal height, and rows by their targets."""
    from matplotlib.colors import Normalize

    table = plane.table(found.values[:, 0])
    target = None
    if y is not None:
        target = np.asarray(y, float).reshape(len(np.asarray(y)), -1)[:, 0]
        _refuse_lengths("decision_boundary", len(np.asarray(x)), len(target))
    every = np.concatenate([table.ravel(), [] if target is None else target])
    every = every[np.isfinite(every)]
    low, high = (every.min(), every.max()) if len(every) else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    norm = Normalize(low, high)
    image = ax.imshow(
        table,
        cmap="viridis",
        norm=norm,
        origin="lower",
        extent=plane.extent,
        aspect="auto",
        interpolation="bilinear",
    )
    if table.max() > table.min():
        heights = ax.contour(*plane.lines, table, 8, colors="white", linewidths=0.7)
        ax.clabel(heights, fontsize=7)
    if target is not None:
        ax.scatter(
            *np.asarray(x).T,
            c=target,
            cmap="viridis",
            norm=norm,
            s=26,
            edgecolors="white",
            linewidths=0.8,
            zorder=4,
            label="rows, coloured by their targets",
        )
    ax.figure.colorbar(image, ax=ax, label="output of the model")


# Each unit's answer -------------------------------------------------------------------


@draws
def unit_responses(
    model: Compiled, x: Data = None, layer: str | int | None = None
) -> np.ndarray:
    """Draws each unit's output over the plane of two inputs, layer by layer.

    A row of panels is a layer: what its units make of the layer before, up to the
    output. White is 0 (0.5 of a sigmoid), blue above, vermilion below; a black line is
    where a unit changes sides. Of a layer of many units the first 8 are drawn, of a
    layer alone the first 64.

    Args:
        model: A model with two inputs, x of shape (rows, 2).
        x: Rows of data that the plane is to show; from -1 to 1 without them.
        layer: The name or number of the one layer to draw; all unless given.

    Returns:
        The matplotlib Axes, an array (panel,); the figure is `axes[0].figure`.

    Raises:
        ValueError: A model of another number of inputs, no such layer.

    Example:
        >>> from onefit.layers import Dense
        >>> model = onefit.Sequential([onefit.Input((2,)), Dense(3, "relu"), Dense(1)])
        >>> [ax.get_title() for ax in unit_responses(model)]
        ['unit 1', 'unit 2', 'unit 3', 'unit 1']

    Source: the TensorFlow Playground.
    """
    where = "unit_responses"
    plane = _plane(where, model, x, COARSE)
    found = [
        reading
        for reading in readings(where, model, plane.points)
        if reading.value.ndim == 2 and not _idle(reading.layer)
    ]
    if layer is not None:
        found = [_chosen(found, layer)]
    most = UNITS if len(found) > 1 else ALONE
    counts = [min(reading.value.shape[1], most) for reading in found]
    return _responses(plane, found, counts)


def _idle(layer: Layer) -> bool:
    """Whether a layer gives back its input, when it does not train."""
    return isinstance(layer, InputLayer) or (layer.random and not layer.weights)


def _chosen(found: list[Reading], layer: str | int) -> Reading:
    names = [reading.name for reading in found]
    if isinstance(layer, str):
        if layer not in names:
            raise unknown("layer of units", layer, names)
        return found[names.index(layer)]
    if not -len(found) <= layer < len(found):
        raise invalid(
            "unit_responses",
            f"layer={layer}",
            f"0 to {len(found) - 1}, or a name: {', '.join(names)}",
        )
    return found[layer]


def _responses(plane: Plane, found: list[Reading], counts: list[int]) -> np.ndarray:
    from matplotlib.figure import Figure

    columns = min(max(counts), UNITS)
    lines = [math.ceil(count / columns) for count in counts]
    figure = Figure(
        figsize=(1.25 * columns + 1.9, 1.4 * sum(lines) + 0.5), layout="constrained"
    )
    grid = figure.subplots(sum(lines), columns, squeeze=False)
    for unused in grid.ravel():
        unused.set_axis_off()
    axes, top = [], 0
    for reading, count, high in zip(found, counts, lines, strict=True):
        part = grid[top : top + high].ravel()
        axes += _units(plane, reading, part, count, columns)
        top += high
    left, right, bottom, up = plane.extent
    figure.supxlabel(
        f"across: $x_1$ from {left:.2g} to {right:.2g}; up: $x_2$ from "
        f"{bottom:.2g} to {up:.2g}",
        fontsize=8,
    )
    return np.array(axes)


def _units(
    plane: Plane, reading: Reading, part: np.ndarray, count: int, columns: int
) -> "list[Axes]":
    """The panels of a layer's units, and the scale of its colours."""
    values = reading.value[:, :count]
    bounded = values.min() >= 0 and values.max() <= 1 and _is_share(reading)
    middle, wide = (0.5, 0.5) if bounded else (0.0, signed_limit(values))
    for unit, ax in enumerate(part[:count]):
        table = plane.table(values[:, unit])
        ax.imshow(
            table,
            cmap=signed_colours(),
            vmin=middle - wide,
            vmax=middle + wide,
            origin="lower",
            aspect="auto",
            extent=plane.extent,
        )
        # A relu has no sides: its line is where it begins to be above 0.
        limit = middle + 1e-3 * wide * (values.min() == 0)
        if table.min() < limit < table.max():
            ax.contour(*plane.lines, table, [limit], colors=BLACK, linewidths=0.8)
        ax.set_title(f"unit {unit + 1}", fontsize=8, pad=3)
        ax.set_axis_on()
        bare(ax)
    total = reading.value.shape[1]
    some = f"\n{count} of {total}" if count < total else ""
    part[0].set_ylabel(f"{reading.name}{some}", fontsize=9)
    shown, aspect = part[0].images[-1], 14 * max(1, len(part) // columns)
    bar = part[0].figure.colorbar(shown, ax=part.tolist(), aspect=aspect, pad=0.02)
    bar.ax.tick_params(labelsize=7)
    return list(part[:count])


def _is_share(reading: Reading) -> bool:
    """Whether a layer's outputs are shares, between 0 and 1."""
    own: Any = getattr(reading.layer, "activation", reading.layer)
    name = getattr(own, "__name__", type(own).__name__).lower()
    return "sigmoid" in name or "softmax" in name
