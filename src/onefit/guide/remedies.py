"""Remedies: what to change about a finding, as functions from a program to a program.

Each is a small function of the program and of where the finding is; `REMEDIES` says
which belong to which finding, the likeliest first. `USUAL` are those that help where
nothing was found: rate, epochs, width, activation, normalization, batch.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from onefit import regularizers
from onefit.description import REQUIRED, Description, fields
from onefit.guide.case import Head
from onefit.guide.finding import Finding
from onefit.guide.network import Call
from onefit.guide.program import Program
from onefit.guide.rules.heads import ASKS
from onefit.guide.suggest import head_of
from onefit.guide.targets import kind_of
from onefit.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Flatten,
    Normalization,
    Rescaling,
)
from onefit.layers.base import Layer

__all__ = ["REMEDIES", "USUAL", "Place", "Remedy", "cured", "of_finding", "usual"]


class Place(NamedTuple):
    """Where a finding is: the name of a layer, and columns; empty where it is none."""

    layer: str | None = None
    columns: tuple[int, ...] = ()


class Remedy(NamedTuple):
    """A change of a program.

    Attributes:
        name: The change in a few words.
        apply: The program with it.
    """

    name: str
    apply: Callable[[Program], Program]


Maker: TypeAlias = Callable[[Program, Place], Program]

DEAD_ENDS = ("sigmoid", "tanh", "hard_sigmoid", "softsign", "softmax")
"""Activations whose slope goes to 0, which hidden layers do better without."""

ROWS_IN_A_BATCH = 32


# What changes layers ------------------------------------------------------------------


def _set(layer: Layer, **settings: Any) -> Layer:
    """A layer with those settings of these that it has; itself if it has none."""
    own = {name: value for name, value in settings.items() if hasattr(layer, name)}
    new = layer.replace(**own) if own else layer
    if new is not layer:
        object.__setattr__(new, "_named", layer._named)
        new.trainable = layer.trainable
    return new


def _usual(layer: Layer, *names: str) -> Layer:
    """A layer with these settings as they are when nobody gives them."""
    usual = {f.name: f.default for f in fields(layer) if f.default is not REQUIRED}
    return _set(layer, **{name: usual[name] for name in names if name in usual})


def _on(program: Program, names: Iterable[str], change: Callable) -> Program:
    """The program with the layers of these names changed."""
    wanted = set(names)
    return program.with_layers(
        lambda layer: change(layer) if layer.name in wanted else [layer]
    )


def _hidden(program: Program) -> list[Call]:
    return program.case.hidden


def _here(program: Program, place: Place) -> list[str]:
    """The layer of the finding; every hidden one where it has none."""
    return [place.layer] if place.layer else [c.name for c in _hidden(program)]


def rectified(program: Program, place: Place, activation: str = "relu") -> Program:
    """ReLU in the hidden layers that have no activation, or one that dies."""
    del place
    flat = [c.name for c in _hidden(program) if c.activation in ("linear", *DEAD_ENDS)]
    flat += [
        call.name
        for call in program.case.network.calls
        if call.role == "activation"
        and call.activation in DEAD_ENDS
        and None not in program.case.network.after(call.outputs[0])
    ]
    return _on(program, flat, lambda layer: [_set(layer, activation=activation)])


def leaky(program: Program, place: Place) -> Program:
    """An activation whose slope is never 0, in every hidden layer."""
    del place
    names = [c.name for c in _hidden(program)]
    return _on(
        program,
        names,
        lambda layer: [_usual(_set(layer, activation="leaky_relu"), *STARTS)],
    )


STARTS = ("kernel_initializer", "recurrent_initializer", "bias_initializer")
STARTS += ("depthwise_initializer", "pointwise_initializer", "embeddings_initializer")


def usual_starts(program: Program, place: Place) -> Program:
    """Initial weights as they are when nobody gives them, in every layer."""
    del place
    return program.with_layers(lambda layer: [_usual(layer, *STARTS)])


def without(program: Program, place: Place) -> Program:
    """The layer of the finding left out."""
    return _on(program, _here(program, place)[:1], lambda layer: [])


def inner_left_out(program: Program, place: Place) -> Program:
    """Of two activations in a row, the first left out."""
    network = program.case.network
    call = next(c for c in network.calls if c.name == place.layer)
    first = network.before(call.sources[0])
    assert first is not None
    if first.weighted:
        return _on(program, [first.name], lambda layer: [_set(layer, activation=None)])
    return _on(program, [first.name], lambda layer: [])


def without_bias(program: Program, place: Place) -> Program:
    """No bias where the normalization takes it away."""
    return _on(
        program, _here(program, place), lambda layer: [_set(layer, use_bias=False)]
    )


def gentle_dropout(program: Program, place: Place) -> Program:
    """A fifth dropped, wherever more is."""

    def less(layer: Layer) -> list[Layer]:
        known = ("rate", "dropout", "recurrent_dropout")
        high = {
            name: 0.2
            for name in known
            if isinstance(getattr(layer, name, None), int | float)
            and getattr(layer, name) > 0.2
        }
        return [_set(layer, **high)] if high else [layer]

    del place
    return program.with_layers(less)


def no_dropout(program: Program, place: Place) -> Program:
    """No dropout at all."""
    del place
    return program.with_layers(lambda layer: [] if layer.role == "dropout" else [layer])


def wider(program: Program, place: Place, factor: float = 2) -> Program:
    """Twice the units in every hidden layer."""
    del place

    def more(layer: Layer) -> list[Layer]:
        sizes = {
            name: max(1, round(getattr(layer, name) * factor))
            for name in ("units", "filters")
            if isinstance(getattr(layer, name, None), int)
        }
        return [_set(layer, **sizes)]

    return _on(program, _growing(program), more)


def narrower(program: Program, place: Place) -> Program:
    """Half the units in every hidden layer."""
    return wider(program, place, 0.5)


def _growing(program: Program) -> list[str]:
    """The layers whose number of units is free: hidden ones, recurrent ones."""
    names = [c.name for c in _hidden(program) if c.core is c.layer]
    recurrent = [
        c.name
        for c in program.case.network.calls
        if c.role == "recurrent"
        and c.core is c.layer
        and None not in program.case.network.after(c.outputs[0])
    ]
    return list(dict.fromkeys([*names, *recurrent]))


def enough_units(program: Program, place: Place) -> Program:
    """Room for what has to pass the layer of the finding."""
    outputs = max((head.units or 1 for head in program.case.heads), default=1)
    return _on(
        program,
        [str(place.layer)],
        lambda layer: [_set(layer, units=max(16, 2 * outputs), filters=16)],
    )


def another_layer(program: Program, place: Place) -> Program:
    """A hidden layer of 32 ReLUs before the last one."""
    del place
    last = program.case.heads[0].weights
    if last is None or last.role != "dense":
        raise ValueError("no dense layer comes last")
    return _on(program, [last.name], lambda layer: [Dense(32, "relu"), layer])


def normalized(program: Program, place: Place) -> Program:
    """BatchNormalization between each hidden layer and its activation."""
    del place

    def spread(layer: Layer) -> list[Layer]:
        activation = getattr(layer, "activation", None)
        bare = _set(layer, activation=None)
        return [bare, BatchNormalization(), Activation(activation)]

    names = [c.name for c in _hidden(program) if c.core is c.layer]
    if not names or any(
        c.role == "batch normalization" for c in program.case.network.calls
    ):
        raise ValueError("there is nothing to normalize, or it is normalized")
    return _on(program, names, spread)


def weaker_penalty(program: Program, place: Place) -> Program:
    """A hundredth of each penalty."""
    del place

    def weak(rule: Any) -> Any:
        if not isinstance(rule, Description):
            return rule
        sizes = {n: getattr(rule, n, None) for n in ("l1", "l2", "factor")}
        some = {
            n: float(v) / 100
            for n, v in sizes.items()
            if isinstance(v, int | float) and v
        }
        return rule.replace(**some)

    def less(layer: Layer) -> list[Layer]:
        names = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
        names += ("recurrent_regularizer",)
        return [
            _set(
                layer,
                **{
                    n: weak(getattr(layer, n))
                    for n in names
                    if getattr(layer, n, None) is not None
                },
            )
        ]

    return program.with_layers(less)


def penalty(program: Program, place: Place) -> Program:
    """L2 on the weights of the hidden layers."""
    del place
    names = [c.name for c in _hidden(program) if c.core is c.layer]
    rule = regularizers.L2(0.001)
    return _on(program, names, lambda layer: [_set(layer, kernel_regularizer=rule)])


def flattened(program: Program, place: Place) -> Program:
    """One answer a row: a Flatten, or the last step of a recurrent layer."""
    network = program.case.network
    call = next((c for c in network.calls if c.name == place.layer), None)
    source = network.before(call.sources[0]) if call else None
    if source is not None and source.role == "recurrent":
        return _on(
            program, [source.name], lambda layer: [_set(layer, return_sequences=False)]
        )
    return _on(program, [str(place.layer)], lambda layer: [Flatten(), layer])


def finer(program: Program, place: Place) -> Program:
    """Windows of 2, strides of 1: less is lost at once."""

    def fine(layer: Layer) -> list[Layer]:
        if layer.role.endswith("pooling"):
            return [_set(layer, pool_size=2, strides=None)]
        return [_set(layer, strides=1)]

    return _on(program, [str(place.layer)], fine)


def steady(program: Program, place: Place) -> Program:
    """A recurrent layer's own activation and initial weights."""
    names = ("activation", "recurrent_activation", "recurrent_initializer")
    return _on(program, [str(place.layer)], lambda layer: [_usual(layer, *names)])


