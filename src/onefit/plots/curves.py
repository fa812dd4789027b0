"""Learning curves."""

from typing import Any

__all__ = ["learning_curves"]


def learning_curves(history: Any, metric: str = "loss", ax: Any = None) -> Any:
    """Draws a number over the epochs: training solid, validation dashed.

    Args:
        history: What `fit` returned, or its `.history` dict.
        metric: Which number, 'loss' unless given.
        ax: The Axes to draw on; a new figure without one.

    Returns:
        The matplotlib Axes.

    Raises:
        ValueError: A number that the history does not have.
    """
    from matplotlib.figure import Figure

    from onefit.errors import unknown

    logs = getattr(history, "history", history)
    if metric not in logs:
        raise unknown("number in the history", metric, logs)
    if ax is None:
        # A Figure of its own, not pyplot's: no window, no state left behind.
        ax = Figure(figsize=(6.4, 4), layout="constrained").subplots()
    epochs = getattr(history, "epoch", range(len(logs[metric])))
    ax.plot([e + 1 for e in epochs], logs[metric], color="#0072B2", label="training")
    held = logs.get(f"val_{metric}")
    if held:
        at = [e + 1 for e in getattr(history, "validated", epochs)]
        ax.plot(at, held, color="#D55E00", linestyle="--", label="validation")
    ax.set_xlabel("epoch")
    ax.set_ylabel(metric.replace("_", " "))
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax
