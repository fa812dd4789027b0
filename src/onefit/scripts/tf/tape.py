"""tf.GradientTape: the library's, which says once that `fit` would be faster."""

import sys
import warnings
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp

from onefit import tape
from onefit.errors import OnefitWarning
from onefit.variables import Variable

__all__ = ["GradientTape", "UnconnectedGradients"]


class UnconnectedGradients:
    """What a source has that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


COUNTED: Counter[str] = Counter()
"""How many tapes the script has made."""

MANY = 50


class GradientTape(tape.GradientTape):
    """Writes down what is computed inside a `with` block, to differentiate it.

    See `onefit.GradientTape`. The first time that a script makes many tapes, one for
    each step of a loop, it is told that `fit` runs such a loop in one program.
    """

    def __init__(
        self, persistent: bool = False, watch_accessed_variables: bool = True
    ) -> None:
        super().__init__(persistent, watch_accessed_variables)
        COUNTED["tapes"] += 1
        if COUNTED["tapes"] == MANY:
            print(
                "onefit: a tape for each step keeps Python in the loop. "
                "model.compile(optimizer, loss) and model.fit(x, y) run all steps in "
                "one program; @tf.function makes one step a program.",
                file=sys.stderr,
            )

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivative of the target's sum; None of a target of whole numbers."""
        given = jax.tree.leaves(target)
        if given and all(map(_is_whole, given)):
            warnings.warn(
                "GradientTape.gradient: whole numbers have no gradient, so each is "
                "None. Write tf.constant(3.0), or tf.cast(x, tf.float32).",
                OnefitWarning,
                stacklevel=2,
            )
            return jax.tree.map(lambda _: None, sources, is_leaf=_is_variable)
        return super().gradient(
            target, sources, output_gradients, unconnected_gradients
        )


def _is_variable(value: Any) -> bool:
    return isinstance(value, Variable)


def _is_whole(value: Any) -> bool:
    return hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.integer)
