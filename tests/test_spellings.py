"""Keywords of Keras that onefit lacks: each is refused with what to write instead."""

import inspect

import keras
import pytest

import onefit
from onefit.description import Description, settings
from onefit.spellings import ADVICE, METHODS, RENAMED, cure, keras_keywords

ROOMS = ["layers", "optimizers", "losses", "metrics", "callbacks", "regularizers"]
ROOMS += ["constraints", "initializers", "optimizers.schedules", "models"]


def inside(module, path):
    for name in path.split("."):
        module = getattr(module, name)
    return module


def keywords(thing):
    """What it takes by name, its bases' where it hands on what it does not know."""
    found = {}
    if inspect.isclass(thing) and issubclass(thing, Description):
        return set(settings(thing)) | thing._indifferent
    makers = [thing]
    if inspect.isclass(thing):
        makers = [c.__init__ for c in thing.__mro__ if "__init__" in c.__dict__]
    for maker in makers:
        parameters = inspect.signature(maker).parameters.values()
        plain = (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
        found |= {p.name: p for p in parameters if p.kind in plain}
        if all(p.kind != inspect.Parameter.VAR_KEYWORD for p in parameters):
            break
    return set(found) - {"self"}


def missing():
    """Each public name of both libraries with each keyword that onefit lacks."""
    pairs = [
        (f"{room}.{name}", inside(keras, f"{room}.{name}"), ours)
        for room in ROOMS
        for name in dir(inside(keras, room))
        if (ours := getattr(inside(onefit, room), name, None)) is not None
        and name not in ("deserialize", "serialize", "get", "Wrapper")
        and callable(ours)
        and not name.startswith("_")
    ]
    pairs += [("load_model", keras.models.load_model, onefit.load_model)]
    pairs += [("Input", keras.Input, onefit.Input)]
    pairs += [
        (f"Model.{name}", getattr(keras.Model, name), getattr(onefit.Model, name))
        for name in dir(keras.Model)
        if not name.startswith("_")
        and callable(getattr(onefit.Model, name, None))
        and inspect.isfunction(getattr(keras.Model, name))
        and name in vars(onefit.Model)
    ]
    return [
        pytest.param(ours, keyword, id=f"{where}({keyword}=)")
        for where, theirs, ours in pairs
        for keyword in sorted(keywords(theirs) - keywords(ours))
    ]


@pytest.mark.parametrize(("ours", "keyword"), missing())
def test_every_keyword_of_keras_3_has_a_cure(ours, keyword):
    with pytest.raises(TypeError) as refused:
        ours(**{keyword: 1})
    text = str(refused.value)
    assert f"{keyword!r}; expected" in text
    fix = text.split("; expected", 1)[1].split(". ", 1)[-1]
    assert fix[0].isupper()
    assert fix.endswith(".")
    assert len(text) < 450


KERAS_2 = [
    ("optimizers.Adam", "beta1", "beta_1=1"),
    ("layers.LeakyReLU", "alpha", "negative_slope=1"),
    ("layers.Dense", "output_dim", "units=1"),
    ("layers.Dense", "init", "kernel_initializer=1"),
    ("layers.Dense", "W_regularizer", "kernel_regularizer=1"),
    ("layers.Dense", "b_constraint", "bias_constraint=1"),
    ("layers.Dense", "bias", "use_bias=1"),
    ("layers.Dense", "inputs", "layer(...)(inputs)"),
    ("layers.LSTM", "inputs", "layer(...)(inputs)"),
    ("layers.LSTM", "inner_activation", "recurrent_activation=1"),
    ("layers.LSTM", "dropout_U", "recurrent_dropout=1"),
    ("layers.LSTM", "consume_less", "one implementation"),
    ("layers.LSTM", "time_major", "swap the axes"),
    ("layers.Conv2D", "nb_filter", "filters=1"),
    ("layers.Conv2D", "border_mode", "padding=1"),
    ("layers.Conv2D", "subsample", "strides=1"),
    ("layers.Conv2D", "dim_ordering", "data_format=1"),
    ("layers.Conv1D", "filter_length", "kernel_size=1"),
    ("layers.Conv1D", "atrous_rate", "dilation_rate=1"),
    ("layers.MaxPooling1D", "pool_length", "pool_size=1"),
    ("layers.MaxPooling1D", "stride", "strides=1"),
    ("layers.Dropout", "p", "rate=1"),
    ("layers.GaussianNoise", "sigma", "stddev=1"),
    ("layers.BatchNormalization", "mode", "one way"),
    ("layers.BatchNormalization", "beta_init", "beta_initializer=1"),
    ("layers.BatchNormalization", "fused", "one implementation"),
    ("layers.Input", "tensor", "Input((4,))"),
    ("callbacks.ReduceLROnPlateau", "epsilon", "min_delta=1"),
    ("callbacks.ModelCheckpoint", "period", "save_freq"),
    ("callbacks.TensorBoard", "write_grads", "model.trace"),
    ("Model.fit", "nb_epoch", "epochs=1"),
    ("Model.fit", "workers", "Leave it out"),
    ("Model.fit", "show_accuracy", "metrics=['accuracy']"),
    ("Model.compile", "class_mode", "loss by its name"),
    ("Model.compile", "sample_weight_mode", "each step"),
    ("Model.save", "save_format", "end the name in .keras"),
    ("Model", "input", "Model(inputs, outputs)"),
]


OTHERS = {
    "layers.Dense": "batch_size weights dynamic activity_regularizer",
    "layers.Embedding": "dropout weights W_constraint init",
    "layers.LSTM": "inner_init forget_bias_init U_regularizer b_regularizer dropout_W "
    "implementation output_dim init",
    "layers.GRU": "implementation time_major inner_init",
    "layers.Conv2D": "nb_row nb_col init bias W_regularizer kernel_shape",
    "layers.Conv1D": "subsample_length causal",
    "layers.Conv2DTranspose": "output_shape border_mode subsample",
    "layers.UpSampling1D": "length",
    "layers.Reshape": "dims",
    "layers.Dropout": "level",
    "layers.SpatialDropout2D": "p dim_ordering",
    "layers.BatchNormalization": "gamma_init virtual_batch_size adjustment",
    "layers.PReLU": "init weights",
    "layers.Bidirectional": "weights",
    "layers.Input": "type_spec batch_input_shape",
    "layers.InputLayer": "input_tensor type_spec",
    "layers.Concatenate": "mode concat_axis",
    "layers.MultiHeadAttention": "head_size causal",
    "layers.Attention": "causal",
    "optimizers.SGD": "nesterovs",
    "optimizers.Adam": "eps l2",
    "optimizers.RMSprop": "eps",
    "optimizers.Nadam": "schedule_decay",
    "optimizers.Ftrl": "l2",
    "losses.Huber": "epsilon",
    "losses.BinaryCrossentropy": "pos_weight weight",
    "losses.CategoricalCrossentropy": "class_weight",
    "losses.SparseCategoricalCrossentropy": "label_smoothing",
    "metrics.F1Score": "beta",
    "callbacks.EarlyStopping": "epsilon delta metric",
    "callbacks.ReduceLROnPlateau": "min_learning_rate",
    "callbacks.ModelCheckpoint": "options path save_best",
    "callbacks.TensorBoard": "batch_size embeddings_layer_names",
    "callbacks.CSVLogger": "path",
    "callbacks.LearningRateScheduler": "func",
    "Model.fit": "use_multiprocessing max_queue_size validation_batches generator "
    "samples_per_epoch nb_val_samples nb_worker class_weights sample_weights data",
    "Model.compile": "target_tensors lr metric losses distribute loss_function",
    "Model.evaluate": "workers show_accuracy generator",
    "Model.predict": "workers",
    "Model.save": "include_optimizer signatures options save_traces zipped",
    "Model.load_weights": "options",
    "Model.train_on_batch": "reset_metrics",
    "Model.predict_on_batch": "training",
    "Model": "output layers",
    "load_model": "options custom_object",
    "initializers.RandomNormal": "std loc scale",
    "initializers.RandomUniform": "low high",
    "initializers.Orthogonal": "scale",
    "regularizers.L1": "l1_ratio",
    "constraints.MaxNorm": "m",
    "optimizers.schedules.ExponentialDecay": "lr learning_rate",
    "utils.to_categorical": "nb_classes dtype",
    "utils.pad_sequences": "max_len",
    "utils.normalize": "ord",
}


@pytest.mark.parametrize(
    ("where", "keyword"), [(w, k) for w, names in OTHERS.items() for k in names.split()]
)
def test_words_of_others_have_a_cure(where, keyword):
    with pytest.raises(TypeError) as refused:
        inside(onefit, where)(**{keyword: 1})
    sentence = str(refused.value).split("; expected", 1)[1]
    assert ". " in sentence
    assert sentence.endswith(".")


def test_a_method_is_named_by_the_class_that_people_hold():
    model = onefit.Sequential()
    for call, name in (
        (lambda: model.compile(lr=1), "Sequential.compile: "),
        (lambda: model.fit(nb_epoch=1), "Sequential.fit: "),
        (lambda: onefit.Model(input=1), "Model: "),
    ):
        with pytest.raises(TypeError) as refused:
            call()
        assert str(refused.value).startswith(name)


@pytest.mark.parametrize("name", METHODS)
def test_attributes_of_keras_models_have_a_cure(name):
    model = onefit.Sequential()
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match=r"(Write|The) .*\.$"):
        getattr(model, name)
    with pytest.raises(AttributeError, match=r"no attribute 'other'$"):
        _ = model.other


