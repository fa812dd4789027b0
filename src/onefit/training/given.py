"""What a method of a model was given: rows, or a stream that they come from."""

from typing import TYPE_CHECKING, NamedTuple

from onefit.data.batch import Batch
from onefit.networks.network import Network
from onefit.training.own_steps import has_own_steps

if TYPE_CHECKING:
    from onefit.data.table import Table
    from onefit.training.feeding import Feed

__all__ = ["Given", "needs_targets"]


class Given(NamedTuple):
    """The rows that a method was given, or the stream that they come from.

    Attributes:
        batch: The rows, or those of the first batches of a stream.
        size: Rows in a batch.
        stream: Whether they were given as batches.
        feed: Where the batches come from, None where the rows are all there are.
        table: The order of the rows, where a data set has one.
        run: The number of this fit's pass over it.
    """

    batch: Batch
    size: int
    stream: bool = False
    feed: "Feed | None" = None
    table: "Table | None" = None
    run: int = 0


def needs_targets(model: Network) -> bool:
    """Whether a model's loss compares targets; one may make its own loss."""
    if has_own_steps(model):
        return False
    unknown = getattr(model, "compile_settings", None) is None
    return unknown or getattr(model, "loss", None) is not None
