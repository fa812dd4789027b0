"""The paths of six optimizers down one valley.

Lecture 004, "Other variants", and lecture 000, "Adam Algorithm Intuition". Run with a
file name to save the figure (needs matplotlib): python optimizer_paths.py paths.png
"""

import sys

import jax
import numpy as np

from onefit.optimizers import SGD, Adagrad, Adam, RMSprop

START = np.array([-4.0, 1.5], "float32")
# Each at a rate that suits it; colours of Okabe and Ito, told apart by everyone.
OPTIMIZERS = {
    "SGD": (SGD(0.9), "#000000", "o"),
    "momentum": (SGD(0.1, momentum=0.8), "#E69F00", "s"),
    "Nesterov": (SGD(0.1, momentum=0.8, nesterov=True), "#D55E00", "^"),
    "Adagrad": (Adagrad(0.8), "#009E73", "D"),
    "RMSprop": (RMSprop(0.1), "#CC79A7", "v"),
    "Adam": (Adam(0.25), "#0072B2", "P"),
}


def f(w):
    """A long valley: steep across, nearly flat along."""
    return 0.05 * w[0] ** 2 + w[1] ** 2


def walk(optimizer, steps):
    @jax.jit
    def step(w, state):
        return optimizer.update(jax.grad(f)(w), state, w)

    w, state = START, optimizer.init(START)
    path = [w]
    for _ in range(steps):
        w, state = step(w, state)
        path.append(w)
    return np.array(path)


def main(steps=40):
    paths = {}
    print(f"{'':10s} f after 0, 10, 20, {steps} steps")
    for name, (optimizer, *_) in OPTIMIZERS.items():
        path = paths[name] = walk(optimizer, steps)
        shown = (f"{float(f(path[step])):9.5f}" for step in (0, 10, 20, steps))
        print(f"{name:10s}", *shown)
    return paths


def draw(paths):
    """The contours of f and the paths, as a matplotlib Figure."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - the only one that needs it

    figure = Figure(figsize=(9, 5), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    grid = np.meshgrid(np.linspace(-4.5, 1.5, 121), np.linspace(-2, 2, 81))
    for ax, (name, path) in zip(panels.flat, paths.items(), strict=True):
        optimizer, colour, marker = OPTIMIZERS[name]
        levels = np.geomspace(0.01, 4, 9)
        ax.contour(*grid, f(grid), levels, colors="0.75", linewidths=0.8)
        ax.plot(*path.T, color=colour, marker=marker, markersize=4, linewidth=1.2)
        ax.plot(0, 0, marker="*", color="0.2", markersize=11)
        ax.set_title(f"{name}, α = {optimizer.learning_rate:g}")
    figure.suptitle(f"{len(path) - 1} steps down f = 0.05 w₁² + w₂², lowest at ★")
    figure.supxlabel("w₁")
    figure.supylabel("w₂")
    return figure


if __name__ == "__main__":
    found = main()
    if len(sys.argv) > 1:
        draw(found).savefig(sys.argv[1], dpi=150)
