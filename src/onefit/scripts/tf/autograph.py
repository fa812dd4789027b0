"""tf.autograph: nothing is translated here, so there is nothing to say of it."""

import inspect
from typing import Any

from onefit.scripts.noops import noop

__all__ = ["experimental", "set_verbosity", "to_code", "trace"]

_WHY = "Python code is run or traced as it is; there is no translation to report"


@noop("tf.autograph.set_verbosity", _WHY)
def set_verbosity(level: int, alsologtostdout: bool = False) -> None:
    """Does nothing: no code is translated, so there is nothing to report."""


@noop("tf.autograph.trace", _WHY)
def trace(*args: Any) -> None:
    """Does nothing: no code is translated, so there is nothing to report."""


def to_code(entity: Any, recursive: bool = True, **kwargs: Any) -> str:
    """The code of a function as it stands: nothing is translated."""
    return inspect.getsource(getattr(entity, "python_function", entity))


class experimental:
    """What changes how code is translated, which does nothing here."""

    @staticmethod
    def do_not_convert(func: Any = None) -> Any:
        """The function itself."""
        return (lambda f: f) if func is None else func
