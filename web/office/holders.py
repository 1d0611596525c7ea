"""Holders: found by name, masked number or card; their grounds, their cards with acts, marks, and history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from accounts.rights import Caller, Right
from cards.periods import last_day
from edge.http import body_limit, request_instant
from issuer.applications import erasing, records
from issuer.applications.lists import ending_soon
from issuer.issuing import lifecycle
from issuer.issuing.issuing import cards_of, find_card, reissue
from issuer.issuing.settling import withdraw
from issuer.printing.letters import enrolment_letter
from issuer.printing.printing import printed_card, printed_sheet, unprinted
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.holders import find_holder, find_holders, grounds_of, photo_of, set_photo
from issuer.register.issuer import Issuer
from issuer.register.marks import marks_of, rule, set_benefit
from issuer.register.office_log import OfficeAction
from web.office.shared import OfficePages, actor
from web.pages import page_language
from web.staff.forms import StaffForm
from web.staff.tables import page_of

SHEET_MOST: Final = 50
PHOTO_MOST: Final = 10_200_000
BECAUSE: Final = ("lost", "stolen", "damaged", "correction", "other")
_LINES: Final = 40
HolderStep = Callable[[Issuer, str, str], object]


def add_holders(found: Blueprint, pages: OfficePages) -> None:
    """Add the search, the holder's page, its card acts, and the list of cards that end soon."""

    @found.get("/office/holders")
    @pages.staff.needs(Right.HOLDERS)
    def holders(who: Caller) -> ResponseReturnValue:
        del who
        text = request.args.get("text", "").strip()[:100]
        ids = records.holders_named(pages.issuer, text) if text else []
        # Whoever still types is shown whom the search finds: the page changes when the form is sent.
        if len(ids) == 1 and "X-Searching" not in request.headers:
            return pages.staff.go(f"/office/holders/{ids[0]}")
        return pages.page("holders", text=text, found=find_holders(pages.issuer, ids))

    @found.get("/office/holders/<holder_id>")
    @pages.staff.needs(Right.HOLDERS)
    def holder(who: Caller, holder_id: str) -> ResponseReturnValue:
        del who
        return _page(pages, holder_id)

    @found.post("/office/holders/<holder_id>/identity")
    @pages.staff.needs(Right.HOLDERS)
    def holder_identity(who: Caller, holder_id: str) -> ResponseReturnValue:
        _known(pages, holder_id)
        with pages.issuer.register.change() as connection:
            action, at = OfficeAction.HOLDER_SHOWN, request_instant()
            office_log.append(connection, action, by=actor(who), at=at, holder=holder_id)
        return _page(pages, holder_id, full=True)

    @found.get("/office/holders/<holder_id>/photo")
    @pages.staff.needs(Right.HOLDERS)
    def photo(who: Caller, holder_id: str) -> ResponseReturnValue:
        _known(pages, holder_id)
        data = photo_of(pages.issuer, holder_id)
        if data is None:
            raise NotFound
        with pages.issuer.register.change() as connection:
            action, at = OfficeAction.PHOTO_SHOWN, request_instant()
            office_log.append(connection, action, by=actor(who), at=at, holder=holder_id)
        return Response(data, content_type="image/jpeg")

    @found.get("/office/renewals")
    @pages.staff.needs(Right.HOLDERS)
    def renewals(who: Caller) -> ResponseReturnValue:
        del who
        at = request_instant()
        part = page_of(lambda limit, offset: ending_soon(pages.issuer, at, limit=limit, offset=offset))
        return pages.page("renewals", part=part)

    _add_acts(found, pages)
    _add_papers(found, pages)


def _add_acts(found: Blueprint, pages: OfficePages) -> None:
    for name, work in _HOLDER_ACTS.items():
        _add_act(found, pages, f"/office/holders/<name>/{name}", f"holder-{name}", work)
    for name, work in _CARD_ACTS.items():
        _add_act(found, pages, f"/office/cards/<name>/{name}", f"card-{name}", work)


def _add_act(found: Blueprint, pages: OfficePages, path: str, name: str, work: HolderStep) -> None:
    def act(who: Caller, **values: str) -> ResponseReturnValue:
        named = values["name"]
        holder_id = _holder_of(pages, named) if name.startswith("card-") else named
        _known(pages, holder_id)
        return pages.act(
            f"/office/holders/{holder_id}", f"office.done.{name}", lambda: work(pages.issuer, named, actor(who))
        )

    fresh = name == "holder-erase"
    found.add_url_rule(path, name, pages.staff.needs(Right.CARDS, fresh=fresh)(act), methods=["POST"])


