"""Files fetched once into a cache folder, kept whole, checked, and unpacked safely."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from onefit.errors import invalid, unknown

__all__ = ["get_file"]

ALGORITHMS = ("auto", "sha256", "md5")
FORMATS = ("tar", "zip")
_CHUNK = 1 << 20


def get_file(
    fname: str | os.PathLike | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str | os.PathLike = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file that is downloaded on the first call and kept.

    Args:
        fname: Its name in the cache; None is its name at the origin.
        origin: Its URL; `file:///folder/name` is a file that is here already.
        untar: The old word for extract=True, archive_format="tar".
        md5_hash: The old word for file_hash, of md5.
        file_hash: The checksum that it must have, in hexadecimal. A file in the cache
            with another one is fetched anew.
        cache_subdir: The folder in the cache, or a path from the root.
        hash_algorithm: "sha256", "md5", or "auto": by the length of the checksum.
        extract: Whether to unpack an archive; the path is then that of its folder.
        archive_format: "tar" (also tar.gz, tar.bz2, tar.xz), "zip", a list of them, or
            "auto" for both.
        cache_dir: The cache; None is `$KERAS_HOME`, or else `~/.keras`.
        force_download: Whether to fetch a file again that is there.

    Raises:
        ValueError: No origin, a name with folders in it, another checksum, or an
            archive that is none or that would write outside its folder.
        OSError: The file cannot be fetched; the sentence says where to put it.

    Differs from Keras: nothing is printed; a bad download is not kept; an archive is
    unpacked again only when it is newer than its folder, and a folder whose archive is
    gone is used as it is; an archive with unsafe members is refused as a whole, and so
    is a file that is no archive; a cache folder that is not there is made.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "words.txt").write_text("to be")
        >>> url = (folder / "words.txt").as_uri()
        >>> path = get_file(origin=url, cache_dir=folder / "cache")
        >>> pathlib.Path(path).read_text(), os.path.basename(path)
        ('to be', 'words.txt')

    Source: Keras, `keras.utils.get_file`.
    """
    where = "get_file"
    if not origin:
        raise invalid(
            where,
            "no origin",
            "the URL of the file",
            "write get_file(origin='https://...')",
        )
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    if hash_algorithm not in ALGORITHMS:
        raise unknown(f"hash_algorithm of {where}", hash_algorithm, ALGORITHMS)
    name = os.fspath(fname) if fname else unquote(Path(urlsplit(origin).path).name)
    if not name or name in (".", "..") or {"/", os.sep} & set(name):
        raise invalid(
            where,
            f"fname={name!r}",
            "a plain name of a file",
            "name its folder by cache_subdir",
        )
    folder = Path(cache_dir or cache_folder()).expanduser() / cache_subdir
    if not (extract or untar):
        target = folder / name
        fetch(where, target, origin, file_hash, hash_algorithm, force_download)
        return str(target)
    formats = _formats("tar" if untar else archive_format)
    dotted = bool(fname) and "." in name
    archive = folder / (name if dotted else f"{name}_archive")
    unpacked = folder / (f"{name.partition('.')[0]}_extracted" if dotted else name)
    given = file_hash, hash_algorithm, force_download
    fetch_folder(where, archive, unpacked, formats, origin, *given)
    return str(unpacked)


def cache_folder() -> Path:
    """`$KERAS_HOME`, or `~/.keras`: Keras' own, so that its files are found."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


# Fetched ------------------------------------------------------------------------------


def digest(file: Path, algorithm: str) -> str:
    """The checksum of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def fetch(
    where: str,
    target: Path,
    url: str,
    checksum: str | None,
    algorithm: str = "auto",
    force: bool = False,
    stale: Callable[[str], Exception] | None = None,
) -> None:
    """Downloads a file to its place if it is not there, and checks it.

    Args:
        where: Who asks, for the errors.
        target: Its place.
        url: Where it comes from.
        checksum: What it must have; None for no check.
        algorithm: One of ALGORITHMS.
        force: Whether to fetch it again though it is there.
        stale: Makes the error for a file that is there with another checksum, which is
            the argument; None fetches it again.
    """
    if algorithm == "auto":
        algorithm = "sha256" if checksum is None or len(checksum) == 64 else "md5"
    found = ""
    if target.exists() and not force:
        seen = checksum and digest(target, algorithm)
        if not checksum or seen == checksum.lower():
            return
        if stale is not None:
            raise stale(str(seen))
        found = f" (the file there has {algorithm} {seen}, not {checksum})"
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed when right: nobody ever sees half a file.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    try:
        with os.fdopen(handle, "wb") as stream:
            received = _download(where, url, target, found, stream, algorithm)
        if checksum and received != checksum.lower():
            raise invalid(
                where,
                f"a file from {url} whose {algorithm} is {received}",
                f"{algorithm} {checksum}",
                "try again (a proxy or a broken connection may have changed it), or "
                f"give the {algorithm} {received!r} if you trust this file",
            )
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


