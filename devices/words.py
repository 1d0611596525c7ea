"""The agent's own sentences while the server is away: one for every reason that the agent can give by itself.

The server's own sentences are in `verifier/rules/reasons.py`. A device has no verifier, and these are shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from devices.verdict import VerdictText

OFFLINE_WORDS: Final[Mapping[str, VerdictText]] = {
    "unknown-key": VerdictText("这张卡的签发方无法确认。", "The issuer of this card is not known here."),
    "bad-signature": VerdictText("这张卡不是真的，或已损坏。", "This card is not genuine, or is damaged."),
    "bad-claims": VerdictText("这张卡的内容不符合规定。", "The content of this card does not follow the rules."),
    "not-yet-valid": VerdictText("这张卡尚未生效。", "This card is not valid yet."),
    "expired": VerdictText("这张卡已到期。", "This card has expired."),
    "revoked": VerdictText("这张卡已停用。", "This card is no longer valid."),
    "suspended": VerdictText("这张卡已暂停使用。", "This card is suspended."),
    "status-unknown": VerdictText(
        "本机的有效名单已过期，无法确认这张卡。",
        "The list of valid cards on this device is too old. Connect the device.",
    ),
    "proof-missing": VerdictText("请出示手机上的动态二维码。", "Please show the live code on the phone."),
    "bad-proof": VerdictText("动态码与这张卡不符。", "The live code does not belong to this card."),
    "stale-proof": VerdictText(
        "二维码已过期，请出示最新的动态码。", "This code is out of date. Please show the live code."
    ),
    "clock-ahead": VerdictText(
        "手机或本机的时间不准，请校准。", "The clock of the phone or of this PC is wrong. Correct the clock."
    ),
    "id-check-needed": VerdictText("请出示本人证件。", "Please show your identity document."),
    "assurance-too-low": VerdictText(
        "本项服务须出示手机动态码或芯片卡。", "This service needs the phone's live code or the chip card."
    ),
    "proof-used": VerdictText("这个码已经用过，请等新码。", "This code was already used here. Wait for the next code."),
    "not-offered-here": VerdictText("本服务点不办理此服务。", "This service is not offered at this point."),
    "not-for-beneficiary": VerdictText("此服务不是持卡人本人使用的。", "This service is not for the holder in person."),
    "not-entitled": VerdictText("该等级不享受此服务。", "This tier is not entitled to this service."),
    "service-not-open": VerdictText("此服务尚未开放。", "This service is not open yet."),
    "online-only": VerdictText("此服务须联网办理。", "This service needs the server."),
    "offline-limit": VerdictText("离线次数已满，请等网络恢复。", "The offline limit is reached. Wait for the network."),
    "operator-unproved": VerdictText(
        "核对证件须由已登录的工作人员进行。", "Only an operator who is signed in may compare an ID."
    ),
}
"""By reason: `cards.verify.REASONS`, and the reasons of `devices/desk.py`."""

CLONED: Final = VerdictText(
    "这张卡的芯片未能证明是原卡，可能是复制的卡。", "This card's chip did not prove itself: the card may be a copy."
)
"""In place of the sentence of `bad-proof` if the card is a chip or a counting tag."""

TAPPED: Final = VerdictText(
    "卡的这次读取已经用过，请重新贴卡。", "This reading was already used here. Tap the card again."
)
"""In place of the sentence of `proof-used` if the card is tapped: there is no next code to wait for."""

NOT_NAMED: Final = VerdictText("离线不予办理，请等网络恢复。", "This is refused offline. Wait for the network.")
