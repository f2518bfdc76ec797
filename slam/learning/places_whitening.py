"""Centres of local descriptors, and the projection under which two frames of one place lie close together."""

from __future__ import annotations

import cv2
import numpy as np

from slam.types import Float32, Float64, Int64

ATTEMPTS, ROUNDS = 3, 25  # of k-means: starts, of which the tightest is taken; rounds of each
SHRINKAGE = 0.5  # of the covariance within places towards a multiple of the identity
DAMPING = -0.25  # power of the variances of the projected vectors; 0 leaves them, -0.5 makes them equal


def k_means(descriptors: Float32, count: int, seed: int) -> Float32:
    """(count, D) centres of descriptors (N, D), by k-means++ and Lloyd's rounds."""
    cv2.setRNGSeed(seed)
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, ROUNDS, 1e-4)
    found = cv2.kmeans(descriptors, count, np.empty(0, np.int32), until, ATTEMPTS, cv2.KMEANS_PP_CENTERS)
    return np.asarray(found[2], np.float32)


def principal_axes(vectors: Float32, count: int) -> Float32:
    """(D, count) directions of most variance of vectors (N, D)."""
    return np.linalg.eigh(np.cov(vectors.T.astype(np.float64)))[1][:, ::-1][:, :count].astype(np.float32)


def learned_whitening(vectors: Float32, pairs: Int64, dim: int) -> tuple[Float32, Float32]:
    """Mean (D,) and projection (D, dim) of vectors (N, D), given pairs (P, 2) of vectors of the same place.

    Mikolajczyk & Matas (ICCV 2007), as Radenović et al. (PAMI 2019, section 3.3) use it: whiten what differs within
    places, then keep the directions in which vectors differ most. The covariance within places is shrunk (Ledoit &
    Wolf 2004, the share fixed), as places that nobody trained on vary in other ways, and the variances that are left
    are evened out by a fourth root.
    """
    mean = vectors.mean(0, dtype=np.float64)
    centred = vectors - mean
    within = shrunk(second_moment(centred[pairs[:, 0]] - centred[pairs[:, 1]]))
    variance, axes = np.linalg.eigh(within)
    whiten = axes * variance**-0.5 @ axes.T
    total, directions = np.linalg.eigh(second_moment(centred @ whiten))
    kept = directions[:, ::-1][:, :dim] * np.maximum(total[::-1][:dim], 1e-12) ** DAMPING
    project = whiten @ kept
    return mean.astype(np.float32), (project / project.std()).astype(np.float32)


def second_moment(differences: Float64) -> Float64:
    """(D, D) mean of the outer products of the rows (N, D)."""
    return differences.T @ differences / len(differences)


def shrunk(covariance: Float64) -> Float64:
    """The covariance (D, D) between itself and a multiple of the identity with the same trace."""
    size = len(covariance)
    return (1 - SHRINKAGE) * covariance + SHRINKAGE * np.trace(covariance) / size * np.eye(size)
