"""Known networks by Keras' names: layers, names and weights are those of Keras.

`ResNet50(weights=None)` makes a model as any other. A module each has what belongs to
it: `resnet50.preprocess_input` scales images, `resnet50.decode_predictions` names the
classes. Weights are a file that you have, or those that Keras publishes, in Keras'
cache folder. It uses models, files, and datasets, which fetches files.
"""
# ruff: noqa: F403, PLE0604
# pyright: reportUnsupportedDunderAll=false

from onefit.applications import (
    densenet,
    efficientnet,
    imagenet_utils,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    resnet,
    resnet50,
    resnet_v2,
    vgg16,
    vgg19,
    xception,
)
from onefit.applications.dense import *
from onefit.applications.efficient import *
from onefit.applications.inception import *
from onefit.applications.mobile import *
from onefit.applications.residual import *
from onefit.applications.vgg import *
from onefit.faces import public as _public

__all__ = [
    *_public(globals()),
    "densenet",
    "efficientnet",
    "imagenet_utils",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]
