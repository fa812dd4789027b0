"""Batch: rows of data on their way into the program."""

from typing import NamedTuple

from onefit.types import Tree

__all__ = ["Batch"]


class Batch(NamedTuple):
    """Rows of data: inputs, targets, sample weights (None, or an array a target)."""

    x: Tree
    y: Tree
    w: Tree = None
