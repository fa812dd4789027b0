"""Curves over the epochs: of a History, and of what the guide has found."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast, overload

import numpy as np

from onefit.errors import invalid, unknown
from onefit.plots.asking import loss_of
from onefit.plots.axes import BLACK, BLUE, COLOURS, RED, drawn, draws, said, spread
from onefit.plots.panels import panels
from onefit.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["by_layer", "finding", "learning_curves"]


Logs: TypeAlias = Mapping[str, Sequence[float]]
"""Each log's name and its numbers over the epochs."""


class Finding(Protocol):
    """What the picture needs of a finding of the guide; see `onefit.guide.finding`."""

    @property
    def code(self) -> str:
        """Which finding it is."""
        ...

    @property
    def evidence(self) -> Mapping[str, Any]:
        """The curves and numbers that show it."""
        ...


@overload
def learning_curves(
    history: History | Logs,
    metric: str = "loss",
    ax: "Axes | None" = None,
    *,
    log: bool = False,
    chance: float | Mapping[str, float] | None = None,
) -> "Axes": ...


@overload
def learning_curves(
    history: History | Logs,
    metric: Sequence[str],
    ax: "Axes | None" = None,
    *,
    log: bool = False,
    chance: float | Mapping[str, float] | None = None,
) -> np.ndarray: ...


@draws
def learning_curves(
    history: History | Logs,
    metric: str | Sequence[str] = "loss",
    ax: "Axes | None" = None,
    *,
    log: bool = False,
    chance: float | Mapping[str, float] | None = None,
) -> "Axes | np.ndarray":
    """Draws numbers over the epochs: training solid, validation dashed.

    Args:
        history: What `fit` returned, or its `.history` dict.
        metric: Which number, 'loss' unless given; several have a panel each.
        ax: The Axes to draw on; a new figure without one.
        log: Whether the number's axis is a log axis; not that of a number which is the
            better the larger, such as the accuracy.
        chance: What a guess would reach, drawn as a level: a number, a dict by metric,
            or True for that of guessing one of C equally frequent classes, ln C for a
            cross-entropy and 1/C for an accuracy.

    Returns:
        The matplotlib Axes; of several metrics an array of them, (metric,).

    Raises:
        ValueError: A number that the history does not have, several on one Axes, a
            chance level that is not known.

    Example:
        >>> logs = {"loss": [0.7, 0.5], "val_loss": [0.8, 0.6], "accuracy": [0.5, 0.9]}
        >>> ax = learning_curves(logs, chance=np.log(2))
        >>> [line.get_label() for line in ax.get_lines()]
        ['training', 'validation', 'chance: 0.693']
        >>> len(learning_curves(logs, ["loss", "accuracy"]))
        2

    Source: lecture 003, "Overfitting".
    """
    logs = cast(Logs, getattr(history, "history", history))
    names = [metric] if isinstance(metric, str) else list(metric)
    for name in names:
        if name not in logs:
            raise unknown("number in the history", name, logs)
    if len(names) == 1:
        axes = [drawn(ax)]
    elif ax is None and names:
        axes = [drawn(panel) for panel in panels(len(names), 2, (4.6, 3.2))]
    else:
        raise invalid(
            "learning_curves",
            f"{len(names)} metrics and one Axes" if names else "no metrics",
            "one metric for one Axes",
            "leave ax out, or call it for each metric",
        )
    for name, panel in zip(names, axes, strict=True):
        _curve(panel, history, logs, name)
        level = _chance(history, name, chance)
        if level is not None:
            panel.axhline(
                level,
                color="0.4",
                linestyle=":",
                linewidth=1.4,
                label=f"chance: {level:.3g}",
            )
        shown = name.replace("_", " ")
        if log and _ways(history).get(name) != "max":
            panel.set_yscale("log")
            shown += " (log scale)"
        panel.set(xlabel="epoch", ylabel=shown)
        panel.grid(alpha=0.3)
        panel.legend(frameon=False)
    return axes[0] if isinstance(metric, str) else np.array(axes)


