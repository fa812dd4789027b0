"""The graph of a model: boxes and arrows, drawn without a system package."""

import itertools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from onefit import activations, config
from onefit.errors import invalid, unknown
from onefit.layers.base import Layer
from onefit.layers.core import InputLayer
from onefit.networks.graph import Graph, Node
from onefit.plots.axes import drawn, draws
from onefit.plots.layout import Layout, layered
from onefit.training.compiled import Compiled
from onefit.types import Mask, Shapes, is_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_model"]

SIZE, LINE, PAD = 9.0, 13.0, 7.0
"""In points: the letters, a line of text, and the margin around it."""

PLAIN, HEAVY, SHARED, EDGE = "#EFEFEF", "#CFE3F1", "#F7E3C2", "#555555"
"""Boxes of layers without weights, with weights, and called more than once."""

DIRECTIONS = ("TB", "BT", "LR", "RL")


class Box(NamedTuple):
    """A box of the picture.

    Attributes:
        head: Its first line, in bold.
        lines: The others.
        colour: Of its head.
        size: Width and height, in points.
        inside: What is drawn in it: the boxes of a model inside and their layout.
    """

    head: str
    lines: list[str]
    colour: str
    size: tuple[float, float]
    inside: "Drawing | None" = None


class Drawing(NamedTuple):
    """Boxes, and where they and their arrows go."""

    boxes: list[Box]
    layout: Layout


class Wanted(NamedTuple):
    """What the boxes are to say."""

    shapes: bool
    types: bool
    names: bool
    inside: bool
    activations: bool
    trainable: bool
    across: bool


