"""The summary of a model: its layers, their output shapes and parameters."""

import io
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import jax
import numpy as np

from onefit.errors import invalid
from onefit.layers.base import Layer
from onefit.layers.called import Called
from onefit.layers.core import InputLayer
from onefit.networks.called import layers_of
from onefit.networks.graph import Graph, Node
from onefit.networks.network import Network
from onefit.types import Array, Shapes, Tree, is_shape

__all__ = ["summary"]


def summary(
    model: Network | Graph,
    line_length: int | None = None,
    positions: list[float] | None = None,
    print_fn: Callable[[str], object] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    detail: bool = False,
) -> None:
    """Prints the layers of a model, their output shapes and parameters.

    A dense layer of n units on d inputs holds d*n weights and n biases.

    Args:
        model: A model or a graph, built or not.
        line_length: The widest line, in characters; None takes what the terminal has,
            up to 100.
        positions: Where the columns end: shares of `line_length` up to 1, or
            characters. None makes each as wide as what it shows.
        print_fn: Takes the whole text in place of printing.
        expand_nested: Whether to list the layers of models inside.
        show_trainable: Whether to tell which layers are trained: Y, N, or 'partly'
            for a model with both.
        layer_range: The names, or regular expressions for the names, of the first and
            the last layer to list. The totals are always those of the whole model.
        detail: Whether to spell out how each number of parameters comes about.

    Raises:
        ValueError: A range that names no layer, a line too short for the columns.

    Differs from Keras: the total counts the model's own weights, before training and
    after (Keras adds the optimizer's state), and a name in `layer_range` means that
    layer alone, where Keras also takes names that begin so.

    Example:
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((6,)), Dense(9), Dense(4)])
        >>> summary(model, detail=True)
        Model: "sequential"
        ┏━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━┓
        ┃ Layer (type)    ┃ Output Shape ┃ Param # ┃ Computed as ┃
        ┡━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━┩
        │ dense (Dense)   │ (None, 9)    │      63 │ 6*9 + 9     │
        │ dense_1 (Dense) │ (None, 4)    │      40 │ 9*4 + 4     │
        └─────────────────┴──────────────┴─────────┴─────────────┘
         Total params: 63 + 40 = 103 (412.00 B)
         Trainable params: 103 (412.00 B)
         Non-trainable params: 0 (0.00 B)

    Source: lecture 004, section 2.2, "Number of parameters".
    """
    graph = cast(Graph, getattr(model, "whole", model))
    body = getattr(model, "_body", None)
    listed = graph.layers if body is None else tuple(layers_of(body))
    shapes = _output_shapes(graph) if body is None else body._given_shapes
    columns: dict[str, Callable[[Layer], str]] = {
        "Layer (type)": lambda layer: f"{layer.name} ({_kind(layer)})",
        "Output Shape": lambda layer: _shown_shape(shapes.get(id(layer))),
        "Param #": _shown_count,
    }
    if detail:
        columns["Computed as"] = _arithmetic
    if not _is_chain(graph) and body is None:
        sources = _sources(graph, getattr(model, "input_names", None))
        columns["Connected to"] = lambda layer: sources.get(id(layer), "")
    if show_trainable:
        columns["Trainable"] = _shown_trainable

    elbow, rows = "└ " if _unicode(print_fn) else "- ", []
    for layer, depth in _listed(_within(listed, layer_range), expand_nested):
        cells = [cell(layer) for cell in columns.values()]
        rows.append([(elbow * (depth > 0) + cells[0], depth), *cells[1:]])
    width = line_length or min(shutil.get_terminal_size().columns, 100)
    table = _table(list(columns), rows, width, positions or (), plain=elbow == "- ")
    text = "\n".join([f'Model: "{model.name}"', table, *_totals(graph, detail, width)])
    if print_fn is None:
        print(text)
    else:
        print_fn(text + "\n")


# What there is ------------------------------------------------------------------------


def _arrays(tree: Tree) -> Iterator[Array]:
    """The arrays of nested dicts in Keras' order (jax would sort them by name)."""
    if isinstance(tree, dict | tuple | list):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from _arrays(part)
    elif tree is not None:
        yield tree


