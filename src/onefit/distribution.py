"""Distribution: the steps of a fit over several devices, by Keras' names.

A step is the same formula on any number of devices: each computes the gradient of its
share of the batch, and the program adds the shares, all weights in one exchange. So a
batch is the whole batch, as in Keras, and the numbers are those of one device but for
rounding. `ModelParallel` lays weights out over devices too, where one has not the
memory for them.

    onefit.distribution.set_distribution(onefit.distribution.DataParallel())
    model.fit(x, y, batch_size=512)

A small step is done sooner by one device than exchanged: then `fit` refuses, with what it
has measured. Small networks gain by training many of them instead, a share on each
device, which `population.fit` does by itself.
"""

import functools
import math
import os
import re
import time
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any  # the tree of a program's arrays

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from onefit import programs
from onefit.errors import invalid, mistyped
from onefit.types import Array, Shape, Tree

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


def _devices(kind: str | None) -> list[jax.Device]:
    try:
        return jax.devices(kind and kind.lower())
    except RuntimeError:  # JAX knows no devices of this kind
        return []


def _named(devices: Sequence[str | jax.Device]) -> list[jax.Device]:
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
        devices: Sequence[str | jax.Device] | None = None,
    ) -> None:
        self.shape, self.axis_names = tuple(shape), tuple(axis_names)
        wanted, found = math.prod(shape), None if devices is None else _named(devices)
        if found is None:
            found = jax.devices()[:wanted]
        if len(self.shape) != len(self.axis_names) or len(found) != wanted:
            raise invalid(
                "DeviceMesh",
                f"shape {self.shape}, axes {self.axis_names} and {len(found)} devices",
                "a name for each axis, and as many devices as the shape has",
                "a CPU is several devices with JAX_NUM_CPU_DEVICES=8 in the environment",
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
            if axis is not None and size % sizes[axis]:
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


class Distribution:
    """How the arrays of a fit lie on devices; `DataParallel` and `ModelParallel` are.

    Args:
        device_mesh: The devices.
        batch_dim_name: The axis over which the rows of a batch are shared.
        auto_shard_dataset: As in Keras; all processes are given all rows here.
        always: Whether to spread also what one device does sooner.
    """

    def __init__(
        self,
        device_mesh: DeviceMesh,
        batch_dim_name: str | None,
        auto_shard_dataset: bool,
        always: bool,
    ) -> None:
        del auto_shard_dataset
        self.device_mesh, self.batch_dim_name = device_mesh, batch_dim_name
        self.always = always
        self.layout_map: LayoutMap | None = None
        self._times: dict[int, float] = {}
        self._by_shape: dict[Shape, NamedSharding] = {}  # arrays that are cut

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.device_mesh!r})"

    @property
    def shares(self) -> int:
        """Into how many shares a batch is cut."""
        sizes = dict(
            zip(self.device_mesh.axis_names, self.device_mesh.shape, strict=True)
        )
        return sizes.get(self.batch_dim_name or "", 1)

    def scope(self) -> "programs.Spreading":
        """A block in which it is the distribution."""
        return programs.spreading(self)

    # What programs and fits ask -----------------------------------------------------

    def shared(self, batch: Tree) -> Tree:
        """In a program: the rows of a batch, on each device a share of them.

        A smaller last batch that cannot be cut evenly is computed by all alike.
        """
        leaves = jax.tree.leaves(batch)
        if not leaves or len(leaves[0]) % self.shares:
            return batch
        spec = NamedSharding(self.device_mesh.mesh, PartitionSpec(self.batch_dim_name))
        return jax.lax.with_sharding_constraint(batch, spec)

    def whole(self, tree: Tree) -> Tree:
        """Arrays that each device has as a whole."""
        spec = NamedSharding(self.device_mesh.mesh, PartitionSpec())
        return jax.tree.map(lambda a: self._placed(a, spec), tree)

    def laid_out(self, tree: Tree, weights: Sequence[tuple[str, Shape]]) -> Tree:
        """Weights, and what has their shapes, as the layout map has them.

        Args:
            tree: Arrays.
            weights: The path and the shape of each weight.
        """
        mesh, layouts, by_shape = self.device_mesh, self.layout_map, self._by_shape
        usual = NamedSharding(mesh.mesh, PartitionSpec())
        for path, shape in weights if layouts is not None else ():
            layout = layouts[path]
            if layout is not None:
                by_shape[shape] = layout.of(mesh, shape, path)

        def place(leaf: Array) -> Array:
            return self._placed(leaf, by_shape.get(np.shape(leaf), usual))

        return jax.tree.map(place, tree)

    def kept(self, tree: Tree) -> Tree:
        """In a program: weights, and what has their shapes, stay as they were laid."""

        def keep(leaf: Array) -> Array:
            spec = self._by_shape.get(np.shape(leaf))
            return (
                leaf if spec is None else jax.lax.with_sharding_constraint(leaf, spec)
            )

        return jax.tree.map(keep, tree) if self._by_shape else tree

    def _placed(self, array: Array, spec: NamedSharding) -> Array:
        if jax.process_count() == 1:
            return jax.device_put(array, spec)
        host = np.asarray(array)  # of each process, which has the same
        return jax.make_array_from_callback(host.shape, spec, lambda at: host[at])

    def check(self, batch: int, weights: int, seconds: float) -> None:
        """Refuses a fit that one device would do sooner.

        Args:
            batch: Rows in a batch.
            weights: How many numbers a step exchanges.
            seconds: What a step takes on one device, about.

        Raises:
            ValueError: That, with what was measured; a batch that cannot be cut evenly.
        """
        shares = self.shares
        if batch % shares:
            raise invalid(
                "fit",
                f"batches of {batch} rows for {shares} devices",
                "a multiple of them, so that each has as many",
                f"write batch_size={-(-batch // shares) * shares}",
            )
        if self.always or shares == 1:
            return
        exchange, saved = self.exchange(weights), seconds * (1 - 1 / shares)
        if exchange > saved:
            raise invalid(
                "fit",
                f"a step of about {1e3 * seconds:.2g} ms on one device, of which "
                f"{shares} devices save {1e3 * saved:.2g} ms, and an exchange of "
                f"{weights:,} numbers that was measured to take {1e3 * exchange:.2g} ms",
                "a step that several devices do sooner",
                "write set_distribution(None), take larger batches, train many networks "
                "at once (population.fit), or write DataParallel(always=True)",
            )

    def exchange(self, count: int) -> float:
        """Seconds that adding so many numbers over the devices takes, measured once."""
        if count not in self._times:
            mesh, shares = self.device_mesh.mesh, self.shares
            cut = NamedSharding(mesh, PartitionSpec(self.batch_dim_name))
            usual = NamedSharding(mesh, PartitionSpec())
            add = jax.jit(lambda a: a.sum(0), out_shardings=usual)
            host = np.zeros((shares, count), np.float32)
            parts = jax.make_array_from_callback(host.shape, cut, lambda at: host[at])
            times = []
            for _ in range(4):  # the first one compiles
                begun = time.perf_counter()
                jax.block_until_ready(add(parts))
                times.append(time.perf_counter() - begun)
            self._times[count] = min(times[1:])
        return self._times[count]


