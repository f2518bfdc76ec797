"""How sure a calibration is of where a viewing ray lands, pixel by pixel."""

from __future__ import annotations

import numpy as np

from slam.calibration.projection import parameters_of, project
from slam.calibration.solve import CameraFit
from slam.calibration.start import normalized
from slam.types import Float64

STEPS = (33, 25)  # across and down
RAY_LIMIT = 12.0  # tangent of the angle off the axis: 85 degrees, beyond which a fisheye's rays leave the plane z = 1


def pixel_sigmas(fit: CameraFit) -> tuple[Float64, Float64, Float64]:
    """x (M,), y (M,) px and the larger standard deviation (y, x) px of a fixed ray's pixel there; NaN past RAY_LIMIT.

    The covariance of the parameters carried through the projection, to first order. Nothing is taken out: a shifted
    centre, which a camera's pose would take up, counts in full.
    """
    camera = fit.camera
    x, y = np.linspace(0, camera.width - 1, STEPS[0]), np.linspace(0, camera.height - 1, STEPS[1])
    xy = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    rays = normalized(camera, xy)
    points = np.column_stack([rays, np.ones(len(rays))])
    J = project(camera.distortion_model, parameters_of(camera), np.zeros(6), points).by_camera
    with np.errstate(invalid="ignore"):
        covariance = np.einsum("mip,pq,mjq->mij", J, fit.covariance, J)
    usable = np.isfinite(covariance).all((1, 2)) & (np.abs(rays).max(1) < RAY_LIMIT)
    sigmas = np.full(len(xy), np.nan)
    sigmas[usable] = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance[usable])[:, -1], 0.0))
    return x, y, sigmas.reshape(STEPS[1], STEPS[0])
