"""Targets against outputs: what may meet what, and what to write where it may not."""

from collections.abc import Callable

import numpy as np

from onefit import config
from onefit.data.batch import Batch
from onefit.errors import invalid
from onefit.losses.base import Loss
from onefit.losses.shapes import same
from onefit.training.task import Head, Task
from onefit.types import Array, Shape, batch_shape

__all__ = ["divided_by", "fit_targets"]


def fit_targets(task: Task, batch: Batch) -> Batch:
    """The targets in the shape and type that each head's loss works on.

    Raises:
        ValueError: Shapes that would only work by broadcasting, labels out of range,
            one-hot targets for a sparse loss and the reverse.
    """
    if not task.heads:  # the model's own steps take targets as they are
        return batch
    outputs = task.output_shapes(batch_shape(batch.x))
    targets = batch.y if isinstance(batch.y, tuple) else (batch.y,)
    if batch.y is None:  # a model that makes its own loss
        targets = (None,) * len(outputs)
    for i, (head, output) in enumerate(zip(task.heads, outputs, strict=True)):
        if head.loss is not None and output[-1] == 1 and task.ends_in_softmax[i]:
            raise _one_unit()
    if len(targets) != len(outputs):
        raise invalid(
            "y", f"{len(targets)} targets", f"{len(outputs)}, one for each output"
        )
    ys = tuple(
        _of_output(head, _fit_target, head.loss, y, shape, several=len(outputs) > 1)
        for head, y, shape in zip(task.heads, targets, outputs, strict=True)
    )
    return batch._replace(y=ys)


def _of_output(
    head: Head, fit: Callable[..., Array | None], *args: object, several: bool
) -> Array | None:
    """A target that fits; a refusal says of which output, where there are several."""
    try:
        return fit(*args)
    except ValueError as error:
        if not several:
            raise
        raise ValueError(f"output {head.name!r} > {error}") from None


def _fit_target(loss: Loss | None, y: Array | None, output: Shape) -> Array | None:
    if loss is None:
        return y
    if y is None:
        raise invalid(
            "y",
            "None for an output with a loss",
            "targets",
            "give it targets, or no loss: compile(loss=[..., None])",
        )
    if loss.link == "softmax":
        if output[-1] == 1:
            raise _one_unit()
        if loss.compares == "sparse":
            return _class_labels(loss, y, output)
        _refuse_class_labels(loss, y, output)
    if y.dtype.kind != "f":
        y = y.astype(config.floatx())
    if type(loss).pair is not same:
        return (
            y  # a loss of the user's own, or of sequences, takes them in its own form
        )
    if y.ndim == len(output) - 1 and output[-1] == 1:
        y = y[..., None]
    elif y.ndim == len(output) + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    wanted = tuple(
        size or y.shape[i] if i < y.ndim else size for i, size in enumerate(output)
    )
    if y.ndim != len(output) or y.shape[1:] != wanted[1:]:
        raise _of_other_shape(loss, y, output)
    if loss.link == "sigmoid" and (y.min() < 0 or y.max() > 1):
        raise invalid(
            "y",
            f"targets from {float(y.min()):g} to {float(y.max()):g}",
            f"numbers from 0 to 1 for {loss.name}",
            _probabilities_of(np.asarray(y)),
        )
    return y


def _refuse_class_labels(loss: Loss, y: Array, output: Shape) -> None:
    """Refuses what is not one row of shares for each answer."""
    wide = y.ndim == 2 < len(output) and y.shape[-1] == output[-1]
    if wide:  # one-hot rows, and an answer for each place of a row
        raise _of_other_shape(loss, y, output)
    if y.ndim < len(output) or (y.shape[-1] == 1 and output[-1] != 1):
        raise invalid(
            "y",
            f"class labels of shape {y.shape}",
            f"one-hot rows of shape {_rows_of(output)} for {loss.name}",
            "use loss='sparse_categorical_crossentropy', or "
            f"onefit.utils.to_categorical(y, {output[-1]})",
        )


