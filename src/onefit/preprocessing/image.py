"""Single images, and the generator of batches of them: `keras.preprocessing.image`."""
# ruff: noqa: F403, PLE0605
# pyright: reportUnsupportedDunderAll=false

from onefit.faces import public as _public
from onefit.preprocessing.affine import *
from onefit.preprocessing.generator import *
from onefit.preprocessing.iterators import *
from onefit.preprocessing.pictures import *
from onefit.preprocessing.resizing import *

__all__ = _public(globals())
