"""Small helpers by the names of `keras.utils`: for arrays, models and names.

What Keras has in `utils` and what stands in other rooms here is shown here too; it is
imported when it is first asked for.
"""

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit import config
from onefit.backend import clear_session, is_keras_tensor, standardize_dtype
from onefit.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
    set_random_seed,
)
from onefit.custom import (
    CustomObjectScope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from onefit.data.batch import unpack_x_y_sample_weight
from onefit.data.dataset import Dataset
from onefit.datasets.fetching import get_file
from onefit.errors import invalid, is_whole, mistyped
from onefit.layers.symbolic import Tensor
from onefit.plots.diagram import plot_model
from onefit.plots.dot import model_to_dot
from onefit.preprocessing import (
    audio_dataset_from_directory,
    bounding_boxes,
    image_dataset_from_directory,
    text_dataset_from_directory,
    timeseries_dataset_from_array,
)
from onefit.preprocessing.image import array_to_img, img_to_array, load_img, save_img
from onefit.preprocessing.sequence import fractions, pad_sequences
from onefit.saving import (
    custom_object_scope,
    deserialize_keras_object,
    serialize_keras_object,
)
from onefit.spellings import absent, keras_keywords
from onefit.training.progbar import Progbar
from onefit.types import Array, Tree

if TYPE_CHECKING:
    from onefit.preprocessing.feature_space import FeatureSpace

__all__ = [
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]


_HOMES = {"FeatureSpace": "onefit.preprocessing.feature_space"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "np_utils":  # where Keras 2 had them
        return sys.modules[__name__]
    raise absent("onefit.utils", name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


@keras_keywords
def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray | Array:
    """Class numbers as one-hot rows: y_k = 1 where k is the class, and 0 elsewhere.

    Args:
        x: Whole numbers from 0, of shape (...,) or (..., 1).
        num_classes: How many classes; None is the largest number in x and one more.

    Returns:
        Floats of the library's float type, (..., num_classes), in an array of JAX if x
        is one.

    Raises:
        TypeError: What is no whole number, such as 1.5 or text.
        ValueError: A number below 0 or not below num_classes; nothing to count.

    Differs from Keras: a negative class is refused instead of counted from the end,
    1.5 is refused instead of cut to 1, and the result is not always float64.

    Example:
        >>> to_categorical([0, 2, 1], num_classes=3)
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]], dtype=float32)

    Source: lecture 001, "Multiclass classification".
    """
    labels = _whole_numbers(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        if not labels.size:
            raise invalid(
                "to_categorical",
                "no labels and no num_classes",
                "labels to count the classes of",
                "write to_categorical(x, num_classes=10)",
            )
        num_classes = int(labels.max()) + 1
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if outside.size:
        raise invalid(
            "to_categorical",
            f"the class {outside[0]}",
            f"classes from 0 to {num_classes - 1}",
            "number them: labels, x = np.unique(x, return_inverse=True)",
        )
    rows = np.eye(num_classes, dtype=config.floatx())[labels]
    return jax.numpy.asarray(rows) if isinstance(x, jax.Array) else rows


def _whole_numbers(x: Any) -> np.ndarray:
    labels = np.asarray(x)
    if not labels.size:
        return np.zeros(labels.shape, np.int64)
    odd = fractions(labels) if labels.dtype.kind in "iubf" else labels.ravel()
    if odd.size:
        raise mistyped(
            "to_categorical",
            repr(odd[0].item() if hasattr(odd[0], "item") else odd[0]),
            "whole numbers",
            "number the classes: labels, x = np.unique(x, return_inverse=True)",
        )
    return labels.astype(np.int64)


@keras_keywords
def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray | Array:
    """Vectors of norm 1, x / ‖x‖ along an axis; 0 stays 0.

    Args:
        x: Numbers of any shape.
        axis: The axis that holds the vectors.
        order: Which norm: 2 is √Σx², 1 is Σ|x|, np.inf is max|x|.

    Differs from Keras: axis=0 means axis 0 (Keras 3.15 divides along the last axis
    there), and the result has the type of x, or the library's float type for integers.

    Example:
        >>> normalize([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    of_jax, x = isinstance(x, jax.Array), np.asarray(x)
    if x.dtype.kind != "f":
        x = x.astype(config.floatx())
    norm = np.linalg.norm(np.atleast_1d(x), order, axis, keepdims=True)
    y = x / np.where(norm == 0, 1, norm).astype(x.dtype)
    return jax.numpy.asarray(y) if of_jax else y


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Rows in two parts, the first to train on and the second to test with.

    Args:
        dataset: An array, or a tuple, list or dict of arrays (or of such again) with
            as many rows each; or a dataset of onefit, TensorFlow or torch, whose
            elements are read once.
        left_size: What the first part gets: a count of rows, or a share between 0 and
            1, which is rounded to whole rows.
        right_size: The same for the second part; what is None gets the rest.
        shuffle: Whether rows are drawn at random; otherwise the first ones go left.
        seed: Names the draw; None takes the next one of `set_random_seed`'s stream.
        preferred_backend: Accepted: the parts are numpy's, or onefit's.

    Returns:
        The two parts, each arranged as `dataset` is; of a dataset, two `data.Dataset`.

    Raises:
        TypeError: A size that is no number.
        ValueError: No size at all, one that leaves a part empty or is beyond the rows,
            arrays of different lengths.

    Differs from Keras: the parts of arrays are arrays rather than a dataset; a share
    that rounds to no rows is refused, and two shares that make 1 never miss or repeat a
    row by rounding.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.8)
        >>> right
        array([8, 9])
        >>> x, y = np.ones((5, 2)), np.zeros(5)
        >>> (x, y), (x_test, y_test) = split_dataset((x, y), 0.6, shuffle=True, seed=1)
        >>> x.shape, y_test.shape
        ((3, 2), (2,))
        >>> rows = onefit.data.Dataset.from_tensor_slices((x, y))
        >>> left, right = split_dataset(rows, left_size=2)
        >>> len(left), len(right)
        (2, 1)
    """
    del preferred_backend
    elements = _elements(dataset)
    if elements is not None:
        rows = jax.tree.map(lambda *a: np.stack([np.asarray(v) for v in a]), *elements)
        arrays, arranged = _unpack(rows)
    else:
        arrays, arranged = _unpack(dataset)
    counts = [len(a) if a.ndim else 0 for a in arrays]
    if len(set(counts)) != 1:
        raise invalid(
            "split_dataset",
            f"arrays of {' and '.join(map(str, counts)) or 'no'} rows",
            "as many rows in each",
        )
    left, right = _counts(counts[0], left_size, right_size)
    order: Any = slice(None)
    if shuffle:
        order = config.generator(seed).permutation(counts[0])
    arrays = [a[order] for a in arrays]
    first = arranged([a[:left] for a in arrays])
    second = arranged([a[left : left + right] for a in arrays])
    if elements is None:
        return first, second
    return Dataset.from_tensor_slices(first), Dataset.from_tensor_slices(second)


def _elements(dataset: Any) -> list[Tree] | None:
    """The elements of a dataset, of whatever library; None of what is arrays."""
    if isinstance(dataset, dict | tuple | list | range) or hasattr(dataset, "shape"):
        return None
    if hasattr(dataset, "as_numpy_iterator"):
        found = list(dataset.as_numpy_iterator())
    elif hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        found = [dataset[i] for i in range(len(dataset))]
    else:
        found = list(dataset)
    if not found:
        raise invalid("split_dataset", "a dataset without elements", "rows to split")
    return found


def _unpack(dataset: Any) -> tuple[list[np.ndarray], Callable[[list], Any]]:
    """The arrays of a dataset, and what arranges such arrays as they were."""
    if isinstance(dataset, dict):
        keys, parts = list(dataset), [_unpack(a) for a in dataset.values()]
        return _together(parts, lambda made: dict(zip(keys, made, strict=True)))
    several = isinstance(dataset, tuple | list) and all(
        hasattr(a, "shape") or hasattr(a, "__len__") for a in dataset
    )
    if several and (
        isinstance(dataset, tuple)
        or hasattr(dataset[0], "shape")
        or isinstance(dataset[0], dict)
    ):
        return _together([_unpack(a) for a in dataset], type(dataset))
    return [np.asarray(dataset)], lambda parts: parts[0]


def _together(
    parts: list[Any], arrange: Callable[[list], Any]
) -> tuple[list[np.ndarray], Callable[[list], Any]]:
    """The arrays of several datasets as those of one."""

    def arranged(arrays: list) -> Any:
        rest = iter(arrays)
        return arrange([one([next(rest) for _ in own]) for own, one in parts])

    return [array for own, _ in parts for array in own], arranged


def _counts(n: int, left: Any, right: Any) -> tuple[int, int]:
    """How many of n rows go left and right."""
    given = {"left_size": left, "right_size": right}
    given = {name: size for name, size in given.items() if size is not None}
    if not given:
        raise invalid(
            "split_dataset",
            "neither left_size nor right_size",
            "one of them",
            "write split_dataset(dataset, left_size=0.8)",
        )
    for name, size in given.items():
        if isinstance(size, bool) or not isinstance(size, int | float | np.number):
            raise mistyped(
                "split_dataset", f"{name}={size!r}", "a count of rows or a share"
            )
    shares = {
        name: float(size) if isinstance(size, float | np.floating) else size / max(n, 1)
        for name, size in given.items()
    }
    first = shares.get("left_size", 1 - shares.get("right_size", 0))
    # Rounding where the parts meet and where they end, so that shares which make 1
    # make n rows.
    meet, end = (
        round(first * n),
        round((first + shares.get("right_size", 1 - first)) * n),
    )
    if not 0 < meet < end <= n:
        sizes = " and ".join(f"{name}={size!r}" for name, size in given.items())
        raise invalid(
            "split_dataset",
            f"{sizes} of {n} rows",
            f"a share between 0.0 and 1.0 or a count below {n}, so that both "
            "parts have rows and share none",
        )
    return meet, end - meet


def pack_x_y_sample_weight(x: Tree, y: Tree = None, sample_weight: Tree = None) -> Tree:
    """What a step is given, of its parts; the reverse of `unpack_x_y_sample_weight`.

    >>> pack_x_y_sample_weight(1), pack_x_y_sample_weight(1, 2)
    (1, (1, 2))
    """
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, list | tuple) else x


def get_source_inputs(tensor: Tensor) -> list[Tensor]:
    """The inputs that a value of a graph is computed from.

    >>> x = onefit.Input((2,))
    >>> get_source_inputs(onefit.layers.Dense(1)(x))[0] is x
    True
    """
    found: list[Tensor] = []
    rest, seen = [tensor], set()
    while rest:
        one = rest.pop()
        before = jax.tree.leaves(one.call.sources)
        if not before and not any(one is known for known in found):
            found.append(one)
        rest += [t for t in reversed(before) if id(t) not in seen]
        seen |= {id(t) for t in before}
    return found


class PyDataset:
    """Batches by number: derive yours from it, for data made or read as needed.

    Write `__len__`, how many batches there are, and `__getitem__(index)`, which gives a
    batch: (x, y), (x, y, sample_weight) or x. `fit`, `evaluate` and `predict` take it;
    `fit` takes the batches in a random order unless `shuffle=False`.

    Args:
        workers: How many threads, or processes, make batches.
        use_multiprocessing: Whether these are processes of their own, for batches whose
            making is Python's own work. Each gets the data set as it is when an epoch
            begins; it has to be a class that another process can import.
        max_queue_size: How many batches may be ready before they are needed.

    Raises:
        ValueError: A number that cannot be.

    Example:
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         x = np.arange(4.0)[:, None] + 4 * index
        ...         return x, x**2
        >>> Squares(workers=2)[1][1].ravel()
        array([16., 25., 36., 49.])

    Source: Keras, `keras.utils.PyDataset`.
    """

    def __init__(
        self,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        for name, value in (("workers", workers), ("max_queue_size", max_queue_size)):
            if not is_whole(value, 0):
                raise invalid("PyDataset", f"{name}={value!r}", "a whole number")
        self.workers, self.max_queue_size = workers, max_queue_size
        self.use_multiprocessing = use_multiprocessing

    def __len__(self) -> int:
        """How many batches there are; without it there is no end."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        """The batch of this number, counted from 0."""
        raise NotImplementedError

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None without an end."""
        try:
            return len(self)
        except NotImplementedError:
            return None

    def on_epoch_begin(self) -> None:
        """Before an epoch."""

    def on_epoch_end(self) -> None:
        """After an epoch: the place to draw another order, say."""


Sequence = PyDataset
"""The old name of `PyDataset`."""
