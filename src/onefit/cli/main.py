"""Arguments of the command line, and how an error is shown."""

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from onefit.cli.options import add_reading
from onefit.packages import package

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

__all__ = ["main"]


BEGIN = """\
to begin:
  onefit train orders.csv --target returned     a model and a report of a table
  onefit predict onefit-orders/model.onefit new.csv
  onefit run script.py                          a program for TensorFlow or Keras
  onefit doctor                                 what is installed here

`onefit train --help` and so on say more of a command. In Python: import onefit.
"""

SHELLS = ("bash", "zsh", "tcsh")


class _Completion(argparse.Action):
    """Prints a script for a shell, and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        del namespace, option_string
        shtab = package("shtab", "Completion in the shell")
        print(shtab.complete(parser, shell=values))
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    0: done. 1: the data or an argument cannot be meant. 2: usage. 130: interrupted.
    `onefit run` ends with the code of the program that it runs.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == ["run"]:  # whose arguments are the program's own
        from onefit.scripts.main import main as run

        return run(given[1:], alone=argv is None)
    try:
        arguments = _parser().parse_args(given)
    except ImportError as error:  # of what completes
        print(f"onefit: {error}", file=sys.stderr)
        return 1
    try:
        return arguments.run(arguments)
    except BrokenPipeError:  # who reads has had enough, as `| head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, OSError, ImportError) as error:
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
        prog="onefit",
        description="Train neural networks as one compiled program.",
        epilog=BEGIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"onefit {__version__}")
    parser.add_argument(
        "--debug", action="store_true", help="show the whole traceback of an error"
    )
    parser.add_argument(
        "--print-completion",
        action=_Completion,
        choices=SHELLS,
        help="print what completes commands and options in a shell",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    _add_train(commands)
    _add_predict(commands)
    _add_report(commands)
    _add_serve(commands)
    _add_lab(commands)
    _add_export(commands)
    commands.add_parser(
        "run",
        help="run a program written for TensorFlow or Keras; see `onefit run --help`",
    )
    _add_sweep(commands)
    _add_gather(commands)
    _add_doctor(commands)
    return parser


def _seconds(text: str) -> float:
    """So many seconds, above 0."""
    found = float(text)
    if not found > 0:
        raise argparse.ArgumentTypeError(f"{text} seconds, where some are needed")
    return found


def _table_command(
    commands: "Commands", name: str, summary: str, usage: str, text: str, examples: str
) -> argparse.ArgumentParser:
    """A command for tables: a short usage, what it does, and examples below."""
    return commands.add_parser(
        name,
        help=summary,
        usage=f"onefit {name} {usage}",
        description=textwrap.fill(text, 78),
        epilog=f"examples:\n{textwrap.indent(examples, '  ')}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


TRAIN = """\
onefit train orders.csv --target returned
onefit train orders.csv --target returned --quick --drop comment
onefit train orders.xlsx --target price --roles "zip=category,day=time"
"""

PREDICT = """\
onefit predict onefit-orders/model.onefit new.csv --output predictions.csv
onefit predict onefit-orders/model.onefit new.csv --sure 0.9
"""

SERVE = """\
onefit serve onefit-orders/model.onefit       then open http://127.0.0.1:8000
curl http://127.0.0.1:8000/predict -H 'content-type: text/csv' \\
  --data-binary @new.csv
