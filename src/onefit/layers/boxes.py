"""Bounding boxes as four numbers: their formats, and what of them lies in an image.

Every format is linear in the corners (left, top, right, bottom), so each is a matrix.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit.errors import invalid, unknown
from onefit.types import Array, ArrayLike

__all__ = [
    "FORMATS",
    "around",
    "box_format",
    "clip_to_image_size",
    "convert_format",
    "in_format",
]

# The corners as sums of a format's four numbers.
_ABSOLUTE = {
    "xyxy": np.eye(4),
    "yxyx": np.eye(4)[[1, 0, 3, 2]],
    "xywh": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]]),
    "center_xywh": np.array(
        [[1, 0, -0.5, 0], [0, 1, 0, -0.5], [1, 0, 0.5, 0], [0, 1, 0, 0.5]]
    ),
    "center_yxhw": np.array(
        [[0, 1, 0, -0.5], [1, 0, -0.5, 0], [0, 1, 0, 0.5], [1, 0, 0.5, 0]]
    ),
}
FORMATS = (
    *_ABSOLUTE,
    *("rel_" + name for name in ("xyxy", "yxyx", "xywh", "center_xywh")),
)
"""What four numbers may say of a box; `rel_`: as shares of the image's size."""


def box_format(value: Any) -> Any:
    """The name of a format, or None; for `setting(convert=box_format)`."""
    name = value.lower() if isinstance(value, str) else value
    if name is not None and name not in FORMATS:
        raise unknown("bounding_box_format", value, FORMATS)
    return name


def convert_format(
    boxes: Any,
    source: str,
    target: str,
    height: Any = None,
    width: Any = None,
    dtype: str = "float32",
) -> Any:
    """Boxes in another format.

    Args:
        boxes: (..., 4), or a dict of "boxes" and "labels".
        source, target: "xyxy" (left, top, right, bottom), "yxyx", "xywh" (left, top,
            width, height), "center_xywh" (of the middle), "center_yxhw", or one of them
            in shares of the image: "rel_xyxy", "rel_yxyx", "rel_xywh",
            "rel_center_xywh".
        height, width: The image's size in pixels, for what is relative.
        dtype: Of the result.

    Raises:
        ValueError: An unknown format, a last axis other than 4, or a relative format
            without the image's size.

    Example:
        >>> convert_format(np.array([[10, 20, 30, 60]]), "xyxy", "xywh").tolist()
        [[10.0, 20.0, 20.0, 40.0]]

    Source: Keras, `keras.utils.bounding_boxes.convert_format`.
    """
    how = source, target, height, width, dtype
    if isinstance(boxes, dict):
        return boxes | {"boxes": in_format(boxes["boxes"], *how)}
    return in_format(boxes, *how)


def in_format(
    boxes: ArrayLike,
    source: str,
    target: str,
    height: Any = None,
    width: Any = None,
    dtype: str = "float32",
) -> jax.Array:
    """Boxes, (..., 4), in another format: `convert_format` without labels."""
    source, target = box_format(source), box_format(target)
    boxes = jnp.asarray(boxes, dtype)
    if boxes.shape[-1] != 4:
        raise invalid(
            "bounding boxes", f"shape {boxes.shape}", "a last axis of 4 numbers"
        )
    if source.startswith("rel_") != target.startswith("rel_"):
        if height is None or width is None:
            raise invalid(
                "bounding boxes",
                f"{source!r} to {target!r} without the image's size",
                "height and width in pixels",
                "write height=480, width=640",
            )
        size = jnp.asarray([width, height] * 2, dtype)
    else:
        size = jnp.ones((), dtype)
    corners = _times(boxes, _ABSOLUTE[source.removeprefix("rel_")])
    corners = corners / size if target.startswith("rel_") else corners * size
    return _times(corners, np.linalg.inv(_ABSOLUTE[target.removeprefix("rel_")]))


def _times(boxes: jax.Array, matrix: np.ndarray) -> jax.Array:
    """Each box by a matrix; in full precision, where a GPU would round."""
    known = jnp.asarray(matrix, boxes.dtype)
    return jnp.einsum("...i,oi->...o", boxes, known, precision="highest")


def clip_to_image_size(
    bounding_boxes: Mapping[str, ArrayLike],
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, jax.Array]:
    """What of each box lies in its image; label -1 where nothing does.

    Args:
        bounding_boxes: "boxes", (..., n, 4), and "labels", (..., n), if there are.
        height, width: The image's size in pixels; not needed for "rel_xyxy".
        bounding_box_format: "xyxy" or "rel_xyxy".

    Raises:
        ValueError: Another format, or "xyxy" without the image's size.

    Example:
        >>> boxes = {"boxes": np.array([[-5.0, 2, 5, 9], [-5, 0, -1, 9]]),
        ...          "labels": np.array([3, 4])}
        >>> clipped = clip_to_image_size(boxes, height=8, width=8)
        >>> clipped["boxes"].tolist(), clipped["labels"].tolist()
        ([[0.0, 2.0, 5.0, 8.0], [0.0, 0.0, 0.0, 8.0]], [3, -1])

    Source: Keras, `keras.utils.bounding_boxes.clip_to_image_size`.
    """
    if bounding_box_format == "rel_xyxy":
        height = width = 1.0
    elif bounding_box_format != "xyxy" or height is None or width is None:
        raise invalid(
            "clip_to_image_size",
            f"bounding_box_format={bounding_box_format!r}, height={height}, "
            f"width={width}",
            "'xyxy' with height and width, or 'rel_xyxy'",
            "write convert_format(boxes, source, 'xyxy') first",
        )
    boxes = jnp.asarray(bounding_boxes["boxes"])
    low, high = boxes[..., :2], boxes[..., 2:]
    most = jnp.asarray([width, height], boxes.dtype)
    low, high = jnp.clip(low, 0, most), jnp.clip(high, 0, most)
    made = {name: jnp.asarray(part) for name, part in bounding_boxes.items()}
    made["boxes"] = jnp.concatenate([low, high], -1)
    if "labels" in made:
        labels = made["labels"]
        some = jnp.prod(high - low, -1) > 0
        some = some.reshape(*some.shape, *(1,) * (labels.ndim - some.ndim))
        made["labels"] = jnp.where(some, labels, -1)
    return made


def around(points: Array) -> Array:
    """The boxes (..., 4), left, top, right, bottom, around points (..., points, 2)."""
    return jnp.concatenate([jnp.min(points, -2), jnp.max(points, -2)], -1)
