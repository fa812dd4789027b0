"""The zip of a model's file and its JSON, which are not trusted.

Names, sizes and places of the members are checked before one is unpacked, and none is
unpacked further than it says. Nothing of a file is ever written to the disk.
"""

import contextlib
import difflib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from onefit.files.limits import Limits
from onefit.files.refusal import BadFile, refusal
from onefit.types import Config

__all__ = [
    "CONFIG",
    "METADATA",
    "WEIGHTS",
    "listed",
    "members",
    "parsed",
    "refuse_missing",
]

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MEMBERS = frozenset({CONFIG, METADATA, WEIGHTS})
ARRAYS = (".h5", ".safetensors")
"""How the names of members end that are arrays, not JSON or words."""

VOCABULARY = re.compile(r"assets/(\w+/){1,20}vocabulary\.txt")

PIECE = 1 << 20
"""The most bytes that are read at once; also of the zip's list of members."""

HEADER = 30
"""The fewest bytes before a member's own."""

ENCRYPTED = 1


class _InPieces(io.BufferedReader):
    """A file that is read in small pieces, whatever sizes it declares."""

    def read(self, size: int | None = -1, /) -> bytes:
        much = size is None or not 0 <= size <= PIECE
        data = super().read(PIECE + 1 if much else size)
        if len(data) > PIECE:
            raise BadFile("a list of members without end")
        return data


def refuse_missing(path: Path, where: str) -> None:
    """Refuses a path with no file, with the nearest one."""
    if path.is_file():
        return
    others = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, others, 1)
    raise refusal(
        where,
        received="a path with no file" if not path.is_dir() else "a folder",
        expected="a file that exists",
        fix=f"did you mean {str(path.with_name(near[0]))!r}?" if near else "",
    )


