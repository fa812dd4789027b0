"""PyTorch, eager and compiled: the loop that its tutorials write.

In its favour: no DataLoader (collating single rows in Python would dominate these small
steps; a permutation and tensor indexing do the same work), and fused=True, which made
the eager digits step 1.8 times faster than torch's default when this was written.
"""

import numpy as np
import torch
from torch.nn import functional

from benchmarks.peers import torch_nets


class Contestant:
    def __init__(
        self, work, x, y, weights, *, extras=False, compiled=False, channels_last=False
    ):
        self.work = work
        self.x = torch.from_numpy(x.astype(np.int64) if work.length else x)
        self.y = torch.from_numpy(y if work.binary else y.astype(np.int64))
        self.model = torch_nets.network(work)
        torch_nets.put(self.model, weights)
        if work.net == "cnn":
            # One channel: rows of (28, 28, 1) and of (1, 28, 28) are the same memory.
            # Not permute(): its strides alone would set off channels_last.
            self.x = self.x.reshape(-1, 1, *x.shape[1:3])
        if channels_last:
            self.x = self.x.to(memory_format=torch.channels_last)
            self.model = self.model.to(memory_format=torch.channels_last)
        parameters = self.model.parameters()
        if work.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(parameters, work.rate, fused=True)
        else:
            self.optimizer = torch.optim.Adam(
                parameters, work.rate, eps=1e-7, fused=True
            )
        self.cost = (
            functional.binary_cross_entropy_with_logits
            if work.binary
            else functional.cross_entropy
        )
        # Forward, loss and backward as one graph for each of the two batch sizes.
        self.loss = torch.compile(self._loss, dynamic=False) if compiled else self._loss
        self.forward = (
            torch.compile(self.model, dynamic=False) if compiled else self.model
        )

    def _loss(self, x, y):
        return self.cost(self.model(x), y)

    def train(self, epochs: int) -> None:
        n, size = len(self.x), self.work.batch_size
        for _ in range(epochs):
            order = torch.randperm(n)
            total = 0.0
            for start in range(0, n, size):
                rows = order[start : start + size]
                self.optimizer.zero_grad()
                loss = self.loss(self.x[rows], self.y[rows])
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(rows)
            self.mean_loss = total / n

    def weights(self) -> list[np.ndarray]:
        return [w.detach().numpy() for w in torch_nets.read(self.model)]

    @torch.inference_mode()
    def evaluate(self) -> float:
        size = self.work.batch_size
        total = 0.0
        for x, y in zip(self.x.split(size), self.y.split(size), strict=True):
            total += self.cost(self.forward(x), y).item() * len(x)
        return total / len(self.x)

    @torch.inference_mode()
    def predict(self) -> np.ndarray:
        batches = self.x.split(self.work.batch_size)
        return torch.cat([self.forward(x) for x in batches]).numpy()

    @torch.inference_mode()
    def predict_row(self) -> np.ndarray:
        return self.forward(self.x[:1]).numpy()
