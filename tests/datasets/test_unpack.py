"""Archives are taken apart without trust: every hostile kind is refused, and nothing lands outside the folder."""

import io
import os
import stat
import tarfile
import zipfile

import numpy as np
import pytest

from slam.datasets import unpack as unpacking
from slam.datasets.unpack import Wanted, extract_nested, unpack
from slam.errors import DatasetError

FILES = {"top/a/1.txt": b"one", "top/a/2.txt": b"two", "top/b/3.txt": b"three", "poses/00.txt": b"poses"}


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("top")
        for name, data in files.items():
            archive.writestr(name, data)


def tar_writer(mode):
    def write(path, files):
        with tarfile.open(path, mode) as archive:
            archive.addfile(tar_member("top", kind=tarfile.DIRTYPE))
            for name, data in files.items():
                archive.addfile(tar_member(name, len(data)), io.BytesIO(data))

    return write


def tar_member(name, size=0, kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size, kind, link
    return member


WRITERS = {"zip": write_zip, "tar": tar_writer("w"), "tgz": tar_writer("w:gz"), "txz": tar_writer("w:xz")}


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    """Write an archive of each kind."""

    def written(files):
        path = tmp_path / f"archive.{request.param}"
        WRITERS[request.param](path, files)
        return path

    return written


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "out"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_written_as_it_is(write, folder):
    assert unpack(write(FILES), folder, Wanted()) == 4
    assert contents(folder) == FILES


def test_only_what_belongs_to_a_part_is_written(write, folder):
    assert unpack(write(FILES), folder, Wanted("top/a")) == 2
    assert contents(folder) == {"1.txt": b"one", "2.txt": b"two"}


def test_one_file_gets_the_name_asked_for(write, folder):
    assert unpack(write(FILES), folder, Wanted("poses/00.txt", "poses.txt")) == 1
    assert contents(folder) == {"poses.txt": b"poses"}


def test_a_part_must_match_whole_folders(write, folder):
    with pytest.raises(DatasetError, match="holds nothing below 'op/a'"):
        unpack(write(FILES), folder, Wanted("op/a"))


def test_an_archive_within_an_archive_is_found_by_its_name(write, tmp_path):
    archive, inner = write({"room/x/x.zip": b"inner"}), tmp_path / "inner"
    assert extract_nested(archive, "x.zip", inner)
    assert inner.read_bytes() == b"inner"
    assert not extract_nested(archive, "y.zip", inner)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "C:/evil", "a\\..\\evil"])
def test_a_name_that_leaves_the_folder_is_refused(write, folder, tmp_path, name):
    with pytest.raises(DatasetError, match="leaves the folder"):
        unpack(write({name: b"evil"}), folder, Wanted())
    assert [path.name for path in tmp_path.rglob("*evil*")] == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../evil", "a"])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, folder, kind, target):
    path = tmp_path / "archive.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tar_member("a", kind=kind, link=target))
        archive.addfile(tar_member("a/b", 4), io.BytesIO(b"evil"))
    with pytest.raises(DatasetError, match="a link or a device"):
        unpack(path, folder, Wanted())
    assert not folder.exists()


def test_links_in_a_zip_are_refused(tmp_path, folder):
    path = tmp_path / "archive.zip"
    member = zipfile.ZipInfo("a")
    member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(DatasetError, match="a link or a device"):
        unpack(path, folder, Wanted())


def test_an_archive_that_unpacks_to_too_much_is_refused(write, folder):
    archive = write({"zeros": bytes(5_000_000)})
    with pytest.raises(DatasetError, match="would unpack to more than"):
        unpack(archive, folder, Wanted(), most_bytes=1_000_000)
    assert not (folder / "zeros").exists()


def test_a_bomb_is_measured_by_what_comes_out_and_by_what_is_not_wanted(write, folder):
    archive = write({"a/zeros": bytes(5_000_000), "b/file": b"1"})
    with pytest.raises(DatasetError, match="would unpack to more than"):
        unpack(archive, folder, Wanted("b"), most_bytes=1_000_000)


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path, folder):
    path = tmp_path / "archive.zip"
    write_zip(path, {"zeros": bytes(5_000_000)})
    path.write_bytes(path.read_bytes().replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(DatasetError, match="damaged or no archive"):
        unpack(path, folder, Wanted(), most_bytes=1_000_000)


def test_too_many_files_are_refused(write, folder, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST_MEMBERS", 3)
    with pytest.raises(DatasetError, match="too many files"):
        unpack(write(FILES), folder, Wanted())


def test_an_encrypted_zip_is_one_clear_error(tmp_path, folder):
    path = tmp_path / "archive.zip"
    write_zip(path, {"secret": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02", data.index(b"secret")) + 8] |= 1
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert any(member.flag_bits & 1 for member in archive.infolist())
    with pytest.raises(DatasetError, match="encrypted"):
        unpack(path, folder, Wanted())


def test_a_cut_archive_is_one_clear_error(write, folder):
    path = write({"noise": np.random.default_rng(0).bytes(100_000)})
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(DatasetError, match="damaged or no archive"):
        unpack(path, folder, Wanted())


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", os.urandom(3000)])
def test_what_is_no_archive_is_one_clear_error(tmp_path, folder, data):
    path = tmp_path / "archive.zip"
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="damaged or no archive"):
        unpack(path, folder, Wanted())


def test_a_file_where_a_folder_belongs_is_one_clear_error(write, folder):
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        unpack(write({"a": b"1", "a/b": b"2"}), folder, Wanted())


def test_a_full_disk_is_one_clear_error(write, folder, monkeypatch):
    def full(source, path, budget):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacking, "_write", full)
    folder.mkdir(parents=True)
    with pytest.raises(DatasetError, match="the disk is full"):
        unpack(write(FILES), folder, Wanted())
