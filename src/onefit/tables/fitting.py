"""Fitting: networks of all folds, their ensemble, and what stands beside it."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from onefit import config
from onefit.errors import invalid
from onefit.tables import calibration
from onefit.tables.baselines import boosting, constant, empty
from onefit.tables.ensembling import crossed, greedy
from onefit.tables.heads import HEADS
from onefit.tables.inputs import Goal, Inputs
from onefit.tables.linear import penalties, solved
from onefit.tables.members import Member, stacked
from onefit.tables.networks import KINDS, Shape, settled, shape_of
from onefit.tables.rounds import Rounds
from onefit.tables.scores import (
    TINY,
    Metric,
    interval,
    losses_of,
    metric_of,
    weights_of,
)
from onefit.tables.training import (
    EPOCHS,
    FEWEST,
    Clock,
    Rows,
    Watch,
    epochs_for,
    pace,
    train,
    work,
)
from onefit.training.loop import Interrupt
from onefit.types import Config

__all__ = ["Fitted", "fitted"]

Fold = tuple[np.ndarray, np.ndarray]
InputsOfFold = Callable[[np.ndarray], Inputs]

QUALITIES = ("quick", "default", "best")

NARROWER = 0.98
"""How much narrower intervals are to be by networks of their ends."""

CHOSEN = 20_000
"""Rows that an ensemble is chosen on, at most."""


@dataclasses.dataclass(eq=False)
class Fitted:
    """What fitting leaves: networks for each fold, with weights, and what is known of
    their predictions for rows that they were not trained on.

    Attributes:
        goal: What is predicted.
        members: The networks.
        shares: The weight of each in the mean.
        temperature: By which logits are divided; 1 for none.
        bounds: The least and the greatest number that is predicted.
        out_of_fold: Probabilities (rows, classes), or numbers (rows,), of networks that
            were not trained on the row, in a mean that was chosen without it; NaN for
            rows that no fold holds out.
        leaderboard: A dict for each contestant, the best first: 'name', 'kind'
            ('baseline', 'network' or 'ensemble'), 'score', 'interval' (95 %),
            'seconds', 'folds'; of trees that had time for fewer folds also 'networks',
            the score of the ensemble on the same rows.
        metric: The score that was chosen by.
        interrupted: Whether Ctrl-C ended it.
        ends: Networks of the ends of intervals, if these are narrower by them.
        ends_out_of_fold: What they say to rows of other folds, (rows, 2).
        skipped: Networks that a busy machine had no time for; not kept in files.
    """

    goal: Goal
    shape: Shape
    members: list[Member]
    shares: np.ndarray
    out_of_fold: np.ndarray
    leaderboard: list[dict[str, Any]]
    metric: str
    temperature: float = 1.0
    bounds: tuple[float, float] = (-np.inf, np.inf)
    interrupted: bool = False
    ends: Member | None = None
    ends_out_of_fold: np.ndarray | None = None
    skipped: list[str] = dataclasses.field(default_factory=list)

    def predict(self, inputs_by_fold: Sequence[Inputs]) -> np.ndarray:
        """Calibrated probabilities (rows, classes), or numbers (rows,).

        Args:
            inputs_by_fold: The same rows, as the preparation of each fold gives them.

        Raises:
            ValueError: Another number of folds than was trained.
        """
        return self._finished(self._said(inputs_by_fold).mean(axis=0))

    @property
    def folds(self) -> int:
        """How many folds were trained: the first ones, where time was short."""
        return len(self.members[0].scale)

    def predict_by_fold(self, inputs_by_fold: Sequence[Inputs]) -> np.ndarray:
        """What the networks of each fold say, (fold, rows, ...).

        The row of a fold's held-out rows is what they say without having seen it, also
        where columns are changed: what `explaining.importance` asks for.
        """
        return self._finished(self._said(inputs_by_fold))

    def _said(self, inputs_by_fold: Sequence[Inputs]) -> np.ndarray:
        """The weighted mean of the members, (fold, rows, ...)."""
        known = self.folds
        if len(inputs_by_fold) != known:
            raise invalid(
                "Fitted.predict",
                f"inputs of {len(inputs_by_fold)} folds",
                f"those of each of the {known} folds that were trained",
            )
        if not len(inputs_by_fold[0]):
            none = empty(dataclasses.replace(self.goal, values=np.zeros(0)))
            return np.stack([none] * known)
        x = stacked(self.shape, inputs_by_fold)
        pairs = zip(self.shares, self.members, strict=True)
        return np.asarray(sum(share * member(x) for share, member in pairs))

    def _finished(self, said: np.ndarray) -> np.ndarray:
        if self.goal.classes:
            return calibration.tempered(said.astype("float64"), self.temperature)
        return np.clip(said.astype("float64"), *self.bounds)

    @property
    def held(self) -> np.ndarray:
        """The rows that have an out-of-fold prediction."""
        return np.flatnonzero(
            ~np.isnan(self.out_of_fold.reshape(len(self.out_of_fold), -1)[:, 0])
        )

    def lower_upper(
        self,
        numbers: np.ndarray,
        coverage: float = 0.9,
        rows: np.ndarray | None = None,
        ends: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The interval around each number that holds the truth so often.

        By the out-of-fold residuals (`calibration.half_width`), of these rows alone if
        they are given; where logarithms are learned, by theirs. With the ends that
        `said_ends` gives, these are moved by how far those of training rows fell short.

        Raises:
            ValueError: A target of classes, a coverage outside 0 to 1.
        """
        if self.goal.classes:
            raise invalid(
                "lower_upper",
                "a target of classes",
                "a target of numbers",
                "classes have probabilities: predict",
            )
        head = HEADS[self.goal.problem]
        y, some = head.into(self.goal.values), slice(None) if rows is None else rows
        if ends is not None and self.ends_out_of_fold is not None:
            low, high = head.into(self.ends_out_of_fold).T
            by = calibration.margin(np.maximum(low - y, y - high)[some], coverage)
            low, high = head.into(ends).T
            middle = (low + high) / 2
            lower = head.back(np.minimum(low - by, middle))
            upper = head.back(np.maximum(high + by, middle))
        else:
            off = (y - head.into(self.out_of_fold))[some]
            half, middle = calibration.half_width(off, coverage), head.into(numbers)
            lower, upper = head.back(middle - half), head.back(middle + half)
        return lower if head.signed else np.maximum(lower, 0.0), upper

    def said_ends(self, inputs_by_fold: Sequence[Inputs]) -> np.ndarray | None:
        """The ends of intervals as networks say them, (rows, 2), if there are any."""
        if self.ends is None or not len(inputs_by_fold[0]):
            return None
        said = self.ends(stacked(self.shape, inputs_by_fold)).mean(axis=0)
        return np.clip(said, *self.bounds)

    def threshold(self, metric: Any = None) -> float:
        """The probability of the second class from which on to say it.

        Args:
            metric: 'accuracy', 'balanced_accuracy' (unless given) or 'f1'; or what
                answers cost, a row for each true class, a column for each answer.

        Raises:
            ValueError: Another target than one of two classes.
        """
        if self.goal.problem != "binary":
            raise invalid(
                "threshold",
                f"a {self.goal.problem} target",
                "a target of two classes",
                "take the likeliest class" if self.goal.classes else "",
            )
        at = self.held
        y, p, w = self.goal.values, self.out_of_fold[:, 1], weights_of(self.goal)
        asked = "balanced_accuracy" if metric is None else metric
        return calibration.threshold(y[at], p[at], w[at], asked)

    def coverage(self) -> list[dict[str, float]]:
        """How often the answer is right where it is sure enough, out of fold.

        Raises:
            ValueError: A target of numbers.
        """
        if not self.goal.classes:
            raise invalid(
                "coverage",
                "a target of numbers",
                "a target of classes",
                "numbers have intervals: lower_upper",
            )
        at, w = self.held, weights_of(self.goal)
        return calibration.coverage(self.goal.values[at], self.out_of_fold[at], w[at])

    # In a file ------------------------------------------------------------------------

    def state(self) -> tuple[Config, dict[str, np.ndarray]]:
        """All of it: what JSON can hold, and arrays by name."""
        arrays = {"out_of_fold": self.out_of_fold, "values": self.goal.values}
        if self.goal.weights is not None:
            arrays["weights"] = self.goal.weights
        members = []
        for i, member in enumerate(self.members):
            told, own = member.written()
            members.append(told)
            arrays |= {f"member_{i}/{name}": a for name, a in own.items()}
        ends = None
        if self.ends is not None and self.ends_out_of_fold is not None:
            ends, own = self.ends.written()
            arrays |= {f"ends/{name}": a for name, a in own.items()}
            arrays["ends_out_of_fold"] = self.ends_out_of_fold
        bounds = self.bounds if np.isfinite(self.bounds).all() else None
        return {
            "problem": self.goal.problem,
            "classes": list(self.goal.classes) if self.goal.classes else None,
            "shape": dataclasses.asdict(self.shape),
            "members": members,
            "shares": self.shares.tolist(),
            "leaderboard": self.leaderboard,
            "metric": self.metric,
            "temperature": self.temperature,
            "bounds": bounds,
            "interrupted": self.interrupted,
            "ends": ends,
        }, arrays

    @classmethod
    def from_state(cls, config: Config, arrays: dict[str, np.ndarray]) -> Self:
        """What `state` gave."""
        shape = Shape(**{**config["shape"], "sizes": tuple(config["shape"]["sizes"])})
        members = []
        for i, told in enumerate(config["members"]):
            start = f"member_{i}/"
            own = {k[len(start) :]: a for k, a in arrays.items() if k.startswith(start)}
            members.append(Member.read(told, shape, own))
        ends = None
        if config["ends"] is not None:
            own = {k[5:]: a for k, a in arrays.items() if k.startswith("ends/")}
            ends = Member.read(config["ends"], _with_ends(shape), own)
        classes = config["classes"]
        goal = Goal(
            config["problem"],
            arrays["values"],
            tuple(classes) if classes else None,
            arrays.get("weights"),
        )
        return cls(
            goal,
            shape,
            members,
            np.array(config["shares"]),
            arrays["out_of_fold"],
            config["leaderboard"],
            config["metric"],
            config["temperature"],
            tuple(config["bounds"]) if config["bounds"] else (-np.inf, np.inf),
            config["interrupted"],
            ends,
            arrays.get("ends_out_of_fold"),
        )


