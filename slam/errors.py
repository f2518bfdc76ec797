"""Bad input, one exception per door. Messages say what, where, and how to fix it; the command line exits with 2."""


class SlamError(Exception):
    """Base of every error that a user can fix."""


class ConfigError(SlamError):
    """A configuration file or option is wrong."""


class CalibrationError(SlamError):
    """A rig file is wrong, or does not fit the images."""


class SourceError(SlamError):
    """A recording or camera cannot be read."""


class WeightsError(SlamError):
    """Network weights are missing, damaged or of another network."""


class TrajectoryError(SlamError):
    """A trajectory file is wrong, or two trajectories have nothing in common."""


class MapError(SlamError):
    """A map file is missing, damaged, or of another camera, and what can be done about it."""


class MissingExtraError(SlamError):
    """An optional package is not installed."""


class DatasetError(SlamError):
    """A dataset is unknown, cannot be fetched, or its archive cannot be unpacked."""