def _curve(ax: "Axes", history: History | Logs, logs: Logs, name: str) -> None:
    epochs = getattr(history, "epoch", range(len(logs[name])))
    at = [e + 1 for e in epochs]
    # A single epoch is a dot: a line of one point cannot be seen.
    dots = {"marker": "o", "markersize": 4} if len(at) == 1 else {}
    ax.plot(at, logs[name], color=BLUE, label="training", **dots)
    validation = logs.get(f"val_{name}")
    if validation:
        at = [e + 1 for e in getattr(history, "validated", epochs)]
        dots = {"marker": "o", "markersize": 4} if len(at) == 1 else {}
        ax.plot(at, validation, color=RED, linestyle="--", label="validation", **dots)
    _whole_epochs(ax)


def _whole_epochs(ax: "Axes") -> None:
    """Ticks at whole numbers only, as epochs are."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _ways(history: History | Logs) -> dict[str, str | None]:
    """Which way each number is better, as far as it is known."""
    return getattr(history, "params", {}).get("directions", {})


def _chance(
    history: History | Logs, name: str, chance: float | Mapping[str, float] | None
) -> float | None:
    """What a guess reaches, if it is asked for and known."""
    if isinstance(chance, Mapping):
        chance = chance.get(name)
    if chance is None or chance is False:
        return None
    if chance is not True:
        return float(chance)
    model: Any = getattr(history, "model", None)
    link = getattr(loss_of(model), "link", None)
    if link is not None:
        count = 2 if link == "sigmoid" else model.output_shape[-1]
        if name == "loss":
            return math.log(count)
        if "acc" in name:
            return 1 / count
    raise invalid(
        "learning_curves",
        f"chance=True for {name!r}",
        "the loss or the accuracy of a model with a cross-entropy",
        "write the level itself: chance=0.5",
    )


SEEN = {
    "gradient": "size of dJ/dw",
    "update/weight": "a step, in terms of the weights",
    "zero": "share of units that are 0 for every row",
    "flat": "share of answers at the ends",
}
"""What is drawn of each layer, with what its picture is called."""


@draws
def by_layer(
    epochs: Sequence[int] | np.ndarray, layers: Mapping[str, Mapping[str, np.ndarray]]
) -> np.ndarray:
    """Draws numbers by layer over the epochs: a picture each, a line a layer.

    Args:
        epochs: When they were measured.
        layers: Of each layer's name its numbers by name, each (epochs,).

    Returns:
        The matplotlib Axes, one for each kind of number that some layer has.

    Raises:
        ValueError: Layers without any of these numbers.

    Example:
        >>> axes = by_layer([0, 1, 2], {"dense": {"gradient": [3.0, 2.0, 1.0]}})
        >>> axes[0].get_lines()[0].get_label(), axes[0].get_title("left")
        ('dense', 'size of dJ/dw')
    """
    shown = [name for name in SEEN if any(name in own for own in layers.values())]
    if not shown:
        raise invalid(
            "by_layer",
            f"layers with {sorted({n for own in layers.values() for n in own})}",
            f"some of {list(SEEN)}",
            "give it history.layers of a fit(..., watch='layers')",
        )
    axes = panels(len(shown), 2, (4.4, 3.0))
    for ax, name in zip(axes, shown, strict=True):
        drawn(ax)
        for i, (layer, numbers) in enumerate(layers.items()):
            if name in numbers:
                ax.plot(
                    epochs,
                    numbers[name],
                    color=COLOURS[i % len(COLOURS)],
                    linestyle=["-", "--", "-.", ":"][i // len(COLOURS) % 4],
                    label=layer,
                )
        if name in ("gradient", "update/weight"):
            ax.set_yscale("log")
        else:
            ax.set_ylim(-0.03, 1.03)
        ax.set_title(SEEN[name], fontsize=10, loc="left")
        ax.set_xlabel("epoch")
        ax.grid(alpha=0.3)
        if ax.get_lines():
            ax.legend(frameon=False, fontsize=8)
    return axes


@draws
def finding(finding: Finding, ax: "Axes | None" = None) -> "Axes":
    """Draws the curves that show a finding: its evidence, over the epochs.

    Args:
        finding: A Finding of the guide: its `evidence` is a dict, each name with a
            sequence of numbers over the epochs, or with {"x": ..., "y": ...,
            "label": ...}. A single number is drawn as a level, or written beside them
            where it lies far from the curves.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A finding without a curve.

    Example:
        >>> from types import SimpleNamespace
        >>> found = SimpleNamespace(code="overfitting", layer=None, seen="It rises.",
        ...                         evidence={"loss": [3, 2, 1], "val_loss": [3, 2, 4]})
        >>> ax = onefit.plots.finding(found)
        >>> [line.get_label() for line in ax.get_lines()], ax.get_xlabel()
        (['loss', 'validation loss'], 'epoch')
    """
    curves, numbers = _evidence(finding)
    ax = drawn(ax)
    styles = ["-", "--", "-.", ":"]
    for i, (label, (x, y)) in enumerate(curves.items()):
        dots = {"marker": "o", "markersize": 4} if len(y) < 12 else {}
        ax.plot(
            x,
            y,
            color=COLOURS[i % len(COLOURS)],
            linestyle=styles[i % 4],
            label=label,
            **dots,
        )
    _levels(ax, np.concatenate([y for _, y in curves.values()]), numbers)
    ax.set_xlabel("epoch")
    _whole_epochs(ax)
    if len(curves) == 1:
        ax.set_ylabel(next(iter(curves)))
    ax.set_title(_headline(finding), fontsize=10, loc="left")
    ax.grid(alpha=0.3)
    if len(curves) + len(numbers) > 1:
        ax.legend(frameon=False)
    return ax


def _evidence(
    finding: Finding,
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, float]]:
    """The curves of a finding, each an x and a y, and its single numbers."""
    evidence = getattr(finding, "evidence", None) or {}
    if "y" in evidence and np.ndim(evidence["y"]) == 1:
        evidence = {str(evidence.get("label", "value")): evidence}
    curves, numbers = {}, {}
    for name, value in evidence.items():
        curve = value if isinstance(value, dict) else {"y": value}
        y = curve.get("y", "")
        if _is_curve(y):
            y = np.asarray(y, float)
            x = curve.get("x")
            x = np.arange(1, len(y) + 1) if x is None else np.asarray(x, float)
            curves[str(curve.get("label") or said(str(name)))] = x, y
        elif isinstance(value, int | float | np.number):
            numbers[said(str(name))] = float(value)
    if not curves:
        raise invalid(
            "finding",
            f"{getattr(finding, 'code', finding)!r} without a curve",
            "one whose evidence has numbers over the epochs",
            "print it instead: print(finding)",
        )
    return curves, numbers


def _is_curve(value: object) -> bool:
    """Whether this is a sequence of numbers."""
    value = np.asarray(value)
    return value.ndim == 1 and value.size > 0 and value.dtype.kind in "iufb"


def _levels(ax: "Axes", values: np.ndarray, numbers: dict[str, float]) -> None:
    """Single numbers as levels, or in the legend where they lie far from the curves."""
    values = values[np.isfinite(values)]
    if len(values) and spread(values, 1000):
        ax.set_yscale("log")
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    margin = high - low
    for name, number in numbers.items():
        if low - margin <= number <= high + margin:
            ax.axhline(
                number,
                color=BLACK,
                linestyle=":",
                linewidth=1.2,
                label=f"{name}: {number:.4g}",
            )
        else:
            ax.plot([], [], " ", label=f"{name}: {number:.4g}")


def _headline(finding: Finding) -> str:
    """What was found, where, and what was seen, in lines that fit."""
    layer = getattr(finding, "layer", None)
    head = f"{finding.code}{f' in {layer}' if layer else ''}"
    seen = str(getattr(finding, "seen", "") or "")
    lines = textwrap.wrap(seen, 72, max_lines=3, placeholder=" …")
    return "\n".join([head, *lines])