def _download(
    where: str, url: str, target: Path, found: str, stream: Any, algorithm: str
) -> str:
    """Copies what is at the url into the stream; returns its checksum."""
    from urllib.request import urlopen

    total = hashlib.new(algorithm, usedforsecurity=False)
    try:
        with urlopen(url, timeout=60) as response:
            while chunk := response.read(_CHUNK):
                total.update(chunk)
                stream.write(chunk)
    except (OSError, ValueError) as error:
        refused = invalid(
            where,
            f"'{error}' from {url}",
            "the file",
            f"try again, or download it by other means to {target}{found}",
        )
        raise OSError(str(refused)) from error
    return total.hexdigest()


# Unpacked -----------------------------------------------------------------------------


def fetch_folder(
    where: str,
    archive: Path,
    folder: Path,
    formats: Sequence[str],
    url: str,
    checksum: str | None,
    algorithm: str = "auto",
    force: bool = False,
) -> None:
    """As `fetch`, for an archive, which is unpacked into a folder."""
    if folder.is_dir() and not archive.exists() and not force:
        return
    fetch(where, archive, url, checksum, algorithm, force)
    if not folder.is_dir() or folder.stat().st_mtime < archive.stat().st_mtime:
        _extract(where, archive, folder, formats)


def _formats(given: str | Sequence[str] | None) -> Sequence[str]:
    if given == "auto":
        return FORMATS
    formats = [given] if isinstance(given, str) else list(given or ())
    for name in formats:
        if name not in FORMATS:
            raise unknown("archive_format of get_file", name, ["auto", *FORMATS])
    if not formats:
        raise invalid(
            "get_file",
            f"archive_format={given!r} to unpack a file",
            " or ".join(map(repr, ["auto", *FORMATS])),
            "write extract=False to leave it packed",
        )
    return formats


def _extract(where: str, archive: Path, folder: Path, formats: Sequence[str]) -> None:
    """Unpacks an archive into a folder: all of it, or nothing."""
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=folder.name))
    try:
        if "tar" in formats and tarfile.is_tarfile(archive):
            _untar(where, archive, aside)
        elif "zip" in formats and zipfile.is_zipfile(archive):
            _unzip(where, archive, aside)
        else:
            raise invalid(
                where,
                f"{archive}, which is no {' or '.join(formats)} archive",
                "an archive",
                "write extract=False for a plain file, or delete it to fetch it again",
            )
        shutil.rmtree(folder, ignore_errors=True)
        aside.chmod(0o755)
        os.replace(aside, folder)
        os.utime(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _untar(where: str, archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        try:
            # 'data' refuses paths and links out of the folder, devices and the like.
            tar.extractall(folder, filter="data")
        except tarfile.FilterError as error:
            raise _unsafe(where, archive, error.tarinfo.name) from error


def _unzip(where: str, archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        inside = folder.resolve()
        for name in packed.namelist():
            if not (inside / name).resolve().is_relative_to(inside):
                raise _unsafe(where, archive, name)
        packed.extractall(folder)


def _unsafe(where: str, archive: Path, name: str) -> ValueError:
    return invalid(
        where,
        f"{archive} with the member {name!r}",
        "members that stay inside the archive's folder",
        "ask where the file is from; nothing of it was unpacked",
    )
