"""Ensembles: a model whose prediction is the mean of its members'."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, Self

import jax
import numpy as np

from onefit.data import rows
from onefit.description import Description
from onefit.errors import invalid, mistyped
from onefit.layers import Activation, Average
from onefit.layers.symbolic import Tensor
from onefit.models import Model
from onefit.networks.cloning import entrance_like
from onefit.networks.functional import unwrap_single
from onefit.population.axes import rebuilt
from onefit.population.together import outputs, stacks
from onefit.training.options import Callbacks, whole
from onefit.types import Data, Identifier, Tree, batch_shape

__all__ = ["Ensemble"]


class Ensemble(Model):
    """A model whose prediction is the mean of its members': a = (1/n) Σ a_i.

    The members are copies of the models given; they may differ in structure, but not
    in the shapes of inputs and outputs. Of members that end in logits (a loss with
    `from_logits=True`) the probabilities are averaged, and the ensemble's output is
    one. The ensemble is compiled like the first member; trained on, it trains all
    members at once by the loss of their mean.

    Args:
        members: Models with weights, two or more.
        name: The ensemble's name.

    Attributes:
        members: The models inside.

    Raises:
        TypeError: What is no model.
        ValueError: Fewer than two, shapes that differ (which member), weights that are
            not finite.

    Example:
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> from onefit.population import Ensemble
        >>> def line(slope):
        ...     dense = Dense(1, kernel_initializer=onefit.initializers.Constant(slope))
        ...     return Sequential([Input((1,)), dense])
        >>> both = Ensemble([line(1.0), line(3.0)])
        >>> mean, std = both.predict(np.array([[1.0], [2.0]]), return_std=True)
        >>> mean.tolist(), std.tolist()
        ([[2.0], [4.0]], [[1.0], [2.0]])

    Source: Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive
    uncertainty estimation using deep ensembles" (2017).
    """

    def __init__(self, members: Sequence[Model], name: str | None = None) -> None:
        members = _checked(members)
        first = members[0]
        inputs = _entrances(first)
        link = _link(first)
        ends = []
        for i, member in enumerate(members):
            copy = rebuilt(member, [])
            if any(link):
                own = _entrances(first)
                made = _tensors(copy(own))
                pairs = zip(link, made, strict=True)
                made = [Activation(g)(z) if g else z for g, z in pairs]
                copy = Model(own, made)
            copy.name, copy.whole._named = f"member_{i}", True
            ends.append(_tensors(copy(inputs)))
        # compile may tell them apart by their names
        named = len(first.outputs) > 1 or isinstance(first.loss, dict)
        means = [
            Average(name=key if named else None)(list(same))
            for key, same in zip(
                first.output_names, zip(*ends, strict=True), strict=True
            )
        ]
        super().__init__(
            first.known_nest(first.input_nest).arrange(unwrap_single(inputs)),
            first.known_nest(first.output_nest).arrange(unwrap_single(means)),
            name or "ensemble",
        )
        if first.optimizer is not None and first.compile_settings is not None:
            optimizer = first.optimizer.replace()
            others = {
                k: _of_probabilities(v) for k, v in first.compile_settings.items()
            }
            self.compile(optimizer, _of_probabilities(first.loss), **others)

    @property
    def members(self) -> list[Model]:
        """The models inside."""
        return [layer for layer in self.layers if isinstance(layer, Model)]

    def predict(  # the mean and spread, which a plain model's output has no place for
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_std: bool = False,
        *,
        output: str | os.PathLike | None = None,
    ) -> Tree:
        """The mean of the members' outputs for these rows, as a numpy array.

        Args:
            x, batch_size, verbose, steps, callbacks: As in `Model.predict`.
            return_std: Whether to return (mean, standard deviation) over the members,
                which divides by their number.
            output: Only None: the answer is in memory.
        """
        if output is not None:
            raise invalid(
                "predict",
                f"output={os.fspath(output)!r} of an ensemble",
                "no file",
                "write np.save(path, ensemble.predict(x))",
            )
        # Each member looks at text for itself.
        text = self.before is not None
        apart = text or self.graph.stateful or self.graph.always_random
        if callbacks or (apart and not return_std):
            if return_std:
                raise invalid(
                    "predict",
                    "return_std=True with callbacks",
                    "one of them",
                    "leave the callbacks out",
                )
            return super().predict(x, batch_size, verbose, steps, callbacks)
        for name, value in (("batch_size", batch_size), ("steps", steps)):
            if value is not None:
                whole(name, value, 1)
        if not text:
            x = rows.as_batch(x, finite=False, inputs=self.input_names).x
            if steps is not None:
                n = steps * (batch_size or 32)
                x = jax.tree.map(lambda a: a[:n], x)
            self.graph.output_shape(batch_shape(x))
            steps = None
        each = self._apart(x, batch_size, steps)  # not asked for, it predicts nothing
        pieces = each if apart else self._together(x, batch_size)
        pairs = [
            jax.tree.map(lambda a, f=f: f(a, axis=0), piece)
            for piece in pieces
            for f in (np.mean, np.std)
        ]
        mean, std = (
            self.known_nest(self.output_nest).arrange(
                jax.tree.map(lambda *a: np.concatenate(a), *pairs[k::2])
            )
            for k in range(2)
        )
        return (mean, std) if return_std else mean

    def _together(self, x: Tree, batch_size: int | None) -> Iterator[Tree]:
        """Every member's outputs, some rows at a time, (member, rows, ...)."""
        groups, _ = stacks(self.members)
        return outputs(groups, x, batch_size)

    def _apart(
        self, x: Tree, batch_size: int | None, steps: int | None
    ) -> Iterator[Tree]:
        """The same of members that draw random numbers, or go on from their states."""
        given = list(x) if isinstance(x, tuple) else x
        each = [
            _flat(member.predict(given, batch_size, steps=steps))
            for member in self.members
        ]
        yield jax.tree.map(lambda *a: np.stack(a), *each)

    @classmethod
    def load(cls, filepath: str | os.PathLike) -> Self:
        """The ensemble in a `.keras` file that `save` has written.

        Raises:
            ValueError: A file of another model, or what `onefit.load_model` refuses.
        """
        from onefit.models.loading import load_model

        model = load_model(filepath)
        inner = [layer for layer in model.layers if isinstance(layer, Model)]
        means = [tensor.call.layer for tensor in model.outputs]
        if len(inner) < 2 or not all(isinstance(mean, Average) for mean in means):
            raise invalid(
                f"Ensemble.load({os.fspath(filepath)!r})",
                f"the model {model.name!r}",
                "an ensemble, which averages models inside it",
                "use onefit.load_model",
            )
        ensemble = cls.__new__(cls)
        ensemble.__dict__.update(model.__dict__)
        ensemble._hold()
        return ensemble


