# ruff: noqa: D102
"""What layers of images share, and layers that bring images to one size."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from onefit.checks import one_of, whole
from onefit.description import number, setting
from onefit.errors import invalid, unknown
from onefit.layers.base import Layer, where
from onefit.layers.boxes import around, box_format, clip_to_image_size, in_format
from onefit.layers.reshaping import data_format
from onefit.types import Array, Config, Function, Key, Params, Shape, Tree

__all__ = [
    "CenterCrop",
    "Pictures",
    "Resizing",
    "Sized",
    "image_axes",
    "resized",
    "size_of",
    "window",
]

PARTS = {"images", "labels", "segmentation_masks", "bounding_boxes"}
"""What a dict of images may hold, as in Keras."""

CHANNELS = (1, 3, 4)
"""How many channels make three axes one image: grey, colours, colours and alpha."""


Size: TypeAlias = tuple[int | None, int | None]
"""Height and width of images; None where it is not fixed."""


def size_of(x: Array) -> tuple[int, int]:
    """The height and the width of images, (batch, height, width, channels)."""
    return x.shape[1], x.shape[2]


def image_axes(layer: Layer, input_shape: Shape) -> tuple[int, int]:
    """The axes of height and width; refuses what is no batch of images."""
    first = layer.data_format == "channels_first"
    if len(input_shape) != 4:
        sizes = "channels, height, width" if first else "height, width, channels"
        raise layer.misfit(
            f"input of shape {input_shape}",
            f"images, (batch, {sizes})",
            "write x[None] for one image, x[..., None] for grey ones",
        )
    return (2, 3) if first else (1, 2)


class Pictures(Layer, abstract=True):
    """What layers of images share: what goes along, one image or many, two layouts.

    A layer writes `draw`, if something is random, and `change`; `move`, if pixels
    change their places and boxes can follow them.

    The input is images, or a dict of "images" with any of "labels", (batch, ...),
    "segmentation_masks", (batch, height, width, channels), and "bounding_boxes", a dict
    of "boxes", (batch, n, 4), and "labels", (batch, n). Three axes are one image if the
    channels are 1, 3 or 4; what goes along has no batch then, either.
    """

    role = "other"
    supports_masking = False
    moves: ClassVar[bool] = True
    """Whether pixels change their places, and with them masks and boxes."""
    rgb: ClassVar[bool] = False
    """Whether an image has to have three channels."""
    gray: ClassVar[bool] = False
    """Whether it may have one, too."""
    data_format = "channels_last"  # not annotated: a setting of the subclasses

    bounding_box_format: Any = setting(default=None, convert=box_format, kw_only=True)

    def get_config(self) -> Config:
        config = super().get_config()
        if self.bounding_box_format is None:  # as in Keras
            del config["bounding_box_format"]
        return config

    # What a layer writes --------------------------------------------------------------

    def draw(self, key: Key, x: Array) -> tuple[Any, ...]:
        """What `change` does to each image; x is (batch, height, width, channels).

        Asked only where there is a key; else `change` gets nothing that was drawn.
        """
        del key, x
        return ()

    def change(self, x: Array, *drawn: Any) -> Array:
        """The images after what was drawn; no randomness here."""
        raise NotImplementedError(f"{type(self).__name__} has no change method")

    def change_labels(self, labels: Array, *drawn: Any) -> Array:
        """The labels of the changed images."""
        return labels

    def change_masks(self, masks: Array, *drawn: Any) -> Array:
        """The masks of the changed images, (batch, height, width, channels)."""
        return self.change(masks, *drawn) if self.moves else masks

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        """Where points (batch, n, x and y) of images of this height and width go."""
        raise NotImplementedError(f"{type(self).__name__} has no move method")

    def new_size(self, size: Size) -> Size:
        """The changed images' height and width."""
        return size

    # What it is then ------------------------------------------------------------------

    def together(self, x: Tree, key: Key | None) -> Tree:
        """The images, and what goes along with them, after what is drawn from a key."""
        if not isinstance(x, dict):
            return self.laid_out(x, lambda x: self.change(x, *self.drawn(key, x)))
        images = x["images"]
        first = self.data_format == "channels_first"
        last = jnp.moveaxis(images, 1, -1) if first else images
        drawn = self.drawn(key, last)
        made = x | {"images": self.laid_out(images, self.change, *drawn)}
        if "labels" in x:
            made["labels"] = self.change_labels(x["labels"], *drawn)
        if (name := "segmentation_masks") in x:
            made[name] = self.laid_out(x[name], self.change_masks, *drawn)
        if (name := "bounding_boxes") in x:
            made[name] = self.change_boxes(x[name], size_of(last), *drawn)
        return made

    def drawn(self, key: Key | None, x: Array) -> tuple[Any, ...]:
        """What `draw` gives, and nothing without a key."""
        return () if key is None else self.draw(key, x)

    def laid_out(self, x: Array, change: Callable[..., Array], *args: Any) -> Array:
        """What a function of images with channels last makes of the layer's images."""
        if self.data_format == "channels_first":
            return jnp.moveaxis(change(jnp.moveaxis(x, 1, -1), *args), -1, 1)
        return change(x, *args)

    def change_boxes(
        self, boxes: dict[str, Array], size: tuple[int, int], *drawn: Any
    ) -> dict[str, Array]:
        """The boxes around what was in them, as far as it is in the image still.

        Args:
            boxes: "boxes", in the layer's format, and "labels".
            size: The images' height and width before.
            *drawn: As in `change`.
        """
        if not self.moves:
            return boxes
        own, dtype = self.bounding_box_format, str(boxes["boxes"].dtype)
        corners = in_format(boxes["boxes"], own, "xyxy", *size, dtype)
        points = corners[..., [0, 1, 2, 1, 0, 3, 2, 3]]
        batch, n = corners.shape[:2]
        moved = self.move(points.reshape(batch, n * 4, 2), size, *drawn)
        new = self.new_size(size)
        made = boxes | {"boxes": around(moved.reshape(batch, n, 4, 2))}
        inside = clip_to_image_size(made, *new)
        ends = in_format(inside["boxes"], "xyxy", own, *new, dtype)
        return {**inside, "boxes": ends}

    def compute(self, params: Params, x: Tree) -> Tree:
        return self.together(x, None)

    # Shapes and types -----------------------------------------------------------------

    def output_shape(self, input_shape: Any) -> Any:
        if not isinstance(input_shape, dict):
            self._check_channels(input_shape)
            return self.images_shape(input_shape)
        for name in {"images", *input_shape} - PARTS:
            raise unknown(f"part of the input of {where(self)}", name, PARTS)
        if "images" not in input_shape:
            raise self.misfit(
                f"a dict of {', '.join(input_shape)}", "a dict with 'images'"
            )
        self._check_channels(input_shape["images"])
        made = dict(input_shape)
        for name in {"images", "segmentation_masks"} & {*made}:
            made[name] = self.images_shape(made[name])
        if (name := "bounding_boxes") in made:
            made[name] = self.boxes_shape(made[name])
        return made

    def _check_channels(self, shape: Shape) -> None:
        image_axes(self, shape)
        channels = shape[1 if self.data_format == "channels_first" else -1]
        if self.rgb and channels not in ((1, 3) if self.gray else (3,)):
            raise self.misfit(
                f"images of {channels} channels",
                "red, green and blue" + (", or one channel" if self.gray else ""),
            )

    def images_shape(self, shape: Shape) -> Shape:
        """The shape of the changed images, or their masks."""
        high, wide = image_axes(self, shape)
        new = self.new_size((shape[high], shape[wide]))
        changed = dict(zip((high, wide), new, strict=True))
        return tuple(changed.get(axis, size) for axis, size in enumerate(shape))

    def boxes_shape(self, shapes: Any) -> Any:
        """The shapes of the changed boxes; refuses what are none."""
        ranks = (
            {n: len(s) for n, s in shapes.items()} if isinstance(shapes, dict) else {}
        )
        if ranks.get("boxes") != 3 or ranks.get("labels") not in (2, 3):
            raise self.misfit(
                f"bounding_boxes of shape {shapes}",
                "a dict of boxes, (batch, n, 4), and labels, (batch, n)",
                'write {"boxes": boxes, "labels": labels}; rows with fewer boxes are '
                "filled up with boxes of zeros and labels of -1",
            )
        if not self.moves:
            return shapes
        if type(self).move is Pictures.move:
            raise self.misfit(
                "'bounding_boxes'",
                "images, labels and segmentation_masks: boxes cannot follow",
                "leave this layer out where there are boxes",
            )
        if self.bounding_box_format is None:
            raise self.misfit(
                "'bounding_boxes' without their format",
                "what their four numbers mean",
                f'write {type(self).__name__}(..., bounding_box_format="xyxy")',
            )
        return shapes

    def as_inputs(self, x: Tree) -> Tree:
        """Images, masks and boxes as floats; labels as they are."""
        if not isinstance(x, dict):
            return super().as_inputs(x)
        takes = {"labels": jnp.asarray}
        return {
            name: self.as_inputs(part)
            if isinstance(part, dict)
            else takes.get(name, self.as_input)(part)
            for name, part in x.items()
        }

    def takes_one(self, x: Tree) -> bool:
        """Whether the input is an image without a batch."""
        shape = np.shape(x.get("images", ()) if isinstance(x, dict) else x)
        channels = 0 if self.data_format == "channels_first" else -1
        return len(shape) == 3 and shape[channels] in CHANNELS


