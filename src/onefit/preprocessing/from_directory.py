"""Images, texts and sounds in folders, as data sets of batches."""

import os
import wave
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from onefit import config
from onefit.data import Dataset
from onefit.errors import OnefitWarning, invalid, is_whole
from onefit.layers.reshaping import data_format as layout
from onefit.preprocessing.folders import Found, check, found, parts
from onefit.preprocessing.pictures import (
    check_color_mode,
    check_size,
    colored,
    opened,
    pillow,
)
from onefit.preprocessing.resizing import check_interpolation, cut, fitted, resized

__all__ = [
    "audio_dataset_from_directory",
    "image_dataset_from_directory",
    "text_dataset_from_directory",
]

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")

Read = Callable[[str], Any]


def image_dataset_from_directory(
    directory: str | os.PathLike,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] | int = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
    *,
    skip_broken: bool = False,
) -> Any:
    """The images in the folders of a directory, a class each, as a data set of batches.

    Args:
        directory: The directory.
        labels: "inferred" from the folders' names; None for none; or a list with a
            whole number for each file, in the order of their paths.
        label_mode: "int" gives int32, (rows,); "categorical" one-hot floats, (rows,
            classes); "binary" floats 0 and 1, (rows, 1); None no labels.
        class_names: The folders to take, in the order of their numbers; None takes all,
            by the alphabet.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: Rows in a batch; None gives one image after another.
        image_size: (height, width) that images are brought to.
        shuffle: Whether the order is drawn anew for each pass; otherwise it is that of
            the paths.
        seed: Names the order, and with it which files are held back.
        validation_split: The share of the files that is held back to validate.
        subset: "training", "validation", or "both" for a list of the two.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5",
            "gaussian" or "mitchellcubic".
        follow_links: Whether to go into folders that are links.
        crop_to_aspect_ratio: Whether to cut the largest part in the middle with the
            ratio of image_size, rather than distort.
        pad_to_aspect_ratio: Whether to put black around the image, rather than distort.
        data_format: "channels_last", or "channels_first".
        format: "tf" or "grain": both give the same here.
        verbose: Whether to print how many files there are.
        skip_broken: Whether to read each file once at the start and leave out those
            that are broken, with a warning that names them.

    Returns:
        A `onefit.data.Dataset` of images, float32, from 0 to 255, and labels; its
        attributes `class_names` and `file_paths` say which.

    Raises:
        ValueError: No files, labels of another length, or settings that do not go
            together. A broken image, with its name, when it is read.
        ImportError: Pillow is not installed.

    Differs from Keras: a Dataset of onefit's. With format="grain" Keras pads an image
    before it resizes it, here after, as with "tf". One class is warned of.

    Example:
        >>> import pathlib, tempfile
        >>> base = pathlib.Path(tempfile.mkdtemp())
        >>> for name, grey in (("black", 0), ("white", 255)):
        ...     (base / name).mkdir()
        ...     onefit.utils.save_img(
        ...         base / name / "1.png", np.full((4, 4, 3), grey), scale=False)
        >>> data = image_dataset_from_directory(
        ...     base, image_size=(2, 2), shuffle=False, verbose=False)
        >>> x, y = next(iter(data))
        >>> x.shape, y.tolist(), data.class_names
        ((2, 2, 2, 3), [0, 1], ['black', 'white'])

    Source: Keras, `keras.utils.image_dataset_from_directory`.
    """
    where = "image_dataset_from_directory"
    check_color_mode(where, color_mode)
    size = check_size(where, "image_size", image_size)
    how = str(interpolation).lower()
    check_interpolation(where, how)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise invalid(
            where,
            "crop_to_aspect_ratio=True and pad_to_aspect_ratio=True",
            "one of them at most",
            "write pad_to_aspect_ratio=True to keep the whole image",
        )
    first = layout(data_format) == "channels_first"
    pillow(where)

    def read(path: str) -> np.ndarray:
        x = np.asarray(colored(opened(where, path), color_mode), config.floatx())
        x = x[..., None] if x.ndim == 2 else x
        if pad_to_aspect_ratio:
            x = fitted(x, size, how)
        else:
            x = resized(cut(x, size) if crop_to_aspect_ratio else x, size, how)
        return x.transpose(2, 0, 1) if first else x

    given = labels, label_mode, class_names, IMAGES, shuffle, seed
    check(where, *given[:3], validation_split, subset, shuffle, seed, format)
    files = found(where, directory, *given, follow_links, verbose)
    if skip_broken:
        files = _sound(where, files, lambda path: opened(where, path))
    return _datasets(
        where, files, read, label_mode, batch_size, shuffle, seed, validation_split,
        subset, verbose,
    )  # fmt: skip


