"""Tries the remedies of findings on the catalogue's faults.

    python tests/guide/run_remedies.py
    python tests/guide/run_remedies.py --only softmax --train

For each fault that `check` (or a fit, with --train) names: the program with each
remedy of the finding is written as code and run, and the finding is gone or the score
better. It prints what falls short, and how many hold.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from catalogue import FAULTS, score
from catalogue.base import Program as Written
from run_catalogue import checked


def findings_of(fault, train):
    """The findings that name a fault's cause, with the program they are about."""
    program = fault.program(True)
    try:
        found = checked(program.model, program.x, program.y, program.fit)
    except Exception as error:
        print(f"CRASH check {fault.name}: {error}")
        return
    seen = set()
    for finding in found:
        if finding.code in fault.codes and finding.code not in seen:
            seen.add(finding.code)
            yield finding, program
    if train and not seen:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = fault.program(True)
            try:
                history = program.model.fit(
                    program.x, program.y, **{"verbose": 0, **program.fit}
                )
            except (ValueError, TypeError):
                return
            for finding in history.diagnose():
                if finding.code in fault.codes:
                    yield finding, program


def ran(code, program, epochs=None):
    """What a program's lines leave behind, for the rows that they were written for."""
    val = program.fit.get("validation_data") or (None, None)
    names = {"x": program.x, "y": program.y, "x_val": val[0], "y_val": val[1]}
    names["sample_weight"] = program.fit.get("sample_weight")
    *body, last = code.splitlines()
    exec("\n".join(body), names)
    if epochs:
        names["fit"] = {"epochs": epochs}
    exec(
        last.replace("model.fit(", "model.fit(verbose=0, x=", 1).replace(
            "x=x, y", "x=x, y=y"
        ),
        names,
    )
    return names


def verdict(finding, program, train):
    """Each remedy by name: 'gone', 'better', 'no better', or why it could not run."""
    for remedy in finding.remedies:
        try:
            changed = remedy.apply(finding.program)
        except (ValueError, TypeError, AssertionError, NotImplementedError) as error:
            yield remedy.name, f"refused: {type(error).__name__} {error}"
            continue
        except Exception as error:
            yield remedy.name, f"CRASH: {type(error).__name__} {error}"
            continue
        try:
            code = changed.code
            body = "\n".join(code.splitlines()[:-1])
            val = finding.program.fit.get("validation_data") or (None, None)
            names = {"x": program.x, "y": program.y, "x_val": val[0], "y_val": val[1]}
            exec(body, names)
        except Exception as error:
            yield remedy.name, f"CODE: {type(error).__name__} {error}"
            continue
        found = checked(changed.model, changed.x, changed.y, dict(changed.fit))
        codes = {f.code for f in found}
        if not train:
            yield (
                remedy.name,
                "gone" if finding.code not in codes else f"still: {codes}",
            )
            continue
        after = trained(changed)
        yield remedy.name, f"{after:.3f}" if isinstance(after, float) else after


def trained(changed):
    """The score of a program after its fit."""
    model = changed.fresh(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(changed.x, changed.y, **{"verbose": 0, **changed.fit})
            return float(score(Written(model, changed.x, changed.y, dict(changed.fit))))
        except Exception as error:
            return f"FIT: {type(error).__name__} {error}"


def main():
    """Prints a line for each remedy that falls short, and counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    started, findings, first, bad = time.perf_counter(), 0, 0, 0
    for fault in FAULTS:
        if args.only not in fault.name and args.only not in fault.codes:
            continue
        for finding, program in findings_of(fault, args.train):
            findings += 1
            tried = list(verdict(finding, program, args.train))
            good = [name for name, said in tried if said == "gone"]
            first += bool(good)
            ill = [t for t in tried if t[1].startswith(("CRASH", "CODE", "FIT"))]  # pyright: ignore[reportAttributeAccessIssue]
            bad += bool(ill)
            if not good or ill or args.verbose:
                print(f"{fault.name}: {finding.code} {finding.layer}")
                for name, said in tried:
                    print(f"    {name}: {said[:200]}")
    print(
        f"{findings} findings, {first} gone by a remedy, {bad} with a crash, "
        f"{time.perf_counter() - started:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
