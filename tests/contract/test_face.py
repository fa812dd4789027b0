"""The face of objects: what Keras' object can be asked, ours can, with like answers.

Each row of the contract of layers, and each metric, is made here and in Keras with the
same settings; what is left out is in the lists below, each with its reason.
"""

import functools
import inspect
from typing import Any

import jax
import numpy as np
import pytest
from layer_rows import ROWS, Row

import onefit
from onefit import layers, metrics

FIRST = {row.layer: row for row in reversed(ROWS) if row.oracle}
every_layer = pytest.mark.parametrize("row", FIRST.values(), ids=str)

LISTS = ("weights", "trainable_weights", "non_trainable_weights", "trainable_variables")

# Names of Keras' layers that ours lack.
SUBCLASSES = {  # what a subclass in Keras' style writes or calls
    *("add_metric", "add_variable", "add_weight"),
    *("call_signature_parameters", "symbolic_call"),
    "rematerialized_call",
}
SPECIAL = {  # for machines and formats that the library does not have
    *("quantization_config",),
    *("gptq_unpacked_column_size", "quantized_build", "quantized_call"),
    *("variable_serialization_spec", "convolution_op", "pool_mode", "implementation"),
    *("inner_loop", "single_state", "seed_generator", "backend", "generator"),
    *("get_dropout_mask", "get_recurrent_dropout_mask", "reset_dropout_mask"),
    *("reset_recurrent_dropout_mask", "get_random_transformation", "convert_weight"),
    *("get_transformed_x_y", "get_clipped_bbox", "get_elastic_transform_params"),
    *("get_shifted_bbox", "height_lower", "height_upper", "width_lower"),
    *("width_upper", "height_axis", "width_axis", "transform_bounding_boxes"),
    *("transform_images", "transform_labels", "transform_segmentation_masks"),
    *("transform_single_bounding_box", "transform_single_image"),
    *("transform_single_label", "transform_single_segmentation_mask"),
    *("channel_axis", "factor", "random_brightness", "random_contrast"),
    *("random_hue", "random_saturation", "random_shear", "random_translation"),
    *("random_rotation", "random_sharpness", "random_color_degeneration"),
    *("random_posterization", "solarization", "auto_contrast", "equalization"),
}
SETTINGS = {  # settings and results that have other names, or belong to one class
    *("noise_shape", "score_mode", "concat_score_weight"),
    *("scale", "feature_dim", "num_repeats", "return_sequences"),
    *("return_state", "state_size", "get_initial_state"),
    *("adapt_mean", "adapt_variance", "finalize_state", "input_mean"),
    *("input_variance",),
}
LEFT_OUT = SUBCLASSES | SPECIAL | SETTINGS
METRICS_LEFT_OUT = {
    *("add_variable", "add_weight"),  # of subclasses
    *("init_thresholds", "thresholds", "value", "interpolate_pr_auc", "axis"),
    *("accumulator", "total_cm"),  # the names of one class's state
}

OTHER_STATE = {  # sums that are kept in another form, on purpose
    *("AUC", "FalseNegatives", "FalsePositives", "Precision", "PrecisionAtRecall"),
    *("Recall", "RecallAtPrecision", "SensitivityAtSpecificity", "TrueNegatives"),
    *("SpecificityAtSensitivity", "TruePositives", "R2Score"),
    *("F1Score", "FBetaScore"),  # Keras makes theirs with the first batch
}


@functools.cache
def pair(row: Row) -> tuple[Any, Any]:
    """Our layer and Keras', built on the same input."""
    import keras

    ours, theirs = row.make().build(row.open_shape()), row.make(keras)
    x, call = row.inputs(), row.call
    if call is None:
        theirs(list(x) if isinstance(x, tuple) else x, **row.options)
    else:
        call(theirs, x, **row.options)
    return ours, theirs


def public(thing: Any) -> list[str]:
    """The attributes that can be read."""
    found = []
    for name in dir(thing):
        if not name.startswith("_"):
            try:
                getattr(thing, name)
            except Exception:  # not to be read in this state
                continue
            found.append(name)
    return found


def facts(variables: list[Any]) -> list[tuple[Any, ...]]:
    return [(v.name, tuple(v.shape), str(v.dtype), v.trainable) for v in variables]


@every_layer
def test_lists_of_weights_are_those_of_keras(row):
    ours, theirs = pair(row)
    for trainable in (False, True):
        ours.trainable = theirs.trainable = trainable
        for name in LISTS:
            assert facts(getattr(ours, name)) == facts(getattr(theirs, name)), name
        # Keras has the state of random numbers also where nothing is drawn.
        assert len(ours.weights) <= len(ours.variables) <= len(theirs.variables)


