"""Whether the stores of this machine exist: checked when a process starts, before it opens any of them."""

from __future__ import annotations

from edge.settings import Settings
from edge.stores import refuse_absent_stores


def refuse_mistyped(settings: Settings) -> None:
    """Raise Refusal if a store that should exist is missing, LedgerUnavailable if the log exists but its ledger is
    gone.
    """
    if settings.serves("verifier"):
        from verifier.service import refuse_lost_ledger  # noqa: PLC0415 - an issuer's server loads no verifier

        refuse_lost_ledger(settings)
    refuse_absent_stores(settings)
