"""Distribution: the steps of a fit over several devices, by Keras' names.

A step is the same formula on any number of devices: each computes the gradient of its
share of the batch, and the program adds the shares, all weights in one exchange. So a
batch is the whole batch, as in Keras, and the numbers are those of one device but for
rounding. `ModelParallel` lays weights out over devices too, where one has not the
memory for them.

    onefit.distribution.set_distribution(onefit.distribution.DataParallel())
    model.fit(x, y, batch_size=512)

A small step is done sooner by one device than exchanged: then `fit` refuses, with what
it has measured. Small networks gain by training many of them instead, a share on each
device, which `population.fit` does by itself.
"""

from onefit.distribution.devices import (
    DeviceMesh,
    LayoutMap,
    TensorLayout,
    get_device_count,
    list_devices,
)
from onefit.distribution.processes import initialize
from onefit.distribution.spreading import (
    DataParallel,
    Distribution,
    ModelParallel,
    distribute_tensor,
    distribution,
    set_distribution,
)

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "Distribution",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "get_device_count",
    "initialize",
    "list_devices",
    "set_distribution",
]
