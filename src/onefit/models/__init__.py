"""Models: what people hold. One-line methods, down to training, files and guide.

`Model` and `Sequential` are networks with `fit`, `evaluate`, `predict`, `check`,
`trace`, `save` and `summary`; `History` is what `fit` returns, and `load_model` opens
files. No maths is here. Models use networks, training, files and guide, the last two
only when a method is called; nothing below knows them.
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
