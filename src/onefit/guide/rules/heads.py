"""Rules about the end of the network: last activation, loss, target, metric.

Lecture 004's table, for every last activation and loss:

    problem                         last activation   loss
    two classes                     sigmoid           binary cross-entropy
    one class of several            softmax           categorical cross-entropy
    several labels at once          sigmoid           binary cross-entropy
    quantities                      none (linear)     mse
    quantities that are 0 or more   relu              mse (lecture 001)
    shares from 0 to 1              sigmoid           mse or binary cross-entropy

A rule looks at one head. They are in an order: after an error the rest is not asked,
since one wrong word in `compile` breaks several of them.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from onefit.guide.case import Case, Head
from onefit.guide.finding import Finding, Severity
from onefit.training.targets import divided_by

__all__ = ["HEADS", "heads"]

Findings = Iterator[Finding]

INF = math.inf
ANY = (-INF, INF)

FITS: dict[tuple[str, bool], dict[str, tuple[str, Severity] | None]] = {
    # (what the loss compares, from_logits): {last activation: code and severity}.
    # None fits; "*" is any other activation that is known.
    ("binary", False): {
        "sigmoid": None,
        "hard_sigmoid": None,
        "sparse_sigmoid": None,
        "linear": ("logits-as-probabilities", "error"),
        "softmax": ("head-does-not-fit-loss", "hint"),
        "*": ("head-does-not-fit-loss", "error"),
    },
    ("binary", True): {
        "linear": None,
        "leaky_relu": None,
        # Read as meant: the loss is computed from the values before the sigmoid.
        "sigmoid": ("probabilities-as-logits", "hint"),
        "hard_sigmoid": ("probabilities-as-logits", "error"),
        "softmax": ("probabilities-as-logits", "error"),
        "*": ("head-does-not-fit-loss", "error"),
    },
    ("categorical", False): {
        "softmax": None,
        "sparsemax": None,
        "linear": ("logits-as-probabilities", "error"),
        "sigmoid": ("sigmoid-for-exclusive-classes", "error"),
        "hard_sigmoid": ("sigmoid-for-exclusive-classes", "error"),
        "*": ("head-does-not-fit-loss", "error"),
    },
    ("categorical", True): {
        # A softmax of log probabilities gives those probabilities again.
        "linear": None,
        "log_softmax": None,
        "leaky_relu": None,
        "softmax": ("probabilities-as-logits", "hint"),
        "sigmoid": ("probabilities-as-logits", "error"),
        "hard_sigmoid": ("probabilities-as-logits", "error"),
        "*": ("head-does-not-fit-loss", "error"),
    },
    ("probabilities", False): {
        "sigmoid": None,
        "hard_sigmoid": None,
        "softmax": None,
        "sparsemax": None,
        "sparse_sigmoid": None,
        "linear": ("logits-as-probabilities", "error"),
        "*": ("head-does-not-fit-loss", "error"),
    },
    ("hinge", False): {
        "linear": None,
        "tanh": None,
        "softsign": None,
        "hard_tanh": None,
        "leaky_relu": None,
        "*": ("head-does-not-fit-loss", "error"),
    },
    ("poisson", False): {
        "exponential": None,
        "softplus": None,
        "relu": None,
        "squareplus": None,
        "sparse_plus": None,
        "sigmoid": None,
        "relu6": None,
        "linear": ("head-does-not-fit-loss", "error"),
        "*": ("head-does-not-fit-loss", "error"),
    },
}
FITS |= {("sparse", logits): FITS["categorical", logits] for logits in (False, True)}

ASKS = {
    "binary": "sigmoid",
    "categorical": "softmax",
    "sparse": "softmax",
    "probabilities": "sigmoid",
    "hinge": "tanh",
    "poisson": "exponential",
}

ENOUGH = 50
"""Rows below which no hint is given about the kind of a target: a truth table's four
rows are classes to one reader and numbers to the next."""

FLAT = 3.0
"""Classes have about equally many rows, counts (of children, of stars) have not: the
largest class has at most so many times the rows of the smallest."""

NEAR = 0.2
"""How far out of reach, in standard deviations, a target is still nearly reached."""

OUTSIDE = 0.01
"""The share of targets out of reach that is no outlier any more."""

UNUSED = 1.5
"""So many units for each class that is there are too many."""

VOCABULARY = 50
"""More units than this are words or the like, of which not all have to be met."""

ACCURACIES = (
    "accuracy",
    "acc",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "top_k_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "precision",
    "recall",
    "auc",
    "f1_score",
)

DISTANCES = (
    "mse",
    "mae",
    "mean_squared_error",
    "mean_absolute_error",
    "rmse",
    "root_mean_squared_error",
    "mean_absolute_percentage_error",
    "mape",
    "r2_score",
)


def heads(case: Case) -> Findings:
    """What the rules say of each output; up to the first error of each."""
    for head in case.heads:
        for rule in HEADS:
            found = list(rule(head))
            yield from found
            if any(finding.severity == "error" for finding in found):
                break


def _say(
    head: Head, code: str, severity: Severity, seen: str, why: str, fix: str
) -> Finding:
    if len(head.case.heads) > 1 and head.name:
        seen = f"output {head.name!r}: {seen}"
    return Finding(code, severity, head.layer, seen, why, fix)


def _n(count: int | None, noun: str) -> str:
    plural = {"class": "classes"}.get(noun, f"{noun}s")
    return f"{count} {noun if count == 1 else plural}"


def _the(activation: str) -> str:
    return (
        "a last layer without an activation" if activation == "linear" else activation
    )


# The rules ----------------------------------------------------------------------------


def softmax_on_one_unit(head: Head) -> Findings:
    """e^z / e^z = 1, whatever the weights (lecture 001; NeuraLint, UMLAUT)."""
    if head.activation == "softmax" and head.units == 1:
        yield _say(
            head,
            "softmax-on-one-unit",
            "error",
            "the last layer is a softmax of one unit",
            "softmax divides e^z by the sum of them all, and with one unit that is "
            "e^z / e^z = 1 for every row, so nothing is learned",
            f"write {head.written('sigmoid')} with loss='binary_crossentropy' for two "
            "classes, or a softmax with one unit for each class",
        )


def units_fit_classes(head: Head) -> Findings:
    """One unit for each class, and a class for each number (lecture 001, softmax)."""
    t, units = head.targets, head.units
    if units is None or head.kind not in ("sparse", "categorical", "binary"):
        return
    if head.kind != "binary" and units == 1:
        code = "units-do-not-fit-classes"
        if head.activation == "sigmoid":
            code = "head-does-not-fit-loss"
        yield _say(
            head,
            code,
            "error",
            f"one unit under loss={head.loss_name!r}",
            "this loss wants one unit for each class; one alone can only have the "
            "probability 1",
            f"write {head.written('sigmoid')} with loss='binary_crossentropy' for two "
            "classes, or Dense(C, activation='softmax') for C classes",
        )
        return
    if t is None or t.kind == "constant" or t.text:
        return
    if head.kind == "sparse":
        yield from _numbers_fit_units(head)
    elif head.kind == "categorical":
        if t.kind == "one-hot" and t.width != units:
            yield _too_few(head, t.width)
    else:
        yield from _probabilities_fit_units(head)


def _probabilities_fit_units(head: Head) -> Findings:
    """Yes or no: one unit for each question, and 0 or 1 for no and yes."""
    t, units = head.targets, head.units
    assert t is not None
    if t.kind in ("one-hot", "several labels"):
        if t.width != units and len(head.shape or ()) == len(t.shape):
            yield _too_few(head, t.width)
    elif t.kind == "signs":
        yield _say(
            head,
            "labels-out-of-range",
            "error",
            "targets of -1 and 1",
            "binary cross-entropy takes y as a probability: 0 or 1",
            "write y = (y + 1) / 2, or tanh with loss='hinge'",
        )
    elif t.kind == "classes" and units == 1:
        k, low, high = len(t.classes), t.classes[0], t.classes[-1]
        if k == 2:
            yield _say(
                head,
                "labels-out-of-range",
                "error",
                f"the two classes are written {low} and {high}",
                "one sigmoid unit is the probability of y = 1, so y is 0 or 1",
                f"write y = (y == {high})",
            )
        else:
            yield _say(
                head,
                "units-do-not-fit-classes",
                "error",
                f"{_n(k, 'class')} ({low} to {high}) and one sigmoid unit",
                "one unit is one probability, P(y = 1 | x), which is enough for two "
                "classes only",
                f"write {head.written('softmax', k + (low == 1))} with "
                "loss='sparse_categorical_crossentropy'",
            )


def _too_few(head: Head, classes: int) -> Finding:
    t, ending = head.targets, _own(head)
    loss = ""
    if head.kind == "binary" and t is not None and t.kind == "one-hot":
        ending, loss = "softmax", " with loss='categorical_crossentropy'"
    return _say(
        head,
        "units-do-not-fit-classes",
        "error",
        f"the target has {_n(classes, 'class')}, a column each, and the last layer "
        f"{_n(head.units, 'unit')}",
        "each class needs a unit of its own, a_j = P(y = j | x)",
        f"write {head.written(ending, classes)}{loss}",
    )


def _own(head: Head) -> str | None:
    return None if head.activation in ("linear", "?") else head.activation


def _numbers_fit_units(head: Head) -> Findings:
    """Class numbers against units, for the sparse cross-entropy."""
    t, units = head.targets, head.units
    assert t is not None
    assert units is not None
    if not t.whole or t.kind in ("one-hot", "several labels"):
        return
    low, high = int(t.low), int(t.high)
    ignored = getattr(head.loss, "ignore_class", None)
    if ignored is not None and head.y is not None:
        kept = np.asarray(head.y)[np.asarray(head.y) != ignored]
        if not kept.size:
            return
        low, high = int(kept.min()), int(kept.max())
    many = t.kind == "counts" and high >= 2 * units and high > VOCABULARY
    if low < 0 or (high >= units and low > 0 and high - low < units):
        start = f"y = y - {low}" if low > 0 else f"y = y + {-low}"
        yield _say(
            head,
            "labels-out-of-range",
            "error",
            f"labels from {low} to {high} for {_n(units, 'unit')}",
            f"the units stand for the classes 0 to {units - 1}, and a label without a "
            "unit can never be right",
            f"number the classes from 0: {start}",
        )
    elif many and t.low >= 0:
        yield _numbers_as_classes(head)
    elif t.kind == "counts" and _each_its_own(head):
        yield _numbers_as_classes(head, "hint")
    elif high >= units:
        yield _say(
            head,
            "units-do-not-fit-classes",
            "error",
            f"labels from {low} to {high} for {_n(units, 'unit')}",
            f"the units stand for the classes 0 to {units - 1}, and a label without a "
            "unit can never be right",
            f"write {head.written(_own(head), high + 1)}",
        )
    elif (
        units > UNUSED * (high + 1)
        and (units <= VOCABULARY or len(t.classes) <= 10)
        and t.kind in ("binary", "classes")
        and t.rows >= max(ENOUGH, min(5 * units, 40 * len(t.classes)))
        and ignored is None
    ):
        yield _say(
            head,
            "units-do-not-fit-classes",
            "hint",
            f"{_n(units, 'unit')} for the classes {low} to {high}",
            "units whose class never comes only learn to say no",
            f"write {head.written(_own(head), high + 1)}",
        )


def loss_fits_target(head: Head) -> Findings:
    """Classes are no quantities, and quantities no classes (lecture 004's table)."""
    t = head.targets
    if t is None or t.kind == "constant" or t.text or head.kind is None:
        return
    if head.kind in ("binary", "categorical", "sparse"):
        fits = head.kind == "binary" and t.low >= 0 and t.high <= 1
        if t.quantities and not fits and not (head.kind == "sparse" and t.whole):
            yield _numbers_as_classes(head)
    elif head.kind == "regression" and not head.reconstructs:
        yield from _classes_as_numbers(head)


def _each_its_own(head: Head) -> bool:
    """Whether nearly every value has a class of its own, which has hardly any rows.

    The words of a text are such classes, too: they are looked up somewhere.
    """
    if head.y is None or any(c.role == "embedding" for c in head.case.network.calls):
        return False
    different = len(np.unique(np.asarray(head.y)))
    return different > VOCABULARY and np.size(head.y) < 5 * different


def _numbers_as_classes(head: Head, severity: Severity = "error") -> Finding:
    t = head.targets
    assert t is not None
    factor = head.kind == "sparse" and divided_by(np.asarray(head.y))
    if factor:
        return _say(
            head,
            "labels-out-of-range",
            severity,
            f"labels from {t.low:g} to {t.high:g}, each a whole number over {factor}",
            "pixels are divided so, and class labels stay as they are: they name units",
            f"write y = (y * {factor}).round().astype(int)",
        )
    last = "relu" if t.kind == "positive" and t.low >= 0 else None
    return _say(
        head,
        "classification-loss-on-numbers",
        severity,
        f"targets from {t.low:g} to {t.high:g} under loss={head.loss_name!r}",
        "a cross-entropy compares probabilities of classes; these targets are "
        "quantities",
        f"write {head.written(last, t.width)} with loss='mse'",
    )


def _classes_as_numbers(head: Head) -> Findings:
    t, units = head.targets, head.units
    assert t is not None
    k = len(t.classes)
    judged = any(name in ACCURACIES for name in head.metrics)
    why = (
        "the squared error makes class 2 nearer to class 1 than to class 9, and its "
        "gradient dies where a unit is sure and wrong; a cross-entropy does neither"
    )
    if t.kind == "classes" and t.width == 1 and head.shape and len(head.shape) == 2:
        sparse = f"write {head.written('softmax', k + (t.classes[0] == 1))} with "
        sparse += "loss='sparse_categorical_crossentropy'"
        even = max(t.counts) <= FLAT * min(t.counts) and t.classes[0] == 0
        if k > 2 and (judged or units in (k, k + 1)):
            severity = "error"
        elif k > 2 and even and t.rows >= ENOUGH:
            severity = "hint"
        else:
            return
        yield _say(
            head,
            "regression-loss-on-classes",
            severity,
            f"{_n(k, 'class')}, numbered {t.classes[0]} to {t.classes[-1]}, under "
            f"loss={head.loss_name!r}",
            why,
            sparse,
        )
    elif t.kind == "one-hot" and t.width == units and t.rows >= ENOUGH:
        yield _say(
            head,
            "regression-loss-on-classes",
            "hint",
            f"one-hot rows of {_n(units, 'class')} under loss={head.loss_name!r}",
            "the gradient of the squared error dies where a unit is sure and wrong; "
            "that of a cross-entropy, a - y, is largest there",
            f"write {head.written('softmax')} with loss='categorical_crossentropy'",
        )
    elif t.kind in ("binary", "signs") and units == 1 and t.rows >= ENOUGH:
        low, first = (0, "") if t.kind == "binary" else (-1, "y = (y + 1) / 2, then ")
        yield _say(
            head,
            "regression-loss-on-classes",
            "hint",
            f"targets that are {low} or 1 under loss={head.loss_name!r}",
            "for two classes the logistic loss has a gradient, a - y, that stays large "
            "while a unit is wrong; that of the squared error dies there",
            f"write {first}{head.written('sigmoid')} with loss='binary_crossentropy'",
        )


def classes_compete(head: Head) -> Findings:
    """One class of several: softmax. Several labels at once: sigmoid (lecture 004)."""
    t, units = head.targets, head.units
    if t is None or units is None or head.reconstructs:
        return
    if head.kind == "categorical" and t.kind == "several labels" and units == t.width:
        most = int(np.asarray(head.y).sum(axis=-1).max())
        yield _say(
            head,
            "softmax-for-several-labels",
            "error",
            f"rows with up to {most} labels at once, and units that share a sum of 1",
            "softmax gives the probabilities of classes of which one is true; here "
            "each label is a yes or no of its own",
            f"write {head.written('sigmoid')} with loss='binary_crossentropy'",
        )
    elif (
        head.kind == "binary"
        and head.activation == "softmax"
        and (t.kind == "several labels" and units == t.width)
    ):
        yield _say(
            head,
            "softmax-for-several-labels",
            "error",
            "rows with several labels, or none, and a softmax, whose units sum to 1",
            "softmax lets the labels compete; here each is a yes or no of its own",
            f"write {head.written('sigmoid')}",
        )
    elif (
        head.kind == "binary" and units > 1 and head.activation in ("sigmoid", "linear")
    ):
        if (
            t.kind in ("classes", "binary")
            and len(t.shape) == len(head.shape or ()) - 1
        ):
            yield _say(
                head,
                "sigmoid-for-exclusive-classes",
                "error",
                f"{_n(units, 'sigmoid unit')} for {_n(len(t.classes), 'class')}, of "
                "which each row has one",
                "binary cross-entropy asks a yes or no of every unit, and y has one "
                "class number a row",
                f"write {head.written('softmax')} with "
                "loss='sparse_categorical_crossentropy'",
            )
        elif t.kind == "one-hot" and t.width == units and t.rows >= ENOUGH:
            yield _say(
                head,
                "sigmoid-for-exclusive-classes",
                "hint",
                f"each row has one of {_n(units, 'class')}, and the units are sigmoids",
                "sigmoids do not compete: they may all say yes, or all no; and the "
                "accuracy counts every right no",
                f"write {head.written('softmax')} with loss='categorical_crossentropy'",
            )


def activation_fits_loss(head: Head) -> Findings:
    """The last activation is the one that the loss asks for (`FITS`)."""
    verdicts = FITS.get((head.kind or "", head.from_logits))
    if verdicts is None:
        return
    if head.activation == "?":
        verdict = None if head.range is None or _takes(head) else verdicts["*"]
    else:
        verdict = verdicts.get(head.activation, verdicts["*"])
    if verdict is None:
        return
    code, severity = verdict
    t, units = head.targets, head.units
    if head.kind == "binary" and head.activation == "softmax" and t is not None:
        severity = "error" if t.width != units else severity
        if t.kind in ("share", "distribution"):
            severity = "hint"
    yield _say(head, code, severity, *_clash(head, code))


def _takes(head: Head) -> bool:
    """Whether a loss takes what an activation of the user's own can give."""
    low, high = head.range or ANY
    if head.from_logits:
        return (low, high) == ANY
    if head.kind == "hinge":
        return low < 0 < high
    return low >= 0 and (head.kind == "poisson" or high <= 1)


def _clash(head: Head, code: str) -> tuple[str, str, str]:
    """What is seen, why, and the fix, where last activation and loss clash."""
    loss, last, own = head.loss_name, head.activation, head.ends_in
    reach = _span(*(head.range or ANY))
    asked = ASKS[head.kind or ""]
    if head.kind == "probabilities" and (head.units or 1) > 1:
        asked = "softmax"
    logits = f"{type(head.loss).__name__}(from_logits=True)"
    plain = f"{type(head.loss).__name__}()"
    if code == "logits-as-probabilities":
        other = (
            f", or keep the layer and write loss={logits}"
            if hasattr(head.loss, "from_logits")
            else ""
        )
        return (
            f"loss={loss!r} on a last layer without an activation",
            "the loss takes the logarithm of a probability, and z = w·x + b may be any "
            "number: what lies outside 0 to 1 is clipped, where there is no gradient",
            f"write {head.written(asked)}{other}",
        )
    if code == "sigmoid-for-exclusive-classes":
        return (
            f"loss={loss!r} on {last} units",
            "this loss has one class a row, so its units share a probability of 1; "
            "sigmoids do not compete",
            f"write {head.written('softmax')}",
        )
    if code == "probabilities-as-logits" and last == asked:
        return (
            f"a {last} and from_logits=True",
            f"the loss would put a second {asked} on the first; onefit reads it as "
            "one, other libraries do not",
            f"write {head.written()} with loss={logits}, or loss={plain}",
        )
    if head.from_logits:
        return (
            f"loss={logits} on {_the(own)}",
            f"the loss makes probabilities of the last layer's numbers by {asked}, and "
            f"{own} only lets {reach} through",
            f"write {head.written()}, without an activation",
        )
    if head.kind == "hinge":
        return (
            f"loss={loss!r} on {_the(own)}",
            "the hinge loss wants numbers below 0 for one class and above 0 for the "
            f"other, and {own} gives {reach}",
            f"write {head.written()}, or {head.written('tanh')}",
        )
    if head.kind == "poisson":
        return (
            f"loss={loss!r} on {_the(own)}",
            "this loss takes the logarithm of the output, which has to be above 0",
            f"write {head.written('exponential')} or {head.written('softplus')}",
        )
    if last == "softmax":
        return (
            f"loss={loss!r} on a softmax",
            "binary cross-entropy asks a yes or no of every unit; a softmax is one "
            "choice among all of them",
            "write loss='categorical_crossentropy' for one-hot rows, or "
            "loss='sparse_categorical_crossentropy' for class numbers",
        )
    return (
        f"loss={loss!r} on {_the(own)}",
        f"the loss takes probabilities, and {own} gives {reach}",
        f"write {head.written(asked)}",
    )


def _span(low: float, high: float) -> str:
    if low == -INF and high == INF:
        return "any number"
    if high == INF:
        return f"numbers from {low:g} up"
    return (
        f"numbers up to {high:g}"
        if low == -INF
        else f"numbers from {low:g} to {high:g}"
    )


def output_reaches_targets(head: Head) -> Findings:
    """The last activation can give such targets (lecture 001: choose it by them)."""
    t = head.targets
    if t is None or head.range is None or t.text:
        return
    if head.kind not in ("regression", "poisson") or head.y is None:
        return
    low, high = head.range
    y, slack = np.asarray(head.y, float), NEAR * t.deviation
    outside = float(np.mean((y < low - slack) | (y > high + slack)))
    if outside > OUTSIDE:
        last = "relu" if t.low >= 0 else None
        yield _say(
            head,
            "output-cannot-reach-targets",
            "error",
            f"{outside:.0%} of the targets ({t.low:g} to {t.high:g}) lie outside what "
            f"{head.ends_in} can give, {_span(low, high)}",
            "the network can never say these numbers, so their error stays",
            f"write {head.written(last)}"
            + (", or scale y to that range" if high < INF else ""),
        )
    elif (
        head.activation == "softmax"
        and head.kind == "regression"
        and (
            t.kind not in ("one-hot", "distribution", "constant")
            and (head.units or 1) > 1
        )
    ):
        yield _say(
            head,
            "head-does-not-fit-loss",
            "error",
            f"loss={head.loss_name!r} on a softmax, and targets that do not sum to 1",
            "the units of a softmax share a sum of 1, which these targets have not",
            f"write {head.written()}",
        )


def shapes_fit(head: Head) -> Findings:
    """Outputs and targets of one shape: no broadcasting (landscape 1.3)."""
    t, shape = head.targets, head.shape
    if t is None or shape is None or head.loss is None or head.kind is None:
        return
    if any(n is None for n in shape[1:]):
        return
    plain = shape[1:-1] if shape[-1] == 1 or head.kind == "sparse" else shape[1:]
    wanted = tuple(n for n in plain)
    while wanted and wanted[-1] == 1 and len(wanted) > len(t.shape) - 1:
        wanted = wanted[:-1]
    if t.shape[1:] in (wanted, shape[1:]) and not (
        head.kind == "sparse" and t.shape[1:] == shape[1:] != wanted
    ):
        return
    shapes = f"targets of shape {_rows(t.shape[1:])} for an output of shape "
    shapes += _rows(shape[1:])
    if len(shape) > max(2, len(t.shape) + (head.kind == "sparse")):
        yield _unflattened(head, shapes)
        return
    ids = t.kind in ("classes", "binary", "counts") and len(t.shape) == len(shape) - 1
    if head.kind == "categorical" and ids:
        fix = "write loss='sparse_categorical_crossentropy', which takes class numbers"
        why = f"{head.loss_name} wants one-hot rows, and y has class numbers"
    elif head.kind == "sparse" and t.kind == "one-hot":
        fix = "write loss='categorical_crossentropy', which takes one-hot rows"
        why = f"{head.loss_name} wants class numbers, and y has one-hot rows"
    else:
        fix = f"write {head.written(_own(head), t.width)}, or give y that shape"
        why = (
            f"{head.loss_name} compares number by number; where shapes differ, numpy "
            "and Keras would compare every output with every target"
        )
    yield _say(head, "shapes-broadcast", "error", shapes, why, fix)


def _rows(sizes: tuple[int | None, ...]) -> str:
    return f"({', '.join(['n', *map(str, sizes)])}{',' * (not sizes)})"


def _unflattened(head: Head, shapes: str) -> Finding:
    """An output with more axes than its targets: steps or pixels that were kept."""
    network, call = head.case.network, head.weights or head.call
    source = network.before(call.sources[0]) if call and call.sources else None
    recurrent = source is not None and source.role == "recurrent"
    if recurrent:
        assert source is not None
        return _say(
            head,
            "missing-flatten",
            "error",
            shapes,
            f"{source.name!r} returns every step, and the last layer answers for each",
            f"write return_sequences=False in {source.name!r}",
        )
    pool = (
        "GlobalAveragePooling1D"
        if len(head.shape or ()) == 3
        else ("GlobalAveragePooling2D")
    )
    return _say(
        head,
        "missing-flatten",
        "error",
        shapes,
        "a dense layer works on the last axis alone, so there is an answer for every "
        "place of the input instead of one for the row",
        f"add Flatten() or {pool}() before the last layer",
    )


def metric_fits(head: Head) -> Findings:
    """A metric that says something about this task (landscape 1.3)."""
    t, units = head.targets, head.units
    counted = [name for name in head.metrics if name in ACCURACIES]
    if head.kind in ("regression", "poisson") and counted and not head.reconstructs:
        if t is None:
            sure = False
            blind = head.activation in ("linear", "relu") and units == 1
        else:
            sure = blind = t.quantities
        if blind:
            yield _metric(
                head,
                counted[0],
                "error" if sure else "hint",
                "quantities are never exactly right, so the share of right answers "
                "says nothing",
                "write metrics=['mae']",
            )
    elif head.kind in ("sparse", "categorical"):
        if "binary_accuracy" in head.metrics and units is not None and units > 2:
            right = {"sparse": "sparse_categorical_accuracy"}.get(
                head.kind, "categorical_accuracy"
            )
            yield _metric(
                head,
                "binary_accuracy",
                "error" if head.kind == "sparse" else "hint",
                f"it asks a yes or no of each of {units} units, so that {units - 1} of "
                f"{units} noes are right before anything is learned",
                f"write metrics=['accuracy'] (or [{right!r}])",
            )
        wrong = (
            "categorical_accuracy"
            if head.kind == "sparse"
            else ("sparse_categorical_accuracy")
        )
        if wrong in head.metrics and t is not None:
            yield _metric(
                head,
                wrong,
                "error",
                "it takes "
                + (
                    "one-hot rows, and y has class numbers"
                    if head.kind == "sparse"
                    else "class numbers, and y has one-hot rows"
                ),
                "write metrics=['accuracy']",
            )
        far = [name for name in head.metrics if name in DISTANCES]
        if head.kind == "sparse" and far:
            yield _metric(
                head,
                far[0],
                "error",
                "a distance between class numbers and probabilities means nothing",
                "write metrics=['accuracy']",
            )
    elif head.kind == "binary" and units == 1:
        for name in ("categorical_accuracy", "sparse_categorical_accuracy"):
            if name in head.metrics:
                yield _metric(
                    head,
                    name,
                    "error",
                    "it looks for the largest of several units, and there is one",
                    "write metrics=['accuracy']",
                )


def _metric(head: Head, name: str, severity: Severity, why: str, fix: str) -> Finding:
    return _say(
        head,
        "metric-does-not-fit",
        severity,
        f"the metric {name!r} with loss={head.loss_name!r}",
        why,
        fix,
    )


HEADS: tuple[Callable[[Head], Findings], ...] = (
    softmax_on_one_unit,
    units_fit_classes,
    loss_fits_target,
    classes_compete,
    activation_fits_loss,
    output_reaches_targets,
    shapes_fit,
    metric_fits,
)
