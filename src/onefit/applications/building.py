"""What the known networks share: their input, their top, their weights."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from onefit import activations, layers
from onefit.datasets.fetching import cache_folder, fetch
from onefit.errors import invalid, is_whole, mistyped, unknown
from onefit.files.weights import h5py
from onefit.layers.core import InputLayer
from onefit.layers.symbolic import Tensor
from onefit.models import Model

__all__ = ["Known", "built", "channels", "dense_top", "divisible", "network", "padding"]

Body = Callable[[Tensor], Tensor]
Top = Callable[[Tensor, int, Any], Tensor]

BASE = "https://storage.googleapis.com/tensorflow/keras-applications/"
KERNELS = "_weights_tf_dim_ordering_tf_kernels"


class Known(NamedTuple):
    """A network that somebody has published.

    Attributes:
        name: What Keras calls the function.
        body: From images to features.
        top: From features, the number of classes and an activation to the output.
        files: The URL and the md5 of Keras' weights with the top, and without.
        size: The height and width of its images with the top.
        least: The smallest height and width.
        pools: What the pooling layers are called, for "avg" and "max"; None for names
            by their class.
        published: The body of Keras' weights, where it is another one.
    """

    name: str
    body: Body
    top: Top
    files: tuple[tuple[str, str | None], tuple[str, str | None]]
    size: int = 224
    least: int = 32
    pools: tuple[str | None, str | None] = ("avg_pool", "max_pool")
    published: Body | None = None


def dense_top(x: Tensor, classes: int, activation: Any, pool: str | None) -> Tensor:
    """The mean of each channel, then a dense layer."""
    x = layers.GlobalAveragePooling2D(name=pool)(x)
    return layers.Dense(classes, activation, name="predictions")(x)


def channels(x: Tensor) -> int:
    """How many channels a value has."""
    return int(x.shape[-1] or 0)


def divisible(filters: float, by: int = 8) -> int:
    """The nearest whole multiple, though not under nine tenths."""
    near = max(by, int(filters + by / 2) // by * by)
    return near + by if near < 0.9 * filters else near


def padding(x: Tensor, kernel: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """What to pad before a convolution of stride 2, as TensorFlow's "same" does."""
    half = kernel // 2
    before = [half - (1 if n is None else 1 - n % 2) for n in x.shape[1:3]]
    return (before[0], half), (before[1], half)


def network(known: Known, named: str = "") -> Callable[..., Model]:
    """Keras' function of a network, with the arguments that most of them have."""

    def make(
        include_top: bool = True,
        weights: str | os.PathLike | None = "imagenet",
        input_tensor: Tensor | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = named or known.name.lower(),
    ) -> Model:
        return built(
            known, include_top, weights, input_tensor, input_shape, pooling, classes,
            classifier_activation, name,
        )  # fmt: skip

    make.__name__ = make.__qualname__ = known.name
    make.__doc__ = f"""{known.name}: a model with Keras' layers and names.

    Args:
        include_top: Whether the layers that classify are there.
        weights: None for fresh ones, the path of a file, or "imagenet" for those that
            Keras publishes, from its cache folder or downloaded.
        input_tensor: What an Input or a layer gives, to build on.
        input_shape: (height, width, channels), at least {known.least} by {known.least};
            None is ({known.size}, {known.size}, 3) with the top, any size without.
        pooling: Without the top: "avg" or "max" over each channel, None for all places.
        classes: How many classes the top has.
        classifier_activation: Of the top; None gives logits.
        name: The model's name.

    Raises:
        ValueError: Settings that do not go together, or a file of another network.
        OSError: "imagenet" without the file and without a network; it says which file
            to put where.
    """
    return make


def built(
    known: Known,
    include_top: bool,
    weights: str | os.PathLike | None,
    input_tensor: Tensor | None,
    input_shape: tuple[int | None, ...] | None,
    pooling: str | None,
    classes: int,
    activation: Any,
    name: str,
) -> Model:
    """The model that was asked for, with its weights."""
    where = known.name
    _check(where, include_top, weights, pooling, classes, activation)
    x = _input(known, include_top, weights, input_tensor, input_shape)
    file = _published(known, include_top) if weights == "imagenet" else None
    images = x
    body = known.published if weights == "imagenet" else None
    x = (body or known.body)(x)
    if include_top:
        x = known.top(x, classes, activation)
    elif pooling is not None:
        average = pooling == "avg"
        kind = layers.GlobalAveragePooling2D if average else layers.GlobalMaxPooling2D
        x = kind(name=known.pools[0 if average else 1])(x)
    inputs = images if input_tensor is None else _sources(input_tensor)
    model = Model(inputs, x, name=name)
    if file is not None:
        load_published(where, model, file)
    elif weights is not None:
        model.load_weights(weights)
    return model


