"""Borders, sizes and dropout along the axes of sequences, images and volumes."""

from layer_rows.row import Row

FIRST = {"data_format": "channels_first"}
SEQUENCE, IMAGE, VOLUME = (2, 4, 2), (2, 3, 4, 2), (2, 3, 4, 3, 2)

ROWS = [
    Row("ZeroPadding1D", {}, SEQUENCE),
    Row("ZeroPadding1D", {"padding": [0, 2], **FIRST}, SEQUENCE),
    Row("ZeroPadding2D", {}, IMAGE),
    Row("ZeroPadding2D", {"padding": [[1, 0], 2], **FIRST}, IMAGE),
    Row("ZeroPadding3D", {}, VOLUME),
    Row("ZeroPadding3D", {"padding": [[1, 0], [0, 2], [0, 0]], **FIRST}, VOLUME),
    Row("Cropping1D", {}, SEQUENCE),
    Row("Cropping1D", {"cropping": [0, 3]}, SEQUENCE),
    Row("Cropping2D", {}, IMAGE),
    Row("Cropping2D", {"cropping": [[1, 2], 0], **FIRST}, IMAGE),
    Row("Cropping3D", {}, VOLUME),
    Row("Cropping3D", {"cropping": [[1, 0], [0, 2], [0, 0]], **FIRST}, VOLUME),
    Row("UpSampling1D", {}, SEQUENCE),
    Row("UpSampling2D", {}, IMAGE),
    Row("UpSampling2D", {"size": [1, 3], **FIRST}, IMAGE),
    Row("UpSampling2D", {"interpolation": "bilinear"}, IMAGE),
    Row("UpSampling2D", {"size": 3, "interpolation": "bicubic"}, IMAGE),
    Row("UpSampling2D", {"interpolation": "lanczos3", **FIRST}, IMAGE),
    Row("UpSampling2D", {"size": [3, 1], "interpolation": "lanczos5"}, IMAGE),
    Row("UpSampling3D", {"size": [1, 2, 3]}, VOLUME),
    Row("UpSampling3D", FIRST, VOLUME),
    Row("SpatialDropout1D", {"rate": 0.4}, SEQUENCE),
    Row("SpatialDropout2D", {"rate": 0.4, "seed": 3, **FIRST}, IMAGE),
    Row("SpatialDropout3D", {"rate": 0.4}, VOLUME),
]
