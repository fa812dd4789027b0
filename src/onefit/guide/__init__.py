"""The guide: checks before, watching during, and diagnosing after a fit.

Rules in `rules/` are functions that look at a network, its settings, its data or its
logs and give findings. `check.py`, `watch.py` and `diagnose.py` call them; `probe.py`
and `replay.py` measure a step by `Task.gradients`, as `trace.py` does, whose pages are
in `tracing/`; `suggest.py` is where to begin. The guide uses training and what it
stands on, and plots, for the picture of a finding; it gets models from its callers, and
does not import them.
"""

from onefit.guide.codes import CODES
from onefit.guide.finding import Finding, Report, TrainingWarning

__all__ = ["CODES", "Finding", "Report", "TrainingWarning"]
