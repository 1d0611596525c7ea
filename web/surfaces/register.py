"""What a verifier may ask a register: the interface between the two surfaces, which share no code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RegisterCalls:
    """A register on this host, by its questions. Each answer is None if the register knows nothing.

    `card_by_number`: from a card number to the card's token. `entitled_until`: from a card's id and the instant of the
    call to the end of its holder's entitlement. `photo_of`: from the same to the holder's photo (JPEG). `phone_of`:
    from the same to the holder's telephone number (empty if there is none). `name_of`: from a `sub` to a name.
    """

    card_by_number: Callable[[str], str | None]
    entitled_until: Callable[[str, datetime], datetime | None]
    photo_of: Callable[[str, datetime], bytes | None]
    phone_of: Callable[[str, datetime], str | None]
    name_of: Callable[[str], str | None]
