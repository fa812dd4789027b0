"""Pictures of a population: its curves, and what its settings do to a number."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit.errors import invalid
from onefit.plots.axes import (
    BLACK,
    BLUE,
    COLOURS,
    ORANGE,
    RED,
    Population,
    Setting,
    drawn,
    draws,
    dress_axis,
    finals,
    left_out,
    legend,
    networks,
    said,
    setting_axis,
    spread,
    unit,
    varies,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

__all__ = ["heat_map", "metric_against", "parallel_coordinates", "population_curves"]

LINES = 300
"""How many members' curves are drawn; the bands hold all of them."""

POINTS = 500
"""How many epochs of a curve are drawn."""


# Curves -------------------------------------------------------------------------------


@draws
def population_curves(
    population: Population,
    metric: str | None = None,
    *,
    by: str | None = None,
    log: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws a number over the epochs for all members: each curve, and quantiles.

    Half of the members lie in the dark band, nine in ten in the light one; a member
    that has stopped counts there with its last number. Members that diverged are left
    out, and the legend says how many.

    Args:
        population: What `population.fit` returned.
        metric: Which number; 'val_loss' or 'loss' unless given.
        by: A setting that colours the curves, with a median for each of its values
            in place of the bands.
        log: Whether the number's axis is a log axis.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A number or setting that the population does not have, a setting
            that does not vary, or only members that diverged.
    """
    metric, _, finite = finals("population_curves", population, metric)
    setting = setting_axis("population_curves", population, by) if by else None
    table = population.column(metric)
    kept = np.flatnonzero(~np.isnan(table[finite]).all(axis=0))
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, POINTS).astype(int))]
    epochs, table = kept + 1, table[:, kept].astype(float)
    table[np.isinf(table)] = np.nan
    full = _filled(table)
    ax = drawn(ax, (8, 4) if setting else (6.4, 4))
    members = np.flatnonzero(finite)
    chosen = members[np.unique(np.linspace(0, len(members) - 1, LINES).astype(int))]
    if setting is None:
        colours: Any = BLUE
    else:
        colours = _colours(setting, ax)
    _curves(
        ax,
        epochs,
        table[chosen],
        colours if isinstance(colours, str) else colours[chosen],
        len(members),
    )
    if setting is None and len(members) > 1:
        _bands(ax, epochs, full[members])
    elif setting is not None and len(setting.ticks) <= len(COLOURS):
        for tick, label in zip(setting.ticks, setting.labels, strict=True):
            own = finite & (setting.at == tick)
            if own.any():
                middle = np.median(full[own], axis=0)
                colour = colours[np.flatnonzero(own)[0]]
                ax.plot(
                    epochs,
                    middle,
                    color=colour,
                    linewidth=2.2,
                    label=f"{label}: median of {own.sum():,}",
                )
    if not finite.all():
        ax.plot([], [], " ", label=left_out(finite))
    if log:
        ax.set_yscale("log")
    name = said(metric)
    ax.set(xlabel="epoch", ylabel=f"{name} (log scale)" if log else name)
    ax.set_title(
        f"{name} of {networks(len(members))}"
        + (f", by {setting.name}" if setting else "")
    )
    ax.margins(x=0.01)
    ax.grid(alpha=0.3)
    if setting and len(setting.ticks) <= len(COLOURS):
        legend(ax, title=setting.name, loc="upper left", bbox_to_anchor=(1, 1))
    elif ax.get_legend_handles_labels()[1]:
        legend(ax)
    return ax


def _filled(table: np.ndarray) -> np.ndarray:
    """The table with the last number kept where there is none."""
    has = ~np.isnan(table)
    last = np.maximum.accumulate(np.where(has, np.arange(table.shape[1]), 0), axis=1)
    return np.take_along_axis(table, last, axis=1)


def _curves(
    ax: "Axes",
    epochs: np.ndarray,
    table: np.ndarray,
    colours: str | np.ndarray,
    count: int,
) -> None:
    from matplotlib.collections import LineCollection

    if count == 1:
        ax.plot(
            epochs,
            table[0],
            color=BLUE if isinstance(colours, str) else tuple(colours[0]),
        )
        return
    lines = [np.column_stack([epochs, row])[~np.isnan(row)] for row in table]
    alpha = float(np.clip(40 / len(lines), 0.12, 0.7))
    some = "" if count == len(lines) else f" ({len(lines):,} of {count:,})"
    label = f"each network{some}" if isinstance(colours, str) else None
    ax.add_collection(
        LineCollection(
            lines, colors=colours, linewidths=0.7, alpha=alpha, label=label, zorder=2
        )
    )
    ax.autoscale_view()


def _bands(ax: "Axes", epochs: np.ndarray, table: np.ndarray) -> None:
    low, q1, middle, q3, high = np.quantile(table, [0.05, 0.25, 0.5, 0.75, 0.95], 0)
    ax.fill_between(
        epochs, low, high, color=ORANGE, alpha=0.2, linewidth=0, label="nine in ten"
    )
    ax.fill_between(epochs, q1, q3, color=ORANGE, alpha=0.35, linewidth=0, label="half")
    ax.plot(epochs, middle, color=BLACK, linewidth=2, label="median")


def _colours(setting: Setting, ax: "Axes") -> np.ndarray:
    """A colour for each member: by Okabe and Ito, or along viridis for many numbers."""
    from matplotlib import colormaps, colors
    from matplotlib.cm import ScalarMappable

    if len(setting.ticks) > len(COLOURS) and setting.numeric:
        limits = setting.ticks[0], setting.ticks[-1]
        norm = (colors.LogNorm if setting.log else colors.Normalize)(*limits)
        shades = ScalarMappable(norm, colormaps["viridis"])
        ax.figure.colorbar(shades, ax=ax, label=setting.name)
        return shades.to_rgba(setting.at)
    place = np.searchsorted(setting.ticks, setting.at)
    if setting.numeric:  # an order that shows in the colours too
        return colormaps["viridis"](0.9 * place / (len(setting.ticks) - 1))
    if len(setting.ticks) > len(COLOURS):
        raise invalid(
            "population_curves",
            f"by a setting with {len(setting.ticks)} values",
            f"at most {len(COLOURS)}, a colour each, or numbers",
            "draw metric_against, which sets them side by side",
        )
    return colors.to_rgba_array(COLOURS)[place]


# A number against settings ------------------------------------------------------------


@draws
def metric_against(
    population: Population,
    setting: str,
    metric: str | None = None,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws each member's final number against a setting, and the median.

    Axes are log where values lie decades apart; settings that are not numbers stand
    side by side. Members that diverged are crosses above the upper edge.

    Args:
        population: What `population.fit` returned.
        setting: The setting's name, as it was varied.
        metric: Which number; 'val_loss' or 'loss' unless given.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A number or setting that the population does not have, a setting
            that does not vary, or only members that diverged.
    """
    metric, value, finite = finals("metric_against", population, metric)
    scale = setting_axis("metric_against", population, setting)
    ax = drawn(ax)
    at = scale.jittered()
    alpha = float(np.clip(60 / finite.sum(), 0.15, 0.7))
    ax.scatter(
        at[finite],
        value[finite],
        s=16,
        color=BLUE,
        alpha=alpha,
        linewidths=0,
        label="each network",
    )
    middles = np.array(
        [(np.median(scale.at[m]), np.median(value[m])) for m in _groups(scale, finite)]
    )
    if scale.numeric:
        ax.plot(*middles.T, color=BLACK, marker="o", markersize=4, label="median")
    else:
        ax.plot(
            *middles.T,
            " ",
            color=BLACK,
            marker="_",
            markersize=26,
            markeredgewidth=2.5,
            label="median",
        )
    best = next(i for i in population.ranking(metric) if finite[i])
    ax.plot(
        at[best],
        value[best],
        " ",
        marker="*",
        markersize=13,
        color=ORANGE,
        markeredgecolor=BLACK,
        label=f"best: {value[best]:.3g}",
    )
    if not finite.all():
        ax.plot(
            at[~finite],
            np.full((~finite).sum(), 1.015),
            "x",
            color=RED,
            markersize=5,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
            label=f"{np.sum(~finite):,} of {len(finite):,} diverged",
        )
    dress_axis(ax, scale)
    name = f"final {said(metric)}"
    if spread(value[finite], 100):
        ax.set_yscale("log")
    ax.set_ylabel(name)
    ax.set_title(f"{name} of {networks(len(population))}, by {scale.name}", pad=12)
    ax.grid(alpha=0.3)
    legend(ax)
    return ax


def _groups(setting: Setting, finite: np.ndarray) -> list[np.ndarray]:
    """Whose median is taken: members of one value, or neighbours, in ten groups."""
    if len(setting.ticks) <= 20 or not setting.numeric:
        own = [np.flatnonzero(finite & (setting.at == tick)) for tick in setting.ticks]
        return [members for members in own if len(members)]
    members = np.flatnonzero(finite)
    members = members[np.argsort(setting.at[members])]
    return [part for part in np.array_split(members, 10) if len(part)]


@draws
def parallel_coordinates(
    population: Population,
    metric: str | None = None,
    settings: Sequence[str] | None = None,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws each member as a line through its settings to its number.

    The best tenth is in colour, the best one thick; members that diverged are left
    out, and the legend says how many.

    Args:
        population: What `population.fit` returned.
        metric: Which number; 'val_loss' or 'loss' unless given.
        settings: Which settings, from left to right; all that vary, without the seed,
            unless given.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A number or setting that the population does not have, no setting
            that varies, or only members that diverged.
    """
    from matplotlib.collections import LineCollection

    where = "parallel_coordinates"
    metric, value, finite = finals(where, population, metric)
    names = (
        list(settings)
        if settings is not None
        else [
            name
            for name in population.settings
            if name not in ("seed", "fold") and varies(population, name)
        ]
    )
    if not names:
        raise invalid(
            where,
            "a population in which no setting varies",
            "one at least, beside the seed",
            "write population.fit(..., vary={...}), or draw population_curves",
        )
    scales = [setting_axis(where, population, name) for name in names]
    log = spread(value[finite], 100)
    ends = unit(np.where(finite, value, np.median(value[finite])), log)
    shift = np.random.default_rng(0).uniform(-0.012, 0.012, (len(value), len(scales)))
    few = np.array([len(s.ticks) < len(value) for s in scales])
    places = np.column_stack([*(unit(s.at, s.log) for s in scales), ends])
    places[:, :-1] += shift * few
    ax = drawn(ax, (2.2 + 1.7 * len(scales), 4.4))
    order = [i for i in population.ranking(metric) if finite[i]]
    best = max(1, len(order) // 10)
    across = np.arange(places.shape[1])

    def lines(members: list[int], label: str, z: float, **dress: Any) -> None:
        paths = [np.column_stack([across, places[i]]) for i in members]
        ax.add_collection(LineCollection(paths, label=label, zorder=z, **dress))

    alpha = float(np.clip(40 / len(order), 0.1, 0.6))
    rest = order[best:]
    if rest:
        lines(
            rest,
            f"the other {len(rest):,}",
            1,
            colors="0.55",
            linewidths=0.7,
            alpha=alpha,
        )
    if best > 1:
        lines(
            order[1:best],
            f"best tenth ({best:,})",
            2,
            colors=BLUE,
            linewidths=1.1,
            alpha=0.7,
        )
    lines(order[:1], f"best: {value[order[0]]:.3g}", 3, colors=RED, linewidths=2.6)
    if not finite.all():
        ax.plot([], [], " ", label=left_out(finite))
    for i, scale in enumerate(scales):
        _upright(ax, i, _marks(scale))
    _upright(ax, len(scales), _metric_marks(value[finite], log))
    name = f"final {said(metric)}"
    ax.set_xticks(across, [*(s.name for s in scales), name])
    ax.tick_params(length=0)
    ax.set(yticks=[], xlim=(-0.35, across[-1] + 0.35), ylim=(-0.05, 1.05))
    ax.spines[:].set_visible(False)
    ax.set_title(f"{networks(len(order))}: their settings and {name}")
    legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=4)
    return ax


def _marks(setting: Setting) -> list[tuple[float, str]]:
    """The ticks of a setting's upright axis, from 0 to 1, and their texts."""
    if len(setting.ticks) <= 12:
        return list(zip(unit(setting.ticks, setting.log), setting.labels, strict=True))
    return _metric_marks(setting.ticks, setting.log)


def _metric_marks(values: np.ndarray, log: bool) -> list[tuple[float, str]]:
    from matplotlib.ticker import LogLocator, MaxNLocator

    ends = values.min(), values.max()
    locator = LogLocator(subs=(1, 3)) if log else MaxNLocator(5)
    shown = locator.tick_values(*ends)
    shown = shown[(shown >= ends[0]) & (shown <= ends[1])]
    if not len(shown):
        shown = np.array(ends)
    heights = unit(np.concatenate([ends, shown]), log)[2:]
    return [(at, f"{x:g}") for at, x in zip(heights, shown, strict=True)]


def _upright(ax: "Axes", at: int, marks: list[tuple[float, str]]) -> None:
    ax.plot([at, at], [0, 1], color=BLACK, linewidth=0.9, zorder=4)
    for height, text in marks:
        ax.plot(
            [at - 0.02, at + 0.02], [height] * 2, color=BLACK, linewidth=0.9, zorder=4
        )
        ax.annotate(
            text,
            (at, height),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            zorder=5,
            bbox={"boxstyle": "round,pad=0.1", "color": "white", "alpha": 0.8},
        )


@draws
def heat_map(
    population: Population,
    x: str,
    y: str,
    metric: str | None = None,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the mean final number for each pair of two settings' values.

    The mean is over the members of the pair, the seeds, that did not diverge. A cell
    says how many diverged; one without a network is empty.

    Args:
        population: What `population.fit` returned.
        x, y: The settings' names, as they were varied.
        metric: Which number; 'val_loss' or 'loss' unless given.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A number or setting that the population does not have, a setting
            that does not vary or varies by another value for each member, or only
            members that diverged.
    """
    from matplotlib.colors import LogNorm, Normalize

    metric, value, finite = finals("heat_map", population, metric)
    across, up = (setting_axis("heat_map", population, name) for name in (x, y))
    shape = len(up.ticks), len(across.ticks)
    for name, count in zip((y, x), shape, strict=True):
        if count > 30:
            raise invalid(
                "heat_map",
                f"{name!r} with {count} values",
                "at most 30, a row or a column each",
                f"draw metric_against(population, {name!r}), or vary a grid",
            )
    rows = np.searchsorted(up.ticks, up.at)
    columns = np.searchsorted(across.ticks, across.at)
    members, lost, total = np.zeros((3, *shape))
    np.add.at(members, (rows, columns), 1)
    np.add.at(lost, (rows, columns), ~finite)
    np.add.at(total, (rows, columns), np.where(finite, value, 0))
    some = members > lost
    mean = np.full(shape, np.nan)
    mean[some] = total[some] / (members - lost)[some]
    ax = drawn(ax, (2.6 + 0.75 * shape[1], 1.6 + 0.55 * shape[0]))
    kind = LogNorm if spread(mean[some], 100) else Normalize
    limits = mean[some].min(), mean[some].max()
    if limits[0] == limits[1]:
        limits = limits[0] - 0.5, limits[0] + 0.5
    image = ax.imshow(
        np.ma.masked_invalid(mean),
        cmap="viridis",
        norm=kind(*limits),
        origin="lower",
        aspect="auto",
    )
    if mean.size <= 200:
        for (row, column), number in np.ndenumerate(mean):
            _cell(
                ax,
                image,
                (column, row),
                number,
                int(lost[row, column]),
                int(members[row, column]),
            )
    ax.set_xticks(range(shape[1]), across.labels)
    ax.set_yticks(range(shape[0]), up.labels)
    name = f"final {said(metric)}"
    ax.set(xlabel=across.name, ylabel=up.name)
    least, most = int(members[members > 0].min()), int(members.max())
    each = f"{least}" if least == most else f"{least} to {most}"
    ax.set_title(f"mean {name}, {each} network{'s' if most > 1 else ''} a cell")
    ax.figure.colorbar(image, ax=ax, label=name)
    return ax


def _cell(
    ax: "Axes",
    image: "AxesImage",
    at: tuple[int, int],
    number: float,
    lost: int,
    members: int,
) -> None:
    """The number of a cell, dark on light and light on dark."""
    if not members:
        return
    if np.isnan(number):
        ax.text(*at, "all\ndiverged", ha="center", va="center", fontsize=7, color=RED)
        return
    colour = image.to_rgba(np.asarray(number))
    light = np.dot(colour[:3], (0.299, 0.587, 0.114)) > 0.5
    text = f"{number:.3g}" + (f"\n{lost} diverged" if lost else "")
    ax.text(
        *at,
        text,
        ha="center",
        va="center",
        fontsize=7 if lost else 8,
        color="black" if light else "white",
    )
