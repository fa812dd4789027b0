"""A wrapper that keeps how far a layer stretches its input at one."""

from layer_rows.row import Row


def dense(lib):
    return lib.layers.Dense(2, activation="tanh")


# Keras predicts with the kernel as it is: test_spectral has its numbers for training.
ROWS = [
    # So many steps that the singular vectors do not move with the kernel any more.
    Row(
        "SpectralNormalization", {"layer": dense, "power_iterations": 12}, oracle=False
    ),
    Row(
        "SpectralNormalization",
        {"layer": dense, "power_iterations": 1},
        (4, 2, 3),
        oracle=False,
        mask=True,
    ),
]
