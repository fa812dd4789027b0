"""Interop: models to and from the libraries of others, one room each.

`interop.keras`, `interop.torch` and `interop.onnx` do not know each other. What they
know of a neighbour (which of torch's modules a layer is) is theirs, as a table by
class. They use models, files and everything below; the neighbour's package is imported
by the function that needs it. `load_model` and `Limits` are shown here for programs
that know them by this name.
"""

from onefit.files.limits import Limits
from onefit.models.loading import load_model, model_from_json

__all__ = ["Limits", "load_model", "model_from_json"]
