"""How good each setting of a population is, over its seeds and folds."""

import io
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from onefit.population.axes import key_of

if TYPE_CHECKING:
    from onefit.population.result import Population

__all__ = ["Row", "scores", "table"]

Row: TypeAlias = dict[str, Any]
"""A row of a table, by the names of its columns."""

CHANCE = ("seed", "fold")
"""What differs between members of one setting."""


def scores(population: "Population", monitor: str) -> list[Row]:
    """Each setting with the mean and the spread of its members, the best first."""
    names = [name for name in population.settings if name not in CHANCE]
    members: dict[str, list[int]] = {}
    for i in range(len(population)):
        key = repr([key_of(population.settings[name][i]) for name in names])
        members.setdefault(key, []).append(i)
    finals = {name: population.final(name) for name in population.history}
    rows = [
        {
            "setting": {name: population.settings[name][at[0]] for name in names},
            "mean": {name: float(np.mean(v[at])) for name, v in finals.items()},
            "std": {name: _spread(v[at]) for name, v in finals.items()},
            "n": len(at),
        }
        for at in members.values()
    ]
    sign = -1 if population.directions.get(monitor) == "max" else 1

    def rank(row: Row) -> float:
        value = row["mean"][monitor]
        return sign * value if np.isfinite(value) else np.inf

    return sorted(rows, key=rank)


def _spread(values: np.ndarray) -> float:
    """The standard deviation of a sample; NaN for one number, or a diverged one."""
    if len(values) < 2 or not np.isfinite(values).all():
        return float("nan")
    return float(np.std(values, ddof=1))


def table(population: "Population", monitor: str, top: int) -> str:
    """The scores as text: a setting a row, mean ± spread of each log."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    rows = scores(population, monitor)
    settings, logs = list(rows[0]["setting"]), list(rows[0]["mean"])
    logs.sort(key=lambda name: name != monitor)  # what they are ordered by comes first
    shown = Table(box=box.SIMPLE_HEAD)
    for name in settings:
        shown.add_column(name, overflow="fold")
    for name in [*logs, "n"]:
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows[:top]:
        numbers = [_shown(row["mean"][name], row["std"][name]) for name in logs]
        cells = [_short(value) for value in row["setting"].values()]
        shown.add_row(*cells, *numbers, str(row["n"]))
    width = max(80, sum(len(name) + 6 for name in settings) + 26 * len(logs))
    console = Console(
        file=io.StringIO(), width=width, color_system=None, force_jupyter=False
    )
    with console.capture() as capture:
        console.print(shown)
    lines = [line.rstrip() for line in capture.get().strip("\n").splitlines()]
    rest = len(rows) - top
    return "\n".join([*lines, *([f"and {rest} more settings"] if rest > 0 else [])])


def _shown(mean: float, std: float) -> str:
    return f"{mean:.4g}" if np.isnan(std) else f"{mean:.4g} ± {std:.2g}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
