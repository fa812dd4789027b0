"""The curves of many networks, by the rules of one: what a population shows."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from onefit.guide.diagnose import by_curves, root_causes
from onefit.guide.evidence import Evidence
from onefit.guide.finding import Finding
from onefit.guide.run import Run
from onefit.networks.network import Network
from onefit.optimizers.base import Optimizer
from onefit.training.history import History
from onefit.training.job import Job
from onefit.training.task import Train

__all__ = ["Member", "evidence_of", "shown_by_all", "shown_by_some"]

NAMED = 5
"""Members that are named, at most, of those that show a finding."""


class Member(NamedTuple):
    """A network of many, as the rules look at it.

    Attributes:
        number: Which one it is.
        model: Of its structure.
        optimizer: With its own learning rate.
        logs: Its numbers by name, one an epoch that ran.
        stopped: 'rule', 'dropped', or None.
        evidence: What is known of the rows that it was trained on.
    """

    number: int
    model: Network
    optimizer: Optimizer
    logs: dict[str, np.ndarray]
    stopped: str | None
    evidence: Evidence


def evidence_of(job: Job) -> Evidence:
    """What is kept of a fit of many for their curves: no weights, some rows."""
    # The rate with which it began is the member's own.
    return Evidence(job, None, Train(None, None, {"iterations": 0}))


def found_in(member: Member) -> list[Finding]:
    """What the curves of one member show."""
    history = History(_Held(member.optimizer))  # type: ignore[arg-type]  # no more is asked
    history.history = {name: values.tolist() for name, values in member.logs.items()}
    history.epoch = list(range(len(member.logs["loss"])))
    # What was dropped on the way had no time to come to rest.
    history.stopped = "interrupted" if member.stopped == "dropped" else member.stopped
    history.evidence = member.evidence
    return root_causes(by_curves(Run(history))) if history.epoch else []


class _Held(NamedTuple):
    """What a rule asks a model for."""

    optimizer: Any  # an Optimizer; rules ask for its rate, whatever its class


def shown_by_some(members: Sequence[Member]) -> list[Finding]:
    """What members show, each finding once: by how many, by which, and as of one."""
    shown: dict[str, list[tuple[Member, Finding]]] = {}
    for member in members:
        for finding in found_in(member):
            shown.setdefault(finding.code, []).append((member, finding))
    return list(_counted(shown, len(members)))


def _counted(
    shown: dict[str, list[tuple[Member, Finding]]], count: int
) -> Iterator[Finding]:
    for those in sorted(shown.values(), key=len, reverse=True):
        member, finding = those[0]
        numbers = [str(one.number) for one, _ in those]
        named = ", ".join(numbers[:NAMED]) + ", ..." * (len(numbers) > NAMED)
        worst = any(one.severity == "error" for _, one in those)
        yield dataclasses.replace(
            finding,
            severity="error" if worst else "hint",
            seen=f"{len(those)} of {count} members ({named}); of member "
            f"{member.number}: {finding.seen}",
        )


def shown_by_all(members: Iterable[Member]) -> list[Finding]:
    """The errors that every member shows; looks no further where there is none."""
    codes: set[str] | None = None
    kept: list[Finding] = []
    for member in members:
        found = [f for f in found_in(member) if f.severity == "error"]
        own = {f.code for f in found}
        codes = own if codes is None else codes & own
        kept = kept or found
        if not codes:
            return []
    return [finding for finding in kept if finding.code in (codes or set())]
