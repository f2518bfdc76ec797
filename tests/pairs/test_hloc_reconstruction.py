"""COLMAP makes a map of what `slam match --pairs` wrote, and its poses are the true ones."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import slam
from slam.config import FeatureConfig, SlamConfig
from slam.data_files import data_dir
from slam.pairs.many import ManyOptions, match_many_files

pycolmap = pytest.importorskip("pycolmap")
TOOL = Path(slam.__file__).parents[1] / "tools" / "reconstruct_hloc.py"
pytestmark = pytest.mark.skipif(not TOOL.is_file(), reason="the tools are not installed with the package")


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("reconstruct_hloc", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def built(tool, tmp_path_factory):
    """The job of every 12th picture of the demo, its database and its model."""
    folder = tmp_path_factory.mktemp("hloc")
    job = tool.job_of(data_dir("datasets") / "demo" / "tum", folder, step=12, neighbours=3)
    options = ManyOptions(job.pairs, job.images, folder / "matches.h5", folder / "features.h5")
    match_many_files(options, SlamConfig(features=FeatureConfig(max_keypoints=1024)))
    database = folder / "database.db"
    tool.imported(job, options.features, options.matches, database)
    pycolmap.verify_matches(database, job.pairs)
    return job, database, tool.reconstructed(job, database, folder / "sparse")


def test_colmap_verifies_nearly_all_matches_of_every_pair(built):
    job, database, _ = built
    with pycolmap.Database.open(database) as db:
        found = {pair: len(matches) for pair, matches in zip(*db.read_all_matches())}
        verified = {pair: len(geometry.inlier_matches) for pair, geometry in zip(*db.read_two_view_geometries())}
    assert len(found) == len(job.pairs.read_text().splitlines()) == 33
    shares = [verified[pair] / count for pair, count in found.items()]
    assert np.median(shares) > 0.9 and min(shares) > 0.6


def test_every_picture_is_placed_where_it_was_taken(built, tool):
    job, _, model = built
    figures = tool.figures(model, job)
    assert figures["registered"] == len(job.truth) == 13
    assert figures["rmse m"] < 0.01 and figures["turn deg"] < 0.3
    assert figures["reprojection px"] < 0.8 and figures["points"] > 500
