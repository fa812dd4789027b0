"""Bounding boxes by the names of `keras.utils.bounding_boxes`: formats, overlaps, maps.

>>> boxes = np.array([[0.0, 0, 4, 4], [2, 2, 6, 6]])
>>> convert_format(boxes, "xyxy", "center_xywh").tolist()
[[2.0, 2.0, 4.0, 4.0], [4.0, 4.0, 4.0, 4.0]]
>>> print(compute_iou(boxes, boxes, "xyxy").round(3))  # 4 / (16 + 16 - 4)
[[1.    0.143]
 [0.143 1.   ]]
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.errors import invalid
from onefit.layers.boxes import around, clip_to_image_size, convert_format, in_format
from onefit.types import Array, ArrayLike

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]

ImageShape = tuple[int, int, int] | None
"""Height, width and channels of an image, for relative boxes."""


# Overlaps -----------------------------------------------------------------------------


def _as_corners(
    boxes: ArrayLike, bounding_box_format: str, image_shape: ImageShape
) -> tuple[Array, Array]:
    """The boxes' left top and right bottom corners."""
    height, width = (image_shape or (None, None))[:2]
    corners = in_format(boxes, bounding_box_format, "xyxy", height, width)
    return corners[..., :2], corners[..., 2:]


def _overlap(one: Sequence[Array], two: Sequence[Array]) -> Array:
    """The area of both boxes over the area of either."""
    low, high = jnp.maximum(one[0], two[0]), jnp.minimum(one[1], two[1])
    both = jnp.prod(jnp.maximum(high - low, 0), -1)
    areas = [jnp.prod(p[1] - p[0], -1) for p in (one, two)]
    return both / (sum(areas) - both + config.epsilon())


def compute_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: ImageShape = None,
) -> Array:
    """The overlap of each box with each other: area of both over area of either.

    Args:
        boxes1, boxes2: (m, 4) and (n, 4), or with a batch, (batch, m, 4).
        bounding_box_format: What their numbers mean, as in `convert_format`.
        use_masking: Whether boxes with only negative numbers count for none.
        mask_val: What stands for their overlaps.
        image_shape: (height, width, channels), for relative boxes.

    Returns:
        (m, n), or (batch, m, n).

    Source: Keras, `keras.utils.bounding_boxes.compute_iou`.
    """
    for boxes in (boxes1, boxes2):
        if np.ndim(boxes) not in (2, 3):
            raise invalid(
                "compute_iou",
                f"boxes of shape {np.shape(boxes)}",
                "(n, 4) or (batch, n, 4)",
            )
    how = bounding_box_format, image_shape
    one = [p[..., :, None, :] for p in _as_corners(boxes1, *how)]
    two = [p[..., None, :, :] for p in _as_corners(boxes2, *how)]
    shares = _overlap(one, two)
    if not use_masking:
        return shares
    none = [jnp.all((p[0] < 0) & (p[1] < 0), -1) for p in (one, two)]
    return jnp.where(none[0] | none[1], mask_val, shares)


def compute_ciou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    image_shape: ImageShape = None,
) -> Array:
    """The complete overlap of pairs of boxes: IoU − d² / c² − α · v.

    d is the distance of the middles, c the diagonal of the box around both,
    v = 4 / π² · (atan(w / h) − atan(w' / h'))², α = v / (1 − IoU + v).

    Args:
        boxes1, boxes2: (..., 4), of one shape.
        bounding_box_format, image_shape: As in `compute_iou`.

    Returns:
        (...).

    Source: Zheng et al. 2020, arXiv:1911.08287; Keras,
    `keras.utils.bounding_boxes.compute_ciou`.
    """
    tiny = config.epsilon()
    how = bounding_box_format, image_shape
    one, two = (_as_corners(boxes, *how) for boxes in (boxes1, boxes2))
    iou = _overlap(one, two)
    around_both = jnp.maximum(one[1], two[1]) - jnp.minimum(one[0], two[0])
    diagonal = jnp.sum(around_both**2, -1) + tiny
    distance = jnp.sum((sum(one) - sum(two)) ** 2, -1) / 4
    angles = [
        jnp.arctan(size[..., 0] / (size[..., 1] + tiny))
        for size in (one[1] - one[0], two[1] - two[0])
    ]
    v = 4 / np.pi**2 * (angles[1] - angles[0]) ** 2
    return iou - distance / diagonal - v * v / (v - iou + 1 + tiny)


# Maps ---------------------------------------------------------------------------------


def _only_corners(where: str, bounding_box_format: str) -> None:
    if bounding_box_format != "xyxy":
        raise invalid(
            where,
            f"bounding_box_format={bounding_box_format!r}",
            "'xyxy'",
            "write convert_format(boxes, source, 'xyxy') first",
        )


def crop(
    boxes: ArrayLike,
    top: float,
    left: float,
    height: float,
    width: float,
    bounding_box_format: str = "xyxy",
) -> Array:
    """The boxes in a part of their image, from (top, left) on, of this size."""
    _only_corners("crop", bounding_box_format)
    moved = jnp.asarray(boxes) - jnp.asarray([left, top] * 2)
    return jnp.clip(moved, 0, jnp.asarray([width, height] * 2))


