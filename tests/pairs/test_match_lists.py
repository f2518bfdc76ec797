"""Lists of pairs become files that hloc reads: whole, resumable, and honest about broken images."""

import builtins

import cv2
import h5py
import numpy as np
import pytest
from command_line import called

from slam.config import FeatureConfig, MatcherConfig, SlamConfig
from slam.errors import ConfigError, MissingExtraError, SourceError
from slam.features import make_extractor
from slam.matching import make_matcher
from slam.pairs import hloc_files, many
from slam.pairs.hloc_files import opened, read_features, rounded, write_features
from slam.pairs.many import ManyOptions, match_many_files
from slam.pairs.pair_list import read_pairs
from slam.sources.images import read_image

CONFIG = SlamConfig(features=FeatureConfig(max_keypoints=128))


@pytest.fixture
def job(demo_images, tmp_path):
    """Four pictures, one of them in a folder of its own, and three pairs."""
    (tmp_path / "images" / "seq").mkdir(parents=True)
    names = ("a.jpg", "b.jpg", "c.jpg", "seq/d.jpg")
    for name, path in zip(names, demo_images[::10]):
        (tmp_path / "images" / name).symlink_to(path)
    (tmp_path / "pairs.txt").write_text("a.jpg b.jpg\nb.jpg seq/d.jpg\r\n\nc.jpg b.jpg\n")
    return ManyOptions(tmp_path / "pairs.txt", tmp_path / "images", tmp_path / "m.h5", tmp_path / "f.h5")


def matched(path, a, b):
    """(K, 2) indices and (K,) scores of a pair, read as hloc reads them (hloc/utils/io.py, get_matches)."""
    with h5py.File(path) as file:
        group = file[f"{a.replace('/', '-')}/{b.replace('/', '-')}"]
        partner, scores = group["matches0"].__array__(), group["matching_scores0"].__array__()
    first = np.flatnonzero(partner != -1)
    return np.stack([first, partner[first]], 1), scores[first]


def stored(path):
    """Every dataset of a file, by its name."""
    values = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: values.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return values


def same(left, right):
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def test_features_lie_as_hloc_reads_them(job):
    match_many_files(job, CONFIG)
    expected = make_extractor(CONFIG.features).extract(read_image(job.images / "seq" / "d.jpg")[0])
    with h5py.File(job.features) as file:
        group, kept = file["seq/d.jpg"], rounded(expected)
        kinds = {name: (item.shape, item.dtype.name) for name, item in group.items()}
        assert kinds == {
            "keypoints": ((128, 2), "float32"),
            "descriptors": ((64, 128), "float16"),
            "scores": ((128,), "float16"),
            "image_size": ((2,), "int64"),
        }
        assert np.array_equal(group["keypoints"], expected.xy) and group["image_size"][()].tolist() == [640, 480]
        assert np.array_equal(group["descriptors"], kept.descriptors.T) and group["keypoints"].attrs["uncertainty"] == 1
        assert read_features(file, "seq/d.jpg").descriptors.flags["C_CONTIGUOUS"]


def test_matches_are_those_of_the_matcher_on_the_features_of_the_file(job):
    tally = match_many_files(job, CONFIG)
    with h5py.File(job.features) as file:
        b, d = (read_features(file, name).view() for name in ("b.jpg", "seq/d.jpg"))
    expected = make_matcher(CONFIG.matcher, "earlybird").match(b, d)
    pairs, scores = matched(job.matches, "b.jpg", "seq/d.jpg")
    assert np.array_equal(pairs, np.stack([expected.index_a, expected.index_b], 1)) and len(pairs) > 20
    assert np.abs(scores - expected.confidence).max() < 5e-4  # float16
    kinds = {name: value.dtype.name for name, value in stored(job.matches).items() if name.startswith("b.jpg/")}
    assert kinds == {"b.jpg/seq-d.jpg/matches0": "int16", "b.jpg/seq-d.jpg/matching_scores0": "float16"}
    assert (tally.pairs, tally.matched, tally.there, tally.skipped) == (3, 3, 0, 0)


