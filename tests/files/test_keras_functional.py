"""Models of inputs and outputs in Keras' files: graphs, operations, models inside."""

import json
import random
import time
import warnings
import zipfile

import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential, layers
from onefit.files.optimizer import _Layout
from onefit.files.weights import plain_in_order

RNG = np.random.default_rng(5)
A = RNG.normal(size=(6, 3, 4)).astype("float32")
B = RNG.normal(size=(6, 4)).astype("float32")

FIT = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def close(ours, theirs, tolerance=0.0):
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        ours, theirs = list(ours.values()), [theirs[name] for name in ours]
    if isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            close(a, b, tolerance)
        return
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def there_and_back(model, x, keras, folder):
    """The model of its file, Keras' of that file, and ours of Keras'."""
    model.save(folder / "a.keras")
    theirs = keras.models.load_model(folder / "a.keras")
    theirs.save(folder / "b.keras")
    again = onefit.load_model(folder / "a.keras")
    back = onefit.load_model(folder / "b.keras")
    expected = model.predict(x)
    close(again.predict(x), expected)
    close(theirs.predict(x, verbose=0), expected, 1e-6)
    close(back.predict(x), expected, 1e-6)
    assert type(again) is type(back) is type(model)
    assert again.to_json() == model.to_json()
    assert names(folder / "a.keras") == names(folder / "b.keras")
    return again, theirs, back


def names(path):
    """The layers' names in a file, in its order."""
    with zipfile.ZipFile(path) as file:
        config = json.loads(file.read("config.json"))["config"]
    return [layer["name"] for layer in config["layers"]]


def operations(lib, named):
    """Every operator, on two inputs, with a shared layer; outputs by name."""
    dense = lib.layers.Dense(4, name="shared")
    a, b = lib.Input((3, 4), name="a"), lib.Input((4,), name="b")
    x = 2 * (dense(a) + 1.0)
    z = dense(abs(x[:, -1]) - b)
    w = (1.0 / (z * z + 1.0)) % 0.3 + z // 0.5 - (-z) + (z > 0) * 1.0 + (b <= z) * z
    product = w @ np.arange(8, dtype="float32").reshape(4, 2)
    part = x[..., None, 1:3] ** 2
    ends = {"w": w, "part": part, "b": product, "a": lib.layers.Dense(1)(z)}
    return lib.Model({"a": a, "b": b} if named else [a, b], ends)


def test_operators(keras, tmp_path):
    x = {"b": B, "a": A}
    onefit.utils.set_random_seed(0)
    _, theirs, back = there_and_back(operations(onefit, True), x, keras, tmp_path)
    kinds = {type(op).__name__ for op in theirs.operations}
    assert {"Add", "Multiply", "GetItem", "Absolute", "TrueDivide"} <= kinds
    keras.utils.set_random_seed(0)
    theirs = operations(keras, False)
    theirs.save(tmp_path / "c.keras")
    ours = onefit.load_model(tmp_path / "c.keras")
    close(ours.predict([A, B]), theirs.predict([A, B], verbose=0), 1e-6)
    assert [type(layer).__name__ for layer in ours.layers].count("Arithmetic") == 19
    assert ours.output_names == ["w", "part", "b", "a"]
    assert back.input_names == ["a", "b"]


def inside_out(lib):
    """Models in a model: a shared Sequential; one with inputs and outputs by name."""
    inner = lib.Sequential(
        [lib.layers.Dense(3, "tanh"), lib.layers.BatchNormalization()], name="inner"
    )
    v, u = lib.Input((3,), name="v"), lib.Input((3,), name="u")
    ends = {"s": u + v, "p": lib.layers.Dense(2)(u * v), "a": lib.layers.Dense(2)(u)}
    core = lib.Model({"u": u, "v": v}, ends, name="core")
    a, b = lib.Input((4,)), lib.Input((4,))
    y = core({"v": inner(b), "u": inner(a)})
    z = core({"u": y["s"], "v": inner(b)})
    total = lib.layers.Concatenate()([y["p"], z["p"], z["a"], y["s"]])
    model = lib.Model([a, b], [lib.layers.Dense(2)(total), y["a"]])
    model.compile("adam", ["mse", "mae"], metrics=[["mae"], ["mse"]])
    return model