@every_layer
def test_keras_has_no_more_to_ask(row):
    ours, theirs = pair(row)
    lacking = [n for n in public(theirs) if not hasattr(ours, n)]
    assert set(lacking) - LEFT_OUT == set()


def test_what_is_left_out_is_lacking_still():
    """A name that has come to be there leaves the lists."""
    lacking = {
        name
        for ours, theirs in map(pair, FIRST.values())
        for name in public(theirs)
        if not hasattr(ours, name)
    }
    assert LEFT_OUT - lacking == set()


@every_layer
def test_a_weight_is_one_object_that_reads_and_writes_its_slot(row):
    ours, _ = pair(row)
    for weight, again in zip(ours.weights, ours.weights, strict=True):
        assert weight is again
        before = weight.numpy()
        weight.assign(before + 1)
        slot = ours.slot.params | ours.slot.state
        np.testing.assert_array_equal(slot[weight.key], before + 1)
        weight.assign(before)
        if "/" not in weight.key and not hasattr(type(ours), weight.name):
            assert getattr(ours, weight.name) is weight


@every_layer
def test_types_and_shapes_are_those_of_keras(row):
    ours, theirs = pair(row)
    for name in ("dtype", "compute_dtype", "variable_dtype", "input_dtype"):
        assert getattr(ours, name) == getattr(theirs, name) == "float32", name
    assert ours.dtype_policy.name == theirs.dtype_policy.name
    assert ours.count_params() == theirs.count_params()
    assert ours.path == ours.name
    shape = ours.get_build_config()["input_shape"]
    again = row.make()
    again.build_from_config({"input_shape": shape})
    assert facts(again.weights) == facts(ours.weights)
    with pytest.raises(ValueError, match=r"quantize: received mode='int8'"):
        ours.quantize("int8")
    if row.call is None and not row.options:
        shape = row.open_shape()
        given = [list(s) for s in shape] if isinstance(shape[0], tuple) else list(shape)
        expected = theirs.compute_output_shape(
            list(shape) if isinstance(shape[0], tuple) else shape
        )
        answer = ours.compute_output_shape(input_shape=given)
        assert jax.tree.leaves(answer) == jax.tree.leaves(expected)


@every_layer
def test_a_stateless_call_is_the_call(row):
    ours, _ = pair(row)
    if not inspect.signature(type(ours).gather).parameters or row.call is not None:
        pytest.skip("called in its own way")
    x = row.inputs()
    how = {"training": False, **row.options}
    y = ours(list(x) if isinstance(x, tuple) else x, **how)
    z, after = ours.stateless_call(
        [v.value for v in ours.trainable_variables],
        [v.value for v in ours.non_trainable_variables],
        list(x) if isinstance(x, tuple) else x,
        **how,
    )
    assert len(after) == len(ours.non_trainable_variables)
    first = [np.asarray(a) for a in (y if isinstance(y, tuple) else (y,))]
    other = [np.asarray(a) for a in (z if isinstance(z, tuple) else (z,))]
    for a, b in zip(first, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# Metrics ------------------------------------------------------------------------------

NEEDED: dict[str, dict[str, Any]] = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 1]},
    "MeanIoU": {"num_classes": 3},
    "MeanMetricWrapper": {"fn": None},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": (0, 1)},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}

METRICS = [
    name
    for name, cls in vars(metrics).items()
    if inspect.isclass(cls) and issubclass(cls, metrics.Metric) and cls.__name__ == name
    if name != "Metric"
]


def both(name: str) -> list[Any]:
    import keras

    made = []
    for library in (onefit, keras):
        settings = dict(NEEDED.get(name, {}))
        if "fn" in settings:
            settings["fn"] = library.losses.mean_squared_error
        made.append(getattr(library.metrics, name)(**settings))
    return made


@pytest.mark.parametrize("name", METRICS)
def test_metrics_have_the_face_of_keras(name):
    ours, theirs = both(name)
    lacking = {n for n in public(theirs) if not hasattr(ours, n)}
    assert lacking - METRICS_LEFT_OUT == set()
    assert ours.dtype == "float32"
    assert theirs.dtype == "float32" or "IoU" in name  # Keras counts whole numbers
    if name not in OTHER_STATE:
        mine = [(v.name, tuple(v.shape)) for v in ours.variables]
        assert mine == [(v.name, tuple(v.shape)) for v in theirs.variables]
    for variable in ours.variables:
        assert getattr(ours, variable.name) is variable
        assert not variable.trainable
        before = variable.numpy()
        variable.assign(before + 2)
        np.testing.assert_array_equal(ours.state[variable.name], before + 2)
    ours.reset_state()
    assert [float(np.sum(v)) for v in ours.variables] == [
        float(np.sum(v)) for v in ours.stateless_reset_state()
    ]


