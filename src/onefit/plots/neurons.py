"""A network drawn with its neurons and weights."""

import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from onefit.errors import invalid
from onefit.layers import Dense, Dropout, Flatten, InputLayer
from onefit.layers.base import Layer
from onefit.networks.graph import Graph, Node, as_graph
from onefit.plots.asking import inputs, readings
from onefit.plots.axes import BLUE, RED, drawn, draws
from onefit.plots.panels import short, signed_colours, signed_limit
from onefit.training.compiled import Compiled
from onefit.types import Data

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["network"]

WRITTEN = 30
"""The most weights whose numbers are written on the lines."""

ACROSS, UP, RADIUS = 3.0, 1.0, 0.33
"""How far columns and neurons lie from each other, and the neurons' size."""

INCH = 0.66
"""The inches that a neuron has."""


class Column(NamedTuple):
    """A column of neurons.

    Attributes:
        title: What stands below it.
        size: How many neurons there are.
        kernel: The weights that lead to them, (before, size); None for the inputs.
        bias: Their biases, (size,), or None.
        last: The name of the last layer that makes them.
        bounded: Whether what they give lies between -1 and 1.
    """

    title: str
    size: int
    kernel: np.ndarray | None
    bias: np.ndarray | None
    last: str | None
    bounded: bool = False


@draws
def network(
    model: Compiled, x: Data = None, *, units: int = 10, ax: "Axes | None" = None
) -> "Axes":
    """Draws a network of dense layers: its neurons, weights and biases.

    A line is a weight: blue above 0, vermilion below, the wider the larger. Below a
    neuron stands its bias. With one example the neurons are filled by what they give,
    and say it; without, they bear the lectures' names a_j. Few weights are written on
    their lines; of many neurons the first and the last are drawn.

    Args:
        model: A model that is built, its dense layers one after another; layers that
            keep the shape (Dropout, Activation) belong to the neurons before.
        x: One example, (features,) or (1, features), or none.
        units: The most neurons of a layer that are drawn.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A model without weights, branches, or layers that are not dense;
            more than one example.

    Example:
        >>> from onefit.layers import Dense
        >>> model = onefit.Sequential([onefit.Input((2,)), Dense(3, "relu"), Dense(1)])
        >>> ax = network(model, [1.0, -1.0])
        >>> len(ax.patches)  # 2 + 3 + 1 neurons
        6

    Source: lecture 004, section 2.2; lecture 001, "Neural network".
    """
    where = "network"
    columns = _columns(where, model)
    if not isinstance(units, int) or units < 3:
        raise invalid(where, f"units={units!r}", "3 neurons a layer, or more")
    values = None if x is None else _values(where, model, x, columns)
    most = max(min(column.size, units) for column in columns)
    wide, high = ACROSS * (len(columns) - 1) + 1.8, UP * (most - 1) + 2.1
    ax = drawn(ax, (float(np.clip(INCH * wide, 4.2, 24)), INCH * high + 0.4))
    places = [_places(column.size, units) for column in columns]
    count = sum(
        a.kernel is not None and len(p) * len(q)
        for a, p, q in zip(columns[1:], places, places[1:], strict=False)
    )
    limit = max(float(np.abs(c.kernel).max()) for c in columns if c.kernel is not None)
    for at in range(1, len(columns)):
        _lines(
            ax,
            at,
            columns[at],
            places[at - 1],
            places[at],
            limit or 1.0,
            written=count <= WRITTEN,
        )
    for at, column in enumerate(columns):
        given = None if values is None else values[at]
        _neurons(ax, at, column, places[at], given, most)
    ax.plot([], [], color=BLUE, linewidth=2, label="weight above 0")
    ax.plot([], [], color=RED, linewidth=2, label="below 0")
    ax.plot([], [], " ", label=f"widest line: {short(limit)}")
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=3,
        frameon=False,
        fontsize=8.5,
    )
    ax.set_aspect("equal")
    ax.set_axis_off()
    half = UP * (most - 1) / 2
    ax.set(
        xlim=(-0.9, ACROSS * (len(columns) - 1) + 0.9), ylim=(-half - 1.5, half + 0.6)
    )
    return ax


def _columns(where: str, model: Compiled) -> list[Column]:
    """The columns of neurons of a chain of dense layers."""
    fix = "draw plot_model(model) instead"
    if not getattr(model, "built", False):
        raise invalid(
            where,
            "a model without weights",
            "a model that is built",
            "begin with Input((2,)), or write model.build((None, 2))",
        )
    layers = _chain(where, as_graph(model.graph, where), fix)
    shape = model.graph.slot.input_shape
    size = math.prod(n or 1 for n in shape[1:])
    columns = [Column("input", size, None, None, None)]
    for name, layer in layers:
        if isinstance(layer, InputLayer):
            continue
        own = layer.slot.input_shape
        if isinstance(layer, Dense) and len(own) == 2:
            kernel = np.asarray(layer.slot.params["kernel"], float)
            bias = layer.slot.params.get("bias")
            title = _title(name, layer)
            bounded = title.endswith(("sigmoid", "softmax", "tanh"))
            columns.append(
                Column(
                    title,
                    layer.units,
                    kernel,
                    None if bias is None else np.asarray(bias),
                    name,
                    bounded,
                )
            )
            continue
        keeps = layer.output_shape(own) == own or isinstance(layer, Flatten)
        if isinstance(layer, Dense) or not keeps:
            raise invalid(
                where,
                f"the layer {name!r}, a {type(layer).__name__} on {own}",
                "dense layers one after another",
                fix,
            )
        before = columns[-1]
        shown = before.title
        if not isinstance(layer, Flatten | Dropout):
            shown = f"{before.title}\n+ {name}"
        columns[-1] = before._replace(title=shown, last=name)
    if len(columns) == 1:
        raise invalid(where, "a model without a dense layer", "one at least", fix)
    return columns


