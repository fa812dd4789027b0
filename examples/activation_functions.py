"""The lectures' activation functions and their derivatives.

Lecture 004, section 2.3.5; lectures 000 and 002 (Leaky ReLU, of slope 0.01); lecture
003 (ELU, and under the name softmax the softplus: a smooth ReLU whose derivative is the
sigmoid). Run with a file name to save a figure (needs matplotlib):
python activation_functions.py activations.png
"""

import sys

import jax
import numpy as np

from onefit.activations import elu, leaky_relu, linear, relu, sigmoid, softplus, tanh

FUNCTIONS = {
    "linear": linear,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "ReLU": relu,
    "Leaky ReLU": lambda z: leaky_relu(z, negative_slope=0.01),
    "ELU": lambda z: elu(z, alpha=1.0),
    "softplus": softplus,
}


def curves(g, z):
    """g(z) and dg/dz."""
    return map(np.array, jax.jit(jax.vmap(jax.value_and_grad(g)))(z))


def main():
    z = np.array([-4, -1, -0.5, 0.5, 1, 4], "float32")
    results = {"z": z}
    print(f"{'z':>17s}", *(f"{value:8.2f}" for value in z))
    for name, g in FUNCTIONS.items():
        a, slope = results[name] = tuple(curves(g, z))
        print(f"{name:11s}  g(z)", *(f"{value:8.4f}" for value in a))
        print(f"{'':11s} g'(z)", *(f"{value:8.4f}" for value in slope))
    by_sigmoid = 2 * np.array(sigmoid(2 * z)) - 1
    print("\n2 sigmoid(2z) - 1, the same as tanh")
    print(f"{'':17s}", *(f"{value:8.4f}" for value in by_sigmoid))
    return results | {"2 sigmoid(2z) - 1": by_sigmoid}


def draw():
    """Each function and its derivative, as a matplotlib Figure."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - the only one that needs it

    figure = Figure(figsize=(10, 5), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True, sharey=True).ravel()
    z = np.linspace(-4, 4, 401, dtype="float32")
    for ax, (name, g) in zip(panels, FUNCTIONS.items(), strict=False):
        a, slope = curves(g, z)
        ax.axhline(0, color="0.8", linewidth=0.8)
        ax.axvline(0, color="0.8", linewidth=0.8)
        ax.plot(z, a, color="#0072B2", label="g(z)")
        ax.plot(z, slope, color="#D55E00", linestyle="--", label="g'(z)")
        ax.set(title=name, ylim=(-1.5, 3))
    panels[-1].axis("off")
    panels[-1].legend(*ax.get_legend_handles_labels(), loc="center", frameon=False)
    figure.supxlabel("z")
    return figure


if __name__ == "__main__":
    main()
    if len(sys.argv) > 1:
        draw().savefig(sys.argv[1], dpi=150)
