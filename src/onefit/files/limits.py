"""How much a file may ask for, before anything is given to it."""

import dataclasses

__all__ = ["Limits"]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a file may ask for at most; raise it for files that you trust.

    Args:
        size: Bytes that a file unpacks to, and that its arrays have together.
        config: Bytes of the JSON that says what the model is.
        values: Values in that JSON.
        depth: How deep they are in one another.
        layers: Layers of one model.
        calls: Calls of layers, those of models inside counted each time.
        arrays: Groups and arrays in a file of weights.
        example: Numbers in one example, between two layers.
        expansion: How many times larger than in the file something may become.

    Example:
        >>> limits = Limits(size=1 << 36, layers=10_000)
        >>> limits.depth
        200
    """

    size: int = 1 << 32
    config: int = 1 << 24
    values: int = 1_000_000
    depth: int = 200
    layers: int = 2000
    calls: int = 10_000
    arrays: int = 50_000
    example: int = 1 << 28
    expansion: int = 100

    def fix(self, name: str) -> str:
        """What an error says of the limit that was met."""
        twice = 2 * getattr(self, name)
        return (
            "ask where the file is from; if you trust it, hand over "
            f"limits=onefit.interop.Limits({name}={twice:_}) or more"
        )
