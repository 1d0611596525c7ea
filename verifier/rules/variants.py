# ruff: noqa: E501 - each sentence stays on one line, so that translators can compare them
"""Other sentences for a reason when more is known. The code stays the same.

A test checks that `docs/reasons.md` agrees with this table.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from cards.programme.types import Text
from verifier.rules.reasons import REASONS, Call, Reason

CLONED = Reason(
    "bad-proof",
    6,
    Text(
        zh="这张卡的芯片未能证明是原卡，可能是复制的卡。",
        en="This card's chip did not prove itself: the card may be a copy.",
    ),
    Text(
        zh="不要放行，也不要请持卡人反复刷卡。请核对本人证件，请持卡人改用手机出示，并致电报告这张卡。",
        en="Do not admit, and do not ask for the card again. Compare the ID, ask for the card on the phone, and call to report this card.",
    ),
    Call.GENERAL,
)
SPENT_FOR_EVER = Reason(
    "quota-spent",
    10,
    Text(
        zh="{maximum} 次已全部用完，此项不再另计。", en="All {maximum} uses are spent. This benefit is not given again."
    ),
    Text(
        zh="不必再扫，结果不变。对次数有疑问，请持卡人看手机“记录”或致电。",
        en="Scanning again changes nothing. A holder who doubts the number can look at the history on the phone, or can call.",
    ),
    Call.DEPARTMENT,
)
LEFT = Reason(
    "already-in",
    10,
    Text(
        zh="{started} 入场的这一次已离场，再次入场的次数已满。",
        en="The holder has left the visit that began at {started}, and the re-entries of this visit are used up.",
    ),
    Text(
        zh="{ends} 以后可作为新的一次入场；补登离场没有用。",
        en="From {ends} the holder can start a new visit. Recording a check-out does not help.",
    ),
)
NOT_YET_BOOKABLE = Reason(
    "booking-too-early",
    9,
    Text(zh="现在还不能预约这个时间（{first_call} 起可约）。", en="This time can be booked from {first_call}."),
    Text(zh="请到可以预约的日子再约，或改约较近的时间。", en="Book on that day or later, or choose an earlier time."),
)
DAY_NOT_SET = Reason(
    "booking-too-early",
    9,
    Text(zh="主办单位还没有安排这张回执的日期。", en="The organiser has not set the day of this receipt yet."),
    Text(
        zh="请持卡人等通知，在安排的日期再来；如果今天就是安排的日期，请主办单位先登记日期。",
        en="Ask the holder to wait for the notice and to come on the day that the notice names. If this day is today, the organiser must record the day first.",
    ),
    Call.DEPARTMENT,
)
NOTICE_OPENS = Reason(
    "notice-awaited",
    9,
    Text(
        zh="“{service}”{year}年度的回执自{notice_from}起填报。",
        en="Receipts of {year} for {service} can be sent in from {notice_from}.",
    ),
    Text(
        zh="请到那一天再填报；通知的日期以主办单位发布的为准。",
        en="Send in the receipt on that day or later. The organiser's notice decides the day.",
    ),
    Call.DEPARTMENT,
)
NOTICE_EXPECTED = Reason(
    "notice-awaited",
    9,
    REASONS["notice-awaited"].sentence,
    Text(
        zh="请待通知发布后再填报，参照上一次，约在{notice_expected}。通知已经发布的，请主办单位先登记通知。",
        en="Send in the receipt after the notice is published. Last time the notice came about {notice_expected}. If the notice is published already, the organiser must record the notice first.",
    ),
    Call.DEPARTMENT,
)
READ_BEFORE = Reason(
    "proof-used",
    10,
    Text(
        zh="卡的这次读取已经用过，请重新贴卡。",
        en="This reading of the card was already used. Please tap the card again.",
    ),
    Text(
        zh="每次贴卡只能用一次。请持卡人把卡拿开后当面再贴一次；仍不行，可能是抄录的链接，不要放行，请核对本人证件并致电。",
        en="Each tap can be used once. Ask the holder to take the card away and to tap the card again here. If the answer stays the same, the link may be a copy: do not admit, compare the ID and call.",
    ),
    Call.GENERAL,
)
RULED_AGAINST = Reason(
    "refer-to-department",
    8,
    Text(
        zh="您已享受其他人才项目的相应待遇，主管部门已认定本项不再享受。",
        en="You have a similar benefit from another programme. The department has decided that you cannot use this service in addition.",
    ),
    Text(
        zh="结果不会因再扫而变。对认定有疑问，请持卡人致电主管部门。",
        en="Scanning again changes nothing. A holder who doubts the decision can call the department.",
    ),
    Call.GENERAL,
)
VARIANTS: Mapping[str, Reason] = {
    "chip": CLONED, "ever": SPENT_FOR_EVER, "left": LEFT, "first_call": NOT_YET_BOOKABLE, "no_day": DAY_NOT_SET,
    "notice_from": NOTICE_OPENS, "notice_expected": NOTICE_EXPECTED, "ruled": RULED_AGAINST, "tapped": READ_BEFORE,
}  # fmt: skip
"""Other sentences for a reason, by the known value that selects them.

`chip`: the card is a chip or a counting tag, so there is no phone to show it again. `ever`: the limit never starts
again. `left`: the visit was checked out. `first_call`: somebody makes a booking. `no_day`: the organiser has not set a
receipt's day. `notice_from`: the first day on which a notice takes receipts is known. `notice_expected`: an earlier
notice shows the approximate day. `ruled`: a ruling was recorded. `tapped`: the card is tapped, so there is no next code
to wait for.
"""


def reason_of(code: str, known: Container[str]) -> Reason:
    """Return a reason with the sentence for these values."""
    found = (reason for name, reason in VARIANTS.items() if reason.code == code and name in known)
    return next(found, REASONS[code])
