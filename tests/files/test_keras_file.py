"""Keras' files: what is written opens in Keras, and the other way; bad files do not."""

import io
import json
import sys
import time
import warnings
import zipfile
import zlib

import h5py
import jax
import numpy as np
import pytest

import onefit
from onefit import Input, Layer, OnefitWarning, Sequential, layers
from onefit.files import atomic
from onefit.files import config as keras_config
from onefit.files import optimizer as keras_optimizer
from onefit.files.refusal import BadFile
from onefit.layers.base import layers as registry

RNG = np.random.default_rng(11)
X = RNG.normal(size=(10, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")

FIT = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def network(*, compiled=True, **options):
    inner = Sequential([layers.Dense(3), layers.PReLU()], name="inner")
    model = Sequential(
        [
            Input((4,)),
            layers.Dense(
                5, "relu", kernel_regularizer="l2", kernel_constraint="non_neg"
            ),
            layers.BatchNormalization(),
            layers.Dropout(0.0),
            inner,
            layers.Dense(1, "sigmoid", name="out"),
        ]
    )
    if compiled:
        told = {"optimizer": "adam", "loss": "binary_crossentropy"} | options
        model.compile(**told)
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network after two epochs, and its file as it was then."""
    path = tmp_path_factory.mktemp("trained") / "model.keras"
    model = network(metrics=["accuracy"])
    model.fit(X, Y, **FIT)
    model.save(path)
    return model, path


def equal(ours, theirs, tolerance=0.0):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# Round trips --------------------------------------------------------------------------


def test_training_goes_on_where_it_stopped(trained, keras, tmp_path):
    model, path = trained
    again, theirs = onefit.load_model(path), keras.models.load_model(path)
    equal(again.get_weights(), model.get_weights())
    equal(again.predict(X), model.predict(X))
    equal(np.asarray(theirs(X)), model.predict(X), 1e-6)
    assert again.to_json() == model.to_json()
    before = model.get_weights()
    expected = again.fit(X, Y, **FIT).history
    equal(model.get_weights(), before)  # the loaded model is another
    for name, values in theirs.fit(X, Y, **FIT).history.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-5)
    copy = onefit.load_model(path)
    assert copy.fit(X, Y, **FIT).history == expected
    # Back from Keras.
    theirs.save(tmp_path / "theirs.keras")
    back = onefit.load_model(str(tmp_path / "theirs.keras"))
    equal(back.get_weights(), theirs.get_weights())
    equal(back.predict(X), np.asarray(theirs(X)), 1e-6)
    for name, values in theirs.fit(X, Y, **FIT).history.items():
        ours = back.history or back.fit(X, Y, **FIT)
        np.testing.assert_allclose(values, ours.history[name], rtol=1e-5)


def test_weights_files_both_ways(trained, keras, tmp_path):
    model, path = trained
    file = tmp_path / "model.weights.h5"
    model.save_weights(file)
    theirs = keras.models.load_model(path)
    theirs.set_weights([w * 0 for w in theirs.get_weights()])
    theirs.load_weights(file)
    equal(theirs.get_weights(), model.get_weights())
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    for source in (file, tmp_path / "theirs.weights.h5", path):
        fresh = network()
        fresh.load_weights(source)
        equal(fresh.get_weights(), model.get_weights())
        equal(
            jax.tree.leaves(fresh.optimizer_state),
            jax.tree.leaves(onefit.load_model(path).optimizer_state),
        )
    other = network(optimizer="sgd")
    with pytest.warns(
        OnefitWarning, match="the state of 'adam'; expected that of 'sgd'"
    ):
        other.load_weights(file)
    equal(other.get_weights(), model.get_weights())


def test_weights_of_another_model_change_nothing(trained, tmp_path):
    trained[0].save_weights(tmp_path / "a.weights.h5")
    other = Sequential([Input((4,)), layers.Dense(6), layers.Dense(1)])
    before = other.get_weights()
    text = r"Dense 'dense': received kernel of shape \(4, 5\); expected shape \(4, 6\)"
    with pytest.raises(ValueError, match=text):
        other.load_weights(tmp_path / "a.weights.h5")
    smaller = Sequential([Input((4,)), layers.Dense(5)])
    with pytest.raises(ValueError, match="received weights at 'layers/batch_norm"):
        smaller.load_weights(tmp_path / "a.weights.h5")
    equal(other.get_weights(), before)


def test_models_from_json(trained, keras):
    model = trained[0]
    theirs = keras.models.model_from_json(model.to_json())
    assert theirs.count_params() == model.count_params()
    for text in (model.to_json(), theirs.to_json()):
        again = onefit.models.model_from_json(text)
        assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
        assert again.name == model.name
        assert again.optimizer.name == "adam"
        assert again.fit(X, Y, **FIT).epoch == [0, 1]
    assert onefit.models.model_from_json(model.to_json()).to_json() == model.to_json()
    inner = Sequential([layers.Dense(2), Sequential([layers.Dense(1)])], name="open")
    again = onefit.models.model_from_json(inner.to_json())
    assert not again.built
    assert again.build((None, 3)).count_params() == 11
    assert not onefit.models.model_from_json(keras.Sequential().to_json()).layers


def test_json_that_is_refused(trained):
    def refused(text, match, **told):
        with pytest.raises(ValueError, match=match) as caught:
            onefit.models.model_from_json(text, **told)
        assert isinstance(caught.value, BadFile)

    text = trained[0].to_json()
    refused("{", "model_from_json: received text that is no JSON")
    refused("[]", "received text of no model")
    refused("{}", "received no model")
    refused(text.replace('"name"', '"name": 1, "name"'), "the name 'name' twice")
    refused("[" * 900 + "]" * 900, "text of no model|no JSON")
    refused('{"a": ' * 400 + "1" + "}" * 400, "more than 200 deep")
    refused(text.replace('"Dropout"', '"Lambda"'), "which holds code")
    refused(text.replace('"PReLU"', '"Evil"'), "Unknown layer 'Evil'")
    refused(text.replace('"units": 5', '"units": 1000000000000'), "Limits.size=")
    limits = onefit.interop.Limits(size=1 << 24)
    refused(text.replace('"units": 5', '"units": 9000000'), "Limits", limits=limits)
    with pytest.raises(TypeError, match="received dict; expected text"):
        onefit.models.model_from_json({})

    class Own(Layer):
        def apply(self, params, state, x, *, training=False, key=None):
            return x, state

    text = Sequential([Input((2,)), Own()]).to_json()
    registry._known.pop("own")
    again = onefit.models.model_from_json(text, {"Own": Own})
    assert type(again.layers[0]) is Own


def plain(config):
    return json.loads(json.dumps(config, default=lambda a: np.asarray(a).tolist()))


REQUIRED = {
    "Dice": {},
    "F1Score": {"threshold": 0.5},
    "FBetaScore": {"beta": 2.0, "average": "macro"},
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "Constant": {"value": 2.0},
    "AUC": {"num_thresholds": 20, "curve": "PR"},
    "Huber": {"delta": 2.0},
    "PiecewiseConstantDecay": {"boundaries": [1, 2], "values": [0.1, 0.01, 0.001]},
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "ExponentialDecay": {
        "initial_learning_rate": 0.1,
        "decay_steps": 10,
        "decay_rate": 0.5,
    },
    "InverseTimeDecay": {
        "initial_learning_rate": 0.1,
        "decay_steps": 10,
        "decay_rate": 0.5,
    },
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
}
BASES = {"FunctionSchedule", "LossFunctionWrapper", "MeanMetricWrapper", "Optimizer"}
BASES |= {"LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}  # made of optimizers
BASES |= {"CosineLogCycles", "FlatCosineDecay"}  # Keras has none like these
OBJECTS = [
    (module, name)
    for module, room in keras_config.ROOMS.items()
    if module != "keras.layers"
    for name, cls in room.public().items()
    if cls is not room.base and name == cls.__name__ and name not in BASES
]


@pytest.mark.parametrize(("module", "name"), OBJECTS, ids=lambda v: v)
def test_every_object_both_ways(module, name, keras):
    settings = REQUIRED.get(name, {})
    ours = keras_config.ROOMS[module].public()[name](**settings)
    told = getattr(eval(module, {"keras": keras}), name)(**settings)
    node = json.loads(json.dumps(keras_config.wrapped(ours)))
    theirs = keras.saving.deserialize_keras_object(node)
    first, second = plain(theirs.get_config()), plain(told.get_config())
    for config in (first, second):
        config.pop("name", None)
    assert first == second
    node = plain(keras.saving.serialize_keras_object(theirs))
    back = keras_config.Reader().value(node, "test")
    lost = {"Huber": {"delta"}}.get(name, set())  # Keras does not write it
    again, config = back.get_config(), ours.get_config()
    for key in {"dtype", "name", *lost}:
        again.pop(key, None)
        config.pop(key, None)
    assert rounded(again) == rounded(config)


def rounded(config):
    """Settings as JSON has them; a learning rate comes back in float32."""
    return json.loads(
        json.dumps(config), parse_float=lambda text: float(np.float32(text))
    )


OPTIMIZERS = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9},
    "SGD nesterov": {"momentum": 0.9, "nesterov": True},
    "RMSprop": {},
    "RMSprop centered": {"momentum": 0.5, "centered": True},
    "Adagrad": {},
    "Adadelta": {},
    "Adam": {"amsgrad": True},
    "Adam clipnorm": {"clipnorm": 1.0},
    "Adam all": {"use_ema": True, "gradient_accumulation_steps": 3},
    "AdamW": {},
    "Adamax": {},
    "Nadam": {},
    "Ftrl": {},
    "Lion": {},
    "Lamb": {},
    "Adafactor": {},
    "Muon": {},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_takes_the_same_next_step(name, keras, tmp_path):
    model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(1)])
    frozen = layers.Dense(1, trainable=False)
    model.add(frozen)
    model.compile(
        getattr(onefit.optimizers, name.split()[0])(0.25, **OPTIMIZERS[name]), "mse"
    )
    layout = keras_optimizer._Layout(model.graph, model.optimizer)
    fresh, structure = jax.tree.flatten(layout.fresh)
    state = structure.unflatten(
        [
            RNG.uniform(0.1, 0.4, a.shape).astype("f4")
            if a.dtype.kind == "f"
            else np.int32(4)
            for a in fresh
        ]
    )
    state["learning_rate"] = np.float32(0.25)
    steps = 4 // (OPTIMIZERS[name].get("gradient_accumulation_steps") or 1)
    state["slots"] = keras_optimizer._counted(state["slots"], np.int32(steps))
    model.optimizer_state = state
    model.save(tmp_path / "a.keras")
    again = onefit.load_model(tmp_path / "a.keras")
    assert jax.tree.structure(again.optimizer_state) == structure
    equal(jax.tree.leaves(again.optimizer_state), jax.tree.leaves(state))

    theirs = keras.models.load_model(tmp_path / "a.keras")
    theirs.save(tmp_path / "b.keras")
    back = onefit.load_model(tmp_path / "b.keras")
    equal(jax.tree.leaves(back.optimizer_state), jax.tree.leaves(state))

    grads = [RNG.normal(size=w.shape).astype("f4") for w in theirs.trainable_variables]
    step = jax.jit(
        model.optimizer.update, compiler_options={"xla_backend_optimization_level": 0}
    )
    moved, _ = step(layout._packed(grads), state, layout.packed)
    new, _ = jax.jit(
        theirs.optimizer.stateless_apply,
        compiler_options={"xla_backend_optimization_level": 0},
    )(
        [v.value for v in theirs.optimizer.variables],
        grads,
        [v.value for v in theirs.trainable_variables],
    )
    equal(layout._listed(jax.tree.map(np.asarray, moved)), new, 1e-4)


def test_a_schedule_and_objects_in_compile(keras, tmp_path):
    schedule = onefit.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    model = network(
        optimizer=onefit.optimizers.SGD(schedule, momentum=0.5),
        loss=onefit.losses.BinaryFocalCrossentropy(gamma=1.5),
        metrics=["rmse", onefit.metrics.mean_squared_error],
        weighted_metrics=[onefit.metrics.BinaryAccuracy(threshold=0.25)],
    )
    expected = model.evaluate(X, Y, verbose=0, return_dict=True)
    model.save(tmp_path / "a.keras")
    again = onefit.load_model(tmp_path / "a.keras")
    assert again.evaluate(X, Y, verbose=0, return_dict=True) == expected
    theirs = keras.models.load_model(tmp_path / "a.keras")
    values = theirs.evaluate(X, Y, verbose=0, return_dict=True)
    assert values == pytest.approx(expected, rel=1e-5)
    assert float(theirs.optimizer.learning_rate) == pytest.approx(0.1)
    theirs.save(tmp_path / "b.keras")
    back = onefit.load_model(tmp_path / "b.keras")
    assert back.optimizer.get_config() == model.optimizer.get_config()


def test_keras_own_ways_of_saying_things(keras, tmp_path):
    """Names for the optimizer and loss, functions, an optimizer without a step."""
    theirs = keras.Sequential(
        [
            keras.layers.Dense(3, activation=keras.activations.tanh),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    theirs.build((None, 4))
    theirs.compile(
        "rmsprop",
        keras.losses.sparse_categorical_crossentropy,
        metrics=["acc", keras.metrics.sparse_categorical_accuracy],
    )
    theirs.optimizer.learning_rate = 0.125
    theirs.save(tmp_path / "a.keras")
    ours = onefit.load_model(tmp_path / "a.keras")
    equal(ours.predict(X), np.asarray(theirs(X)), 1e-6)
    assert ours.optimizer.learning_rate == 0.125
    assert type(ours.loss).__name__ == "SparseCategoricalCrossentropy"
    assert set(ours.evaluate(X, Y[:, 0], verbose=0, return_dict=True)) == {
        "loss",
        "acc",
        "sparse_categorical_accuracy",
    }
    assert onefit.load_model(tmp_path / "a.keras", compile=False).optimizer is None


# A caller's own classes and functions -------------------------------------------------


class OwnScale(Layer):
    start: float = 1.0

    def init(self, rng, input_shape):
        return {"gain": np.full(input_shape[-1], self.start, "float32")}, {}

    def apply(self, params, state, x, *, training=False, key=None):
        return x * params["gain"], state


def own_loss(y_true, y_pred):
    return (y_true - y_pred) ** 2


def test_own_layer_and_function(tmp_path):
    path = tmp_path / "a.keras"
    model = Sequential(
        [Input((4,)), OwnScale(2.0), layers.Dense(1, activation=own_loss_1)]
    )
    model.compile("sgd", own_loss)
    model.save(path)
    functions = {"own_loss": own_loss, "own_loss_1": own_loss_1}
    # A class that this program defines is known; a function has to be handed over.
    again = onefit.load_model(path, custom_objects=functions)
    assert type(again.layers[0]) is OwnScale
    assert again.loss.fn is own_loss
    equal(again.predict(X), model.predict(X))
    text = (
        "layer 'dense', Dense: received settings.* activation 'own_loss_1'.*custom_ob"
    )
    with pytest.raises(ValueError, match=text):
        onefit.load_model(path)
    text = "compile: received .*Unknown loss 'own_loss'.*custom_objects=.*compile=False"
    with pytest.raises(ValueError, match=text):
        onefit.load_model(path, custom_objects={"own_loss_1": own_loss_1})
    again = onefit.load_model(path, {"own_loss_1": own_loss_1}, compile=False)
    equal(again.predict(X), model.predict(X))
    edit(path, lambda c: swap(c, "class_name", "OwnScale", "OwnScal"))
    assert onefit.load_model(path, functions).layers[0].start == 2.0  # registered_name
    edit(path, lambda c: swap(c, "registered_name", "OwnScale", "OwnScal"))
    with pytest.raises(
        ValueError,
        match=r"layer 'own_scale': Unknown layer 'OwnScal'. Did you mean 'OwnScale'.*"
        r"nothing is imported for a file.*custom_objects=\{'OwnScal': ...\}",
    ):
        onefit.load_model(path, custom_objects=functions)
    edit(path, lambda c: swap(c, "registered_name", "OwnScal", "Pack>Other"))
    again = onefit.load_model(path, functions | {"Other": OwnScale})
    equal(again.get_weights(), model.get_weights())
    with pytest.raises(
        ValueError, match="custom_objects: received 'a': 1; expected cl"
    ):
        onefit.load_model(path, custom_objects={"a": 1})


def own_loss_1(x):
    return x + 1.0


def own_initializer(shape):
    return np.full(shape, 2.0)


def own_rate(step):
    return 0.1 / (1 + step)


def test_own_functions_everywhere(tmp_path):
    path = tmp_path / "a.keras"
    model = Sequential(
        [Input((4,)), layers.Dense(1, kernel_initializer=own_initializer)]
    )
    model.compile(onefit.optimizers.SGD(own_rate), "mse", metrics=[own_loss])
    model.save(path)
    own = {f.__name__: f for f in (own_initializer, own_rate, own_loss)}
    again = onefit.load_model(path, own)
    assert again.to_json() == model.to_json()
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    del own["own_rate"]
    with pytest.raises(
        ValueError, match=r"SGD: received settings .*'own_rate'.*custom_o"
    ):
        onefit.load_model(path, own)


def test_a_layer_as_activation(keras, tmp_path):
    path = tmp_path / "a.keras"
    model = Sequential([Input((4,)), layers.Dense(3, layers.LeakyReLU(0.125))])
    model.save(path)
    equal(onefit.load_model(path).predict(X), model.predict(X))
    equal(np.asarray(keras.models.load_model(path)(X)), model.predict(X), 1e-6)


def test_a_class_of_ones_own_does_not_shadow_the_house(tmp_path):
    path = tmp_path / "a.keras"
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.save(path)
    kept = dict(registry._known)
    try:
        type("Dense", (Layer,), {"__module__": "elsewhere"})
        assert type(onefit.load_model(path).layers[0]) is layers.Dense
    finally:
        registry._known.clear()
        registry._known.update(kept)


def test_what_has_no_name_leaves_compile_out(tmp_path):
    model = network(loss=lambda y_true, y_pred: (y_true - y_pred) ** 2)
    text = "what compile said is not saved: .*a function without a name"
    with pytest.warns(OnefitWarning, match=text):
        model.save(tmp_path / "a.keras")
    assert onefit.load_model(tmp_path / "a.keras").optimizer is None


def test_an_optimizer_with_a_rule_of_its_own_is_saved_without_its_state(tmp_path):
    from onefit.optimizers import SGD
    from onefit.optimizers.base import optimizers

    kept = dict(optimizers._known)
    try:
        # Its rule is written anew, so that SGD's slots need not be its own.
        body = {"__module__": "elsewhere", "rule": SGD.rule}
        own = type("OwnSGD", (SGD,), body)
        model = network(optimizer=own(0.5))
        with pytest.warns(
            OnefitWarning, match="state is not saved: OwnSGD: received an"
        ):
            model.save(tmp_path / "a.keras")
        again = onefit.load_model(tmp_path / "a.keras")
        assert type(again.optimizer) is own
        assert again.optimizer.learning_rate == 0.5
    finally:
        optimizers._known.clear()
        optimizers._known.update(kept)


# What is refused on writing -----------------------------------------------------------


def test_what_cannot_be_saved(tmp_path, monkeypatch):
    model = network(compiled=False)
    text = r"filepath='a.txt'; expected a name that ends in .*\. Write 'a\.keras'"
    with pytest.raises(ValueError, match=text):
        model.save("a.txt")
    with pytest.raises(ValueError, match=r"ends in \.weights\.h5"):
        model.save_weights(tmp_path / "a.keras")
    unbuilt = Sequential([layers.Dense(1)], name="unbuilt")
    text = "'unbuilt', which has no weights yet; expected a model that was built"
    with pytest.raises(ValueError, match=text):
        unbuilt.save(tmp_path / "a.keras")
    with pytest.raises(ValueError, match="a folder that does not exist"):
        model.save(tmp_path / "no" / "a.keras")
    function = Sequential([Input((4,)), layers.Lambda(lambda x: x)])
    with pytest.raises(ValueError, match="Lambda 'lambda': received a request for"):
        function.save(tmp_path / "a.keras")
    assert not list(tmp_path.iterdir())
    model.save(tmp_path / "a.keras", overwrite=False)
    with pytest.raises(ValueError, match="which exists; expected a new name"):
        model.save(tmp_path / "a.keras", overwrite=False)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "onefit\[files\]"'):
        model.save(tmp_path / "b.keras")
    with pytest.raises(ImportError, match=r'pip install "onefit\[files\]"'):
        onefit.load_model(tmp_path / "a.keras")


@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(place, trained, tmp_path, monkeypatch):
    path = tmp_path / "a.keras"
    network().save(path)
    old = path.read_bytes()

    def fails(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic.os, place, fails)
    with pytest.raises(KeyboardInterrupt):
        trained[0].save(path)
    monkeypatch.undo()
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.keras"]
    trained[0].save(path)
    assert path.read_bytes() != old


# Files that are not to be trusted -----------------------------------------------------


def members(path):
    with zipfile.ZipFile(path) as file:
        return [(name, file.read(name)) for name in file.namelist()]


def rewrite(path, pairs, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, data in pairs:
            file.writestr(name, data)


def edit(path, change):
    """Changes the config in place."""
    pairs = dict(members(path))
    config = json.loads(pairs["config.json"])
    pairs["config.json"] = json.dumps(change(config) or config).encode()
    rewrite(path, pairs.items())


def swap(node, key, old, new):
    if isinstance(node, dict):
        if node.get(key) == old:
            node[key] = new
        for value in node.values():
            swap(value, key, old, new)
    elif isinstance(node, list):
        for value in node:
            swap(value, key, old, new)


def edit_weights(path, change):
    """Changes the HDF5 file in place."""
    pairs = dict(members(path))
    buffer = io.BytesIO(pairs["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        change(file)
    pairs["model.weights.h5"] = buffer.getvalue()
    rewrite(path, pairs.items())


def layer_config(config, number=1):
    return config["config"]["layers"][number]


def evil(config):
    layer_config(config).update(module="os", class_name="system", registered_name=None)


def evil_activation(config):
    layer_config(config)["config"]["activation"] = {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    }


def evil_initializer(config):
    layer_config(config)["config"]["kernel_initializer"] = {
        "module": "subprocess",
        "class_name": "Popen",
        "config": {"args": "touch /tmp/evil"},
        "registered_name": None,
    }


def to_lambda(config):
    layer_config(config).update(
        class_name="Lambda",
        config={"name": "f", "function": {"class_name": "__lambda__", "config": {}}},
    )


def lambda_setting(config):
    layer_config(config)["config"]["activation"] = {
        "class_name": "__lambda__",
        "config": {"value": ["4wEA"]},
    }


def setting(**values):
    return lambda config: layer_config(config)["config"].update(values)


def functional(config):
    config["class_name"] = "Functional"
    config["config"].pop("build_input_shape")


def subclassed(config):
    config.update(class_name="Stranger", module="keras", registered_name="Own>Stranger")


def many(config):
    config["config"]["layers"] *= 1000


def deep(config):
    node = config
    for _ in range(300):
        node = {
            "module": "keras",
            "class_name": "Sequential",
            "config": {"name": "s", "layers": [node]},
        }
    return node


CONFIGS = {
    "names os.system": (
        evil,
        r"Unknown layer 'system'\..*of 'os'; nothing is imported",
    ),
    "an activation of os": (evil_activation, "Unknown activation 'system'"),
    "a Popen": (evil_initializer, r"Dense: Unknown class 'Popen'.*nothing is imported"),
    "a Lambda": (to_lambda, "received a Lambda layer, which holds code"),
    "a lambda": (lambda_setting, "received a lambda, which is code"),
    "a misspelt layer": (
        lambda c: layer_config(c).update(class_name="Dens"),
        "layer 'dense': Unknown layer 'Dens'. Did you mean 'Dense'",
    ),
    "an unknown setting": (
        setting(spin=2),
        r"Dense: received spin=2; expected settings",
    ),
    "quantization": (
        setting(quantization_config={"a": 1}),
        "received quantization_config=a dict of 1",
    ),
    "a quarter of the digits": (setting(dtype="float8"), "received dtype='float8'"),
    "a bad value": (setting(units=-1), "settings that it refuses .*units=-1"),
    "a bad type": (setting(units={"a": []}), "layer 'dense', Dense: received settings"),
    "an odd axis": (
        lambda c: layer_config(c, 2)["config"].update(axis=9),
        "BatchNormalization 'batch_normalization': received axis 9",
    ),
    "more units than weights": (
        setting(units=10**12),
        "Dense 'dense': received 25 numbers at 'layers/dense'; expected 4,000,000,000,",
    ),
    "an endless input": (
        lambda c: layer_config(c, 0)["config"].update(batch_shape=[None, 10**13]),
        "shape .* in an example; expected 268,435,456 numbers at most",
    ),
    "functional": (functional, "layer 'input_layer': received None; expected a name"),
    "a subclass": (
        subclassed,
        "received a Stranger model; expected a Sequential, or a Mo",
    ),
    "too many layers": (many, "received 6,000 layers; expected 2,000 at most"),
    "too deep": (deep, "load_model.*received"),
    "a name of another type": (setting(name=5), "received 5; expected a name"),
    "no layers": (
        lambda c: c["config"].update(layers=None),
        "a Sequential without layers",
    ),
    "a list": (lambda c: [1], "received a config.json of no model"),
    "no weights for a layer": (
        lambda c: c["config"]["layers"].append(
            {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}}
        ),
        "received 0 arrays at 'layers/dense_2'; expected 2",
    ),
    "a layer too few": (
        lambda c: c["config"].update(layers=c["config"]["layers"][:-1]),
        "received weights at 'layers/dense_1'; expected those of the model's layers",
    ),
    "an unknown loss": (
        lambda c: c["compile_config"].update(loss="mes"),
        r"compile: received what compile refuses \(Unknown loss 'mes'.*compile=False",
    ),
    "another optimizer": (
        lambda c: c["compile_config"].update(optimizer="sgd"),
        "SGD: received 20 variables of an optimizer; expected 2, ",
    ),
}


def bad(path, match):
    """It is refused within a second, by a ValueError with this text."""
    begin = time.thread_time()
    with pytest.raises(ValueError, match=match) as caught:
        onefit.load_model(path)
    assert time.thread_time() - begin < 5
    assert isinstance(caught.value, BadFile)
    assert len(str(caught.value)) < 1500


@pytest.fixture
def copy(trained, tmp_path):
    path = tmp_path / "copy.keras"
    path.write_bytes(trained[1].read_bytes())
    return path


@pytest.mark.parametrize("case", CONFIGS)
def test_bad_configs(case, copy):
    change, match = CONFIGS[case]
    edit(copy, change)
    bad(copy, match)


def bomb(file):
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", (4, 1 << 26), "f4", chunks=(4, 1 << 16))


def endless(file):
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", (4, 1 << 60), "f4", chunks=(4, 1 << 16))


def linked(link):
    def change(file):
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = link

    return change


def external(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset(
        "0", (4, 5), "f4", external=[("/etc/passwd", 0, 80)]
    )


def virtual(file):
    del file["layers/dense/vars/0"]
    layout = h5py.VirtualLayout((4, 5), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", (4, 5))
    file["layers/dense/vars"].create_virtual_dataset("0", layout)


def text(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = "text"


def transposed(file):
    value = file["layers/dense/vars/0"][()].T
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = value


def grouped(file):
    del file["layers/dense/vars/0"]
    file.create_group("layers/dense/vars/0")


WEIGHTS = {
    "a shape bomb": (bomb, "1,073,741,824 bytes declared at 'layers/dense/vars/0'"),
    "an endless shape": (endless, "bytes declared at 'layers/dense/vars/0'"),
    "a soft link": (
        linked(h5py.SoftLink("/x")),
        r"a link \(SoftLink\) at 'layers/dense/vars/0'",
    ),
    "an external link": (
        linked(h5py.ExternalLink("f", "/")),
        r"a link \(ExternalLink\) at",
    ),
    "external storage": (external, "an array of other files at"),
    "a virtual array": (virtual, "an array of other files at"),
    "text": (text, "expected plain numbers"),
    "a group": (grouped, "no array at 'layers/dense/vars/0'"),
    "another shape": (
        transposed,
        r"Dense 'dense': received kernel of shape \(5, 4\); expected shape \(4, 5\)",
    ),
    "an array too few": (
        lambda f: f.__delitem__("layers/dense/vars/1"),
        r"received 1 arrays at 'layers/dense'; expected 2 \(kernel, bias\)",
    ),
    "an array too many": (
        lambda f: f.create_dataset("layers/dense/vars/2", data=1.0),
        "received 3 arrays at 'layers/dense'; expected 2",
    ),
    "more inside": (
        lambda f: f.create_dataset("layers/dense/lora/vars/0", data=1.0),
        "weights at 'layers/dense/lora'",
    ),
    "a circle": (
        lambda f: f.create_group("layers/a").__setitem__("a", f["layers/a"]),
        "a circle of groups at 'layers/a/a'",
    ),
    "an array for a group": (
        lambda f: (f.__delitem__("layers"), f.create_dataset("layers", data=1.0)),
        "an array at 'layers/dense'; expected a group",
    ),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_bad_weights(case, copy):
    change, match = WEIGHTS[case]
    edit_weights(copy, change)
    bad(copy, match)


def test_bad_zips(copy, tmp_path):
    pairs = members(copy)
    whole = copy.read_bytes()

    def zipped(*more, drop=None, **options):
        rewrite(copy, [p for p in pairs if p[0] != drop] + list(more), **options)

    copy.write_bytes(whole[: len(whole) // 2])
    bad(copy, "received no zip file, or a part; expected a whole .keras file")
    copy.write_bytes(b"")
    bad(copy, "received no zip file")
    copy.write_bytes(dict(pairs)["model.weights.h5"])
    bad(copy, r"received an HDF5 file; expected a whole \.keras file.*in Keras by")
    zipped(("../../evil.py", b"1"))
    bad(copy, r"received members '\.\./\.\./evil\.py', 'config\.json'")
    zipped(("assets/x", b"1"))
    bad(copy, "'assets/x'.*once each")
    zipped(("config.json", b"{}"))
    bad(copy, "'config.json', 'config.json', .*once each")
    zipped(drop="model.weights.h5")
    bad(copy, "received members 'config.json', 'metadata.json'; expected")
    zipped(("config.json", b"{"), drop="config.json")
    bad(copy, "a config.json that is no JSON")
    zipped(("config.json", b"[" * 100_000), drop="config.json")
    bad(copy, "a config.json that is no JSON")
    zipped(("config.json", b" " * (65 << 20)), drop="config.json")
    bad(copy, "config.json of 68,157,440 bytes")
    zipped(
        ("model.weights.h5", bytes(32 << 20)),
        drop="model.weights.h5",
        compression=zipfile.ZIP_DEFLATED,
    )
    bad(copy, r"model\.weights\.h5 of 33,554,432 bytes, packed in")
    zipped(("model.weights.h5", b"no HDF5"), drop="model.weights.h5")
    bad(copy, "weights that are no HDF5 file")
    weights = dict(pairs)["model.weights.h5"]
    zipped(("model.weights.h5", weights[:3000]), drop="model.weights.h5")
    bad(copy, "weights that are no HDF5 file")
    damaged = bytearray(whole)
    at = whole.index(b"Sequential")
    damaged[at : at + 4] = b"XXXX"
    copy.write_bytes(bytes(damaged))
    bad(copy, "a file that does not open .BadZipFile: Bad CRC")
    copy.write_bytes(whole)
    with pytest.raises(
        ValueError, match=r"received a path with no file.*'.*copy\.keras'"
    ):
        onefit.load_model(tmp_path / "copi.keras")
    with pytest.raises(ValueError, match="received a path with no file"):
        onefit.load_model(tmp_path / "a.h5")
    with pytest.raises(ValueError, match="received a path with no file"):
        network().load_weights(tmp_path / "none.weights.h5")


def field(data, name, offset, value, width=4):
    """A zip with a field of a member's entry in the list set to a value."""
    found, at = bytearray(data), data.rindex(name.encode()) - 46
    found[at + offset : at + offset + width] = value.to_bytes(width, "little")
    return bytes(found)


def test_zips_that_lie(copy):
    whole, pairs = copy.read_bytes(), members(copy)

    def lies(match, name, offset, value, width=4):
        copy.write_bytes(field(whole, name, offset, value, width))
        bad(copy, match)

    weights = len(dict(pairs)["model.weights.h5"])
    lies("config.json, encrypted; expected members that", "config.json", 8, 1, 2)
    lies("config.json, packed by method 12", "config.json", 10, 12, 2)
    lies("over what comes next", "config.json", 20, 1 << 30)
    lies("over what comes next|does not open", "config.json", 42, 0)
    lies("over what comes next|does not open", "config.json", 42, len(whole))
    lies("4,294,967,294 bytes, packed", "model.weights.h5", 24, (1 << 32) - 2)
    lies("bytes; expected|does not open", "model.weights.h5", 24, weights + 9)
    lies("does not open|no HDF5", "model.weights.h5", 24, weights - 9)
    # More members than can be listed in little memory.
    rewrite(copy, [*pairs, *((f"{i}" * 9, b"") for i in range(20_000))])
    bad(copy, "a list of members without end")
    copy.write_bytes(whole[:-22] + b"\0" * (1 << 21) + whole[-22:])
    bad(copy, "does not open|received")


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_a_member_is_unpacked_no_further_than_it_says(copy):
    """300 MB that say that they are a thousand bytes."""
    import tracemalloc

    pairs = [p for p in members(copy) if p[0] != "model.weights.h5"]
    rewrite(
        copy, [*pairs, ("model.weights.h5", bytes(300 << 20))], zipfile.ZIP_DEFLATED
    )
    data = field(copy.read_bytes(), "model.weights.h5", 24, 1000)
    data = field(data, "model.weights.h5", 16, zlib.crc32(bytes(1000)))
    copy.write_bytes(data)
    tracemalloc.start()
    bad(copy, "no HDF5 file|does not open")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_every_cut_is_refused(trained, tmp_path):
    """Cut anywhere, a file is refused in words."""
    whole = trained[1].read_bytes()
    path = tmp_path / "cut.keras"
    for end in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:end])
        bad(path, "received")


