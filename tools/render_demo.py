"""Renders the demo recording that the project carries: python tools/render_demo.py [FOLDER]."""

import sys
from dataclasses import replace
from pathlib import Path

from slam.rendering.options import RenderOptions
from slam.rendering.render import render_recording

DEMO = Path(__file__).parents[1] / "datasets" / "demo"
RGBD = RenderOptions(seconds=5.0, loops=1, seed=13, jpeg_quality=64, depth_noise=0.4)  # small enough to be committed
STEREO = replace(RGBD, layout="euroc", fps=20.0, frames=40)


def main(out: Path) -> None:
    for name, options in (("tum", RGBD), ("euroc", STEREO)):
        render_recording(options, out / name, lambda done, total, name=name: print(f"\r{name} {done}/{total}", end=""))
        print()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO)
