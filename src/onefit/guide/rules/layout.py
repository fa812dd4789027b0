"""Rules about the network: how layers follow each other, how they start."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from onefit import activations, initializers
from onefit.guide.case import Case
from onefit.guide.finding import Finding, Severity
from onefit.guide.network import PASSING, SHAPING, Call
from onefit.initializers import Initializer
from onefit.types import Shape

__all__ = ["LAYOUT", "spread"]

Findings = Iterator[Finding]

STEEP = {"sigmoid": (4, 6), "tanh": (10, 20)}
"""Hidden layers in a row from which on there is a hint, and an error.

σ'(z) is at most 1/4: behind four sigmoid layers at most 1/256 of a gradient is left,
behind six 1/4096. tanh'(z) is up to 1, so it takes more of them (lecture 003, back
propagation: vanishing gradients).
"""

LARGE, HUGE, EXPLODING = 5.0, 10.0, 100.0
"""Standard deviations of z for inputs of size 1: of one layer, and of all together.

Glorot's and He's are about 1 and 1.4. At 5 most sigmoids are at their flat ends
(|z| > 4, where the slope is below 0.018).
"""

FAINT = 0.1
"""The size of z for inputs of size 1 of a layer that lets little through."""

FADING = 1e-3
"""What is left of a signal of size 1 behind all hidden layers."""

BIASED = {"relu": -3.0, "flat": 5.0}
"""A bias below which a ReLU starts at 0 for inputs of size 1, or beyond which a sigmoid
starts at its flat end."""

KEPT = {"hint": 0.6, "error": 0.9}
"""Shares dropped from which on there is a finding. 0.5 is the value of Srivastava et
al. for hidden layers; of 0.9 one unit in ten is left."""

INPUTS_DROPPED = 0.5
"""A share of inputs dropped that is much: Srivastava et al. drop 0.2 of them."""

WAY = 0.13
"""The share of steps in which a way through all dropouts has to be there: three of 0.5
leave 0.125."""

LEFT = 2
"""Cells along an axis that are next to nothing, when one window leaves no more."""

WIDE = 6
"""Cells along an axis from which on there was something to see."""

STRONG = {"l1": (0.03, 0.1), "l2": (0.1, 0.3)}
"""Factors of L1 and L2 from which on there is a hint, and an error, in units of what
learning gains: for the squared error the variance of y (its root for L1).

