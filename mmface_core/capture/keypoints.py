"""From the six points of a detection to a first pose of the head, and so to the first crop.

A weak-perspective pose is fitted to the points robustly, because at large yaw some of them are guesses of the detector.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.blazeface import Detection
from mmface_core.capture.crop import Crop
from mmface_core.conventions import euler_to_rotation

# How far the detector's points stray, in mm on the head: eyes, nose tip, mouth, ears (order of blazeface.KEYPOINTS).
SPREAD_MM: Final = np.array([4.0, 4.0, 6.0, 6.0, 12.0, 12.0])
# From the topmost point of the jaw line to the tragion, on the subject's right; measured on rendered heads, mm.
EAR_OFFSET: Final = np.array([3.0, -12.0, 8.0])
YAW_STARTS: Final = (-50.0, 0.0, 50.0)  # degrees; the cost has a minimum on either side of a wrong one
YAW_SPREAD: Final = 40.0  # degrees, of the prior around a frontal head
PITCH_SPREAD: Final = 15.0
STEPS: Final = 15


def canonical_points(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where a detection's six points lie on a face whose 68 points are (68, 3) mm; (6, 3) mm in the head frame."""
    points = np.asarray(landmarks, np.float64)
    right_ear, left_ear = points[0] + EAR_OFFSET, points[16] + EAR_OFFSET * [-1, 1, 1]
    mouth = points[48:68].mean(0)
    return np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], mouth, right_ear, left_ear])


def fit_pose(
    model: NDArray[np.floating], pixels: NDArray[np.floating], spread: NDArray[np.floating] = SPREAD_MM
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Weak-perspective pose of model points (N, 3) mm seen at pixels (N, 2), y down.

    Returns rotation (3, 3) head to camera, scale px/mm and translation (2,) px of the best of several starts.
    """
    best = min((_fit_from(np.radians(yaw), model, pixels, spread) for yaw in YAW_STARTS), key=lambda fit: fit[0])
    return best[1], best[2], best[3]


def _fit_from(
    yaw: float, model: NDArray[np.floating], pixels: NDArray[np.floating], spread: NDArray[np.floating]
) -> tuple[float, NDArray[np.float64], float, NDArray[np.float64]]:
    """Damped Gauss-Newton over yaw, pitch, roll, log scale and translation; (cost, rotation, scale, translation)."""
    target = np.asarray(pixels, np.float64) * [1, -1]  # y up, as the camera frame
    eyes = target[1] - target[0]
    start = euler_to_rotation(yaw, 0.0, 0.0)
    extent = np.linalg.norm((model @ start.T)[:4, :2].std(0))
    scale = np.linalg.norm(target[:4].std(0)) / extent
    x = np.array([yaw, 0.0, float(np.arctan2(-eyes[1], eyes[0])), np.log(scale), 0.0, 0.0])
    x[4:] = target.mean(0) - scale * (model @ euler_to_rotation(*x[:3]).T)[:, :2].mean(0)
    prior = np.array([1 / np.radians(YAW_SPREAD), 1 / np.radians(PITCH_SPREAD)])

    def residual(x: NDArray[np.float64]) -> NDArray[np.float64]:
        points = np.exp(x[3]) * (model @ euler_to_rotation(*x[:3]).T)[:, :2] + x[4:]
        return (points - target) / (scale * spread[:, None])

    def cost_and_weights(r: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        squared = (r**2).sum(1) / 4  # Cauchy: a point beyond two spreads counts ever less
        return float(4 * np.log1p(squared).sum() + ((prior * x[:2]) ** 2).sum()), 1 / (1 + squared)

    damping = 1e-3
    r = residual(x)
    cost, weights = cost_and_weights(r, x)
    for _ in range(STEPS):
        steps = np.array([1e-4, 1e-4, 1e-4, 1e-4, 1e-3 * scale, 1e-3 * scale])
        jacobian = np.stack([(residual(x + np.eye(6)[i] * steps[i]) - r).ravel() / steps[i] for i in range(6)], axis=1)
        w = np.repeat(weights, 2)
        normal = jacobian.T @ (w[:, None] * jacobian)
        gradient = jacobian.T @ (w * r.ravel())
        normal[[0, 1], [0, 1]] += prior**2
        gradient[:2] += prior**2 * x[:2]
        trial = x - np.linalg.solve(normal + damping * np.diag(normal.diagonal()), gradient)
        trial[:2] = np.clip(trial[:2], -1.5, 1.5)
        r_trial = residual(trial)
        cost_trial, weights_trial = cost_and_weights(r_trial, trial)
        if cost_trial < cost:
            x, r, cost, weights, damping = trial, r_trial, cost_trial, weights_trial, damping / 3
        else:
            damping *= 10
    return cost, euler_to_rotation(*x[:3]), float(np.exp(x[3])), x[4:] * np.array([1.0, -1.0])


def first_crop(detection: Detection, model: NDArray[np.floating]) -> Crop:
    """The crop of a detected face; model (6, 3) from `canonical_points`."""
    rotation, scale, translation = fit_pose(model, detection.keypoints)
    return Crop.of_pose(rotation, scale, translation)
