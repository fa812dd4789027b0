"""Interop: models to and from the files and libraries of others, one room each."""

from onefit.interop.keras.file import load_model

__all__ = ["load_model"]
