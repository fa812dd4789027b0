# ruff: noqa: D102
"""Layers that change images at random while training, each image by its own draw."""

from typing import Any, ClassVar, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from onefit.checks import one_of
from onefit.description import Description, number, off, setting
from onefit.errors import invalid, mistyped
from onefit.layers.dropout import Noise
from onefit.layers.images import Pictures, Sized
from onefit.layers.reshaping import data_format
from onefit.layers.settings import seed
from onefit.types import Array, Key

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
]


T = TypeVar("T")

# Settings -----------------------------------------------------------------------------


def is_number(value: object) -> bool:
    """Whether this is a plain number (True is none)."""
    plain = isinstance(value, int | float | np.number)
    return plain and not isinstance(value, bool)


def two_of(value: T, what: str) -> T | np.ndarray:
    """Two numbers as an array, which varies without compiling again; else as it is."""
    if not isinstance(value, list | tuple):
        return value
    if len(value) != 2 or not all(map(is_number, value)):
        raise mistyped(
            what,
            repr(value),
            "a number, or two: the lowest and the highest",
            f"write {what}=(-0.2, 0.3)",
        )
    return np.asarray(value, "float64")


def factor_of(value: object) -> object:
    """A factor: a number for itself either way, or two in any order."""
    value = two_of(value, "factor")
    return np.sort(value) if isinstance(value, np.ndarray) else value


def _contrast(value: object) -> object:
    """How far down and how far up: one number is both."""
    return two_of((value, value) if is_number(value) else value, "factor")


def range_of(value: Any) -> tuple[float, float]:
    """The lowest and highest value of a pixel."""
    pair = two_of(tuple(value) if np.ndim(value) else value, "value_range")
    if np.ndim(pair) != 1 or pair[0] == pair[1]:
        raise mistyped(
            "value_range",
            repr(value),
            "two numbers that differ",
            "write (0, 1), or (0, 255) for bytes",
        )
    return tuple(sorted(value))


def uniform(key: Key, low: Array, high: Array, x: Array) -> Array:
    """One draw an image, (batch,)."""
    return low + (high - low) * jax.random.uniform(key, x.shape[:1], x.dtype)


# Where pixels come from ---------------------------------------------------------------

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


def _taps(
    at: Array, n: int, fill_mode: str, interpolation: str
) -> list[tuple[Array, Array]]:
    """The pixels of n that count for a place between them: [(indices, weights), ...].

    What counts beyond the edge for "constant" has weight zero.
    """
    low = jnp.floor(at)
    taps = [(low, low + 1.0 - at), (low + 1.0, at - low)]
    if interpolation == "nearest":
        taps = [(jax.lax.round(at), jnp.ones_like(at))]
    inside = []
    for place, weight in taps:
        i = place.astype("int32")
        if fill_mode == "constant":
            weight = jnp.where((i >= 0) & (i < n), weight, 0.0)
        if fill_mode == "wrap":
            i = i % n
        elif fill_mode == "reflect":
            i = i % (2 * n)
            i = jnp.minimum(i, 2 * n - 1 - i)
        else:
            i = jnp.clip(i, 0, n - 1)
        inside.append((i, weight))
    return inside


