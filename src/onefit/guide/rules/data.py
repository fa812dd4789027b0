"""Rules about the rows: what networks learn badly from, or cannot learn."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from onefit.guide.case import Case, Head
from onefit.guide.finding import Finding, Severity
from onefit.guide.network import Call
from onefit.guide.targets import Targets, kind_of
from onefit.layers import Rescaling
from onefit.losses import (
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)
from onefit.types import Array, Shape, Tree

__all__ = ["DATA", "LARGE_INPUTS", "not_finite", "sizes"]

Findings = Iterator[Finding]

RELATIVE = (MeanSquaredLogarithmicError, MeanAbsolutePercentageError)
"""Losses to which the size of the targets is nothing."""

LARGE_INPUTS = 20.0
"""The size (root mean square) of an input column that networks learn badly from.

Raw pixels have about 80, ages 45, the digits' 0 to 16 about 8. He's and Glorot's
weights are made for 1.
"""

TOO_LARGE, FAR_TOO_LARGE = 50.0, 1000.0
"""Sizes that saturate a sigmoid or make gradient descent diverge, and that do harm to
every network."""

SMALL_INPUTS, TOO_SMALL = 0.01, 0.001
"""The size of the largest column from which on all inputs are small."""

APART = 1e4
"""The ratio of two columns' sizes at which the network does not see the smaller one."""

COLUMNS = 30
"""Up to this many columns are a table, whose constant columns are a slip. In more (the
pixels of an image) some are always blank."""

PAIRS = 100
"""Rows below which two columns, or a clock, may be chance."""

ROWS = 20
"""Fewer rows say nothing about columns, or about what rows have in common."""

SAME, NEARLY = 1 - 1e-6, 0.998
"""The squared correlation with the target of a column that is the target, or it with
a little noise; what else there is explains less than `OTHERS` then."""

OTHERS = 0.8

EACH, MANY = 5, 5
"""Rows of each class, and rows for each column, below which a column that tells the
class may be chance; the second at the start of a fit, where few rows are looked at."""

MOST = {2: 0.95, 3: 0.9}
"""The share of the largest of two classes, or of several, that is nearly all."""

LARGE_TARGETS, HUGE_TARGETS = 100.0, 1000.0
"""The size of targets that takes long to reach, or that makes gradients explode."""

SMALL_TARGETS = 1e-3

IN_BOTH = {"hint": 0.05, "error": 0.2}
"""The share of validation rows that are training rows; by chance there are few."""

ELSEWHERE = 5.0
"""The ratio of the sizes of validation and training columns that is no chance."""

WIDER, AWAY = 4.0, 2.5
"""How much more or less validation columns may be spread, and how many standard
deviations away they may lie."""

MANY_COLUMNS = 0.3
"""The share of columns that differ so much, where not all of them do: rows that were
not scaled beside rows that were have some columns larger and others smaller."""

BRIGHT = 128.0
"""Positive numbers up to 255 that go beyond this, or are whole, are pixels; coordinates
near 40 are not."""

CHANNELS = 16
"""More than this are no channels of pictures but rows or columns of pixels."""

EXACT, DIGITS = 2.0**20, 0.05
"""Numbers below which float32 keeps fractions, and the step from one float32 to the
next, in standard deviations of a column, from which on its differences are rounded
away."""

SMOOTH, ROUGH, NEAR = 0.4, 0.1, 0.2
"""How alike neighbours along time are at least, and neighbouring features at most; and
how much less they differ than what is half a series apart."""

PAIRED, HALVES = 0.5, 0.9
"""The correlation of two columns of which one tells what the other leaves open, and how
well one alone may tell it."""

BOTH_SIDES, FOLLOWS = 0.3, 0.3
"""The share of validation rows whose neighbours in time are training rows, and how much
targets may differ from one time to the next, in terms of two at random."""

FILLED = 0.2
"""The share of steps that only fill up from which on it matters what they count."""

CLASSES = 20
"""Classes, at most, that are looked at one by one."""

ALL_NARROW = 2.2
"""How much less or more all of several columns of validation rows may be spread."""

LOOKED_UP = 2000
"""Validation rows that are looked up among the training rows."""


def _columns(x: np.ndarray) -> np.ndarray:
    """Rows, steps and pixels by columns, features and channels."""
    flat = x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x[:, None]
    return flat if flat.dtype.kind == "f" else flat.astype(np.float32)


def sizes(x: np.ndarray) -> np.ndarray:
    """The size of each column, the root of the mean square of what is finite."""
    flat = _columns(x)
    with np.errstate(all="ignore"):
        squares = np.einsum("ij,ij->j", flat, flat, dtype=np.float64) / len(flat)
        if not np.isfinite(squares).all():
            squares = np.nanmean(np.where(np.isfinite(flat), flat, np.nan) ** 2, 0)
    return np.sqrt(squares)


# Inputs -------------------------------------------------------------------------------


def not_a_number(case: Case) -> Findings:
    """NaN in a row is NaN in every weight after one step (TheDeepChecker)."""
    if case.data is None or case.cheap:
        return  # fit refuses them itself
    parts = [("", case.data.train), ("validation ", case.data.held)]
    for where, batch in parts:
        if batch is None:
            continue
        for name, tree in zip(("x", "y", "sample_weight"), batch[:3], strict=True):
            arrays = tree if isinstance(tree, tuple) else (tree,)
            for i, array in enumerate(arrays):
                place = f"{where}{name}[{i}]" if len(arrays) > 1 else f"{where}{name}"
                yield from _holes(array, place, name)


