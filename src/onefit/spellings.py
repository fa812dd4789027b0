"""Keywords of Keras 3 and Keras 2 that onefit has not, and what to write instead.

The one place that knows them. Whoever refuses a keyword asks here for the error:
classes by `refuse_unknown`, functions by standing under `keras_keywords`.
"""

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import ParamSpec, TypeVar

from onefit.errors import mistyped

__all__ = ["METHODS", "cure", "keras_keywords", "refuse_unknown"]

P = ParamSpec("P")
R = TypeVar("R")

# The same thing by another name. The first of these names that there is, is meant.
RENAMED: dict[str, tuple[str, ...]] = {
    "lr": ("learning_rate", "initial_learning_rate"),
    "eps": ("epsilon", "min_delta"),
    "epsilon": ("min_delta", "delta"),
    "beta1": ("beta_1",),
    "beta2": ("beta_2",),
    "schedule_decay": ("weight_decay",),
    "alpha": ("negative_slope", "learning_rate"),
    "max_v": ("max_value",),
    "nb_epoch": ("epochs",),
    "nb_filter": ("filters",),
    "filter_length": ("kernel_size",),
    "subsample_length": ("strides",),
    "subsample": ("strides",),
    "stride": ("strides",),
    "length": ("size",),
    "dims": ("target_shape",),
    "concat_axis": ("axis",),
    "head_size": ("key_dim",),
    "pool_length": ("pool_size",),
    "atrous_rate": ("dilation_rate",),
    "border_mode": ("padding",),
    "dim_ordering": ("data_format",),
    "init": ("kernel_initializer", "embeddings_initializer", "alpha_initializer"),
    "inner_init": ("recurrent_initializer",),
    "beta_init": ("beta_initializer",),
    "gamma_init": ("gamma_initializer",),
    "W_regularizer": ("kernel_regularizer", "embeddings_regularizer"),
    "U_regularizer": ("recurrent_regularizer",),
    "b_regularizer": ("bias_regularizer",),
    "W_constraint": ("kernel_constraint", "embeddings_constraint"),
    "b_constraint": ("bias_constraint",),
    "inner_activation": ("recurrent_activation",),
    "dropout_W": ("dropout",),
    "dropout_U": ("recurrent_dropout",),
    "bias": ("use_bias",),
    "output_dim": ("units",),
    "p": ("rate",),
    "level": ("rate",),
    "loc": ("mean",),
    "scale": ("stddev", "gain"),
    "low": ("minval",),
    "high": ("maxval",),
    "dist": ("distribution",),
    "m": ("max_value",),
    "l2": ("l2_regularization_strength",),
    "sigma": ("stddev",),
    "causal": ("use_causal_mask",),
    "nb_val_samples": ("validation_steps",),
    "validation_batches": ("validation_steps",),
    "samples_per_epoch": ("steps_per_epoch",),
    "depth": ("num_classes",),
    "class_weights": ("class_weight",),
    "sample_weights": ("sample_weight",),
    "batchsize": ("batch_size",),
    "validation_ratio": ("validation_split",),
    "best_only": ("save_best_only",),
    "config": ("identifier", "name"),
    "name": ("identifier",),
    "initial_lr": ("initial_learning_rate",),
    "max_norm": ("max_value",),
    "metric": ("monitor",),
    "min_learning_rate": ("min_lr",),
    "path": ("filepath", "filename"),
    "func": ("schedule",),
    "generator": ("x",),
    "data": ("x",),
    "loss_function": ("loss",),
    "nb_classes": ("num_classes",),
    "max_len": ("maxlen",),
    "ord": ("order",),
}

_ALONE = "leave it out: "
_READ = f"{_ALONE}rows are read by one program, not by workers and queues"
_OWN = f"{_ALONE}nothing in a file is ever run, so there is no other mode"
_KIND = "choose the class by its number of axes, such as Conv2D or MaxPooling2D"
_POLICY = f"{_ALONE}onefit.config.set_floatx('float64') sets the float type of all"