# Sizes --------------------------------------------------------------------------------


def resized(
    x: Array,
    height: int,
    width: int,
    interpolation: str = "bilinear",
    antialias: bool = False,
) -> Array:
    """Images of another size: two matrix products, one an axis."""
    shape = (x.shape[0], height, width, x.shape[3])
    return jax.image.resize(x, shape, interpolation, antialias=antialias)


def _of_ratio(
    size: tuple[int, int], height: int, width: int, choose: Function
) -> tuple[int, int]:
    """The larger (max) or smaller (min) height and width with the target's ratio."""
    h, w = size
    return choose(h, w * height // width), choose(w, h * width // height)


def _part(size: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """The size of the largest part of an image with the ratio height : width."""
    h, w = _of_ratio(size, height, width, min)
    return max(h, 1), max(w, 1)


def _centred(size: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    """Where a part in the middle begins: its row and column."""
    return (size[0] - part[0]) // 2, (size[1] - part[1]) // 2


def window(x: Array, height: int, width: int) -> Array:
    """The largest part, in the middle of the images, with the ratio height : width."""
    size = size_of(x)
    h, w = _part(size, height, width)
    top, left = _centred(size, (h, w))
    return x[:, top : top + h, left : left + w]


class Sized(Pictures, abstract=True):
    """What layers share whose output has a height and a width of its own."""

    height: int = setting(check=whole(1))
    width: int = setting(check=whole(1))

    def new_size(self, size: Size) -> Size:
        return self.height, self.width

    def from_middle(self, x: Array, interpolation: str = "bilinear") -> Array:
        """The largest part in the middle with the output's ratio, at its size."""
        part = window(x, self.height, self.width)
        return resized(part, self.height, self.width, interpolation)

    def placed(
        self, points: Array, corner: tuple[Any, Any], part: tuple[int, int]
    ) -> Array:
        """Where points go when a part of an image, from a corner on, is the output.

        Args:
            points: (..., x and y).
            corner: The row and the column where it begins.
            part: Its height and width.
        """
        left_top = jnp.stack([jnp.asarray(n, points.dtype) for n in corner[::-1]])
        scale = self.width / part[1], self.height / part[0]
        return (points - left_top) * jnp.asarray(scale, points.dtype)

    def moved_from_middle(self, points: Array, size: tuple[int, int]) -> Array:
        """Where points go in `from_middle`."""
        part = _part(size, self.height, self.width)
        return self.placed(points, _centred(size, part), part)


class Resizing(Sized):
    """Brings images to one size, by interpolation between their pixels.

    Each axis is a matrix product with fixed weights: a = A x Bᵀ for each channel, where
    a row of A (and of B) holds how much each pixel counts.

    Args:
        height, width: The size of the output.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: Whether to take the largest part in the middle that has
            the output's ratio, rather than distort.
        pad_to_aspect_ratio: Whether to pad to the output's ratio, rather than distort.
        fill_mode: Only "constant": padding has one value.
        fill_value: The value of the padding.
        antialias: Whether to blur where the output is smaller, so that no pixel is left
            out.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).
        bounding_box_format: As in `RandomFlip`.

    Input: images, (batch, h, w, channels). Output: (batch, height, width, channels).
    Also one image, or a dict, as in `RandomFlip`.

    Raises:
        ValueError: A size below 1, an unknown name, both ways to keep the ratio, or an
            input that is no batch of images.

    Differs from Keras: the output is always in floats.

    Example:
        >>> x = np.array([[[[1.0], [3.0]]]])
        >>> Resizing(1, 4)(x)[0, 0, :, 0].tolist()
        [1.0, 1.5, 2.5, 3.0]

    Source: Keys 1981, "Cubic convolution interpolation"; Keras,
    `keras.layers.Resizing`.
    """

    interpolation: str = setting(
        default="bilinear",
        check=one_of("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"),
    )
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: str = setting(default="constant", check=one_of("constant"))
    fill_value: float = number(default=0.0)
    antialias: bool = False
    data_format: str = setting(default=None, convert=data_format)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise invalid(
                "Resizing",
                "crop_to_aspect_ratio=True and pad_to_aspect_ratio=True",
                "one of them at most",
                "write pad_to_aspect_ratio=True to keep the whole image",
            )

    def change(self, x: Array, *drawn: Any) -> Array:
        if self.crop_to_aspect_ratio:
            x = window(x, self.height, self.width)
        if self.pad_to_aspect_ratio:
            top, left = self._edges(size_of(x))
            sides = ((0, 0), (top, top), (left, left), (0, 0))
            x = jnp.pad(x, sides, constant_values=self.fill_value)
        return resized(x, self.height, self.width, self.interpolation, self.antialias)

    def change_masks(self, masks: Array, *drawn: Any) -> Array:
        return self.replace(interpolation="nearest", antialias=False).change(masks)

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        if self.crop_to_aspect_ratio:
            return self.moved_from_middle(points, size)
        top, left = self._edges(size) if self.pad_to_aspect_ratio else (0, 0)
        whole = size[0] + 2 * top, size[1] + 2 * left
        return self.placed(points, (-top, -left), whole)

    def _edges(self, size: tuple[int, int]) -> tuple[int, int]:
        """How much on either side brings images to the ratio: rows and columns."""
        whole = _of_ratio(size, self.height, self.width, max)
        return _centred(whole, size)


class CenterCrop(Sized):
    """Cuts the middle out of images: a_{ij} = x_{i+t, j+l}, t = ⌊(h − height) / 2⌋.

    Images that are smaller than that are resized instead: the largest part in their
    middle with the output's ratio, by bilinear interpolation.

    Args:
        height, width: The size of the output.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).
        bounding_box_format: As in `RandomFlip`.

    Input: images, (batch, h, w, channels). Output: (batch, height, width, channels).
    Also one image, or a dict, as in `RandomFlip`.

    Raises:
        ValueError: A size below 1, or an input that is no batch of images.

    Differs from Keras: as in `Resizing`.

    Example:
        >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> CenterCrop(2, 2)(x)[0, :, :, 0].tolist()
        [[5.0, 6.0], [9.0, 10.0]]

    Source: Keras, `keras.layers.CenterCrop`.
    """

    data_format: str = setting(default=None, convert=data_format)

    def change(self, x: Array, *drawn: Any) -> Array:
        return self._cut(x, "bilinear")

    def change_masks(self, masks: Array, *drawn: Any) -> Array:
        return self._cut(masks, "nearest")

    def _cut(self, x: Array, interpolation: str) -> Array:
        if not self._fits(size_of(x)):
            return self.from_middle(x, interpolation)
        top, left = _centred(size_of(x), (self.height, self.width))
        return x[:, top : top + self.height, left : left + self.width]

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        if not self._fits(size):
            return self.moved_from_middle(points, size)
        part = self.height, self.width
        return self.placed(points, _centred(size, part), part)

    def _fits(self, size: tuple[int, int]) -> bool:
        """Whether images of this size are large enough to cut."""
        return size[0] >= self.height and size[1] >= self.width
