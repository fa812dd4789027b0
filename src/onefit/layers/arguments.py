"""The arguments of a call in Keras' style: arrays, wherever they stand among them."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.types import Array, Config, Shapes, Tree, is_shape
from onefit.variables import Variable

__all__ = ["Arrangement", "arranged", "by_numbers", "is_text", "shapes_of"]

_ARRAY = "an array"


class Arrangement(NamedTuple):
    """How the arguments of a call are arranged, around its arrays.

    Attributes:
        nest: The positional and the named arguments, as a tree.
        fixed: The values at its leaves, None where there is an array.
    """

    nest: Any  # a PyTreeDef
    fixed: tuple[Any, ...]

    @property
    def arrays(self) -> int:
        """How many arrays there are."""
        return self.fixed.count(_ARRAY)

    def fill(self, arrays: Iterable[Array]) -> tuple[tuple[Any, ...], Config]:
        """The arguments again, with these arrays."""
        rest = iter(arrays)
        return self.nest.unflatten(
            [next(rest) if v == _ARRAY else v for v in self.fixed]
        )


def arranged(
    inputs: tuple[Any, ...], options: Config
) -> tuple[Tree, Arrangement | None]:
    """The arrays among the arguments of a call, and how they are arranged.

    One array alone is one array, with no arrangement; several are a tuple.
    """
    if len(inputs) == 1 and not options and not isinstance(inputs[0], _NESTS):
        return inputs[0], None
    if inputs and _is_numbers(inputs[0]):
        inputs = (np.asarray(inputs[0]), *inputs[1:])
    leaves, nest = jax.tree.flatten((inputs, options), is_leaf=_is_variable)
    arrays = [leaf for leaf in leaves if hasattr(leaf, "shape")]
    fixed = [_ARRAY if hasattr(leaf, "shape") else leaf for leaf in leaves]
    x = tuple(arrays) if len(arrays) != 1 else arrays[0]
    return x, Arrangement(nest, tuple(fixed))


def shapes_of(
    function: Callable[[Tree], Tree],
    input_shape: Shapes,
    kinds: tuple[Any, ...] = (),
    look: Callable[[Callable[[Tree], Tree], Tree], Tree] = jax.eval_shape,
    once: bool = False,
) -> Shapes:
    """The shapes that a function gives, by abstract evaluation: nothing is computed.

    Each open size is traced as two different numbers, one after the other; an output
    size that follows the number is open too.

    Args:
        function: A function of the inputs.
        input_shape: Their shapes.
        kinds: Their types; floats by default.
        look: Evaluates the function on stand-ins.
        once: Whether one of the two numbers is enough, as only the looking counts.
    """

    def sizes(open_size: int) -> Tree:
        leaves, nest = jax.tree.flatten(input_shape, is_leaf=is_shape)
        known = kinds if len(kinds) == len(leaves) else (None,) * len(leaves)
        x = [
            jax.ShapeDtypeStruct(
                tuple(open_size if n is None else n for n in shape), _number_type(kind)
            )
            for shape, kind in zip(leaves, known, strict=True)
        ]
        return look(function, nest.unflatten(x))

    one = sizes(97)
    other = one if once else sizes(89)
    return jax.tree.map(
        lambda a, b: tuple(
            n if n == m else None for n, m in zip(a.shape, b.shape, strict=True)
        ),
        one,
        other,
    )


def by_numbers(function: Callable[[Tree], Tree], x: Tree) -> Tree:
    """As `jax.eval_shape`, but of numbers where `run_eagerly` asks for them."""
    if jax.config.values["jax_disable_jit"]:
        return function(jax.tree.map(lambda a: jnp.ones(a.shape, a.dtype), x))
    return jax.eval_shape(function, x)


def is_text(kind: Any) -> bool:
    """Whether values of this type are text."""
    return kind is not None and (kind == "string" or np.dtype(kind).kind in "OSU")


def _number_type(kind: Any) -> jnp.dtype:
    """The type of an input in the program: floats in the library's.

    So is text, which a program has not: the layer that looks at it says so.
    """
    if kind is None or is_text(kind) or jnp.issubdtype(kind, jnp.inexact):
        return jnp.dtype(config.floatx())
    return jnp.dtype(jax.dtypes.canonicalize_dtype(kind))


def _is_variable(value: object) -> bool:
    return isinstance(value, Variable)


def _is_numbers(value: object) -> bool:
    """Whether this is a list of plain numbers, rather than of arrays."""
    nest = isinstance(value, list | tuple)
    return nest and not any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(value))


_NESTS = (list, tuple, dict)
