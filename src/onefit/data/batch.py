"""Batch: rows of data on their way into the program."""

from typing import Any, NamedTuple

from onefit.errors import invalid
from onefit.types import Tree

__all__ = ["Batch", "unpack_x_y_sample_weight"]


class Batch(NamedTuple):
    """Rows of data on their way into the program.

    Attributes:
        x, y: Inputs and targets.
        w: Sample weights: None, or an array a target.
        count: How many rows there are; those after them only fill the arrays, and count
            nowhere. None where all count.
    """

    x: Tree
    y: Tree
    w: Tree = None
    count: Any = None  # a number; in the `in_axes` of a vmap an axis


def unpack_x_y_sample_weight(data: Tree) -> tuple[Tree, Tree, Tree]:
    """x, y and the sample weights of what a step was given; None for what is not there.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3 or not data:
        raise invalid(
            "unpack_x_y_sample_weight",
            f"{len(data)} values",
            "x, (x, y) or (x, y, sample_weight)",
        )
    x, y, weight = (*data, *(None,) * (3 - len(data)))
    return x, y, weight