def free(program: Program, place: Place) -> Program:
    """Every layer trained."""
    del place

    def thawed(layer: Layer) -> list[Layer]:
        new = layer.replace()
        object.__setattr__(new, "_named", layer._named)
        new.trainable = True
        return [new]

    return program.with_layers(thawed)


# The last layer and the loss ----------------------------------------------------------


def head(program: Program, place: Place) -> Program:
    """The last layer, the loss and the metric that the target asks for.

    Lecture 004's table, as in `onefit.suggest`. Labels are numbered from 0 first.
    """
    heads = program.case.heads
    only = next((h for h in heads if h.layer == place.layer), heads[0])
    if program.x is None:
        return _head_by_loss(program, only)
    if len(heads) == 1:
        program = _from_zero(program)
    case = program.case
    found = head_of(kind_of(np.asarray(case.heads[only.index].y)))
    given = (program.model.compile_settings or {}).get("metrics")
    quantities = found.problem.startswith("regression")
    metrics: Any = None if quantities or not given else [found.metric]
    loss: Any = found.loss
    if len(heads) > 1:
        metrics = given
        loss = [found.loss if h.index == only.index else h.loss for h in heads]
    if found.activation == "softplus":  # 0 or more is no need, linear learns sooner
        found = found._replace(activation="linear")
    last = only.weights or only.call
    assert last is not None
    ends = {
        c.name
        for c in case.network.calls
        if c.role == "activation"
        and None in case.network.after(c.outputs[0])
        and case.network.before(c.sources[0]) is not None
        and case.network.before(c.sources[0]).name == last.name  # type: ignore[union-attr]
    }

    def change(layer: Layer) -> list[Layer]:
        if layer.name == last.name:
            size = "filters" if hasattr(layer, "filters") else "units"
            settings = {size: found.units, "activation": found.activation}
            return [_set(layer, **settings)]
        return [] if layer.name in ends else [layer]

    return program.with_layers(change, loss=loss, metrics=metrics)


