# ruff: noqa: D102
"""Optimizers that look at each array of weights as a whole."""

import re
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.tree_util import KeyPath

from onefit.checks import whole
from onefit.description import number, off, setting
from onefit.optimizers.adam import Averages, scale_by_adam
from onefit.optimizers.base import Optimizer
from onefit.optimizers.rules import (
    Rule,
    Slots,
    by_rate,
    chain,
    each,
    from_optax,
    full_like,
    leafwise,
)
from onefit.types import Array, Tree

__all__ = ["Adafactor", "Lamb", "Muon"]


class Lamb(Averages, Optimizer):
    """Adam's step, made as long as each array of weights is: for large batches.

    With d = m̂ / (√v̂ + ε), where m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) are Adam's:
    w := w - α·(‖w‖ / ‖d‖)·d. The ratio is 1 where either is 0.

    Args:
        learning_rate: α.
        beta_1: β₁, from 0 to below 1.
        beta_2: β₂, likewise.
        epsilon: ε.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> Lamb(0.1).apply(jnp.array([3.0, 3.0]), jnp.array([1.0, 1.0]))
        Array([0.9, 0.9], dtype=float32)

    Source: You et al., "Large batch optimization for deep learning", 2020.
    """

    step_size = "rate"
    slots = (("adam.mu", "adam.nu"),)

    separable: ClassVar[bool] = False

    def rule(self) -> Rule:
        import optax

        adam = optax.scale_by_adam(self.beta_1, self.beta_2, self.epsilon)
        return chain(
            adam=from_optax(adam),
            ratio=from_optax(optax.scale_by_trust_ratio()),
            rate=by_rate(),
        )


def _rms(x: Array) -> Array:
    return jnp.sqrt(jnp.mean(jnp.square(x)))


class Adafactor(Optimizer):
    """Adam's idea with the memory of a row and a column for each matrix.

    At step t, with g = dJ/dw, β = 1 - t^p and s = g² + ε₁:

    * for a matrix, r := β·r + (1 - β)·(mean of s over its columns), c likewise over its
      rows, and v = r·cᵀ / mean(r); otherwise v := β·v + (1 - β)·s,
    * u = g / √v, and û = u / max(1, rms(u) / threshold),
    * w := w - max(ε₂, rms(w))·ρ·û, where ρ = min(α, 1 / √t).

    Args:
        learning_rate: α.
        beta_2_decay: p, below 0.
        epsilon_1: ε₁.
        epsilon_2: ε₂.
        clip_threshold: The largest rms of u.
        relative_step: Accepted: α is kept below 1 / √t in any case, as in Keras' code.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> Adafactor(0.1).apply(jnp.array([3.0, -3.0]), jnp.array([2.0, 2.0]))
        Array([1.8, 2.2], dtype=float32)

    Source: Shazeer and Stern, 2018.
    """

    step_size = "rate"
    slots = (("r", "c", "v"),)

    beta_2_decay: float = number(default=-0.8, maximum=0)
    epsilon_1: float = number(default=1e-30, minimum=0)
    epsilon_2: float = number(default=1e-3, minimum=0)
    clip_threshold: float = number(default=1.0, above=0)
    relative_step: bool = True
    separable: ClassVar[bool] = False

    def rule(self) -> Rule:
        def init(params: Tree) -> Tree:
            def leaf(w: Array) -> tuple[Slots]:
                if w.ndim < 2:
                    return ({"v": full_like(w)},)
                return ({"r": full_like(w[..., 0]), "c": full_like(w[..., 0, :])},)

            return each(leaf, params)[0]

        def update(
            grads: Tree, slots: Tree, params: Tree, alpha: Array, step: Array
        ) -> tuple[Tree, Tree]:
            alpha = jnp.minimum(alpha, 1 / jnp.sqrt(step))
            gain = jnp.power(step, self.beta_2_decay)

            def leaf(g: Array, slot: Slots, w: Array) -> tuple[Array, Slots]:
                s = g * g + self.epsilon_1
                if g.ndim < 2:
                    now = {"v": s}
                else:
                    now = {"r": jnp.mean(s, axis=-1), "c": jnp.mean(s, axis=-2)}
                slot = {
                    name: old + (now[name] - old) * gain for name, old in slot.items()
                }
                if g.ndim < 2:
                    v = slot["v"]
                else:
                    r = slot["r"] / jnp.mean(slot["r"], axis=-1, keepdims=True)
                    v = r[..., :, None] * slot["c"][..., None, :]
                u = g / jnp.sqrt(v)
                u = u / jnp.maximum(1, _rms(u) / self.clip_threshold)
                return -jnp.maximum(self.epsilon_2, _rms(w)) * alpha * u, slot

            change, slots = each(leaf, grads, slots, params)
            return change, slots

        return Rule(init, update)


def by_kind(choose: Callable[[str, Array], str], rules: dict[str, Rule]) -> Rule:
    """Each array of weights by the rule that `choose(path, array)` names."""

    def split(tree: Tree, kinds: list[str]) -> dict[str, dict[int, Array]]:
        leaves = list(enumerate(jax.tree.leaves(tree)))
        return {
            kind: {i: leaf for i, leaf in leaves if kinds[i] == kind} for kind in rules
        }

    def init(params: Tree) -> Slots:
        parts = split(params, jax.tree.leaves(labels(choose, params)))
        return {kind: rules[kind].init(parts[kind]) for kind in rules if parts[kind]}

    def update(
        grads: Tree, slots: Slots, params: Tree, alpha: Array, step: Array
    ) -> tuple[Tree, Slots]:
        kinds = jax.tree.leaves(labels(choose, params))
        g, w = split(grads, kinds), split(params, kinds)
        changes, new = {}, {}
        for kind, slot in slots.items():
            change, new[kind] = rules[kind].update(g[kind], slot, w[kind], alpha, step)
            changes |= change
        structure = jax.tree.structure(params)
        return structure.unflatten([changes[i] for i in range(len(kinds))]), new

    return Rule(init, update)


