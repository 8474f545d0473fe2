"""A prior on the answer: the 14 points belong to one body seen through one camera.

A low-dimensional shape model (mean and principal components of phantoms and real people, ``prior.npz``, made by
``tools/fit_landmark_prior.py``) and a camera of unknown pose, scale and perspective are fitted to the points that a
network found, robustly; what does not fit is replaced by what the fit says, or refused where that lies outside the
image. Body frame: x to the patient's right, y to the front, z up, mm. Image: columns to the right, rows down; in the
usual display the patient's right is on the image's left.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

TABLE = Path(__file__).with_name("prior.npz")

DISPLAY = np.array(((-1.0, 0.0, 0.0), (0.0, 0.0, -1.0)))
"""Columns and rows of an upright frontal view from body axes."""

_FRONTAL_DEG = tuple((tilt, turn) for tilt in (-30, 0, 30) for turn in (-35, 0, 35))
VIEWS_DEG = (*_FRONTAL_DEG, (0, 90), (0, -90))
"""Tilt about x (inlet, outlet) and turn about z (obliques, laterals) of the views that fits start from."""

TILT_DEG, TURN_DEG, ROLL_DEG = 25.0, 30.0, 20.0
"""Standard deviation of a view about the upright frontal one."""

LOG_SCALE, LOG_SCALE_SPREAD = np.log(1.2), 0.3
"""Magnification times body size relative to the mean, logarithm."""

PERSPECTIVE = 1 / 800
"""Standard deviation of one over the source's distance, 1/mm; positive where the source is in front."""

SURE_MM, UNSURE_MM = 3.0, 14.0
"""Standard deviation of a network's point at the detector at confidence 1 and 0 (quadratic in 1 - confidence)."""

FREEDOM = 4.0
"""Of the Student t whose weights make the fit robust."""

TRIED, STEPS = 4, 12
"""Starts that are refined, and Gauss-Newton steps each."""

LEAST_POINTS = 5
"""Below this many points that fit, nothing is said: two similarities and a view always fit fewer."""

REPLACED_MM, KEPT_ABOVE = 12.0, 0.3
"""A prediction less certain than this (mm) replaces nothing; a fitting point of more confidence stays as it is."""


@dataclass(frozen=True, eq=False)
class LandmarkModel:
    """Shapes of 14 points.

    Attributes:
        mean: L x 3, mm.
        modes: M x L x 3, one standard deviation of each principal component, mm.
        residual_mm: L, standard deviation (per axis) of what the components leave.
    """

    mean: Float[np.ndarray, "L 3"]
    modes: Float[np.ndarray, "M L 3"]
    residual_mm: Float[np.ndarray, " L"]


@dataclass(frozen=True, eq=False)
class PriorFit:
    """What the prior makes of an answer.

    Attributes:
        points: L x 2, corrected, pixels.
        confidence: L, corrected; 0 where the point is refused.
        present: L, whether the point lies in the image and is certain enough.
        fitting: L, probability that the network's own point belongs to the body that was found.
        predicted: L x 2, where the fitted body has the point, pixels.
        predicted_mm: L, standard deviation of that at the detector.
        used: Whether enough points fitted; otherwise everything is handed back as it came.
    """

    points: Float[np.ndarray, "L 2"]
    confidence: Float[np.ndarray, " L"]
    present: Bool[np.ndarray, " L"]
    fitting: Float[np.ndarray, " L"]
    predicted: Float[np.ndarray, "L 2"]
    predicted_mm: Float[np.ndarray, " L"]
    used: bool


@cache
def landmark_model() -> LandmarkModel:
    """The table that comes with the package; landmarks in the order of ``HIP_LANDMARKS``."""
    with np.load(TABLE, allow_pickle=False) as table:
        return LandmarkModel(**{name: np.asarray(table[name], dtype=np.float64) for name in table.files})