class DataParallel(Distribution):
    """Each device has all weights, and a share of the rows of each batch.

    Args:
        device_mesh: The devices, along one axis.
        devices: Their names, or None for all there are.
        auto_shard_dataset: As in Keras.
        always: Whether to spread also what one device does sooner, which is refused
            otherwise with what was measured.

    Raises:
        ValueError: A mesh of more than one axis.

    Example:
        >>> set_distribution(DataParallel(devices=["cpu:0"]))
        >>> distribution().shares
        1
        >>> set_distribution(None)

    Source: Keras, `keras.distribution.DataParallel`.
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[str | jax.Device] | None = None,
        auto_shard_dataset: bool = True,
        *,
        always: bool = False,
    ) -> None:
        if device_mesh is None:
            found = jax.devices() if devices is None else _named(devices)
            device_mesh = DeviceMesh((len(found),), ("batch",), found)
        if len(device_mesh.shape) != 1:
            raise invalid(
                "DataParallel",
                f"a mesh of shape {device_mesh.shape}",
                "one axis",
                "write ModelParallel for several",
            )
        name = device_mesh.axis_names[0]
        super().__init__(device_mesh, name, auto_shard_dataset, always)


class ModelParallel(Distribution):
    """Weights lie on devices as a layout map says; rows of a batch are shared too.

    Args:
        layout_map: The layouts of weights, and the mesh. Weights without a layout are
            whole on each device.
        batch_dim_name: The axis over which rows are shared; None for the first one.
        auto_shard_dataset: As in Keras.
        always: As for `DataParallel`. A layout is never refused.

    Example:
        >>> layouts = LayoutMap(DeviceMesh((1, 1), ("batch", "model")))
        >>> layouts["embedding/embeddings"] = ("model", None)
        >>> ModelParallel(layout_map=layouts).shares
        1

    The host has all weights at the beginning and at the end of a fit.

    Source: Keras, `keras.distribution.ModelParallel`.
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        always: bool = True,
    ) -> None:
        if not isinstance(layout_map, LayoutMap):
            raise mistyped("ModelParallel", repr(layout_map), "a LayoutMap")
        mesh = layout_map.device_mesh
        name = batch_dim_name or mesh.axis_names[0]
        super().__init__(mesh, name, auto_shard_dataset, always)
        self.layout_map = layout_map


