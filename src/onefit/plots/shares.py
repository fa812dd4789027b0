"""How often something happens in a population, and how sure that is."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from onefit.errors import invalid
from onefit.plots.axes import COLOURS, Population, drawn, draws, networks, setting_axis
from onefit.types import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["success_shares", "wilson_interval"]


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Between which shares the true one lies, in 95 of 100 cases.

    Wilson's interval, (p + z²/2n ± z sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n) with
    z = 1.96: right near 0 and 1 too, where p ± z sqrt(p(1 - p)/n) has no width.

    >>> low, high = wilson_interval(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical
    inference, 1927.
    """
    z, n = 1.959964, trials
    p = successes / n
    middle, wide = p + z**2 / (2 * n), z * (p * (1 - p) / n + (z / n) ** 2 / 4) ** 0.5
    low, high = (middle - wide) / (1 + z**2 / n), (middle + wide) / (1 + z**2 / n)
    return max(low, 0.0), min(high, 1.0)


@draws
def success_shares(
    population: Population,
    succeeded: ArrayLike,
    setting: str,
    by: str | Sequence[str] = (),
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws which share of the members succeeded, with how sure that is.

    The bars are Wilson's 95 % intervals. Members that diverged have not succeeded.

    Args:
        population: What `population.fit` returned.
        succeeded: Whether each member did, (member,), such as
            `population.final("loss") < 0.1`.
        setting: The setting along the axis.
        by: A setting that colours, and another one that the marks tell apart.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A setting that the population does not have or that does not vary,
            or another number of successes than of members.

    Source: E. B. Wilson, 1927, by `wilson_interval`.
    """
    where = "success_shares"
    good = np.asarray(succeeded)
    if good.shape != (len(population),) or good.dtype != bool:
        raise invalid(
            where,
            f"successes of shape {good.shape} and dtype {good.dtype}",
            f"True or False for each of the {len(population)} members",
            "write population.final('loss') < 0.1",
        )
    scale = setting_axis(where, population, setting)
    names = [by] if isinstance(by, str) else list(by)
    if len(names) > 2:
        raise invalid(
            where,
            f"by={names}",
            "at most two settings",
            "draw the others on Axes of their own",
        )
    scales = [setting_axis(where, population, name) for name in names]
    ax = drawn(ax, (7.2, 4.4))
    series = list(itertools.product(*(range(len(s.ticks)) for s in scales)))
    places = np.arange(len(scale.ticks))
    for number, which in enumerate(series):
        colour, mark = (*which, 0, 0)[:2]
        own = np.ones(len(good), bool)
        for one, k in zip(scales, which, strict=True):
            own &= one.at == one.ticks[k]
        groups = [good[own & (scale.at == tick)] for tick in scale.ticks]
        has = np.array([len(group) > 0 for group in groups])
        if not has.any():
            continue
        shares = np.array([g.mean() for g in groups if len(g)]) * 100
        ends = np.array([wilson_interval(g.sum(), len(g)) for g in groups if len(g)])
        bars = np.abs(ends.T * 100 - shares)
        dodge = 0.7 * ((number + 0.5) / len(series) - 0.5)
        text = [s.labels[k] for s, k in zip(scales, which, strict=True)]
        ax.errorbar(
            places[has] + dodge,
            shares,
            bars,
            color=COLOURS[colour % len(COLOURS)],
            marker="os^D"[mark % 4],
            markersize=6,
            capsize=2.5,
            elinewidth=1.3,
            linestyle=("-", "--", ":", "-.")[mark % 4] if scale.numeric else "",
            linewidth=0.8,
            markerfacecolor=None if mark == 0 else "white",
            label=", ".join(text) or None,
        )
    for place in places[::2]:  # stripes: which marks belong together
        ax.axvspan(place - 0.5, place + 0.5, color="0.96", zorder=0)
    ax.set_xlim(-0.5, len(places) - 0.5)
    ax.set_xticks(places, scale.labels)
    ax.set(xlabel=scale.name, ylabel="share that succeeded (%)", ylim=(-3, 103))
    ax.set_title(f"how often {networks(len(good))} succeed, with 95 % intervals")
    ax.grid(axis="y", alpha=0.3)
    if names:
        title = ", ".join(s.name for s in scales)
        ax.legend(frameon=False, title=title, fontsize=8.5)
    return ax
