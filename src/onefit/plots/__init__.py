"""Pictures: a History, a model, a Population or a Finding in, matplotlib Axes out."""

from onefit.plots.confusion import confusion_matrix
from onefit.plots.curves import finding, learning_curves
from onefit.plots.diagram import plot_model
from onefit.plots.functions import activation_functions
from onefit.plots.histograms import activations_histogram, gradients_histogram
from onefit.plots.images import weights_as_images, wrong_examples
from onefit.plots.neurons import network
from onefit.plots.plane import decision_boundary, unit_responses
from onefit.plots.population import (
    heat_map,
    metric_against,
    parallel_coordinates,
    population_curves,
)
from onefit.plots.shares import success_shares, wilson_interval
from onefit.plots.surface import loss_surface, optimizer_paths

__all__ = [
    "activation_functions",
    "activations_histogram",
    "confusion_matrix",
    "decision_boundary",
    "finding",
    "gradients_histogram",
    "heat_map",
    "learning_curves",
    "loss_surface",
    "metric_against",
    "network",
    "optimizer_paths",
    "parallel_coordinates",
    "plot_model",
    "population_curves",
    "success_shares",
    "unit_responses",
    "weights_as_images",
    "wilson_interval",
    "wrong_examples",
]