def _of_other_shape(loss: Loss, y: Array, output: Shape) -> ValueError:
    units = y.shape[-1] if y.ndim > 1 else 1
    return invalid(
        "y",
        f"targets of shape {y.shape} for an output of shape {output}",
        f"targets of shape {_rows_of(output)}, since {loss.name} "
        "compares them number by number",
        _wider(y, output)
        or f"give the last layer {units} unit{'s' * (units != 1)}, or give y that "
        "shape",
    )


def _probabilities_of(y: np.ndarray) -> str:
    """What to write for targets of a sigmoid that are no probabilities."""
    some = np.unique(y)
    if len(some) == 2:
        return f"number the two classes 0 and 1: y = (y == {some[1]:g}).astype(int)"
    if len(some) <= 100 and np.array_equal(some, np.arange(len(some))):
        return (
            f"write Dense({len(some)}, activation='softmax') with "
            f"loss='sparse_categorical_crossentropy' for {len(some)} classes, or "
            "loss='mse' for quantities"
        )
    return "number the two classes 0 and 1, or use loss='mse' for quantities"


def divided_by(y: np.ndarray) -> int | None:
    """What whole class labels were divided by, as if they were pixels; None if not.

    >>> divided_by(np.array([0.0, 3 / 255, 9 / 255], "float32"))
    255
    """
    for factor in (255, 256, 100, 10):
        whole = np.rint(y * factor)
        if y.max() <= 1 and np.allclose(y * factor, whole, rtol=0, atol=1e-4):
            return factor
    return None


def _wider(y: Array, output: Shape) -> str:
    """What to write when the output has more axes than one value a row needs."""
    if len(output) < 3 or y.ndim > 2:
        return ""
    if len(output) > 3:
        return "add Flatten or GlobalAveragePooling2D before the last layer"
    return (
        "write return_sequences=False in the last recurrent layer, or "
        "GlobalAveragePooling1D or Flatten before the last layer"
    )


def _rows_of(shape: Shape) -> str:
    """A shape whose number of rows is open, as people write it: (n, 3)."""
    sizes = ["n", *(str(size) for size in shape[1:])]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


def _one_unit() -> ValueError:
    return invalid(
        "last layer",
        "one unit under a softmax or its cross-entropy: the output is always 1",
        "one unit for each class",
        "write Dense(1, activation='sigmoid') with loss='binary_crossentropy'",
    )


def _class_labels(loss: Loss, y: Array, output: Shape) -> Array:
    classes = output[-1] or 0
    if y.ndim == len(output) and y.shape[-1] == 1:
        y = y[..., 0]
    if y.ndim == len(output) and y.shape[-1] == classes:
        raise invalid(
            "y",
            f"targets of shape {y.shape}, which look one-hot",
            f"class labels of shape (n,) for {loss.name}",
            "use loss='categorical_crossentropy', or y.argmax(axis=-1)",
        )
    if y.ndim != len(output) - 1:
        raise invalid(
            "y",
            f"targets of shape {y.shape}",
            f"class labels of shape {_rows_of(output[:-1])} for {loss.name}",
            _wider(y, output),
        )
    host = np.asarray(y)
    if host.dtype.kind == "f" and not np.array_equal(host, np.rint(host)):
        raise invalid(
            "y",
            f"fractions, from {host.min():g} to {host.max():g}",
            f"whole class labels for {loss.name}",
            f"write y = (y * {factor}).round().astype(int): they were divided by "
            f"{factor}, as pixels are"
            if (factor := divided_by(host))
            else "use loss='mse' for quantities",
        )
    ignored = getattr(loss, "ignore_class", None)
    counted = host if ignored is None else host[host != ignored]
    low, high = (counted.min(), counted.max()) if counted.size else (0, 0)
    if low < 0 or high >= classes:
        start = " (subtract 1, if your labels start at 1)" if high == classes else ""
        raise invalid(
            "y",
            f"labels from {int(low)} to {int(high)}",
            f"labels from 0 to {classes - 1}, since the last layer has {classes} units",
            f"give the last layer {int(high) + 1} units or relabel{start}",
        )
    return y.astype(np.int32)
