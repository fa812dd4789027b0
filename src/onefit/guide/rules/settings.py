"""Rules about settings: learning rate, batches, epochs, the order of rows."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from onefit.guide.case import Case, Head
from onefit.guide.finding import Finding, Severity
from onefit.guide.rules.data import LARGE_INPUTS, sizes
from onefit.guide.rules.layout import spread
from onefit.guide.targets import Targets, kind_of
from onefit.losses import MeanSquaredError
from onefit.optimizers.base import Optimizer

__all__ = ["SETTINGS"]

Findings = Iterator[Finding]

JUMP = {"hint": 0.5, "error": 0.8}
"""A step of those, in terms of the weights of a layer as they start: a weight that can
change its sign at every step. Adam(0.1) on XOR is 0.1 of them, Adam(0.001) on MNIST
0.02, and Adam(0.1) on the digits 0.7 (UMLAUT warns of 0.01 for any network)."""

ALWAYS = {"rate": 1.0, "gradient": 10.0}
"""Rates that suit no network."""

SMALL_NETWORK = 200
"""Weights of a network that bears rates which others do not: XOR's has 9."""

UNSTABLE = 2.0
"""Gradient descent on a parabola of curvature λ diverges from α = 2/λ on."""

SURELY, PERHAPS = 4.0, 2.5
"""How much beyond that a network of several layers diverges, and may diverge: its
curvature is estimated. Measured on eight networks of ReLU and tanh: at 4 times the
estimate nine runs in ten diverge or learn nothing, at half of it none."""

CLIFF = {"softmax": 30.0, "sigmoid": 200.0}
"""α·(|x|² + 1) from which on gradient descent on a cross-entropy kills the ReLUs of a
network. Measured: networks for the digits learn at 16 to 29 and no more at 32 to 58;
for two classes (breast cancer) they learn at 124 and no more at 248. Sigmoids and tanh
bear more."""

ROLLING = 5.0
"""How much larger momentum 0.9 makes a step, in what a network bears (measured; in a
straight line it would be 10)."""

MOVES = {"hint": 0.02, "error": 0.005}
"""How far a weight can get in the whole fit, as the sum of its steps."""

TINY = 1e-6
"""Rates at which no number of steps that anyone waits for is enough (UMLAUT: 1e-7)."""

GONE = 1e-3
"""What is left of a schedule's first rate at a tenth of a fit that it ends too soon."""

LEFT = 0.1
"""The share of a schedule's greatest rate down to which its steps count."""

FEW_STEPS = 20
"""Steps in which a network that has just been made learns nothing yet."""

SHORT, LITTLE = 100, 0.05
"""Steps of a fit that is short, and the way that a weight has to go in it at least."""

UNEQUAL, REVERSED = 1.5, 1.5
"""How many times the rows of the rare class the frequent one has, and how many times
its weight, where weights are the wrong way round."""

UNSETTLED = 0.3
"""What a moving average may keep of its beginning."""

MANY_ROWS = 500
"""Rows that make several batches worth while."""

FEW_UPDATES = 150
"""Steps in a whole fit that are few for batches that could have been smaller."""

ROWS_IN_ORDER = 20
"""Rows below which their order may be chance."""


