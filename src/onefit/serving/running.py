"""A service that is kept up until it is told to end."""

import gc
import logging
import secrets
from collections.abc import Callable

from onefit.packages import package
from onefit.serving.application import application
from onefit.serving.limits import Bounds
from onefit.serving.service import Service
from onefit.web import LOCAL, keep_up, listening_at, spoken

__all__ = ["serve"]

BACKLOG = 2048
"""Connections that may wait to be taken."""


def serve(
    service: Service,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    names: tuple[str, ...] = (),
    bounds: Bounds | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Answers clients until Ctrl-C, or a signal to end; then answers who waits.

    Args:
        service: What answers.
        host: The address to listen at. Where others can reach it, a token is asked for:
            the one given, or one that is drawn and said.
        port: 0 for any that is free.
        token: What clients have to send.
        names: More names under which it is asked, such as a proxy's.
        bounds: What clients may ask for.
        say: Is told where it listens.

    Raises:
        ImportError: uvicorn is not installed.
        ValueError: A port that is taken, a token that is too short.
    """
    package("uvicorn", "A service")
    bounds = bounds or Bounds()
    alone = host in (*LOCAL, "::1")
    if token is None and not alone:
        token = secrets.token_urlsafe(24)
        say(f"token: {token}")
    hosts = (*LOCAL, *names) if alone else ("*",)
    app = application(service, bounds=bounds, token=token, hosts=hosts)
    listening = listening_at(host, port)
    service.warm()
    # What is there now stays: looking through it for garbage would take a tenth of a
    # second again and again, while requests wait.
    gc.collect()
    gc.freeze()
    logging.getLogger("onefit.serving").setLevel(logging.ERROR)
    listening.listen(BACKLOG)
    say(f"listening at {spoken(host, listening)} (Ctrl-C to end)")
    keep_up(app, listening, connections=bounds.connections, seconds=bounds.seconds)