@pytest.mark.parametrize(("where", "keyword", "told"), KERAS_2)
def test_old_spellings_have_a_cure(where, keyword, told):
    with pytest.raises(TypeError) as refused:
        inside(onefit, where)(**{keyword: 1})
    assert told.lower() in str(refused.value).lower()


def test_a_renamed_keyword_is_never_the_right_one_already():
    for old, new in RENAMED.items():
        assert old not in new
        assert old not in ADVICE or cure(old, 1, new) != cure(old, 1, [])


def test_a_decorated_function_keeps_its_signature():
    def load(path: str, compile: bool = True) -> str:
        return f"{path} {compile}"

    told = keras_keywords(load)
    assert inspect.signature(told) == inspect.signature(load)
    assert told("a", compile=False) == "a False"


@pytest.mark.parametrize("given", [["Dense"], 3, "no layer at all"])
def test_long_lists_of_names_are_not_shown(given):
    with pytest.raises(ValueError, match="Unknown") as refused:
        onefit.losses.get(str(given))
    assert len(str(refused.value)) < 200
    assert "dir(onefit.losses)" in str(refused.value)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Nadam", "Adagrad"])
def test_optimizers_take_lr_and_decay(name):
    make = getattr(onefit.optimizers, name)
    assert make(lr=0.3).get_config() == make(0.3).get_config()
    rate = onefit.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.5)
    assert float(rate(2)) == pytest.approx(0.1 / 2)
    for decaying in (make(lr=0.1, decay=0.5), make(0.1, decay=0.5)):
        assert decaying.get_config() == make(rate).get_config()
    assert make(decay=0.0).get_config() == make().get_config()
    with pytest.raises(TypeError, match="lr"):
        make(0.1, lr=0.2)


LAYERS = [
    ("LSTM", {"units": 3}, (4, 5, 2)),
    ("Dense", {"units": 3}, (4, 2)),
    ("Conv2D", {"filters": 2, "kernel_size": 3}, (4, 8, 8, 1)),
    ("Embedding", {"input_dim": 9, "output_dim": 2}, (4, 7)),
    ("InputLayer", {}, (4, 7)),
]


@pytest.mark.parametrize(("name", "settings_", "shape"), LAYERS)
@pytest.mark.parametrize("rows", [None, 4])
def test_a_first_layer_takes_batch_input_shape(name, settings_, shape, rows):
    shape = (rows, *shape[1:])
    layer = getattr(onefit.layers, name)(**settings_, batch_input_shape=shape)
    model = onefit.Sequential([layer, onefit.layers.Flatten()])
    assert model.input_shape == shape
    assert "batch_input_shape" not in layer.get_config()
