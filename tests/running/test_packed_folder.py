"""Folders that travel as bytes."""

from slam.running.packed_folder import LEFT_OUT, PackedFolder


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def example(folder):
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "small.txt").write_bytes(b"abc")
    (folder / "deep" / "er" / "middle.bin").write_bytes(bytes(range(100)))
    (folder / "large.bin").write_bytes(bytes(1000))
    return folder


def test_a_folder_comes_out_as_it_went_in(tmp_path):
    folder = example(tmp_path / "a")
    PackedFolder.of(folder).unpack(tmp_path / "b")
    assert tree(tmp_path / "b") == tree(folder)
    assert len(tree(folder)) == 3


def test_the_largest_files_stay_behind_where_all_are_too_much_and_are_named(tmp_path):
    packed = PackedFolder.of(example(tmp_path / "a"), most_bytes=500)
    packed.unpack(tmp_path / "b")
    assert set(tree(tmp_path / "b")) == {"small.txt", "deep/er/middle.bin", LEFT_OUT}
    assert (tmp_path / "b" / LEFT_OUT).read_text() == "large.bin\n"


def test_a_folder_that_was_never_made_is_empty(tmp_path):
    assert PackedFolder.of(tmp_path / "none") == PackedFolder({})
