"""Files: models and weights on disk, read safely and written whole or not at all.

The formats are Keras' own (`.keras`, `.weights.h5`) and safetensors. Sizes and shapes
are checked before anything is allocated, and what a file names is never imported or
run: networks are made by the classes in `networks.network.FACES`, and layers by the
registries. Files use training and what it stands on, for what `compile` said and for
the optimizer's state; they know no models, no guide and no plots.
"""

from onefit.files.limits import Limits

__all__ = ["Limits"]
