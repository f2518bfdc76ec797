"""Every setting, its default and its unit. One section per module; a class receives its own section only.

Read from TOML, then ``--set section.name=value``. Unknown names are errors with a suggestion; nothing is repaired.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from slam.errors import ConfigError
from slam.types import Mode

FEATURE_ALIASES = {"aliked": "aliked-n16"}


@dataclass(frozen=True)
class FeatureConfig:
    name: str = "earlybird"  # a row of slam.features.FEATURES
    max_keypoints: int = 512  # per image
    stereo_max_keypoints: int = 1024  # per image of a stereo pair
    weights: str = ""  # file of extractor weights, "" for the ones that come with the name
    runtime: str = "auto"  # earlybird's arithmetic: torch[-compiled], onnx, openvino[-bf16]; auto: onnx if installed

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", FEATURE_ALIASES.get(self.name, self.name))


@dataclass(frozen=True)
class MatcherConfig:
    name: str = "lightglue"  # a row of slam.matching.MATCHERS
    weights: str = ""  # file of matcher weights, "" for the ones that belong to the features
    exit: str = "calibrated"  # when to stop: calibrated (published where weights have no calibration), published, off
    exit_eps: float = 0.05  # calibrated: share of matches that stopping early may cost
    depth_confidence: float = 0.95  # published: share of confident points that ends the matching; -1 never ends early
    width_confidence: float = 0.99  # published: a point leaves when surer than this of no match; -1 never drops
    filter_threshold: float = 0.1  # least probability of a match
    max_layers: int = 0  # cap on the layers run, 0 for all
    runtime: str = "auto"  # lightglue's arithmetic: torch[-compiled], onnx; auto: onnx if installed
    audit_share: float = 0.01  # of the frames, matched again at full depth to see what leaving early lost; 0 for none
    ratio: float = 0.85  # nearest neighbour: best distance over second best


@dataclass(frozen=True)
class TrackingConfig:
    local_keyframes: int = 12  # keyframes whose landmarks form the local map
    local_landmarks: int = 448  # most landmarks in the virtual view
    stereo_local_landmarks: int = 640  # and of a stereo pair, whose pictures have more features
    min_matches: int = 15  # below: LOST, too few matches
    min_inliers: int = 12  # below: LOST, too few inliers
    pnp_threshold_px: float = 4.0  # RANSAC inlier bound
    inlier_px: float = 2.5  # reprojection bound after the refinement
    search_radius_px: float = 8.0  # guided search around the projection
    search_similarity: float = 0.80  # least cosine of descriptors in the guided search


@dataclass(frozen=True)
class KeyframeConfig:
    min_frames: int = 2  # least frames between keyframes
    max_frames: int = 30  # most frames between keyframes while the camera moves
    tracked_share: float = 0.7  # new keyframe when fewer of the reference's landmarks are seen
    min_tracked: int = 80  # new keyframe when fewer landmarks are seen
    new_share: float = 0.5  # new keyframe when this share of features could become new landmarks


@dataclass(frozen=True)
class InitConfig:
    min_matches: int = 60  # monocular: with the first view
    min_residual_px: float = 2.0  # monocular: median distance that the best pure rotation leaves
    min_parallax_deg: float = 0.5  # monocular: median of the triangulated points
    min_landmarks: int = 50  # any mode: to start a map
    max_wait_frames: int = 30  # monocular: then a new first view


@dataclass(frozen=True)
class MappingConfig:
    neighbours: int = 3  # keyframes a new keyframe triangulates with
    min_parallax_deg: float = 1.0  # of a triangulated landmark
    max_reprojection_px: float = 2.5  # of a triangulated landmark
    max_depth_baselines: float = 40.0  # measured depth is trusted up to this many baselines
    cull_found_share: float = 0.25  # landmark leaves when found in fewer of the frames it should be seen in
    cull_after_keyframes: int = 2  # age at which a landmark must have cull_observations
    cull_observations: int = 2  # RGB-D and stereo; one more in mono
    redundant_share: float = 0.8  # keyframe leaves when so many of the landmarks that it shares
    redundant_observers: int = 3  # are seen by so many others; 0 keeps every keyframe
    spared_keyframes: int = 16  # newest ones around, which stay: the graph still works on them


@dataclass(frozen=True)
class GraphConfig:
    window: int = 8  # keyframes optimised
    edge: int = 8  # older keyframes that see the same landmarks, held by their marginal prior
    iterations: int = 8  # Levenberg-Marquardt, at most
    sigma_px: float = 1.0  # of a keypoint
    sigma_disparity_px: float = 1.0  # of right_x, from a depth camera
    stereo_sigma_disparity_px: float = 2.0  # and of a stereo pair, whose disparities are a little wrong all together
    huber: float = 1.5  # sigmas
    outlier_px: float = 4.0  # observations beyond are dropped
    max_landmarks: int = 1200  # in one window
    max_ms: float = 2000.0  # of the processor's time for one window; then the best so far is taken, and that is said


@dataclass(frozen=True)
class LoopConfig:
    close: bool = True  # whether places are recognised, loops closed and sub-maps joined
    min_inliers: int = 40  # landmarks of the older map that the newer keyframe must show
    max_scale_spread: float = 0.03  # standard error of the logarithm of the scale between the two
    max_scale_error: float = 0.2  # of its logarithm, where scale is known
    path_neighbours: int = 3  # earlier keyframes with shared landmarks that each one is tied to
    min_shared: int = 30  # landmarks of such a pair
    path_sigma: float = 0.02  # of a step's translation, as a share of its length and of a tenth of the scene's depth
    turn_sigma_rad: float = 0.005  # of a step's rotation
    scale_sigma: float = 0.01  # of a step's scale, relative (mono)
    loop_sigma: float = 0.5  # of a loop's measurement: times a step's turn and scale, and path_sigma of the depth


@dataclass(frozen=True)
class RelocalizationConfig:
    tries: int = 5  # keyframes compared with a lost frame
    min_inliers: int = 30  # without a guess, more must agree
    submap_after_s: float = 1.0  # lost for longer: a new sub-map is begun


@dataclass(frozen=True)
class PlacesConfig:
    vocabulary: str = ""  # file of a place vocabulary, "" for the one that comes with the features
    recent: int = 10  # newest keyframes, which are no loop
    considered: int = 30  # most similar keyframes that are grouped
    consistent: int = 3  # keyframes in a row that must propose a place
    loop_candidates: int = 3  # places proposed for one keyframe, at most


@dataclass(frozen=True)
class InertialConfig:
    use: bool = True  # the inertial samples of a recording that has them
    min_keyframes: int = 8  # for a start, consecutive ones
    min_span_s: float = 2.0  # that they cover
    max_keyframes: int = 20  # that a start looks at
    keyframe_s: float = 0.25  # most time between keyframes of a moving camera until the start
    max_step_s: float = 3.0  # between keyframes; samples of longer steps say too little
    max_scale_sigma: float = 0.03  # of the scale (mono), relative; above, a start waits
    max_gravity_sigma_deg: float = 1.5  # of the direction of gravity; above, a start waits
    max_surprise: float = 10.0  # mean square of the residuals in units of their noise; above, samples and path disagree
    noise_factor: float = 4.0  # times the rig's white noise: vibration and misalignment are in no data sheet
    accel_bias_sigma_m_s2: float = 0.5  # of the accelerometer's bias before anything is known
    gyro_bias_sigma_rad_s: float = 0.1  # of the gyro's
    visual_sigma: float = 1e-3  # of a keyframe: rad, and share of the scene's depth
    refine_s: float = 5.0  # after the start it is made again with more samples
    refine_again_s: float = 15.0  # and again
    dead_reckoning_s: float = 1.0  # a lost camera is followed by its samples for so long


@dataclass(frozen=True)
class RunConfig:
    seed: int = 0
    ahead: int = 4  # frames read and extracted ahead in replay
    fps: float = 0.0  # frames per second to hold by giving the matcher less time; 0 for no deadline
    graph_frames: int = 5  # replay: frames from a keyframe until its optimisation, made beside, is taken; 0 in line
    final_ba_s: float = 0.0  # a bundle adjustment of the whole map at the end may take so long; 0 for none
    viewer_hz: float = 10.0


@dataclass(frozen=True)
class SlamConfig:
    features: FeatureConfig = field(default_factory=FeatureConfig)
    matcher: MatcherConfig = field(default_factory=MatcherConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    keyframes: KeyframeConfig = field(default_factory=KeyframeConfig)
    init: InitConfig = field(default_factory=InitConfig)
    mapping: MappingConfig = field(default_factory=MappingConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    loops: LoopConfig = field(default_factory=LoopConfig)
    relocalization: RelocalizationConfig = field(default_factory=RelocalizationConfig)
    places: PlacesConfig = field(default_factory=PlacesConfig)
    inertial: InertialConfig = field(default_factory=InertialConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def for_mode(self, mode: Mode) -> SlamConfig:
        """With what tracking and graph have of their own for a stereo pair, where it is one."""
        if mode is not Mode.STEREO:
            return self
        tracking = replace(self.tracking, local_landmarks=self.tracking.stereo_local_landmarks)
        graph = replace(self.graph, sigma_disparity_px=self.graph.stereo_sigma_disparity_px)
        return replace(self, tracking=tracking, graph=graph)


def load_config(path: Path) -> SlamConfig:
    """The configuration in a TOML file, defaults where it is silent. Raises ConfigError."""
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"config {path}: cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {path}: not valid TOML ({error})") from error
    return updated(SlamConfig(), values, str(path))


def updated(section: Any, values: dict[str, Any], where: str) -> Any:
    """A copy of a section with the given values; unknown names and wrong types raise ConfigError."""
    known = {f.name for f in fields(section)}
    changes = {}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{where}: unknown setting '{name}'{_suggestion(name, known)}")
        changes[name] = _converted(getattr(section, name), value, f"{where}: {name}")
    return replace(section, **changes)


def with_setting(config: SlamConfig, setting: str) -> SlamConfig:
    """The configuration after one ``section.name=value``; the value is TOML, or a bare word. Raises ConfigError."""
    path, separator, text = setting.partition("=")
    section, dot, name = path.strip().partition(".")
    if not (separator and section and dot and name):
        raise ConfigError(f"--set {setting}: write it as section.name=value, for example tracking.min_matches=20")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    return updated(config, {section: {name: value}}, f"--set {setting}")


def write_config(config: SlamConfig, path: Path, extra: dict[str, Any] | None = None) -> None:
    """Write every setting as TOML that load_config reads back; ``extra`` goes into a comment header."""
    header = "".join(f"# {name} = {value}\n" for name, value in (extra or {}).items())
    path.write_text(header + tomli_w.dumps(as_dict(config)))


def as_dict(section: Any) -> dict[str, Any]:
    """Nested plain dictionary of a section."""
    return {
        f.name: as_dict(value) if is_dataclass(value) else value
        for f in fields(section)
        for value in [getattr(section, f.name)]
    }


def _converted(default: Any, value: Any, where: str) -> Any:
    if is_dataclass(default):
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: is a section; write [{where.rsplit(' ', 1)[-1]}] above its settings")
        return updated(default, value, where)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise ConfigError(f"{where}: must be {_kind(default)}, got {value!r}")
    return value


def _kind(value: Any) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[type(value)]


def _suggestion(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(sorted(known))}"
