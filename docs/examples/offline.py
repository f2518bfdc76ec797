"""A recording from its first frame to its last, and its trajectory as a file.

python offline.py SOURCE PATH OUT.txt     SOURCE: a source of slam run, as tum or video; or demo with PATH -
"""

import sys
from pathlib import Path

from slam import Slam, open_source, write_tum


def main(source_name: str, path: str, out: str) -> None:
    source = open_source(source_name, None if path == "-" else path)
    slam = Slam(source.rig, source.mode)  # the graph works in line: the same input gives the same bytes
    for frame in source:
        track = slam.process(frame)
        if not track.is_tracked:
            print(f"frame {frame.index}: {track.status.value}, {track.reason}")
    slam.finish()
    write_tum(Path(out), slam.trajectory())  # every tracked frame, as the finished map knows it
    print(f"{len(slam.trajectory())} of {len(source)} frames placed, {len(slam.map.keyframes)} keyframes")


if __name__ == "__main__":
    main(*sys.argv[1:4])
