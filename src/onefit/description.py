"""Descriptions: frozen settings that are also pytrees of their numbers.

Everything in the catalogue (layers, losses, metrics, optimizers, ...) is a
`Description`: a class whose annotated fields are its settings. Some settings shape the
program (units, an activation, a name); some are only numbers in it (a dropout rate, a
learning rate, an L2 factor). A description is a pytree whose leaves are those numbers,
so that

* a compiled program is found again by the structure of what it trains, and changing a
  number never compiles it again,
* a population varies the numbers by `vmap`, as it varies the weights.

A number that is exactly zero, or None, counts as structure: it switches its term off,
and the program is made without it. `off(x)` asks for that.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self, dataclass_transform

import jax
import numpy as np

from onefit.errors import invalid, mistyped, unknown
from onefit.spellings import refuse_unknown

__all__ = ["Description", "number", "off", "setting", "settings"]


def setting(
    *,
    default: Any = dataclasses.MISSING,
    convert: Callable[[Any], Any] | None = None,
    check: Callable[[str, str, Any], None] | None = None,
    identity: bool = True,
    kw_only: bool = False,
    keyword: str | None = None,
) -> Any:
    """A field that shapes the program.

    Args:
        default: The value when none is given; without one the field is required.
        convert: Turns what users write (a string, a dict, a list) into the object.
        check: `check(where, name, value)` raises when the value cannot be meant.
        identity: Whether two descriptions that differ here need two programs. False
            for what no program sees, such as a name.
        kw_only: Whether it must be given by name.
        keyword: Its name to users and in files, where a method has taken it: the
            setting `output_shape` of a layer.
    """
    metadata = {"convert": convert, "check": check, "identity": identity}
    metadata["keyword"] = keyword
    return dataclasses.field(default=default, metadata=metadata, kw_only=kw_only)


def number(
    *,
    default: Any = dataclasses.MISSING,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    optional: bool = False,
    convert: Callable[[Any], Any] | None = None,
    kw_only: bool = False,
) -> Any:
    """A field that is an input of the program: a leaf of the description.

    Args:
        default: The value when none is given.
        minimum, maximum: Bounds that the value may reach.
        above, below: Bounds that it may not reach.
        optional: Whether None is allowed.
        convert: As in `setting`.
        kw_only: Whether it must be given by name.
    """

    def check(where: str, name: str, value: Any) -> None:
        if value is None and optional:
            return
        if isinstance(value, jax.Array | np.ndarray | Description):
            return
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise mistyped(where, f"{name}={value!r}", "a number")
        limits = [
            (minimum, lambda v, b: v >= b, "at least"),
            (maximum, lambda v, b: v <= b, "at most"),
            (above, lambda v, b: v > b, "above"),
            (below, lambda v, b: v < b, "below"),
        ]
        words = [f"{word} {bound}" for bound, _, word in limits if bound is not None]
        if not all(ok(value, bound) for bound, ok, _ in limits if bound is not None):
            raise invalid(where, f"{name}={value!r}", f"a number {' and '.join(words)}")

    metadata = {"convert": convert, "check": check, "identity": True, "number": True}
    return dataclasses.field(default=default, metadata=metadata, kw_only=kw_only)


def off(value: Any) -> bool:
    """Whether a number is structurally absent: None, or exactly zero on the host."""
    return value is None or (isinstance(value, int | float) and value == 0)


def _is_leaf(field: dataclasses.Field, value: Any) -> bool:
    """Whether a value is a child of the pytree rather than part of its shape."""
    if isinstance(value, str | bool | type(None)):
        return False
    if field.metadata.get("number"):
        return not off(value)
    if isinstance(value, tuple):
        return any(isinstance(v, Description | jax.Array | np.ndarray) for v in value)
    return isinstance(value, Description | jax.Array | np.ndarray)


@functools.cache
def _fields(cls: type) -> tuple[dataclasses.Field, ...]:
    return dataclasses.fields(cls)


@functools.cache
def _attributes(cls: type) -> frozenset[str]:
    """The names of the fields."""
    return frozenset(field.name for field in _fields(cls))


@functools.cache
def settings(cls: type) -> dict[str, str]:
    """The settings of a description by users' names, each with its attribute."""
    return {f.metadata.get("keyword") or f.name: f.name for f in _fields(cls)}


def _by_keyword(cls: type) -> None:
    """Lets the __init__ of a class take settings by users' names."""
    attributes, made = settings(cls), cls.__init__
    if all(name == attribute for name, attribute in attributes.items()):
        return

    @functools.wraps(made)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **{attributes.get(k, k): v for k, v in kwargs.items()})

    names = {attribute: name for name, attribute in attributes.items()}
    signature = inspect.signature(made)
    __init__.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            p.replace(name=names.get(p.name, p.name))
            for p in signature.parameters.values()
        ]
    )
    cls.__init__ = __init__


