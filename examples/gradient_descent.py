"""Gradient descent on x² and x² + y², with a small, a good and a too large rate.

Lecture 004, "Gradient descent": the gradient of x² at x = -1 is -2, that of x² + y² at
(-1, -1) is (-2, -2), and a step goes the other way: x := x - α·∇f(x).
"""

import jax
import jax.numpy as jnp
import numpy as np

from onefit.optimizers import SGD


def square(x):
    return jnp.sum(x**2)


def descend(x, alpha, steps=20):
    gradient, optimizer = jax.jit(jax.grad(square)), SGD(alpha)
    path = [x]
    for _ in range(steps):
        x = optimizer.apply(gradient(x), x)
        path.append(x)
    return np.array(path)


def main():
    results = {}
    for name, start in (("x²", -1.0), ("x² + y²", np.array([-1.0, -1.0]))):
        results[name] = {"gradient": np.array(jax.grad(square)(start))}
        print(f"f = {name}, start {start}, gradient {results[name]['gradient']}")
        for alpha in (0.01, 0.3, 1.1):
            path = results[name][alpha] = descend(start, alpha)
            f = [float(square(path[step])) for step in (0, 1, 2, 20)]
            print(f"  α = {alpha:4.2f}   f after 0, 1, 2, 20 steps:", end="")
            print(*(f"{value:12.6f}" for value in f))
        print()
    return results


if __name__ == "__main__":
    main()