def _head_by_loss(program: Program, only: Head) -> Program:
    """The last activation that the loss asks for, where there are no rows."""
    asked = ASKS.get(only.kind or "", "linear")
    last = only.weights or only.call
    assert last is not None
    return _on(program, [last.name], lambda layer: [_set(layer, activation=asked)])


def _from_zero(program: Program) -> Program:
    """Class labels as 0, 1, 2 and so on, where they are others."""
    y = np.asarray(program.y)
    t = kind_of(y)
    if t.kind == "signs":
        return program.prepared(
            "y = (y > 0).astype(int)", y=lambda a: (np.asarray(a) > 0) + 0
        )
    plain = t.classes == tuple(range(len(t.classes)))
    if t.kind not in ("classes", "binary") or t.width > 1 or (plain and not t.text):
        return program
    names = np.unique(y)
    return program.prepared(
        "names, y = np.unique(y, return_inverse=True)",
        y=lambda a: np.searchsorted(names, np.asarray(a)).ravel(),
    )


# The settings -------------------------------------------------------------------------


def rate_times(program: Program, place: Place, factor: float = 0.1) -> Program:
    """The optimizer with so many times its rate."""
    del place
    optimizer = program.case.optimizer
    if not optimizer.constant_rate:
        raise ValueError("the rate is a schedule")
    rate = float(optimizer.learning_rate) * factor
    if not rate:
        rate = 0.001 if optimizer.step_size == "rate" else 0.01
    return program.compiled_with(
        optimizer=optimizer.replace(learning_rate=float(f"{rate:.3g}"))
    )