@pytest.mark.parametrize("name", ["AUC", "Precision", "Recall"])
def test_counts_at_thresholds_are_those_of_keras(name):
    ours, theirs = both(name)
    y, p = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.8, 0.3, 0.6])
    for metric in (ours, theirs):
        metric.update_state(y, p)
    for kind in ("true_positives", "false_positives", "false_negatives"):
        if hasattr(theirs, kind):
            np.testing.assert_allclose(
                np.asarray(getattr(ours, kind)), np.asarray(getattr(theirs, kind))
            )


def test_stateless_metrics_are_the_metric():
    metric, other = metrics.MeanSquaredError(), metrics.MeanSquaredError()
    batch = np.array([[0.0], [1.0]]), np.array([[0.5], [3.0]])
    values = metric.stateless_update_state(metric.variables, *batch)
    other.update_state(*batch)
    assert [float(v) for v in values] == [float(v) for v in other.variables]
    assert float(metric.stateless_result(values)) == float(other.result()) == 2.125
    assert float(metric.total) == 0.0
    with pytest.raises(ValueError, match=r"one for each in metric\.variables"):
        metric.stateless_result([1.0])


# Optimizers, schedules, losses, callbacks ---------------------------------------------

GIVEN: dict[str, tuple[Any, ...]] = {
    "BackupAndRestore": ("backup",),
    "CSVLogger": ("log.csv",),
    "CosineDecay": (0.1, 10),
    "CosineDecayRestarts": (0.1, 10),
    "ExponentialDecay": (0.1, 10, 0.5),
    "InverseTimeDecay": (0.1, 10, 0.5),
    "LearningRateScheduler": (lambda epoch: 0.1,),
    "ModelCheckpoint": ("model.keras",),
    "PiecewiseConstantDecay": ([1], [0.1, 0.2]),
    "PolynomialDecay": (0.1, 10),
}
HOOKS = {n for n in dir(onefit.callbacks.Callback) if n.startswith("on_")}
OTHERS_LEFT_OUT = {
    "optimizers": {
        # of subclasses in Keras' style, whose base has them
        *("add_variable", "add_variable_from_reference", "add_optimizer_variables"),
        "update_step",
        *("lr_adjust", "transpose_last_axis", "zeropower_via_newtonschulz5"),  # Muon's
        *("inner_optimizer", "initial_scale", "dynamic_growth_steps"),
    },
    "schedules": set(),
    "losses": {"fn"},  # of what wraps a function
    "callbacks": {
        # what is kept while a fit runs
        *("backup_dir", "append_header", "csv_file", "keys", "sep", "writer"),
        *("epochs", "progbar", "seen", "target"),
        # rules run inside the program: they have no hooks, and tell when the fit ends
        *(HOOKS | {"model", "params", "set_model", "set_params", "in_cooldown"}),
        *("best", "best_weights", "wait", "stopped_epoch", "cooldown_counter"),
        *("get_monitor_value", "monitor_op", "min_delta"),
        # what is accepted and not done
        *("embeddings_freq", "embeddings_metadata", "write_graph", "write_images"),
    },
}
CLASSES_LEFT_OUT = {
    "OrbaxCheckpoint": "ModelCheckpoint and BackupAndRestore write files",
    "History": "made by a fit",
}


def rooms() -> dict[str, tuple[Any, Any]]:
    import keras

    found = {
        n: (getattr(onefit, n), getattr(keras, n))
        for n in OTHERS_LEFT_OUT
        if n != "schedules"
    }
    found["schedules"] = onefit.optimizers.schedules, keras.optimizers.schedules
    return found


@pytest.mark.parametrize("room", OTHERS_LEFT_OUT)
def test_other_objects_have_the_face_of_keras(room):
    ours, theirs = rooms()[room]
    lacking: set[str] = set()
    for name, cls in vars(theirs).items():
        if not inspect.isclass(cls) or cls.__name__ != name:
            continue
        if name in ("LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"):
            continue  # made of optimizers
        if name in CLASSES_LEFT_OUT:
            assert name == "History" or not hasattr(ours, name), name
            continue
        args = (0.1,) if name == "Optimizer" else GIVEN.get(name, ())
        mine, other = getattr(ours, name)(*args), cls(*args)
        lacking |= {n for n in public(other) if not hasattr(mine, n)}
    assert lacking - OTHERS_LEFT_OUT[room] == set()


