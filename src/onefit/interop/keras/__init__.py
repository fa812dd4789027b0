"""Keras: its files, both ways, and its live models."""

from onefit.interop.keras.live import fit, from_keras, to_keras
from onefit.models.loading import load_model

__all__ = ["fit", "from_keras", "load_model", "to_keras"]
