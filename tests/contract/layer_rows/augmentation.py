"""Layers that change images at random, and layers that bring them to one size.

Keras draws other numbers: of random layers it is the oracle of what they do when not
training; test_augmentation compares what they do to an image for given draws.
"""

import warnings

from layer_rows.row import Row

IMAGES = (3, 4, 5, 2)
RGB = (3, 4, 5, 3)
FIRST = {"data_format": "channels_first"}
EDGE = {"fill_mode": "constant", "fill_value": 0.5}


def quiet(layer, x, **options):
    """A call of a layer of Keras that asks for whole numbers of 64 bits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return layer(x, **options)


ROWS = [
    Row("RandomFlip", {}, IMAGES),
    Row("RandomFlip", {"mode": "vertical", "seed": 3, **FIRST}, IMAGES),
    Row("RandomRotation", {"factor": [-0.1, 0.2]}, IMAGES),
    Row("RandomRotation", {"factor": [-0.5, 0.5], **EDGE, **FIRST}, IMAGES),
    Row("RandomZoom", {"height_factor": 0.5}, IMAGES),
    Row(
        "RandomZoom",
        {"height_factor": [-0.5, 0.25], "width_factor": 0.5, **EDGE, **FIRST},
        IMAGES,
    ),
    Row("RandomTranslation", {"height_factor": 0.5, "width_factor": 0.25}, IMAGES),
    Row(
        "RandomTranslation",
        {
            "height_factor": 0.0,
            "width_factor": [-0.5, 0.25],
            "fill_mode": "wrap",
            "interpolation": "nearest",
            "seed": 3,
        },
        IMAGES,
    ),
    Row("RandomContrast", {"factor": [0.25, 0.5], "value_range": [-5, 5]}, IMAGES),
    Row("RandomBrightness", {"factor": [-0.5, 0.5], "value_range": [-5, 5]}, IMAGES),
    # Keras leaves images as they are when not training, and says otherwise.
    Row("RandomCrop", {"height": 2, "width": 3}, IMAGES, oracle=False),
    Row("RandomCrop", {"height": 2, "width": 2, **FIRST}, IMAGES, oracle=False),
    Row("RandomShear", {"x_factor": [0.25, 0.5], "y_factor": [0.0, 0.5]}, IMAGES),
    Row(
        "RandomShear", {"x_factor": [0.5, 1.0], "y_factor": [0.0, 0.0], **EDGE}, IMAGES
    ),
    Row("RandomHue", {"factor": [0.25, 0.5], "value_range": [-5, 5]}, RGB),
    Row("RandomSaturation", {"factor": [0.25, 0.75], "seed": 3}, RGB),
    Row("RandomColorDegeneration", {"factor": [-0.5, 0.5]}, RGB),
    Row("RandomGrayscale", {"factor": 0.25}, RGB),
    Row("RandomInvert", {"factor": [0.25, 0.5], "seed": 3}, IMAGES),
    Row("RandomPosterization", {"factor": [2, 4]}, IMAGES),
    Row("RandomPosterization", {"factor": [2, 5], **FIRST}, IMAGES),
    Row(
        "Solarization",
        {"addition_factor": [0.0, 0.25], "threshold_factor": [0.25, 0.5]},
        IMAGES,
    ),
    Row("RandomColorJitter", {"brightness_factor": 0.5, "hue_factor": 0.25}, RGB),
    Row("AutoContrast", {"value_range": [-5, 5]}, IMAGES),
    Row("Equalization", {"bins": 16}, IMAGES),
    Row("RandomSharpness", {"factor": [0.25, 0.5]}, IMAGES),
    Row(
        "RandomGaussianBlur",
        {"factor": [0.25, 0.5], "kernel_size": [3, 5], "sigma": [0.25, 0.5]},
        IMAGES,
    ),
    Row(
        "RandomErasing",
        {"factor": [0.5, 1.0], "scale": [0.25, 0.5], "fill_value": 1.0},
        IMAGES,
    ),
    Row("MixUp", {"alpha": 0.25, "seed": 3}, IMAGES, call=quiet),
    Row("CutMix", {"factor": [0.25, 0.5]}, IMAGES),
    Row("RandomPerspective", {"factor": [0.25, 0.5], "scale": 0.5, "seed": 3}, IMAGES),
    Row(
        "RandomElasticTransform",
        {"factor": [0.25, 0.5], "scale": [0.5, 1.0], "fill_mode": "wrap"},
        IMAGES,
    ),
    Row("RandAugment", {"num_ops": 1, "factor": [0.25, 0.5]}, RGB),
    Row(
        "AugMix",
        {"num_chains": 1, "chain_depth": 1, "factor": [0.25, 0.5], "all_ops": False},
        RGB,
    ),
    Row(
        "ContrastLimitedAdaptiveHistogramEqualization",
        {"value_range": [-5, 5], "tile_grid_size": [2, 3], "clip_limit": 2.0},
        IMAGES,
        smooth=False,
    ),
    Row("MaxNumBoundingBoxes", {"max_number": 3}, IMAGES, config=False),
    Row(
        "Pipeline",
        {"layers": lambda lib: [lib.layers.Rescaling(2.0), lib.layers.Dense(2)]},
        IMAGES,
        call=quiet,  # Keras has no compute_output_shape here
    ),
    Row("Resizing", {"height": 3, "width": 7}, IMAGES),
    Row("Resizing", {"height": 6, "width": 2, "interpolation": "nearest"}, IMAGES),
    Row("Resizing", {"height": 6, "width": 3, "interpolation": "bicubic"}, IMAGES),
    Row(
        "Resizing",
        {"height": 3, "width": 3, "interpolation": "lanczos3", "antialias": True},
        IMAGES,
    ),
    Row("Resizing", {"height": 7, "width": 4, "interpolation": "lanczos5"}, IMAGES),
    Row("Resizing", {"height": 3, "width": 2, "crop_to_aspect_ratio": True}, IMAGES),
    Row(
        "Resizing",
        {"height": 6, "width": 3, "pad_to_aspect_ratio": True, "fill_value": 2.0},
        IMAGES,
    ),
    Row("Resizing", {"height": 2, "width": 6, "pad_to_aspect_ratio": True}, IMAGES),
    Row("Resizing", {"height": 3, "width": 4, **FIRST}, IMAGES),
    Row("CenterCrop", {"height": 3, "width": 2}, IMAGES),
    Row("CenterCrop", {"height": 3, "width": 6}, IMAGES),
    Row("CenterCrop", {"height": 3, "width": 1, **FIRST}, IMAGES),
]
