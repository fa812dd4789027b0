"""Small programs with a planted fault, each beside its twin, and clean programs."""

from catalogue import (  # noqa: F401
    asked,
    clean,
    data,
    fresh,
    heads,
    later,
    network,
    runs_conv,
    runs_dense,
    runs_recurrent,
    settings,
)
from catalogue.base import CLEAN, FAULTS, Clean, Fault, Program, score

__all__ = ["CLEAN", "FAULTS", "Clean", "Fault", "Program", "score"]
