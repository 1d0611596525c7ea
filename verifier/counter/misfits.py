"""Cards with a status index that is bound to another card: the signer of such a card holds a stolen card key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from audit.tree.incidents import IncidentList
from audit.tree.proofs import LogReader
from audit.tree.sequencer import TreeIncident
from cards.binding import MISFIT
from cards.verify import RefusedCard, Verified
from edge.metrics import count_misfit


@dataclass(frozen=True, slots=True)
class Misfits:
    """Reports such cards to auditors, and counts them for the operator. `log` keeps incidents; None keeps nothing."""

    log: LogReader | None = None

    def tell(self, verdict: Verified | RefusedCard, at: datetime) -> None:
        """Report a refused card whose index belongs to another card. Ignore any other verdict."""
        card = verdict.card
        if not isinstance(verdict, RefusedCard) or verdict.mark != MISFIT or card is None:
            return
        count_misfit()
        if self.log is None:
            return
        place = f"{card.status_uri}#{card.status_index}"
        en = f"card {card.card_id}, tier {card.tier}, is signed and has another card's index: is a card key stolen?"
        zh = f"卡{card.card_id}（等级{card.tier}）占用了另一张卡的状态编号，签名却有效：签发密钥可能已被盗用"
        self.log.report(at, TreeIncident(MISFIT, place, en, zh), IncidentList.CARDS)


NOBODY_TOLD: Final = Misfits()
"""Counts, but keeps no incident."""
