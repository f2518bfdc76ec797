"""The ground truth of each dataset is of the camera that took the images: depth of one frame, carried by the reader's
poses and intrinsics into another, lands on the same surface. Proven on the rendered demo, written in each layout.
"""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from slam import Slam
from slam.camera import Camera
from slam.geometry import apply, invert
from slam.rig_file import load_rig
from slam.sources import open_source
from slam.types import Mode

STEP, COUNT = 6, 12  # frames of the demo that are taken, 0.2 s apart
MIRROR = np.diag([1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def demo():
    """Frames with depth and their exact poses, of a camera that is known."""
    source = open_source("demo", None, mode=Mode.RGBD)
    frames = [frame for frame in source if frame.index % STEP == 0][:COUNT]
    poses = dict(zip(source.ground_truth.stamps_ns.tolist(), source.ground_truth.T_world_cam))
    return source.rig.left, frames, [poses[frame.stamp_ns] for frame in frames]


def seen_by(camera: Camera, demo_camera: Camera, picture, nearest=False):
    """A picture of the demo as another camera at the same place sees it; 0 where the demo's does not look."""
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    xy = demo_camera.project(camera.rays(np.column_stack([x.ravel(), y.ravel()]))).astype(np.float32)
    maps = xy.reshape(camera.height, camera.width, 2)
    return cv2.remap(picture, maps, None, cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR)


def write_color(path, frame, camera, demo_camera):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(seen_by(camera, demo_camera, frame.color), cv2.COLOR_RGB2BGR))


def write_raw(path, raw):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), raw)


def write_sevenscenes(folder, demo):
    demo_camera, frames, poses = demo
    camera = load_rig("sevenscenes").left
    for i, (frame, T) in enumerate(zip(frames, poses)):
        depth_m = seen_by(camera, demo_camera, frame.depth_m, nearest=True)
        write_color(folder / f"frame-{i:06d}.color.png", frame, camera, demo_camera)
        raw = np.where(depth_m > 0, np.round(depth_m * 1000), 65535).astype(np.uint16)
        write_raw(folder / f"frame-{i:06d}.depth.png", raw)
        np.savetxt(folder / f"frame-{i:06d}.pose.txt", T, "%.8f", delimiter="\t")


def write_icl(folder, demo):
    """Upstream's camera has y up: a pose is of a camera mirrored in y, in a world mirrored in y."""
    demo_camera, frames, poses = demo
    camera, lines = load_rig("icl_nuim").left, []
    for i, (frame, T) in enumerate(zip(frames, poses)):
        depth_m = seen_by(camera, demo_camera, frame.depth_m, nearest=True)
        write_color(folder / f"rgb/{i}.png", frame, camera, demo_camera)
        write_raw(folder / f"depth/{i}.png", np.round(depth_m * 5000).astype(np.uint16))
        T_up = MIRROR @ T @ MIRROR
        values = [*T_up[:3, 3], *Rotation.from_matrix(T_up[:3, :3]).as_quat()]
        lines.append(" ".join([str(i), *(f"{value:.9f}" for value in values)]) + "\n")
    (folder / "traj.gt.freiburg").write_text("".join(lines))


def write_tartanair(folder, demo):
    """Upstream's axes: the camera looks along x, y is right, z is down; the world's z is down too."""
    demo_camera, frames, poses = demo
    camera, lines = load_rig("tartanair").left, []
    T_world_ned = np.diag([1.0, -1.0, -1.0, 1.0])
    T_cam_ned = np.array([[0.0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    for i, (frame, T) in enumerate(zip(frames, poses)):
        depth_m = seen_by(camera, demo_camera, frame.depth_m, nearest=True)
        write_color(folder / f"image_lcam_front/{i:06d}_lcam_front.png", frame, camera, demo_camera)
        write_raw(folder / f"depth_lcam_front/{i:06d}_lcam_front_depth.png", depth_m[..., None].view(np.uint8))
        T_ned = invert(T_world_ned) @ T @ T_cam_ned
        values = [*T_ned[:3, 3], *Rotation.from_matrix(T_ned[:3, :3]).as_quat()]
        lines.append(" ".join(f"{value:.9f}" for value in values) + "\n")
    (folder / "pose_lcam_front.txt").write_text("".join(lines))


WRITERS = {"sevenscenes": write_sevenscenes, "icl": write_icl, "tartanair": write_tartanair}


@pytest.fixture(scope="module", params=WRITERS)
def written(request, demo, tmp_path_factory):
    """The demo in the layout of a dataset, opened as that dataset."""
    folder = tmp_path_factory.mktemp(request.param)
    WRITERS[request.param](folder, demo)
    return open_source(request.param, folder, mode=Mode.RGBD)


def depth_errors(source, first, second, T_gt_cam):
    """Relative differences of the depth carried from one frame to another and of the depth measured there."""
    camera, frames = source.rig.left, list(source)
    y, x = np.nonzero(frames[first].depth_m[::7, ::7])
    xy = np.column_stack([x, y]) * 7
    points = camera.rays(xy) * frames[first].depth_m[xy[:, 1], xy[:, 0]][:, None]
    points = apply(invert(T_gt_cam[second]) @ T_gt_cam[first], points.astype(np.float64))
    there = np.round(camera.project(points))
    seen = np.all((there >= 0) & (there < camera.image_size), axis=1)
    column, row = there[seen].astype(int).T
    measured = frames[second].depth_m[row, column]
    carried = points[seen, 2]
    return np.abs(carried - measured)[measured > 0] / carried[measured > 0]


def test_depth_carried_by_the_ground_truth_lands_on_the_same_surface(written):
    errors = depth_errors(written, 0, 4, written.ground_truth.T_world_cam)
    assert len(errors) > 500
    assert np.median(errors) < 0.005
    assert np.mean(errors < 0.03) > 0.85  # the rest: edges, and what one frame hides from the other


def test_wrong_axes_are_told_from_right_ones_by_this_measure(written):
    """The same poses with the camera's axes mistaken: the measure must see it, or it proves nothing."""
    mistaken = written.ground_truth.T_world_cam @ np.diag([1.0, -1.0, -1.0, 1.0])
    mirrored = MIRROR @ written.ground_truth.T_world_cam @ MIRROR
    for wrong in (mistaken, mirrored):
        errors = depth_errors(written, 0, 4, wrong)
        assert len(errors) == 0 or np.median(errors) > 0.01  # none: everything lies behind the camera


def test_a_short_run_tracks_every_frame(written):
    slam = Slam(written.rig, written.mode)
    tracks = [slam.process(frame) for frame in written]
    assert [track.is_tracked for track in tracks] == [True] * COUNT
    truth = written.ground_truth.T_world_cam
    T_first_last = invert(tracks[0].T_world_cam) @ tracks[-1].T_world_cam
    error_m = np.linalg.norm((T_first_last - invert(truth[0]) @ truth[-1])[:3, 3])
    assert error_m < 0.03


def test_the_ground_truth_moves_as_the_demo_does(written, demo):
    """Distances and turns between frames do not depend on the world's axes."""
    ours, truth = written.ground_truth.T_world_cam, demo[2]
    for i in (3, 7, 11):
        np.testing.assert_allclose(invert(ours[0]) @ ours[i], invert(truth[0]) @ truth[i], atol=1e-6)