def listed(path: str | os.PathLike) -> set[str]:
    """The names in a zip; none where the file is something else, or a damaged one."""
    try:
        with _InPieces(io.FileIO(path)) as file, zipfile.ZipFile(file) as zip_:
            return set(zip_.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return set()


@contextlib.contextmanager
def members(
    path: Path,
    where: str,
    limits: Limits,
    names: tuple[str, ...],
    known: frozenset[str] = MEMBERS,
) -> Iterator[tuple[list[io.BytesIO], dict[str, str]]]:
    """The members of these names, once the names, sizes and places of all are checked.

    With them the vocabularies that layers of Keras keep, by the paths of the layers.
    `known` are all that a file of this kind has.

    Raises:
        ValueError: What is no `.keras` file, or more than the limits let in.
    """
    refuse_missing(path, where)
    with _InPieces(io.FileIO(path)) as file:
        start = file.read(8)
        if not zipfile.is_zipfile(file):
            kind = "an HDF5 file" if start[1:4] == b"HDF" else "no zip file, or a part"
            raise refusal(
                where,
                received=kind,
                expected="a whole .keras file",
                fix="copy or save it again, in Keras by model.save('name.keras')",
            )
        with zipfile.ZipFile(file) as zip_:
            infos = {info.filename: info for info in zip_.infolist()}
            words = [name for name in infos if VOCABULARY.fullmatch(name)]
            many = len(words) > limits.layers or len(infos) < len(zip_.infolist())
            more = set() if many else set(words)
            names_ = [info.filename for info in zip_.infolist()]
            _check_names([n for n in names_ if n not in more], known, where)
            for info in infos.values():
                _check(info, where, limits)
            _check_places(list(infos.values()), os.path.getsize(path), where)
            read = {n: _unpacked(zip_, infos[n], where) for n in (*names, *more)}
            yield [read[name] for name in names], _texts(read, more, where)


def _texts(
    read: dict[str, io.BytesIO], names: Iterable[str], where: str
) -> dict[str, str]:
    """The vocabularies, by the paths of their layers."""
    try:
        return {
            name.removeprefix("assets/").rpartition("/")[0]: read[name]
            .getvalue()
            .decode()
            for name in names
        }
    except UnicodeDecodeError as error:
        raise refusal(
            where,
            received=f"a vocabulary that is no text ({error})",
            expected="one word a line, in UTF-8",
            fix="save the model again",
        ) from error


def _check_names(given: list[str], known: frozenset[str], where: str) -> None:
    if sorted(given) == sorted(known):
        return
    shown = ", ".join(repr(name[:60]) for name in sorted(given)[:5])
    shown += f" and {len(given) - 5} more" if len(given) > 5 else ""
    raise refusal(
        where,
        received=f"members {shown}",
        expected=f"{', '.join(sorted(known))}, once each",
        fix="of assets, only the vocabularies of layers are read",
    )


def _check(info: zipfile.ZipInfo, where: str, limits: Limits) -> None:
    """Refuses what is packed in another way, or unpacks to more than the limits."""
    known = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if info.compress_type not in known or info.flag_bits & ENCRYPTED:
        locked = info.flag_bits & ENCRYPTED
        raise refusal(
            where,
            received=f"{info.filename}, "
            + ("encrypted" if locked else f"packed by method {info.compress_type}"),
            expected="members that are stored or deflated",
            fix="save the model again",
        )
    name = "size" if info.filename.endswith(ARRAYS) else "config"
    limit, packed = getattr(limits, name), max(info.compress_size, 1)
    bomb = info.file_size > PIECE and info.file_size > limits.expansion * packed
    if info.file_size > limit or bomb:
        raise refusal(
            where,
            received=f"{info.filename} of {info.file_size:,} bytes, packed in "
            f"{info.compress_size:,}",
            expected=f"{limit:,} bytes at most, no more than {limits.expansion} times "
            "the packed",
            fix=limits.fix("expansion" if bomb else name),
        )


def _check_places(infos: list[zipfile.ZipInfo], size: int, where: str) -> None:
    """Refuses members that lie over one another, or outside the file."""
    end = size
    for info in sorted(infos, key=lambda info: -info.header_offset):
        name = len(info.orig_filename.encode())
        if info.header_offset + HEADER + name + info.compress_size > end:
            raise refusal(
                where,
                received=f"{info.filename} of {info.compress_size:,} bytes at "
                f"{info.header_offset:,}, over what comes next",
                expected="members one after another",
                fix="copy or save the file again",
            )
        end = info.header_offset


def _unpacked(zip_: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> io.BytesIO:
    """A member's bytes; what is in it beyond its size is never looked at."""
    whole = io.BytesIO()
    with zip_.open(info) as member:
        while piece := member.read(PIECE):
            whole.write(piece)
    if whole.tell() != info.file_size:
        raise refusal(
            where,
            received=f"{info.filename} of {whole.tell():,} bytes",
            expected=f"{info.file_size:,}, as it says",
            fix="copy or save the file again",
        )
    return whole


# JSON ---------------------------------------------------------------------------------


def parsed(text: str | bytes, where: str, limits: Limits, name: str) -> Config:
    """The JSON of a model, if it is not too large, deep or ambiguous."""
    marks: Any = (",", "[", "{") if isinstance(text, str) else (b",", b"[", b"{")
    if len(text) > limits.config:
        raise refusal(
            where,
            received=f"{name} of {len(text):,} bytes",
            expected=f"{limits.config:,} at most",
            fix=limits.fix("config"),
        )
    if sum(text.count(mark) for mark in marks) > limits.values:
        raise refusal(
            where,
            received=f"{name} of very many values",
            expected=f"{limits.values:,} at most",
            fix=limits.fix("values"),
        )
    try:
        node = json.loads(text, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        twin = f" ({error})" if isinstance(error, BadFile) else ""
        raise refusal(
            where,
            received=f"{name} that is no JSON{twin}",
            expected="a model's config",
            fix="copy or save the file again",
        ) from error
    if not isinstance(node, dict):
        raise refusal(where, received=f"{name} of no model", expected="one")
    if _deeper(node, limits.depth):
        raise refusal(
            where,
            received=f"{name} whose values are in one another more than "
            f"{limits.depth} deep",
            expected="fewer",
            fix=limits.fix("depth"),
        )
    return node


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A dict; refuses a name given twice, of which programs may read either value."""
    settings = dict(pairs)
    if len(settings) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in settings if names.count(name) > 1)
        raise BadFile(f"the name {twin[:60]!r} twice")
    return settings


def _deeper(node: Config, depth: int) -> bool:
    """Whether values are nested more than `depth` times."""
    level: list[Any] = [node]
    for _ in range(depth):
        level = [
            value
            for one in level
            for value in (one.values() if isinstance(one, dict) else one)
            if isinstance(value, dict | list)
        ]
        if not level:
            return False
    return True
