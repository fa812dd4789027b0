"""The error of a file that is not what it should be."""

from onefit.errors import invalid

__all__ = ["BadFile", "Misfit", "refusal", "short"]

LONG = 2000
"""The most letters that an error says of what was received."""


class BadFile(ValueError):
    """A file that cannot be read, or an object that cannot be written to one."""


class Misfit(BadFile):
    """Arrays of a file that do not fit a layer, which may be left as it is."""


def refusal(
    where: str,
    *,
    received: str,
    expected: str,
    fix: str = "",
    kind: type[BadFile] = BadFile,
) -> BadFile:
    """The error for it, in the form of all errors; the caller raises it."""
    if len(received) > LONG:  # a file's own words may be
        received = f"{received[: LONG - 100]} ... {received[-90:]}"
    return kind(str(invalid(where, received, expected, fix)))


def short(value: object) -> str:
    """What a value is, in a few letters."""
    if isinstance(value, dict | list):
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) < 80 else f"{text[:76]}..."
