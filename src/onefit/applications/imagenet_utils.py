"""Images as the known networks were trained on them, and what their classes are."""

import json
from typing import Any

import numpy as np

from onefit import config
from onefit.datasets.fetching import cache_folder, fetch
from onefit.errors import invalid, is_whole, unknown
from onefit.layers import Rescaling
from onefit.layers.reshaping import data_format as layout
from onefit.layers.symbolic import Tensor

__all__ = ["decode_predictions", "preprocess_input"]

MODES: dict[str, tuple[Any, Any]] = {
    "tf": (1 / 127.5, -1.0),
    "caffe": (np.ones(3), -np.array([103.939, 116.779, 123.68])),
    "torch": (
        1 / 255 / np.array([0.229, 0.224, 0.225]),
        -np.array([0.485, 0.456, 0.406]) / np.array([0.229, 0.224, 0.225]),
    ),
}
"""What pixels are multiplied by, and what is added; "caffe" makes RGB BGR first."""

CLASSES = (
    "https://storage.googleapis.com/download.tensorflow.org/"
    "data/imagenet_class_index.json"
)
CLASSES_MD5 = "c2c37ea517e94d9795004a39431a14cb"


def preprocess_input(
    x: Any, data_format: str | None = None, mode: str = "caffe"
) -> Any:
    """Images on the scale that a network was trained on.

    Args:
        x: Images with numbers from 0 to 255, an array or a value of a graph.
        data_format: "channels_last", or "channels_first".
        mode: "tf" is from -1 to 1; "torch" from 0 to 1, then less the mean and by the
            deviation of ImageNet's channels; "caffe" is BGR less ImageNet's means.

    Raises:
        ValueError: An unknown mode, or a value of a graph with channels first.

    Differs from Keras: the array that is given stays as it is.

    Example:
        >>> preprocess_input(np.array([[[0.0, 127.5, 255.0]]]), mode="tf").tolist()
        [[[-1.0, 0.0, 1.0]]]

    Source: Keras, `keras.applications.imagenet_utils.preprocess_input`.
    """
    where = "preprocess_input"
    if mode not in MODES:
        raise unknown(f"mode of {where}", mode, MODES)
    first = layout(data_format) == "channels_first"
    scale, shift = MODES[mode]
    if isinstance(x, Tensor):
        if first:
            raise invalid(
                where,
                "a value of a graph with channels first",
                "channels last",
                "write Permute((2, 3, 1))(x) before it",
            )
        pixels: Any = x
        return Rescaling(scale, shift)(pixels[..., ::-1] if mode == "caffe" else x)
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    axis = -3 if first else -1
    if mode == "caffe":
        x = x[..., ::-1, :, :] if first else x[..., ::-1]
    if np.ndim(scale):
        shape = [1] * -axis
        shape[0] = 3
        scale, shift = scale.reshape(shape), shift.reshape(shape)
    return x * np.asarray(scale, x.dtype) + np.asarray(shift, x.dtype)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """The likeliest of ImageNet's classes of each row: [(number, name, share), ...].

    Args:
        preds: What a network with ImageNet's top gives, (rows, 1000).
        top: How many classes.

    Raises:
        ValueError: Another shape.
        OSError: The list of classes is neither in the cache folder nor on the network.

    Source: Keras, `keras.applications.imagenet_utils.decode_predictions`.
    """
    where = "decode_predictions"
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise invalid(
            where,
            f"an array of shape {preds.shape}",
            "(rows, 1000), as a network with ImageNet's classes gives",
        )
    if not is_whole(top, 1):
        raise invalid(where, f"top={top!r}", "a positive whole number")
    file = cache_folder().expanduser() / "models" / "imagenet_class_index.json"
    fetch(where, file, CLASSES, CLASSES_MD5)
    names = json.loads(file.read_text())
    best = np.argsort(preds, axis=1)[:, : -top - 1 : -1]
    return [
        [(*names[str(i)], row[i]) for i in some]
        for row, some in zip(preds, best, strict=True)
    ]
