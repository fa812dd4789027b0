"""Rules that look at measured steps: what each layer answers and gets back."""

from collections.abc import Iterator
from typing import cast

import jax
import numpy as np

from onefit import initializers
from onefit.description import fields
from onefit.guide.finding import Finding, Severity
from onefit.guide.probe import ZEROING, Probe, Responses, WeightSizes
from onefit.guide.rules.curves import SLOW, TRIED
from onefit.guide.rules.neighbours import labels_wrong, underfitting, unrelated
from onefit.guide.run import Run
from onefit.layers.base import Layer
from onefit.types import Tree

__all__ = ["LAYERS"]

Findings = Iterator[Finding]

POOR = 0.5
"""A network that has less of the loss of guessing behind it has not learned well."""

DEAD, MOST, MANY = 0.5, 0.7, 0.9
"""Shares of dead units: of a network that does not learn; of one that learns, for a
hint (AutoTrainer's threshold), and while it trains."""

VANISHED = 1e-3
"""First layer's gradient in terms of the last one's (AutoTrainer's threshold)."""

FORGOTTEN, STEPS = 1e-3, 20
"""How small the gradient of the first steps of a sequence is that is forgotten, and
how long such a sequence is at least."""

MANY_STEPS = 100
"""Steps of a fit in which it would have begun to learn."""

LARGE_TARGETS = 100.0
"""The size of targets that makes gradients large, rather than the network."""

EXPLODED = 70.0
"""The same, for gradients that grow on their way back (AutoTrainer's threshold)."""

MOVED = 0.02
"""What share of themselves weights can move in a whole fit that crawls."""


def dead_units(run: Run) -> Findings:
    """ReLU units whose answer is 0 for every row: g'(z) = 0, so they learn no more."""
    for layer in run.now.layers:
        if layer.activation not in ZEROING:
            continue
        dead = layer.zero == 1
        share = dead.mean()
        # While the loss falls, units may yet come back to life.
        poor = run.learned < POOR and not run.falling
        if share < (DEAD if poor else MANY):
            # A layer that is mostly gone is worth a word even where the rest learns.
            if share >= MOST and not run.early:
                yield _dead(run, layer, dead, "hint")
            continue
        yield _dead(run, layer, dead, "error" if poor else "hint")


def _dead(run: Run, layer: Responses, dead: np.ndarray, severity: Severity) -> Finding:
    begun = next(
        (one for one in run.probes[0].layers if one.layer == layer.layer), layer
    )
    before = (begun.zero[dead] == 1).mean() > 0.5
    own = next(
        (one for _, one in run.evidence.graph.calls() if one.name == layer.layer), None
    )
    set_otherwise = own is not None and not all(_usual_start(own, n) for n in STARTS)
    fix = f"a smaller learning rate than {run.rates}"
    if before:
        fix = "inputs of both signs" if not set_otherwise else "default initial weights"
    return Finding(
        "dead-units",
        severity,
        layer.layer,
        f"{int(dead.sum())} of {dead.size} ReLU units of {layer.layer!r} answer 0 to "
        f"every row{', most of them from the start' if before else ''}",
        "where z < 0 for every row, ReLU's slope is 0: no gradient comes through, and "
        "these units do not change (dying ReLU)",
        f"{fix}, inputs scaled to about -1 to 1, and activation='leaky_relu' or 'elu', "
        "whose slope is never 0",
        {"share of rows answered with 0, by unit": np.sort(layer.zero)[::-1]},
    )


STARTS = ("kernel_initializer", "bias_initializer")


def _usual_start(layer: Layer, name: str) -> bool:
    """Whether a layer has the initializer that it has when nobody gives one."""
    own = getattr(layer, name, None)
    usual = next((f for f in fields(layer) if f.name == name), None)
    if own is None or usual is None:
        return True
    return type(own) is type(initializers.get(cast(str, usual.default)))


