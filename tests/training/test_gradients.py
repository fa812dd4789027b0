"""One inside view: whoever looks at a gradient sees the one that the step takes.

The network worked by hand is x -> z = w x + b -> a = z^2, with x = 2, w = 3, b = -5 and
y = 0: z = 1, a = 1, J = (a - y)^2 = 1, dJ/da = 2 a = 2, dJ/dz = 2 a · 2 z = 4,
dJ/dw = dJ/dz · x = 8, dJ/db = 4, dJ/dx = dJ/dz · w = 12.
"""

import functools

import jax
import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential, config, layers
from onefit.guide.probe import probe
from onefit.guide.tracing.program import NAMES, ZTap
from onefit.layers.tapping import Tap
from onefit.training import program
from onefit.training.prepare import read_rows
from onefit.training.targets import fit_targets
from onefit.training.task import Train

RNG = np.random.default_rng(4)
X = RNG.normal(size=(6, 3))
STEPS = RNG.normal(size=(6, 5, 3))
STEPS[:3, 2:] = 0
YES = (X[:, :1] > 0).astype(float)


def _plain():
    return Sequential([Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)])


def _branches():
    x = Input((3,))
    twin = layers.Dense(3, "relu", kernel_regularizer="l2")
    h = twin(twin(x))
    return Model(x, [layers.Dense(1, "sigmoid")(h), layers.Dense(1)(h)])


def _random():
    return Sequential(
        [
            Input((5, 3)),
            layers.Masking(),
            layers.LSTM(4),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(1, "sigmoid"),
        ]
    )


NETWORKS = {
    "plain": (_plain, "mse", X, YES),
    "several outputs, a layer twice": (_branches, ["bce", "mse"], X, (YES, X[:, :1])),
    "mask, batch norm, dropout": (_random, "bce", STEPS, YES),
}


def prepared(build, loss, x, y, dtype="float32", **settings):
    """A compiled model, its task, the weights, what a step changes, and the rows."""
    onefit.utils.set_random_seed(2)
    model = build()
    model.compile(onefit.optimizers.SGD(0.1, **settings), loss)
    batch = read_rows(model, x, y, None, "fit")
    task = model.task(batch)
    slot = model.graph.slot
    params, state, batch = jax.tree.map(
        lambda a: np.asarray(a, dtype),
        (slot.params, slot.state, fit_targets(task, batch)),
    )
    free = task.pack(params)
    return model, task, params, Train(free, state, task.optimizer.init(free)), batch


TAPS = {
    "nowhere": lambda model: Tap,
    "in the outputs": lambda model: functools.partial(Tap, {"a"}),
    "everywhere": lambda model: functools.partial(ZTap, model.graph, NAMES),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_view_has_the_gradient_of_the_step(name, dtype):
    # The first of two steps that are averaged keeps its gradient: 0 + dJ/dw.
    settings = {"gradient_accumulation_steps": 2, "loss_scale_factor": 8.0}
    with config.precision(dtype):
        model, task, params, train, batch = prepared(*NETWORKS[name], dtype, **settings)
        step = jax.jit(program.step)
        after, _ = step(task, train, params, task.tally(), batch, np.uint32(5))
        wanted = after.optimizer["accumulated"]
        bare = task.replace(optimizer=None)

        @functools.partial(jax.jit, static_argnames="where")
        def look(params, train, batch, where):
            count = train.optimizer["iterations"]
            key = task.key(np.uint32(5), count, training=True)
            return bare.gradients(
                task.graph.free(params),
                params,
                train.state,
                batch,
                training=True,
                key=key,
                tap=TAPS[where](model),
            )

        for where in TAPS:
            found = look(params, train, batch, where)
            assert bool(found.slopes) == bool(found.seen) == (where != "nowhere")
            gradient = task.pack(task.graph.merge(params, found.weights))
            assert jax.tree.leaves(gradient)[0].dtype == dtype
            for a, b in zip(*map(jax.tree.leaves, (wanted, gradient)), strict=True):
                np.testing.assert_array_equal(a, b, where)


def test_what_passes_and_the_derivatives_by_it_by_hand():
    square = layers.Dense(1, lambda z: z**2)
    _, task, params, train, batch = prepared(
        lambda: Sequential([Input((1,)), square]), "mse", [[2.0]], [[0.0]]
    )
    params = ({"kernel": np.float32([[3]]), "bias": np.float32([-5])},)
    free = task.graph.free(params)
    look = functools.partial(Tap, {"x", "a", "values"})
    found = task.replace(optimizer=None).gradients(
        free, params, train.state, batch, training=True, key=None, tap=look
    )
    found = jax.tree.map(lambda a: np.asarray(a).tolist(), found)
    assert found.loss == 1
    assert found.weights == ({"kernel": [[8]], "bias": [4]},)
    assert found.seen == {"x": {(): [[2]]}, "a": {(0,): [[1]]}, "values": {(0,): [1]}}
    assert found.slopes == {
        "x": {(): [[12]]},
        "a": {(0,): [[2]]},
        "values": {(0,): [1]},
    }


def test_calls_of_one_layer_share_its_gradient():
    model, task, params, train, batch = prepared(
        *NETWORKS["several outputs, a layer twice"]
    )
    look = functools.partial(ZTap, model.graph, NAMES)
    found = task.replace(optimizer=None).gradients(
        params, params, train.state, batch, training=True, key=None, tap=look
    )
    twin = [type(one) for one in model.graph.layers].index(layers.Dense)
    each = [
        found.slopes["weights"][path]["kernel"]
        for path, layer in task.graph.calls()
        if layer is task.graph.layers[twin]
    ]
    assert len(each) == 2
    whole = sum(each) + found.slopes["penalized"][()][twin]["kernel"]
    np.testing.assert_allclose(whole, found.weights[twin]["kernel"], rtol=1e-6)


def test_whole_numbers_have_no_derivative():
    _, task, params, train, batch = prepared(
        lambda: Sequential(
            [Input((2,)), layers.Embedding(3, 2), layers.Flatten(), layers.Dense(1)]
        ),
        "mse",
        [[0, 1], [2, 2]],
        [[0.0], [1.0]],
    )
    batch = batch._replace(x=np.array([[0, 1], [2, 2]], "int32"))
    found = task.gradients(
        train.free,
        params,
        train.state,
        batch,
        training=True,
        key=None,
        tap=functools.partial(Tap, {"x", "a"}),
    )
    assert found.slopes["x"] == {(): None}
    assert found.seen["x"][()].dtype == np.int32
    assert found.slopes["a"][(0,)].shape == (2, 2, 2)


def test_a_probe_is_the_same_however_the_loss_is_scaled():
    found = []
    for scale in (None, 64.0):
        model, task, params, train, batch = prepared(
            *NETWORKS["plain"], loss_scale_factor=scale
        )
        found.append(probe(task, params, train, batch, 0, model.graph).weights)
    for one, other in zip(*found, strict=True):
        assert (one.gradient, one.update) == (other.gradient, other.update)
        # The step of gradient descent: alpha dJ/dw, but for the rounding of w.
        np.testing.assert_allclose(one.update, 0.1 * one.gradient, rtol=1e-4)