@dataclass(frozen=True, eq=False)
class _State:
    """Rotation, image shift (mm), log scale, perspective (1/mm) and shape."""

    rotation: Float[np.ndarray, "3 3"]
    shift: Float[np.ndarray, "2"]
    log_scale: float
    perspective: float
    shape: Float[np.ndarray, " M"]

    def project(self, model: LandmarkModel) -> Float[np.ndarray, "L 2"]:
        body = (model.mean + np.tensordot(self.shape, model.modes, axes=1)) @ self.rotation.T
        nearer = 1.0 / (1.0 - self.perspective * body[:, 1])
        return np.exp(self.log_scale) * (body @ DISPLAY.T) * nearer[:, None] + self.shift

    def jacobian(self, model: LandmarkModel) -> Float[np.ndarray, "L 2 P"]:
        """By turn (3), shift (2), log scale, perspective and shape."""
        body = (model.mean + np.tensordot(self.shape, model.modes, axes=1)) @ self.rotation.T
        nearer = 1.0 / (1.0 - self.perspective * body[:, 1])
        flat, scale = body @ DISPLAY.T, np.exp(self.log_scale)
        image = scale * flat * nearer[:, None]
        by_body = scale * nearer[:, None, None] * DISPLAY[None] + np.zeros((len(body), 2, 3))
        by_body[:, :, 1] += image * (nearer * self.perspective)[:, None]
        by_turn = np.stack([np.cross(axis, body) for axis in np.eye(3)], axis=2)  # d body / d turn
        by_shape = np.moveaxis(model.modes @ self.rotation.T, 0, 2)
        return np.concatenate(
            (
                by_body @ by_turn,
                np.broadcast_to(np.eye(2), (len(body), 2, 2)),
                image[:, :, None],
                (image * (nearer * body[:, 1])[:, None])[:, :, None],
                by_body @ by_shape,
            ),
            axis=2,
        )

    def stepped(self, step: Float[np.ndarray, " P"]) -> "_State":
        turn = np.asarray(Rotation.from_rotvec(step[:3]).as_matrix())
        return _State(
            turn @ self.rotation,
            self.shift + step[3:5],
            float(np.clip(self.log_scale + step[5], -1.5, 2.0)),
            float(np.clip(self.perspective + step[6], -1 / 400, 1 / 400)),
            np.clip(self.shape + step[7:], -4, 4),
        )


def fit_prior(
    points: Float[np.ndarray, "L 2"],
    confidence: Float[np.ndarray, " L"],
    pixel_mm: float,
    size: tuple[int, int],
    model: LandmarkModel | None = None,
) -> PriorFit:
    """Hold an answer against one body seen through one camera.

    Args:
        points: A network's best guess of each landmark, pixels (column, row); NaN where there is none.
        confidence: Its confidence in [0, 1].
        pixel_mm: Pixel pitch at the detector.
        size: Rows and columns of the image.
        model: Shapes; None: those that come with the package.

    Returns:
        The answer, corrected where it does not fit. Points that fit and are confident come back unchanged.
    """
    model = landmark_model() if model is None else model
    found = np.isfinite(points).all(axis=1)
    trust = np.where(found, np.clip(confidence, 0.0, 1.0), 0.0)
    seen = np.where(found[:, None], points, 0.0) * pixel_mm
    spread = np.where(found, SURE_MM + (UNSURE_MM - SURE_MM) * (1 - trust) ** 2, np.inf)
    unchanged = PriorFit(points, confidence, found & (confidence > 0), np.ones(len(points)), points, spread, used=False)
    starts = _starts(seen, trust, spread, model) if found.sum() >= LEAST_POINTS else []
    if not starts:
        return unchanged
    area = float(size[0] * size[1]) * pixel_mm**2
    best = min(
        (_refined(start, seen, spread, model) for start in starts), key=lambda state: _cost(state, seen, spread, model)
    )
    predicted = best.project(model)
    certain = _certainty(best, seen, spread, model)
    fitting = _fitting(seen, predicted, trust, np.hypot(spread, certain), area)
    fitting[~found] = 0.0
    if (fitting[trust > 0.05] > 0.5).sum() < LEAST_POINTS:
        return unchanged
    limit = np.array((size[1], size[0])) * pixel_mm
    inside = np.asarray(((predicted >= 0) & (predicted <= limit)).all(axis=1))
    share = (certain**2 / (certain**2 + spread**2))[:, None]  # of the network's point
    share = np.where((trust >= KEPT_ABOVE)[:, None], 1.0, share)
    fits = np.asarray(fitting > 0.5)
    moved = np.where(fits[:, None], share * seen + (1 - share) * predicted, predicted)
    # A point is only called present where the fit itself did not put it outside by chance.
    well_inside = ((predicted >= certain[:, None]) & (predicted <= limit - certain[:, None])).all(axis=1)
    replaced = ~fits & well_inside & (certain < REPLACED_MM)
    level = float(np.median(trust[fits]))
    given = np.where(fits, trust, np.where(replaced, level * np.exp(-0.5 * (certain / 8.0) ** 2), 0.0))
    # Neither fitting nor replaceable: the best guess stays, but nobody is told that it is there.
    kept = fits | replaced | ~found
    guess = np.where(kept[:, None], moved, np.where(inside[:, None], seen, predicted))
    same = fits & (trust >= KEPT_ABOVE)
    corrected = np.where(same[:, None], points, guess / pixel_mm)
    return PriorFit(corrected, given, fits | replaced, fitting, predicted / pixel_mm, certain, used=True)


