"""A service that is kept up until it is told to end."""

import logging
import secrets
import signal
import socket
from collections.abc import Callable
from typing import Any

from onefit.errors import invalid
from onefit.packages import package
from onefit.serving.application import LOCAL, application
from onefit.serving.limits import Bounds
from onefit.serving.service import Service

__all__ = ["serve"]

BACKLOG = 2048
"""Connections that may wait to be taken."""

SHORT = 16
"""Letters that a token has at least."""


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
    uvicorn = package("uvicorn", "A service")
    bounds = bounds or Bounds()
    alone = host in (*LOCAL, "::1")
    if token is None and not alone:
        token = secrets.token_urlsafe(24)
        say(f"token: {token}")
    if token is not None and len(token) < SHORT:
        raise invalid("token", f"{len(token)} letters", f"{SHORT} or more")
    listening = _socket(host, port)
    hosts = (*LOCAL, *names) if alone else ("*",)
    app = application(service, bounds=bounds, token=token, hosts=hosts)
    service.warm()
    settings = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=bounds.connections,
        timeout_keep_alive=int(bounds.seconds),
        timeout_graceful_shutdown=int(bounds.seconds),
    )
    logging.getLogger("onefit.serving").setLevel(logging.ERROR)
    listening.listen(BACKLOG)
    shown = f"[{host}]" if ":" in host else host
    say(f"listening at http://{shown}:{listening.getsockname()[1]} (Ctrl-C to end)")
    # uvicorn ends in order, then raises the signal anew: nothing is left to do.
    ends = (signal.SIGINT, signal.SIGTERM)
    before = {end: signal.signal(end, _nothing) for end in ends}
    try:
        uvicorn.Server(settings).run(sockets=[listening])
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)
        listening.close()


def _nothing(number: int, frame: Any) -> None:
    del number, frame


def _socket(host: str, port: int) -> socket.socket:
    """A socket at this address, found before anything is compiled."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except (OSError, OverflowError) as error:
        made.close()
        raise invalid(
            "--host, --port",
            f"{host}:{port} ({error})",
            "an address of this machine, and a port that is free",
            "write --port 0 for any that is free",
        ) from None
    return made
