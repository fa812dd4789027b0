"""How much a client may ask for."""

from dataclasses import dataclass, fields

from onefit.errors import invalid

__all__ = ["Bounds"]


@dataclass(frozen=True)
class Bounds:
    """What clients may ask for at most.

    Args:
        size: Bytes of one request.
        rows: Rows of one request.
        seconds: That a request may take, from its first byte to its answer.
        waiting: Rows that wait at once; of more, requests are told to come again.
        connections: Connections at once.

    Example:
        >>> Bounds(rows=100).rows
        100
    """

    size: int = 8_000_000
    rows: int = 10_000
    seconds: float = 30.0
    waiting: int = 50_000
    connections: int = 512

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            if not value > 0:
                raise invalid(bound.name, repr(value), "a number above 0")
