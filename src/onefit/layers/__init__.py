"""Layers: descriptions with pure functions, by Keras' names.

One file a family. A layer is a class of settings with `init`, `apply` or `compute`, and
`output_shape`; `base.py` has the contract, `face.py` what people ask of an object
(`kernel`, `weights`), `symbolic.py` what `Input` gives, `tapping.py` the places to look
in, `host/` what runs on text and categories before the program. Layers use activations,
initializers, regularizers, constraints and what those stand on. They know no loss, no
network and no training.
"""
# ruff: noqa: F401, F403, PLE0605
# pyright: reportUnsupportedDunderAll=false

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

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
from onefit.layers.equalizing import *
from onefit.layers.images import CenterCrop, Resizing
from onefit.layers.merging import *
from onefit.layers.mixing import *
from onefit.layers.normalization import *
from onefit.layers.operation import *
from onefit.layers.policies import *
from onefit.layers.pooling import *
from onefit.layers.preprocessing import *
from onefit.layers.recurrent import *
from onefit.layers.reshaping import *
from onefit.layers.shapes import InputSpec
from onefit.layers.sharpening import *
from onefit.layers.spatial import *
from onefit.layers.spectral import *
from onefit.layers.warping import RandomElasticTransform, RandomPerspective
from onefit.layers.wrappers import *
from onefit.spellings import absent as _absent

if _TYPE_CHECKING:
    from onefit.layers.audio import *
    from onefit.layers.host.categories import *
    from onefit.layers.host.hashing import *
    from onefit.layers.host.lookup import *
    from onefit.layers.host.text_vectorization import *
    from onefit.layers.tabular import *

# Few programs have text, categories, sounds or tables: these are imported when one
# asks.
_HOMES = {
    "CategoryEncoding": "host.categories",
    "CategoryOneHot": "tabular",
    "CategoryVectors": "tabular",
    "Discretization": "host.categories",
    "EnsembleDense": "tabular",
    "FadingDropout": "tabular",
    "FeatureScale": "tabular",
    "HashedCrossing": "host.hashing",
    "Hashing": "host.hashing",
    "IntegerLookup": "host.lookup",
    "MelSpectrogram": "audio",
    "NTPDense": "tabular",
    "ParametricActivation": "tabular",
    "PeriodicEmbedding": "tabular",
    "RobustScaling": "tabular",
    "STFTSpectrogram": "audio",
    "StringLookup": "host.lookup",
    "TextVectorization": "host.text_vectorization",
}

__all__ = sorted([*_public(globals()), *_HOMES])


def __getattr__(name: str) -> _Any:
    if name not in _HOMES:
        raise _absent("onefit.layers", name)
    home = _importlib.import_module(f"onefit.layers.{_HOMES[name]}")
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
