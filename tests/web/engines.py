"""Engines beside Chromium: WebKit, as on iPhones and Macs, and Firefox; each driven by its own protocol, by hand.

A page of either is used as far as the tests need one, and keeps what its policy reports and its scripts throw.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from base64 import b64decode
from pathlib import Path

from tools.ports import free_port

READY_WITHIN_S, PATIENCE_S = 40, 40
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
PARTS = {
    "webkit": (("WebKitWebDriver", "Xvfb"), "apt-get install webkit2gtk-driver xvfb"),
    "firefox": (("firefox-esr",), "apt-get install firefox-esr"),
}

# Kept in the page itself: neither protocol tells of the console as Playwright does.
WATCH = """() => {
  const complaints = [];
  document.addEventListener("securitypolicyviolation",
    (event) => complaints.push(`CSP ${event.violatedDirective} ${event.blockedURI}`));
  addEventListener("error", (event) => complaints.push(`error ${event.message}`));
  addEventListener("unhandledrejection", (event) => complaints.push(`rejection ${event.reason}`));
  globalThis.complaints = complaints;
}"""


def missing(engine: str) -> str | None:
    """What this machine lacks for an engine, with the remedy."""
    programs, remedy = PARTS[engine]
    lacks = [name for name in programs if shutil.which(name) is None]
    return f"{' and '.join(lacks)} missing: {remedy}" if lacks else None


class EnginePage(ABC):
    """One browser with one page, nothing kept from another. `evaluate` is called as Playwright's is."""

    base: str

    @abstractmethod
    def open(self, address: str) -> None:
        """Go to an address and wait until it is loaded."""

    @abstractmethod
    def script(self, body: str, given: object) -> object:
        """Run the body of an asynchronous function of (given, done); returns what `done` was called with."""

    @abstractmethod
    def click(self, selector: str) -> None:
        """Click as a person does: what is covered or not shown is an error."""

    @abstractmethod
    def type(self, selector: str, text: str) -> None:
        """Type into a field; Enter is U+E007."""

    @abstractmethod
    def screenshot(self) -> bytes:
        """A picture of what is seen."""

    @abstractmethod
    def close(self) -> None:
        """End the browser."""

    def goto(self, path: str) -> None:
        """Open a page of the machine, and note from then on what it complains of."""
        self.open(self.base + path)
        self.evaluate(WATCH)

    def evaluate(self, script: str, given: object = None) -> object:
        """Call a JavaScript function with a JSON value; returns its JSON value, awaited."""
        body = f"""const [given, done] = arguments;
          Promise.resolve().then(() => ({script})(given))
            .then((value) => done([true, value ?? null]), (error) => done([false, String(error?.stack ?? error)]));"""
        held, value = self.script(body, given)
        assert held, f"the page threw: {value}"
        return value

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

    @property
    def complaints(self) -> list[str]:
        """What the page's policy reported, and what its scripts threw."""
        return list(self.evaluate("() => globalThis.complaints ?? []"))


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


