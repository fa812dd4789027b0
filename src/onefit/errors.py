"""The one form of every error: what was received, what was expected, what to write.

An error is raised before anything is compiled. Its sentence is complete by itself,
names the layer or argument, and ends in the fix.
"""

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = [
    "ArgumentError",
    "OnefitWarning",
    "invalid",
    "is_whole",
    "mistyped",
    "unknown",
    "unready",
]


SHOWN = 15
"""So many known names an error lists; of more it shows the nearest."""


class OnefitWarning(UserWarning):
    """Something that runs, yet is probably not what was meant."""


class ArgumentError(TypeError, ValueError):
    """An argument of the wrong kind: a TypeError in Python, a ValueError in Keras.

    Programs catch the one or the other; this is both.
    """


def _sentence(where: str, received: str, expected: str, fix: str) -> str:
    head = f"{where}: " if where else ""
    tail = f" {fix[0].upper()}{fix[1:].rstrip('.')}." if fix else ""
    return f"{head}received {received}; expected {expected}.{tail}"


def is_whole(value: Any, least: int | None = 0) -> bool:
    """Whether a value is a whole number (True is none), and at least this, if not None.

    >>> is_whole(3), is_whole(True), is_whole(0, least=1)
    (True, False, False)
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and (least is None or int(value) >= least)


def invalid(where: str, received: str, expected: str, fix: str = "") -> ValueError:
    """The error for a value that cannot be meant; the caller raises it.

    >>> raise invalid("Dense 'out'", "units=0", "a positive integer",
    ...               "write Dense(1) for one output")
    Traceback (most recent call last):
    ValueError: Dense 'out': received units=0; expected a positive integer. Write \
Dense(1) for one output.
    """
    return ValueError(_sentence(where, received, expected, fix))


def mistyped(where: str, received: str, expected: str, fix: str = "") -> ArgumentError:
    """As `invalid`, for a value of the wrong type."""
    return ArgumentError(_sentence(where, received, expected, fix))


def unready(where: str, received: str, expected: str, fix: str = "") -> AttributeError:
    """As `invalid`, for an attribute that is not there yet: `hasattr` is then False."""
    return AttributeError(_sentence(where, received, expected, fix))


def unknown(
    kind: str, name: object, names: Iterable[str], listed: str = ""
) -> ValueError:
    """The error for a name that nobody has, with the nearest ones.

    A long list of names is not shown: `listed` says where it is.

    >>> raise unknown("activation", "rleu", ["relu", "tanh"])
    Traceback (most recent call last):
    ValueError: Unknown activation 'rleu'. Did you mean 'relu'? Known: relu, tanh.
    """
    known = sorted(set(names))
    spelled = {n.lower(): n for n in known}  # of Dense and dense, the latter
    asked = str(name).lower()
    near = difflib.get_close_matches(asked, spelled)
    near += [n for n in spelled if "".join(w[:1] for w in n.split("_")) == asked]
    few = len(known) <= SHOWN
    hint = " or ".join(repr(spelled[n]) for n in near[: 2 if few else 3])
    question = f" Did you mean {hint}?" if hint else ""
    if few:
        rest = f" Known: {', '.join(known)}."
    else:
        any_near = difflib.get_close_matches(str(name).lower(), spelled, cutoff=0.0)
        nearest = ", ".join(spelled[n] for n in any_near)
        rest = "" if hint else f" Nearest of {len(known)}: {nearest}."
        rest += f" All of them: {listed}." if listed else ""
    return ValueError(f"Unknown {kind} {name!r}.{question}{rest}")
