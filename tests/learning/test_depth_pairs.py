"""Pairs from recordings with depth: a slanted wall seen by a moving camera, written in TUM layout."""

import cv2
import numpy as np
import pytest
from learning_pictures import textured
from scipy.spatial.transform import Rotation

from slam.config import FeatureConfig
from slam.errors import SourceError
from slam.features.sift import SiftExtractor
from slam.geometry import transform
from slam.learning.depth_pairs import RecordingPairs, keypoint_depth, overlap, reprojected
from slam.learning.evaluate import compare_on_pairs, depth_pairs, epipolar_pairs, homography_judge, homography_pairs
from slam.learning.losses import ground_truth
from slam.learning.mixture import Mixture, to_tensors
from slam.learning.pairs import stacked
from slam.matching.nearest import NearestMatcher
from slam.sources import open_source
from slam.trajectory import Trajectory, write_tum

SIFT = FeatureConfig(name="sift", max_keypoints=512)
RIG = """
[left]
width = 300
height = 220
intrinsics = [260.0, 260.0, 150.0, 110.0]
[depth]
factor = 5000.0
"""
K = np.array([[260.0, 0, 150], [0, 260, 110], [0, 0, 1]])
T_WORLD_WALL = transform(Rotation.from_euler("y", 20, degrees=True).as_matrix(), np.array([0.1, 0.0, 2.0]))


def camera_pose(i):
    R = Rotation.from_euler("xyz", [1.0 * i, 2.0 * i, 3.0 * i], degrees=True).as_matrix()
    return transform(R, np.array([-0.05 * i, 0.02 * i, 0.03 * i]))


def seen_wall(T_world_cam, texture):
    """Image and z-depth of the wall z = 0 of its own frame, 400 px of texture per metre."""
    T = np.linalg.inv(T_world_cam) @ T_WORLD_WALL
    wall = np.column_stack([T[:3, 0], T[:3, 1], T[:3, 3]]) @ np.array(
        [[1 / 150, 0, -1], [0, 1 / 150, -0.75], [0, 0, 1]]
    )
    image = cv2.warpPerspective(texture, K @ wall, (300, 220), borderMode=cv2.BORDER_REFLECT_101)
    rays = np.stack(np.meshgrid(np.arange(300), np.arange(220)), -1).reshape(-1, 2)
    rays = np.column_stack([(rays - (150, 110)) / 260.0, np.ones(len(rays))])
    depth_m = (T[:3, 2] @ T[:3, 3]) / (rays @ T[:3, 2])
    return image, depth_m.reshape(220, 300)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wall")
    for name in ("rgb", "depth"):
        (folder / name).mkdir()
        lines = [f"{i + 1}.000000 {name}/{i}.png\n" for i in range(4)]
        (folder / f"{name}.txt").write_text("".join(lines))
    for i in range(4):
        image, depth_m = seen_wall(camera_pose(i), textured(3))
        cv2.imwrite(str(folder / f"rgb/{i}.png"), image)
        cv2.imwrite(str(folder / f"depth/{i}.png"), np.round(depth_m * 5000).astype(np.uint16))
    poses = np.stack([camera_pose(i) for i in range(4)])
    write_tum(folder / "groundtruth.txt", Trajectory(np.arange(1, 5) * 1_000_000_000, poses))
    (folder / "rig.toml").write_text(RIG)
    return folder


def test_true_matches_of_a_recording_look_alike(recording, tmp_path):
    pair = RecordingPairs(recording, SIFT, tmp_path).between(0, 2)
    assert overlap(pair) > 0.5
    batch, _ = to_tensors(stacked([pair], np.random.default_rng(0), 999, 999))
    truth = ground_truth(batch)
    a, b = batch["descriptors_a"][0, truth.index_a], batch["descriptors_b"][0, truth.index_b]
    assert len(truth.pair) > 60 and float((a * b).sum(-1).median()) > 0.85


def test_features_of_a_recording_are_kept_on_disk(recording, tmp_path):
    first = RecordingPairs(recording, SIFT, tmp_path)
    files = list(tmp_path.glob("*.npy"))
    again = RecordingPairs(recording, SIFT, tmp_path)
    assert len(files) == 1 and len(again) == len(first) == 4
    assert np.array_equal(again.between(0, 1).xy_a, first.between(0, 1).xy_a)


def test_recordings_take_part_in_the_mixture(recording, shards):
    batch, split = Mixture(shards, (recording,), SIFT, 8).batch(np.random.default_rng(0))
    assert len(batch["xy"]) >= 2 and 0 < split < batch["xy"].shape[1]


