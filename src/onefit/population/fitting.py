"""Training a population: from what is asked to groups of members, and back."""

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from onefit import config
from onefit.data import rows
from onefit.errors import OnefitWarning, invalid, is_whole, mistyped
from onefit.models import Model
from onefit.networks.host import Ready
from onefit.population import engine, parts
from onefit.population.axes import (
    Change,
    Place,
    Settings,
    Vary,
    key_of,
    members_of,
    rebuilt,
    varies_inside,
)
from onefit.population.engine import Members, Trained
from onefit.population.progress import Progress
from onefit.population.result import Group, Population
from onefit.training.job import Job
from onefit.training.loop import Interrupt
from onefit.training.options import FitOptions
from onefit.training.prepare import build_job, read_rows
from onefit.types import ArrayLike, Data

__all__ = ["Fold", "check", "fit"]

Fold: TypeAlias = tuple[np.ndarray, np.ndarray]
"""The numbers of the rows to train on, and of those held out."""

OF_RATES = ("learning-rate-too-high", "learning-rate-too-low", "too-few-steps")
"""Findings about a rate, which say nothing where many rates are tried."""

MEMORY = 2 << 30
"""Bytes that the members of one program may take, unless told otherwise (2 GiB)."""


def fit(
    model: Model,
    x: Data,
    y: Data,
    *,
    seeds: int | Sequence[int] = 1,
    vary: Vary | None = None,
    memory: int = MEMORY,
    verbose: int | str = "auto",
    folds: Sequence[Sequence[ArrayLike]] | None = None,
    drop: Any = None,  # `Halving`, or what a user writes: with `bind`, or a `Drop`
    from_data: bool = False,
    keep: Sequence[int] = (),
    part: tuple[int, int] | None = None,
    output: str | os.PathLike | None = None,
    **arguments: Any,
) -> Population:
    """Trains many copies of a model at once: from other seeds, with other settings.

    Every member is what the model alone would be: `set_random_seed(seed)`,
    `model.initialize()`, `model.fit(...)` with its settings. The model itself is left
    as it is.

    Args:
        model: A compiled model that knows its input's shape.
        x, y: As in `Model.fit`.
        seeds: How many seeds, 0, 1, 2 and so on; or the seeds. Every setting is
            trained from each of them.
        vary: What differs beside: settings by their paths, with a list of values each,
            all of one length. "learning_rate", "dropout.rate", "dense.units",
            "dense.kernel_regularizer.l2", "loss.label_smoothing", "class_weight",
            "batch_size", "optimizer". Numbers vary inside one program; what changes
            shapes makes a program for each value. `grid` gives every combination.
        memory: Bytes that the members of one program may take; more members are
            trained one group after another.
        verbose: 0 for silence.
        folds: The rows that members train on and are validated on, as
            `cross_validate` gives them.
        drop: What stops members before the end, as `halving` gives it.
        from_data: Whether the layers that can (`NTPDense`, `RobustScaling`) start from
            up to 4,096 of the rows that the member is trained on.
        keep: Epochs after which the weights are kept too, in `groups[...].kept`: where
            a rate of waves is 0, each is a network of its own.
        part: (2, 16) trains the second of sixteen parts of the members alone, as one
            of several processes; `numbers` says which members these are. They are what
            they are in the whole: bit for bit where 32 or more share a program, as
            measured on a CPU; else but for the last digit.
        output: A folder for the result of the part, in a file. If it is there already,
            nothing is trained. `gather` reads all parts as one population.
        **arguments: The other arguments of `Model.fit`: batch_size, epochs,
            validation_data, validation_split, shuffle, class_weight, sample_weight,
            callbacks (rules: EarlyStopping, ReduceLROnPlateau, TerminateOnNaN).

    Returns:
        A Population, members in the order of `vary`, seeds changing fastest.

    Raises:
        ValueError: A setting that the model does not have, lists of different lengths,
            too little memory for one member, before anything is compiled.
        TypeError: Callbacks that run in Python.

    Example:
        >>> from onefit import Input, Sequential, population
        >>> from onefit.layers import Dense
        >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> y = np.array([0, 1, 1, 0])
        >>> model = Sequential([Input((2,)), Dense(2, "tanh"), Dense(1, "sigmoid")])
        >>> model.compile(onefit.optimizers.Adam(0.05), "binary_crossentropy")
        >>> many = population.fit(model, x, y, seeds=10, epochs=500, verbose=0)
        >>> many.history["loss"].shape
        (10, 500)

    Source: lecture 002, XOR; lecture 004, local minima.
    """
    seeds = _seeds(seeds)
    check(model, arguments)
    places, settings = members_of(model, vary)
    own_seeds = [place for place in places if place.path == "seed"]
    if own_seeds and len(seeds) > 1:
        raise invalid(
            "population.fit",
            "seeds beside vary['seed']",
            "one of them",
            "leave seeds out",
        )
    if drop is not None and not (hasattr(drop, "bind") or hasattr(drop, "next")):
        raise mistyped(
            "drop",
            repr(drop),
            "what stops members on the way",
            "write drop=onefit.population.halving()",
        )
    if any(place.path == "class_weight" for place in places):
        arguments = arguments | {"class_weight": None}
    every = [
        setting if own_seeds else setting | {"seed": seed}
        for setting in settings
        for seed in (seeds if not own_seeds else [None])
    ]
    splits = _splits(folds, len(settings), len(every))
    if folds is not None:
        every = [member | {"fold": k} for k in range(len(folds)) for member in every]
    share = parts.asked(part, output, {"drop": drop, "keep": keep})
    mine = share.of_members(len(every))
    show = Progress(len(mine), arguments.get("epochs", 1), verbose)
    given = read_rows(model, x, y, None, "fit")  # converted once, for all groups
    x, y = Ready(given.x), given.y
    work = []  # all of it is checked before any of it is trained
    groups = _groups(places, every, splits, mine)
    for at, changes in groups:
        with config.aside(0):  # a frozen layer of another shape is drawn here
            copy = rebuilt(model, changes)
            own = {p.path: v for p, v in changes if p.part == "fit"}
            options = {"verbose": 0} | arguments | own
            job = build_job(copy, x, y, FitOptions.given("population.fit", **options))
        work += [(some, job) for some in _parts(job, at, memory)]
    known = parts.study(share, model, every, given)
    if (before := parts.done(share, known)) is not None:
        return before
    if model.watched and not model.checked:
        from onefit.guide.watch import warn_once

        varied = {"learning_rate", "optimizer"} & set(vary or {})
        beside = OF_RATES if varied else ()
        if folds is not None:  # each member holds other rows out
            beside = (*beside, "rows-in-both", "time-order-broken")
        warn_once((job for _, job in work), "model.check(x, y)", beside)
    if drop is not None and hasattr(drop, "bind"):
        drop = drop.bind(work[0][1].directions)
    trained: list[tuple[np.ndarray, Job, Trained]] = []
    show.groups(groups, places)
    with Interrupt() as interrupt, show:
        for some, job in work:
            if interrupt.asked and trained:
                break
            members = _members(job, places, every, some, splits, from_data)
            done = engine.train(job, members, show.of(some), drop, interrupt, keep)
            trained.append((some, job, done))
    population = _result(trained, every, places, model.watched)
    parts.save(population, share, known)
    _warn(population)
    return population


