"""Many pairs matched into files of hloc: batch by batch, each on disk before the next one is begun."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slam.config import SlamConfig
from slam.errors import ConfigError, SourceError
from slam.features import Extractor, make_extractor, weights_sha256
from slam.matching import Matcher, make_matcher
from slam.pairs import hloc_files
from slam.pairs.pair_list import Pair, read_pairs
from slam.pairs.picture import described, read_picture
from slam.types import Features

BATCH = 16  # pairs matched together and then written
REMEMBERED = 2000  # images whose features stay in memory: about 0.3 GB at 512 keypoints


@dataclass(frozen=True)
class ManyOptions:
    """What to match and where to write."""

    pairs: Path
    images: Path
    matches: Path
    features: Path | None = None
    resize_px: int = 0


@dataclass
class Tally:
    """What became of a list of pairs."""

    pairs: int = 0
    there: int = 0  # already, from an earlier call
    matched: int = 0
    matches: int = 0
    layers: int = 0  # summed over the matched pairs
    skipped: int = 0  # because an image is broken
    broken: dict[str, str] = field(default_factory=dict)  # image -> why

    def rows(self) -> list[tuple[str, str]]:
        """Names and values for the terminal."""
        done = max(self.matched, 1)
        rows = [
            ("pairs", f"{self.pairs}, {self.matched} matched now, {self.there} there already"),
            ("matches a pair", f"{self.matches / done:.1f}"),
        ]
        if self.layers:
            rows.append(("layers a pair", f"{self.layers / done:.2f}"))
        rows += [("broken image", why) for why in self.broken.values()]
        if self.broken:
            rows.append(("left out", f"{self.skipped} pairs, for {len(self.broken)} broken images"))
        return rows


def match_many_files(
    options: ManyOptions, config: SlamConfig, progress: Callable[[int, int], None] = lambda done, total: None
) -> Tally:
    """Match every pair of the list that is not in the matches file yet.

    A broken image is told and its pairs are left out; a later call tries them again. Raises SourceError for files
    that do not fit, or when every pair was left out; ConfigError, WeightsError, MissingExtraError.
    """
    hloc_files.require_h5py()
    _check(options, config)
    pairs = read_pairs(options.pairs)
    tally = Tally(pairs=len(pairs))
    with hloc_files.opened(options.matches, matches_settings(options, config)) as file:
        wanted = [pair for pair in pairs if not hloc_files.has_matches(file, pair)]
    tally.there = len(pairs) - len(wanted)
    described_files = Described(options, config, tally)
    matcher = make_matcher(config.matcher, config.features.name)
    for start in range(0, len(wanted), BATCH):
        progress(tally.there + start, len(pairs))
        _match_batch(wanted[start : start + BATCH], described_files, matcher, options, config, tally)
    progress(len(pairs), len(pairs))
    if tally.skipped == len(pairs):
        raise SourceError(f"images {options.images}: no pair could be matched; {next(iter(tally.broken.values()))}")
    return tally


class Described:
    """Features of images by name: remembered, read from the features file, or looked for and written to it."""

    def __init__(self, options: ManyOptions, config: SlamConfig, tally: Tally) -> None:
        self._options, self._tally = options, tally
        self._settings = features_settings(options, config)
        self._config = config
        self._extractor: Extractor | None = None
        self._known: OrderedDict[str, Features | None] = OrderedDict()

    def all_of(self, names: Sequence[str]) -> dict[str, Features]:
        """Of those that are no broken images."""
        with ExitStack() as stack:
            path, file = self._options.features, None
            if path is not None:
                file = stack.enter_context(hloc_files.opened(path, self._settings))
            found = {name: self._one(name, file) for name in names}
        return {name: features for name, features in found.items() if features is not None}

    def _one(self, name: str, file: Any) -> Features | None:
        if name not in self._known:
            self._known[name] = self._looked_for(name, file)
        self._known.move_to_end(name)
        features = self._known[name]
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return features

    def _looked_for(self, name: str, file: Any) -> Features | None:
        if file is not None and hloc_files.has_features(file, name):
            return hloc_files.read_features(file, name)
        if self._extractor is None:
            self._extractor = make_extractor(self._config.features)
        try:
            picture = read_picture(self._options.images / name, as_stored=True)
        except SourceError as error:
            self._tally.broken[name] = str(error)
            return None
        features = hloc_files.rounded(described(self._extractor, picture.grey, self._options.resize_px))
        if file is not None:
            hloc_files.write_features(file, name, features)
        return features


def features_settings(options: ManyOptions, config: SlamConfig) -> str:
    """What decides the features, in words: files made with other ones are not added to."""
    made = replace(config.features, runtime="auto")
    digest = weights_sha256(config.features)[:12] or "none"
    return f"features {made.name}, {made.max_keypoints} keypoints, resize {options.resize_px}, weights {digest}"


def matches_settings(options: ManyOptions, config: SlamConfig) -> str:
    """What decides the matches."""
    m = config.matcher
    exits = f"exit {m.exit} {m.exit_eps:g} {m.depth_confidence:g} {m.width_confidence:g}, layers {m.max_layers}"
    least = f"ratio {m.ratio:g}" if m.name == "nearest" else f"{exits}, filter {m.filter_threshold:g}"
    return f"{features_settings(options, config)}; matcher {m.name} {m.weights or 'of its own'}, {least}"


def _match_batch(
    pairs: Sequence[Pair],
    described_files: Described,
    matcher: Matcher,
    options: ManyOptions,
    config: SlamConfig,
    tally: Tally,
) -> None:
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    features = described_files.all_of(names)
    whole = [pair for pair in pairs if all(name in features for name in pair)]
    views = {name: each.view() for name, each in features.items()}
    found = matcher.match_many([(views[a], views[b]) for a, b in whole])
    with hloc_files.opened(options.matches, matches_settings(options, config)) as file:
        for pair, matches in zip(whole, found, strict=True):
            hloc_files.write_matches(file, pair, matches, len(features[pair[0]]))
    tally.skipped += len(pairs) - len(whole)
    tally.matched += len(whole)
    tally.matches += sum(len(matches) for matches in found)
    tally.layers += sum(matches.exit_layer for matches in found)


def _check(options: ManyOptions, config: SlamConfig) -> None:
    if not options.images.is_dir():
        raise SourceError(f"images {options.images}: is no folder; check --images")
    if options.features is not None and options.features.resolve() == options.matches.resolve():
        raise ConfigError(f"--features-out {options.features}: is the file of matches too; name another")
    if config.features.max_keypoints > hloc_files.MOST_KEYPOINTS:
        raise ConfigError(f"--keypoints: hloc's files count up to {hloc_files.MOST_KEYPOINTS}; ask for fewer")
