"""Data: the one place that checks, converts, splits, weighs and orders rows."""

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from onefit import config
from onefit.errors import OnefitWarning, invalid, mistyped, unknown
from onefit.layers.base import batch_shape, is_shape
from onefit.losses.base import Loss
from onefit.losses.shapes import same
from onefit.training.task import Batch, Head, Task

__all__ = ["as_batch", "by_name", "orders", "several", "split"]

# Conversion ------------------------------------------------------------------------


def as_array(value: Any, where: str) -> Any:
    """Numbers as one array, from numpy, jax, pandas, torch or nested lists.

    Floats take the library's float type, whole numbers 32 bits at most, booleans become
    floats. Nothing else is accepted.
    """
    refuse_stream(value, where)
    if isinstance(value, jax.Array):
        array = value
    elif isinstance(value, np.ma.MaskedArray):
        array = _unmasked(value, where)
    elif hasattr(value, "detach"):  # a torch tensor
        array = value.detach().cpu().numpy()
    elif hasattr(value, "to_numpy"):  # a pandas table or column
        array = _from_pandas(value, where)
    elif hasattr(value, "toarray"):  # a scipy sparse matrix
        raise mistyped(
            where, "a sparse matrix", "a dense array", f"write {where}.toarray()"
        )
    else:
        try:
            array = np.asarray(value)
        except ValueError:
            raise invalid(
                where,
                "rows of different lengths",
                "a rectangular table of numbers",
                "pad them: onefit.utils.pad_sequences(rows)",
            ) from None
    return _as_numbers(array, where)


def refuse_stream(value: Any, where: str) -> None:
    """Refuses what gives batches one after another: generators, loaders, data sets."""
    endless = hasattr(value, "__next__")
    table = any(hasattr(value, name) for name in ("shape", "to_numpy", "__array__"))
    if table or isinstance(value, list | tuple | dict | set | range | str | bytes):
        return
    if not hasattr(value, "__iter__") and not hasattr(value, "__getitem__"):
        return
    pairs = "itertools.islice(batches, steps)" if endless else "batches"
    raise mistyped(
        where,
        f"batches one after another (a {type(value).__name__})",
        "arrays that fit in memory",
        f"collect them first: x, y = map(np.concatenate, zip(*{pairs})), then "
        "model.fit(x, y)",
    )


def _unmasked(value: np.ma.MaskedArray, where: str) -> np.ndarray:
    """A masked array of which nothing is masked, as a plain one."""
    masked = np.argwhere(np.ma.getmaskarray(value))
    if len(masked):
        raise invalid(
            where,
            f"a masked array with {len(masked)} numbers masked, the first in row "
            f"{masked[0][0]}",
            "numbers that all count",
            f"leave those rows out, or fill them: {where}.filled({where}.mean())",
        )
    return value.data


def _from_pandas(value: Any, where: str) -> np.ndarray:
    for name, kind in getattr(value, "dtypes", {}).items() if value.ndim == 2 else ():
        if kind.kind not in "fiub":
            cure = f"encode it (pandas.get_dummies({where})) or drop it"
            if kind.kind in "Mm":
                cure = f"make numbers of it, such as {where}[{name!r}].dt.dayofyear"
            elif _are_numbers(value[name]):
                cure = f"write {where} = {where}.astype({{{name!r}: float}})"
            raise mistyped(where, f"column {name!r} of type {kind}", "numbers", cure)
    array = value.to_numpy()
    if array.dtype == object and value.ndim == 2:  # numbers of several types
        return value.to_numpy(config.floatx(), na_value=np.nan)
    return array


def _are_numbers(column: Any) -> bool:
    """Whether the values of a column are numbers, whatever their type is called."""
    try:
        column.astype(float)
    except (TypeError, ValueError):
        return False
    return True


