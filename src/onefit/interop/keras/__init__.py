"""Keras: its files, both ways."""

from onefit.interop.keras.file import load_model

__all__ = ["load_model"]
