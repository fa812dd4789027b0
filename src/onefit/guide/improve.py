"""Improving a program: remedies are tried before they are recommended.

Each is trained from several seeds on four fifths of the rows and judged on the fifth
that no network has seen, beside the program as it is. What seems to help is trained
again from other seeds, with another fifth held out, before it is called a help: the
best of twenty is often only the luckiest. Programs of one shape share one compiled
program, so that other rates and other seeds cost their steps alone.
"""

import contextlib
import dataclasses
import textwrap
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from onefit import config
from onefit.data import rows
from onefit.errors import invalid, is_whole
from onefit.guide.finding import Finding
from onefit.guide.program import Program
from onefit.guide.remedies import Remedy, of_finding, usual
from onefit.guide.targets import kind_of
from onefit.guide.writing import model_lines
from onefit.training.callback import Callback
from onefit.training.compiled import Compiled

__all__ = ["Advice", "Trial", "improve"]

HELD = 0.2
"""The share of the rows to judge by."""

WORTH = 0.005
"""The least gain that is worth a word."""

WORST = -10.0
"""The least that a row counts in R²: one answer far off is not all there is."""

RARE = 0.9
"""The share of the commonest class from which on each class counts as much."""

FOUND, SCREENING = 0.8, 0.6
"""The shares of the time in which what was found, and what is usual, is tried on the
program as it is; the rest is for confirming."""

MOST_SEEDS, QUICK = 8, 0.02
"""So many seeds, where those of one remedy take no more than this share of the time."""

ONE_SIDE = 0.6
"""One side of 90 % in terms of two sides of 95 %. Of 20 changes that bring nothing, one
in two seems to (2.5 % each), and one in ten of those is confirmed."""

CONFIRMED = 3
"""How many remedies, at most, are trained again to be confirmed."""

UNPAIRED = {1: 4.303, 2: 2.776, 3: 2.447, 4: 2.306, 5: 2.228, 6: 2.179, 7: 2.145}
PAIRED = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365}
"""Student's t for 95 %, by n - 1: of two means of n numbers, and of n differences."""


class Gain(NamedTuple):
    """By how much one program's score is better than another's, with 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether it is no accident, and worth a word."""
        return self.low > 0 and self.mean > WORTH

    @property
    def likely(self) -> bool:
        """Whether it is above 0 by the one side of 90 %: enough to confirm a gain."""
        return self.mean > WORTH and self.mean > ONE_SIDE * (self.mean - self.low)


@dataclasses.dataclass
class Trial:
    """A program that was tried.

    Attributes:
        name: What was changed; '' for the program as it is.
        program: The program.
        values: What each row held out counts, of each seed: (seeds, rows).
        seconds: What it took, compiling included.
        why_not: Why it could not be trained.
        gain: Against the program as it is.
        confirmed: The same again, from other seeds and on other rows, where it was
            tried again.
    """

    name: str
    program: Program
    values: np.ndarray | None = None
    seconds: float = 0.0
    why_not: str = ""
    gain: Gain | None = None
    confirmed: Gain | None = None

    @property
    def score(self) -> float:
        """The mean over rows and seeds."""
        return float("nan") if self.values is None else float(self.values.mean())

    @property
    def helps(self) -> bool:
        """Whether it is a help, twice."""
        first, again = self.gain, self.confirmed
        return bool(first and first.sure and again and again.likely)


