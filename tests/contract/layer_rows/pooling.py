"""Pooling: windows, the whole grid, to a size."""

from layer_rows.row import Row

FIRST = {"data_format": "channels_first"}

ROWS = [
    # Windows that are apart, that overlap, and with cells between them.
    Row("MaxPooling1D", {}, (2, 5, 2)),
    Row("MaxPooling1D", {"pool_size": 3, "strides": 1, "padding": "same"}, (2, 5, 2)),
    Row("MaxPooling1D", {"pool_size": 7, "strides": 8, **FIRST}, (2, 2, 16)),
    Row("MaxPooling2D", {}, (2, 5, 4, 2)),
    Row("MaxPooling2D", {"pool_size": 3, "strides": 2}, (2, 6, 7, 2)),
    Row(
        "MaxPooling2D",
        {"pool_size": [3, 2], "strides": [2, 3], "padding": "same", **FIRST},
        (2, 2, 6, 5),
    ),
    Row("MaxPooling3D", {}, (2, 2, 4, 3, 1)),
    Row(
        "MaxPooling3D",
        {"pool_size": [1, 3, 2], "strides": [2, 1, 2], "padding": "same", **FIRST},
        (2, 1, 3, 3, 5),
    ),
    Row("AveragePooling1D", {"pool_size": 2}, (2, 5, 2)),
    Row(
        "AveragePooling1D",
        {"pool_size": 6, "strides": 2, "padding": "same", **FIRST},
        (2, 2, 9),
    ),
    Row("AveragePooling2D", {"pool_size": 2}, (2, 5, 4, 2)),
    Row("AveragePooling2D", {"pool_size": [7, 3], "strides": [8, 2]}, (2, 8, 5, 2)),
    Row(
        "AveragePooling2D",
        {"pool_size": 3, "strides": 1, "padding": "same", **FIRST},
        (2, 2, 4, 5),
    ),
    Row("AveragePooling3D", {"pool_size": [1, 2, 2]}, (2, 2, 4, 3, 1)),
    Row(
        "AveragePooling3D",
        {"pool_size": 2, "strides": [1, 2, 3], "padding": "same", **FIRST},
        (2, 1, 3, 3, 4),
    ),
    # The whole grid.
    Row("GlobalMaxPooling1D", {}, (2, 3, 2)),
    Row("GlobalMaxPooling1D", {"keepdims": True, **FIRST}, (2, 2, 3)),
    Row("GlobalMaxPooling2D", {}, (2, 3, 2, 2)),
    Row("GlobalMaxPooling2D", {"keepdims": True, **FIRST}, (2, 2, 3, 2)),
    Row("GlobalMaxPooling3D", {"keepdims": True}, (2, 3, 2, 2, 2)),
    Row("GlobalMaxPooling3D", FIRST, (2, 2, 3, 2, 2)),
    Row("GlobalAveragePooling1D", {}, (2, 3, 2)),
    Row("GlobalAveragePooling1D", {"keepdims": True, **FIRST}, (2, 2, 3)),
    Row("GlobalAveragePooling1D", {}, (4, 3, 2), mask=True),
    Row("GlobalAveragePooling1D", {"keepdims": True}, (4, 3, 2), mask=True),
    Row("GlobalAveragePooling2D", {}, (2, 3, 2, 2)),
    Row("GlobalAveragePooling2D", {"keepdims": True, **FIRST}, (2, 2, 3, 2)),
    Row("GlobalAveragePooling3D", {"keepdims": True}, (2, 3, 2, 2, 2)),
    Row("GlobalAveragePooling3D", FIRST, (2, 2, 3, 2, 2)),
    # To a size: one that divides the input's, one that does not, one above it.
    Row("AdaptiveMaxPooling1D", {"output_size": 3}, (2, 5, 2)),
    Row("AdaptiveMaxPooling2D", {"output_size": [2, 3], **FIRST}, (2, 2, 4, 5)),
    Row("AdaptiveMaxPooling2D", {"output_size": 3}, (2, 7, 2, 2)),
    Row("AdaptiveMaxPooling3D", {"output_size": [2, 1, 2]}, (2, 3, 2, 3, 1)),
    Row("AdaptiveAveragePooling1D", {"output_size": 3}, (2, 5, 2)),
    Row("AdaptiveAveragePooling2D", {"output_size": [2, 3], **FIRST}, (2, 2, 4, 5)),
    Row("AdaptiveAveragePooling2D", {"output_size": 3}, (2, 7, 2, 2)),
    Row("AdaptiveAveragePooling3D", {"output_size": [2, 1, 2]}, (2, 3, 2, 3, 1)),
]