def _add_papers(found: Blueprint, pages: OfficePages) -> None:
    """Add the papers: a card's faces, and the letter for enrolling a phone."""

    @found.post("/office/cards/<name>/print")
    @pages.staff.needs(Right.CARDS)
    def print_card(who: Caller, name: str) -> ResponseReturnValue:
        holder_id = _holder_of(pages, name)
        card = find_card(pages.issuer, name)
        try:
            data = printed_card(pages.issuer, card, by=actor(who), at=request_instant())
        except RefusedError as error:
            pages.refused(error)
            return pages.staff.go(f"/office/holders/{holder_id}")
        return pages.pdf(data, card.number)

    @found.get("/office/print")
    @pages.staff.needs(Right.CARDS)
    def to_print(who: Caller) -> ResponseReturnValue:
        del who
        return pages.page("print", cards=unprinted(pages.issuer, limit=SHEET_MOST), form=StaffForm())

    @found.post("/office/print")
    @pages.staff.needs(Right.CARDS)
    def print_sheet(who: Caller) -> ResponseReturnValue:
        try:
            cards = [find_card(pages.issuer, name) for name in request.form.getlist("card")[:SHEET_MOST]]
            data = printed_sheet(pages.issuer, cards, by=actor(who), at=request_instant())
        except RefusedError as error:
            pages.refused(error)
            return pages.staff.go("/office/print")
        return pages.pdf(data, "cards")

    @found.post("/office/holders/<holder_id>/new-photo")
    @body_limit(PHOTO_MOST)
    @pages.staff.needs(Right.CARDS)
    def new_photo(who: Caller, holder_id: str) -> ResponseReturnValue:
        _known(pages, holder_id)
        sent = request.files.get("photo")
        data = b"" if sent is None else sent.read()
        return pages.act(
            f"/office/holders/{holder_id}",
            "office.done.photo",
            lambda: set_photo(pages.issuer, holder_id, data, by=actor(who), at=request_instant()),
        )

    @found.post("/office/holders/<holder_id>/enrol")
    @pages.staff.needs(Right.CARDS)
    def enrol(who: Caller, holder_id: str) -> ResponseReturnValue:
        _known(pages, holder_id)
        try:
            data = enrolment_letter(pages.issuer, holder_id, by=actor(who), at=request_instant())
        except RefusedError as error:
            pages.refused(error)
            return pages.staff.go(f"/office/holders/{holder_id}")
        return pages.pdf(data, f"enrolment-{holder_id}")


def _known(pages: OfficePages, holder_id: str) -> None:
    try:
        find_holder(pages.issuer, holder_id)
    except RefusedError as error:
        raise NotFound from error


def _holder_of(pages: OfficePages, card: str) -> str:
    try:
        return find_card(pages.issuer, card).holder_id
    except RefusedError as error:
        raise NotFound from error


def _page(pages: OfficePages, holder_id: str, *, full: bool = False) -> ResponseReturnValue:
    _known(pages, holder_id)
    issuer = pages.issuer
    found, at = find_holder(issuer, holder_id), request_instant()
    grounds = grounds_of(issuer, holder_id)
    with issuer.register.read() as connection:
        marks = marks_of(connection, holder_id)
        lines = office_log.newest(connection, _LINES, holder=holder_id)
    applications = records.of_holder(issuer, holder_id)
    zone = issuer.programme.zone
    cards = [(card, last_day(card.valid_until, zone)) for card in reversed(cards_of(issuer, holder_id))]
    held = [(ground, ground.holds_at(at, zone)) for ground in grounds]
    return pages.page(
        "holder",
        holder=found,
        full=full,
        cards=cards,
        grounds=held,
        marks=marks,
        lines=lines,
        applications=applications,
        usage=_usage(pages, holder_id, at),
        because=BECAUSE,
        form=StaffForm(),
    )


def _usage(pages: OfficePages, holder_id: str, at: datetime) -> list[tuple[str, str, int, int]] | None:
    """Return the holder's uses as counts alone, or None if check-ins are taken elsewhere."""
    ask = current_app.extensions.get("usage_counts")
    counts = None if ask is None else ask(holder_id, at)
    if counts is None:
        return None
    known, found = pages.issuer.programme.quotas, []
    for limit, period, used in counts:
        quota = known.get(limit.partition("/")[0])
        if quota is not None:
            found.append((quota.name.in_language(page_language()), period, used, quota.maximum))
    return found


def _because() -> str:
    told = request.form.get("because", "other")
    return told if told in BECAUSE else "other"


def _suspend(issuer: Issuer, card: str, by: str) -> None:
    lifecycle.suspend(issuer, find_card(issuer, card).id, because=_because(), by=by, at=request_instant())


def _resume(issuer: Issuer, card: str, by: str) -> None:
    lifecycle.resume(issuer, find_card(issuer, card).id, by=by, at=request_instant())


def _revoke(issuer: Issuer, card: str, by: str) -> None:
    _sure()
    lifecycle.revoke(issuer, find_card(issuer, card).id, because=_because(), by=by, at=request_instant())


def _reissue(issuer: Issuer, card: str, by: str) -> None:
    reissue(issuer, find_card(issuer, card).id, because=_because(), by=by, at=request_instant())


def _withdraw(issuer: Issuer, holder_id: str, by: str) -> None:
    _sure()
    number = request.form.get("ground", "")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise RefusedError("the holder has no such ground", "open the page anew")
    withdraw(issuer, holder_id, int(number), by=by, at=request_instant())


def _mark(issuer: Issuer, holder_id: str, by: str) -> None:
    benefit, ruling = request.form.get("benefit", ""), request.form.get("ruling", "")
    if ruling in {"granted", "refused"}:
        rule(issuer, holder_id, benefit, granted=ruling == "granted", by=by, at=request_instant())
    else:
        set_benefit(issuer, holder_id, benefit, by=by, at=request_instant())


def _sure() -> None:
    if request.form.get("sure") != "yes":
        raise RefusedError("this cannot be undone, and was not confirmed", "tick that you are sure")


def _died(issuer: Issuer, holder_id: str, by: str) -> None:
    _sure()
    erasing.note_death(issuer, holder_id, by=by, at=request_instant())


def _erase(issuer: Issuer, holder_id: str, by: str) -> None:
    _sure()
    erasing.erase(issuer, holder_id, by=by, at=request_instant())


_HOLDER_ACTS: Final[dict[str, HolderStep]] = {"withdraw": _withdraw, "mark": _mark, "died": _died, "erase": _erase}
_CARD_ACTS: Final[dict[str, HolderStep]] = {
    "suspend": _suspend,
    "resume": _resume,
    "revoke": _revoke,
    "reissue": _reissue,
}
