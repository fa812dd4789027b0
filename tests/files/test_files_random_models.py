"""Random models of all layers: saved, loaded, in Keras and back, they are the same.

ONEFIT_EXAMPLES=500 draws more of them than a test run has time for.
"""

import functools
import itertools
import os
import tempfile
import warnings
from pathlib import Path

import jax
import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st
from layer_rows import ROWS
from layer_rows.row import over
from test_keras_layers import BROKEN, OPERATIONS, UNLIKE, called, entrances, in_files

import onefit
from onefit import Input, Model, Sequential
from onefit.files.optimizer import _Layout
from onefit.types import is_shape

EXAMPLES = int(os.environ.get("ONEFIT_EXAMPLES", "25"))

LAYERS = [row for row in ROWS if in_files(row) and row.layer != "InputLayer"]
LONE = [
    row
    for row in LAYERS
    if is_shape(row.shape) and row.ids is None and not row.call and not row.options
]
# Without those that hold others in place of a rate.
HOLDERS = {"Optimizer", "OptimizerMap", "MultiOptimizer", "LossScaleOptimizer"}
OPTIMIZERS = sorted(set(onefit.optimizers.__all__) - HOLDERS)
OPTIMIZERS = [name for name in OPTIMIZERS if name[0].isupper() and name != "Schedule"]

NOT_THIS = (ValueError, TypeError)  # a layer that does not take such an input
ROWS_OF = 3
MOST = 3000  # numbers in an example


class Drawn:
    """A graph being drawn: the values that there are, and the inputs' data."""

    def __init__(self, data):
        self.data = data
        self.inputs, self.arrays, self.open, self.made = [], [], [], []
        self.told = []

    def one_of(self, values):
        return values[self.data.draw(st.integers(0, len(values) - 1))]

    def entrance(self, row):
        """Inputs for a row of the contract, in its arrangement."""
        new = entrances(row)
        self.inputs += jax.tree.leaves(new)
        of_rows = row._replace(shape=over(lambda s: s and (ROWS_OF, *s[1:]), row.shape))
        self.arrays += jax.tree.leaves(of_rows.inputs())
        return new

    def known(self, row):
        """Values that there are for a row's inputs, or None."""
        shapes = jax.tree.leaves(row.shape, is_leaf=is_shape)
        if row.ids is not None or not self.open:
            return None
        found = []
        for shape in shapes:
            fits = [t for t in self.open if len(t.shape) == len(shape)]
            if len(shapes) > 1:
                fits = [t for t in fits if t.shape[1:] == shape[1:]]
            if not fits:
                return None
            found.append(self.one_of(fits))
        _, nest = jax.tree.flatten(row.shape, is_leaf=is_shape)
        return jax.tree.unflatten(nest, found)

    def step(self):
        """A layer more: on what there is, if it takes that, or on inputs of its own."""
        kind = self.one_of(["plain", "plain", "plain", "again", "inside"])
        if kind == "again" and self.again():
            return
        row = self.one_of(LONE if kind == "inside" else LAYERS)
        x = self.known(row)
        if kind == "inside" and x is not None and self.inside(row, x):
            return
        if x is not None:
            try:
                y = called(row.make(), row, x)
            except NOT_THIS:
                x = None
        if x is None:
            x = self.entrance(row)
            y = called(row.make(), row, x)
        self.take(row, y)

    def take(self, row, y):
        values = jax.tree.leaves(y)
        self.told.append(row)
        self.made += values
        name = str(row)
        if "EinsumDense" in name:  # Keras leaves sizes open
            return
        if "Attention" in name:  # Keras is wrong about the shape of the scores
            del values[1:]
        self.open += [t for t in values if np.prod(t.shape[1:]) < MOST]

    def again(self):
        """A layer that there is, on another value."""
        calls = [t.call for t in self.made if len(jax.tree.leaves(t.call.sources)) == 1]
        # An operation that is called twice comes back as two.
        calls = [c for c in calls if type(c.layer).__name__ not in OPERATIONS]
        if not calls:
            return False
        call = self.one_of(calls)
        shape = jax.tree.leaves(call.sources)[0].shape
        fits = [t for t in self.open if t.shape == shape]  # Keras takes no other
        if not fits:
            return False
        x = self.one_of(fits)
        try:
            y = getattr(call.layer, "face", call.layer)(x)
        except NOT_THIS:
            return False
        self.take("again", y)
        return True

    def inside(self, row, x):
        """A model of a layer as a layer."""
        try:
            if self.data.draw(st.booleans()):
                model = Sequential([Input(x.shape[1:]), row.make()])
            else:
                entrance = Input(x.shape[1:])
                model = Model(entrance, called(row.make(), row, entrance))
            y = model(x)
        except NOT_THIS:
            return False
        self.take(f"inside: {row}", y)
        return True

    def model(self):
        """A model of all that is drawn, or a chain as a Sequential."""
        used = {id(s) for t in self.made for s in jax.tree.leaves(t.call.sources)}
        del used
        return Model(self.inputs, self.made)