def saturated_units(run: Run) -> Findings:
    """Sigmoid or tanh units at their flat ends: g'(z) is nearly 0 there."""
    if run.learned > POOR:
        return  # a trained unit that says a clear yes or no is no fault
    for probe in (run.probes[0], run.now):
        found = False
        for layer in probe.layers:
            if not layer.facts.saturates:
                continue
            share = (layer.flat > 0.8).mean()
            if share < 0.7 or (probe is run.now and _last(probe, layer)):
                continue
            if probe is run.now and run.learned > 0.1:
                continue  # it says yes or no, and knows something
            found = True
            yield Finding(
                "saturated-units",
                "error",
                layer.layer,
                f"{share:.0%} of the units of {layer.layer!r} give the ends of "
                f"{layer.activation} for nearly every row",
                "there the curve is flat: its slope g'(z), a factor of every gradient "
                "behind it, is nearly 0",
                "scale the inputs to about -1 to 1, keep the default initial weights, "
                f"and use activation='relu' in hidden layers; {run.rates} may also "
                "have been too fast",
                {"share of rows at the ends, by unit": np.sort(layer.flat)[::-1]},
            )
        if found:
            return


def _last(probe: Probe, layer: Responses) -> bool:
    return layer is probe.layers[-1]


def _kernels(probe: Probe) -> list[WeightSizes]:
    """The arrays that multiply what comes in: not biases, not those that begin at 0."""
    plain = (w for w in probe.weights if len(w.shape) > 1 and w.weight > 1e-6)
    return [w for w in plain if "bias" not in w.name]


def vanishing(run: Run) -> Findings:
    """The first layer's gradient is a thousandth of the last one's."""
    if run.learned > POOR:
        return
    for probe in run.probes:
        kernels = _kernels(probe)
        if len(kernels) < 3 or kernels[-1].gradient == 0:
            continue
        first, last = kernels[0], kernels[-1]
        if first.gradient == 0 or first.gradient > VANISHED * last.gradient:
            continue
        flat = [r for r in probe.layers if r.facts.saturates]
        kind = flat[0].activation if flat else "the activations"
        slope = (flat[0].facts.slope if flat else None) or 1
        yield Finding(
            "vanishing-gradients",
            "error",
            first.layer,
            f"the gradient of {first.layer!r} is {first.gradient:.1e}, that of "
            f"{last.layer!r} is {last.gradient:.1e}, "
            f"{last.gradient / first.gradient:,.0f} times as large",
            f"by the chain rule dJ/dw of an early layer has one factor g'(z) for each "
            f"layer behind it; for {kind} it is at most "
            f"{slope:g}, so the product goes to 0",
            "activation='relu' in hidden layers, fewer layers, or BatchNormalization() "
            "between them",
            _by_layer(kernels),
        )
        return


