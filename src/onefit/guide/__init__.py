"""The guide: checks before, watching during, and diagnosing after a fit."""

from onefit.guide.codes import CODES
from onefit.guide.finding import Finding, Report, TrainingWarning

__all__ = ["CODES", "Finding", "Report", "TrainingWarning"]