def _as_numbers(array: Any, where: str) -> Any:
    kind = array.dtype.kind
    if kind in "OUSMmc":
        found = next((v for v in array.ravel() if isinstance(v, str)), None)
        what = f"text such as {str(found)!r}" if found is not None else f"{array.dtype}"
        encode = "labels, y = np.unique(y, return_inverse=True)"
        raise mistyped(
            where,
            what,
            "numbers",
            f"write `{encode}`" if where == "y" else "turn it into numbers first",
        )
    if kind == "b" or (kind == "f" and array.dtype != config.floatx()):
        if array.dtype == np.float64:
            _warn_of_digits(array, where)
        return array.astype(config.floatx())
    if kind in "iu" and array.dtype.itemsize > 4:
        whole = not array.size or (array.min() >= -(2**31) and array.max() < 2**31)
        return array.astype(np.int32 if whole else config.floatx())
    return array


LOST = 0.01
"""Numbers count as cut when float32's steps are this share of their deviation."""


def digits_lost(array: np.ndarray) -> np.ndarray:
    """For each column, whether float32 cuts off digits in which its numbers differ.

    >>> digits_lost(np.array([[1.7e9, 0.1], [1.7e9 + 60.0, 0.2]]))
    array([ True, False])
    """
    with np.errstate(all="ignore"):
        most = np.abs(array).max(0, initial=0.0).astype(np.float32)
        return np.asarray(np.spacing(most) > LOST * array.std(0)) & (array.std(0) > 0)


def _warn_of_digits(array: np.ndarray, where: str) -> None:
    if (
        array.ndim not in (1, 2)
        or not len(array)
        or not np.abs(array).max(initial=0) > 1e4
    ):
        return
    lost = np.flatnonzero(digits_lost(array))
    if len(lost):
        place = f"column {lost[0]} of {where}" if array.ndim == 2 else where
        warnings.warn(
            f"{place}: large numbers that differ by little, and float32 cuts off the "
            f"digits in which they differ. Subtract first: {where} = {where} - "
            f"{where}.mean(0), or compute in float64: "
            "onefit.config.set_floatx('float64').",
            OnefitWarning,
            stacklevel=3,
        )


def as_batch(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    finite: bool = True,
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
) -> Batch:
    """x, y and weights as arrays with equally many rows, all finite if so wanted.

    Args:
        x, y, sample_weight: An array for each input or output, as a list or a dict by
            name where there are several; one array of weights may serve all outputs.
        finite: Whether to refuse NaN.
        inputs, outputs: What they are called.

    Raises:
        TypeError: Not numbers.
        ValueError: Different lengths, no rows, NaN or infinity (where), another number
            of arrays than of inputs or outputs.
    """
    xs = _nest(x, "x", inputs)
    ys = None if y is None else _nest(y, "y", outputs)
    ws = sample_weight
    if ws is not None:
        listed = isinstance(ws, list | tuple) and any(map(np.ndim, ws))
        if listed and len(ws) == len(outputs) == 1:
            ws, listed = ws[0], False
        each = listed or isinstance(ws, dict)
        ws = _nest(ws, "sample_weight", outputs if each else ["sample_weight"])
    rows = {}
    for name, tree in (("x", xs), ("y", ys), ("sample_weight", ws)):
        arrays = jax.tree.leaves(tree)
        for i, array in enumerate(arrays):
            place = f"{name}[{i}]" if len(arrays) > 1 else name
            if array.ndim == 0:
                raise invalid(place, f"the number {array}", "an array of rows")
            rows.setdefault(len(array), place)
            if finite:
                refuse_nan(
                    array, place, getattr({"x": x, "y": y}.get(name), "columns", ())
                )
    if len(rows) > 1:
        (a, first), (b, second) = list(rows.items())[:2]
        raise invalid(
            "data",
            f"{a} rows in {first} and {b} in {second}",
            "equally many",
            f"compare len({first}) and len({second})",
        )
    if 0 in rows:
        raise invalid("x", "no rows", "at least one row")
    return Batch(xs, ys, ws)