def pad(
    boxes: ArrayLike,
    top: float,
    left: float,
    height: float | None = None,
    width: float | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """The boxes in an image with so much more above and to the left."""
    _only_corners("pad", bounding_box_format)
    return jnp.asarray(boxes) + jnp.asarray([left, top] * 2)


def affine_transform(
    boxes: ArrayLike,
    angle: ArrayLike,
    translate_x: ArrayLike,
    translate_y: ArrayLike,
    scale: ArrayLike,
    shear_x: ArrayLike,
    shear_y: ArrayLike,
    height: float,
    width: float,
    center_x: float | None = None,
    center_y: float | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """The boxes around boxes that were turned, shifted, scaled and sheared.

    Args:
        boxes: (batch, n, 4), left, top, right, bottom.
        angle: How far each image is turned, in degrees, (batch,).
        translate_x, translate_y: How far it is shifted, as a share of its size.
        scale: What it is multiplied by.
        shear_x, shear_y: How far it is sheared, in degrees.
        height, width: The size of images.
        center_x, center_y: What stays where it is, as a share of the size; the middle.
        bounding_box_format: "xyxy".

    Source: Keras, `keras.utils.bounding_boxes.affine_transform`.
    """
    _only_corners("affine_transform", bounding_box_format)
    boxes = jnp.asarray(boxes)
    size = jnp.asarray([width - 1.0, height - 1.0])
    share = [0.5 if c is None else c for c in (center_x, center_y)]
    middle = jnp.asarray(share) * size
    far = jnp.asarray(translate_x), jnp.asarray(translate_y)
    shift = jnp.stack(jnp.broadcast_arrays(*far), -1) * size
    angles = angle, shear_x, shear_y
    turn, across, down = (-jnp.deg2rad(jnp.asarray(a)) for a in angles)
    a = jnp.cos(turn - down) / jnp.cos(down)
    b = a * jnp.tan(across) + jnp.sin(turn)
    c = -jnp.sin(turn - down) / jnp.cos(down)
    d = jnp.cos(turn) - c * jnp.tan(across)
    scaled = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2)
    matrix = scaled * jnp.asarray(scale)[..., None, None]
    points = boxes[..., jnp.array([[0, 1], [2, 1], [2, 3], [0, 3]])]
    offset = (points - middle + shift[..., None, None, :]).astype(boxes.dtype)
    moved = jnp.einsum("bij,bnpj->bnpi", matrix, offset, precision="highest")
    return around(moved + middle)


# Of anchors ---------------------------------------------------------------------------


def _scaled_by(where: str, variance: Sequence[float] | None) -> Any:
    if variance is None:
        return 1.0
    if np.shape(variance)[-1:] != (4,):
        raise invalid(where, f"variance of {np.size(variance)} numbers", "4")
    return jnp.asarray(variance, config.floatx())


def _middle_format(where: str, name: str, value: str) -> None:
    if value not in ("center_xywh", "center_yxhw"):
        raise invalid(where, f"{name}={value!r}", "'center_xywh' or 'center_yxhw'")


def encode_box_to_deltas(
    anchors: ArrayLike,
    boxes: ArrayLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Sequence[float] | None = None,
    image_shape: ImageShape = None,
) -> Array:
    """How boxes differ from anchors: ((m − m') / s', log(s / s')) / variance.

    m and s are the middle and the size of a box, m' and s' of its anchor.

    Args:
        anchors: (n, 4).
        boxes: (n, 4) or (batch, n, 4).
        anchor_format, box_format: What their numbers mean.
        encoding_format: "center_yxhw" or "center_xywh": the order of the deltas.
        variance: Four numbers.
        image_shape: (height, width, channels), for relative boxes.

    Source: Keras, `keras.utils.bounding_boxes.encode_box_to_deltas`.
    """
    where = "encode_box_to_deltas"
    _middle_format(where, "encoding_format", encoding_format)
    scale = _scaled_by(where, variance)
    size = (image_shape or (None, None))[:2]
    start = in_format(anchors, anchor_format, encoding_format, *size)
    end = in_format(boxes, box_format, encoding_format, *size)
    own, other = (jnp.maximum(b[..., 2:], config.epsilon()) for b in (end, start))
    far = (end[..., :2] - start[..., :2]) / other
    return jnp.concatenate([far, jnp.log(own / other)], -1) / scale


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Sequence[float] | None = None,
    image_shape: ImageShape = None,
) -> Any:
    """The boxes that differ so from anchors: the reverse of `encode_box_to_deltas`.

    Args:
        anchors: (n, 4), or a dict of them.
        boxes_delta: (n, 4) or (batch, n, 4), or a dict with the same keys.
        anchor_format, box_format: What the numbers of anchors and of the result mean.
        encoded_format, variance, image_shape: As in `encode_box_to_deltas`.

    Source: Keras, `keras.utils.bounding_boxes.decode_deltas_to_boxes`.
    """
    where = "decode_deltas_to_boxes"
    _middle_format(where, "encoded_format", encoded_format)
    scale = _scaled_by(where, variance)
    size = (image_shape or (None, None))[:2]

    def decoded(anchors: ArrayLike, deltas: ArrayLike) -> Array:
        start = in_format(anchors, anchor_format, encoded_format, *size)
        far = jnp.asarray(deltas) * scale
        middle, other = start[..., :2], start[..., 2:]
        parts = far[..., :2] * other + middle, jnp.exp(far[..., 2:]) * other
        boxes = jnp.concatenate(parts, -1)
        return in_format(boxes, encoded_format, box_format, *size)

    if isinstance(anchors, dict):
        return {level: decoded(a, boxes_delta[level]) for level, a in anchors.items()}
    return decoded(anchors, boxes_delta)