# What has no name here: the sentence that ends the error.
ADVICE: dict[str, str] = {
    "jit_compile": f"{_ALONE}a fit is one compiled program",
    "autocast": _POLICY,
    "dynamic": f"{_ALONE}every layer is part of a compiled program",
    "implementation": f"{_ALONE}there is one implementation",
    "consume_less": f"{_ALONE}there is one implementation",
    "activity_regularizer": "add the layer ActivityRegularization(l1=0.0, l2=0.01) "
    "after this one",
    "batch_input_shape": "write batch_shape={value!r}",
    "input_shape": "write shape={value!r}",
    "inputs": "make the layer first, then call it: layer(...)(inputs)",
    "input": "write Model(inputs, outputs)",
    "output": "write Model(inputs, outputs)",
    "input_tensor": "write Input((4,)), and call the first layer on it",
    "tensor": "write Input((4,)), and call the first layer on it",
    "optional": f"{_ALONE}every input is given; give zeros for one that is not there",
    "quantization_config": f"{_ALONE}weights are not quantised",
    "gptq_unpacked_column_size": f"{_ALONE}weights are not quantised",
    "factor": f"{_ALONE}it is not this layer's; its settings are {{names}}",
    "rank": _KIND,
    "pool_mode": _KIND,
    "pool_dimensions": _KIND,
    "cell": "write RNN(cell), which takes any cell",
    "output_shape": f"{_ALONE}the shape is found from the function",
    "score_mode": f"{_ALONE}Attention(score_mode=...) has it",
    "weights": "build the layer, then write layer.set_weights(weights)",
    "baseline": "write EarlyStopping(baseline={value!r}) beside it",
    "fused": f"{_ALONE}there is one implementation",
    "virtual_batch_size": "write batch_size in fit instead",
    "adjustment": f"{_ALONE}the statistics are those of the batch",
    "mode": f"{_ALONE}there is one way",
    "time_major": "write Permute((2, 1)) or swap the axes first: (batch, time, ...)",
    "theta": "write ReLU(threshold={value!r})",
    "nb_row": "write kernel_size=(nb_row, nb_col)",
    "nb_col": "write kernel_size=(nb_row, nb_col)",
    "forget_bias_init": "write unit_forget_bias=True",
    "workers": _READ,
    "use_multiprocessing": _READ,
    "max_queue_size": _READ,
    "max_q_size": _READ,
    "nb_worker": _READ,
    "pickle_safe": _READ,
    "show_accuracy": "write metrics=['accuracy'] in compile",
    "class_mode": "write the loss by its name: loss='binary_crossentropy'",
    "sample_weight_mode": f"{_ALONE}sample_weight may have a number for each step",
    "target_tensors": f"{_ALONE}give y to fit",
    "experimental_run_tf_function": f"{_ALONE}a fit is one compiled program",
    "period": "write save_freq='epoch', and epochs in pieces",
    "options": f"{_ALONE}there is one way to write a file",
    "write_grads": "write model.trace(x, y), which shows every gradient",
    "safe_mode": _OWN,
    "trainable": "write model.trainable = {value!r} once it is made",
    "zipped": f"{_ALONE}a .keras file is one zip",
    "input_signature": f"{_ALONE}the file takes rows as the model's Input does",
    "save_format": "end the name in .keras",
    "include_optimizer": f"{_ALONE}load_model(path, compile=False) leaves it aside",
    "signatures": "write onefit.interop.onnx.export(model, 'model.onnx') to serve it",
    "max_shard_size": f"{_ALONE}a file holds all weights",
    "recursive": f"{_ALONE}models inside are cloned, too",
    "custom_objects": "hand over the class or the function itself",
    "batch_size": "write batch_size={value!r} in fit, or in Input",
    "type_spec": f"{_ALONE}shape and dtype say it",
    "dtype": "write .astype({value!r}) after it",
    "dropout": "add the layer SpatialDropout1D({value!r}) after this one",
    "causal": "write padding='causal'",
    "l2": "write kernel_regularizer='l2' in the layers, or AdamW",
    "l1_ratio": "write L1L2(l1, l2)",
    "pos_weight": "write class_weight={{0: 1.0, 1: {value!r}}} in fit",
    "weight": "write class_weight or sample_weight in fit",
    "class_weight": "write class_weight={value!r} in fit",
    "label_smoothing": "write one-hot targets, onefit.utils.to_categorical(y), and "
    "CategoricalCrossentropy(label_smoothing={value!r})",
    "beta": "write FBetaScore(beta={value!r})",
    "distribute": f"{_ALONE}a fit is one compiled program",
    "from_serialized": f"{_ALONE}a fit is one compiled program",
    "pss_evaluation_shards": f"{_ALONE}a fit is one compiled program",
    "save_traces": f"{_ALONE}there is one way to write a file",
    "reset_metrics": f"{_ALONE}each call begins its metrics anew",
    "training": "write model(x, training={value!r})",
    "lr": "write optimizer=onefit.optimizers.Adam({value!r})",
    "layers": "write Sequential(layers), or Model(inputs, outputs)",
}


