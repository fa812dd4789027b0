"""Checking before training: rules on the design, the settings and the rows."""

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import jax

from onefit import config
from onefit.data import rows
from onefit.data.batch import Batch
from onefit.errors import OnefitWarning, mistyped
from onefit.guide.case import Case, Data, sets_rate
from onefit.guide.finding import Finding, Report
from onefit.guide.program import Program
from onefit.guide.remedies import cured
from onefit.guide.rules.data import (
    DATA,
    column_tells_target,
    constant_column,
    constant_target,
    labels_unbalanced,
    not_finite,
)
from onefit.guide.rules.heads import heads
from onefit.guide.rules.layout import LAYOUT
from onefit.guide.rules.settings import SETTINGS
from onefit.networks.network import Network
from onefit.training.compiled import Compiled, build_task
from onefit.training.job import Job
from onefit.training.options import Callbacks, FitOptions
from onefit.training.prepare import as_columns
from onefit.training.targets import fit_targets
from onefit.types import Data as Rows
from onefit.types import batch_shape

__all__ = ["RULES", "cheap", "check"]

Rule: TypeAlias = Callable[[Case], Iterator[Finding]]

RULES: tuple[Rule, ...] = (heads, *LAYOUT, *SETTINGS, *DATA)

OF_ALL_ROWS = (column_tells_target, constant_column, constant_target, labels_unbalanced)
"""What the first batches of a stream cannot tell."""

NUMBERS, ROWS = 1 << 16, 1024
"""How many numbers, and rows, `cheap` looks at."""


def check(
    model: Compiled,
    x: Rows = None,
    y: Rows = None,
    *,
    sample_weight: Rows = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    validation_split: float = 0.0,
    validation_data: Rows = None,
    shuffle: bool = True,
    class_weight: dict[int, float] | None = None,
    callbacks: Callbacks = None,
) -> Report:
    """What will keep a model from learning these rows, before it is trained.

    The arguments are those of `fit`. Without x and y only the network and what
    `compile` said are looked at; before `compile`, the network alone. What `fit` would
    refuse is a finding too. The model is not changed.

    Example:
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((2,)), Dense(3), Dense(1)])
        >>> model.compile(optimizer="sgd", loss="binary_crossentropy")
        >>> check(model).codes
        ['logits-as-probabilities', 'linear-stack']
    """
    for name, value in (("x", x), ("validation_data", validation_data)):
        if hasattr(value, "__next__"):
            raise mistyped(
                "check",
                f"{name} that can be read once (a {type(value).__name__})",
                "what fit can read after it",
                "take a batch of it: x, y = next(batches), then model.check(x, y)",
            )
    given = (sample_weight, validation_split, validation_data, class_weight)
    data, found = None, []
    if x is not None:
        try:
            with warnings.catch_warnings():
                # What reading the rows warns of is a finding here.
                warnings.simplefilter("ignore", OnefitWarning)
                data = _data(model, x, y, batch_size, epochs, shuffle, *given)
            paced = sets_rate(callbacks)
            data = dataclasses.replace(data, paced=paced)
        except (TypeError, ValueError) as error:
            found = [_refused(error)]
    case = Case(_built(model, data), data)
    if case.network.error:
        found.append(_refused(ValueError(case.network.error)))
    if not found:
        found = _found(case, RULES)
    if (
        data is not None
        and y is not None
        and not any(f.severity == "error" for f in found)
    ):
        found += _as_fit_says(model, data)
    program = Program.of(
        model,
        x if data is None or not rows.is_stream(x) else data.train.x,
        y if data is None or not rows.is_stream(x) else data.train.y,
        {
            "batch_size": batch_size,
            "epochs": epochs,
            "validation_split": validation_split,
            "validation_data": validation_data,
            "shuffle": shuffle,
            "class_weight": class_weight,
            "sample_weight": sample_weight,
        },
    )
    return Report(cured(found, program), f"check of {model.name!r}")


def _built(model: Compiled, data: Data | None) -> Compiled:
    """The model; of one of a user's class that has no layers yet, a copy that has."""
    if data is None or model.built or not model.is_own():
        return model
    try:
        copy = Program(model).fresh(0)
        with config.aside(0):
            copy.meet(copy.arranged(data.train.x))
            copy.ready_for(data.train.x)
    except Exception:  # a class that only its own code can make
        return model
    return copy


