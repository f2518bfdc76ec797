"""calib/, datasets/ and launch/ lie at the top for people; the wheel carries them as data of slam."""

from setuptools import find_packages, setup

DATA = ("calib", "datasets", "launch")

setup(
    packages=[*find_packages(include=["slam", "slam.*"]), *(f"slam._data.{name}" for name in DATA)],
    package_dir={f"slam._data.{name}": name for name in DATA},
    package_data={
        "slam": ["weights/*", "py.typed", "evaluation/suite/*.j2"],
        **{f"slam._data.{name}": ["**/*"] for name in DATA},
    },
)
