"""ResNet, version 2, with the names of `keras.applications.resnet_v2`."""

from typing import Any

from onefit.applications import imagenet_utils
from onefit.applications.imagenet_utils import decode_predictions
from onefit.applications.residual import ResNet50V2, ResNet101V2, ResNet152V2

__all__ = [
    "ResNet50V2",
    "ResNet101V2",
    "ResNet152V2",
    "decode_predictions",
    "preprocess_input",
]


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images from -1 to 1: what the network was trained on."""
    return imagenet_utils.preprocess_input(x, data_format, "tf")
