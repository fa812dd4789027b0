"""Rules that look at the curves of a run: its losses and scores, epoch by epoch."""

from collections.abc import Iterator

import jax
import numpy as np

from onefit.guide.finding import Finding, Severity
from onefit.guide.run import Run

__all__ = ["CURVES", "SLOW", "TRIED"]

Findings = Iterator[Finding]

STUCK = 0.03
"""What share of the loss of guessing has to be gone before a network has learned."""

FEW = 100
"""Steps before which a network cannot be called stuck."""

SLOW, HALF, MANY = 0.1, 0.5, 1000
"""What share of the loss of guessing a slow fit has behind it at most; the share that
it should get to; and the steps from which on it is the rate that is small."""

UNSETTLED = 0.1
"""What moving averages may keep of their beginning before they spoil what is said."""

GONE = 1e-2
"""What is left of a rate that a callback has taken away."""

TRIED = 10
"""Epochs below which a fit may only be there to see whether a program runs."""

GROWN, RISEN = 1.5, 0.15
"""How many times its least value a loss has grown to, and by which share of guessing's,
where it grows late."""


def not_a_number(run: Run) -> Findings:
    """The loss is NaN or infinite: one such number makes all weights NaN."""
    bad = np.flatnonzero(~np.isfinite(run.loss))
    if not len(bad):
        return
    place, when = run.evidence.broken, f"in epoch {bad[0] + 1}"
    seen = f"the loss became {run.loss[bad[0]]:g} {when}"
    if run.swept:
        yield _swept(run, seen)
        return
    layer, fix = None, f"divide the learning rate by 10: {run.rate_times(0.1)}"
    why = "one NaN in the loss makes every gradient, and so every weight, NaN"
    if place is not None and place.part == "before":
        seen = "the weights were NaN or infinite before the fit began"
        fix = "model.initialize() draws them anew"
    elif place is not None:
        layer = place.layer
        at = f"layer {layer!r} ({place.part})" if layer else f"the {place.part}"
        seen += (
            f": in step {place.step + 1} of epoch {place.epoch + 1}, at {at}, by the "
            f"operation '{place.operation}', from numbers up to {place.largest:.3g}"
        )
        grown = place.weights > 1e3 or place.largest > 1e6
        if place.operation in ("log", "div", "rsqrt", "sqrt", "pow") and not grown:
            why = f"'{place.operation}' of 0 or of a negative number is no number"
            fix = (
                "keep its argument away from 0 (jnp.maximum(x, 1e-7)); for a "
                "cross-entropy give logits and from_logits=True"
            )
        elif grown:
            why = (
                f"weights had grown to {place.weights:.3g}: steps too large for this "
                "slope make the next slope larger still"
            )
            fix += ", scale the inputs, or write clipnorm=1.0"
    yield Finding("loss-not-a-number", "error", layer, seen, why, fix, run.curve())


def diverging(run: Run) -> Findings:
    """The loss grows: steps so large that they land higher on the other side."""
    loss = run.loss
    if not np.isfinite(loss[-1]):
        before = loss[np.isfinite(loss)]
        if len(before) < 2 or before[-1] < before[0] + abs(before[0]):
            return
        last = float(before[-1])
    else:
        last = run.last
    first = float(loss[0])
    base = abs(run.base)
    grown = last > first + abs(first) and last > run.base + 0.5 * base
    # Where the first epoch's mean is already beyond all that a network begins with.
    begin = max(base, run.evidence.silent or base, 1.0)  # outputs begin at about 1
    blown = first > 100 * begin and last > 10 * begin and run.steps >= FEW
    if not (grown or blown):
        return
    seen = f"the loss went from {first:.3g} to {last:.3g}"
    if run.evidence.chance is not None:
        seen += f"; guessing gives {run.base:.3g}"
    if run.swept:
        yield _swept(run, seen)
        return
    yield Finding(
        "diverging",
        "error",
        None,
        seen,
        f"{run.rates} takes steps so large that each lands higher on the other side of "
        "the valley: w := w - alpha dJ/dw overshoots",
        f"divide the learning rate by 10: {run.rate_times(0.1)}; scale inputs and "
        "targets to about -1 to 1 if they are not",
        run.curve(),
    )


