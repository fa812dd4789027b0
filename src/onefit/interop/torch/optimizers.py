"""torch's optimizers: their steps, number by number, and their state both ways.

They differ from Keras' of the same names: epsilon is added at another place, a weight
decay is part of the gradient (λ·w is added to it) except in AdamW, and momentum is
summed without the rate. Their slots have the names that torch's state has.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from onefit.description import number, off, setting
from onefit.errors import invalid, mistyped
from onefit.interop.torch.weights import Bond, array_of, put
from onefit.networks.architecture import Architecture
from onefit.optimizers.base import Optimizer
from onefit.optimizers.rules import Rule, Slots, correction, each, full_like
from onefit.training.task import Task
from onefit.types import Array, Config, Params, Tree

if TYPE_CHECKING:
    import torch

__all__ = ["KINDS", "from_state", "parameters", "to_state", "translated"]

Leaf = tuple[Array, ...]


class _Torch(Optimizer):
    """Base: a subclass writes `remembered` and `leaf`, for one array of numbers.

    Args:
        l2: λ of a weight decay that is part of the gradient.
        maximize: Whether to climb.
    """

    l2: float = number(default=0.0, minimum=0, kw_only=True)
    maximize: bool = setting(default=False, kw_only=True)

    begins: ClassVar[dict[str, str]] = {}
    """Where a slot starts, if not at zero: the name of a setting."""

    def remembered(self) -> tuple[str, ...]:
        """The names of the slots: what the optimizer remembers for each weight."""
        return ()

    def leaf(self, alpha: Array, step: Array, g: Array, *slots: Array) -> Leaf:
        """The change of a weight with the gradient g, and the slots after it."""
        raise NotImplementedError(f"{type(self).__name__} has no leaf method")

    def rule(self) -> Rule:
        names = self.remembered()

        def init(params: Tree) -> Slots:
            starts = {n: getattr(self, self.begins.get(n, ""), 0.0) for n in names}
            return {n: full_like(params, start) for n, start in starts.items()}

        def update(
            grads: Tree, slots: Slots, params: Tree, alpha: Array, step: Array
        ) -> tuple[Tree, Slots]:
            def leaf(g: Array, w: Array, *own: Array) -> Leaf:
                g = -g if self.maximize else g
                g = g if off(self.l2) else g + self.l2 * w
                return self.leaf(alpha, step, g, *own)

            change, *new = each(leaf, grads, params, *(slots[n] for n in names))
            return change, dict(zip(names, new, strict=True))

        return Rule(init, update)


class TorchSGD(_Torch):
    """v := β·v + (1 − d)·g, where the first v is g; w := w − α·v.

    With Nesterov's momentum w := w − α·(g + β·v).
    """

    momentum: float = number(default=0.0, minimum=0)
    dampening: float = number(default=0.0)
    nesterov: bool = False

    def remembered(self) -> tuple[str, ...]:
        return () if off(self.momentum) else ("momentum_buffer",)

    def leaf(self, alpha: Array, step: Array, g: Array, *slots: Array) -> Leaf:
        if not slots:
            return (-alpha * g,)
        part = (
            g
            if off(self.dampening)
            else jnp.where(step == 1, g, (1 - self.dampening) * g)
        )
        v = self.momentum * slots[0] + part
        return -alpha * (g + self.momentum * v if self.nesterov else v), v


class TorchAdam(_Torch):
    """w := w − α / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)."""

    beta_1: float = number(default=0.9)
    beta_2: float = number(default=0.999)
    epsilon: float = number(default=1e-8)
    amsgrad: bool = False

    def remembered(self) -> tuple[str, ...]:
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        return names if self.amsgrad else names[:2]

    def leaf(self, alpha: Array, step: Array, g: Array, *slots: Array) -> Leaf:
        m, v, *highest = slots
        m = m + (g - m) * (1 - self.beta_1)
        v = v * self.beta_2 + g * g * (1 - self.beta_2)
        highest = [jnp.maximum(h, v) for h in highest]
        # √(v / c) + ε times √c, which is the same for all numbers.
        root = jnp.sqrt(correction(self.beta_2, step))
        size = alpha * root / correction(self.beta_1, step)
        below = jnp.sqrt((v, *highest)[-1]) + self.epsilon * root
        return -size * m / below, m, v, *highest


class TorchAdamax(_Torch):
    """w := w − α / (1 − β₁ᵗ) · m / u, u := max(β₂·u, |g| + ε)."""

    beta_1: float = number(default=0.9)
    beta_2: float = number(default=0.999)
    epsilon: float = number(default=1e-8)

    def remembered(self) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def leaf(self, alpha: Array, step: Array, g: Array, *slots: Array) -> Leaf:
        m, u = slots
        m = m + (g - m) * (1 - self.beta_1)
        u = jnp.maximum(self.beta_2 * u, jnp.abs(g) + self.epsilon)
        return -alpha / correction(self.beta_1, step) * m / u, m, u


class TorchAdagrad(_Torch):
    """w := w − α / (1 + (t − 1)·d) · g / (√s + ε), s the sum of all g²."""

    lr_decay: float = number(default=0.0)
    epsilon: float = number(default=1e-10)
    initial: float = number(default=0.0)

    begins: ClassVar[dict[str, str]] = {"sum": "initial"}

    def remembered(self) -> tuple[str, ...]:
        return ("sum",)

    def leaf(self, alpha: Array, step: Array, g: Array, *slots: Array) -> Leaf:
        s = slots[0] + g * g
        alpha = alpha / (1 + (step - 1) * self.lr_decay)
        return -alpha * g / (jnp.sqrt(s) + self.epsilon), s


class TorchAdadelta(_Torch):
    """w := w − α·d, d = √(u + ε) / √(s + ε) · g."""

    rho: float = number(default=0.9)
    epsilon: float = number(default=1e-6)

    def remembered(self) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def leaf(self, alpha: Array, step: Array, g: Array, *slots: Array) -> Leaf:
        s, u = slots
        s = self.rho * s + (1 - self.rho) * g * g
        d = jnp.sqrt(u + self.epsilon) / jnp.sqrt(s + self.epsilon) * g
        return -alpha * d, s, self.rho * u + (1 - self.rho) * d * d


class TorchRMSprop(_Torch):
    """w := w − α·g / (√s + ε), or by v := β·v + g / (√s + ε)."""

    rho: float = number(default=0.99)
    epsilon: float = number(default=1e-8)
    momentum: float = number(default=0.0)
    centered: bool = False

    def remembered(self) -> tuple[str, ...]:
        more = {"grad_avg": self.centered, "momentum_buffer": not off(self.momentum)}
        return ("square_avg", *(name for name, used in more.items() if used))

    def leaf(self, alpha: Array, step: Array, g: Array, *slots: Array) -> Leaf:
        s, *rest = slots
        s = self.rho * s + (1 - self.rho) * g * g
        new, inside = [s], s
        if self.centered:
            mean = rest.pop(0)
            mean = mean + (g - mean) * (1 - self.rho)
            new.append(mean)
            inside = s - mean * mean
        d = g / (jnp.sqrt(inside) + self.epsilon)
        if rest:
            d = self.momentum * rest[0] + d
            new.append(d)
        return -alpha * d, *new


# Settings -----------------------------------------------------------------------------


def _settings(**names: str) -> Callable[[Config], Config]:
    """What reads the settings of a group: onefit's names, and torch's for them."""

    def read(group: Config) -> Config:
        settings = {mine: group[theirs] for mine, theirs in names.items()}
        if "betas" in group:
            settings["beta_1"], settings["beta_2"] = group["betas"]
        decay = "weight_decay" if group.get("decoupled_weight_decay") else "l2"
        settings[decay] = group["weight_decay"] or (None if decay != "l2" else 0.0)
        return settings | {"learning_rate": group["lr"], "maximize": group["maximize"]}

    return read


EPSILON = {"epsilon": "eps"}
KINDS: dict[str, tuple[type[_Torch], Callable[[Config], Config]]] = {
    "Adadelta": (TorchAdadelta, _settings(rho="rho", **EPSILON)),
    "Adagrad": (
        TorchAdagrad,
        _settings(lr_decay="lr_decay", initial="initial_accumulator_value", **EPSILON),
    ),
    "Adam": (TorchAdam, _settings(amsgrad="amsgrad", **EPSILON)),
    "AdamW": (TorchAdam, _settings(amsgrad="amsgrad", **EPSILON)),
    "Adamax": (TorchAdamax, _settings(**EPSILON)),
    "RMSprop": (
        TorchRMSprop,
        _settings(rho="alpha", momentum="momentum", centered="centered", **EPSILON),
    ),
    "SGD": (
        TorchSGD,
        _settings(momentum="momentum", dampening="dampening", nesterov="nesterov"),
    ),
}
"""torch's optimizers: the class of the same step, and how to read its settings."""