"""


def _add_train(commands: "Commands") -> None:
    train = _table_command(
        commands,
        "train",
        "train networks on a table",
        "TABLE [--target COLUMN] [options]",
        "Train networks that predict one column of a table from the others. The table "
        "may be CSV of any dialect, Excel, Parquet, JSON lines, or SQLite; text, dates "
        "and empty cells are welcome. It takes about a minute, and writes a folder: "
        "model.onefit (for `onefit predict`), report.html (to read) and report.json.",
        TRAIN,
    )
    train.add_argument("table", help="the file")
    what = train.add_argument_group("what is predicted, and from what")
    what.add_argument(
        "--target",
        metavar="A,B",
        help="the column to predict, or several (default: the last one, said aloud)",
    )
    what.add_argument(
        "--problem",
        default="auto",
        metavar="KIND",
        help="what the target is: binary, multiclass, ordered, regression, count, "
        "skewed, multilabel (default: found from its values, said aloud)",
    )
    what.add_argument("--drop", default="", metavar="A,B", help="columns to leave out")
    what.add_argument(
        "--roles",
        default="",
        metavar="A=ROLE,...",
        help="what columns are for, where it is not what is found: number, category, "
        "date, text, drop; weight: how much a row counts; group: rows that stay "
        "together; time: what came first; or an order, as size=S<M<L",
    )
    much = train.add_argument_group("how much is tried")
    how = much.add_mutually_exclusive_group()
    how.add_argument(
        "--quick", action="store_true", help="one network, tested on one part of rows"
    )
    how.add_argument(
        "--best", action="store_true", help="more networks; give it more --time too"
    )
    much.add_argument(
        "--time",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long training may take; 0 for no limit (default: 60)",
    )
    much.add_argument(
        "--metric",
        metavar="NAME",
        help="the score to be best in: log_loss (default), accuracy, f1, "
        "balanced_accuracy, auc, brier; of numbers rmse (default), mae, r2",
    )
    much.add_argument(
        "--folds",
        type=int,
        default=5,
        metavar="N",
        help="parts of the rows, each held out in turn to test on (default: 5)",
    )
    much.add_argument(
        "--improve",
        type=_seconds,
        nargs="?",
        const=30.0,
        metavar="SECONDS",
        help="try changes on a plain network of the table, and print what each brings "
        "and the program of the best; the model stays as it is (default: not; 30)",
    )
    much.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of all that is drawn at random (default: 0)",
    )
    out = train.add_argument_group("what comes out")
    out.add_argument(
        "--test", metavar="FILE", help="another table, to test on in the end"
    )
    out.add_argument(
        "--output", metavar="DIR", help="folder to write (default: onefit-<table>)"
    )
    _add_overwrite(out, "files that are")
    out.add_argument(
        "--quiet", action="store_true", help="print the result, not what is found"
    )
    add_reading(train)
    train.set_defaults(run=_train)


def _add_predict(commands: "Commands") -> None:
    predict = _table_command(
        commands,
        "predict",
        "predict the rows of a table with a trained model",
        "MODEL TABLE [--output FILE] [options]",
        "Predict the rows of a table. Writes the id column if there is one (else the "
        "line), prediction, and a probability for each class or the lower and upper "
        "end of an interval. What is odd about the rows is said.",
        PREDICT,
    )
    predict.add_argument("model", help="the model.onefit that `onefit train` wrote")
    predict.add_argument("table", help="the rows; columns may come in any order")
    predict.add_argument(
        "--output", metavar="FILE", help="the CSV file to write (default: the screen)"
    )
    _add_answering(predict)
    _add_overwrite(predict, "a file that is")
    add_reading(predict)
    predict.set_defaults(run=_predict)


def _add_answering(parser: argparse.ArgumentParser) -> None:
    """Adds what predictions are to be like."""
    parser.add_argument(
        "--coverage",
        type=float,
        default=0.9,
        metavar="P",
        help="of numbers: the share of rows whose true number lies between lower and "
        "upper (default: 0.9)",
    )
    parser.add_argument(
        "--threshold",
        metavar="P",
        help="of two classes: the probability from which on the second is said; or "
        "accuracy, balanced_accuracy or f1 for the best one by that score",
    )
    parser.add_argument(
        "--costs",
        metavar="A,B;C,D",
        help="of two classes: what answers cost, a row for each true class, as 0,1;5,0 "
        "where a missed second class costs five false alarms",
    )
    parser.add_argument(
        "--sure",
        type=float,
        metavar="P",
        help="of classes: leave the prediction empty where its probability is less",
    )


def _add_report(commands: "Commands") -> None:
    report = _table_command(
        commands,
        "report",
        "write what a model was trained on and how far it can be relied on",
        "MODEL [--output FILE]",
        "Write the report of a model as one page that needs nothing else, or as JSON "
        "if the name ends in .json: what was found in the table, scores beside trees, "
        "which columns matter, which rows are most wrong.",
        "onefit report onefit-orders/model.onefit --output orders.html\n",
    )
    report.add_argument("model", help="the model.onefit that `onefit train` wrote")
    report.add_argument(
        "--output", metavar="FILE", help="the file (default: <model>-report.html)"
    )
    _add_overwrite(report, "a file that is")
    report.set_defaults(run=_report)


def _add_serve(commands: "Commands") -> None:
    serve = _table_command(
        commands,
        "serve",
        "answer other programs, and people in a browser, over HTTP",
        "MODEL [--port PORT] [options]",
        "Serve a model over HTTP, until Ctrl-C. The page at / has a form; programs "
        "POST rows as JSON or CSV to /predict. GET /schema says what rows have, "
        "/openapi.json how to ask, /health and /metrics how it is. It listens on this "
        "machine alone, unless --host says otherwise; then a token is asked for.",
        SERVE,
    )
    serve.add_argument("model", help="the model.onefit that `onefit train` wrote")
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; 0.0.0.0 for other machines (default: 127.0.0.1)",
    )
    serve.add_argument(
        "--port", type=int, default=8000, help="0 for any that is free (default: 8000)"
    )
    serve.add_argument(
        "--token",
        help="what clients have to send, better in the variable ONEFIT_TOKEN "
        "(default: none on this machine alone, else one that is drawn and said)",
    )
    serve.add_argument(
        "--name",
        default="",
        metavar="A,B",
        help="more names under which this machine is asked, such as a proxy's",
    )
    _add_answering(serve)
    bounds = serve.add_argument_group("what a client may ask for")
    bounds.add_argument(
        "--max-size",
        type=float,
        default=8.0,
        metavar="MB",
        help="size of one request (default: 8)",
    )
    bounds.add_argument(
        "--max-rows",
        type=int,
        default=10_000,
        metavar="N",
        help="rows of one request (default: 10000)",
    )
    bounds.add_argument(
        "--max-seconds",
        type=float,
        default=30.0,
        metavar="S",
        help="time of one request (default: 30)",
    )
    bounds.add_argument(
        "--max-connections",
        type=int,
        default=512,
        metavar="N",
        help="connections at once (default: 512)",
    )
    serve.set_defaults(run=_serve)


def _add_lab(commands: "Commands") -> None:
    lab = commands.add_parser(
        "lab",
        help="build, train and question a network in the browser",
        description="Open the lab: a page on which networks are built, trained and "
        "looked into, on data sets of the lectures or on a table. `onefit lab runs "
        "DIR` compares fits that onefit.lab.Monitor or CSVLogger wrote into a folder. "
        "It listens on this machine alone, and asks for the token in its address.",
        epilog="Example: onefit lab orders.csv --target returned",
    )
    lab.add_argument(
        "given",
        nargs="*",
        metavar="FILE",
        help="a table, a lab file (.json), or a model and its table; or `runs DIR`",
    )
    lab.add_argument("--target", help="the column to predict (default: the last one)")
    lab.add_argument(
        "--lesson",
        metavar="NAME",
        help="begin with a lesson: neuron, activations, xor, softmax, coffee, digits, "
        "vanishing, optimizers, overfitting, piecewise, or a file that ends in .md",
    )
    lab.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)"
    )
    lab.add_argument("--port", type=int, default=0, help="default: 0, any that is free")
    lab.add_argument(
        "--token",
        help="what the address has to bring, better in the variable ONEFIT_TOKEN "
        "(default: one that is drawn and said)",
    )
    lab.add_argument(
        "--name",
        default="",
        metavar="A,B",
        help="more names under which this machine is asked, such as a proxy's",
    )
    lab.add_argument("--browser", action="store_true", help="open a browser on it")
    lab.set_defaults(run=_lab)


def _add_export(commands: "Commands") -> None:
    export = _table_command(
        commands,
        "export",
        "write a trained model for other runtimes (ONNX)",
        "MODEL [--output FILE]",
        "Write a model as ONNX, the preparation of its columns inside, so that other "
        "programs ask it with rows as they are: an input for each column, numbers as "
        "double, words as text. What ONNX cannot express is refused.",
        "onefit export onefit-orders/model.onefit --output orders.onnx\n",
    )
    export.add_argument("model", help="the model.onefit that `onefit train` wrote")
    export.add_argument(
        "--format", choices=("onnx",), default="onnx", help="(default: onnx)"
    )
    export.add_argument(
        "--output", metavar="FILE", help="the file (default: <model>.onnx)"
    )
    _add_overwrite(export, "a file that is")
    export.set_defaults(run=_export)


def _add_overwrite(parser: "argparse._ActionsContainer", what: str) -> None:
    parser.add_argument(
        "--overwrite", action="store_true", help=f"replace {what} there"
    )


def _add_sweep(commands: "Commands") -> None:
    sweep = commands.add_parser(
        "sweep",
        help="train one part of a population; other processes train the others",
        description="Run a Python script whose population.fit trains one part of its "
        "members alone, and writes the result into a folder. A part that is there is "
        "not trained again. In a job of Slurm's array the part is the job's.",
    )
    sweep.add_argument("script", help="the study: it calls population.fit once")
    sweep.add_argument(
        "--part", metavar="I/N", help="the first of four is 1/4 (default: all)"
    )
    sweep.add_argument("--output", metavar="DIR", required=True, help="for the results")
    sweep.set_defaults(run=_sweep)


def _add_gather(commands: "Commands") -> None:
    gather = commands.add_parser(
        "gather",
        help="read the parts of a population that `onefit sweep` wrote",
        description="Print the scores of a population whose parts are in a folder, or "
        "say which parts are missing.",
    )
    gather.add_argument("folder", help="the --output of the parts")
    gather.add_argument("--monitor", metavar="LOG", help="default: val_loss, or loss")
    gather.add_argument("--top", type=int, default=20, help="so many rows at most")
    gather.add_argument(
        "--best", metavar="FILE", help="write the best one: a .keras file"
    )
    _add_overwrite(gather, "a file that is")
    gather.set_defaults(run=_gather)


def _sweep(arguments: argparse.Namespace) -> int:
    from onefit.cli.sweep import sweep

    return sweep(arguments)


def _gather(arguments: argparse.Namespace) -> int:
    from onefit.cli.sweep import gathered

    return gathered(arguments)


def _add_doctor(commands: "Commands") -> None:
    doctor = commands.add_parser(
        "doctor",
        help="say what is installed here, and what more could be",
        description="Print the versions, the devices, where compiled programs are "
        "kept, and what each extra adds.",
    )
    doctor.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    from onefit.cli.doctor import doctor

    del arguments
    return doctor()


def _train(arguments: argparse.Namespace) -> int:
    from onefit.cli.train import train

    return train(arguments)


def _predict(arguments: argparse.Namespace) -> int:
    from onefit.cli.predict import predict

    return predict(arguments)


def _report(arguments: argparse.Namespace) -> int:
    from onefit.cli.predict import report

    return report(arguments)


def _export(arguments: argparse.Namespace) -> int:
    from onefit.cli.predict import export

    return export(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    from onefit.cli.serve import serve

    return serve(arguments)


def _lab(arguments: argparse.Namespace) -> int:
    from onefit.cli.lab import lab

    return lab(arguments)
