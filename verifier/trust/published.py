"""The signed documents that a verifier uses: read from the published folder, verified, and never replaced by older
versions.

The last good document stays in force while a newer one is unreadable. An expired document is never used (docs/design.md
§3, §4).
"""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cards.binding import BindingListError, SignedBindingList, verify_binding_list
from cards.marks import HolderMarks, MarkKind, MarksError, verify_marks
from cards.programme.load import ProgrammeError, load_programme
from cards.programme.types import Programme
from cards.status import SignedStatusList, StatusListError, StatusLists, verify_status_list
from cards.verify import Trust
from cards.wire import Dictionary, dictionary_of
from edge.durable import replace_file
from edge.instants import from_epoch, to_epoch
from edge.problems import Problem, ProblemKind, register_problem
from edge.settings import Settings
from keys.bundle import BundleError, TrustBundle, verify_bundle
from keys.errors import BadKey
from keys.jwk import thumbprint

LOOK_AGAIN: Final = timedelta(seconds=1)
"""The shortest time between two looks at the folder's time stamps."""

register_problem(
    ProblemKind(
        "not-trusted",
        503,
        "签发方文件缺失或无效，暂不能办理",
        "The issuer's signed documents are missing or not valid",
        "Run `python -m issuer publish`, or fetch the documents again. /readyz says what is wrong.",
    )
)


class Untrusted(Exception):
    """There is no valid document to use. The text says what is missing and how to mend it."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Everything trusted at one instant: the bundle and the documents under it. `benefits`: see
    `unsettled_benefits`.
    """

    bundle: TrustBundle
    programme: Programme
    trust: Trust
    lists: StatusLists
    marks: HolderMarks | None
    benefits: Mapping[str, frozenset[str]]

    def ruled_against(self, subject: str) -> frozenset[str]:
        """Return the kinds of benefit granted elsewhere for which a ruling refused a holder the same benefit here."""
        marks = () if self.marks is None else self.marks.marks
        told = [mark.value for mark in marks if mark.subject == subject and mark.kind is MarkKind.RULING]
        return frozenset(value.removesuffix(":refused") for value in told if value.endswith(":refused"))


def unsettled_benefits(marks: HolderMarks | None) -> Mapping[str, frozenset[str]]:
    """Return, for each holder, the benefits granted elsewhere that no ruling has released (docs/guide-coverage.md, Read
    right 8).
    """
    benefits: dict[str, set[str]] = {}
    for mark in () if marks is None else marks.marks:
        if mark.kind is MarkKind.BENEFIT:
            benefits.setdefault(mark.subject, set()).add(mark.value)
    for mark in () if marks is None else marks.marks:
        if mark.kind is MarkKind.RULING and mark.value.endswith(":granted"):
            benefits.get(mark.subject, set()).discard(mark.value.removesuffix(":granted"))
    return {subject: frozenset(kinds) for subject, kinds in benefits.items()}


