"""The networks as PyTorch's users write them, and the common weights to and from them.

`read` gives a model's weights in the common order and layouts. It only reorders, and
the transpose of a reordering is its inverse: `put` is the gradient of `read`.
"""

import itertools

import torch
from torch import nn

from benchmarks.nets import BLOCKS, EPSILON, HEADS, WINDOW


def network(work) -> nn.Module:
    if work.net == "dense":
        activation = nn.ReLU if work.activation == "relu" else nn.Sigmoid
        pairs = itertools.pairwise(work.sizes)
        layers = [m for n, units in pairs for m in (nn.Linear(n, units), activation())]
        return nn.Sequential(*layers[:-1])
    if work.net == "cnn":
        side, first, second, outputs = work.sizes
        side = ((side - 2) // 2 - 2) // 2
        return nn.Sequential(
            nn.Conv2d(1, first, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            AfterImage(side, second, outputs),
        )
    words, width, units, outputs = work.sizes
    middle = {"conv1d": Convolution, "transformer": Encoder}.get(work.net, Recurrent)
    units = width if work.net == "transformer" else units
    last = nn.Linear(units, outputs)
    return nn.Sequential(nn.Embedding(words, width), middle(work), last)


class AfterImage(nn.Linear):
    """Its inputs come channels first, where those of the common weights come last."""

    def __init__(self, side, channels, outputs):
        super().__init__(side * side * channels, outputs)
        self.image = (channels, side, side)


class Recurrent(nn.Module):
    def __init__(self, work):
        super().__init__()
        _, width, units, _ = work.sizes
        kind = nn.LSTM if work.net == "lstm" else nn.GRU
        self.rnn = kind(width, units, batch_first=True)
        if work.net == "lstm":
            # Its second bias is only ever added to the first: the others have one.
            nn.init.zeros_(self.rnn.bias_hh_l0).requires_grad_(False)

    def forward(self, x):
        return self.rnn(x)[0][:, -1]


class Convolution(nn.Module):
    def __init__(self, work):
        super().__init__()
        _, width, filters, _ = work.sizes
        self.conv = nn.Conv1d(width, filters, WINDOW)

    def forward(self, x):
        return self.conv(x.transpose(1, 2)).relu().amax(dim=2)


class Encoder(nn.Module):
    def __init__(self, work):
        super().__init__()
        _, width, inner, _ = work.sizes
        block = nn.TransformerEncoderLayer(
            width, HEADS, inner, dropout=0.0, layer_norm_eps=EPSILON, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(block, BLOCKS)

    def forward(self, x):
        return self.encoder(x).mean(dim=1)


def read(module: nn.Module) -> list[torch.Tensor]:
    if layout := LAYOUTS.get(type(module)):
        return layout(module)
    return [w for child in module.children() for w in read(child)]


def put(model: nn.Module, weights: list) -> None:
    parameters = [p for p in model.parameters() if p.requires_grad]
    values = [torch.from_numpy(w) for w in weights]
    values = torch.autograd.grad(read(model), parameters, values)
    for parameter, value in zip(parameters, values, strict=True):
        parameter.data.copy_(value)


def _after_image(m):
    weight = m.weight.unflatten(1, m.image).permute(2, 3, 1, 0)
    return [weight.flatten(0, 2), m.bias]


def _swap(w):
    """From reset, update, new to the common order of gates: update, reset, new."""
    reset, update, new = w.chunk(3)
    return torch.cat([update, reset, new])


def _gru(m):
    biases = torch.stack([_swap(m.bias_ih_l0), _swap(m.bias_hh_l0)])
    return [_swap(m.weight_ih_l0).T, _swap(m.weight_hh_l0).T, biases]


def _norm(m):
    return [m.weight, m.bias]


def _block(m):
    a, split = m.self_attn, (HEADS, -1)
    weights = []
    for w, b in zip(a.in_proj_weight.chunk(3), a.in_proj_bias.chunk(3), strict=True):
        weights += [w.T.unflatten(1, split), b.unflatten(0, split)]
    weights += [a.out_proj.weight.T.unflatten(0, split), a.out_proj.bias]
    weights += [*_norm(m.norm1), *read(m.linear1), *read(m.linear2), *_norm(m.norm2)]
    return weights


LAYOUTS = {
    nn.Linear: lambda m: [m.weight.T, m.bias],
    AfterImage: _after_image,
    nn.Conv2d: lambda m: [m.weight.permute(2, 3, 1, 0), m.bias],
    nn.Conv1d: lambda m: [m.weight.permute(2, 1, 0), m.bias],
    nn.Embedding: lambda m: [m.weight],
    nn.LSTM: lambda m: [m.weight_ih_l0.T, m.weight_hh_l0.T, m.bias_ih_l0],
    nn.GRU: _gru,
    nn.TransformerEncoderLayer: _block,
}