def _with_ends(shape: Shape) -> Shape:
    """The shape of networks that say the ends of intervals."""
    return dataclasses.replace(shape, outputs=2, ends=True)


# Fitting ------------------------------------------------------------------------------


def fitted(
    inputs_of_fold: InputsOfFold,
    goal: Goal,
    folds: Sequence[Fold],
    *,
    quality: str = "default",
    time: float | None = 60.0,
    metric: str | None = None,
    seed: int = 0,
    progress: Callable[[str, float | None], None] | None = None,
    rounds: Rounds | None = None,
) -> Fitted:
    """Trains networks on all folds, and takes the best mean of them.

    Args:
        inputs_of_fold: Given the rows that a fold trains on, the columns of all rows,
            prepared by these alone.
        goal: What is predicted.
        folds: The numbers of the rows to train on and of those held out, for each fold.
        quality: 'quick' takes a linear network and one RealMLP, 'default' up to four
            RealMLPs, 'best' also TabM, a small MLP and RealMLPs of other settings.
        time: Seconds; None is no limit. What has begun when they are over is cut short.
        metric: What is chosen by: 'log_loss' (classes), 'rmse' (numbers), 'accuracy',
            'balanced_accuracy', 'f1', 'auc', 'brier'; 'mae', 'r2'.
        seed: Of all that is random.
        progress: Called with what is being done, and which part of the time is spent.
        rounds: Where finished rounds are kept, and found again.

    Returns:
        What was fitted; Ctrl-C gives the best so far.

    Raises:
        ValueError: A quality or a metric that there is not, folds without rows, rows
            without columns.
        KeyboardInterrupt: Ctrl-C before any network was trained.
    """
    _check(goal, folds, quality, time)
    chosen = metric_of(metric, goal.problem)
    with Interrupt() as press:
        clock = Clock(time, lambda: press.asked, progress)
        rounds = rounds or Rounds()
        run = _Fit(inputs_of_fold, goal, folds, chosen, seed, clock, rounds)
        run.baselines()
        run.networks(quality)
        made = run.finish()
        made.interrupted, made.skipped = press.asked, run.skipped
    return made