def translated(optimizer: object) -> Optimizer:
    """The optimizer that makes the same steps as torch's.

    Raises:
        ValueError: One that onefit has not, or groups with settings of their own.
    """
    import torch

    if not isinstance(optimizer, torch.optim.Optimizer):
        raise mistyped(
            "optimizer",
            repr(optimizer),
            "an optimizer of torch, or of onefit",
            "write torch.optim.Adam(module.parameters())",
        )
    name = type(optimizer).__name__
    if name not in KINDS or not type(optimizer).__module__.startswith("torch."):
        raise invalid(
            "optimizer",
            f"torch.optim.{name}",
            f"one of {', '.join(sorted(KINDS))}",
            "write torch.optim.AdamW(module.parameters())",
        )
    first, *others = [_plain(group) for group in optimizer.param_groups]
    for i, group in enumerate(others, 1):
        differing = [key for key, value in group.items() if value != first.get(key)]
        if differing:
            raise invalid(
                f"optimizer.param_groups[{i}]",
                f"{', '.join(differing)} of its own",
                "the settings of the first group",
                "give all parameters one group, or train the groups in turn",
            )
    cls, settings = KINDS[name]
    return cls(**settings(first))


def _plain(group: Config) -> Config:
    """A group's settings as numbers, without its tensors."""
    kept = {key: value for key, value in group.items() if key != "params"}
    kept["lr"] = float(kept["lr"])
    return kept


