"""Pictures made of images: weights, and examples that a model gets wrong."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from onefit.errors import invalid, mistyped
from onefit.layers import Flatten, Reshape
from onefit.layers.base import Layer
from onefit.networks.graph import as_graph
from onefit.plots.asking import answers, classes, image_shape
from onefit.plots.axes import drawn, draws
from onefit.plots.panels import bare, panels, signed_colours, signed_limit
from onefit.training.compiled import Compiled
from onefit.types import Data

__all__ = ["weights_as_images", "wrong_examples"]

UNITS, WIDE = 64, 12
"""How many units are drawn, and how many of them where each has several channels."""


@draws
def weights_as_images(
    model: Compiled, layer: str | int | None = None, shape: Sequence[int] | None = None
) -> np.ndarray:
    """Draws what each unit of a layer looks for: its weights as an image.

    Blue weights are positive, vermilion ones negative, white ones 0, on one scale. The
    kernels of a convolution are images as they are; several channels are as many rows
    of panels. Of a layer of many units the first 64 are drawn (12 with channels).

    Args:
        model: A model that is built.
        layer: The name or number of a layer; the first with a kernel unless given.
        shape: The image that a Dense layer sees, (height, width) or (height, width,
            channels); the shape before Flatten, or a square, unless given.

    Returns:
        The matplotlib Axes, an array (panel,); the figure is `axes[0].figure`.

    Raises:
        ValueError: No such layer, one without a kernel, inputs that are no image.

    Example:
        >>> from onefit.layers import Dense
        >>> model = onefit.Sequential([onefit.Input((64,)), Dense(10)])
        >>> axes = weights_as_images(model)
        >>> len(axes), axes[0].images[0].get_array().shape
        (10, (8, 8))

    Source: lecture 001, "Handwritten digit recognition".
    """
    where = "weights_as_images"
    chosen = _layer(where, model, layer)
    kernel = _kernel(where, chosen)
    if kernel.ndim == 2:
        seen = _seen(model, chosen) or (len(kernel),)
        size = image_shape(where, seen, shape)
        kernel = kernel.reshape(*size, -1)
    elif kernel.ndim == 3:  # a step at a time from left to right, channels upwards
        kernel = kernel.transpose(1, 0, 2)[:, :, None]
    channels, units = kernel.shape[2:]
    drawn_units = min(units, UNITS if channels == 1 else WIDE)
    drawn_channels = min(channels, WIDE)
    limit = signed_limit(kernel)
    # Near a square of panels, or a row for each channel.
    columns = drawn_units if channels > 1 else math.ceil(math.sqrt(drawn_units * 1.6))
    high = kernel.shape[0] / kernel.shape[1]
    above = 0.25 if channels == 1 else 0.06
    size = (1.0, float(np.clip(0.94 * high, 0.4, 2.5)) + above)
    axes = panels(drawn_units * drawn_channels, columns, size, beside=0.9)
    for number, ax in enumerate(axes):
        channel, unit = divmod(number, drawn_units) if channels > 1 else (0, number)
        ax.imshow(
            kernel[:, :, channel, unit], cmap=signed_colours(), vmin=-limit, vmax=limit
        )
        bare(ax)
        if channel == 0:
            ax.set_title(f"unit {unit + 1}", fontsize=8, pad=3)
        if channels > 1 and unit == 0:
            ax.set_ylabel(f"channel {channel + 1}", fontsize=8)
    figure = axes[0].figure
    some = f", the first {drawn_units} of {units}" if drawn_units < units else ""
    if drawn_channels < channels:
        some += f", {drawn_channels} of {channels} channels"
    figure.suptitle(f"weights of {chosen.name}{some}", fontsize=10)
    image = axes[-1].images[-1]
    figure.colorbar(image, ax=axes.tolist(), label="weight", aspect=50, pad=0.03)
    return axes


def _layer(where: str, model: Compiled, layer: str | int | None) -> Layer:
    """The layer asked for; the first with a kernel, also in models inside."""
    if not getattr(model, "built", False):
        raise invalid(
            where,
            "a model without weights",
            "a model that is built",
            "begin with Input((64,)), or write model.build((None, 64))",
        )
    if layer is not None:
        by_name = isinstance(layer, str)
        return model.get_layer(layer) if by_name else model.get_layer(index=layer)
    for one in model.graph.plain_layers():
        if "kernel" in one.slot.params:
            return one
    raise invalid(
        where,
        "a model whose layers have no kernel",
        "a Dense layer or a convolution among them",
    )


def _kernel(where: str, layer: Layer) -> np.ndarray:
    """The kernel of a layer as a numpy array: (inputs, units) or (taps ..., units)."""
    params = getattr(getattr(layer, "slot", None), "params", {})
    kernel = np.asarray(params.get("kernel", 0.0)) if isinstance(params, dict) else None
    if kernel is None or kernel.ndim not in (2, 3, 4):
        raise invalid(
            where,
            f"the layer {layer.name!r}, whose weights are no images",
            "a Dense layer, or a convolution over one or two axes",
            "name the layer: layer='conv2d'",
        )
    return kernel


def _seen(model: Compiled, layer: Layer) -> tuple[int, ...] | None:
    """The image before the Flatten that leads to a layer, if one does."""
    graph = as_graph(model.graph, "weights_as_images")
    makers = graph.makers()
    for node in graph.nodes:
        if graph.layers[node.layer] is not layer or not isinstance(node.sources, int):
            continue
        before = makers.get(node.sources)
        while before is not None and isinstance(before.sources, int):
            made = graph.layers[before.layer]
            if isinstance(made, Flatten | Reshape):
                shape = made.slot.input_shape[1:]
                return shape if len(shape) in (2, 3) else None
            if made.weights:
                return None
            before = makers.get(before.sources)
    return None


@draws
def wrong_examples(
    model: Compiled,
    x: Data,
    y: Data,
    count: int = 25,
    *,
    labels: Iterable[object] | None = None,
    shape: Sequence[int] | None = None,
) -> np.ndarray:
    """Draws the images that a classifier gets wrong, the surest mistakes first.

    Above each stands the true class, what the model says, and how probable that is to
    it.

    Args:
        model: A classifier.
        x: Images, (n, height, width), (n, height, width, channels), or flat.
        y: Their classes: numbers (n,) or (n, 1), or one-hot rows.
        count: The most images that are drawn.
        labels: The names of the classes, their numbers unless given.
        shape: (height, width) or (height, width, channels) of flat images; a square
            unless given.

    Returns:
        The matplotlib Axes, an array (panel,); the figure is `axes[0].figure`. Without
        a mistake it is one Axes that says so.

    Raises:
        ValueError: Examples that are no images, labels that are no classes.

    Example:
        >>> x, y = onefit.datasets.load_digits()
        >>> model = onefit.Sequential([onefit.layers.Dense(10, activation="softmax")])
        >>> axes = wrong_examples(model, x[:50], y[:50], count=4)
        >>> len(axes), axes[0].images[0].get_array().shape
        (4, (8, 8))

    Source: lecture 001, "Handwritten digit recognition".
    """
    where = "wrong_examples"
    found = answers(where, model, x)
    if not found.is_classifier:
        raise invalid(
            where,
            "a model whose output is a number",
            "a classifier",
            "draw decision_boundary, or end in Dense(1, activation='sigmoid')",
        )
    images = np.asarray(x)
    height, width, channels = image_shape(where, images.shape[1:], shape)
    true, said = classes(where, y, found.class_count), found.classes
    if len(true) != len(said):
        raise invalid(
            where,
            f"{len(said)} images and {len(true)} classes",
            "a class for each image",
        )
    if not isinstance(count, int) or count < 1:
        raise mistyped(where, f"count={count!r}", "a positive whole number")
    names = list(map(str, range(found.class_count) if labels is None else labels))
    sure = found.values.max(axis=1)
    if found.values.shape[1] == 1:
        one = found.values[:, 0]
        sure = np.where(said == 1, one, 1 - one)
    wrong = np.flatnonzero(said != true)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    if not len(wrong):
        ax = drawn(None, (4, 1.2))
        ax.set_axis_off()
        ax.text(0.5, 0.5, f"none wrong of {len(true):,}", ha="center", va="center")
        return np.array([ax])
    shown = wrong[:count]
    axes = panels(len(shown), math.ceil(math.sqrt(len(shown) * 1.3)), (1.45, 1.85))
    flat = images.reshape(len(images), height, width, channels)
    low, high = float(flat.min()), float(flat.max())
    for ax, i in zip(axes, shown, strict=True):
        image = flat[i]
        if channels == 3:
            ax.imshow(np.clip((image - low) / (high - low or 1), 0, 1))
        else:
            ax.imshow(image[..., 0], cmap="gray_r", vmin=low, vmax=high)
        bare(ax)
        percent = f" ({100 * sure[i]:.0f} %)" if found.link else ""
        ax.set_title(
            f"true: {names[true[i]]}\nmodel: {names[said[i]]}{percent}", fontsize=8.5
        )
    many = f" {len(shown)}" if len(shown) > 1 else ""
    some = f", the surest{many}" if len(shown) < len(wrong) else ""
    axes[0].figure.suptitle(
        f"wrong: {len(wrong):,} of {len(true):,}{some}", fontsize=10
    )
    return axes
