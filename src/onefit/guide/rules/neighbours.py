"""Underfitting, distinguished from noise: would a row's neighbours answer better?

A network that has stopped getting better, far from perfect, may be too weak, or what is
left may be noise. If the rows nearest to each row, itself left out, answer better than
the network does on the very rows it was trained on, it is not noise: what is missing is
in x.
"""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from onefit.guide.finding import Finding
from onefit.guide.run import Run

__all__ = ["labels_wrong", "underfitting", "unrelated"]

NEIGHBOURS = 5
FEWEST = 40
"""Rows without which neighbours say little."""

BETTER = 0.15
"""By how much neighbours have to be better: in accuracy, or in explained variance."""

EPOCHS, STEPS = 20, 200
"""Below which a loss that lies still may only not have begun to fall."""

GUESSING, PAIRS, ORDERS, VOTES = 0.1, 80, 20, 50
"""What rows not seen gain over guessing at most, the rows and the orders of chance by
which it is judged, and the classes up to which it is."""

CROWD, ROWS = 10, 1500
"""The neighbours that are asked what a row is, and the rows that are asked about."""

WRONG, KINDS, EVEN, ALIKE = 0.1, 4, 0.85, 1.75
"""How often the surest third of the rows have another label than their neighbours; the
classes below which that may be what the classes are like; how evenly (1: wholly) the
other labels are spread over the classes, where they are wrong by chance; and how many
times as often, at most, all rows have another label than the surest ones."""

FLAT = 0.02
"""What share of the loss of guessing the last third of a fit may still bring."""


def unrelated(run: Run) -> Iterator[Finding]:
    """Rows not seen are answered as by guessing, and neighbours are no better.

    Where y in another order (a permutation of chance) goes with x as well as it does as
    it is, the rows of x and y are no pairs: they have been sorted or shuffled apart, or
    x says nothing about y.
    """
    held, evidence = run.val_loss, run.evidence
    if run.early or run.steps < STEPS or evidence.chance is None:
        return
    best = run.loss.min() if held is None or not len(held) else held.min()
    if not np.isfinite(best):
        return
    parts = [p for p in (evidence.sample, evidence.held) if p is not None]
    x = [np.asarray(part.x) for part in parts if hasattr(part.x, "dtype")]
    classes = evidence.spread is not None
    y = [_target(jax.tree.leaves(part.y), classes) for part in parts]
    if len(x) != len(parts) or x[0].dtype.kind != "f" or any(t is None for t in y):
        return
    guessed = run.base
    if len(y) == 2 and not classes:  # the targets held out may differ less
        spreads = [float(np.var(t)) for t in y if t is not None]
        guessed *= min(1.0, spreads[1] / max(spreads[0], 1e-30))
    if best < (1 - GUESSING) * guessed:
        return
    width = max(t.shape[1] for t in y if t is not None)
    filled = [np.pad(t, ((0, 0), (0, width - t.shape[1]))) for t in y if t is not None]
    rows, target = np.concatenate(x), np.concatenate(filled)
    if len(rows) < PAIRS or _more_than_chance(rows.reshape(len(rows), -1), target):
        return
    yield Finding(
        "target-unrelated",
        "hint" if held is None else "error",
        None,
        f"the loss{' of rows not seen' * (held is not None)} was never below "
        f"{best:.3g}, and guessing has {guessed:.3g}; of {len(rows)} rows the nearest "
        "others tell y no better than they tell y in an order of chance",
        "either x and y are no pairs any more (one of them was sorted or shuffled "
        "without the other), or x does not say what y is: no network can learn it",
        "look at some rows together, print(x[:5], y[:5]); shuffle both by one order: "
        "order = np.random.permutation(len(x)); x, y = x[order], y[order]",
        run.curve(),
    )


def _target(leaves: list[Any], classes: bool) -> np.ndarray | None:
    """Of each row a line of numbers: of a class a 1 in its column."""
    if len(leaves) != 1:
        return None
    y = np.asarray(leaves[0])
    y = y.reshape(len(y), -1).astype(float)
    if classes and y.shape[1] == 1 and 0 <= y.min() <= y.max() < VOTES:
        y = np.eye(int(y.max()) + 1)[y[:, 0].astype(int)]
    return y if y.shape[1] <= VOTES else None


