"""What layers of sequences, images and volumes share: their axes and sizes by axis."""

from collections.abc import Iterable
from typing import ClassVar

from onefit.errors import invalid, is_whole
from onefit.layers.base import Layer
from onefit.types import Shape, Shapes, is_shape

__all__ = ["Grid", "by_axis", "lowered"]

GRIDS = {
    1: ("a batch of sequences", ("steps",)),
    2: ("a batch of images", ("height", "width")),
    3: ("a batch of volumes", ("depth", "height", "width")),
}


class Grid(Layer, abstract=True):
    """Mixed into layers whose inputs have `rank` axes between batch and channels.

    With data_format "channels_first" those axes stand behind the channels.
    """

    rank: ClassVar[int] = 1
    data_format = "channels_last"  # not annotated: some layers make it a setting

    def axes(self, input_shape: Shapes) -> tuple[int, ...]:
        """The axes of the grid; refuses another rank, and a grid without cells."""
        first = self.data_format == "channels_first"
        start = 2 if first else 1
        what, names = GRIDS[self.rank]
        if not is_shape(input_shape) or len(input_shape) != self.rank + 2:
            order = (
                ("batch", "channels", *names)
                if first
                else ("batch", *names, "channels")
            )
            raise self.misfit(
                f"input of shape {input_shape}",
                f"{what}, ({', '.join(order)})",
                self._mend(input_shape),
            )
        axes = tuple(range(start, start + self.rank))
        empty = [axis for axis in axes if input_shape[axis] == 0]
        if empty:
            raise self.misfit(
                f"input of shape {input_shape}, with nothing along axis {empty[0]}",
                "at least one cell along each axis",
                "leave the empty examples out, or pad them to one length",
            )
        return axes

    def _mend(self, input_shape: Shapes) -> str:
        """What to write in place of an input of the wrong rank."""
        if not is_shape(input_shape):
            return "call the layer on one input, or join them: Concatenate()([a, b])"
        if len(input_shape) == self.rank + 1:
            index = ":, None" if self.data_format == "channels_first" else "..., None"
            return (
                f"write x[{index}] for inputs of one channel, x[None] for one example"
            )
        name, rank = type(self).__name__, len(input_shape) - 2
        if rank in GRIDS and name.endswith(f"{self.rank}D"):
            return f"use {name[:-2]}{rank}D for {GRIDS[rank][0]}"
        sizes = GRIDS[self.rank][1]
        channels = self.data_format == "channels_first"
        names = ("channels", *sizes) if channels else (*sizes, "channels")
        return f"write x.reshape(-1, {', '.join(names)}) with those sizes"

    def resized(self, input_shape: Shape, sizes: Iterable[int | None]) -> Shape:
        """The shape with these sizes along the grid's axes."""
        new = dict(zip(self.axes(input_shape), sizes, strict=True))
        return tuple(new.get(axis, size) for axis, size in enumerate(input_shape))


def by_axis(layer: Layer, name: str) -> tuple[int, ...]:
    """A setting that is one positive whole number, or one an axis, as a tuple.

    Raises:
        ValueError: Another number of them, or one that is too small.
    """
    value, rank = getattr(layer, name), layer.rank
    numbers = value if isinstance(value, tuple) else (value,) * rank
    if len(numbers) != rank or not all(is_whole(n, 1) for n in numbers):
        raise invalid(
            type(layer).__name__,
            f"{name}={value!r}",
            "a positive whole number" + (f", or {rank} of them" if rank > 1 else ""),
            f"write {name}=2" + (f" or {name}={(2,) * rank}" if rank > 1 else ""),
        )
    return tuple(int(n) for n in numbers)


def lowered(value: object) -> object:
    """A name in small letters, as Keras takes it in any; for `setting(convert=...)`."""
    return value.lower() if isinstance(value, str) else value
