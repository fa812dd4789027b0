"""Models of inputs and outputs: against Keras, and what they refuse."""

import copy
import functools
import pickle

import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential
from onefit.layers import BatchNormalization, Dense, Dropout, Flatten, Lambda
from onefit.models import clone_model

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(12, 3, 3)).astype("f4")
TABLE = RNG.normal(size=(12, 5)).astype("f4")
CLASSES = RNG.integers(0, 3, 12)
PRICES = RNG.normal(size=(12, 1)).astype("f4")


def close(a, b, tolerance=1e-5):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# Against Keras ------------------------------------------------------------------------


def two_and_two(lib):
    """Two inputs, two outputs, operators, a value that is used twice."""
    layers = lib.layers
    image = lib.Input((3, 3), name="image")
    table = lib.Input((5,), name="table")
    flat = layers.Dense(4, "relu")(layers.Flatten()(image))
    both = 2.0 * flat + layers.Dense(4, "tanh")(table) - 0.5
    digit = layers.Dense(3, "softmax", name="digit")(both)
    price = layers.Dense(1, name="price")(both[:, 1:] / 3.0)
    return lib.Model([image, table], [digit, price])


def shared(lib):
    """A model inside that is called twice, and a layer that is too."""
    layers = lib.layers
    inside = lib.Sequential([lib.Input((5,)), layers.Dense(4, "relu")])
    again = layers.Dense(4)
    a, b = lib.Input((5,), name="a"), lib.Input((5,), name="b")
    distance = abs(inside(a) - inside(b))
    return lib.Model([a, b], layers.Dense(1)(again(again(distance))))


def layers_far_and_near(lib):
    """Ways of different length, which decide the order of layers."""
    layers = lib.layers
    x = lib.Input((5,))
    long = layers.Dense(5)(layers.Dense(5)(x))
    late = lib.Input((2,))
    short = layers.Dense(5)(x)
    return lib.Model([late, x], layers.Dense(2)(long + short) * layers.Dense(2)(late))


NETS = {
    "two and two": (two_and_two, [IMAGES, TABLE], [CLASSES, PRICES]),
    "shared": (shared, [TABLE, TABLE[::-1].copy()], PRICES),
    "far and near": (layers_far_and_near, [TABLE[:, :2], TABLE], TABLE[:, :2]),
}


@functools.cache
def both(net):
    import keras

    build, x, y = NETS[net]
    keras.utils.set_random_seed(0)
    theirs, ours = build(keras), build(onefit)
    ours.set_weights(theirs.get_weights())
    losses = "mse"
    if len(ours.outputs) > 1:
        losses = {"digit": "sparse_categorical_crossentropy", "price": "mse"}
    return theirs, ours, x, y, losses


@pytest.mark.parametrize("net", NETS)
def test_keras_predicts_the_same(net):
    theirs, ours, x, *_ = both(net)
    for a, b in zip(ours.predict(x), theirs.predict(x, verbose=0), strict=True):
        close(a, b)


