"""Signatures: what the elements of a generator are said to be."""

from typing import Any

import jax
import numpy as np

from onefit.data.elements import Spec, as_element
from onefit.errors import invalid
from onefit.types import Tree

__all__ = ["as_signed", "dtype_of", "signature_of"]


def signature_of(types: Any, shapes: Any, signature: Any) -> Any:
    """A `Spec` for each array of an element, in its nest; None where none is given."""
    if signature is not None:

        def spec(leaf: Any) -> Spec:
            shape: Any = tuple(leaf.shape) if leaf.shape is not None else None
            return Spec(shape, dtype_of(leaf.dtype))

        return jax.tree.map(
            spec,
            signature,
            is_leaf=lambda s: hasattr(s, "shape") and hasattr(s, "dtype"),
        )
    if types is None:
        return None
    kinds, nest = jax.tree.flatten(types)
    if shapes is None:
        sizes: list[Any] = [None] * len(kinds)
    else:
        flat = len(kinds) == 1 and not isinstance(types, tuple | dict)
        sizes = [shapes] if flat else nest.flatten_up_to(shapes)
    found: list[Any] = [None if size is None else tuple(size) for size in sizes]
    return nest.unflatten(
        [Spec(size, dtype_of(kind)) for kind, size in zip(kinds, found, strict=True)]
    )


def dtype_of(value: Any) -> np.dtype:
    """Numpy's name of a type, from its own, torch's or TensorFlow's."""
    value = getattr(value, "as_numpy_dtype", value)
    if value is str or value == "string":
        return np.dtype(object)
    try:
        return np.dtype(value)
    except TypeError:
        return np.dtype(str(value).rpartition(".")[2])


def as_signed(value: Any, signature: Any) -> Tree:
    """What a generator gave, in the types of its signature.

    Raises:
        ValueError: Another nest, or another shape.
    """
    if signature is None:
        return as_element(value)
    is_spec = lambda s: isinstance(s, Spec)  # noqa: E731
    specs, nest = jax.tree.flatten(signature, is_leaf=is_spec)
    try:
        parts = nest.flatten_up_to(value)
    except ValueError:
        raise invalid(
            "from_generator",
            f"an element of {type(value).__name__}",
            f"what output_signature says: {signature}",
        ) from None
    made = []
    for part, spec in zip(parts, specs, strict=True):
        array = np.asarray(as_element(part))
        if spec.dtype not in (array.dtype, np.dtype(object)):
            array = array.astype(spec.dtype)
        fits = spec.shape is None or (
            len(spec.shape) == array.ndim
            and all(
                n is None or n == m
                for n, m in zip(spec.shape, array.shape, strict=True)
            )
        )
        if not fits:
            raise invalid(
                "from_generator",
                f"an array of shape {array.shape}",
                f"shape {spec.shape}, as output_signature says",
            )
        made.append(array[()] if array.ndim == 0 else array)
    return nest.unflatten(made)
