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
import inspect
from collections.abc import Hashable, Iterable
from functools import cache, partial
from itertools import pairwise
from typing import (
    Any,
    ClassVar,
    Literal,
    Self,
    TypeAlias,
    TypeVar,
    dataclass_transform,
    get_origin,
)

import jax
import numpy as np

from onefit.checks import Check, between
from onefit.errors import invalid, mistyped
from onefit.spellings import refuse_unknown
from onefit.types import Config, Function
from onefit.variables import Variable

__all__ = [
    "REQUIRED",
    "Description",
    "Field",
    "arguments_of",
    "attribute",
    "fields",
    "frozen",
    "number",
]
__all__ += ["is_bare", "made_from", "off", "setting", "settings"]

Made = TypeVar("Made", bound=Any)

Structure: TypeAlias = tuple[tuple[str, ...], tuple[tuple[str, object], ...]]
"""The names of a description's leaves, and its other settings by name."""

Style: TypeAlias = tuple[type | None, frozenset[str]]
"""The base of classes in Keras' style, and the methods by which one is known."""

REQUIRED: Any = inspect.Parameter.empty  # the default of a field that has none


@dataclasses.dataclass(frozen=True, eq=False)
class Field:
    """One setting of a class: what `setting` and `number` make."""

    default: object = REQUIRED
    convert: Function | None = None
    check: Check | None = None
    identity: bool = True
    kw_only: bool = False
    alias: str = ""
    """Its name to users and in files."""
    name: str = ""
    """Its attribute."""
    annotation: object = REQUIRED
    number: bool = False
    """Whether it is a leaf of the pytree."""
    init: bool = True
    """Whether it is a setting at all."""


def setting(
    *,
    default: object = REQUIRED,
    convert: Function | None = None,
    check: Check | None = None,
    identity: bool = True,
    kw_only: bool = False,
    alias: str = "",
) -> Any:
    """A field that shapes the program.

    Args:
        default: The value when none is given; without one the field is required.
        convert: Turns what users write (a string, a dict, a list) into the object.
        check: `check(where, name, value)` raises when the value cannot be meant
            (`onefit.checks` has the usual ones).
        identity: Whether two descriptions that differ here need two programs. False
            for what no program sees, such as a name.
        kw_only: Whether it must be given by name.
        alias: Its name to users and in files, where a method has taken it: the
            setting `output_shape` of a layer.
    """
    return Field(default, convert, check, identity, kw_only, alias)


def number(
    *,
    default: object = REQUIRED,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    optional: bool = False,
    convert: Function | None = None,
    kw_only: bool = False,
) -> Any:
    """A field that is an input of the program: a leaf of the description.

    It holds a number, an array, a tuple of them, or a description that makes the number
    (a schedule).

    Args:
        default: The value when none is given.
        minimum, maximum: Bounds that the value may reach.
        above, below: Bounds that it may not reach.
        optional: Whether None is allowed.
        convert: As in `setting`.
        kw_only: Whether it must be given by name.
    """
    check = between(minimum, maximum, above=above, below=below, optional=optional)
    return Field(default, convert, check, kw_only=kw_only, number=True)


def attribute(default: object, *, init: Literal[False] = False) -> Any:
    """An attribute that is no setting: nobody gives it, and no file has it.

    In a subclass it fixes a setting of the base.

    Args:
        default: Its value, until the object gets one of its own.
        init: Tells type checkers that `__init__` does not take it.
    """
    return Field(default, init=init)


def off(value: object) -> bool:
    """Whether a number is structurally absent: None, or exactly zero on the host."""
    return value is None or (isinstance(value, int | float) and value == 0)


def fields(thing: "Description | type[Description]") -> tuple[Field, ...]:
    """The settings of a description or its class, in the order of files."""
    return tuple(thing._fields.values())


@cache
def settings(cls: "type[Description]") -> dict[str, str]:
    """The settings of a description by users' names, each with its attribute."""
    return {field.alias: field.name for field in fields(cls)}