def usual_rate(program: Program, place: Place, factor: float = 1.0) -> Program:
    """The optimizer with a rate that suits most networks: 0.1, of Adam's kind 0.001."""
    del place
    optimizer = program.case.optimizer
    rate = factor * (0.001 if optimizer.step_size == "rate" else 0.1)
    return program.compiled_with(optimizer=optimizer.replace(learning_rate=rate))


def adam(program: Program, place: Place) -> Program:
    """Adam, whose steps have the size of the rate."""
    del place
    if type(program.case.optimizer).__name__ == "Adam" and program.case.rate == 0.001:
        raise ValueError("it is Adam(0.001)")
    return program.compiled_with(optimizer="adam")


def clipped(program: Program, place: Place) -> Program:
    """A tenth of the rate, and gradients no longer than 1."""
    small = rate_times(program, place, 0.1)
    optimizer = small.case.optimizer.replace(clipnorm=1.0)
    return small.compiled_with(optimizer=optimizer)


def small_batches(program: Program, place: Place) -> Program:
    """Batches of 32 rows, or of 8 where there were 32: more steps an epoch."""
    del place
    now = program.fit.get("batch_size") or ROWS_IN_A_BATCH
    return program.fitted_with(
        batch_size=ROWS_IN_A_BATCH if now > ROWS_IN_A_BATCH else 8
    )


def usual_batches(program: Program, place: Place) -> Program:
    """Batches of 32 rows."""
    del place
    return program.fitted_with(batch_size=ROWS_IN_A_BATCH)


def more_epochs(program: Program, place: Place, factor: int = 4) -> Program:
    """Four times the epochs, and no rule that stops too soon."""
    del place
    program = program.fitted_with(epochs=max(2, program.fit.get("epochs", 1) * factor))
    kept = [
        c for c in _listed(program.fit.get("callbacks")) if not hasattr(c, "patience")
    ]
    return program.fitted_with(callbacks=kept or None)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] if value else []


def stopping(program: Program, place: Place) -> Program:
    """The weights of the best epoch, by rows held out."""
    del place
    from onefit.training.rules import EarlyStopping

    held = {"validation_split", "validation_data"} & set(program.fit)
    share = {} if held else {"validation_split": 0.2}
    rule = EarlyStopping(patience=10, restore_best_weights=True)
    both = [*_listed(program.fit.get("callbacks")), rule]
    return program.fitted_with(callbacks=both, **share)


def shuffled(program: Program, place: Place) -> Program:
    """The rows in an order of chance."""
    del place
    order = np.random.default_rng(0).permutation(len(np.asarray(program.y)))

    def mixed(rows: Any) -> Any:
        return jax.tree.map(
            lambda a: np.asarray(a)[order] if len(a) == len(order) else a, rows
        )

    line = "order = np.random.default_rng(0).permutation(len(x))"
    line += "\nx, y = x[order], y[order]"
    return program.prepared(line, mixed, mixed).fitted_with(shuffle=None)


def weighed(program: Program, place: Place) -> Program:
    """Classes weighed, so that each counts as much as the others."""
    del place
    t = kind_of(np.asarray(program.y))
    if len(t.counts) < 2 or min(t.counts) < 1:
        raise ValueError("there are no classes to weigh")
    n, k = sum(t.counts), len(t.counts)
    weights = {
        int(c): round(n / (k * m), 3) for c, m in zip(t.classes, t.counts, strict=True)
    }
    return program.fitted_with(class_weight=weights)


def unweighed(program: Program, place: Place) -> Program:
    """Every row counts the same."""
    del place
    return program.fitted_with(class_weight=None)


def quick_averages(program: Program, place: Place) -> Program:
    """Moving averages that follow in tens of steps."""
    del place
    return program.with_layers(
        lambda layer: [
            _set(layer, momentum=0.8) if layer.role == "batch normalization" else layer
        ]
    )


def unpadded(program: Program, place: Place) -> Program:
    """A loss that leaves out the steps whose label is 0."""
    del place
    loss: Any = program.model.loss
    if not hasattr(loss, "ignore_class"):
        raise ValueError("the loss leaves out no class")
    return program.compiled_with(loss=loss.replace(ignore_class=0))


