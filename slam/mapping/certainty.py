"""How well each keyframe's place in the world of its sub-map is known, and that of the camera with it.

What a window says of one keyframe seen from another is added to what was known of the other, along the best of all
such paths: errors that the paths share are counted once, and a loop shortens them by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from slam.geometry import adjoint, invert
from slam.types import Float64, Int64


class Certainty:
    """Covariances (6, 6) of T_world_cam in its tangent, rotation (rad) before lengths of the map."""

    def __init__(self) -> None:
        self._known: dict[int, Float64] = {}  # keyframe_id -> covariance

    def hold(self, keyframe_id: int) -> None:
        """This keyframe is where its world begins."""
        self._known[keyframe_id] = np.zeros((6, 6))

    def put(self, keyframe_id: int, covariance: Float64 | None) -> None:
        """What is known of a new keyframe; None: nothing, until a window says it."""
        if covariance is not None:
            self._known[keyframe_id] = covariance

    def of_frame(self, keyframe_id: int, T_keyframe_cam: Float64, information: Float64 | None) -> Float64 | None:
        """The covariance of a frame that hangs on a keyframe; None where that is unknown.

        information (6, 6): of its pose given the landmarks; None: the frame is known as well as the keyframe. What its
        measurements leave undetermined is unknown.
        """
        known = self._known.get(keyframe_id)
        if known is None:
            return None
        moved = adjoint(invert(T_keyframe_cam))
        carried = moved @ known @ moved.T
        if information is None:
            return carried
        own = _inverse(information)
        return None if own is None else carried + own

    def learn(self, keyframe_ids: Int64, T_world_cam: Float64, joint: Float64) -> None:
        """Take what a window says of its keyframes (K,): their joint covariance (6K, 6K), in which nothing is held."""
        ids = keyframe_ids.tolist()
        sources = np.flatnonzero([keyframe_id in self._known for keyframe_id in ids])
        if len(sources) == 0:
            return
        total = _seen_from(sources, T_world_cam, joint)
        moved = adjoint(invert(T_world_cam)[:, None] @ T_world_cam[sources])
        total += moved @ np.stack([self._known[ids[q]] for q in sources.tolist()]) @ np.swapaxes(moved, -1, -2)
        for row, keyframe_id in enumerate(ids):
            seen = total[row, sources != row]
            proper = seen[np.linalg.eigvalsh(seen)[:, 0] > 0]  # not what rounding has spoiled
            if len(proper) == 0:
                continue
            best = proper[int(np.argmin(_volume(proper)))]
            before = self._known.get(keyframe_id)
            if before is None or _volume(best) < _volume(before):
                self._known[keyframe_id] = best

    def joined(self, keyframe_ids: list[int], keyframe_a: int, keyframe_b: int, T_a_b: Float64) -> None:
        """Keyframes came into another world, where b was seen from a: the others are unknown until seen again."""
        of_b = self.of_frame(keyframe_a, T_a_b, None)
        for keyframe_id in keyframe_ids:
            self._known.pop(keyframe_id, None)
        self.put(keyframe_b, of_b)

    def stretch(self, T_first: Mapping[int, Float64], sigma: float) -> None:
        """The scale of a sub-map is known to a share ``sigma``; T_first: keyframe_id -> T_first_cam, from its first."""
        for keyframe_id, T_first_cam in T_first.items():
            if keyframe_id in self._known:
                along = np.concatenate([np.zeros(3), T_first_cam[:3, 3] @ T_first_cam[:3, :3]]) * sigma
                self._known[keyframe_id] = self._known[keyframe_id] + np.outer(along, along)

    def scale(self, factors: Mapping[int, float]) -> None:
        """Lengths seen from keyframes (id -> factor) are multiplied."""
        for keyframe_id in factors.keys() & self._known.keys():
            of_length = np.repeat([1.0, factors[keyframe_id]], 3)
            self._known[keyframe_id] = self._known[keyframe_id] * np.outer(of_length, of_length)

    def forget(self, keyframe_id: int) -> None:
        self._known.pop(keyframe_id, None)


def _inverse(information: Float64) -> Float64 | None:
    """The covariance (6, 6) of an information matrix, None where that determines no pose."""
    try:
        covariance = np.linalg.inv(np.linalg.cholesky(information))
    except np.linalg.LinAlgError:
        return None
    covariance = covariance.T @ covariance
    return covariance if np.isfinite(covariance).all() else None


def _seen_from(sources: Int64, T_world_cam: Float64, joint: Float64) -> Float64:
    """(K, S, 6, 6) covariances of each keyframe's pose seen from each source, in the keyframe's tangent."""
    blocks = joint.reshape(-1, 6, len(T_world_cam), 6).transpose(0, 2, 1, 3)
    own = np.einsum("kkij->kij", blocks)
    moved = adjoint(invert(T_world_cam)[:, None] @ T_world_cam[sources])
    shared = moved @ np.swapaxes(blocks[:, sources], -1, -2)
    off = own[:, None] + moved @ own[sources] @ np.swapaxes(moved, -1, -2)
    return np.asarray(off - shared - np.swapaxes(shared, -1, -2), np.float64)


def _volume(covariances: Float64) -> Float64:
    """(...,) logarithm of the determinant; -inf where something is known exactly."""
    return np.asarray(np.linalg.slogdet(covariances)[1], np.float64)
