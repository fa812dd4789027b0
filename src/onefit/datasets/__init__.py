"""The lectures' data: shipped, generated, or downloaded once and checked.

Every function gives plain numpy arrays, ready for `fit`. The data sets of Keras are
modules by Keras' names, `mnist.load_data()`, in Keras' cache folder. Importing this
package reads no file. It uses config, for the random stream, and errors; it knows
nothing of networks.
"""
# ruff: noqa: F403, PLE0604
# pyright: reportUnsupportedDunderAll=false

from onefit.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)
from onefit.datasets.download import *
from onefit.datasets.generated import *
from onefit.datasets.sequences import *
from onefit.datasets.shipped import *
from onefit.faces import public as _public

__all__ = [
    *_public(globals()),
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]