def test_a_second_call_matches_only_what_is_missing(job, monkeypatch):
    match_many_files(job, CONFIG)
    complete = stored(job.matches)
    with h5py.File(job.matches, "a") as file:
        del file["c.jpg/b.jpg"]["matching_scores0"]  # as if it had been stopped there
    with h5py.File(job.features, "a") as file:
        del file["c.jpg"]
    looked_at = []
    monkeypatch.setattr(many, "read_picture", lambda path, **how: looked_at.append(path.name) or picture(path, **how))
    tally = match_many_files(job, CONFIG)
    assert (tally.matched, tally.there, looked_at) == (1, 2, ["c.jpg"])
    assert same(stored(job.matches), complete)


def picture(path, **how):
    from slam.pairs.picture import read_picture

    return read_picture(path, **how)


def test_batches_and_forgotten_features_change_nothing(job, monkeypatch, tmp_path):
    match_many_files(job, CONFIG)
    monkeypatch.setattr(many, "BATCH", 1)
    monkeypatch.setattr(many, "REMEMBERED", 1)
    seen = []
    other = ManyOptions(job.pairs, job.images, tmp_path / "other.h5")
    match_many_files(other, CONFIG, lambda done, total: seen.append((done, total)))
    assert same(stored(other.matches), stored(job.matches)) and seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_pair_that_is_there_turned_round_is_not_matched_again(job):
    match_many_files(job, CONFIG)
    job.pairs.write_text("b.jpg a.jpg\nd.jpg a.jpg\n")
    (job.images / "d.jpg").symlink_to((job.images / "seq" / "d.jpg").resolve())
    tally = match_many_files(job, CONFIG)
    assert (tally.there, tally.matched) == (1, 1) and len(stored(job.matches)) == 8


def test_other_settings_never_mix_with_what_is_in_a_file(job):
    match_many_files(job, CONFIG)
    with pytest.raises(SourceError, match=r"m\.h5: was made with other settings .*128 keypoints.*now .*64 keypoints"):
        match_many_files(job, SlamConfig(features=FeatureConfig(max_keypoints=64)))
    with pytest.raises(SourceError, match=r"exit calibrated .* now .* exit off"):
        match_many_files(job, SlamConfig(features=CONFIG.features, matcher=MatcherConfig(exit="off")))
    with h5py.File(job.matches, "w") as file:
        file.create_group("a.jpg")
    with pytest.raises(SourceError, match="made with other settings \\(by another program"):
        match_many_files(job, CONFIG)


def test_broken_images_are_named_and_their_pairs_left_out(job):
    (job.images / "c.jpg").unlink()
    (job.images / "seq" / "d.jpg").unlink()
    (job.images / "c.jpg").write_bytes(b"no picture")
    tally = match_many_files(job, CONFIG)
    assert (tally.matched, tally.skipped, list(tally.broken)) == (1, 2, ["seq/d.jpg", "c.jpg"])
    said = dict(tally.rows())
    assert "c.jpg" in said["broken image"] and said["left out"] == "2 pairs, for 2 broken images"
    job.pairs.write_text("a.jpg c.jpg\n")
    with pytest.raises(SourceError, match=r"no pair could be matched; .*c\.jpg"):
        match_many_files(job, CONFIG)


def test_a_black_picture_has_no_matches_but_its_place_in_the_file(job):
    (job.images / "c.jpg").unlink()
    cv2.imwrite(str(job.images / "c.jpg"), np.zeros((120, 160), np.uint8))
    match_many_files(job, CONFIG)
    assert matched(job.matches, "c.jpg", "b.jpg")[0].shape == (0, 2)
    assert stored(job.features)["c.jpg/keypoints"].shape == (0, 2)


