"""`/office/keys`, for administrators: each key's role and end; rotation with overlap; dropping a compromised key.

Every act needs a full sign-in within ten minutes, and the right itself needs a second step.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from accounts.rights import Caller, Right
from edge.http import request_instant
from issuer.issuing import signing_keys
from issuer.issuing.signing_keys import Dropped
from issuer.register.errors import RefusedError
from keys.keyset import Purpose
from web.office.shared import OfficePages, actor

CARDS_SHOWN: Final = 500


def add_keys(found: Blueprint, pages: OfficePages) -> None:
    """Add the list, a key's cards, and the two acts."""

    @found.get("/office/keys")
    @pages.staff.needs(Right.KEYS)
    def keys(who: Caller) -> ResponseReturnValue:
        del who
        lines = signing_keys.key_lines(pages.issuer, request_instant())
        purposes = [one for one in Purpose if any(line.purpose is one and line.doing == "signs" for line in lines)]
        return pages.page("keys", lines=lines, purposes=purposes, notes=signing_keys.note_lines(pages.issuer))

    @found.get("/office/keys/<kid>")
    @pages.staff.needs(Right.KEYS)
    def key(who: Caller, kid: str) -> ResponseReturnValue:
        del who
        lines = signing_keys.key_lines(pages.issuer, request_instant())
        line = next((one for one in lines if one.kid == kid), None)
        if line is None:
            raise NotFound
        cards = list(islice(signing_keys.cards_of_key(pages.issuer, kid), CARDS_SHOWN + 1))
        return pages.page("key", line=line, cards=cards[:CARDS_SHOWN], more=len(cards) > CARDS_SHOWN)

    @found.post("/office/keys/rotate")
    @pages.staff.needs(Right.KEYS, fresh=True)
    def rotate(who: Caller) -> ResponseReturnValue:
        asked = request.form.get("purpose", "")
        return pages.act("/office/keys", "office.key-rotated", lambda: _rotate(pages, asked, actor(who)))

    @found.post("/office/keys/<kid>/drop")
    @pages.staff.needs(Right.KEYS, fresh=True)
    def drop(who: Caller, kid: str) -> ResponseReturnValue:
        return pages.act(f"/office/keys/{kid}", "office.key-dropped", lambda: _drop(pages, kid, actor(who)))


def _rotate(pages: OfficePages, purpose: str, by: str) -> None:
    if purpose not in {one.value for one in Purpose}:
        raise RefusedError("there is no such purpose", "choose one of the list")
    signing_keys.rotate(pages.issuer, Purpose(purpose), by=by, at=request_instant())


def _drop(pages: OfficePages, kid: str, by: str) -> Dropped:
    if request.form.get("sure") != "yes":
        raise RefusedError("this cannot be undone, and was not confirmed", "tick that you are sure")
    return signing_keys.drop(pages.issuer, kid, by=by, at=request_instant())