class WebKitPage(EnginePage):
    """Debian's MiniBrowser by W3C WebDriver, on a screen that nobody sees."""

    def __init__(self, screen: Screen, folder: Path, base: str) -> None:
        self._port, self.base = free_port(), base
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
        command = ["WebKitWebDriver", f"--port={self._port}"]
        self._process = subprocess.Popen(command, env=environ, stdout=self._log, stderr=self._log)
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
        browser = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
        options = {"binary": str(browser), "args": ["--automation"]}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        made = self._call("POST", "/session", wanted)
        self._session = f"/session/{made['sessionId']}"
        self._ask("/timeouts", {"script": PATIENCE_S * 1000})

    def _call(self, method: str, path: str, body: object = None) -> object:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S * 2)
        with contextlib.closing(connection):
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        assert response.status == 200, f"WebKit: {value}"
        return value

    def _ask(self, path: str, body: object) -> object:
        return self._call("POST", self._session + path, body)

    def _element(self, selector: str) -> str:
        return f"/element/{self._ask('/element', {'using': 'css selector', 'value': selector})[ELEMENT]}"

    def open(self, address: str) -> None:
        self._ask("/url", {"url": address})

    def script(self, body: str, given: object) -> object:
        return self._ask("/execute/async", {"script": body, "args": [given]})

    def click(self, selector: str) -> None:
        self._ask(f"{self._element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self._ask(f"{self._element(selector)}/value", {"text": text})

    def screenshot(self) -> bytes:
        return b64decode(str(self._call("GET", f"{self._session}/screenshot")))

    def close(self) -> None:
        if self._session:
            with contextlib.suppress(OSError, AssertionError):
                self._call("DELETE", self._session)
        self._process.terminate()
        self._process.wait(10)
        self._log.close()


class FirefoxPage(EnginePage):
    """Debian's Firefox, headless, by Marionette: lines of JSON, each after its length, over one connection."""

    def __init__(self, folder: Path, base: str) -> None:
        self._port, self.base = free_port(), base
        preferences = {
            "marionette.port": self._port,
            "app.update.disabledForTesting": True,
            "browser.aboutwelcome.enabled": False,
            "browser.shell.checkDefaultBrowser": False,
            "datareporting.policy.dataSubmissionEnabled": False,
            "network.captive-portal-service.enabled": False,
            "network.connectivity-service.enabled": False,
        }
        written = "".join(f'user_pref("{name}", {json.dumps(value)});\n' for name, value in preferences.items())
        (folder / "user.js").write_text(written)
        self._log = (folder / "firefox.log").open("ab")
        command = ["firefox-esr", "--headless", "--marionette", "--no-remote", "-profile", str(folder)]
        environ = os.environ | {"HOME": str(folder)}
        self._process = subprocess.Popen(command, env=environ, stdout=self._log, stderr=self._log)
        self._line: socket.socket | None = None
        self._unread, self._number = b"", 0
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        ends = time.monotonic() + READY_WITHIN_S
        while self._line is None:
            try:
                self._line = socket.create_connection(("127.0.0.1", self._port), PATIENCE_S * 2)
            except OSError:
                assert time.monotonic() < ends, "Firefox never came"
                time.sleep(0.1)
        self._read()  # it says first who it is
        self._call("NewSession", capabilities={"alwaysMatch": {}})
        self._call("SetTimeouts", script=PATIENCE_S * 1000)

    def _read(self) -> object:
        while b":" not in self._unread:
            self._receive()
        size, _, self._unread = self._unread.partition(b":")
        while len(self._unread) < int(size):
            self._receive()
        message, self._unread = self._unread[: int(size)], self._unread[int(size) :]
        return json.loads(message)

    def _receive(self) -> None:
        piece = self._line.recv(1 << 16)
        assert piece, "Firefox hung up"
        self._unread += piece

    def _call(self, command: str, **given: object) -> object:
        self._number += 1
        data = json.dumps([0, self._number, f"WebDriver:{command}", given]).encode()
        self._line.sendall(b"%d:%b" % (len(data), data))
        _kind, _number, error, found = self._read()
        assert error is None, f"Firefox: {error}"
        return found

    def _element(self, selector: str) -> str:
        return str(self._call("FindElement", using="css selector", value=selector)["value"][ELEMENT])

    def open(self, address: str) -> None:
        self._call("Navigate", url=address)

    def script(self, body: str, given: object) -> object:
        # In one sandbox, so that what a script keeps is there for the next.
        found = self._call("ExecuteAsyncScript", script=body, args=[given], sandbox="tests", newSandbox=False)
        return found["value"]

    def click(self, selector: str) -> None:
        self._call("ElementClick", id=self._element(selector))

    def type(self, selector: str, text: str) -> None:
        self._call("ElementSendKeys", id=self._element(selector), text=text)

    def screenshot(self) -> bytes:
        return b64decode(str(self._call("TakeScreenshot", full=False)["value"]))

    def close(self) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError, AssertionError):
                self._call("DeleteSession")
            self._line.close()
        self._process.terminate()
        self._process.wait(20)
        self._log.close()
