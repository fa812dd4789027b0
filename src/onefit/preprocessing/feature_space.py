"""A table with columns of every kind, as one row of numbers for each of its rows."""

import builtins
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from onefit.errors import invalid, mistyped, unknown
from onefit.layers import (
    CategoryEncoding,
    Concatenate,
    Discretization,
    HashedCrossing,
    Hashing,
    Identity,
    Input,
    IntegerLookup,
    Layer,
    Normalization,
    Rescaling,
    StringLookup,
)
from onefit.layers.host.texts import batches, rows_of
from onefit.layers.host.vocabulary import Lookup
from onefit.layers.symbolic import Tensor
from onefit.models import Model
from onefit.types import Data, Tree

__all__ = ["Cross", "Feature", "FeatureSpace"]

Table: TypeAlias = Mapping[str, Any]
"""Columns by their names: a dict of lists or arrays, or a table of pandas."""


class Feature(NamedTuple):
    """How one column is encoded: `FeatureSpace.feature` makes it.

    Attributes:
        dtype: The type of its values: "string", "int32", "float32".
        preprocessor: The layer that makes numbers of them.
        output_mode: What comes out: 'float' and 'int' as the layer gives it, 'one_hot'.
    """

    dtype: str
    preprocessor: Layer
    output_mode: str


class Cross(NamedTuple):
    """Columns that mean something together: `FeatureSpace.cross` makes it.

    Attributes:
        feature_names: The names of the columns.
        crossing_dim: How many bins their combinations fall into.
        output_mode: 'one_hot', or 'int' for the bin's number.
    """

    feature_names: tuple[str, ...]
    crossing_dim: int
    output_mode: str = "one_hot"

    @property
    def name(self) -> str:
        """The columns' names with _X_ between them."""
        return "_X_".join(self.feature_names)