_QUANTISED = "Weights are not quantised; export to ONNX and quantise the file"
_MEMORY = "Memory is not traded for time; write smaller batches"
_POLICY = "Write dtype='float32' for a layer"
_CLASS = "Write a class of yours: class Mine(onefit.Layer)"

ABSENT: dict[str, str] = {
    "Function": "A graph of layers is a Model: write Model(inputs, outputs)",
    "Operation": "An operation of a graph is a Layer: write a class of that",
    "Quantizer": _QUANTISED,
    "RematScope": _MEMORY,
    "StatelessScope": "Write layer.stateless_call(trainable, non_trainable, x)",
    "SymbolicScope": "Write onefit.Input, which gives values of a graph",
    "distillation": "Write a train_step of your own",
    "export": "Write onefit.interop.onnx.export(model, path)",
    "quantizers": _QUANTISED,
    "remat": _MEMORY,
    "visualization": "Write onefit.plots",
    "callbacks.OrbaxCheckpoint": "Write ModelCheckpoint(path)",
    "layers.FlaxLayer": f"{_CLASS}, whose call calls the module's apply",
    "layers.JaxLayer": f"{_CLASS}, whose call is the function",
    "layers.TFSMLayer": "Convert the SavedModel with the Keras that wrote it",
    "layers.TorchModuleWrapper": "Write onefit.interop.torch.from_torch(module)",
    "saving.KerasFileEditor": "Load the file, and change the model's weights",
    "utils.Config": "Write a dict, or types.SimpleNamespace(...)",
}
"""Names of Keras that have no place here, with what to write instead."""

ATTRIBUTES: dict[str, str] = {
    "add_metric": "Write metrics=[...] in compile.",
    "add_optimizer_variables": "Write a class of yours, with a build and an "
    "update_step: class Mine(onefit.optimizers.Optimizer).",
    "add_variable": f"{_CLASS}, whose build makes it.",
    "add_variable_from_reference": "Write a class of yours, with a build and an "
    "update_step: class Mine(onefit.optimizers.Optimizer).",
    "add_weight": f"{_CLASS}, whose build calls self.add_weight(...).",
    "call_signature_parameters": "Write inspect.signature(layer.call).",
    "learning_rate": "Each of its optimizers has one. Write "
    "optimizer.optimizers[0].learning_rate.",
    "quantized_build": f"{_QUANTISED}.",
    "quantized_call": f"{_QUANTISED}.",
    "rematerialized_call": f"{_MEMORY}.",
    "seed_generator": "Write seed=... when the layer is made.",
    "symbolic_call": "Call it on what onefit.Input gives.",
    "update_step": "Write optimizer.apply(gradients, variables).",
}
"""Attributes of Keras' objects that ours have not, with what to write instead."""


def absent(room: str, name: str) -> AttributeError:
    """The error for a name that a room has not, with what to write instead.

    >>> raise absent("onefit.layers", "JaxLayer")
    Traceback (most recent call last):
    AttributeError: onefit.layers has no JaxLayer. Write a class of yours: \
class Mine(onefit.Layer), whose call is the function.
    """
    told = ABSENT.get(f"{room}.{name}".removeprefix("onefit."))
    if told is None:
        return AttributeError(f"module {room!r} has no attribute {name!r}")
    return AttributeError(f"{room} has no {name}. {told}.")


