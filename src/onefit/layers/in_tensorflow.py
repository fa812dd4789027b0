"""Layers in `tf.data.Dataset.map`: called on values of TensorFlow's graph."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit.layers.symbolic import Tensor
from onefit.types import Tree

if TYPE_CHECKING:
    from onefit.layers.base import Layer

__all__ = ["has_no_numbers", "within_tensorflow"]


def has_no_numbers(x: Tree) -> bool:
    """Whether any of these is a value of TensorFlow's graph, to come yet."""
    return any(
        type(leaf).__module__.startswith("tensorflow.") and not hasattr(leaf, "numpy")
        for leaf in jax.tree.leaves(x)
    )


def within_tensorflow(layer: "Layer", x: Tree, **options: Any) -> Any:
    """The layer's output as values of TensorFlow's graph; its numbers are ours."""
    import tensorflow as tf

    leaves, nest = jax.tree.flatten(x)

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        y = layer(nest.unflatten(arrays), **options)
        return [
            np.asarray(leaf, spec.dtype)
            for leaf, spec in zip(jax.tree.leaves(y), specs, strict=True)
        ]

    one = layer.takes_one(x)  # an image without a batch
    stand_ins = [
        Tensor((None, *a.shape) if one else tuple(a.shape), a.dtype.name)
        for a in leaves
    ]
    specs, shape = jax.tree.flatten(
        layer.compute_output_spec(nest.unflatten(stand_ins))
    )
    made = tf.numpy_function(run, leaves, [spec.dtype for spec in specs])
    for tensor, spec in zip(made, specs, strict=True):
        tensor.set_shape(spec.shape[one:])
    return shape.unflatten(made)