def _holes(array: np.ndarray | None, place: str, name: str) -> Findings:
    if array is None or array.dtype.kind != "f":
        return
    host = np.asarray(array)
    with np.errstate(all="ignore"):
        if np.isfinite(host.sum()):
            return
    bad = np.argwhere(~np.isfinite(host))
    if not len(bad):
        return
    fix = f"drop those rows, or fill them: np.nan_to_num({name})"
    if name == "x" and host.ndim == 2:
        empty = np.flatnonzero(~np.isfinite(host).any(axis=0))
        fix = (
            f"leave out what has no number in any row: np.delete(x, {empty.tolist()}, "
            "axis=1)"
            if len(empty)
            else "drop those rows: good = np.isfinite(x).all(axis=1); x, y = x[good], "
            "y[good]"
        )
    at = f"row {bad[0][0]}" + "".join(f", column {i}" for i in bad[0][1:])
    yield not_finite(
        f"{len(bad)} of {host.size} numbers in {place} are NaN or infinite; the first "
        f"is at {at}",
        fix,
    )


def not_finite(seen: str, fix: str) -> Finding:
    """The finding of numbers that are none."""
    return Finding(
        "not-a-number",
        "error",
        None,
        seen,
        "a sum with NaN is NaN: one such row makes every gradient NaN, and then every "
        "weight",
        fix,
    )


def inputs_not_scaled(case: Case) -> Findings:
    """Inputs about 1 in size, as weights are drawn for (UMLAUT; lecture 003, coffee).

    What a Normalization, a BatchNormalization or arithmetic makes of them first is not
    judged; a Rescaling is applied.
    """
    if any(digits_lost(case)):
        return  # what scales inside the network comes too late
    for i, (x, call) in enumerate(_met(case)):
        if x.dtype.kind not in "fiu" or not x.size:
            continue
        found = sizes(x)
        found = found[np.isfinite(found) & (found > 0)]
        if not len(found):
            continue
        large, small = float(found.max()), float(found.min())
        name = f"input {i + 1}" if len(case.x or ()) > 1 else "x"
        plain = case.compiled and case.optimizer.step_size == "gradient"
        flat = call.saturates and (call in case.hidden or call.role == "recurrent")
        # One line or plane alone takes such inputs by steps that are the rate's.
        alone = not (flat or plain or case.hidden) and large < TOO_LARGE
        if large >= LARGE_INPUTS and not alone:
            bad = large >= TOO_LARGE and (flat or plain)
            yield Finding(
                "inputs-not-scaled",
                "error" if bad or large >= FAR_TOO_LARGE else "hint",
                call.name,
                seen=f"columns of {name} have sizes up to {large:.3g} (the root of the "
                "mean square)",
                why=_why_large(call, large, flat, plain),
                instead=_scaling(x),
            )
            return
        if large < SMALL_INPUTS:
            yield Finding(
                "inputs-not-scaled",
                "error" if large < TOO_SMALL and plain else "hint",
                call.name,
                seen=f"all of {name} is small: sizes up to {large:.1g}",
                why="z = w·x + b hardly depends on such inputs, and dJ/dw = dJ/dz · x "
                "is as small",
                instead=_scaling(x),
            )
            return
        if large / small > APART and x.ndim == 2 and x.shape[-1] <= COLUMNS:
            yield Finding(
                "inputs-not-scaled",
                "hint",
                call.name,
                seen=f"columns of {name} have sizes from {small:.1g} to {large:.3g}",
                why="z = w·x + b is a sum in which the small columns are not seen, and "
                "their weights get no gradient to speak of",
                instead=_scaling(x),
            )
            return


def _why_large(call: Call, size: float, flat: bool, plain: bool) -> str:
    z = f"z = w·x + b of {call.name!r} starts at about {size:.3g} rather than 1"
    if flat:
        return f"{z}, where {call.ends_in} is flat and has no gradient"
    if plain:
        return f"{z}, and dJ/dw = dJ/dz · x grows with x: the steps get too large"
    return f"{z}, and the loss with it; what the weights learn first is to be small"


def _scaling(x: np.ndarray) -> str:
    image = x.ndim > 2 or x.shape[-1] > COLUMNS
    pixels = image and float(x.min()) >= 0 and float(x.max()) <= 255
    if pixels and (float(x.max()) > BRIGHT or bool((x == np.rint(x)).all())):
        return "write x = x / 255, or begin the model with Rescaling(1 / 255)"
    return (
        "write x = (x - x.mean(axis=0)) / x.std(axis=0), or begin the model with "
        "n = Normalization(); n.adapt(x)"
    )


def _met(case: Case) -> Iterator[tuple[np.ndarray, Call]]:
    """The inputs as the first layer with weights meets them, and that layer."""
    if not case.x:
        return
    through = {"shape", "dropout", "max pooling", "average pooling"}
    for x, value in zip(case.x, case.network.inputs, strict=False):
        for call in case.network.after(value, through):
            if call is None:
                continue
            if call.weighted or call.role == "recurrent":
                yield x, call
                break
            if isinstance(call.core, Rescaling):
                after = next(case.network.after(call.outputs[0], through), None)
                scale, offset = call.core.scale, call.core.offset
                if after is not None and (after.weighted or after.role == "recurrent"):
                    yield (
                        (
                            x * np.asarray(scale, np.float32)
                            + np.asarray(offset, np.float32)
                        ),
                        after,
                    )
                break


