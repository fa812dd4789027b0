"""Convolutions: plain, transposed, depthwise and separable."""

from layer_rows.row import Row

STEPS = (4, 7, 2)
IMAGES = (4, 6, 5, 4)
FIRST = {"data_format": "channels_first"}

ROWS = [
    Row("Conv1D", {"filters": 3, "kernel_size": 3}, STEPS),
    Row(
        "Conv1D",
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "causal"},
        STEPS,
    ),
    Row(
        "Conv1D",
        {"filters": 4, "kernel_size": 2, "padding": "causal", "dilation_rate": 3}
        | {"groups": 2, "use_bias": False},
        STEPS,
    ),
    Row(
        "Conv1D",
        {"filters": 2, "kernel_size": 4, "strides": 3, "padding": "same"} | FIRST,
        (4, 3, 7),
    ),
    Row("Conv2D", {"filters": 3, "kernel_size": 3, "activation": "tanh"}, IMAGES),
    Row(
        "Conv2D",
        {"filters": 2, "kernel_size": [3, 2], "strides": [2, 3], "padding": "same"},
        IMAGES,
    ),
    Row(
        "Conv2D",
        {"filters": 4, "kernel_size": 2, "dilation_rate": [2, 1], "groups": 2}
        | {"padding": "same", "kernel_constraint": "max_norm"},
        IMAGES,
    ),
    Row(
        "Conv2D",
        {"filters": 8, "kernel_size": 2, "strides": 2, "groups": 4} | FIRST,
        IMAGES[:1] + IMAGES[3:] + IMAGES[1:3],
    ),
    Row("Conv2D", {"filters": 3, "kernel_size": 1, "strides": [1, 2]}, IMAGES),
    Row("Conv3D", {"filters": 2, "kernel_size": 2}, (4, 3, 4, 2, 2)),
    Row(
        "Conv3D",
        {"filters": 2, "kernel_size": [2, 3, 1], "strides": 2, "padding": "same"},
        (4, 3, 4, 2, 2),
    ),
    Row("Conv1DTranspose", {"filters": 3, "kernel_size": 3}, (4, 5, 2)),
    Row(
        "Conv1DTranspose",
        {"filters": 3, "kernel_size": 2, "strides": 3, "output_padding": 1},
        (4, 5, 2),
    ),
    Row("Conv1DTranspose", {"filters": 1, "kernel_size": 2, "strides": 4}, (4, 3, 2)),
    Row(
        "Conv2DTranspose",
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"},
        (4, 3, 4, 2),
    ),
    Row(
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": [3, 4], "strides": [2, 3], "padding": "same"}
        | {"output_padding": [1, 2], "activation": "tanh"},
        (4, 3, 2, 2),
    ),
    Row(
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": [3, 2], "dilation_rate": 2, "padding": "same"}
        | FIRST,
        (4, 2, 4, 5),
    ),
    Row(
        "Conv3DTranspose",
        {"filters": 2, "kernel_size": 2, "strides": [1, 2, 1]},
        (4, 2, 3, 2, 2),
    ),
    Row("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, STEPS),
    Row("DepthwiseConv2D", {"kernel_size": 3}, IMAGES),
    Row(
        "DepthwiseConv2D",
        {"kernel_size": [2, 3], "strides": 2, "padding": "same"}
        | {"depth_multiplier": 2, "activation": "tanh"}
        | FIRST,
        (4, 3, 5, 4),
    ),
    Row(
        "DepthwiseConv2D",
        {"kernel_size": 2, "dilation_rate": 2, "use_bias": False},
        IMAGES,
    ),
    Row("SeparableConv1D", {"filters": 3, "kernel_size": 3, "strides": 2}, STEPS),
    Row(
        "SeparableConv2D",
        {"filters": 3, "kernel_size": 2, "depth_multiplier": 2, "padding": "same"},
        IMAGES,
    ),
    Row(
        "SeparableConv2D",
        {"filters": 2, "kernel_size": 3, "dilation_rate": [1, 2]} | FIRST,
        (4, 3, 5, 6),
    ),
]
