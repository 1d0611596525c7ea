"""Gzip for texts that are the same for everybody: a page's files, the programme. Never for an answer about a person."""

from __future__ import annotations

import gzip
from functools import lru_cache
from typing import Final

from flask import Response, request

KINDS: Final = frozenset(
    {"text/css", "text/html", "text/javascript", "application/json", "application/toml", "image/svg+xml", "text/plain"}
)
LEAST: Final = 1024
"""The number of bytes below which packing gains nothing."""


def packed(response: Response) -> Response:
    """Pack an answer for clients that accept this, and tell caches. Do not use it where a length could reveal a
    secret.
    """
    response.vary.add("Accept-Encoding")
    data = response.get_data()
    if response.mimetype in KINDS and len(data) >= LEAST and request.accept_encodings.quality("gzip") > 0:
        response.set_data(_gzipped(data))
        response.headers["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=512)  # All the text files of all the pages, and every language
def _gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)