Measured on the digits, on coffee and on a regression of 8 inputs, with two hidden
layers of ReLUs and Adam: at the hints the accuracy has lost 0.1, at the errors all
weights go to 0 and every row gets the same answer.
"""

GAIN = 0.3
"""The same unit for cross-entropies, whose loss is curved by at most 1/4 (measured)."""

PARTLY, ALONE = 3.0, 10.0
"""How much stronger a penalty may be on some layers only, since the others make up for
it; and on a network without a hidden layer, which gives up later."""


# Activations --------------------------------------------------------------------------


def linear_stack(case: Case) -> Findings:
    """Two linear layers are one: w2 (w1 x + b1) + b2 = w x + b (lectures 000, 001).

    A layer that is narrower than what it takes and what it feeds is meant: it keeps
    few numbers (a linear bottleneck). Then there is only a hint, if the whole network
    is linear. So are convolutions, whose sums of sums are not quite one convolution.
    NeuraLint and UMLAUT have this rule.
    """
    network = case.network
    bent = any(_bends(call) for call in network.calls if call not in _ends(case))
    found: list[tuple[Call, Call, Severity]] = []
    for call in case.hidden:
        if call.activation != "linear" or not call.layer.trainable:
            continue
        readers = list(network.after(call.outputs[0], PASSING))
        if not readers or not all(r is not None and r.weighted for r in readers):
            continue  # a maximum between them bends
        reader = readers[0]
        assert reader is not None
        severity = _redundant(case, call, reader, bent)
        if severity:
            found.append((call, reader, severity))
    if not found:
        return
    call, reader = found[0][0], found[-1][1]
    sure = any(severity == "error" for _, _, severity in found)
    names = list(dict.fromkeys(f"'{c.name}'" for c, _, _ in found))
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    several = len(names) > 1
    alone = len(found) == 1 and reader.layer is not call.layer
    other = repr(reader.name) if alone else "one layer"
    so = f"{call.name!r} adds nothing that {other} could not do alone"
    yield Finding(
        "linear-stack",
        "error" if sure else "hint",
        call.name,
        seen=f"{listed} {'have' if several else 'has'} no activation, and "
        f"{reader.name!r} follows",
        why="two linear layers are one: w2·(w1·x + b1) + b2 = w·x + b, so "
        f"{so if bent else 'the whole network is as good as one linear layer'}",
        instead=f"write {_written(call)}",
    )


def _redundant(case: Case, call: Call, reader: Call, bent: bool) -> Severity | None:
    """How sure it is that a linear layer before another is not meant."""
    special = {"depthwise", "separable"}
    if special & {call.variant, reader.variant}:
        return None
    if call.core.kernel_initializer is not None and _fixed(call):
        return None
    features, units, after = call.features, call.units, reader.units
    if units is None or features is None or after is None:
        return "hint" if call.role == reader.role == "dense" else None
    if call.role == reader.role == "dense":
        if units >= min(features, after):
            return "error"
        same = any(head.reconstructs for head in case.heads) or (
            _size(case.network.shapes[case.network.inputs[0]])
            == _size(case.network.shapes[case.network.ends[0]])
        )
        return None if bent or same else "hint"
    if call.role == "dense" or units < features or not _square(call):
        return None
    return "hint" if bent else "error"


def _fixed(call: Call) -> bool:
    return not call.layer.trainable


def _square(call: Call) -> bool:
    """Whether a kernel is as high as wide; others come in pairs (1×3 and 3×1)."""
    return len(set(call.core.kernel_size)) == 1


def _size(shape: Shape | None) -> int | None:
    if not shape or None in shape[1:]:
        return None
    return math.prod(n or 0 for n in shape[1:])


def _bends(call: Call) -> bool:
    """Whether a call is more than a linear function of its inputs."""
    if call.weighted or call.role == "activation":
        return call.activation != "linear"
    return call.role not in PASSING | {"sum"}


def _ends(case: Case) -> list[Call]:
    return [c for head in case.heads for c in (head.call, head.weights) if c]


def _written(call: Call, activation: str = "relu") -> str:
    core = call.core
    size = getattr(core, "kernel_size", None)
    more = f", {size[0] if len(set(size)) == 1 else size}" if size else ""
    units = getattr(core, "units", None) or getattr(core, "filters", None)
    return f"{call.kind}({units}{more}, activation={activation!r})"


def double_activation(case: Case) -> Findings:
    """An activation of an activation: the second sees only what the first lets through.

    NeuraLint and UMLAUT have this rule. A tanh before a softmax is the usual score of
    an attention, and a second ReLU changes nothing.
    """
    network = case.network
    for call in network.calls:
        if call.role != "activation" or call.activation in ("linear", "?"):
            continue
        first = network.before(call.sources[0])
        if first is None or not (first.weighted or first.role == "activation"):
            continue
        one, two = first.activation, call.activation
        if one in ("linear", "?", None) or (one == "tanh" and two == "softmax"):
            continue
        again = one == two == "relu"
        yield Finding(
            "double-activation",
            "hint" if again else "error",
            call.name,
            seen=f"{first.name!r} ends in {one}, and {call.name!r} is a {two} of that",
            why="a second ReLU changes nothing"
            if again
            else f"{two} only sees what {one} lets through, and the gradient is "
            "multiplied by both slopes",
            instead=f"write {first.kind}(..., activation=None) before {call.kind}, or "
            f"leave {call.name!r} out",
        )


def softmax_in_hidden_layer(case: Case) -> Findings:
    """Units of a softmax share a sum of 1, which only an output wants (lecture 002).

    UMLAUT has this rule. What weighs others (attention, a gate) is meant.
    """
    network = case.network
    for call in network.calls:
        if call.activation != "softmax" or not (
            call.weighted or call.role == "activation"
        ):
            continue
        through = PASSING | {"max pooling"}
        readers: list[Any] = [*network.after(call.outputs[0], through)]
        inner = readers and all(
            r is not None and (r.weighted or r.role == "recurrent") for r in readers
        )
        if not inner:
            continue
        yield Finding(
            "softmax-in-hidden-layer",
            "error",
            call.name,
            seen=f"{call.name!r}, a softmax, feeds {readers[0].name!r}",
            why="its units share a sum of 1, so each is small and all depend on each "
            "other; softmax is for the classes of the last layer",
            instead=f"write {_written(call)}"
            if call.weighted
            else "write Activation('relu')",
        )


def deep_saturating_stack(case: Case) -> Findings:
    """Each sigmoid multiplies the gradient by at most 1/4 (lecture 003)."""
    network = case.network
    depth: dict[int, tuple[int, Call]] = {}
    worst: dict[str, tuple[int, Call]] = {}
    for call in network.calls:
        name = call.activation
        if name not in STEEP or not (call.weighted or call.role == "activation"):
            continue
        through = SHAPING | {"max pooling", "average pooling"}
        before = network.before(call.sources[0], through)
        while before is not None and before.weighted and before.activation == "linear":
            before = network.before(before.sources[0], through)
        known, first = 0, call
        if before is not None and before.activation == name:
            known, first = depth.get(before.outputs[0], (0, call))
        if all(r is None for r in network.after(call.outputs[0])):
            continue  # an output
        depth[call.outputs[0]] = (known + 1, first)
        worst[name] = max(
            worst.get(name, (0, call)), (known + 1, first), key=lambda pair: pair[0]
        )
    for name, (count, first) in worst.items():
        hint, error = STEEP[name]
        if count < hint:
            continue
        left = (
            f"at most (1/4)^{count} = {0.25**count:.1e} of it"
            if (name == "sigmoid")
            else "a little less of it at each"
        )
        yield Finding(
            "deep-saturating-stack",
            "error" if count >= error else "hint",
            first.name,
            seen=f"{count} hidden {name} layers in a row",
            why="the gradient is multiplied by g'(z) in every layer on its way back; "
            f"of {name}, {left} comes to the first layer",
            instead=f"write {_written(first) if first.weighted else 'relu'} in the "
            "hidden layers, or put BatchNormalization() between them",
        )


# Beginnings ---------------------------------------------------------------------------


def symmetric_weights(case: Case) -> Findings:
    """Units that start equal get equal gradients and stay equal (TheDeepChecker).

    Of an output layer this is no harm, nor of the last layer of a branch that is added
    to another.
    """
    network = case.network
    hidden = [*case.hidden, *(c for c in network.calls if c.role == "recurrent")]
    for call in hidden:
        units = getattr(call.core, "units", None) or getattr(call.core, "filters", 2)
        if units < 2 or not call.layer.trainable or call.variant == "depthwise":
            continue
        through = PASSING | {"activation", "max pooling"}
        readers = list(network.after(call.outputs[0], through))
        if call.weighted and not all(
            r is not None and (r.weighted or r.role == "recurrent") for r in readers
        ):
            continue
        value = _equal(call)
        if value is None:
            continue
        zero = value == 0
        dead = zero and call.activation == "relu" and call.weighted
        yield Finding(
            "symmetric-weights",
            "error",
            call.name,
            seen=f"all {units} units of {call.name!r} start with the same weights"
            + (" (all 0)" if zero else ""),
            why="z = 0 for every row, and there ReLU has no slope: no weight before it "
            "ever gets a gradient"
            if dead
            else "equal units give equal values and get gradients of one direction, so "
            "they learn the same; random weights make them differ",
            instead="leave kernel_initializer out, or write "
            "kernel_initializer='glorot_uniform'",
        )


def _equal(call: Call) -> float | None:
    """A weight of a layer whose units are all equal; None if they are not."""
    start = getattr(call.core, "kernel_initializer", None)
    again = getattr(call.core, "recurrent_initializer", None)
    if not call.params:
        values = [_constant(s) for s in (start, again) if s is not None]
        bias = getattr(call.core, "bias_initializer", None)
        if call.core.use_bias and _constant(bias) is None:
            return None
        return None if None in values or not values else values[0]
    arrays = [np.asarray(w) for n, w in call.params.items() if "kernel" in n]
    bias = call.params.get("bias")
    if not arrays or any(a.ndim < 2 for a in arrays):
        return None
    if call.role == "recurrent":  # gates may differ, units may not
        gates = max(1, getattr(call.core, "gates", 1))
        parts = [p for a in arrays for p in np.split(a, gates, axis=-1)]
        same = all(_one_column(p) for p in parts)
        same = same and all(
            (p == p.flat[0]).all() for p in np.split(arrays[-1], gates, -1)
        )
        return float(arrays[0].flat[0]) if same else None
    same = all(_one_column(a) for a in arrays)
    if same and bias is not None:
        same = bool((np.asarray(bias) == np.asarray(bias).flat[0]).all())
    return float(arrays[0].flat[0]) if same else None


def _one_column(kernel: np.ndarray) -> bool:
    # Nearly always the first row is enough.
    row = kernel[(0,) * (kernel.ndim - 1)]
    return bool((row == row[0]).all() and (kernel == kernel[..., :1]).all())


def _constant(start: Initializer | None) -> float | None:
    """The one value of an initializer, None if there are several."""
    if isinstance(start, initializers.Zeros | initializers.Ones):
        return float(isinstance(start, initializers.Ones))
    if isinstance(start, initializers.Constant) and np.ndim(start.value) == 0:
        return float(start.value)
    return None


def spread(start: Initializer, fan_in: int, fan_out: int) -> float | None:
    """The root mean square of what an initializer draws; None if it is not known.

    >>> round(spread(onefit.initializers.GlorotUniform(), 64, 25), 3)
    0.15
    """
    if isinstance(start, initializers.VarianceScaling):
        n = {"fan_in": fan_in, "fan_out": fan_out}.get(
            start.mode, (fan_in + fan_out) / 2
        )
        return math.sqrt(float(start.scale) / max(n, 1))
    if isinstance(start, initializers.RandomNormal):
        return math.hypot(float(start.stddev), float(start.mean))
    if isinstance(start, initializers.TruncatedNormal):
        return math.hypot(0.88 * float(start.stddev), float(start.mean))
    if isinstance(start, initializers.RandomUniform):
        low, high = float(start.minval), float(start.maxval)
        return math.hypot((high - low) / math.sqrt(12), (low + high) / 2)
    if isinstance(start, initializers.Orthogonal):
        return float(start.gain) / math.sqrt(max(fan_in, fan_out, 1))
    value = _constant(start)
    return None if value is None else abs(value)


def _gain(call: Call) -> float | None:
    """The size of z for inputs of size 1: spread · √fan_in, or spread if z is / √n."""
    features, start = call.features, getattr(call.core, "kernel_initializer", None)
    if features is None or start is None or call.units is None:
        return None
    cells = math.prod(getattr(call.core, "kernel_size", (1,)))
    fan_in = features * cells
    if call.variant == "depthwise":
        fan_in = cells
    size = spread(start, fan_in, call.units * cells)
    if size is None or getattr(call.core, "scales_by_fan_in", False):
        return size
    return size * math.sqrt(fan_in)


def initializer_does_not_fit(case: Case) -> Findings:
    """Weights neither so large that units saturate nor so small that nothing passes.

    z = w·x + b should be about as large as x (Glorot and Bengio 2010; He et al. 2015).
    """
    network = case.network
    normal = any(c.role == "batch normalization" for c in network.calls)
    normal = normal or any(c.role in ("other", "sum") for c in network.calls)
    gains: list[tuple[float, Call]] = []
    for call in case.hidden:
        if not call.layer.trainable:
            continue
        bend = _bend_after(case, call)
        yield from _biased(call, bend)
        gain = _gain(call)
        if gain is None or _constant(call.core.kernel_initializer) is not None:
            continue
        gains.append((gain, call))
        direct = next(network.after(call.outputs[0]), None)
        if direct is not None and direct.role in ("batch normalization", "other"):
            continue
        if gain >= (LARGE if bend.saturates else HUGE):
            yield _does_not_fit(
                call,
                "error",
                f"the weights of {call.name!r} start so large that z is about "
                f"{gain:.0f} for inputs of size 1",
                f"{bend.ends_in} is flat there, so its units get no gradient"
                if bend.saturates
                else "the values grow from layer to layer, and so do the gradients",
            )
            return
    if len(gains) < 2 or normal:
        return
    total = math.prod(
        gain * (math.sqrt(0.5) if _bend_after(case, call).activation == "relu" else 1)
        for gain, call in gains
    )
    if total >= EXPLODING:
        call = max(gains, key=lambda pair: pair[0])[1]
        yield _does_not_fit(
            call,
            "error",
            f"the weights of the {len(gains)} hidden layers start so large that inputs "
            f"of size 1 come out as about {total:.0f}",
            "the values grow from layer to layer, and so do the gradients",
        )
    elif total < FADING:
        call = next((c for gain, c in gains if gain < FAINT), gains[0][1])
        slow = case.compiled and case.optimizer.step_size == "gradient"
        yield _does_not_fit(
            call,
            "error" if slow or total < FADING**2 else "hint",
            f"the weights of the hidden layers start so small that of inputs of size 1 "
            f"about {total:.0e} is left",
            "what hardly comes through gets hardly a gradient either",
        )


def _does_not_fit(call: Call, severity: Severity, seen: str, why: str) -> Finding:
    return Finding(
        "initializer-does-not-fit",
        severity,
        call.name,
        seen,
        why,
        "leave kernel_initializer out, or write kernel_initializer='he_normal' before "
        "relu and 'glorot_uniform' before sigmoid and tanh",
    )


def _bend_after(case: Case, call: Call) -> Call:
    """The call with the activation that a layer's z goes into."""
    if call.activation != "linear":
        return call
    reader = next(
        case.network.after(call.outputs[0], SHAPING | {"batch normalization"}), None
    )
    return reader if reader and reader.role == "activation" else call


