"""Types of numbers as objects: the names of `keras.dtype_policies`."""

from typing import Any

from onefit.config import DTypePolicy, dtype_policy
from onefit.errors import mistyped

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]

FloatDTypePolicy = DTypePolicy
"""The older name, as in Keras."""


def get(identifier: Any) -> DTypePolicy:
    """A policy, of its name, its config, or itself; None is that of new layers.

    Raises:
        TypeError: Anything else.
        ValueError: An unknown name.

    >>> get("mixed_bfloat16")
    <DTypePolicy "mixed_bfloat16">
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    raise mistyped(
        "dtype_policies.get",
        repr(identifier),
        "a policy or its name",
        "write 'mixed_bfloat16'",
    )


def serialize(policy: DTypePolicy) -> dict[str, Any]:
    """A policy as Keras' configs have it."""
    return policy.serialized()


def deserialize(config: dict[str, Any], custom_objects: object = None) -> DTypePolicy:
    """The policy that `serialize` wrote down."""
    del custom_objects  # no policy is a class of the user's
    return DTypePolicy.from_config(config.get("config", config))