class _Deadline(Callback):
    """Ends a fit when the time is up."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until, self.struck = until, False

    def on_stretch_end(self, epochs: range, logs: Sequence[dict[str, float]]) -> None:
        """Looks at the clock between two calls of the program."""
        del epochs, logs
        if time.perf_counter() > self.until:
            self.struck = self.model.stop_training = True


class _TimeUp(Exception):
    """There is no time left, or Ctrl-C was pressed."""


class Advice:
    """What was tried for a program, and what helps: print it.

    Attributes:
        origin: The program as it was given.
        base: What the trials are compared with: that program; or, where it does not
            train, the first mended one that does.
        trials: What was tried, the best first.
        untried: The names of what there was no time for.
        measure: What the score is.
        best: The Trial to take, None where nothing helps.
        seconds: What all of it took.
    """

    def __init__(
        self,
        origin: Trial,
        base: Trial,
        trials: list[Trial],
        untried: list[str],
        measure: str,
        seconds: float,
    ) -> None:
        done = [t for t in trials if t.gain is not None]
        done.sort(key=lambda t: -t.gain.mean if t.gain else 0.0)
        self.origin, self.base = origin, base
        self.untried, self.measure = untried, measure
        self.trials = done + [t for t in trials if t.gain is None]
        self.seconds = seconds
        good = [t for t in done if t.helps]
        mended = base if base is not origin else None
        self.best = max(good, key=_surely, default=mended)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each trial: name, score, gain, low, high, seconds, helps."""
        return [
            {"name": t.name, "score": t.score}
            | dict(zip(("gain", "low", "high"), t.gain or 3 * (np.nan,), strict=True))
            | {"seconds": t.seconds, "helps": t.helps}
            for t in self.trials
        ]

    @property
    def code(self) -> str:
        """The best program as Python; '' where nothing helps."""
        return self.best.program.code if self.best else ""

    @property
    def lines(self) -> str:
        """The lines of it that the program as it is has not."""
        return self.best.program.against(self.origin.program) if self.best else ""

    @property
    def model(self) -> Compiled:
        """The model of the best program, with new weights, not trained.

        Raises:
            ValueError: Where nothing helps.
        """
        if self.best is None:
            raise invalid(
                "improve", "no remedy that helps", "one", "keep the model as it is"
            )
        return self.best.program.fresh(0)

    def __str__(self) -> str:
        score = f"{self.measure} {self.base.score:.3f}, on rows held out"
        start = f"{self.base.name} +" if self.base.name else ""
        names = [
            t.name.replace(start, "+", 1) if start else t.name for t in self.trials
        ]
        width = max([30, *map(len, names)])
        lines = [
            f"as it is: {self.origin.why_not or score}",
            *([] if self.base is self.origin else [f"{self.base.name}: {score}"]),
            f"{'remedy':<{width}} {self.measure:>9} {'gain':>7}  "
            f"{'95 % interval':<17} seconds",
        ]
        lines += [
            f"{name:<{width}} {_numbers(trial)}"
            for name, trial in zip(names, self.trials, strict=True)
        ]
        if self.untried:
            rest = f"not tried, for lack of time: {', '.join(self.untried)}"
            lines.append(textwrap.fill(rest, 88, subsequent_indent="  "))
        return "\n".join([*lines, "", self.verdict])

    __repr__ = __str__

    @property
    def verdict(self) -> str:
        """What to do, in words and in code."""
        if self.best is not None and self.best is self.base:
            return f"With this it trains ({self.best.name}). Write:\n\n{self.lines}"
        if self.best is not None:
            gain = self.best.confirmed
            assert gain is not None
            return (
                f"{self.best.name}: better by {gain.mean:.3f} ({gain.low:.3f} to "
                f"{gain.high:.3f}) from other seeds and on other rows too. Write:\n\n"
                f"{self.lines}"
            )
        tried = sum(t.gain is not None for t in self.trials)
        if not tried:
            return (
                f"Nothing could be tried in {self.seconds:.0f} s; give it more: "
                "seconds=300."
            )
        seems = next((t for t in self.trials if t.gain and t.gain.sure), None)
        if seems is not None and seems.gain is not None:
            tried_again = seems.confirmed is not None
            so = "other seeds and rows did not confirm it"
            return (
                f"{seems.name} seems to help, by {seems.gain.mean:.3f}, but "
                f"{so if tried_again else 'there was no time to confirm it'}: give it "
                "more, seconds=300, or more rows. Until then keep the program as it is."
            )
        return (
            f"None of the {tried} changes that were tried is surely better than the "
            "program as it is, so keep it. If its answers are not good enough, look at "
            f"the data and the labels next{self._wrong()}: are the labels right, and "
            "is what decides the answer in x at all?"
        )

    def _wrong(self) -> str:
        """How many rows every network answers badly."""
        known = [t.values for t in (self.base, *self.trials) if t.values is not None]
        if not known or len({v.shape[1] for v in known}) > 1 or known[0].shape[1] < 2:
            return ""
        worst = np.concatenate(known).max(axis=0) <= 0
        if not worst.any():
            return ""
        return (
            f" ({worst.sum()} of {worst.size} rows are answered badly by all of them)"
        )


