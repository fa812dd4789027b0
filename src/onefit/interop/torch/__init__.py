"""torch: modules to models and back, and a module trained here, in place.

A module is followed through torch.fx, and layers are made of what is found
(`reader.py`); `writer.py` is the reverse; `training.py` trains a module with torch's
losses and optimizers as ours. The tables of modules are here. It uses models and what
they stand on; torch is imported by the functions that need it.
"""

from typing import TYPE_CHECKING

from onefit.interop.torch.reader import read
from onefit.interop.torch.training import fit
from onefit.interop.torch.writing import written
from onefit.models.model import Model
from onefit.packages import package
from onefit.types import Shapes

if TYPE_CHECKING:
    from torch import nn

__all__ = ["fit", "from_torch", "to_torch"]


def from_torch(module: "nn.Module", input_shape: Shapes = None) -> Model:
    """A model that computes what a module of torch computes, with its weights.

    It takes the same arrays, channels first, and is made of the layers of the
    catalogue, so it trains, is saved and is drawn like any other.

    Args:
        module: A Sequential, or a module whose `forward` torch.fx can trace, of the
            modules that onefit has layers for.
        input_shape: The shape of an example, without the batch, or a list of those of
            several inputs. It may be left out where the first module says it.

    Raises:
        ValueError: A module that onefit has no layer for (its path), a shape that is
            needed.
        ImportError: torch is not installed.

    Differs from torch once it trains: a recurrent layer has one bias, the sum of
    torch's two; a moving variance is not made unbiased; the row of a `padding_idx`
    learns. `fit` trains as torch does.

    Example:
        >>> from torch import nn
        >>> module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> model = from_torch(module)
        >>> [layer.name for layer in model.layers]
        ['dense_0', 'activation_1', 'dense_2']
        >>> y = module(nn.init.ones_(nn.Parameter(nn.Linear(2, 1).weight)))
        >>> bool(np.allclose(model.predict(np.ones((1, 2))), y.detach(), atol=1e-6))
        True
    """
    package("torch", "onefit.interop.torch")
    return read(module, input_shape, exact=False).model


def to_torch(model: Model) -> "nn.Module":
    """A module of torch that computes what a model computes, with its weights.

    It takes the same arrays. Layers one after another are an `nn.Sequential`, other
    graphs, and layers with channels last, a `torch.fx.GraphModule`. It is in eval mode.

    Args:
        model: A model that has its weights.

    Raises:
        ValueError: A model without weights, a layer that torch has not.
        ImportError: torch is not installed.

    Regularizers and constraints, which only training needs and torch's modules do not
    have, are left out, with a warning.

    Example:
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((2,)), Dense(3, "relu"), Dense(1)])
        >>> to_torch(model)
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): ReLU()
          (2): Linear(in_features=3, out_features=1, bias=True)
        )
    """
    package("torch", "onefit.interop.torch")
    return written(model)
