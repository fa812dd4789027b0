"""Rows: the one place that checks, converts, splits and weighs them."""

import warnings
from collections.abc import Sequence

import jax
import numpy as np

from onefit import config
from onefit.data.batch import Batch
from onefit.errors import OnefitWarning, invalid, mistyped
from onefit.networks.functional import by_name, in_a_list, several
from onefit.types import Array, Data, Tree

__all__ = [
    "as_array",
    "as_batch",
    "as_nest",
    "count",
    "filled",
    "is_stream",
    "refuse_nan",
    "split",
    "weigh",
]

# Conversion ------------------------------------------------------------------------


def as_array(value: Data, where: str) -> Array:
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


def is_stream(value: object) -> bool:
    """Whether this gives batches one after another: a generator, loader or data set."""
    if isinstance(value, list | tuple | dict | set | range | str | bytes):
        return False
    if any(hasattr(value, name) for name in ("to_numpy", "__array__", "detach")):
        return False
    if hasattr(value, "column_names") and hasattr(value, "features"):
        return True  # of Hugging Face: it has a shape, too
    return not hasattr(value, "shape") and (
        hasattr(value, "__iter__") or hasattr(value, "__getitem__")
    )


def refuse_stream(value: object, where: str) -> None:
    """Refuses what gives batches one after another: generators, loaders, data sets."""
    if not is_stream(value):
        return
    endless = hasattr(value, "__next__")
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


def _from_pandas(value: Data, where: str) -> np.ndarray:
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


def _are_numbers(column: Data) -> bool:
    """Whether the values of a column are numbers, whatever their type is called."""
    try:
        column.astype(float)
    except (TypeError, ValueError):
        return False
    return True


def _as_numbers(array: Array, where: str) -> Array:
    kind = array.dtype.kind
    if kind in "OUSMmc":
        text = next((v for v in array.ravel() if isinstance(v, str)), None)
        what = f"text such as {str(text)!r}" if text is not None else f"{array.dtype}"
        fix = "turn it into numbers first"
        if where == "y":
            fix = "write `labels, y = np.unique(y, return_inverse=True)`"
        elif text is not None:
            kind = "TextVectorization" if " " in text else "StringLookup"
            fix = (
                f"begin the model with Input((1,), dtype='string') and a layer that "
                f"makes numbers of it: layer = onefit.layers.{kind}(); "
                f"layer.adapt({where})"
            )
        raise mistyped(where, what, "numbers", fix)
    if kind == "b" or (kind == "f" and array.dtype != config.floatx()):
        if array.dtype == np.float64:
            _warn_of_digits(np.asarray(array), where)
        return array.astype(config.floatx())
    if kind in "iu" and isinstance(array, np.ndarray):
        _warn_of_digits(array, where)
    if kind in "iu" and array.dtype.itemsize > 4:
        whole = not array.size or (array.min() >= -(2**31) and array.max() < 2**31)
        return array.astype(np.int32 if whole else config.floatx())
    return array


def _warn_of_digits(array: np.ndarray, where: str) -> None:
    if (
        array.ndim not in (1, 2)
        or not len(array)
        or not np.abs(array).max(initial=0) > 1e4
    ):
        return
    with np.errstate(all="ignore"):
        lost = np.flatnonzero(config.cut(np.abs(array).max(0), array.std(0)))
    if len(lost):
        place = f"column {lost[0]} of {where}" if array.ndim == 2 else where
        warnings.warn(
            f"{place}: large numbers that differ by little, and float32 cuts off the "
            f"digits in which they differ. Subtract first: {where} = {where} - "
            f"{where}.mean(0), or put a Normalization that was adapted to it on the "
            "model's Input, or compute in float64: "
            "onefit.config.set_floatx('float64').",
            OnefitWarning,
            stacklevel=3,
        )


def as_batch(
    x: Data,
    y: Data = None,
    sample_weight: Data = None,
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
    xs = as_nest(x, "x", inputs)
    ys = None if y is None else as_nest(y, "y", outputs)
    ws = sample_weight
    if ws is not None:
        listed = isinstance(ws, list | tuple) and any(map(np.ndim, ws))
        if listed and len(ws) == len(outputs) == 1:
            ws, listed = ws[0], False
        each = listed or isinstance(ws, dict)
        ws = as_nest(ws, "sample_weight", outputs if each else ["sample_weight"])
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


def as_nest(value: Data, where: str, names: Sequence[str]) -> Tree:
    """The array of one input, or a tuple of those of several, in their order."""
    value = in_a_list(value, names)
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
    # Keras' scripts also write [x] for a single input; other lists are rows.
    if isinstance(value, list | tuple) and len(value) == 1:
        single = hasattr(value[0], "shape") and np.ndim(value[0]) > (where == "x")
        value = value[0] if single else value
    return as_array(value, where)


def refuse_nan(array: Array, where: str, columns: Sequence[object] = ()) -> None:
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


# Splitting and weighing --------------------------------------------------------------


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


def filled(tree: Tree, size: int) -> Tree:
    """The arrays with so many rows: copies of the first row follow their own.

    Copies, since a row of zeros may be one that no formula takes.
    """

    def fill(a: Array) -> np.ndarray:
        full = np.empty((size, *a.shape[1:]), a.dtype)
        full[: len(a)], full[len(a) :] = a, a[0]
        return full

    return tree if len(jax.tree.leaves(tree)[0]) == size else jax.tree.map(fill, tree)


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