def _biased(call: Call, bend: Call) -> Findings:
    start = getattr(call.core, "bias_initializer", None)
    value = _constant(start) if call.core.use_bias else None
    if value is None and isinstance(
        start, initializers.RandomNormal | initializers.TruncatedNormal
    ):
        value = float(start.mean)
    if value is None:
        return
    dead = bend.activation == "relu" and value <= BIASED["relu"]
    if dead or (bend.saturates and abs(value) >= BIASED["flat"]):
        yield Finding(
            "initializer-does-not-fit",
            "error",
            call.name,
            seen=f"the biases of {call.name!r} start at {value:g}",
            why="z = w·x + b is below 0 for every row, so its ReLUs give 0 and learn "
            "nothing"
            if dead
            else f"{bend.ends_in} is flat there, so its units get no gradient",
            instead="leave bias_initializer out: biases start at 0",
        )


def bias_before_normalization(case: Case) -> Findings:
    """Batch normalisation takes the mean away, and with it the bias (NeuraLint)."""
    found = []
    for call in case.network.calls:
        if not call.weighted or call.activation != "linear" or not call.core.use_bias:
            continue
        readers = list(case.network.after(call.outputs[0], ()))
        if (
            len(readers) == 1
            and readers[0] is not None
            and (readers[0].role == "batch normalization" and readers[0].core.center)
        ):
            found.append((call, readers[0]))
    if found:
        call, norm = found[0]
        more = f" (and of {len(found) - 1} more)" if len(found) > 1 else ""
        yield Finding(
            "bias-before-normalization",
            "hint",
            call.name,
            seen=f"the bias of {call.name!r}{more} goes into {norm.name!r}",
            why="batch normalisation takes the mean away, b with it, and adds its own "
            "β: the bias learns nothing",
            instead=f"write {call.kind}(..., use_bias=False)",
        )


