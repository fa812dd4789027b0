"""ONNX: a model as a file that other runtimes run, and such files as models.

`export` writes the inference graph, for any number of rows; `load` makes a model of a
file, with its weights, that can be asked and trained.
"""

from onefit.interop.onnx.reader import load
from onefit.interop.onnx.writer import export

__all__ = ["export", "load"]