def lacking(obj: object, name: str) -> AttributeError:
    """The error for an attribute that an object has not, likewise."""
    told = ATTRIBUTES.get(name)
    text = f"{type(obj).__name__} has no attribute {name!r}"
    return AttributeError(f"{text}. {told}" if told else text, name=name, obj=obj)


METHODS: dict[str, str] = {
    "add_metric": "Write metrics=[...] in compile.",
    "compiled_loss": "Write model.loss.",
    "compiled_metrics": "Write model.metrics.",
    "evaluate_generator": "Write model.evaluate(...).",
    "fit_generator": "Write model.fit(...).",
    "predict_classes": "Write model.predict(x).argmax(axis=-1) for a softmax, "
    "(model.predict(x) > 0.5).astype(int) for a sigmoid.",
    "predict_generator": "Write model.predict(...).",
    "predict_proba": "Write model.predict(x): the outputs of softmax and sigmoid are "
    "probabilities.",
    "sample_weights": "Write sample_weight=... in fit.",
    "to_yaml": "Write model.to_json().",
}
"""Attributes of Keras' models that ours have not, and what to write instead."""


ADVICE |= {
    name: "give it to the optimizer that moves the weights: write "
    f"onefit.optimizers.Adam({name}={{value!r}})"
    for name in (
        *("clipnorm", "clipvalue", "ema_momentum", "ema_overwrite_frequency"),
        *("global_clipnorm", "gradient_accumulation_steps", "learning_rate"),
        *("loss_scale_factor", "use_ema", "weight_decay"),
    )
    if name not in ADVICE
}


def cure(name: str, value: object, names: Iterable[str]) -> str:
    """What to write instead of `name=value`, where there are these names.

    >>> cure("lr", 0.1, ["learning_rate", "momentum"])
    'write learning_rate=0.1'
    >>> cure("units", 3, ["unit", "name"])
    'write unit=3'
    >>> cure("nothing_like_it", 3, ["unit", "name"])
    ''
    """
    known = list(names)
    for other in RENAMED.get(name, ()):
        if other in known:
            return f"write {other}={_short(value)}"
    if name in ADVICE:
        return ADVICE[name].format(value=value, names=", ".join(known))
    near = difflib.get_close_matches(name, known, n=1)
    return f"write {near[0]}={_short(value)}" if near else ""


def refuse_unknown(
    where: str, given: Mapping[str, object], names: Iterable[str], what: str = "setting"
) -> None:
    """Refuses the first keyword that is none of these names, with its cure.

    >>> refuse_unknown("Dropout", {"p": 0.5}, ["rate", "seed"])
    Traceback (most recent call last):
    onefit.errors.ArgumentError: Dropout: received a setting 'p'; expected rate \
or seed. Write rate=0.5.
    """
    known = list(names)
    for name, value in given.items():
        if name not in known:
            raise mistyped(
                where,
                f"{'an' if what[0] in 'aeiou' else 'a'} {what} {name!r}",
                _few(name, known, where),
                cure(name, value, known),
            )


def keras_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """A function that answers to Keras' keywords which it lacks with their cure.

    >>> @keras_keywords
    ... def load(path, compile=True):
    ...     return path
    >>> load("a.keras", safe_mode=False)
    Traceback (most recent call last):
    onefit.errors.ArgumentError: load: received an argument 'safe_mode'; expected \
path or compile. Leave it out: nothing in a file is ever run, so there is no other mode.
    """
    taken = [*inspect.signature(function).parameters]
    names = [name for name in taken if name != "self"]
    known = {*names}
    where = function.__qualname__.removesuffix(".__init__")

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not kwargs.keys() <= known:
            place = where
            if args and taken[0] == "self":  # the class that people hold, not its base
                place = re.sub(r"^\w+", type(args[0]).__name__, where)
            refuse_unknown(place, kwargs, names, "argument")
        return function(*args, **kwargs)

    return checked


def _few(name: str, known: list[str], where: str) -> str:
    """All of a few names, or the three nearest and where all are."""
    if not known:
        return "none"
    if len(known) <= 6:
        *rest, last = known
        return f"{', '.join(rest)} or {last}" if rest else last
    near = difflib.get_close_matches(name, known, cutoff=0.0)
    return f"one of {len(known)} (nearest {', '.join(near)}; all in help({where}))"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else "..."