def test_training_goes_on_where_it_stopped(keras, tmp_path):
    x, y = [B, B[::-1]], [A[:, 0, :2], A[:, 1, :2]]
    ours = inside_out(onefit)
    ours.fit(x, y, **FIT)
    again, theirs, back = there_and_back(ours, x, keras, tmp_path)
    close(ours.get_weights(), again.get_weights())
    history = ours.fit(x, y, **FIT).history
    assert again.fit(x, y, **FIT).history == history
    for model in (theirs, back):
        for name, values in model.fit(x, y, **FIT).history.items():
            np.testing.assert_allclose(values, history[name], rtol=1e-5)
    # And from a model that Keras has made.
    theirs = inside_out(keras)
    theirs.fit(x, y, **FIT)
    theirs.save(tmp_path / "c.keras")
    ours = onefit.load_model(tmp_path / "c.keras")
    close(ours.predict(x), theirs.predict(x, verbose=0), 1e-6)
    history = theirs.fit(x, y, **FIT).history
    for name, values in ours.fit(x, y, **FIT).history.items():
        np.testing.assert_allclose(values, history[name], rtol=1e-5)
    assert ours.get_layer("core").output_names == ["s", "p", "a"]
    # Weights alone, both ways.
    theirs.save_weights(tmp_path / "c.weights.h5")
    ours = inside_out(onefit)
    ours.load_weights(tmp_path / "c.weights.h5")
    close(ours.predict(x), theirs.predict(x, verbose=0), 1e-5)
    ours.set_weights([w + 0.5 for w in ours.get_weights()])
    ours.save_weights(tmp_path / "d.weights.h5")
    theirs.load_weights(tmp_path / "d.weights.h5")
    close(ours.predict(x), theirs.predict(x, verbose=0), 1e-5)


def any_model(seed, depth=0):
    """A graph by chance: shared layers, models inside, lists and dicts."""
    rng = random.Random(seed)
    inputs = [Input((2,)) for _ in range(rng.randint(1, 3))]
    values = list(inputs)
    shared = [layers.Dense(2) for _ in range(3)]
    if rng.random() < 0.4:
        shared.append(Sequential([layers.Dense(2), layers.Dense(2)]))
    inside = [any_model(7 * seed + 1, depth + 1)] if depth < 2 else []
    for _ in range(rng.randint(3, 9)):
        x, y = rng.choices(values, k=2)
        kind = rng.randrange(5 if inside else 4)
        if kind == 4:
            model = inside[0]
            x = dict(zip(model.input_names, rng.choices(values, k=3), strict=False))
            y = model(x if model.input_nest.keys or len(x) > 1 else x.popitem()[1])
            y = y.values() if isinstance(y, dict) else y if isinstance(y, list) else [y]
            values += y
        else:
            makes = (
                lambda x, _: layers.Dense(2)(x),
                lambda x, _: rng.choice(shared)(x),
                lambda x, y: layers.Add()([x, y]),
                lambda x, y: x * y + 0.5,
            )
            values.append(makes[kind](x, y))
    ends = [values[-1], layers.Add()([values[-2], *inputs])]
    if rng.random() < 0.5:
        ends = dict(zip("zy", ends, strict=True))
    if rng.random() < 0.3:
        inputs = dict(zip("rqp", inputs, strict=False))
    return Model(inputs, ends)


@pytest.mark.parametrize("seed", range(8))
def test_keras_finds_the_layers_in_our_order(seed, keras, tmp_path):
    model = any_model(seed)
    model.set_weights([RNG.normal(size=w.shape) for w in model.get_weights()])
    model.save(tmp_path / "a.keras")
    with warnings.catch_warnings():
        # Keras' file knows what inputs are called only if it is what their layers are.
        warnings.simplefilter("ignore")
        theirs = keras.models.load_model(tmp_path / "a.keras")
    theirs.save(tmp_path / "b.keras")
    assert names(tmp_path / "a.keras") == names(tmp_path / "b.keras")
    for found in (model, onefit.load_model(tmp_path / "b.keras")):
        weights = [w for p in plain_in_order(found.graph) for w in p.get_weights()]
        close(weights, [np.asarray(w) for w in theirs.weights])