def set_distribution(value: Distribution | None) -> None:
    """Has fits spread over devices from here on; None for one device."""
    if value is not None and not isinstance(value, Distribution):
        raise mistyped(
            "set_distribution", repr(value), "a Distribution", "write DataParallel()"
        )
    programs.spread_by(value)


def distribution() -> Distribution | None:
    """What `set_distribution` has set."""
    found = programs.spread()
    return found if isinstance(found, Distribution) else None


def distribute_tensor(tensor: Array, layout: TensorLayout) -> Array:
    """An array, on devices as the layout says."""
    mesh = layout.device_mesh
    if mesh is None:
        raise invalid("distribute_tensor", "a layout without a mesh", "one with a mesh")
    return jax.device_put(tensor, layout.of(mesh, np.shape(tensor), "the tensor"))


def initialize(
    job_addresses: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: float = 300,
) -> None:
    """Joins this process to others; each of them runs the same program.

    It comes before anything is computed. Under Slurm, MPI and on TPUs nothing has to be
    given: JAX finds it.

    Args:
        job_addresses: 'host:port' of process 0, which may be followed by those of the
            others, after commas. By default KERAS_DISTRIBUTION_JOB_ADDRESSES.
        num_processes: How many there are, or KERAS_DISTRIBUTION_NUM_PROCESSES.
        process_id: The number of this one, or KERAS_DISTRIBUTION_PROCESS_ID.
        timeout: Seconds to wait for the others, and after which one that has died is
            missed by all.

    Raises:
        ValueError: A port in use, a host that never comes.
    """
    read = functools.partial(_environment, os.environ)
    job_addresses = job_addresses or read("JOB_ADDRESSES")
    number, count = read("PROCESS_ID"), read("NUM_PROCESSES")
    process_id = int(number) if process_id is None and number else process_id
    num_processes = int(count) if num_processes is None and count else num_processes
    address = job_addresses.split(",")[0] if job_addresses else None
    if address is not None and process_id == 0:
        _refuse_port_in_use(address)
    try:
        jax.distributed.initialize(
            address,
            num_processes,
            process_id,
            initialization_timeout=int(timeout),
            heartbeat_timeout_seconds=max(10, int(timeout)),
        )
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())[:400]
        raise invalid(
            "distribution.initialize",
            f"no connection of process {process_id} of {num_processes} by way of "
            f"{address} in {timeout:g} s ({said})",
            "all processes to come",
            "start one with each number from 0 on, and look at the firewall",
        ) from error


def _environment(environment: Any, name: str) -> str | None:
    return environment.get(f"KERAS_DISTRIBUTION_{name}")


def _refuse_port_in_use(address: str) -> None:
    """Refuses the address of a port that another program listens on."""
    import socket

    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise invalid("job_addresses", repr(address), "'host:port' of process 0")
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, int(port)))
        except OSError as error:
            raise invalid(
                "distribution.initialize",
                f"{address!r}, where this process cannot listen ({error.strerror})",
                "a free port of the machine that process 0 runs on",
                "write another port",
            ) from error
