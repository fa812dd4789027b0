"""Diagnosing a fit: what its curves show, and what the layers did."""

import numpy as np

from onefit.errors import invalid
from onefit.guide.finding import Finding, Report
from onefit.guide.remedies import cured
from onefit.guide.rules.curves import CURVES
from onefit.guide.rules.layers import LAYERS
from onefit.guide.run import Run
from onefit.training.history import History

__all__ = ["by_curves", "by_probes", "diagnose", "root_causes"]

NO_LEARNING = {
    "dead-units",
    "saturated-units",
    "vanishing-gradients",
    "symmetric-units",
    "frozen-weights",
    "crawling",
    "too-few-steps",
    "learning-rate-too-low",
    "target-not-scaled",
    "exploding-gradients",
    "penalty-too-strong",
    "diverging",
    "oscillating",
}

CAUSES = {
    "stuck-at-chance": NO_LEARNING,
    "underfitting": NO_LEARNING | {"stuck-at-chance"},
    "one-class-predictor": NO_LEARNING | {"stuck-at-chance", "underfitting"},
    "exploding-gradients": {"diverging", "dead-units", "saturated-units"},
    "oscillating": {"diverging"},
    "vanishing-gradients": {"saturated-units", "symmetric-units"},
    "frozen-weights": {"dead-units", "symmetric-units"},
    "crawling": {"dead-units", "saturated-units", "vanishing-gradients"},
    "too-few-steps": {"crawling", "stopped-too-early"},
    "overfitting": {"target-unrelated"},
}
"""Findings that say less than others, which name the cause: {finding: causes}."""

SAID = {"too-few-steps"}
"""Causes that, as hints too, say enough."""


def diagnose(history: History) -> Report:
    """What kept a fit from learning, or from learning more.

    Args:
        history: What `fit` returned.

    Returns:
        The findings, errors first: what was seen, why it matters, what to write
        instead, and the curve that shows it (`finding.plot()`).

    Raises:
        ValueError: A history without epochs, or of a fit that was not watched.
    """
    if not history.epoch or getattr(history, "evidence", None) is None:
        raise invalid(
            "diagnose",
            "a fit of no epochs" if not history.epoch else "a fit not watched",
            "the history of a fit that has run",
            "call fit with epochs=1 or more, after compile(..., check=True)",
        )
    run = Run(history)
    found = by_curves(run) + by_probes(run)
    found = cured(root_causes(found), run.evidence.program)
    return Report(found, f"diagnosis of {history.model.name!r}")


def by_curves(run: Run) -> list[Finding]:
    """What the losses and scores alone show."""
    return [finding for rule in CURVES for finding in rule(run)]


def by_probes(run: Run) -> list[Finding]:
    """What measured steps show; measures them where that has not been done."""
    if not np.isfinite(run.loss[-1]):
        return []  # nothing can be measured with weights that are NaN
    if run.swept:
        return []  # what a search for a rate leaves behind is no fault of the network
    return [finding for rule in LAYERS for finding in rule(run)]


def root_causes(found: list[Finding]) -> list[Finding]:
    """The findings, each once, without those that only follow from others."""
    codes = {f.code for f in found if f.severity == "error" or f.code in SAID}
    once = {(f.code, f.layer): f for f in reversed(found)}
    return [
        f
        for f in found
        if not CAUSES.get(f.code, set()) & codes and once[f.code, f.layer] is f
    ]