# The rows -----------------------------------------------------------------------------


def scaled(program: Program, place: Place) -> Program:
    """Inputs with mean 0 and deviation 1, by a layer in front."""
    del place
    x = np.asarray(program.x)
    if x.dtype.kind not in "fiu" or x.ndim < 2:
        raise ValueError("x is no numbers")
    image = x.ndim > 2 and x.min() >= 0 and 1.5 < x.max() <= 255
    if image:
        return program.begun_with(Rescaling(1 / 255), "layers.Rescaling(1 / 255)")
    axes = tuple(range(x.ndim - 1))
    mean = np.nanmean(x, axes).astype("float32")
    variance = np.maximum(np.nanvar(x, axes), 1e-7).astype("float32")
    over = "axis=0" if len(axes) == 1 else f"axis={axes}"
    text = f"layers.Normalization(mean=x.mean({over}), variance=x.var({over}) + 1e-7)"
    return program.begun_with(Normalization(mean=mean, variance=variance), text)


def scaled_exactly(program: Program, place: Place) -> Program:
    """Inputs with mean 0 and deviation 1, by numbers of 16 digits."""
    del place
    x = np.asarray(program.x, float)
    mean, deviation = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-12)
    return program.prepared(
        "x = np.asarray(x, 'float64')\nx = (x - x.mean(axis=0)) / x.std(axis=0)",
        lambda a: (np.asarray(a, float) - mean) / deviation,
    )


def target_scaled(program: Program, place: Place) -> Program:
    """Targets with mean 0 and deviation 1."""
    del place
    if not kind_of(np.asarray(program.y)).quantities:
        raise ValueError("y is no quantity")
    y = np.asarray(program.y, float)
    mean, deviation = y.mean(), y.std() or 1.0
    return program.prepared(
        "mean, deviation = y.mean(), y.std()\ny = (y - mean) / deviation",
        y=lambda a: ((np.asarray(a) - mean) / deviation).astype("float32"),
    )


def without_columns(program: Program, place: Place) -> Program:
    """The inputs without the columns of the finding."""
    columns = list(place.columns)
    x = np.asarray(program.x)
    if not columns or x.ndim != 2 or len(columns) >= x.shape[1]:
        raise ValueError("no column can be left out")
    line = f"x = np.delete(x, {columns}, axis=1)"
    new = program.prepared(line, lambda a: np.delete(np.asarray(a), columns, axis=1))
    return _entered(new, x.shape[1] - len(columns))


def _entered(program: Program, columns: int) -> Program:
    """The program whose network takes so many columns."""
    from onefit.layers.core import Input
    from onefit.networks.network import FACES
    from onefit.networks.sequential import SequentialNetwork

    model = program.model
    if not isinstance(model, SequentialNetwork):
        raise ValueError("the input of a graph is its own")
    made: Any = FACES["Sequential"]
    new = made([Input((columns,)), *(layer.replace() for layer in model.whole.layers)])
    new.compile(
        program.case.optimizer.replace(), model.loss, **(model.compile_settings or {})
    )
    return program.replace(model=new)


def whole_rows(program: Program, place: Place) -> Program:
    """The rows that have a number everywhere."""
    del place
    x, y = np.asarray(program.x, float), np.asarray(program.y, float)
    flat = [a.reshape(len(a), -1) for a in (x, y)]
    columns = np.isfinite(flat[0]).mean(axis=0) > 0
    good = np.isfinite(flat[0][:, columns]).all(axis=1) & np.isfinite(flat[1]).all(
        axis=1
    )
    if columns.all() and good.mean() > 0.5:
        line = (
            "good = np.isfinite(x.reshape(len(x), -1)).all(axis=1)\n"
            "good &= np.isfinite(y.reshape(len(y), -1)).all(axis=1)\n"
            "x, y = x[good], y[good]"
        )
        keep = lambda a: np.asarray(a)[good]  # noqa: E731
        return program.replace(held=None).prepared(line, keep, keep)
    if not np.isfinite(y).all():
        raise ValueError("targets that are no numbers cannot be filled in")
    line = "x = np.nan_to_num(x)"
    return program.prepared(line, np.nan_to_num)