def test_what_keras_has_no_words_for(keras, tmp_path):
    """A model that begins in the middle, a chain with an operation, shared twice."""
    x = Input((4,))
    h = layers.Dense(3, "tanh")(x)
    y = layers.Dense(2)(h)
    tail = Model(h, y)
    middle = Model(h, layers.Dense(1)(tail(h) + h[:, :2]))
    chained = Sequential([Input((3,)), layers.Dense(2), layers.Absolute()])
    dense = layers.Dense(3)
    inside = Model(x, dense(x))
    twice = Model(x, inside(x) * dense(x))
    for model, data in ((tail, B[:, :3]), (middle, B[:, :3]), (twice, B)):
        there_and_back(model, data, keras, tmp_path)
    chained.save(tmp_path / "a.keras")
    theirs = keras.models.load_model(tmp_path / "a.keras")
    close(theirs.predict(B[:, :3], verbose=0), chained.predict(B[:, :3]), 1e-6)
    assert type(onefit.load_model(tmp_path / "a.keras")) is Model


def test_models_in_layers(keras, tmp_path):
    """Weights of a model that a layer applies to each step."""

    def model(lib):
        inside = lib.Sequential([lib.layers.Dense(3), lib.layers.PReLU()])
        inner = lib.Sequential([lib.layers.Dense(3, "tanh"), inside])
        x = lib.Input((3, 4))
        return lib.Model(x, lib.layers.TimeDistributed(inner)(x))

    there_and_back(model(onefit), A, keras, tmp_path)
    theirs = model(keras)
    theirs.save(tmp_path / "c.keras")
    ours = onefit.load_model(tmp_path / "c.keras")
    close(ours.predict(A), theirs.predict(A, verbose=0), 1e-6)


def text(lib):
    """Layers made of layers: their weights and slots are in groups inside."""
    ids = lib.Input((6,), dtype="int32")
    x = lib.layers.Embedding(5, 4, mask_zero=True)(ids)
    x = lib.layers.Bidirectional(lib.layers.LSTM(2, return_sequences=True))(x)
    cells = [lib.layers.GRUCell(2), lib.layers.LSTMCell(2), lib.layers.GRUCell(3)]
    y = lib.layers.RNN(cells)(x)
    x = lib.layers.MultiHeadAttention(2, 2)(x, x)
    x = lib.layers.TimeDistributed(lib.layers.BatchNormalization())(x)
    x = lib.layers.GlobalAveragePooling1D()(x)
    model = lib.Model(ids, lib.layers.Dense(2)(lib.layers.Concatenate()([x, y])))
    model.compile("adam", "mse")
    return model


def test_weights_and_slots_of_layers_inside(keras, tmp_path):
    theirs = text(keras)
    theirs.set_weights([RNG.normal(size=w.shape) for w in theirs.get_weights()])
    theirs.optimizer.build(theirs.trainable_variables)
    # Each momentum is what its weight is, so that it is seen where it comes out.
    momenta = theirs.optimizer.variables[2::2]
    for momentum, weight in zip(momenta, theirs.trainable_variables, strict=True):
        momentum.assign(weight)
    theirs.save(tmp_path / "a.keras")
    ours = onefit.load_model(tmp_path / "a.keras")
    layout = _Layout(ours.graph, ours.optimizer)
    close(
        layout._listed(ours.optimizer_state["slots"]["momentum"]),
        layout._listed(layout.packed),
    )
    close(layout._listed(layout.packed), [np.asarray(m) for m in momenta])
    ours.save(tmp_path / "b.keras")
    copy = keras.models.load_model(tmp_path / "b.keras")
    close(copy.get_weights(), theirs.get_weights())
    variables = [np.asarray(v) for v in copy.optimizer.variables]
    close(variables, [np.asarray(v) for v in theirs.optimizer.variables])


