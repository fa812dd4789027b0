"""Copies and pickles of graphs: as deep as a network is, with what hangs together."""

import copy
import io
import pickle

import numpy as np
import pytest

from onefit import Input, Model, Sequential, layers

X = np.random.default_rng(0).random((3, 4)).astype("float32")


def pickled(protocol, pure=False):
    def through(value):
        file = io.BytesIO()
        (pickle._Pickler if pure else pickle.Pickler)(file, protocol).dump(value)
        return pickle.loads(file.getvalue())

    return through


WAYS = {
    "deepcopy": copy.deepcopy,
    "pickle": pickled(pickle.HIGHEST_PROTOCOL),
    "pickle 2": pickled(2),
    "pickle in Python": pickled(4, pure=True),
}


@pytest.fixture(params=list(WAYS))
def again(request):
    return WAYS[request.param]


def branched():
    x = Input((4,), name="x")
    a = layers.Dense(3, "relu", name="a")(x)
    b = layers.Dense(3, name="b")(x)
    both = layers.Concatenate()([a, b, a + 2.0 * b])
    return Model(x, {"sum": layers.Dense(2)(both), "a": a})


def nested():
    inner = Sequential([Input((4,)), layers.Dense(4, "tanh"), layers.Dense(4)])
    inner.graph.name = "inner"
    x, y = Input((4,)), Input((4,))
    return Model([x, y], layers.Subtract()([inner(x), inner(y)]))


def attending():
    x = Input((5, 4))
    y, scores = layers.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True)
    return Model(x, [layers.LSTM(3)(layers.Masking()(x)), y, scores])


INPUTS = {branched: X, nested: [X, X[::-1]], attending: np.stack([X] * 5, 1)}


@pytest.mark.parametrize("make", INPUTS)
def test_a_copy_computes_the_same_and_is_its_own(make, again):
    model = make()
    other = again(model)
    x = INPUTS[make]
    before = other.predict(x, verbose=0)
    _same(before, model.predict(x, verbose=0))
    model.set_weights([w + 1 for w in model.get_weights()])
    _same(other.predict(x, verbose=0), before)
    assert {id(p) for p in model.graph.plain_layers()}.isdisjoint(
        id(p) for p in other.graph.plain_layers()
    )


def _same(one, other):
    if isinstance(one, dict):
        one, other = list(one.values()), list(other.values())
    one = one if isinstance(one, list) else [one]
    other = other if isinstance(other, list) else [other]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_places_of_a_copy_are_its_own_layers(again):
    model = again(branched())
    ends = dict(zip(model.output_nest.keys, model.output_nest.tensors, strict=True))
    a = next(layer for layer in model.layers if layer.name == "a")
    assert a.output is ends["a"]
    assert a.output.call.layer is a
    assert a.output.call is a._calls[0]
    assert a.input is model.input_nest.tensors[0]
    part = Model(a.input, a.output)  # as one takes features from a trained network
    np.testing.assert_array_equal(
        part.predict(X, verbose=0), model.predict(X, verbose=0)["a"]
    )


def test_what_several_models_share_they_share_afterwards(again):
    x = Input((4,))
    code = layers.Dense(2, name="code")(x)
    encoder = Model(x, code)
    whole = Model(x, layers.Dense(4)(code))
    second, first = again([whole, encoder])
    assert second.layers[1] is first.layers[1]
    assert second.layers[1].output is first.output_nest.tensors[0]
    second.layers[1].set_weights([np.ones((4, 2)), np.ones(2)])
    np.testing.assert_allclose(
        first.predict(X, verbose=0)[:, 0], X.sum(1) + 1, rtol=1e-6
    )


def test_the_layers_before_and_after_a_place(again):
    model = branched()
    for thing in (model.layers[1], model.output_nest.tensors[0], model.graph):
        other = again(thing)
        assert type(other) is type(thing)
    tensor = again(model.output_nest.tensors[0])
    assert tensor.shape == (None, 2)
    assert [t.name for t in tensor.call.sources.call.sources][:2] == ["a", "b"]


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize(
    ("kind", "depth"), [("functional", 2000), ("residual", 2000), ("sequential", 300)]
)
def test_networks_deeper_than_pythons_stack(way, kind, depth):
    layer = lambda: layers.Activation("tanh")  # noqa: E731
    if kind == "sequential":
        model = Sequential([Input((4,)), *(layer() for _ in range(depth))])
    else:
        y = x = Input((4,))
        for _ in range(depth):
            y = layer()(y) if kind == "functional" else layers.Add()([y, x])
        model = Model(x, y)
    other = WAYS[way](model)
    assert len(other.layers) == len(model.layers)
    assert other.output_nest.tensors[0].call.layer is other.layers[-1]
    assert other.graph.nodes == model.graph.nodes


def test_a_record_is_gone_with_the_copy():
    model = branched()
    call = model.output_nest.tensors[0].call
    copy.deepcopy(model)
    assert call.record() is None  # pyright: ignore[reportAttributeAccessIssue]
    first = pickle.dumps(model)
    layers.Dense(3)(model.input_nest.tensors[0])  # another call on the same input
    assert len(pickle.dumps(model)) == len(first)