def _surely(trial: Trial) -> float:
    assert trial.confirmed is not None
    assert trial.gain is not None
    return min(trial.confirmed.mean, trial.gain.mean)


def _numbers(trial: Trial) -> str:
    if trial.gain is None:
        return trial.why_not or "not tried"
    mean, low, high = trial.gain
    mark = "  helps" if trial.helps else ""
    return (
        f"{trial.score:9.3f} {mean:+7.3f}  {low:+.3f} to {high:+.3f} "
        f"{trial.seconds:8.1f}{mark}"
    )


# Trying -------------------------------------------------------------------------------


def improve(
    program: Program,
    findings: Iterable[Finding] | None = None,
    *,
    seconds: float = 60.0,
    seeds: int = 3,
) -> Advice:
    """Tries remedies, those of findings and the usual suspects, and says what helps.

    Args:
        program: What was written; its model is left as it is.
        findings: What was found; None to check and to diagnose the program first.
        seconds: How long it may take, about.
        seeds: From how many initial weights each is trained, at least; up to 8 where
            fits are quick.

    Raises:
        ValueError: Fewer than 2 seeds, or than 20 rows; seconds that are not above 0.
        TypeError: Rows that come as a stream.
    """
    if not is_whole(seeds, 2):
        raise invalid("improve", f"seeds={seeds!r}", "2 or more", "write seeds=3")
    if not isinstance(seconds, int | float) or not seconds > 0:
        raise invalid("improve", f"seconds={seconds!r}", "above 0", "write seconds=60")
    return _Search(program, float(seconds), seeds).run(findings)