def learning_rate_too_high(case: Case) -> Findings:
    """Steps so large that they jump across the valley (lecture 004, gradient descent).

    For Adam and its like a step is about α for each weight; it is compared with the
    weights as they start. For gradient descent α is compared with 2/λ, λ being the
    curvature of the squared error, which follows from the inputs.
    """
    rate = case.rate
    if rate is None or not math.isfinite(rate):
        return
    optimizer = case.optimizer
    name = type(optimizer).__name__
    if optimizer.step_size == "rate":
        if getattr(optimizer, "relative_step", False):
            return
        jump = rate / _smallest_start(case)
        recurrent = any(call.role == "recurrent" for call in case.network.calls)
        deep = bool(case.hidden) or recurrent
        sure = rate >= ALWAYS["rate"] and deep
        small = _weights(case) <= SMALL_NETWORK or not deep
        if sure or (jump >= JUMP["hint"] and not small):
            yield _too_high(
                case,
                "error" if sure or jump >= JUMP["error"] else "hint",
                f"a step of {name} changes each weight by about {rate:g}, and they "
                f"start at about {_smallest_start(case):.2g}",
                "0.001",
            )
        return
    if optimizer.step_size != "gradient":
        return
    bounded = any(
        getattr(optimizer, clip, None)
        for clip in ("clipnorm", "clipvalue", "global_clipnorm")
    )
    rate *= min(1 / max(1 - _momentum(optimizer), 1e-3), ROLLING)
    limit, exact = _stable_rate(case)
    beyond = 0.0 if limit is None or bounded else rate / limit
    if rate >= ALWAYS["gradient"] and case.hidden:
        yield _too_high(case, "error", "a step is that times the gradient", "0.01")
    elif limit is not None and beyond > (1 if exact else PERHAPS):
        yield _too_high(
            case,
            "error" if exact or beyond > SURELY else "hint",
            f"with these inputs the squared error is curved by about "
            f"{UNSTABLE / limit:.2g}, and steps get larger and larger from α = "
            f"{limit:.2g} on",
            f"{_rounded(limit / 4)}",
        )
    elif not bounded and _over_the_cliff(case, rate):
        yield _too_high(
            case,
            "error",
            "a step is that times the gradient, which grows with the inputs, and one "
            "such step can put z of a ReLU below 0 for every row",
            "0.1",
        )


def _rounded(value: float) -> str:
    power = 10.0 ** math.floor(math.log10(value))
    return f"{power:g}"


def _momentum(optimizer: Optimizer) -> float:
    return float(getattr(optimizer, "momentum", 0.0) or 0.0)


def _too_high(case: Case, severity: Severity, reason: str, better: str) -> Finding:
    optimizer = case.optimizer
    name, momentum = type(optimizer).__name__, _momentum(optimizer)
    plain = optimizer.step_size == "gradient"
    beside = f" with momentum {momentum:g}" if momentum and plain else ""
    return Finding(
        "learning-rate-too-high",
        severity,
        None,
        seen=f"a learning rate of {case.rate:g} for {name}{beside}",
        why=f"w := w - α·dJ/dw: {reason}; steps that are too large jump across the "
        "valley, and the loss grows",
        instead=f"write optimizer={name}({better})",
    )


def _weights(case: Case) -> int:
    """About how many weights there are."""
    total = 0
    for call in case.network.calls:
        if call.weighted and call.features and call.units:
            window = math.prod(getattr(call.core, "kernel_size", (1,)))
            total += (call.features * window + 1) * call.units
        elif call.role == "recurrent" and call.features:
            total += 4 * call.core.units * (call.core.units + call.features)
        elif call.role == "embedding":
            total += call.core.input_dim * call.core.output_dim
    return total


def _smallest_start(case: Case) -> float:
    """The size of the weights, as they start, of the layer where they are smallest."""
    sizes = []
    for call in case.network.calls:
        if not (call.weighted or call.role == "recurrent") or not call.features:
            continue
        window = math.prod(getattr(call.core, "kernel_size", (1,)))
        units = call.units or getattr(call.core, "units", 1)
        # Glorot's, whatever it is: initial weights have a rule of their own.
        start = math.sqrt(2 / (window * (call.features + units)))
        sizes.append(start)
    return min(sizes, default=1.0)


