"""Serving: a model of a table asked over HTTP, as `onefit serve` does.

`answering` turns rows into answers, `batching` gathers what many ask at once into one
call, `bodies` reads what was sent, `describing` says what a model takes, `application`
is all of it as ASGI, and `running` keeps it up.
"""

from onefit.serving.application import application
from onefit.serving.limits import Bounds
from onefit.serving.running import serve
from onefit.serving.service import Service

__all__ = ["Bounds", "Service", "application", "serve"]
