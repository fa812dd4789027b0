"""Keras' older HDF5 files of whole models, both ways, with Keras as the oracle."""

import json
import warnings

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

import onefit
from onefit import load_model
from onefit.errors import OnefitWarning

RNG = np.random.default_rng(0)
L = keras.layers


def sequential(library):
    layers = library.layers
    return library.Sequential(
        [
            library.Input((4,)),
            layers.Dense(3, "relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2, "softmax"),
        ]
    )


def functional(library):
    layers = library.layers
    x = library.Input((6, 4))
    inner = library.Sequential(
        [library.Input((6, 4)), layers.Dense(4), layers.BatchNormalization()],
        name="inner",
    )
    inner.layers[0].trainable = False  # its weights come after those that train
    h = inner(x)
    h = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(h)
    both = layers.Concatenate()([layers.MultiHeadAttention(2, 3)(h, h), h])
    return library.Model(x, layers.Dense(2)(layers.Flatten()(both)))


def siamese(library):
    layers = library.layers
    x = library.Input((4,))
    base = library.Model(x, layers.Dense(3, "tanh")(x), name="base")
    a, b = library.Input((4,)), library.Input((4,))
    return library.Model([a, b], layers.Dense(2)(base(a) - 2.0 * base(b)))


def words(library):
    layers = library.layers
    return library.Sequential(
        [
            library.Input((6,)),
            layers.Embedding(10, 4, mask_zero=True),
            layers.GRU(3),
            layers.LeakyReLU(),
            layers.Dense(2),
        ]
    )


CASES = {
    sequential: ("adam", "sparse_categorical_crossentropy", ["accuracy"]),
    functional: ("rmsprop", "mse", ["mae"]),
    siamese: ("nadam", "mse", None),
    words: ("sgd", "mse", None),
}


def rows(model):
    shapes = [tensor.shape[1:] for tensor in model.inputs]
    x = [RNG.integers(0, 9, (8, *shape)).astype("float32") for shape in shapes]
    return x[0] if len(x) == 1 else x


def trained(make):
    optimizer, loss, metrics = CASES[make]
    model = make(keras)
    model.compile(optimizer, loss, metrics=metrics)
    x = rows(model)
    y = RNG.integers(0, 2, 8) if "sparse" in loss else RNG.random((8, 2))
    model.fit(x, y, verbose=0, epochs=2)
    return model, x, y


def close(one, other, x):
    np.testing.assert_allclose(
        np.asarray(one.predict(x, verbose=0)),
        np.asarray(other.predict(x, verbose=0)),
        rtol=2e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("make", CASES)
def test_a_file_of_keras_goes_on_and_back(make, tmp_path):
    model, x, y = trained(make)
    model.save(tmp_path / "theirs.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error", OnefitWarning)
        ours = load_model(tmp_path / "theirs.h5")
    close(ours, model, x)
    ours.save(tmp_path / "ours.h5")
    close(load_model(tmp_path / "ours.h5"), ours, x)
    close(keras.models.load_model(tmp_path / "ours.h5", compile=False), model, x)
    if make is sequential:  # what is dropped there is drawn otherwise
        return
    for one in (model, ours):
        one.fit(x, y, verbose=0, epochs=2, shuffle=False)
    close(ours, model, x)
    assert int(ours.optimizer.iterations) == int(model.optimizer.iterations)


def test_a_model_that_was_not_compiled(tmp_path):
    model = sequential(onefit)
    model.save(tmp_path / "m.h5")
    x = rows(sequential(keras))
    for again in (load_model, keras.models.load_model):
        close(again(tmp_path / "m.h5"), model, x)
    assert load_model(tmp_path / "m.h5").optimizer is None
    compiled = sequential(onefit)
    compiled.compile("adam", "mse")
    compiled.save(tmp_path / "c.hdf5")
    assert load_model(tmp_path / "c.hdf5", compile=False).optimizer is None


def test_very_many_layers_have_their_names_in_parts(tmp_path):
    stack = [onefit.layers.Activation("tanh", name=f"{i:0>200}") for i in range(400)]
    model = onefit.Sequential([onefit.Input((2,)), *stack, onefit.layers.Dense(1)])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert "layer_names1" in file["model_weights"].attrs
    again = load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_a_checkpoint_may_be_such_a_file(tmp_path):
    model = sequential(onefit)
    model.compile("adam", "sparse_categorical_crossentropy")
    keep = onefit.callbacks.ModelCheckpoint(
        tmp_path / "best.h5", monitor="loss", save_best_only=True
    )
    model.fit(RNG.random((8, 4)), np.arange(8) % 2, callbacks=[keep], verbose=0)
    assert load_model(tmp_path / "best.h5").count_params() == model.count_params()


# Files of Keras 2, as its versions wrote them ----------------------------------------

GLOROT = {"class_name": "GlorotUniform", "config": {"seed": None}}
OLD = {
    "class_name": "VarianceScaling",
    "config": {
        "scale": 1.0,
        "mode": "fan_avg",
        "distribution": "uniform",
        "seed": None,
    },
}
ZEROS, ONES = ({"class_name": n, "config": {}} for n in ("Zeros", "Ones"))


def dense(name, units, activation="linear", start=GLOROT, **more):
    return {
        "class_name": "Dense",
        "config": {
            "name": name,
            "trainable": True,
            "dtype": "float32",
            "units": units,
            "activation": activation,
            "use_bias": True,
            "kernel_initializer": start,
            "bias_initializer": ZEROS,
            "kernel_regularizer": None,
            "bias_regularizer": None,
            "activity_regularizer": None,
            "kernel_constraint": None,
            "bias_constraint": None,
            **more,
        },
    }


def layer(kind, name, **settings):
    common = {"name": name, "trainable": True, "dtype": "float32"}
    return {"class_name": kind, "config": common | settings}


def entrance(name, *shape):
    return {
        "class_name": "InputLayer",
        "config": {
            "batch_input_shape": [None, *shape],
            "dtype": "float32",
            "sparse": False,
            "ragged": False,
            "name": name,
        },
    }


def called(node, *inputs, **named):
    refs = [[name, 0, 0, named] for name in inputs]
    calls = [refs] if refs else []
    return node | {"name": node["config"]["name"], "inbound_nodes": calls}


def normal(name, **more):
    return layer(
        "BatchNormalization",
        name,
        axis=[1],
        momentum=0.99,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer=ZEROS,
        gamma_initializer=ONES,
        moving_mean_initializer=ZEROS,
        moving_variance_initializer=ONES,
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **more,
    )


def recurrent(kind, name, units, **more):
    return layer(
        kind,
        name,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        time_major=False,
        units=units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer=GLOROT,
        bias_initializer=ZEROS,
        recurrent_initializer={
            "class_name": "Orthogonal",
            "config": {"gain": 1.0, "seed": None},
        },
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=2,
        **more,
    )


CHAIN = {
    "class_name": "Sequential",
    "config": {
        "name": "sequential",
        "layers": [
            entrance("dense_input", 4),
            dense("dense", 3, "relu", batch_input_shape=[None, 4]),
            normal("bn"),
            layer("LeakyReLU", "leaky", alpha=0.3),
            dense("last", 2, "softmax"),
        ],
    },
}
BARE = {  # as before Keras 2.2: a list, and no InputLayer
    "class_name": "Sequential",
    "config": [
        dense("dense_1", 3, "relu", OLD, batch_input_shape=[None, 4]),
        dense("dense_2", 2, "sigmoid", OLD),
    ],
}
TWO = {
    "class_name": "Model",
    "config": {
        "name": "model",
        "layers": [
            called(entrance("a", 4)),
            called(entrance("b", 4)),
            called(dense("one", 3, "tanh"), "a"),
            called(dense("other", 3), "b"),
            called(layer("Concatenate", "both", axis=-1), "one", "other"),
            called(dense("end", 2), "both"),
        ],
        "input_layers": [["a", 0, 0], ["b", 0, 0]],
        "output_layers": [["end", 0, 0]],
    },
}
SERIES = {
    "class_name": "Functional",
    "config": {
        "name": "model",
        "trainable": True,
        "layers": [
            called(entrance("x", 6, 4)),
            called(recurrent("GRU", "gru", 3, reset_after=True), "x"),
            called(
                layer("Dropout", "drop", rate=0.5, noise_shape=None, seed=None),
                "gru",
                training=False,
            ),
            called(dense("end", 2), "drop"),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["end", 0, 0]],
    },
}
WEIGHTS = {
    "dense": [(4, 3), (3,)],
    "bn": [(3,)] * 4,
    "last": [(3, 2), (2,)],
    "dense_1": [(4, 3), (3,)],
    "dense_2": [(3, 2), (2,)],
    "one": [(4, 3), (3,)],
    "other": [(4, 3), (3,)],
    "gru": [(4, 9), (3, 9), (2, 9)],
}
ENDS = {"TWO": [(6, 2), (2,)], "SERIES": [(3, 2), (2,)]}
FILES = {"CHAIN": CHAIN, "BARE": BARE, "TWO": TWO, "SERIES": SERIES}

ADAM = {
    "class_name": "Adam",
    "config": {
        "name": "Adam",
        "learning_rate": 0.01,
        "decay": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-07,
        "amsgrad": False,
    },
}
TRAINED = {
    "loss": "categorical_crossentropy",
    "metrics": [
        [
            {
                "class_name": "MeanMetricWrapper",
                "config": {
                    "name": "accuracy",
                    "dtype": "float32",
                    "fn": "categorical_accuracy",
                },
            }
        ]
    ],
    "weighted_metrics": None,
    "loss_weights": None,
    "optimizer_config": ADAM,
}


def written(path, node, training=None, ends=(), prefix="model_weights"):
    config = node["config"]
    nodes = config if isinstance(config, list) else config["layers"]
    names = [n["config"]["name"] for n in nodes]
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = b"2.4.0", b"tensorflow"
        if prefix:
            file.attrs["model_config"] = json.dumps(node).encode()
        if training:
            file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group(prefix) if prefix else file
        group.attrs["layer_names"] = [name.encode() for name in names]
        group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.4.0"
        for name in names:
            shapes = WEIGHTS.get(name, list(ends) if name == "end" else [])
            titles = [f"{name}/w_{i}:0".encode() for i in range(len(shapes))]
            inside = group.create_group(name)
            inside.attrs["weight_names"] = titles
            for title, shape in zip(titles, shapes, strict=True):
                inside.create_dataset(title, data=rng.random(shape, np.float32))
    return path


@pytest.mark.parametrize("name", ["CHAIN", "TWO", "SERIES"])
def test_files_of_keras_2_compute_what_keras_computes(name, tmp_path):
    path = written(tmp_path / "old.h5", FILES[name], ends=ENDS.get(name, ()))
    ours = load_model(path)
    node = json.loads(json.dumps(FILES[name]))
    if name == "SERIES":  # Keras 3 does not know what its own Keras 2 wrote
        del node["config"]["layers"][1]["config"]["time_major"]
    path = written(tmp_path / "known.h5", node, ends=ENDS.get(name, ()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = keras.models.load_model(path, compile=False)
    close(ours, theirs, rows(theirs))


def test_a_list_of_layers_is_the_first_form_of_a_sequential(tmp_path):
    model = load_model(written(tmp_path / "old.h5", BARE))
    w, b, v, c = model.get_weights()
    x = RNG.random((5, 4), np.float32)
    z = np.maximum(x @ w + b, 0) @ v + c
    np.testing.assert_allclose(
        model.predict(x, verbose=0), 1 / (1 + np.exp(-z)), rtol=1e-5
    )


def test_what_compile_said_in_keras_2_is_taken_up(tmp_path):
    path = written(tmp_path / "old.h5", CHAIN, TRAINED)
    model = load_model(path)
    assert type(model.optimizer).__name__ == "Adam"
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    history = model.fit(RNG.random((8, 4)), np.eye(2)[np.arange(8) % 2], verbose=0)
    assert sorted(history.history) == ["accuracy", "loss"]


@pytest.mark.parametrize(
    "change", [{"loss": "no_such"}, {"optimizer_config": {"class_name": "Own"}}, {}]
)
def test_what_cannot_be_taken_up_is_warned_of(change, tmp_path):
    old = {"class_name": "Adam", "config": ADAM["config"] | {"decay": 0.1}}
    said = TRAINED | (change or {"optimizer_config": old})
    path = written(tmp_path / "old.h5", CHAIN, said)
    with pytest.warns(OnefitWarning, match="what compile said is not taken up"):
        model = load_model(path)
    assert model.optimizer is None
    assert load_model(path, compile=False).count_params() == model.count_params()


def test_an_old_gru_resets_before_the_product(tmp_path):
    node = json.loads(json.dumps(SERIES))
    del node["config"]["layers"][1]["config"]["reset_after"]
    shapes = WEIGHTS | {"gru": [(4, 9), (3, 9), (9,)]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WEIGHTS, "gru", shapes["gru"])
        path = written(tmp_path / "old.h5", node, ends=ENDS["SERIES"])
    gru = load_model(path).layers[1]
    assert gru.reset_after is False
    assert gru.bias.shape == (9,)


def test_weights_alone(tmp_path):
    path = written(tmp_path / "w.h5", CHAIN, prefix="")
    whole = load_model(written(tmp_path / "m.h5", CHAIN))
    model = onefit.Sequential(
        [
            onefit.Input((4,)),
            onefit.layers.Dense(3, "relu"),
            onefit.layers.BatchNormalization(),
            onefit.layers.LeakyReLU(0.3),
            onefit.layers.Dense(2, "softmax"),
        ]
    )
    for file in (path, tmp_path / "m.h5"):
        model.set_weights([w * 0 for w in model.get_weights()])
        model.load_weights(file)
        for one, other in zip(model.get_weights(), whole.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    theirs = sequential(keras)
    with h5py.File(tmp_path / "old.weights.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, theirs)
    ours = sequential(onefit)
    ours.load_weights(tmp_path / "old.weights.h5")
    close(ours, theirs, rows(ours))


# Files that are not what they should be -----------------------------------------------


def test_weights_of_another_model_change_nothing(tmp_path):
    path = written(tmp_path / "m.h5", CHAIN)
    for stack, told in (
        ([onefit.layers.Dense(3), onefit.layers.Dense(2)], "weights of 3 layers"),
        (
            [
                onefit.layers.Dense(3),
                onefit.layers.BatchNormalization(),
                onefit.layers.Dense(5),
            ],
            "kernel of shape",
        ),
    ):
        model = onefit.Sequential([onefit.Input((4,)), *stack])
        before = model.get_weights()
        with pytest.raises(ValueError, match=told):
            model.load_weights(path)
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


def damage(name):
    def lambda_layer(file):
        node = {
            "class_name": "Sequential",
            "config": {
                "name": "s",
                "layers": [
                    entrance("x", 4),
                    layer("Lambda", "f", function=["code", None, None]),
                ],
            },
        }
        file.attrs["model_config"] = json.dumps(node)

    def elsewhere(file):
        del file["model_weights/dense/dense/w_0:0"]
        file["model_weights/dense/dense/w_0:0"] = h5py.ExternalLink("o.h5", "/x")

    def bomb(file):
        del file["model_weights/dense/dense/w_0:0"]
        file.create_dataset(
            "model_weights/dense/dense/w_0:0", (1 << 16, 1 << 10), "f4", chunks=(1, 99)
        )

    def lacks(file):
        del file["model_weights/dense/dense/w_0:0"]

    def words(file):
        file.attrs["model_config"] = "no json"

    def many(file):
        file.attrs["model_config"] = ["a", "b"]

    return locals()[name]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("lambda_layer", "holds code"),
        ("elsewhere", "a link"),
        ("bomb", "declared"),
        ("lacks", "no array"),
        ("words", "no JSON"),
        ("many", "many parts"),
    ],
)
def test_a_file_is_not_trusted(how, told, tmp_path):
    path = written(tmp_path / "m.h5", CHAIN)
    with h5py.File(path, "a") as file:
        damage(how)(file)
    with pytest.raises(ValueError, match=told):
        load_model(path)


def test_no_file_and_no_layers(tmp_path):
    with pytest.raises(ValueError, match="no file"):
        load_model(tmp_path / "none.h5")
    with pytest.raises(ValueError, match="holds weights and no layers"):
        load_model(written(tmp_path / "w.h5", CHAIN, prefix=""))
    (tmp_path / "text.h5").write_text("abc")
    with pytest.raises(ValueError, match="no HDF5 file"):
        load_model(tmp_path / "text.h5")
    half = written(tmp_path / "half.h5", CHAIN)
    half.write_bytes(half.read_bytes()[:3000])
    with pytest.raises(ValueError, match="load_model"):
        load_model(half)
