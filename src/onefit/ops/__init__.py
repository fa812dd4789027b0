"""Operations by the names of `keras.ops`, over jax.numpy, lax and jax.nn.

One file for each part of Keras' (`ops.numpy`, `ops.nn`, `ops.linalg`, `ops.image`);
`table.py` says what an operation is. Each takes numbers, arrays, arrays of a program
and variables; on values of a graph (what `Input` gives) it becomes a layer of it.
Operations use layers and what those stand on. They know no network and no training.
"""
# ruff: noqa: F403, PLE0604
# pyright: reportUnsupportedDunderAll=false

from typing import TYPE_CHECKING

from onefit.faces import public as _public
from onefit.ops import image, linalg, nn, numpy
from onefit.ops.core import *
from onefit.ops.linalg import *
from onefit.ops.math import *
from onefit.ops.nn import *
from onefit.ops.numpy import *

if TYPE_CHECKING:  # most are made of a table: type checkers do not see their names
    from onefit.types import Function

    def __getattr__(name: str) -> Function: ...


__all__ = [*_public(globals()), "image", "linalg", "nn", "numpy"]
