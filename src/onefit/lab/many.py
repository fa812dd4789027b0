"""The same network from many seeds, and with other settings: populations."""

from typing import Any

import numpy as np

from onefit import population
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

    def member(self, index: int) -> tuple[Model, Config]:
        """One of them, and what of the design is other with it."""
        return self.found.member(index), {}

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
    """A map of two settings: the learning rate, and the units of the hidden layers.

    Args:
        design: What varies from here.
        rows: The data.
        x, y, held: As the network takes them.
        epochs: How long each trains.
        side: Settings along a side.
    """

    def __init__(
        self,
        design: Design,
        rows: Rows,
        x: Any,  # arrays, or nests of them
        y: Any,
        held: tuple[Any, Any] | None,
        epochs: int,
        side: int,
    ) -> None:
        self.rates = np.geomspace(0.001, 10, side)
        self.units = [1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32][:side]
        self.rows = rows
        dense = [i for i, one in enumerate(design.layers) if one["kind"] == "dense"]
        self.designs, self.parts = [], []
        for units in self.units if dense else [0]:
            layers = [
                dict(one) | ({"units": units} if i in dense else {})
                for i, one in enumerate(design.layers)
            ]
            varied = design.changed({"layers": layers})
            self.designs.append(varied)
            self.parts.append(
                population.fit(
                    varied.model(rows),
                    x,
                    y,
                    seeds=[design.seed],
                    vary={"learning_rate": self.rates.tolist()},
                    epochs=epochs,
                    batch_size=design.batch,
                    validation_data=held,
                    verbose=0,
                )
            )
        self.monitor = "val_loss" if held is not None else "loss"

    def member(self, index: int) -> tuple[Model, Config]:
        """One of the map, and the settings that it was trained with."""
        line, place = divmod(index, len(self.rates))
        changes = {
            "rate": float(f"{self.rates[place]:.4g}"),
            "layers": [dict(one) for one in self.designs[line].layers],
        }
        return self.parts[line].member(place), changes

    def told(self, drawn: Pictures) -> Config:
        """The losses of the map, a line for each number of units."""
        del drawn
        return {
            "monitor": self.monitor,
            "rates": floats(self.rates),
            "units": self.units if len(self.parts) > 1 else [0],
            "losses": [floats(part.final(self.monitor)) for part in self.parts],
        }