def test_frames_without_overlap_are_drawn_when_there_are_any(recording, tmp_path):
    frames, rng = RecordingPairs(recording, SIFT, tmp_path), np.random.default_rng(0)
    assert overlap(frames.apart(rng)) > 0.5  # all four frames see the same wall
    frames._rows = frames._rows.copy()
    behind = transform(Rotation.from_euler("y", 180, degrees=True).as_matrix(), np.zeros(3))
    frames._rows["T_world_cam"][2:] = frames._rows["T_world_cam"][2:] @ behind
    apart = [overlap(frames.apart(rng)) for _ in range(10)]
    assert apart == [0.0] * 10


def test_a_recording_without_poses_is_one_clear_error(recording, tmp_path):
    for name in ("rgb", "depth", "rgb.txt", "depth.txt", "rig.toml"):
        (tmp_path / name).symlink_to(recording / name)
    with pytest.raises(SourceError, match="ground truth"):
        RecordingPairs(tmp_path, SIFT, tmp_path / "cache")


def test_depth_at_an_edge_or_a_hole_is_unknown():
    depth_m = np.full((10, 20), 2.0, np.float32)
    depth_m[:, 10:], depth_m[5, 5] = 3.0, 0.0
    at = keypoint_depth(np.float32([[2, 2], [9, 5], [15.4, 5], [5, 4], [0, 0]]), depth_m)
    assert np.allclose(at, [2.0, np.nan, 3.0, np.nan, 2.0], equal_nan=True)


def test_reprojection_there_and_back_ends_where_it_began(recording):
    camera = open_source("tum", recording).rig.left
    xy, poses = np.float32([[40, 30], [150, 110], [260, 200]]), (camera_pose(0), camera_pose(3))
    there = reprojected(xy, np.float32([2.0, 2.5, 3.0]), *poses, camera)
    points_b = (
        np.linalg.inv(poses[1]) @ poses[0] @ np.column_stack([camera.rays(xy) * [[2.0], [2.5], [3.0]], np.ones(3)]).T
    )
    back = reprojected(there.astype(np.float32), points_b[2].astype(np.float32), *poses[::-1], camera)
    assert np.allclose(back, xy, atol=1e-2)  # px


def test_matchers_are_compared_on_the_same_pairs_of_a_recording(recording):
    pairs = list(depth_pairs(open_source("tum", recording), SiftExtractor(200), gap=1, step=1))
    scores = compare_on_pairs({"strict": NearestMatcher(0.7), "lax": NearestMatcher(1.0)}, pairs)
    assert [pair.name.split("/")[1] for pair in pairs] == ["0-1", "1-2", "2-3"]
    assert scores["strict"].precision > scores["lax"].precision > 0.5
    assert scores["lax"].inliers >= scores["strict"].inliers > 50


def test_a_fundamental_matrix_judges_where_nothing_else_is_known(recording):
    pairs = list(epipolar_pairs(open_source("tum", recording), SiftExtractor(200), gap=2, step=1))
    score = compare_on_pairs({"nearest": NearestMatcher(0.8)}, pairs)["nearest"]
    assert score.pairs == 2 and 0.5 < score.precision <= 1.0


def test_image_pairs_with_a_homography_file_are_judged_by_it(tmp_path):
    H = np.array([[0.95, 0.05, 8.0], [-0.04, 1.02, -5.0], [1e-4, 0, 1]])
    image = textured(4)
    cv2.imwrite(str(tmp_path / "img1.png"), image)
    cv2.imwrite(str(tmp_path / "img2.png"), cv2.warpPerspective(image, H, (300, 220)))
    np.savetxt(tmp_path / "H1to2p", H)
    pairs = list(homography_pairs(tmp_path, SiftExtractor(200)))
    assert compare_on_pairs({"nearest": NearestMatcher(0.8)}, pairs)["nearest"].precision > 0.8


def test_a_homography_judges_to_the_pixel():
    judge = homography_judge(np.array([[1.0, 0, 10], [0, 1, 0], [0, 0, 1]]), 3.0)
    assert judge(np.float32([[0, 0], [5, 5]]), np.float32([[12.9, 0], [18.1, 5]])).tolist() == [True, False]


def test_no_pairs_to_compare_on_is_one_clear_error():
    with pytest.raises(SourceError, match="no pairs"):
        compare_on_pairs({"nearest": NearestMatcher()}, [])
