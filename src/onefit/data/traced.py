"""Functions of elements, traced: which can run over many rows at once, in one program.

A function that jax can trace, and that draws nothing, gives the same for a row whenever
it is asked. So it runs over all rows at once, and once instead of once an epoch. Others
run in Python, row by row, each time.
"""

import functools
import random
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from onefit import config
from onefit.data.elements import as_element, called
from onefit.types import Function, Tree

__all__ = ["Traced", "traced"]

TRIES = 3
"""How often a function is traced: one that draws gives another program each time."""


SHAPES = 8
"""For so many shapes of an element a program is made; others run in Python."""


class Traced:
    """A function of an element as a program of many elements at once.

    Attributes:
        shapes: What it gives for one element, as jax describes arrays.
    """

    def __init__(self, function: Function, element: Tree) -> None:
        leaves, self._nest = jax.tree.flatten(element)
        self._function, self._shapes = function, set[tuple[Any, ...]]()
        program, self.shapes = jax.make_jaxpr(self._whole, return_shape=True)(*leaves)
        places = {id(var): i for i, var in enumerate(program.jaxpr.invars)}
        # What goes through untouched keeps its type, and costs nothing.
        self._through = [places.get(id(var)) for var in program.jaxpr.outvars]
        self.text = str(program)
        self.constants = [np.asarray(c) for c in program.consts]

    def _whole(self, *leaves: Any) -> Tree:
        return as_element(called(self._function, self._nest.unflatten(leaves)))

    def _made(self, *leaves: Any) -> list[Any]:
        """What does not go through untouched."""
        out = jax.tree.leaves(self._whole(*leaves))
        return [a for a, place in zip(out, self._through, strict=True) if place is None]

    @functools.cached_property
    def _alone(self) -> Function:
        return jax.jit(self._made)

    @functools.cached_property
    def _many(self) -> Function:
        return jax.jit(jax.vmap(self._made))

    def single(self, element: Tree) -> Tree:
        """What it gives for one element."""
        leaves = self._nest.flatten_up_to(element)
        shapes = tuple(map(np.shape, leaves))
        if shapes not in self._shapes and len(self._shapes) >= SHAPES:
            return as_element(called(self._function, element))
        self._shapes.add(shapes)
        made: Iterator[Any] = iter(())
        if None in self._through:
            made = iter([np.asarray(a) for a in self._alone(*leaves)])
        out = [next(made) if at is None else leaves[at] for at in self._through]
        return jax.tree.structure(self.shapes).unflatten(out)

    def rows(self, rows: Tree) -> Tree:
        """What it gives for each of these rows."""
        leaves = self._nest.flatten_up_to(rows)
        n = len(leaves[0])
        made: Iterator[Any] = iter(())
        if None in self._through:
            size = 1 << (n - 1).bit_length()  # few programs serve all
            filled = [_filled(np.asarray(a), size) for a in leaves]
            made = iter([np.asarray(a)[:n] for a in self._many(*filled)])
        out = [next(made) if at is None else leaves[at] for at in self._through]
        return jax.tree.structure(self.shapes).unflatten(out)


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    if len(array) == size:
        return array
    return np.concatenate([array, np.repeat(array[:1], size - len(array), axis=0)])


def traced(function: Function, element: Tree) -> Traced | None:
    """A function of elements like this one, traced; None where it has to run in Python.

    Args:
        function: Of the parts of an element.
        element: One of them.
    """
    leaves = jax.tree.leaves(element)
    if not leaves or any(np.asarray(a).dtype.kind not in "biuf" for a in leaves):
        return None
    before = _sources(function)
    try:
        made = [Traced(function, element) for _ in range(TRIES)]
    except Exception:  # the function's own error comes when it runs in Python
        return None
    if _sources(function) != before:
        return None
    first = made[0]
    same = all(
        other.text == first.text
        and all(map(np.array_equal, other.constants, first.constants))
        for other in made
    )
    kinds = {np.dtype(s.dtype).kind for s in jax.tree.leaves(first.shapes)}
    return first if same and kinds <= set("biuf") else None


def _sources(function: Function) -> list[Any]:
    """The state of every source of random numbers that a function can reach."""
    inner = getattr(function, "__func__", function)
    code = getattr(inner, "__code__", None)
    cells = [c.cell_contents for c in getattr(inner, "__closure__", None) or ()]
    names = getattr(inner, "__globals__", {})
    seen = [names[n] for n in getattr(code, "co_names", ()) if n in names]
    owner = getattr(function, "__self__", None)
    held = list(getattr(owner, "__dict__", {}).values())
    found: list[Any] = [str(np.random.get_state()), random.getstate()]  # noqa: NPY002
    found.append(config.seeds_drawn())
    for thing in (*cells, *seen, *held):
        if isinstance(thing, np.random.Generator):
            found.append(str(thing.bit_generator.state))
        elif isinstance(thing, np.random.RandomState):
            found.append(str(thing.get_state()))
        elif isinstance(thing, random.Random):
            found.append(thing.getstate())
    return found