class FeatureSpace:
    """The columns of a table as numbers: each is encoded by its kind, then all joined.

    Kinds by name: 'float', 'float_rescaled', 'float_normalized', 'float_discretized',
    'integer_categorical', 'string_categorical', 'integer_hashed', 'string_hashed'. The
    methods of these names take settings.

    Args:
        features: The kind of each column, by its name.
        output_mode: 'concat' for one row of numbers, 'dict' for each column by name.
        crosses: Columns that mean something together: names, or `FeatureSpace.cross`.
        crossing_dim: How many bins a cross has, unless it says so itself.
        hashing_dim: How many bins hashed columns have.
        num_discretization_bins: How many bins discretized columns have.
        name: The name of the model inside.

    Attributes:
        inputs: An `Input` for each column.
        preprocessors, crossers, one_hot_encoders: The layers, by name.

    Raises:
        ValueError: No features, unknown kinds, crosses of unknown columns, a call
            before `adapt`.

    Differs from Keras: `save` writes the model inside, and `load_model` gives that
    model, which takes the same tables; a table of pandas serves as a dict does.

    Example:
        >>> table = {"age": [20.0, 40.0, 60.0], "job": ["baker", "smith", "baker"]}
        >>> space = FeatureSpace({"age": "float_normalized",
        ...                       "job": "string_categorical"})
        >>> space.adapt(table)
        >>> np.asarray(space({"age": [40.0], "job": ["smith"]}))
        array([[0., 0., 0., 1.]], dtype=float32)

    Source: Keras, `keras.utils.FeatureSpace`.
    """

    # Kinds of columns ---------------------------------------------------------------

    @classmethod
    def cross(
        cls,
        feature_names: Sequence[str],
        crossing_dim: int,
        output_mode: str = "one_hot",
    ) -> Cross:
        """Columns whose combinations fall into so many bins."""
        if output_mode not in ("int", "one_hot"):
            raise unknown("output_mode", output_mode, ["int", "one_hot"])
        return Cross(tuple(feature_names), crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Layer, output_mode: str) -> Feature:
        """A column with a layer of one's own."""
        if output_mode not in ("int", "one_hot", "float"):
            raise unknown("output_mode", output_mode, ["float", "int", "one_hot"])
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Numbers as they are."""
        return Feature("float32", Identity(name=_named(name, "float")), "float")

    @classmethod
    def float_rescaled(
        cls,
        scale: builtins.float = 1.0,
        offset: builtins.float = 0.0,
        name: str | None = None,
    ) -> Feature:
        """Numbers as scale · x + offset."""
        layer = Rescaling(scale, offset, name=_named(name, "float_rescaled"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers with mean 0 and deviation 1."""
        layer = Normalization(name=_named(name, "float_normalized"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None = None,
        bin_boundaries: Sequence[builtins.float] | None = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Numbers as bins."""
        layer = Discretization(
            bin_boundaries=bin_boundaries,
            num_bins=num_bins,
            name=_named(name, "float_discretized"),
        )
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Whole numbers as places in a vocabulary."""
        layer = IntegerLookup(
            max_tokens, num_oov_indices, name=_named(name, "integer_categorical")
        )
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Text as places in a vocabulary."""
        layer = StringLookup(
            max_tokens, num_oov_indices, name=_named(name, "string_categorical")
        )
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Text as bins, by a hash."""
        layer = Hashing(num_bins, name=_named(name, "string_hashed"))
        return Feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Whole numbers as bins, by a hash."""
        layer = Hashing(num_bins, name=_named(name, "integer_hashed"))
        return Feature("int32", layer, output_mode)

    # Making it ------------------------------------------------------------------------

    def __init__(
        self,
        features: Mapping[str, str | Feature],
        output_mode: str = "concat",
        crosses: Iterable[Sequence[str] | Cross] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        if not features:
            raise invalid(
                "FeatureSpace", "no features", "the kind of one column or more"
            )
        if output_mode not in ("concat", "dict"):
            raise unknown(
                "output_mode of FeatureSpace", output_mode, ["concat", "dict"]
            )
        self.output_mode, self.name = output_mode, name or "feature_space"
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {n: self._feature(n, kind) for n, kind in features.items()}
        self.crosses = [self._cross(one) for one in crosses or ()]
        self.preprocessors = {n: f.preprocessor for n, f in self.features.items()}
        self.crossers = {
            c.name: HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses
        }
        self.one_hot_encoders: dict[str, CategoryEncoding] = {}
        self.inputs = {
            n: Input(shape=(1,), dtype=_type(f.dtype), name=n)
            for n, f in self.features.items()
        }
        self._to_learn = [n for n, p in self.preprocessors.items() if _learns(p)]
        self._model: Model | None = None

    def _feature(self, name: str, kind: str | Feature) -> Feature:
        if isinstance(kind, Feature):
            return kind
        make = {
            "float": lambda: self.float(name),
            "float_rescaled": lambda: self.float_rescaled(name=name),
            "float_normalized": lambda: self.float_normalized(name),
            "float_discretized": lambda: self.float_discretized(
                self.num_discretization_bins, name=name
            ),
            "integer_categorical": lambda: self.integer_categorical(name=name),
            "string_categorical": lambda: self.string_categorical(name=name),
            "integer_hashed": lambda: self.integer_hashed(self.hashing_dim, name=name),
            "string_hashed": lambda: self.string_hashed(self.hashing_dim, name=name),
        }
        if kind not in make:
            raise unknown(f"kind of the feature {name!r}", kind, make)
        return make[kind]()

    def _cross(self, cross: Sequence[str] | Cross) -> Cross:
        if not isinstance(cross, Cross):
            if not self.crossing_dim:
                raise invalid(
                    "FeatureSpace",
                    f"crosses with crossing_dim={self.crossing_dim}",
                    "how many bins they have",
                    "write crossing_dim=32",
                )
            cross = Cross(tuple(cross), self.crossing_dim)
        for name in cross.feature_names:
            if name not in self.features:
                raise unknown(
                    f"feature in the cross {cross.name!r}", name, self.features
                )
        return cross

    def adapt(self, dataset: Data) -> None:
        """Learns what the layers need: vocabularies, means, edges of bins.

        Args:
            dataset: A table of the training rows, or a stream of batches of it, or of
                single rows. Of (x, y) it is x.

        Raises:
            ValueError: A column that is missing, with the nearest names.
        """
        columns = _columns(dataset, self._to_learn)
        for name in self._to_learn:
            values = rows_of(columns[name], f"the column {name!r}")
            values = values[:, None] if values.ndim == 1 else values
            self.preprocessors[name].adapt(values)
        self._model = None
        self._made()

    def _made(self) -> Model:
        """The model from the columns to their encoding."""
        if self._model is None:
            for name in self._to_learn:
                if not _knows(self.preprocessors[name]):
                    raise invalid(
                        "FeatureSpace",
                        f"a call before the column {name!r} is known",
                        "layers that have seen the training rows",
                        "write space.adapt(table) first",
                    )
            outputs = self._merged(self._encoded())
            self._model = Model(self.inputs, outputs, name=self.name)
        return self._model

    def _encoded(self) -> dict[str, tuple[Tensor, str]]:
        """What comes out of each column and cross, and in which mode it shall be."""
        plain = {
            n: self.preprocessors[n](self.inputs[n]) for n in sorted(self.features)
        }
        crossed = {
            c.name: self.crossers[c.name]([plain[n] for n in c.feature_names])
            for c in sorted(self.crosses, key=lambda c: c.name)
        }
        modes = {n: f.output_mode for n, f in self.features.items()}
        modes |= {c.name: c.output_mode for c in self.crosses}
        return {n: (y, modes[n]) for n, y in (plain | crossed).items()}

    def _merged(self, encoded: dict[str, tuple[Tensor, str]]) -> Tree:
        made = {}
        for name, (y, mode) in encoded.items():
            layer = (self.preprocessors | self.crossers)[name]
            if mode == "one_hot":
                self.one_hot_encoders[name] = CategoryEncoding(_width(name, layer))
                y = self.one_hot_encoders[name](y)
            elif self.output_mode == "concat" and y.dtype.startswith("int"):
                raise invalid(
                    "FeatureSpace",
                    f"numbers of categories in the column {name!r}, to be joined",
                    "columns that are encoded",
                    "write output_mode='dict', or the column's output_mode='one_hot'",
                )
            made[name] = y
        if self.output_mode == "dict":
            return made
        joined = list(made.values())
        return Concatenate(axis=-1)(joined) if len(joined) > 1 else joined[0]

    # Using it -------------------------------------------------------------------------

    def get_inputs(self) -> dict[str, Tensor]:
        """An `Input` for each column: the inputs of a model that takes tables."""
        self._made()
        return self.inputs

    def get_encoded_features(self) -> Tree:
        """What stands for the encoding in a graph: what a model's layers go on from."""
        return self._made().output

    def __call__(self, data: Table) -> Tree:
        """The encoding of a table, or of a single row: a dict of plain values."""
        model = self._made()
        if not isinstance(data, dict) and not hasattr(data, "columns"):
            raise mistyped(
                "FeatureSpace",
                f"one {type(data).__name__}",
                "columns by name",
                "write space({'age': [20.0], 'job': ['baker']})",
            )
        columns = _columns(data, list(self.features))
        single = all(np.ndim(column) == 0 for column in columns.values())
        if single:
            columns = {name: [_plain(value)] for name, value in columns.items()}
        rows = {name: rows_of(c, f"the column {name!r}") for name, c in columns.items()}
        y = model({n: c[:, None] if c.ndim == 1 else c for n, c in rows.items()})
        return jax.tree.map(lambda a: a[0], y) if single else y

    def save(self, filepath: str | os.PathLike) -> None:
        """Writes the model from columns to their encoding to a `.keras` file."""
        self._made().save(filepath)


def _named(name: str | None, kind: str) -> str | None:
    return None if name is None else f"{name}_preprocessor"


def _type(dtype: str) -> str | None:
    """The type of an Input; floats are what it has by itself."""
    return None if dtype.startswith("float") else dtype


def _plain(value: Any) -> Any:
    """A single value, out of an array of no axes."""
    return value.item() if hasattr(value, "item") else value


def _learns(layer: Layer) -> bool:
    """Whether a layer is to learn from data, and was not told all it needs."""
    if isinstance(layer, Lookup):
        return layer.vocabulary is None
    if isinstance(layer, Normalization):
        return layer.mean is None
    if isinstance(layer, Discretization):
        return layer.num_bins is not None
    return hasattr(layer, "adapt")


def _knows(layer: Layer) -> bool:
    """Whether a layer that learns has done so."""
    if isinstance(layer, Lookup):
        return layer.vocabulary is not None
    if isinstance(layer, Discretization):
        return layer.bin_boundaries is not None
    return layer.built


def _width(name: str, layer: Layer) -> int:
    """How many numbers a layer gives, from 0 on."""
    if isinstance(layer, Lookup):
        return layer.vocabulary_size()
    if isinstance(layer, Discretization):
        return layer.num_bins or layer.bins or 1
    for known in ("num_bins", "num_tokens"):
        if hasattr(layer, known):
            return getattr(layer, known)
    raise invalid(
        "FeatureSpace",
        f"output_mode='one_hot' for the column {name!r} with a {type(layer).__name__}",
        "a layer that gives numbers of categories",
        "write output_mode='float' or 'int'",
    )


def _columns(dataset: Data, names: list[str]) -> dict[str, Any]:
    """The columns of these names, of a table or of all batches of a stream."""
    if isinstance(dataset, Mapping) or hasattr(dataset, "columns"):
        for name in names:
            if name not in dataset:
                raise unknown("column", name, map(str, dataset))
        return {name: dataset[name] for name in names}
    parts: list[dict[str, Any]] = []
    for batch in batches(dataset):
        if not isinstance(batch, Mapping):
            raise mistyped(
                "FeatureSpace.adapt",
                f"batches of {type(batch).__name__}",
                "columns by name",
                "write space.adapt({'age': [20.0, 40.0], ...})",
            )
        parts.append(_columns(batch, names))

    def values(name: str) -> list:
        each = (np.asarray(part[name]).ravel().tolist() for part in parts)
        return list(itertools.chain.from_iterable(each))

    return {name: values(name) for name in names}