def constant_column(case: Case) -> Findings:
    """An input that is always the same says nothing (TheDeepChecker).

    Columns of zeros among many are the border of an image, and no slip.
    """
    for i, x in enumerate(case.x or ()):
        if len(x) < ROWS // 2 or x.ndim < 2 or _names_things(case, i):
            continue
        flat = _columns(x)
        first = flat[:1]
        same = (flat[: 2 * ROWS] == first).all(axis=0)
        if same.any():  # most columns are told by few rows
            same[same] = (flat[:, same] == first[:, same]).all(axis=0)
        same &= np.abs(flat[0]) < EXACT  # else float32 has made them the same
        if not same.any():
            continue
        name = f"input {i + 1}" if len(case.x or ()) > 1 else "x"
        if same.all():
            yield Finding(
                "constant-column",
                "error",
                None,
                seen=f"all rows of {name} are the same",
                why="rows that do not differ cannot have answers that do",
                instead="look at how x was made: print(x[:3])",
            )
        elif x.ndim == 2 and flat.shape[1] <= COLUMNS:
            places = np.flatnonzero(same)
            yield Finding(
                "constant-column",
                "hint",
                None,
                seen=f"the same number in every row of {name}: "
                f"column{'s' * (len(places) > 1)} {_listed(places)}",
                why="what never changes explains nothing; it does what b does already",
                instead=f"leave out: x = np.delete(x, {places.tolist()[:10]}, axis=1)",
                columns=tuple(places.tolist()),
            )


def digits_lost(case: Case) -> Findings:
    """float32 has 7 digits: of 1,600,000,000 + 40 the 40 is gone."""
    if case.cheap:
        return  # fit has warned of it, when it read the rows
    for i, x in enumerate(case.x or ()):
        if x.ndim != 2 or len(x) < ROWS or x.dtype.kind not in "fiu":
            continue
        if _names_things(case, i):
            continue
        wide = np.asarray(x, float)
        with np.errstate(all="ignore"):
            mean, spread = np.abs(wide.mean(axis=0)), wide.std(axis=0)
            step = np.spacing(mean.astype(np.float32)).astype(float)
            lost = (mean >= EXACT) & (step > DIGITS * spread)
        if not lost.any():
            continue
        column = int(np.flatnonzero(lost)[0])
        yield Finding(
            "digits-lost",
            "error",
            None,
            seen=f"column {column} of x is about {mean[column]:.7g}, and its rows "
            f"differ by {spread[column]:.2g}",
            why="networks compute with float32, which has 7 digits: next to "
            f"{mean[column]:.3g} it knows steps of {step[column]:.2g} only, and the "
            "differences are rounded away",
            instead="subtract before x becomes float32: x = np.asarray(x, 'float64'); "
            "x = (x - x.mean(axis=0)) / x.std(axis=0)",
            columns=tuple(np.flatnonzero(lost).tolist()),
        )
        return


def padding_counted(case: Case) -> Findings:
    """A step that only fills a sequence up has no answer to be learned."""
    if not case.x or len(case.x) != 1 or case.data is None or case.data.weighted:
        return
    for head in case.heads:
        y, t = head.y, head.targets
        if y is None or t is None or head.kind is None or not np.ndim(y) > 1:
            continue
        ids, x = np.asarray(y), case.x[0]
        if head.kind == "categorical" and t.kind == "one-hot":
            ids = ids.argmax(axis=-1)
        elif head.kind == "sparse" and not t.whole:
            continue
        ids = ids[..., 0] if ids.ndim == 3 and ids.shape[2] == 1 else ids
        if ids.ndim != 2:
            continue
        if (
            ids.shape[1] < 4
            or len(ids) < ROWS
            or getattr(head.loss, "ignore_class", None) is not None
        ):
            continue
        filled = np.cumprod((ids == 0)[:, ::-1], axis=1)[:, ::-1].astype(bool)
        same = x.shape[:2] == ids.shape and x.ndim in (2, 3)
        if same:
            none = x == 0 if x.ndim == 2 else (x == 0).all(axis=-1)
            filled &= np.cumprod(none[:, ::-1], axis=1)[:, ::-1].astype(bool)
        share, inner = float(filled.mean()), float(((ids == 0) & ~filled).mean())
        masked = any(
            getattr(call.core, "mask_zero", False) or call.kind == "Masking"
            for call in case.network.calls
        )
        if masked or share < FILLED or inner > 0.02 or not same:
            continue
        yield _of(
            head,
            "padding-counted",
            "hint",
            f"{share:.0%} of the steps of y are 0 at the end of their row, where x is "
            "0 too",
            "they only fill rows up, but the loss and the accuracy count them as "
            f"answers: whoever says 0 there is right in {share:.0%} of the steps and "
            "knows nothing",
            "write Embedding(..., mask_zero=True)"
            + (
                ", or loss=SparseCategoricalCrossentropy(ignore_class=0)"
                if head.kind == "sparse"
                else " (of numbers Masking() as the first layer), or give fit a "
                "sample_weight that is 0 at those steps"
            ),
        )


def _names_things(case: Case, index: int) -> bool:
    """Whether an input is numbers of words or the like, which are looked up."""
    readers = case.network.after(case.network.inputs[index])
    return any(call is not None and call.role == "embedding" for call in readers)


def _listed(places: np.ndarray) -> str:
    shown = ", ".join(str(p) for p in places[:5])
    return shown + (f" and {len(places) - 5} more" if len(places) > 5 else "")