def test_a_matcher_without_layers_and_shrunk_pictures_go_the_same_way(job):
    config = SlamConfig(features=FeatureConfig("orb", 200), matcher=MatcherConfig("nearest"))
    shrunk = ManyOptions(job.pairs, job.images, job.matches, job.features, resize_px=320)
    tally = match_many_files(shrunk, config)
    assert len(matched(job.matches, "a.jpg", "b.jpg")[0]) > 10 and "layers a pair" not in dict(tally.rows())
    assert stored(job.features)["a.jpg/keypoints"][:, 0].max() > 330  # px of the picture as it is


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no pairs"),
        ("a.jpg\n", "line 1: has 1 names"),
        ("a.jpg b.jpg\na b c.jpg\n", "line 2: has 3 names"),
        ("/etc/a.jpg b.jpg\n", "'/etc/a.jpg' must be a path inside"),
        ("../a.jpg b.jpg\n", "'../a.jpg' must be a path inside"),
        ("./a.jpg b.jpg\n", "'./a.jpg' must be a path inside"),
        ("a.jpg\tx\0.jpg\n", "must be a path inside"),
        ("a.jpg a.jpg\n", "a.jpg is paired with itself"),
        ("x/a.jpg b.jpg\nx-a.jpg b.jpg\n", "have one key in hloc's files"),
    ],
)
def test_a_list_that_cannot_be_right_is_refused_with_its_line(tmp_path, text, said):
    (tmp_path / "pairs.txt").write_text(text)
    with pytest.raises(SourceError) as refused:
        read_pairs(tmp_path / "pairs.txt")
    assert said in str(refused.value)


def test_names_with_spaces_and_signs_are_taken_after_a_tab(job):
    for name in ("my picture.jpg", "ü$%{}#.jpg"):
        (job.images / name).symlink_to((job.images / "a.jpg").resolve())
    job.pairs.write_text("my picture.jpg\tü$%{}#.jpg\nü$%{}#.jpg\tmy picture.jpg\n", encoding="utf-8")
    assert match_many_files(job, CONFIG).pairs == 1
    assert len(matched(job.matches, "my picture.jpg", "ü$%{}#.jpg")[0]) > 100


def test_files_that_cannot_be_used_are_said(job, tmp_path):
    with pytest.raises(SourceError, match=r"missing\.txt: cannot be read"):
        read_pairs(tmp_path / "missing.txt")
    (tmp_path / "latin.txt").write_bytes(b"\xfc.jpg b.jpg\n")
    with pytest.raises(SourceError, match="is not UTF-8"):
        read_pairs(tmp_path / "latin.txt")
    (tmp_path / "m.h5").write_bytes(b"cut short")
    with pytest.raises(SourceError, match="is no HDF5 file, or was cut short"):
        match_many_files(job, CONFIG)
    with pytest.raises(SourceError, match="cannot be opened to write"):
        match_many_files(ManyOptions(job.pairs, job.images, job.pairs / "m.h5"), CONFIG)
    with pytest.raises(SourceError, match="is no folder"):
        match_many_files(ManyOptions(job.pairs, tmp_path / "none", tmp_path / "x.h5"), CONFIG)
    with pytest.raises(ConfigError, match="is the file of matches too"):
        match_many_files(ManyOptions(job.pairs, job.images, job.features, job.features), CONFIG)
    with pytest.raises(ConfigError, match="count up to 32767"):
        match_many_files(job, SlamConfig(features=FeatureConfig(max_keypoints=40_000)))


def test_features_that_are_half_written_are_written_again(job, tmp_path):
    features = make_extractor(CONFIG.features).extract(read_image(job.images / "a.jpg")[0])
    with opened(tmp_path / "x.h5", "settings") as file:
        write_features(file, "a.jpg", features)
        del file["a.jpg"]["scores"]
        assert not hloc_files.has_features(file, "a.jpg")
        write_features(file, "a.jpg", features)
        assert hloc_files.has_features(file, "a.jpg")


def test_without_h5py_it_is_said_what_to_install(job, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "h5py":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"earlybird-slam\[hloc\]"):
        match_many_files(job, CONFIG)


def test_the_command_matches_a_list_and_tells_what_it_did(monkeypatch, capsys, job):
    (job.images / "c.jpg").unlink()
    asked = ("--pairs", job.pairs, "--images", job.images, "--out", job.matches, "--features-out", job.features)
    answer = called(monkeypatch, capsys, "match", *asked, "--keypoints", "64")
    assert answer.code == 0 and "3, 2 matched now, 0 there already" in answer.out and "left out" in answer.out
    answer = called(monkeypatch, capsys, "match", *asked, "--keypoints", "64")
    assert answer.code == 0 and "3, 0 matched now, 2 there already" in answer.out
    answer = called(monkeypatch, capsys, "match", "--pairs", job.pairs, "--images", job.images)
    assert answer.code == 2 and "write it as: slam match --pairs" in answer.err
