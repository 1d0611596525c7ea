"""The faults between a card and a verdict. Each says what happened and what to do; none shows a card's data."""

from __future__ import annotations


class DeviceFault(Exception):
    """Something at the counter failed. `hint` names the remedy. It is never a grant, and never the holder's fault.

    `zh` is the sentence for staff in Chinese.
    """

    hint = ""
    zh = "读卡或连接失败，请重试。"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class PartMissing(DeviceFault):
    """A package or a service of this machine is missing. `hint` is the command that installs it."""


class ReaderFault(DeviceFault):
    """The reader or its daemon failed. Another try may succeed."""

    hint = "check the reader's cable and `systemctl status pcscd`, then tap again"


class CardGone(DeviceFault):
    """The card left the reader too early."""

    hint = "hold the card on the reader until it answers"


class CardFault(DeviceFault):
    """The card's answer is not an answer of this product's cards: wrong lengths, invalid data, or without end."""

    hint = "this card is damaged or none of ours; compare the printed card and the person's ID"


class CardRefused(CardFault):
    """The card answered a command with an error. `status` is its status word (ISO 7816-4)."""

    def __init__(self, what: str, status: int) -> None:
        super().__init__(f"{what}: the card answered {status:04X}")
        self.status = status


class CardUnknown(DeviceFault):
    """A working card without any data of this product."""

    hint = "this is no card of this programme; is it the right card?"


class CardEmpty(DeviceFault):
    """A card of a known kind with empty content: it was never written, or the writing was interrupted."""

    hint = "write it again: `python -m devices personalise`"


class CardTooSmall(DeviceFault):
    """The content does not fit the card."""

    hint = "take a card with more memory (NTAG215 or larger; chip cards hold 2 KB)"


class CardTaken(DeviceFault):
    """The chip already holds a key or a card, and nobody allowed its replacement."""

    hint = "take a fresh chip; --replace ends the use of what is on this one"


class CardUnsuited(DeviceFault):
    """The chip has no place for a card. Nothing on it was changed."""

    hint = "docs/devices.md names chips that take a card"


class CardLocked(DeviceFault):
    """The card is closed against writing, or has a different management key."""

    hint = "take a fresh card, or the key that this one was set up with"