def column_tells_target(case: Case) -> Findings:
    """A column that is the target in other words: it will not be there to predict.

    One column alone is a toy (y = 2x - 1), and so are neighbours that all tell (the
    days before tomorrow).
    """
    xs, head = case.x, case.heads[0] if len(case.heads) == 1 else None
    if not xs or len(xs) != 1 or head is None or head.targets is None:
        return
    x, y = case.together(head)
    t, flat = kind_of(y), x.ndim == 2
    if x.ndim < 2 or x[0].size < 2 or len(x) < ROWS or head.reconstructs:
        return
    if not flat:
        # What stands first in a sequence may be what a recurrent layer is to keep.
        if any(call.role == "recurrent" for call in case.network.calls):
            x = x[:, -1]
        x = x.reshape(len(x), -1)
        if x.shape[1] < 1:
            return
    if _names_things(case, 0) or (case.cheap and len(x) < MANY * x.shape[1]):
        return
    if t.kind == "constant" or t.text or len(t.shape) > 1 + (t.kind == "one-hot"):
        return
    shares = _explained(_columns(x), y, t)
    if shares is None:
        return
    best = int(shares.argmax())
    rest = float(np.delete(shares, best).max(initial=0.0))
    exact = shares[best] >= SAME
    copied = np.array_equal(x[:, best], np.asarray(y, x.dtype).ravel())
    if (exact and copied and len(x) > ROWS) or (
        exact and (t.exclusive or rest < OTHERS)
    ):
        severity = "error"
    elif shares[best] >= NEARLY and rest < OTHERS:
        severity = "hint"
    elif flat and t.exclusive and t.kind != "one-hot":
        yield from _same_within(_columns(x), np.asarray(y).ravel())
        return
    else:
        return
    certain = "in every row" if exact else f"(R² = {shares[best]:.4f})"
    yield Finding(
        "column-tells-target",
        severity,
        None,
        seen=f"column {best} of x {'tells' if exact else 'nearly tells'} y: one "
        f"follows from the other {certain}",
        why="the network will look at that column alone, and when it is to predict, "
        "what came from y is not there",
        instead=f"leave it out, if it is made from y: x = np.delete(x, {best}, axis=1)",
        columns=(best,),
    )


def _same_within(x: np.ndarray, y: np.ndarray) -> Findings:
    """A column of many values that is one and the same in a class, and there alone.

    What was paid is 0 where nothing was bought: that is known with the answer.
    """
    if x.shape[1] < 2:
        return
    for label in np.unique(y)[:CLASSES]:
        own = y == label
        if not ROWS <= own.sum() <= len(y) - ROWS:
            continue
        first = x[own][0]
        alone = (x[own] == first).all(axis=0) & (x[~own] != first).all(axis=0)
        for column in np.flatnonzero(alone):
            if len(np.unique(x[~own, column])) <= ROWS // 2:
                continue
            yield Finding(
                "column-tells-target",
                "hint",
                None,
                seen=f"column {column} of x is {first[column]:.4g} in every row of "
                f"class {label}, and in no other row",
                why="the network will look at that column alone, and when it is to "
                "predict, what came from y is not there",
                instead="leave it out, if it is known only with the answer: x = "
                f"np.delete(x, {column}, axis=1)",
                columns=(int(column),),
            )
            return


def _explained(x: np.ndarray, y: np.ndarray, t: Targets) -> np.ndarray | None:
    """Of each column's variance, the share that the target explains."""
    x = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        centred = x - x.mean(axis=0)
        total = (centred**2).sum(axis=0)
        if (t.exclusive and len(t.classes) > 2) or t.kind == "one-hot":
            labels = y.argmax(axis=-1) if t.kind == "one-hot" else y.ravel()
            classes = np.unique(labels)
            if len(classes) < 2 or len(labels) < 2 * len(classes):
                return None
            hit = (labels[:, None] == classes).astype(float)
            if hit.sum(axis=0).min() < EACH:
                return None
            sums = hit.T @ centred
            between = (sums**2 / hit.sum(axis=0)[:, None]).sum(axis=0)
            share = between / total
        else:
            target = np.asarray(y, float).ravel()
            target = target - target.mean()
            share = (centred.T @ target) ** 2 / (total * (target**2).sum())
    return np.where(np.isfinite(share) & (total > 0), share, 0.0)


def channels_misplaced(case: Case) -> Findings:
    """Colours where a convolution takes rows, or the reverse (landscape 8.4)."""
    for call in case.network.calls:
        shape = call.shapes[0] if call.shapes else None
        if shape and len(shape) == 3 and case.network.before(call.sources[0]) is None:
            if call.role == "recurrent":
                yield from _one_step(call, shape)
            if call.role in ("recurrent", "convolution"):
                yield from _across_time(case, call, shape)
        if call.role != "convolution" or not shape or len(shape) != 4:
            continue
        first = call.core.data_format == "channels_first"
        _, *sides = shape
        if None in sides:
            continue
        one, two, three = (n or 0 for n in sides)
        colours = (1, 2, 3, 4)
        others = (one, two) if first else (two, three)
        moved = (three if first else one) in colours and min(others) >= 8
        # Of pictures that are not square, the last axis may be channels indeed.
        sure = others[0] == others[1] or min(others) > CHANNELS
        # But a window higher than what it slides over looks for more rows.
        window = call.core.kernel_size[-1 if first else 0]
        if not sure and (three if first else one) < max(window, 2) == window:
            moved = moved and len(case.network.calls) > 1
        elif not sure:
            moved = moved and (three if first else one) > 1
        if not moved or case.network.before(call.sources[0]) is not None:
            continue
        if first:
            fix = "leave data_format out: 'channels_last' is what x has"
        else:
            fix = "write x = np.moveaxis(x, 1, -1), which makes it "
            fix += f"(n, {two}, {three}, {one})"
        yield Finding(
            "channels-misplaced",
            "error" if sure else "hint",
            call.name,
            seen=f"{call.name!r} takes (batch, "
            f"{'channels, rows, columns' if first else 'rows, columns, channels'}) and "
            f"gets (n, {one}, {two}, {three})",
            why="it slides its windows along the colours and takes columns of pixels "
            "for channels",
            instead=fix,
        )
        return