@draws
def plot_model(
    model: Compiled | Graph,
    to_file: str | os.PathLike | None = None,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> "Axes":
    """Draws the graph of a model: a box for each call of a layer, arrows between them.

    Layers with weights are blue, others grey. A layer that is called several times is
    orange and has a box for each call, which says so: its calls share one set of
    weights.

    Args:
        model: A model.
        to_file: The file to write, as PNG, PDF or SVG by its ending; none unless given.
        show_shapes: Whether to say the shapes of inputs and outputs.
        show_dtype: Whether to say the type of the numbers.
        show_layer_names: Whether to say the layers' names.
        rankdir: Which way the arrows go: 'TB' is from top to bottom, 'LR' from left to
            right, 'BT' and 'RL' the reverse.
        expand_nested: Whether to draw the layers of models inside, in a frame.
        dpi: The file's points an inch.
        show_layer_activations: Whether to say the layers' activations.
        show_trainable: Whether to say which layers with weights are trained.

    Returns:
        The matplotlib Axes; in a notebook `plot_model(model).figure` shows it.

    Raises:
        ValueError: A model without layers, shapes of one that is not built, an unknown
            direction.

    Differs from Keras: needs neither graphviz nor pydot, writes no file unless asked,
    and returns the picture. A shared layer has a box for each call.

    Example:
        >>> from onefit.layers import Dense
        >>> model = onefit.Sequential([onefit.Input((6,)), Dense(9), Dense(4)])
        >>> ax = plot_model(model, show_shapes=True)
        >>> [text.get_text() for text in ax.texts][:3]
        ['InputLayer', '(None, 6)', 'Dense']

    Source: lecture 004, section 2.2; Keras, `keras.utils.plot_model`.
    """
    where = "plot_model"
    if rankdir not in DIRECTIONS:
        raise unknown("rankdir", rankdir, DIRECTIONS)
    graph = getattr(model, "whole", model)
    if not isinstance(graph, Graph) or not graph.layers:
        raise invalid(
            where,
            "a model without layers"
            if isinstance(graph, Graph)
            else f"a {type(model).__name__}",
            "a model with layers",
            "add one: model.add(Dense(1))",
        )
    if show_shapes and not graph.built:
        raise invalid(
            where,
            "show_shapes=True for a model whose input shape is not known",
            "a model that is built",
            "begin with Input((4,)), or write model.build((None, 4))",
        )
    across = rankdir in ("LR", "RL")
    wanted = Wanted(
        show_shapes,
        show_dtype,
        show_layer_names,
        expand_nested,
        show_layer_activations,
        show_trainable,
        across,
    )
    shape = graph.slot.input_shape if graph.built else None
    picture = _drawing(graph, shape, wanted, entrance=True)
    width, height = picture.layout.width, picture.layout.height
    if across:
        width, height = height, width
    ax = _canvas(width, height)
    flip = rankdir in ("BT", "RL")
    _draw(ax, picture, np.zeros(2), across, flip, (width, height))
    if to_file is not None:
        # matplotlib makes no picture of more than 65,536 points a side.
        most = 60_000 * 72 / max(width, height)
        figure: Any = ax.figure
        figure.savefig(os.fspath(to_file), dpi=min(dpi, most))
    return ax


# What the boxes say -------------------------------------------------------------------


def _drawing(graph: Graph, shape: Shapes, wanted: Wanted, entrance: bool) -> Drawing:
    """The boxes of a graph and their layout.

    The values of the graph have the numbers of its boxes: those that make them.
    """
    boxes, arrows, maker = [], [], {}
    calls = [node.layer for node in graph.nodes]
    shapes = _shapes(graph, shape) if shape is not None else [None] * len(calls)
    inputs = jax.tree.leaves(shape, is_leaf=is_shape) if shape is not None else []
    fed = {  # inputs that an InputLayer takes have its box
        node.sources
        for node in graph.nodes
        if isinstance(graph.layers[node.layer], InputLayer)
    }
    for number in range(graph.inputs):
        if entrance and number not in fed:
            known = tuple(inputs[number]) if wanted.shapes and inputs else None
            maker[number] = len(boxes)
            boxes.append(
                _box("InputLayer", [str(known)] if known else [], PLAIN, wanted)
            )
    value = graph.inputs
    for at, node in enumerate(graph.nodes):
        layer = graph.layers[node.layer]
        own = len(boxes)
        boxes.append(_called(layer, shapes[at], wanted, at, calls))
        sources = jax.tree.leaves((node.sources, node.mask))
        arrows += [(maker[s], own) for s in sources if s in maker]
        for _ in range(node.outputs):
            maker[value] = own
            value += 1
    turned = [box.size[::-1] if wanted.across else box.size for box in boxes]
    return Drawing(boxes, layered(turned, arrows))


def _shapes(graph: Graph, shape: Shapes) -> list[tuple[Shapes, Shapes]]:
    """The shapes of the input and the output of every call."""
    found = []

    def call(node: Node, number: int, given: Shapes, mask: Mask) -> Shapes:
        del number, mask
        layer = graph.layers[node.layer]
        made = layer.call_shape(given, **dict(node.options))
        found.append((given, made))
        return made

    graph.thread(shape, call)
    return found


def _called(
    layer: Layer,
    shapes: tuple[Shapes, Shapes] | None,
    wanted: Wanted,
    at: int,
    calls: list[int],
) -> Box:
    """The box of one call of a layer."""
    kind = layer._class_name
    if isinstance(layer, Graph):
        face = getattr(layer, "face", None)
        kind = type(face).__name__ if face is not None else "Model"
    lines = []
    given, made = shapes or (None, None)
    if wanted.shapes and isinstance(layer, InputLayer):
        lines.append(_shape(made))
    elif wanted.shapes:
        lines += [f"in {_shape(given)}", f"out {_shape(made)}"]
    if wanted.types:
        lines.append(f"dtype {layer.dtype or _float(layer)}")
    if wanted.activations and (text := _activation(layer)):
        lines.append(f"activation {text}")
    heavy = layer.built and any(w.size for w in layer.weights)
    if wanted.trainable and heavy:
        lines.append("trainable" if layer.trainable else "frozen")
    colour = HEAVY if heavy else PLAIN
    times = calls.count(calls[at])
    if times > 1:
        colour = SHARED
        lines.append(f"call {calls[: at + 1].count(calls[at])} of {times}, shared")
    head = f"{layer.name} ({kind})" if wanted.names else kind
    if isinstance(layer, Graph) and wanted.inside:
        inside = _drawing(layer, given, wanted, entrance=False)
        return _frame(
            head if wanted.names else f"{layer.name} ({kind})", lines, inside, wanted
        )
    return _box(head, lines, colour, wanted)


def _shape(shape: Shapes) -> str:
    """One shape, or several: (None, 4), (None, 4)."""
    leaves = jax.tree.leaves(shape, is_leaf=is_shape)
    text = ", ".join(str(tuple(one)) for one in leaves[:3])
    return text + (f" and {len(leaves) - 3} more" if len(leaves) > 3 else "")


def _float(layer: Layer) -> str:
    leaves = jax.tree.leaves(layer.slot.params) if layer.built else []
    if leaves:
        return str(leaves[0].dtype)
    return str(config.floatx())


def _activation(layer: Layer) -> str | None:
    own = getattr(layer, "activation", None)
    if own is None or own is activations.linear:
        return None
    return str(getattr(own, "__name__", type(own).__name__))


def _box(head: str, lines: list[str], colour: str, wanted: Wanted) -> Box:
    del wanted
    width = max([_wide(head, True), *(_wide(line) for line in lines)])
    return Box(head, lines, colour, (width + 2 * PAD, _high(lines) + PAD))


def _frame(head: str, lines: list[str], inside: Drawing, wanted: Wanted) -> Box:
    """The box of a model inside, around what is drawn in it."""
    size = inside.layout.width, inside.layout.height
    width, height = size[::-1] if wanted.across else size
    text = max([_wide(head, True), *(_wide(line) for line in lines)])
    wide = max(width + 4 * PAD, text + 2 * PAD)
    return Box(head, lines, "#FFFFFF", (wide, height + _high(lines) + 4 * PAD), inside)


def _wide(text: str, bold: bool = False) -> float:
    """The width of a text, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(weight="bold" if bold else "normal")
    return float(TextPath((0, 0), text, size=SIZE, prop=font).get_extents().width)


def _high(lines: list[str]) -> float:
    return LINE * (1 + len(lines)) + 2


# How it is drawn ----------------------------------------------------------------------


def _canvas(width: float, height: float) -> "Axes":
    """An Axes whose units are points, the whole of a figure of its own."""
    from matplotlib.figure import Figure

    margin = 10.0
    figure = Figure(figsize=((width + 2 * margin) / 72, (height + 2 * margin) / 72))
    ax = drawn(figure.add_axes((0, 0, 1, 1)))
    ax.set_axis_off()
    ax.set(xlim=(-margin, width + margin), ylim=(height + margin, -margin))
    return ax


def _draw(
    ax: "Axes",
    drawing: Drawing,
    corner: np.ndarray,
    across: bool,
    flip: bool,
    size: tuple[float, float],
) -> None:
    """Boxes and arrows, from this corner on.

    A layout runs downwards; across, its two axes change places, and flipped, it is seen
    in a mirror.
    """

    def turned(points: np.ndarray) -> np.ndarray:
        points = points[..., ::-1] if across else points
        if flip:
            axis = 0 if across else 1
            mirrored = points.copy()
            mirrored[..., axis] = size[axis] - points[..., axis]
            points = mirrored
        return points + corner

    for way in drawing.layout.ways:
        _arrow(ax, turned(way), across)
    for box, place in zip(drawing.boxes, turned(drawing.layout.places), strict=True):
        _paint(ax, box, place, across, flip)


def _arrow(ax: "Axes", way: np.ndarray, across: bool) -> None:
    """A smooth way through these points, with a head at its end."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    along = 0 if across else 1
    points, codes = [way[0]], [Path.MOVETO]
    for start, end in itertools.pairwise(way):
        first, second = start.copy(), end.copy()
        middle = (start[along] + end[along]) / 2
        first[along] = second[along] = middle
        points += [first, second, end]
        codes += [Path.CURVE4] * 3
    ax.add_patch(
        FancyArrowPatch(
            path=Path(points, codes),
            arrowstyle="-|>",
            mutation_scale=9,
            color=EDGE,
            linewidth=1,
            shrinkA=0,
            shrinkB=0,
            zorder=2,
        )
    )


def _paint(ax: "Axes", box: Box, place: np.ndarray, across: bool, flip: bool) -> None:
    """A box: its head on a coloured ground, its lines, and what is inside."""
    from matplotlib.patches import FancyBboxPatch

    width, height = box.size
    left, top = place - np.array(box.size) / 2
    ax.add_patch(
        FancyBboxPatch(
            (left, top),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=4",
            facecolor=box.colour,
            edgecolor=EDGE,
            linewidth=1,
            linestyle="--" if box.inside else "-",
            zorder=1 if box.inside else 3,
        )
    )
    y = top + PAD / 2 + LINE / 2 + 1
    for number, text in enumerate([box.head, *box.lines]):
        ax.text(
            place[0],
            y + LINE * number,
            text,
            ha="center",
            va="center",
            fontsize=SIZE,
            fontweight="normal" if number else "bold",
            zorder=4,
            color="#333333" if number else "black",
        )
    if box.inside is not None:
        wide, high = box.inside.layout.width, box.inside.layout.height
        size = (high, wide) if across else (wide, high)
        corner = np.array([place[0] - size[0] / 2, top + _high(box.lines) + 2 * PAD])
        _draw(ax, box.inside, corner, across, flip, size)