class _Search:
    """A search: the rows, the clock, and what has been tried."""

    def __init__(self, program: Program, seconds: float, seeds: int) -> None:
        self.started = time.perf_counter()
        self.seconds, self.until = seconds, self.started + seconds
        self.interrupted, self.each = False, 0.0
        self.seeds, self.whole = seeds, _arrays(program)
        self.judge = Judge(self.whole)
        self.trials: list[Trial] = []
        self.untried: list[str] = []
        self.base = self.origin = Trial("", self.whole)
        self.again = Trial("", self.whole)
        self.history: Any = None
        self.remedies: list[Remedy] = []

    def run(self, findings: Iterable[Finding] | None) -> Advice:
        """Tries all there is time for."""
        end, left = self.until, list[Remedy]()
        with contextlib.suppress(_TimeUp):
            self._try(self.base, range(self.seeds), 0)
            self._take_more_seeds()
            found = self._found() if findings is None else list(findings)
            if self.base.values is None:
                self._mend(found)
            first, others = _distinct(self.whole, found)
            first = [r for r in first if r.name != self.base.name]
            self.remedies, left = [*first, *others], [*first, *others]
            while left:
                # What was found is worth more of the time than what is usual.
                share = FOUND if len(left) > len(others) else SCREENING
                self.until = self.started + share * self.seconds
                self._consider(left[0])
                left.pop(0)
        self.untried += [remedy.name for remedy in left]
        self.until = end if not self.interrupted else 0.0
        with contextlib.suppress(_TimeUp):
            self._confirm()
        seconds = time.perf_counter() - self.started
        return Advice(
            self.origin, self.base, self.trials, self.untried, self.judge.name, seconds
        )

    def _mend(self, found: Iterable[Finding]) -> None:
        """Of a program that does not train, the first remedy with which it does.

        What else is tried stands on top of it.
        """
        for remedy in (r for finding in found for r in of_finding(finding)):
            trial = _applied(remedy, self.whole)
            if trial is None:
                continue
            self._try(trial, range(self.seeds), 0)
            if trial.values is not None:
                self.base, self.whole = trial, trial.program
                self.judge = Judge(self.whole)
                return

    def _take_more_seeds(self) -> None:
        """Where fits are quick, more seeds tell smaller gains from accidents."""
        many = int(QUICK * self.seconds / max(self.each, 1e-3))
        if self.base.values is None or min(many, MOST_SEEDS) <= self.seeds:
            return
        first, self.seeds = self.base.values, min(many, MOST_SEEDS)
        self._try(self.base, range(len(first), self.seeds), 0)
        self.base.values = np.concatenate([first, self.base.values])

    def _found(self) -> list[Finding]:
        """What check says of the program, and what the diagnosis says of its fit."""
        from onefit.guide.check import check
        from onefit.guide.diagnose import diagnose

        program, found = self.whole, []
        taken = ("epochs", "batch_size", "validation_split", "validation_data")
        taken += ("shuffle", "class_weight", "sample_weight")
        given = {name: program.fit[name] for name in taken if name in program.fit}
        found += check(program.model, program.x, program.y, **given)
        if self.history is not None and self.history.epoch:
            found += diagnose(self.history)
        return found

    def _consider(self, remedy: Remedy) -> None:
        """Tries a remedy on the program as it is."""
        trial = _applied(remedy, self.whole)
        if trial is None:
            return
        trial.name = " + ".join(filter(None, [self.base.name, trial.name]))
        if self._too_long(trial.program):
            self.untried.append(remedy.name)
            return
        self._try(trial, range(self.seeds), 0)
        self._compare(trial)
        self.trials.append(trial)

    def _compare(self, trial: Trial) -> None:
        if trial.values is not None:
            trial.gain = self._against(trial, 0, trial.values)

    def _against(self, trial: Trial, part: int, values: np.ndarray) -> Gain:
        """What a trial gains over the program as it is, of one choice of rows."""
        models = trial.program.model, self.whole.model
        one, two = (model_lines(model, {}) for model in models)
        return gain(self._base_values(values, part), values, paired=one == two)

    def _base_values(self, like: np.ndarray, part: int) -> np.ndarray:
        """The values of the program as it is; guessing's, if it does not train."""
        own = (self.base, self.again)[part].values
        return np.full_like(like, self.judge.guess) if own is None else own

    def _too_long(self, program: Program) -> bool:
        """Whether a trial would take more than the time that is left."""
        epochs = program.fit.get("epochs", 1) / max(1, self.whole.fit.get("epochs", 1))
        return self.each * epochs * self.seeds > self.until - time.perf_counter()

    def _confirm(self) -> None:
        """Trains what seems to help again, alone, and then with others on top."""
        good = [t for t in self.trials if t.gain is not None and t.gain.sure]
        good.sort(key=lambda t: -t.gain.low if t.gain else 0.0)
        if not good:
            return
        self.again = self._again(self.base)
        for trial in good[:CONFIRMED]:
            self._confirm_one(trial)
        sure = [t for t in good[:CONFIRMED] if t.helps]
        if sure:
            self._together(max(sure, key=_surely))

    def _again(self, trial: Trial) -> Trial:
        """A trial from other seeds, with other rows held out."""
        other = Trial(trial.name, trial.program)
        self._try(other, range(MOST_SEEDS + self.seeds, MOST_SEEDS + 2 * self.seeds), 1)
        return other

    def _confirm_one(self, trial: Trial) -> Trial:
        other = self._again(trial)
        trial.seconds += other.seconds
        if other.values is not None:
            trial.confirmed = self._against(trial, 1, other.values)
        return other

    def _together(self, best: Trial) -> None:
        """The best with others on top, as long as that is surely better still."""
        rank = {t.name: t.gain.mean for t in self.trials if t.gain is not None}
        start = f"{self.base.name} + " if self.base.name else ""
        others = sorted(
            self.remedies, key=lambda r: -rank.get(f"{start}{r.name}", -np.inf)
        )
        known, twin = {t.program.code for t in self.trials}, None
        for remedy in others:
            both = _applied(remedy, best.program)
            if both is None or both.program.code in known or best.values is None:
                continue
            both.name = f"{best.name} + {both.name}"
            known.add(both.program.code)
            if self._too_long(both.program):
                continue
            self._try(both, range(self.seeds), 0)
            if both.values is None or not gain(best.values, both.values).sure:
                continue
            self._compare(both)
            self.trials.append(both)
            twin = twin or self._again(best)
            again = self._confirm_one(both)
            if again.values is None or twin.values is None:
                continue
            if both.helps and gain(twin.values, again.values).sure:
                best, twin = both, again

    # One program from several seeds -------------------------------------------------

    def _try(self, trial: Trial, seeds: Sequence[int], part: int) -> None:
        """Trains a program from each seed, and judges it on the rows held out.

        Raises:
            _TimeUp: Before all seeds are done, which leaves the trial as it was.
        """
        if time.perf_counter() > self.until:
            raise _TimeUp
        started, values = time.perf_counter(), []
        program = self.judge.parted(trial.program, part)
        for seed in seeds:
            first = trial is self.base and self.history is None
            begun = time.perf_counter()
            try:
                values.append(self._values(program, seed, first))
            except (ValueError, TypeError, FloatingPointError) as error:
                trial.why_not = f"does not train: {str(error).partition('; ')[0]}"
                return
            if trial is self.base:  # of its last seed, when all is compiled
                self.each = time.perf_counter() - begun
        trial.values = np.stack(values)
        trial.seconds = time.perf_counter() - started

    def _values(self, program: Program, seed: int, watched: bool) -> np.ndarray:
        """What each row held out counts, for the network of one seed."""
        model = program.fresh(seed)
        model.watched = watched
        clock = _Deadline(self.until)
        fit = dict(program.fit)
        callbacks = fit.pop("callbacks", None)
        many = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
        fit["callbacks"] = [*(c for c in many if c is not None), clock]
        with warnings.catch_warnings(), config.aside(seed):
            warnings.simplefilter("ignore")
            history: Any = model.fit(  # type: ignore[attr-defined]
                program.x, program.y, verbose=0, **fit
            )
        self.interrupted = history.stopped == "interrupted"
        if clock.struck or self.interrupted:
            raise _TimeUp
        if watched:
            self.history = history
        return self.judge(program, model)


