"""What an attacker does to a log: six kinds of change, at any place, first in the entries alone and then in all files
that depend on them, up to new signatures.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from audit.tree.tiles import ENTRIES, WIDTH, FolderSource, Tree, pack_entry, tile_path, width_at
from audit.tree.tilewriter import TileWriter
from keys.notes import Checkpoint, Note
from ledger.leaf import FIRST_PREV, entry_id, leaf_hash
from tests.audit.builders import LogWorld

Entries = list[bytes]


def changed(data: bytes, **fields: object) -> bytes:
    """A leaf with other values in some fields, canonical again."""
    leaf = {**json.loads(data), **fields}
    return json.dumps({name: leaf[name] for name in sorted(leaf)}, separators=(",", ":"), ensure_ascii=False).encode()


def alter(entries: Entries, index: int) -> None:
    """Another point."""
    entries[index] = changed(entries[index], point="elsewhere")


def remove(entries: Entries, index: int) -> None:
    """One entry less."""
    del entries[index]


def insert(entries: Entries, index: int) -> None:
    """An entry that nobody made, in front of another."""
    entries.insert(index, changed(entries[index], operation="operation-of-nobody", holder="A" * 43))


def swap(entries: Entries, index: int) -> None:
    """An entry changes places with its neighbour."""
    other = index + 1 if index + 1 < len(entries) else index - 1
    entries[index], entries[other] = entries[other], entries[index]


def swap_far(entries: Entries, index: int) -> None:
    """An entry changes places with one half the log away."""
    other = (index + len(entries) // 2) % len(entries)
    entries[index], entries[other] = entries[other], entries[index]


def back_date(entries: Entries, index: int) -> None:
    """An entry claims to be a day older."""
    entries[index] = changed(entries[index], at=json.loads(entries[index])["at"] - 86_400_000)


CHANGES: dict[str, Callable[[Entries, int], None]] = {
    change.__name__: change for change in (alter, remove, insert, swap, swap_far, back_date)
}


def places(size: int) -> list[int]:
    """First, last, both sides of a bundle's edge, the middle, the last bundle's beginning."""
    return sorted({0, 1, WIDTH - 1, WIDTH, size // 2, size // WIDTH * WIDTH, size - 2, size - 1} & set(range(size)))


@dataclass
class Copy:
    """A log as an auditor has it: a folder, and its entries in memory."""

    folder: Path
    size: int
    entries: Entries

    @classmethod
    def of(cls, world: LogWorld) -> Copy:
        """Read a world's published log."""
        size = world.home.place.read().size
        return cls(world.folder, size, list(Tree(FolderSource(world.folder), size).entries()))


def in_entries(copy: Copy, entries: Entries, folder: Path) -> None:
    """The changed entries in the same number of bundles; hashes are left as they were."""
    link_all(copy.folder, folder)
    bundles = -(-copy.size // WIDTH)
    for number in range(bundles):
        end = (number + 1) * WIDTH if number + 1 < bundles else len(entries)
        data = b"".join(pack_entry(entry) for entry in entries[number * WIDTH : end])
        replace(folder / tile_path(ENTRIES, number, width_at(copy.size, ENTRIES, number)), data)


def in_lowest_tiles(copy: Copy, entries: Entries, folder: Path) -> None:
    """The tiles of leaf hashes are made to fit too."""
    in_entries(copy, entries, folder)
    hashes = [leaf_hash(entry) for entry in entries]
    for number in range(-(-copy.size // WIDTH)):
        width = width_at(copy.size, 0, number)
        replace(folder / tile_path(0, number, width), b"".join(hashes[number * WIDTH : number * WIDTH + width]))


def in_all_tiles(copy: Copy, entries: Entries, folder: Path) -> None:
    """Every tile is made anew; the checkpoint stays."""
    writer = TileWriter(folder, 0)
    writer.append(entries)
    (folder / "checkpoint").write_bytes((copy.folder / "checkpoint").read_bytes())


def with_chains(copy: Copy, entries: Entries, folder: Path) -> None:
    """Numbers and chains are made to fit as well, and every tile; the checkpoint stays."""
    in_all_tiles(copy, chained(entries), folder)


DEPTHS: dict[str, Callable[[Copy, Entries, Path], None]] = {
    depth.__name__: depth for depth in (in_entries, in_lowest_tiles, in_all_tiles, with_chains)
}


def chained(entries: Entries) -> Entries:
    """The entries numbered and chained anew in the order they are in."""
    heads: dict[int, tuple[int, bytes]] = {}
    found = []
    for entry in entries:
        partition = json.loads(entry)["partition"]
        seq, last = heads.get(partition, (0, FIRST_PREV))
        from edge.encoding import b64u

        entry = changed(entry, seq=seq + 1, prev=b64u(last), id=entry_id(partition, seq + 1))  # noqa: PLW2901
        heads[partition] = (seq + 1, leaf_hash(entry))
        found.append(entry)
    return found


def sign_anew(world: LogWorld, folder: Path, size: int) -> None:
    """The log's own key signs what is in a folder."""
    text = Checkpoint(world.home.origin, size, TileWriter(folder, size).root()).text
    note = Note(text, tuple(signer.sign(text) for signer in world.signers))
    (folder / "checkpoint").write_text(note.encode())


def link_all(source: Path, target: Path) -> None:
    """A copy that costs nothing: every file a hard link, to be replaced and never written to."""
    for path in source.rglob("*"):
        if path.is_file() and path.relative_to(source).parts[0] in {"tile", "checkpoint"}:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.hardlink_to(path)


def replace(path: Path, data: bytes) -> None:
    """Put another file in a linked one's place, if it differs."""
    if path.read_bytes() != data:
        path.unlink()
        path.write_bytes(data)
