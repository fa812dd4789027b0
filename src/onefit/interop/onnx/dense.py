"""Layers that are one product, or one table."""

from onefit import layers
from onefit.interop.onnx.activations import activated
from onefit.interop.onnx.builder import Arrays, Builder, Row, Value

__all__ = ["ROWS"]


def dense(b: Builder, layer: layers.Dense, weights: Arrays, x: Value) -> str:
    """Dense: Gemm for rows of features, MatMul where there are more axes."""
    W = b.weight("kernel", weights["kernel"])
    bias = [b.weight("bias", weights["bias"])] if layer.use_bias else []
    if len(x.shape) == 2:
        z = b.op("Gemm", x.name, W, *bias)
    else:
        z = b.op("MatMul", x.name, W)
        z = b.op("Add", z, *bias) if bias else z
    shape = (*x.shape[:-1], layer.units)
    return activated(b, layer.activation, Value(z, shape, x.dtype))


def embedding(b: Builder, layer: layers.Embedding, weights: Arrays, x: Value) -> str:
    """Embedding: rows of a table."""
    whole = x.dtype.kind == "i" and x.dtype.itemsize >= 4
    ids = x.name if whole else b.op("Cast", x.name, to="int32")
    return b.op("Gather", b.weight("embeddings", weights["embeddings"]), ids, axis=0)


ROWS: dict[type, Row] = {layers.Dense: dense, layers.Embedding: embedding}
