"""Batches of changed images, without an end: what `ImageDataGenerator` gives.

A batch is drawn by numpy's old RandomState, seeded as Keras does it, so that a seed
gives the same rows and the same changes.
"""

import math
import os
import threading
from collections.abc import Iterator as Iterates
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jax.typing import DTypeLike

from onefit import config
from onefit.errors import OnefitWarning, invalid, is_whole, mistyped, unknown
from onefit.preprocessing.folders import listed
from onefit.preprocessing.pictures import (
    array_to_img,
    check_color_mode,
    check_size,
    img_to_array,
    load_img,
    pillow,
)

__all__ = ["DataFrameIterator", "DirectoryIterator", "Iterator", "NumpyArrayIterator"]

FORMATS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
PLAIN_MODES = ("input", "multi_output", "raw", None)
"""Ways to give targets that need no classes."""


class Iterator:
    """Rows in batches, shuffled anew each time round; a subclass makes the batches.

    Args:
        n: How many rows.
        batch_size: Rows in a batch; the last of a round may have fewer.
        shuffle: Whether each round has an order of its own.
        seed: Names the orders and what is drawn for the rows.
    """

    def __init__(
        self, n: int, batch_size: int, shuffle: bool, seed: int | None
    ) -> None:
        if not is_whole(batch_size, 1):
            raise invalid(
                type(self).__name__,
                f"batch_size={batch_size!r}",
                "a positive whole number",
            )
        self.n, self.batch_size = n, int(batch_size)
        self.shuffle, self.seed = shuffle, seed
        self.batch_index = self.total_batches_seen = 0
        self.index_array: np.ndarray | None = None
        self.lock = threading.Lock()
        self._random = np.random.RandomState(
            config.new_seed() if seed is None else seed
        )

    def __len__(self) -> int:
        """Batches in a round."""
        return math.ceil(self.n / self.batch_size)

    def __getitem__(self, idx: int) -> Any:
        """A batch of this round."""
        if not 0 <= idx < len(self):
            raise IndexError(f"batch {idx} of {len(self)}")
        with self.lock:
            random = self._next_draws()
            if self.index_array is None:
                self._draw_order(random)
            rows = self._rows(idx * self.batch_size)
        return self._get_batches_of_transformed_samples(rows, random)

    def __iter__(self) -> Iterates[Any]:
        """The batches, round after round."""
        return self

    def __next__(self) -> Any:
        """The next batch; after the last of a round comes the next round."""
        with self.lock:
            random = self._next_draws()
            if self.batch_index == 0 or self.index_array is None:
                self._draw_order(random)
            at = self.batch_index * self.batch_size
            last = at + self.batch_size >= self.n
            self.batch_index = 0 if last else self.batch_index + 1
            rows = self._rows(at)
        return self._get_batches_of_transformed_samples(rows, random)

    next = __next__

    def on_epoch_end(self) -> None:
        """Begins a new round."""
        self._draw_order(self._random)

    def reset(self) -> None:
        """Goes back to the first batch."""
        self.batch_index = 0

    def _next_draws(self) -> np.random.RandomState:
        if self.seed is not None:
            self._random = np.random.RandomState(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1
        return self._random

    def _draw_order(self, random: np.random.RandomState) -> None:
        self.index_array = (
            random.permutation(self.n) if self.shuffle else np.arange(self.n)
        )

    def _rows(self, at: int) -> np.ndarray:
        assert self.index_array is not None
        return self.index_array[at : at + self.batch_size]

    def _get_batches_of_transformed_samples(
        self, index_array: np.ndarray, random: np.random.RandomState
    ) -> Any:
        raise NotImplementedError(f"{type(self).__name__} makes no batches")


class _Images(Iterator):
    """What the three share: images changed one by one, and kept on disk if asked."""

    image_data_generator: Any
    data_format: str
    dtype: Any
    save_to_dir: str | None
    save_prefix: str
    save_format: str

    def _image(self, row: int) -> np.ndarray:
        """The image of a row, before it is changed."""
        raise NotImplementedError

    def _changed(self, rows: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        make, batch = self.image_data_generator, []
        for row in rows:
            x = self._image(row)
            if make is not None:
                x = make.apply_transform(x, make.drawn(x.shape, random))
                x = make.standardize(x)
            batch.append(np.asarray(x, self.dtype))
        if self.save_to_dir:
            Path(self.save_to_dir).mkdir(parents=True, exist_ok=True)
            for row, x in zip(rows, batch, strict=True):
                name = f"{self.save_prefix}_{row}_{random.randint(10**7)}"
                path = Path(self.save_to_dir) / f"{name}.{self.save_format}"
                array_to_img(x, self.data_format, scale=True).save(path)
        return np.stack(batch)


class NumpyArrayIterator(_Images):
    """Batches of images that are in an array; made by `ImageDataGenerator.flow`."""

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: DTypeLike | None = None,
    ) -> None:
        where = "ImageDataGenerator.flow"
        several = isinstance(x, list | tuple)
        rest = (x[1] if isinstance(x[1], list) else [x[1]]) if several else []
        images = np.asarray(x[0] if several else x, dtype or config.floatx())
        if images.ndim != 4:
            raise invalid(
                where,
                f"x of shape {images.shape}",
                "images, (rows, height, width, channels)",
                "write x[..., None] for grey ones",
            )
        parts = {f"x[{i + 1}]": part for i, part in enumerate(rest)}
        parts |= {"y": y, "sample_weight": sample_weight}
        arrays = {k: np.asarray(v) for k, v in parts.items() if v is not None}
        for name, array in arrays.items():
            if len(array) != len(images):
                raise invalid(
                    where, f"{len(array)} rows in {name}", f"{len(images)}, as in x"
                )
        if subset is not None:
            rows = _side(where, image_data_generator, subset, len(images))
            _check_sides(where, arrays.get("y"), rows, subset, ignore_class_split)
            images = images[rows]
            arrays = {name: array[rows] for name, array in arrays.items()}
        self.x, self.y = images, arrays.get("y")
        self.sample_weight = arrays.get("sample_weight")
        self.x_misc = [arrays[f"x[{i + 1}]"] for i in range(len(rest))]
        self.image_data_generator = image_data_generator
        self.data_format = data_format or "channels_last"
        self.dtype = dtype or config.floatx()
        self.save_to_dir, self.save_prefix = save_to_dir, save_prefix
        self.save_format = save_format
        super().__init__(len(images), batch_size, shuffle, seed)

    def _image(self, row: int) -> np.ndarray:
        return self.x[row].copy()

    def _get_batches_of_transformed_samples(
        self, index_array: np.ndarray, random: np.random.RandomState
    ) -> Any:
        x: Any = self._changed(index_array, random)
        if self.x_misc:
            x = [x, *(part[index_array] for part in self.x_misc)]
        rest = [a for a in (self.y, self.sample_weight) if a is not None]
        return (x, *(a[index_array] for a in rest)) if self.y is not None else x


class _Files(_Images):
    """What the two share whose images lie in files."""

    filenames: list[str]
    filepaths: list[str]
    class_mode: str | None
    class_indices: dict[str, int]
    classes: Any
    modes: tuple[str | None, ...]

    def _set(
        self,
        where: str,
        image_data_generator: Any,
        target_size: Any,
        color_mode: str,
        class_mode: str | None,
        data_format: str | None,
        save: tuple[str | None, str, str],
        subset: str | None,
        interpolation: str,
        keep_aspect_ratio: bool,
        dtype: DTypeLike | None,
    ) -> None:
        """Checks and keeps the settings that both have."""
        pillow(where)
        check_color_mode(where, color_mode)
        if class_mode not in self.modes:
            raise unknown(f"class_mode of {where}", class_mode, map(str, self.modes))
        self.image_data_generator = image_data_generator
        self.target_size = check_size(where, "target_size", target_size)
        self.color_mode, self.class_mode = color_mode, class_mode
        self.data_format = data_format or "channels_last"
        self.save_to_dir, self.save_prefix, self.save_format = save
        self.subset, self.interpolation = subset, interpolation
        self.keep_aspect_ratio, self.dtype = keep_aspect_ratio, dtype or config.floatx()
        shape = (*self.target_size, CHANNELS[color_mode])
        first = self.data_format == "channels_first"
        self.image_shape = (shape[2], *shape[:2]) if first else shape

    def _image(self, row: int) -> np.ndarray:
        image = load_img(
            self.filepaths[row],
            self.color_mode,
            self.target_size,
            self.interpolation,
            self.keep_aspect_ratio,
        )
        return img_to_array(image, self.data_format).copy()

    @property
    def labels(self) -> Any:
        """The label of each row."""
        return self.classes

    def _targets_of(self, rows: np.ndarray, x: np.ndarray) -> Any:
        if self.class_mode == "input":
            return x.copy()
        if self.class_mode == "categorical":
            y = np.zeros((len(rows), len(self.class_indices)), self.dtype)
            for i, row in enumerate(rows):
                y[i, self.classes[row]] = 1
            return y
        return np.asarray([self.classes[row] for row in rows], self.dtype)

    def _get_batches_of_transformed_samples(
        self, index_array: np.ndarray, random: np.random.RandomState
    ) -> Any:
        x = self._changed(index_array, random)
        if self.class_mode is None:
            return x
        return x, self._targets_of(index_array, x)


class DirectoryIterator(_Files):
    """Batches of images in folders, a class each; made by `flow_from_directory`.

    Attributes:
        class_indices: The number of each class.
        classes: The number of each file.
        filenames: The files, in the directory.
        samples: How many.
    """

    modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory: str | os.PathLike,
        image_data_generator: Any,
        target_size: Any = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: DTypeLike | None = None,
    ) -> None:
        where = "flow_from_directory"
        self._set(
            where, image_data_generator, target_size, color_mode, class_mode,
            data_format, (save_to_dir, save_prefix, save_format), subset,
            interpolation, keep_aspect_ratio, dtype,
        )  # fmt: skip
        base = Path(directory)
        if not base.is_dir():
            raise invalid(where, repr(str(directory)), "a folder that is there")
        folders = sorted(p.name for p in base.iterdir() if p.is_dir())
        for name in classes or ():
            if name not in folders:
                raise unknown(f"classes of {where}", name, folders)
        names = list(classes or folders)
        self.directory = directory
        self.num_classes = len(names)
        self.class_indices = {name: i for i, name in enumerate(names)}
        if class_mode == "binary" and len(names) != 2:
            raise invalid(
                where,
                f"class_mode='binary' for {len(names)} classes",
                "two classes",
                "write class_mode='sparse', or name two: classes=['a', 'b']",
            )
        self.filenames, numbers = [], []
        for name, number in self.class_indices.items():
            files = list(listed(base / name, FORMATS, follow_links))
            if subset is not None:
                files = files[_side(where, image_data_generator, subset, len(files))]
            self.filenames += [str(file.relative_to(base)) for file in files]
            numbers += [number] * len(files)
        if not self.filenames:
            raise invalid(
                where,
                f"{str(base)!r} without a file of {', '.join(FORMATS)} in a folder of "
                "its class",
                "a folder for each class, with files in it",
            )
        self.classes = np.asarray(numbers, "int32")
        self.samples = len(self.filenames)
        self.filepaths = [str(base / name) for name in self.filenames]
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)


