"""calib/, datasets/ and launch/ lie at the top for people; the wheel carries them as data of slam.

Folders of data are named as packages, because setuptools warns of data in folders that look like packages and are none.
"""

from setuptools import find_namespace_packages, find_packages, setup

DATA = ("calib", "datasets", "launch")
FOLDERS = find_namespace_packages(include=[*DATA, *(f"{name}.*" for name in DATA)])

setup(
    packages=[*find_packages(include=["slam", "slam.*"]), "slam.weights", *(f"slam._data.{name}" for name in FOLDERS)],
    package_dir={f"slam._data.{name}": name for name in DATA},
    package_data={
        "slam": ["py.typed", "evaluation/suite/*.j2"],
        "slam.weights": ["*"],
        **{f"slam._data.{name}": ["*"] for name in FOLDERS},
    },
)