def _flatten(obj: "Description") -> tuple[list[Any], Any]:
    """The numbers, and the structure around them; found once, as settings are fixed."""
    known = obj.__dict__.get("_flat")
    if known is None:
        leaves, names, statics = [], [], []
        for field in _fields(type(obj)):
            if not field.metadata.get("identity", True):
                continue
            value = getattr(obj, field.name)
            if _is_leaf(field, value):
                names.append(field.name)
                leaves.append(value)
            else:
                statics.append((field.name, value))
        known = leaves, (tuple(names), tuple(statics))
        object.__setattr__(obj, "_flat", known)
    return known


def _unflatten(cls: type, aux: Any, leaves: Any) -> "Description":
    names, statics = aux
    obj = object.__new__(cls)
    values = dict(statics) | dict(zip(names, leaves, strict=True))
    for field in _fields(cls):
        # What has no identity (a name) does not travel into the program.
        value = values.get(field.name)
        object.__setattr__(obj, field.name, value)
    return obj


@dataclass_transform(field_specifiers=(setting, number))
class Description:
    """Base of the catalogue: subclasses only annotate their settings.

    >>> class Scale(Description):
    ...     factor: float = number(default=1.0, minimum=0)
    >>> Scale(2.0)
    Scale(factor=2.0)
    >>> Scale.from_config(Scale(2.0).get_config())
    Scale(factor=2.0)
    >>> Scale(-1.0)
    Traceback (most recent call last):
    ValueError: Scale: received factor=-1.0; expected a number at least 0.
    """

    _mutable: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            raise TypeError(
                f"{cls.__name__}: received an __init__ method; expected settings as "
                "annotated fields, which make the __init__. Write "
                f"`class {cls.__name__}(...): units: int = 32` and read self.units."
            )
        dataclasses.dataclass(eq=False, repr=False)(cls)
        _by_keyword(cls)
        jax.tree_util.register_pytree_node(
            cls, _flatten, functools.partial(_unflatten, cls)
        )

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuses settings that it does not have, with what to write instead."""
        known = settings(cls)
        if not known.keys() >= kwargs.keys() - _attributes(cls):
            refuse_unknown(cls.__name__, kwargs, known)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        where = type(self).__name__
        for name, field in zip(settings(type(self)), _fields(type(self)), strict=True):
            value = getattr(self, field.name)
            if convert := field.metadata.get("convert"):
                value = convert(value)
            elif isinstance(value, list):
                value = tuple(value)
            if check := field.metadata.get("check"):
                check(where, name, value)
            object.__setattr__(self, field.name, value)
        object.__setattr__(self, "_made", True)

    def __setattr__(self, name: str, value: Any) -> None:
        made = self.__dict__.get("_made", False)
        if made and name not in self._mutable and name in _attributes(type(self)):
            raise AttributeError(
                f"{type(self).__name__}.{name} is fixed once made. Write "
                f"`{type(self).__name__}({name}=...)` to make another."
            )
        object.__setattr__(self, name, value)
        self.__dict__.pop("_flat", None)

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, converted and checked like the first."""
        names = settings(type(self))
        for name in changes:
            if name not in names:
                raise unknown(f"setting of {type(self).__name__}", name, names)
        changes = {names[name]: value for name, value in changes.items()}
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON can hold them, by Keras' names."""
        names = settings(type(self)).items()
        return {name: _plain(getattr(self, attribute)) for name, attribute in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The description with these settings; the reverse of `get_config`."""
        names = settings(cls)
        for name in config:
            if name not in names:
                raise unknown(f"setting of {cls.__name__}", name, names)
        return cls(**config)

    def __repr__(self) -> str:
        shown = []
        for name, field in zip(settings(type(self)), _fields(type(self)), strict=True):
            value = getattr(self, field.name, None)
            if not _equal(value, field.default):
                shown.append(f"{name}={_shown(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _equal(value: Any, default: Any) -> bool:
    if isinstance(value, jax.Array | np.ndarray | Description):
        return False
    return bool(value is default or value == default)


def _shown(value: Any) -> str:
    return (
        value.__name__
        if callable(value) and hasattr(value, "__name__")
        else repr(value)
    )


def _plain(value: Any) -> Any:
    """A setting as JSON can hold it; the reverse is each field's `convert`."""
    if isinstance(value, Description):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, jax.Array | np.ndarray | np.number):
        return np.asarray(value).tolist()
    if callable(value):
        return getattr(value, "__name__", repr(value))
    return value
