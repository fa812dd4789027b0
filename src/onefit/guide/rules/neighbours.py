"""Underfitting, distinguished from noise: would a row's neighbours answer better?

A network that has stopped getting better, far from perfect, may be too weak, or what is
left may be noise. If the rows nearest to each row, itself left out, answer better than
the network does on the very rows it was trained on, it is not noise: what is missing is
in x.
"""

from collections.abc import Iterator

import jax
import numpy as np

from onefit.guide.finding import Finding
from onefit.guide.run import Run

__all__ = ["underfitting"]

NEIGHBOURS = 5
FEWEST = 40
"""Rows without which neighbours say little."""

BETTER = 0.15
"""By how much neighbours have to be better: in accuracy, or in explained variance."""

EPOCHS, STEPS = 20, 200
"""Below which a loss that lies still may only not have begun to fall."""

FLAT = 0.02
"""What share of the loss of guessing the last third of a fit may still bring."""


def underfitting(run: Run) -> Iterator[Finding]:
    """The loss has come to rest, and the nearest rows would answer better."""
    loss = run.loss
    if run.early or run.learned > 0.9 or not np.isfinite(loss).all():
        return
    if run.epochs < EPOCHS or run.steps < STEPS or run.evidence.chance is None:
        return  # too short to have come to rest, or a loss that scores do not measure
    before = float(np.median(loss[-run.epochs // 3 :][: max(1, run.epochs // 9)]))
    if abs(before - run.last) > FLAT * run.base:
        return
    found = _scores(run)
    if found is None or found[1] < found[0] + BETTER:
        return
    ours, theirs, what = found
    yield Finding(
        "underfitting",
        "error",
        None,
        f"on its own training rows the network has {what} {ours:.2f}, and the loss has "
        f"come to rest at {run.last:.3g}; the {NEIGHBOURS} nearest other rows of each "
        f"row would have {theirs:.2f}",
        "what is missing is in x, but this network cannot say it: too few units, no "
        "hidden layer, too much regularisation, or a start that got stuck",
        "a hidden layer, or twice the units: Dense(..., activation='relu'); less L1, "
        "L2 and dropout; another start (seed)",
        run.curve(),
    )


def _scores(run: Run) -> tuple[float, float, str] | None:
    """How good the network is, how good neighbours are, and by which measure."""
    x, targets = run.evidence.sample.x, jax.tree.leaves(run.evidence.sample.y)
    if len(targets) != 1 or not hasattr(x, "dtype") or x.dtype.kind != "f":
        return None
    answers, y = np.asarray(run.now.outputs[0]), np.asarray(targets[0])
    n = len(x)
    if n < FEWEST or answers.ndim != 2 or len(y) != n or not np.isfinite(answers).all():
        return None
    rows = np.asarray(x, float).reshape(n, -1)
    rows = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9)
    squares = (rows**2).sum(axis=1)
    apart = squares[:, None] + squares[None] - 2 * rows @ rows.T
    np.fill_diagonal(apart, np.inf)
    near = np.argpartition(apart, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    y = y.reshape(n, -1)
    if run.evidence.spread is not None:
        labels, said = _labels(y, answers)
        classes = int(max(labels.max(), said.max())) + 1
        votes = np.eye(classes)[labels][near].sum(axis=1).argmax(axis=1)
        ours, theirs = (said == labels).mean(), (votes == labels).mean()
        return float(ours), float(theirs), "an accuracy of"
    if y.shape != answers.shape:
        return None
    y = y.astype(float)
    spread = y.var(axis=0).mean()
    if not spread:
        return None
    ours = 1 - ((answers - y) ** 2).mean() / spread
    theirs = 1 - ((y[near].mean(axis=1) - y) ** 2).mean() / spread
    return float(ours), float(theirs), "an explained variance of"


def _labels(y: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class of each row, and the one the network says."""
    if answers.shape[1] == 1:
        return (y[:, 0] > 0.5).astype(int), (answers[:, 0] > 0.5).astype(int)
    right = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0].astype(int)
    return right, answers.argmax(axis=1)
