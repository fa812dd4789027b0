"""Every layer under the policies of half the digits: float32's numbers, roughly."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_rows import ROWS

from onefit import config

# The first row of each layer.
KINDS = list({row.layer: row for row in reversed(ROWS)}.values())

# Where what an image or a tone falls into, or the logarithm of nearly nothing, decides.
NO_NUMBERS = {"ContrastLimitedAdaptiveHistogramEqualization", "STFTSpectrogram"}
OFF = 0.08
"""How far off the largest number one may be; a bfloat16 has eight binary digits."""

quick = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


@functools.partial(quick, static_argnames="options")
def passed(layer, params, state, x, mask, options):
    """What inference gives, and the gradients of the sum of its squares."""
    key = jax.random.key(1) if layer.always_random else None
    told = {"key": key, "mask": mask, "training": False} | dict(options)

    def squares(params):
        outcome = layer.forward(params, state, x, **told)
        floats = [a for a in jax.tree.leaves(outcome.output) if a.dtype.kind == "V"]
        floats = floats or jax.tree.leaves(outcome.output)
        return sum(jnp.sum(jnp.square(a.astype("float32"))) for a in floats), outcome

    grads, outcome = jax.grad(squares, has_aux=True)(params)
    return outcome.output, outcome.state, grads


def made(row, policy):
    """A layer that is made under a policy."""
    config.set_dtype_policy(policy)
    try:
        return row.make().build(row.open_shape(), np.random.default_rng(0))
    finally:
        config.set_dtype_policy("float32")


def types(nest):
    """The types of the floats in it."""
    leaves = [str(a.dtype) for a in jax.tree.leaves(nest)]
    return {name for name in leaves if "float" in name}


@pytest.mark.parametrize("row", KINDS, ids=str)
def test_halves_compute_and_float32_keeps(row):
    # The type that differs from numpy's own, which widens it here and there.
    half = "bfloat16"
    layer, plain = made(row, f"mixed_{half}"), made(row, "float32")
    slot = plain.slot
    assert types((layer.slot.params, layer.slot.state)) <= {"float32"}
    args = (
        slot.params,
        slot.state,
        row.inputs(),
        row.masks(),
        tuple(row.options.items()),
    )
    (a, state, da), (b, before, db) = (passed(one, *args) for one in (layer, plain))
    if types(b):
        assert types(a) == {half if layer.takes_policy else "float32"}
    assert jax.tree.map(lambda w: w.dtype, state) == jax.tree.map(
        lambda w: w.dtype, before
    )
    assert types(da) <= {"float32"}
    if row.layer in NO_NUMBERS:
        return
    for mine, theirs in ((a, b), (da, db)):
        leaves = [np.asarray(leaf, "float32") for leaf in jax.tree.leaves(theirs)]
        most = max((np.abs(leaf).max(initial=1e-3) for leaf in leaves), default=1.0)
        for one, leaf in zip(jax.tree.leaves(mine), leaves, strict=True):
            one = np.asarray(one, "float32")
            np.testing.assert_allclose(one / most, leaf / most, atol=OFF)
