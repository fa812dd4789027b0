"""Recurrent layers without a mask: ONNX' RNN, GRU and LSTM, which run a whole loop.

ONNX has time in front, the weights turned and by direction, and the gates of LSTM in
another order. A mask that leaves any steps out goes by the program of the layer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from onefit import activations, layers
from onefit.interop.onnx.builder import Arrays, Builder, Row, Value
from onefit.layers.base import Layer
from onefit.registry import nearest_formula
from onefit.types import Config

__all__ = ["ROWS"]

FUNCTIONS = {
    activations.tanh: "Tanh",
    activations.sigmoid: "Sigmoid",
    activations.relu: "Relu",
    activations.softsign: "Softsign",
    activations.hard_sigmoid: "HardSigmoid",
}


class Kind:
    """A recurrence of ONNX.

    Attributes:
        name: Its operation.
        order: Which of the layer's gates stands where.
        functions: The settings that are its functions, in its order.
        states: How many states it has.
    """

    def __init__(
        self, name: str, order: tuple[int, ...], functions: tuple[str, ...], states: int
    ) -> None:
        self.name, self.order = name, order
        self.functions, self.states = functions, states


GATED = "recurrent_activation", "activation"
KINDS: dict[type, Kind] = {
    layers.SimpleRNN: Kind("RNN", (0,), ("activation",), 1),
    layers.GRU: Kind("GRU", (0, 1, 2), GATED, 1),
    # i, f, c, o in onefit; i, o, f, c in ONNX.
    layers.LSTM: Kind("LSTM", (0, 3, 1, 2), (*GATED, "activation"), 2),
}


def _functions(layer: Layer, kind: Kind) -> Config | None:
    """The functions as attributes; None where ONNX has not one of them."""
    names = [FUNCTIONS.get(getattr(layer, name)) for name in kind.functions]
    if None in names:
        return None
    hard = names.count("HardSigmoid")
    settings: Config = {"activations": tuple(names)}
    if hard:
        settings |= {
            "activation_alpha": (1 / 6,) * hard,
            "activation_beta": (0.5,) * hard,
        }
    return settings


def _turned(a: np.ndarray, kind: Kind) -> np.ndarray:
    """Weights (..., gates · units) as (1, gates · units, ...), the gates in order."""
    blocks = np.split(np.asarray(a), len(kind.order), axis=-1)
    return np.moveaxis(np.concatenate([blocks[i] for i in kind.order], -1), -1, 0)[None]


def _loop(
    b: Builder, layer: Any, weights: Arrays, x: Value, states: list[Value]
) -> tuple[str, list[str]] | None:
    """(all outputs, (batch, time, units), in the order of time; the last states).

    The layer is a SimpleRNN, a GRU or an LSTM, which have no base with these settings.
    """
    kind = nearest_formula(KINDS, type(layer))
    settings = kind and _functions(layer, kind)
    # ONNX Runtime has these for float32 alone.
    if kind is None or settings is None or x.dtype != np.float32:
        return None
    bias = ""
    if layer.use_bias:
        given = np.asarray(weights["bias"])
        # For x · W, and for h · R; only GRU's reset_after tells them apart.
        pair = given if given.ndim == 2 else np.stack([given, np.zeros_like(given)])
        both = np.concatenate([_turned(one, kind) for one in pair], axis=1)
        bias = b.weight("bias", both)
    if kind.name == "GRU":
        settings["linear_before_reset"] = int(layer.reset_after)
    firsts = [b.op("Unsqueeze", s.name, b.whole(0)) for s in states]
    y, *ends = b.ops(
        kind.name,
        1 + kind.states,
        b.transpose(x.name, (1, 0, 2)),
        b.weight("kernel", _turned(weights["kernel"], kind)),
        b.weight("recurrent_kernel", _turned(weights["recurrent_kernel"], kind)),
        *([bias, "", *firsts] if firsts else [bias] if bias else []),
        hidden_size=layer.units,
        direction="reverse" if layer.go_backwards else "forward",
        **settings,
    )
    outputs = b.transpose(b.op("Squeeze", y, b.whole(1)), (1, 0, 2))
    return outputs, [b.op("Squeeze", end, b.whole(0)) for end in ends]


def _first(x: Value | tuple[Value, ...]) -> tuple[Value, list[Value]]:
    return (x[0], list(x[1:])) if isinstance(x, tuple) else (x, [])


def recurrent(
    b: Builder, layer: Any, weights: Arrays, x: Value | tuple[Value, ...]
) -> str | tuple[str, ...] | None:
    """SimpleRNN, GRU, LSTM."""
    x, states = _first(x)
    made = _loop(b, layer, weights, x, states)
    if made is None:
        return None
    y, ends = made
    if not layer.return_sequences:
        y = ends[0]
    elif layer.go_backwards:  # outputs are in the order in which they were made
        end = np.iinfo(np.int64).min
        y = b.op("Slice", y, b.whole(-1), b.whole(end), b.whole(1), b.whole(-1))
    return (y, *ends) if layer.return_state else y


def _mean(b: Builder, y: str, z: str, dtype: np.dtype) -> str:
    return b.op("Mul", b.op("Add", y, z), b.constant(0.5, dtype))


MERGES: dict[str | None, Callable[[Builder, str, str, np.dtype], str]] = {
    "concat": lambda b, y, z, _: b.op("Concat", y, z, axis=-1),
    "sum": lambda b, y, z, _: b.op("Add", y, z),
    "mul": lambda b, y, z, _: b.op("Mul", y, z),
    "ave": _mean,
}


def bidirectional(
    b: Builder,
    layer: layers.Bidirectional,
    weights: Arrays,
    x: Value | tuple[Value, ...],
) -> str | tuple[str, ...] | None:
    """Bidirectional: one loop each way, joined."""
    x, states = _first(x)
    half = len(states) // 2
    given = {"forward": states[:half], "backward": states[half:]}
    loops = {}
    for name, part in layer.parts().items():
        with b.within(name):
            own = layer.of(name, weights)
            loops[name] = _loop(b, part, own, x, given[name])
    if None in loops.values():
        return None
    (y, ends), (z, others) = loops.values()
    if not layer.layer.return_sequences:
        y, z = ends[0], others[0]
    merge = MERGES.get(layer.merge_mode)
    outputs = (merge(b, y, z, x.dtype),) if merge else (y, z)
    if layer.layer.return_state:
        return (*outputs, *ends, *others)
    return outputs if len(outputs) > 1 else outputs[0]


ROWS: dict[type, Row] = {
    **dict.fromkeys(KINDS, recurrent),
    layers.Bidirectional: bidirectional,
}
