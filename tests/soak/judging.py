"""The result of a soak: the clients' records against the machine's ledger, quotas, the log's own proof, growth, every
fault.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from edge.clock import SystemClock
from issuer.applications.records import Filter, find, listed
from ledger.leaf import Leaf
from ledger.opening import open_ledger
from ledger.values import Query
from tests.soak.counters import OfflineTablet
from tests.soak.faults import Fault
from tests.soak.journal import Journal, Operation, Trouble
from tests.soak.people import Office
from tests.soak.town import Town
from tests.soak.watching import Growth

CHANGES = ("fresh", "printed", "confirmed", "booking")
"""Kinds of operations whose grant is an entry of its own."""


@dataclass
class Verdict:
    """Everything that was found wrong, in sentences, and the figures of the report."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def need(self, holds: object, sentence: str) -> None:
        """Note a sentence where something does not hold."""
        if not holds:
            self.wrong.append(sentence)


def leaves_of(town: Town) -> list[Leaf]:
    """Return the whole usage log, oldest first in each partition, straight from the ledger."""
    settings = town.machine.settings
    ledger = open_ledger(settings.ledger_url, SystemClock(), seen=town.machine.var / "ledger-seen-of-the-judge")
    found, before = [], None
    try:
        while True:
            page = ledger.entries(Query(limit=1000, before=before))
            found += [entry.leaf for entry in page.entries]
            before = page.next
            if before is None:
                return found[::-1]
    finally:
        ledger.close()


def judge_answers(verdict: Verdict, journal: Journal, leaves: list[Leaf], first: str) -> None:
    """Compare: what was acknowledged stands once, what stands was asked for, and nobody was granted what is refused.

    `first`: the operation with which the town was opened.
    """
    by_id = {leaf.id: leaf for leaf in leaves}
    verdict.need(len(by_id) == len(leaves), "an entry's id stands twice in the log")
    granted = Counter((leaf.device, leaf.operation) for leaf in leaves if leaf.outcome == "granted")
    twice = [key for key, times in granted.items() if times > 1]
    verdict.need(not twice, f"operations granted twice: {twice[:5]}")
    for one in journal.granted(*CHANGES):
        assert one.answer is not None
        leaf = by_id.get(one.answer.json["id"])
        stands = leaf is not None and (leaf.operation, leaf.outcome) == (one.id, "granted")
        verdict.need(stands, f"acknowledged and not in the log: {one.kind} {one.answer.json['id']}")
    _judge_takings_back(verdict, journal, leaves)
    asked = {first, *(one.id for one in journal.operations)}
    strays = [leaf.id for leaf in leaves if leaf.outcome == "granted" and leaf.kind != "offline"
              and leaf.operation not in asked]  # fmt: skip
    verdict.need(not strays, f"granted and never asked for: {strays[:5]}")
    for one in journal.operations:
        verdict.need(not (one.forbidden and one.told == "granted"), f"a wrong grant: {one.kind}")


def _judge_takings_back(verdict: Verdict, journal: Journal, leaves: list[Leaf]) -> None:
    voids = Counter(leaf.target for leaf in leaves if leaf.kind == "void")
    cancelled = Counter(leaf.target for leaf in leaves if leaf.kind == "booking-cancel")
    for one in journal.operations:
        if one.kind in {"void", "cancel"} and one.told in {"done", "granted"}:
            times = (voids if one.kind == "void" else cancelled)[one.target]
            verdict.need(times == 1, f"acknowledged {one.kind} of {one.target} stands {times} times in the log")


def judge_words(verdict: Verdict, journal: Journal) -> None:
    """Every answer is one that its question may get."""
    odd = Counter((one.kind, one.told) for one in journal.operations if one.answer and one.told not in one.expected)
    for slowed, times in journal.slowed.items():
        kind = slowed.rpartition(":")[0]
        allowed = any("too-many-requests" in one.expected for one in journal.operations if one.kind == kind)
        verdict.need(allowed, f"{kind} was told {times} times to come later, though nobody calls beyond a limit")
    for (kind, told), times in odd.items():
        verdict.wrong.append(f"{kind} was told {told!r}, {times} times, which is no answer to it")


def judge_quotas(verdict: Verdict, leaves: list[Leaf], apart: set[str]) -> None:
    """Count units by the leaves alone, newly and simply: no holder has more in a period than the limit of then."""
    used: dict[tuple[str, str, str], int] = defaultdict(int)
    units: dict[str, tuple[str, tuple[tuple[str, str, int], ...]]] = {}
    order = sorted(leaves, key=lambda leaf: (leaf.partition, leaf.seq))
    for leaf in order:
        if leaf.holder is None or leaf.holder in apart:
            continue
        if leaf.outcome == "granted" and leaf.charges:
            lines = tuple((line.limit, line.period, line.units) for line in leaf.charges)
            units[leaf.id] = leaf.holder, lines
            for line in leaf.charges:
                used[leaf.holder, line.limit, line.period] += line.units
                total = used[leaf.holder, line.limit, line.period]
                verdict.need(total <= line.maximum, f"{line.limit} of {line.period}: {total} of {line.maximum} used")
        if leaf.kind in {"void", "booking-cancel"} and leaf.target in units:
            holder, given = units.pop(leaf.target)
            for limit, period, number in given:
                used[holder, limit, period] -= number
    verdict.figures["limits counted anew"] = len(used)