def _applied(remedy: Remedy, program: Program) -> Trial | None:
    """A remedy's program, None where it is not for this one or changes nothing."""
    try:
        changed = remedy.apply(program)
        same = changed.code == program.code
    except Exception:  # a remedy for another kind of network, whatever it says
        return None
    return None if same else Trial(remedy.name, changed)


def _distinct(
    program: Program, found: Iterable[Finding]
) -> tuple[list[Remedy], list[Remedy]]:
    """The remedies of what was found, and the usual ones, each program once."""
    known = set[str]()

    def new(remedies: Iterable[Remedy]) -> Iterator[Remedy]:
        for remedy in remedies:
            trial = _applied(remedy, program)
            if trial is not None and trial.program.code not in known:
                known.add(trial.program.code)
                yield remedy

    causes = [remedy for finding in found for remedy in of_finding(finding)]
    return list(new(causes)), list(new(usual()))


def _arrays(program: Program) -> Program:
    """The program with its rows as arrays."""
    if program.model.compile_settings is None:
        raise invalid(
            str(program.model.name),
            "a call of improve before compile",
            "a loss and an optimizer first",
            "write model.compile(optimizer='adam', loss='mse')",
        )
    if program.x is None or program.y is None or rows.is_stream(program.x):
        raise invalid(
            "improve",
            "rows that come as a stream"
            if rows.is_stream(program.x)
            else "no x, or no y",
            "arrays x and y, of which some are held out to judge by",
            "write model.improve(x, y)",
        )
    x, y = program.arrays
    n = len(jax.tree.leaves(x)[0])
    if n < 20:
        raise invalid("improve", f"{n} rows", "20 or more, to hold some of them out")
    return program.replace(x=x, y=y)


# Judging ------------------------------------------------------------------------------


class Judge:
    """Says how good a network is on rows that it was not trained on.

    Attributes:
        name: What the score is: 'accuracy', 'balanced' (the mean over the classes of
            the share of right answers), 'R2' (the share of the variance explained), or
            '-loss', where y is nothing that these can judge.
        guess: The score of the best answer that is the same for every row.
    """

    def __init__(self, program: Program) -> None:
        self.n = len(jax.tree.leaves(program.x)[0])
        y = program.y
        self.kind = kind_of(y) if isinstance(y, np.ndarray) and y.size else None
        t = self.kind
        self.name, self.guess = "-loss", -np.inf
        if t is None or t.kind == "constant":
            return
        if t.exclusive and len(t.counts) > 1:
            self.name = "balanced" if t.major >= RARE else "accuracy"
            self.guess = 1 / len(t.classes) if t.major >= RARE else t.major
        elif not t.text:
            self.name, self.guess = "R2", 0.0

    def parted(self, program: Program, part: int) -> Program:
        """The program without the rows to judge by, which are `held`."""
        x, y = program.x, program.y
        n = len(jax.tree.leaves(x)[0])
        held = np.zeros(n, bool)
        order = np.random.default_rng(part).permutation(n)
        held[order[: max(4, round(HELD * n))]] = True

        def some(tree: Any, which: np.ndarray) -> Any:
            return jax.tree.map(lambda a: np.asarray(a)[which], tree)

        fit = dict(program.fit)
        if fit.get("sample_weight") is not None:
            fit["sample_weight"] = some(fit["sample_weight"], ~held)
        return program.replace(
            x=some(x, ~held), y=some(y, ~held), held=(some(x, held), some(y, held)),
            fit=fit,
        )  # fmt: skip

    def __call__(self, program: Program, model: Any) -> np.ndarray:
        """What each row held out counts: their mean is the score."""
        assert program.held is not None
        x, y = program.held
        if self.name == "-loss":
            found = model.evaluate(x, y, verbose=0)
            loss = float(np.ravel(np.asarray(found))[0])
            return np.array([-loss if np.isfinite(loss) else -1e30])
        p, y = np.asarray(model.predict(x, verbose=0), float), np.asarray(y)
        if self.name == "R2":
            return _explained(p, y.astype(float))
        return _right(p, y, model, balanced=self.name == "balanced")