class Augmentation(Pictures, Noise, abstract=True):
    """What all share: on while training, one draw an image.

    A call outside a model draws too, unless it says training=False, as in Keras.
    """

    role = "other"
    trains_alone = True
    factors: ClassVar[tuple[str, ...]] = ()
    """The settings that say how much; without effect where all are zero."""
    within: ClassVar[tuple[str, ...]] = ()
    """More settings that the limits hold for; zero has an effect."""
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.limits
        for name in (*self.factors, *self.within):
            value = getattr(self, name)
            if value is None or isinstance(value, jax.Array):
                continue
            if not np.all((low <= np.asarray(value)) & (np.asarray(value) <= high)):
                raise invalid(
                    type(self).__name__,
                    f"{name}={np.asarray(value).tolist()}",
                    f"a number from {low:g} to {high:g}, or two",
                    f"write {name}=0.2 for a fifth",
                )

    @property
    def strength(self) -> float:
        still = self.factors and all(off(getattr(self, name)) for name in self.factors)
        return 0.0 if still else 1.0

    def noisy(self, x: Any, key: Key) -> Any:
        return self.together(x, key)

    def bounds(self, name: str, x: Array) -> tuple[Array, Array]:
        """The lowest and highest draw; one number is both ways, if that may be."""
        factor = jnp.asarray(getattr(self, name), x.dtype)
        if factor.ndim:
            return factor[0], factor[1]
        return jnp.maximum(-abs(factor), self.limits[0]), abs(factor)

    def drawn_factor(self, key: Key, name: str, x: Array) -> Array:
        """One draw an image."""
        return uniform(key, *self.bounds(name, x), x)


def middle(size: tuple[int, int]) -> np.ndarray:
    """The middle of the pixels of an image of this height and width: x and y."""
    return (np.asarray(size[::-1], "float32") - 1.0) / 2.0


class Moved(Augmentation, abstract=True):
    """What layers share that take each pixel from another place of its image."""

    fill_mode: str = setting(default="reflect", check=one_of(*FILL_MODES))
    interpolation: str = setting(default="bilinear", check=one_of(*INTERPOLATIONS))
    seed: int | None = seed()
    fill_value: float = number(default=0.0)
    data_format: str = setting(default=None, convert=data_format)

    def change_masks(self, masks: Array, *drawn: Any) -> Array:
        return self.replace(interpolation="nearest").change(masks, *drawn)

    def stretch(self, x: Array, rows: Array, columns: Array) -> Array:
        """Images whose rows and columns come from these places, each (batch, size).

        Each axis is a matrix product, two to three times as fast as looking pixels up.
        """
        a, b = self.shares(rows, x.shape[1]), self.shares(columns, x.shape[2])
        y = jnp.einsum("boh,bhwc->bowc", a, x)
        y = jnp.einsum("bow,bhwc->bhoc", b, y)
        return self._filled(y, jnp.sum(a, 2)[:, :, None] * jnp.sum(b, 2)[:, None])

    def shares(self, at: Array, n: int) -> Any:
        """How much each pixel along an axis counts for each place: (batch, size, n)."""
        taps = _taps(at, n, self.fill_mode, self.interpolation)
        return sum(
            jnp.where(i[..., None] == jnp.arange(n), w[..., None], 0.0) for i, w in taps
        )

    def look_up(self, x: Array, rows: Array, columns: Array) -> Array:
        """Images whose pixels come from these places, each (batch, height, width)."""
        how = self.fill_mode, self.interpolation
        ys, xs = _taps(rows, x.shape[1], *how), _taps(columns, x.shape[2], *how)
        taps = [(i, j, v * w) for i, v in ys for j, w in xs]
        image = jnp.arange(x.shape[0])[:, None, None]

        def channel(c: int) -> Any:
            # Number by number: all channels of a pixel at once take twice as long.
            plane = jnp.asarray(x[..., c])
            return sum(
                plane.at[image, i, j].get(mode="promise_in_bounds") * w
                for i, j, w in taps
            )

        y = jnp.stack([channel(c) for c in range(x.shape[3])], -1)
        return self._filled(y, sum(w for _, _, w in taps))

    def _filled(self, y: Array, share: Any) -> Array:
        """The images with the fill value where pixels count for less than one."""
        if self.fill_mode != "constant" or off(self.fill_value):
            return y
        return y + jnp.asarray(self.fill_value, y.dtype) * (1.0 - share[..., None])


def drawn_share(layer: Augmentation, key: Key, x: Array) -> Array:
    """Whether each image is changed, by a probability that is itself drawn."""
    first, second = jax.random.split(key)
    share = layer.drawn_factor(first, "factor", x)
    return jax.random.uniform(second, x.shape[:1], x.dtype) < share