def test_more_units_than_a_file_has_numbers(tmp_path):
    path = tmp_path / "a.keras"
    inner = layers.Bidirectional(layers.LSTM(2, stateful=True))
    Sequential([Input((3, 4), batch_size=2), inner]).save(path)
    change(
        path,
        lambda node: json.loads(
            json.dumps(node).replace('"units": 2', '"units": 1000000000')
        ),
    )
    text = "received 112 numbers at 'layers/bidirectional'; expected 16,000,000,000"
    with pytest.raises(ValueError, match=text):
        onefit.load_model(path)


def change(path, edit):
    """Changes a file's config in place."""
    with zipfile.ZipFile(path) as file:
        pairs = {name: file.read(name) for name in file.namelist()}
    node = json.loads(pairs["config.json"])
    pairs["config.json"] = json.dumps(edit(node) or node)
    with zipfile.ZipFile(path, "w") as file:
        for name, data in pairs.items():
            file.writestr(name, data)


def test_what_a_call_said_of_training_stays_said(keras, tmp_path):
    x = Input((4,))
    model = Model(x, layers.BatchNormalization()(x, training=False))
    again, _, back = there_and_back(model, B, keras, tmp_path)
    for net in (model, again, back):
        net.compile("sgd", "mse")
        net.fit(B, B, **FIT)
    close(again.get_weights()[2:], [np.zeros(4), np.ones(4)])
    # Keras trains all the same (its call overrides it), and so does a file of Keras.
    assert abs(back.get_weights()[2]).max() > 0


def test_what_no_file_holds(tmp_path):
    x = Input((4,))
    model = Model(x, layers.Lambda(lambda x: x)(layers.Dense(2)(x)))
    with pytest.raises(ValueError, match="Lambda 'lambda': received a request for"):
        model.save(tmp_path / "a.keras")
    with pytest.raises(ValueError, match="Lambda 'lambda': received a request for"):
        model.to_json()
    model.save_weights(tmp_path / "a.weights.h5")
    other = Model(x, layers.Lambda(lambda x: x)(layers.Dense(2)(x)))
    other.load_weights(tmp_path / "a.weights.h5")
    close(other.get_weights(), model.get_weights())


# Graphs that are not to be trusted ----------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "a.keras"
    a, b, c = (Input((4,), name=name) for name in "abc")
    inside = Model(c, layers.Dense(4, name="deep")(c), name="inside")
    y = layers.Dense(4, name="first")(inside(a)) + b
    Model([a, b], layers.Dense(2, name="last")(y[:, :3])).save(path)
    return path.read_bytes()


def layer(config, name):
    return next(one for one in config["layers"] if one["name"] == name)


def history(name, call=0, output=0, at="first"):
    """Another value for the call of a layer."""

    def change(config):
        tensor = layer(config, at)["inbound_nodes"][0]["args"][0]
        tensor["config"]["keras_history"] = [name, call, output]

    return change


def argument(value, at="first"):
    def change(config):
        layer(config, at)["inbound_nodes"][0]["args"][0] = value

    return change


def arguments(values, at):
    return lambda config: layer(config, at)["inbound_nodes"][0].update(args=values)


def setting(**values):
    return lambda config: config.update(values)


def twice(config):
    config["layers"].append(layer(config, "first"))


def calls(config):
    one = layer(config, "first")
    one["inbound_nodes"] = one["inbound_nodes"] * 10_000


def bomb(config):
    """Each model calls the one inside it ten times."""
    model = json.loads(json.dumps(layer(config, "inside")))
    settings = {"class_name": "ReLU", "config": {"name": "deep"}}
    layer(model["config"], "deep").update(settings)
    for depth in range(9):
        inner = json.loads(json.dumps(model))
        inner["inbound_nodes"] = []
        at = ["c", 0, 0]
        for _ in range(10):
            tensor = {"shape": [None, 4], "dtype": "float32", "keras_history": at}
            tensor = {"class_name": "__keras_tensor__", "config": tensor}
            inner["inbound_nodes"].append({"args": [tensor], "kwargs": {}})
            at = ["inside", len(inner["inbound_nodes"]) - 1, 0]
        entrance = layer(inner["config"], "c")
        model["config"].update(
            layers=[entrance, inner], output_layers=["inside", 10, 0], name=f"m{depth}"
        )
    layer(config, "inside")["config"] = model["config"]


