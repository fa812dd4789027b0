"""Places to look in, while layers are called: what passes, and the derivative by it."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from onefit.layers.base import Layer, Outcome
from onefit.types import Params, State, Tree

__all__ = ["Path", "Places", "Tap"]

Path = tuple[int, ...]
"""Which call: its number in the graph; in a graph inside, behind that graph's own."""

Places = dict[str, dict[Path, Tree]]
"""Something for each place: by what passes there, such as "a", then by the call."""


class Tap:
    """Makes the calls of a graph, and looks at what passes in the places it names.

    What passes a place is kept in `seen`. A nudge, an array of zeros, is added to it if
    there is one: it changes nothing, and dJ/dnudge is dJ by what passes.

    Args:
        names: Where to look. This class knows "a", the outputs of each call, and what
            `Task.cost` offers; a subclass that makes its calls in parts has more.
        nudges: The nudge of each place.

    >>> tap = Tap({"a"})
    >>> y = onefit.Sequential([onefit.layers.Rescaling(3.0)]).graph.forward(
    ...     ({},), ({},), jnp.ones(2), training=False, key=None, tap=tap)
    >>> tap.seen
    {'a': {(0,): Array([3., 3.], dtype=float32)}}
    """

    def __init__(self, names: Iterable[str] = (), nudges: Places | None = None) -> None:
        self.names, self.nudges = frozenset(names), nudges or {}
        self.seen: Places = {}

    def call(
        self,
        path: Path,
        layer: Layer,
        params: Params,
        state: State,
        x: Tree,
        **options: Any,
    ) -> Outcome:
        """One call of a layer that is no graph: `layer.forward` of the rest."""
        outcome = layer.forward(params, state, x, **options)
        return outcome._replace(output=self.place("a", path, outcome.output))

    def place(self, name: str, path: Path, value: Tree) -> Tree:
        """What passes here, as it goes on."""
        if name not in self.names:
            return value
        if name in self.nudges:
            value = jax.tree.map(
                lambda nudge, a: a if nudge is None else a + nudge,
                self.nudges[name][path],
                value,
                is_leaf=lambda leaf: leaf is None,
            )
        self.keep(name, path, value)
        return value

    def keep(self, name: str, path: Path, value: Tree) -> None:
        """Keeps something that is only to be looked at."""
        self.seen.setdefault(name, {})[path] = value

    def places(self) -> Places:
        """A zero for each number that has passed one; None for whole numbers."""
        return jax.tree.map(
            lambda a: (
                jnp.zeros_like(a) if jnp.issubdtype(a.dtype, jnp.inexact) else None
            ),
            {name: self.seen[name] for name in self.names & self.seen.keys()},
        )
