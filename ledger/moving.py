"""Moves a ledger to a file, from a file, or to another store. Afterwards it reads everything again and compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge.clock import Clock
from ledger import moving_file
from ledger.contents import Contents, difference
from ledger.interface import Ledger
from ledger.millis import to_millis
from ledger.values import Fault, LedgerError

Tell = Callable[[int], object]
"""Receives the number of entries done since the last call."""


@dataclass(frozen=True, slots=True)
class MoveResult:
    """How much was moved."""

    entries: int
    holders: int
    answers: int
    proofs: int


class MoveFailed(LedgerError):
    """The target differs from the source. Discard what was written to the target."""


def export_to(ledger: Ledger, path: Path, tell: Tell) -> MoveResult:
    """Write a ledger to a new file. The file is read again before this returns.

    Raises LedgerError if somebody wrote to the ledger meanwhile, or if the ledger is not sound. No file is left then.
    """
    entries = sum(ledger.heads().values())
    moving_file.write(path, entries, _reporting(ledger.dump(), tell))
    return _read_again(path)


def save(ledger: Ledger, path: Path) -> MoveResult:
    """Write a ledger to a new file, as it stood when this began; others may go on writing to the ledger. The file is
    read again.

    Raises LedgerError if the ledger is not sound. No file is left then.
    """
    ends = ledger.heads()
    as_of = (contents.up_to(ends[contents.partition]) for contents in ledger.dump(tuple(ends)))
    moving_file.write(path, sum(ends.values()), as_of)
    return _read_again(path)


def import_from(file: IO[bytes], ledger: Ledger, clock: Clock, tell: Tell) -> MoveResult:
    """Write the ledger in a file into an empty ledger, and compare the two. Progress counts each entry three times.

    Raises `contents.Damaged` with the first bad line, and LedgerError if the ledger is not empty. In both cases nothing
    was written. Raises MoveFailed if the ledger differs from the file afterwards.
    """
    moved = _count(_reporting(moving_file.read(file), tell))
    _require_empty(ledger)
    _restore(_reporting(moving_file.read(file), tell), ledger)
    _compare(_reporting(moving_file.read(file), tell), ledger, clock)
    return moved


def migrate(source: Ledger, target: Ledger, clock: Clock, tell: Tell) -> MoveResult:
    """Write a ledger into an empty ledger of any store, and compare the two. Progress counts each entry twice.

    Raises LedgerError if the source is not sound or the target is not empty. Raises MoveFailed if the two differ
    afterwards, also if somebody wrote to the source meanwhile.
    """
    _require_empty(target)
    moved = _restore(_reporting(source.dump(), tell), target)
    _compare(_reporting(source.dump(), tell), target, clock)
    return moved


def _read_again(path: Path) -> MoveResult:
    """Count what a file holds. A damaged file is removed."""
    try:
        with path.open("rb") as file:
            return _count(moving_file.read(file))
    except LedgerError:
        path.unlink()
        raise


def _reporting(found: Iterable[Contents], tell: Tell) -> Iterable[Contents]:
    for contents in found:
        yield contents
        tell(len(contents.leaves))


def _count(found: Iterable[Contents]) -> MoveResult:
    entries = holders = answers = proofs = 0
    for contents in found:
        entries += len(contents.leaves)
        holders += len(contents.holders)
        answers += len(contents.answers)
        proofs += len(contents.proofs)
    return MoveResult(entries, holders, answers, proofs)


def _require_empty(ledger: Ledger) -> None:
    if ledger.heads() or next(iter(ledger.dump()), None) is not None:
        raise LedgerError("the target is not empty: nothing was written to it")


def _restore(found: Iterable[Contents], ledger: Ledger) -> MoveResult:
    def written() -> Iterable[Contents]:
        for contents in found:
            ledger.restore(contents)
            yield contents

    return _count(written())


def _compare(said: Iterable[Contents], ledger: Ledger, clock: Clock) -> None:
    """Read the target again: every entry is the same, in the same partition, and the check of the target finds
    nothing.
    """
    held = iter(ledger.dump())
    for wanted in said:
        found = next(held, Contents(wanted.partition))
        if found.partition != wanted.partition:
            raise MoveFailed(f"partition {wanted.partition:02x} is missing in the target")
        if wrong := difference(wanted, found, to_millis(clock.now())):
            raise MoveFailed(f"partition {wanted.partition:02x} of the target: {wrong}")
    if next(held, None) is not None:
        raise MoveFailed("the target holds more than was moved")
    for fault in ledger.check():
        if isinstance(fault, Fault):
            raise MoveFailed(f"the target's check finds a fault: {fault.place}: {fault.message}")
