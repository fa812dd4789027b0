"""Models: graphs of layers with a face to compile, fit, evaluate and predict."""

from onefit.models.model import Model
from onefit.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
