"""Xception, with the names of `keras.applications.xception`."""

from typing import Any

from onefit.applications import imagenet_utils
from onefit.applications.imagenet_utils import decode_predictions
from onefit.applications.inception import Xception

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images from -1 to 1: what the network was trained on."""
    return imagenet_utils.preprocess_input(x, data_format, "tf")
