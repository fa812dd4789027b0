"""Suggesting a network: head, loss, metric, activation, scale and a first size."""

import dataclasses
import html
import textwrap
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from onefit.errors import invalid, mistyped
from onefit.guide.targets import Targets, kind_of
from onefit.training.history import History
from onefit.types import ArrayLike, Config

__all__ = ["Choice", "Suggestion", "head_of", "suggest"]

ROWS = 100_000
"""Rows that are looked at to tell what the inputs are."""

TOKENS = 256
"""Whole numbers in every column that go beyond this are places in a vocabulary."""

RARE = 0.8
"""The share of the commonest class from which on classes are weighed."""


class Choice(NamedTuple):
    """One choice and the reason for it.

    Attributes:
        what: What is chosen, such as 'loss'.
        choice: How it is written.
        reason: Why.
    """

    what: str
    choice: str
    reason: str


class Head(NamedTuple):
    """The end of a network: what a target asks for (lecture 004's table)."""

    problem: str
    units: int
    activation: str
    loss: str
    metric: str
    prepare: str
    reasons: tuple[Choice, ...]


@dataclasses.dataclass
class Suggestion:
    """A first network for some data: as a model, as code, with its reasons.

    Attributes:
        code: The program that builds, compiles and trains it.
        choices: Each choice with its reason.
        model: The compiled model, made by this very code.
        fit: What the code gives to `fit` beside x and y.
        x, y: The data as the code has prepared them for `fit`.
    """

    code: str
    choices: list[Choice]
    model: Any
    fit: dict[str, Any]
    x: Any = dataclasses.field(repr=False)
    y: Any = dataclasses.field(repr=False)

    def train(self, **options: Any) -> History:
        """Trains the model as the code does; returns the History.

        Args:
            options: Arguments of `fit` in place of the suggested ones.
        """
        return self.model.fit(self.x, self.y, **(self.fit | options))

    def __str__(self) -> str:
        lines = []
        for what, choice, reason in self.choices:
            line = f"{what}: {choice}. {reason[0].upper()}{reason[1:]}."
            lines.append(
                textwrap.fill(
                    line,
                    88,
                    subsequent_indent="    ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
        return "\n".join(lines) + f"\n\n{self.code}"

    def _repr_html_(self) -> str:
        """The choices as a table, and the code, for a notebook."""
        rows = "".join(
            f"<tr><td>{html.escape(w)}</td><td><code>{html.escape(c)}</code></td>"
            f'<td style="text-align:left">{html.escape(r)}</td></tr>'
            for w, c, r in self.choices
        )
        return f"<table>{rows}</table><pre>{html.escape(self.code)}</pre>"


def suggest(
    x: ArrayLike, y: ArrayLike, hidden: list[int] | None = None, kind: str | None = None
) -> Suggestion:
    """A first network for these data, with the reason for each choice.

    The lectures' choices: the last layer and the loss follow from the target (lecture
    004's table), hidden layers have ReLU (lecture 001), inputs are brought to about -1
    to 1, and the size follows from the number of rows. It is where to begin, not where
    to end.

    Args:
        x: The inputs: a table (n, columns), images (n, height, width[, channels]),
            sequences (n, steps, features), token ids (n, steps).
        y: The target: numbers, class numbers or names, one-hot rows, labels.
        hidden: Units of the hidden layers, where they are not to be suggested.
        kind: What the target is, where its numbers alone do not say: 'classes', 'real'
            and so on, as in `onefit.guide.targets.Targets`.

    Returns:
        A Suggestion: print it; `.code` is the program, `.model` the compiled model,
        `.train()` trains it.

    Raises:
        ValueError: A target that is the same everywhere, or another number of rows.

    Example:
        >>> x, y = onefit.datasets.load_digits()
        >>> idea = onefit.suggest(x, y)
        >>> idea.choices[0].choice
        "Dense(10, activation='softmax')"
        >>> idea.model.layers[-1].units
        10

    Source: lectures 000 and 001 (activations, softmax), 003 (overfitting), 004 (problem
        type, last activation, loss).
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim < 1 or y.ndim < 1 or len(x) != len(y):
        raise invalid(
            "suggest",
            f"x of shape {x.shape} and y of shape {y.shape}",
            "as many rows in both",
        )
    if x.dtype.kind not in "fiub":
        raise mistyped(
            "suggest",
            f"x of {x.dtype}",
            "numbers",
            "number words and categories first, or one column for each",
        )
    if x.ndim == 1:
        x = x[:, None]
    targets = kind_of(y)
    if kind is not None:
        targets = dataclasses.replace(targets, kind=kind)
    head = head_of(targets)
    body, reasons, first = _body(x, len(x), hidden)
    scale = _scaled_target(head, y)
    code, fit = _code(x, head, body, first, scale, targets)
    names: dict[str, Any] = {"x": x, "y": y}
    exec(compile(code.partition("\nhistory = ")[0], "<suggestion>", "exec"), names)
    choices = [*head.reasons, *scale.reasons, *reasons, *_fit_reasons(fit)]
    weights = names.get("class_weight")
    options = {k: v for k, v in fit.items() if k not in ("callbacks", "class_weight")}
    options["callbacks"] = [names["stop"]]
    if weights:
        options["class_weight"] = weights
    return Suggestion(code, choices, names["model"], options, names["x"], names["y"])


# The head: lecture 004's table -------------------------------------------------------


def head_of(targets: Targets) -> Head:
    """What the last layer, the loss and the metric are for such targets."""
    kind, k = targets.kind, max(len(targets.classes), targets.width)
    if kind == "constant":
        raise invalid(
            "suggest",
            "a target that is the same in every row",
            "at least two values",
            "look at y: np.unique(y)",
        )

    def head(
        problem: str,
        units: int,
        activation: str,
        loss: str,
        metric: str,
        asked: str,
        why: str,
        prepare: str = "",
    ) -> Head:
        shown = "" if activation == "linear" else f", activation={activation!r}"
        return Head(
            problem,
            units,
            activation,
            loss,
            metric,
            prepare,
            (
                Choice("last layer", f"Dense({units}{shown})", f"{asked}: {why}"),
                Choice("loss", f"{loss!r}", LOSSES[loss]),
                Choice("metric", f"{metric!r}", METRICS[metric]),
            ),
        )

    several = "" if targets.width == 1 else f" in each of {targets.width} columns"
    if kind in ("binary", "signs"):
        if targets.text:
            prepare = f"y = (y == {targets.classes[1]!r}).astype(int)"
        else:
            prepare = "y = (y > 0).astype(int)" if kind == "signs" else ""
        return head(
            "binary classification",
            targets.width,
            "sigmoid",
            "binary_crossentropy",
            "accuracy",
            f"the target is yes or no{several}",
            "sigmoid gives P(y = 1 | x), between 0 and 1",
            prepare,
        )
    if kind == "classes":
        if targets.width > 1 or (not targets.text and targets.classes[0] == 0):
            prepare = ""
        else:
            prepare = "names, y = np.unique(y, return_inverse=True)"
        top = k if targets.text or targets.classes[0] else int(targets.high) + 1
        if prepare:
            top = len(targets.classes)
        return head(
            "multiclass classification",
            top,
            "softmax",
            "sparse_categorical_crossentropy",
            "accuracy",
            f"the target is one of {len(targets.classes)} classes",
            "softmax gives one probability each, which sum to 1",
            prepare,
        )
    if kind in ("one-hot", "distribution"):
        return head(
            "multiclass classification",
            targets.width,
            "softmax",
            "categorical_crossentropy",
            "accuracy",
            f"the target is one of {targets.width} classes, as rows that sum to 1",
            "softmax gives such rows",
        )
    if kind == "several labels":
        return head(
            "multi-label classification",
            targets.width,
            "sigmoid",
            "binary_crossentropy",
            "binary_accuracy",
            f"a row may have any of {targets.width} labels",
            "each unit says yes or no by itself, so they do not compete as in softmax",
        )
    if kind == "share":
        return head(
            "regression between 0 and 1",
            targets.width,
            "sigmoid",
            "binary_crossentropy",
            "mae",
            "the target lies between 0 and 1",
            "so does sigmoid",
        )
    # Prices of 100 +- 3 are no more one-sided than temperatures.
    if kind in ("positive", "counts") and targets.mean < 3 * targets.deviation:
        return head(
            "regression",
            targets.width,
            "softplus",
            "mse",
            "mae",
            "the target is never negative",
            "nor is softplus, a smooth ReLU (lecture 001 takes ReLU) whose slope is "
            "never 0",
        )
    return head(
        "regression",
        targets.width,
        "linear",
        "mse",
        "mae",
        "the target is any number",
        "no activation can reach all of them",
    )


LOSSES = {
    "binary_crossentropy": "the mean of -y log a - (1 - y) log(1 - a), which belongs "
    "to sigmoid",
    "sparse_categorical_crossentropy": "the mean of -log a of the right class, which "
    "is given as a number",
    "categorical_crossentropy": "the mean of -log a of the right class, which is given "
    "as a one-hot row",
    "mse": "the mean of (a - y)^2, which has no preferred scale",
}

METRICS = {
    "accuracy": "the share of right answers is what one wants to know",
    "binary_accuracy": "the share of right yes and no, over all labels",
    "mae": "the mean distance is in the target's own unit",
}


class Scaled(NamedTuple):
    """The layer that gives a quantity its own scale back, if it needs one."""

    layer: str
    reasons: tuple[Choice, ...]


def _scaled_target(head: Head, y: np.ndarray) -> Scaled:
    """Quantities far from 1 are learned in units of their deviation."""
    if head.problem != "regression":
        return Scaled("", ())
    spread, mean = float(np.std(y)), float(np.mean(y))
    positive = head.activation == "softplus"
    usual = mean if positive else spread
    if 0.2 < usual < 5 and (positive or abs(mean) < 5):
        return Scaled("", ())
    size, offset = f"{usual:.3g}", "" if positive else f", offset={mean:.3g}"
    layer = f"Rescaling({size}{offset})"
    return Scaled(
        layer,
        (
            Choice(
                "target's scale",
                layer,
                f"the target is about {mean:.3g} with a deviation of {spread:.3g}; the "
                "network works with numbers about 1, and this gives them their unit",
            ),
        ),
    )


# The body: what the inputs ask for ---------------------------------------------------


class Scale(NamedTuple):
    """How inputs are brought to scale: lines before the model, layers in it."""

    lines: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


Body: TypeAlias = tuple[list[str], list[Choice], Scale]
"""The layers before the head, the reasons, and how x is brought to scale."""


def _body(x: np.ndarray, n: int, hidden: list[int] | None) -> Body:
    """The layers before the head, the reasons, the first line that scales x."""
    some = x[:: max(1, n // ROWS)]
    if x.ndim == 4:
        return _images(some, x.shape[1:], n)
    if x.ndim == 3:
        square = x.shape[1] == x.shape[2] >= 8
        if square and some.min() >= 0:
            return _images(some, (*x.shape[1:], 1), n, reshape=True)
        return _sequences(some, n)
    if x.ndim > 4:
        raise invalid(
            "suggest",
            f"x of shape {x.shape}",
            "a table, images, sequences or token ids",
            "flatten x: x.reshape(len(x), -1)",
        )
    if _is_tokens(some):
        return _tokens(some, n)
    return _table(some, n, hidden)


def _is_tokens(x: np.ndarray) -> bool:
    return bool(
        x.dtype.kind in "iu"
        and x.shape[1] >= 4
        and x.min() >= 0
        and x.max() > TOKENS
        and x.max(axis=0).min() > 0.2 * x.max()
    )


def _units(n: int) -> list[int]:
    for rows, units in ((200, [16, 8]), (1_000, [32, 16]), (20_000, [64, 32])):
        if n < rows:
            return units
    return [128, 64]


def _table(x: np.ndarray, n: int, hidden: list[int] | None) -> Body:
    units = _units(n) if hidden is None else hidden
    layers = [f"Dense({u}, activation='relu')" for u in units]
    scale, reason = _scale(x)
    why = (
        "these were asked for"
        if hidden is not None
        else f"{n:,} rows; ReLU is cheap and its slope does not vanish. With a larger "
        "gap between training and validation take fewer units, with none take more"
    )
    choice = Choice("hidden layers", ", ".join(layers) or "none", why)
    return [*scale.layers, *layers], [*reason, choice], scale


def _scale(x: np.ndarray) -> tuple[Scale, list[Choice]]:
    mean, spread = x.mean(axis=0), x.std(axis=0)
    fine = np.abs(mean).max() < 3 and spread.max() < 3 and np.median(spread) > 0.1
    if fine:
        return Scale(), [Choice("inputs", "as they are", "they are about -1 to 1")]
    lines = ("scale = Normalization()", "scale.adapt(x)")
    reason = (
        f"columns have deviations from {spread.min():.3g} to {spread.max():.3g}; with "
        "inputs about -1 to 1 one learning rate suits all weights. The layer keeps "
        "mean and deviation, so new data are treated alike"
    )
    return Scale(lines, ("scale",)), [Choice("inputs", "Normalization()", reason)]


def _images(
    x: np.ndarray, shape: tuple[int, ...], n: int, reshape: bool = False
) -> Body:
    top, layers = float(x.max()), []
    if reshape:
        layers.append(f"Reshape({shape})")
    most = 255 if top > 16 else round(max(1.0, top))
    if top > 2:
        layers.append(f"Rescaling(1 / {most})")
    filters, size = 16 if n < 5_000 else 32, min(shape[0], shape[1])
    while size >= 6 and filters <= 64:
        layers += [
            f"Conv2D({filters}, 3, padding='same', activation='relu')",
            "MaxPooling2D()",
        ]
        filters, size = 2 * filters, size // 2
    layers += ["Flatten()", f"Dense({_units(n)[0]}, activation='relu')"]
    reasons = (
        [
            Choice(
                "inputs",
                f"Rescaling(1 / {most})",
                f"pixels from 0 to {most} become 0 to 1",
            )
        ]
        if top > 2
        else []
    )
    reasons.append(
        Choice(
            "hidden layers",
            "Conv2D and MaxPooling2D",
            f"images of {shape[0]} x {shape[1]}: a convolution looks for the same "
            "thing everywhere, pooling keeps where it is roughly",
        )
    )
    return layers, reasons, Scale()


def _sequences(x: np.ndarray, n: int) -> Body:
    scale, reasons = _scale(x.reshape(-1, x.shape[-1]))
    units = _units(n)[0]
    reasons.append(
        Choice(
            "hidden layers",
            f"LSTM({units})",
            f"sequences of {x.shape[1]} steps: a recurrent layer reads them in "
            "order and keeps what matters; its gates keep gradients from vanishing",
        )
    )
    return [*scale.layers, f"LSTM({units})"], reasons, scale


def _tokens(x: np.ndarray, n: int) -> Body:
    units, size = _units(n)[0], int(x.max()) + 1
    zeros = bool((x[:, -1] == 0).mean() > 0.2 or (x[:, 0] == 0).mean() > 0.2)
    mask = ", mask_zero=True" if zeros else ""
    layers = [f"Embedding({size}, {units}{mask})", f"LSTM({units})"]
    reason = (
        f"whole numbers up to {size - 1} in every column are places in a "
        "vocabulary: each gets a vector that is learned"
    )
    if zeros:
        reason += "; 0 fills sequences up and is left out by a mask"
    return layers, [Choice("hidden layers", " and ".join(layers), reason)], Scale()


# The program -------------------------------------------------------------------------


def _code(
    x: np.ndarray,
    head: Head,
    body: list[str],
    scale: Scale,
    scaled: Scaled,
    targets: Targets,
) -> tuple[str, Config]:
    """The program, and what it gives to fit."""
    n = len(x)
    shown = "" if head.activation == "linear" else f", activation={head.activation!r}"
    layers = [*body, f"Dense({head.units}{shown})"]
    layers += [scaled.layer] if scaled.layer else []
    used = sorted({layer.partition("(")[0] for layer in layers if "(" in layer})
    used += ["Normalization"] if scale.lines else []
    fit: dict[str, Any] = {
        "epochs": 300 if n < 20_000 else 50,
        "batch_size": 32 if n < 10_000 else 128 if n < 100_000 else 256,
        "validation_split": 0.2,
    }
    lines = [
        "import numpy as np",
        "import onefit",
        f"from onefit.layers import {', '.join(sorted(used))}",
        "",
    ]
    if np.ndim(x) == 2 and x.shape[1] == 1:
        lines.append("x = np.reshape(x, (len(x), 1))")
    if head.prepare:
        lines.append(head.prepare)
    # The last rows are held out: in what order they lie must mean nothing.
    lines += [
        "order = np.random.default_rng(0).permutation(len(x))",
        "x, y = x[order], y[order]",
    ]
    lines += scale.lines
    if targets.major > RARE and len(targets.counts) > 1 and targets.width == 1:
        lines += [
            "counts = np.bincount(y)",
            "class_weight = {c: len(y) / (len(counts) * n)"
            " for c, n in enumerate(counts) if n}",
        ]
        fit["class_weight"] = "class_weight"
    lines += [
        "",
        "model = onefit.Sequential([",
        f"    onefit.Input({tuple(x.shape[1:])}),",
    ]
    lines += [f"    {layer}," for layer in layers]
    lines += ["])", f"model.compile('adam', {head.loss!r}, metrics=[{head.metric!r}])"]
    lines += [
        "stop = onefit.callbacks.EarlyStopping(",
        "    patience=20, restore_best_weights=True",
        ")",
    ]
    arguments = [f"{name}={value}" for name, value in fit.items()]
    arguments = ["x, y", *arguments, "callbacks=[stop]"]
    lines += ["history = model.fit(", *(f"    {one}," for one in arguments), ")"]
    return "\n".join(lines), fit


def _fit_reasons(fit: Config) -> list[Choice]:
    reasons = [
        Choice(
            "optimizer",
            "'adam'",
            "it gives each weight its own step: larger where it keeps its "
            "direction, smaller where it swings",
        ),
        Choice(
            "epochs",
            f"{fit['epochs']}, with EarlyStopping",
            "training ends when rows not seen get no better for 20 epochs, and the "
            "best weights are kept: against overfitting",
        ),
    ]
    if "class_weight" in fit:
        reasons.append(
            Choice(
                "class_weight",
                "n / (classes * count)",
                "one class has nearly all rows: without weights always saying it "
                "would look accurate",
            )
        )
    return reasons