class PublishedFolder:
    """Reads the published folder again after a change. Safe between threads. It keeps the highest versions on disk."""

    def __init__(self, folder: Path, programme: Programme, root: str, memory: Path) -> None:
        """Check bundles against the pinned `root` (thumbprint). `memory` is the file of the highest versions seen."""
        self._folder = folder
        self._programme = programme
        self._root = root
        self._memory = _Memory(memory)
        self._lock = threading.Lock()
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._looked_at: datetime | None = None
        self._documents: Documents | None = None
        self._fault: str | None = None
        self._told_fault: str | None = None
        dictionary = dictionary_of(programme)
        self.dictionaries: Mapping[int, Dictionary] = {dictionary.number: dictionary}

    def __call__(self, at: datetime) -> Documents:
        """Return the documents in force at `at`. Problem `not-trusted` if there is nothing valid."""
        try:
            return self.current(at)
        except Untrusted as error:
            raise Problem("not-trusted", str(error), retry_after=30) from None

    def current(self, at: datetime) -> Documents:
        """Return the documents in force at `at`. Raises Untrusted if there is nothing valid."""
        # Without documents, all threads wait for the thread that reads them: a worker's first requests come all at
        # once.
        if self._documents is None or self._is_due(at):
            with self._lock:
                if self._is_due(at):
                    self._refresh(at)
        documents = self._documents
        if documents is None:
            raise Untrusted(self._fault or "nothing is published")
        if at >= documents.bundle.expires_at:
            raise Untrusted("the trust bundle has expired: publish or fetch its successor")
        self._check_programme(documents.bundle, at)
        return documents

    def _is_due(self, at: datetime) -> bool:
        return self._looked_at is None or abs(at - self._looked_at) >= LOOK_AGAIN

    @property
    def fault(self) -> str | None:
        """Return why the newest documents were not accepted, or None if they were."""
        return self._told_fault

    def text(self, name: str) -> bytes | None:
        """Return the text of a published document, to be served, or None for a missing document."""
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

    def examine(self, folder: Path, at: datetime) -> None:
        """Raise Untrusted unless every document in another `folder` would be accepted at `at`. Nothing is put in
        force.
        """
        other = PublishedFolder(folder, self._programme, self._root, self._memory.path)
        other._documents = self._documents
        try:
            other._read(at, keep=False)
        except (BundleError, UnicodeDecodeError) as error:
            raise Untrusted(str(error)) from None
        if other._fault is not None:
            raise Untrusted(other._fault)

    def _refresh(self, at: datetime) -> None:
        stamp = _stamp(self._folder)
        if stamp != self._stamp or self._documents is None:
            self._read_again(at, stamp)
            self._told_fault = self._fault  # only now: while a bad list is read again, its fault is told on
        # Last, so that no other thread goes by the old documents while these are read: after a pause they are as old
        # as the pause.
        self._looked_at = at

    def _read_again(self, at: datetime, stamp: tuple[tuple[str, int, int], ...]) -> None:
        try:
            self._documents = self._read(at)
        except (BundleError, Untrusted, OSError, UnicodeDecodeError) as error:
            # The last good set stays in force: its lists grow stale and then expire by themselves.
            self._fault = str(error)
            return
        # A list that was refused may be good later without a change in the folder, such as one from a clock ahead.
        self._stamp = stamp if self._fault is None else ()

    def _read(self, at: datetime, *, keep: bool = True) -> Documents:
        self._fault = None
        pin = self._memory.seen.root or self._root
        bundle = verify_bundle(_text(self._folder / "trust-bundle.jwt"), pin, at, seen_version=self._memory.seen.bundle)
        if bundle.issuer != self._programme.issuer:
            raise Untrusted(f"the bundle is of {bundle.issuer}, this server's programme of {self._programme.issuer}")
        held = self._lists(bundle, at)
        marks = self._marks(bundle, at)
        if keep:
            self._keep(_seen_now(bundle, pin, held, marks))
        programme = self._programme
        trust = Trust(bundle.key_set(), bundle.issuer, programme.audience, held, bundle.version)
        return Documents(bundle, programme, trust, held, marks, unsettled_benefits(marks))

    def _keep(self, seen: _Seen) -> None:
        """Keep the highest versions on disk. Where this fails, as on a full disk, the documents come into force all the
        same: this process remembers the versions, tells the fault, and tries to keep them again a second later.
        """
        try:
            self._memory.keep(seen)
        except OSError as error:
            self._fault = f"{self._memory.path} cannot be written ({error}): a restart would forget the newest versions"

    def _check_programme(self, bundle: TrustBundle, at: datetime) -> None:
        """Use no other rules than those that the bundle names, from the instant at which it names them."""
        pin = bundle.programme
        if at >= pin.effective_at and pin.sha256 != self._programme.sha256:
            raise Untrusted(
                f"the bundle names programme {pin.version}, this server runs {self._programme.version}: "
                "set YUNJU_PROGRAMME to the published programme and start again"
            )

    def _lists(self, bundle: TrustBundle, at: datetime) -> StatusLists:
        """Return the published lists. A bad list is replaced by the list held so far, which expires by itself."""
        found = StatusLists()
        for uri in bundle.status_lists:
            try:
                signed = self._list(uri, bundle, at)
                found.put(signed, self._bindings(signed, bundle, at))
            except (StatusListError, BindingListError, UnicodeDecodeError) as error:
                self._fault = f"{uri}: {error}"
                held = None if self._documents is None else self._documents.lists
                if held is not None and (kept := held.get(uri)) is not None:
                    found.put(kept, held.bindings(uri))
        return found

    def _list(self, uri: str, bundle: TrustBundle, at: datetime) -> SignedStatusList:
        token = self.text(f"status-lists/{_number(uri)}.jwt")
        if token is None:
            raise StatusListError("malformed", "it is not published: run `python -m issuer publish`")
        return verify_status_list(
            token.decode("ascii").strip(),
            bundle.key_set(),
            at,
            uri=uri,
            issuer=bundle.issuer,
            bundle_version=bundle.version,
            seen=self._memory.seen.lists.get(uri),
        )

    def _bindings(self, signed: SignedStatusList, bundle: TrustBundle, at: datetime) -> SignedBindingList | None:
        """Return the list's bindings, which are read after it, or None from an issuer that has never published any."""
        text = self.text(f"binding-lists/{_number(signed.uri)}.jwt")
        if text is None and signed.uri not in self._memory.seen.bound:
            return None
        if text is None:
            raise StatusListError("not-bound", "its binding list is gone: publish or fetch again")
        return verify_binding_list(
            text.decode("ascii").strip(), bundle.key_set(), at, uri=signed.uri, issuer=bundle.issuer
        )

    def _marks(self, bundle: TrustBundle, at: datetime) -> HolderMarks | None:
        held = None if self._documents is None else self._documents.marks
        token = self.text("holder-marks.jwt")
        if token is None:
            return held
        try:
            text = token.decode("ascii").strip()
            return verify_marks(text, bundle.key_set(), at, issuer=bundle.issuer, seen_serial=self._memory.seen.marks)
        except (MarksError, UnicodeDecodeError) as error:
            self._fault = f"holder-marks.jwt: {error}"
            return held


