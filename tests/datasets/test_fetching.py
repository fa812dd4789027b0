"""get_file: fetched once, whole or not at all, checked, unpacked inside its folder."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from onefit.utils import get_file


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


@pytest.fixture
def remote(tmp_path):
    """A file as if on a server."""
    file = tmp_path / "remote" / "a b.txt"
    file.parent.mkdir()
    file.write_text("first")
    return file


def digest(file, algorithm="sha256"):
    return hashlib.new(algorithm, file.read_bytes()).hexdigest()


def test_a_file_is_fetched_once(home, remote):
    path = get_file(origin=remote.as_uri())
    assert path == str(home / "a b.txt")
    remote.unlink()
    assert Path(get_file(origin=remote.as_uri())).read_text() == "first"
    assert os.listdir(home) == ["a b.txt"]


def test_places_in_the_cache(home, remote, tmp_path):
    url = remote.as_uri()
    assert get_file("x.txt", url, cache_subdir="m/n") == str(home.parent / "m/n/x.txt")
    absolute = str(tmp_path / "abs")
    assert get_file("x.txt", url, cache_subdir=absolute) == f"{absolute}/x.txt"
    there = get_file("x.txt", url, cache_dir=tmp_path / "other")
    assert there == str(tmp_path / "other" / "datasets" / "x.txt")


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_checksums(home, remote, algorithm):
    url, right = remote.as_uri(), digest(remote, algorithm)
    get_file("x", url, file_hash=right.upper())
    get_file("x", url, file_hash=right, hash_algorithm=algorithm)
    if algorithm == "md5":
        get_file("x", url, md5_hash=right)
    # A file that changed in the cache is fetched again.
    (home / "x").write_text("broken")
    assert Path(get_file("x", url, file_hash=right)).read_text() == "first"
    # A download that is not right is not kept, and what was there stays.
    with pytest.raises(ValueError, match=rf"whose {algorithm} is {right}; expected"):
        get_file("x", url, file_hash="0" * len(right))
    assert os.listdir(home) == ["x"]


def test_force_download(home, remote):
    get_file("x", remote.as_uri())
    remote.write_text("second")
    assert Path(get_file("x", remote.as_uri())).read_text() == "first"
    got = get_file("x", remote.as_uri(), force_download=True)
    assert Path(got).read_text() == "second"


def test_without_a_network_one_sentence_says_what_to_put_where(home, tmp_path):
    url = (tmp_path / "no.txt").as_uri()
    with pytest.raises(OSError, match="download it by other means to") as info:
        get_file("x.txt", url)
    assert url in str(info.value)
    assert str(home / "x.txt") in str(info.value)
    assert os.listdir(home) == []
    home.joinpath("x.txt").write_text("put by hand")
    assert Path(get_file("x.txt", url)).read_text() == "put by hand"
    with pytest.raises(OSError, match=r"the file there has md5 \w+, not 000"):
        get_file("x.txt", url, file_hash="0" * 32)


MEMBERS = {"top/a.txt": "A", "top/inner/b.txt": "B"}


def pack(file, members, kind):
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as packed:
            for name, text in members.items():
                packed.writestr(name, text)
        return
    with tarfile.open(file, f"w:{kind}") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))


@pytest.mark.parametrize("kind", ["", "gz", "bz2", "xz", "zip"])
def test_archives_are_unpacked(home, tmp_path, kind):
    archive = tmp_path / "archive"
    pack(archive, MEMBERS, kind)
    folder = get_file("things", archive.as_uri(), extract=True)
    assert folder == str(home / "things")
    read = {name: (home / "things" / name).read_text() for name in MEMBERS}
    assert read == MEMBERS
    assert sorted(os.listdir(home)) == ["things", "things_archive"]
    # Keras' rule for names with a dot, and the old word.
    formats = {"archive_format": "zip"} if kind == "zip" else {"untar": True}
    dotted = get_file("t.tar.gz", archive.as_uri(), extract=kind == "zip", **formats)
    assert dotted == str(home / "t_extracted")
    assert (home / "t.tar.gz").is_file()


def test_a_folder_is_unpacked_again_when_its_archive_is_newer(home, tmp_path):
    archive = tmp_path / "archive"
    pack(archive, {"a": "1", "old": "x"}, "gz")
    folder = home / "things"
    get_file("things", archive.as_uri(), extract=True)
    (folder / "a").write_text("changed by hand")
    get_file("things", archive.as_uri(), extract=True)
    assert (folder / "a").read_text() == "changed by hand"
    pack(archive, {"a": "2"}, "gz")
    get_file("things", archive.as_uri(), extract=True, force_download=True)
    assert {f.name: f.read_text() for f in folder.iterdir()} == {"a": "2"}
    # A folder without its archive is used as it is.
    (home / "things_archive").unlink()
    archive.unlink()
    get_file("things", archive.as_uri(), extract=True)


@pytest.mark.parametrize("kind", ["gz", "zip"])
@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt"])
def test_an_archive_that_writes_outside_is_refused(home, tmp_path, kind, name):
    archive = tmp_path / "archive"
    pack(archive, {"good": "x", name: "bad"}, kind)
    if kind == "gz" and name.startswith("/"):
        # tarfile takes the first / off: the member stays inside.
        get_file("things", archive.as_uri(), extract=True)
        assert not os.path.exists(name)
        return
    with pytest.raises(ValueError, match="expected members that stay inside"):
        get_file("things", archive.as_uri(), extract=True)
    assert os.listdir(home) == ["things_archive"]


def test_links_out_of_an_archive_are_refused(home, tmp_path):
    archive = tmp_path / "archive"
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "../../secret"
        tar.addfile(info)
    with pytest.raises(ValueError, match="with the member 'link'"):
        get_file("things", archive.as_uri(), extract=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "received no origin"),
        ({"origin": "http://a.b/"}, "received fname=''"),
        ({"origin": "http://a.b/c", "fname": "d/e"}, "received fname='d/e'"),
        ({"origin": "http://a.b/c", "fname": ".."}, "a plain name"),
        ({"origin": "http://a.b/c", "hash_algorithm": "sha"}, "Did you mean 'sha256'"),
        (
            {"origin": "http://a.b/c", "extract": True, "archive_format": "rar"},
            "Unknown archive_format of get_file 'rar'",
        ),
        (
            {"origin": "http://a.b/c", "extract": True, "archive_format": None},
            "received archive_format=None to unpack",
        ),
    ],
)
def test_what_cannot_be_meant(home, arguments, words):
    with pytest.raises(ValueError, match=words):
        get_file(**arguments)


def test_a_plain_file_is_no_archive(home, remote):
    with pytest.raises(ValueError, match="which is no tar or zip archive"):
        get_file("x", remote.as_uri(), extract=True)
    with pytest.raises(ValueError, match="which is no zip archive"):
        get_file("x", remote.as_uri(), extract=True, archive_format=["zip"])
