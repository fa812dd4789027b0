"""Callbacks: what happens between epochs, inside the program or on the host.

* Rules (EarlyStopping, ReduceLROnPlateau, SwapEMAWeights, TerminateOnNaN) live inside
  the program.
* CSVLogger, TensorBoard, RemoteMonitor, BackupAndRestore and the progress bar read
  after many epochs at once. Both kinds leave a fit as fast as it is.
* LambdaCallback, LearningRateScheduler, ModelCheckpoint and your own `Callback` stop
  the program after each epoch, or each batch, if they look at batches.
"""

from typing import NoReturn

from onefit.spellings import absent
from onefit.training.callback import Callback
from onefit.training.callback_list import CallbackList
from onefit.training.checkpoints import BackupAndRestore, ModelCheckpoint
from onefit.training.from_functions import LambdaCallback, LearningRateScheduler
from onefit.training.history import History
from onefit.training.progress import ProgbarLogger
from onefit.training.recorders import CSVLogger, RemoteMonitor, TensorBoard
from onefit.training.rules import (
    EarlyStopping,
    ReduceLROnPlateau,
    Rule,
    SwapEMAWeights,
    TerminateOnNaN,
)

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "Rule",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]


def __getattr__(name: str) -> NoReturn:
    raise absent("onefit.callbacks", name)
