"""Devices, meshes of them, and how arrays lie on them."""

import math
import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any  # what a layout map gives for no match

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from onefit.errors import invalid
from onefit.types import Device, Shape

__all__ = [
    "DeviceMesh",
    "LayoutMap",
    "TensorLayout",
    "get_device_count",
    "list_devices",
    "named",
]


def list_devices(device_type: str | None = None) -> list[str]:
    """The devices of all processes, as 'cpu:0'.

    Args:
        device_type: 'cpu', 'gpu' or 'tpu'; None for those that JAX computes on.

    >>> list_devices("cpu")[0]
    'cpu:0'
    """
    return [f"{one.platform}:{one.id}" for one in _devices(device_type)]


def get_device_count(device_type: str | None = None) -> int:
    """How many devices there are."""
    return len(_devices(device_type))


def _devices(kind: str | None) -> list[Device]:
    try:
        return jax.devices(kind and kind.lower())
    except RuntimeError:  # JAX knows no devices of this kind
        return []


def named(devices: Sequence[str | Device]) -> list[Device]:
    """The devices of these names."""
    known = {}
    for kind in {str(d).partition(":")[0] for d in devices if isinstance(d, str)}:
        known |= {f"{d.platform}:{d.id}": d for d in _devices(kind)}
    found = []
    for one in devices:
        if isinstance(one, str) and one not in known:
            raise invalid(
                "devices", repr(one), f"of {', '.join(list_devices())} some or all"
            )
        found.append(known[one] if isinstance(one, str) else one)
    return found


class DeviceMesh:
    """Devices in rows and columns, whose axes have names.

    Args:
        shape: How many devices there are along each axis: (4, 2).
        axis_names: ('batch', 'model').
        devices: Which, in order; None for the first ones of all.

    Raises:
        ValueError: Another number of devices than the shape has room for.
    """

    def __init__(
        self,
        shape: Sequence[int],
        axis_names: Sequence[str],
        devices: Sequence[str | Device] | None = None,
    ) -> None:
        self.shape, self.axis_names = tuple(shape), tuple(axis_names)
        wanted, found = math.prod(shape), None if devices is None else named(devices)
        if found is None:
            found = jax.devices()[:wanted]
        if len(self.shape) != len(self.axis_names) or len(found) != wanted:
            raise invalid(
                "DeviceMesh",
                f"shape {self.shape}, axes {self.axis_names} and {len(found)} devices",
                "a name for each axis, and as many devices as the shape has",
                "a CPU is several devices with JAX_NUM_CPU_DEVICES=8 before the start",
            )
        self.devices = np.array(found).reshape(self.shape)
        self.mesh = Mesh(self.devices, self.axis_names)

    def __repr__(self) -> str:
        return f"DeviceMesh({self.shape}, {self.axis_names})"


class TensorLayout:
    """How an array lies on devices.

    Args:
        axes: For each axis of the array the axis of the mesh along which it is cut,
            None for one that is whole on each device.
        device_mesh: The mesh; a `LayoutMap` gives it its own.
    """

    def __init__(
        self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None
    ) -> None:
        self.axes, self.device_mesh = tuple(axes), device_mesh

    def of(self, mesh: DeviceMesh, shape: Shape, path: str) -> NamedSharding:
        """The sharding of JAX for an array of this shape.

        Raises:
            ValueError: An axis that the mesh has not, or that cannot be cut evenly.
        """
        sizes = dict(zip(mesh.axis_names, mesh.shape, strict=True))
        for size, axis in zip(shape, self.axes, strict=False):
            if axis is not None and axis not in sizes:
                raise invalid(
                    f"the layout of {path}",
                    f"axis {axis!r}",
                    f"one of the mesh: {', '.join(map(repr, sizes))}",
                )
            if axis is not None and size and size % sizes[axis]:
                raise invalid(
                    f"the layout of {path}",
                    f"an axis of {size} over {sizes[axis]} devices",
                    "a size that they divide",
                    f"make it {-(-size // sizes[axis]) * sizes[axis]}",
                )
        if len(self.axes) != len(shape):
            raise invalid(
                f"the layout of {path}",
                f"{len(self.axes)} axes, {self.axes}",
                f"one for each of an array of shape {shape}",
            )
        return NamedSharding(mesh.mesh, PartitionSpec(*self.axes))


class LayoutMap(MutableMapping[str, TensorLayout]):
    """Layouts of weights by their paths, which keys match from any place on.

    Args:
        device_mesh: The mesh.

    >>> layouts = LayoutMap(DeviceMesh((1,), ("model",)))
    >>> layouts["embedding/embeddings"] = ("model", None)
    >>> layouts["embedding/embeddings"].axes, layouts["dense/kernel"] is None
    (('model', None), True)
    """

    def __init__(self, device_mesh: DeviceMesh) -> None:
        self.device_mesh = device_mesh
        self._layouts: dict[str, TensorLayout] = {}

    def __getitem__(self, key: str) -> Any:  # a layout; None, as in Keras, for no match
        if key in self._layouts:
            return self._layouts[key]
        found = [rule for rule in self._layouts if re.search(rule, key)]
        if len(found) > 1:
            raise invalid(
                "LayoutMap",
                f"{key!r}, which {' and '.join(map(repr, found))} match",
                "one rule for each weight",
            )
        return self._layouts[found[0]] if found else None

    def __setitem__(
        self, key: str, layout: "TensorLayout | Sequence[str | None]"
    ) -> None:
        if key in self._layouts:
            raise invalid("LayoutMap", f"{key!r} once more", "one layout for each key")
        if not isinstance(layout, TensorLayout):
            layout = TensorLayout(layout, self.device_mesh)
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)

    def __len__(self) -> int:
        return len(self._layouts)