def _nest(value: Any, where: str, names: Sequence[str]) -> Any:
    """A lone array, or the arrays of several inputs as a tuple, in their order."""
    if isinstance(value, dict):
        value = by_name(value, names, where)
        value = value if len(names) > 1 else value[0]
    if len(names) > 1:
        value = several(value, names, where)
        pairs = zip(value, names, strict=True)
        return tuple(
            None if v is None else as_array(v, f"{where}[{name!r}]")
            for v, name in pairs
        )
    # Keras' scripts also write [x] for a lone input; other lists are rows.
    if isinstance(value, list | tuple) and len(value) == 1:
        lone = hasattr(value[0], "shape") and np.ndim(value[0]) > (where == "x")
        value = value[0] if lone else value
    return as_array(value, where)


def by_name(value: dict[str, Any], names: Sequence[str], where: str) -> list[Any]:
    """The values of a dict in the order of the names, each there once.

    Raises:
        ValueError: A name that is missing, or one too many, with the nearest.
    """
    for name in value:
        if name not in names:
            raise unknown(f"name in {where}", name, list(names))
    for name in names:
        if name not in value and where != "sample_weight":
            raise invalid(
                where,
                f"a dict with {', '.join(map(repr, value)) or 'nothing'}",
                f"one array each for {', '.join(map(repr, names))}",
                f"add {where}[{name!r}]",
            )
    return [value.get(name) for name in names]


def several(value: Any, names: Sequence[str], where: str) -> Sequence[Any]:
    """A list or tuple with one value for each name.

    Raises:
        ValueError: Another number of them.
    """
    listed = isinstance(value, list | tuple)
    if not listed or len(value) != len(names):
        raise invalid(
            where,
            f"{len(value)} arrays" if listed else "one array",
            f"{len(names)}, one each for {', '.join(map(repr, names))}",
            f"write {where}=[{', '.join(names)}], or a dict by these names",
        )
    return value


def refuse_nan(array: Any, where: str, columns: Sequence[Any] = ()) -> None:
    """Refuses an array with NaN or infinity, naming the place of the first.

    Args:
        array, where: The array, and what it is called.
        columns: The names of its columns, where they have names.
    """
    if array.dtype.kind != "f":
        return
    host = np.asarray(array)
    with np.errstate(all="ignore"):
        if np.isfinite(host.sum()):  # one cheap pass; exact only when it fails
            return
        bad = np.argwhere(~np.isfinite(host))
    if len(bad):
        place = f"row {bad[0][0]}" + "".join(f", column {i}" for i in bad[0][1:])
        fix = "drop those rows"
        if host.ndim == 2 and len(columns) == host.shape[1]:
            name = columns[int(bad[0][1])]
            place = f"row {bad[0][0]}, column {name!r}"
            fix += (
                f", or fill the column: {where}[{name!r}] = "
                f"{where}[{name!r}].fillna({where}[{name!r}].median())"
            )
        elif where[0] == "x" and host.ndim == 2:
            fix += (
                f", or fill them: np.where(np.isnan({where}), np.nanmedian({where}, 0)"
                f", {where})"
            )
        raise invalid(
            where,
            f"{host[tuple(bad[0])]} at {place} ({len(bad)} in all)",
            "finite numbers",
            fix,
        )


# Targets against outputs -------------------------------------------------------------


def fit_targets(task: Task, batch: Batch) -> Batch:
    """The targets in the shape and type that each head's loss works on.

    Raises:
        ValueError: Shapes that would only work by broadcasting, labels out of range,
            one-hot targets for a sparse loss and the reverse.
    """
    shapes = task.graph.output_shape(batch_shape(batch.x))
    outputs = jax.tree.leaves(shapes, is_leaf=is_shape)
    targets = batch.y if isinstance(batch.y, tuple) else (batch.y,)
    for i, (head, output) in enumerate(zip(task.heads, outputs, strict=True)):
        ends = head.link == "softmax" or task.graph.before("softmax", i) is not None
        if head.loss is not None and output[-1] == 1 and ends:
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


