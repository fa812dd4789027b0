"""Spreading: what programs and fits ask of a distribution."""

import time
from collections.abc import Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec

from onefit import programs
from onefit.distribution import processes
from onefit.distribution.devices import DeviceMesh, LayoutMap, TensorLayout, named
from onefit.errors import invalid, mistyped
from onefit.types import Array, Device, Shape, Tree

__all__ = [
    "DataParallel",
    "Distribution",
    "ModelParallel",
    "distribute_tensor",
    "distribution",
    "set_distribution",
]


def _lies(array: Array) -> bool:
    """Whether an array is on the devices of all processes already."""
    return isinstance(array, jax.Array) and not array.is_fully_addressable


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
        for path, shape in weights:
            layout = None if layouts is None else layouts[path]
            if layout is not None:
                by_shape[shape] = layout.of(mesh, shape, path)

        leaves = jax.tree.leaves(tree)
        if jax.process_count() > 1 and not all(map(_lies, leaves)):
            tree = multihost_utils.broadcast_one_to_all(tree)  # what process 0 has

        def place(leaf: Array) -> Array:
            return self._placed(leaf, by_shape.get(np.shape(leaf), usual))

        return jax.tree.map(place, tree)

    def kept(self, tree: Tree) -> Tree:
        """In a program: weights, and what has their shapes, stay as they were laid."""
        usual = NamedSharding(self.device_mesh.mesh, PartitionSpec())

        def keep(leaf: Array) -> Array:
            spec = self._by_shape.get(np.shape(leaf), usual)
            return jax.lax.with_sharding_constraint(leaf, spec)

        return jax.tree.map(keep, tree)

    def _placed(self, array: Array, spec: NamedSharding) -> Array:
        if isinstance(array, jax.Array) and array.sharding == spec:
            return array
        if jax.process_count() == 1:
            return jax.device_put(array, spec)
        host = np.asarray(array)  # of each process, which has the same
        return jax.make_array_from_callback(host.shape, spec, lambda at: host[at])

    def agreed(self, seed: int, told: dict[str, int]) -> int:
        """The seed of process 0, where all are asked for the same fit; it begins.

        Raises:
            ValueError: Another script or other rows in some process (which).
        """
        return processes.agreed(seed, told) if jax.process_count() > 1 else seed

    def ended(self) -> None:
        """The fit has ended: processes wait for each other no longer."""
        processes.ended()

    @property
    def together(self) -> bool:
        """Whether several processes run a fit: they cut it alike, by no clock."""
        return jax.process_count() > 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        return jax.process_index() == 0

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
                f"{weights:,} numbers that was measured to take {1e3 * exchange:.2g} "
                "ms",
                "a step that several devices do sooner",
                "write set_distribution(None), take larger batches, train many "
                "networks at once (population.fit), or write "
                "DataParallel(always=True)",
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
        devices: Sequence[str | Device] | None = None,
        auto_shard_dataset: bool = True,
        *,
        always: bool = False,
    ) -> None:
        if device_mesh is None:
            found = jax.devices() if devices is None else named(devices)
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
