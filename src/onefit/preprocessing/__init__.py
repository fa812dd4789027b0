"""Files and series become rows: images, texts and sounds in folders, windows in time.

The names are those of `keras.preprocessing`; most are shown in `onefit.utils` too. The
functions `..._from_directory` and `timeseries_dataset_from_array` give a
`onefit.data.Dataset`; `image` has what reads, draws and changes single images, and the
old `ImageDataGenerator`. Pillow is imported when an image is read. It uses data, the
names of layouts in layers, config and errors; it knows nothing of training.
"""
# ruff: noqa: F403, PLE0604
# pyright: reportUnsupportedDunderAll=false

from onefit.faces import public as _public
from onefit.preprocessing import image
from onefit.preprocessing.from_directory import *
from onefit.preprocessing.series import *

__all__ = [*_public(globals()), "image"]