def _checked(members: Any) -> list[Model]:
    """What was given as members, refused where it has no mean."""
    members = list(members) if isinstance(members, list | tuple) else [members]
    for i, member in enumerate(members):
        if not isinstance(member, Model):
            raise mistyped(f"Ensemble, member {i}", repr(member), "a model")
    if len(members) < 2:
        raise invalid(
            "Ensemble",
            f"{len(members)} members",
            "two or more",
            "write population.ensemble(top=5)",
        )
    first = members[0]
    for i, member in enumerate(members):
        for what in ("input_shape", "output_shape"):
            shape, wanted = getattr(member, what), getattr(first, what)
            if shape != wanted:
                raise invalid(
                    f"Ensemble, member {i}",
                    f"{what} {shape}",
                    f"{wanted}, as of member 0",
                )
        if _link(member) != _link(first):
            raise invalid(
                f"Ensemble, member {i}",
                "logits" if any(_link(member)) else "probabilities",
                "the same as of member 0",
                "compile them all with the same from_logits",
            )
        if not all(np.isfinite(w).all() for w in member.get_weights()):
            raise invalid(
                f"Ensemble, member {i}",
                "weights that are not finite (it has diverged)",
                "members that can predict",
                "leave it out",
            )
    return members


def _entrances(model: Model) -> list[Tensor]:
    """New Inputs like those of a model."""
    pairs = zip(model.inputs, model.input_names, strict=True)
    return [entrance_like(tensor, name) for tensor, name in pairs]


def _link(model: Model) -> list[str | None]:
    """What makes probabilities of each output's logits, where it ends in such."""
    loss, names = model.loss, model.output_names
    if isinstance(loss, dict):
        losses = [loss.get(name) for name in names]
    else:
        losses = list(loss) if isinstance(loss, list | tuple) else [loss] * len(names)
    return [
        getattr(one, "link", None) if getattr(one, "from_logits", False) else None
        for one in losses
    ]


def _of_probabilities(given: Tree) -> Tree:
    """Losses and metrics, one or a nest of them, that take probabilities."""

    def changed(value: Identifier) -> Identifier:
        asks = isinstance(value, Description) and getattr(value, "from_logits", False)
        return value.replace(from_logits=False) if asks else value

    return jax.tree.map(
        changed, given, is_leaf=lambda v: v is None or isinstance(v, Description)
    )


def _flat(y: Tree) -> Tree:
    """Outputs as the graph has them: one, or a tuple."""
    many = list(y.values()) if isinstance(y, dict) else y
    return tuple(many) if isinstance(many, list) and len(many) > 1 else many


def _tensors(y: Tree) -> list[Tensor]:
    many = list(y.values()) if isinstance(y, dict) else y
    return many if isinstance(many, list) else [many]
