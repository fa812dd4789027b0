"""Models: what people hold. One-line methods, down to training, files and guide.

It stands on every room that a method reaches; nothing below knows it.
"""

from onefit.models.history import History
from onefit.models.loading import load_model, model_from_json, save_model
from onefit.models.model import Model
from onefit.models.sequential import Sequential
from onefit.networks.cloning import clone_model

__all__ = [
    "History",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
