"""What is left out on purpose, and what to write instead: by a name's beginning."""

__all__ = ["PACKAGES", "reason"]

_TF1 = (
    "it belongs to TensorFlow 1, whose sessions and graphs are gone. Write the model "
    "with keras.Sequential, or the computation as it stands, which runs at once"
)
_ESTIMATOR = (
    "estimators were removed from TensorFlow. Write keras.Sequential and fit, or "
    "onefit.sklearn.NNClassifier"
)
_COLUMNS = (
    "feature columns were removed from TensorFlow. Use the layers Normalization, "
    "StringLookup and CategoryEncoding"
)
_HUB = (
    "weights from the network are not fetched. Train the layers yourself, or load "
    "weights from a file with model.load_weights"
)
_LITE = "models are served by ONNX: onefit.interop.onnx.export(model, 'model.onnx')"
_SUMMARY = "write callbacks=[keras.callbacks.TensorBoard('logs')] in fit"
_DEVICES = "one device is used. Leave the strategy out, and what is in its scope in"
_SAVED = "write model.save('name.keras') and keras.models.load_model"
_TUNER = "write onefit.population.search, which trains all candidates in one program"

ABSENT: dict[str, str] = {
    "tensorflow.Session": _TF1,
    "tensorflow.InteractiveSession": _TF1,
    "tensorflow.placeholder": _TF1,
    "tensorflow.get_variable": _TF1,
    "tensorflow.global_variables_initializer": _TF1,
    "tensorflow.initialize_all_variables": _TF1,
    "tensorflow.layers": _TF1,
    "tensorflow.logging": _TF1,
    "tensorflow.app": _TF1,
    "tensorflow.flags": _TF1,
    "tensorflow.contrib": _TF1,
    "tensorflow.examples": _TF1,
    "tensorflow.ConfigProto": _TF1,
    "tensorflow.GPUOptions": _TF1,
    "tensorflow.reset_default_graph": _TF1,
    "tensorflow.get_default_graph": _TF1,
    "tensorflow.compat": _TF1,
    "tensorflow.Graph": _TF1,
    "tensorflow.train": _TF1,
    "tensorflow.estimator": _ESTIMATOR,
    "tensorflow.feature_column": _COLUMNS,
    "tensorflow.lite": _LITE,
    "tensorflow.profiler": _SUMMARY,
    "tensorflow.saved_model": _SAVED,
    "tensorflow.raw_ops": "write the function of tf itself",
    "tensorflow.python": "it is TensorFlow's inside. Import from tensorflow itself",
    "tensorflow.py_function": "write a function of tf, or of numpy before the data set",
    "tensorflow.numpy_function": "write a function of tf, or of numpy before it",
    "keras.backend.get_session": _TF1,
    "keras.backend.set_session": _TF1,
    "keras.backend.function": "write keras.Model(inputs, outputs)",
    "keras.backend.learning_phase": "write model(x, training=True)",
    "keras.layers.CuDNNLSTM": "write LSTM, which runs on any device",
    "keras.layers.CuDNNGRU": "write GRU, which runs on any device",
    "keras.layers.DenseFeatures": _COLUMNS,
    "keras.layers.LocallyConnected1D": "it was removed from Keras. Use Conv1D",
    "keras.layers.LocallyConnected2D": "it was removed from Keras. Use Conv2D",
    "keras.layers.ThresholdedReLU": "write ReLU(threshold=1.0)",
    "keras.utils.multi_gpu_model": _DEVICES,
    "keras.estimator": _ESTIMATOR,
}

PACKAGES: dict[str, str] = {
    "tensorflow_hub": _HUB,
    "keras_tuner": _TUNER,
    "kerastuner": _TUNER,
    "tensorflow_addons": "it is no longer kept up. Its layers are in keras.layers",
    "tensorflow_probability": "distributions are not here. jax.random draws numbers",
    "tensorflow_text": "write keras.layers.TextVectorization",
    "tensorflow_estimator": _ESTIMATOR,
    "tensorflow_decision_forests": "write sklearn.ensemble.RandomForestClassifier",
    "tflite_runtime": _LITE,
    "tensorflowjs": _LITE,
    "tf_agents": "reinforcement learning is not here",
    "keras_cv": _HUB,
    "keras_nlp": _HUB,
    "keras_hub": _HUB,
    "tflearn": _TF1,
}
"""Packages that stand on TensorFlow."""


def reason(path: str) -> str:
    """Why a name is not here and what to write; empty where nothing is known of it.

    >>> reason("tensorflow.lite.TFLiteConverter")
    "models are served by ONNX: onefit.interop.onnx.export(model, 'model.onnx')"
    >>> reason("keras.layers.Dence")
    ''
    """
    parts = path.split(".")
    if parts[0] in PACKAGES:
        return PACKAGES[parts[0]]
    for count in range(len(parts), 0, -1):
        start = ".".join(parts[:count])
        if start in ABSENT:
            return ABSENT[start]
    return ""
