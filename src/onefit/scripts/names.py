"""The tree of names that scripts may use: each module, and where its names live.

A module has homes, files of onefit all of whose public names it shows, and names of its
own: "module:name" says where one lives, "=text" is the text itself. Modules that
scripts spell in several ways stand in `SAME`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["KERAS_VERSION", "ROOTS", "SAME", "SPACES", "TF_VERSION", "Space"]

TF_VERSION = "2.21.0+onefit"
KERAS_VERSION = "3.15.1+onefit"

ROOTS = ("tensorflow", "keras", "tf_keras", "tensorflow_datasets")


class Space(NamedTuple):
    """One module: what it is, the homes of its names, and names of its own."""

    about: str
    homes: tuple[str, ...] = ()
    names: Mapping[str, str] = MappingProxyType({})


def _each(module: str, names: str) -> dict[str, str]:
    """Names that live in one module under the same name, or as new=old."""
    pairs = (name.partition("=")[::2] for name in names.split())
    return {new: f"{module}:{old or new}" for new, old in pairs}


_SHORT = (
    "mse=mean_squared_error MSE=mean_squared_error mae=mean_absolute_error "
    "MAE=mean_absolute_error mape=mean_absolute_percentage_error "
    "MAPE=mean_absolute_percentage_error msle=mean_squared_logarithmic_error "
    "MSLE=mean_squared_logarithmic_error kld=kl_divergence KLD=kl_divergence "
    "kullback_leibler_divergence=kl_divergence logcosh=log_cosh"
)
_MERGING = "Input add average concatenate dot maximum minimum multiply subtract"

KERAS: dict[str, Space] = {
    "keras": Space(
        "Keras' names, in onefit.",
        (),
        _each("onefit", "Model Sequential Layer")
        | _each("onefit.variables", "Variable")
        | _each("onefit.initializers", "Initializer")
        | _each("onefit.losses", "Loss")
        | _each("onefit.metrics", "Metric")
        | _each("onefit.optimizers", "Optimizer")
        | _each("onefit.regularizers", "Regularizer")
        | _each("onefit.layers.symbolic", "KerasTensor=Tensor")
        | {"__version__": f"={KERAS_VERSION}"}
        | _each("onefit.scripts.keras", "Input version"),
    ),
    "keras.activations": Space("Activations.", ("onefit.activations",)),
    "keras.backend": Space(
        "What Keras 2 had in its backend.",
        ("onefit.backend",),
        _each(
            "onefit.config",
            "backend epsilon floatx image_data_format set_epsilon set_floatx "
            "set_image_data_format",
        ),
    ),
    "keras.callbacks": Space(
        "Callbacks.",
        ("onefit.callbacks",),
        _each("onefit.scripts.saving", "ModelCheckpoint"),
    ),
    "keras.config": Space("Settings of the process.", ("onefit.config",)),
    "keras.constraints": Space(
        "Constraints.",
        ("onefit.constraints",),
        _each("onefit.constraints", "maxnorm=max_norm nonneg=non_neg"),
    ),
    "keras.datasets": Space("Data sets.", ("onefit.datasets",)),
    "keras.initializers": Space("Initializers.", ("onefit.initializers",)),
    "keras.layers": Space(
        "Layers.",
        ("onefit.layers",),
        _each("onefit.scripts.keras", _MERGING)
        | _each("onefit.scripts.tf.ragged", "TextVectorization"),
    ),
    "keras.losses": Space(
        "Losses.", ("onefit.losses",), _each("onefit.losses", _SHORT)
    ),
    "keras.metrics": Space(
        "Metrics.", ("onefit.metrics",), _each("onefit.metrics", _SHORT)
    ),
    "keras.models": Space(
        "Models.",
        ("onefit.models",),
        _each("onefit.scripts.saving", "load_model save_model"),
    ),
    "keras.ops": Space("Functions of arrays.", ("onefit.ops",)),
    "keras.optimizers": Space("Optimizers.", ("onefit.optimizers",)),
    "keras.optimizers.schedules": Space(
        "Rates that change.", ("onefit.optimizers.schedules",)
    ),
    "keras.preprocessing": Space("What Keras 2 had for raw data."),
    "keras.preprocessing.image": Space(
        "Pictures.",
        ("onefit.preprocessing.image",),
        _each(
            "onefit.utils",
            "load_img img_to_array array_to_img save_img image_dataset_from_directory",
        ),
    ),
    "keras.preprocessing.sequence": Space(
        "Sequences.",
        ("onefit.preprocessing.sequence",),
        _each("onefit.utils", "pad_sequences"),
    ),
    "keras.preprocessing.text": Space("Texts.", ("onefit.preprocessing.text",)),
    "keras.random": Space("Random numbers.", ("onefit.random",)),
    "keras.regularizers": Space("Regularizers.", ("onefit.regularizers",)),
    "keras.saving": Space(
        "Files.",
        ("onefit.saving",),
        _each("onefit.scripts.saving", "load_model save_model"),
    ),
    "keras.tree": Space("Nests of lists, tuples and dicts.", ("onefit.tree",)),
    "keras.utils": Space(
        "Helpers.", ("onefit.utils",), _each("onefit.scripts.keras", "plot_model")
    ),
    "keras.utils.np_utils": Space(
        "Helpers of numpy.", (), _each("onefit.utils", "to_categorical normalize")
    ),
    "keras.applications": Space("Networks by name.", ("onefit.applications",)),
    "keras.wrappers": Space("Estimators.", ("onefit.scripts.wrappers",)),
    "keras.wrappers.scikit_learn": Space(
        "Estimators, as in Keras 2.", ("onefit.scripts.wrappers",)
    ),
}

TENSORFLOW: dict[str, Space] = {
    "tensorflow": Space(
        "A small TensorFlow that computes at once, on jax.",
        (
            "onefit.scripts.tf.arrays",
            "onefit.scripts.tf.basic",
            "onefit.scripts.tf.dtypes",
            "onefit.scripts.tf.functions",
            "onefit.scripts.tf.shapes",
            "onefit.scripts.tf.variables",
            "onefit.scripts.tf.tape",
        ),
        {"__version__": f"={TF_VERSION}"},
    ),
    "tensorflow.audio": Space("Waves.", ("onefit.scripts.tf.audio",)),
    "tensorflow.autograph": Space("Code as graphs.", ("onefit.scripts.tf.autograph",)),
    "tensorflow.bitwise": Space(
        "Whole numbers, bit by bit.", ("onefit.scripts.tf.bitwise",)
    ),
    "tensorflow.compat": Space("Other versions of TensorFlow."),
    "tensorflow.compat.v1": Space("TensorFlow 1, of which only this is here."),
    "tensorflow.compat.v1.logging": Space(
        "What is reported.", ("onefit.scripts.tf.logging",)
    ),
    "tensorflow.config": Space("Devices.", ("onefit.scripts.tf.config",)),
    "tensorflow.config.experimental": Space("Devices.", ("onefit.scripts.tf.config",)),
    "tensorflow.data": Space(
        "Rows one after another.",
        ("onefit.scripts.tf.data",),
        _each("onefit.scripts.tf.records", "TFRecordDataset"),
    ),
    "tensorflow.data.experimental": Space("Rows.", ("onefit.scripts.tf.data",)),
    "tensorflow.debugging": Space(
        "Checks of numbers.", ("onefit.scripts.tf.debugging",)
    ),
    "tensorflow.distribute": Space(
        "Strategies, of one device.", ("onefit.scripts.tf.distribute",)
    ),
    "tensorflow.dtypes": Space(
        "Types of numbers.",
        ("onefit.scripts.tf.dtypes",),
        _each("onefit.scripts.tf.arrays", "cast")
        | _each("onefit.scripts.tf.math", "complex"),
    ),
    "tensorflow.errors": Space("Errors.", ("onefit.scripts.tf.errors",)),
    "tensorflow.image": Space("Pictures.", ("onefit.scripts.tf.image",)),
    "tensorflow.io": Space(
        "Files.",
        ("onefit.scripts.tf.io",),
        _each(
            "onefit.scripts.tf.records",
            "FixedLenFeature FixedLenSequenceFeature TFRecordOptions TFRecordWriter "
            "VarLenFeature parse_example parse_single_example parse_tensor "
            "serialize_tensor",
        ),
    ),
    "tensorflow.io.gfile": Space("Files.", ("onefit.scripts.tf.gfile",)),
    "tensorflow.linalg": Space("Matrices.", ("onefit.scripts.tf.linalg",)),
    "tensorflow.lookup": Space(
        "Tables from keys to values.", ("onefit.scripts.tf.lookup",)
    ),
    "tensorflow.math": Space("Mathematics.", ("onefit.scripts.tf.math",)),
    "tensorflow.nn": Space("Networks.", ("onefit.scripts.tf.nn",)),
    "tensorflow.python": Space("TensorFlow's inside, of which only this is here."),
    "tensorflow.python.framework": Space("TensorFlow's inside."),
    "tensorflow.python.framework.ops": Space(
        "What a tensor is.", (), _each("onefit.scripts.tf.arrays", "EagerTensor Tensor")
    ),
    "tensorflow.python.ops": Space("TensorFlow's inside."),
    "tensorflow.python.ops.resource_variable_ops": Space(
        "What a variable is.",
        (),
        _each("onefit.scripts.tf.variables", "ResourceVariable=Variable"),
    ),
    "tensorflow.ragged": Space(
        "Rows of different lengths.", ("onefit.scripts.tf.ragged",)
    ),
    "tensorflow.random": Space("Random numbers.", ("onefit.scripts.tf.random",)),
    "tensorflow.signal": Space("Waves.", ("onefit.scripts.tf.signal",)),
    "tensorflow.sparse": Space("Places of numbers.", ("onefit.scripts.tf.sparse",)),
    "tensorflow.strings": Space("Text.", ("onefit.scripts.tf.strings",)),
    "tensorflow.summary": Space("For TensorBoard.", ("onefit.scripts.tf.summary",)),
    "tensorflow.sysconfig": Space("How it was built.", ("onefit.scripts.tf.built",)),
    "tensorflow.test": Space("How it was built.", ("onefit.scripts.tf.built",)),
    "tensorflow.tpu": Space("There is none.", ("onefit.scripts.tf.tpu",)),
    "tensorflow.train": Space(
        "Checkpoints, and examples in files.",
        ("onefit.scripts.tf.train", "onefit.scripts.tf.examples"),
    ),
    "tensorflow.version": Space(
        "Versions.", (), {"VERSION": f"={TF_VERSION}", "GIT_VERSION": "=onefit"}
    ),
}

OTHERS: dict[str, Space] = {
    "tensorflow_datasets": Space(
        "Data sets that lie in a folder.",
        ("onefit.scripts.datasets",),
        {"__version__": "=4.9.9+onefit"},
    )
}

SPACES: dict[str, Space] = KERAS | TENSORFLOW | OTHERS

SAME: dict[str, str] = {
    "tf_keras": "keras",
    "tensorflow.compat.v2": "tensorflow",
    "tensorflow.keras": "keras",
    "tensorflow._api.v2.v2.keras": "keras",
    "tensorflow.python.keras": "keras",
    "tensorflow.initializers": "keras.initializers",
    "tensorflow.losses": "keras.losses",
    "tensorflow.metrics": "keras.metrics",
    "tensorflow.optimizers": "keras.optimizers",
    "keras._tf_keras.keras": "keras",
    "keras.api": "keras",
    "keras.engine": "keras",
    "keras.layers.core": "keras.layers",
    "keras.layers.convolutional": "keras.layers",
    "keras.layers.embeddings": "keras.layers",
    "keras.layers.experimental": "keras.layers",
    "keras.layers.experimental.preprocessing": "keras.layers",
    "keras.layers.merge": "keras.layers",
    "keras.layers.preprocessing": "keras.layers",
    "keras.layers.normalization": "keras.layers",
    "keras.layers.pooling": "keras.layers",
    "keras.layers.recurrent": "keras.layers",
    "keras.optimizers.legacy": "keras.optimizers",
    "keras.optimizers.experimental": "keras.optimizers",
    "keras.utils.vis_utils": "keras.utils",
    "keras.utils.all_utils": "keras.utils",
}
