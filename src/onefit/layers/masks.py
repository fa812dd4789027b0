"""Masks that arrays carry from one call to the next, outside of any program.

A layer that is called by itself notes on its output which steps of it there are, and
the next layer finds that there, as the calls of one graph hand it on.
"""

from typing import Any

import jax
from jax.core import Tracer

from onefit.types import Mask, Tree

__all__ = ["get_keras_mask", "note_mask", "noted_mask", "set_keras_mask"]

_NAME = "_keras_mask"


def get_keras_mask(x: Any) -> Mask:
    """Which steps of an array there are, as the layer that gave it has noted it.

    >>> y = onefit.layers.Masking()(np.array([[[1.0], [0.0]]]))
    >>> get_keras_mask(y)
    Array([[ True, False]], dtype=bool)
    """
    return getattr(x, _NAME, None)


def set_keras_mask(x: Any, mask: Mask) -> None:
    """Notes on an array which steps of it there are."""
    setattr(x, _NAME, mask)


def noted_mask(x: Tree) -> Mask:
    """The masks of a nest of arrays; None where there is none."""
    masks = jax.tree.map(get_keras_mask, x)
    return masks if jax.tree.leaves(masks) else None


def note_mask(y: Tree, mask: Mask) -> Tree:
    """The same arrays, with their masks noted on them."""
    leaves, nest = jax.tree.flatten(y)
    if mask is not None and not any(isinstance(leaf, Tracer) for leaf in leaves):
        for leaf, steps in zip(leaves, nest.flatten_up_to(mask), strict=True):
            if steps is not None:
                set_keras_mask(leaf, steps)
    return y