def _is_class_variable(annotation: object) -> bool:
    if isinstance(annotation, str):  # from __future__ import annotations
        return "ClassVar" in annotation.partition("[")[0]
    return ClassVar in (annotation, get_origin(annotation))


def _declared(cls: type) -> dict[str, Field | None]:
    """What a class body annotates; each default stays behind as a class attribute.

    What is no setting is None: where a base has it as one, this class has fixed it.
    """
    found: dict[str, Field | None] = {}
    for name, annotation in inspect.get_annotations(cls).items():
        if _is_class_variable(annotation):
            found[name] = None
            continue
        field = getattr(cls, name, REQUIRED)
        if not isinstance(field, Field):
            field = Field(field)
        elif field.default is REQUIRED:
            delattr(cls, name)
        else:
            setattr(cls, name, field.default)
        alias = field.alias or name
        found[name] = None
        if field.init:
            found[name] = dataclasses.replace(
                field, name=name, annotation=annotation, alias=alias
            )
    return found


def _table(cls: "type[Description]") -> dict[str, Field]:
    """The fields of a class: those of its bases first, as in a dataclass.

    A name that is met again keeps its place. Those by place follow `_order`.
    """
    declared: dict[str, Field | None] = {}
    for base in reversed(cls.__mro__):
        declared |= base.__dict__.get("_declared", {})
    table = {name: field for name, field in declared.items() if field}
    rank = {name: i for i, name in enumerate(cls._order.split())}
    placed = [field for field in table.values() if not field.kw_only]
    placed.sort(key=lambda field: rank.get(field.name, len(rank)))
    for one, other in pairwise(placed):
        if other.default is REQUIRED and one.default is not REQUIRED:
            raise mistyped(
                cls.__name__,
                f"the setting {other.name!r}, without a default, after {one.name!r}",
                "settings without a default first",
                f"give {other.name} a default, or make it setting(kw_only=True)",
            )
    rest = iter(placed)
    ordered = [f if f.kw_only else next(rest) for f in table.values()]
    return {field.name: field for field in ordered}