def channels_moved(program: Program, place: Place) -> Program:
    """The axis of the channels as the layer takes it."""
    del place
    shape = np.shape(program.x)
    new = program.prepared("x = np.moveaxis(x, 1, -1)", lambda a: np.moveaxis(a, 1, -1))
    from onefit.layers.core import Input
    from onefit.networks.network import FACES

    made: Any = FACES["Sequential"]
    model = program.model
    moved = (*shape[2:], shape[1])
    layers = [_set(layer, data_format="channels_last") for layer in model.whole.layers]
    fresh = made([Input(moved), *(layer.replace() for layer in layers)])
    fresh.compile(
        program.case.optimizer.replace(), model.loss, **(model.compile_settings or {})
    )
    return new.replace(model=fresh)


def split_off(program: Program, place: Place) -> Program:
    """Rows to validate by that are none of the training rows, prepared alike."""
    x, y = np.asarray(program.x), np.asarray(program.y)
    _, first = np.unique(x.reshape(len(x), -1), axis=0, return_index=True)
    keep = np.sort(first)
    if len(keep) < len(x):
        line = "_, first = np.unique(x.reshape(len(x), -1), axis=0, return_index=True)"
        program = program.replace(
            x=x[keep],
            y=y[keep],
            lines=(*program.lines, line, "x, y = x[np.sort(first)], y[np.sort(first)]"),
        )
    mixed = shuffled(program, place)
    return mixed.fitted_with(validation_data=None, validation_split=0.2)


def accuracy(program: Program, place: Place) -> Program:
    """A metric that says something about the task."""
    del place
    t = kind_of(np.asarray(program.y)) if program.y is not None else None
    quantities = t.quantities if t else program.case.heads[0].kind == "regression"
    return program.compiled_with(metrics=["mae" if quantities else "accuracy"])


# Which belong to what -----------------------------------------------------------------


def _named(maker: Maker, **settings: Any) -> Maker:
    return (
        functools.wraps(maker)(functools.partial(maker, **settings))
        if settings
        else maker
    )


SLOWER = _named(rate_times, factor=0.1)
MUCH_SLOWER = _named(rate_times, factor=0.01)
FASTER = _named(rate_times, factor=10.0)
MUCH_FASTER = _named(rate_times, factor=100.0)
HEAD = {"the last layer and the loss that y asks for": head}
STARTED = {"usual initial weights": usual_starts}
RELU = {"relu in hidden layers": rectified}
SLOW = {"a tenth of the rate": SLOWER, "a hundredth of the rate": MUCH_SLOWER}
FAST = {"ten times the rate": FASTER, "a hundred times the rate": MUCH_FASTER}
SCALED = {"inputs scaled by a layer in front": scaled}
TARGET = {"targets scaled": target_scaled}
LONGER = {"four times the epochs": more_epochs}
LONGEST = {"twenty times the epochs": _named(more_epochs, factor=20)}
BATCHES = {"smaller batches": small_batches}
WEIGHED = {"classes weighed": weighed}
WIDER = {"twice the units": wider}
DEEPER = {"a hidden layer more": another_layer}
NORMALIZED = {"batch normalization in hidden layers": normalized}
LEAKY = {"leaky_relu and usual initial weights": leaky}
ADAM = {"adam": adam}
RATE = {
    "a usual rate": usual_rate,
    "ten times a usual rate": _named(usual_rate, factor=10.0),
}
PENALTY = {"L2 on hidden weights": penalty}

