"""Synthetic scenes: the known place of every point is where the picture shows it."""

import cv2
import numpy as np
import pytest
from learning_pictures import textured

from slam.learning.photometric import disturbed, motion_blurred, toned
from slam.learning.scenes import MAX_PLANES, random_scene, random_view, rendered

K = np.array([[300.0, 0, 150], [0, 300, 110], [0, 0, 1]])


def test_pictures_of_a_plane_agree_after_the_homography_between_them():
    rng = np.random.default_rng(1)
    scene = random_scene([cv2.GaussianBlur(textured(1), (0, 0), 2)], rng)
    a, b = random_view(scene, (300, 220), rng), random_view(scene, (300, 220), rng)
    H_b_a = b.homographies[0] @ np.linalg.inv(a.homographies[0])
    a_in_b = cv2.warpPerspective(a.image, H_b_a, (300, 220))
    seen = cv2.erode(cv2.warpPerspective(np.full_like(a.image, 255), H_b_a, (300, 220)), np.ones((9, 9))) > 250
    assert seen.mean() > 0.2
    assert np.abs(a_in_b.astype(float) - b.image)[seen].mean() < 6  # grey levels


def test_a_nearer_plane_covers_the_backdrop_and_moves_more():
    rng = np.random.default_rng(2)
    scene = random_scene([textured(2), textured(3)], rng)
    still, sideways = (rendered(scene, K, np.eye(3), np.array([x, 0, 0]), (300, 220)) for x in (0.0, -0.05))
    assert set(np.unique(still.plane)) == {0, 1}
    center = np.array([150.0, 110.0, 1.0])
    shift = [
        (sideways.homographies[i] @ center)[:2] / (sideways.homographies[i] @ center)[2]
        - (still.homographies[i] @ center)[:2] / (still.homographies[i] @ center)[2]
        for i in range(2)
    ]
    assert shift[1][0] < shift[0][0] < 0


def test_a_scene_holds_no_more_planes_than_a_view_can_tell_apart():
    scene = random_scene([textured(i) for i in range(7)], np.random.default_rng(3))
    view = random_view(scene, (300, 220), np.random.default_rng(4))
    assert len(scene) == MAX_PLANES and view.homographies.shape == (MAX_PLANES, 3, 3)


def test_light_and_noise_keep_size_and_type_and_depend_on_the_seed_only():
    image = textured(5)
    first, again, other = (disturbed(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == image.shape and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("angle_rad", [0.0, 0.8, np.pi / 2])
def test_motion_blur_keeps_the_brightness(angle_rad):
    image = textured(6)
    assert motion_blurred(image, 9, angle_rad).mean() == pytest.approx(image.mean(), abs=1.0)


def test_a_neutral_tone_changes_nothing():
    image = textured(7)
    assert np.abs(toned(image, 1.0, 1.0, 0.0).astype(int) - image).max() <= 1


def test_a_repeated_object_appears_at_several_places_and_each_copy_knows_its_own():
    scene = random_scene([textured(8), textured(9), textured(10)], np.random.default_rng(8), copies=3)
    assert len(scene) == MAX_PLANES
    assert all(plane.image is scene[1].image and plane.mask is scene[1].mask for plane in scene[1:])
    centers = np.stack([(p.pixel_to_world @ (150, 110, 1)) for p in scene[1:]])
    assert min(np.linalg.norm(centers[i] - centers[j]) for i, j in ((0, 1), (0, 2), (1, 2))) > 0.1
    view = rendered(scene, K, np.eye(3), np.zeros(3), (300, 220))
    assert set(np.unique(view.plane)) >= {1, 2, 3}


def test_a_scene_without_patches_has_nothing_to_repeat():
    assert len(random_scene([textured(11)], np.random.default_rng(9), copies=3)) == 1
