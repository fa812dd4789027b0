# ruff: noqa: D102
"""Layers that change images by several layers, one after another or by lot."""

from typing import Any

import jax
import jax.numpy as jnp

from onefit.checks import between, one_of, whole
from onefit.description import number, setting
from onefit.errors import mistyped
from onefit.layers.augmentation import (
    INTERPOLATIONS,
    Augmentation,
    RandomBrightness,
    RandomContrast,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    range_of,
)
from onefit.layers.base import Layer, Outcome
from onefit.layers.coloring import (
    RandomColorDegeneration,
    RandomPosterization,
    Solarization,
)
from onefit.layers.composite import Composite, a_layer
from onefit.layers.equalizing import AutoContrast, Equalization
from onefit.layers.images import Pictures
from onefit.layers.reshaping import data_format
from onefit.layers.settings import seed
from onefit.layers.sharpening import RandomSharpness
from onefit.types import Array, Generator, Key, Mask, Params, Shapes, State, Tree

__all__ = ["AugMix", "MaxNumBoundingBoxes", "Pipeline", "RandAugment"]


# By lot -------------------------------------------------------------------------------


def _strength(value: Any) -> Any:
    """A strength as Keras keeps it: from what it is drawn, to what."""
    pair = tuple(value) if isinstance(value, list | tuple) else (0, value)
    return tuple(sorted(pair))


class _Policy(Augmentation, abstract=True):
    """What layers share that choose from layers by lot, once for a batch."""

    limits = (0.0, 1.0)
    rgb = gray = True

    # Not annotated: settings of the subclasses.
    factor = 0.0, 0.5
    value_range = 0, 255
    interpolation = "bilinear"

    def choices(self) -> list[Pictures]:
        """What is chosen from; number 0 is the first."""
        where = {
            "data_format": self.data_format,
            "bounding_box_format": self.bounding_box_format,
        }
        pair = self.factor
        moved = where | {"interpolation": self.interpolation}
        colored = where | {"value_range": self.value_range}
        return [
            RandomShear(pair, pair, **moved),
            RandomTranslation(pair, pair, **moved),
            RandomRotation(pair, **moved),
            RandomBrightness(pair, **colored),
            RandomColorDegeneration(pair, **colored),
            RandomContrast(pair, **colored),
            RandomSharpness(pair, **colored),
            RandomPosterization(max(1, int(8 * pair[1])), **colored),
            Solarization(pair, pair, **colored),
            AutoContrast(**colored),
            Equalization(**colored),
        ]

    def by_lot(self, x: Tree, numbers: Array, keys: Array) -> Tree:
        """The images after the layers of these numbers; none for what is above all.

        Each layer is in the program once, and of those only the chosen ones are run.
        """
        layers = [*(layer.together for layer in self.choices()), lambda x, key: x]

        def step(x: Tree, chosen: tuple[Array, Array]) -> tuple[Tree, None]:
            return jax.lax.switch(chosen[0], layers, x, chosen[1]), None

        return jax.lax.scan(step, x, (numbers, keys))[0]


class RandAugment(_Policy):
    """Changes images by layers chosen at random, one after another.

    The layers are `RandomShear`, `RandomTranslation`, `RandomRotation`,
    `RandomBrightness`, `RandomColorDegeneration`, `RandomContrast`, `RandomSharpness`,
    `RandomPosterization`, `Solarization`, `AutoContrast` and `Equalization`. Those of a
    batch are chosen once; what each does is drawn for each image.

    Args:
        value_range: The lowest and highest value of a pixel.
        num_ops: How many layers are chosen.
        factor: The factor of each layer at most, from 0 to 1; or at least and at most.
        interpolation: "bilinear" or "nearest".
        seed: A stream of its own, as in `Dropout`.
        data_format, bounding_box_format: As in `RandomFlip`.

    Input and output: images of three channels, (batch, height, width, 3), or one, the
    same shape. Also one image, or a dict, as in `RandomFlip`.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, an unknown name, or an input that is no batch
            of such images.

    Differs from Keras: what differs in the layers; a layer that is chosen twice draws
    twice; boxes go through the layers in the order in which their images do.

    Example:
        >>> layer = RandAugment(num_ops=1)
        >>> layer(np.ones((2, 4, 4, 3)), training=True).shape
        (2, 4, 4, 3)

    Source: Cubuk et al. 2019, "RandAugment", arXiv:1909.13719; Keras,
    `keras.layers.RandAugment`.
    """

    value_range: Any = setting(default=(0, 255), convert=range_of)
    num_ops: int = setting(default=2, check=whole(1))
    factor: Any = setting(default=0.5, convert=_strength, check=between(0, 1))
    interpolation: str = setting(default="bilinear", check=one_of(*INTERPOLATIONS))
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format)

    def noisy(self, x: Tree, key: Key) -> Tree:
        first, second = jax.random.split(key)
        numbers = jax.random.randint(first, (self.num_ops,), 0, len(self.choices()))
        return self.by_lot(x, numbers, jax.random.split(second, self.num_ops))

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        return points  # the layers themselves move boxes


