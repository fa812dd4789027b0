"""The shapes that annotations promise are those of the arrays, for every row."""

import inspect

import jax
import numpy as np
import pytest
from beartype import beartype
from jaxtyping import TypeCheckError, jaxtyped
from layer_rows import ROWS

from onefit import layers, losses

METHODS = ("compute", "formula", "look_up", "noisy", "scores")


def _shaped(cls):
    """The methods of a class whose annotations say shapes, each with its owner."""
    return [
        (base, name)
        for base in getattr(cls, "__mro__", ())
        for name in METHODS
        if inspect.isfunction(method := vars(base).get(name))
        and "jaxtyping" in str(method.__annotations__.values())
    ]


def _check(cls, monkeypatch):
    """Has beartype check what these methods take and give."""
    found = _shaped(cls)
    for base, name in found:
        method = jaxtyped(typechecker=beartype)(vars(base)[name])
        monkeypatch.setattr(base, name, method)
    return found


ONE_EACH = {row.layer: row for row in reversed(ROWS)}.values()


@pytest.mark.parametrize(
    "row", [row for row in ONE_EACH if _shaped(getattr(layers, row.layer))], ids=str
)
def test_layers_take_and_give_the_shapes_that_they_say(row, monkeypatch):
    layer = row.make().build(row.open_shape(), np.random.default_rng(0))
    _check(type(layer), monkeypatch)
    slot = layer.slot
    layer.forward(
        slot.params,
        slot.state,
        row.inputs(),
        training=True,
        key=jax.random.key(0) if layer.random else None,
        mask=row.masks(),
        **row.options,
    )


PAIRS = {
    "sequences": (np.array([[1, 2], [2, 0]]), np.ones((2, 5, 4), "float32")),
    "sparse": (np.array([1, 2]), np.full((2, 3), 0.3, "float32")),
    "embeddings": (np.array([1, 2]), np.full((2, 3), 0.3, "float32")),
}
SAME = (np.ones((2, 3), "float32"), np.full((2, 3), 0.3, "float32"))


@pytest.mark.parametrize(
    "name", [name for name in losses.__all__ if _shaped(getattr(losses, name))]
)
def test_losses_take_and_give_the_shapes_that_they_say(name, monkeypatch):
    loss = getattr(losses, name)()
    _check(type(loss), monkeypatch)
    y, a = PAIRS.get(loss.compares, SAME)
    loss.call(PAIRS["sparse"][0] if loss.pair.__name__ == "labelled" else y, a)


def test_another_shape_is_noticed(monkeypatch):
    _check(losses.MeanSquaredError, monkeypatch)
    one, other = np.ones((2, 3), "float32"), np.ones((2, 4), "float32")
    with pytest.raises(TypeCheckError, match="values"):
        losses.MeanSquaredError().formula(one, other)
