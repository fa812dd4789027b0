"""Dense layers, activations, dropout, normalization, shapes, arithmetic."""

from layer_rows.row import Row
from onefit.layers.operation import as_key

IMAGE = (4, 2, 3, 4)


def double(x):
    return x * 2.0


ROWS = [
    Row("Dense", {"units": 2}),
    Row("Dense", {"units": 2, "activation": "tanh", "use_bias": False}, (4, 2, 3)),
    Row("Activation", {"activation": "sigmoid"}),
    Row("ReLU", {}),
    Row("ReLU", {"max_value": 0.9, "negative_slope": 0.1, "threshold": 0.2}),
    Row("ReLU", {"max_value": 0.0, "negative_slope": 0.5}),
    Row("LeakyReLU", {}),
    Row("LeakyReLU", {"negative_slope": 0.01}),
    Row("PReLU", {"alpha_initializer": "ones"}),
    Row("PReLU", {"shared_axes": [1, 2]}, IMAGE),
    Row("ELU", {}),
    Row("ELU", {"alpha": 0.5}),
    Row("Softmax", {}),
    Row("Softmax", {"axis": [1, 2]}, (4, 2, 3)),
    Row("Dropout", {"rate": 0.4}),
    Row("Dropout", {"rate": 0.4, "noise_shape": [None, 1], "seed": 3}),
    Row("Dropout", {"rate": 0.0}),
    Row("Dropout", {"rate": 1.0}),
    Row("AlphaDropout", {"rate": 0.4, "noise_shape": [None, 1]}),
    Row("GaussianDropout", {"rate": 0.4, "seed": 3}),
    Row("GaussianNoise", {"stddev": 0.4}),
    Row("ActivityRegularization", {"l1": 0.1, "l2": 0.2}),
    Row("Flatten", {}, IMAGE),
    Row("Flatten", {"data_format": "channels_first"}, IMAGE),
    Row("Flatten", {}, (4,)),
    Row("Reshape", {"target_shape": [3, -1]}, (4, 2, 3)),
    Row("Permute", {"dims": [2, 3, 1]}, IMAGE),
    Row("RepeatVector", {"n": 2}),
    Row("BatchNormalization", {}),
    Row("BatchNormalization", {"axis": 1, "momentum": 0.5, "epsilon": 0.1}, IMAGE),
    Row("BatchNormalization", {"center": False, "scale": False}),
    Row("BatchNormalization", {}, (4, 5, 3), mask=True),
    Row("Dense", {"units": 2}, (4, 5, 3), mask=True),
    Row("LayerNormalization", {}, (4, 5, 3), mask=True),
    Row("BatchNormalization", {"trainable": False}),
    Row(
        "BatchNormalization",
        {"renorm": True, "renorm_clipping": {"rmin": 0.9, "rmax": 1.1, "dmax": 0.1}},
    ),
    Row("LayerNormalization", {}),
    Row("LayerNormalization", {"axis": [1, 3], "epsilon": 0.1}, IMAGE),
    Row("LayerNormalization", {"center": False, "scale": False}),
    Row("GroupNormalization", {"groups": 2}, IMAGE),
    Row("GroupNormalization", {"groups": -1, "axis": 1, "scale": False}, IMAGE),
    Row("RMSNormalization", {}),
    Row("RMSNormalization", {"axis": [-2, -1], "epsilon": 0.1}, (4, 2, 3)),
    Row("UnitNormalization", {}),
    Row("UnitNormalization", {"axis": [1, 2]}, (4, 2, 3)),
    Row("Normalization", {}),
    Row("Normalization", {"axis": [1, -1], "invert": True}, (4, 2, 3)),
    Row("Normalization", {"axis": None}),
    Row("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 5.0, 6.0]}),
    Row("Normalization", {"mean": 1.0, "variance": 4.0, "invert": True}),
    Row("Rescaling", {"scale": 0.5}),
    Row("Rescaling", {"scale": [0.5, 2.0, 3.0], "offset": [1.0, 0.0, -1.0]}),
    Row("Identity", {}),
    Row("Lambda", {"function": double}, config=False),
    Row("InputLayer", {"shape": [3]}, oracle=False),
    Row("Arithmetic", {"operation": "multiply"}, ((4, 3), (4, 1)), oracle=False),
    Row("Arithmetic", {"operation": "divide", "constant": 3}, oracle=False),
    Row(
        "Arithmetic",
        {"operation": "subtract", "constant": 1.5, "constant_first": True},
        oracle=False,
    ),
    Row("Absolute", {}, oracle=False),
    Row("GetItem", {"key": as_key((slice(None), -1))}, (4, 5, 3), oracle=False),
    Row("GetItem", {"key": as_key((Ellipsis, None, slice(0, 2)))}, oracle=False),
]