def correct(
    points: Float[np.ndarray, "L 2"], confidence: Float[np.ndarray, " L"], pixel_mm: float, size: tuple[int, int]
) -> tuple[Float[np.ndarray, "L 2"], Float[np.ndarray, " L"]]:
    """Points and confidences of :func:`fit_prior`; a point that is refused has the confidence 0."""
    found = fit_prior(points, confidence, pixel_mm, size)
    return found.points, np.where(found.present, found.confidence, 0.0) if found.used else confidence


def _starts(
    seen: Float[np.ndarray, "L 2"],
    trust: Float[np.ndarray, " L"],
    spread: Float[np.ndarray, " L"],
    model: LandmarkModel,
) -> list[_State]:
    """Views and similarities through two points each that most points agree with."""
    usable = np.flatnonzero(trust > 0)
    pairs = np.array(list(combinations(usable, 2)))
    views = [Rotation.from_euler("xz", angles, degrees=True).as_matrix() for angles in VIEWS_DEG]
    flat = np.stack([(model.mean @ view.T) @ DISPLAY.T for view in views]).view(np.float64)
    template = flat[..., 0] + 1j * flat[..., 1]  # V x L
    image = seen[:, 0] + 1j * seen[:, 1]
    across = template[:, pairs[:, 1]] - template[:, pairs[:, 0]]
    long = np.abs(across) > 25.0  # near pairs tell no angle
    turn = (image[pairs[:, 1]] - image[pairs[:, 0]]) / np.where(long, across, 1.0)
    shift = image[pairs[:, 0]] - turn * template[:, pairs[:, 0]]
    off = np.abs(image - (turn[..., None] * template[:, None, :] + shift[..., None])) ** 2
    wide = spread**2 + (6.0 * np.abs(turn[..., None])) ** 2 + 64.0
    agreement = (trust[usable] * np.exp(-off[..., usable] / (2 * wide[..., usable]))).sum(axis=-1)
    angle, size = np.degrees(np.angle(turn)), np.log(np.maximum(np.abs(turn), 1e-6))
    penalty = 0.5 * (angle / ROLL_DEG) ** 2 + 0.5 * ((size - LOG_SCALE) / LOG_SCALE_SPREAD) ** 2
    penalty += np.array([0.5 * ((a / TILT_DEG) ** 2 + (b / TURN_DEG) ** 2) for a, b in VIEWS_DEG])[:, None]
    score = np.where(long & (np.abs(size) < 1.5), agreement - 0.25 * penalty, -np.inf)
    chosen: list[_State] = []
    for flat_index in np.argsort(score, axis=None)[::-1][:400]:
        view, pair = np.unravel_index(int(flat_index), score.shape)
        if not np.isfinite(score[view, pair]) or len(chosen) == TRIED:
            break
        roll = np.asarray(Rotation.from_euler("y", np.angle(turn[view, pair])).as_matrix())
        state = _State(
            roll @ views[view],
            np.array((shift[view, pair].real, shift[view, pair].imag)),
            float(size[view, pair]),
            0.0,
            np.zeros(len(model.modes)),
        )
        places = state.project(model)
        if all(np.abs(places - other.project(model)).mean() > 6.0 for other in chosen):
            chosen.append(state)
    return chosen


def _deviation(state: _State) -> Float[np.ndarray, "P"]:
    """Deviation of every parameter from its prior, in standard deviations (0 for the shift)."""
    tilt, turn, roll = _angles_deg(state.rotation)
    view = (tilt / TILT_DEG, roll / ROLL_DEG, turn / TURN_DEG)
    scale = (state.log_scale - LOG_SCALE) / LOG_SCALE_SPREAD
    return np.concatenate((view, (0.0, 0.0, scale, state.perspective / PERSPECTIVE), state.shape))


