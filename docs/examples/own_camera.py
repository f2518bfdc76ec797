"""Your own camera loop: any images with a stamp go into ``Slam.process``, a pose comes out.

python own_camera.py ADDRESS FX FY CX CY [FRAMES]     ADDRESS: a device number, or what cv2.VideoCapture opens
"""

import sys
import time
from contextlib import closing

import cv2
import numpy as np

from slam import Camera, Frame, GraphProcess, Slam


def main(address: str, fx: float, fy: float, cx: float, cy: float, frames: int) -> None:
    capture = cv2.VideoCapture(int(address) if address.isdigit() else address)
    width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    with closing(GraphProcess()) as graph:  # optimises beside the loop; without it, within
        slam = Slam(Camera(width, height, fx, fy, cx, cy), graph=graph)
        for index in range(frames):
            readable, image = capture.read()
            if not readable:
                break
            grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
            track = slam.process(Frame(index, time.monotonic_ns(), grey))
            where = track.reason if track.T_world_cam is None else track.T_world_cam[:3, 3].round(3)
            print(track.status.value, where, flush=True)
        slam.finish()
    print(f"{len(slam.map.keyframes)} keyframes, {slam.map.num_alive} landmarks")


if __name__ == "__main__":
    fx, fy, cx, cy = map(float, sys.argv[2:6])
    main(sys.argv[1], fx, fy, cx, cy, int(sys.argv[6]) if len(sys.argv) > 6 else sys.maxsize)
