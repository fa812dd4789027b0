"""Interop: models to and from the libraries of others, one room each.

`interop.keras`, `interop.torch` and `interop.onnx` do not know each other. What they
know of a neighbour (which of torch's modules a layer is) is theirs, as a table by
class. They use models, files and everything below; the neighbour's package is imported
by the function that needs it. `load_model` and `Limits` are shown here for programs
that know them by this name.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from onefit.files.limits import Limits
from onefit.models.loading import load_model, model_from_json
from onefit.spellings import absent

if TYPE_CHECKING:
    from onefit.interop import keras, onnx, torch

__all__ = ["Limits", "keras", "load_model", "model_from_json", "onnx", "torch"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise absent("onefit.interop", name)
    return importlib.import_module(f"onefit.interop.{name}")