# Dropout ------------------------------------------------------------------------------


def dropout_misplaced(case: Case) -> Findings:
    """Dropout on the answers, on word numbers, before a normalisation (NeuraLint)."""
    network = case.network
    for call in network.calls:
        if call.role != "dropout" or not _rate(call):
            continue
        readers = list(network.after(call.outputs[0]))
        direct = list(network.after(call.outputs[0], {"shape"}))
        shaped = [r for r in direct if r is not None and r.role == "activation"]
        outer = any(
            r is not None
            and r.role == "activation"
            and None in list(network.after(r.outputs[0], {"shape"}))
            and _no_weights_between(case, call)
            for r in shaped
        )
        if None in readers or outer:
            yield Finding(
                "dropout-misplaced",
                "error",
                call.name,
                seen=f"{call.name!r} drops the network's answers",
                why="while it trains, a part of the outputs is 0 whatever the weights, "
                "and the loss is made of that",
                instead="put it before the last layer with weights",
            )
        elif any(r is not None and r.role == "embedding" for r in readers):
            yield Finding(
                "dropout-misplaced",
                "error",
                call.name,
                seen=f"{call.name!r} drops and scales the numbers of words",
                why="a number of a word is a name: scaled, it is another word",
                instead="put it behind the embedding",
            )
        elif any(r is not None and r.role == "batch normalization" for r in direct):
            yield Finding(
                "dropout-misplaced",
                "hint",
                call.name,
                seen=f"{call.name!r} stands before a batch normalisation",
                why="dropout changes the variance while training only, and the "
                "normalisation keeps that variance for predicting",
                instead="put the dropout behind the normalisation and its activation",
            )
        elif network.before(call.sources[0]) is None and _rate(call) >= INPUTS_DROPPED:
            yield Finding(
                "dropout-misplaced",
                "hint",
                call.name,
                seen=f"{call.name!r} drops {_rate(call):.0%} of the inputs",
                why="what is dropped of the inputs is lost to every layer",
                instead=f"write {call.kind}(0.2) there, or put it between hidden "
                "layers",
            )