def stuck(run: Run) -> Findings:
    """The loss stays that of the best constant answer: nothing of x is used."""
    if run.evidence.chance is None or run.steps < FEW or run.early:
        return
    if not np.isfinite(run.loss).all() or run.learned > STUCK:
        return
    if run.loss.min() < (1 - 2 * STUCK) * run.base or run.last > 1.5 * run.base:
        return  # it had learned something, or it diverges
    if run.loss[run.epochs // 2] - run.last > STUCK * run.base / 3:
        return  # it is still on its way down to guessing
    yield Finding(
        "stuck-at-chance",
        "error",
        None,
        f"the loss is {run.last:.4g} after {run.epochs} epochs; the best answer that "
        f"is the same for every row has {run.base:.4g}",
        "the network has learned how often each answer occurs, and nothing from x",
        "look at the other findings for the cause; if there is none: a hidden layer "
        "with activation='relu' where there is none, more units, another start (seed), "
        "or a larger learning rate",
        run.curve(),
    )


def short(run: Run) -> Findings:
    """The fit ends far from where it was going: above guessing, or hardly below it.

    Where the loss falls steadily, the steps are right and there are too few of them, or
    they are too small. How many more it would take follows from the last of the curve.
    """
    loss, evidence = run.loss, run.evidence
    planned = (evidence.epochs - evidence.first) * evidence.steps
    cut = run.early or run.history.stopped is not None
    if cut or not evidence.fresh or not np.isfinite(loss).all() or len(loss) < 2:
        return
    if evidence.chance is None or evidence.chance <= 0 or run.learned > SLOW:
        return
    tail = loss[-max(2, len(loss) // 3) :]
    fall = float(tail[0] - tail[-1]) / (len(tail) - 1)
    steady = np.mean(np.diff(tail) < 0) >= 0.7
    above = run.last - run.base
    few = planned < FEW and run.last > (1 - STUCK) * run.base
    far = above > STUCK * run.base and steady and fall > 0
    slow = steady and fall * len(loss) > STUCK * run.base and not above > 0
    # Or it has only just left the ground: nearly every epoch brings a little, and
    # the last ones as much as the first.
    begun = len(loss) >= TRIED and np.mean(np.diff(loss) < 0) >= 0.9 and fall > 0
    begun = begun and fall > 0.5 * float(loss[0] - loss[-1]) / (len(loss) - 1)
    begun = begun and (run.val_loss is None or run.val_loss[-1] < run.val_loss[0])
    slow = slow or (begun and run.last > (1 - STUCK) * run.base)
    if not (few or far or slow):
        return
    need = (run.last - HALF * run.base) / fall if steady and fall > 0 else np.inf
    epochs = int(min(max(10 * run.epochs, run.epochs + need), 100 * run.epochs))
    seen = (
        f"after {planned} steps ({run.epochs} epochs) the loss is {run.last:.3g}, and "
        f"guessing alone has {run.base:.3g}"
    )
    if steady and fall > 0:
        seen += f"; it still falls, by {fall:.2g} an epoch"
    if planned >= MANY:
        code, fix = "crawling", f"ten times the rate: {run.rate_times(10)}"
        why = f"{run.rates} takes steps in the right direction that are too small"
        fix += f"; with this one it takes about epochs={epochs}"
    else:
        code, fix = "too-few-steps", f"epochs={epochs}, or {run.rate_times(10)}"
        why = "each step changes the weights a little: learning takes hundreds of them"
    # A few epochs that are to try a program out are no fault of it.
    tried = few and run.epochs < TRIED
    severity: Severity = "error" if (few or far) and not tried else "hint"
    yield Finding(code, severity, None, seen, why, fix, run.curve())


def grown_late(run: Run) -> Findings:
    """The training loss had come far down, and grows again: steps too large to end."""
    loss = run.loss
    if run.early or len(loss) < 10 or not np.isfinite(loss).all() or loss.min() < 0:
        return
    smooth = np.convolve(loss, np.ones(3) / 3, "valid")
    best = int(smooth.argmin())
    low, rest = float(smooth[best]), smooth[best:]
    grown = run.last > GROWN * low and run.last - low > RISEN * abs(run.base)
    if best < 2 or len(rest) < 4 or not grown or float(rest[-3:].min()) < GROWN * low:
        return
    seen = (
        f"the loss had fallen to {low:.3g} by epoch {best + 2} and has grown again to "
        f"{run.last:.3g}"
    )
    if run.swept:
        yield _swept(run, seen)
        return
    yield Finding(
        "diverging",
        "error",
        None,
        seen,
        f"near the bottom of the valley {run.rates} takes steps that are too large, "
        "and climbs its other side",
        f"a smaller rate, {run.rate_times(0.1)}, one that falls (a schedule), or "
        "EarlyStopping(monitor='loss', patience=5, restore_best_weights=True)",
        run.curve(),
    )


def _swept(run: Run, seen: str) -> Finding:
    """A rate that grew with the epochs: meant where a rate is looked for."""
    begun, now = run.pace or (0.0, 0.0)
    rates = run.logs.get("learning_rate")
    smooth = np.convolve(run.loss, np.ones(3) / 3, "same")
    best = int(np.nanargmin(np.where(np.isfinite(smooth), smooth, np.inf)))
    at = f", {rates[best]:.2g} where it was least" if rates is not None else ""
    more = {"learning_rate": rates} if rates is not None else {}
    return Finding(
        "diverging",
        "hint",
        None,
        f"{seen}, while a callback raised the learning rate from {begun:.2g} to "
        f"{now:.2g}{at}",
        "from some rate on each step lands higher on the other side of the valley: "
        "a search for a rate shows that, and it ruins a fit that was to learn",
        "if it was a search: take a tenth of the rate with the least loss, and start "
        "anew; if not: a rate that falls",
        run.curve(**more),
    )


def rate_gone(run: Run) -> Findings:
    """A callback has taken the rate away before anything was learned."""
    if run.early or run.sped > GONE or run.pace is None or run.learned > HALF:
        return
    if not np.isfinite(run.loss).all():
        return
    begun, now = run.pace
    yield Finding(
        "learning-rate-too-low",
        "error",
        None,
        f"a callback has lowered the learning rate from {begun:.2g} to {now:.2g} "
        f"within {run.epochs} epochs, and the loss is {run.last:.3g}; guessing has "
        f"{run.base:.3g}",
        "w := w - alpha dJ/dw with a small alpha changes nothing: the fit came to rest "
        "on the slope, not in the valley",
        "let the rate fall more slowly (a factor of 0.95 an epoch rather than 0.5), or "
        "only where the loss stands: ReduceLROnPlateau(patience=10)",
        run.curve(),
    )


def oscillating(run: Run) -> Findings:
    """The loss jumps up and down by much of itself, without getting anywhere."""
    loss = run.loss
    if run.epochs < 8 or not np.isfinite(loss).all():
        return
    late = loss[run.epochs // 3 :]
    steps = np.diff(late)
    turns = np.mean(np.sign(steps[1:]) != np.sign(steps[:-1]))
    jump = np.abs(steps).mean() / max(late.mean(), 1e-30)
    # A loss near 0 jumps by much of itself and does no harm.
    if turns < 0.5 or jump < 0.2 or late.mean() < 0.1 * run.base:
        return
    if late[-len(late) // 3 :].mean() < 0.7 * late[: len(late) // 3].mean():
        return
    yield Finding(
        "oscillating",
        "error",
        None,
        f"from epoch to epoch the loss changes by {jump:.0%} of itself, and back again "
        f"(it is {late.min():.3g} to {late.max():.3g})",
        f"{run.rates} jumps from one side of the valley to the other",
        f"divide the learning rate by 10: {run.rate_times(0.1)}, or batches larger "
        f"than {run.evidence.batch_size}",
        run.curve(),
    )


def stopped_too_early(run: Run) -> Findings:
    """The loss was still falling: on the slope, or stopped there by a rule."""
    by_rule = run.history.stopped == "rule"
    least = 2 if by_rule else 3 if run.steps < 2 * FEW else 5
    if run.early or run.history.stopped == "interrupted":
        return
    loss = run.loss if run.val_loss is None else run.val_loss
    if len(loss) < least or not np.isfinite(loss).all():
        return
    if not (run.learned > STUCK or by_rule):
        return
    tail = loss[-max(3, len(loss) // 4) :]
    fall = (tail[0] - tail[-1]) / max(abs(tail[0]), 1e-30)
    steady = np.mean(np.diff(tail) < 0) >= 0.8
    stopped = by_rule and fall > 0.02 and steady and _still_better(run)
    far = run.last > 0.3 * run.base and tail[0] - tail[-1] > 0.03 * run.base > 0
    short = far and steady and not by_rule
    if not (stopped or short):
        return
    seen = (
        f"in the last {len(tail)} of {run.epochs} epochs the loss still fell by "
        f"{fall:.0%}, to {tail[-1]:.3g}"
    )
    if stopped:
        seen += ", and a callback ended the fit"
        fix = (
            "look at EarlyStopping: monitor='val_loss' with mode='min' (or 'auto'), "
            "a larger patience, min_delta=0"
        )
    else:
        fix = (
            f"train on: call fit again, or epochs={run.epochs * 4} with "
            "EarlyStopping(patience=10, restore_best_weights=True)"
        )
    yield Finding(
        "stopped-too-early",
        "error" if stopped else "hint",
        None,
        seen,
        "the fit ended on the slope, not in the valley",
        fix,
        run.curve(),
    )


def _still_better(run: Run) -> bool:
    """Whether what a rule looks at was getting better when the rule ended the fit.

    A rule that waits ends it when that has been better before: not at its best.
    """
    for name in run.evidence.monitors:
        values = run.logs.get(str(name))
        if values is None or len(values) < 2 or not np.isfinite(values).all():
            continue
        way = -1 if run.evidence.metrics.get(str(name)) == "max" else 1
        values = way * values
        if values.argmin() == len(values) - 1 and (np.diff(values) < 0).mean() > 0.8:
            return True
    return False


def _unsettled(run: Run) -> Finding | None:
    """Moving averages that still begin, where rows not seen are answered much worse."""
    held = run.val_loss
    if held is None or held[-1] < 2 * run.loss[-1] or not run.evidence.fresh:
        return None
    for layer in run.evidence.graph.plain_layers():
        momentum = getattr(layer, "momentum", None)
        if layer.role != "batch normalization" or not isinstance(momentum, int | float):
            continue
        left = float(momentum) ** run.steps
        if layer.trainable and left > UNSETTLED:
            return Finding(
                "statistics-not-settled",
                "error",
                str(layer.name),
                f"rows not seen have a loss of {held[-1]:.3g}, training rows "
                f"{run.loss[-1]:.3g}; {layer.name!r} has momentum={momentum:g}, and "
                f"after {run.steps} steps {left:.0%} of its moving averages are still "
                "the 0 and 1 they began with",
                "rows not seen are normalised by these averages, training rows by "
                "those of the batch: it is not that the network learned by heart",
                "a smaller momentum (0.8), smaller batches, or more epochs",
                run.curve(),
            )
    return None


def overfitting(run: Run) -> Findings:
    """Training goes on getting better while rows not seen get worse."""
    held = run.val_loss
    if held is None or len(held) < 5 or run.history.stopped == "rule":
        return
    if not (np.isfinite(held).all() and np.isfinite(run.loss).all()):
        return
    if (unsettled := _unsettled(run)) is not None:
        yield unsettled
        return
    best, tail = int(held.argmin()), float(np.median(held[-max(1, len(held) // 10) :]))
    at = min(run.epochs - 1, int(best * run.epochs / len(held)))
    rises = tail / max(held[best], 1e-30)
    falls = run.last < 0.85 * run.loss[at]
    gap = _gap(run)
    apart = tail > 3 * run.last
    if gap is None:  # a regression: the losses alone tell
        found = rises > 1.25 and falls and apart
        worse = rises > 2
    else:
        found = gap > 0.1 and apart and (rises > 1.2 or gap > 0.15)
        worse = gap > 0.2 or rises > 2
    if not found:
        return
    scores = "" if gap is None else f"; the accuracies are {gap:.2f} apart"
    yield Finding(
        "overfitting",
        "error" if worse else "hint",
        None,
        f"the training loss fell to {run.last:.3g}, but that of rows not seen is "
        f"{tail:.3g}, after {held[best]:.3g} in epoch {best + 1}{scores}",
        "the network learns the training rows by heart, noise included, instead of "
        "what they have in common",
        "more data; or a smaller model (half the units); or L2 or L1 on the weights: "
        "Dense(..., kernel_regularizer=onefit.regularizers.L2(0.001)), then 0.01; or "
        "EarlyStopping(restore_best_weights=True)",
        run.curve(),
    )


def _gap(run: Run) -> float | None:
    """By how much the accuracy on training rows is better than on rows not seen."""
    name = run.accuracy
    held = run.logs.get(f"val_{name}")
    if name is None or held is None or not len(held):
        return None
    some = max(1, len(held) // 10)
    return float(np.median(run.logs[name][-some:]) - np.median(held[-some:]))


def leaking(run: Run) -> Findings:
    """Rows not seen are answered perfectly at once, and one column says it all."""
    held, x = run.val_loss, run.evidence.sample.x
    targets = jax.tree.leaves(run.evidence.sample.y)
    if held is None or not len(held) or getattr(x, "ndim", 0) != 2 or x.shape[1] < 2:
        return
    if len(targets) > 1:
        return
    early = held[: max(1, len(held) // 10)]
    if not np.isfinite(early).all() or early.min() > 0.2 * run.base or len(x) < 50:
        return
    target = np.asarray(targets[0], float).reshape(len(x), -1)
    if target.shape[1] != 1:
        target = target.argmax(axis=1)[:, None].astype(float)
    columns = np.asarray(x, float)
    apart = [columns - columns.mean(axis=0), target - target.mean(axis=0)]
    size = np.sqrt((apart[0] ** 2).sum(axis=0) * (apart[1] ** 2).sum())
    alike = np.abs((apart[0] * apart[1]).sum(axis=0)) / np.maximum(size, 1e-30)
    most = int(alike.argmax())
    if alike[most] < 0.98 or np.sort(alike)[-2] > 0.9:
        return
    yield Finding(
        "too-good-to-be-true",
        "error",
        None,
        f"rows not seen are answered almost perfectly after {len(early)} epochs (loss "
        f"{early.min():.3g}), and column {most} of x follows the target "
        f"(correlation {alike[most]:.3f})",
        "a column that is made from the target, or known only after it, will not be "
        "there when the network is used",
        f"leave the column out: np.delete(x, {most}, axis=1)",
        run.curve(),
        (most,),
    )


CURVES = (
    not_a_number,
    diverging,
    stuck,
    rate_gone,
    short,
    grown_late,
    oscillating,
    stopped_too_early,
    overfitting,
    leaking,
)
"""In the order in which they are asked."""