def operation(name, module="keras.src.ops.numpy"):
    return lambda c: layer(c, "add").update(class_name=name, module=module)


def kwargs(at, **values):
    return lambda c: layer(c, at)["inbound_nodes"][0]["kwargs"].update(values)


def masked_by_operation(config):
    tensor = layer(config, "last")["inbound_nodes"][0]["args"][0]
    layer(config, "last")["inbound_nodes"][0]["kwargs"]["mask"] = tensor


CODE = {"class_name": "__lambda__", "config": {"value": ["4wEA"]}}
BAD = {
    "an unknown layer": (history("lost"), "received a value of 'lost', call 0"),
    "an unknown call": (history("b", 1), "received a value of 'b', call 1"),
    "a call before": (history("inside", -1), "a value of 'inside', call -1"),
    "an unknown output": (history("inside", 0, 7), "output 7 of 'inside'; expected on"),
    "numbers that are none": (history("a", 0.5), "the value a list of 3; expected"),
    "a circle": (history("last"), r"a cycle: .*first ← last"),
    "itself": (history("first"), "a cycle: first ← first"),
    "no values": (setting(output_layers=[]), "output_layers=a list of 0; expected"),
    "odd values": (setting(output_layers=[["a", 0]]), "received the value a list of"),
    "a wrong input": (
        setting(input_layers=[["a", 0, 0], ["first", 0, 0]]),
        "'first'|needs the input",
    ),
    "an input too few": (setting(input_layers=["a", 0, 0]), "needs the input 'b'"),
    "an input twice": (
        setting(input_layers=[["a", 0, 0], ["b", 0, 0], ["a", 0, 0]]),
        "the input 'a' twice",
    ),
    "a name twice": (twice, "two layers named 'first'"),
    "Keras 2": (
        lambda c: layer(c, "first").update(inbound_nodes=[[["a", 0, 0, {}]]]),
        "inbound_nodes=a list of 1; expected .* open the file in Keras 3|Open the file",
    ),
    "too many calls": (calls, "received too many calls; expected 10,000"),
    "calls in calls": (bomb, "calls, with those of models inside, are more th"),
    "too many layers": (
        lambda c: c.update(layers=c["layers"] * 300),
        "2,100 layers; expected 2,000 at most",
    ),
    "code": (argument(CODE), "an argument of the class '__lambda__'; expected"),
    "a class": (
        argument({"class_name": "system", "module": "os", "config": "ls"}),
        "an argument of the class 'system'",
    ),
    "no argument": (arguments([], "first"), "first.*received"),
    "two arguments": (arguments([1, 2], "last"), "received a call that it refuses"),
    "a number": (argument(1.0), "first.*received"),
    "a ragged array": (
        argument({"class_name": "__numpy__", "config": {"value": [[1], []]}}, "add"),
        "received",
    ),
    "a text to add": (argument("text", "add"), "received"),
    "an unknown operation": (operation("Rleu"), "'add': received the operation 'Rleu'"),
    "an operation of os": (operation("system", "os"), "Unknown layer 'system'"),
    "an operation of one": (
        arguments([1.0], "add"),
        "missing a required argument: 'x2'",
    ),
    "an odd key": (
        lambda c: layer(c, "get_item")["inbound_nodes"][0]["args"].__setitem__(1, "0"),
        "received a call that it refuses",
    ),
    "an unknown option": (kwargs("first", rate=2), "Unknown argument of a call of De"),
    "a mask": (masked_by_operation, "a mask that operations compute; expected"),
    "another shape": (history("get_item"), "a cycle"),
    "a subclass": (setting(cell=1), "received cell=1; expected settings among"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_graphs(case, whole, tmp_path):
    path = tmp_path / "a.keras"
    path.write_bytes(whole)
    edit, match = BAD[case]
    change(path, lambda node: edit(node["config"]))
    begin = time.thread_time()
    with pytest.raises(ValueError, match=match) as caught:
        onefit.load_model(path)
    assert time.thread_time() - begin < 5
    assert type(caught.value).__name__ == "BadFile"
    assert len(str(caught.value)) < 1500