def _stable_rate(case: Case) -> tuple[float | None, bool]:
    """Up to which rate gradient descent on the squared error converges: 2/λ.

    λ = 2·E[|a|² + 1] for a linear layer on values a (of one output). For one layer
    that is nearly exact where the inputs are not centred; behind hidden layers |a|² is
    estimated from the sizes of the inputs and the weights as they start.
    """
    head = case.heads[0] if len(case.heads) == 1 else None
    if head is None or head.kind != "regression" or head.activation != "linear":
        return None, False
    if not isinstance(head.loss, MeanSquaredError) or not case.x:
        return None, False
    last, network = head.weights, case.network
    if len(case.x) != 1 or last is None or last.role != "dense" or case.x[0].ndim != 2:
        return None, False
    if case.x[0].dtype.kind not in "fiu" or sizes(case.x[0]).max() >= LARGE_INPUTS:
        return None, False  # the inputs are what is wrong
    if len(network.calls) == 1:
        x = np.asarray(case.x[0], float)
        with np.errstate(all="ignore"):
            both = np.hstack([x, np.ones((len(x), 1))])
            curved = 2 * np.linalg.norm(both.T @ both / len(x), 2)
        outputs = head.units or 1
        return (
            float(UNSTABLE * outputs / curved) if np.isfinite(curved) else None
        ), True
    known = ("relu", "linear", "tanh", "sigmoid")
    plain = all(
        c.role == "dropout" or (c.role == "dense" and c.activation in known)
        for c in network.calls
    )
    if not plain or case.x[0].shape[1] < 1:
        return None, False
    with np.errstate(all="ignore"):
        size = float(np.mean(np.asarray(case.x[0], float) ** 2))
    for call in network.calls:
        if call is last or call.role != "dense":
            continue
        start = spread(
            call.core.kernel_initializer, call.features or 1, call.units or 1
        )
        if start is None:
            return None, False
        size *= (call.features or 1) * start**2
        if call.activation == "relu":
            size /= 2
        elif call.activation in ("tanh", "sigmoid"):
            size = min(size, 1.0) if call.activation == "tanh" else 0.25
    curved = 2 * (size * (last.features or 1) + 1) / (head.units or 1)
    return (UNSTABLE / curved if np.isfinite(curved) else None), False


def _over_the_cliff(case: Case, rate: float) -> bool:
    """Whether steps on a cross-entropy surely kill the ReLUs of a dense network."""
    head = case.heads[0] if len(case.heads) == 1 else None
    if head is None or head.kind not in ("binary", "sparse", "categorical"):
        return False
    if not case.x or len(case.x) != 1 or case.x[0].dtype.kind not in "fiu":
        return False
    calls = case.network.calls
    plain = all(c.role in ("dense", "dropout", "shape") for c in calls)
    if not plain or not any(c.activation == "relu" for c in case.hidden):
        return False
    x = case.x[0].reshape(len(case.x[0]), -1).astype(np.float32)
    with np.errstate(all="ignore"):
        size = float((x**2).sum(axis=1).mean())
        large = float(np.sqrt((x**2).mean(axis=0).max())) if x.size else 0.0
    if not np.isfinite(size) or large >= LARGE_INPUTS:
        return False  # the inputs are what is wrong
    return rate * (size + 1) >= CLIFF["sigmoid" if head.units == 1 else "softmax"]


def learning_rate_too_low(case: Case) -> Findings:
    """Steps so small that no weight gets anywhere (UMLAUT; lecture 004)."""
    rate = case.rate
    if rate is None:
        return
    optimizer = case.optimizer
    stepper = optimizer.step_size == "rate"
    if optimizer.step_size is None or getattr(optimizer, "relative_step", False):
        return
    if not stepper:
        rate = rate / max(1 - _momentum(optimizer), 1e-3)
    better = "0.001" if stepper else "0.01"
    if rate <= 0:
        yield _too_low(
            case, "error", "w := w - α·dJ/dw with α = 0 changes nothing", better
        )
        return
    schedule = optimizer.schedule
    fitted = schedule is None
    if schedule is not None:
        if case.steps and case.steps >= 10 * FEW_STEPS:
            yield from _gone(case, schedule, case.steps)
        return
    tiny = rate <= TINY
    if tiny and fitted:
        yield _too_low(
            case,
            "error" if rate <= 0.1 * TINY or case.steps else "hint",
            f"w := w - α·dJ/dw: a million steps of α = {rate:g} make about "
            f"{1e6 * rate:.2g}",
            better,
        )
        return
    tuned = any(not layer.trainable for layer in case.model.graph.plain_layers())
    tuned = tuned or case.learned
    if case.steps is None or not fitted or case.steps < FEW_STEPS or tuned:
        return  # of what is pretrained little has to change
    low = rate < 1e-4 if stepper else rate < 1e-3
    size = 1.0
    if not stepper:  # the gradient of the squared error is as large as the targets
        sizes = [
            h.targets.size
            for h in case.heads
            if h.targets is not None and h.kind == "regression"
        ]
        size = max([1.0, *sizes])
        if case.x and any(float(np.abs(x).max()) > 10 for x in case.x if x.size):
            return  # large inputs make large gradients
    far = rate * case.steps * size
    if low and far < MOVES["hint"]:
        yield _too_low(
            case,
            "error" if far < MOVES["error"] else "hint",
            f"{case.steps} steps of α = {rate:g} move a weight by "
            f"{far:.2g} at most, or about so",
            better,
        )