def _check(goal: Goal, folds: Sequence[Fold], quality: str, time: float | None) -> None:
    if quality not in QUALITIES:
        raise invalid("quality", repr(quality), " or ".join(map(repr, QUALITIES)))
    if time is not None and not time > 0:
        raise invalid("time", repr(time), "seconds, above 0", "write time=60")
    if not folds or not all(len(part) for fold in folds for part in fold):
        raise invalid(
            "folds",
            "a fold without rows" if folds else "no folds",
            "rows to train on and rows held out in each",
            "give more rows, or fewer folds",
        )


SPACE = {
    "rate": lambda rng: float(np.exp(rng.uniform(np.log(0.02), np.log(0.3)))),
    "dropout": lambda rng: float(rng.uniform(0.01, 0.5)),
    "sigma": lambda rng: float(np.exp(rng.uniform(np.log(0.02), np.log(2.0)))),
    "weight_decay": lambda rng: float(np.exp(rng.uniform(np.log(1e-3), np.log(0.05)))),
}
"""What settings of RealMLP are drawn from, "tabarena-new" where they are numbers."""


ENOUGH = 12
"""Epochs that each fold's network is to have; with too little time there are fewer
folds, and rows without an out-of-fold prediction."""

ENOUGH_ROWS = 20
"""Rows for each column from which on a linear network is damped in one way alone."""

