"""What a population leaves: every member's curves, settings and weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit import config
from onefit.data import rows
from onefit.errors import invalid, is_whole, unknown
from onefit.models import Model
from onefit.packages import package
from onefit.types import Data, Tree

if TYPE_CHECKING:
    import pandas as pd

    from onefit.guide import Report
    from onefit.guide.evidence import Evidence
    from onefit.guide.many import Member
    from onefit.population.ensemble import Ensemble
    from onefit.population.scores import Row
    from onefit.population.together import Stack

__all__ = ["Group", "Population"]


class Group:
    """Members of one structure: the model that they are copies of, their weights."""

    def __init__(
        self,
        model: Model,
        params: Tree,
        state: Tree,
        at: np.ndarray,
        kept: Mapping[int, tuple[Tree, Tree]] = MappingProxyType({}),
    ) -> None:
        self.model, self.params, self.state, self.at = model, params, state, at
        self.kept = kept


class Population:
    """Many trained networks: histories as arrays, settings, weights.

    Attributes:
        history: Each log's name and its numbers, (member, epoch); NaN after the epoch
            at which a member stopped.
        settings: What differs between members: each setting's name and its values,
            one a member, the seed among them.
        epochs: How many epochs each member ran, (member,).
        stopped: Why each ended early: 'rule', 'dropped', or None.
        directions: Which way is better, for each log.
        seconds: Wall time, compiling included.
        interrupted: Whether Ctrl-C ended it.
        numbers: Which of the networks that were asked for the members are; all of them,
            unless Ctrl-C came before some were begun.
        evidence: What the guide keeps of the rows, for each group; of a population that
            comes out of files, nothing.
    """

    def __init__(
        self,
        groups: list[Group],
        history: dict[str, np.ndarray],
        settings: dict[str, list[Any]],  # each of any type
        epochs: np.ndarray,
        stopped: list[str | None],
        directions: dict[str, str | None],
        seconds: float,
        interrupted: bool,
        numbers: np.ndarray | None = None,
        evidence: "Sequence[Evidence | None]" = (),
    ) -> None:
        self.evidence = tuple(evidence)
        self.groups, self.history, self.settings = groups, history, settings
        self.epochs, self.stopped, self.directions = epochs, stopped, directions
        self.seconds, self.interrupted = seconds, interrupted
        self.numbers = np.arange(len(epochs)) if numbers is None else numbers

    def __len__(self) -> int:
        return len(self.epochs)

    # Numbers of each member ----------------------------------------------------------

    def column(self, monitor: str | None = None) -> np.ndarray:
        """A number of each log's table, (member, epoch)."""
        monitor = self._monitor(monitor)
        if monitor not in self.history:
            raise unknown("log", monitor, list(self.history))
        return self.history[monitor]

    def final(self, monitor: str | None = None) -> np.ndarray:
        """The number of each member's last epoch that has it, (member,).

        NaN for members that diverged, whatever their accuracy says.
        """
        table = self.column(monitor)
        if not table.shape[1]:
            return np.full(len(self), np.nan)
        has = ~np.isnan(table)
        last = table.shape[1] - 1 - has[:, ::-1].argmax(axis=1)
        usable = has.any(axis=1) & ~self.diverged()
        return np.where(usable, table[np.arange(len(table)), last], np.nan)

    def diverged(self) -> np.ndarray:
        """Which members' loss was not a finite number at their end, (member,)."""
        if not self.epochs.any():
            return np.zeros(len(self), bool)
        last = np.maximum(self.epochs - 1, 0)
        loss = self.history["loss"][np.arange(len(self)), last]
        return ~np.isfinite(loss) & (self.epochs > 0)

    def divergence(self) -> str:
        """How many diverged, and from which learning rate on; '' if none did."""
        gone = self.diverged()
        if not gone.any():
            return ""
        count = f"{gone.sum()} diverged"
        if gone.all():
            count = f"all {len(self)} networks diverged (the loss is not finite)"
        rates = self._rates()
        low, high = (f(rates[gone]) for f in (np.min, np.max))
        if np.isnan(low):  # a schedule has no one rate
            return count
        kept = rates[~gone].max(initial=-np.inf)
        if low > kept > 0:
            return f"{count}, from learning rate {low:g} on; {kept:g} did not"
        between = f"s {low:g} to {high:g}" if low < high else f" {low:g}"
        return f"{count}, at learning rate{between}"

    def _rates(self) -> np.ndarray:
        """The learning rate that each member started with, NaN for a schedule."""
        rates = np.full(len(self), np.nan)
        for group in self.groups:
            optimizer = group.model.optimizer
            if optimizer is not None and optimizer.constant_rate:
                rates[group.at] = optimizer.learning_rate
        for i, value in enumerate(self.settings.get("learning_rate", ())):
            rates[i] = value if isinstance(value, int | float) else np.nan
        return rates

    def share(
        self,
        *,
        above: float | None = None,
        below: float | None = None,
        monitor: str | None = None,
    ) -> float:
        """The share of members whose final number is above, or below, this one.

        Args:
            above, below: The criterion; one of the two.
            monitor: The log's name; 'val_loss' or 'loss' unless given.
        """
        if (above is None) == (below is None):
            raise invalid(
                "share",
                "both" if above is not None else "neither above nor below",
                "one of them",
                "write share(below=0.1, monitor='loss')",
            )
        value = self.final(monitor)
        succeeded = value > above if above is not None else value < below
        return float(np.mean(succeeded))

    def ranking(self, monitor: str | None = None) -> np.ndarray:
        """The members from the best to the worst; those that diverged come last."""
        monitor = self._monitor(monitor)
        if monitor in self.directions and self.directions[monitor] is None:
            raise invalid(
                "ranking",
                f"{monitor!r}, which does not say which way is better",
                "a loss, or a metric that says it",
                "give the metric a direction = 'max' (or 'min'), or rank by 'loss'",
            )
        value = self.final(monitor)
        value = -value if self.directions.get(monitor) == "max" else value
        return np.argsort(np.where(np.isfinite(value), value, np.inf), kind="stable")

    def _monitor(self, monitor: str | None) -> str:
        return monitor or ("val_loss" if "val_loss" in self.history else "loss")

    # Members as models ---------------------------------------------------------------

    def diagnose(self) -> "Report":
        """What the curves of its members show, by the rules of `History.diagnose`.

        Each finding stands once, with how many members show it, and which. Measured
        steps (dead units, gradients by layer) are those of one network: fit
        `many.member(3)` for them.

        Raises:
            ValueError: A population that comes out of files, whose rows are not known.

        Example:
            >>> from onefit import Input, Sequential, population
            >>> from onefit.layers import Dense
            >>> x = np.random.default_rng(0).normal(size=(64, 2))
            >>> model = Sequential([Input((2,)), Dense(1)])
            >>> model.compile(onefit.optimizers.SGD(1.0), "mse")
            >>> rates = {"learning_rate": [0.1, 30.0]}
            >>> many = population.fit(
            ...     model, x, x[:, 0], vary=rates, epochs=4, verbose=0
            ... )
            >>> report = many.diagnose()
            >>> report[0].code, report[0].seen.split(";")[0]
            ('diverging', '1 of 2 members (1)')
        """
        from onefit.guide import Report
        from onefit.guide.many import shown_by_some

        found = shown_by_some(list(self._watched()))
        return Report(found, f"diagnosis of {len(self)} networks")

    def _watched(self) -> "Iterator[Member]":
        """The members as the guide looks at them."""
        from onefit.guide.many import Member

        if len(self.evidence) != len(self.groups) or None in self.evidence:
            raise invalid(
                "diagnose",
                "a population whose rows are not known",
                "one that population.fit has returned",
                "call diagnose() before it is written to a file",
            )
        for group, evidence in zip(self.groups, self.evidence, strict=True):
            assert evidence is not None
            for i in group.at.tolist():
                optimizer = group.model.optimizer
                assert optimizer is not None
                rate = self.settings.get("learning_rate", ())
                if len(rate) and isinstance(rate[i], int | float):
                    optimizer = optimizer.replace(learning_rate=rate[i])
                ran = int(self.epochs[i])
                logs = {name: table[i, :ran] for name, table in self.history.items()}
                logs = {
                    name: values[~np.isnan(values)] if name[:4] == "val_" else values
                    for name, values in logs.items()
                }
                yield Member(i, group.model, optimizer, logs, self.stopped[i], evidence)

    def best(self, monitor: str | None = None) -> Model:
        """The member with the best final number, as a model of its own."""
        return self.member(int(self.ranking(monitor)[0]))

    def member(self, index: int) -> Model:
        """A member as a model of its own, compiled as it was trained."""
        from onefit.population.axes import find, rebuilt

        if not is_whole(index, -len(self)) or index >= len(self):
            raise invalid("member", f"{index!r}", f"a number from 0 to {len(self) - 1}")
        index = int(index) % len(self)
        group = next(group for group in self.groups if index in group.at)
        own = int(np.flatnonzero(group.at == index)[0])
        changes = [
            (place, values[index])
            for name, values in self.settings.items()
            for place in ([find(group.model, name)] if name != "fold" else [])
            if place.part != "fit"
        ]
        with config.aside(0):
            model = rebuilt(group.model, changes)
        pick = jax.tree.map(lambda a: np.array(a[own]), (group.params, group.state))
        model.graph.store(*pick)
        return model

    def members(self, indices: Sequence[int] | None = None) -> list[Model]:
        """These members, or all, as models."""
        chosen = range(len(self)) if indices is None else indices
        return [self.member(int(i)) for i in chosen]

    def ensemble(
        self, top: int | None = None, monitor: str | None = None
    ) -> "Ensemble":
        """The best members as one model, whose prediction is their mean.

        Args:
            top: How many; all that did not diverge unless given.
            monitor: The log by whose final number they are chosen.

        Raises:
            ValueError: More than there are, or fewer than two.
        """
        from onefit.population.ensemble import Ensemble

        usable = self.ranking(monitor)
        usable = usable[np.isfinite(self.final(monitor))[usable]]
        if top is not None and (not is_whole(top, 2) or top > len(usable)):
            raise invalid(
                "ensemble",
                f"top={top!r}",
                f"a number from 2 to {len(usable)}, the networks that did not diverge",
            )
        return Ensemble(self.members(usable[:top].tolist()))

    def predict(self, x: Data, batch_size: int | None = None) -> np.ndarray:
        """Every member's outputs for these rows, (member, rows, ...)."""
        from onefit.population.together import outputs

        model = self.groups[0].model
        if model.graph.stateful:
            each = [m.predict(x, batch_size) for m in self.members()]
            return jax.tree.map(lambda *a: np.stack(a), *each)
        x = model.numbers(x)
        x = rows.as_batch(x, finite=False, inputs=model.entry_names).x
        stacks = [self._stack(group) for group in self.groups]
        parts = list(outputs(stacks, x, batch_size))
        order = np.argsort(np.concatenate([group.at for group in self.groups]))
        return jax.tree.map(lambda *a: np.concatenate(a, axis=1)[order], *parts)

    def _stack(self, group: Group) -> "Stack":
        """A group's graph, weights and states, each member with its own numbers."""
        from onefit.population.axes import find, replaced_at, varies_inside, with_axes
        from onefit.population.together import repeated

        numbers = []
        for name in (name for name in self.settings if name != "fold"):
            place = find(group.model, name)
            own = [self.settings[name][i] for i in group.at]
            if place.part == "layer" and varies_inside(place, own):
                numbers.append((place, np.array(own, config.floatx())))
        graph, leaves = with_axes(group.model.graph, numbers)
        graph = repeated(graph, len(group.at))
        graph = replaced_at(graph, leaves, [values for _, values in numbers])
        return graph, group.params, group.state

    # Tables --------------------------------------------------------------------------

    def rows(self, monitor: str | None = None) -> "list[Row]":
        """A dict for each member, the best first: its settings and final numbers.

        A log that is called like a setting (the learning rate's) is not repeated.
        """
        finals = {
            name: self.final(name) for name in self.history if name not in self.settings
        }
        return [
            {"member": int(i)}
            | {name: values[i] for name, values in self.settings.items()}
            | {name: float(final[i]) for name, final in finals.items()}
            | {"epochs": int(self.epochs[i])}
            for i in self.ranking(monitor)
        ]

    def scores(self, monitor: str | None = None) -> "list[Row]":
        """Over the seeds and folds of each setting, the best setting first.

        Args:
            monitor: The log by whose mean they are ordered; 'val_loss' or 'loss'.

        Returns:
            For each setting a dict: 'setting' (its names and values), 'mean' and 'std'
            (of each log's final numbers; the deviation divides by n - 1), 'n'.
        """
        from onefit.population.scores import scores

        return scores(self, self._monitor(monitor))

    def summary(
        self,
        monitor: str | None = None,
        top: int = 20,
        print_fn: Callable[[str], object] | None = None,
    ) -> None:
        """Prints the scores as a table: a setting a row, the best first.

        Args:
            monitor: The log by whose mean they are ordered; 'val_loss' or 'loss'.
            top: So many rows at most.
            print_fn: Takes the text in place of printing.
        """
        from onefit.population.scores import table

        (print_fn or print)(table(self, self._monitor(monitor), top))

    def to_frame(self) -> "pd.DataFrame":
        """The same as a pandas DataFrame, in the order of the members."""
        frame = package("pandas", "to_frame").DataFrame
        return frame(self.rows()).set_index("member").sort_index()

    def __repr__(self) -> str:
        monitor = self._monitor(None)
        value = self.final(monitor)
        value = value[np.isfinite(value)]
        if not len(value):
            return f"Population({self.divergence() or f'{len(self)} networks'})"
        low, middle, high = np.quantile(value, [0.0, 0.5, 1.0])
        lost = ", ".join(["", *filter(None, [self.divergence()])])
        return (
            f"Population({len(self)} networks{lost}; {monitor}: median {middle:.4g}, "
            f"{low:.4g} to {high:.4g}; {self.seconds:.1f} s)"
        )
