"""Models: graphs of layers with a face to compile, fit, evaluate and predict."""

from onefit.models.cloning import clone_model
from onefit.models.model import Model, model_from_json
from onefit.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "model_from_json"]
