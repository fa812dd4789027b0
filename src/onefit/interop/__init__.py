"""Interop: models to and from the files and libraries of others, one room each."""

from onefit.files.keras import load_model, model_from_json
from onefit.files.limits import Limits

__all__ = ["Limits", "load_model", "model_from_json"]
