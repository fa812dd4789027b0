"""How the numbers of each layer are spread: activations forward, gradients back."""

from collections.abc import Iterator, Sequence

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.errors import invalid, unknown
from onefit.layers import Flatten, InputLayer, Permute, Reshape
from onefit.layers.base import Layer
from onefit.networks.graph import Graph, as_graph
from onefit.plots.asking import readings, spread_rows
from onefit.plots.axes import BLUE, drawn, draws
from onefit.plots.panels import panels, short
from onefit.programs import Program
from onefit.training.compiled import Compiled
from onefit.training.prepare import read_rows
from onefit.training.targets import fit_targets
from onefit.training.task import Task
from onefit.types import Data, Tree

__all__ = ["activations_histogram", "gradients_histogram"]

ROWS = 2000
"""How many rows are asked, spread over all: enough for the shape of a histogram."""

BARS = 50


@draws
def activations_histogram(
    model: Compiled, x: Data, layers: Sequence[str] | None = None
) -> np.ndarray:
    """Draws how the outputs a^[l] of each layer are spread over some rows.

    Under each name stand the mean μ, the standard deviation σ and the share that is
    exactly 0. Healthy layers keep about one spread from first to last; a relu layer at
    100 % zeros is dead, a sigmoid at its two ends is saturated.

    Args:
        model: A model.
        x: Rows of inputs; of more than 2,000 rows 2,000 are taken, evenly spread.
        layers: The names of the layers to draw; all that compute something unless
            given. A layer in a model inside is "inside > layer".

    Returns:
        The matplotlib Axes, an array (layer,); the figure is `axes[0].figure`.

    Raises:
        ValueError: No such layer, rows that do not fit.

    Example:
        >>> from onefit.layers import Dense
        >>> model = onefit.Sequential([Dense(8, "relu"), Dense(1)])
        >>> axes = activations_histogram(model, np.ones((100, 3)))
        >>> [ax.get_title().split(":")[0].split()[0] for ax in axes]
        ['dense', 'dense_1']

    Source: Glorot and Bengio, 2010, figures 2 and 3.
    """
    where = "activations_histogram"
    found = readings(where, model, x, ROWS)
    names = [reading.name for reading in found]
    if layers is None:
        chosen = [reading for reading in found if not _idle(reading.layer)]
    else:
        for name in layers:
            if name not in names:
                raise unknown("layer", name, names)
        chosen = [found[names.index(name)] for name in layers]
    if not chosen:
        raise invalid(where, "no layer", "one at least", "leave layers out for all")
    axes = panels(len(chosen), 3, (2.7, 2.1))
    for ax, reading in zip(axes, chosen, strict=True):
        drawn(ax)
        values = reading.value.ravel().astype(float)
        finite = values[np.isfinite(values)]
        if len(finite):
            share = np.full(len(finite), 100 / len(values))
            ax.hist(finite, BARS, weights=share, color=BLUE)
        zero = 100 * np.mean(values == 0)
        text = (
            f"μ = {short(finite.mean())}, σ = {short(finite.std())}, {zero:.0f} % zero"
            if len(finite)
            else "no finite value"
        )
        if 0 < len(finite) < len(values):
            text += f", {len(values) - len(finite):,} not finite"
        ax.set_title(f"{reading.name}\n{text}", fontsize=8.5)
        ax.tick_params(labelsize=8)
    figure = axes[0].figure
    figure.supxlabel("output of a unit", fontsize=9)
    figure.supylabel("share of the outputs (%)", fontsize=9)
    return axes


def _idle(layer: Layer) -> bool:
    """Whether a layer leaves its input as it is, or only rearranges it."""
    moves = isinstance(layer, Flatten | Reshape | Permute)
    return (
        moves or isinstance(layer, InputLayer) or (layer.random and not layer.weights)
    )


@draws
def gradients_histogram(model: Compiled, x: Data, y: Data) -> np.ndarray:
    """Draws how large the gradients dJ/dw of each layer's weights are.

    The layers stand below each other on one log scale, from the first to the last:
    where the hills move to the left towards the first layer, gradients vanish; to the
    right, they explode. The gradients are those of the rows' mean loss, with the
    weights as they are now, and nothing random.

    Args:
        model: A model that is compiled.
        x, y: Inputs and targets; of more than 2,000 rows 2,000 are taken,
            evenly spread.

    Returns:
        The matplotlib Axes, an array (layer,), of the layers that have weights; the
        figure is `axes[0].figure`.

    Raises:
        ValueError: A model that is not compiled or has no weights, rows that do not
            fit.

    Example:
        >>> from onefit.layers import Dense
        >>> model = onefit.Sequential([Dense(8, "tanh"), Dense(1)])
        >>> model.compile(loss="mse")
        >>> len(gradients_histogram(model, np.ones((5, 3)), np.ones(5)))
        2

    Source: lecture 003, "Vanishing gradients"; Glorot and Bengio, 2010, figure 7.
    """
    where = "gradients_histogram"
    batch = read_rows(model, x, y, None, "fit")
    batch = spread_rows(batch, ROWS)
    model.ready_for(batch.x)
    task = model.task(batch)
    batch = fit_targets(task, batch)
    slot = model.graph.slot
    grads = _gradient(task, slot.params, slot.state, batch)
    found = list(_by_layer(as_graph(model.graph, where), grads))
    if not found:
        raise invalid(where, "a model without weights", "layers that learn")
    sizes = np.concatenate([np.abs(values) for _, values in found])
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    low, high = (sizes.min(), sizes.max()) if len(sizes) else (0.1, 1.0)
    bins = np.geomspace(low / 1.5, high * 1.5, BARS + 1)
    axes = panels(len(found), 1, (6.4, 1.0), sharex=True)
    for ax, (name, values) in zip(axes, found, strict=True):
        drawn(ax)
        size = np.abs(values[np.isfinite(values)])
        shown = size[size > 0]
        if len(shown):
            ax.hist(
                shown, bins, weights=np.full(len(shown), 100 / len(values)), color=BLUE
            )
            ax.axvline(np.median(shown), color="black", linewidth=1.2)
        parts = [f"median {short(np.median(shown))}"] if len(shown) else []
        if (zero := 100 * np.mean(values == 0)) > 0:
            parts.append(f"{zero:.0f} % exactly 0")
        if len(size) < len(values):
            parts.append(f"{len(values) - len(size):,} not finite")
        ax.set_xscale("log")
        ax.set_title(f"{name}: {', '.join(parts)}", fontsize=9, loc="left", pad=3)
        ax.tick_params(labelsize=8)
    axes[-1].set_xlabel("|dJ/dw| (log scale)")
    axes[0].figure.supylabel("share of the weights (%)", fontsize=9)
    return axes


@Program
def _gradient(task: Task, params: Tree, state: Tree, batch: Batch) -> Tree:
    key, bare = task.key(0, 0, training=False), task.replace(optimizer=None)
    found = bare.gradients(params, params, state, batch, training=False, key=key)
    return found.weights


def _by_layer(
    graph: Graph, grads: Tree, prefix: str = ""
) -> Iterator[tuple[str, np.ndarray]]:
    """The name and all gradients of each layer that has weights."""
    for layer, own in zip(graph.layers, grads, strict=True):
        if isinstance(layer, Graph):
            yield from _by_layer(layer, own, f"{prefix}{layer.name} > ")
        elif leaves := jax.tree.leaves(own):
            values = np.concatenate([np.ravel(leaf) for leaf in leaves])
            yield f"{prefix}{layer.name}", values.astype(float)
