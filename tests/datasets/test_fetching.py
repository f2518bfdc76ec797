"""From a name to a folder: catalogue, mirrors, bundles, archives fetched by hand, sums, and the command line."""

import hashlib
import io
import tarfile
import zipfile

import pytest
from typer.testing import CliRunner

from slam.cli import app
from slam.datasets import catalog, datasets_root, find_dataset, find_group, find_sequence, is_on_disk, sequence_folder
from slam.datasets.catalog import Archive
from slam.datasets.download import DownloadError, Patience
from slam.datasets.fetching import FetchOptions, fetch_sequences, mirrored, published_digest
from slam.errors import DatasetError
from slam.rig_file import rig_names
from slam.sources import SOURCES
from slam.terminal import console
from slam.types import Mode

QUICK = Patience(attempts=2, wait_s=0.001, timeout_s=5.0)


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def tarred(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


TUM = "rgbd_dataset_freiburg1_{}.tgz"
KITTI = {
    "data_odometry_gray.zip": zipped(
        {
            f"dataset/sequences/{n}/{camera}/000000.png": n.encode()
            for n in ("00", "01")
            for camera in ("image_0", "image_1")
        }
    ),
    "data_odometry_calib.zip": zipped({f"dataset/sequences/{n}/calib.txt": b"P0:" for n in ("00", "01")}),
    "data_odometry_poses.zip": zipped({f"dataset/poses/{n}.txt": n.encode() for n in ("00", "01")}),
}


def chosen(dataset, *names):
    return dataset, [find_sequence(dataset, name) for name in names]


@pytest.fixture
def options(server, tmp_path):
    for name in ("desk", "xyz"):
        files = {f"rgbd_dataset_freiburg1_{name}/rgb.txt": name.encode(), "other/evil.txt": b""}
        server.files[TUM.format(name)] = tarred(files)
    return FetchOptions(tmp_path / "root", server.address(), patience=QUICK)


def test_every_dataset_names_known_sources_rigs_and_modes():
    for dataset in catalog().values():
        assert dataset.source in SOURCES and dataset.modes and dataset.licence and dataset.home and dataset.ground_truth
        for sequence in dataset.sequences:
            assert sequence.rig in ("", *rig_names())
            assert all("{" not in archive.address + archive.file + archive.part for archive in sequence.archives)
        names = [name for sequence in dataset.sequences for name in (sequence.name, *sequence.aliases)]
        assert len(names) == len(set(names))


def test_the_sequences_of_published_tables_have_names():
    assert len(find_group("tum-fr1")) == 9
    assert [sequence.name for _, sequence in find_group("tum-rgbd3")] == [
        "freiburg1_desk", "freiburg2_xyz", "freiburg3_long_office_household",
    ]  # fmt: skip
    assert (len(find_group("euroc")), len(find_group("kitti")), len(find_group("7scenes"))) == (11, 11, 7)


def test_addresses_are_filled_in_from_names():
    tum, tartan = find_dataset("tum"), find_dataset("tartanair")
    assert find_sequence(tum, "fr1_desk").archives[0].address == (
        "https://cvg.cit.tum.de/rgbd/dataset/freiburg1/rgbd_dataset_freiburg1_desk.tgz"
    )
    archive = find_sequence(tartan, "Hospital_hard_P000").archives[1]
    assert archive.address.endswith("/Hospital/Data_hard/image_rcam_front.zip")
    assert archive.part == "P000"
    assert find_dataset("kitti").modes == (Mode.STEREO, Mode.MONO)


def test_unknown_names_get_a_suggestion():
    with pytest.raises(DatasetError, match="did you mean 'tum'"):
        find_dataset("tom")
    with pytest.raises(DatasetError, match="did you mean 'fr1_desk'"):
        find_sequence(find_dataset("tum"), "fr1_desc")
    with pytest.raises(DatasetError, match="did you mean 'tum-fr1'"):
        find_group("tum-fr")


def test_the_root_is_the_environments_or_recordings(monkeypatch, tmp_path):
    monkeypatch.delenv("EARLYBIRD_DATASETS", raising=False)
    assert datasets_root().name == "recordings"
    monkeypatch.setenv("EARLYBIRD_DATASETS", str(tmp_path))
    assert datasets_root() == tmp_path


def test_sequences_are_fetched_unpacked_and_not_fetched_twice(server, options):
    dataset, sequences = chosen(find_dataset("tum"), "fr1_desk", "fr1_xyz")
    said = []
    folders = fetch_sequences(dataset, sequences, options, said.append)
    assert [(folder / "rgb.txt").read_text() for folder in folders] == ["desk", "xyz"]
    assert sorted(path.name for path in (options.root / "tum").iterdir()) == ["freiburg1_desk", "freiburg1_xyz"]
    assert any("bytes, not checked: upstream publishes no sum" in line for line in said)
    count = len(server.asked)
    assert fetch_sequences(dataset, sequences, options) == folders
    assert len(server.asked) == count


def test_a_file_that_fails_leaves_no_folder(server, options):
    del server.files[TUM.format("xyz")]
    dataset, sequences = chosen(find_dataset("tum"), "fr1_xyz")
    with pytest.raises(DownloadError, match="answered 404"):
        fetch_sequences(dataset, sequences, options)
    assert not is_on_disk(options.root, dataset, sequences[0])


@pytest.mark.parametrize("name", ["../evil", "rgbd_dataset_freiburg1_desk/../../evil"])
def test_a_hostile_archive_leaves_no_folder(server, options, name):
    server.files[TUM.format("desk")] = tarred({"rgbd_dataset_freiburg1_desk/rgb.txt": b"", name: b""})
    dataset, sequences = chosen(find_dataset("tum"), "fr1_desk")
    with pytest.raises(DatasetError, match="leaves the folder"):
        fetch_sequences(dataset, sequences, options)
    assert [path.name for path in (options.root / "tum").iterdir()] == [".archives"]


def test_an_archive_of_something_else_is_one_clear_error(server, options):
    server.files[TUM.format("desk")] = tarred({"rgbd_dataset_freiburg1_desk/readme": b""})
    with pytest.raises(DatasetError, match=r"hold no rgb\.txt"):
        fetch_sequences(*chosen(find_dataset("tum"), "fr1_desk"), options)


def test_a_folder_of_that_name_is_not_mixed_with_the_new_one(options):
    dataset, sequences = chosen(find_dataset("tum"), "fr1_desk")
    folder = sequence_folder(options.root, dataset, sequences[0])
    folder.mkdir(parents=True)
    (folder / "mine").write_text("")
    with pytest.raises(DatasetError, match="move it away"):
        fetch_sequences(dataset, sequences, options)
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_bundle_is_fetched_once_for_all_its_sequences(server, options):
    inner = {name: zipped({"mav0/cam0/data.csv": name.encode()}) for name in ("V1_01_easy", "V1_02_medium")}
    server.files["vicon_room1.zip"] = zipped({f"vicon_room1/{n}/{n}.zip": data for n, data in inner.items()})
    folders = fetch_sequences(*chosen(find_dataset("euroc"), "V101", "V102"), options)
    assert [(folder / "mav0/cam0/data.csv").read_text() for folder in folders] == ["V1_01_easy", "V1_02_medium"]
    assert server.asked == [None]


def test_what_wants_a_login_says_where_and_takes_archives_fetched_by_hand(tmp_path):
    kitti = find_dataset("kitti")
    with pytest.raises(DatasetError, match=r"after a registration at https://.*--archive FILE"):
        fetch_sequences(*chosen(kitti, "00"), FetchOptions(tmp_path / "root"))
    for name, data in KITTI.items():
        (tmp_path / name).write_bytes(data)
    by_hand = FetchOptions(tmp_path / "root", by_hand=tuple(tmp_path / name for name in KITTI))
    folder = fetch_sequences(*chosen(kitti, "01"), by_hand)[0]
    assert sorted(path.name for path in folder.iterdir()) == ["calib.txt", "image_0", "image_1", "poses.txt"]
    assert (folder / "poses.txt").read_text() == "01"
    assert all((tmp_path / name).is_file() for name in KITTI)
    with pytest.raises(DatasetError, match="is not there"):
        fetch_sequences(*chosen(kitti, "00"), FetchOptions(tmp_path, by_hand=(tmp_path / "gone.zip",)))


def test_a_mirror_is_a_folder_or_a_template():
    dataset, archive = find_dataset("tum"), Archive("https://upstream/x.tgz", "x.tgz")
    assert mirrored("http://host/a/", dataset, archive) == "http://host/a/x.tgz"
    assert mirrored("http://host/{dataset}?f={file}", dataset, archive) == "http://host/tum?f=x.tgz"
    for wrong in ("http://host/{name}", "http://host/{"):
        with pytest.raises(DatasetError, match="--from"):
            mirrored(wrong, dataset, archive)


def test_published_sums_are_found_in_lists_pointers_and_records(server):
    md5, sha256 = hashlib.md5(b"").hexdigest(), hashlib.sha256(b"").hexdigest()
    server.files |= {
        "list": f"{md5}  data.tar\n".encode(),
        "pointer": f"version 1\noid sha256:{sha256}\nsize 3\n".encode(),
        "record": f'{{"uuid": "7b2419c1-62b5-4714-b7f8-485e5fe3e5fe", "checkSum": {{"value": "{md5}"}}}}'.encode(),
        "nothing": b"<html></html>",
    }
    found = [published_digest(Archive("", "", server.address(name)), QUICK) for name in server.files]
    assert [digest for digest, _ in found] == [md5, sha256, md5, ""]
    assert "holds no sum" in found[3][1]
    assert "could not be fetched" in published_digest(Archive("", "", server.address("gone")), QUICK)[1]


def test_what_comes_with_the_program_needs_no_download(tmp_path):
    demo = find_dataset("demo")
    assert is_on_disk(tmp_path, demo, demo.sequences[0])


def test_the_command_line_lists_downloads_and_names_the_licence(options, monkeypatch):
    monkeypatch.setattr(console, "width", 200)  # characters: no cell is wrapped

    def slam(*words):
        return CliRunner().invoke(app, [*words, "--to", str(options.root)])

    assert "TUM RGB-D benchmark" in slam("datasets").output
    assert "fr1_desk" in slam("datasets", "tum").output
    answer = slam("download", "tum", "fr1_desk", "--from", options.mirror)
    assert answer.exit_code == 0, answer.exception
    assert "Licence: CC BY 4.0" in answer.output
    assert "run it with: slam run tum" in answer.output
    assert isinstance(slam("download", "tum").exception, DatasetError)
    assert isinstance(slam("download", "tum-rgbd3", "--from", "http://127.0.0.1:1/{no}").exception, DatasetError)
    assert isinstance(slam("download", "kitti", "--all").exception, DatasetError)
