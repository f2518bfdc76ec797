"""A network camera over RTSP on loopback, for `slam bench live`: JPEG images of a folder, round and round.

Runs under Debian's own Python with python3-gi, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-good:
/usr/bin/python3 tools/rtsp_camera.py FOLDER FPS PORT, where FOLDER holds 00000.jpg, 00001.jpg, ...
"""

import itertools
import sys
import threading
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main(folder: str, fps: int, port: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)
    factory = GstRtspServer.RTSPMediaFactory(shared=True)
    caps = f"image/jpeg,framerate={fps}/1"
    factory.set_launch(
        f"( appsrc name=images is-live=true do-timestamp=true format=time caps={caps}"
        " ! jpegparse ! rtpjpegpay name=pay0 pt=26 )"
    )
    factory.connect("media-configure", lambda _, media: send(media, folder, fps))
    server.get_mount_points().add_factory("/stream", factory)
    server.attach(None)
    print(f"rtsp://127.0.0.1:{port}/stream", flush=True)
    GLib.MainLoop().run()


def send(media: GstRtspServer.RTSPMedia, folder: str, fps: int) -> None:
    """Push the images at their pace, from a thread, until nobody takes them."""
    source = media.get_element().get_by_name_recurse_up("images")
    images = [path.read_bytes() for path in sorted(Path(folder).glob("*.jpg"))]

    def push() -> None:
        due_s = time.monotonic()
        for data in itertools.cycle(images):
            if source.emit("push-buffer", Gst.Buffer.new_wrapped(data)) == Gst.FlowReturn.EOS:
                return
            due_s += 1.0 / fps
            time.sleep(max(0.0, due_s - time.monotonic()))

    threading.Thread(target=push, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
