"""Interop: models to and from the files and libraries of others, one file each."""

from onefit.interop.keras_file import load_model

__all__ = ["load_model"]