def cheap(job: Job, program: Program | None = None) -> list[Finding]:
    """What `check` finds of a fit, by the rules that cost little, on some of the rows.

    Of 60,000 images 1,024 or fewer are looked at, evenly spread. What `fit` has refused
    already is not looked for again.
    """
    split = job.validation_data is not None and _one_piece(job)
    streamed = job.feed is not None  # the rows are those of the first batches
    data = Data.of_table(
        job.train_data,
        job.table,
        job.validation_data,
        batch_size=None if streamed else job.batch_size,
        epochs=None if job.steps or streamed else job.epochs - job.first,
        shuffle=job.shuffle or streamed or job.table is not None,
        weighted=job.train_data.w is not None,
        split=split,
        class_weight=program.fit.get("class_weight") if program else None,
        paced=sets_rate(job.callbacks),
    )
    case = Case(job.model, data, numbers=NUMBERS, rows=ROWS, cheap=True)
    found: list[Finding] = []
    for rule in RULES:
        if streamed and rule in OF_ALL_ROWS:
            continue
        # No fit is stopped by a rule that met a network it was not made for.
        with contextlib.suppress(Exception):
            found += rule(case)
    return found


def _one_piece(job: Job) -> bool:
    """Whether the validation rows are the end of the array of training rows."""
    assert job.validation_data is not None
    one = jax.tree.leaves(job.train_data.x)[0]
    two = jax.tree.leaves(job.validation_data.x)[0]
    base = getattr(one, "base", None)
    return base is not None and base is getattr(two, "base", None)


def _found(case: Case, rules: Iterable[Rule]) -> list[Finding]:
    """What the rules find; a network without layers has nothing to look at."""
    if not case.model.layers:
        return []
    return [finding for rule in rules for finding in rule(case)]


def _data(
    model: Compiled,
    x: Rows,
    y: Rows,
    batch_size: int | None,
    epochs: int | None,
    shuffle: bool,
    sample_weight: Rows,
    validation_split: float,
    validation_data: Rows,
    class_weight: dict[int, float] | None,
) -> Data:
    """The rows as fit takes them, NaN allowed.

    Raises:
        ValueError, TypeError: What fit would refuse.
    """

    def batch(x: Rows, y: Rows, w: Rows) -> Batch:
        x = model.numbers(x)
        found = rows.as_batch(x, y, w, False, model.entry_names, model.target_names)
        return found._replace(x=as_columns(model, found.x))

    def read(model: Network, x: Rows, y: Rows, w: Rows, method: str) -> Batch:
        return batch(x, y, w)

    held = table = None
    if rows.is_stream(x):
        from onefit.training import streams

        options = FitOptions(batch_size, sample_weight=sample_weight)
        given = streams.given(model, x, y, options, read)
        train, table = given.batch, given.table
    else:
        train = batch(x, y, sample_weight)
    if rows.is_stream(validation_data):
        from onefit.training import streams

        held = streams.held(model, validation_data, None, read).batch
    elif validation_data is not None:
        held = batch(*validation_data, *[None] * (3 - len(validation_data)))
    elif validation_split:
        train, held = rows.split(train, validation_split)
    return Data.of_table(
        train,
        table,
        held,
        batch_size=batch_size,
        epochs=epochs,
        shuffle=shuffle,
        weighted=sample_weight is not None or class_weight is not None,
        split=validation_data is None,
        class_weight=class_weight,
    )


def _as_fit_says(model: Compiled, data: Data) -> list[Finding]:
    """What fit itself would refuse, as a finding."""
    try:
        for layer_input in (data.train, data.held):
            if layer_input is None:
                continue
            model.graph.output_shape(batch_shape(layer_input.x))
            model.graph.check_input(layer_input.x)
            if model.compile_settings is not None:
                fit_targets(build_task(model, layer_input), layer_input)
    except (TypeError, ValueError) as error:
        return [_refused(error)]
    return []


def _refused(error: Exception) -> Finding:
    """An error of the library as a finding: what was received, expected, the fix."""
    text = str(error)
    seen, _, rest = text.partition("; expected ")
    expected, _, fix = rest.partition(". ")
    if "NaN" in text or isinstance(error, TypeError):
        if "NaN" in text:
            return not_finite(seen, fix)
        return Finding(
            "not-a-number",
            "error",
            None,
            seen,
            f"expected {expected}" if expected else "",
            fix,
        )
    code = "labels-out-of-range" if "labels from" in text else "shapes-broadcast"
    why = f"expected {expected}" if expected else "fit refuses it"
    return Finding(code, "error", None, seen, why, fix)
