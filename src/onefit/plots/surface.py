"""The loss over a plane through the space of weights, and optimizers' paths there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from onefit import config
from onefit import optimizers as known
from onefit.data import rows
from onefit.data.batch import Batch
from onefit.errors import invalid, is_whole
from onefit.networks.cloning import clone_model
from onefit.optimizers.base import Optimizer
from onefit.plots.asking import spread_rows
from onefit.plots.axes import BLACK, COLOURS, drawn, draws, spread
from onefit.programs import Program
from onefit.training.callback import Callback, Logs
from onefit.training.compiled import Compiled
from onefit.training.prepare import read_rows
from onefit.training.targets import fit_targets
from onefit.training.task import Task
from onefit.types import Array, ArrayLike, Data, Identifier, Tree

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["loss_surface", "optimizer_paths"]

ROWS = 2000
"""How many rows the loss is taken of, spread over all."""

AT_ONCE = 32
"""Points of the plane whose loss is computed at once."""


class Fits(Protocol):
    """A model that trains: `Compiled` models do, by a class of a margin above."""

    def fit(
        self, x: Data, y: Data, *, verbose: int, callbacks: list[Callback], **more: int
    ) -> object:
        """Trains it."""
        ...


class _Record(Callback):
    """Keeps the weights at the start and after every epoch."""

    writes = ()

    def __init__(self) -> None:
        super().__init__()
        self.path: list[np.ndarray] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.path.append(_vector(self.model))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.path.append(_vector(self.model))


def _vector(model: Compiled) -> np.ndarray:
    """The weights that training may change, as one vector."""
    free = model.graph.free_once(model.graph.slot.params)
    leaves = [np.ravel(leaf) for leaf in jax.tree.leaves(free)]
    return np.concatenate(leaves) if leaves else np.empty(0)


@draws
def optimizer_paths(
    model: Compiled,
    x: Data,
    y: Data,
    optimizers: Identifier = ("sgd", "rmsprop", "adam"),
    epochs: int = 50,
    batch_size: int | None = None,
) -> dict[str, np.ndarray]:
    """Trains copies of a model with several optimizers from where it is now.

    The model itself stays as it is. For `loss_surface(..., paths=...)`.

    Args:
        model: A model that is compiled, for its loss.
        x, y: The rows.
        optimizers: Names or optimizers, as a list, or as a dict by what they are to be
            called.
        epochs: How many epochs each has.
        batch_size: Rows in a step; all of them unless given, so that no path depends
            on the order of the rows.

    Returns:
        For each optimizer its path, (epochs + 1, weights): the weights that training
        may change as one vector, at the start and after every epoch. One that diverges
        ends with its last finite weights.

    Raises:
        ValueError: A model that is not compiled, an unknown optimizer.

    Example:
        >>> model = onefit.Sequential([onefit.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> x, y = np.array([[1.0], [2.0]]), np.array([2.0, 4.0])
        >>> paths = optimizer_paths(model, x, y, ["sgd", "adam"], epochs=5)
        >>> {name: path.shape for name, path in paths.items()}
        {'SGD, α = 0.01': (6, 2), 'Adam, α = 0.001': (6, 2)}
    """
    batch = read_rows(model, x, y, None, "fit")
    model.ready_for(batch.x)
    model.task(batch)  # refuses a model that is not compiled
    size = batch_size or rows.count(batch)
    paths = {}
    for name, optimizer in _named(optimizers).items():
        with config.aside(
            0
        ):  # each has the same order of rows, the user's seed is left
            path = _path(model, optimizer, x, y, epochs=epochs, batch_size=size)
        finite = np.isfinite(path).all(axis=1)
        paths[name] = path if finite.all() else path[: finite.argmin()]
    return paths


def _path(
    model: Compiled, optimizer: Optimizer | None, x: Data, y: Data, **options: Any
) -> np.ndarray:
    """The path of a copy of the model with this optimizer, (epochs + 1, weights)."""
    clone = clone_model(model)
    clone.build(model.graph.slot.input_shape)
    clone.set_weights(model.get_weights())
    weights = (model.compile_settings or {}).get("loss_weights")
    clone.compile(
        optimizer, model.loss, weights, check=False
    )  # one that shall diverge may
    record = _Record()
    cast(Fits, clone).fit(x, y, verbose=0, callbacks=[record], **options)
    return np.array(record.path)


def _named(given: Identifier) -> dict[str, Optimizer | None]:
    """Optimizers by what they are called: their name and rate unless given."""
    if isinstance(given, Mapping):
        return {str(name): known.get(one) for name, one in given.items()}
    found: dict[str, Any] = {}
    for one in given if isinstance(given, list | tuple) else [given]:
        optimizer: Any = known.get(one)
        rate = optimizer.learning_rate
        text = f", α = {float(rate):g}" if optimizer.constant_rate else ""
        momentum = getattr(optimizer, "momentum", 0.0)
        if isinstance(momentum, int | float) and momentum:
            text += f", momentum {momentum:g}"
        name = f"{type(optimizer).__name__}{text}"
        copies = sum(other.split(" (")[0] == name for other in found)
        found[f"{name} ({copies + 1})" if copies else name] = optimizer
    return found


@draws
def loss_surface(
    model: Compiled,
    x: Data,
    y: Data,
    directions: ArrayLike | None = None,
    paths: Mapping[str, ArrayLike] | None = None,
    *,
    span: float = 1.0,
    side: int = 41,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the loss J along two directions through the space of weights.

    J(w + α·d₁ + β·d₂) over α and β. Random directions are scaled to the weights unit
    by unit, so that a step of 1 changes each unit by as much as it is. Of paths, the
    directions are those in which they move most, and the title says how much of their
    movement lies in the plane: what is off it is not seen.

    Args:
        model: A model that is compiled.
        x, y: The rows; of more than 2,000 rows 2,000 are taken, evenly spread.
        directions: 'random', 'paths' (their principal components), or two vectors of
            as many numbers as training may change. 'paths' where there are some.
        paths: What `optimizer_paths` gave, or a dict of arrays (points, weights).
        span: How far to go to either side, without paths.
        side: How many points along each side the loss is computed at.
        seed: Of the random directions.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A model that is not compiled, directions or paths of another number
            of weights.

    Example:
        >>> model = onefit.Sequential([onefit.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> x, y = np.array([[1.0], [2.0]]), np.array([2.0, 4.0])
        >>> paths = optimizer_paths(model, x, y, ["sgd", "adam"], epochs=5)
        >>> ax = loss_surface(model, x, y, paths=paths, side=11)
        >>> ax.get_title()
        "loss; 100 % of the paths' movement lies in this plane"

    Source: Li et al., 2018, arXiv:1712.09913; lecture 004, "Gradient descent".
    """
    where = "loss_surface"
    batch = spread_rows(read_rows(model, x, y, None, "fit"), ROWS)
    model.ready_for(batch.x)
    task = model.task(batch)
    batch = fit_targets(task, batch)
    if not is_whole(side, 3):
        raise invalid(where, f"side={side!r}", "3 points along each side, or more")
    here = _vector(model)
    walks = {n: np.asarray(p) for n, p in (paths or {}).items()}
    for name, path in walks.items():
        if path.ndim != 2 or path.shape[1] != len(here) or not len(path):
            raise invalid(
                where,
                f"the path {name!r} of shape {path.shape}",
                f"points of {len(here)} weights each",
                "write paths=optimizer_paths(model, x, y)",
            )
    origin = next(iter(walks.values()))[0] if walks else here
    basis = _basis(where, model, directions, walks, origin, seed)
    # Where the paths lie in the plane: the nearest point of it.
    to_plane = np.linalg.pinv(basis.T)
    flat = {name: (path - origin) @ to_plane.T for name, path in walks.items()}
    ends = np.array([[-span, -span], [span, span]])
    if flat:
        every = np.concatenate([*flat.values(), [[0, 0]]])
        ends = np.array([every.min(axis=0), every.max(axis=0)])
        margin = 0.25 * np.ptp(ends, axis=0)
        margin = np.maximum(margin, 0.15 * margin.max() or 1.0)
        ends = np.array([ends[0] - margin, ends[1] + margin])
    lines = [np.linspace(low, high, side) for low, high in ends.T]
    grid = np.stack(np.meshgrid(*lines), axis=-1).reshape(-1, 2)
    slot = model.graph.slot

    def costs(coefficients: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        kind = here.dtype
        args = [np.asarray(a, kind) for a in (coefficients, vectors, origin)]
        return np.asarray(_costs(task, slot.params, slot.state, batch, *args), float)

    table = costs(grid, basis).reshape(side, side)
    ax = drawn(ax, (6.6, 4.6 + 0.2 * len(walks)))
    _heights(ax, lines, table, bool(walks))
    if walks:
        lost = [(p - origin) - flat[n] @ basis for n, p in walks.items()]
        total = sum(np.sum((p - origin) ** 2.0) for p in walks.values())
        share = 1 - sum(np.sum(one**2.0) for one in lost) / (total or 1)
        finals = np.array([path[-1] - origin for path in walks.values()])
        losses = costs(np.eye(len(walks) + 1)[:, 1:], finals)
        _paths(ax, flat, losses)
        ax.set_title(
            f"loss; {100 * share:.0f} % of the paths' movement lies in this plane"
        )
    else:
        ax.plot(
            0,
            0,
            marker="*",
            markersize=14,
            color=COLOURS[4],
            markeredgecolor=BLACK,
            linestyle="",
            label="the model",
        )
        ax.set_title("loss around the model's weights")
    ax.set(xlabel="along $d_1$", ylabel="along $d_2$")
    ax.legend(
        loc="upper left",
        bbox_to_anchor=(0, -0.13),
        frameon=False,
        fontsize=8.5,
        borderaxespad=0,
    )
    return ax


@Program
def _costs(
    task: Task,
    params: Tree,
    state: Tree,
    batch: Batch,
    coefficients: jax.Array,
    vectors: jax.Array,
    origin: jax.Array,
) -> Array:
    """J at origin + coefficients · vectors, point by point."""
    _, tree = ravel_pytree(task.free(params))

    def cost(along: jax.Array) -> Array:
        weights = task.merge(params, tree(origin + along @ vectors))
        return task.cost(weights, state, batch, training=False, key=None)[0]

    return jax.lax.map(cost, coefficients, batch_size=AT_ONCE)


def _basis(
    where: str,
    model: Compiled,
    directions: ArrayLike | None,
    walks: dict[str, np.ndarray],
    origin: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Two directions, (2, weights)."""
    if directions is None:
        directions = "paths" if walks else "random"
    if isinstance(directions, str) and directions == "random":
        rng = np.random.default_rng(seed)
        free = model.graph.free_once(model.graph.slot.params)
        return np.array(
            [
                np.concatenate(
                    [_scaled(rng, np.asarray(w)) for w in jax.tree.leaves(free)]
                )
                for _ in range(2)
            ]
        )
    if isinstance(directions, str) and directions == "paths" and walks:
        moves = np.concatenate([path - origin for path in walks.values()])
        _, size, found = np.linalg.svd(moves.astype(float), full_matrices=False)
        if len(size) > 1 and size[1] > 1e-7 * size[0]:
            return found[:2]
        # They move along one line, or not at all: beside it any direction will do.
        one = found[0] if len(size) and size[0] else np.eye(1, len(origin))[0]
        other = np.random.default_rng(seed).normal(size=len(origin))
        other -= (other @ one) * one
        norm = np.linalg.norm(other)
        return np.array([one, other / norm if norm > 1e-9 else np.zeros_like(one)])
    pair = np.asarray(directions) if not isinstance(directions, str) else np.empty(0)
    if pair.shape != (2, len(origin)) or pair.dtype.kind not in "iuf":
        raise invalid(
            where,
            f"directions={directions!r}"
            + " without paths" * (isinstance(directions, str) and directions == "paths")
            if isinstance(directions, str)
            else f"directions of shape {pair.shape}",
            f"'random', 'paths' with paths, or two vectors of {len(origin)} numbers",
            "leave directions out",
        )
    return pair.astype(float)


def _scaled(rng: np.random.Generator, w: np.ndarray) -> np.ndarray:
    """Random numbers, as large as the weights of each unit; biases as a whole."""
    d = rng.normal(size=w.shape)
    axes = tuple(range(w.ndim - 1)) if w.ndim > 1 else None
    size = (
        np.linalg.norm(d, axis=axes, keepdims=True)
        if w.ndim < 3
        else np.sqrt(np.sum(d**2, axis=axes, keepdims=True))
    )
    own = np.sqrt(np.sum(w.astype(float) ** 2, axis=axes, keepdims=True))
    return np.ravel(d * own / np.where(size == 0, 1, size))


def _heights(
    ax: "Axes", lines: list[np.ndarray], table: np.ndarray, pale: bool
) -> None:
    """The loss as a map with lines of equal height; pale where paths lie on it."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm
    from matplotlib.ticker import LogLocator, MaxNLocator

    finite = table[np.isfinite(table)]
    if not len(finite):
        raise invalid(
            "loss_surface",
            "a loss that is nowhere finite",
            "weights and rows that give numbers",
            "take a smaller span",
        )
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    log = bool(spread(finite, 50))
    even = MaxNLocator(16).tick_values(low, high)
    levels = np.geomspace(low, high, 17) if log else even
    norm = LogNorm(low, high) if log else None
    colours: Any = "viridis"
    if pale:
        colours = LinearSegmentedColormap.from_list("pale", ["#FFFFFF", "#8C8C8C"])
    shown = np.ma.masked_invalid(table)
    image = ax.contourf(*lines, shown, levels, cmap=colours, norm=norm)
    ax.contour(
        *lines,
        shown,
        levels,
        colors="0.45" if pale else "white",
        linewidths=0.5,
        norm=norm,
    )
    ticks = np.asarray(MaxNLocator(7).tick_values(low, high))
    if log:
        subs = (1, 2, 5) if high < 1e3 * low else (1,)
        ticks = np.asarray(LogLocator(subs=subs, numticks=30).tick_values(low, high))
    ticks = ticks[(ticks >= levels[0]) & (ticks <= levels[-1])]
    bar = ax.figure.colorbar(image, ax=ax, label="loss (log scale)" if log else "loss")
    bar.set_ticks(list(ticks), labels=[f"{tick:g}" for tick in ticks])
    bar.ax.minorticks_off()


def _paths(ax: "Axes", flat: dict[str, np.ndarray], losses: np.ndarray) -> None:
    """The paths, each with its colour and mark, and the loss at its end."""
    first, *ends = losses
    for i, (name, path) in enumerate(flat.items()):
        colour, mark = COLOURS[i % len(COLOURS)], "os^Dv"[i % 5]
        every = max(1, len(path) // 12)
        ax.plot(
            *path.T,
            color=colour,
            linewidth=1.6,
            marker=mark,
            markersize=4.5,
            markevery=every,
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=3,
            label=f"{name}: loss {ends[i]:.3g}",
        )
        ax.plot(
            *path[-1],
            marker="*",
            markersize=14,
            color=colour,
            markeredgecolor="white",
            zorder=5,
        )
    start = next(iter(flat.values()))[0]
    ax.plot(
        *start,
        marker="o",
        markersize=9,
        color=BLACK,
        linestyle="",
        zorder=4,
        label=f"start: loss {first:.3g}; ends at stars",
    )