class DataFrameIterator(_Files):
    """Batches of images that a table names; made by `flow_from_dataframe`."""

    modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self,
        dataframe: Any,
        directory: str | os.PathLike | None = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: Any = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: DTypeLike | None = None,
        validate_filenames: bool = True,
    ) -> None:
        where = "flow_from_dataframe"
        self._set(
            where, image_data_generator, target_size, color_mode, class_mode,
            data_format, (save_to_dir, save_prefix, save_format), subset,
            interpolation, keep_aspect_ratio, dtype,
        )  # fmt: skip
        names = _names(where, dataframe, x_col, y_col, weight_col, class_mode)
        self.directory = str(directory or "")
        kept = list(range(len(names)))
        if validate_filenames:
            kept = _there(where, x_col, names, self.directory)
        count, coded = 0, {}
        if class_mode not in PLAIN_MODES:
            labels = list(dataframe[y_col])
            _check_labels(where, y_col, labels, class_mode)
            coded, kept, self.class_indices = _numbered(labels, kept, classes)
            count = len(self.class_indices)
            if class_mode == "binary" and count != 2:
                raise invalid(
                    where,
                    f"class_mode='binary' for {count} classes",
                    "two classes",
                    "write class_mode='sparse'",
                )
        elif classes:
            raise invalid(
                where, f"classes with class_mode={class_mode!r}", "no classes"
            )
        if subset is not None:
            kept = kept[_side(where, image_data_generator, subset, len(kept))]
        if not kept:
            raise invalid(where, "no row with an image that is there", "one at least")
        if count:
            self.classes = [coded[row] for row in kept]
        elif class_mode == "multi_output":
            columns = [list(dataframe[name]) for name in y_col]
            self.classes = [np.array([c[i] for i in kept]) for c in columns]
        elif class_mode == "raw":
            self.classes = dataframe[y_col].to_numpy()[kept]
        self.sample_weight: Any = None
        if weight_col is not None:
            self.sample_weight = np.asarray(dataframe[weight_col])[kept]
        self.filenames = [names[i] for i in kept]
        self.filepaths = [os.path.join(self.directory, n) for n in self.filenames]
        self.samples = len(kept)
        valid = "validated" if validate_filenames else "non-validated"
        belonging = f" belonging to {count} classes" if count else ""
        print(f"Found {self.samples} {valid} image filenames{belonging}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _targets_of(self, rows: np.ndarray, x: np.ndarray) -> Any:
        if self.class_mode == "multi_output":
            return [column[rows] for column in self.classes]
        if self.class_mode == "raw":
            return self.classes[rows]
        return super()._targets_of(rows, x)

    def _get_batches_of_transformed_samples(
        self, index_array: np.ndarray, random: np.random.RandomState
    ) -> Any:
        batch = super()._get_batches_of_transformed_samples(index_array, random)
        if self.sample_weight is None or self.class_mode is None:
            return batch
        return (*batch, self.sample_weight[index_array])


# Which rows, which classes ------------------------------------------------------------


def _side(where: str, make: Any, subset: str, count: int) -> slice:
    """The rows of a part: the first ones validate, as in Keras."""
    if subset not in ("training", "validation"):
        raise unknown(f"subset of {where}", subset, ["training", "validation"])
    share = getattr(make, "validation_split", 0)
    if not share:
        raise invalid(
            where,
            f"subset={subset!r} without a share to hold back",
            "a share",
            "write ImageDataGenerator(validation_split=0.2)",
        )
    cut = int(share * count)
    return slice(cut) if subset == "validation" else slice(cut, count)


def _check_sides(
    where: str, y: np.ndarray | None, rows: slice, subset: str, ignore: bool
) -> None:
    if y is None or ignore:
        return
    cut = rows.stop if subset == "validation" else rows.start
    if not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
        raise invalid(
            where,
            "labels in one part that the other does not have",
            "the same classes in both",
            "shuffle the rows first, or write ignore_class_split=True",
        )


def _names(
    where: str, table: Any, x_col: str, y_col: Any, weight_col: str | None, mode: Any
) -> list[str]:
    """The names of the files; refuses columns that are not there or hold no such."""
    listed_columns = isinstance(y_col, list | tuple)
    if mode == "multi_output" and not listed_columns:
        raise mistyped(
            where, f"y_col={y_col!r} with class_mode='multi_output'", "a list"
        )
    labels = list(y_col) if listed_columns else [y_col]
    labels = [] if mode in ("input", None) else labels
    for name in [x_col, *labels, *([weight_col] if weight_col else [])]:
        if name not in table.columns:
            raise unknown(f"column of {where}", name, map(str, table.columns))
    names = list(table[x_col])
    for name in names:
        if not isinstance(name, str):
            raise mistyped(where, f"{name!r} in {x_col!r}", "names of files")
    if weight_col and np.asarray(table[weight_col]).dtype.kind not in "iuf":
        raise mistyped(where, f"weight_col={weight_col!r}", "a column of numbers")
    return names


def _there(where: str, column: str, names: list[str], directory: str) -> list[int]:
    """The rows whose file is there and is an image by its name."""
    kept = [
        i
        for i, name in enumerate(names)
        if name.lower().endswith(FORMATS)
        and os.path.isfile(os.path.join(directory, name))
    ]
    if len(kept) < len(names):
        import warnings

        first = next(name for i, name in enumerate(names) if i not in set(kept))
        text = (
            f"{where}: left out {len(names) - len(kept)} files of {column!r} that are "
            f"not there, or no images by their names, such as {first!r}."
        )
        warnings.warn(text, OnefitWarning, stacklevel=4)
    return kept


def _check_labels(
    where: str, column: Any, labels: list, class_mode: str | None
) -> None:
    kinds: tuple[type, ...] = (str,)
    if class_mode == "categorical":
        kinds = (str, list, tuple)
    for label in labels:
        if not isinstance(label, kinds):
            raise mistyped(
                where,
                f"{label!r} in {column!r} with class_mode={class_mode!r}",
                "texts" if len(kinds) == 1 else "texts, or lists of them",
                f"write class_mode='raw', or table[{column!r}].astype(str)",
            )


def _numbered(
    labels: list, kept: list[int], classes: Sequence[str] | None
) -> tuple[dict[int, Any], list[int], dict[str, int]]:
    """Labels as numbers, by row; the rows that have a class; the classes' numbers."""
    several = {
        i: list(labels[i]) if isinstance(labels[i], list | tuple) else [labels[i]]
        for i in kept
    }
    names = classes or sorted({name for some in several.values() for name in some})
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    coded: dict[int, Any] = {}
    for row, some in several.items():
        found = [numbers[name] for name in some if name in numbers]
        if found:
            coded[row] = found[0] if isinstance(labels[row], str) else found
    return coded, list(coded), numbers
