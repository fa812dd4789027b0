"""The loop over time of a recurrent layer, with a derivative of its own.

With s = (h, ...) the states and t counting the steps of time, a recurrence is

    z_t = x_t · W                        one product for all t, before the loop
    q_t = h_{t−1} · R + r
    s_t = step(z_t + b, q_t, s_{t−1})

and its derivative, δ standing for that of the cost, goes back through time by

    δz_t, δs_{t−1} = back(kept_t, δs_t)
    δq_t = inner(δz_t, kept_t)
    δh_{t−1} = δh_{t−1} + δq_t · Rᵀ

where `kept` holds the slopes that the forward loop found on its way. No weight has its
gradient in a loop: δR = Σ_t h_{t−1}ᵀ · δq_t and δW = Σ_t x_tᵀ · δz_t are one product
each, after it. An ordinary derivative of the loop adds to δR at each step instead.

Memory is what limits these loops on a CPU, so the first of `kept`, which is as large as
z, takes z's place.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import lax

from onefit.layers.products import matmul
from onefit.layers.two_way import TwoWay
from onefit.types import Array, Function, Mask, Tree

__all__ = ["Matrix", "Recurrence", "once", "project", "recur", "scan_steps"]


class Matrix(NamedTuple):
    """h · R, and its derivatives for h and for R."""

    def forward(self, h: Array, R: Array) -> Array:
        """The product h · R."""
        return matmul(h, R)

    def turned(self, R: Array) -> Array:
        """R as `back` wants it; made once, before the loop."""
        return R.T

    def back(self, dq: Array, turned: Array) -> Array:
        """δq · Rᵀ."""
        return matmul(dq, turned)

    def weights(self, h: Array, dq: Array) -> Array:
        """Σ hᵀ · δq, over all rows at all times."""
        return matmul(h.reshape(-1, h.shape[-1]).T, dq.reshape(-1, dq.shape[-1]))


class Recurrence(Protocol):
    """The formula of one step, and its derivative; hashable."""

    @property
    def gates(self) -> int:
        """How many blocks of columns z and q have."""
        ...

    @property
    def product(self) -> Any:
        """What stands for · in h · R: `Matrix()`, or a convolution."""
        ...

    def step(self, z: Array, q: Array, states: Tree) -> tuple[Tree, tuple[Array, ...]]:
        """(s_t, kept_t); h_t is the first of s_t, and as large as z that of kept_t."""
        ...

    def back(self, kept: Tree, states: Tree) -> tuple[Array, tuple[Array | None, ...]]:
        """(δz_t, δs_{t−1}), the latter without what comes by q; None for nothing."""
        ...

    def inner(self, dz: Array, kept: Tree) -> Array:
        """δq_t."""
        ...


# The projection of the inputs ---------------------------------------------------------


@TwoWay
def project(x: Array, W: Array) -> Array:
    """The products x · W, of x as (time, batch, features)."""
    return matmul(x, W)


def _project_back(kept: Tree, dz: Array) -> tuple[Array, Array]:
    x, W = kept
    return matmul(dz, W.T), Matrix().weights(x, dz)


project.defvjp(lambda x, W: (matmul(x, W), (x, W)), _project_back)


# The loop -----------------------------------------------------------------------------


class _Inputs(NamedTuple):
    """What the loop is a function of; b, r, mask and noise may be None."""

    z: Array
    R: Array
    b: Array | None
    r: Array | None
    states: Tree
    mask: Mask
    noise: Array | None


def recur(
    how: Recurrence,
    z: Array,
    R: Array,
    b: Array | None,
    r: Array | None,
    states: Tree,
    *,
    mask: Mask = None,
    noise: Array | None = None,
    sequences: bool = True,
) -> tuple[Tree, Tree]:
    """All the outputs h_t (None unless `sequences`), and the last states.

    Args:
        how: The recurrence.
        z: x · W, (time, batch, ..., gates · units).
        R: The recurrent weights.
        b: Added to z, (gates · units,), or None.
        r: Added to h · R, or None.
        states: s_0, each (batch, ..., units).
        mask: Which steps there are, (time, batch); the others keep the states.
        noise: What h is multiplied by in h · R, (gates, batch, ..., units), or with
            one gate for all; the same at all times.
        sequences: Whether the outputs of all steps are asked for.
    """
    if mask is not None:
        mask = mask.reshape(*mask.shape, *(1,) * (z.ndim - 2))
    return _loop(how, sequences, _Inputs(z, R, b, r, tuple(states), mask, noise))


def _plus(a: Array, b: Array | None) -> Array:
    return a if b is None else a + b


def _where(mask: Mask, new: Tree, old: Tree) -> Tree:
    """The new values where the step is there."""
    if mask is None:
        return new
    return jax.tree.map(lambda a, b: jnp.where(mask, a, b), new, old)


def _by_gate(noise: Array, *arrays: Array) -> Iterator[tuple[Array, ...]]:
    """The blocks of each array beside the noise of each gate."""
    blocks = (jnp.split(a, noise.shape[0], axis=-1) for a in arrays)
    return zip(noise, *blocks, strict=True)


def _times(product: Function, h: Array, a: Array, noise: Array | None) -> Array:
    """The product of h and a, with the noise of each gate on h."""
    if noise is None:
        return product(h, a)
    parts = [product(h * m, own) for m, own in _by_gate(noise, a)]
    return jnp.concatenate(parts, axis=-1)


def _step(how: Recurrence, given: _Inputs, z: Array, states: Tree, mask: Mask) -> Tree:
    """(s_t, kept_t)."""
    q = _plus(_times(how.product.forward, states[0], given.R, given.noise), given.r)
    new, kept = how.step(_plus(z, given.b), q, states)
    return _where(mask, new, states), kept


def once(
    how: Recurrence,
    z: Array,
    R: Array,
    b: Array | None,
    r: Array | None,
    states: Tree,
    noise: Array | None = None,
) -> Tree:
    """The states after one step, with an ordinary derivative; as in `recur`."""
    given = _Inputs(z, R, b, r, states, None, noise)
    return _step(how, given, z, states, None)[0]


@functools.partial(TwoWay, static=(0, 1))
def _loop(how: Recurrence, sequences: bool, given: _Inputs) -> tuple[Tree, Tree]:
    """The loop when nobody asks for a derivative: it keeps nothing."""

    def body(states: Tree, at: Tree) -> tuple[Tree, Tree]:
        new, _ = _step(how, given, at[0], states, at[1])
        return new, new[0] if sequences else None

    states, outputs = lax.scan(body, given.states, (given.z, given.mask))
    return outputs, states


def _forward(how: Recurrence, sequences: bool, given: _Inputs) -> tuple[Tree, Tree]:
    def step(z: Array, states: Tree, mask: Mask) -> Tree:
        return _step(how, given, z, states, mask)

    def body(t: Array, carry: Tree) -> tuple[Tree, Tree]:
        states, buffers = carry
        z = buffers[0]
        mask = None if given.mask is None else given.mask[t]
        new, kept = step(z[t], states, mask)
        values = (*kept, new[0])
        put = functools.partial(lax.dynamic_update_index_in_dim, index=t, axis=0)
        return new, tuple(map(put, buffers, values))

    z, steps = given.z, given.z.shape[0]
    _, kept = jax.eval_shape(
        step, z[0], given.states, None if given.mask is None else given.mask[0]
    )
    rest = [jnp.zeros((steps, *a.shape), a.dtype) for a in (*kept[1:], given.states[0])]
    states, (*kept, outputs) = lax.fori_loop(0, steps, body, (given.states, (z, *rest)))
    memory = given._replace(z=None), tuple(kept), outputs
    return (outputs if sequences else None, states), memory


def _backward(how: Recurrence, sequences: bool, memory: Tree, slopes: Tree) -> Tree:
    given, kept, outputs = memory
    doutputs, dstates = slopes
    through = _backwards(how, given)

    def body(states: Tree, at: Tree) -> tuple[Tree, Tree]:
        kept, doutput, mask = at
        if sequences:
            states = (states[0] + doutput, *states[1:])
        dz, direct = how.back(kept, states)
        if mask is not None:
            dz = jnp.where(mask, dz, 0.0)
        dh = _plus(through(how.inner(dz, kept)), direct[0])
        return _where(mask, (dh, *direct[1:]), states), dz

    at = kept, doutputs, given.mask
    dstates, dz = lax.scan(body, dstates, at, reverse=True)
    before = jnp.concatenate([given.states[0][None], outputs[:-1]])
    dq = how.inner(dz, kept)
    dR = _times(how.product.weights, before, dq, given.noise)
    rows = tuple(range(dz.ndim - 1))
    db = None if given.b is None else jnp.sum(dz, rows)
    dr = None if given.r is None else jnp.sum(dq, rows)
    return (_Inputs(dz, dR, db, dr, dstates, None, None),)


def _backwards(how: Recurrence, given: _Inputs) -> Callable[[Array], Array]:
    """The function δq · Rᵀ, with the noise of each gate on what comes out."""
    product, noise = how.product, given.noise
    if noise is None:
        whole = product.turned(given.R)
        return lambda dq: product.back(dq, whole)
    blocks = [product.turned(R) for _, R in _by_gate(noise, given.R)]

    def through(dq: Array) -> Any:
        parts = zip(_by_gate(noise, dq), blocks, strict=True)
        return sum((m * product.back(d, R) for (m, d), R in parts), start=0.0)

    return through


_loop.defvjp(_forward, _backward)


def scan_steps(
    step: Function, x: Array, states: Tree, carried: Tree, mask: Mask, sequences: bool
) -> tuple[Tree, Tree, Tree]:
    """The loop for any step: `step(x_t, s, c) -> y, s, c`, with an ordinary derivative.

    Returns (all y_t or, without `sequences`, the last one; the last s; the last c).
    A step that is not there keeps s and gives the last y again; before the first that
    is there, y is the first of s where it has y's shape, and zeros elsewhere.
    """
    shape = jax.eval_shape(lambda: step(x[0], states, carried)[0])
    first = jax.tree.leaves(states)[:1]
    if first and first[0].shape == shape.shape:
        y = first[0].astype(shape.dtype)
    else:
        y = jnp.zeros(shape.shape, shape.dtype)

    def body(carry: Tree, at: Tree) -> tuple[Tree, Tree]:
        (y, states, carried), (x, m) = carry, at
        new, after, carried = step(x, states, carried)
        if m is not None:
            new, after = jax.tree.map(
                lambda a, b: jnp.where(m.reshape(-1, *(1,) * (a.ndim - 1)), a, b),
                (new, after),
                (y, states),
            )
        return (new, after, carried), new if sequences else None

    (y, states, carried), ys = lax.scan(body, (y, states, carried), (x, mask))
    return ys if sequences else y, states, carried
