"""The error of a file that is not what it should be."""

from onefit.errors import invalid

__all__ = ["BadFile", "refusal"]


class BadFile(ValueError):
    """A file that cannot be read, or an object that cannot be written to one."""


def refusal(where: str, *, received: str, expected: str, fix: str = "") -> BadFile:
    """The error for it, in the form of all errors; the caller raises it."""
    return BadFile(str(invalid(where, received=received, expected=expected, fix=fix)))
