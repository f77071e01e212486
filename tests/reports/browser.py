"""Drive headless Chromium by its DevTools protocol over pipes, without another library.

https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
ABSENT = "there is no Chromium here"
PATIENCE = 60  # seconds: the machine may be busy


class Browser:
    """A page of its own process.

    Parameters
    ----------
    width, height : int
        Of the page, in pixels.
    arguments : str
        More of the command line.
    """

    def __init__(self, width=1280, height=900, *arguments):
        self._profile = tempfile.mkdtemp(prefix="hpopt-chromium-")
        pipes = [*os.pipe(), *os.pipe()]
        to_read, self._out, self._in, to_write = (fcntl.fcntl(p, fcntl.F_DUPFD, 10) for p in pipes)
        for each in pipes:
            os.close(each)
        flags = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--remote-debugging-pipe", "--no-first-run",
            "--disable-extensions", f"--user-data-dir={self._profile}",
            f"--window-size={width},{height}", *arguments,
        ]  # fmt: skip
        # Chromium reads commands from file 3 and writes answers to file 4.
        command = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, "bash", CHROMIUM, *flags, "about:blank"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer, self._numbers, self.events = b"", itertools.count(1), []
        targets = self._call("Target.getTargets", session=None)["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self._call("Target.attachToTarget", session=None, targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.terminate()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, url):
        """Begin to load a page."""
        self._call("Page.navigate", url=url)

    def evaluate(self, script):
        """Return the value of an expression, or of what it promises."""
        found = self._call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def wait_for(self, script, patience=PATIENCE):
        """Wait until an expression is true; return its value."""
        deadline = time.monotonic() + patience
        while True:
            try:
                found = self.evaluate(script)
            except RuntimeError as error:  # between two pages
                found = None if time.monotonic() < deadline else error
            if found and not isinstance(found, RuntimeError):
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{script} is {found!r}; the page said {self.complaints()}")
            time.sleep(0.02)

    def complaints(self):
        """Return errors and warnings that the page has logged so far."""
        self.evaluate("0")
        found = []
        for each in self.events:
            parameters = each["params"]
            if each["method"] == "Log.entryAdded" and parameters["entry"]["level"] != "info":
                found.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
            if each["method"] == "Runtime.exceptionThrown":
                found.append(str(parameters["exceptionDetails"]))
        return found

    def cpu_seconds(self):
        """Return the CPU time that the page's main thread has taken so far."""
        self._call("Performance.enable", timeDomain="threadTicks")
        found = self._call("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in found if each["name"] == "TaskDuration")

    def look_like(self, **media):
        """Set features of the screen, as ``prefers_color_scheme="dark"``."""
        features = [{"name": k.replace("_", "-"), "value": v} for k, v in media.items()]
        self._call("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, path, width=1280, height=900, *, is_phone=False):
        """Write what is seen as PNG."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=is_phone,
        )  # fmt: skip
        time.sleep(0.5)
        data = self._call("Page.captureScreenshot", captureBeyondViewport=False)["data"]
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(base64.b64decode(data))

    def _call(self, method, *, session="own", **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session == "own":
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self._next(deadline)
            if found.get("id") == number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                return found["result"]
            if "method" in found:
                self.events.append(found)

    def _next(self, deadline):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self._in, 2**20) if ready else b""
            if not data:
                raise TimeoutError("Chromium does not answer")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)
