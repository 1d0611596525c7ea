"""Codes before a camera: the share of hard frames that is read, the time for each frame, and the time that a visitor
waits for the answer.

Everything runs in a real Chromium with the page's own worker and decoder. The floor of a decoding is a worker that only
sends the same frame back. The floor of an answer is an empty call from the same page to the same server.
"""

from __future__ import annotations

import base64
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from accounts.store import AccountStore
from bench.frames import CONDITIONS, Film, Frame, frames
from bench.rows import Row, percentile
from bench.serving import serving
from bench.world import BenchWorld
from cards.parts import Presentation
from cards.wire import dictionary_of, pack
from edge.clock import SystemClock
from tools.ports import free_port
from verifier.service import make_stores

CHROMIUM: Final = "/usr/bin/chromium"
WEB: Final = Path(__file__).resolve().parent.parent / "web"
WIDTHS: Final = (640, 1280)
VISITORS, VISITORS_FULL = 8, 60
WAIT_MS: Final = 20_000
_EMPTY_MS: Final = 450  # the camera takes the next code once it has seen none for some frames

_SET_UP = """() => {
  const decoder = new Worker('/static/js/counter/decoder.js');
  const source = 'onmessage = (event) => postMessage(event.data, [event.data.data.buffer])';
  const echo = new Worker(URL.createObjectURL(new Blob([source])));
  const once = (worker, frame) => new Promise((resolve) => {
    const began = performance.now();
    worker.onmessage = ({ data }) => resolve({ text: data.texts?.[0] ?? null, ms: performance.now() - began });
    worker.postMessage(frame, [frame.data.buffer]);
  });
  window.measure = async (jpeg) => {
    const bytes = Uint8Array.from(atob(jpeg), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
    const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const frame = () => context.getImageData(0, 0, bitmap.width, bitmap.height);
    return { ...(await once(decoder, frame())), floor: (await once(echo, frame())).ms };
  };
}"""
_EMPTY_CALL = """async () => {
  const times = [];
  for (let index = 0; index < 40; index += 1) {
    const began = performance.now();
    await (await fetch('/healthz', { cache: 'no-store' })).text();
    times.push(performance.now() - began);
  }
  return times;
}"""
_WAITED = "() => performance.getEntriesByName('yunju-verdict')[0]?.duration ?? null"


def run(full: bool) -> list[Row]:  # noqa: FBT001 - one switch for all benchmarks
    """Measure the decoder on synthetic frames, then whole visitors at a running server."""
    port = free_port()
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        world = BenchWorld(Path(folder) / "var", f"http://127.0.0.1:{port}")
        rows = _decoding(playwright, world)
        film = Film(Path(folder) / "camera.y4m")
        make_stores(world.settings, SystemClock())
        with serving("wsgi:application", port, world.environ, workers=1):
            return rows + _waiting(playwright, world, film, VISITORS_FULL if full else VISITORS)


def _browser(playwright: Playwright, *more: str) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *more])


def _decoding(playwright: Playwright, world: BenchWorld) -> list[Row]:
    card = world.card(0)
    shown, dictionary = Presentation(card, world.proof(card)), dictionary_of(world.programme)
    codes = {
        "proof alone": pack(Presentation(None, shown.proof), dictionary),
        "card and proof": pack(shown, dictionary),
    }
    browser = _browser(playwright)
    with _files() as address:
        page = browser.new_page()
        page.goto(f"{address}/static/")
        page.evaluate(_SET_UP)
        rows = [
            row
            for name, text in codes.items()
            for width in WIDTHS
            for row in _rows(f"{name}, {width} wide", text, _measured(page, list(frames(text, width))))
        ]
    browser.close()
    return rows


Measured = list[tuple[Frame, str | None, float, float]]


def _measured(page: Page, taken: list[Frame]) -> Measured:
    found = []
    page.evaluate("jpeg => measure(jpeg)", base64.b64encode(taken[0].jpeg).decode())  # the decoder is fetched now
    for frame in taken:
        answer = page.evaluate("jpeg => measure(jpeg)", base64.b64encode(frame.jpeg).decode())
        found.append((frame, answer["text"], answer["ms"], answer["floor"]))
    return found


def _rows(name: str, text: str, found: Measured) -> list[Row]:
    wrong = [read for _, read, _, _ in found if read is not None and read != text]
    if wrong:
        raise RuntimeError(f"{len(wrong)} frames were read as something else")
    rate = {one: _share([read for frame, read, _, _ in found if frame.condition == one]) for one in CONDITIONS}
    if not rate["sharp"]:
        raise RuntimeError(f"no sharp frame was read: {name}")
    floor, times = statistics.median(item[3] for item in found), [item[2] for item in found]
    shares = [
        Row(f"read, {name}: {condition}", rate[condition], "%", rate["sharp"], "sharp")
        for condition in CONDITIONS
        if condition != "sharp"
    ]
    return [
        *shares,
        Row(f"decode, {name}, p50", percentile(times, 0.5), "ms", floor, "a frame to a worker and back"),
        Row(f"decode, {name}, p95", percentile(times, 0.95), "ms", floor, "a frame to a worker and back"),
    ]


def _share(read: list[str | None]) -> float:
    return 100 * sum(text is not None for text in read) / len(read)


@contextmanager
def _files() -> Iterator[str]:
    """Serve the pages' files alone."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(WEB)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _waiting(playwright: Playwright, world: BenchWorld, film: Film, visitors: int) -> list[Row]:
    browser = _browser(
        playwright,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film.path}",
    )
    page = browser.new_page(base_url=world.settings.base_url)
    page.set_default_timeout(WAIT_MS)
    _enrol(page, world)
    floor = page.evaluate(_EMPTY_CALL)
    times = [_visitor(page, world, film, number) for number in range(visitors + 1)][1:]
    browser.close()
    return [
        Row("frame to verdict, p50", percentile(times, 0.5), "ms", percentile(floor, 0.5), "an empty call"),
        Row("frame to verdict, p95", percentile(times, 0.95), "ms", percentile(floor, 0.95), "an empty call"),
    ]


def _enrol(page: Page, world: BenchWorld) -> None:
    store = AccountStore.open(world.settings.accounts_url, world.settings.secret())
    code = store.devices.make_code("hosp-2", needs_operator=False, by="bench", at=world.now).code
    store.close()
    page.goto("/counter")
    page.fill("#enrol-code", code)
    page.click("#enrol-form button")
    page.locator(".services .option input").first.check()
    page.click("#camera-toggle")


def _visitor(page: Page, world: BenchWorld, film: Film, number: int) -> float:
    """Hold a fresh code before the camera until its answer stands; the wait as the page measured it, in ms."""
    card = world.card(number + 1)
    film.show(pack(Presentation(card, world.proof(card)), dictionary_of(world.programme)))
    page.locator('[data-view="outcome"][data-outcome="granted"]').wait_for()
    waited: float = page.evaluate(_WAITED)
    film.show(None)
    page.click("#next")
    page.wait_for_timeout(_EMPTY_MS)
    return waited
