"""tf.distribute: a strategy with one replica, which runs what it is given.

What a strategy does on one device: its scope changes nothing, `run` calls the function,
a reduction over the one replica gives its value.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from onefit.errors import invalid
from onefit.scripts.noops import noop
from onefit.scripts.tf import math

__all__ = [
    "MirroredStrategy",
    "OneDeviceStrategy",
    "ReduceOp",
    "Strategy",
    "cluster_resolver",
    "experimental",
    "get_replica_context",
    "get_strategy",
    "has_strategy",
]


class ReduceOp:
    """How values of replicas become one: by their sum or their mean."""

    SUM = "SUM"
    MEAN = "MEAN"


@noop("tf.distribute.Strategy.scope", "one device is used, so nothing is spread")
def _scope(strategy: "Strategy") -> Any:
    """The block in which a strategy is the current one."""

    @contextlib.contextmanager
    def block() -> Iterator[Strategy]:
        _current.append(strategy)
        try:
            yield strategy
        finally:
            _current.pop()

    return block()


class Strategy:
    """The strategy of one device: everything runs on it, once.

    >>> strategy = MirroredStrategy()
    >>> strategy.num_replicas_in_sync, strategy.run(lambda x: x + 1, args=(1,))
    (1, 2)
    """

    num_replicas_in_sync = 1

    def __init__(self, devices: Any = None, cross_device_ops: Any = None) -> None:
        names = [devices] if isinstance(devices, str) else list(devices or [])
        if len(names) > 1:
            raise invalid(
                "tf.distribute",
                f"{len(names)} devices",
                "one: all runs on one device",
                "leave out devices",
            )

    def scope(self) -> Any:
        """A block in which this strategy is the current one; nothing else changes."""
        return _scope(self)

    def run(
        self,
        fn: Callable[..., Any],
        args: Any = (),
        kwargs: Any = None,
        options: Any = None,
    ) -> Any:
        """What the function gives for these arguments."""
        return fn(*args, **(kwargs or {}))

    experimental_run_v2 = run

    def reduce(self, reduce_op: Any, value: Any, axis: Any) -> Any:
        """The value of the one replica; along an axis, its sum or mean."""
        if axis is None:
            return value
        mean = str(getattr(reduce_op, "name", reduce_op)).upper() == ReduceOp.MEAN
        return getattr(math, "reduce_mean" if mean else "reduce_sum")(value, axis)

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """The values of all replicas: of the one."""
        return (value,)

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """The data set itself."""
        return dataset

    def distribute_datasets_from_function(
        self, dataset_fn: Callable[..., Any], options: Any = None
    ) -> Any:
        """The data set that the function gives."""
        return dataset_fn(_Context())

    experimental_distribute_datasets_from_function = distribute_datasets_from_function


class MirroredStrategy(Strategy):
    """The strategy of one device; see `Strategy`."""


class OneDeviceStrategy(Strategy):
    """The strategy of one device; see `Strategy`."""

    def __init__(self, device: Any = None) -> None:
        super().__init__(device)


class _Context:
    """Where a replica is: the first of one."""

    num_replicas_in_sync = 1
    num_input_pipelines = 1
    input_pipeline_id = 0
    replica_id_in_sync_group = 0

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """The rows of the one replica: all."""
        return global_batch_size

    def all_reduce(self, reduce_op: Any, value: Any, options: Any = None) -> Any:
        """The value of the one replica."""
        return value


_current: list[Strategy] = []


def get_strategy() -> Strategy:
    """The strategy of the block, or that of one device."""
    return _current[-1] if _current else Strategy()


def has_strategy() -> bool:
    """Whether this is the scope of a strategy."""
    return bool(_current)


def get_replica_context() -> _Context:
    """The one replica."""
    return _Context()


def _no_tpu(*args: Any, **kwargs: Any) -> Any:
    """Raises the error that programs expect where there is no TPU.

    Raises:
        ValueError: Always.
    """
    raise ValueError("Please provide a TPU Name to connect to: there is no TPU here.")


class cluster_resolver:
    """Machines of a cluster, of which there are none."""

    TPUClusterResolver = staticmethod(_no_tpu)


class experimental:
    """Strategies under older names."""

    CentralStorageStrategy = MirroredStrategy
    TPUStrategy = staticmethod(_no_tpu)


__all__ += ["TPUStrategy"]
TPUStrategy = _no_tpu
