# ruff: noqa: D102
"""Layers whose weight is frozen and corrected by two narrow matrices (LoRA)."""

from typing import Any, ClassVar

import jax.numpy as jnp

from onefit import config, initializers
from onefit.checks import between, whole
from onefit.description import attribute, setting
from onefit.errors import invalid
from onefit.layers.base import Layer, where
from onefit.types import Array, Config, Function, Generator, Params, Shapes, State

__all__ = ["LowRank"]


class LowRank(Layer, abstract=True):
    """A layer that may compute with W + (alpha / rank) · A · B in place of W.

    With a rank r, W of shape (..., n) stays as it is, and A (..., r) and B (r, n) are
    trained: far fewer numbers, so that a large layer is taught something new with
    little memory. B starts at zero, and the layer as it was. Files hold the sum, which
    a layer without A and B takes up; read by one that has them, they start anew.

    Args:
        lora_rank: r, None for W alone.
        lora_alpha: How much A · B counts; r if not given, so that it counts once.

    >>> layer = onefit.layers.Dense(4)
    >>> _ = layer(np.ones((1, 8)))
    >>> layer.enable_lora(rank=2)
    >>> [w.shape for w in layer.trainable_weights]
    [(4,), (8, 2), (2, 4)]

    Source: Hu et al. 2021, arXiv:2106.09685.
    """

    lora_weight: ClassVar[str] = "kernel"
    """The name of W."""

    lora_rank: int | None = setting(
        default=None, check=whole(1, optional=True), kw_only=True
    )
    lora_alpha: float | None = setting(
        default=None, check=between(above=0, optional=True), kw_only=True
    )
    _starts: tuple[Any, Any] = attribute(("he_uniform", "zeros"))  # of A and of B

    def __post_init__(self) -> None:
        super().__post_init__()
        name = self.lora_weight
        if self.lora_enabled and self.rule("constraint", name) is not None:
            raise invalid(
                type(self).__name__,
                f"lora_rank={self.lora_rank} and a {name}_constraint",
                "one of them: a constraint on W would not hold for the sum",
                f"leave {name}_constraint out",
            )

    @property
    def lora_enabled(self) -> bool:
        """Whether there are an A and a B."""
        return self.lora_rank is not None

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",  # whatever initializers.get takes
        b_initializer: Any = "zeros",
    ) -> None:
        """Freezes W and makes A and B, which training changes from now on.

        Args:
            rank: r, the columns of A.
            lora_alpha: How much A · B counts; r by default.
            a_initializer, b_initializer: How A and B start.

        Raises:
            ValueError: A layer without weights yet, with A and B, or with a constraint
                on W, which would not hold for the sum.
        """
        name = self.lora_weight
        for wrong, received, fix in (
            (not self.built, "a layer that has no weights yet", "call it once"),
            (self.lora_enabled, "a layer that has its lora", "make another layer"),
        ):
            if wrong:
                expected = "a layer with weights, and without lora"
                raise invalid(f"{where(self)}.enable_lora", received, expected, fix)
        other, slot = self.replace(lora_rank=rank, lora_alpha=lora_alpha), self.slot
        starts = tuple(map(initializers.get, (a_initializer, b_initializer)))
        object.__setattr__(other, "_starts", starts)
        object.__setattr__(self, "_starts", starts)
        self.lora_alpha = lora_alpha
        shape = slot.params[name].shape
        slot.params = slot.params | other._narrow(config.generator(None), shape)
        self.lora_rank = rank

    @property
    def _pair(self) -> tuple[str, str]:
        """The names of A and B."""
        return f"lora_{self.lora_weight}_a", f"lora_{self.lora_weight}_b"

    def _narrow(self, rng: Generator, shape: tuple[int, ...]) -> Params:
        """A and B for a W of this shape."""
        shapes = (*shape[:-1], self.lora_rank), (self.lora_rank, shape[-1])
        return {
            name: initializers.get(start).draw(rng, sizes)
            for name, start, sizes in zip(self._pair, self._starts, shapes, strict=True)
        }

    def fresh(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        params, state = super().fresh(rng, input_shape)
        if self.lora_enabled:
            params |= self._narrow(rng, params[self.lora_weight].shape)
        return params, state

    def summed(self, params: Params) -> Array:
        """W + (alpha / rank) · A · B."""
        a, b = (params[name] for name in self._pair)
        rank = a.shape[-1]
        factor = (self.lora_alpha or rank) / rank
        kernel = params[self.lora_weight]
        return kernel + jnp.asarray(factor * (a @ b), kernel.dtype)

    def weights_in_type(self, params: Params) -> Params:
        if self._pair[0] in params:  # once, also where a layer around it has asked
            rest = {n: w for n, w in params.items() if n not in self._pair}
            params = rest | {self.lora_weight: self.summed(params)}
        return super().weights_in_type(params)

    def free(self, params: Params) -> Params:
        frozen = self.lora_weight if self.lora_enabled else None
        return {n: w for n, w in super().free(params).items() if n != frozen}

    def rule(self, kind: str, key: str) -> Function | None:
        """As of any layer; the penalty on W is one on A and on B."""
        if not self.lora_enabled or kind != "regularizer":
            return super().rule(kind, key)
        named = {self.lora_weight: "", **dict.fromkeys(self._pair, self.lora_weight)}
        return super().rule(kind, named.get(key, key))

    def __getattr__(self, name: str) -> Any:  # a Variable, an array, or a Part
        if name.lstrip("_") == self.lora_weight and self.built and self.lora_enabled:
            if name == self.lora_weight:
                return self.summed(self.slot.params)
            name = self.lora_weight
        return super().__getattr__(name)

    # In files -----------------------------------------------------------------------

    @property
    def unkept(self) -> frozenset[str]:
        return frozenset(self._pair if self.lora_enabled else ())

    def weights_in_files(self) -> dict[str, Array]:
        named = super().weights_in_files()
        if not self.lora_enabled:
            return named
        return named | {self.lora_weight: self.summed(self.slot.params)}

    def regained(self, kept: dict[str, Array]) -> dict[str, Array]:
        if not self.lora_enabled:
            return kept
        shape = kept[self.lora_weight].shape
        return kept | self._narrow(config.generator(None), shape)

    def get_config(self) -> Config:
        given = super().get_config()
        if self.lora_rank is None:
            del given["lora_rank"], given["lora_alpha"]
        return given