def text_dataset_from_directory(
    directory: str | os.PathLike,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
    *,
    skip_broken: bool = False,
) -> Any:
    """The texts (.txt) in the folders of a directory, a class each, as batches.

    Args:
        directory: The directory.
        max_length: How many characters of a text are kept; None keeps all.
        labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
            subset, follow_links, format, verbose, skip_broken: As in
            `image_dataset_from_directory`.

    Returns:
        A `onefit.data.Dataset` of texts, (rows,), and labels; its attributes
        `class_names` and `file_paths` say which.

    Raises:
        ValueError: As in `image_dataset_from_directory`; a file that is no UTF-8 text,
            with its name, when it is read.

    Differs from Keras: texts are str, not bytes, and max_length counts characters.

    Source: Keras, `keras.utils.text_dataset_from_directory`.
    """
    where = "text_dataset_from_directory"
    if max_length is not None and not is_whole(max_length, 1):
        raise invalid(where, f"max_length={max_length!r}", "None or a positive number")

    def read(path: str) -> np.ndarray:
        try:
            with open(path, encoding="utf-8", newline="") as file:
                return np.asarray(file.read()[:max_length])
        except UnicodeDecodeError as error:
            raise invalid(
                where, f"{path} ({error})", "a text in UTF-8", "convert or delete it"
            ) from error

    given = labels, label_mode, class_names, (".txt",), shuffle, seed
    check(where, *given[:3], validation_split, subset, shuffle, seed, format)
    files = found(where, directory, *given, follow_links, verbose)
    return _datasets(
        where, _sound(where, files, read) if skip_broken else files, read, label_mode,
        batch_size, shuffle, seed, validation_split, subset, verbose,
    )  # fmt: skip


def audio_dataset_from_directory(
    directory: str | os.PathLike,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
    *,
    skip_broken: bool = False,
) -> Any:
    """The sounds (.wav) in the folders of a directory, a class each, as batches.

    Args:
        directory: The directory.
        sampling_rate: Samples a second that sounds are brought to; None keeps theirs.
        output_sequence_length: How many samples each has: longer ones are cut off,
            shorter ones end in silence. None fills a batch up to its longest.
        ragged: Only False: arrays have one length.
        labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
            subset, follow_links, verbose, skip_broken: As in
            `image_dataset_from_directory`.

    Returns:
        A `onefit.data.Dataset` of sounds, float32 from -1 to 1, (rows, samples,
        channels), and labels; its attributes `class_names` and `file_paths` say which.

    Raises:
        ValueError: As in `image_dataset_from_directory`; ragged=True; a file that is no
            sound of whole numbers, with its name, when it is read.

    Differs from Keras: sounds of 8, 24 and 32 bits are read too, and sampling_rate
    needs no further package: the numbers are those of SciPy's `resample_poly`.

    Source: Keras, `keras.utils.audio_dataset_from_directory`.
    """
    where = "audio_dataset_from_directory"
    if ragged:
        raise invalid(
            where,
            "ragged=True",
            "ragged=False, since arrays have one length",
            "write output_sequence_length=16000, or leave it out to fill up",
        )
    for name, value in (
        ("sampling_rate", sampling_rate),
        ("output_sequence_length", output_sequence_length),
    ):
        if value is not None and not is_whole(value, 1):
            raise invalid(where, f"{name}={value!r}", "None or a positive whole number")

    def read(path: str) -> np.ndarray:
        samples, rate = _samples(where, path)
        if sampling_rate not in (None, rate):
            from scipy.signal import resample_poly

            samples = resample_poly(samples, sampling_rate, rate).astype("float32")
        if output_sequence_length is None:
            return samples
        short = max(output_sequence_length - len(samples), 0)
        return np.pad(samples[:output_sequence_length], ((0, short), (0, 0)))

    given = labels, label_mode, class_names, (".wav",), shuffle, seed
    check(where, *given[:3], validation_split, subset, shuffle, seed)
    files = found(where, directory, *given, follow_links, verbose)
    return _datasets(
        where, _sound(where, files, read) if skip_broken else files, read, label_mode,
        batch_size, shuffle, seed, validation_split, subset, verbose,
        fill=output_sequence_length is None,
    )  # fmt: skip


