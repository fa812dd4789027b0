"""The linear network of a table, solved for instead of trained.

Its best weights are found by least squares, or by the method of Newton's kind L-BFGS
where the target has classes: nothing is compiled, and no rate can be wrong.
"""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit.layers import CategoryOneHot, CategoryVectors, NTPDense
from onefit.tables.members import Member
from onefit.tables.networks import KINDS, Shape, network, settled
from onefit.tables.training import Rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["solved"]

PENALTY, STEPS = 1.0, 200
"""½·PENALTY·Σw² is added to the sum of the losses of classes; steps, at most."""

MOST = 30.0
"""The greatest logarithm of a mean."""

DAMP = 1e-3
"""√ of the penalty on squares of numbers: next to none."""


def solved(rows: Rows) -> Member:
    """A linear network for each fold, the best for its own training rows."""
    shape = rows.shape
    settings = settled(KINDS["linear"], shape, {"steps": 1, "seed": 0, "epoch": 1})
    model = network(KINDS["linear"], shape, settings)
    found = []
    for own, _ in rows.folds:
        at = np.unique(own)
        x = {name: columns[at] for name, columns in rows.x.items()}
        w = np.ones(len(at)) if rows.w is None else rows.w[at].astype(float)
        design = _design(x, rows)
        if shape.problem in ("regression", "skewed"):
            lines, bias = _least_squares(design, rows.y[at].astype(float), w)
        else:
            y = shape.head.targets(rows.y[at], rows.classes)
            lines, bias = _likeliest(design, y, w, shape)
        found.append(_weights(model, lines, bias, rows))
    params, state = jax.tree.map(lambda *a: np.stack(a), *found)
    return Member("linear", settings, shape, params, state, rows.scale)


def _many(rows: Rows) -> list[int]:
    """The sizes of the columns that are vectors, 0 counted."""
    return [
        rows.shape.sizes[i] + 1
        for name, at, _ in rows.shape.categories()
        for i in at
        if name == "many"
    ]


def _design(x: dict[str, np.ndarray], rows: Rows) -> "csr_matrix":
    """What the lines are drawn through: numbers, few values, and each of many."""
    from scipy.sparse import csr_matrix, hstack

    parts = [csr_matrix(x["numbers"].astype(float))] if "numbers" in x else []
    for name, at, _ in rows.shape.categories():
        if name == "few":
            one_hot = CategoryOneHot([rows.shape.sizes[i] for i in at])
            parts.append(csr_matrix(np.asarray(one_hot(x[name]), float)))
    for codes, size in zip(x.get("many", np.zeros((0, 0))).T, _many(rows), strict=True):
        known = (codes > 0).astype(float)
        places = np.arange(len(codes)), np.minimum(codes, size - 1)
        parts.append(csr_matrix((known, places), (len(codes), size)))
    return hstack(parts).tocsr()  # type: ignore[return-value]


def _least_squares(
    x: "csr_matrix", y: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The line of the least sum of squares: (columns, 1), (1,)."""
    from scipy.sparse import csr_matrix, diags, hstack
    from scipy.sparse.linalg import lsqr

    root = np.sqrt(w)
    ones = csr_matrix(np.ones((len(y), 1)))
    whole: Any = diags(root) @ hstack([x, ones])
    found = lsqr(whole, root * y, damp=DAMP, atol=1e-10, btol=1e-10, iter_lim=STEPS)[0]
    return found[:-1, None], found[-1:]


def _likeliest(
    x: "csr_matrix", y: np.ndarray, w: np.ndarray, shape: Shape
) -> tuple[np.ndarray, np.ndarray]:
    """The lines of the least loss: (columns, outputs), (outputs,)."""
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit, logsumexp, softmax

    _, d = x.get_shape()
    at, outputs = np.arange(len(y)), shape.outputs

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        lines = flat.reshape(d + 1, outputs)
        z = x @ lines[:-1] + lines[-1]
        if shape.problem == "multiclass":
            lost = logsumexp(z, axis=1) - z[at, y]
            slope = softmax(z, axis=1)
            slope[at, y] -= 1
        elif shape.problem == "count":
            mean = np.exp(np.minimum(z, MOST))
            lost, slope = (mean - y * z).sum(axis=1), mean - y
        else:  # each output says yes or no
            lost = -log_expit(np.where(y > 0, z, -z)).sum(axis=1)
            slope = expit(z) - y
        slope = slope * w[:, None]
        down = np.concatenate([x.T @ slope, slope.sum(axis=0)[None]])
        down[:-1] += PENALTY * lines[:-1]
        total = (w * lost).sum() + 0.5 * PENALTY * np.square(lines[:-1]).sum()
        return float(total / w.sum()), (down / w.sum()).ravel()

    start = np.zeros((d + 1) * outputs)
    told = {"maxiter": STEPS}
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options=told).x
    lines = found.reshape(d + 1, outputs)
    return lines[:-1], lines[-1]


def _weights(
    model: Any, lines: np.ndarray, bias: np.ndarray, rows: Rows
) -> tuple[Any, Any]:
    """These lines as weights of the network: (params, state)."""
    slot, sizes, outputs = model.graph.slot, _many(rows), rows.shape.outputs
    plain = len(lines) - sum(sizes)
    # A word's vector is what it adds to each output; the last layer lets it through.
    through = [np.eye(outputs)] * len(sizes)
    kernel = np.concatenate([lines[:plain], *through])
    params = [dict(own) for own in slot.params]
    for layer, own in zip(model.graph.layers, params, strict=True):
        if isinstance(layer, CategoryVectors):
            own["embeddings"] = lines[plain:].astype("float32")
        if isinstance(layer, NTPDense):
            # It divides by √ of its inputs, and multiplies the bias by a factor.
            own["kernel"] = (kernel * np.sqrt(len(kernel))).astype("float32")
            own["bias"] = (bias / layer.bias_factor).astype("float32")
    return tuple(params), jax.tree.map(np.asarray, slot.state)