def labels(choose: Callable[[str, Array], str], params: Tree) -> Tree:
    """What `choose` says of each array, by its path such as 'dense/kernel'."""

    def label(path: KeyPath, w: Array) -> str:
        return choose(jax.tree_util.keystr(path, simple=True, separator="/"), w)

    return jax.tree_util.tree_map_with_path(label, params)


class Muon(Optimizer):
    """Matrices move in all their directions by the same amount.

    For a matrix of weights, with G = dJ/dW: M := μ·M + G, and the step is M (with
    Nesterov, G + μ·M) with its singular values made about 1 by `ns_steps` rounds of
    X := a·X + (b·X·Xᵀ + c·(X·Xᵀ)²)·X, then times √max(rows, columns)·rms_rate. All
    other weights take Adam's step.

    Args:
        learning_rate: α.
        adam_beta_1, adam_beta_2: β₁ and β₂ of Adam's step.
        adam_weight_decay: Weight decay where Adam's step is taken.
        epsilon: ε of Adam's step.
        weight_decay: Weight decay of the matrices.
        exclude_layers: Patterns; a weight whose path has one takes Adam's step.
        exclude_embeddings: Whether embeddings do.
        muon_a, muon_b, muon_c: a, b and c.
        adam_lr_ratio: What Adam's steps multiply α by.
        momentum: μ, from 0 to below 1.
        ns_steps: Rounds.
        nesterov: Whether the momentum is Nesterov's.
        rms_rate: The size of a step's numbers in units of α; None leaves the step as
            it is.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> Muon(0.1).apply(-5 * jnp.eye(2), jnp.zeros((2, 2)))
        Array([[0.0313, 0.    ],
               [0.    , 0.0313]], dtype=float32)

    Source: Jordan et al., 2024; Liu et al., "Muon is scalable for LLM training", 2025.
    """

    step_size = "rate"
    slots = (("momentum", "velocity"),)

    adam_beta_1: float = number(default=0.9, minimum=0, below=1)
    adam_beta_2: float = number(default=0.999, minimum=0, below=1)
    adam_weight_decay: float | None = number(default=0.004, minimum=0, optional=True)
    epsilon: float = number(default=1e-7, minimum=0)
    weight_decay: float | None = number(
        default=0.004, minimum=0, optional=True, kw_only=True
    )
    exclude_layers: Any = setting(default=(), kw_only=True)
    exclude_embeddings: bool = setting(default=True, kw_only=True)
    muon_a: float = number(default=3.4445, kw_only=True)
    muon_b: float = number(default=-4.7750, kw_only=True)
    muon_c: float = number(default=2.0315, kw_only=True)
    adam_lr_ratio: float = number(default=1.0, minimum=0, kw_only=True)
    momentum: float = number(default=0.95, minimum=0, below=1, kw_only=True)
    ns_steps: int = setting(default=5, check=whole(1, optional=True), kw_only=True)
    nesterov: bool = setting(default=True, kw_only=True)
    rms_rate: float | None = number(default=0.2, above=0, optional=True, kw_only=True)
    separable: ClassVar[bool] = False

    def rule(self) -> Rule:
        adam = scale_by_adam(self.adam_beta_1, self.adam_beta_2, self.epsilon)

        def slower(
            grads: Tree, slots: Slots, params: Tree, alpha: Array, step: Array
        ) -> tuple[Tree, Slots]:
            return adam.update(grads, slots, params, alpha * self.adam_lr_ratio, step)

        return by_kind(
            self._kind, {"muon": self._muon(), "adam": Rule(adam.init, slower)}
        )

    def _muon(self) -> Rule:
        def leaf_at(alpha: Array, step: Array) -> Callable:
            def leaf(g: Array, w: Array, m: Array) -> tuple[Array, Array]:
                m = self.momentum * m + g
                d = self._evened(g + self.momentum * m if self.nesterov else m)
                size = (
                    1 if self.rms_rate is None else max(g.shape) ** 0.5 * self.rms_rate
                )
                return -alpha * size * d, m

            return leaf

        return leafwise(leaf_at, momentum=0.0)

    def _evened(self, x: Array) -> Array:
        """The matrix with its singular values brought to about 1."""
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (jnp.linalg.norm(x) + 1e-7)
        for _ in range(self.ns_steps):
            square = x @ x.T
            mix = self.muon_b * square + self.muon_c * square @ square
            x = self.muon_a * x + mix @ x
        return x.T if tall else x

    def _kind(self, path: str, w: Array) -> str:
        patterns = [*self.exclude_layers]
        if self.exclude_embeddings:
            patterns.append("(?i)embedding")
        excluded = any(re.search(pattern, path) for pattern in patterns)
        return "adam" if w.ndim != 2 or excluded else "muon"

    def _decayed(self, params: Tree, alpha: Array) -> Tree:
        decay = {"muon": self.weight_decay, "adam": self.adam_weight_decay}

        def leaf(kind: str, w: Array) -> Array:
            part = decay[kind]
            return w if part is None or off(part) else w - w * (alpha * part)

        return jax.tree.map(leaf, labels(self._kind, params), params)
