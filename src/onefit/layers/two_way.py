"""Functions with a backward derivative of their own that can go forward, too.

`jax.custom_vjp` refuses `jax.jvp`, hence `jax.jacfwd` and `jax.hessian`. Here the
derivative is a linear function of the tangents, whose transpose is the function's own
backward pass:

    ẏ = push(memory, ẋ)      when it goes forward
    x̄ = back(memory, ȳ)      when it goes backward, its transpose

A fit only goes backward: JAX notes `push` with the tangents and never runs it.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from onefit.types import Array, Function, Tree

__all__ = ["TwoWay"]


class TwoWay:
    """A function with its own backward pass, in the form of `jax.custom_vjp`.

    Args:
        function: A pure function. Differentiated forward it is taken as it stands.
        static: The places of its arguments that are no arrays.

    >>> double = TwoWay(lambda x: 2 * x)
    >>> double.defvjp(lambda x: (2 * x, None), lambda _, g: (2 * g,))
    >>> jax.jvp(double, (1.0,), (3.0,))[1], jax.grad(double)(1.0)
    (Array(6., dtype=float32, weak_type=True), Array(2., dtype=float32, weak_type=True))
    """

    def __init__(self, function: Function, static: tuple[int, ...] = ()) -> None:
        self.function, self.static = function, static
        self.called: Any = jax.custom_jvp(function, nondiff_argnums=static)
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **named: Any) -> Any:
        """The function's value."""
        return self.called(*args, **named)

    def defvjp(
        self, forward: Function, back: Function, push: Function | None = None
    ) -> None:
        """Sets the derivatives.

        Args:
            forward: (*args) to (value, memory).
            back: (*static arguments, memory, slopes of the value) to those of the
                other arguments; None for those without any.
            push: (*static arguments, memory, tangents of the other arguments) to that
                of the value; the derivative of the function itself unless given.
        """

        def rule(*given: Any) -> tuple[Tree, Tree]:
            *fixed, primals, tangents = given
            value, memory = forward(*self._merged(fixed, primals))
            leaves, tree = jax.tree.flatten(primals)
            slopes = tree.flatten_up_to(tangents)
            moving = [i for i, leaf in enumerate(leaves) if _is_smooth(leaf)]

            def planted(some: Sequence[Array], leaves: Sequence[Any]) -> Any:
                whole = list(leaves)
                for i, leaf in zip(moving, some, strict=True):
                    whole[i] = leaf
                return tree.unflatten(whole)

            def ahead(known: Tree, moved: Sequence[Array]) -> Tree:
                memory, leaves = known
                if push is not None:
                    none = [None] * len(leaves)
                    return push(*fixed, memory, planted(moved, none))
                now = [leaves[i] for i in moving]
                function = lambda *some: self.function(  # noqa: E731
                    *self._merged(fixed, planted(some, leaves))
                )
                return jax.jvp(function, now, list(moved))[1]

            def behind(known: Tree, slopes: Tree) -> list[Array]:
                memory, leaves = known
                found = tree.flatten_up_to(tuple(back(*fixed, memory, slopes)))
                return [
                    jnp.zeros_like(leaves[i]) if found[i] is None else found[i]
                    for i in moving
                ]

            known = memory, leaves
            moved = [slopes[i] for i in moving]
            return value, _linear(ahead, behind, known, moved, value)

        self.called.defjvp(rule)

    def _merged(self, fixed: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        """All arguments in their order."""
        rest, whole = iter(others), dict(zip(self.static, fixed, strict=True))
        count = len(fixed) + len(others)
        return [whole[i] if i in whole else next(rest) for i in range(count)]


def _is_smooth(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)


# A linear function with its transpose -------------------------------------------------


class _Pair(NamedTuple):
    """The function of (known, moved) and its transpose, of lists of arrays.

    Attributes:
        ahead: (known, moved) to what comes out, linear in moved.
        behind: (known, slopes of what comes out) to those of moved.
        known: How many of the arguments are known.
        shapes: The shape and the type of each array that comes out.
    """

    ahead: Callable[[list[Any], list[Any]], list[Any]]
    behind: Callable[[list[Any], list[Any]], list[Any]]
    known: int
    shapes: tuple[tuple[tuple[int, ...], Any], ...]


def _linear(
    ahead: Function, behind: Function, known: Tree, moved: list[Array], like: Tree
) -> Tree:
    """ahead(known, moved), like a value; JAX transposes it to behind(known, slopes)."""
    leaves, shape = jax.tree.flatten(known)
    plain = [not hasattr(leaf, "shape") for leaf in leaves]  # such as a size
    held = [leaf for leaf, is_plain in zip(leaves, plain, strict=True) if not is_plain]
    values, out = jax.tree.flatten(like)

    def whole(held: list[Any]) -> Tree:
        rest = iter(held)
        pairs = zip(leaves, plain, strict=True)
        return shape.unflatten(
            leaf if is_plain else next(rest) for leaf, is_plain in pairs
        )

    def flat_ahead(held: list[Any], moved: list[Any]) -> list[Array]:
        return jax.tree.leaves(ahead(whole(held), moved))

    def flat_behind(held: list[Any], slopes: list[Any]) -> list[Array]:
        return list(behind(whole(held), out.unflatten(slopes)))

    shapes = tuple((jnp.shape(v), jnp.result_type(v)) for v in values)
    pair = _Pair(flat_ahead, flat_behind, len(held), shapes)
    return out.unflatten(_linear_p.bind(*held, *moved, pair=pair))


_linear_p = Primitive("linear")
_linear_p.multiple_results = True


def _run(*args: Any, pair: _Pair) -> list[Array]:
    return pair.ahead(list(args[: pair.known]), list(args[pair.known :]))


def _shapes(*args: Any, pair: _Pair) -> list[Any]:
    del args  # found without a look at `ahead`, which a fit never traces
    return [ShapedArray(shape, dtype) for shape, dtype in pair.shapes]


def _transposed(slopes: list[Any], *args: Any, pair: _Pair) -> list[Any]:
    moved = args[pair.known :]
    if all(type(s) is ad.Zero for s in slopes):
        return [None] * len(args)
    slopes = [ad.instantiate_zeros(s) for s in slopes]
    found = pair.behind(list(args[: pair.known]), slopes)
    # Tangents that are known to be zero are no unknowns of the linear function.
    wanted = [
        value if ad.is_undefined_primal(a) else None
        for a, value in zip(moved, found, strict=True)
    ]
    return [None] * pair.known + wanted


def _batched(args: Any, axes: Any, *, pair: _Pair) -> tuple[list[Any], list[int]]:
    size = next(
        a.shape[axis] for a, axis in zip(args, axes, strict=True) if axis is not None
    )
    held, moved = args[: pair.known], args[pair.known :]
    at = list(axes[: pair.known])
    # The tangents of all members: what is one for all would be summed when transposed.
    spread = [
        jnp.broadcast_to(a, (size, *a.shape))
        if axis is None
        else jnp.moveaxis(a, axis, 0)
        for a, axis in zip(moved, axes[pair.known :], strict=True)
    ]
    many = _Pair(
        jax.vmap(pair.ahead, in_axes=(at, 0), axis_size=size),
        jax.vmap(pair.behind, in_axes=(at, 0), axis_size=size),
        pair.known,
        tuple(((size, *shape), dtype) for shape, dtype in pair.shapes),
    )
    out = _linear_p.bind(*held, *spread, pair=many)
    return out, [0] * len(out)


def _pushed(primals: Any, tangents: Any, *, pair: _Pair) -> tuple[list[Any], list[Any]]:
    held, moved = list(primals[: pair.known]), list(primals[pair.known :])
    out = _linear_p.bind(*primals, pair=pair)
    first, second = tangents[: pair.known], tangents[pair.known :]
    total: list[Any] = [None] * len(out)
    if any(type(t) is not ad.Zero for t in second):
        slopes = [ad.instantiate_zeros(t) for t in second]
        total = _linear_p.bind(*held, *slopes, pair=pair)
    changing = [i for i, t in enumerate(first) if type(t) is not ad.Zero]
    changing = [i for i in changing if _is_smooth(held[i])]
    if changing:

        def of(*some: Any) -> list[Array]:
            now = list(held)
            for i, value in zip(changing, some, strict=True):
                now[i] = value
            return pair.ahead(now, moved)

        own = jax.jvp(of, [held[i] for i in changing], [first[i] for i in changing])[1]
        total = [b if a is None else a + b for a, b in zip(total, own, strict=True)]
    return out, [
        ad.Zero(jax.typeof(y).to_tangent_aval()) if t is None else t
        for y, t in zip(out, total, strict=True)
    ]


_linear_p.def_impl(_run)
_linear_p.def_abstract_eval(_shapes)
mlir.register_lowering(_linear_p, mlir.lower_fun(_run, multiple_results=True))
ad.primitive_transposes[_linear_p] = _transposed
ad.primitive_jvps[_linear_p] = _pushed
batching.primitive_batchers[_linear_p] = _batched