def _no_weights_between(case: Case, call: Call) -> bool:
    """Whether weights, and no activation, lead into a dropout."""
    before = case.network.before(call.sources[0], {"shape"})
    return before is not None and before.weighted and before.activation == "linear"


def _rate(call: Call) -> float:
    rate = getattr(call.core, "rate", 0.0)
    return float(rate) if isinstance(rate, int | float | np.number) else 0.0


def dropout_too_high(case: Case) -> Findings:
    """Half of the units is much already (UMLAUT; Srivastava et al. 2014)."""
    for call in case.network.calls:
        rates = {}
        if call.role == "dropout":
            rates = {"rate": _rate(call)}
        elif call.role == "recurrent":
            rates = {
                name: float(getattr(call.core, name, 0.0) or 0.0)
                for name in ("dropout", "recurrent_dropout")
            }
        for name, rate in rates.items():
            if rate <= KEPT["hint"]:
                continue
            yield Finding(
                "dropout-too-high",
                "error" if rate >= KEPT["error"] else "hint",
                call.name,
                seen=f"{call.name!r} drops {rate:.0%} while training",
                why=f"a row is seen through {1 - rate:.0%} of the units, too few to "
                "learn from",
                instead=f"write {call.kind}(0.5), or less"
                if name == "rate"
                else f"write {name}=0.2",
            )


