"""The guide beside the network: findings as JSON, and the design that mends one."""

from onefit.guide.codes import CODES
from onefit.guide.finding import Finding, Report
from onefit.guide.korean import KOREAN
from onefit.lab.design import Design
from onefit.types import Config

__all__ = ["mended", "told"]


def told(report: Report, design: Design | None) -> list[Config]:
    """Findings in both languages; `fix` says whether a button can mend it here."""
    return [
        {
            "code": finding.code,
            "severity": finding.severity,
            "layer": finding.layer,
            "seen": finding.seen,
            "title": {"en": CODES[finding.code], "ko": KOREAN[finding.code][0]},
            "why": {"en": finding.why, "ko": KOREAN[finding.code][1]},
            "instead": {"en": finding.instead, "ko": KOREAN[finding.code][2]},
            "fix": design is not None and mended(finding, design) is not None,
        }
        for finding in report
    ]


def mended(finding: Finding, design: Design) -> Design | None:
    """The design with the fault mended.

    None where that is not a matter of the design: of the rows, of a layer that the page
    does not have.
    """
    if finding.program is None or not finding.remedies:
        return None
    try:
        program = finding.fixed()
    except (ValueError, TypeError):
        return None
    if program.x is not finding.program.x or program.y is not finding.program.y:
        return None
    found = design.of(program.model)
    if found is None:
        return None
    batch = program.fit.get("batch_size")
    if isinstance(batch, int):
        found = found.changed({"batch": batch})
    return None if found == design else found