def _warn(population: Population) -> None:
    """Warns that every member diverged, and with which learning rates."""
    if population.epochs.any() and population.diverged().all():
        warnings.warn(
            f"population.fit: {population.divergence()}. Write a smaller learning "
            "rate, or scale the inputs.",
            OnefitWarning,
            stacklevel=3,
        )
    elif population.evidence:
        from onefit.guide.watch import warn_of_all

        warn_of_all(population._watched, len(population))


def _seeds(seeds: Any) -> list[int]:
    if is_whole(seeds, 1):
        return list(range(seeds))
    many = list(seeds) if isinstance(seeds, list | tuple | range | np.ndarray) else []
    if not many or not all(is_whole(seed) for seed in many):
        raise invalid(
            "seeds",
            repr(seeds),
            "how many, or a list of whole numbers, 0 or more",
            "write seeds=100",
        )
    return [int(seed) for seed in many]


def check(model: object, arguments: Mapping[str, object]) -> None:
    """Refuses what a population cannot do, before anything is made."""
    from onefit.training.rules import Rule

    if not isinstance(model, Model):
        raise mistyped(
            "population.fit",
            repr(model),
            "a compiled model",
            "compile one, and give vary={...} for other settings",
        )
    if model.compile_settings is None:
        raise invalid(
            model.name,
            "population.fit before compile",
            "a loss and an optimizer first",
            "write model.compile(optimizer='adam', loss='mse')",
        )
    if not model.built:
        raise invalid(
            model.name,
            "a model that does not know its input's shape",
            "an Input first, or a build",
            "write Sequential([Input((4,)), ...]), or model.build((None, 4))",
        )
    given = arguments.get("callbacks") or []
    for callback in given if isinstance(given, list | tuple) else [given]:
        if not isinstance(callback, Rule) or callback.own_hooks():
            raise mistyped(
                "population.fit",
                f"{type(callback).__name__}, which runs in Python",
                "rules, which run inside the program",
                "use EarlyStopping, ReduceLROnPlateau or TerminateOnNaN",
            )
    for name in ("initial_epoch", "steps_per_epoch"):
        if arguments.get(name):
            raise invalid(
                "population.fit",
                f"{name}={arguments[name]!r}",
                "whole epochs from the first on",
                "leave it out",
            )


