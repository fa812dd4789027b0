"""What servers share: who may ask, what a page may load, where to listen.

A page of somewhere else can neither read nor steer a server here: the name it is asked
under is checked (`Host`, so that no name made to point here will do), where a request
comes from (`Origin`), and the token. A page loads nothing from elsewhere.
"""

import hmac
import re
import signal
import socket
import threading
from collections.abc import Mapping
from typing import Any

from onefit.errors import invalid
from onefit.packages import package

__all__ = ["HEADERS", "LOCAL", "Door", "Refused", "keep_up", "listening_at", "spoken"]

LOCAL = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine for itself."""

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""The page may load nothing from elsewhere, and stand in no other page."""

PORT = re.compile(r":\d*$")

SHORT = 16
"""Letters that a token has at least."""


class Refused(Exception):
    """A request that is answered with a status and a sentence.

    Args:
        status: Of HTTP.
        sentence: What was received, what was expected.
        headers: Of the answer, beside the usual ones.
    """

    def __init__(
        self, status: int, sentence: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers or {}


class Door:
    """Who may ask: under which names, from which pages, with which token.

    Args:
        names: The names under which it may be asked, '*' for any.
        token: What clients have to send; None for nothing.
        command: What said the address and the token, for the errors.

    Raises:
        ValueError: A token that is too short.

    >>> door = Door(LOCAL, None, "onefit serve")
    >>> door.admit({"host": "localhost:8000"})
    >>> try:
    ...     door.admit({"host": "elsewhere.org"})
    ... except Refused as refused:
    ...     refused.status
    421
    """

    def __init__(self, names: tuple[str, ...], token: str | None, command: str) -> None:
        if token is not None and len(token) < SHORT:
            raise invalid("token", f"{len(token)} letters", f"{SHORT} or more")
        self.names, self.token, self.command = frozenset(names), token, command

    def admit(self, headers: Mapping[str, str]) -> None:
        """Refuses a request for another host, or one from a page of another.

        Raises:
            Refused: 421 for the host, 403 for the page.
        """
        host = headers.get("host", "")
        if not self._knows(host):
            raise Refused(
                421, f"the host: received {PORT.sub('', host)[:60]!a}; expected "
                f"{LOCAL[0]}. Open the address that `{self.command}` said.",
            )  # fmt: skip
        origin = headers.get("origin")
        if origin is None:
            return
        page = origin.partition("://")[2]
        if page.lower() != host.lower() and not self._named(page):
            raise Refused(403, f"the page: received {origin[:60]!a}; expected our own.")

    def _knows(self, host: str) -> bool:
        return PORT.sub("", host).lower() in self.names or "*" in self.names

    def _named(self, page: str) -> bool:
        """Whether a page's host was named, as a proxy's is; not this machine's."""
        return bool({PORT.sub("", page).lower(), "*"} & (self.names - {*LOCAL}))

    def unlock(self, headers: Mapping[str, str], given: str = "") -> None:
        """Refuses a request without the token.

        Args:
            headers: Of the request: `Authorization: Bearer TOKEN`.
            given: A token that came on another way.

        Raises:
            Refused: 401.
        """
        if self.token is None:
            return
        kind, _, sent = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            given = sent.strip()
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise Refused(
                401, "the token: received none, or another. Send the header "
                "Authorization: Bearer TOKEN, with the token that "
                f"`{self.command}` said.",
                {"www-authenticate": "Bearer"},
            )  # fmt: skip


def listening_at(host: str, port: int) -> socket.socket:
    """A socket at this address, found before anything is compiled.

    Raises:
        ValueError: An address of another machine, a port that is taken.
    """
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


def spoken(host: str, listening: socket.socket) -> str:
    """The address as people write it.

    >>> with listening_at("127.0.0.1", 0) as found:
    ...     spoken("127.0.0.1", found).rpartition(":")[0]
    'http://127.0.0.1'
    """
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"


def keep_up(
    app: Any,  # of ASGI
    listening: socket.socket,
    *,
    connections: int = 512,
    seconds: float = 30.0,
) -> None:
    """Answers until Ctrl-C, or a signal to end; then answers who waits.

    Args:
        app: The ASGI application.
        listening: Where.
        connections: At once, at most.
        seconds: That a connection may be idle, and that who waits may take in the end.

    Raises:
        ImportError: uvicorn is not installed.
    """
    uvicorn = package("uvicorn", "A service")
    settings = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections,
        timeout_keep_alive=int(seconds),
        timeout_graceful_shutdown=int(seconds),
    )
    server = uvicorn.Server(settings)
    if threading.current_thread() is not threading.main_thread():
        server.run(sockets=[listening])
        return
    # uvicorn ends in order, then raises the signal anew: nothing is left to do.
    ends = (signal.SIGINT, signal.SIGTERM)
    before = {end: signal.signal(end, _nothing) for end in ends}
    try:
        server.run(sockets=[listening])
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)
        listening.close()


def _nothing(number: int, frame: Any) -> None:
    del number, frame