def judge_offline(verdict: Verdict, tablet: OfflineTablet, leaves: list[Leaf]) -> set[str]:
    """Each uploaded record was applied once; return its holders' pseudonyms, whom visits of other rules concern."""
    found = Counter(leaf.operation for leaf in leaves if leaf.kind == "offline" and leaf.outcome == "granted")
    for operation, answer in tablet.answers.items():
        verdict.need(answer["status"] in {"applied", "held"}, f"an offline record was {answer}")
        if answer["status"] == "applied":
            verdict.need(found[operation] == 1, f"offline record {operation} stands {found[operation]} times")
    verdict.need(len(tablet.answers) == len(tablet.records), "offline records that nobody took")
    verdict.figures["offline records"] = dict(Counter(str(answer["status"]) for answer in tablet.answers.values()))
    return {leaf.holder for leaf in leaves if leaf.kind == "offline" and leaf.holder}


def judge_office(verdict: Verdict, town: Town, office: Office) -> None:
    """What pages and platform acknowledged stands in the register, once."""
    desk = town.machine.desk
    for made, state in office.decided.items():
        stands = find(desk, made).state.value
        verdict.need(stands == state, f"application {made} was told {state} and is {stands}")
    lines = Counter(line.channel_receipt for line in listed(desk, Filter(), limit=10_000))
    for receipt in office.taken:
        verdict.need(lines[receipt] == 1, f"application {receipt} stands {lines[receipt]} times")
    verdict.figures["applications"] = {"taken in": len(office.taken), "decided": len(office.decided)}


def judge_log(verdict: Verdict, town: Town, leaves: list[Leaf]) -> None:
    """The ledger's check finds nothing; the published log is whole, signed and holds every entry."""
    machine = town.machine
    check = machine.command("verifier", "ledger", "check", "--json")
    verdict.need(check.returncode == 0, f"ledger check: {check.stdout[-400:]}{check.stderr[-400:]}")
    signed = machine.command("verifier", "audit", "sequence", "--once")
    verdict.need(
        f"{len(leaves)} entries" in signed.stdout, f"sequence: {signed.stdout}{signed.stderr} of {len(leaves)}"
    )
    keys = machine.command("verifier", "audit", "keys").stdout
    file = machine.var / "log-keys"
    file.write_text(keys)
    proved = machine.command("verifier", "audit", "verify", str(machine.settings.log), "--key", str(file))
    verdict.need(proved.returncode == 0, f"audit verify: {proved.stdout[-400:]}{proved.stderr[-400:]}")
    verdict.figures["entries"] = len(leaves)


def judge_troubles(verdict: Verdict, troubles: list[Trouble], faults: list[Fault]) -> None:
    """Each answer of 500 and above, and each form refused as over, comes of a fault that explains it."""
    told: Counter[str] = Counter()
    for one in troubles:
        by = next((fault.name for fault in faults if fault.covers(one)), None)
        name = "no answer" if one.status == 0 else f"{one.status} {one.code}"
        told[f"{name} to {one.path}: {by or 'EXPLAINED BY NOTHING'}"] += 1
        near = ", ".join(fault.name for fault in faults if fault.began - 1 <= one.at <= fault.ended + 8)
        verdict.need(by, f"{name} to {one.path} ({one.code}) is explained by no fault; near: {near or 'none'}")
    verdict.figures["5xx and lost answers"] = dict(told.most_common())


def judge_growth(verdict: Verdict, growths: list[Growth], *, wanted: bool) -> None:
    """No process grew beyond its bound after its warm-up; `wanted`: the soak is long enough to tell."""
    verdict.need(growths or not wanted, "no process lived long enough to be watched")
    for one in growths:
        verdict.wrong += one.faults
    verdict.figures["growth"] = {f"{one.what} {one.pid} over {one.seconds:.0f} s": one.told for one in growths}


def judge_open(verdict: Verdict, open_: list[Operation]) -> None:
    """With every fault over, each operation is answered."""
    for one in open_:
        verdict.wrong.append(f"never answered, with every fault over: {one.kind} to {one.path} after {one.tries} tries")


def shown(store: str, verdict: Verdict) -> str:
    """Return the report of one store's soak."""
    lines = [f"== {store}: {'WRONG' if verdict.wrong else 'well'}"]
    for name, value in verdict.figures.items():
        if isinstance(value, dict):
            lines.append(f"{name}:" + ("" if value else " none"))
            lines += [f"  {one}: {times}" for one, times in value.items()]
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines + [f"WRONG: {sentence}" for sentence in verdict.wrong])
