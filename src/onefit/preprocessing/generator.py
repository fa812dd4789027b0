"""ImageDataGenerator: images changed at random on the host, batch by batch."""

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from onefit import config
from onefit.errors import OnefitWarning, invalid, mistyped, unknown
from onefit.layers.reshaping import data_format as layout
from onefit.preprocessing.affine import (
    FILL_MODES,
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
)
from onefit.preprocessing.iterators import (
    DataFrameIterator,
    DirectoryIterator,
    NumpyArrayIterator,
)

__all__ = ["ImageDataGenerator"]

Drawn = dict[str, Any]


class ImageDataGenerator:
    """Batches of images, each changed at random: turned, shifted, flipped, ....

    Keras' old way, kept for old programs: it runs on the host, one image after another.
    The layers (`RandomFlip`, `RandomRotation`, ...) do the same inside the program, and
    `onefit.utils.image_dataset_from_directory` reads folders.

    Args:
        featurewise_center: Whether to take off the mean of the data given to `fit`.
        samplewise_center: Whether to take off each image's own mean.
        featurewise_std_normalization: Whether to divide by the deviation of the data.
        samplewise_std_normalization: Whether to divide by each image's own deviation.
        zca_whitening: Whether to make the pixels of the data uncorrelated.
        zca_epsilon: What the singular values get added, so that none is 0.
        rotation_range: The highest angle either way, in degrees.
        width_shift_range: The highest shift to either side: a share of the width if
            below 1, else pixels; a whole number k is one of -k..k; several numbers are
            those to choose from.
        height_shift_range: The same for the height.
        brightness_range: The lowest and the highest factor of light.
        shear_range: The highest shear either way, in degrees.
        zoom_range: The lowest and the highest zoom, or f for 1 − f and 1 + f; below 1
            the image is larger.
        channel_shift_range: The highest number that is added or taken off.
        fill_mode: What lies beyond the edge: "nearest", "constant", "reflect", "wrap".
        cval: The value for "constant".
        horizontal_flip, vertical_flip: Whether one image of two is flipped.
        rescale: What the numbers are multiplied by; None or 0 leaves them.
        preprocessing_function: What each image goes through, after its change and
            before the rest.
        data_format: "channels_last", or "channels_first".
        validation_split: The share of the rows that `subset="validation"` gets: the
            first ones.
        interpolation_order: Of the spline between pixels: 0 is the nearest, 1 linear.
        dtype: The type of the arrays; None is the library's float type.

    Raises:
        ValueError, TypeError: Settings that cannot be meant.

    Differs from Keras: width_shift_range moves along the width, as Keras' documentation
    says, where its code moves along the height; images that are no square turn about
    their own middle; a subset without validation_split, empty folders and labels that
    do not fit are refused. Seeds draw the same rows and changes.

    Example:
        >>> make = ImageDataGenerator(horizontal_flip=True, rescale=1 / 255)
        >>> x, y = next(make.flow(np.ones((8, 4, 4, 3)), np.arange(8), batch_size=4))
        >>> x.shape, y.shape
        ((4, 4, 4, 3), (4,))

    Source: Keras, `keras._legacy.preprocessing.image.ImageDataGenerator`.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], Any] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        where = "ImageDataGenerator"
        if fill_mode not in FILL_MODES:
            raise unknown(f"fill_mode of {where}", fill_mode, FILL_MODES)
        if validation_split and not 0 < validation_split < 1:
            raise invalid(
                where,
                f"validation_split={validation_split!r}",
                "a share between 0 and 1",
            )
        self.samplewise_std_normalization = samplewise_std_normalization
        # Dividing by a deviation, and whitening, mean numbers about their mean.
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.featurewise_std_normalization = (
            featurewise_std_normalization and not zca_whitening
        )
        self.featurewise_center = (
            featurewise_center or featurewise_std_normalization or zca_whitening
        )
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        number = isinstance(zoom_range, int | float)
        zooms = (1 - zoom_range, 1 + zoom_range) if number else zoom_range
        self.zoom_range = _two(where, "zoom_range", zooms)
        self.brightness_range = brightness_range
        if brightness_range is not None:
            _two(where, "brightness_range", brightness_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode, self.cval = fill_mode, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format = layout(data_format)
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (
            (1, 2, 3) if first else (3, 1, 2)
        )
        self.validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = dtype or config.floatx()
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None
        self._random: np.random.RandomState | None = None

    # Batches ------------------------------------------------------------------------

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of the images in an array, without an end.

        Args:
            x: Images, (rows, height, width, channels); or (images, others), of which
                the others are handed on as they are.
            y, sample_weight: Labels and weights of the rows.
            batch_size: Rows in a batch.
            shuffle: Whether each round has an order of its own.
            seed: Names what is drawn.
            save_to_dir, save_prefix, save_format: A folder for the changed images, to
                look at, how their names begin, and their format.
            ignore_class_split: Whether both parts may have different classes.
            subset: "training" or "validation", with validation_split.
        """
        return NumpyArrayIterator(
            x, y, self, batch_size, shuffle, sample_weight, seed, self.data_format,
            save_to_dir, save_prefix, save_format, subset, ignore_class_split,
            self.dtype,
        )  # fmt: skip

    def flow_from_directory(
        self,
        directory: str | os.PathLike,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of the images in the folders of a directory, a class each.

        Args:
            directory: The directory.
            target_size: (height, width).
            color_mode: "rgb", "rgba" or "grayscale".
            classes: The folders to take, in the order of their numbers.
            class_mode: "categorical", "binary", "sparse", "input" (the images
                themselves), or None for images alone.
            interpolation, keep_aspect_ratio: As in `onefit.utils.load_img`.
            batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset: As
                in `flow`.
            follow_links: Whether to go into folders that are links.
        """
        return DirectoryIterator(
            directory, self, target_size, color_mode, classes, class_mode, batch_size,
            shuffle, seed, self.data_format, save_to_dir, save_prefix, save_format,
            follow_links, subset, interpolation, keep_aspect_ratio, self.dtype,
        )  # fmt: skip

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | os.PathLike | None = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
    ) -> DataFrameIterator:
        """Batches of the images that a table names.

        Args:
            dataframe: The table.
            directory: The folder of the files; None where the table has whole paths.
            x_col, y_col, weight_col: The columns of the files, labels and weights.
            class_mode: "categorical", "binary" and "sparse" for labels that are texts
                ("categorical" also for lists of them), "raw" for numbers as they are,
                "multi_output" for a list of columns, "input", or None.
            validate_filenames: Whether rows without their file are left out.
            target_size, color_mode, classes, batch_size, shuffle, seed, save_to_dir,
                save_prefix, save_format, subset, interpolation: As in
                `flow_from_directory`.
        """
        return DataFrameIterator(
            dataframe, directory, self, x_col, y_col, weight_col, target_size,
            color_mode, classes, class_mode, batch_size, shuffle, seed,
            self.data_format, save_to_dir, save_prefix, save_format, subset,
            interpolation, False, self.dtype, validate_filenames,
        )  # fmt: skip

    # One image ----------------------------------------------------------------------

    def get_random_transform(
        self, img_shape: tuple[int, ...], seed: int | None = None
    ) -> Drawn:
        """What is drawn for an image of this shape, by name."""
        if seed is not None:
            return self.drawn(img_shape, np.random.RandomState(seed))
        if self._random is None:
            self._random = np.random.RandomState(config.new_seed())
        return self.drawn(img_shape, self._random)

    def drawn(self, shape: tuple[int, ...], random: np.random.RandomState) -> Drawn:
        """What is drawn from these numbers, in Keras' order."""

        def either_way(limit: float) -> float:
            return random.uniform(-limit, limit) if limit else 0

        theta = either_way(self.rotation_range)
        tx = _shift(self.height_shift_range, shape[self.row_axis - 1], random)
        ty = _shift(self.width_shift_range, shape[self.col_axis - 1], random)
        shear = either_way(self.shear_range)
        low, high = self.zoom_range
        zx, zy = (1, 1) if low == high == 1 else random.uniform(low, high, 2)
        across = (random.random_sample() < 0.5) * self.horizontal_flip
        down = (random.random_sample() < 0.5) * self.vertical_flip
        shift = either_way(self.channel_shift_range) or None
        light = self.brightness_range
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": across,
            "flip_vertical": down,
            "channel_shift_intensity": shift,
            "brightness": None if light is None else random.uniform(*light),
        }

    def apply_transform(self, x: Any, transform_parameters: Drawn) -> np.ndarray:
        """An image after what was drawn.

        Args:
            x: (height, width, channels).
            transform_parameters: Any of theta, tx (along the height), ty (along the
                width), shear, zx, zy, flip_horizontal, flip_vertical,
                channel_shift_intensity, brightness.
        """
        get = transform_parameters.get
        row, column, channel = (
            axis - 1 for axis in (self.row_axis, self.col_axis, self.channel_axis)
        )
        x = apply_affine_transform(
            x,
            get("theta", 0),
            get("ty", 0),
            get("tx", 0),
            get("shear", 0),
            get("zx", 1),
            get("zy", 1),
            row,
            column,
            channel,
            self.fill_mode,
            self.cval,
            self.interpolation_order,
        )
        if (shift := get("channel_shift_intensity")) is not None:
            x = apply_channel_shift(x, shift, channel)
        if get("flip_horizontal"):
            x = np.flip(x, column)
        if get("flip_vertical"):
            x = np.flip(x, row)
        if (light := get("brightness")) is not None:
            x = apply_brightness_shift(x, light, False)
        return x

    def random_transform(self, x: Any, seed: int | None = None) -> np.ndarray:
        """An image after changes drawn for it."""
        x = np.asarray(x)
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: Any) -> np.ndarray:
        """An image, or several, on the scale that the settings say."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        x = np.asarray(x, self.dtype)
        if self.rescale:
            x = x * np.asarray(self.rescale, x.dtype)
        if self.samplewise_center:
            x = x - x.mean(keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (x.std(keepdims=True) + 1e-6)
        if self.featurewise_center and self._fitted("featurewise_center", self.mean):
            x = x - self.mean
        name = "featurewise_std_normalization"
        if self.featurewise_std_normalization and self._fitted(name, self.std):
            x = x / (self.std + 1e-6)
        matrix = self.zca_whitening_matrix
        if self.zca_whitening and self._fitted("zca_whitening", matrix):
            x = (x.reshape(-1, len(matrix)) @ matrix).reshape(x.shape)
        return x

    def _fitted(self, name: str, value: Any) -> bool:
        if value is None:
            text = (
                f"ImageDataGenerator: {name} has no effect before fit. Write "
                "generator.fit(x) with the training images."
            )
            warnings.warn(text, OnefitWarning, stacklevel=4)
        return value is not None

    def fit(
        self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None
    ) -> None:
        """Measures what featurewise_center, ... and zca_whitening need.

        Args:
            x: Images, (rows, height, width, channels).
            augment: Whether to measure changed images.
            rounds: How often each of them is changed.
            seed: Names the changes.

        Raises:
            ValueError: No images.
        """
        x = np.array(x, self.dtype)
        if x.ndim != 4 or not len(x):
            raise invalid(
                "ImageDataGenerator.fit",
                f"x of shape {x.shape}",
                "images, (rows, height, width, channels)",
                "write x[..., None] for grey ones",
            )
        if self.rescale:
            x = x * np.asarray(self.rescale, x.dtype)
        if augment:
            random = np.random.RandomState(config.new_seed() if seed is None else seed)
            rows = [row for _ in range(rounds) for row in x]
            changed = [
                self.apply_transform(row, self.drawn(row.shape, random)) for row in rows
            ]
            x = np.asarray(changed, self.dtype)
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = x.mean(axes, keepdims=True)[0]
            x = x - self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(axes, keepdims=True)[0]
            x = x / (self.std + 1e-6)
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
            self.zca_whitening_matrix = (
                u * (np.sqrt(len(x)) / (s + self.zca_epsilon))
            ) @ u.T


def _shift(limit: Any, size: int, random: np.random.RandomState) -> float:
    """A shift in pixels: a share of the size where the limit is below 1."""
    if not np.any(limit):
        return 0
    if np.ndim(limit) or isinstance(limit, int | np.integer):
        # A whole number is drawn from 0 to it; several numbers are chosen from.
        shift = random.choice(limit) * random.choice([-1, 1])
    else:
        shift = random.uniform(-limit, limit)
    return shift * size if np.max(limit) < 1 else shift


def _two(where: str, name: str, value: Any) -> tuple[float, float]:
    pair = isinstance(value, list | tuple | np.ndarray) and len(value) == 2
    if not pair or not all(isinstance(v, int | float | np.number) for v in value):
        raise mistyped(
            where,
            f"{name}={value!r}",
            "two numbers: the lowest and the highest",
            f"write {name}=(0.8, 1.2)",
        )
    return value[0], value[1]
