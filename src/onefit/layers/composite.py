# ruff: noqa: D102
"""Layers made of layers: a wrapper, a pair of directions, a stack of cells."""

from collections.abc import Callable
from typing import Any, Self

import jax
import numpy as np

from onefit.description import settings
from onefit.errors import mistyped
from onefit.layers.base import Layer, layers
from onefit.layers.metering import Way, metered_below
from onefit.metrics.base import Metric
from onefit.types import Array, Generator, Params, Scalar, Shapes, Tree

__all__ = ["Composite", "a_layer"]


def a_layer(value: object) -> Layer:
    """A layer from what users write, for `setting(convert=a_layer)`: it, or a config.

    Raises:
        TypeError: What is no layer.
    """
    if isinstance(value, dict) and "class_name" in value:
        value = layers.get(value)
    graph = getattr(value, "graph", None)  # a model is the layer of its graph
    value = graph if isinstance(graph, Layer) else value
    if not isinstance(value, Layer):
        raise mistyped(
            "layer", repr(value), "a layer", "write a layer to wrap, such as Dense(4)"
        )
    return value


class Composite(Layer, abstract=True):
    """Base of layers made of others: it names its `parts`, and has their weights.

    The weights are one flat dict: the weight `kernel` of the part `forward` is called
    `forward/kernel`, and that of the third layer of a model inside `forward/2/kernel`.
    Penalties, constraints and what is trained are the parts' own.

    >>> from onefit.description import setting
    >>> class Twice(Composite):
    ...     first: Any = setting(convert=a_layer)
    ...     second: Any = setting(convert=a_layer)
    ...     def parts(self):
    ...         return {"first": self.first, "second": self.second}
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adopt()

    def adopt(self) -> None:
        """Lets the parts know that their weights are here."""
        if type(self).parts is Composite.parts:
            return
        for name, part in self.parts().items():
            if part is not None and not part.is_network:
                wholes = (*part._wholes, (self, name))
                object.__setattr__(part, "_wholes", wholes)

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, of copies of parts without weights."""

        def copied(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(copied, value))
            plain = isinstance(value, Layer) and not value.is_network
            if not plain or value.ready:
                return value
            new = value.replace()
            object.__setattr__(new, "_named", value._named)
            return new

        own = {
            name: getattr(self, field) for name, field in settings(type(self)).items()
        }
        inner = {name: copied(value) for name, value in own.items()}
        inner = {name: v for name, v in inner.items() if v is not own[name]}
        return super().replace(**inner | changes)

    def rule(self, kind: str, key: str) -> Callable[[Array], Array] | None:
        part, _, rest = key.partition("/")
        inner = self.parts().get(part) if rest else None
        return super().rule(kind, key) if inner is None else inner.rule(kind, rest)

    def parts(self) -> dict[str, Layer]:
        """The inner layers by name, in the order of their weights."""
        raise NotImplementedError(f"{type(self).__name__} has no parts method")

    def metered(self) -> list[tuple[Way, Metric]]:
        parts = self.parts().items()
        return [pair for name, part in parts for pair in metered_below(name, part)]

    def of(self, part: str, weights: Params) -> Params:
        """A part's own weights, out of the whole's."""
        return _nested(self.parts()[part], _below(part, weights))

    def whole(self, weights: dict[str, Params]) -> Params:
        """The whole's weights from the parts': the reverse of `of`."""
        return {
            f"{part}/{name}": w
            for part, own in weights.items()
            for name, w in _flat(own).items()
        }

    def build(self, input_shape: Shapes, rng: Generator | None = None) -> Self:
        """Makes the weights; a part that has weights already brings copies of them."""
        super().build(input_shape, rng)
        for name, part in self.parts().items():
            if part.ready:
                own = jax.tree.map(np.array, (part.slot.params, part.slot.state))
                self.slot.params = self.slot.params | self.whole({name: own[0]})
                self.slot.state = self.slot.state | self.whole({name: own[1]})
        return self

    @property
    def random(self) -> bool:
        """Whether any part draws random numbers while training."""
        return any(part.random for part in self.parts().values())

    @property
    def integers(self) -> bool:
        """Whether any part looks whole numbers up."""
        return any(part.integers for part in self.parts().values())

    def free(self, params: Params) -> Params:
        if not self.trainable:
            return {}
        parts = self.parts().items()
        own = {k: w for k, w in params.items() if "/" not in k}
        return own | self.whole({n: p.free(self.of(n, params)) for n, p in parts})

    def penalty(self, params: Params) -> Scalar:
        parts = self.parts().items()
        terms = (part.penalty(self.of(name, params)) for name, part in parts)
        return sum(terms, start=super().penalty(params))

    def constrain(self, params: Params) -> Params:
        parts = self.parts().items()
        new = {name: part.constrain(self.of(name, params)) for name, part in parts}
        return super().constrain(params) | self.whole(new)


def _below(part: str | int, weights: Params) -> Params:
    """What is called `part/...`, without that."""
    start = f"{part}/"
    return {
        name.removeprefix(start): w
        for name, w in weights.items()
        if name.startswith(start)
    }


def _flat(weights: Tree) -> Params:
    """The weights of a part by name; those of a graph are a tuple, one a layer."""
    if isinstance(weights, dict):
        return weights
    return {
        f"{i}/{name}": w
        for i, own in enumerate(weights)
        for name, w in _flat(own).items()
    }


def _nested(layer: Layer, weights: Params) -> Tree:
    """The reverse of `_flat`."""
    if not layer.is_network:
        return weights
    inner = layer.layers  # type: ignore[attr-defined]
    return tuple(_nested(own, _below(i, weights)) for i, own in enumerate(inner))
