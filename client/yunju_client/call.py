"""What a call is: its method, its path, its signer, and whether it may arrive twice. Nothing here sends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Signed = Literal["caller", "key", "nobody"]
"""Who signs: the caller's credential; only a device's key, before it has a token; or nobody, for public calls."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the OpenAPI document. `path` has its names in braces.

    `repeatable`: it may arrive twice without harm, because it only reads or carries an operation id. `writes`: it
    carries an operation id in the header `Idempotency-Key`.
    """

    method: str
    path: str
    signed: Signed
    repeatable: bool
    writes: bool


class Caller(ABC):
    """The caller that the methods of `yunju_client.calls` use."""

    @abstractmethod
    def _call(
        self,
        call: Call,
        kind: type[T],
        *,
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
        operation: str | None = None,
    ) -> T:
        """Make a call and return its answer as `kind`: a shape, `dict`, `bytes`, `str`, or None without a body."""
