"""What the pictures of populations share: axes, colours, who is drawn."""

import functools
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypeVar

import numpy as np

from onefit.description import Description
from onefit.errors import invalid, unknown
from onefit.packages import package

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "Population",
    "Setting",
    "drawn",
    "draws",
    "dress_axis",
    "finals",
    "left_out",
    "legend",
    "networks",
    "said",
    "setting_axis",
    "spread",
    "unit",
    "varies",
]

Given = ParamSpec("Given")
Drawn = TypeVar("Drawn")

BLUE, ORANGE, RED, BLACK = "#0072B2", "#E69F00", "#D55E00", "#000000"
COLOURS = (BLUE, RED, "#009E73", "#CC79A7", ORANGE, "#56B4E9", BLACK)
"""By Okabe and Ito: safe for the colour-blind."""

BLOWN = 100
"""How many times the first epoch's median is on its way to infinity."""


class Population(Protocol):
    """What the pictures need of what `population.fit` returned; see it there."""

    history: dict[str, np.ndarray]
    settings: dict[str, list[Any]]
    directions: dict[str, str | None]

    def __len__(self) -> int: ...

    def column(self, monitor: str | None = None) -> np.ndarray:
        """A number of each member and epoch."""
        ...

    def final(self, monitor: str | None = None) -> np.ndarray:
        """The last number of each member."""
        ...

    def diverged(self) -> np.ndarray:
        """Which members' loss was not finite at their end."""
        ...

    def ranking(self, monitor: str | None = None) -> np.ndarray:
        """The members from the best to the worst."""
        ...


class Setting(NamedTuple):
    """A setting as an axis.

    Attributes:
        name: What is written at the axis.
        at: Where each member lies, (member,).
        ticks: Where the different values lie, ascending.
        labels: What is written there.
        numeric: Whether distances on the axis mean something.
        log: Whether they are ratios.
    """

    name: str
    at: np.ndarray
    ticks: np.ndarray
    labels: list[str]
    numeric: bool
    log: bool

    def jittered(self) -> np.ndarray:
        """Where each member's mark goes: those of one value side by side."""
        at = np.log10(self.at) if self.log else self.at
        margin = 0.012 * np.ptp(at) if self.numeric else 0.2
        if len(self.ticks) < len(at):
            at = at + margin * np.random.default_rng(0).uniform(-1, 1, len(at))
        return 10**at if self.log else at


def setting_axis(where: str, population: Population, name: str) -> Setting:
    """The axis of a setting that varies."""
    if name not in population.settings:
        raise unknown("setting of the population", name, population.settings)
    values = population.settings[name]
    distinct = list({repr(value): value for value in values}.values())
    if len(distinct) == 1:
        varying = [n for n in population.settings if varies(population, n)]
        raise invalid(
            where,
            f"{name!r}, which is {_text(distinct[0])} for every member",
            "a setting that varies",
            f"write one of {', '.join(map(repr, varying))}"
            if varying
            else "write population.fit(..., vary={...})",
        )
    shown = name.replace("_", " ")
    if all(_is_number(value) for value in distinct):
        at = np.array(values, float)
        ticks = np.unique(at)
        labels = [f"{tick:g}" for tick in ticks]
        # Zero has no place on a log axis: such values stand side by side, in order.
        if ticks[0] == 0 and len(ticks) <= 12 and spread(ticks[1:], 10):
            places = np.arange(len(ticks), dtype=float)
            return Setting(
                shown, places[np.searchsorted(ticks, at)], places, labels, True, False
            )
        return Setting(shown, at, ticks, labels, True, spread(ticks, 10))
    keys = [repr(value) for value in distinct]
    at = np.array([keys.index(repr(value)) for value in values], float)
    return Setting(shown, at, np.arange(len(keys)), _texts(distinct), False, False)


def varies(population: Population, name: str) -> bool:
    """Whether members differ in a setting."""
    return len({repr(value) for value in population.settings[name]}) > 1


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float | np.number)
        and not isinstance(value, bool)
        and bool(np.isfinite(value))
    )


