"""Numbers by layer over the epochs of a fit, for who asks: fit(..., watch="layers")."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from onefit.guide.probe import Probe, WeightSizes

__all__ = ["TIMES", "Layers", "moments"]

TIMES = 20
"""How many times a fit is measured, its beginning and its end among them."""


def moments(first: int, epochs: int) -> tuple[int, ...]:
    """After how many epochs a fit is measured: evenly spread, `TIMES` at most.

    >>> moments(0, 5), len(moments(0, 1000)), moments(0, 1000)[-1]
    ((0, 1, 2, 3, 4, 5), 20, 1000)
    """
    count = min(TIMES, epochs - first + 1)
    return tuple(np.linspace(first, epochs, count).round().astype(int).tolist())


class Layers(Mapping[str, dict[str, np.ndarray]]):
    """What each layer did while a fit ran: `history.layers["dense"]["update/weight"]`.

    Each layer has arrays of one number for each measured epoch, of what there is:

    * of its answers to some rows: "mean" and "std" (over rows and units), "zero" (the
      share of its units that are 0 for every row), "flat" (the share of answers at the
      ends of a sigmoid or tanh), "signal" (the size of dJ/da)
    * of its weights: "weight", "gradient" (of dJ/dw), "update" (of the next step), and
      "update/weight", of which about 0.001 is usual

    Sizes are roots of mean squares.

    Attributes:
        epochs: After how many epochs it was measured, (times,).
    """

    def __init__(self, probes: Mapping[int, Probe]) -> None:
        self.epochs = np.array(sorted(probes))
        measured = [probes[epoch] for epoch in self.epochs.tolist()]
        self._layers: dict[str, dict[str, np.ndarray]] = {}
        for answers in zip(*(probe.layers for probe in measured), strict=True):
            numbers = {
                "mean": [a.mean.mean() for a in answers],
                "std": [np.sqrt((a.std**2).mean() + a.mean.var()) for a in answers],
                "zero": [(a.zero == 1).mean() for a in answers],
                "signal": [a.signal for a in answers],
            }
            if answers[0].facts.saturates:
                numbers["flat"] = [a.flat.mean() for a in answers]
            self._add(answers[0].layer, numbers)
        names = {w.layer: w.layer for probe in measured for w in probe.weights}
        for name in names:
            own = [[w for w in probe.weights if w.layer == name] for probe in measured]
            sizes = {
                kind: np.array([_together(ws, kind) for ws in own])
                for kind in ("weight", "gradient", "update")
            }
            ratio = sizes["update"] / np.maximum(sizes["weight"], 1e-30)
            self._add(name, sizes | {"update/weight": ratio})

    def _add(self, layer: str, numbers: Mapping[str, object]) -> None:
        found = {name: np.asarray(values, float) for name, values in numbers.items()}
        self._layers.setdefault(layer, {}).update(found)

    def __getitem__(self, layer: str) -> dict[str, np.ndarray]:
        return self._layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __repr__(self) -> str:
        lines = [f"{len(self)} layers, measured {len(self.epochs)} times"]
        head = ("layer", "weight", "gradient", "update/weight", "zero", "flat")
        lines.append(f"{head[0]:24}" + "".join(f"{name:>15}" for name in head[1:]))
        for layer, numbers in self.items():
            ends = [numbers[name][-1] if name in numbers else None for name in head[1:]]
            cells = ["" if end is None else f"{end:.3g}" for end in ends]
            lines.append(f"{layer:24.24}" + "".join(f"{cell:>15}" for cell in cells))
        return "\n".join(lines)

    def plot(self) -> np.ndarray:
        """Draws them over the epochs: gradients, steps, units that are dead or flat.

        Returns:
            The matplotlib Axes of the pictures, (3,).
        """
        from onefit import plots

        return plots.by_layer(self.epochs, self)


def _together(weights: Sequence[WeightSizes], kind: str) -> float:
    """The root mean square over all arrays of a layer."""
    sizes = np.array([np.prod(w.shape) for w in weights], float)
    values = np.array([getattr(w, kind) for w in weights])
    return float(np.sqrt((sizes * values**2).sum() / max(sizes.sum(), 1.0)))