@pytest.mark.parametrize("net", NETS)
def test_keras_trains_the_same(net):
    theirs, ours, x, y, losses = both(net)
    several = isinstance(losses, dict)
    weights = {"price": 0.5} if several else None
    told = {
        "loss": losses,
        "metrics": {"digit": ["accuracy"], "price": ["mae"]} if several else ["mae"],
    }
    for model, sgd in ((theirs, "keras"), (ours, "onefit")):
        library = __import__(sgd)
        given = {"digit": 1.0, "price": 0.5} if several and model is theirs else weights
        model.compile(library.optimizers.SGD(0.01), loss_weights=given, **told)
    run = {"epochs": 3, "batch_size": 5, "shuffle": False, "verbose": 0}
    expected = theirs.fit(x, y, **run).history
    history = ours.fit(x, y, **run).history
    assert set(history) == set(expected)
    for name in expected:
        close(history[name], expected[name], 2e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        close(a, b)


@pytest.mark.parametrize("net", NETS)
def test_keras_has_the_same_layers(net):
    theirs, ours, *_ = both(net)
    kinds = [type(layer).__name__ for layer in theirs.layers]
    mine = [type(layer).__name__ for layer in ours.layers]
    assert [k for k in mine if k not in ("Arithmetic", "Absolute", "GetItem")] == [
        k
        for k in kinds
        if k not in ("Add", "Subtract", "Multiply", "Divide")
        and k not in ("TrueDivide", "Absolute", "GetItem")
    ]
    assert ours.input_shape == tuple(theirs.input_shape)


# Inputs and outputs -------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    model = two_and_two(onefit)
    model.compile(
        "adam",
        ["sparse_categorical_crossentropy", "mse"],
        metrics=[["accuracy"], ["mae"]],
    )
    return model


def test_a_list_a_tuple_and_a_dict_are_the_same(model):
    expected = model.evaluate([IMAGES, TABLE], [CLASSES, PRICES], verbose=0)
    for x, y in (
        ((IMAGES, TABLE), (CLASSES, PRICES)),
        ({"table": TABLE, "image": IMAGES}, {"price": PRICES, "digit": CLASSES}),
    ):
        assert model.evaluate(x, y, verbose=0) == expected
    assert isinstance(model.predict([IMAGES, TABLE]), list)
    other = Model(
        {"i": model.inputs[0], "t": model.inputs[1]},
        {"d": model.outputs[0], "p": model.outputs[1]},
    )
    predicted = other.predict({"t": TABLE, "i": IMAGES})
    assert list(predicted) == ["d", "p"] == other.output_names
    close(predicted["d"], model.predict([IMAGES, TABLE])[0])
    called = other({"t": TABLE, "i": IMAGES})
    close(called["p"], predicted["p"])


def test_history_names_the_outputs(model):
    history = model.fit(
        [IMAGES, TABLE],
        [CLASSES, PRICES],
        validation_data=([IMAGES, TABLE], [CLASSES, PRICES]),
        sample_weight={"price": np.ones(12)},
        verbose=0,
    ).history
    names = ["loss", "digit_loss", "price_loss", "digit_accuracy", "price_mae"]
    assert list(history) == [*names, *(f"val_{name}" for name in names)]
    total = history["val_digit_loss"][0] + history["val_price_loss"][0]
    close(history["val_loss"][0], total)


def test_an_output_may_go_without_loss():
    model = two_and_two(onefit)
    model.compile("sgd", {"price": "mse"})
    before = model.get_layer("digit").get_weights()[0]
    logs = model.fit([IMAGES, TABLE], [None, PRICES], verbose=0).history
    assert list(logs) == ["loss"]  # of one alone there is no price_loss, as in Keras
    close(before, model.get_layer("digit").get_weights()[0], 0)


def test_the_cross_entropy_of_each_output_is_computed_from_logits():
    x = Input((1,))
    model = Model(x, [Dense(1, "sigmoid")(x), Dense(2, "softmax")(x)])
    model.set_weights([[[500.0]], [0.0], [[500.0, 0.0]], [0.0, 0.0]])
    model.compile("sgd", ["binary_crossentropy", "sparse_categorical_crossentropy"])
    one = np.ones((1, 1))
    close(model.evaluate(one, [0 * one, one], verbose=0), [1000.0, 500.0, 500.0])
    # Not where another layer uses the probabilities.
    p = Dense(2, "softmax")(x)
    used = Model(x, [p, Dense(1)(p)])
    assert used.graph.before("softmax", 0) is None


def test_part_of_a_model_is_a_model():
    whole = Sequential([Input((5,)), Dense(4, name="hidden"), Dense(1)])
    part = Model(whole.inputs, whole.get_layer("hidden").output)
    assert part.predict(TABLE).shape == (12, 4)
    close(part.predict(TABLE), whole.layers[0](TABLE))
    middle = Model(whole.get_layer("hidden").output, whole.output)
    close(middle.predict(part.predict(TABLE)), whole.predict(TABLE))
    first = Model(whole.input, [whole.layers[0].output, whole.output])
    close(first.predict(TABLE)[1], whole.predict(TABLE))


def test_a_model_is_a_layer():
    inside = Sequential([Dense(4), BatchNormalization()], name="inside")
    x = Input((5,))
    model = Model(x, Dense(1)(inside(x)))
    assert model.get_layer("inside") is inside
    assert inside.built
    inside.trainable = False
    model.compile("sgd", "mse")
    before = inside.get_weights()
    model.fit(TABLE, PRICES, verbose=0)
    for a, b in zip(before, inside.get_weights(), strict=True):
        close(a, b, 0)
    assert len(model.trainable_weights) == 2


def test_two_models_inside_may_share_a_layer():
    same = Dense(4)

    def encoder(name):
        x = Input((5,))
        return Model(x, Dense(3)(same(x)), name=name)

    one, two = encoder("one"), encoder("two")
    a, b = Input((5,), name="a"), Input((5,), name="b")
    model = Model([a, b], one(a) + two(b))
    assert model.count_params() == 24 + 15 + 15
    model.compile("sgd", "mse")
    expected = one.predict(TABLE) + two.predict(2 * TABLE)
    close(model.predict([TABLE, 2 * TABLE]), expected)
    model.fit([TABLE, TABLE], TABLE[:, :3], verbose=0)
    expected = one.predict(TABLE) + two.predict(2 * TABLE)
    close(model.predict([TABLE, 2 * TABLE]), expected)


def test_a_call_may_fix_whether_the_layer_trains():
    x = Input((200,))
    always = Model(x, Dropout(0.5)(x, training=True))
    ones = np.ones((3, 200))
    first, second = always.predict(ones), always.predict(ones)
    assert 0.3 < np.mean(first == 0) < 0.7
    assert not np.array_equal(first, second)
    norm = BatchNormalization()
    never = Model(x, Dense(1)(norm(x, training=False)))
    never.compile("sgd", "mse")
    never.fit(ones, np.ones((3, 1)), verbose=0)
    close(norm.get_weights()[2], np.zeros(200), 0)


def test_arithmetic_of_values():
    x = Input((4,))
    y = ((1.0 - x) ** 2 / 4.0 + x @ np.ones((4, 4)) - [1, 2, 3, 4])[:, None, ::2]
    model = Model(x, [y, -abs(x), x > 0.5, x % 2.0, x // 2.0, 1.0 / (x * x + 1.0)])
    a = RNG.normal(size=(3, 4)).astype("f4")
    first = ((1.0 - a) ** 2 / 4.0 + a @ np.ones((4, 4)) - [1, 2, 3, 4])[:, None, ::2]
    expected = [first, -abs(a), a > 0.5, a % 2.0, a // 2.0, 1.0 / (a * a + 1.0)]
    for ours, theirs in zip(model.predict(a), expected, strict=True):
        close(ours, theirs)


def test_a_lone_input_may_come_in_a_list():
    model = Sequential([Input((5,)), Dense(1)])
    close(model.predict([TABLE]), model.predict(TABLE))
    close(model.predict(TABLE.tolist()), model.predict(TABLE))
    close(model.predict({"input_layer": TABLE}), model.predict(TABLE))


def test_copies(model):
    x = [IMAGES, TABLE]
    expected = model.predict(x)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        close(other.predict(x)[0], expected[0], 0)
    clone = clone_model(model)
    assert [layer.name for layer in clone.layers] == [x.name for x in model.layers]
    assert not np.allclose(clone.predict(x)[0], expected[0])
    clone.set_weights(model.get_weights())
    close(clone.predict(x)[0], expected[0], 0)


def test_clones_keep_what_is_shared():
    model = shared(onefit)
    clone = clone_model(model)
    assert clone.count_params() == model.count_params()
    assert clone.layers[2].layers[0] is not model.layers[2].layers[0]
    stronger = clone_model(
        Sequential([Input((5,)), Dense(2), Dropout(0.1)]),
        clone_function=lambda layer: (
            Dropout(0.5) if isinstance(layer, Dropout) else layer.replace()
        ),
    )
    assert stronger.layers[1].rate == 0.5


def test_deep_graphs_need_no_deep_stack():
    x = y = Input((2,))
    for _ in range(1500):
        y = y + 1.0
    model = Model(x, y)
    assert len(model.layers) == 1501


# What is refused ----------------------------------------------------------------------


def graph():
    a, b = Input((5,), name="a"), Input((3,), name="b")
    hidden = Dense(4, name="hidden")(a)
    return a, b, hidden, Dense(4, name="other")(b) + hidden


def refuse(build, *texts):
    with pytest.raises((ValueError, TypeError)) as error:
        build()
    for text in texts:
        assert text in str(error.value), str(error.value)


def test_what_a_graph_refuses():
    a, b, hidden, y = graph()
    refuse(lambda: Model(b, y), "needs the input 'a' (a → hidden → add)", "Add it")
    refuse(lambda: Model([a, a], hidden), "the input 'a' twice")
    refuse(lambda: Model(a), "no outputs", "Model(x, Dense(1)(x))")
    refuse(lambda: Model(a, np.ones(3)), "expected what Input gives")
    refuse(lambda: Model([], hidden), "no inputs")
    refuse(lambda: a + b, "(None, 5) and (None, 3)", "The path: a → add.")
    refuse(lambda: a + np.ones(4), "(None, 5) and (4,)")
    refuse(lambda: a + "b", "received 'b'")
    refuse(lambda: a[:, 7], "out of bounds", "a → get_item")
    refuse(lambda: a[[1, 2]], "expected whole numbers, slices")
    refuse(lambda: Flatten()(hidden[:, 0])[:, 5], "hidden → get_item")
    refuse(lambda: jnp.exp(a), "Tensor")
    refuse(lambda: np.exp(a), "Write Lambda(f)(x)")
    refuse(lambda: bool(a), "a condition")
    refuse(lambda: list(a), "a loop")
    refuse(lambda: Dense(2)(a, b), "received 2 inputs")
    refuse(lambda: Dense(2)(a, trainnig=True), "training")
    same = Dense(2, name="hidden")(hidden)
    refuse(lambda: Model(a, same), "two layers named 'hidden'")
    with_it = Model(a, Lambda(lambda x: x[:, :2])(hidden))
    refuse(lambda: with_it(np.ones((2, 4))), "'a'", "(None, 4)", "(None, 5)")


@pytest.mark.parametrize("name", ["input", "output"])
def test_what_is_not_there_yet_is_an_attribute_that_is_lacking(name):
    for one in (Dense(1), Sequential([Dense(1)]), Flatten()):
        assert not hasattr(one, name)
        with pytest.raises(AttributeError, match=r"a request for its place in a graph"):
            getattr(one, name)


def test_rows_of_one_number_each_get_their_axis():
    """As Keras' functional models take them, in a call as in predict."""
    a, b = Input((1,)), Input((3, 1))
    model = Model([a, b], [Dense(2)(a), Flatten()(b)])
    x = np.arange(4.0), np.ones((4, 3))
    whole = x[0][:, None], x[1][..., None]
    for one, other in zip(model([*x]), model([*whole]), strict=True):
        assert one.shape[0] == 4
        np.testing.assert_array_equal(one, other)
    model = Sequential([Input((1,)), Dense(2)])
    np.testing.assert_array_equal(model(x[0]), model(whole[0]))


def test_a_list_of_one_array_is_the_array_and_a_list_of_numbers_a_row():
    a, b = Input((3,)), Input((2,))
    model = Model([a, b], [Dense(1)(a), Dense(1)(b)])
    x = np.ones((1, 3)), np.ones((1, 2))
    wanted = model([*x])
    for one in (([x[0]], x[1]), [[x[0]], [x[1]]], ([[1.0, 1.0, 1.0]], [[1.0, 1.0]])):
        for y, w in zip(model(one), wanted, strict=True):
            np.testing.assert_array_equal(y, w)


def test_what_the_data_has_to_be(model):
    fit = functools.partial(model.fit, verbose=0)
    x, y = [IMAGES, TABLE], [CLASSES, PRICES]
    refuse(lambda: fit(TABLE, y), "x: received one array; expected 2", "'image'")
    refuse(lambda: fit(x, CLASSES), "y: received one array", "'digit', 'price'")
    refuse(lambda: fit({"image": IMAGES}, y), "Add x['table']")
    refuse(lambda: fit({"imaeg": IMAGES, "table": TABLE}, y), "image")
    refuse(lambda: fit([TABLE, IMAGES], y), "'image'", "(None, 5)", "(None, 3, 3)")
    refuse(lambda: fit(x, [PRICES, PRICES]), "output 'digit' > y: received fractions,")
    refuse(lambda: fit(x, [CLASSES, PRICES[:5]]), "12 rows in x[0] and 5 in y[1]")
    refuse(lambda: fit(x, [None, PRICES]), "output 'digit' > y: received None")
    refuse(lambda: fit(x, y, class_weight={0: 1.0}), "several outputs")
    refuse(lambda: model.compile("sgd", {"digti": "mse"}) or fit(x, y), "digit")


def test_an_input_that_nothing_needs_is_taken_with_a_warning_as_in_keras(tmp_path):
    import keras

    a, b = Input((3,), name="a"), Input((2,), name="b")
    with pytest.warns(UserWarning, match="no output depends on 'b'"):
        model = Model([a, b], Dense(4)(a))
    c, d = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    last = keras.layers.Dense(4, name="dense")
    theirs = keras.Model([c, d], last(c))
    assert [x.name for x in model.layers] == [x.name for x in theirs.layers]
    x, other = np.ones((5, 3), "float32"), np.zeros((5, 2), "float32")
    y = model.predict([x, other], verbose=0)
    np.testing.assert_array_equal(y, model({"a": x, "b": other}))
    model.compile("sgd", "mse")
    model.fit([x, other], y, epochs=1, verbose=0)
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="no output depends on 'b'"):
        loaded = onefit.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(
        loaded.predict([x, other], verbose=0), model.predict([x, other], verbose=0)
    )


def test_more_in_a_dict_than_the_inputs_is_left_unused_with_a_warning():
    a = Input((3,), name="a")
    model = Model({"a": a}, Dense(1)(a))
    model.compile("sgd", "mse")
    rows = {"a": np.ones((5, 3), "float32"), "id": np.arange(5)}
    said = "does not take 'id'; it takes 'a'"
    with pytest.warns(UserWarning, match=said):
        y = model(rows)
    with pytest.warns(UserWarning, match=said):
        model.fit(rows, np.zeros((5, 1)), epochs=1, verbose=0)
    with pytest.warns(UserWarning, match=said):
        assert model.predict(rows, verbose=0).shape == y.shape
    with pytest.raises(ValueError, match="a"):
        model({"aa": rows["a"]})
