"""Files: models and weights on disk, read safely and written whole or not at all.

The formats are Keras' own (`.keras`, `.weights.h5`) and safetensors. It makes networks
by `networks.FACES`, and never imports or runs what a file names.
"""

from onefit.files.limits import Limits

__all__ = ["Limits"]
