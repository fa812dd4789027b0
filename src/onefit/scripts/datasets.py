"""tensorflow_datasets: data sets in a folder of this machine, or Keras' own."""

from pathlib import Path
from typing import Any

import numpy as np

from onefit import datasets
from onefit.errors import invalid
from onefit.scripts.noops import noop
from onefit.scripts.tf.data import Dataset

__all__ = ["as_numpy", "disable_progress_bar", "load"]

_KERAS = ("mnist", "fashion_mnist", "cifar10", "cifar100")


@noop("tensorflow_datasets.disable_progress_bar", "nothing is shown")
def disable_progress_bar() -> None:
    """Does nothing: no bar is shown."""


def as_numpy(dataset: Any) -> Any:
    """The elements of a data set as numpy arrays."""
    return dataset.as_numpy_iterator()


class Info:
    """What is known of a data set: how many rows each part has, and the classes."""

    def __init__(self, name: str, parts: dict[str, Any]) -> None:
        self.name = name
        self.splits = {key: _Part(len(y)) for key, (_, y) in parts.items()}
        labels = np.concatenate([np.asarray(y).ravel() for _, y in parts.values()])
        self.features = {"label": _Labels(int(labels.max()) + 1)}


class _Part:
    def __init__(self, count: int) -> None:
        self.num_examples = count


class _Labels:
    def __init__(self, count: int) -> None:
        self.num_classes = count
        self.names = [str(i) for i in range(count)]


def load(
    name: str,
    split: Any = None,
    data_dir: Any = None,
    batch_size: int | None = None,
    shuffle_files: bool = False,
    download: bool = True,
    as_supervised: bool = False,
    with_info: bool = False,
) -> Any:
    """A data set of Keras' by its name, or one in a folder.

    Args:
        name: mnist, fashion_mnist, cifar10, cifar100; or a file NAME.npz in `data_dir`
            with x_train, y_train, x_test, y_test.
        split: "train", "test", a part such as "train[:80%]", a list of them; None for
            a dict of both.
        data_dir: The folder.
        batch_size: Rows at once; None for one at a time.
        shuffle_files, download: Do nothing: Keras' data sets are fetched once.
        as_supervised: Whether an element is (image, label) and no dict.
        with_info: Whether to give what is known of it too.

    Raises:
        ValueError: A data set that is neither Keras' nor in the folder.
    """
    parts = _parts(name, data_dir)

    def one(wanted: str) -> Dataset:
        x, y = _cut(parts, wanted)
        rows: Any = (x, y) if as_supervised else {"image": x, "label": y}
        data = Dataset.from_tensor_slices(rows)
        return data if batch_size is None else data.batch(batch_size)

    wanted = list(parts) if split is None else split
    many = isinstance(wanted, list | tuple)
    found: Any = [one(w) for w in wanted] if many else one(wanted)
    if split is None:
        found = dict(zip(parts, found, strict=True))
    return (found, Info(name, parts)) if with_info else found


def _parts(name: str, data_dir: Any) -> dict[str, Any]:
    file = Path(data_dir or ".") / f"{name}.npz"
    if file.is_file():
        with np.load(file) as arrays:
            return {
                part: (arrays[f"x_{part}"], arrays[f"y_{part}"])
                for part in ("train", "test")
            }
    if name not in _KERAS:
        raise invalid(
            "tensorflow_datasets.load",
            f"{name!r}",
            f"{', '.join(_KERAS)}, or a file {file}",
            "write np.savez(file, x_train=..., y_train=..., x_test=..., y_test=...)",
        )
    (x, y), (u, v) = getattr(datasets, name).load_data()
    x, u = (a if a.ndim == 4 else a[..., None] for a in (x, u))
    return {"train": (x, y.ravel()), "test": (u, v.ravel())}


def _cut(parts: dict[str, Any], wanted: str) -> tuple[Any, Any]:
    """A part such as "train[10%:20%]"."""
    name, _, rest = wanted.partition("[")
    if name not in parts:
        raise invalid("split", repr(wanted), " or ".join(parts))
    x, y = parts[name]
    if not rest:
        return x, y
    ends = []
    for text, default in zip(rest.rstrip("]").split(":"), (0, len(y)), strict=True):
        share = text.endswith("%")
        number = int(text.rstrip("%")) if text else default
        ends.append(number * len(y) // 100 if share and text else number)
    return x[slice(*ends)], y[slice(*ends)]
