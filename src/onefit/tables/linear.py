"""The linear network of a table, solved for instead of trained.

Its best weights are found by least squares, or by the method of Newton's kind L-BFGS
where the target has classes: nothing is compiled, and no rate can be wrong.
"""

import contextlib
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit.layers import CategoryOneHot, CategoryVectors, NTPDense
from onefit.tables.members import Member
from onefit.tables.networks import KINDS, Shape, network, settled
from onefit.tables.training import Rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["penalties", "solved"]

PENALTIES, OF_CLASSES = (1.0, 1e-6, 10.0), (1.0, 0.1, 10.0)
"""½·penalty·Σw² is added to the sum of the losses: one network of each, of which the
ensemble takes those that do best on other rows. A line that is one needs next to none,
hundreds of words in a few rows a great one. Classes that a line parts without a mistake
would make it as sure as can be, were it not damped: then one new row on the wrong side
costs more than all others."""

DOUBLE = 0.3
"""How much less a number that is known by itself counts than its size: it is there once
more, so that what it adds has to be worth it."""

STEPS = 200
"""Steps, at most, where the target has classes."""

FREE = 100.0
"""The column of the bias among least squares."""

MOST = 30.0
"""The greatest logarithm of a mean."""


def penalties(shape: Shape) -> tuple[float, ...]:
    """Those that are tried, the usual one first."""
    return OF_CLASSES if shape.head.classes else PENALTIES


def solved(rows: Rows, penalty: float = PENALTIES[0]) -> Member:
    """A linear network for each fold, the best for its own training rows."""
    shape = rows.shape
    settings = settled(KINDS["linear"], shape, {"steps": 1, "seed": 0, "epoch": 1})
    share = _shares(rows)
    model = network(KINDS["linear"], shape, settings)
    with _one_thread():
        found = [_of_fold(rows, own, share, penalty, model) for own, _ in rows.folds]
    params, state = jax.tree.map(lambda *a: np.stack(a), *found)
    return Member("linear", settings, shape, params, state, rows.scale)


def _one_thread() -> contextlib.AbstractContextManager[object]:
    """Lets linear algebra run on one thread.

    The matrices of L-BFGS are tiny: threads would wait for one another, and busily, for
    seven times as long on two cores.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(1)


def _of_fold(
    rows: Rows, own: np.ndarray, share: np.ndarray, penalty: float, model: Any
) -> tuple[Any, Any]:
    """The weights for one fold's training rows: (params, state)."""
    from scipy.sparse import diags

    shape = rows.shape
    at = np.unique(own)
    x = {name: columns[at] for name, columns in rows.x.items()}
    w = np.ones(len(at)) if rows.w is None else rows.w[at].astype(float)
    design = _design(x, rows) @ diags(share)
    if shape.problem in ("regression", "skewed"):
        y = rows.y[at].astype(float)
        lines, bias = _least_squares(design, y, w, penalty)
    else:
        y = shape.head.targets(rows.y[at], rows.classes)
        lines, bias = _likeliest(design, y, w, shape, penalty)
    return _weights(model, lines * share[:, None], bias, rows)


def _many(rows: Rows) -> list[int]:
    """The sizes of the columns that are vectors, 0 counted."""
    return [
        rows.shape.sizes[i] + 1
        for name, at, _ in rows.shape.categories()
        for i in at
        if name == "many"
    ]


def _shares(rows: Rows) -> np.ndarray:
    """How much each column of the design counts: 1, or DOUBLE."""
    shape = rows.shape
    first = len(shape.sizes) - shape.doubles  # of the columns that are there once more
    shares = [1.0] * shape.numbers
    for name, at, _ in shape.categories():
        for i in at:
            one_hot = CategoryOneHot([shape.sizes[i]]).output_shape((None, 1))[-1]
            width = shape.sizes[i] + 1 if name == "many" else int(one_hot or 0)
            shares += [DOUBLE if i >= first else 1.0] * width
    return np.array(shares)


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
    x: "csr_matrix", y: np.ndarray, w: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """The line of the least sum of squares: (columns, 1), (1,)."""
    from scipy.sparse import csr_matrix, diags, hstack
    from scipy.sparse.linalg import lsqr

    root = np.sqrt(w)
    # The bias is not damped: where its column is so much greater, its weight is small.
    ones = csr_matrix(np.full((len(y), 1), FREE))
    whole: Any = diags(root) @ hstack([x, ones])
    told = {"damp": penalty**0.5, "atol": 1e-10, "btol": 1e-10, "iter_lim": STEPS}
    found = lsqr(whole, root * y, **told)[0]
    return found[:-1, None], FREE * found[-1:]


def _likeliest(
    x: "csr_matrix", y: np.ndarray, w: np.ndarray, shape: Shape, penalty: float
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
        down[:-1] += penalty * lines[:-1]
        total = (w * lost).sum() + 0.5 * penalty * np.square(lines[:-1]).sum()
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