def _texts(values: Sequence[object]) -> list[str]:
    """Short texts of values, each different."""
    short = [
        type(v).__name__ if isinstance(v, Description) else _text(v) for v in values
    ]
    return short if len(set(short)) == len(short) else [_text(v) for v in values]


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = re.sub(r"(, )?name='\w*'", "", str(value))
    return text if len(text) <= 30 else f"{text[:29]}…"


def spread(values: np.ndarray, times: float) -> bool:
    """Whether positive numbers lie far apart, and evenly so by their ratios."""
    if not len(values) or values.min() <= 0 or values.max() < times * values.min():
        return False
    middle = [np.median(unit(values, log)) for log in (True, False)]
    return bool(abs(middle[0] - 0.5) < abs(middle[1] - 0.5))


def unit(values: np.ndarray, log: bool) -> np.ndarray:
    """Where numbers, or their logarithms, lie between their ends, from 0 to 1."""
    values = np.log10(values) if log else values
    return (values - values.min()) / (np.ptp(values) or 1)


def said(metric: str) -> str:
    """A log's name in words."""
    return metric.replace("val_", "validation ").replace("_", " ")


def legend(ax: "Axes", **where: Any) -> None:
    """The legend, its lines and dots as opaque as they look where many overlap."""
    from matplotlib.patches import Patch

    legend = ax.legend(frameon=False, **where)
    for handle in legend.legend_handles:
        if handle is not None and not isinstance(handle, Patch):
            handle.set_alpha(1)


def finals(
    where: str, population: Population, metric: str | None
) -> tuple[str, np.ndarray, np.ndarray]:
    """The number asked for: its name, each member's last, and who did not diverge.

    Diverged has one whose number is not finite, or 100 times what members began with.
    """
    metric = metric or ("val_loss" if "val_loss" in population.history else "loss")
    value, table = population.final(metric), population.column(metric)
    finite = np.isfinite(value) & ~population.diverged()
    if finite.any() and population.directions.get(metric) != "max":
        # Such a number would leave no room on an axis for the others.
        first = table[:, np.isfinite(table).any(axis=0).argmax()]
        began = np.median(first[np.isfinite(first)])
        finite &= (value <= BLOWN * began) | (began <= 0)
    if not finite.any():
        raise invalid(
            where,
            f"a population whose {len(population)} members all diverged",
            f"a finite {metric!r} of one at least",
            "give it a smaller learning_rate, or clipnorm=1",
        )
    return metric, value, finite


def draws(plot: Callable[Given, Drawn]) -> Callable[Given, Drawn]:
    """A function that draws: without matplotlib it says so before it computes."""

    @functools.wraps(plot)
    def asked(*args: Given.args, **kwargs: Given.kwargs) -> Drawn:
        package("matplotlib.figure", f"onefit.plots.{plot.__name__}")
        return plot(*args, **kwargs)

    return asked


def left_out(finite: np.ndarray) -> str:
    """What the legend says of the members that are not drawn."""
    return f"{np.sum(~finite):,} of {len(finite):,} diverged, left out"


def drawn(ax: "Axes | None", size: tuple[float, float] = (6.4, 4)) -> "Axes":
    """The Axes to draw on, without the frame's upper and right line."""
    from matplotlib.figure import Figure

    if ax is None:
        # A Figure of its own, not pyplot's: no window, no state left behind.
        ax = Figure(figsize=size, layout="constrained").subplots()
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def dress_axis(ax: "Axes", setting: Setting) -> None:
    """Along x, a setting: ticks at the values themselves, where there are few."""
    from matplotlib.ticker import NullLocator

    if setting.log:
        ax.set_xscale("log")
    if len(setting.ticks) <= 12:
        ax.set_xticks(setting.ticks, setting.labels)
        ax.xaxis.set_minor_locator(NullLocator())
    if not setting.numeric:
        ax.set_xlim(-0.5, len(setting.ticks) - 0.5)
    ax.set_xlabel(setting.name)


def networks(count: int) -> str:
    """So many networks, in words."""
    return f"{count:,} network{'s' if count > 1 else ''}"