TOGETHER = 4
"""Networks of other seeds in one program, where there is time for GOOD epochs of all;
there are as many in each round, since another number would be another program."""

GOOD, GOOD_FOR_NUMBERS = 64, 128
"""Numbers take longer: on concrete one network of 174 epochs is better than the mean of
four of 51.
"""

MANY, FINE = 10_000, 100
"""Rows from which on a table has many, and for each column of numbers from which on
fine steps can be told.
"""

SLOW, MIDDLE, FAST = (0.1, 0.5, 1.0, 2.0), (1.0, 0.5, 2.0, 0.1), (2.0, 1.0, 0.5, 0.1)
"""How fast the waves of RealMLP's numbers are, one value a member. Slow waves are best
on few rows (diabetes, heart: 0.1), fast ones where rows are enough to tell fine steps
(phoneme: 1.0, a log-loss of 0.242 in place of 0.280; adult: 2.0), and all of them
together beat each.
"""


class _Fit:
    """One fitting on its way.

    Attributes:
        said: Out-of-fold predictions of each member.
    """

    def __init__(
        self,
        inputs_of_fold: InputsOfFold,
        goal: Goal,
        folds: Sequence[Fold],
        metric: Metric,
        seed: int,
        clock: Clock,
        rounds: Rounds,
    ) -> None:
        self.rounds = rounds
        self.goal, self.folds, self.metric, self.clock = goal, folds, metric, clock
        self.seed, self.weights = seed, weights_of(goal)
        clock.tell("preparing the columns")
        self.inputs = [inputs_of_fold(train) for train, _ in folds]
        count = rounds.remember("folds", lambda: self._affordable(len(folds)))
        self.folds = folds = folds[:count]
        self.inputs = self.inputs[: len(folds)]
        sizes = [inputs.sizes for inputs in self.inputs]
        most = tuple(int(max(own)) for own in zip(*sizes, strict=True))
        numbers = self.inputs[0].numbers.shape[1]
        self.shape = shape_of(goal, numbers, most, self.inputs[0].doubles)
        if not numbers and not any(most):
            raise invalid(
                "the columns",
                "none that says anything",
                "one column or more beside the target",
                "leave fewer columns out",
            )
        rng = config.generator(seed)
        self.rows = Rows.of(self.shape, self.inputs, goal, folds, rng)
        own = np.concatenate([train for train, _ in folds])
        values = goal.values[own]
        self.bounds = (-np.inf, np.inf)
        if not goal.classes:
            # A line goes on beyond the rows, though not for ever, nor below 0 where
            # no target is: a price, a count.
            least, most = float(values.min()), float(values.max())
            low = least - (most - least)
            self.bounds = max(low, 0.0) if least >= 0 else low, 2 * most - least
        self.members: list[Member] = []
        self.said: list[np.ndarray] = []
        self.seconds: dict[str, float] = {}
        self.epochs: dict[str, int] = {}
        self.board: list[dict[str, Any]] = []
        self.ends: tuple[Member, np.ndarray] | None = None
        self.skipped: list[str] = []

    def _affordable(self, most: int) -> int:
        """How many folds there is time for: few that are trained, not many begun."""
        first, goal = self.inputs[0], self.goal
        shape = shape_of(goal, first.numbers.shape[1], first.sizes)
        if not shape.numbers and not any(shape.sizes):
            return most
        each = work(KINDS["realmlp"], shape, {}, len(self.folds[0][0]))
        counts = range(most, 1, -1)
        enough = (n for n in counts if epochs_for(n * each, self.clock, 0.6) >= ENOUGH)
        return next(enough, 1)

    # Contestants ----------------------------------------------------------------------

    def baselines(self) -> None:
        """A constant, and trees where scikit-learn is installed."""
        begin = self.clock.spent
        name = "majority" if self.goal.classes else "mean"
        self._enter(name, "baseline", constant(self.goal, self.folds), begin)
        self.clock.tell("HistGradientBoosting")
        begin = self.clock.spent
        until = self.clock.begin + 0.15 * self.clock.seconds
        made = boosting(
            self.goal, self.folds, lambda k: self.inputs[k], until, self.clock.asked
        )
        if made is not None and made[1]:
            self.trees = made[0]
            self._enter("HistGradientBoosting", "baseline", made[0], begin, made[1])

    def networks(self, quality: str) -> None:
        """The networks that there is time for, one round after another."""
        self._linear()
        settings = self._settings(quality)
        size = self.rounds.remember(
            "together", lambda: 1 if quality == "quick" else self._together()
        )
        first, share = settings[:size], self._share(quality, size)
        took = self._round("realmlp", first, share)
        if quality == "best" and took:
            self._round("tabm", [{"seed": self.seed}], 0.2)
            self._round("mlp", [{"seed": self.seed}], 0.1)
        if quality != "quick" and not self.goal.classes and took:
            self._ends(settings[0], took)
        took *= self._as_long_as_the_best("realmlp")
        for i in range(size, len(settings), size):
            if not took or self.clock.asked() or self.clock.left < 0.9 * took:
                break
            took = self._round("realmlp", settings[i : i + size], 0.9)

    def _as_long_as_the_best(self, name: str) -> float:
        """Lets later rounds end where the first were best: there is time for more.

        Returns:
            The share of the first round that they take.
        """
        own = [i for i, m in enumerate(self.members) if m.kind == name]
        if not own:
            return 1.0
        sign, before = self.metric.sign, self.epochs[name]
        best = max(own, key=lambda i: sign * self._score(self.said[i]))
        self.epochs[name] = max(self.members[best].settings["epoch"], FEWEST // 2)
        return self.epochs[name] / before

    def _ends(self, settings: Config, took: float) -> None:
        """Networks of the ends of intervals, where there is time for them."""
        clock = self.clock
        if clock.asked() or clock.left < 0.5 * took:
            return
        clock.tell("intervals")
        begin, epochs = clock.spent, self.epochs["realmlp"]
        rows = dataclasses.replace(self.rows, shape=_with_ends(self.shape))
        own = settings | {"rate": rows.shape.head.rate}
        watch = Watch(clock, "intervals", epochs, begin + 0.5 * clock.left)
        made = train("realmlp", rows, [own], epochs, watch)
        said = [np.clip(self._out_of_fold(member), *self.bounds) for member in made]
        lost, y = rows.shape.head.lost, self.goal.values

        def cost(ends: np.ndarray) -> float:
            at = self._rows(ends)
            return float(lost(y[at], ends[at]).mean())

        if made:
            best = int(np.argmin([cost(ends) for ends in said]))
            self.ends = made[best], said[best]

    def _settings(self, quality: str) -> list[Config]:
        """The settings of all RealMLPs, most wanted first."""
        rng = config.generator(self.seed)
        rows = len(self.goal.values)
        fine = rows >= FINE * max(self.shape.numbers, 1)
        sigmas = FAST if rows >= MANY else MIDDLE if fine else SLOW
        count = {"quick": 1, "default": TOGETHER, "best": 10 * TOGETHER}[quality]
        usual = {name: KINDS["realmlp"].settings.get(name) for name in SPACE}
        usual["rate"] = settled(KINDS["realmlp"], self.shape, {})["rate"]
        made = []
        for i in range(count):
            own = usual | {"seed": self.seed + i, "sigma": sigmas[i % len(sigmas)]}
            if i >= TOGETHER:
                own |= {name: draw(rng) for name, draw in SPACE.items()}
            made.append(own)
        return made

    def _work(self) -> float:
        """About how many operations an epoch of one RealMLP of all folds takes."""
        rows = len(self.rows.folds[0][0])
        return work(KINDS["realmlp"], self.shape, {}, rows) * len(self.folds)

    def _together(self) -> int:
        """How many networks are trained at once."""
        epochs = epochs_for(TOGETHER * self._work(), self.clock, 0.7)
        enough = GOOD if self.goal.classes else GOOD_FOR_NUMBERS
        return TOGETHER if epochs >= enough else 1

    def _share(self, quality: str, size: int) -> float:
        """The share of the time for the first RealMLPs: all, where they take it all."""
        if quality == "best":
            return 0.2
        alone = epochs_for(self._work(), self.clock, 0.45) < 2 * ENOUGH
        return 0.85 if quality == "quick" or size > 1 or alone else 0.45

    def _linear(self) -> None:
        """The linear network."""
        if self.clock.asked():
            return
        begin = self.clock.spent
        self.clock.tell(KINDS["linear"].title)
        rows, columns = (
            len(self.goal.values),
            self.shape.numbers + sum(self.shape.sizes),
        )
        # Of many rows for each column no penalty changes much.
        tried = penalties(self.shape)
        if rows >= max(MANY, ENOUGH_ROWS * columns):
            tried = tried[:1]
        self._keep([solved(self.rows, penalty) for penalty in tried], begin)

    def _keep(self, made: Sequence[Member], begin: float) -> float:
        """Takes networks in, with what they say out of fold; the seconds they took."""
        for member in made:
            self.members.append(member)
            self.said.append(self._out_of_fold(member))
        if made:
            self._note()
        seconds = self.clock.spent - begin
        if made:
            name = made[0].kind
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        return seconds if made else 0.0

    def _round(self, name: str, every: list[Config], share: float) -> float:
        """Trains networks of one kind; the seconds that it took, 0 if it did not."""
        clock, kind = self.clock, KINDS[name]
        if clock.asked():
            return 0.0
        if self.members and (
            clock.left <= 0 or not (name in self.epochs or clock.room)
        ):
            if name not in self.epochs:
                self.skipped.append(kind.title)
            return 0.0
        begin = clock.spent
        clock.tell(kind.title)
        if name not in self.epochs:  # later rounds have as many: it is one program
            self.epochs[name] = self.rounds.remember(
                f"epochs of {name}", lambda: self._epochs(name, every, share)
            )
        if (found := self.rounds.find(name, every, self.shape)) is not None:
            made, seconds = found
            clock.begin -= seconds  # which were spent before
            return self._keep(made, begin - seconds)
        epochs, now = self.epochs[name], clock.spent
        until = now + max(clock.left, 0) * min(2 * share, 1)
        watch = Watch(clock, kind.title, epochs, until)
        made = train(name, self.rows, every, epochs, watch)
        seconds = self._keep(made, begin)
        if made and not clock.asked():
            self.rounds.put(name, every, made, seconds)
        return seconds

    def _epochs(self, name: str, every: list[Config], share: float) -> int:
        """The epochs that there is time for, by the pace that training has."""
        clock = self.clock
        each = work(KINDS[name], self.shape, {}, len(self.rows.folds[0][0]))
        total = each * len(self.rows.folds) * len(every)
        if epochs_for(total, clock, 0.5 * share) >= EPOCHS:
            return EPOCHS
        seconds = pace(name, self.rows, every, clock)
        return int(min(EPOCHS, max(clock.left * share / seconds, FEWEST)))

    def _out_of_fold(self, member: Member) -> np.ndarray:
        """What each fold's network says to the rows that it was not trained on."""
        most = max(len(held) for _, held in self.folds)
        some = [np.resize(held, most) for _, held in self.folds]
        own = [inputs[at] for inputs, at in zip(self.inputs, some, strict=True)]
        every = member(stacked(self.shape, own))
        said = np.full((len(self.goal.values), *every.shape[2:]), np.nan)
        for (_, held), p in zip(self.folds, every, strict=True):
            said[held] = p[: len(held)]
        return said

    # Scores ---------------------------------------------------------------------------

    def _rows(self, said: np.ndarray) -> np.ndarray:
        """The rows that have a prediction."""
        return np.flatnonzero(~np.isnan(said.reshape(len(said), -1)[:, 0]))

    def _score(self, said: np.ndarray) -> float:
        at = self._rows(said)
        y, w = self.goal.values[at], self.weights[at]
        return self.metric.score(y, self._bounded(said[at]), w)

    def _bounded(self, said: np.ndarray) -> np.ndarray:
        """Numbers within those of the target."""
        return said if self.goal.classes else np.clip(said, *self.bounds)

    def _note(self) -> None:
        """Remembers what the leaderboard would say now, for who watches."""
        if self.clock.watched:
            at, parts = self._parts(self.said[0])
            mixed, _ = self._mixed(at, parts)
            score = self.metric.score(self.goal.values[at], mixed, self.weights[at])
            self.clock.best = f"; ensemble so far: {self.metric.name} {score:.4g}"

    def _mixed(
        self, at: np.ndarray, parts: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, float]:
        """The ensemble's predictions of the rows that have one, and its temperature."""
        known = np.stack([self._bounded(said)[at] for said in self.said])
        mixed = crossed(known, parts, self._chosen(at))
        if not self.goal.classes:
            return mixed, 1.0
        y, w = self.goal.values[at], self.weights[at]
        by, mixed = calibration.kept_temperature(y, mixed, w, parts)
        return mixed, by

    def _enter(
        self,
        name: str,
        kind: str,
        said: np.ndarray,
        begin: float,
        folds: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """A line of the leaderboard."""
        at, said = self._rows(said), self._bounded(said)
        y, w = self.goal.values[at], self.weights[at]
        took = self.clock.spent - begin if seconds is None else seconds
        self.board.append({
            "name": name,
            "kind": kind,
            "score": self.metric.score(y, said[at], w),
            "interval": list(interval(self.metric, y, said[at], w, self.seed)),
            "seconds": round(took, 2),
            "folds": folds or len(self.folds),
        })  # fmt: skip

    # The end --------------------------------------------------------------------------

    def finish(self) -> Fitted:
        """The ensemble, calibrated, and the leaderboard."""
        if not self.members:
            raise KeyboardInterrupt
        begin = self.clock.spent
        self.clock.tell("the ensemble")
        every = np.stack([self._bounded(said) for said in self.said])
        at, parts = self._parts(every[0])
        known = every[:, at]
        for name, seconds in self.seconds.items():
            own = [i for i, m in enumerate(self.members) if m.kind == name]
            said = empty(self.goal)
            said[at] = crossed(known[own], parts, self._chosen(at))
            count = len({m.settings["seed"] for i, m in enumerate(self.members)
                         if i in own})  # fmt: skip
            title = KINDS[name].title + (f", {count} of them" * (count > 1))
            self._enter(title, "network", said, 0, None, seconds)
        shares = self._chosen(at)(known, np.arange(len(at)))
        mixed = empty(self.goal)
        mixed[at], by = self._mixed(at, parts)
        for line in self.board:
            if line["folds"] < len(self.folds):  # trees that had no time for more
                same = np.intersect1d(self._rows(self.trees), at)
                y, w = self.goal.values[same], self.weights[same]
                line["networks"] = self.metric.score(y, mixed[same], w)
        total = sum(self.seconds.values()) + self.clock.spent - begin
        self._enter("ensemble", "ensemble", mixed, 0, None, total)
        self.board.sort(key=lambda line: -self.metric.sign * line["score"])
        used = np.flatnonzero(shares)
        made = Fitted(
            self.goal,
            self.shape,
            [self.members[i] for i in used],
            shares[used],
            mixed,
            self.board,
            self.metric.name,
            by,
            self.bounds,
        )
        if self.ends is not None:
            wide = np.subtract(*made.lower_upper(mixed[at])[::-1]).mean()
            made.ends, made.ends_out_of_fold = self.ends
            ends = made.ends_out_of_fold[at]
            narrow = np.subtract(*made.lower_upper(mixed[at], ends=ends)[::-1]).mean()
            if not narrow < NARROWER * wide:
                made.ends = made.ends_out_of_fold = None
        return made

    def _parts(self, said: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """The rows that have a prediction, and the places in them of each part.

        What is chosen by rows is chosen by those of the other parts, so that a score
        is of rows that had no say: the parts are the folds, or halves of the one fold.
        """
        at = self._rows(said)
        place = np.full(len(said), -1)
        place[at] = np.arange(len(at))
        parts = [place[held] for _, held in self.folds]
        if len(parts) < 2:
            order = config.generator(self.seed).permutation(len(at))
            parts = [np.sort(order[::2]), np.sort(order[1::2])]
        return at, [part for part in parts if len(part)]

    def _chosen(self, at: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """What gives the weights of members by some of the rows."""

        def choose(said: np.ndarray, some: np.ndarray) -> np.ndarray:
            if len(some) > CHOSEN:
                some = config.generator(self.seed).choice(some, CHOSEN, replace=False)
            y, w = self.goal.values[at[some]], self.weights[at[some]]
            said = said[:, some]
            if self.metric.name == "log_loss":  # which asks for that of the class alone
                said = said[:, np.arange(len(y)), y]

            def cost(mean: np.ndarray) -> float:
                if self.metric.name == "log_loss":
                    return float(-np.average(np.log(np.clip(mean, TINY, 1)), weights=w))
                score = -self.metric.sign * self.metric.score(y, mean, w)
                # Equal scores, as of accuracies, are told apart by the loss.
                loss = np.average(losses_of(self.goal.problem, y, mean), weights=w)
                return float(np.nan_to_num(score, nan=np.inf) + 1e-6 * loss)

            return greedy(said, cost)

        return choose
