"""ResNet, with the names of `keras.applications.resnet`."""

from typing import Any

from onefit.applications import imagenet_utils
from onefit.applications.imagenet_utils import decode_predictions
from onefit.applications.residual import ResNet50, ResNet101, ResNet152

__all__ = [
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "decode_predictions",
    "preprocess_input",
]


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images as BGR, less ImageNet's means: what the network was trained on."""
    return imagenet_utils.preprocess_input(x, data_format, "caffe")