def test_limits_are_the_callers(copy):
    config = len(dict(members(copy))["config.json"])
    for limits, text in (
        ({"size": 100}, r"model\.weights\.h5 of .*Limits\(size=200\) or more"),
        ({"config": config - 1}, r"config\.json of .*Limits\(config="),
        ({"values": 10}, r"very many values; expected 10 .*Limits\(values=20\)"),
        ({"depth": 3}, r"more than 3 deep; .*Limits\(depth=6\)"),
        ({"layers": 4}, r"6 layers; expected 4 at most\. .*Limits\(layers=8\)"),
        ({"arrays": 3}, r"groups without end; .*Limits\(arrays=6\)"),
        ({"example": 2}, r"shape \(None, 4\) in an example; .*Limits\(example=4\)"),
    ):
        with pytest.raises(ValueError, match=text):
            onefit.load_model(copy, limits=onefit.interop.Limits(**limits))
    edit(copy, lambda config: config.update(extra=list(range(2000))))
    limits = onefit.interop.Limits(values=1000)
    with pytest.raises(ValueError, match="very many values"):
        onefit.load_model(copy, limits=limits)
    onefit.load_model(copy)


@pytest.mark.parametrize("ending", ["keras", "weights.h5", "h5"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16"])
def test_weights_of_half_the_digits_come_back(tmp_path, ending, dtype):
    """Also of bfloat16, which HDF5 has no name for; Keras reads them as well."""
    import keras

    def made(library):
        rooms = library.layers
        return library.Sequential([rooms.Input((3,)), rooms.Dense(2, dtype=dtype)])

    path, model = tmp_path / f"model.{ending}", made(onefit)
    x = np.ones((2, 3), "float32")
    y = np.asarray(model(x), "float32")
    (model.save_weights if "weights" in ending else model.save)(path)
    other = made(onefit)
    if "weights" in ending:
        other.load_weights(path)
    else:
        other = onefit.load_model(path)
    np.testing.assert_array_equal(np.asarray(other(x), "float32"), y)
    assert other.weights[0].dtype == model.weights[0].dtype
    if ending == "h5":
        return  # Keras' reader of old files knows no bfloat16
    theirs = made(keras)
    theirs.load_weights(path)
    np.testing.assert_allclose(np.asarray(theirs(x), "float32"), y, rtol=1e-2)
    theirs.save_weights(tmp_path / "their.weights.h5")
    other = made(onefit)
    other.load_weights(tmp_path / "their.weights.h5")
    np.testing.assert_array_equal(np.asarray(other(x), "float32"), y)


class Holding(Layer):
    """What it is made of is in its config as it is, without a from_config."""

    def __init__(self, parts, loss=None, **kwargs):
        super().__init__(**kwargs)
        self.parts_, self.loss_ = parts, loss

    def get_config(self):
        return super().get_config() | {"parts": self.parts_, "loss": self.loss_}

    def call(self, x):
        parts = self.parts_
        for part in parts.values() if isinstance(parts, dict) else [parts]:
            x = part(x)
        return x


def two_layers():
    x = Input((3,))
    return onefit.Model(x, layers.Dense(2)(layers.Dense(4)(x)))


@pytest.mark.parametrize(
    "parts",
    [
        lambda: layers.Dense(4),
        lambda: {"a": layers.Dense(4), "b": layers.Dense(3, "relu")},
        lambda: Sequential([layers.Dense(4), layers.Dense(2)]),
        two_layers,
        lambda: {"a": two_layers(), "b": layers.Dense(3)},
    ],
    ids=["layer", "layers", "sequential", "functional", "several"],
)
def test_layers_and_models_in_a_config_are_made_of_a_file(tmp_path, parts):
    parts = parts()
    holding = Holding(parts, loss=onefit.losses.Huber(2.0))
    model = Sequential([Input((3,)), holding])
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("f4")
    model.save(tmp_path / "a.keras")
    other = onefit.load_model(tmp_path / "a.keras", custom_objects={"Holding": Holding})
    np.testing.assert_array_equal(model(x), other(x))
    assert other.layers[0].loss_.delta == 2.0
    assert type(other.layers[0].parts_) is type(parts)


def doubled(x):
    return 2 * x


@onefit.saving.register_keras_serializable("tests")
def tripled(x, times=3):
    return times * x


def lambdas():
    return Sequential(
        [
            Input((3,)),
            layers.Lambda(doubled),
            layers.Lambda(tripled, arguments={"times": 5}),
            layers.Lambda(onefit.activations.relu),
        ]
    )


def test_a_function_with_a_name_is_saved_by_it_and_never_imported(tmp_path):
    import keras

    model, path = lambdas(), tmp_path / "a.keras"
    x = np.arange(-3.0, 3).reshape(2, 3)
    y = 10 * np.maximum(x, 0)
    model.save(path)
    with pytest.raises(BadFile, match=r"function='doubled'.*custom_objects={'name'"):
        onefit.load_model(path)
    known = {"doubled": doubled}
    for other in (
        onefit.load_model(path, custom_objects=known),
        onefit.models.clone_model(model),
        onefit.models.model_from_json(model.to_json(), custom_objects=known),
    ):
        np.testing.assert_array_equal(other(x), y)
    known |= {"tests>tripled": tripled, "relu": keras.ops.relu}
    theirs = keras.models.load_model(path, custom_objects=known, safe_mode=False)
    np.testing.assert_array_equal(np.asarray(theirs(x)), y)


def test_a_function_without_a_name_is_code_and_not_saved(tmp_path):
    model = Sequential([Input((3,)), layers.Lambda(lambda x: 2 * x)])
    with pytest.raises(ValueError, match=r"without a name.* and Lambda\(double\)"):
        model.save(tmp_path / "a.keras")
    assert not (tmp_path / "a.keras").exists()
