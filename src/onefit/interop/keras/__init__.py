"""Keras: its files, both ways, and its live models."""

from onefit.files.keras import load_model
from onefit.interop.keras.live import fit, from_keras, to_keras

__all__ = ["fit", "from_keras", "load_model", "to_keras"]
