"""What does nothing here, and says so: functions that are counted when called."""

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

__all__ = ["CALLED", "noop", "why_nothing"]

CALLED: Counter[str] = Counter()
"""How often each was called since the script began."""


def noop(name: str, reason: str) -> Callable[[Any], Any]:
    """Marks a function that does nothing here, and says why.

    >>> @noop("tf.config.set_visible_devices", "one device is used")
    ... def set_visible_devices(devices):
    ...     '''Chooses devices.'''
    >>> why_nothing(set_visible_devices)
    'one device is used'
    """

    def mark(function: Any) -> Any:
        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            CALLED[name] += 1
            return function(*args, **kwargs)

        vars(counted)["does_nothing"] = reason
        return counted

    return mark


def why_nothing(thing: Any) -> str:
    """Why a function does nothing here; empty for one that does something."""
    return getattr(thing, "does_nothing", "")
