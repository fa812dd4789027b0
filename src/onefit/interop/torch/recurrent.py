"""torch's recurrent modules: a layer for each of their layers, and the order of gates.

torch has two biases, one of x · W and one of h · R, which are only ever added. A model
of onefit has their sum; `fit`, which has to train both, uses layers with two.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit import layers
from onefit.interop.torch.exact import EXACT
from onefit.interop.torch.modules import Named, Part, Place, only
from onefit.interop.torch.weights import Way, moved, refusal, stacked, summed
from onefit.layers.symbolic import Tensor

if TYPE_CHECKING:
    from torch import nn

__all__ = ["KINDS", "States", "by_gate", "recurrent", "tensors_of"]

KINDS = {"RNN": layers.SimpleRNN, "LSTM": layers.LSTM, "GRU": layers.GRU}
"""torch's modules and onefit's layers."""


def by_gate(kind: str, way: Way) -> Way:
    """The way for arrays whose columns are gates: a GRU's first two are swapped."""
    if kind != "GRU":
        return way

    def swapped(a: np.ndarray) -> np.ndarray:
        r, z, n = np.split(a, 3, -1)
        return np.concatenate([z, r, n], -1)

    return Way(lambda *a: swapped(way.join(*a)), lambda a: way.split(swapped(a)))


def tensors_of(layer: int, backward: bool) -> dict[str, str]:
    """What torch calls the weights of one of the layers, by onefit's names."""
    end = f"l{layer}" + "_reverse" * backward
    return {
        "kernel": f"weight_ih_{end}",
        "recurrent_kernel": f"weight_hh_{end}",
        "bias": f"bias_ih_{end} bias_hh_{end}",
    }


class States:
    """The last states of all layers: what `_, (h, c) = lstm(x)` has as h, or as c."""

    def __init__(self, values: list[Tensor]) -> None:
        self.values = values

    def __getitem__(self, index: object) -> Tensor | None:
        return self.values[index] if isinstance(index, int) else None

    def squeeze(self, axis: int) -> Tensor | None:
        """The state of the only layer."""
        return self.values[0] if axis == 0 and len(self.values) == 1 else None


def recurrent(
    m: "nn.RNNBase", place: Place, states: bool
) -> Iterator[tuple[Part, int, bool]]:
    """The layers of a recurrent module, in order, with dropout between them.

    Args:
        m: An RNN, LSTM or GRU.
        place: Where it is.
        states: Whether the last states are asked for.

    Yields:
        A layer, which layer of the module it is (-1 for dropout), and whether it goes
        both ways.
    """
    only(m, place, proj_size=0)
    kind = type(m).__name__
    if not m.batch_first:
        raise refusal(
            place.path,
            m,
            received="batch_first=False",
            expected="examples along the first axis",
            fix=f"write {kind}(..., batch_first=True)",
        )
    exact = place.exact and m.bias
    cls: Any = EXACT[kind] if exact and kind in EXACT else KINDS[kind]
    more = {"activation": m.nonlinearity} if kind == "RNN" else {}
    for number in range(m.num_layers):
        if number and m.dropout:
            yield Part(layers.Dropout(m.dropout)), -1, False
        layer = cls(
            m.hidden_size,
            use_bias=m.bias,
            return_sequences=True,
            return_state=states,
            **more,
        )
        if not m.bidirectional:
            yield Part(layer, _weights(m, number, False, place.exact)), number, False
            continue
        both: Named = {}
        for way in ("forward", "backward"):
            own = _weights(m, number, way == "backward", place.exact)
            both |= {f"{way}/{name}": w for name, w in own.items()}
        yield Part(layers.Bidirectional(layer), both), number, True


def _weights(m: "nn.RNNBase", number: int, backward: bool, exact: bool) -> Named:
    kind, named = type(m).__name__, {}
    for name, paths in tensors_of(number, backward).items():
        way = moved(1, 0)
        if name == "bias":
            way = stacked if exact or kind == "GRU" else summed
        if name != "bias" or m.bias:
            named[name] = by_gate(kind, way), tuple(paths.split())
    return named