def dropout_adds_up(case: Case) -> Findings:
    """What several dropouts, one behind the other, leave of a way through the network.

    Each may be usual; a way through all of them is there in (1 - p₁)(1 - p₂)... of the
    steps.
    """
    rates = [
        (call, _rate(call))
        for call in case.network.calls
        if call.role == "dropout" and _rate(call)
    ]
    left = math.prod(1 - rate for _, rate in rates)
    if len(rates) < 3 or left > WAY or max(r for _, r in rates) > KEPT["hint"]:
        return
    yield Finding(
        "dropout-too-high",
        "hint",
        rates[0][0].name,
        seen=f"{len(rates)} dropouts in a row, of "
        f"{', '.join(f'{rate:g}' for _, rate in rates[:6])}",
        why=f"each way from x to the answer goes through all of them, and is there in "
        f"{left:.1%} of the steps only: nearly all that a layer learns is noise",
        instead="write Dropout(0.2) in each, or leave all but the last out",
    )


# Sizes --------------------------------------------------------------------------------


def narrow_layer(case: Case) -> Findings:
    """What has to pass a layer has to fit into it."""
    network = case.network
    if any(head.reconstructs for head in case.heads):
        return
    ends = {_size(network.shapes[end]) for end in network.ends}
    if ends & {_size(network.shapes[value]) for value in network.inputs} - {None, 1}:
        return  # an autoencoder
    for call in case.hidden:
        through = PASSING | {"activation", "max pooling"}
        readers: list[Any] = [*network.after(call.outputs[0], through)]
        if call.role != "dense" or call.units != 1 or call.features in (None, 1):
            continue
        if not readers or not all(r is not None and r.role == "dense" for r in readers):
            continue
        if network.reaches(call, ("product", "other")) or len(call.shape or ()) > 2:
            continue
        outputs = max((head.units or 1 for head in case.heads), default=1)
        yield Finding(
            "narrow-layer",
            "hint" if outputs < 3 else "error",
            call.name,
            seen=f"{call.name!r} has one unit, and {readers[0].name!r} follows",
            why=f"all that the {call.features} values before it say has to pass as one "
            f"number, from which {outputs} output{'s' * (outputs > 1)} are made",
            instead=f"give it more: {call.kind}({max(8, 2 * outputs)}, ...)",
        )


PER_NUMBER = 4
"""Classes for each number that a convolution leaves, from which on these are few."""


def narrow_convolution(case: Case) -> Findings:
    """A convolution of one filter: one picture has to say everything.

    Of two filters whose pictures become one number each, too few for the classes.
    """
    network = case.network
    if any(head.reconstructs for head in case.heads):
        return
    inputs = {_size(network.shapes[value]) for value in network.inputs}
    if inputs & {_size(network.shapes[end]) for end in network.ends}:
        return
    for call in case.hidden:
        special = call.variant or call.role != "convolution"
        if special or not call.layer.trainable:
            continue
        sums = (call.features or 0) * math.prod(call.core.kernel_size)
        outputs = max((head.units or 1 for head in case.heads), default=1)
        if call.units != 1:
            yield from _summed_up(case, call, outputs)
            continue
        if (call.features or 0) < 4 and (sums < 4 or outputs < 3):
            continue
        through = PASSING | {"activation", "max pooling", "average pooling"}
        readers = list(network.after(call.outputs[0], through))
        after = [r.units or 0 for r in readers if r is not None and r.weighted]
        if not after or min(after) < 4 or network.reaches(call, ("product", "other")):
            continue
        yield Finding(
            "narrow-layer",
            "hint",
            call.name,
            seen=f"{call.name!r} has one filter, behind {_n(call.features, 'channel')} "
            f"and before {_n(after[0], 'unit')}",
            why=f"all that the {sums} numbers of a window say has to pass as one "
            f"number, from which {after[0]} others are made",
            instead=f"give it more: {call.kind}({min(call.features or 8, 16)}, ...)",
        )


def _summed_up(case: Case, call: Call, outputs: int) -> Findings:
    """Few filters, of each of which one number is left, before many classes."""
    after = list(case.network.after(call.outputs[0], {"activation"}))
    pooled = [r for r in after if r is not None and r.kind.startswith("Global")]
    units, classes = call.units or 0, outputs >= PER_NUMBER * (call.units or outputs)
    if not pooled or len(pooled) < len(after) or not classes:
        return
    last = list(case.network.after(pooled[0].outputs[0]))
    if not all(r is not None and r.role == "dense" for r in last):
        return
    yield Finding(
        "narrow-layer",
        "hint",
        call.name,
        seen=f"{call.name!r} has {units} filters, {pooled[0].name!r} leaves one number "
        f"of each, and there are {outputs} classes",
        why=f"{outputs} answers are told apart by {units} numbers",
        instead=f"give it more: {call.kind}({max(16, 2 * outputs)}, ...)",
    )