def along_time(run: Run) -> Findings:
    """What a recurrent layer has met first hardly changes its last answer."""
    if run.early or run.learned > SLOW or run.steps < MANY_STEPS:
        return
    begun = run.probes[0]
    roles = [layer.role for _, layer in run.evidence.graph.calls()]
    if "recurrent" not in roles or len(roles) != len(begun.layers):
        return
    at = roles.index("recurrent")
    first, before = begun.layers[at], begun.layers[at - 1] if at else begun
    slopes, steps = np.asarray(before.along), len(before.along)
    if steps < STEPS or not np.isfinite(slopes).all() or not slopes.any():
        return
    early, most = slopes[: max(1, steps // 10)].mean(), slopes.max()
    if early > FORGOTTEN * most:
        return
    plain = first.kind == "SimpleRNN"
    yield Finding(
        "vanishing-gradients",
        "error",
        first.layer,
        f"of {steps} steps the first ones have gradients {early / most:.0e} times "
        f"those of the last, before the fit; its loss is still that of guessing "
        f"({run.last:.3g})",
        "on its way back along time dJ/dh has one factor for each step (the recurrent "
        "weights, and g'(z)); what decides, if it stands early, is not found",
        ("an LSTM or a GRU in place of SimpleRNN; or " if plain else "")
        + "shorter sequences (every second step, or the part that decides), a Conv1D "
        "with strides or a pooling before it, or return_sequences=True with a "
        "GlobalAveragePooling1D behind",
        {"size of the gradient, by step": slopes},
    )


def exploding(run: Run) -> Findings:
    """Gradients that grow on their way back, or are out of all proportion."""
    if run.learned > POOR:
        return
    for probe in run.probes:
        kernels = _kernels(probe)
        if len(kernels) < 2:
            continue  # a product of one factor grows no more than its target
        first, last = kernels[0], kernels[-1]
        grows = (
            len(kernels) >= 4
            and last.gradient > 0
            and first.gradient > EXPLODED * last.gradient
        )
        largest = max(kernels, key=lambda w: w.gradient)
        huge = largest.gradient > 1e3 * max(largest.weight, 1e-3)
        if not (grows or huge):
            continue
        if not grows and (size := _target_size(run)) > LARGE_TARGETS:
            yield Finding(
                "target-not-scaled",
                "error",
                None,
                f"the targets have a size of {size:.3g} (the root of the mean square), "
                f"and so the gradient of {largest.layer!r} is {largest.gradient:.1e}",
                "outputs start at about 1, and have to come to where the targets are "
                "before anything of x can be learned",
                "write y = (y - y.mean()) / y.std(), and undo it after predict",
                run.curve(),
            )
            return
        yield Finding(
            "exploding-gradients",
            "error",
            largest.layer,
            f"the gradient of {largest.layer!r} is {largest.gradient:.1e}, its weights "
            f"are {largest.weight:.1e}",
            "by the chain rule dJ/dw is a product of one factor for each layer behind; "
            "with large weights, inputs or targets the product grows without bound",
            "scale inputs and targets to about -1 to 1, keep the default initial "
            f"weights, and write {run.rate_times(1)[:-1]}, clipnorm=1.0)",
            _by_layer(kernels),
        )
        return


def _target_size(run: Run) -> float:
    """The size of what a regression is to answer; 0 of classes."""
    targets = jax.tree.leaves(run.evidence.sample.y)
    if run.evidence.spread is not None or len(targets) != 1:
        return 0.0
    return float(np.sqrt(np.mean(np.square(np.asarray(targets[0], float)))))


def _by_layer(kernels: list[WeightSizes]) -> dict[str, np.ndarray]:
    return {
        "size of dJ/dW, by layer": np.array([w.gradient for w in kernels]),
        "size of W, by layer": np.array([w.weight for w in kernels]),
    }


def crawling(run: Run) -> Findings:
    """Steps so small that the weights cannot move far in the whole fit."""
    if run.learned > POOR or not np.isfinite(run.loss).all() or run.sped > 2:
        return  # of a rate that grows the first steps say nothing
    start = [w for w in _kernels(run.probes[0]) if w.weight > 1e-6 and w.gradient > 0]
    if not start:
        return
    planned = (run.evidence.epochs - run.evidence.first) * run.evidence.steps
    ratio = float(np.median([w.ratio for w in start]))
    if ratio * planned > MOVED:
        return
    if ratio > 1e-4:
        if run.early:
            return
        yield Finding(
            "too-few-steps",
            "hint" if run.epochs < TRIED else "error",
            None,
            f"the whole fit has {planned} steps, each of which moves a weight by "
            f"{ratio:.1e} of itself",
            "gradient descent needs many steps: w := w - alpha dJ/dw",
            f"epochs={max(10, 20 * run.evidence.epochs)}, or a smaller batch_size than "
            f"{run.evidence.batch_size}",
            run.curve(),
        )
        return
    factor = 10.0 ** np.ceil(np.log10(1e-3 / max(ratio, 1e-12)))
    yield Finding(
        "crawling",
        "error",
        None,
        f"a step moves a weight by {ratio:.1e} of itself, all {planned} steps by no "
        f"more than {ratio * planned:.1e}; the loss is {run.last:.4g}, it began with "
        f"{run.loss[0]:.4g}",
        f"{run.rates} takes steps that are too small; about 0.001 of a weight is usual",
        f"a larger learning rate: {run.rate_times(factor)}",
        run.curve(),
    )


def penalised(run: Run) -> Findings:
    """The penalty on the weights is most of what is minimised."""
    start, now = run.probes[0], run.now
    if run.early or run.learned > POOR or now.penalty < 0.5 * abs(now.loss):
        return
    yield Finding(
        "penalty-too-strong",
        "error",
        None,
        f"of the loss {now.loss:.3g} the regularisation is {now.penalty:.3g} (before "
        f"the fit {start.penalty:.3g} of {start.loss:.3g})",
        "J = loss + lambda * sum of w^2 (or |w|): where the sum outweighs the loss, "
        "the fit makes the weights small instead of the errors",
        "a hundredth of the regularisation: L2(0.001) or L2(0.0001) is usual",
        run.curve(),
    )


def symmetric(run: Run) -> Findings:
    """Units with the same weights get the same gradient, and stay one unit."""
    if run.evidence.end is None:
        return
    params, graph = run.evidence.end.params, run.evidence.graph
    hidden = graph.plain_layers()
    for layer, own in _layers(graph, params):
        kernel = own.get("kernel")
        if kernel is None or kernel.shape[-1] < 2 or layer is hidden[-1]:
            continue
        kernel = np.asarray(kernel).reshape(-1, kernel.shape[-1])
        if getattr(layer, "variant", "") == "depthwise" or len(kernel) < 1:
            continue
        if np.abs(kernel - kernel[:, :1]).max() > 1e-6 * max(np.abs(kernel).max(), 1):
            continue
        yield Finding(
            "symmetric-units",
            "error",
            str(layer.name),
            f"all {kernel.shape[1]} units of {layer.name!r} have the same weights "
            f"after {run.epochs} epochs",
            "units that start equal get equal gradients, so they stay equal: the layer "
            "is one unit",
            "random initial weights: leave kernel_initializer out, or write "
            "kernel_initializer='glorot_uniform'",
        )


def _layers(graph: Layer, params: Tree) -> Iterator[tuple[Layer, Tree]]:
    for layer, own in zip(graph.layers, params, strict=True):
        if isinstance(own, tuple):
            yield from _layers(layer, own)
        else:
            yield layer, own


def frozen(run: Run) -> Findings:
    """Weights that the whole fit has not changed."""
    start, end = run.evidence.start, run.evidence.end
    if end is None or run.steps < 2:
        return
    pairs = list(
        zip(
            _layers(run.evidence.graph, start.params),
            _layers(run.evidence.graph, end.params),
            strict=True,
        )
    )
    same = {
        str(layer.name): layer
        for (layer, before), (_, after) in pairs
        if before
        and all(
            np.array_equal(a, b)
            for a, b in zip(*map(jax.tree.leaves, (before, after)), strict=True)
        )
    }
    heavy = [layer for (layer, before), _ in pairs if before]
    frozen = [layer for layer in same.values() if not layer.trainable]
    cut = [name for name, layer in same.items() if layer.trainable]
    if not same or (run.learned > POOR and not cut):
        return
    names = ", ".join(map(repr, same))
    if len(same) == len(heavy):
        still = all(w.gradient == 0 for w in run.now.weights)
        fix = (
            "set layer.trainable = True"
            if frozen
            else "see what model.check() says of the last layer and the loss: no "
            "gradient comes from them"
            if still
            else f"a learning rate above 0 in place of {run.rates}"
        )
        severity = "error"
    elif frozen:
        fix = "set layer.trainable = True before compile, if its weights are random"
        severity = "hint"
    else:
        fix = "see that the loss depends on it (dead units, stop_gradient, rounding)"
        severity = "hint"
    layer = next(iter(same)) if len(same) == 1 else (cut or list(same))[0]
    yield Finding(
        "frozen-weights",
        severity,
        layer,
        f"the weights of {names} are what they were before the fit",
        "what does not change does not learn",
        fix,
    )


def one_class(run: Run) -> Findings:
    """Every row gets the same answer."""
    spread = run.evidence.spread
    if run.early or spread is None or len(run.now.outputs) != 1 or run.steps < 30:
        return
    answers = np.asarray(run.now.outputs[0])
    if len(answers) < 16 or not np.isfinite(answers).all() or answers.ndim != 2:
        return
    if answers.shape[1] == 1:
        said = (answers[:, 0] > 0.5).astype(int)
    else:
        said = answers.argmax(axis=1)
    if len(np.unique(said)) > 1 or len(spread) < 2 or (spread > 0).sum() < 2:
        return
    share = spread[min(said[0], len(spread) - 1)]
    rare = spread.max() > 0.8
    if run.learned > 0.2 if rare else run.falling:
        return  # it tells some apart, or is on its way to
    fix = (
        "weigh the classes: fit(..., class_weight={...}), with n / (classes * count)"
        if rare
        else "look at the other findings for the cause"
    )
    yield Finding(
        "one-class-predictor",
        "error",
        None,
        f"all {len(answers)} sampled rows are answered with class {said[0]}, which "
        f"{share:.0%} of the rows have",
        "the same answer for every row uses nothing of x; with unbalanced classes it "
        "even looks accurate",
        fix,
        {"share of rows, by class": spread},
    )


LAYERS = (
    symmetric,
    dead_units,
    saturated_units,
    vanishing,
    along_time,
    exploding,
    crawling,
    penalised,
    frozen,
    one_class,
    underfitting,
    unrelated,
    labels_wrong,
)
"""In the order in which they are asked."""
