"""Four networks of the lectures with a mistake in each, and what the guide says of it.

Lectures 000 and 001 (no activation, softmax), 003 (vanishing gradients, dying ReLU,
overfitting) and 004 (last activation and loss): `model.check` before training,
`history.diagnose` after it, `onefit.suggest` for where to begin instead.
"""

import warnings

import numpy as np

import onefit
from onefit import Input, Sequential
from onefit.layers import Dense
from onefit.optimizers import SGD, Adam
from onefit.utils import set_random_seed


def digits():
    x, y = onefit.datasets.load_digits()
    return x / 16, y


def network(*hidden, head):
    set_random_seed(0)
    return Sequential([Input((64,)), *hidden, head])


def no_activations():
    """The table of lecture 004 unread: logits for a loss that takes probabilities."""
    model = network(Dense(25), Dense(15), head=Dense(10))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model.check(*digits())


def deep_sigmoids():
    """Lecture 003: each sigmoid brings a factor of at most 0.25 into the chain rule."""
    model = network(*[Dense(25, "sigmoid") for _ in range(6)],
                    head=Dense(10, "softmax"))  # fmt: skip
    return diagnosed(model, SGD(0.1))


def too_fast():
    """Lecture 000: a rate so large that ReLU units are thrown where they give 0."""
    model = network(Dense(25, "relu"), Dense(15, "relu"), head=Dense(10, "softmax"))
    return diagnosed(model, Adam(1.0))


def by_heart():
    """Lecture 003: a hundred rows, a third of them labelled wrong, 9,000 weights."""
    x, y = (a[:200] for a in digits())
    rng = np.random.default_rng(0)
    y = np.where(rng.random(200) < 1 / 3, rng.integers(0, 10, 200), y)
    model = network(Dense(64, "relu"), Dense(64, "relu"), head=Dense(10, "softmax"))
    return diagnosed(model, Adam(0.01), x, y, epochs=200, validation_split=0.5)


def diagnosed(model, optimizer, x=None, y=None, epochs=20, **options):
    x, y = digits() if x is None else (x, y)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=epochs, verbose=0, **options)
    return history.diagnose()


def main():
    # fit warns of errors by itself; here they are printed instead.
    warnings.simplefilter("ignore", onefit.guide.TrainingWarning)
    reports = {}
    for mistake in (no_activations, deep_sigmoids, too_fast, by_heart):
        reports[mistake.__name__] = report = mistake()
        print(f"--- {mistake.__doc__}\n\n{report}\n")
    idea = onefit.suggest(*digits())
    print(f"--- Where to begin instead\n\n{idea}\n")
    history = idea.train(verbose=0)
    print(f"It reaches {max(history.history['val_accuracy']):.3f} on rows not seen.")
    return reports, history


if __name__ == "__main__":
    main()