class _Factor(Description):
    factor: Any = number(convert=factor_of)


class _Factors(Description):
    height_factor: Any = number(convert=factor_of)
    width_factor: Any = number(convert=factor_of)


# Flipped, turned, zoomed, shifted -----------------------------------------------------


class RandomFlip(Augmentation):
    """Flips each image left to right, top to bottom, or both, each with odds of 1/2.

    Args:
        mode: "horizontal" (left and right change places), "vertical", or
            "horizontal_and_vertical".
        seed: A stream of its own, as in `Dropout`.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).
        bounding_box_format: What the four numbers of a box mean: "xyxy" (left, top,
            right, bottom), "yxyx", "xywh", "center_xywh", "center_yxhw" in pixels, or
            "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh" as shares of the
            image's size.

    Input and output: images, (batch, height, width, channels), the same shape, or one
    image, (height, width, channels). Also a dict of "images" with any of "labels";
    "segmentation_masks", (batch, height, width, channels); and "bounding_boxes", a dict
    of "boxes", (batch, n, 4), and "labels", (batch, n), -1 for no box. Masks and boxes
    go along: a box becomes the box around its corners, as far as it lies in the image,
    with the label -1 where nothing does.

    A call outside a model draws, too, unless it says training=False.

    Raises:
        ValueError: An unknown name, boxes without their format, or an input that is no
            batch of images.

    Differs from Keras: "horizontal_and_vertical" draws twice; Keras draws once, and so
    only ever turns an image by 180°.

    Example:
        >>> x = np.array([[[[1.0], [2.0]]]])
        >>> layer = RandomFlip("horizontal")
        >>> {tuple(layer(x, training=True).ravel().tolist()) for _ in range(20)} == {
        ...     (1.0, 2.0), (2.0, 1.0)}
        True

    Source: Krizhevsky et al. 2012, section 4.1; Keras, `keras.layers.RandomFlip`.
    """

    learns_by_row = False  # the odds of the batch are drawn at once, axis by axis

    mode: str = setting(
        default="horizontal_and_vertical",
        check=one_of("horizontal", "vertical", "horizontal_and_vertical"),
    )
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        across, down = jax.random.bernoulli(key, 0.5, (2, x.shape[0]))
        return (
            across if self.mode.startswith("horizontal") else None,
            down if self.mode.endswith("vertical") else None,
        )

    def change(self, x: Array, *drawn: Any) -> Array:
        for axis, flipped in zip((2, 1), drawn, strict=True):
            if flipped is not None:
                x = jnp.where(flipped[:, None, None, None], jnp.flip(x, axis), x)
        return x

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        flipped = [jnp.zeros((), bool) if d is None else d[:, None] for d in drawn]
        flipped = jnp.stack(jnp.broadcast_arrays(*flipped), -1)
        return jnp.where(
            flipped, jnp.asarray(size[::-1], points.dtype) - points, points
        )


class RandomRotation(Moved, _Factor):
    """Turns each image about its middle by a random angle.

    The pixel at (i, j) from the middle comes from (j · sin θ + i · cos θ, j · cos θ −
    i · sin θ), θ = 2π · f, f ~ U(low, high). A positive angle turns against the clock.

    Args:
        factor: The highest angle either way, as a share of a full turn, from -1 to 1;
            or the lowest and the highest: (-0.1, 0.2) is from −36° to 72°.
        fill_mode: What lies beyond the edge: "reflect" (d c b a | a b c d | d c b a),
            "wrap" (a b c d | a b c d | a b c d), "nearest" (a a a a | a b c d |
            d d d d) or "constant" (k k k k | a b c d | k k k k).
        interpolation: "bilinear" or "nearest".
        seed: A stream of its own, as in `Dropout`.
        fill_value: k.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        ValueError: A factor out of range, an unknown name, or an input that is no batch
            of images.

    Example:
        >>> layer = RandomRotation((0.25, 0.25))
        >>> x = np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]])
        >>> print(np.round(layer(x, training=True)[0, :, :, 0], 3))
        [[2. 4.]
         [1. 3.]]

    Source: Keras, `keras.layers.RandomRotation`.
    """

    factors = ("factor",)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        return (2.0 * np.pi * self.drawn_factor(key, "factor", x),)

    def change(self, x: Array, *drawn: Any) -> Array:
        (angle,) = drawn
        cos, sin = (f(angle)[:, None, None] for f in (jnp.cos, jnp.sin))
        middle = [(size - 1) / 2.0 for size in x.shape[1:3]]
        i, j = (
            jnp.arange(size, dtype=x.dtype) - m
            for size, m in zip(x.shape[1:3], middle, strict=True)
        )
        rows = sin * j + cos * i[:, None] + middle[0]
        columns = cos * j - sin * i[:, None] + middle[1]
        return self.look_up(x, rows, columns)

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        cos, sin = (f(drawn[0])[:, None] for f in (jnp.cos, jnp.sin))
        x, y = jnp.moveaxis(points - middle(size), -1, 0)
        turned = jnp.stack([cos * x + sin * y, cos * y - sin * x], -1)
        return turned + middle(size)


class RandomZoom(Moved, _Factors):
    """Zooms each image about its middle by a random factor.

    The pixel at (i, j) from the middle comes from (z · i, z' · j), z = 1 + f,
    f ~ U(low, high): a positive f zooms out, a negative one in.

    Args:
        height_factor: The highest f either way, above -1 and up to 1; or the lowest and
            the highest: (-0.3, -0.2) zooms in by 20 % to 30 %.
        width_factor: The same for the width; None keeps the image's ratio.
        fill_mode, interpolation, seed, fill_value, data_format: As in `RandomRotation`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        ValueError: A factor out of range, an unknown name, or an input that is no batch
            of images.

    Example:
        >>> layer = RandomZoom((1.0, 1.0), fill_mode="constant")
        >>> layer(np.ones((1, 4, 4, 1)), training=True)[0, :, :, 0].tolist()[1]
        [0.0, 1.0, 1.0, 0.0]

    Source: Keras, `keras.layers.RandomZoom`.
    """

    factors = ("height_factor", "width_factor")
    limits = (float(np.nextafter(-1.0, 0.0)), 1.0)

    width_factor: Any = number(default=None, optional=True, convert=factor_of)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        keys = jax.random.split(key)
        high = 1.0 + self.drawn_factor(keys[0], "height_factor", x)
        if self.width_factor is None:
            return high, high
        return high, 1.0 + self.drawn_factor(keys[1], "width_factor", x)

    def change(self, x: Array, *drawn: Any) -> Array:
        return self.stretch(
            x,
            *(
                zoom[:, None] * jnp.arange(size, dtype=x.dtype)
                + (size - 1) / 2.0 * (1.0 - zoom[:, None])
                for zoom, size in zip(drawn, x.shape[1:3], strict=True)
            ),
        )

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        zoom = jnp.stack(drawn[::-1], -1)[:, None]
        return (points - middle(size)) / zoom + middle(size)


