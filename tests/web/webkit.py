"""A second engine: WebKit, as on iPhones and Macs, driven by W3C WebDriver on a screen that nobody sees."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import time
from base64 import b64decode
from pathlib import Path

from tests.verifier.machine import free_port

DRIVER = "WebKitWebDriver"
PARTS = "apt-get install webkit2gtk-driver xvfb"
READY_WITHIN_S, PATIENCE_S = 20, 40
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

# Kept in the page itself: WebDriver tells nothing of the console. Also what a script throws and nobody catches.
WATCH = """() => {
  globalThis.complaints = [];
  document.addEventListener("securitypolicyviolation",
    (event) => complaints.push(`CSP ${event.violatedDirective} ${event.blockedURI}`));
  addEventListener("error", (event) => complaints.push(`error ${event.message}`));
  addEventListener("unhandledrejection", (event) => complaints.push(`rejection ${event.reason}`));
}"""


def missing() -> str | None:
    """What this machine lacks, with the remedy."""
    lacks = [name for name in (DRIVER, "Xvfb") if shutil.which(name) is None]
    return f"{' and '.join(lacks)} missing: {PARTS}" if lacks else None


def mini_browser() -> Path:
    """The browser that Debian's driver drives, wherever its version put it."""
    return next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))


class Screen:
    """A virtual screen."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1000x24", "-nolisten", "tcp"]
        self._process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as told:
            self.name = f":{told.readline().strip()}"

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)


class WebKitPage:
    """One browser with one page, nothing kept from another. `evaluate` is called as Playwright's is."""

    def __init__(self, screen: Screen, folder: Path, base: str) -> None:
        self._port, self._base = free_port(), base
        # Without a graphics card: the plain way of drawing. Its home is the test's own folder.
        environ = os.environ | {
            "DISPLAY": screen.name,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "NO_AT_BRIDGE": "1",
        }
        self._log = (folder / "webkit.log").open("ab")
        self._process = subprocess.Popen(
            [DRIVER, f"--port={self._port}"], env=environ, stdout=self._log, stderr=self._log
        )
        self._session = ""
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        ends = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                self._call("GET", "/status")
                break
            except OSError:
                assert time.monotonic() < ends, "WebKit's driver never came"
                time.sleep(0.05)
        options = {"binary": str(mini_browser()), "args": ["--automation"]}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        made = self._call("POST", "/session", wanted)
        self._session = f"/session/{made['sessionId']}"
        self._ask("POST", "/timeouts", {"script": PATIENCE_S * 1000})

    def _call(self, method: str, path: str, body: object = None) -> object:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S * 2)
        with contextlib.closing(connection):
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        if response.status != 200:
            raise AssertionError(f"WebKit: {value['error']}: {value['message']}")
        return value

    def _ask(self, method: str, path: str, body: object = None) -> object:
        return self._call(method, self._session + path, body)

    def goto(self, path: str) -> None:
        """Open a page of the machine, and note from then on what it complains of."""
        self._ask("POST", "/url", {"url": self._base + path})
        self.evaluate(WATCH)

    def evaluate(self, script: str, given: object = None) -> object:
        """Call a JavaScript function with a JSON value; returns its JSON value, awaited."""
        body = f"""const [given, done] = arguments;
          Promise.resolve().then(() => ({script})(given))
            .then((value) => done([true, value ?? null]), (error) => done([false, String(error?.stack ?? error)]));"""
        held, value = self._ask("POST", "/execute/async", {"script": body, "args": [given]})
        assert held, f"the page threw: {value}"
        return value

    def _element(self, selector: str) -> str:
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        return f"/element/{found[ELEMENT]}"

    def click(self, selector: str) -> None:
        """Click as a person does: what is covered or not shown is an error."""
        self._ask("POST", f"{self._element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type into a field; Enter is U+E007."""
        self._ask("POST", f"{self._element(selector)}/value", {"text": text})

    def wait(self, script: str, given: object = None) -> object:
        """Wait until a function gives something that holds, and return it."""
        ends = time.monotonic() + PATIENCE_S
        while not (found := self.evaluate(script, given)):
            assert time.monotonic() < ends, f"it never came: {script}"
            time.sleep(0.1)
        return found

    def text(self, selector: str) -> str:
        """What an element says."""
        return str(self.evaluate("(selector) => document.querySelector(selector).innerText", selector))

    def screenshot(self) -> bytes:
        """A picture of what is seen."""
        return b64decode(str(self._ask("GET", "/screenshot")))

    @property
    def complaints(self) -> list[str]:
        """What the page's policy reported, and what its scripts threw."""
        return list(self.evaluate("() => globalThis.complaints ?? []"))

    def close(self) -> None:
        """End browser and driver."""
        if self._session:
            with contextlib.suppress(OSError, AssertionError):
                self._ask("DELETE", "")
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