def _of_output(head: Head, fit: Any, *args: Any, several: bool) -> Any:
    """A target that fits; a refusal says of which output, where there are several."""
    try:
        return fit(*args)
    except ValueError as error:
        if not several:
            raise
        raise ValueError(f"output {head.name!r} > {error}") from None


def _fit_target(loss: Loss | None, y: Any, output: tuple[int | None, ...]) -> Any:
    if loss is None:
        return y
    if y is None:
        raise invalid(
            "y",
            "None for an output with a loss",
            "targets",
            "give it targets, or no loss: compile(loss=[..., None])",
        )
    if "from_logits" in loss.get_config() and loss.link == "softmax":
        if output[-1] == 1:
            raise _one_unit()
        if type(loss).__name__.startswith("Sparse"):
            return _class_labels(loss, y, output)
        if y.ndim < len(output) or (y.shape[-1] == 1 and output[-1] != 1):
            raise invalid(
                "y",
                f"class labels of shape {y.shape}",
                f"one-hot rows of shape {_rows_of(output)} for {loss.name}",
                "use loss='sparse_categorical_crossentropy', or "
                f"onefit.utils.to_categorical(y, {output[-1]})",
            )
    if y.dtype.kind != "f":
        y = y.astype(config.floatx())
    if type(loss).pair is not same:
        return y  # a loss of one's own, or of sequences, has its own idea of targets
    if y.ndim == len(output) - 1 and output[-1] == 1:
        y = y[..., None]
    elif y.ndim == len(output) + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    wanted = tuple(
        size or y.shape[i] if i < y.ndim else size for i, size in enumerate(output)
    )
    if y.ndim != len(output) or y.shape[1:] != wanted[1:]:
        units = y.shape[-1] if y.ndim > 1 else 1
        raise invalid(
            "y",
            f"targets of shape {y.shape} for an output of shape {output}",
            f"targets of shape {_rows_of(output)}, since {loss.name} "
            "compares them number by number",
            _wider(y, output)
            or f"give the last layer {units} unit{'s' * (units != 1)}, or give y that "
            "shape",
        )
    if loss.link == "sigmoid" and (y.min() < 0 or y.max() > 1):
        raise invalid(
            "y",
            f"targets from {float(y.min()):g} to {float(y.max()):g}",
            f"numbers from 0 to 1 for {loss.name}",
            "encode the two classes as 0 and 1, or use loss='mse' for quantities",
        )
    return y


def _wider(y: Any, output: tuple[int | None, ...]) -> str:
    """What to write when the output has more axes than one value a row needs."""
    if len(output) < 3 or y.ndim > 2:
        return ""
    if len(output) > 3:
        return "add Flatten or GlobalAveragePooling2D before the last layer"
    return (
        "write return_sequences=False in the last recurrent layer, or "
        "GlobalAveragePooling1D or Flatten before the last layer"
    )


def _rows_of(shape: tuple[int | None, ...]) -> str:
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


def _class_labels(loss: Loss, y: Any, output: tuple[int | None, ...]) -> Any:
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
            "fractions",
            f"whole class labels for {loss.name}",
            "use loss='mse' for quantities",
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


# Splitting, weighing, ordering ------------------------------------------------------


def split(batch: Batch, share: float) -> tuple[Batch, Batch]:
    """The first rows for training, the last `share` of them for validation.

    Raises:
        ValueError: A share that leaves nothing on one side.
    """
    rows = count(batch)
    at = int(rows * (1 - share)) if 0 < share < 1 else 0
    if not 0 < at < rows:
        raise invalid(
            "validation_split",
            f"{share!r} of {rows} rows",
            "a share between 0 and 1 that leaves rows on both sides",
            "write validation_split=0.2",
        )
    first = jax.tree.map(lambda a: a[:at], batch)
    return first, jax.tree.map(lambda a: a[at:], batch)


