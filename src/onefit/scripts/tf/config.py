"""tf.config: the devices there are; choosing among them does nothing here."""

from typing import Any, NamedTuple

import jax

from onefit.scripts.noops import noop

__all__ = [
    "LogicalDevice",
    "PhysicalDevice",
    "enable_op_determinism",
    "experimental_connect_to_cluster",
    "experimental_run_functions_eagerly",
    "functions_run_eagerly",
    "get_soft_device_placement",
    "get_visible_devices",
    "list_logical_devices",
    "list_physical_devices",
    "run_functions_eagerly",
    "set_logical_device_configuration",
    "set_memory_growth",
    "set_soft_device_placement",
    "set_visible_devices",
]


class PhysicalDevice(NamedTuple):
    """A device of this machine."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device as programs see it."""

    name: str
    device_type: str


def _devices(device_type: str | None) -> list[tuple[str, int]]:
    found = [("CPU", 0)]
    if jax.default_backend() != "cpu":
        kinds = {"gpu": "GPU", "cuda": "GPU", "rocm": "GPU", "tpu": "TPU"}
        found += [(kinds.get(d.platform, "GPU"), d.id) for d in jax.devices()]
    return [(kind, n) for kind, n in found if device_type in (None, kind)]


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices that jax can use.

    >>> list_physical_devices("CPU")
    [PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]
    """
    return [
        PhysicalDevice(f"/physical_device:{kind}:{n}", kind)
        for kind, n in _devices(device_type)
    ]


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices that jax can use, as programs name them."""
    return [
        LogicalDevice(f"/device:{kind}:{n}", kind) for kind, n in _devices(device_type)
    ]


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices that jax can use."""
    return list_physical_devices(device_type)


_eagerly = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether functions under tf.function run as they stand, each time."""
    global _eagerly  # noqa: PLW0603
    _eagerly = bool(run_eagerly)


def experimental_run_functions_eagerly(run_eagerly: bool) -> None:
    """Another name of `run_functions_eagerly`."""
    run_functions_eagerly(run_eagerly)


def functions_run_eagerly() -> bool:
    """What `run_functions_eagerly` said."""
    return _eagerly


_ONE = "jax chooses the device, by the environment: JAX_PLATFORMS=cpu"
_MEMORY = "jax takes memory by the environment: XLA_PYTHON_CLIENT_PREALLOCATE=false"


@noop("tf.config.set_visible_devices", _ONE)
def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Does nothing: jax chooses the device, by the environment."""


@noop("tf.config.experimental.set_memory_growth", _MEMORY)
def set_memory_growth(device: Any, enable: bool) -> None:
    """Does nothing: how jax takes memory is said in the environment."""


@noop("tf.config.set_logical_device_configuration", _ONE)
def set_logical_device_configuration(device: Any, logical_devices: Any) -> None:
    """Does nothing: a device is used as it is."""


def experimental_connect_to_cluster(cluster_spec_or_resolver: Any = None) -> None:
    """Raises the error that programs expect where there is no cluster.

    Raises:
        ValueError: Always.
    """
    raise ValueError("There is no cluster here.")


@noop(
    "tf.config.experimental.enable_op_determinism", "the same seed gives the same run"
)
def enable_op_determinism() -> None:
    """Does nothing: the same seed gives the same run on one machine."""


@noop("tf.config.set_soft_device_placement", _ONE)
def set_soft_device_placement(enabled: bool) -> None:
    """Does nothing: jax chooses the device."""


def get_soft_device_placement() -> bool:
    """True: what cannot run on a device runs elsewhere."""
    return True
