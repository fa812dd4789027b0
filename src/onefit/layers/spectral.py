# ruff: noqa: D102
"""A wrapper that keeps how far a layer stretches its input at one."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from onefit import initializers
from onefit.checks import whole
from onefit.description import setting
from onefit.layers.base import Layer, where
from onefit.layers.composite import Composite, a_layer
from onefit.types import Array, Generator, Mask, Params, Shape, Shapes, State, Tree

__all__ = ["SpectralNormalization"]


def _unit(v: Array) -> Array:
    """A vector at length one, where it is longer than 10⁻⁷."""
    return v * jax.lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(v)), 1e-14))


class SpectralNormalization(Composite):
    """Divides a layer's kernel by its largest singular value: W' = W / σ(W).

    σ is found by power iteration, one step a batch, going on from the last one's u:
    v = W u / ‖W u‖, u = Wᵀ v / ‖Wᵀ v‖, σ = vᵀ W u, with W as a matrix of one column a
    unit. The gradient goes through σ, not through u and v.

    Args:
        layer: The layer, with a kernel (Dense, Conv2D, ...) or embeddings.
        power_iterations: How many steps of the iteration a batch.

    Input and output: the layer's own.

    Weights: the layer's, and vector_u, (1, units), which training moves without a
    gradient.

    Raises:
        TypeError: What is no layer.
        ValueError: power_iterations below 1, or a layer without a kernel.

    Differs from Keras: the kernel is divided when not training, too, as in the paper,
    with u as training left it. Keras overwrites the kernel in a training call instead;
    its fit on JAX loses that and predicts with the kernel as it was.

    Example:
        >>> dense = onefit.layers.Dense(1, kernel_initializer="ones")
        >>> layer = SpectralNormalization(dense)
        >>> layer(np.array([[3.0, 4.0]]))  # (3 + 4) / √2
        Array([[4.9497]], dtype=float32)

    Source: Miyato et al. 2018, arXiv:1802.05957.
    """

    role = "wrapper"

    layer: Layer = setting(convert=a_layer)
    power_iterations: int = setting(default=1, check=whole(1))

    def parts(self) -> dict[str, Layer]:
        return {"layer": self.layer}

    @property
    def activity_regularizer(self) -> Callable | None:
        """The layer's, as the output is its own."""
        return getattr(self.layer, "activity_regularizer", None)

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        params, state = self.layer.fresh(rng, input_shape)
        columns = params[self._target(params)].shape[-1]
        start = initializers.TruncatedNormal(stddev=0.02).draw(rng, (1, columns))
        whole = self.whole({"layer": state}) | {"vector_u": start}
        return self.whole({"layer": params}), whole

    def apply(self, params, state, x, *, training=False, key=None, mask=None):
        own = self.of("layer", params)
        name = self._target(own)
        kernel, u = self._normalized(own[name], state["vector_u"])
        outcome = self.layer.forward(
            own | {name: kernel},
            self.of("layer", state),
            x,
            training=training,
            key=key,
            mask=mask,
        )
        new = self.whole({"layer": outcome.state})
        return outcome.output, new | {"vector_u": u if training else state["vector_u"]}

    def _normalized(self, kernel: Array, u: Array) -> tuple[Array, Array]:
        """The kernel over its largest singular value, and the vector found for it."""
        W = kernel.reshape(-1, kernel.shape[-1])
        fixed = jax.lax.stop_gradient(W)
        v = _unit(u @ fixed.T)
        for _ in range(self.power_iterations - 1):
            v = _unit(_unit(v @ fixed) @ fixed.T)
        new = _unit(v @ fixed)
        sigma = jnp.sum((v @ W) * new)
        # A kernel of zeros has no direction: it stays as it is, and so does u.
        zero = sigma == 0.0
        return kernel / jnp.where(zero, 1.0, sigma), jnp.where(zero, u, new)

    def _target(self, params: Params) -> str:
        """The name of the weight that is normalized."""
        for name in ("kernel", "embeddings"):
            if name in params:
                return name
        raise self.misfit(
            f"{where(self.layer)} with weights {list(params)}",
            "a layer with a kernel or embeddings",
            "wrap a Dense, convolution or Embedding layer",
        )

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        return self.layer.compute_mask(inputs, mask)

    def before(self, link: str) -> Layer | None:
        inner = self.layer.before(link)
        return None if inner is None else self.replace(layer=inner)

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = self.layer.output_shape(input_shape)
        if self.built and not self.integers:
            known = self.slot.input_shape[-1]
            fix = "give x the same features, or make a new layer"
            self.as_built(input_shape[-1], known, "features", input_shape, fix)
        return shape
