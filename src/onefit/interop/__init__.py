"""Interop: models to and from the files and libraries of others, one room each."""

from onefit.interop.keras.file import load_model, model_from_json
from onefit.interop.limits import Limits

__all__ = ["Limits", "load_model", "model_from_json"]