@every_layer
def test_a_setting_may_be_assigned(row):
    """Its own value again changes nothing, with weights and a place in a graph."""
    layer = row.make().build(row.open_shape())
    before = repr(layer), jax.tree.structure(layer)
    for name, value in list(vars(layer).items()):
        if name in layer._fields:
            setattr(layer, name, value)
    assert (repr(layer), jax.tree.structure(layer)) == before


def test_a_trained_model_goes_on_with_a_setting_that_was_assigned():
    x = np.random.default_rng(0).normal(size=(20, 5)).astype("f4")
    first, last = layers.Dense(4, activation="relu"), layers.Dense(3, "softmax")
    model = onefit.Sequential([layers.Input((5,)), first, layers.Dropout(0.5), last])
    model.compile(onefit.optimizers.SGD(0.1, momentum=0.5), "mse")
    model.fit(x, x[:, :3], epochs=2, verbose=0)
    was = model.predict(x, verbose=0)
    np.testing.assert_allclose(was.sum(axis=1), 1, atol=1e-6)
    last.activation = "linear"
    z = model.predict(x, verbose=0)
    np.testing.assert_allclose(np.asarray(jax.nn.softmax(z)), was, atol=1e-6)
    assert model.get_config()["layers"][-1]["config"]["activation"] == "linear"
    assert onefit.models.clone_model(model).layers[-1].activation is last.activation
    first.kernel_regularizer = onefit.regularizers.L2(0.5)
    square = np.sum(np.square(first.kernel.numpy()))
    assert float(model.losses[0]) == pytest.approx(0.5 * square, rel=1e-5)
    # A step with all numbers of momentum gone is one of plain gradient descent.
    model.optimizer.momentum = 1e-30
    weights = model.get_weights()
    plain = onefit.models.clone_model(model)
    plain.set_weights(weights)
    plain.compile(onefit.optimizers.SGD(0.1), "mse")
    for one in (model, plain):
        one.layers[1].rate = 0.0
        one.fit(x, x[:, :3], batch_size=20, epochs=1, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(("name", "value"), [("units", 7), ("use_bias", False)])
def test_a_setting_that_changes_the_weights_is_refused(name, value):
    layer = layers.Dense(3)
    setattr(layer, name, value)  # nothing is built yet
    assert getattr(layer, name) == value
    layer = layers.Dense(3).build((None, 2))
    with pytest.raises(AttributeError, match=f"received {name}={value!r} .* Make anot"):
        setattr(layer, name, value)
    assert getattr(layer, name) != value


def test_a_setting_that_changes_the_place_in_a_graph_is_refused():
    layer = layers.MaxPooling2D(2)
    layer(onefit.Input((8, 8, 1)))
    with pytest.raises(
        AttributeError, match=r"strides=\(1, 1\) .* leaves their shapes"
    ):
        layer.strides = (1, 1)


def test_a_setting_that_changes_what_an_optimizer_remembers_is_refused():
    model = onefit.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile(onefit.optimizers.SGD(0.1), "mse")
    model.optimizer.use_ema = True  # before its first step
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    with pytest.raises(AttributeError, match=r"use_ema=False after .*compile\("):
        model.optimizer.use_ema = False


def ruled(kind: str) -> list[Any]:
    """The layers that have settings of this kind for weights, with the settings."""
    pairs = []
    for row in FIRST.values():
        taken = inspect.signature(getattr(layers, row.layer)).parameters
        own = [n for n in taken if n.endswith(kind) and not n.startswith("activity")]
        if own:
            pairs.append(pytest.param(row, own, id=row.layer))
    return pairs


@pytest.mark.parametrize(("row", "own"), ruled("regularizer"))
def test_each_weight_knows_its_regularizer(row, own):
    # `sum(layer.losses)` of a loop by hand is the penalty of `fit`.
    layer = row._replace(settings=row.settings | dict.fromkeys(own, "l2")).make()
    layer.build(row.open_shape())
    known = [w for w in layer.weights if w.regularizer]
    total = sum(float(w.regularizer(w.value)) for w in known)
    np.testing.assert_allclose(total, layer.penalty(layer.slot.params), rtol=1e-5)
    assert known or not layer.slot.params


@pytest.mark.parametrize(("row", "own"), ruled("constraint"))
def test_each_weight_knows_its_constraint(row, own):
    layer = row._replace(settings=row.settings | dict.fromkeys(own, "non_neg")).make()
    layer.build(row.open_shape())
    layer.set_weights([np.full_like(w, -1) for w in layer.get_weights()])
    held = layer.constrain(layer.slot.params)
    for name, weight in layer.by_name().items():
        if name in held:
            moved = not np.array_equal(held[name], weight.value)
            assert (weight.constraint is not None) == moved, name
