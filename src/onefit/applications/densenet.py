"""DenseNet, with the names of `keras.applications.densenet`."""

from typing import Any

from onefit.applications import imagenet_utils
from onefit.applications.dense import DenseNet121, DenseNet169, DenseNet201
from onefit.applications.imagenet_utils import decode_predictions

__all__ = [
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "decode_predictions",
    "preprocess_input",
]


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images by ImageNet's means and deviations: what it was trained on."""
    return imagenet_utils.preprocess_input(x, data_format, "torch")
