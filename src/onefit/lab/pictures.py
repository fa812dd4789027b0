"""What the page draws, as numbers: answers over a plane, what units give, health.

Arrays travel as base64 of bytes: a unit's picture is its values over their largest
size, as int8.
"""

import base64
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from onefit.guide.probe import Probe
from onefit.lab.data import Rows
from onefit.lab.design import features
from onefit.layers.tapping import Tap
from onefit.networks.architecture import Architecture
from onefit.programs import Program
from onefit.types import Array, Config, Tree

__all__ = ["Pictures", "floats", "health", "packed", "valley"]

FINE, COARSE = 60, 20
"""Points along a side of the large picture, and of a unit's."""

SHOWN = 16
"""Units of a layer that have a picture."""

FAR = 100.0
"""How large the weights of a path are at most that is drawn."""

DEAD, STUCK = 0.999, 0.95
"""The share of answers that are 0, or at an end of the activation, of a unit that is
dead, or saturated."""


@Program
def _responses(graph: Architecture, params: Tree, state: Tree, x: Array) -> list[Array]:
    """What each call of the network gives, of rows of x."""
    tap = Tap({"a"})
    graph.forward(params, state, x, training=False, key=None, tap=tap)
    return [jax.tree.leaves(tap.seen["a"][path])[0] for path, _ in graph.calls()]


def packed(array: np.ndarray, limit: float | None = None) -> tuple[str, float]:
    """An array as base64 of int8, and the size that 127 stands for.

    >>> packed(np.array([1.0, -2.0]))
    ('P4E=', 2.0)
    """
    array = np.nan_to_num(np.asarray(array, np.float32), posinf=0, neginf=0)
    limit = float(np.abs(array).max(initial=0)) if limit is None else limit
    scaled = np.clip(array / (limit or 1.0), -1, 1) * 127
    return base64.b64encode(scaled.astype(np.int8).tobytes()).decode(), limit