def _gone(case: Case, schedule: Callable[[int], Any], steps: int) -> Findings:
    """A schedule that is over long before the fit: of it some steps are left."""
    at = np.unique(np.geomspace(1, steps, 64).astype(int)) - 1
    rates = np.array([float(schedule(int(step))) for step in at])
    lasts = int(at[np.flatnonzero(rates >= LEFT * rates.max())[-1]]) + 1
    later, first = float(schedule(steps // 10)), float(rates.max())
    if not (later < GONE * first or lasts <= min(SHORT, steps // 10)):
        return
    yield Finding(
        "learning-rate-too-low",
        "error",
        None,
        seen=f"the schedule of {type(case.optimizer).__name__} begins at {first:g} and "
        f"has come down to {later:.1e} after a tenth of the fit's {steps} steps",
        why="w := w - α·dJ/dw then changes next to nothing for the rest of the fit",
        instead="let it fall over the whole fit: a larger decay_steps",
    )


def _too_low(case: Case, severity: Severity, reason: str, better: str) -> Finding:
    name = type(case.optimizer).__name__
    return Finding(
        "learning-rate-too-low",
        severity,
        None,
        seen=f"a learning rate of {case.rate:g} for {name}",
        why=f"{reason}, and weights start at about 0.1 to 1",
        instead=f"write optimizer={name}({better})",
    )


def batch_too_large(case: Case) -> Findings:
    """A step for all rows is one step, however many rows there are (lecture 004)."""
    if case.data is None or case.data.batch_size is None or case.batch is None:
        return
    steps = -(-case.rows // case.batch)
    if steps > 2 or case.rows < MANY_ROWS:
        return
    if case.steps is not None and case.steps >= FEW_UPDATES:
        return
    whole = "" if case.steps is None else f", {case.steps} in the whole fit"
    yield Finding(
        "batch-too-large",
        "hint",
        None,
        seen=f"batch_size={case.batch} for {case.rows} rows",
        why=f"that is {steps} step{'s' * (steps > 1)} an epoch{whole}; the gradient of "
        "32 rows points nearly the same way, and an epoch then has "
        f"{-(-case.rows // 32)} steps",
        instead="write batch_size=32",
    )


def too_few_steps(case: Case) -> Findings:
    """Learning takes some hundred steps (lecture 004, gradient descent)."""
    if case.steps is None or case.data is None or not case.data.epochs:
        return
    if (
        not case.compiled
        or case.learned
        or not (case.steps < FEW_STEPS or _hardly_moves(case))
    ):
        return
    if list(batch_too_large(case)) or list(learning_rate_too_low(case)):
        return
    wanted = -(-10 * SHORT * case.data.epochs // case.steps)
    yield Finding(
        "too-few-steps",
        "hint",
        None,
        seen=f"{case.steps} step{'s' * (case.steps > 1)} in the whole fit "
        f"({case.rows} rows, batch_size={case.batch}, epochs={case.data.epochs})",
        why="each step changes the weights a little; the loss needs some hundreds of "
        "them to get anywhere",
        instead=f"write epochs={wanted}",
    )


def _hardly_moves(case: Case) -> bool:
    """Whether the steps of a short fit, of a known size, do not get far."""
    optimizer, rate = case.optimizer, case.rate
    steady = optimizer.step_size == "rate" and optimizer.schedule is None
    if not steady or not rate or getattr(optimizer, "relative_step", False):
        return False
    tuned = any(not layer.trainable for layer in case.model.graph.plain_layers())
    short = case.steps is not None and case.steps < SHORT
    return short and not tuned and rate * (case.steps or 0) < LITTLE


def class_weights_reversed(case: Case) -> Findings:
    """Weights are for the rare classes: n / (classes · rows of the class)."""
    if case.data is None or len(case.heads) != 1:
        return
    t = case.heads[0].targets
    if t is None or not t.exclusive or len(t.counts) < 2:
        return
    given = case.data.class_weight or _by_class(case, case.heads[0])
    if not given:
        return
    shares = {
        int(c): n
        for c, n in zip(t.classes, t.counts, strict=True)
        if not isinstance(c, str) and n
    }
    known = [c for c in shares if c in given]
    if len(known) < 2 or len(known) < len(shares):
        return
    often, rare = max(known, key=shares.__getitem__), min(known, key=shares.__getitem__)
    unequal = shares[often] >= UNEQUAL * shares[rare]
    if not unequal or given[often] < REVERSED * given[rare]:
        return
    n, k = sum(shares.values()), len(shares)
    right = {c: round(n / (k * m), 2) for c, m in shares.items()}
    yield Finding(
        "class-weights-reversed",
        "error",
        None,
        seen=f"class {often} has {shares[often]} rows and the weight {given[often]:g}, "
        f"class {rare} has {shares[rare]} rows and the weight {given[rare]:g}",
        why="a weight multiplies the loss of each row of its class: the class that is "
        "seen more often anyway now counts still more, and the rare one is given up",
        instead=f"write class_weight={right}, and no sample_weight"
        if k <= 5 and not case.data.class_weight
        else f"write class_weight={right}"
        if k <= 5
        else "write class_weight={class: rows / (classes * rows of the class), ...}",
    )


def _by_class(case: Case, head: Head) -> dict[int, float] | None:
    """The weight of each class where the rows of a class all have the same one."""
    assert case.data is not None
    weights = case.data.train.w
    if not hasattr(weights, "ndim") or np.ndim(weights) != 1 or head.targets is None:
        return None
    _, y = case.together(head)
    w = np.asarray(weights)[:: -(-len(weights) // len(y))]
    labels = y.argmax(-1) if head.targets.kind == "one-hot" else np.ravel(y)
    if len(labels) != len(w) or labels.dtype.kind not in "iufb":
        return None
    groups = {int(c): w[labels == c] for c in np.unique(labels)}
    if not all(np.ptp(group) <= 1e-3 * abs(group[0]) for group in groups.values()):
        return None
    return {c: float(group[0]) for c, group in groups.items()}


def statistics_not_settled(case: Case) -> Findings:
    """A moving average keeps momentum^steps of the 0 and 1 it began with.

    Of a batch of one row the mean is the row: nothing of it is left.
    """
    for call in case.network.calls:
        alone = call.role == "batch normalization" and len(call.shape or ()) == 2
        if alone and case.batch == 1 and case.rows > 1 and call.layer.trainable:
            yield Finding(
                "statistics-not-settled",
                "error",
                call.name,
                seen=f"{call.name!r} with batch_size=1",
                why="it takes the mean of the batch away, which of one row is the row: "
                "what comes out is its own offset, whatever x is",
                instead="write batch_size=32, or LayerNormalization() in its place",
            )
            return
    if case.steps is None or case.learned:
        return
    for call in case.network.calls:
        momentum = getattr(call.core, "momentum", None)
        if call.role != "batch normalization" or not isinstance(momentum, int | float):
            continue
        left = float(momentum) ** case.steps
        if not call.layer.trainable or left < UNSETTLED:
            continue
        better = max(0.5, round(1 - 5 / case.steps, 2)) if case.steps > 5 else 0.5
        yield Finding(
            "statistics-not-settled",
            "hint",
            call.name,
            seen=f"{call.name!r} has momentum={momentum:g}, and the fit {case.steps} "
            f"steps: {left:.0%} of its moving averages are still the 0 and 1 they "
            "began with",
            why="predict and the validation normalise by these averages, training by "
            "those of the batch, so that the network answers others than it learned",
            instead=f"write {call.kind}(momentum={min(better, 0.9):g}), or train "
            "longer",
        )
        return


def rows_in_order(case: Case) -> Findings:
    """validation_split takes the last rows: of sorted rows, other classes than before.

    Taken in their order (shuffle=False), sorted rows teach one class after the other.
    """
    for head in case.heads:
        t = head.targets
        if t is None or case.data is None or t.rows < ROWS_IN_ORDER:
            continue
        held = case.held[1][head.index] if case.held else None
        if held is not None and len(held) >= 2:
            found = list(_held_out(case, head, t, held))
            yield from found
            if found:
                return
        several = case.batch is not None and case.rows > case.batch
        classes = t.sorted and len(t.classes) > 1 and min(t.counts) > 1
        if classes and not case.data.shuffle and several and head.kind != "regression":
            yield Finding(
                "rows-in-order",
                "hint",
                None,
                seen=f"shuffle=False, and the rows stand in the order of their "
                f"{len(t.classes)} classes",
                why="each batch then has one class, and the network learns to say that "
                "one, then the next",
                instead="leave shuffle=False out",
            )
            return


def _held_out(case: Case, head: Head, t: Targets, held: np.ndarray) -> Findings:
    """What is wrong with the rows held out, by their targets."""
    assert case.data is not None
    y, other = np.asarray(head.y), np.asarray(held)
    if not t.exclusive and t.kind != "constant":
        whole = np.concatenate([y.ravel(), other.ravel()]) if y.ndim < 3 else None
        if not case.data.split or whole is None or whole.size != len(y) + len(other):
            return
        if not kind_of(whole).sorted:
            return
        yield _sorted(
            f"y is sorted, and the rows held out have {other.min():g} to "
            f"{other.max():g} where the training rows have {y.min():g} to {y.max():g}",
            "the network is asked about numbers it has never seen",
        )
        return
    one = lambda a: a.argmax(-1) if t.kind == "one-hot" else a  # noqa: E731
    seen, asked = np.unique(one(y)), np.unique(one(other))
    unseen = np.setdiff1d(asked, seen)
    labels = np.concatenate([np.ravel(one(y)), np.ravel(one(other))])
    grouped = int((labels[1:] != labels[:-1]).sum()) <= 2 * (
        len(np.union1d(seen, asked)) - 1
    )
    if not grouped or len(labels) != len(y) + len(other):
        return
    if len(unseen):
        named = ", ".join(f"{c:g}" for c in unseen[:5])
        many = len(unseen) > 1
        yield _sorted(
            "the rows stand in the order of their classes, so that no training row has "
            f"the class{'es' * many} {named} of the rows held out",
            "the network is asked for classes it has never seen",
        )
    elif len(asked) == 1 and len(seen) > 1 and len(other) >= 10:
        yield _sorted(
            f"the rows stand in the order of their classes, so all {len(other)} rows "
            f"looked at of those held out have the class {asked[0]:g}",
            "whoever always says that class seems perfect",
        )


def _sorted(seen: str, why: str) -> Finding:
    return Finding(
        "rows-in-order",
        "error",
        None,
        seen=seen,
        why=f"validation_split takes the last rows: {why}",
        instead="shuffle first: order = np.random.permutation(len(x)); "
        "x, y = x[order], y[order]",
    )


SETTINGS: tuple[Callable[[Case], Findings], ...] = (
    learning_rate_too_high,
    learning_rate_too_low,
    batch_too_large,
    too_few_steps,
    class_weights_reversed,
    statistics_not_settled,
    rows_in_order,
)
