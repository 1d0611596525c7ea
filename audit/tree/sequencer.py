"""The sequencer: one leader copies ledger entries into the tree, in the order of each partition, and signs checkpoints.

Order of a step: the tiles become durable, then the checkpoint changes by compare-and-swap in its own place, and only
then is it shown (docs/design.md §8). So the leader may be killed at any point: what was written but not published is
moved aside at the next start.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from audit.tree.archiving import JoinedSource
from audit.tree.entryindex import EntryIndex
from audit.tree.place import CheckpointPlace, CheckpointState, PlaceError
from audit.tree.tiles import CHECKPOINT, FolderSource, TileError, TileSource, Tree
from audit.tree.tilewriter import PUBLIC, TileWriter, drop_partials, set_orphans_aside
from cards.promise import INTEGRATION
from edge.durable import replace_file
from edge.encoding import b64u
from edge.instants import to_epoch
from edge.structs import UNREADABLE
from keys.merkle import EMPTY_ROOT
from keys.notes import Checkpoint, Note, NoteError, NoteSigner, open_checkpoint
from ledger.interface import Ledger
from ledger.leaf import FIRST_PREV, entry_id, leaf_hash
from ledger.millis import to_millis

MOST_AT_ONCE: Final = 8192
LARGE_STEP: Final = 1024
"""A step takes at most this many entries from one partition. After that many, more may be waiting."""
_SYNC_INDEX_EVERY = 65_536


class NotLeader(Exception):
    """Another process leads the log in this folder."""


class Unsafe(Exception):
    """Nothing is signed, because the files do not match an earlier signature. `hint` names the remedy."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class TreeIncident:
    """Something that must not happen: its `kind` (docs/log-format.md lists them), its place, and a sentence in both
    languages.
    """

    kind: str
    place: str
    message: str
    zh: str = ""


@dataclass(frozen=True, slots=True)
class LogHome:
    """Where a log lives: the folder of its tiles, the place of its checkpoint, its name, and the archive of old
    entries.
    """

    folder: Path
    place: CheckpointPlace
    origin: str
    archive: Path | None = None

    def source(self) -> TileSource:
        """Return the tiles."""
        here = FolderSource(self.folder)
        return here if self.archive is None else JoinedSource([here, FolderSource(self.archive)])

    def index(self) -> EntryIndex:
        """Return the index of entries."""
        return EntryIndex(self.folder / "index")


class _Link(msgspec.Struct, frozen=True):
    """The fields of a leaf that bind the leaf to its place."""

    at: int
    partition: int
    prev: str
    seq: int


_LINK = msgspec.json.Decoder(_Link)
Report = Callable[[TreeIncident], None]


