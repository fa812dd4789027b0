"""A module of torch, trained by onefit in place."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit import losses, optimizers
from onefit.errors import invalid, mistyped
from onefit.interop.torch import losses as torch_losses
from onefit.interop.torch import optimizers as torch_optimizers
from onefit.interop.torch.reader import read
from onefit.interop.torch.reading import Reading
from onefit.interop.torch.weights import Bond
from onefit.models.model import Model
from onefit.packages import package
from onefit.training.callback import Callback, listed, overrides
from onefit.training.history import History
from onefit.types import Config, Data, Identifier, Shapes

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["fit"]

HOOKS = (
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


def fit(
    module: "nn.Module",
    x: Data,
    y: Data,
    *,
    loss: Identifier,
    optimizer: Identifier,
    batch_size: int = 32,
    epochs: int = 1,
    verbose: int | bool | str = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Data = None,
    shuffle: bool = True,
    metrics: Identifier = None,
    initial_epoch: int = 0,
    validation_batch_size: int | None = None,
    validation_freq: int | list[int] | tuple[int, ...] | set[int] | range = 1,
) -> History:
    """Trains a module of torch by one compiled program, and gives it what it learned.

    It does what this loop does::

        module.train()
        for epoch in range(epochs):
            for xb, yb in DataLoader(TensorDataset(x, y), batch_size, shuffle=True):
                optimizer.zero_grad()
                loss(module(xb), yb).backward()
                optimizer.step()

    The module's parameters and buffers, and the optimizer's state and rates, are read
    before and written after it, in place, also when it is interrupted. So training can
    go on by either way.

    Args:
        module: A Sequential, or a module whose `forward` torch.fx can trace, of the
            modules that onefit has layers for.
        x, y: Inputs and targets: tensors or arrays; a list of x for several inputs.
        loss: `nn.MSELoss()` and so on, the same as a function (`F.mse_loss`), or what
            `compile` takes.
        optimizer: `torch.optim.Adam(module.parameters())` and so on, whose settings
            and state are taken over, or what `compile` takes, which starts anew.
        batch_size: Rows in a step; the last batch may be smaller.
        epochs: Passes over the data.
        verbose, validation_split, validation_data, shuffle, initial_epoch,
            validation_batch_size, validation_freq: As in `Model.fit`.
        callbacks: Rules and callbacks of onefit. Those that look at epochs or batches
            find the module as it is then.
        metrics: Names or metrics of onefit, as in `compile`.

    Returns:
        The History. Its `model` is the model that was trained in the module's place.

    Raises:
        ValueError, TypeError: A module, loss, optimizer or setting that onefit has not
            (which, by its path), before anything is trained.

    Differs from torch: the order of rows and what dropout drops are other draws,
    repeatable by `onefit.utils.set_random_seed`.

    Example:
        >>> from torch import nn, optim
        >>> module = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1))
        >>> x, y = onefit.datasets.xor()
        >>> sgd = optim.SGD(module.parameters(), lr=0.1)
        >>> history = fit(module, x, y, loss=nn.MSELoss(), optimizer=sgd, epochs=3,
        ...               verbose=0)
        >>> len(history.history["loss"])
        3

    Source: lecture 002, its run of XOR by PyTorch.
    """
    torch = package("torch", "onefit.interop.torch")
    if not isinstance(module, torch.nn.Module):
        raise mistyped(
            "fit",
            repr(module),
            "a module of torch",
            "write onefit.interop.torch.fit(module, x, y, ...)",
        )
    _refuse_loader(x)
    x, y, validation_data = map(_widened, (x, y, validation_data))
    reading = read(module, _shapes(x), exact=True)
    model = reading.model
    theirs = optimizer if isinstance(optimizer, torch.optim.Optimizer) else None
    bonds = _trained(reading, theirs)
    own = isinstance(loss, str | losses.Loss)
    if not own:
        _refuse_several(module, model)
        targets = y.detach().cpu().numpy() if hasattr(y, "detach") else np.asarray(y)
        loss = torch_losses.translated(loss, _last(module), targets)
    model.compile(
        optimizer=torch_optimizers.translated(theirs)
        if theirs is not None
        else optimizers.get(optimizer),
        loss=loss,
        metrics=metrics,
    )
    if theirs is not None:
        model.optimizer_state = torch_optimizers.from_state(
            theirs, model.graph, model.optimizer, bonds
        )
    hosts = listed(callbacks)
    mirror = _Mirror(reading, theirs, bonds)
    if any(isinstance(c, Callback) and overrides(c, *HOOKS) for c in hosts):
        hosts.insert(0, mirror)
    with mirror.writing():
        return model.fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=hosts,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )


class _Mirror(Callback):
    """Writes the weights, and the optimizer's state, back into torch's objects."""

    def __init__(
        self,
        reading: Reading,
        theirs: "torch.optim.Optimizer | None",
        bonds: list[Bond],
    ) -> None:
        super().__init__()
        self.reading, self.theirs, self.bonds = reading, theirs, bonds
        self.begun = self.steps = self._steps()

    def on_epoch_end(self, epoch: int, logs: Config | None = None) -> None:
        """Writes the weights before the other callbacks look at the module."""
        self.write()

    def _steps(self) -> int:
        state = self.reading.model.optimizer_state
        return 0 if state is None else int(state["iterations"])

    def write(self) -> None:
        """Writes weights, counters and the optimizer's state, if any step was made."""
        model, steps = self.reading.model, self._steps()
        if steps == self.begun:
            return
        for bond in self.reading.bonds:
            slot = bond.layer.slot
            state = bond.name in slot.state
            bond.write(slot.state[bond.name] if state else slot.params[bond.name])
        for counter in self.reading.counters:
            counter += steps - self.steps
        if self.theirs is not None:
            torch_optimizers.to_state(
                self.theirs,
                model.graph,
                model.optimizer,
                model.optimizer_state,
                self.bonds,
            )
        self.steps = steps

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Writes once more at the end, also when an error or Ctrl+C ends the fit."""
        try:
            yield
        finally:  # a callback may have restored the best weights since the last epoch
            self.write()


def _widened(data: Data) -> Data:
    """The data, bfloat16 as float32, since numpy has no bfloat16."""
    if isinstance(data, list | tuple):
        return type(data)(map(_widened, data))
    return data.float() if str(getattr(data, "dtype", "")) == "torch.bfloat16" else data


def _refuse_several(module: "nn.Module", model: Model) -> None:
    """Refuses several outputs, since a loss of torch takes one."""
    if (several := len(jax.tree.leaves(model.outputs))) > 1:
        raise invalid(
            f"fit, {type(module).__name__}",
            f"a module with {several} outputs",
            "one, as losses of torch take one",
            "write from_torch(module), and compile with a loss for each: "
            "model.compile('adam', ['mse', 'mse'])",
        )


def _shapes(x: Data) -> Shapes:
    """The shape of an example, or of one of each input."""
    if isinstance(x, list | tuple) and len(x) and hasattr(x[0], "shape"):
        return [tuple(np.shape(a)[1:]) for a in x]
    return tuple(getattr(x, "shape", None) or np.shape(x))[1:]


def _trained(reading: Reading, theirs: "torch.optim.Optimizer | None") -> list[Bond]:
    """The weights that train; layers whose tensors the optimizer has not are frozen.

    Raises:
        ValueError: A layer that the optimizer has a part of, a tensor that is none of
            the module's.
    """
    bonds = [bond for bond in reading.bonds if bond.name in bond.layer.slot.params]
    if theirs is None:
        return [bond for bond in bonds if bond.layer.trainable]
    free = [
        tensor for tensor in torch_optimizers.parameters(theirs) if tensor.requires_grad
    ]
    moved, known = {id(t) for t in free}, {id(t) for b in bonds for t in b.tensors}
    for tensor in free:
        if id(tensor) not in known:
            raise invalid(
                "optimizer",
                f"a tensor of shape {tuple(tensor.shape)} that no module in use has",
                "the module's own parameters",
                "write torch.optim.Adam(module.parameters())",
            )
    for layer in {id(bond.layer): bond.layer for bond in bonds}.values():
        mine = [bond for bond in bonds if bond.layer is layer]
        pairs = [
            pair for bond in mine for pair in zip(bond.paths, bond.tensors, strict=True)
        ]
        own = {path: id(tensor) in moved for path, tensor in pairs}
        if layer.trainable and len(set(own.values())) > 1:
            left = ", ".join(path for path, trains in own.items() if not trains)
            raise invalid(
                "optimizer",
                f"parameters without {left}",
                "all tensors of a module, or none",
                "write torch.optim.Adam(module.parameters())",
            )
        layer.trainable &= all(own.values())
    return [bond for bond in bonds if bond.layer.trainable]


def _last(module: Any) -> str:
    """The class of the last module, within nested Sequentials."""
    while type(module).__name__ == "Sequential" and len(module):
        module = module[-1]
    return type(module).__name__


def _refuse_loader(x: Data) -> None:
    if type(x).__module__.startswith("torch.utils.data"):
        raise mistyped(
            "x",
            f"a {type(x).__name__}",
            "tensors or arrays with all rows",
            "write `x, y = dataset.tensors`, or collect them: "
            "x, y = map(torch.cat, zip(*loader))",
        )
