# ruff: noqa: D102
"""Layers that change the colours of images at random while training."""

from typing import Any

import jax
import jax.numpy as jnp

from onefit.checks import whole
from onefit.description import number, setting
from onefit.errors import invalid
from onefit.layers.augmentation import (
    Augmentation,
    RandomBrightness,
    RandomContrast,
    drawn_share,
    factor_of,
    range_of,
)
from onefit.layers.reshaping import data_format
from onefit.layers.settings import seed
from onefit.types import Array, Key

__all__ = [
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "Solarization",
]

GREY = (0.2989, 0.5870, 0.1140)
"""How light red, green and blue are."""

BYTE = 255.0


# Colours ------------------------------------------------------------------------------


def grey(x: Array) -> Array:
    """The lightness of each pixel, (..., 1); images of one channel are grey already."""
    if x.shape[-1] == 1:
        return x
    return jnp.sum(x * jnp.asarray(GREY, x.dtype), -1, keepdims=True)


def to_hsv(x: Array) -> tuple[Array, Array, Array]:
    """Hue, saturation and value of (..., 3)."""
    x = jnp.where(jnp.abs(x) < jnp.finfo(x.dtype).eps, 0.0, x)
    r, g, b = (x[..., i] for i in range(3))
    value = jnp.max(x, -1)
    spread = value - jnp.min(x, -1)
    some = spread > 0
    unit = 1.0 / (6.0 * jnp.where(some, spread, 1.0))
    hue = jnp.where(value == g, unit * (b - r) + 1 / 3, unit * (r - g) + 2 / 3)
    hue = jnp.where(value == r, unit * (g - b), hue)
    hue = jnp.where(some, hue, 0.0) + (hue < 0.0)
    positive = value > 0
    saturation = jnp.where(positive, spread / jnp.where(positive, value, 1.0), 0.0)
    return hue, saturation, value


def to_rgb(hue: Array, saturation: Array, value: Array) -> Array:
    """Red, green and blue, (..., 3)."""
    turn = jnp.mod(hue, 1.0) * 6.0
    shares = (
        jnp.clip(jnp.abs(turn - 3.0) - 1.0, 0.0, 1.0),
        jnp.clip(2.0 - jnp.abs(turn - 2.0), 0.0, 1.0),
        jnp.clip(2.0 - jnp.abs(turn - 4.0), 0.0, 1.0),
    )
    return jnp.stack([value * (1.0 - saturation + saturation * s) for s in shares], -1)


def rescaled(x: Array, source: tuple, target: tuple) -> Array:
    """Numbers of one range as those of another."""
    if tuple(source) == tuple(target):
        return x
    (low, high), (least, most) = source, target
    return (x - low) * ((most - least) / (high - low)) + least


def _wide(factor: Array) -> Array:
    """A number an image, to multiply images by."""
    return factor[:, None, None, None]


class Colors(Augmentation, abstract=True):
    """What layers share whose pixels stay where they are."""

    moves = False


class RandomHue(Colors):
    """Turns the hue of each image: h' = h ± f / 2 of a full turn, f ~ U(low, high).

    Args:
        factor: The highest f, from 0 to 1; or the lowest and the highest.
        value_range: The lowest and highest value of a pixel.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).
        seed: A stream of its own, as in `Dropout`.

    Input and output: images of three channels, the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, or an input that is no batch of such images.

    Example:
        >>> x = np.full((1, 2, 2, 3), 7.0)  # grey has no hue
        >>> float(RandomHue(0.5)(x, training=True).std().round(3))
        0.0

    Source: Keras, `keras.layers.RandomHue`.
    """

    factors = ("factor",)
    limits = (0.0, 1.0)
    rgb = True

    factor: Any = number(convert=factor_of)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    data_format: str = setting(default=None, convert=data_format)
    seed: int | None = seed()

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        first, second = jax.random.split(key)
        sign = jnp.where(jax.random.bernoulli(first, 0.5, x.shape[:1]), 0.5, -0.5)
        return (sign * self.drawn_factor(second, "factor", x),)

    def change(self, x: Array, *drawn: Any) -> Array:
        hue, saturation, value = to_hsv(rescaled(x, self.value_range, (0, 1)))
        hue = hue + drawn[0][:, None, None]
        hue = jnp.where(hue > 1.0, hue - 1.0, hue)
        hue = jnp.where(hue < 0.0, hue + 1.0, hue)
        y = jnp.clip(to_rgb(hue, saturation, value), 0.0, 1.0)
        return rescaled(y, (0, 1), self.value_range)


class RandomSaturation(Colors):
    """Makes colours stronger or weaker: s' = clip(s · f / (1 − f)), f ~ U(low, high).

    f = 0 is grey, 1/2 leaves an image as it is, 1 is as strong as can be.

    Args:
        factor: The highest f, from 0 to 1; or the lowest and the highest.
        value_range: The lowest and highest value of a pixel, to which s' is clipped.
        data_format, seed: As in `RandomHue`.

    Input and output: images of three channels, the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, or an input that is no batch of such images.

    Differs from Keras: one number is from 0 to it, as Keras' documentation says.

    Example:
        >>> x = np.array([[[[200.0, 100.0, 0.0]]]])
        >>> print(np.round(RandomSaturation((0.0, 0.0))(x, training=True).ravel()))
        [200. 200. 200.]

    Source: Keras, `keras.layers.RandomSaturation`.
    """

    within = ("factor",)
    limits = (0.0, 1.0)
    rgb = True

    factor: Any = number(convert=factor_of)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    data_format: str = setting(default=None, convert=data_format)
    seed: int | None = seed()

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        factor = self.drawn_factor(key, "factor", x)
        return (factor / (1.0 - factor + 1e-7),)

    def change(self, x: Array, *drawn: Any) -> Array:
        hue, saturation, value = to_hsv(x)
        saturation = saturation * drawn[0][:, None, None]
        return to_rgb(hue, jnp.clip(saturation, *self.value_range), value)


class RandomColorDegeneration(Colors):
    """Mixes each image with its grey: a = clip(x + f · (grey(x) − x)), f uniform.

    Args:
        factor: The highest f either way, from -1 to 1; or the lowest and the highest: 0
            is the image, 1 its grey.
        value_range: The lowest and highest value of a pixel, to which the output is
            clipped.
        data_format, seed: As in `RandomHue`.

    Input and output: images of three channels or one, the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, or an input that is no batch of such images.

    Example:
        >>> x = np.array([[[[100.0, 100.0, 0.0]]]])
        >>> layer = RandomColorDegeneration((1.0, 1.0))
        >>> print(np.round(layer(x, training=True).ravel()))
        [89. 89. 89.]

    Source: Keras, `keras.layers.RandomColorDegeneration`.
    """

    factors = ("factor",)
    rgb = gray = True

    factor: Any = number(convert=factor_of)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    data_format: str = setting(default=None, convert=data_format)
    seed: int | None = seed()

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        return (self.drawn_factor(key, "factor", x),)

    def change(self, x: Array, *drawn: Any) -> Array:
        return jnp.clip(x + _wide(drawn[0]) * (grey(x) - x), *self.value_range)


class RandomGrayscale(Colors):
    """Makes an image grey with probability p.

    Args:
        factor: p, from 0 to 1.
        data_format, seed: As in `RandomHue`.

    Input and output: images of three channels or one, the same shape.

    Raises:
        ValueError: A factor out of range, or an input that is no batch of such images.

    Example:
        >>> x = np.array([[[[100.0, 100.0, 0.0]]]])
        >>> print(np.round(RandomGrayscale(1.0)(x, training=True).ravel()))
        [89. 89. 89.]

    Source: Keras, `keras.layers.RandomGrayscale`.
    """

    factors = ("factor",)
    limits = (0.0, 1.0)
    rgb = gray = True

    factor: float = number(default=0.5, minimum=0, maximum=1)
    data_format: str = setting(default=None, convert=data_format)
    seed: int | None = seed()

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        return (jax.random.bernoulli(key, self.factor, x.shape[:1]),)

    def change(self, x: Array, *drawn: Any) -> Array:
        return jnp.where(_wide(drawn[0]), grey(x), x)


class RandomInvert(Colors):
    """Inverts an image, a = low + high − x, with probability p, p ~ U(least, most).

    Args:
        factor: The highest p, from 0 to 1; or the lowest and the highest.
        value_range: The lowest and highest value of a pixel, low and high.
        seed, data_format: As in `RandomHue`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, or an input that is no batch of images.

    Differs from Keras: a value_range that does not begin at 0 is kept to; Keras gives
    high − x.

    Example:
        >>> RandomInvert((1.0, 1.0))(np.full((1, 1, 1, 1), 5.0), training=True).item()
        250.0

    Source: Keras, `keras.layers.RandomInvert`.
    """

    factors = ("factor",)
    limits = (0.0, 1.0)

    factor: Any = number(default=1.0, convert=factor_of)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        return (drawn_share(self, key, x),)

    def change(self, x: Array, *drawn: Any) -> Array:
        low, high = self.value_range
        return jnp.where(_wide(drawn[0]), low + high - x, x)


def _bits(value: Any) -> Any:
    return tuple(sorted(value)) if isinstance(value, list | tuple) else value


class RandomPosterization(Colors):
    """Keeps the b highest bits of each byte, b drawn for each image.

    Args:
        factor: The highest b, from 1 to 8, which is drawn from 1 on and is itself not
            drawn; or the lowest and the one after the highest; two alike are drawn.
        value_range: The lowest and highest value of a pixel: what 0 and 255 stand for.
        data_format, seed: As in `RandomHue`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor that is no whole number from 1 to 8 or two, or an input
            that is no batch of images.

    Example:
        >>> x = np.full((1, 1, 1, 1), 200.0)  # 11001000
        >>> RandomPosterization((1, 1))(x, training=True).item()
        128.0

    Source: Keras, `keras.layers.RandomPosterization`.
    """

    limits = (1, 8)

    factor: Any = setting(convert=_bits)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    data_format: str = setting(default=None, convert=data_format)
    seed: int | None = seed()

    def __post_init__(self) -> None:
        super().__post_init__()
        check = whole(1)
        pair = self.factor if isinstance(self.factor, tuple) else (self.factor,)
        for value in pair:
            check(type(self).__name__, "factor", value)
        if len(pair) > 2 or max(pair) > 8:
            raise invalid(
                type(self).__name__,
                f"factor={self.factor!r}",
                "a whole number from 1 to 8, or two",
            )

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        pair = self.factor if isinstance(self.factor, tuple) else (1, self.factor)
        low, high = pair[0], pair[-1]
        bits = jax.random.randint(key, x.shape[:1], low, max(high, low + 1))
        return (8 - bits,)

    def change(self, x: Array, *drawn: Any) -> Array:
        step = _wide(2.0 ** drawn[0].astype(x.dtype))
        byte = jnp.floor(rescaled(x, self.value_range, (0, BYTE)))
        return rescaled(jnp.floor(byte / step) * step, (0, BYTE), self.value_range)


class Solarization(Colors):
    """Makes light pixels dark: y = clip(x + a); y where y < t, else 255 − y, for bytes.

    a ~ U(low, high) · 255 and t ~ U(low', high') · 255, one of each an image.

    Args:
        addition_factor: The highest a, as a share from 0 to 1; or the lowest and the
            highest.
        threshold_factor: The same for t; 0 inverts the image.
        value_range: The lowest and highest value of a pixel: what 0 and 255 stand for.
        seed: A stream of its own, as in `Dropout`.
        data_format: As in `RandomHue`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, or an input that is no batch of images.

    Differs from Keras: the lowest of two factors is a share like the highest; Keras
    takes it as a number of bytes.

    Example:
        >>> x = np.array([[[[10.0], [200.0]]]])
        >>> layer = Solarization(threshold_factor=(0.5, 0.5))
        >>> layer(x, training=True).ravel().tolist()
        [10.0, 55.0]

    Source: Keras, `keras.layers.Solarization`.
    """

    within = ("addition_factor", "threshold_factor")
    limits = (0.0, 1.0)

    addition_factor: Any = number(default=0.0, convert=factor_of)
    threshold_factor: Any = number(default=0.0, convert=factor_of)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format, kw_only=True)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        keys = jax.random.split(key)
        names = "addition_factor", "threshold_factor"
        draws = zip(keys, names, strict=True)
        return tuple(BYTE * self.drawn_factor(k, name, x) for k, name in draws)

    def change(self, x: Array, *drawn: Any) -> Array:
        addition, threshold = map(_wide, drawn)
        y = rescaled(x, self.value_range, (0, BYTE)) + addition
        y = jnp.clip(y, 0.0, BYTE)
        y = jnp.where(y < threshold, y, BYTE - y)
        return rescaled(y, (0, BYTE), self.value_range)


class RandomColorJitter(Colors):
    """Changes brightness, contrast, saturation and hue, one after another.

    Args:
        value_range: The lowest and highest value of a pixel.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: The factors
            of `RandomBrightness`, `RandomContrast`, `RandomSaturation` and `RandomHue`;
            None leaves that out.
        seed: A stream of its own, as in `Dropout`.
        data_format: As in `RandomHue`.

    Input and output: images of three channels, the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, or an input that is no batch of such images.

    Differs from Keras: what differs in the four layers.

    Example:
        >>> layer = RandomColorJitter(brightness_factor=(1.0, 1.0))
        >>> layer(np.zeros((1, 1, 1, 3)), training=True).ravel().tolist()
        [255.0, 255.0, 255.0]

    Source: Keras, `keras.layers.RandomColorJitter`.
    """

    rgb = True

    value_range: Any = setting(default=(0, 255), convert=range_of)
    brightness_factor: Any = number(default=None, optional=True, convert=factor_of)
    contrast_factor: Any = number(default=None, optional=True, convert=factor_of)
    saturation_factor: Any = number(default=None, optional=True, convert=factor_of)
    hue_factor: Any = number(default=None, optional=True, convert=factor_of)
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._parts()

    def _parts(self) -> list[Augmentation]:
        """The layers, in their order."""
        given = [
            (RandomBrightness, self.brightness_factor),
            (RandomContrast, self.contrast_factor),
            (RandomSaturation, self.saturation_factor),
            (RandomHue, self.hue_factor),
        ]
        return [
            kind(factor, value_range=self.value_range)
            for kind, factor in given
            if factor is not None
        ]

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        parts = self._parts()
        keys = jax.random.split(key, max(len(parts), 1))
        return tuple(part.draw(k, x)[0] for part, k in zip(parts, keys, strict=False))

    def change(self, x: Array, *drawn: Any) -> Array:
        for part, draw in zip(self._parts(), drawn, strict=True):
            x = part.change(x, draw)
        return x
