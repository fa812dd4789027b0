"""tape: gradients of what was computed inside a `with` block.

JAX hands every operation to the trace that is current. Inside the block that is a trace
of ours (`recording.py`), which lets the one before it compute and writes down what went
in and what came out; `gradient_tape.py` is what people hold. Nothing else changes: all
values are the arrays, or the tracers of a program around the block, that they would be
without a tape. So they can be printed, compared, stored in a layer and used after the
block, and a tape may stand inside `jax.jit`, `lax.scan`, `vmap` and other tapes.

Values are known by identity. A variable therefore gives an array object of its own to
each tape, over the same memory: what reads the variable inside the block is told from
what happens to hold the same array.

The other way, tracers of our own in place of arrays, was left: they leak out of the
block (a `float(loss)`, a value that a compiled function returns, a layer's statistics),
and each such place would have to lower them.
"""

from onefit.tape.gradient_tape import GradientTape

__all__ = ["GradientTape"]
