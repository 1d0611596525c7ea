"""Fetches the issuer's signed documents from another machine, and checks them before they replace the present ones.

A document that is not valid, or is older than one seen before, changes nothing. The last good documents stay on disk
(docs/design.md §3).
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from edge.clock import Clock
from edge.durable import replace_file
from edge.fetch import FetchAway, fetch
from edge.repeating import Job
from edge.settings import Settings
from edge.strictjson import JsonError, loads
from keys.files import StoreError
from verifier.trust.issuer_relay import call_to
from verifier.trust.published import PublishedFolder, Untrusted

BUNDLE: Final = "trust-bundle.jwt"
SECONDS: Final = 20
MOST_BYTES: Final = 64 * 1024 * 1024
_NAME: Final = re.compile(
    r"((?:status|binding)-lists/[0-9]{1,9}\.jwt|trust-bundle\.jwt|holder-marks\.jwt|jwks\.json|programme\.toml)"
)


class FetchError(Exception):
    """The documents could not be fetched, or are not valid. The text says why."""


@dataclass(frozen=True, slots=True)
class IssuerSource:
    """The address of an issuer's documents, and the file (mode 0600) of the token that allows fetching."""

    url: str
    token_file: Path

    def documents(self, etag: str | None) -> tuple[Mapping[str, str], str | None] | None:
        """Return the documents by name and their mark, or None if they are still those of `etag`. Raises FetchError."""
        try:
            asked = call_to(f"{self.url}/v1/published", self.token_file)
            if etag is not None:
                asked = replace(asked, headers={**asked.headers, "If-None-Match": etag})
            found = fetch(asked, seconds=SECONDS, most=MOST_BYTES)
        except StoreError as error:
            raise FetchError(str(error)) from None
        except FetchAway as error:
            raise FetchError(f"the issuer cannot be reached ({error})") from None
        if found.status == 304:
            return None
        if found.status != 200:
            raise FetchError(f"the issuer answers {found.status}: {_meaning(found.status)}")
        return _read(found.body), found.headers.get("etag")


def _meaning(status: int) -> str:
    if status in {401, 403}:
        return "its token does not allow it (python -m accounts integrator add NAME --grant '*=documents')"
    if 300 <= status < 400:
        return "it names another address; YUNJU_ISSUER_URL is to be the issuer's own"
    return "nothing is published there" if status == 404 else "try again"


def _read(data: bytes) -> Mapping[str, str]:
    try:
        found = loads(data, max_bytes=MOST_BYTES)
    except JsonError as error:
        raise FetchError(f"the issuer's answer cannot be read: {error}") from None
    match found:
        case {"documents": dict(documents)} if all(isinstance(text, str) for text in documents.values()):
            # A name of another form belongs to no document, and is never written.
            return {name: text for name, text in documents.items() if _NAME.fullmatch(name)}
    raise FetchError("the issuer's answer is no set of documents")


class Fetcher:
    """Updates the published folder with the issuer's documents. One process at a time fetches."""

    def __init__(self, source: IssuerSource, published: PublishedFolder, folder: Path, clock: Clock) -> None:
        """Fetch from `source` into `folder`, which `published` reads."""
        self._source = source
        self._published = published
        self._folder = folder
        self._clock = clock
        self._etag: str | None = None

    def once(self, *, wait: bool = False) -> bool:
        """Fetch now and put valid documents in force. Return whether anything was new. Raises FetchError, with nothing
        changed.

        While another process fetches into the same folder, this call does nothing, or with `wait` waits for its turn.
        """
        with _alone(self._folder, wait=wait) as first:
            if not first:
                return False
            found = self._source.documents(self._etag)
            if found is None:
                return False
            documents, mark = found
            if BUNDLE not in documents:
                raise FetchError("the issuer's answer holds no trust bundle")
            at = self._clock.now()
            self._look(documents, at)
            changed = [name for name, text in _in_order(documents) if _replace(self._folder / name, text)]
            # The documents in force now are remembered as seen: nothing older replaces them, and no list loses its
            # bindings.
            with suppress(Untrusted):
                self._published.current(at)
            self._etag = mark
            return bool(changed)

    def _look(self, documents: Mapping[str, str], at: datetime) -> None:
        """Check the whole set against the pinned root and the seen versions before any document is put in force."""
        with TemporaryDirectory(prefix=".incoming", dir=self._folder) as place:
            for name, text in documents.items():
                _replace(Path(place) / name, text)
            try:
                self._published.examine(Path(place), at)
            except Untrusted as error:
                raise FetchError(f"the issuer's documents do not hold: {error}") from None


def fetching(fetcher: Fetcher, status_ttl: int) -> Job:
    """Return the job that fetches the issuer's documents four times within the lists' `status_ttl` seconds."""
    return Job("fetch", status_ttl / 4, fetcher.once, plain=(FetchError,))


def source_of(settings: Settings) -> IssuerSource | None:
    """Return where documents are fetched, or None if the issuer itself fills the folder, to which this verifier must
    not write.
    """
    filled_for_us = settings.published.is_dir() and not os.access(settings.published, os.W_OK)
    if settings.issuer_url is None or filled_for_us:
        return None
    return IssuerSource(settings.issuer_url, settings.issuer_token_file)


def _in_order(documents: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the documents in order. The bundle comes first, because only its keys make the others valid. Bindings come
    before their status lists.
    """
    return sorted(documents.items(), key=lambda one: (one[0] != BUNDLE, one[0]))


def _replace(path: Path, text: str) -> bool:
    """Give a file its new content, whole and durable. Return whether the content changed."""
    data = text.encode("utf-8")
    if path.exists() and path.read_bytes() == data:
        return False
    replace_file(path, data, mode=0o644)
    return True


@contextmanager
def _alone(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the folder against other fetchers. Yield False if another fetcher is at work and this one does not wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".fetching").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