class AugMix(_Policy):
    """Mixes images with what chains of layers chosen at random make of them.

    a = clip(w · x + (1 − w) · Σ_c v_c · chain_c(x)), w ~ Beta(α, α), v ~ Dirichlet(α),
    once for a batch. A chain is up to chain_depth of the layers of `RandAugment`, each
    place of it being one of them or none.

    Args:
        value_range: The lowest and highest value of a pixel, to which the output is
            clipped.
        num_chains: How many chains there are.
        chain_depth: How many layers a chain has at most.
        factor: The factor of each layer at most, from 0 to 1; or at least and at most.
        alpha: α.
        all_ops: Whether the layers that change brightness, contrast, sharpness or
            strength of colour are among them.
        interpolation, seed, data_format: As in `RandAugment`.

    Input and output: images of three channels, (batch, height, width, 3), or one, the
    same shape. Also one image, or a dict, as in `RandomFlip`; masks are mixed alike,
    labels and boxes stay.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, an unknown name, or an input that is no batch
            of such images.

    Differs from Keras: what differs in the layers, and chains are chosen at every step;
    a compiled program of Keras keeps those that it chose first.

    Example:
        >>> layer = AugMix(num_chains=1)
        >>> layer(np.ones((2, 4, 4, 3)), training=True).shape
        (2, 4, 4, 3)

    Source: Hendrycks et al. 2019, "AugMix", arXiv:1912.02781; Keras,
    `keras.layers.AugMix`.
    """

    moves = False  # masks do, in `noisy`

    value_range: Any = setting(default=(0, 255), convert=range_of)
    num_chains: int = setting(default=3, check=whole(1))
    chain_depth: int = setting(default=3, check=whole(1))
    factor: Any = setting(default=0.3, convert=_strength, check=between(0, 1))
    alpha: float = number(default=1.0, above=0)
    all_ops: bool = True
    interpolation: str = setting(default="bilinear", check=one_of(*INTERPOLATIONS))
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format)

    def choices(self) -> list[Pictures]:
        extra = RandomBrightness, RandomColorDegeneration, RandomContrast
        left_out = () if self.all_ops else (*extra, RandomSharpness)
        return [c for c in super().choices() if not isinstance(c, left_out)]

    def draw(self, key: Key, x: Array) -> tuple[Any, ...]:
        keys = jax.random.split(key, 3)
        chains = self.num_chains, self.chain_depth
        alpha = jnp.asarray(self.alpha, x.dtype)
        # Numbers of a gamma distribution over their sum are Dirichlet's; two, Beta's.
        logs = jax.random.loggamma(keys[0], alpha, (self.num_chains + 2,), x.dtype)
        return (
            jax.nn.softmax(logs[:2])[0],
            jax.nn.softmax(logs[2:]),
            jax.random.randint(keys[1], chains, 0, len(self.choices()) + 1),
            jax.random.split(keys[2], chains),
        )

    def noisy(self, x: Tree, key: Key) -> Tree:
        whole = x if isinstance(x, dict) else {"images": x}
        names = {"images", "segmentation_masks"} & {*whole}
        mixed = self._mixed(
            {n: whole[n] for n in names}, *self.draw(key, whole["images"])
        )
        mixed["images"] = jnp.clip(mixed["images"], *self.value_range)
        return whole | mixed if isinstance(x, dict) else mixed["images"]

    def _mixed(
        self, x: dict[str, Array], own: Array, shares: Array, numbers: Array, keys: Key
    ) -> dict[str, Array]:
        """The images, and their masks, mixed with their chains."""

        def chain(sum_: Tree, at: tuple[Array, Array, Array]) -> tuple[Tree, None]:
            share, *drawn = at
            made = self.by_lot(x, *drawn)
            return jax.tree.map(lambda s, a: s + share * a, sum_, made), None

        start = jax.tree.map(jnp.zeros_like, x)
        chains, _ = jax.lax.scan(chain, start, (shares, numbers, keys))
        return jax.tree.map(lambda a, c: own * a + (1.0 - own) * c, x, chains)


# One after another --------------------------------------------------------------------