def count(batch: Batch) -> int:
    """How many rows a batch has."""
    return len(jax.tree.leaves(batch.x)[0])


def weigh(batch: Batch, class_weight: dict[int, float] | None) -> Batch:
    """The sample weights multiplied by the weight of each row's class.

    Raises:
        ValueError: A class without a weight, or targets that are not classes.
    """
    if class_weight is None:
        return batch
    if not isinstance(class_weight, dict):
        balanced = "{c: len(y) / n for c, n in zip(*np.unique(y, return_counts=True))}"
        raise mistyped(
            "class_weight",
            repr(class_weight),
            "a dict with a factor for each class",
            f"write class_weight={balanced}",
        )
    if len(jax.tree.leaves(batch.y)) > 1:
        raise invalid(
            "class_weight",
            "class weights for a model with several outputs",
            "sample weights",
            "write sample_weight={name of the output: a weight for each row}",
        )
    y = np.asarray(jax.tree.leaves(batch.y)[0])
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    elif y.ndim == 2 and np.array_equal(y.sum(1), np.ones(len(y))):
        y = y.argmax(1)
    if y.ndim != 1 or not np.array_equal(y, np.rint(y)):
        raise invalid(
            "class_weight",
            f"targets of shape {y.shape} that are not one class a row",
            "class labels, or one-hot rows",
            "write sample_weight with a number for each row",
        )
    missing = sorted({int(c) for c in np.unique(y)} - set(class_weight))
    if missing:
        raise invalid(
            "class_weight",
            f"weights for {sorted(class_weight)}",
            f"one for every class in y; none for {missing}",
            "write class_weight={0: 1.0, 1: 3.0} with a number for each class",
        )
    weights = np.array([class_weight[int(c)] for c in y], config.floatx())
    if batch.w is not None:
        weights = weights * np.reshape(jax.tree.leaves(batch.w)[0], len(weights))
    return batch._replace(w=weights)


BLOCK = 1 << 16
"""Row numbers drawn from one generator, so that drawing few at a time stays cheap."""


def orders(
    seed: int,
    first: int,
    epochs: int,
    rows: int,
    length: int,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The order of rows in each epoch: (epochs, length), the same however it is cut.

    Epochs are drawn in blocks, each from its own generator, so any epoch's order can be
    had without those before it. Where `length` is not the number of rows, the epochs
    are cut from one endless stream of permutations.

    Args:
        seed, first, epochs: Of the fit, and which epochs.
        rows, length: How many rows there are, and how many an epoch takes.
        out: Where to write them, (at least epochs, length) of int32.
    """
    if out is None:
        out = np.empty((epochs, length), np.int32)
    if length != rows:
        start = first * length
        passes = range(start // rows, (start + epochs * length - 1) // rows + 1)
        stream = orders(seed, passes[0], len(passes), rows, rows).ravel()
        offset = start - passes[0] * rows
        cut = stream[offset : offset + epochs * length]
        out[:epochs] = cut.reshape(epochs, length)
        return out[:epochs]
    size = max(1, BLOCK // rows)
    for block in range(first // size, (first + epochs - 1) // size + 1):
        rng = config.generator(seed, block)
        start = block * size - first
        wanted = range(max(start, 0), min(start + size, epochs))
        if rows < 64:  # a call of numpy costs more than the drawing
            drawn = rng.permuted(np.tile(np.arange(rows), (size, 1)), axis=1)
            out[wanted.start : wanted.stop] = drawn[wanted.start - start :][
                : len(wanted)
            ]
        else:
            for epoch in range(start, wanted.stop):
                order = rng.permutation(rows)
                if epoch >= 0:
                    out[epoch] = order
    return out[:epochs]
