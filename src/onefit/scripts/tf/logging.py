"""tf.compat.v1.logging: how much is reported; there is nothing to report here."""

import logging

from onefit.scripts.noops import noop

__all__ = ["DEBUG", "ERROR", "FATAL", "INFO", "WARN", "set_verbosity"]

DEBUG, INFO, WARN, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR
FATAL = logging.CRITICAL


@noop("tf.compat.v1.logging.set_verbosity", "nothing is logged")
def set_verbosity(v: int) -> None:
    """Does nothing: nothing is logged."""