def _splits(
    folds: Sequence[Sequence[ArrayLike]] | None, settings: int, members: int
) -> list[Fold] | None:
    """The rows of each member: (train, held) by fold, for every member."""
    if folds is None:
        return None
    return [
        (np.asarray(train, np.int32), np.asarray(held, np.int32))
        for train, held in folds
        for _ in range(members)
    ]


def _groups(
    places: list[Place],
    every: list[Settings],
    splits: list[Fold] | None,
    mine: np.ndarray,
) -> list[tuple[np.ndarray, list[Change]]]:
    """Those of `mine` that one program can train: their numbers, what shapes them."""
    structural = [
        place
        for place in places
        if place.path != "class_weight" and not _inside(place, every)
    ]
    groups: dict[tuple[object, ...], list[int]] = {}
    for i in mine.tolist():
        member = every[i]
        key = tuple(key_of(member[place.path]) for place in structural)
        lengths = tuple(map(len, splits[i])) if splits is not None else ()
        groups.setdefault((key, lengths), []).append(i)
    return [
        (np.array(at), [(place, every[at[0]][place.path]) for place in structural])
        for at in groups.values()
    ]


def _inside(place: Place, every: list[Settings]) -> bool:
    """Whether a setting is a number in the program for every member."""
    return varies_inside(place, [member[place.path] for member in every])


def _parts(job: Job, at: np.ndarray, memory: int) -> list[np.ndarray]:
    """Groups of members that fit the memory."""
    each = engine.bytes_a_member(job)
    if each > memory:
        raise invalid(
            "memory",
            f"{memory:,} bytes",
            f"at least {each:,}, which one member takes",
            f"write memory={1 << math.ceil(math.log2(each))}, or a smaller batch_size",
        )
    size = max(1, min(len(at), memory // each))
    count = math.ceil(len(at) / size)
    return list(np.array_split(at, count))


def _members(
    job: Job,
    places: list[Place],
    every: list[Settings],
    at: np.ndarray,
    splits: list[Fold] | None,
    from_data: bool,
) -> Members:
    numbers = [
        (place, np.array([every[i][place.path] for i in at], float))
        for place in places
        if place.part != "fit" and _inside(place, every)
    ]
    weights = None
    if any(place.path == "class_weight" for place in places):
        weighed = [rows.weigh(job.train_data, every[i]["class_weight"]).w for i in at]
        n = rows.count(job.train_data)
        ones = np.ones(n, config.floatx())
        weights = np.stack([ones if w is None else w for w in weighed])
    own = held = None
    if splits is not None:
        own = np.stack([splits[i][0] for i in at])
        held = np.stack([splits[i][1] for i in at])
    seeds = [int(every[i]["seed"]) for i in at]
    return Members(seeds, numbers, weights, own, held, from_data)


def _result(
    trained: list[tuple[np.ndarray, Job, Trained]],
    every: list[Settings],
    places: list[Place],
    watched: bool,
) -> Population:
    """The results of all groups as one."""
    from onefit.guide.many import evidence_of

    done = np.concatenate([at for at, _, _ in trained])
    order = np.argsort(done)
    names = trained[0][1].names
    logs = np.concatenate([t.logs for _, _, t in trained])[order]
    where = {int(member): i for i, member in enumerate(np.sort(done))}
    groups = [
        Group(
            cast("Model", job.model),
            t.params,
            t.state,
            np.array([where[int(i)] for i in at]),
            t.kept,
        )
        for at, job, t in trained
    ]
    epochs = np.concatenate([t.epochs for _, _, t in trained])[order]
    by_rule = np.concatenate([t.stopped for _, _, t in trained])[order] >= 0
    last = max(int(job.epochs) for _, job, _ in trained)
    interrupted = any(t.interrupted for _, _, t in trained)
    if interrupted:
        logs = logs[:, : epochs.max()]
    stopped = [
        "rule" if rule else "dropped" if ran < last and not interrupted else None
        for rule, ran in zip(by_rule, epochs, strict=True)
    ]
    kept = [every[i] for i in np.sort(done)]
    settings = {name: [member[name] for member in kept] for name in kept[0]}
    return Population(
        groups,
        {name: logs[:, :, i] for i, name in enumerate(names)},
        settings,
        epochs,
        stopped,
        trained[0][1].directions,
        sum(t.seconds for _, _, t in trained),
        interrupted,
        np.sort(done),
        [evidence_of(job) for _, job, _ in trained] if watched else (),
    )