class _Signature:
    """The settings as `inspect.signature` and help show them, made when asked for."""

    def __get__(
        self, obj: "Description | None", cls: "type[Description]"
    ) -> inspect.Signature:
        if obj is not None:
            raise AttributeError("a call of a description has a signature of its own")
        own = vars(cls).get("__init__") if cls is not Description else None
        if own is not None:
            written = inspect.signature(own)
            return written.replace(parameters=list(written.parameters.values())[1:])
        kinds = (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
        parameters = [
            inspect.Parameter(
                field.alias,
                kinds[field.kw_only],
                default=field.default,
                annotation=field.annotation,
            )
            for field in sorted(fields(cls), key=lambda field: field.kw_only)
        ]
        return inspect.Signature(parameters, return_annotation=None)


def _bind(
    cls: "type[Description]", args: tuple[object, ...], named: dict[str, object]
) -> dict[str, object]:
    """All settings by attribute, given by place and by name, or their defaults.

    Raises:
        ValueError: A name that no setting has, with the nearest.
        TypeError: Too many by place, one given twice, or one that is missing.
    """
    where, known = cls.__name__, settings(cls)
    places = [field.alias for field in fields(cls) if not field.kw_only]
    if len(args) > len(places):
        listed = f"at most {len(places)}: {', '.join(places)}" if places else "none"
        raise mistyped(
            where, f"{len(args)} settings by place", listed, "give the others by name"
        )
    given = dict(zip(places, args, strict=False))
    for name in given.keys() & named.keys():
        received = f"{name} twice, by place and by name"
        raise mistyped(where, received, "each setting once", f"leave {name}= out")
    given = cls._today(given | named)
    if not known.keys() >= given.keys():
        refuse_unknown(where, given, known)
    for field in fields(cls):
        if given.setdefault(field.alias, field.default) is REQUIRED:
            name = field.alias
            raise mistyped(
                where, f"no {name}", "a value for it", f"write {where}({name}=...)"
            )
    return {known[name]: value for name, value in given.items()}


def _is_leaf(field: Field, value: object) -> bool:
    """Whether a value is a child of the pytree rather than part of its shape."""
    if isinstance(value, str | bool | type(None)):
        return False
    if field.number:
        return not off(value)
    if isinstance(value, tuple):
        return any(isinstance(v, Description | jax.Array | np.ndarray) for v in value)
    return isinstance(value, Description | jax.Array | np.ndarray)


def _flatten(obj: "Description") -> tuple[list[object], Structure]:
    """The numbers, and the structure around them; found once, as settings are fixed."""
    if obj.in_keras_style:
        return [], ((), (("", Kept(obj)),))
    known = obj.__dict__.get("_flat")
    if known is None:
        leaves, names, statics = [], [], []
        for field in fields(obj):
            if not field.identity:
                continue
            value = vars(obj)[field.name]
            if _is_leaf(field, value):
                names.append(field.name)
                leaves.append(value)
            else:
                statics.append((field.name, value))
        statics += [(name, getattr(obj, name)) for name in obj._carried]
        known = leaves, (tuple(names), tuple(statics))
        object.__setattr__(obj, "_flat", known)
    return known


def _flatten_with_keys(obj: "Description") -> tuple[list[tuple], Structure]:
    """`_flatten`, each number with the name of its field: JAX's key paths."""
    leaves, aux = _flatten(obj)
    return list(zip(map(jax.tree_util.GetAttrKey, aux[0]), leaves, strict=True)), aux


def _unflatten(
    cls: "type[Description]", aux: Structure, leaves: Iterable[object]
) -> "Description":
    names, statics = aux
    kept = statics[0][1] if cls.in_keras_style else None
    if isinstance(kept, Kept):
        return kept.obj
    obj = object.__new__(cls)
    values = dict(statics) | dict(zip(names, leaves, strict=True))
    for field in fields(cls):
        # What has no identity (a name) does not travel into the program.
        value = values.get(field.name)
        object.__setattr__(obj, field.name, value)
    for name in cls._carried:
        object.__setattr__(obj, name, values[name])
    return obj


class Kept:
    """An object in Keras' style, as a part of the structure of what is compiled.

    Two of one class whose attributes are alike are the same structure, and share one
    program. Attributes are alike by their values; of what has no value to compare,
    such as a function, only the same object is.
    """

    def __init__(self, obj: "Description") -> None:
        self.obj, self.alike = obj, frozen(obj, {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kept) and self.alike == other.alike

    def __hash__(self) -> int:
        return hash(self.alike)


def frozen(value: Any, met: dict[int, int]) -> Hashable:
    """A value as something that can be compared and hashed.

    Args:
        value: Any object.
        met: The objects met so far, by `id`, each with its number: what is met again
            is the same object, which also ends circles.
    """
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return type(value), value
    if id(value) in met:
        return "again", met[id(value)]
    if isinstance(value, tuple | list | dict | set | frozenset | Description):
        met[id(value)] = len(met)
    if isinstance(value, dict):
        pairs = ((frozen(k, met), frozen(v, met)) for k, v in value.items())
        return dict, tuple(pairs)
    if isinstance(value, set | frozenset):
        return set, frozenset(frozen(v, met) for v in value)
    if isinstance(value, tuple | list):
        return type(value), tuple(frozen(v, met) for v in value)
    if isinstance(value, Variable):
        return Variable, value.shape, value.dtype, value.trainable
    if isinstance(value, np.ndarray | jax.Array):
        array = np.asarray(value)
        return np.ndarray, array.shape, str(array.dtype), array.tobytes()
    if isinstance(value, Description):
        seen = {k: v for k, v in vars(value).items() if k not in value._unseen}
        return type(value), frozen(seen, met)
    alike = getattr(value, "__alike__", None)  # a model: its architecture
    if alike is not None:
        return type(value), frozen(alike(), met)
    # Held here too, so that no other object can get its number.
    return (value,) if isinstance(value, Hashable) else _Same(value)


class _Same:
    """Only the same object is alike."""

    def __init__(self, obj: object) -> None:
        self.obj = obj

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.obj is other.obj

    def __hash__(self) -> int:
        return id(self.obj)


class DescriptionType(type):
    """The type of descriptions: a subclass in Keras' style gets the base that makes
    it pure, in front of its own bases.
    """

    in_keras_style: bool

    def __new__(
        mcls, name: str, bases: tuple[type, ...], body: dict[str, Any], **kwargs: Any
    ) -> "DescriptionType":
        """The class; `_style` of its bases says by which methods it is known."""
        for one in bases:
            style: Style = getattr(one, "_style", (None, frozenset()))
            base, signs = style
            # The library's own classes are pure wherever they write such a method.
            pure = str(body.get("__module__")).startswith("onefit.") and not (
                "__init__" in body or "call" in body
            )
            if base is None or pure or signs.isdisjoint(body):
                continue
            if not any(issubclass(b, base) for b in bases):
                bases = (base, *bases)
                break
        return super().__new__(mcls, name, bases, body, **kwargs)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """The object; one in Keras' style remembers what it was made with."""
        obj = super().__call__(*args, **kwargs)
        if cls.in_keras_style:
            object.__setattr__(obj, "_made_with", (args, kwargs))
        return obj


def is_bare(cls: type, style: type, root: type) -> bool:
    """Whether a class in Keras' style has none of the library's as its base.

    Args:
        cls: The class.
        style: The base that makes its kind pure.
        root: What all of its kind derive from.
    """
    own = (base for base in cls.__mro__ if not issubclass(base, style))
    return next(base for base in own if issubclass(base, root)) is root


@dataclass_transform(field_specifiers=(setting, number, attribute))
class Description(metaclass=DescriptionType):
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
    """Settings that are assigned as they are: all others are converted and checked."""
    _keeps_tuples: ClassVar[bool] = False  # in configs, as Keras' layers do
    _order: ClassVar[str] = ""
    """Settings that come first when given by place, with spaces between the names."""
    _indifferent: ClassVar[frozenset[str]] = frozenset()
    """Keywords of Keras that may be given, and that change nothing here."""
    older: ClassVar[frozenset[str]] = frozenset()
    """Keywords of Keras 2 that a class reads as a setting of today, in `_today`."""
    in_keras_style: ClassVar[bool] = False
    """Whether the class writes its own `__init__`: its attributes are its structure."""
    _style: ClassVar[Style] = (None, frozenset())
    _unseen: ClassVar[frozenset[str]] = frozenset(
        {"_made", "_flat", "_made_with", "name"}
    )
    """Attributes that no program sees."""
    _carried: ClassVar[tuple[str, ...]] = ()
    """Attributes that are no settings, but that a program is made for."""
    _declared: ClassVar[dict[str, Field | None]] = {}
    _fields: ClassVar[dict[str, Field]] = {}
    __signature__: ClassVar[Any] = _Signature()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.in_keras_style = True
        # What such a class annotates is its own affair, and no setting.
        cls._declared = {} if "__init__" in cls.__dict__ else _declared(cls)
        cls._fields = _table(cls)
        jax.tree_util.register_pytree_with_keys(
            cls, _flatten_with_keys, partial(_unflatten, cls), _flatten
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for name, value in _bind(type(self), args, kwargs).items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    @classmethod
    def _today(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Settings by today's names, where Keras 2 had others for the same."""
        return {k: v for k, v in given.items() if k not in cls._indifferent}

    def __post_init__(self) -> None:
        where = type(self).__name__
        for field in fields(self):
            value = vars(self)[field.name]
            value = value.value if isinstance(value, Variable) else value
            if field.convert:
                value = field.convert(value)
            elif isinstance(value, list):
                value = tuple(value)
            made = field.number and isinstance(value, Description)
            if field.check and not made:
                field.check(where, field.alias, value)
            object.__setattr__(self, field.name, value)
        object.__setattr__(self, "_made", True)

    def __setattr__(self, name: str, value: object) -> None:
        made = self.__dict__.get("_made", False) and not self.in_keras_style
        if made and name not in self._mutable and name in self._fields:
            other = self.replace(**{self._fields[name].alias: value})
            self.check_change(other, name)
            value = vars(other)[name]
        object.__setattr__(self, name, value)
        vars(self).pop("_flat", None)

    def check_change(self, other: Any, name: str) -> None:  # one of its class
        """Refuses a setting, changed in `other`, that does not fit what was built."""

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, converted and checked like the first."""
        if self.in_keras_style:
            return self.from_config(self.get_config() | changes)
        now = {field.alias: vars(self)[field.name] for field in fields(self)}
        return type(self)(**now | changes)

    def get_config(self) -> Config:
        """The settings as JSON can hold them, by Keras' names.

        Of a class in Keras' style, also what its `__init__` was given.
        """
        return self._settings() | arguments_of(self)

    def _settings(self) -> Config:
        tuples = self._keeps_tuples
        return {f.alias: _plain(vars(self)[f.name], tuples) for f in fields(self)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The description with these settings; the reverse of `get_config`."""
        return made_from(cls, config)

    def __repr__(self) -> str:
        shown = []
        for field in fields(self):
            value = vars(self).get(field.name)
            if not _equal(value, field.default):
                shown.append(f"{field.alias}={_shown(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def arguments_of(obj: Any) -> Config:
    """What the `__init__` of an object in Keras' style was given, by name.

    Nothing if its class writes `get_config`, which then says what is to be known.

    Raises:
        ValueError: What was given by place beyond the arguments' names.
    """
    given = getattr(obj, "_made_with", None)
    own = type(obj).get_config.__module__
    plain = type(obj).__init__ is Description.__init__  # its arguments are settings
    if given is None or plain or not own.startswith("onefit."):
        return {}
    bound = inspect.signature(type(obj).__init__).bind(obj, *given[0], **given[1])
    named: Config = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            raise invalid(
                f"{type(obj).__name__}.get_config",
                f"an __init__ that takes *{name}",
                "arguments with names",
                "write get_config(self), which returns the settings in a dict",
            )
        named |= value if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    return {name: _plain(value) for name, value in named.items()}


def made_from(cls: type[Made], config: Config) -> Made:
    """An object with these settings.

    What every layer and model has (name, trainable, dtype), and an `__init__` in Keras'
    style does not take, it gets afterwards.
    """
    taken = inspect.signature(cls.__init__).parameters
    every = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values())
    given = {k: v for k, v in config.items() if every or k in taken or k not in _COMMON}
    obj = cls(**given)
    if "name" in config and "name" not in given:
        obj.name = config["name"]
    if config.get("trainable") is False and "trainable" not in given:
        obj.trainable = False
    return obj


_COMMON = ("name", "trainable", "dtype", "autocast", "reduction")


def _equal(value: object, default: object) -> bool:
    if isinstance(value, jax.Array | np.ndarray | Description):
        return False
    return bool(value is default or value == default)


def _shown(value: object) -> str:
    return (
        value.__name__
        if callable(value) and hasattr(value, "__name__")
        else repr(value)
    )


def _plain(value: object, tuples: bool = False) -> object:
    """A setting as JSON can hold it; the reverse is each field's `convert`.

    Tuples stay tuples where Keras' configs have them, and are lists elsewhere.
    """
    described: Any = value  # also what is no Description, as a SeedGenerator
    if hasattr(value, "get_config") and not isinstance(value, type):
        return {"class_name": type(value).__name__, "config": described.get_config()}
    if isinstance(value, tuple | list):
        kind = tuple if tuples and isinstance(value, tuple) else list
        return kind(_plain(each, tuples) for each in value)
    if isinstance(value, dict):
        return {k: _plain(v, tuples) for k, v in value.items()}
    if isinstance(value, jax.Array | np.ndarray | np.number):
        return np.asarray(value).tolist()
    if callable(value):
        return getattr(value, "__name__", repr(value))
    return value
