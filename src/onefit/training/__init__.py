"""Training: the task, the program that trains it, and the loop around the program.

`Compiled` is a network with what `compile` said, a `Task` what a program trains, a
`Job` all that a fit was asked. `program.py` has the step, the epoch and the run,
`stretches.py` decides how many epochs a call runs, `loop.py` is the Python around them;
rules, callbacks and the history are here, and evaluation and prediction. Training uses
networks, data, losses, metrics and optimizers; it knows nothing of models, files, guide
and plots.
"""
