"""Interop: models to and from the files and libraries of others, one room each."""

from onefit.files.limits import Limits
from onefit.models.loading import load_model, model_from_json

__all__ = ["Limits", "load_model", "model_from_json"]
