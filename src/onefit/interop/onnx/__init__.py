"""ONNX: a model as a file that other runtimes run, and such files as models.

`export` writes the inference graph, for any number of rows; `load` makes a model of a
file, with its weights, that can be asked and trained. A layer that ONNX has an operator
for becomes that operator; any other is written operation by operation, as JAX traces
it. It uses models, and the careful writing and reading of the room `files`; the package
onnx is imported by the functions that need it.
"""

from onefit.interop.onnx.reader import load
from onefit.interop.onnx.writer import export

__all__ = ["export", "load"]
