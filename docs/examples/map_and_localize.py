"""Map a place once, keep the map in a file, and find a camera in it later.

python map_and_localize.py SOURCE PATH MAP     the first half of the recording is mapped, the second found in it
"""

import sys

from slam import Slam, load_map, open_source, save_map


def main(source_name: str, path: str, map_file: str) -> None:
    source = open_source(source_name, None if path == "-" else path)
    frames = list(source)
    half = len(frames) // 2

    mapping = Slam(source.rig, source.mode)
    for frame in frames[:half]:
        mapping.process(frame)
    mapping.finish()
    save_map(mapping, map_file)

    localizing = Slam(source.rig, source.mode, restored=load_map(map_file), grows=False)
    poses = [localizing.process(frame).T_world_cam for frame in frames[half:]]
    found = [T_world_cam for T_world_cam in poses if T_world_cam is not None]
    print(f"{len(mapping.map.keyframes)} keyframes in {map_file}")
    print(f"{len(found)} of {len(frames) - half} frames found in it, the first: {found[0][:3, 3].round(3)}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
