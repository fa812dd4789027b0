"""Builds the site: every page, every program on them, the reference of every name.

    pip install -e ".[docs]"
    python docs/build.py            # into build/site/html
    python docs/build.py --check    # and looks at all of it: links, weight, assets

Nothing is fetched. A program that fails, a public name without a docstring, a link that
leads nowhere and any other warning end the build with an error. What a program printed
and drew is kept in build/site/cache, until its page's programs change.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "site"))

import charts
import checking
import reference
import staging

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "site"


def prepare(build: Path) -> dict[str, str]:
    """What the processes that run the programs are told, as variables of theirs."""
    profile = build / "ipython" / "profile_default" / "startup"
    profile.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "docs" / "site" / "shown.py", profile / "00-shown.py")
    quiet = "c = get_config()\nc.IPKernelApp.log_level = 'ERROR'\n"
    (profile.parent / "ipython_kernel_config.py").write_text(quiet, "utf-8")
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return {
        "IPYTHONDIR": str(build / "ipython"),
        "KERAS_BACKEND": "jax",
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }


def main() -> int:
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="look at what was built")
    parser.add_argument(
        "--no-run", action="store_true", help="leave the programs of pages unrun"
    )
    parser.add_argument("--jobs", default="2", help="processes (default: 2)")
    arguments = parser.parse_args()

    from sphinx.cmd.build import build_main  # noqa: PLC0415 - slow to import

    begin = time.perf_counter()
    os.environ.update(prepare(BUILD))
    os.environ["ONEFIT_DOCS_RUN"] = "off" if arguments.no_run else "cache"
    source, html = BUILD / "source", BUILD / "html"
    shutil.rmtree(html / "_modules", ignore_errors=True)  # Sphinx leaves stale ones
    pages = staging.stage(source, html / "notebooks")
    charts.draw(source / "pictures")
    names = reference.write(source / "api")
    print(f"{len(pages)} pages with {sum(pages.values())} programs; {names} names")
    options = ["-W", "--keep-going", "-q", "-j", arguments.jobs]
    options += ["-c", str(ROOT / "docs" / "site"), "-d", str(BUILD / "doctrees")]
    code = build_main([*options, "-b", "html", str(source), str(html)])
    print(f"built in {time.perf_counter() - begin:.0f} s: {html / 'index.html'}")
    if code == 0 and arguments.check:
        code = checking.report(html)
    return code


if __name__ == "__main__":
    sys.exit(main())
