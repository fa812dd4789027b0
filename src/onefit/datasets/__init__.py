"""The lectures' data: shipped, generated, or downloaded once and checked.

Every function gives plain numpy arrays, ready for `fit`. Importing this package reads
no file.
"""

from onefit.datasets.download import load_mnist
from onefit.datasets.generated import coffee, houses, xor
from onefit.datasets.sequences import reviews, rides
from onefit.datasets.shipped import load_digits, path

__all__ = [
    "coffee",
    "houses",
    "load_digits",
    "load_mnist",
    "path",
    "reviews",
    "rides",
    "xor",
]