REMEDIES: dict[str, dict[str, Maker]] = {
    "logits-as-probabilities": HEAD,
    "probabilities-as-logits": HEAD,
    "head-does-not-fit-loss": HEAD,
    "softmax-on-one-unit": HEAD,
    "units-do-not-fit-classes": HEAD,
    "regression-loss-on-classes": HEAD,
    "classification-loss-on-numbers": HEAD,
    "output-cannot-reach-targets": HEAD,
    "sigmoid-for-exclusive-classes": HEAD,
    "softmax-for-several-labels": HEAD,
    "shapes-broadcast": HEAD,
    "metric-does-not-fit": {"a metric that fits": accuracy},
    "linear-stack": RELU,
    "double-activation": {"one activation": inner_left_out},
    "softmax-in-hidden-layer": RELU | {"the layer's own activation": steady},
    "symmetric-weights": STARTED,
    "initializer-does-not-fit": STARTED,
    "bias-before-normalization": {"no bias before the normalization": without_bias},
    "dropout-misplaced": {"without that dropout": without},
    "dropout-too-high": {"a dropout of 0.2": gentle_dropout, "no dropout": no_dropout},
    "narrow-layer": {"more units there": enough_units},
    "deep-saturating-stack": RELU | NORMALIZED,
    "unstable-recurrence": {"the layer's own activation and start": steady},
    "shrinks-too-early": {"finer windows": finer},
    "missing-flatten": {"one answer a row": flattened},
    "nothing-to-train": {"every layer trained": free},
    "penalty-too-strong": {"a hundredth of the penalty": weaker_penalty},
    "learning-rate-too-high": SLOW,
    "learning-rate-too-low": RATE | FAST | LONGER,
    "batch-too-large": BATCHES,
    "too-few-steps": LONGEST | BATCHES,
    "class-weights-reversed": WEIGHED | {"no class weights": unweighed},
    "statistics-not-settled": {"averages that follow sooner": quick_averages} | LONGER
    | {"batches of 32": usual_batches},
    "rows-in-order": {"rows in an order of chance": shuffled},
    "inputs-not-scaled": SCALED,
    "constant-column": {"without that column": without_columns},
    "not-a-number": {"rows without a number left out, or filled": whole_rows} | HEAD,
    "column-tells-target": {"without that column": without_columns},
    "labels-out-of-range": HEAD,
    "labels-unbalanced": WEIGHED,
    "constant-target": {},
    "target-not-scaled": TARGET | ADAM,
    "digits-lost": {"inputs scaled in float64": scaled_exactly},
    "padding-counted": {"steps that fill up left out of the loss": unpadded},
    "channels-misplaced": {"channels last": channels_moved},
    "rows-in-both": {"other rows to validate by": split_off},
    "validation-looks-different": {"other rows to validate by": split_off},
    "loss-not-a-number": {"a tenth of the rate, gradients clipped": clipped} | SCALED,
    "vanishing-gradients": RELU | NORMALIZED,
    "exploding-gradients": STARTED | {"slower, clipped": clipped} | SCALED | TARGET,
    "dead-units": LEAKY | SLOW | SCALED,
    "saturated-units": RELU | STARTED | SCALED,
    "stuck-at-chance": DEEPER | RELU | FAST | SLOW | LEAKY | STARTED | SCALED,
    "one-class-predictor": WEIGHED | DEEPER | RELU | SLOW | FAST,
    "oscillating": SLOW | {"batches of 32": small_batches},
    "diverging": SLOW | SCALED | TARGET,
    "crawling": RATE | FAST | LONGER | LONGEST,
    "stopped-too-early": LONGER | LONGEST | FAST,
    "overfitting": {"the best epoch's weights": stopping} | PENALTY
    | {"half the units": narrower},
    "underfitting": WIDER | DEEPER | {"no dropout": no_dropout} | FAST,
    "target-unrelated": {},
    "labels-wrong": {"the best epoch's weights": stopping},
    "time-order-broken": {},
    "too-good-to-be-true": {"without that column": without_columns},
    "symmetric-units": STARTED,
    "frozen-weights": {"every layer trained": free} | LEAKY | FAST,
}  # fmt: skip
"""The remedies of each finding by their names, the likeliest first."""

USUAL: dict[str, Maker] = {
    **RATE, **FAST, **SLOW, **ADAM, **LONGER, **BATCHES, **SCALED, **WIDER,
    **NORMALIZED, **RELU, **LEAKY, **DEEPER, **PENALTY, **TARGET,
}  # fmt: skip
"""What helps where nothing was found, the likeliest first."""


def cured(found: Iterable[Finding], program: Program | None) -> list[Finding]:
    """The findings with their remedies, and the program that these change."""
    return [
        dataclasses.replace(finding, program=program, remedies=of_finding(finding))
        for finding in found
    ]


def of_finding(finding: Finding) -> list[Remedy]:
    """The remedies of a finding."""
    return list(_made(REMEDIES[finding.code], Place(finding.layer, finding.columns)))


def usual() -> list[Remedy]:
    """The usual suspects."""
    return list(_made(USUAL, Place()))


def _made(table: dict[str, Maker], place: Place) -> Iterator[Remedy]:
    for name, maker in table.items():
        yield Remedy(name, functools.partial(_apply, maker, place))


def _apply(maker: Maker, place: Place, program: Program) -> Program:
    return maker(program, place)
