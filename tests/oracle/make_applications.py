"""Writes applications.json: what Keras' known networks are and what they compute.

Run it by hand, beside Keras: python tests/oracle/make_applications.py. Each network gets
weights that a numpy generator draws (test_applications.py draws the same), so that its
output is a number to compare without Keras.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("applications.json")

NAMES = [
    *("VGG16", "VGG19", "MobileNet", "MobileNetV2", "Xception", "InceptionV3"),
    *("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2"),
    *("ResNet152V2", "DenseNet121", "DenseNet169", "DenseNet201"),
    *("EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3"),
]
COMPUTED = ["MobileNetV2", "ResNet50", "ResNet50V2", "EfficientNetB0", "DenseNet121"]
COMPUTED += ["VGG16", "MobileNet", "Xception", "InceptionV3"]
SIZE = 96


def drawn(weights):
    """Weights of these shapes at which activations neither vanish nor explode."""
    rng = np.random.default_rng(0)
    made = []
    for weight in weights:
        if weight.dtype.kind != "f":
            made.append(np.zeros(weight.shape, weight.dtype))
        elif weight.ndim > 1:
            scale = math.sqrt(2 / max(math.prod(weight.shape[:-1]), 1))
            made.append(rng.uniform(-1.7, 1.7, weight.shape) * scale)
        else:
            made.append(rng.uniform(0.5, 1.5, weight.shape))
    return made


def images():
    return np.random.default_rng(1).uniform(0, 255, (1, SIZE, SIZE, 3)).astype("f4")


def fingerprint(model):
    """The name, the layers' names, the weights' shapes, in a few letters."""
    names = [layer.name for layer in model.layers if "input" not in layer.name]
    shapes = [list(map(int, np.shape(w))) for w in model.get_weights()]
    text = json.dumps([names, shapes])
    return [
        model.name,
        int(model.count_params()),
        len(names),
        hashlib.sha256(text.encode()).hexdigest()[:16],
    ]


def main():
    import keras

    made = {}
    for name in NAMES:
        keras.backend.clear_session()
        function = getattr(keras.applications, name)
        given = {"weights": None, "include_top": False, "pooling": "avg"}
        bare = function(input_shape=(SIZE, SIZE, 3), **given)
        made[name] = {"bare": fingerprint(bare)}
        if name in COMPUTED:
            bare.set_weights(drawn(bare.get_weights()))
            made[name]["output"] = np.asarray(bare(images()))[0, :8].tolist()
        keras.backend.clear_session()
        made[name]["top"] = fingerprint(function(weights=None))
        FILE.write_text(json.dumps(made, indent=1) + "\n")
        print(name, flush=True)


if __name__ == "__main__":
    main()
