"""Arguments of the command line, and how an error is shown."""

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    0: done. 1: the data or an argument cannot be meant. 2: usage. 130: interrupted.
    `onefit run` ends with the code of the program that it runs.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == ["run"]:  # whose arguments are the program's own
        from onefit.scripts.main import main as run

        return run(given[1:])
    arguments = _parser().parse_args(given)
    try:
        return arguments.run(arguments)
    except (ValueError, TypeError, OSError) as error:
        if arguments.debug:
            raise
        print(f"onefit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("onefit: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    from onefit import __version__

    parser = argparse.ArgumentParser(
        prog="onefit", description="Train neural networks as one compiled program."
    )
    parser.add_argument("--version", action="version", version=f"onefit {__version__}")
    parser.add_argument(
        "--debug", action="store_true", help="show the whole traceback of an error"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    train = commands.add_parser(
        "train",
        help="train a network on a table",
        description="Train a network on a table (CSV with a header row) and write the "
        "model, its history and a picture of its loss.",
    )
    train.add_argument("table", help="the CSV file")
    train.add_argument(
        "--target", help="the column to predict (default: the last one, said aloud)"
    )
    train.add_argument(
        "--problem",
        choices=("auto", "binary", "multiclass", "regression"),
        default="auto",
        help="what the target is (default: found from its values, said aloud)",
    )
    train.add_argument("--drop", default="", metavar="A,B", help="columns to leave out")
    train.add_argument(
        "--hidden",
        metavar="UNITS",
        help="units of the hidden layers, such as 64,32 ('' for none; default: by the "
        "number of rows)",
    )
    train.add_argument("--epochs", type=int, default=200, help="default: 200")
    train.add_argument("--batch-size", type=int, default=32, help="default: 32")
    train.add_argument(
        "--learning-rate", type=float, default=0.001, help="of Adam (default: 0.001)"
    )
    train.add_argument(
        "--patience",
        type=int,
        default=20,
        help="epochs without a better validation loss before it stops (default: 20)",
    )
    train.add_argument(
        "--held-out",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the rows kept for the final test (default: 0.2)",
    )
    train.add_argument("--seed", type=int, default=0, help="default: 0")
    train.add_argument(
        "--output", metavar="DIR", help="folder to write (default: onefit-<table>)"
    )
    train.add_argument("--quiet", action="store_true", help="print results only")
    train.set_defaults(run=_train)
    commands.add_parser(
        "run",
        help="run a program written for TensorFlow or Keras; see `onefit run --help`",
    )
    return parser


def _train(arguments: argparse.Namespace) -> int:
    from onefit.cli.train import train

    return train(arguments)