def _across_time(case: Case, call: Call, shape: Shape) -> Findings:
    """(n, sensors, steps) for (n, steps, sensors): along time neighbours are alike."""
    steps, features = shape[1] or 0, shape[2] or 0
    known = case.x and len(case.x) == 1 and case.x[0].ndim == 3
    if not known or case.x is None or features < 8 or not 2 <= steps < features:
        return
    if getattr(call.core, "data_format", "") == "channels_first" or len(case.x[0]) < 50:
        return
    x = np.asarray(case.x[0][:256], float)
    with np.errstate(all="ignore"):
        x = x - x.mean(axis=0)
        whole = (x**2).mean()
        beside = lambda a, b: float((a * b).mean() / whole)  # noqa: E731
        along = beside(x[..., :-1], x[..., 1:])
        far = beside(x[..., : features // 2], x[..., -(features // 2) :])
        across = beside(x[:, :-1], x[:, 1:])
    # Along time what is near is alike, and what is far is not, or much less so.
    fades = far < along / 2 or 1 - along < NEAR * (1 - far)
    if not (along > SMOOTH and fades and abs(across) < ROUGH):
        return
    yield Finding(
        "channels-misplaced",
        "hint",
        call.name,
        seen=f"{call.name!r} takes (batch, steps, features) and gets (n, {steps}, "
        f"{features}); neighbours along the last axis are alike (correlation "
        f"{along:.2f}), along the steps they are not ({across:.2f})",
        why="what changes little from one to the next is time: it walks over the "
        f"{steps} sensors and takes each of the {features} times for a feature",
        instead=f"write x = np.moveaxis(x, 1, -1), which makes it (n, {features}, "
        f"{steps})",
    )


def _one_step(call: Call, shape: Shape) -> Findings:
    """A sequence of one step with many features: (n, 1, steps) for (n, steps, 1)."""
    if shape[1] != 1 or (shape[2] or 0) < 4:
        return
    yield Finding(
        "channels-misplaced",
        "hint",
        call.name,
        seen=f"{call.name!r} takes (batch, steps, features) and gets (n, 1, "
        f"{shape[2]})",
        why="a sequence of one step has no before and after, which is what a "
        "recurrent layer is for",
        instead=f"if those {shape[2]} are steps: x = np.moveaxis(x, 1, -1), which "
        f"makes it (n, {shape[2]}, 1)",
    )


def columns_tell_target(case: Case) -> Findings:
    """Two columns that give the target away together: net and tax, begin and end.

    Quantities are their sum, difference, product or ratio, number by number; two
    classes are parted by two columns that go together. A law that is to be learned
    has other factors than 1, or columns of its own.
    """
    head = case.heads[0] if len(case.heads) == 1 else None
    if case.cheap or head is None or head.targets is None or len(case.x or ()) != 1:
        return
    x, y = case.together(head)
    t, width = head.targets, x.shape[-1]
    if x.ndim != 2 or not 4 <= width <= COLUMNS or len(x) < PAIRS:
        return
    if x.dtype.kind not in "fiu" or head.reconstructs or t.text or len(t.shape) > 1:
        return
    columns, target = np.asarray(x, float), np.asarray(y, float).reshape(len(y))
    if not (np.isfinite(columns).all() and np.isfinite(target).all()):
        return
    if t.quantities:
        found = _made_of(columns, target)
    elif t.kind in ("binary", "signs"):
        found = _parted_by(columns, target > 0)
    else:
        return
    if found is None:
        return
    one, two, how = found
    yield Finding(
        "column-tells-target",
        "hint",
        None,
        seen=f"columns {one} and {two} of x tell y together, in every row: {how}",
        why="neither tells it alone, but the network will look at these two, and when "
        "it is to predict, what came from y is not there",
        instead=f"leave out what is known only afterwards: x = np.delete(x, [{one}, "
        f"{two}], axis=1)",
        columns=(one, two),
    )


def _made_of(x: np.ndarray, y: np.ndarray) -> tuple[int, int, str] | None:
    """Two columns of which y is the sum, the difference, the product or the ratio."""
    ways = {
        "y = x[:, {0}] + x[:, {1}]": np.add,
        "y = x[:, {0}] - x[:, {1}]": np.subtract,
        "y = x[:, {1}] - x[:, {0}]": lambda a, b: b - a,
        "y = x[:, {0}] * x[:, {1}]": np.multiply,
        "y = x[:, {0}] / x[:, {1}]": np.divide,
        "y = x[:, {1}] / x[:, {0}]": lambda a, b: b / a,
    }
    near = 1e-5 * max(float(y.std()), 1e-30)
    if (np.abs(x - y[:, None]).max(axis=0) <= near).any():
        return None  # one column alone
    for i in range(x.shape[1]):
        for j in range(i + 1, x.shape[1]):
            for how, way in ways.items():
                with np.errstate(all="ignore"):
                    few = np.abs(way(x[:8, i], x[:8, j]) - y[:8]) <= near
                    if not few.all():
                        continue
                    if (np.abs(way(x[:, i], x[:, j]) - y) <= near).all():
                        return i, j, how.format(i, j)
    return None


def _parted_by(x: np.ndarray, yes: np.ndarray) -> tuple[int, int, str] | None:
    """Two columns that go together, and whose difference parts two classes."""
    n = len(yes)
    if min(yes.sum(), n - yes.sum()) < ROWS:
        return None
    with np.errstate(all="ignore"):
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        alike = np.abs(z.T @ z) / n
        if not np.isfinite(alike).all():
            return None
        for i, j in zip(*np.nonzero(np.triu(alike > PAIRED, 1)), strict=True):
            pair = z[:, [i, j]]
            if max(_told_by(pair[:, k], yes) for k in (0, 1)) > HALVES:
                continue
            within = sum(np.cov(pair[part].T) for part in (yes, ~yes))
            try:
                way = np.linalg.solve(
                    within, pair[yes].mean(axis=0) - pair[~yes].mean(axis=0)
                )
            except np.linalg.LinAlgError:
                continue
            line = pair @ way
            if line[yes].min() > line[~yes].max():
                return int(i), int(j), "a line through them parts the two classes"
    return None


def _told_by(column: np.ndarray, yes: np.ndarray) -> float:
    """The share of rows that the best threshold on a column has right."""
    more = np.cumsum(np.where(yes[column.argsort()], 1, -1))  # yes than no, so far
    below, above = (~yes).sum() + more.max(), yes.sum() - more.min()
    return float(max(below, above) / len(yes))


# Targets ------------------------------------------------------------------------------


def constant_target(case: Case) -> Findings:
    """A target that never changes is learned by b alone (TheDeepChecker)."""
    for head in case.heads:
        t = head.targets
        if t is None or t.rows < ROWS // 2 or head.kind is None:
            continue
        single = t.kind == "one-hot" and sum(n > 0 for n in t.counts) == 1
        if t.kind == "constant" or single:
            value = f"class {int(np.argmax(t.counts))}" if single else f"{t.low:g}"
            yield _of(
                head,
                "constant-target",
                "error",
                f"every target is {value}",
                "there is nothing to tell apart: the bias of the last layer alone can "
                "learn that",
                "look at how y was made: print(np.unique(y, return_counts=True))",
            )


def labels_unbalanced(case: Case) -> Findings:
    """Who always says the frequent class is nearly always right (SageMaker)."""
    if case.data is None or case.data.weighted:
        return
    for head in case.heads:
        t = head.targets
        if t is None or t.rows < 5 * ROWS or head.kind == "regression":
            continue
        if t.kind not in ("binary", "classes", "one-hot", "signs") or head.reconstructs:
            continue
        if (
            len(t.shape) > 1 + (t.kind == "one-hot")
            or t.major < MOST[min(3, len(t.classes))]
        ):
            continue
        most = t.classes[int(np.argmax(t.counts))]
        weights = {
            c: round(sum(t.counts) / (len(t.counts) * n), 2)
            for c, n in zip(t.classes, t.counts, strict=True)
            if n
        }
        yield _of(
            head,
            "labels-unbalanced",
            "hint",
            f"{t.major:.1%} of the rows have the class {most}",
            f"whoever says {most} every time is right in {t.major:.1%} of the rows, so "
            "that is what is learned first, and the accuracy does not show it",
            f"write class_weight={weights}, and look at precision and recall"
            if len(weights) <= 5
            else "write class_weight={class: rows / (classes * rows of the class), "
            "...}",
        )


def target_not_scaled(case: Case) -> Findings:
    """The last layer has to grow to the size of the targets first (TheDeepChecker)."""
    for head in case.heads:
        t = head.targets
        if t is None or not t.quantities or head.kind != "regression":
            continue
        if head.activation not in ("linear", "relu", "leaky_relu", "softplus"):
            continue
        if isinstance(head.loss, RELATIVE):
            continue
        plain = case.optimizer.step_size == "gradient"
        single = not case.hidden and len(case.network.calls) == 1
        if t.size >= LARGE_TARGETS:
            far = (case.rate or 0) * (case.steps or 0)
            if single and (plain or far >= t.size):
                continue  # a linear regression takes its steps by the targets' size
            if not plain and far >= t.size:
                continue
            squared = isinstance(head.loss, MeanSquaredError)
            bad = t.size >= HUGE_TARGETS or (plain and squared)
            yield _of(
                head,
                "target-not-scaled",
                "error" if bad else "hint",
                f"targets from {t.low:.4g} to {t.high:.4g}",
                "outputs start at about 1: "
                + (
                    "the error is large and so is its gradient, and gradient descent "
                    "diverges"
                    if plain
                    else "it takes very many steps to reach such numbers"
                ),
                "write y = (y - y.mean()) / y.std(), and undo it after predict",
            )
        elif 0 < t.size < SMALL_TARGETS:
            yield _of(
                head,
                "target-not-scaled",
                "hint",
                f"targets from {t.low:.2g} to {t.high:.2g}",
                "outputs start at about 1, and an error of 0.01 looks small while it "
                "is larger than every target",
                "write y = (y - y.mean()) / y.std(), and undo it after predict",
            )


def _of(
    head: Head, code: str, severity: Severity, seen: str, why: str, fix: str
) -> Finding:
    if len(head.case.heads) > 1 and head.name:
        seen = f"output {head.name!r}: {seen}"
    return Finding(code, severity, head.layer, seen, why, fix)


# Training against validation ----------------------------------------------------------


def rows_in_both(case: Case) -> Findings:
    """Rows to judge by are rows not learned from (lecture 003, overfitting).

    Where training rows come back among themselves, few different rows exist, and
    nothing is said.
    """
    data = case.data
    if data is None or data.held is None or not case.x:
        return
    train, held = _leaves(data.train.x), _leaves(data.held.x)
    if data.split and not _measured(train[0]):
        return
    n, m = len(train[0]), len(held[0])
    if min(n, m) < ROWS or len(train) != len(held):
        return
    if case.cheap and n * math.prod(train[0].shape[1:]) > case.numbers:
        # Only what a slip of the pen makes: the very same rows, from the first on.
        k = min(n, m, 64)
        same = all(
            np.array_equal(a[:k], b[:k]) for a, b in zip(train, held, strict=True)
        )
        share = 1.0 if same and n == m else 0.0
        if share:
            yield _both(share, m)
        return
    pairs = [_keys(a, b) for a, b in zip(train, held, strict=True)]
    keys = [pair for pair in pairs if pair is not None]
    if len(keys) < len(pairs):
        return
    mine = [tuple(row) for row in zip(*(k[0] for k in keys), strict=True)]
    known = set(mine)
    if len(known) < 0.9 * n and not _measured(train[0]):
        return
    asked = [*zip(*(k[1] for k in keys), strict=True)]
    share = sum(row in known for row in asked) / len(asked)
    if share >= IN_BOTH["hint"]:
        yield _both(share, m)


def time_order_broken(case: Case) -> Findings:
    """Windows of one series that overlap, or hours of one year, on both sides."""
    data = case.data
    if data is None or data.held is None or not case.x:
        return
    train, held = _leaves(data.train.x), _leaves(data.held.x)
    if len(train) != 1 or len(held) != 1 or train[0].shape[1:] != held[0].shape[1:]:
        return
    n, m, width = len(train[0]), len(held[0]), math.prod(train[0].shape[1:])
    if min(n, m) < ROWS or (case.cheap and n * width > case.numbers):
        return
    one, two = np.asarray(train[0]), np.asarray(held[0])[:LOOKED_UP]
    share = _overlap(one, two) if one.ndim in (2, 3) else 0.0
    if share >= BOTH_SIDES:
        yield Finding(
            "time-order-broken",
            "error",
            None,
            seen=f"{share:.0%} of the validation windows begin one step before or "
            "after a training window, and share all other steps with it",
            why="what is asked has been seen: the answer of a validation window "
            "stands within a training window, and the score is too good",
            instead="split by time: the last fifth of the windows to validate, not "
            "some by chance (validation_split=0.2, with the windows in their order)",
        )
        return
    column = _clock(one, two) if one.ndim == 2 and one.shape[1] > 1 else None
    head = case.heads[0] if len(case.heads) == 1 else None
    if column is None or head is None or isinstance(data.train.y, tuple):
        return
    if head.targets is None or not head.targets.quantities or head.targets.width > 1:
        return
    times = np.concatenate([one[:, column], two[:, column]])
    y = np.concatenate([np.ravel(data.train.y), np.ravel(data.held.y)[: len(two)]])
    if len(y) != len(times):
        return
    y = np.asarray(y, float)[times.argsort()]
    apart = float((np.diff(y) ** 2).mean() / max(2 * y.var(), 1e-30))
    if apart > FOLLOWS:
        return
    yield Finding(
        "time-order-broken",
        "hint",
        None,
        seen=f"column {column} of x counts times in equal steps, y changes little from "
        "one to the next, and validation rows stand between training rows",
        why="a row between two known ones is easy; what comes after the last is what "
        "will be asked",
        instead="split by time: order = x[:, "
        f"{column}].argsort(); x, y = x[order], y[order]; validation_split=0.2",
        columns=(column,),
    )


def _overlap(one: np.ndarray, two: np.ndarray) -> float:
    """The share of rows that go on, or begin, where a row of the others does."""
    if one.shape[1] < 4 or not (_measured(one) and _measured(two)):
        return 0.0
    two = two.astype(one.dtype)
    keys = lambda a: [row.tobytes() for row in np.ascontiguousarray(a)]  # noqa: E731
    begins, ends = set(keys(one[:, :-1])), set(keys(one[:, 1:]))
    found = zip(keys(two[:, 1:]), keys(two[:, :-1]), strict=True)
    return float(
        np.mean([after in begins or before in ends for after, before in found])
    )


def _clock(one: np.ndarray, two: np.ndarray) -> int | None:
    """The column that counts times, with the rows of two between those of one."""
    if len(one) + len(two) < PAIRS or one.dtype.kind not in "fiu":
        return None
    for column in range(min(one.shape[1], COLUMNS)):
        times = np.concatenate([one[:, column], two[:, column]]).astype(float)
        order = times.argsort()
        steps = np.diff(times[order])
        usual = np.median(steps)
        if usual <= 0 or np.ptp(steps) > 0.1 * usual:
            continue
        held = order >= len(one)
        if (held[1:] != held[:-1]).sum() > BOTH_SIDES * len(two):
            return column
    return None


def _measured(x: Array) -> bool:
    """Whether rows are measurements, of which no two are the same by nature."""
    rows = np.asarray(x).reshape(len(x), -1)
    if rows.dtype.kind != "f" or rows.shape[1] < 4:
        return False
    return int((rows[:ROWS] != np.rint(rows[:ROWS])).any(axis=0).sum()) >= 4


def _both(share: float, rows: int) -> Finding:
    return Finding(
        "rows-in-both",
        "error" if share >= IN_BOTH["error"] else "hint",
        None,
        seen=f"{share:.0%} of the {rows} validation rows are training rows too",
        why="what was learned by heart looks as good on them as what was understood",
        instead="hold rows out that are not trained on: validation_split=0.2, with the "
        "rows shuffled, and no row twice",
    )


def _leaves(tree: Tree) -> list[Array]:
    return list(tree) if isinstance(tree, tuple) else [tree]


def _keys(train: Array, held: Array) -> tuple[list[bytes], list[bytes]] | None:
    """Each row as bytes: of all training rows, and of some validation rows."""
    a, b = np.asarray(train), np.asarray(held)
    if a.shape[1:] != b.shape[1:]:
        return None
    b = b[:: -(-len(b) // LOOKED_UP)].astype(a.dtype)
    return [row.tobytes() for row in a], [row.tobytes() for row in b]


def validation_looks_different(case: Case) -> Findings:
    """Both parts have to be prepared alike (x / 255 for one alone is the classic)."""
    if not case.x or case.held is None:
        return
    for x, other in zip(case.x, case.held[0], strict=False):
        if min(len(x), len(other)) < ROWS // 2 or x.dtype.kind not in "fiu":
            continue
        if x.shape[1:] != other.shape[1:] or _looked_up(case):
            continue
        found = [*_elsewhere(sizes(x), sizes(other), "x")] or [*_moved(x, other)]
        yield from found
        return
    for head in case.heads:
        t = head.targets
        held = case.held[1][head.index] if head.index < len(case.held[1]) else None
        if held is None or t is None or not t.quantities or len(held) < ROWS // 2:
            continue
        two = kind_of(held)
        yield from _elsewhere(np.array([t.size]), np.array([two.size]), "y")


def _looked_up(case: Case) -> bool:
    return any(c.role == "embedding" for c in case.network.calls)


def _moved(x: np.ndarray, other: np.ndarray) -> Findings:
    """Validation columns that lie elsewhere, or are spread otherwise, most of them."""
    one, two = _columns(x), _columns(other)
    if min(len(one), len(two)) < 2 * ROWS:
        return
    with np.errstate(all="ignore"):
        spread = one.std(axis=0)
        wider = np.median((two.std(axis=0) / spread)[spread > 0])
        away = np.median(
            (np.abs(two.mean(axis=0) - one.mean(axis=0)) / spread)[spread > 0]
        )
    limit = ALL_NARROW if _all_alike(one, two) else WIDER
    if not (wider < 1 / limit or wider > limit or away > AWAY):
        return
    change = (
        f"are spread {wider:.2g} times as far as those of the training x"
        if not 1 / limit < wider < limit
        else f"lie {away:.2g} standard deviations away from those of the training x"
    )
    yield Finding(
        "validation-looks-different",
        "error",
        None,
        seen=f"the columns of the validation x {change}",
        why="the network sees there what it was not trained on, so that the loss of "
        "validation says nothing",
        instead="prepare both alike, with the numbers of the training rows: "
        "(val_x - x.mean(axis=0)) / x.std(axis=0)",
    )


def _all_alike(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether columns that say different things are all spread so much otherwise.

    A season may be calm; the size of houses, their age and the way to the station are
    not all calm by chance, but by a scale of their own.
    """
    if not 3 <= one.shape[1] <= LOOKED_UP or min(len(one), len(two)) < 4 * ROWS:
        return False
    with np.errstate(all="ignore"):
        ratios = two.std(axis=0) / one.std(axis=0)
        alike = np.abs(np.corrcoef(one[:LOOKED_UP], rowvar=False))
    columns = len(ratios)
    if not (np.isfinite(ratios).all() and np.isfinite(alike).all()):
        return False
    own = (alike.sum() - columns) / (columns * (columns - 1)) < 0.5
    every = (ratios < 1 / ALL_NARROW).all() or (ratios > ALL_NARROW).all()
    return bool(own and every)


def _elsewhere(one: np.ndarray, two: np.ndarray, name: str) -> Findings:
    known = (one > 0) & (two > 0) & np.isfinite(one) & np.isfinite(two)
    if not known.any():
        return
    ratios = two[known] / one[known]
    ratio = float(np.median(ratios))
    away = np.abs(np.log(ratios)) > np.log(ELSEWHERE)
    if 1 / ELSEWHERE < ratio < ELSEWHERE:
        if away.mean() < MANY_COLUMNS or away.sum() < 3:
            return
        ratio = float(ratios[np.abs(np.log(ratios)).argmax()])
        name = f"{name} (column {int(np.flatnonzero(known)[np.argmax(away)])})"
    times = (
        f"{ratio:.3g} times as large" if ratio > 1 else f"{1 / ratio:.3g} times smaller"
    )
    yield Finding(
        "validation-looks-different",
        "error",
        None,
        seen=f"the validation {name} is {times} than the training {name}"
        if ratio < 1
        else f"the validation {name} is {times} as the training {name}",
        why="the network sees there what it was not trained on, so that the loss of "
        "validation says nothing",
        instead="prepare both alike, with the numbers of the training rows: "
        f"(val_{name[0]} - {name[0]}.mean(axis=0)) / {name[0]}.std(axis=0)",
    )


DATA: tuple[Callable[[Case], Findings], ...] = (
    not_a_number,
    inputs_not_scaled,
    constant_column,
    digits_lost,
    padding_counted,
    column_tells_target,
    columns_tell_target,
    channels_misplaced,
    constant_target,
    labels_unbalanced,
    target_not_scaled,
    rows_in_both,
    time_order_broken,
    validation_looks_different,
)