def _more_than_chance(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether neighbours, or a line, tell y better than y in any order of chance."""
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    squares = (x**2).sum(axis=1)
    apart = squares[:, None] + squares[None] - 2 * x @ x.T
    np.fill_diagonal(apart, np.inf)
    near = np.argpartition(apart, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    # Of a line by ridge regression, each row's answer without itself (PRESS).
    both = np.hstack([x, np.ones((len(x), 1))])
    inner = both.T @ both + 0.1 * len(x) * np.eye(both.shape[1])
    hat = both @ np.linalg.solve(inner, both.T)
    own = np.clip(np.diag(hat), 0, 0.99)[:, None]

    def told(y: np.ndarray) -> np.ndarray:
        y = y - y.mean(axis=0)
        line = (hat @ y - own * y) / (1 - own)
        answers = y[near].mean(axis=1), line
        return np.array([-((a - y) ** 2).mean() for a in answers])

    rng = np.random.default_rng(0)
    chance = [told(y[rng.permutation(len(y))]) for _ in range(ORDERS)]
    return bool((told(y) > np.max(chance, axis=0)).any())


def labels_wrong(run: Run) -> Iterator[Finding]:
    """Rows have other labels than rows all around them, of any class at random.

    Classes that are hard to tell apart are taken for each other, some pairs more often
    than others, and where neighbours agree they are right. Labels that are wrong by
    chance are wrong everywhere, and any of the others.
    """
    spread, program = run.evidence.spread, run.evidence.program
    if run.early or spread is None or (spread > 0).sum() < KINDS or program is None:
        return
    x, y = program.x, program.y
    if not hasattr(x, "ndim") or not hasattr(y, "ndim") or np.asarray(x).dtype == int:
        return
    step = -(-len(x) // ROWS)
    rows = np.asarray(x, float)[::step].reshape(len(x[::step]), -1)
    kinds = np.asarray(y)[::step].reshape(len(rows), -1)
    labels = kinds[:, 0].astype(int) if kinds.shape[1] == 1 else kinds.argmax(axis=1)
    classes = int(labels.max()) + 1
    if len(rows) < CROWD * classes or not np.isfinite(rows).all() or labels.min() < 0:
        return
    rows = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9)
    squares = (rows**2).sum(axis=1)
    apart = squares[:, None] + squares[None] - 2 * rows @ rows.T
    np.fill_diagonal(apart, np.inf)
    near = np.argpartition(apart, CROWD, axis=1)[:, :CROWD]
    votes = np.eye(classes)[labels][near].sum(axis=1)
    said, sure = votes.argmax(axis=1), votes.max(axis=1)
    surest = sure.argsort()[-(len(rows) // 3) :]
    other = labels != said
    wrong = float(other[surest].mean())
    told = 1 - float(other.mean())
    if wrong < WRONG or told < 2 * float(spread.max()):
        return
    if other.mean() > ALIKE * wrong:
        return  # where neighbours are unsure they err: x is noisy, not the labels
    # Of the labels that differ, how many there are of each class, as if by chance.
    share = np.bincount(labels, minlength=classes) / len(labels)
    pairs = np.zeros((classes, classes))
    np.add.at(pairs, (said[other], labels[other]), 1)
    entropies, most = [], []
    for k in range(classes):
        chance = np.delete(share, k)
        seen = np.delete(pairs[k], k)
        if seen.sum() < classes or not chance.sum():
            continue
        entropies.append(_entropy(seen / seen.sum()))
        most.append(_entropy(chance / chance.sum()))
    if not most or sum(entropies) < EVEN * sum(most):
        return
    yield Finding(
        "labels-wrong",
        "hint",
        None,
        f"of the {len(surest)} rows whose {CROWD} nearest neighbours agree best, "
        f"{wrong:.0%} have another label than these, of any class at random",
        "labels that are wrong by chance cannot be learned, only learned by heart; and "
        "where those held out are wrong too, no network can be right more often than "
        f"about {1 - wrong:.0%}",
        "look at such rows with their labels; train briefly (EarlyStopping), and look "
        "at the rows with the largest loss first: they are the likeliest to be wrong",
        {"share of neighbours that agree, by row": np.sort(sure / CROWD)[::-1]},
    )


def _entropy(share: np.ndarray) -> float:
    some = share[share > 0]
    return float(-(some * np.log(some)).sum())


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
