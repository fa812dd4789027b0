"""The lab kept up: from the command line until Ctrl-C, from Python in a thread."""

import dataclasses
import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from onefit.packages import package
from onefit.web import LOCAL, keep_up, listening_at, spoken

if TYPE_CHECKING:
    from onefit.lab.application import Served
    from onefit.models import Model
    from onefit.types import Data

__all__ = ["Page", "opened", "serve", "show"]

BACKLOG = 128


def serve(
    lab: "Served",
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    names: tuple[str, ...] = (),
    token: str | None = None,
    browser: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Answers pages until Ctrl-C, or a signal to end.

    Args:
        lab: What is looked at.
        host: The address to listen at.
        port: 0 for any that is free.
        names: More names under which it is asked, such as a proxy's.
        token: What a page has to send; drawn, unless given.
        browser: Whether a browser is opened on it.
        say: Is told the address.

    Raises:
        ImportError: starlette or uvicorn is not installed.
        ValueError: A port that is taken, a token that is too short.
    """
    from onefit.lab.application import application

    package("uvicorn", "The lab")
    token = token or secrets.token_urlsafe(24)
    alone = host in (*LOCAL, "::1")
    app = application(lab, token, (*LOCAL, *names) if alone else ("*",))
    listening = listening_at(host, port)
    listening.listen(BACKLOG)
    address = f"{spoken(host, listening)}/?token={token}"
    say(f"the lab is at {address} (Ctrl-C to end)")
    if browser:
        import webbrowser

        threading.Timer(0.3, webbrowser.open, [address]).start()
    keep_up(app, listening, connections=128, seconds=1)


@dataclasses.dataclass(frozen=True)
class Page:
    """A lab that is open: its address; in a notebook it shows itself.

    Attributes:
        address: To open in a browser.
    """

    address: str

    def _repr_html_(self) -> str:
        return (
            f'<iframe src="{self.address}" title="onefit lab" width="100%" '
            'height="820" style="border:0"></iframe>'
        )

    def __str__(self) -> str:
        return f"the lab is at {self.address}"

    __repr__ = __str__


def opened(lab: "Served", port: int = 0, names: tuple[str, ...] = ()) -> Page:
    """Opens a page on a lab, kept up by a thread as long as the process lives.

    Raises:
        ImportError: starlette or uvicorn is not installed.
    """
    from onefit.lab.application import application

    package("uvicorn", "The lab")
    token = secrets.token_urlsafe(24)
    app = application(lab, token, (*LOCAL, *names), framed=True)
    listening = listening_at("127.0.0.1", port)
    listening.listen(BACKLOG)
    threading.Thread(
        target=keep_up,
        args=(app, listening),
        kwargs={"connections": 128, "seconds": 1},
        name="lab page",
        daemon=True,
    ).start()
    return Page(f"{spoken('127.0.0.1', listening)}/?token={token}")


def show(
    model: "Model", x: "Data", y: "Data", *, port: int = 0, names: tuple[str, ...] = ()
) -> Page:
    """Opens the lab on a model and its rows; a notebook shows it in a frame.

    The page trains the model itself, until something about it is changed there: from
    then on one of its own. What has layers that the page has (Dense, Dropout,
    BatchNormalization, Conv2D, MaxPooling2D, Flatten) can be changed.

    Args:
        model: A compiled model, a Sequential of one input and one output.
        x: Rows: (rows, columns), or images.
        y: Targets: (rows,), (rows, 1), or one-hot.
        port: 0 for any that is free.
        names: Names of a proxy in front of it, such as a hub's.

    Returns:
        The Page, with its address.

    Raises:
        ImportError: starlette or uvicorn is not installed.
        ValueError, TypeError: What `fit` would refuse of the model or the rows.

    Example:
        >>> from onefit.layers import Dense
        >>> x, y = onefit.datasets.xor()
        >>> model = onefit.Sequential([
        ...     onefit.Input((2,)), Dense(2, "tanh"), Dense(1, "sigmoid")])
        >>> model.compile("sgd", "binary_crossentropy")
        >>> page = onefit.lab.show(model, x, y)
        >>> page.address.partition("?")[0].rpartition(":")[0]
        'http://127.0.0.1'
    """
    package("uvicorn", "The lab")
    import numpy as np

    from onefit.lab.data import of_arrays
    from onefit.lab.design import Design
    from onefit.lab.desk import Lab

    rows = of_arrays(x, y)
    model.ready_for(np.asarray(x))
    begun = Design(data="yours", share=0.0, features=(), batch=min(32, len(rows.x)))
    design = begun.of(model)
    plain = design is not None and np.size(np.asarray(y)) == len(rows.x)
    raw: Any = None if plain else (np.asarray(x), np.asarray(y))
    return opened(Lab(design, rows, model, raw), port, names)
