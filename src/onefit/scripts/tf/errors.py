"""tf.errors: the errors that scripts catch by name."""

__all__ = [
    "FailedPreconditionError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OutOfRangeError",
    "ResourceExhaustedError",
    "UnimplementedError",
]


class OpError(Exception):
    """What the others are."""

    @property
    def message(self) -> str:
        """What was said."""
        return str(self)


class InvalidArgumentError(OpError, ValueError, TypeError):
    """A value that a function cannot take.

    Also what onefit and jax raise for one is caught by this name: see `caught`.
    """


class FailedPreconditionError(OpError):
    """Something that was asked for too early."""


class NotFoundError(OpError, FileNotFoundError):
    """A file that is not there."""


class OutOfRangeError(OpError, StopIteration):
    """No more rows."""


class ResourceExhaustedError(OpError, MemoryError):
    """Not enough memory."""


class UnimplementedError(OpError, NotImplementedError):
    """What nobody has written."""
