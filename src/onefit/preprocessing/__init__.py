"""What people have becomes rows: texts, sequences, tables, images, sounds, series.

The names are those of `keras.preprocessing`; most are shown in `onefit.utils` too.
`text` has the old Tokenizer, `sequence` makes sequences of one length, `feature_space`
encodes the columns of a table, `bounding_boxes` compares and moves boxes in images. The
functions `..._from_directory` and `timeseries_dataset_from_array` give a
`onefit.data.Dataset`; `image` reads, draws and changes single images, with the old
`ImageDataGenerator`. Pillow is imported when an image is read. It uses data, layers and
models; it knows nothing of training.
"""
# ruff: noqa: F403, PLE0604
# pyright: reportUnsupportedDunderAll=false

from onefit.faces import public as _public
from onefit.preprocessing import bounding_boxes, image, sequence, text
from onefit.preprocessing.from_directory import *
from onefit.preprocessing.series import *

__all__ = [*_public(globals()), "bounding_boxes", "image", "sequence", "text"]