def _angles_deg(rotation: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3"]:
    """Components of the rotation vector about x, z and y, degrees."""
    vector = np.degrees(Rotation.from_matrix(rotation).as_rotvec())
    return vector[[0, 2, 1]]


def _units(modes: int) -> Float[np.ndarray, " P"]:
    """One standard deviation of each parameter; infinite for the shift."""
    view = np.radians((TILT_DEG, ROLL_DEG, TURN_DEG))
    return np.concatenate((view, (np.inf, np.inf, LOG_SCALE_SPREAD, PERSPECTIVE), np.ones(modes)))


def _noise_mm(state: _State, spread: Float[np.ndarray, " L"], model: LandmarkModel) -> Float[np.ndarray, " L"]:
    return np.hypot(spread, np.exp(state.log_scale) * model.residual_mm)


def _system(
    state: _State, seen: Float[np.ndarray, "L 2"], spread: Float[np.ndarray, " L"], model: LandmarkModel
) -> tuple[Float[np.ndarray, "P P"], Float[np.ndarray, " P"]]:
    """Normal equations with the Student t's weights and the priors."""
    noise = _noise_mm(state, spread, model)
    use = np.isfinite(noise)
    off = seen[use] - state.project(model)[use]
    squared = (off**2).sum(axis=1) / noise[use] ** 2
    weight = (FREEDOM + 2) / (FREEDOM + squared) / noise[use] ** 2
    jacobian = state.jacobian(model)[use]
    unit = _units(len(model.modes))
    matrix = np.einsum("lip,l,liq->pq", jacobian, weight, jacobian) + np.diag(1 / unit**2)
    vector = np.einsum("lip,l,li->p", jacobian, weight, off) - _deviation(state) / np.where(np.isinf(unit), 1.0, unit)
    return matrix, vector


def _refined(
    state: _State, seen: Float[np.ndarray, "L 2"], spread: Float[np.ndarray, " L"], model: LandmarkModel
) -> _State:
    """Gauss-Newton on the posterior; a step that does not help is halved."""
    cost = _cost(state, seen, spread, model)
    for _ in range(STEPS):
        matrix, vector = _system(state, seen, spread, model)
        step = np.linalg.solve(matrix, vector)
        step[:3] *= min(1.0, 0.5 / (np.linalg.norm(step[:3]) + 1e-9))
        for _ in range(4):
            trial = state.stepped(step)
            reached = _cost(trial, seen, spread, model)
            if reached < cost:
                break
            step *= 0.4
        else:
            break
        done = cost - reached < 1e-4
        state, cost = trial, reached
        if done:
            break
    return state


def _cost(
    state: _State, seen: Float[np.ndarray, "L 2"], spread: Float[np.ndarray, " L"], model: LandmarkModel
) -> float:
    """Negative logarithm of the posterior, up to a constant."""
    noise = _noise_mm(state, spread, model)
    use = np.isfinite(noise)
    squared = ((seen - state.project(model))[use] ** 2).sum(axis=1) / noise[use] ** 2
    fit = 0.5 * (FREEDOM + 2) * np.log1p(squared / FREEDOM).sum() + 2 * np.log(noise[use]).sum()
    return float(fit + 0.5 * (_deviation(state) ** 2).sum())


def _certainty(
    state: _State, seen: Float[np.ndarray, "L 2"], spread: Float[np.ndarray, " L"], model: LandmarkModel
) -> Float[np.ndarray, " L"]:
    """Standard deviation (per axis) of each predicted point at the detector, mm."""
    covariance = np.linalg.inv(_system(state, seen, spread, model)[0])
    jacobian = state.jacobian(model)
    variance = np.einsum("lip,pq,liq->l", jacobian, covariance, jacobian) / 2
    return np.sqrt(variance + (np.exp(state.log_scale) * model.residual_mm) ** 2)


def _fitting(
    seen: Float[np.ndarray, "L 2"],
    predicted: Float[np.ndarray, "L 2"],
    trust: Float[np.ndarray, " L"],
    noise: Float[np.ndarray, " L"],
    area_mm2: float,
) -> Float[np.ndarray, " L"]:
    """Probability that a point is of the body: Gaussian about the prediction against uniform over the image."""
    wrong = 0.05 + 0.6 * (1 - trust) ** 2
    noise = np.minimum(noise, 50.0)
    right = np.exp(-((seen - predicted) ** 2).sum(axis=1) / (2 * noise**2)) / (2 * np.pi * noise**2)
    return (1 - wrong) * right / ((1 - wrong) * right + wrong / area_mm2)