class Sequencer:
    """Leads the log in a home until `close` or an error. After an error, do not use the object again."""

    def __init__(
        self,
        home: LogHome,
        ledger: Ledger,
        signers: Sequence[NoteSigner],
        at: datetime,
        *,
        report: Report,
        seen: Iterable[Checkpoint] = (),
        hold: Callable[[frozenset[int]], None] = lambda _partitions: None,
    ) -> None:
        """Take the lead. Raises NotLeader, or Unsafe if the tiles, the place and the witnesses do not agree.

        `seen`: the largest checkpoints that witnesses report, with verified signatures. Each step calls `hold` with the
        partitions in which the ledger differs from the log.
        """
        self._home, self._ledger, self._signers, self._report = home, ledger, tuple(signers), report
        self._told: set[TreeIncident] = set()
        self._hold = hold
        self._store: str | None = None
        self._strange: set[int] = set()
        self._lock = _take_lead(home.folder)
        try:
            self._state = self._begin(at)
            self._writer = self._open_tiles(self._state.tree)
            self._compare(seen)
            set_orphans_aside(home.folder, self._writer.size)
            self._index = home.index()
            self._follow()
            self._show()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many entries the published log has."""
        return self._writer.size

    def close(self) -> None:
        """Give up the lead."""
        os.close(self._lock)

    def step(self, at: datetime) -> int:
        """Integrate at most MOST_AT_ONCE new entries, and publish. Return the number of entries.

        Raises place.LostSwap if another process leads now, TileError or OSError if a file cannot be written.
        """
        links = self._gather()
        if not links:
            return 0
        before, place = self._writer.size, self._writer.size
        self._writer.append(data for _, data in links)
        self._index.add((link.partition, link.seq, place + number) for number, (link, _) in enumerate(links))
        self._publish(at)
        for link, data in links:
            self._heads[link.partition] = (link.seq, leaf_hash(data))
        self._show()
        drop_partials(self._home.folder, before, self._writer.size)
        if self._writer.size // _SYNC_INDEX_EVERY != before // _SYNC_INDEX_EVERY:
            self._index.sync(self._writer.size)
        self._note_late([link for link, _ in links], at)
        return len(links)

    def trim(self, at: datetime) -> int:
        """Remove old published entries from the ledger where the ledger agrees with the log. Return the number
        removed.
        """
        heads = self._ledger.heads()
        sound = {one: seq for one, (seq, _) in self._heads.items() if heads.get(one, 0) >= seq}
        self._index.sync(self._writer.size)
        return self._ledger.trim({one: seq for one, seq in sound.items() if one not in self._strange}, at)

    def _begin(self, at: datetime) -> CheckpointState:
        place = self._home.place
        try:
            held = place.read()
            if held is None:
                self._refuse_lost_place()
                held = place.begin(self._sign(Checkpoint(self._home.origin, 0, EMPTY_ROOT)), to_epoch(at))
            opened = open_checkpoint(held.checkpoint, [signer.key for signer in self._signers])
        except (PlaceError, NoteError) as error:
            raise Unsafe(f"the last checkpoint cannot be trusted: {error}", "restore its file") from error
        if opened.checkpoint.origin != self._home.origin:
            raise Unsafe(f"the last checkpoint is that of {opened.checkpoint.origin}", "give this log its own place")
        return place.take()

    def _refuse_lost_place(self) -> None:
        if (self._home.folder / CHECKPOINT).exists():
            raise Unsafe(
                "there are tiles, and the checkpoint's place is empty",
                "restore the checkpoint's file; without it, `python -m verifier audit adopt` begins from the tiles",
            )

    def _open_tiles(self, checkpoint: Checkpoint) -> TileWriter:
        hint = "restore the newest copy of the tiles; nothing is signed until they match"
        try:
            writer = TileWriter(self._home.folder, checkpoint.size)
        except TileError as error:
            raise Unsafe(f"the tiles do not match the checkpoint: {error}", hint) from error
        if writer.root() != checkpoint.root:
            raise Unsafe("the tiles do not match the checkpoint: they have another root", hint)
        return writer

    def _compare(self, seen: Iterable[Checkpoint]) -> None:
        """Raise Unsafe if a witness saw a larger log, or a different log of the same or a smaller size."""
        tree = Tree(self._home.source(), self._writer.size)
        for other in seen:
            if other.size > self._writer.size:
                raise Unsafe(
                    f"a witness has seen {other.size} entries, here are {self._writer.size}",
                    "a backup was restored: bring back the newest tiles and the newest checkpoint",
                )
            if tree.root(other.size) != other.root:
                raise Unsafe(
                    f"a witness has seen another log of {other.size} entries",
                    "find out which is the log; both are kept",
                )

    def _follow(self) -> None:
        """Find the end of each partition in the log. Make the index again if it is behind."""
        size, synced = self._writer.size, self._index.synced()
        self._index.cut(min(size, synced))
        if synced > size or sum(seq for seq, _ in self._index.heads().values()) != synced:
            self._index.clear()
            synced = 0
        self._fill_index(synced)
        tree = Tree(self._home.source(), size)
        self._heads = {partition: (seq, tree.node(0, place)) for partition, (seq, place) in self._index.heads().items()}

    def _fill_index(self, start: int) -> None:
        tree, part = Tree(self._home.source(), self._writer.size), []
        for place, data in enumerate(tree.entries(start), start):
            link = _LINK.decode(data)
            part.append((link.partition, link.seq, place))
            if len(part) == MOST_AT_ONCE:
                self._index.add(part)
                part.clear()
        self._index.add(part)
        self._index.sync(self._writer.size)

    def _gather(self) -> list[tuple[_Link, bytes]]:
        """Return the new entries by partition, then by instant as far as the order of partitions allows."""
        heads = self._ledger.heads()
        held = self._apart(heads)
        found: list[tuple[_Link, bytes]] = []
        for partition in sorted(heads.keys() - held):
            seq, last = self._heads.get(partition, (0, FIRST_PREV))
            if heads[partition] > seq and len(found) < MOST_AT_ONCE:
                most = min(LARGE_STEP, MOST_AT_ONCE - len(found))
                found += self._linked(partition, seq, last, self._ledger.after(partition, seq, most))
        self._hold(frozenset(held | self._strange))
        # Within a partition, instants never go back, so a stable sort keeps the order.
        found.sort(key=lambda pair: pair[0].at)
        return found

    def _apart(self, heads: Mapping[int, int]) -> set[int]:
        """Return the partitions in which the ledger differs from the log. They must wait.

        Each step compares the ends of the partitions. It compares their entries if the store has changed.
        """
        behind = {partition for partition, (seq, _) in self._heads.items() if heads.get(partition, 0) < seq}
        for partition in sorted(behind):
            seq = self._heads[partition][0]
            head = heads.get(partition, 0)
            message = f"the ledger's partition ends at {head}, the log knows {seq} of its entries"
            zh = f"台账的这一分区止于第{head}条，日志中已有{seq}条；修复前此分区停止办理"
            self._tell(TreeIncident("rolled-back", entry_id(partition, seq), message, zh))
        store = self._ledger.store()
        suspects = self._strange if store == self._store else set(self._heads)
        strange = {one for one in suspects - behind if not self._agrees(one)}
        if self._store not in (None, store):
            apart = len(behind | strange)
            message = f"the ledger is another file or server than before: {apart} partitions are not what the log says"
            zh = f"台账的文件或服务器已不是原来的；{apart}个分区与日志不符"
            self._tell(TreeIncident("other-store", "ledger", message, zh))
        self._store, self._strange = store, strange
        return behind | strange

    def _agrees(self, partition: int) -> bool:
        """Return whether the ledger has the log's last entry of a partition, and a chained entry after it if there is
        one.
        """
        seq, last = self._heads.get(partition, (0, FIRST_PREV))
        if seq:
            found = self._ledger.after(partition, seq - 1, 1)
            if not found or leaf_hash(found[0]) != last:
                why = "the ledger has another entry than the log under this number"
                self._tell(_altered(partition, seq, why, "同一编号下，台账与日志的记录不同"))
                return False
        found = self._ledger.after(partition, seq, 1)
        return not found or bool(self._linked(partition, seq, last, found))

    def _linked(self, partition: int, seq: int, last: bytes, leaves: Sequence[bytes]) -> list[tuple[_Link, bytes]]:
        """Return the leaves that follow one another. A leaf that does not fit is an incident and waits."""
        found = []
        for data in leaves:
            seq += 1
            with suppress(*UNREADABLE):
                link = _LINK.decode(data)
                if (link.partition, link.seq, link.prev) == (partition, seq, b64u(last)):
                    found.append((link, data))
                    last = leaf_hash(data)
                    continue
            why = "the entry does not follow the one that the log has before it: the ledger was changed behind it"
            self._tell(_altered(partition, seq, why, "此记录接不上日志中的前一条：台账在日志之外被改动"))
            self._strange.add(partition)
            break
        return found

    def _publish(self, at: datetime) -> None:
        checkpoint = Checkpoint(self._home.origin, self._writer.size, self._writer.root())
        self._state = self._home.place.publish(self._state, self._sign(checkpoint), to_epoch(at))

    def _show(self) -> None:
        """Copy the checkpoint beside the tiles, where standard tools look for it."""
        replace_file(self._home.folder / CHECKPOINT, self._state.checkpoint.encode(), mode=PUBLIC)

    def _sign(self, checkpoint: Checkpoint) -> str:
        text = checkpoint.text
        return Note(text, tuple(signer.sign(text) for signer in self._signers)).encode()

    def _note_late(self, links: Sequence[_Link], at: datetime) -> None:
        earliest = to_millis(at - INTEGRATION)
        late = [link for link in links if link.at < earliest]
        if late:
            first = min(late, key=lambda link: link.at)
            place = entry_id(first.partition, first.seq)
            # The date stands beside it, in the programme's zone.
            message = f"entries that were integrated late: {len(late)}"
            self._tell(TreeIncident("late", place, message, f"{len(late)}条记录逾期并入"))

    def _tell(self, incident: TreeIncident) -> None:
        if incident not in self._told:
            self._told.add(incident)
            self._report(incident)


def _altered(partition: int, seq: int, why: str, zh: str) -> TreeIncident:
    return TreeIncident("altered", entry_id(partition, seq), why, zh)


def adopt(home: LogHome, signers: Sequence[NoteSigner], at: datetime) -> int:
    """Fill an empty place from the checkpoint beside the tiles, once the two match. Return the size.

    For use if the place is lost for good. Raises Unsafe, or LostSwap if the place is not empty.
    """
    try:
        data = (home.folder / CHECKPOINT).read_bytes()
        opened = open_checkpoint(data, [signer.key for signer in signers])
        found = TileWriter(home.folder, opened.checkpoint.size).root()
    except (OSError, NoteError, TileError) as error:
        raise Unsafe(f"the tiles hold no checkpoint that can be trusted: {error}", "restore the tiles") from error
    if found != opened.checkpoint.root:
        raise Unsafe("the tiles do not match the checkpoint beside them", "restore the tiles")
    home.place.begin(opened.note.encode(), to_epoch(at))
    return opened.checkpoint.size


def _take_lead(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".leader", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise NotLeader("another process leads this log") from None
    return handle
