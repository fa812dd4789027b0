"""FitOptions: what a fit may be asked, beside its rows. One record for every face."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

from onefit import checks
from onefit.errors import invalid, is_whole, unknown
from onefit.training.callback import Callback
from onefit.training.rules import Rule
from onefit.types import Data

__all__ = ["Callbacks", "FitOptions", "whole"]

Callbacks: TypeAlias = Callback | Rule | Sequence[Callback | Rule] | None
"""What `fit` takes as callbacks: one, a list, or none."""


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """The arguments of `fit` after x and y; `Model.fit` explains them.

    Raises:
        ValueError: A number that cannot be, such as a batch of no rows.

    >>> FitOptions(batch_size=0)
    Traceback (most recent call last):
    ValueError: batch_size: received batch_size=0; expected a whole number, 1 or more.
    """

    batch_size: int | None = None
    epochs: int = 1
    verbose: int | bool | str = "auto"
    callbacks: Any = None  # one callback, or a list: of onefit or of the program's own
    validation_split: float = 0.0
    validation_data: Data = None  # (x, y) or (x, y, weight), or a stream of batches
    shuffle: bool = True
    class_weight: dict[int, float] | None = None
    sample_weight: Data = None  # an array, a list, or a dict by the outputs' names
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    validation_batch_size: int | None = None
    validation_freq: int | Collection[int] = 1

    @classmethod
    def given(cls, where: str, *settings: Any, **options: Any) -> "FitOptions":
        """The options that a function was given in Keras' order, or by name.

        Raises:
            ValueError: A name that `fit` has not, with the nearest ones.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in options:
            if name not in names:
                raise unknown(f"argument of {where}", name, names)
        return cls(*settings, **options)

    def __post_init__(self) -> None:
        whole("epochs", self.epochs, 0)
        whole("initial_epoch", self.initial_epoch, 0)
        for name in (
            "batch_size",
            "steps_per_epoch",
            "validation_steps",
            "validation_batch_size",
        ):
            if getattr(self, name) is not None:
                whole(name, getattr(self, name), 1)
        if self.verbose not in (0, 1, 2, "auto", True, False):
            raise invalid("verbose", repr(self.verbose), "0, 1, 2 or 'auto'")

    @property
    def rows_in_a_batch(self) -> int:
        """The batch size, Keras' 32 where none is given."""
        return 32 if self.batch_size is None else self.batch_size

    @property
    def validation_epochs(self) -> int | frozenset[int]:
        """Every so many epochs a validation, or after these (1-based)."""
        freq: Any = self.validation_freq
        if is_whole(freq, 1):
            return int(freq)
        if isinstance(freq, list | tuple | set | range):
            return frozenset(freq)
        raise invalid(
            "validation_freq",
            repr(freq),
            "a whole number, 1 or more, or the numbers of epochs",
        )


def whole(name: str, value: object, least: int) -> None:
    """Refuses all but a whole number that is large enough."""
    checks.whole(least)(name, name, value)