class Pictures:
    """The pictures of a network on some rows.

    Args:
        graph: The network.
        rows: The data.
        seen: The names of what the network sees of it.
    """

    def __init__(self, graph: Architecture, rows: Rows, seen: Sequence[str]) -> None:
        self.graph, self.rows, self.seen = graph, rows, tuple(seen)
        self.kinds = [type(layer).__name__ for _, layer in graph.calls()]
        self.names = [str(layer.name) for _, layer in graph.calls()]
        self.axes: tuple[int, int] = (0, 1 if len(rows.columns) > 1 else 0)
        self.example = 0

    def answers(self, params: Tree, state: Tree, x: np.ndarray) -> list[np.ndarray]:
        """What each layer gives for rows of the data."""
        shown = features(x, self.rows.columns, self.seen)
        return [np.asarray(a) for a in _responses(self.graph, params, state, shown)]

    @property
    def flat(self) -> bool:
        """Whether a plane or a line of two columns says anything: not of pixels."""
        return 0 < len(self.rows.columns) < 50

    def draw(self, params: Tree, state: Tree) -> Config:
        """All pictures, of the weights as they are."""
        if not self.flat:
            return self._of_example(params, state)
        if len(self.rows.columns) == 1:
            return self._line(params, state)
        return self._plane(params, state)

    # Two columns ----------------------------------------------------------------------

    def grid(self, points: int) -> np.ndarray:
        """Rows over two columns; the others are those of the example."""
        low, high = self.rows.extent
        along = np.linspace(low, high, points, dtype=np.float32)
        n = len(self.rows.columns)
        grid = np.zeros((points, points, n), np.float32)
        if n > 2:
            grid[:] = self.rows.x[self.example]
        first, second = self.axes
        grid[..., second] = along[::-1, None]  # upwards, as in a drawing
        grid[..., first] = along[None]
        return grid.reshape(-1, n)

    def _plane(self, params: Tree, state: Tree) -> Config:
        given = self.answers(params, state, self.grid(FINE))
        units = []
        for a in given[:-1]:
            each = a.reshape(FINE, FINE, -1)[:: FINE // COARSE, :: FINE // COARSE]
            units.append(_stack(each[..., :SHOWN]))
        shown = features(self.grid(COARSE), self.rows.columns, self.seen).reshape(
            COARSE, COARSE, -1
        )
        return {
            "kind": "plane",
            "side": FINE,
            "output": self._answer(given[-1].reshape(FINE, FINE, -1)),
            "inputs": _stack(shown[..., :SHOWN]),
            "units": units,
        }

    def _answer(self, a: np.ndarray) -> list[Config]:
        """The answer over the plane: of probabilities, -1 is none and 1 is all."""
        if self.rows.problem == "regression":
            low, high = float(self.rows.y.min()), float(self.rows.y.max())
            a = (a - (low + high) / 2) / max((high - low) / 2, 1e-6)
        else:
            a = 2 * a - 1
        return [{"data": packed(a[..., k], 1.0)[0]} for k in range(a.shape[-1])]

    def _line(self, params: Tree, state: Tree) -> Config:
        low, high = self.rows.extent
        along = np.linspace(low, high, 2 * FINE, dtype=np.float32)
        given = self.answers(params, state, along[:, None])
        return {
            "kind": "line",
            "x": along.tolist(),
            "output": [floats(given[-1][:, 0])],
            "inputs": _stack(along[None, ::6, None]),
            "units": [_stack(a[None, ::6, :SHOWN]) for a in given[:-1] if a.ndim == 2],
        }

    # One example, where a plane says nothing ------------------------------------------

    def _of_example(self, params: Tree, state: Tree) -> Config:
        x = self.rows.x[self.example : self.example + 1]
        given = self.answers(params, state, x)
        units = []
        for i, a in enumerate(given[:-1]):
            if a.ndim == 4:
                units.append(_stack(a[0, ..., :SHOWN]))
                continue
            kernel = params[i].get("kernel") if isinstance(params[i], dict) else None
            side = round(np.sqrt(len(kernel))) if kernel is not None else 0
            if kernel is not None and not i and side * side == len(kernel):
                looked = np.asarray(kernel).reshape(side, side, -1)
                units.append(_stack(looked[..., :SHOWN]))
            else:
                units.append(_stack(a[:, None, :SHOWN]))
        image = x[0]
        if image.ndim == 1:
            side = round(np.sqrt(len(image)))
            image = image.reshape(side, side, 1)
        return {
            "kind": "example",
            "output": [floats(given[-1][0])],
            "inputs": _stack(image[..., :1]),
            "units": units,
        }


def _stack(maps: np.ndarray) -> Config:
    """Pictures of some units, (height, width, units), each by its own largest size."""
    height, width, n = maps.shape
    sizes = np.abs(maps).max((0, 1), initial=1e-9)
    data, _ = packed(np.moveaxis(maps / sizes, -1, 0), 1.0)
    return {"h": height, "w": width, "n": n, "data": data, "top": floats(sizes)}


def floats(array: Any) -> list[float | None]:  # numpy or jax
    """Numbers as JSON has them, five digits; null for what is none."""
    return [
        float(f"{v:.5g}") if np.isfinite(v) else None for v in np.ravel(array).tolist()
    ]


def health(probe: Probe) -> list[Config]:
    """Of each layer: which units are dead or saturated, how large its gradient is."""
    sizes: dict[str, float] = {}
    for weights in probe.weights:
        sizes[weights.layer] = max(sizes.get(weights.layer, 0.0), weights.gradient)
    return [
        {
            "layer": layer.layer,
            "dead": np.flatnonzero(np.ravel(layer.zero) >= DEAD).tolist(),
            "saturated": np.flatnonzero(np.ravel(layer.flat) >= STUCK).tolist(),
            "gradient": floats([sizes.get(layer.layer, np.nan)])[0],
        }
        for layer in probe.layers
    ]


def valley(model: Any, x: np.ndarray, y: np.ndarray, path: np.ndarray) -> Config:
    """J over the plane of a network's two weights, around its path.

    Args:
        model: A compiled model of two weights in all.
        x, y: The rows that J is of.
        path: The weights on the way, (moments, 2).
    """
    near = np.abs(path).max(1) < FAR  # a path may leave every picture, and end in NaN
    path = path[near] if near.any() else path[:1]
    reach = np.abs(path).max(initial=1.0) * 1.3
    side = 40
    along = np.linspace(-reach, reach, side)
    w, b = np.meshgrid(along, along[::-1])
    z = w.reshape(-1, 1) * x[:, 0] + b.reshape(-1, 1)
    last = model.layers[-1].activation
    a = np.asarray(last(z) if last is not None else z).reshape(-1, 1)
    target = np.tile(y.reshape(1, -1), (side * side, 1)).reshape(-1, 1)
    costs = np.asarray(model.loss.values(target, a)).reshape(side, side, -1).mean(-1)
    data, _ = packed(2 * np.sqrt(_unit(costs)) - 1, 1.0)
    return {
        "side": side,
        "reach": float(reach),
        "data": data,
        "lowest": floats([costs.min()])[0],
        "path": [floats(p) for p in path[-400:]],
    }


def _unit(costs: np.ndarray) -> np.ndarray:
    low, high = costs.min(), costs.max()
    return (costs - low) / max(high - low, 1e-9)
