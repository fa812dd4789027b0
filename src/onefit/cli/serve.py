"""`onefit serve`: a model answers over HTTP."""

import argparse
import os

from onefit.cli.predict import threshold_of

__all__ = ["serve"]


def serve(arguments: argparse.Namespace) -> int:
    """Answers until it is told to end; returns the exit code."""
    from onefit import serving, tables

    bounds = serving.Bounds(
        size=int(arguments.max_size * 1e6),
        rows=arguments.max_rows,
        seconds=arguments.max_seconds,
        connections=arguments.max_connections,
    )
    service = serving.Service(
        tables.load(arguments.model),
        coverage=arguments.coverage,
        threshold=threshold_of(arguments),
        sure=arguments.sure,
    )
    names = tuple(filter(None, arguments.name.split(",")))
    serving.serve(
        service,
        host=arguments.host,
        port=arguments.port,
        token=arguments.token or os.environ.get("ONEFIT_TOKEN"),
        names=names,
        bounds=bounds,
        say=lambda note: print(f"onefit: {note}", flush=True),
    )
    return 0
