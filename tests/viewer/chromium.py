"""A headless Chromium, driven over its own debugging protocol: no package beside those that viser brings."""

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

SIZE_PX = (1280, 1000)
FLAGS = (
    "--headless", "--no-sandbox", "--no-first-run", "--disable-gpu-sandbox", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--remote-debugging-port=0", f"--window-size={SIZE_PX[0]},{SIZE_PX[1]}",
)  # fmt: skip
MIDDLE = (
    "e => {e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();"
    "return `${r.x + r.width / 2} ${r.y + r.height / 2}`}"
)
START_S, ANSWER_S = 30.0, 60.0  # a picture alone takes seconds where the machine has other work


@contextmanager
def chromium(folder):
    """A Page with nothing on it; the browser ends with it. ``folder``: for its profile."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("CHROMIUM NOT FOUND: apt-get install chromium; this test was not run")
    environment = {name: value for name, value in os.environ.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = eventually(lambda: (folder / "DevToolsActivePort").read_text().split(), START_S)[0]
        with Page(int(port)) as page:
            yield page
    finally:
        process.terminate()
        process.wait(10)


def eventually(found, timeout_s=ANSWER_S):
    """What ``found`` gives once it is true; it may fail to find its file until then."""
    end_s = time.monotonic() + timeout_s
    while True:
        try:
            if answer := found():
                return answer
        except FileNotFoundError:
            pass
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.1)


class Page:
    """One tab: what it asks the network for, says and shows. Use as a context manager."""

    def __init__(self, port):
        from websockets.sync.client import connect

        tabs = json.load(urlopen(f"http://127.0.0.1:{port}/json/list"))
        self._socket = connect(next(t for t in tabs if t["type"] == "page")["webSocketDebuggerUrl"], max_size=2**28)
        self._number = 0
        self.asked = []  # addresses, in order

    def __enter__(self):
        for domain in ("Network", "Page", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)  # its workers
        return self

    def __exit__(self, *_):
        self._socket.close()

    def call(self, method, **params):
        """The answer to one command of the protocol; what happens meanwhile is remembered."""
        number = self._send({"method": method, "params": params})
        while True:
            said = json.loads(self._socket.recv(ANSWER_S))
            self._remember(said)
            if said.get("id") == number:
                assert "error" not in said, said
                return said["result"]

    def go(self, address):
        self.call("Page.navigate", url=address)

    def value(self, script):
        """What a line of JavaScript gives."""
        return self.call("Runtime.evaluate", expression=script)["result"].get("value")

    def text(self):
        return self.value("document.body ? document.body.innerText : ''")

    def click(self, text):
        """Click on the middle of the button with this text, or else of the innermost element with it."""
        found = "[...document.querySelectorAll('%s')].filter(e => e.innerText?.trim() == '%s').at(-1)"
        self._press(f"{found % ('button', text)} || {found % ('*', text)}")

    def check(self, label):
        """Click on the box with this label."""
        found = f"[...document.querySelectorAll('label')].find(e => e.innerText.trim() == '{label}')"
        self._press(f"document.getElementById({found}.htmlFor)")

    def picture(self):
        """(H, W, 3) RGB of what is seen."""
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def _send(self, message):
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, **message}))
        return self._number

    def _press(self, element):
        """``element``: JavaScript that finds it; it may still be sliding to its place."""
        where = ""
        while where != (where := self.value(f"({MIDDLE})({element})")):
            time.sleep(0.2)
        x, y = map(float, where.split())
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _remember(self, said):
        if said.get("method") == "Target.attachedToTarget":
            for method in ("Network.enable", "Runtime.runIfWaitingForDebugger"):
                self._send({"method": method, "sessionId": said["params"]["sessionId"]})
        if said.get("method") == "Network.requestWillBeSent":
            self.asked.append(said["params"]["request"]["url"])
        if said.get("method") == "Network.webSocketCreated":
            self.asked.append(said["params"]["url"])