def _samples(where: str, path: str) -> tuple[np.ndarray, int]:
    """The sound in a file, (samples, channels) from -1 to 1, and its rate."""
    try:
        with wave.open(path) as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data, rate = file.readframes(file.getnframes()), file.getframerate()
    except (wave.Error, EOFError) as error:
        raise invalid(
            where,
            f"{path} ({str(error) or 'it ends too early'})",
            "a WAV file of whole numbers",
            "convert it to 16 bits, or delete it",
        ) from error
    if width == 1:  # from 0 to 255
        values = np.frombuffer(data, "uint8").astype("float32") - 128
    elif width == 3:
        padded = np.zeros((len(data) // 3, 4), "uint8")
        padded[:, 1:] = np.frombuffer(data, "uint8").reshape(-1, 3)
        values = (padded.view("<i4")[:, 0] >> 8).astype("float32")
    else:
        values = np.frombuffer(data, f"<i{width}").astype("float32")
    return values.reshape(-1, channels) / np.float32(1 << (8 * width - 1)), rate


# Shared -------------------------------------------------------------------------------


def _telling(read: Read) -> Read:
    """A reader that says, of a broken file, how to leave it out."""

    def telling(path: str) -> Any:
        try:
            return read(path)
        except ValueError as error:
            raise ValueError(f"{error} Or write skip_broken=True.") from error.__cause__

    return telling


def _sound(where: str, files: Found, read: Read) -> Found:
    """The files that can be read; names the others."""

    def broken(path: str) -> bool:
        try:
            read(path)
        except ValueError:
            return True
        return False

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        bad = list(pool.map(broken, files.paths))
    if not any(bad):
        return files
    import warnings

    names = [path for path, no in zip(files.paths, bad, strict=True) if no]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" * (len(names) > 5))
    text = f"{where}: left out {len(names)} broken files: {shown}."
    warnings.warn(text, OnefitWarning, stacklevel=3)
    if all(bad):
        raise invalid(where, "broken files alone", "one at least that is whole")
    kept = [i for i, no in enumerate(bad) if not no]
    labels = files.labels and [files.labels[i] for i in kept]
    return Found([files.paths[i] for i in kept], labels, files.names)


def _datasets(
    where: str,
    files: Found,
    read: Read,
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    verbose: bool,
    fill: bool = False,
) -> Any:
    """The data set that was asked for, or a list of two."""
    if batch_size is not None and not is_whole(batch_size, 1):
        raise invalid(
            where, f"batch_size={batch_size!r}", "None or a positive whole number"
        )
    made = []
    for name, part in parts(where, files, validation_split, subset):
        if verbose and name:
            print(f"Using {len(part.paths)} files for {name}.")
        mixed = shuffle and not (subset == "both" and name == "validation")
        data = _dataset(part, _telling(read), label_mode, mixed, seed)
        if batch_size is not None:
            data = data.padded_batch(batch_size) if fill else data.batch(batch_size)
        vars(data).update(class_names=part.names, file_paths=part.paths)
        made.append(data)
    return made if subset == "both" else made[0]


def _dataset(
    files: Found, read: Read, label_mode: str | None, shuffle: bool, seed: int | None
) -> Dataset:
    """What is in these files, each with its label if they have any."""
    threads = os.cpu_count()
    if files.labels is None:
        data = Dataset.from_tensor_slices(np.asarray(files.paths))
    else:
        y = _coded(files.labels, label_mode, len(files.names or ()))
        data = Dataset.from_tensor_slices((np.asarray(files.paths), y))
    if shuffle:  # of paths alone, so that all of them fit
        data = data.shuffle(len(files.paths), seed)
    if files.labels is None:
        return data.map(lambda path: read(str(path)), num_parallel_calls=threads)
    return data.map(lambda path, y: (read(str(path)), y), num_parallel_calls=threads)


def _coded(labels: list[int], label_mode: str | None, classes: int) -> np.ndarray:
    y = np.asarray(labels, "int32")
    if label_mode == "binary":
        return y[:, None].astype(config.floatx())
    return np.eye(classes, dtype=config.floatx())[y] if label_mode != "int" else y