def _members(value: Any) -> tuple[Layer, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise mistyped(
            "Pipeline",
            repr(value),
            "a list of layers",
            "write Pipeline([RandomFlip(), RandomZoom(0.2)])",
        )
    return tuple(map(a_layer, value))


class Pipeline(Composite):
    """Layers one after another, as one layer.

    A call outside a model is one of training, unless it says training=False.

    Args:
        layers: The layers.

    Input and output: those of the layers, such as images or a dict of them.

    Weights: the layers'.

    Raises:
        TypeError: What is no list of layers.

    Example:
        >>> layer = Pipeline([onefit.layers.Rescaling(2.0), RandomRotation((0.5, 0.5))])
        >>> layer(np.array([[[[1.0], [2.0]]]])).ravel().round(3).tolist()
        [4.0, 2.0]

    Source: Keras, `keras.layers.Pipeline`.
    """

    role = "other"
    trains_alone = True

    members: Any = setting(convert=_members, alias="layers")

    @property
    def layers(self) -> list[Layer]:
        """The layers."""
        return list(self.members)

    def parts(self) -> dict[str, Layer]:
        return {f"layer_{i}": layer for i, layer in enumerate(self.members)}

    def as_inputs(self, x: Tree) -> Tree:
        return self.members[0].as_inputs(x)

    def takes_one(self, x: Tree) -> bool:
        return self.members[0].takes_one(x)

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        params, state, shape = {}, {}, input_shape
        for name, layer in self.parts().items():
            params[name], state[name] = layer.fresh(rng, shape)
            shape = layer.output_shape(shape)
        return self.whole(params), self.whole(state)

    def forward(self, params, state, x, *, training, key, mask=None, **options):
        after, penalty = {}, 0.0
        for i, (name, layer) in enumerate(self.parts().items()):
            own = None if key is None else jax.random.fold_in(key, i)
            made = layer.forward(
                self.of(name, params),
                self.of(name, state),
                x,
                training=training,
                key=own,
                mask=mask,
            )
            x, mask, after[name] = made.output, made.mask, made.state
            penalty = penalty + made.penalty
        return Outcome(x, self.whole(after), penalty, mask)

    def apply(self, params, state, x, *, training=False, key=None, mask=None):
        return self.forward(params, state, x, training=training, key=key, mask=mask)[:2]

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        for layer in self.members:
            mask = layer.compute_mask(inputs, mask)
        return mask

    def output_shape(self, input_shape: Shapes) -> Shapes:
        for layer in self.members:
            input_shape = layer.output_shape(input_shape)
        return input_shape


# Boxes --------------------------------------------------------------------------------


class MaxNumBoundingBoxes(Pictures):
    """Brings images to one number of boxes: more are cut off, fewer are filled up.

    Args:
        max_number: How many boxes each image has then.
        fill_value: The numbers and the label of a box that is none.
        data_format: As in `RandomFlip`.

    Input: a dict, as in `RandomFlip`. Output: the same, with "boxes", (batch,
    max_number, 4), and "labels", (batch, max_number), of "bounding_boxes".

    Raises:
        ValueError: A max_number below 1, or an input that is no batch of images.

    Differs from Keras: a file keeps fill_value.

    Example:
        >>> boxes = {"boxes": np.array([[[0, 0, 9, 9]]]), "labels": np.array([[3]])}
        >>> data = {"images": np.zeros((1, 9, 9, 3)), "bounding_boxes": boxes}
        >>> MaxNumBoundingBoxes(2)(data)["bounding_boxes"]["labels"].tolist()
        [[3, -1]]

    Source: Keras, `keras.layers.MaxNumBoundingBoxes`.
    """

    moves = False

    max_number: int = setting(check=whole(1))
    fill_value: int = setting(default=-1, check=whole())
    data_format: str = setting(default=None, convert=data_format)

    def change(self, x: Array, *drawn: Any) -> Array:
        return x

    def change_boxes(
        self, boxes: dict[str, Array], size: tuple[int, int], *drawn: Any
    ) -> dict[str, Array]:
        def filled(a: Array) -> Array:
            a = a[:, : self.max_number]
            ends = [(0, 0), (0, self.max_number - a.shape[1])]
            ends += [(0, 0)] * (a.ndim - 2)
            return jnp.pad(a, ends, constant_values=self.fill_value)

        return {name: filled(a) for name, a in boxes.items()}

    def boxes_shape(self, shapes: Any) -> Any:
        known = super().boxes_shape(shapes)
        return {n: (s[0], self.max_number, *s[2:]) for n, s in known.items()}
