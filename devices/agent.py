"""The agent at a counter: takes input from readers and scanners, and shows verdicts on the terminal and the counter
page.

One thread watches the readers. Each tap runs on a thread of its own reader, and each scanner has a thread. Nothing is
decided here: the desk decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock, Thread
from typing import Final, Protocol

from devices import pcsc
from devices.desk import AgentCounter
from devices.faults import DeviceFault
from devices.page import AgentPage
from devices.pcsc import ReaderChange, ReaderEvent
from devices.scanner import Port, scans
from devices.transport import Tap
from devices.verdict import CounterVerdict, VerdictKind, VerdictText, of_fault
from edge.structs import work_out_structs

TAPS_AT_ONCE: Final = 4
TYPED: Final = "keyboard"
"""The lane of the terminal, for a keyboard-wedge scanner."""

SCANNED: Final = "scanner"
SAME_SCAN_SECONDS: Final = 3.0
"""If a scanner reads one code twice within this time, it counts once."""

_MARKS: Final = {
    VerdictKind.GRANTED: "准许 GRANTED",
    VerdictKind.DENIED: "拒绝 REFUSED",
    VerdictKind.ASK: "请确认 CONFIRM",
    VerdictKind.FAULT: "故障 FAULT",
}


class Watches(Protocol):
    """A source of taps: a PC/SC watcher, or a test's list."""

    def events(self, stop: Callable[[], bool]) -> Iterable[ReaderEvent]:
        """Yield changes until `stop` returns true."""
        ...


@dataclass
class Agent:
    """Runs until `stop` is set. `say` prints one line. `page` is None without a counter page."""

    desk: AgentCounter
    say: Callable[[str], None]
    page: AgentPage | None = None
    stop: Flag = field(default_factory=Flag)
    _last_scan: tuple[str, float] = ("", 0.0)
    _lock: Lock = field(default_factory=Lock)

    def watch(self, watcher: Watches) -> None:
        """Check in every tapped card, on all readers at once, until stopped."""
        work_out_structs()  # Before the taps' threads begin
        with ThreadPoolExecutor(TAPS_AT_ONCE, "tap") as pool:
            for event in watcher.events(self.stop.is_set):
                if event.change is ReaderChange.INSERTED:
                    pool.submit(self.tap, event.reader)
                else:
                    self._announced(event)

    def tap(self, reader: str) -> CounterVerdict:
        """Check in the card on a reader. Every outcome and every fault becomes a verdict for staff."""
        began = time.monotonic()
        exchanges = 0
        try:
            with pcsc.Context() as context, context.card(reader) as card:
                tap = Tap(card)
                verdict = self.desk.tapped(tap, reader)
                exchanges = tap.exchanges
        except DeviceFault as fault:
            verdict = of_fault(fault)
        taken = round((time.monotonic() - began) * 1000)
        return self.tell(verdict.at(reader, milliseconds=taken, exchanges=exchanges))

    def typed(self, line: str) -> None:
        """Take a line of the terminal: a scan of a keyboard wedge, or the operator's answer to a question."""
        text = line.strip()
        if text.lower() in {"y", "yes", "n", "no", "是", "否"}:
            lanes = self.desk.waiting()
            if lanes:
                self.confirm(lanes[-1], id_checked=text.lower() in {"y", "yes", "是"})
        elif text:
            self.scanned(text, TYPED)

    def scan(self, port: Port) -> None:
        """Check in what a serial scanner reads, until stopped or unplugged."""
        try:
            for text in scans(port, self.stop.is_set):
                self.scanned(text, SCANNED)
        except DeviceFault as fault:
            self.tell(of_fault(fault).at(SCANNED, milliseconds=0))

    def scanned(self, text: str, lane: str) -> CounterVerdict | None:
        """Check in one scanned text. Return None for a repetition of the scan before."""
        with self._lock:
            same, at = self._last_scan
            now = time.monotonic()
            if text == same and now - at < SAME_SCAN_SECONDS:
                return None
            self._last_scan = text, now
        began = time.monotonic()
        verdict = self.desk.shown(text, lane)
        return self.tell(verdict.at(lane, milliseconds=round((time.monotonic() - began) * 1000)))

    def confirm(self, lane: str, *, id_checked: bool) -> CounterVerdict | None:
        """Pass on the operator's answer about the person's ID. Return None if no question waits in this lane."""
        began = time.monotonic()
        if lane not in self.desk.waiting():
            return None
        verdict = self.desk.confirm(lane, id_checked=id_checked)
        if verdict is None:
            said = VerdictText("未核对证件，未办理。", "The ID was not compared: nothing was recorded.")
            verdict = CounterVerdict(VerdictKind.DENIED, said, reason="id-check-needed", service=self.desk.service)
        return self.tell(verdict.at(lane, milliseconds=round((time.monotonic() - began) * 1000)))

    def chosen(self, path: str, body: Mapping[str, object]) -> Mapping[str, object] | None:
        """Answer the counter page: POST /service {service, matter?}, POST /confirm {lane, id_checked}. Return None for
        other paths.
        """
        match path, body:
            case "/service", {"service": str(service)}:
                matter = body.get("matter")
                self.desk.choose(service, _texts(matter) if isinstance(matter, Mapping) else None)
                return {"service": service}
            case "/confirm", {"lane": str(lane), "id_checked": bool(id_checked)}:
                verdict = self.confirm(lane, id_checked=id_checked)
                return {"confirmed": verdict is not None}
        return None

    def tell(self, verdict: CounterVerdict) -> CounterVerdict:
        """Show a verdict on the terminal and on the page."""
        for line in lines(verdict):
            self.say(line)
        if self.page is not None:
            self.page.publish(verdict)
        return verdict

    def _announced(self, event: ReaderEvent) -> None:
        said = _EVENTS.get(event.change)
        if said is not None:
            self.say(f"{said} {event.reader}".rstrip())
        if self.page is not None:
            self.page.tell("reader", {"change": event.change.value, "reader": event.reader})


def _texts(values: Mapping[object, object]) -> dict[str, str]:
    return {name: value for name, value in values.items() if isinstance(name, str) and isinstance(value, str)}


_EVENTS: Final = {
    ReaderChange.STILL_THERE: "note: a card still lies on the reader; take it off and tap again:",
    ReaderChange.MUTE: "note: a card that does not answer lies on",
    ReaderChange.READER_ADDED: "reader:",
    ReaderChange.READER_LOST: "note: reader gone:",
    ReaderChange.DAEMON_LOST: "note: pcscd is away; waiting for it",
    ReaderChange.DAEMON_BACK: "note: pcscd is back",
}


def lines(verdict: CounterVerdict) -> list[str]:
    """Return a verdict as terminal lines: the result, the reason, the next step. No token, no proof."""
    who = " ".join(part for part in (verdict.name, verdict.tier, verdict.assurance) if part)
    offline = " [离线 OFFLINE]" if verdict.offline else ""
    found = [f"== {_MARKS[verdict.kind]}{offline}  {verdict.service}  {who}".rstrip()]
    found += [f"   {text}" for text in (verdict.message.zh, verdict.message.en) if text]
    found += [f"   -> {text}" for text in (verdict.hint.zh, verdict.hint.en) if text]
    if verdict.kind is VerdictKind.ASK:
        found.append("   核对证件后输入 y 确认，n 取消 (type y once the ID was compared, n otherwise)")
    found.append(f"   {verdict.reason or verdict.entry or ''}  {verdict.profile}  {verdict.milliseconds} ms".rstrip())
    return found


def started(work: Callable[[], None], name: str) -> Thread:
    """Start a thread that does not keep the process alive."""
    thread = Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread
