"""The same network from many seeds, and with other settings: populations."""

import itertools
from typing import Any

import numpy as np

from onefit import population
from onefit.errors import invalid, unknown
from onefit.lab.axes import axes
from onefit.lab.data import Rows
from onefit.lab.design import Design
from onefit.lab.pictures import Pictures, floats, packed
from onefit.models import Model
from onefit.types import Config

__all__ = ["Many", "Survey"]

SMALL = 20
"""Points along a side of a small picture."""

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


class Many:
    """One network from many seeds, trained together in one program.

    Args:
        model: The network; it is left as it is.
        x, y: The rows.
        held: Those to test on, or None.
        seeds: How many.
        epochs: How long.
    """

    def __init__(
        self,
        model: Model,
        x: Any,  # arrays, or nests of them
        y: Any,
        held: tuple[Any, Any] | None,
        seeds: int,
        epochs: int,
        batch: int = 32,
        vary: dict[str, Any] | None = None,
    ) -> None:
        self.found = population.fit(
            model,
            x,
            y,
            seeds=seeds,
            vary=vary,
            epochs=epochs,
            batch_size=batch,
            validation_data=held,
            verbose=0,
        )
        self.held = held is not None

    def member(self, index: int) -> tuple[Model, Design | None]:
        """One of them, and its design, where that is another."""
        return self.found.member(index), None

    def told(self, drawn: Pictures) -> Config:
        """Their losses, their curves with quantiles, and a small picture of each."""
        monitor = "val_loss" if self.held else "loss"
        logs = np.asarray(self.found.history[monitor], float)
        step = max(1, -(-logs.shape[1] // 120))
        with np.errstate(invalid="ignore"):
            finite = np.where(np.isfinite(logs), logs, np.inf)
            marks = np.quantile(finite[:, ::step], QUANTILES, axis=0, method="nearest")
        return {
            "monitor": monitor,
            "final": floats(self.found.final(monitor)),
            "epochs": list(range(1, logs.shape[1] + 1, step)),
            "quantiles": [floats(line) for line in marks],
            "pictures": self._pictures(drawn),
        }

    def _pictures(self, drawn: Pictures) -> list[str] | None:
        """The plane of each, where the data have one; of classes the first."""
        if not drawn.flat or len(drawn.rows.columns) < 2:
            return None
        from onefit.lab.design import features

        grid = features(drawn.grid(SMALL), drawn.rows.columns, drawn.seen)
        found = []
        for model in self.found.members():
            a = np.asarray(model.predict(grid, verbose=0))
            if drawn.rows.problem == "regression":
                low, high = drawn.rows.y.min(), drawn.rows.y.max()
                a = (a[:, :1] - (low + high) / 2) / max((high - low) / 2, 1e-6)
            elif a.shape[-1] > 1:
                a = a.argmax(-1)[:, None] / max(a.shape[-1] - 1, 1) * 2 - 1
            else:
                a = 2 * a - 1
            found.append(packed(a, 1.0)[0])
        return found


class Survey:
    """A map of two settings: the same network with each pair of their values.

    What is a number in the program varies within one; what shapes it makes another.

    Args:
        design: What varies from here.
        rows: The data.
        x, y, held: As the network takes them.
        names: The setting across and the one upwards, by their names in `axes`.
        epochs: How long each trains.
        side: Values of a setting, at most.

    Raises:
        ValueError: A setting that does not vary here, or the same one twice.
    """

    def __init__(
        self,
        design: Design,
        rows: Rows,
        x: Any,  # arrays, or nests of them
        y: Any,
        held: tuple[Any, Any] | None,
        names: tuple[str, str],
        epochs: int,
        side: int,
    ) -> None:
        known = axes(design)
        for name in names:
            if name not in known:
                raise unknown("setting to vary", name[:40], known)
        if names[0] == names[1]:
            raise invalid("survey", f"{names[0]} twice", "two settings")
        self.names = names
        across, upwards = self.axes = known[names[0]], known[names[1]]
        self.values = across.values(side, len(x)), upwards.values(side, len(x))
        cells = list(itertools.product(self.values[1], self.values[0]))
        self.designs = [across.put(upwards.put(design, up), to) for up, to in cells]
        self.monitor = "val_loss" if held is not None else "loss"
        self.places: dict[int, tuple[population.Population, int]] = {}
        for members in self._alike():
            model = self.designs[members[0]].model(rows)
            vary: dict[str, list[Any]] = {}
            for axis, own in ((upwards, 0), (across, 1)):
                for path in axis.paths(model):
                    vary[path] = [cells[i][own] for i in members]
            part = population.fit(
                model,
                x,
                y,
                seeds=[design.seed],
                vary=vary or None,
                epochs=epochs,
                batch_size=self.designs[members[0]].batch,
                validation_data=held,
                verbose=0,
            )
            self.places |= {i: (part, j) for j, i in enumerate(members)}

    def _alike(self) -> list[list[int]]:
        """The numbers of the members, those of as many layers together."""
        groups: dict[int, list[int]] = {}
        for i, design in enumerate(self.designs):
            groups.setdefault(len(design.layers), []).append(i)
        return list(groups.values())

    def member(self, index: int) -> tuple[Model, Design | None]:
        """One of the map, and the design that it was trained with."""
        if index not in self.places:
            raise invalid("member", str(index), f"0 to {len(self.places) - 1}")
        part, place = self.places[index]
        return part.member(place), self.designs[index]

    def told(self, drawn: Pictures) -> Config:
        """The losses of the map, a line for each value of the setting upwards."""
        del drawn
        finals = {id(p): p.final(self.monitor) for p, _ in self.places.values()}
        losses = [finals[id(part)][j] for _, (part, j) in sorted(self.places.items())]
        width = len(self.values[0])
        return {
            "monitor": self.monitor,
            "names": list(self.names),
            "values": [list(own) for own in self.values],
            "losses": [
                floats(losses[i : i + width]) for i in range(0, len(losses), width)
            ],
        }
