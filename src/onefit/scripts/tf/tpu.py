"""tf.tpu: there is none, and what asks for one is told so."""

from typing import Any

__all__ = ["experimental"]


class experimental:
    """What begins a TPU."""

    @staticmethod
    def initialize_tpu_system(cluster_resolver: Any = None) -> Any:
        """Raises the error that programs expect where there is no TPU.

        Raises:
            ValueError: Always.
        """
        raise ValueError("There is no TPU here.")