@dataclass(frozen=True, slots=True)
class _Seen:
    """The highest bundle version, the highest serial of marks, the root in force, and the newest instant of each list.

    `bound`: the lists that once came with bindings. They are not accepted without bindings any more.
    """

    bundle: int = 0
    marks: int = 0
    root: str | None = None
    lists: Mapping[str, datetime] = field(default_factory=dict)
    bound: frozenset[str] = frozenset()

    def with_newer(self, other: _Seen) -> _Seen:
        """Join two memories. The root is that of the newer bundle, or of `other` if both have the same bundle."""
        lists = {uri: max(at for at in (self.lists.get(uri), other.lists.get(uri)) if at) for uri in self.uris(other)}
        root = self.root if self.bundle > other.bundle else other.root or self.root
        bundle, marks = max(self.bundle, other.bundle), max(self.marks, other.marks)
        return _Seen(bundle, marks, root, lists, self.bound | other.bound)

    def uris(self, other: _Seen) -> set[str]:
        """Return the lists in either memory."""
        return {*self.lists, *other.lists}

    def to_json(self) -> dict[str, object]:
        """Return the content of the file."""
        lists = {uri: to_epoch(at) for uri, at in self.lists.items()}
        written = {"bundle": self.bundle, "root": self.root, "marks": self.marks}
        return {**written, "lists": lists, "bound": sorted(self.bound)}


def _seen_now(bundle: TrustBundle, pin: str, lists: StatusLists, marks: HolderMarks | None) -> _Seen:
    held = {uri: signed.issued_at for uri in bundle.status_lists if (signed := lists.get(uri)) is not None}
    bound = frozenset(uri for uri in bundle.status_lists if lists.bindings(uri) is not None)
    return _Seen(bundle.version, 0 if marks is None else marks.serial, bundle.pin_after(pin), held, bound)


class _Memory:
    """The highest versions seen, on disk, so that a restart does not lose them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen = self._kept = self._load()

    def _load(self) -> _Seen:
        try:
            return _read_seen(json.loads(self.path.read_text()))
        except FileNotFoundError:
            return _Seen()
        except (ValueError, TypeError, AttributeError, OSError) as error:
            raise Untrusted(f"{self.path} cannot be read ({error}); restore it from a backup") from None

    def keep(self, read: _Seen) -> None:
        """Remember what is newer than before, and write it, all of it or nothing. Raises OSError: it is remembered, but
        not written, and is written with the next call.
        """
        self.seen = self.seen.with_newer(read)
        if self._kept.with_newer(self.seen) == self._kept:
            return
        with _locked(self.path):
            # Another worker may have seen newer versions: they are never taken back.
            self.seen = self._load().with_newer(self.seen)
            replace_file(self.path, json.dumps(self.seen.to_json()).encode(), mode=0o644)
        self._kept = self.seen


def _read_seen(kept: dict[str, Any]) -> _Seen:
    lists = {str(uri): from_epoch(int(at)) for uri, at in kept.get("lists", {}).items()}
    bound = frozenset(str(uri) for uri in kept.get("bound", []))
    return _Seen(int(kept.get("bundle", 0)), int(kept.get("marks", 0)), kept.get("root"), lists, bound)


def _number(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing `path` during the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + "-lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        raise Untrusted(f"{path.name} is not published: run `python -m issuer publish`") from None


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    names = ["trust-bundle.jwt", "holder-marks.jwt"]
    for place in ("status-lists", "binding-lists"):
        if (folder / place).is_dir():
            names += sorted(f"{place}/{path.name}" for path in (folder / place).glob("*.jwt"))
    stamps = []
    for name in names:
        try:
            found = (folder / name).stat()
        except OSError:
            continue
        stamps.append((name, found.st_mtime_ns, found.st_size))
    return tuple(stamps)


def root_file(settings: Settings) -> Path:
    """Return the file of the pinned root: the configured file, otherwise the file that the issuer on this machine
    wrote.
    """
    return settings.root or settings.published / "root.jwk"


def pinned_root(path: Path) -> str:
    """Return the thumbprint of the root key in a JWK file. Raises Untrusted, with the remedy, for a missing key."""
    try:
        return thumbprint(json.loads(path.read_text()))
    except (OSError, ValueError, BadKey) as error:
        raise Untrusted(f"{path} holds no root key ({error}): set YUNJU_ROOT to the issuer's root.jwk") from None


def read_programme(path: Path) -> Programme:
    """Return the programme that a server runs. Raises Untrusted with all faults if the file is bad."""
    try:
        return load_programme(path)
    except ProgrammeError as error:
        raise Untrusted(str(error)) from None