class RandomTranslation(Moved, _Factors):
    """Shifts each image by a random share of its size.

    The pixel (i, j) comes from (i − f · height, j − f' · width), f ~ U(low, high): a
    positive f shifts down, a positive f' to the right.

    Args:
        height_factor: The highest f either way, from -1 to 1; or the lowest and the
            highest: (-0.2, 0.3) is from 20 % up to 30 % down.
        width_factor: The same for the width.
        fill_mode, interpolation, seed, fill_value, data_format: As in `RandomRotation`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        ValueError: A factor out of range, an unknown name, or an input that is no batch
            of images.

    Example:
        >>> layer = RandomTranslation(0.0, (0.5, 0.5), fill_mode="constant")
        >>> layer(np.ones((1, 1, 4, 1)), training=True).ravel().tolist()
        [0.0, 0.0, 1.0, 1.0]

    Source: Keras, `keras.layers.RandomTranslation`.
    """

    factors = ("height_factor", "width_factor")

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        draws = zip(jax.random.split(key), self.factors, x.shape[1:3], strict=True)
        return tuple(size * self.drawn_factor(k, name, x) for k, name, size in draws)

    def change(self, x: Array, *drawn: Any) -> Array:
        return self.stretch(
            x,
            *(
                jnp.arange(size, dtype=x.dtype) - shift[:, None]
                for shift, size in zip(drawn, x.shape[1:3], strict=True)
            ),
        )

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        return points + jnp.stack(drawn[::-1], -1)[:, None]


class RandomShear(Moved):
    """Shears each image by a random amount along each axis.

    The pixel (i, j) comes from (i + f' · j, j + f · i), f = ± U(low, high), where both
    have one sign: a positive f moves rows to the left, the lower the more.

    Args:
        x_factor: The highest f, from 0 to 1; or the lowest and the highest.
        y_factor: The same for f'.
        interpolation, fill_mode, fill_value, data_format, seed: As in
            `RandomRotation`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        ValueError: A factor out of range, an unknown name, or an input that is no batch
            of images.

    Example:
        >>> x = np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]])
        >>> layer = RandomShear((1.0, 1.0))
        >>> y = layer(x, training=True).ravel().tolist()
        >>> y in ([1.0, 2.0, 4.0, 4.0], [1.0, 2.0, 3.0, 3.0])
        True

    Source: Keras, `keras.layers.RandomShear`.
    """

    _order = "x_factor y_factor interpolation fill_mode fill_value data_format seed"
    factors = ("x_factor", "y_factor")
    limits = (0.0, 1.0)

    x_factor: Any = number(default=0.0, convert=factor_of)
    y_factor: Any = number(default=0.0, convert=factor_of)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        keys = jax.random.split(key, 3)
        sign = jnp.where(jax.random.bernoulli(keys[0], 0.5, x.shape[:1]), 1.0, -1.0)
        draws = zip(keys[1:], self.factors, strict=True)
        return tuple(sign * self.drawn_factor(k, name, x) for k, name in draws)

    def change(self, x: Array, *drawn: Any) -> Array:
        across, down = (factor[:, None, None] for factor in drawn)
        i, j = (jnp.arange(size, dtype=x.dtype) for size in x.shape[1:3])
        rows = i[:, None] + down * j
        columns = j + across * i[:, None]
        return self.look_up(x, rows, columns)

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        across, down = (factor[:, None] for factor in drawn)
        x, y = jnp.moveaxis(points, -1, 0)
        both = jnp.stack([x - across * y, y - down * x], -1)
        return both / (1.0 - across * down)[..., None]


