"""Optuna's studies as a driver: what they ask for is trained as one population."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from onefit.errors import invalid, is_whole, mistyped, unknown
from onefit.models import Model
from onefit.packages import package
from onefit.population.fitting import check, fit
from onefit.population.result import Group, Population
from onefit.population.search import Range, span
from onefit.training.options import FitOptions
from onefit.training.prepare import build_job
from onefit.types import Data

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution

__all__ = ["tune"]


def tune(
    study: "Study",
    model: Model,
    x: Data,
    y: Data,
    space: Mapping[str, object],
    trials: int,
    *,
    together: int = 20,
    monitor: str | None = None,
    seeds: int | Sequence[int] = 1,
    **arguments: Any,
) -> Population:
    """Searches with a study of Optuna: it proposes settings, populations try them.

    The study is asked for `together` settings, which are trained at once, and gets
    the value of each: the mean of its seeds' final numbers. A setting that diverged is
    reported as failed, one that `drop` stopped as pruned. The study makes use of what
    it knows already; it can be saved and gone on with.

    Args:
        study: What `optuna.create_study` gives, with one direction.
        model: A compiled model that knows its input's shape.
        x, y: As in `Model.fit`.
        space: For each setting, by its path, a list of choices, (low, high),
            `loguniform(low, high)`, `integers(low, high)`, or a distribution of Optuna.
        trials: How many settings in all.
        together: How many at once. The fewer, the more the study learns from each; the
            more, the faster.
        monitor: The log that is reported; 'val_loss' or 'loss' unless given.
        seeds: Every setting is trained from each of these seeds.
        **arguments: As in `fit`: epochs, validation_data, batch_size, drop, memory ...

    Returns:
        A Population of all settings, in the order of the trials. Ctrl-C ends the
        search: what is finished has been reported and is returned.

    Raises:
        ValueError: A study whose direction is not the log's, settings that the model
            does not have.
        ImportError: Without the package optuna.

    Example:
        >>> import pytest
        >>> optuna = pytest.importorskip("optuna")
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> from onefit import Input, Sequential, population
        >>> from onefit.layers import Dense
        >>> x = np.linspace(-1, 1, 16)[:, None]
        >>> model = Sequential([Input((1,)), Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> study = optuna.create_study(direction="minimize")
        >>> tried = population.tune(
        ...     study, model, x, 2 * x, {"learning_rate": (0.01, 0.1)}, trials=4,
        ...     together=2, epochs=3, verbose=0)
        >>> len(tried), len(study.trials)
        (4, 4)

    Source: Optuna, "Ask-and-Tell Interface".
    """
    check(model, arguments)
    for name, value in (("trials", trials), ("together", together)):
        if not is_whole(value, 1):
            raise invalid("tune", f"{name}={value!r}", "a whole number, 1 or more")
    optuna = package("optuna", "tune")
    plain: dict[str, Any] = {
        k: v for k, v in arguments.items() if k not in ("memory", "drop")
    }
    plain["verbose"] = 0
    directions = build_job(model, x, y, FitOptions.given("tune", **plain)).directions
    monitor = monitor or ("val_loss" if "val_loss" in directions else "loss")
    _same_way(study, monitor, directions)
    axes = {name: _axis(optuna, name, axis) for name, axis in space.items()}
    many: Any = seeds
    each = int(many) if is_whole(many, 1) else len(many)
    done: list[Population] = []
    for start in range(0, trials, together):
        count = min(together, trials - start)
        asked = [study.ask({k: d for k, (d, _) in axes.items()}) for _ in range(count)]
        vary = {
            name: [
                choices.get(trial.params[name], trial.params[name]) for trial in asked
            ]
            for name, (_, choices) in axes.items()
        }
        try:
            tried = fit(model, x, y, seeds=seeds, vary=vary, **arguments)
        except BaseException:
            for trial in asked:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise
        for i, trial in enumerate(asked):
            own = np.flatnonzero(tried.numbers // each == i)
            _tell(optuna, study, trial, tried, own if len(own) == each else [], monitor)
        done.append(tried)
        if tried.interrupted:
            break
    return _joined(done)


def _same_way(study: "Study", monitor: str, directions: dict[str, str | None]) -> None:
    """Refuses a study that looks for the worst, or for several things at once."""
    if monitor not in directions:
        raise unknown("log to monitor", monitor, directions)
    ways = [way.name.lower()[:3] for way in study.directions]
    if len(ways) != 1 or (directions[monitor] or ways[0]) != ways[0]:
        wanted = f"{directions[monitor] or 'min'}imize"
        raise invalid(
            "tune",
            f"a study that means to {' and '.join(f'{w}imize' for w in ways)}",
            f"one that means to {wanted} {monitor!r}",
            f"write optuna.create_study(direction={wanted!r})",
        )


def _axis(
    optuna: ModuleType, name: str, axis: object
) -> tuple["BaseDistribution", dict[object, object]]:
    """What a study draws from, and of choices that it cannot hold what they stand for.

    A study holds numbers and text; another choice, such as an optimizer, is held as
    the text that it shows.
    """
    made = optuna.distributions
    if isinstance(axis, made.BaseDistribution):
        return cast("BaseDistribution", axis), {}
    axis = span(name, axis)
    if isinstance(axis, Range):
        kind = made.IntDistribution if axis.whole else made.FloatDistribution
        return kind(axis.low, axis.high, log=axis.log), {}
    if not isinstance(axis, list):
        raise mistyped(
            name,
            repr(axis),
            "a distribution that a study knows",
            "write population.loguniform(1e-4, 1e-1), or a list of choices",
        )
    plain = [v if isinstance(v, str | int | float | None) else repr(v) for v in axis]
    return made.CategoricalDistribution(plain), dict(zip(plain, axis, strict=True))


def _tell(
    optuna: ModuleType,
    study: "Study",
    trial: "Trial",
    tried: Population,
    own: np.ndarray | list[int],
    monitor: str,
) -> None:
    """Reports how good a setting was, or that it failed or was dropped."""
    states = optuna.trial.TrialState
    value = float(np.mean(tried.final(monitor)[own])) if len(own) else np.nan
    ended = [tried.stopped[i] for i in own]
    cut = tried.interrupted and any(
        reason is None and tried.epochs[i] < tried.history["loss"].shape[1]
        for i, reason in zip(own, ended, strict=True)
    )
    if cut or not np.isfinite(value) or tried.diverged()[own].any():
        study.tell(trial, state=states.FAIL)
    elif "dropped" in ended:
        trial.report(value, step=int(tried.epochs[own].min()))
        study.tell(trial, state=states.PRUNED)
    else:
        study.tell(trial, value)


def _joined(done: list[Population]) -> Population:
    """Populations of the same logs and settings as one, one after another."""
    starts = np.cumsum([0, *map(len, done)])
    pairs = list(zip(starts, done, strict=False))
    first = done[0]
    return Population(
        [
            Group(g.model, g.params, g.state, g.at + start)
            for start, p in pairs
            for g in p.groups
        ],
        {
            name: np.concatenate([p.history[name] for p in done])
            for name in first.history
        },
        {name: [v for p in done for v in p.settings[name]] for name in first.settings},
        np.concatenate([p.epochs for p in done]),
        [reason for p in done for reason in p.stopped],
        first.directions,
        sum(p.seconds for p in done),
        done[-1].interrupted,
    )