def parameters(optimizer: "torch.optim.Optimizer") -> "list[torch.Tensor]":
    """All tensors that an optimizer moves."""
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]


# State --------------------------------------------------------------------------------


def from_state(
    theirs: "torch.optim.Optimizer",
    graph: Architecture,
    optimizer: Any,
    bonds: list[Bond],
) -> Tree:
    """Torch's state as onefit's.

    Args:
        theirs: torch's optimizer.
        graph, optimizer: The model's graph, and its optimizer, which `translated` made.
        bonds: The weights that train.

    Raises:
        ValueError: Tensors that have made different numbers of steps.
    """
    task = Task(graph=graph, heads=(), optimizer=optimizer)
    state = optimizer.init(task.pack(graph.slot.params))
    names = optimizer.remembered()
    known = [(p, t) for b in bonds for p, t in zip(b.paths, b.tensors, strict=True)]
    steps = {path: _steps(theirs.state.get(t, {}), names) for path, t in known}
    if len(set(steps.values())) > 1:
        (one, few), *_, (other, many) = sorted(steps.items(), key=lambda kv: kv[1])
        raise invalid(
            "optimizer",
            f"{few} steps made by {one}, {many} by {other}",
            "the same number by all",
            "make a new optimizer",
        )
    count = next(iter(steps.values()), 0)
    state["iterations"] = np.asarray(count, state["iterations"].dtype)
    if not any(theirs.state.get(tensor) for _, tensor in known):
        return state
    for name in names:
        tree = jax.tree.map(np.zeros_like, graph.slot.params)
        for bond in bonds:
            arrays = [array_of(theirs.state[t][name]) for t in bond.tensors]
            _part(graph, tree, bond)[bond.name] = bond.read(arrays)
        state["slots"][name] = task.pack(tree)
    return state


def _steps(state: "dict[str, torch.Tensor]", names: tuple[str, ...]) -> int:
    """How many steps a tensor has made; for SGD, which does not count, 0 or 1."""
    if "step" in state:
        return int(float(state["step"]))
    return int(any(state.get(name) is not None for name in names))


def to_state(
    theirs: "torch.optim.Optimizer",
    graph: Architecture,
    optimizer: Any,
    state: Tree,
    bonds: list[Bond],
) -> None:
    """Writes the state of onefit's optimizer into torch's, in place."""
    import torch

    task = Task(graph=graph, heads=(), optimizer=optimizer)
    count = int(state["iterations"])
    if not count:
        return
    for name in optimizer.remembered():
        tree = _unpacked(task, state["slots"][name])
        for bond in bonds:
            arrays = bond.way.split(np.asarray(_part(graph, tree, bond)[bond.name]))
            for tensor, array in zip(bond.tensors, arrays, strict=True):
                own = theirs.state[tensor]
                if own.get(name) is None:
                    own[name] = torch.zeros_like(tensor)
                put(own[name], array)
    counts = type(theirs).__name__ != "SGD"
    for tensor in (t for bond in bonds for t in bond.tensors if counts):
        own = theirs.state[tensor]
        if isinstance(own.get("step"), torch.Tensor):
            own["step"].fill_(float(count))
        else:
            own["step"] = torch.tensor(float(count))
    for group in theirs.param_groups:
        rate = float(optimizer.learning_rate)
        # Only a callback changes it.
        if np.float32(float(group["lr"])) != np.float32(rate):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


def _part(graph: Architecture, tree: Tree, bond: Bond) -> Params:
    """The arrays of a bond's layer, in a tree like that of the weights."""
    place = next(i for i, layer in enumerate(graph.layers) if layer is bond.layer)
    return tree[place]


def _unpacked(task: Task, packed: Tree) -> Tree:
    """A slot, packed as the optimizer sees it, as a tree like that of the weights."""
    params = jax.tree.map(np.asarray, task.graph.slot.params)
    free = task.free(params)
    if not isinstance(packed, np.ndarray | jax.Array):
        return task.merge(params, jax.tree.map(np.asarray, packed))
    leaves, structure = jax.tree.flatten(free)
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = zip(np.split(np.asarray(packed), cuts), leaves, strict=True)
    whole = structure.unflatten([part.reshape(leaf.shape) for part, leaf in parts])
    return task.merge(params, whole)
