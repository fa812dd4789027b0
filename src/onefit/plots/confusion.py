"""Which classes a classifier takes for which."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit.errors import invalid, mistyped
from onefit.plots.asking import answers, classes
from onefit.plots.axes import drawn, draws

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion_matrix"]

WRITTEN = 20
"""The most classes whose counts are written in the cells."""


@draws
def confusion_matrix(
    *given: Any, labels: Iterable[object] | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draws how often each true class (row) was taken for each class (column).

    The colour is the share of the row, so that rare classes are seen as well as
    frequent ones; the number is the count. What is on the diagonal is right.

    Args:
        *given: A classifier, its inputs and their classes, (model, x, y); or the true
            and the predicted classes, (y_true, y_pred). Classes are numbers (n,) or
            (n, 1), or rows of (n, k): one-hot, or probabilities for y_pred.
        labels: The names of the classes, their numbers unless given.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes; the counts are `ax.images[0].counts`.

    Raises:
        TypeError: Neither two nor three arguments.
        ValueError: Labels that are no classes, other lengths, a regression.

    Example:
        >>> ax = confusion_matrix([0, 0, 1, 2], [0, 1, 1, 2], labels=["a", "b", "c"])
        >>> ax.images[0].counts.tolist(), ax.get_title()
        ([[1, 1, 0], [0, 1, 0], [0, 0, 1]], '3 of 4 right (75 %)')

    Source: lecture 003, "Performance measures".
    """
    where = "confusion_matrix"
    true, own, count = _pairs(where, given)
    names = [str(k) for k in range(count)] if labels is None else list(map(str, labels))
    if len(names) < count:
        raise invalid(
            where,
            f"{len(names)} labels for {count} classes",
            "a name for each class",
            "leave labels out for their numbers",
        )
    count = len(names)
    counts = np.bincount(true * count + own, minlength=count**2)
    counts = counts.reshape(count, count)
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = float(np.clip(6.5 / count, 0.15, 0.9 if count < 5 else 0.45))  # inches
    ax = drawn(ax, (cell * count + 2.2, cell * count + 1.2))
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    vars(image)["counts"] = counts
    letters = 9 if counts.max() < 1e4 and count < 13 else 7
    for row, column in np.argwhere(counts) if count <= WRITTEN else ():
        ax.text(
            column,
            row,
            f"{counts[row, column]:,}",
            ha="center",
            va="center",
            fontsize=letters,
            color="white" if share[row, column] > 55 else "black",
        )
    ticks = np.arange(0, count, -(-count // 25))
    long = max(map(len, names)) * 0.1 > cell
    ax.set_xticks(ticks, [names[k] for k in ticks], rotation=90 if long else 0)
    ax.set_yticks(ticks, [names[k] for k in ticks])
    ax.spines[:].set_visible(True)
    ax.set(xlabel="predicted class", ylabel="true class")
    right = int(np.trace(counts))
    total = len(true)
    ax.set_title(f"{right:,} of {total:,} right ({100 * right / total:.3g} %)")
    scale = ax.inset_axes((1 + 0.15 / (cell * count), 0, 0.15 / (cell * count), 1))
    ax.figure.colorbar(image, cax=scale, label="share of the true class (%)")
    return ax


def _pairs(where: str, given: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray, int]:
    """The true and the predicted classes, and how many classes there are."""
    if len(given) == 3:
        model, x, y = given
        found = answers(where, model, x)
        if not found.is_classifier:
            raise invalid(
                where,
                "a model whose output is a number",
                "a classifier",
                "give classes: confusion_matrix(y, predicted > 0.5)",
            )
        own, count = found.classes, found.class_count
        true = classes(where, y, count)
    elif len(given) == 2:
        true = classes(where, given[0])
        said = np.asarray(given[1])
        wide = said.ndim == 2 and said.shape[1] > 1
        own = said.argmax(axis=1) if wide else classes(where, said)
        count = int(max(true.max(initial=0), own.max(initial=0), 1)) + 1
        count = max(count, said.shape[1] if wide else 0)
    else:
        raise mistyped(
            where, f"{len(given)} arguments", "(model, x, y) or (y_true, y_pred)"
        )
    if len(true) != len(own) or not len(true):
        raise invalid(
            where,
            f"{len(true)} true and {len(own)} predicted classes",
            "one of each for every row, and a row at least",
        )
    return true, own, count
