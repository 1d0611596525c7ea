# ruff: noqa: E501 - each sentence stays on one line, so that translators can compare them
"""The closed set of reasons for a refused check-in: each with its sentence, a hint for staff, and whom to call.

Problem codes (for a request that could not be judged) are another closed set, in `edge.problems`. A test checks that
`docs/reasons.md` agrees with this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cards.programme.types import Text


class Call(StrEnum):
    """Whom a refused visitor or the staff can call."""

    NOBODY = "nobody"
    DEPARTMENT = "department"
    GENERAL = "general"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its step in docs/design.md §5, the sentence for the visitor, the hint for staff, and whom to call.

    A sentence may contain `{names}` of the values in `sentence_values`. A missing value is shown as a dash.
    """

    code: str
    step: int
    sentence: Text
    hint: Text
    call: Call = Call.NOBODY


_TABLE = (
    Reason(
        "unknown-key",
        2,
        Text(zh="这张卡的签发方无法确认。", en="The issuer of this card is not known here."),
        Text(
            zh="不要放行。请持卡人打开手机上的卡片重新出示；仍不行请致电。",
            en="Do not admit. Ask the holder to open the card on the phone and show it again. If the answer stays the same, call.",
        ),
        Call.GENERAL,
    ),
    Reason(
        "bad-signature",
        3,
        Text(zh="这张卡不是真的，或已损坏。", en="This card is not genuine, or is damaged."),
        Text(
            zh="不要放行。请持卡人出示手机上的卡；如仍不行，请致电核实，不要没收证件。",
            en="Do not admit. Ask for the card on the phone. If the answer stays the same, call to verify. Do not keep anybody's documents.",
        ),
        Call.GENERAL,
    ),
    Reason(
        "bad-claims",
        4,
        Text(zh="这张卡的内容不符合规定。", en="The content of this card does not follow the rules."),
        Text(zh="不要放行，请致电发卡部门。", en="Do not admit. Call the issuing office."),
        Call.GENERAL,
    ),
    Reason(
        "not-yet-valid",
        4,
        Text(zh="这张卡自 {starts} 起有效。", en="This card is valid from {starts}."),
        Text(zh="请持卡人在生效后再来。", en="Ask the holder to come back when the card is valid."),
        Call.GENERAL,
    ),
    Reason(
        "expired",
        4,
        Text(zh="这张卡已于 {expired} 到期。", en="This card expired on {expired}."),
        Text(
            zh="请持卡人联网打开电子卡更新，或向发卡部门办理续期；续期后即可使用。",
            en="Ask the holder to open the card on a phone with a network, so that the card renews itself, or to renew the card at the issuing office. After that the card works again.",
        ),
        Call.GENERAL,
    ),
    Reason(
        "revoked",
        5,
        Text(zh="这张卡已作废，不再有效。", en="This card is no longer valid."),
        Text(
            zh="可能已换发新卡，请持卡人出示新卡；没有新卡的请致电发卡部门。",
            en="A new card may have replaced this card: ask for the new card. If there is no new card, call the issuing office.",
        ),
        Call.GENERAL,
    ),
    Reason(
        "suspended",
        5,
        Text(zh="这张卡已暂停使用。", en="This card is suspended."),
        Text(
            zh="请持卡人向发卡部门了解情况，恢复后即可使用。",
            en="Ask the holder to contact the issuing office. The card works again when the office has resumed it.",
        ),
        Call.GENERAL,
    ),
    Reason(
        "status-unknown",
        5,
        Text(zh="暂时无法确认这张卡是否有效。", en="For now, nobody here can tell whether this card is still valid."),
        Text(
            zh="不是持卡人的问题。本机的有效名单已过期或缺失，请联网更新后再扫。",
            en="This is not the holder's fault. The list of valid cards on this device is missing or too old. Connect the device, wait until the list is updated, then scan again.",
        ),
        Call.OPERATOR,
    ),
    Reason(
        "proof-missing",
        6,
        Text(zh="请出示手机上的动态二维码。", en="Please show the live code on the phone."),
        Text(
            zh="这是电子卡，须出示正在更新的动态码；截图、照片不可用。",
            en="This is a phone card. Only the live code is accepted. Pictures and screenshots are not accepted.",
        ),
    ),
    Reason(
        "bad-proof",
        6,
        Text(zh="动态码与这张卡不符。", en="The live code does not belong to this card."),
        Text(
            zh="不要放行。请持卡人关闭后重新打开卡片再出示。",
            en="Do not admit. Ask the holder to close the card, open the card again and show the new code.",
        ),
        Call.GENERAL,
    ),
    Reason(
        "stale-proof",
        6,
        Text(zh="二维码已过期，请出示最新的动态码。", en="This code is out of date. Please show the live code."),
        Text(
            zh="多半是截图，或手机时间不准。请持卡人当面打开卡片，等新码出现再扫；手机时间请设为自动。",
            en="The code is probably a screenshot, or the phone's clock is wrong. Ask the holder to open the card here, and scan the next code. The phone's time should be set to automatic.",
        ),
    ),
    Reason(
        "clock-ahead",
        6,
        Text(
            zh="手机的时间不准，请校准后重试。",
            en="The phone's clock is wrong. Please correct the clock and try again.",
        ),
        Text(
            zh="卡没有问题。请持卡人把手机时间设为自动，重新打开卡片再扫。",
            en="The card is in order. Ask the holder to set the phone's time to automatic, to open the card again and to show the new code.",
        ),
    ),
    Reason(
        "id-check-needed",
        6,
        Text(zh="请出示本人证件。", en="Please show your identity document."),
        Text(
            zh="请核对证件上的姓名、照片与卡面、本人一致，然后确认“已核对证件”。",
            en="Compare the name and the photo of the document with the card and with the person. Then confirm 'ID checked'.",
        ),
    ),
    Reason(
        "assurance-too-low",
        6,
        Text(
            zh="本项服务须出示手机动态码或芯片卡。",
            en="This service needs the live code on the phone, or the chip card.",
        ),
        Text(
            zh="请改用手机动态码或芯片卡；没有的，请主管处理。",
            en="Use the phone's live code or the chip card. If the holder has neither, ask a supervisor.",
        ),
    ),
    Reason(
        "not-offered-here",
        7,
        Text(
            zh="“{service}”不在本服务点办理，请到{go_to}。",
            en="{service} is not offered at this point. Please go to {go_to}.",
        ),
        Text(
            zh="请把正确的地点和电话告诉持卡人。",
            en="Tell the holder the right place and the telephone number of this place.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "booking-needed",
        9,
        Text(zh="“{service}”须提前预约。", en="{service} must be booked first."),
        Text(
            zh="没有查到预约。请持卡人在手机上或通过预约电话预约。",
            en="No booking was found. Ask the holder to book in the phone card or by telephone.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "booking-too-early",
        9,
        Text(zh="还没有到预约的使用时间（{opens} 起）。", en="This booking can be used from {opens}."),
        Text(zh="请持卡人到时再来。", en="Ask the holder to come back at that time."),
    ),
    Reason(
        "booking-missed",
        9,
        Text(zh="预约的使用时间已过（{closes} 止）。", en="This booking could be used until {closes}."),
        Text(
            zh="如航班延误或情况特殊，请主管重新开放预约。",
            en="If the flight was late, or if the case is special, ask a supervisor to reopen the booking.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "booking-too-late",
        9,
        Text(zh="已过预约截止时间（{closes}）。", en="The last time to book was {closes}."),
        Text(zh="请持卡人致电预约电话询问。", en="Ask the holder to call the number for bookings."),
        Call.DEPARTMENT,
    ),
    Reason(
        "notice-awaited",
        9,
        Text(
            zh="“{service}”{year}年度的通知尚未发布，现在还不能填报回执。",
            en="The notice of {year} for {service} is not published yet, so nobody can send in a receipt.",
        ),
        Text(
            zh="请待通知发布后再填报。通知已经发布的，请主办单位先登记通知。",
            en="Send in the receipt after the notice is published. If the notice is published already, the organiser must record the notice first.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "booking-used",
        9,
        Text(zh="这次预约已经使用过。", en="This booking was already used."),
        Text(
            zh="一次预约只用一次。如是误登，请先撤销那一条，再重新办理。",
            en="A booking can be used once. If that use was a mistake, void that use first, then check in again.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "slot-taken",
        9,
        Text(zh="“{service}”该时段或场次已约满。", en="{service} is fully booked at that time."),
        Text(zh="请持卡人另选时间或场次。", en="Ask the holder to choose another time or event."),
        Call.DEPARTMENT,
    ),
    Reason(
        "delegation-over",
        7,
        Text(
            zh="这个授权码已到期或已由持卡人收回。",
            en="This delegation code has expired, or the holder took the code back.",
        ),
        Text(
            zh="请经办人让持卡人在手机上重新生成授权码，或凭实体卡、介绍信和经办人身份证办理。",
            en="The clerk can ask the holder for a new code from the phone, or can come with the printed card, a letter and an ID.",
        ),
    ),
    Reason(
        "delegation-elsewhere",
        7,
        Text(zh="这个授权码不用于“{service}”。", en="This delegation code is not for {service}."),
        Text(
            zh="授权码只用于持卡人选定的一项服务。请办理该项，或请持卡人另行授权。",
            en="A code is for the one service that the holder chose. Serve this service, or ask the holder for another code.",
        ),
    ),
    Reason(
        "not-for-beneficiary",
        7,
        Text(zh="“{service}”只限{beneficiaries}使用。", en="{service} is only for: {beneficiaries}."),
        Text(zh="请说明本项服务的对象。", en="Explain who may use this service."),
        Call.DEPARTMENT,
    ),
    Reason(
        "not-holder",
        7,
        Text(zh="须持卡人本人到场。", en="The holder must come in person."),
        Text(
            zh="出示人不是持卡人本人。请持卡人本人带身份证件和卡前来；卡可以还给来人。",
            en="The person here is not the holder. The holder must come with the card and the identity document. Give the card back.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "already-in",
        10,
        Text(zh="{started} 已入场，尚未离场。", en="The holder entered at {started} and has not checked out."),
        Text(
            zh="不要再放人进入。本人离场后再次进入，请先登记离场（可补登时间）。",
            en="Admit nobody else. If the holder left and comes back, record the check-out first. The time of the check-out can be entered later.",
        ),
    ),
    Reason(
        "quota-spent",
        10,
        Text(
            zh="{unit} {maximum} 次已用完，{resets} 起可再次使用。",
            en="All {maximum} uses of this {unit} are spent. The next use is possible from {resets}.",
        ),
        Text(
            zh="不必再扫，结果不变。对次数有疑问，请持卡人看手机“记录”或致电。",
            en="Scanning again changes nothing. A holder who doubts the number can look at the history on the phone, or can call.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "excluded",
        10,
        Text(
            zh="{unit}已选用“{taken}”（{taken_at}），不能再用本项。",
            en="{taken} was already chosen for this {unit} ({taken_at}). The two services exclude each other.",
        ),
        Text(
            zh="二选一：先用（或先预约）的一项已确定。如系误登，可先撤销那一条。",
            en="The holder may use only one of the two services: the first use or booking made the choice. If that use was a mistake, void that use first.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "refer-to-department",
        8,
        Text(
            zh="您已享受其他人才项目的相应待遇，本项由主管部门认定后办理。",
            en="You have a similar benefit from another programme. The department must decide first whether you can use this service.",
        ),
        Text(
            zh="请持卡人致电主管部门，认定后即可办理。",
            en="Ask the holder to call the department. The service can be used after the department's decision.",
        ),
        Call.GENERAL,
    ),
    Reason(
        "service-not-open",
        7,
        Text(zh="“{service}”尚未开放。", en="{service} is not open yet."),
        Text(
            zh="请说明尚未开放，开放时间以通知为准。",
            en="Explain that the service is not open yet. A notice will say when the service opens.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "not-entitled",
        8,
        Text(zh="{tier}不含“{service}”。", en="{service} is not among the benefits of this card ({tier})."),
        Text(zh="请说明该项适用的卡种：{tiers}。", en="Explain which cards include the service: {tiers}."),
        Call.DEPARTMENT,
    ),
    Reason(
        "proof-used",
        10,
        Text(zh="这个二维码已经用过，请出示新的动态码。", en="This code was already used. Please show the next code."),
        Text(
            zh="每个码只能用一次。请持卡人等新码出现再扫；若持卡人说没有用过，请记下时间并致电。",
            en="Each code can be used once. Wait for the next code and scan this code. If the holder says that the code was not used, note the time and call.",
        ),
        Call.GENERAL,
    ),
    Reason(
        "online-only",
        10,
        Text(
            zh="“{service}”须联网办理，离线时不能办理。",
            en="{service} needs the server. Nobody can check in for {service} offline.",
        ),
        Text(
            zh="不是持卡人的问题。请等网络恢复，或电话联系主管。",
            en="This is not the holder's fault. Wait for the network, or telephone the supervisor.",
        ),
    ),
    Reason(
        "offline-limit",
        10,
        Text(
            zh="本机离线办理次数已满，请等网络恢复。",
            en="This device has granted as many offline uses as the rules allow. Please wait for the network.",
        ),
        Text(
            zh="不是持卡人的问题：离线时本机不知道其他服务点的使用。请等网络恢复再扫。",
            en="This is not the holder's fault. While this device is offline, the device does not know of uses elsewhere. Scan again when the network is back.",
        ),
    ),
    Reason(
        "refused-offline",
        10,
        Text(zh="离线时未予办理。", en="The device refused this while it was offline."),
        Text(
            zh="设备未说明原因，联网后请再扫一次。",
            en="The device gave no reason. Scan again when the network is back.",
        ),
    ),
    Reason(
        "operator-unproved",
        10,
        Text(
            zh="当班人员登录无法确认，待主管核定。", en="The device cannot prove who was on duty. A supervisor decides."
        ),
        Text(
            zh="离线记录所写的工作人员当时没有在本机登录，或证件由未登录的人核对。请主管核实后核定。",
            en="The operator in the record was not signed in at this device at that time, or an ID was compared while nobody was signed in. A supervisor finds out what happened and decides.",
        ),
        Call.DEPARTMENT,
    ),
    Reason(
        "no-right",
        10,
        Text(
            zh="本机当时无权办理，待主管核定。",
            en="This device had no right to this action at that time. A supervisor decides.",
        ),
        Text(zh="请主管核实这次使用后核定。", en="A supervisor finds out what happened and decides."),
        Call.DEPARTMENT,
    ),
    Reason(
        "late",
        10,
        Text(
            zh="上传超过七天，待主管核定。",
            en="The record was uploaded more than seven days after the use. A supervisor decides.",
        ),
        Text(zh="请主管核实这次使用后核定。", en="A supervisor finds out what happened and decides."),
        Call.DEPARTMENT,
    ),
    Reason(
        "revoked-device",
        10,
        Text(zh="设备已停用，待主管核定。", en="The device was taken out of use. A supervisor decides."),
        Text(zh="请主管核实这次使用后核定。", en="A supervisor finds out what happened and decides."),
        Call.DEPARTMENT,
    ),
)

REASONS: Mapping[str, Reason] = {reason.code: reason for reason in _TABLE}
"""Every reason by its code."""

ORDER: tuple[str, ...] = (
    "not-entitled", "service-not-open", "not-offered-here", "delegation-elsewhere", "delegation-over", "not-for-beneficiary", "not-holder",
    "booking-needed", "booking-too-early", "booking-missed", "booking-too-late", "notice-awaited", "slot-taken", "booking-used", "already-in", "quota-spent", "excluded", "refer-to-department",
)  # fmt: skip
"""The order of the reasons of steps 7 to 10: the answer gives the first that applies (docs/design.md §5). First come
reasons that nobody can mend here and now, then those that the visitor can most easily change. So nobody gets advice
that cannot help.
"""


def first_in_order(findings: Iterable[str]) -> str | None:
    """Return the finding that comes first in ORDER, or None without findings."""
    return min(findings, key=ORDER.index, default=None)


class Values(dict[str, str]):
    """The values of a sentence. A missing value is shown as a dash and causes no failure at the counter."""

    def __missing__(self, key: str) -> str:
        return "—"
