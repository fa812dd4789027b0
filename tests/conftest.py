"""What all tests share: the oracle's backend, quiet logs, a cache of programs."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("MPLBACKEND", "Agg")
