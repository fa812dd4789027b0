"""Layers: descriptions with pure functions, by Keras' names.

One file a family. A layer is a class of settings with `init`, `apply` or `compute`, and
`output_shape`; `base.py` has the contract, `face.py` what people ask of an object
(`kernel`, `weights`), `symbolic.py` what `Input` gives, `tapping.py` the places to look
in. Layers use activations, initializers, regularizers, constraints and what those stand
on. They know no loss, no network and no training.
"""
# ruff: noqa: F401, F403, PLE0605
# pyright: reportUnsupportedDunderAll=false

from onefit.faces import public as _public
from onefit.layers.activation import *
from onefit.layers.attention import *
from onefit.layers.attention_heads import *
from onefit.layers.augmentation import *
from onefit.layers.base import *
from onefit.layers.called import Called as _Called
from onefit.layers.cells import *
from onefit.layers.coloring import *
from onefit.layers.convolution import (
    Conv1D,
    Conv2D,
    Conv3D,
    Convolution1D,
    Convolution2D,
    Convolution3D,
)
from onefit.layers.convolution_separable import *
from onefit.layers.convolution_transposed import *
from onefit.layers.convolutional_recurrent import *
from onefit.layers.core import *
from onefit.layers.dense import *
from onefit.layers.dropout import *
from onefit.layers.einsum_dense import *
from onefit.layers.embedding import *
from onefit.layers.images import CenterCrop, Resizing
from onefit.layers.merging import *
from onefit.layers.mixing import *
from onefit.layers.normalization import *
from onefit.layers.operation import *
from onefit.layers.pooling import *
from onefit.layers.preprocessing import *
from onefit.layers.recurrent import *
from onefit.layers.reshaping import *
from onefit.layers.shapes import InputSpec
from onefit.layers.sharpening import *
from onefit.layers.spatial import *
from onefit.layers.spectral import *
from onefit.layers.wrappers import *

__all__ = _public(globals())
