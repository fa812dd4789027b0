"""tf.bitwise: whole numbers, bit by bit."""
# pyright: reportUnsupportedDunderAll=false

import jax.numpy as jnp

from onefit.scripts.tf.making import family, one, two

_TWO = {
    "bitwise_and": (jnp.bitwise_and, "The bits that both have."),
    "bitwise_or": (jnp.bitwise_or, "The bits that one has."),
    "bitwise_xor": (jnp.bitwise_xor, "The bits that just one has."),
    "left_shift": (jnp.left_shift, "The bits moved to the left."),
    "right_shift": (jnp.right_shift, "The bits moved to the right."),
}
_ONE = {"invert": (jnp.bitwise_not, "The other bits.")}
globals().update(family(two, __name__, _TWO))
globals().update(family(one, __name__, _ONE))
__all__ = [*_TWO, *_ONE]  # noqa: PLE0604 - names of tables
