import cv2
import numpy as np

from slam.features.orb import unit_bits
from slam.features.sift import HALVED_FROM_PX, SiftExtractor, halved, one_per_position, root_sift


def blobs(centres: np.ndarray, sigma_px: float, size: tuple[int, int]) -> np.ndarray:
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    squared = (x[..., None] - centres[:, 0]) ** 2 + (y[..., None] - centres[:, 1]) ** 2
    return (60 + 180 * np.exp(-squared / (2 * sigma_px**2)).sum(-1)).clip(0, 255).astype(np.uint8)


def test_sift_finds_blobs_where_they_are_at_either_start_of_the_scale_space():
    centres = np.array([[60.25, 80.5], [150.75, 60.0], [220.4, 160.6]])
    for size in ((320, 240), (640, 480)):
        features = SiftExtractor(50).extract(blobs(centres, 4.0, size))
        distance = np.linalg.norm(features.xy[:, None] - centres, axis=2).min(0)
        assert distance.max() < 0.1  # px
    assert 320 * 240 < HALVED_FROM_PX <= 640 * 480


def test_descriptors_of_chosen_keypoints_are_those_of_all_keypoints(texture):
    sift = cv2.SIFT_create()
    keypoints, every = sift.detectAndCompute(texture, None)
    found = sift.detect(texture, None)
    _, some = sift.compute(texture, [found[i] for i in range(0, len(found), 7)])
    assert len(found) == len(keypoints)
    np.testing.assert_array_equal(some, every[::7])


def test_one_keypoint_is_kept_per_position_and_it_is_the_strongest():
    xy = np.array([[5, 5], [1, 2], [5, 5], [5, 6]], np.float32)
    scores = np.array([1, 3, 2, 1], np.float32)
    np.testing.assert_array_equal(one_per_position(xy, scores), [1, 2, 3])


def test_root_sift_is_the_hellinger_kernel():
    a, b = np.random.default_rng(1).uniform(0, 255, (2, 1, 128)).astype(np.float32)
    dot = float((root_sift(a) @ root_sift(b).T).item())
    assert np.isclose(dot, np.sqrt(a / a.sum() * b / b.sum()).sum(), atol=1e-6)


def test_halving_takes_the_mean_of_four():
    np.testing.assert_array_equal(halved(np.array([[0, 4, 8, 8], [4, 8, 8, 8]], np.uint8)), [[4, 8]])


def test_dot_products_of_unpacked_bits_are_hamming_distances():
    a, b = np.random.default_rng(2).integers(0, 256, (2, 1, 32)).astype(np.uint8)
    hamming = np.unpackbits(a ^ b).sum()
    assert np.isclose((unit_bits(a) @ unit_bits(b).T).item(), 1 - 2 * hamming / 256, atol=1e-6)