class RandomCrop(Augmentation, Sized):
    """Cuts a part out of the images, at a random place while training.

    All images of a batch are cut at one place: a_{ij} = x_{i+t, j+l}, t and l uniform.
    When not training, and where an image is smaller than the part, the largest part in
    the middle with the output's ratio is resized instead.

    Args:
        height, width: The size of the output.
        seed: A stream of its own, as in `Dropout`.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input: images, (batch, h, w, channels). Output: (batch, height, width, channels).

    Raises:
        ValueError: A size below 1, or an input that is no batch of images.

    Differs from Keras: it does what Keras' documentation says when not training, where
    Keras' code leaves the images as they are, and with images smaller than the part,
    where it cuts off too much.

    Example:
        >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
        >>> RandomCrop(1, 3)(x, training=True).shape
        (1, 1, 3, 1)

    Source: Krizhevsky et al. 2012, section 4.1; Keras, `keras.layers.RandomCrop`.
    """

    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format)

    def apply(self, params, state, x, *, training=False, key=None):
        return self.together(x, self.stream(training, key)), state

    def draw(self, key: Key, x: Array) -> tuple[Any, ...]:
        most = x.shape[1] - self.height, x.shape[2] - self.width
        if min(most) < 0:
            return ()
        return tuple(jax.random.randint(key, (2,), 0, jnp.asarray(most) + 1))

    def change(self, x: Array, *drawn: Any) -> Array:
        return self._cut(x, "bilinear", drawn)

    def change_masks(self, masks: Array, *drawn: Any) -> Array:
        return self._cut(masks, "nearest", drawn)

    def _cut(self, x: Array, interpolation: str, corner: tuple[Array, ...]) -> Array:
        if not corner:
            return self.from_middle(x, interpolation)
        sizes = (x.shape[0], self.height, self.width, x.shape[3])
        return jax.lax.dynamic_slice(x, (0, *corner, 0), sizes)

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        if not drawn:
            return self.moved_from_middle(points, size)
        row, column = drawn
        return self.placed(points, (row, column), (self.height, self.width))


# Lighter, darker ----------------------------------------------------------------------


class RandomContrast(Augmentation):
    """Changes each image's contrast: a = clip((x − μ) · f + μ), f ~ U(1 − low, 1 + up).

    μ is the mean of each channel of each image.

    Args:
        factor: How far down and up, from 0 to 1; or the two: (0.5, 0.1) is from 0.5 to
            1.1.
        value_range: The lowest and highest value of a pixel, to which the output is
            clipped.
        seed: A stream of its own, as in `Dropout`.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, or an input that is no batch of images.

    Differs from Keras: one number is both ways, as Keras' documentation says, while its
    code only raises the contrast; two numbers are not put in order.

    Example:
        >>> layer = RandomContrast((0.5, 0.0))  # keeps the mean
        >>> y = layer(np.array([[[[10.0], [20.0]]]]), training=True)
        >>> round(float(y.mean()))
        15

    Source: Keras, `keras.layers.RandomContrast`.
    """

    factors = ("factor",)
    limits = (0.0, 1.0)
    moves = False

    factor: Any = number(convert=_contrast)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format, kw_only=True)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        low, up = jnp.broadcast_to(jnp.asarray(self.factor, x.dtype), (2,))
        return (uniform(key, 1.0 - low, 1.0 + up, x),)

    def change(self, x: Array, *drawn: Any) -> Array:
        (factor,) = drawn
        # An axis at a time, which XLA on a CPU adds up faster.
        mean = jnp.mean(jnp.mean(x, 1, keepdims=True), 2, keepdims=True)
        y = (x - mean) * factor[:, None, None, None] + mean
        return jnp.clip(y, *self.value_range)


class RandomBrightness(Augmentation):
    """Makes each image lighter or darker: a = clip(x + f · (high − low)), f uniform.

    Args:
        factor: The highest f either way, from -1 to 1; or the lowest and the highest:
            -1 makes an image black, 1 white.
        value_range: The lowest and highest value of a pixel, low and high, to which the
            output is clipped.
        seed: A stream of its own, as in `Dropout`.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, or an input that is no batch of images.

    Example:
        >>> layer = RandomBrightness((0.1, 0.1), value_range=(0, 1))
        >>> y = layer(np.array([[[[0.0], [0.95]]]]), training=True)
        >>> print(np.round(y.ravel(), 3))
        [0.1 1. ]

    Source: Keras, `keras.layers.RandomBrightness`.
    """

    factors = ("factor",)
    moves = False

    factor: Any = number(convert=factor_of)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format, kw_only=True)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        low, high = self.value_range
        return ((high - low) * self.drawn_factor(key, "factor", x),)

    def change(self, x: Array, *drawn: Any) -> Array:
        (light,) = drawn
        return jnp.clip(x + light[:, None, None, None], *self.value_range)