def _weights(layer: Layer) -> list[Array]:
    """The weights that exist, each once, even if two graphs share a layer."""
    slots = [plain.slot for plain in layer.plain_layers() if plain.built]
    return _unique(w for slot in slots for w in _arrays((slot.params, slot.state)))


def _free(layer: Layer) -> list[Array]:
    """The weights that training changes."""
    built = [plain for plain in layer.plain_layers() if plain.built]
    return _unique(w for one in built for w in _arrays(one.free(one.slot.params)))


def _unique(arrays: Iterable[Array]) -> list[Array]:
    return list({id(array): array for array in arrays}.values())


def _count(arrays: list[Array]) -> int:
    return sum(int(np.prod(a.shape)) for a in arrays)


def _output_shapes(graph: Graph) -> dict[int, Shapes]:
    """The output shape at each layer's first call; none before the input's is known."""
    shapes: dict[int, Shapes] = {}

    def walk(graph: Graph, shape: Shapes) -> Shapes:
        def call(node: Node, number: int, shape: Shapes, mask: Tree) -> Shapes:
            del number, mask
            layer = graph.layers[node.layer]
            inner = isinstance(layer, Graph)
            options = dict(node.options) if isinstance(layer, Called) else {}
            made = walk(layer, shape) if inner else layer.call_shape(shape, **options)
            shapes.setdefault(id(layer), made)
            return made if inner else layer.call_shape(shape, **dict(node.options))

        return graph.thread(shape, call)

    if graph.layers and graph.built:
        walk(graph, graph.slot.input_shape)
    return shapes


def _is_chain(graph: Graph) -> bool:
    return graph.nodes == tuple(Node(i, i) for i in range(len(graph.layers)))


def _sources(graph: Graph, input_names: list[str] | None) -> dict[int, str]:
    """What each layer is called on, by the names of the layers before it."""
    several = [f"input_{i}" for i in range(graph.inputs)]
    inputs = input_names or (several if graph.inputs > 1 else ["input"])
    makers = graph.makers().values()
    names = [*inputs, *(str(graph.layers[node.layer].name) for node in makers)]
    sources: dict[int, list[str]] = {}
    for node in graph.nodes:
        if isinstance(graph.layers[node.layer], InputLayer):
            continue
        calls = sources.setdefault(id(graph.layers[node.layer]), [])
        calls.extend(names[value] for value in jax.tree.leaves(node.sources))
    return {layer: ", ".join(calls) for layer, calls in sources.items()}


def _within(
    layers: tuple[Layer, ...], layer_range: Sequence[str] | None
) -> tuple[Layer, ...]:
    """The layers from one name to another, both included."""
    if layer_range is None:
        return layers
    names = [str(layer.name) for layer in layers]
    pair = isinstance(layer_range, tuple | list) and len(layer_range) == 2
    matches = []
    for wanted in layer_range if pair else ():
        exact = [i for i, name in enumerate(names) if name == wanted]
        matches.append(
            exact or [i for i, name in enumerate(names) if re.match(str(wanted), name)]
        )
    if not pair or not all(matches):
        raise invalid(
            "summary",
            f"layer_range={layer_range!r}",
            f"the names of two layers, of {', '.join(names)}",
            f"write layer_range=({names[0]!r}, {names[-1]!r})" if names else "",
        )
    first, last = sorted((min(matches[0]), max(matches[1])))
    return layers[first : last + 1]


def _listed(
    layers: Iterable[Layer], expand: bool, depth: int = 0
) -> Iterator[tuple[Layer, int]]:
    """The layers, those of models inside too if wanted, and how deep each is."""
    for layer in layers:
        yield layer, depth
        if expand and isinstance(layer, Graph):
            yield from _listed(layer.layers, expand, depth + 1)


# How it is shown ----------------------------------------------------------------------