def _title(name: str, layer: Dense) -> str:
    function = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    return name if function == "linear" else f"{name}\n{function}"


def _chain(
    where: str, graph: Graph, fix: str, prefix: str = ""
) -> list[tuple[str, Layer]]:
    """The names and layers of a graph that is a chain, those of models inside too."""
    found = []
    for number, node in enumerate(graph.nodes):
        if Node(node.layer, number, None, node.options) != node or graph.inputs > 1:
            raise invalid(
                where, "a model with branches", "layers one after another", fix
            )
        layer = graph.layers[node.layer]
        name = f"{prefix}{layer.name}"
        if isinstance(layer, Graph):
            found += _chain(where, layer, fix, f"{name} > ")
        else:
            found.append((name, layer))
    return found


def _values(
    where: str, model: Compiled, x: Data, columns: list[Column]
) -> list[np.ndarray]:
    """What the neurons of each column give for one example."""
    x = np.asarray(x)
    shape = model.graph.slot.input_shape
    x = x[None] if x.ndim == len(shape) - 1 else x
    if len(x) != 1:
        raise invalid(where, f"{len(x)} examples", "one", "write x[0]")
    given = np.ravel(jax.tree.leaves(inputs(where, model, x))[0])
    found = {reading.name: reading.value for reading in readings(where, model, x)}
    return [np.ravel(found[c.last]) if c.last else given for c in columns]


def _places(size: int, units: int) -> dict[int, float]:
    """The neurons that are drawn, and their heights; between the last two a gap."""
    shown = list(range(size)) if size <= units else [*range(units - 2), size - 1]
    slots = len(shown) if size <= units else units
    heights = [(slots - 1) / 2 * UP - UP * i for i in range(slots)]
    return dict(zip(shown[:-1], heights, strict=False)) | {shown[-1]: heights[-1]}


def _lines(
    ax: "Axes",
    at: int,
    column: Column,
    left: dict[int, float],
    right: dict[int, float],
    limit: float,
    written: bool,
) -> None:
    """The weights from one column to the next."""
    from matplotlib.collections import LineCollection

    assert column.kernel is not None
    # Labels stand in one column, near the side of more neurons, evenly apart: on the
    # lines from n neurons to others, n/(n + 1) of the way, no two are at one height.
    before, after = len(left), len(right)
    share = before / (before + 1) if before <= after else 1 / (after + 1)
    lines, widths, colours = [], [], []
    for (i, low), (j, high) in itertools.product(left.items(), right.items()):
        w = column.kernel[i, j]
        start = np.array([ACROSS * (at - 1) + RADIUS, low])
        end = np.array([ACROSS * at - RADIUS, high])
        lines.append([start, end])
        widths.append(0.25 + 3.25 * abs(w) / limit)
        colours.append(BLUE if w >= 0 else RED)
        if written and min(before, after) <= 3:
            x, y = start + share * (end - start)
            ax.text(
                x,
                y,
                short(w),
                fontsize=7,
                ha="center",
                va="center",
                zorder=3,
                color=colours[-1],
                bbox={"boxstyle": "round,pad=0.08", "color": "white", "alpha": 0.9},
            )
    alpha = float(np.clip(60 / len(lines), 0.35, 0.9))
    ax.add_collection(
        LineCollection(lines, linewidths=widths, colors=colours, alpha=alpha, zorder=1)
    )


def _neurons(
    ax: "Axes",
    at: int,
    column: Column,
    places: dict[int, float],
    values: np.ndarray | None,
    most: int,
) -> None:
    """The neurons of a column, with their biases below them."""
    from matplotlib.patches import Circle

    x = ACROSS * at
    wide = 1.0 if values is None or column.bounded else signed_limit(values)
    for j, y in places.items():
        fill: Any = "white"
        name = f"$x_{{{j + 1}}}$" if at == 0 else f"$a^{{[{at}]}}_{{{j + 1}}}$"
        if values is not None:
            fill, name = signed_colours()(0.5 + values[j] / wide / 2), short(values[j])
        ax.add_patch(
            Circle(
                (x, y), RADIUS, facecolor=fill, edgecolor="0.25", linewidth=1, zorder=4
            )
        )
        light = values is None or np.dot(fill[:3], (0.299, 0.587, 0.114)) > 0.5
        ax.text(
            x,
            y,
            name,
            ha="center",
            va="center",
            zorder=5,
            fontsize=7.5 if values is not None else 9,
            color="black" if light else "white",
        )
        if column.bias is not None:
            ax.text(
                x,
                y - RADIUS - 0.03,
                f"b = {short(column.bias[j])}",
                fontsize=6.5,
                ha="center",
                va="top",
                color="0.25",
                zorder=5,
            )
    if len(places) < column.size:
        *_, above, below = places.values()
        ax.text(x, (above + below) / 2, "⋮", fontsize=16, ha="center", va="center")
    half = UP * (most - 1) / 2
    text = f"{column.title}\n{column.size:,} {'unit' if at else 'number'}"
    ax.text(
        x,
        -half - 0.62,
        text + "s" * (column.size > 1),
        ha="center",
        va="top",
        fontsize=8.5,
    )