def _explained(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 - (a - y)²/Var(y) of each row."""
    y = y.reshape(len(y), -1)
    p = p.reshape(len(p), -1)
    if p.shape != y.shape:
        raise ValueError(f"outputs of {p.shape[1]} numbers for {y.shape[1]}")
    errors = (p - y) ** 2 / max(y.var(axis=0).mean(), 1e-30)
    values = 1 - errors.mean(axis=1)
    return np.clip(np.where(np.isfinite(values), values, WORST), WORST, 1.0)


def _right(p: np.ndarray, y: np.ndarray, model: Any, balanced: bool) -> np.ndarray:
    """1 for each row whose class is told, 0 for others."""
    labels = y.argmax(-1) if y.ndim == p.ndim and y.shape[-1] > 1 else y
    labels = labels.reshape(len(y), -1)
    if p.shape[-1] > 1:
        said = p.argmax(-1).reshape(len(y), -1)
    else:
        values = np.unique(labels)
        ends = [float(v) for v in values] if values.dtype.kind in "fiub" else [0.0, 1.0]
        linked = getattr(model.loss, "from_logits", False)
        p = p.reshape(len(y), -1)
        if len(ends) == 2 and linked:
            said = np.where(p > 0, ends[1], ends[0])
        else:  # the class whose number is nearest
            said = np.asarray(ends)[np.abs(p[..., None] - np.asarray(ends)).argmin(-1)]
    if said.shape != labels.shape:
        raise ValueError("outputs that are no classes of these rows")
    hit = (said == labels).astype(float)
    hit[~np.isfinite(p).reshape(len(y), -1).all(axis=1)] = 0
    if balanced and labels.shape[1] == 1:
        classes, at, counts = np.unique(labels, return_inverse=True, return_counts=True)
        hit *= (len(labels) / (len(classes) * counts))[at].reshape(hit.shape)
    return hit.mean(axis=1)


def gain(before: np.ndarray, after: np.ndarray, paired: bool = False) -> Gain:
    """By how much the second is better: (seeds, rows) each, of the same rows.

    Both the seeds and the rows are samples: the interval takes the spread of both.
    Where a remedy has left rows out, only the scores of the seeds are compared.

    Args:
        before, after: What each row counts.
        paired: Whether the networks of one seed begin with the same weights.

    >>> gain(np.zeros((3, 100)), np.ones((3, 100)))
    Gain(mean=1.0, low=1.0, high=1.0)
    """
    n = min(len(before), len(after))
    mean = float(after.mean() - before.mean())
    scores = before.mean(axis=1), after.mean(axis=1)
    if paired and len(before) == len(after):
        wide = PAIRED.get(n - 1, 2.1) ** 2 * (scores[1] - scores[0]).var(ddof=1) / n
    else:
        spread = sum(score.var(ddof=1) / len(score) for score in scores)
        wide = UNPAIRED.get(n - 1, 2.1) ** 2 * spread
    if before.shape[1] == after.shape[1] > 1:
        rows_ = after.mean(axis=0) - before.mean(axis=0)
        wide += 1.96**2 * rows_.var(ddof=1) / len(rows_)
    half = float(np.sqrt(wide))
    return Gain(mean, mean - half, mean + half)