def _kind(layer: Layer) -> str:
    if isinstance(layer, Graph):
        face = getattr(layer, "face", None)
        if face is not None:
            return type(face).__name__
        return "Sequential" if _is_chain(layer) else "Model"
    return layer._class_name


def _shown_shape(shape: Shapes) -> str:
    if shape is None:
        return "?"
    shapes = jax.tree.leaves(shape, is_leaf=lambda s: s is None or is_shape(s))
    return ", ".join("?" if s is None else str(tuple(s)) for s in shapes)


def _shown_count(layer: Layer) -> str:
    unbuilt = "" if layer.built else " (unbuilt)"
    return f"{_count(_weights(layer)):,}{unbuilt}"


def _arithmetic(layer: Layer) -> str:
    """How the count comes about: 6*9 + 9, or the counts of the layers inside."""
    if isinstance(layer, Graph):
        return " + ".join(_counts(layer))
    return " + ".join("*".join(map(str, w.shape)) or "1" for w in _weights(layer))


def _counts(graph: Graph) -> list[str]:
    """The counts of a graph's layers that have weights."""
    return [f"{n:,}" for layer in graph.layers if (n := _count(_weights(layer)))]


def _shown_trainable(layer: Layer) -> str:
    flags = {plain.trainable for plain in layer.plain_layers() if _weights(plain)}
    if not flags:
        return "-"
    return "partly" if len(flags) == 2 else "Y" if flags.pop() else "N"


def _size(arrays: list[Array]) -> str:
    """How many numbers, and their size in the largest unit that keeps it 1 or more."""
    size = float(sum(_count([a]) * a.dtype.itemsize for a in arrays))
    units = iter(("B", "KB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while size >= 1024 and unit != "PB":
        size, unit = size / 1024, next(units)
    return f"{_count(arrays):,} ({size:.2f} {unit})"


def _totals(graph: Graph, detail: bool, width: int) -> list[str]:
    every, free = _weights(graph), _free(graph)
    trained = {id(w) for w in free}
    fixed = [w for w in every if id(w) not in trained]
    spelled = " + ".join(_counts(graph)) + " = "
    # Layers that share weights do not add up, and a long sum helps nobody.
    adds_up = _count(every) == sum(_count(_weights(layer)) for layer in graph.layers)
    helps = detail and adds_up and "+" in spelled and 2 * len(spelled) < width
    return [
        f" Total params: {spelled if helps else ''}{_size(every)}",
        f" Trainable params: {_size(free)}",
        f" Non-trainable params: {_size(fixed)}",
    ]


def _unicode(print_fn: object) -> bool:
    """Whether the text may hold box-drawing characters where it goes."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return print_fn is not None or encoding.lower().startswith("utf")


def _table(
    header: list[str],
    rows: list[list[Any]],  # (name, depth) first, then texts
    width: int,
    positions: Sequence[float],
    plain: bool,
) -> str:
    """A table in at most this width, as text without colours: the same everywhere."""
    from rich import box
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    ends = [int(p * width) if max(positions) <= 1 else int(p) for p in positions]
    ends = [min(end, width - 1) for end in ends]
    # A column's text is as wide as its span less two blanks and a line.
    spans = [b - a - 3 for a, b in zip([0, *ends], ends, strict=False)]
    if width < 9 * len(header) or min(spans, default=1) < 1:
        raise invalid(
            "summary",
            f"line_length={width}"
            + (f" and positions={positions}" if positions else ""),
            f"room for {len(header)} columns",
            f"write line_length={20 * len(header)}",
        )
    table = Table(box=box.ASCII2 if plain else box.HEAVY_HEAD)
    for i, name in enumerate(header):
        table.add_column(
            name,
            justify="right" if name == "Param #" else "left",
            width=spans[i] if i < len(spans) else None,
            overflow="fold",
        )
    for row in rows:
        (name, depth), *cells = row
        indented = Padding(Text(name), (0, 0, 0, 3 * depth))
        table.add_row(indented, *(Text(cell) for cell in cells))
    console = Console(
        file=io.StringIO(), width=width, color_system=None, force_jupyter=False
    )
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip("\n")