def _n(count: int | None, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def shrinks_too_early(case: Case) -> Findings:
    """Windows on next to nothing, or that skip cells (NeuraLint)."""
    for call in case.network.calls:
        core, shape = call.core, call.shapes[0] if call.shapes else None
        window = getattr(core, "kernel_size", None) or getattr(core, "pool_size", None)
        if window is None or shape is None or call.shape is None:
            continue
        grid = call.role == "convolution" or call.role.endswith("pooling")
        if not grid or call.variant == "transposed":
            continue
        axes = core.axes(shape)
        sides = [shape[a] for a in axes]
        after = [call.shape[a] for a in axes]
        if any(n is None for n in [*sides, *after]):
            continue
        strides = core.strides
        if max(sides) == 1 and max(window) > 1:
            yield _shrunk(
                call,
                f"{call.name!r} looks through a window of {_times(window)} at a grid "
                f"of {_times(sides)}",
                "there is one cell left, and the rest of the window sees padding",
            )
            return
        if any(s > w > 1 for s, w in zip(strides, window, strict=True)):
            yield _shrunk(
                call,
                f"{call.name!r} has windows of {_times(window)} at a stride of "
                f"{_times(strides)}",
                "cells between the windows are never seen",
            )
            return
        wide = min(sides) >= WIDE and min(window) > 3
        if call.role == "max pooling" and wide and max(after) <= LEFT:
            yield _shrunk(
                call,
                f"{call.name!r} leaves {_times(after)} of a grid of {_times(sides)}",
                "where something was seen is lost at once, before other filters could "
                "put it together",
            )
            return


def _times(sizes: Iterable[int]) -> str:
    return "×".join(str(n) for n in sizes)


def _shrunk(call: Call, seen: str, why: str) -> Finding:
    pool = call.role.endswith("pooling")
    return Finding(
        "shrinks-too-early",
        "hint",
        call.name,
        seen,
        why,
        f"write {call.kind}(2), or leave one of the layers that shrink out"
        if pool
        else "write strides=1, or leave one of the layers that shrink out",
    )


def missing_flatten(case: Case) -> Findings:
    """A dense layer on an image works on its channels alone (NeuraLint)."""
    network = case.network
    for call in network.calls:
        shape = call.shapes[0] if call.shapes else None
        if call.role != "dense" or call.core is not call.layer or not shape:
            continue
        before = network.before(
            call.sources[0], PASSING | {"activation", "max pooling"}
        )
        seen = before is None or before.role == "convolution"
        if len(shape) < 4 or not seen or network.before(call.sources[0]) is None:
            continue
        # Several outputs a row are meant where the target has them.
        if any(h.targets is not None and len(h.shape or ()) > 2 for h in case.heads):
            return  # judged where outputs meet targets
        yield Finding(
            "missing-flatten",
            "hint",
            call.name,
            seen=f"{call.name!r} works on values of shape {shape}",
            why=f"a dense layer multiplies the last axis alone, {shape[-1]} channels, "
            "at each place by itself",
            instead="add Flatten() or GlobalAveragePooling2D() before it",
        )
        return


# Recurrent ----------------------------------------------------------------------------


def unstable_recurrence(case: Case) -> Findings:
    """h_t = g(x·W + h·R + b): without a bound on g, h may grow with every step."""
    for call in case.network.calls:
        if call.role != "recurrent":
            continue
        core, act = call.core, call.ends_in
        again = core.recurrent_initializer
        size = spread(again, core.units, core.units)
        gain = None if size is None else size * math.sqrt(core.units)
        steps = call.shapes[0][1] if call.shapes[0] else None
        length = f" over {steps} steps" if steps else ""
        if isinstance(again, initializers.Identity):
            continue
        if call.activation == "softmax":
            yield Finding(
                "softmax-in-hidden-layer",
                "error",
                call.name,
                seen=f"{call.kind}(activation='softmax'){length}",
                why="the units of the state then share a sum of 1 at every step, so "
                f"each is about 1/{core.units} and says next to nothing; softmax is "
                "for the classes of the last layer",
                instead=f"leave the activation out: {call.kind}({core.units}) has tanh",
            )
            continue
        gates = getattr(core, "recurrent_activation", None)
        if gates is activations.softmax:
            yield Finding(
                "softmax-in-hidden-layer",
                "error",
                call.name,
                seen=f"{call.kind}(recurrent_activation='softmax'){length}",
                why=f"the gates of all {core.units} units then share a sum of 1: each "
                f"lets about 1/{core.units} through, and hardly any state is kept",
                instead="leave recurrent_activation out: it is 'sigmoid'",
            )
            continue
        gate = activations.facts_of(gates)
        low, high = (gate and gate.range) or (0, 1)
        if not 0 <= low < high <= 1:
            name = core.recurrent_activation.__name__
            yield Finding(
                "unstable-recurrence",
                "error" if math.inf in (-low, high) else "hint",
                call.name,
                seen=f"{call.kind}(recurrent_activation={name!r}){length}",
                why="a gate says which share of the state is kept, from 0 to 1, and "
                f"{name} gives {low:g} to {high:g}: the state can "
                "grow with every step",
                instead="leave recurrent_activation out: it is 'sigmoid'",
            )
            continue
        if call.facts and math.inf in map(abs, call.facts.range or ()):
            yield Finding(
                "unstable-recurrence",
                "hint",
                call.name,
                seen=f"{call.kind}(activation={act!r}){length}",
                why="each step multiplies the state by R again; tanh keeps it between "
                f"-1 and 1, and {act} lets it grow without bound",
                instead=f"leave the activation out: {call.kind}({core.units}) has tanh",
            )
        elif gain is not None and gain >= LARGE and _constant(again) is None:
            yield Finding(
                "unstable-recurrence",
                "error",
                call.name,
                seen=f"the recurrent weights of {call.name!r} start so large that a "
                f"step makes states {gain:.0f} times as large",
                why="the state is multiplied by R at every step, and so is its "
                "gradient on the way back",
                instead="leave recurrent_initializer out: it is 'orthogonal'",
            )


# Training -----------------------------------------------------------------------------


def nothing_to_train(case: Case) -> Findings:
    """Weights that are all frozen do not learn (TheDeepChecker)."""
    plain = case.model.graph.plain_layers()
    heavy = [
        layer
        for layer in plain
        if (layer.built and layer.slot.params)
        or (not layer.built and layer.role in ("dense", "convolution", "recurrent"))
    ]
    free = any(
        layer.trainable
        and (not layer.built or jax.tree.leaves(layer.free(layer.slot.params)))
        for layer in heavy
    )
    if free or (not heavy and (not case.compiled or not all(p.built for p in plain))):
        return
    if heavy:
        yield Finding(
            "nothing-to-train",
            "error",
            None,
            seen=f"all {len(heavy)} layers with weights have trainable=False",
            why="fit changes the weights that are free, and there are none",
            instead="write model.trainable = True, or layer.trainable = True for those "
            "that are to learn, before compile",
        )
    elif plain:
        yield Finding(
            "nothing-to-train",
            "error",
            None,
            seen="no layer has weights",
            why="learning is changing weights",
            instead="add a layer that has some, such as Dense",
        )


def penalty_too_strong(case: Case) -> Findings:
    """A penalty that outweighs the loss: the best weights are then 0 (lecture 003)."""
    units = _gains(case)
    if units is None:
        return
    weighted = [c for c in case.network.calls if c.weighted or c.role == "recurrent"]
    rules = [getattr(c.core, "kernel_regularizer", None) for c in weighted]
    slack = PARTLY if any(rule is None for rule in rules) else 1.0
    slack = ALONE if len(weighted) == 1 else slack
    worst: tuple[float, Call, str, float] | None = None
    for call, rule in zip(weighted, rules, strict=True):
        for name, (_, error) in STRONG.items():
            factor = getattr(rule, name, None)
            if not isinstance(factor, int | float | np.floating):
                continue
            strength = float(factor) / (slack * units[name] * error)
            if call.layer.trainable and (worst is None or strength > worst[0]):
                worst = (strength, call, name, float(factor))
    if worst is None:
        return
    strength, call, name, factor = worst
    hint, error = STRONG[name]
    if strength < hint / error:
        return
    yield Finding(
        "penalty-too-strong",
        "error" if strength >= 1 else "hint",
        call.name,
        seen=f"{call.name!r} has kernel_regularizer={name.upper()}({factor:g})",
        why=f"J = loss + λ·Ω(w) with λ = {factor:g}: the penalty outweighs what "
        "learning gains, so the best weights are 0 and every row gets one answer",
        instead="write kernel_regularizer="
        f"{name.upper()}({'0.001' if name == 'l2' else '0.0001'})",
    )


def _gains(case: Case) -> dict[str, float] | None:
    """What a penalty is measured by: what learning gains, for L1 and L2."""
    found = []
    for head in case.heads:
        t = head.targets
        if head.kind in ("binary", "sparse", "categorical"):
            found.append({"l1": GAIN, "l2": GAIN})
        elif head.kind == "regression" and t is not None and t.deviation:
            found.append({"l1": t.deviation, "l2": t.deviation**2})
    return max(found, key=lambda unit: unit["l2"], default=None)


LAYOUT: tuple[Callable[[Case], Findings], ...] = (
    linear_stack,
    double_activation,
    softmax_in_hidden_layer,
    deep_saturating_stack,
    symmetric_weights,
    initializer_does_not_fit,
    bias_before_normalization,
    dropout_misplaced,
    dropout_too_high,
    dropout_adds_up,
    narrow_layer,
    narrow_convolution,
    shrinks_too_early,
    missing_flatten,
    unstable_recurrence,
    nothing_to_train,
    penalty_too_strong,
)