def _published(known: Known, top: bool) -> Path:
    """The file of Keras' weights; fetched before any time is spent on the network."""
    url, md5 = known.files[0 if top else 1]
    file = cache_folder().expanduser() / "models" / url.rpartition("/")[2]
    try:
        fetch(f"{known.name}(weights='imagenet')", file, url, md5)
    except OSError as error:
        raise OSError(
            f"{error} Or write weights=None for fresh weights, or weights='name.h5' "
            "for a file that you have."
        ) from error
    return file


def _check(
    where: str, top: bool, weights: Any, pooling: Any, classes: int, activation: Any
) -> None:
    if weights not in (None, "imagenet") and not Path(weights).exists():
        raise invalid(
            where,
            f"weights={os.fspath(weights)!r}",
            "None, 'imagenet', or a file that is there",
        )
    if pooling not in (None, "avg", "max"):
        raise unknown(f"pooling of {where}", pooling, ["None", "avg", "max"])
    if not is_whole(classes, 1):
        raise invalid(where, f"classes={classes!r}", "a positive whole number")
    if weights != "imagenet" or not top:
        return
    if classes != 1000:
        raise invalid(
            where,
            f"classes={classes} with the top of weights='imagenet'",
            "its 1000 classes",
            "write include_top=False, and a Dense layer of your own on it",
        )
    if activations.get(activation) not in map(activations.get, ("softmax", None)):
        raise invalid(
            where,
            f"classifier_activation={activation!r} with the top of weights='imagenet'",
            "'softmax', or None for logits",
        )


def _input(known: Known, top: bool, weights: Any, tensor: Any, shape: Any) -> Tensor:
    """The images that the body is called on."""
    if tensor is not None and not isinstance(tensor, Tensor):
        raise mistyped(
            known.name,
            f"input_tensor of type {type(tensor).__name__}",
            "what Input gives, or a layer called on it",
            "write input_tensor=onefit.Input((224, 224, 3))",
        )
    size = (known.size, known.size) if top else (None, None)
    sizes = (*size, 3) if shape is None else tuple(shape)
    if tensor is not None:
        sizes = tensor.shape[1:]
        if shape is not None and tuple(shape) != sizes:
            raise invalid(
                known.name,
                f"input_shape={tuple(shape)} and an input_tensor of {sizes}",
                "one of them, or both alike",
            )
    small = len(sizes) != 3 or any(n is not None and n < known.least for n in sizes[:2])
    if small or sizes[-1] is None:
        raise invalid(
            known.name,
            f"images of shape {sizes}",
            f"(height, width, channels), {known.least} by {known.least} or more",
            f"write input_shape=({known.size}, {known.size}, 3)",
        )
    if top and None in sizes:
        raise invalid(
            known.name,
            f"images of shape {sizes} with include_top=True",
            "whole numbers",
            "write include_top=False for images of any size",
        )
    if weights == "imagenet" and sizes[-1] != 3:
        raise invalid(
            known.name, f"{sizes[-1]} channels with weights='imagenet'", "3 channels"
        )
    return layers.Input(sizes) if tensor is None else tensor


def _sources(tensor: Tensor) -> Any:
    """The inputs that a value is computed from, one or several."""
    found: dict[int, Tensor] = {}
    rest, seen = [tensor], set()
    while rest:
        here = rest.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        if isinstance(here.call.layer, InputLayer):
            found[id(here)] = here
        rest += jax.tree.leaves(here.call.sources)
    some = list(found.values())[::-1]
    return some[0] if len(some) == 1 else some


def load_published(where: str, model: Model, file: Path) -> None:
    """Gives a model the weights in a file of Keras' old format, layer by layer."""
    with h5py().File(file, "r") as stored:
        groups = [stored[_text(name)] for name in stored.attrs["layer_names"]]
        tables = [
            [group[_text(name)][()] for name in group.attrs["weight_names"]]
            for group in groups
        ]
    tables = [arrays for arrays in tables if arrays]
    own = [layer for layer in model.layers if layer.get_weights()]
    pairs = list(zip(own, tables, strict=False))
    fits = len(own) == len(tables) and all(
        [w.shape for w in layer.get_weights()] == [np.shape(a) for a in arrays]
        for layer, arrays in pairs
    )
    if not fits:
        raise invalid(
            where,
            f"{file} with the weights of {len(tables)} layers",
            f"those of the {len(own)} layers of this network",
            "leave out alpha, depth_multiplier or input_shape, or delete the file",
        )
    for layer, arrays in pairs:
        layer.set_weights(arrays)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
