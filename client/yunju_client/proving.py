"""Proof that an entry is in the log: asked of the server, verified here by keys that come from elsewhere.

`read_trust` verifies the trust bundle, which has the keys of the promises and of the log; a witness tells its own.
docs/log-format.md of the project has every byte: C2SP tlog-proof, RFC 6962.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

from yunju_client.errors import MisuseError, ProblemError, UnprovedError
from yunju_client.notes import HASH_BYTES, NoteError, NoteKey, Witnessed, open_checkpoint, plain_base64
from yunju_client.trust import Promise, Trust, verify_promise

if TYPE_CHECKING:
    from yunju_client.calls import Calls

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
NOT_LOGGED: Final = "not-logged-yet"
WAIT_SECONDS: Final = 90.0
"""An answer promises its entry within a minute: by then an honest log has it."""
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
_MOST: Final = 64 * 1024
_STEP_SECONDS: Final = 2.0


class Answered(Protocol):
    """An answer with a promise: a check-in's, a void's, a booking's."""

    @property
    def id(self) -> str:
        """The entry's id."""
        ...

    @property
    def promise(self) -> str | None:
        """The promise, which names the hash of the entry."""
        ...


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """An entry that is in the log: its place, how many entries the log had, the witnesses that saw it so.

    `leaf` and `proof` are what was verified (C2SP tlog-proof): kept, they convince anybody who has the keys, without
    the server. `leaf` is the hash of the entry.
    """

    entry: str
    leaf: bytes
    index: int
    size: int
    origin: str
    witnesses: tuple[Witnessed, ...]
    proof: str


def prove(
    client: Calls,
    answer: Answered,
    trust: Trust,
    *,
    keys: Sequence[str] | None = None,
    witnesses: Sequence[str] = (),
    quorum: int | None = None,
    wait: float = WAIT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> ProvedEntry:
    """Verify an answer's promise, ask for the proof of its entry until the log has it, and verify the proof.

    `trust`: the verified bundle (`read_trust`), whose receipt key must have signed the promise. `keys`: the log's;
    None takes those of the bundle. `quorum`: how many of `witnesses` must have cosigned; one where any is named.
    `wait`: seconds. Raises UnprovedError where promise or proof does not hold, ProblemError (`not-logged-yet`) where
    no proof came in time.
    """
    promise = promised(answer, trust)
    text = _awaited(client, answer.id, wait, sleep)
    own = trust.log_keys if keys is None else keys
    return verify_proof(answer.id, promise.leaf, text, own, witnesses=witnesses, quorum=quorum)


def _awaited(client: Calls, entry: str, wait: float, sleep: Callable[[float], None]) -> str:
    """Return the proof of an entry, asked for again as the server wishes while the log does not have it yet."""
    waited = 0.0
    while True:
        try:
            return client.log_proof(entry).proof
        except ProblemError as problem:
            step = problem.retry_after or _STEP_SECONDS
            if problem.code != NOT_LOGGED or waited + step > wait:
                raise
        sleep(step)
        waited += step


def promised(answer: Answered, trust: Trust) -> Promise:
    """Return the promise of an answer, signed by a receipt key of the bundle.

    Raises UnprovedError where nobody trusted signed it, or where it is another entry's.
    """
    if not answer.promise:
        raise MisuseError("the answer carries no promise", "Hand in a new answer of a check-in as it came.")
    found = verify_promise(answer.promise, trust)
    if found.entry != answer.id:
        raise UnprovedError("the answer's promise is for another entry")
    return found


def verify_proof(
    entry: str,
    leaf: bytes,
    proof: str,
    keys: Sequence[str],
    *,
    witnesses: Sequence[str] = (),
    quorum: int | None = None,
) -> ProvedEntry:
    """Return what a proof proves of the entry with this hash; UnprovedError otherwise, MisuseError for unusable keys.

    Opens nothing and asks nobody: a proof that was kept is verified years later.
    """
    own, others, needed = _keys(keys), _keys(witnesses), (1 if witnesses else 0) if quorum is None else quorum
    if not own or needed > len({key.name for key in others}):
        raise MisuseError("too few keys were handed in", "Name the log's key, and as many witnesses as are needed.")
    try:
        index, path, note = parse_proof(proof)
        checkpoint = open_checkpoint(note, own, others)
        verify_inclusion(leaf, index, checkpoint.size, path, checkpoint.root)
    except NoteError as error:
        raise UnprovedError(str(error)) from None
    return _proved(
        ProvedEntry(entry, leaf, index, checkpoint.size, checkpoint.origin, checkpoint.witnesses, proof), needed
    )


def _proved(found: ProvedEntry, needed: int) -> ProvedEntry:
    if len(found.witnesses) < needed:
        raise UnprovedError(f"{len(found.witnesses)} of the witnesses cosigned, and {needed} are needed")
    return found


def _keys(texts: Sequence[str]) -> list[NoteKey]:
    if isinstance(texts, str):
        raise MisuseError("one text was handed in for a list of keys", "Hand in a list, one key a text.")
    try:
        return [NoteKey.parse(text) for text in texts]
    except NoteError as error:
        raise MisuseError(f"a key cannot be used: {error}", "Write it as `name+id+key`, in one line.") from None


def parse_proof(text: str) -> tuple[int, tuple[bytes, ...], str]:
    """Return index, audit path and signed checkpoint of a tlog-proof; NoteError where malformed. Verifies nothing."""
    head, between, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(text) > _MOST or not between or lines[0] != FIRST_LINE:
        raise NoteError("not a tlog-proof")
    lines = lines[2:] if lines[1:] and lines[1].startswith("extra ") else lines[1:]
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if index is None:
        raise NoteError("the proof names no index")
    return int(index[1]), tuple(plain_base64(line) for line in lines[1:]), note


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raise NoteError unless `leaf` is number `index` of the `size` leaves under `root` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        raise NoteError("the tree has no such leaf")
    if any(len(one) != HASH_BYTES for one in (leaf, root, *path)):
        raise NoteError("a hash is not 32 bytes long")
    found = leaf
    for step, on_the_left in _climb(index, size - 1, path):
        found = sha256(b"\x01" + (step + found if on_the_left else found + step)).digest()
    if found != root:
        raise NoteError("the proof leads to another root")


def _climb(number: int, last: int, path: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each step of a path up from node `number` of 0…`last`, and whether it stands to the left."""
    for step in path:
        if last == 0:
            raise NoteError("the proof is too long")
        on_the_left = bool(number & 1) or number == last
        yield step, on_the_left
        while on_the_left and number and not number & 1:
            number, last = number >> 1, last >> 1
        number, last = number >> 1, last >> 1
    if last != 0:
        raise NoteError("the proof is too short")