def chain(drawn):
    """A Sequential of layers that take one another's outputs."""
    row = drawn.one_of(LONE)
    x = drawn.entrance(row)
    try:
        model = Sequential([x, row.make()])
        drawn.told.append(row)
    except NOT_THIS:  # it has several outputs
        model = Sequential([x, onefit.layers.Activation("tanh")])
    for _ in range(drawn.data.draw(st.integers(0, 5))):
        rank = len(model.output_shape)
        row = drawn.one_of([row for row in LONE if len(row.shape) == rank] or LONE)
        try:
            model.add(row.make())
        except NOT_THIS:
            continue
        drawn.told.append(row)
        if np.prod(model.output_shape[1:]) > MOST:
            break
    return model


def draw(data):
    drawn = Drawn(data)
    if data.draw(st.integers(0, 3)) == 0:
        model = chain(drawn)
    else:
        for _ in range(data.draw(st.integers(1, 6))):
            drawn.step()
        model = drawn.model()
    note(f"layers: {[str(one) for one in drawn.told]}")
    given = tuple(drawn.arrays) if len(drawn.arrays) > 1 else drawn.arrays[0]
    slot = model.graph.slot
    try:
        jax.eval_shape(model.graph.apply, slot.params, slot.state, given)
    except NOT_THIS:  # some layers find out late, as Rescaling by another size
        assume(False)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    # Not too small: Keras' numbers differ where a variance is next to nothing.
    model.set_weights(
        [
            rng.uniform(0.2, 1.0, w.shape).astype("f4") if w.dtype.kind == "f" else w
            for w in model.get_weights()
        ]
    )
    name = drawn.one_of(OPTIMIZERS)
    model.compile(getattr(onefit.optimizers, name)(0.125), "mse")
    if not model.trainable_weights:
        return model, drawn
    fresh = _Layout(model.graph, model.optimizer).fresh
    state = jax.tree.map(
        lambda a: (
            rng.uniform(0.1, 0.4, a.shape).astype(a.dtype) if a.dtype.kind == "f" else a
        ),
        fresh,
    )
    model.optimizer_state = state | {"learning_rate": np.float32(0.125)}
    return model, drawn


def same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def alike(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        a, b = np.asarray(a, "f8"), np.asarray(b, "f8")
        finite = np.abs(b[np.isfinite(b)])
        size = max(1.0, finite.max(initial=0.0))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * size)


def numbers(models, theirs, arrays):
    """The outputs of all models, computed in one program."""
    states = [model.graph.slot.state for model in models]

    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def all_of(x, params):
        given = x if len(x) > 1 else x[0]
        found = [
            jax.tree.leaves(model.graph.apply(p, s, given)[0])
            for model, p, s in zip(models, params, states, strict=True)
        ]
        if theirs is not None:
            given = list(x) if len(x) > 1 else x[0]
            found.append(jax.tree.leaves(theirs(given, training=False)))
        return found

    return all_of(tuple(arrays), [model.params for model in models])


@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= 25,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # what is drawn is small, and smaller takes minutes
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_a_random_model_in_a_file_and_back(data):
    import keras

    model, drawn = draw(data)
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        folder = Path(place)
        warnings.simplefilter("error")
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            model.save(folder / "a.keras")
        told = [str(one.message) for one in found]
        assert all("mask that Keras has no operation for" in one for one in told), told
        again = onefit.load_model(folder / "a.keras")
        assert again.to_json() == model.to_json()
        same(again.get_weights(), model.get_weights())
        state = jax.tree.leaves(model.optimizer_state)
        assert again.optimizer.name == model.optimizer.name
        same(jax.tree.leaves(again.optimizer_state), state)
        unlike = any(name in str(row) for row in drawn.told for name in UNLIKE)
        if told:  # what Keras would compute is another thing
            alike(*numbers([model, again], None, drawn.arrays), 0)
            return
        warnings.simplefilter("ignore")
        theirs = keras.models.load_model(folder / "a.keras")
        theirs.save(folder / "b.keras")  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
        back = onefit.load_model(folder / "b.keras")
        same(back.get_weights(), model.get_weights())
        same(jax.tree.leaves(back.optimizer_state), state)
        ours, mine, turned, others = numbers([model, again, back], theirs, drawn.arrays)
        alike(mine, ours, 0)
        alike(turned, ours, 1e-6)
        if not unlike:
            alike(others, ours, 1e-5)
        weights = folder / "w.safetensors"
        model.save_weights(weights)
        back.set_weights([w * 0 for w in back.get_weights()])
        if [one.name for one in back.layers] == [one.name for one in model.layers]:
            back.load_weights(weights)
            same(back.get_weights(), model.get_weights())


def test_every_layer_may_be_drawn():
    names = {row.layer for row in ROWS if row.config and row.oracle}  # Keras has them
    assert names - {row.layer for row in LAYERS} <= {"InputLayer"} | BROKEN
    assert len(list(itertools.chain(LONE))) > 100
