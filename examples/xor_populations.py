"""How often XOR gets stuck: 2 to 8 hidden units, three activations, two optimizers.

Lecture 002, "Why Neural Net?", and lecture 004, local minima: whether a network learns
XOR depends on where it starts. Here 24 kinds of networks start 500 times each. Those
that are stuck end at one of three losses: 0.35 (two of the four answers are 0.5), 0.48
(three are all 1/3, or all 2/3) or 0.69 (all four are 0.5).

Run with a file name to save the picture (needs matplotlib):
python xor_populations.py xor.png
"""

import sys

from onefit import Input, Sequential, datasets, population
from onefit.layers import Dense
from onefit.optimizers import SGD, Adam
from onefit.plots import population_curves, success_shares, wilson_interval

OPTIMIZERS = [SGD(1.0), Adam(0.05)]
SOLVED = 0.1  # a mean loss below it needs all four answers right, by 0.67 and more


def main(seeds=500, units=(2, 3, 4, 8), activations=("sigmoid", "tanh", "relu")):
    model = Sequential([Input((2,)), Dense(2, name="hidden"), Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    kinds = population.grid(
        **{
            "hidden.activation": activations,
            "optimizer": OPTIMIZERS,
            "hidden.units": units,
        }
    )
    many = population.fit(
        model, *datasets.xor(), seeds=seeds, vary=kinds, epochs=2000, batch_size=4
    )
    # A row for each activation and optimizer, a column for each number of units.
    stuck = ~(many.final("loss") < SOLVED)
    stuck = stuck.reshape(-1, len(units), seeds).sum(axis=2)
    print(f"\nof {seeds} starts, % that are stuck after 2,000 epochs (95 % interval)")
    print(f"{'hidden units':12s}", *(f"{n:11d}{'':9s}" for n in units))
    names = [(a, type(o).__name__) for a in activations for o in OPTIMIZERS]
    for name, counts in zip(names, stuck, strict=True):
        cells = []
        for count in map(int, counts):
            low, high = wilson_interval(count, seeds)
            interval = f"({100 * low:.1f} to {100 * high:.1f})"
            cells.append(f"{100 * count / seeds:5.1f} {interval:14s}")
        print(f"{name[0]:7s} {name[1]:4s}", *cells)
    return {"population": many, "stuck": dict(zip(names, stuck / seeds, strict=True))}


def draw(many):
    """How often each kind got stuck, and every curve, as a matplotlib Figure."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - the only one that needs it

    figure = Figure(figsize=(13, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    stuck = ~(many.final("loss") < SOLVED)
    settings = ["hidden.activation", "optimizer"]
    success_shares(many, stuck, "hidden.units", settings, ax=left)
    left.set_title("how often XOR gets stuck, with 95 % intervals")
    left.set(xlabel="hidden units", ylabel="starts that got stuck (%)")
    population_curves(many, by="hidden.activation", log=True, ax=right)
    right.axhline(SOLVED, color="0.3", linestyle=":")
    right.text(2000, 1.1 * SOLVED, "stuck above this line", ha="right")
    right.set_title("their losses: plateaus at 0.69, 0.48 and 0.35")
    figure.suptitle(f"{len(many):,} networks learn XOR, 2,000 epochs each")
    return figure


if __name__ == "__main__":
    found = main()
    if len(sys.argv) > 1:
        draw(found["population"]).savefig(sys.argv[1], dpi=150)
