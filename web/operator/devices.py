"""`/operator/devices`: the devices and their states; enrolled with a code, moved to another point, revoked."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, SelectField, StringField

from accounts.devices import Device, DeviceCode, UnknownDevice
from accounts.rights import Caller, Right
from edge.http import request_instant
from edge.problems import Problem
from verifier.trust.published import Untrusted, pinned_root, root_file
from web.operator.shared import OperatorPages, TicksField, by, chosen_rights, qr
from web.operator.states import DeviceRow, row_of, sorted_rows, state_of
from web.staff.forms import Longest, Needed, StaffForm, refuse, stripped

DEVICES: Final = "/operator/devices"
_TABS: Final = ("live", "codes", "revoked")


class NewDeviceForm(StaffForm):
    """The point, the name and the rights of a new device."""

    point = SelectField("system.place", [Needed()], choices=[])
    label = StringField("system.device-label", [Needed(), Longest(100)], filters=[stripped])
    rights = TicksField("system.rights", [Needed()], choices=[])
    needs_operator = BooleanField("system.needs-operator", default=True)


class MoveForm(StaffForm):
    """Another point for a device."""

    point = SelectField("system.place", [Needed()], choices=[])


class RevokeForm(StaffForm):
    """A tick before an act that cannot be undone."""

    sure = BooleanField("system.revoke-sure", [Needed("system.tick-first")])


def add_devices(found: Blueprint, pages: OperatorPages) -> None:
    """Add the list, the page of one device, and the page that makes a code."""
    _add_list(found, pages)
    _add_new(found, pages)
    _add_acts(found, pages)


def _rows(pages: OperatorPages) -> list[DeviceRow]:
    held, at = pages.held(), request_instant()
    return sorted_rows([row_of(one, held.get(one.id, 0), at) for one in pages.store.devices.list()])


def _add_list(found: Blueprint, pages: OperatorPages) -> None:
    @found.get(DEVICES)
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS)
    def devices(who: Caller) -> ResponseReturnValue:
        del who
        at = request_instant()
        tab = request.args.get("tab", "live")
        tab = tab if tab in _TABS else "live"
        rows, codes = _rows(pages), pages.store.devices.codes(at)
        shown = [row for row in rows if (row.state == "revoked") is (tab == "revoked")]
        counts = {"codes": len(codes), "revoked": sum(row.state == "revoked" for row in rows)}
        counts["live"] = len(rows) - counts["revoked"]
        return pages.page("devices", rows=shown, codes=codes, tab=tab, tabs=_TABS, counts=counts, now=at)

    @found.post(f"{DEVICES}/codes/<code_id>/withdraw")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def withdraw(who: Caller, code_id: str) -> ResponseReturnValue:
        if pages.store.devices.withdraw(code_id, by=by(who), at=request_instant()):
            pages.staff.tell("system.code-withdrawn")
        return pages.staff.go(f"{DEVICES}?tab=codes")


def _add_new(found: Blueprint, pages: OperatorPages) -> None:
    @found.route(f"{DEVICES}/new", methods=["GET", "POST"])
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def new_device(who: Caller) -> ResponseReturnValue:
        form = NewDeviceForm()
        form.point.choices, form.rights.choices = pages.place_choices(), pages.right_choices()
        if request.method == "GET":
            form.rights.data = [Right.CHECK_IN.value]
        if not form.validate_on_submit():
            return pages.page("device-new", 422 if form.errors else 200, form=form)
        made = pages.store.devices.make_code(
            form.point.data,
            needs_operator=bool(form.needs_operator.data),
            by=by(who),
            at=request_instant(),
            label=form.label.data or "",
            rights=chosen_rights(form.rights.data),
        )
        return pages.page("device-code", made=made, picture=qr(_address(pages, made)))


def _address(pages: OperatorPages, made: DeviceCode) -> str:
    """Return the counter page's address with the code behind the #, so that it reaches no server and no log."""
    parts = {"code": made.code}
    try:
        parts["root"] = pinned_root(root_file(pages.staff.settings))
    except Untrusted:  # An issuer that is not set up yet; the enrolment gives the root too
        parts.pop("root", None)
    return f"{pages.staff.settings.base_url.rstrip('/')}/counter#{urlencode(parts)}"


def _add_acts(found: Blueprint, pages: OperatorPages) -> None:
    @found.get(f"{DEVICES}/<device_id>")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS)
    def device(who: Caller, device_id: str) -> ResponseReturnValue:
        del who
        return _page(pages, _known(pages, device_id), _move_form(pages), RevokeForm())

    @found.post(f"{DEVICES}/<device_id>/move")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def move(who: Caller, device_id: str) -> ResponseReturnValue:
        one, form = _known(pages, device_id), _move_form(pages)
        if form.validate_on_submit() and _moved(pages, one, form, who):
            pages.staff.tell("system.moved", place=pages.place_name(form.point.data))
            return pages.staff.go(f"{DEVICES}/{one.id}")
        return _page(pages, one, form, RevokeForm(formdata=None), 422)

    @found.post(f"{DEVICES}/<device_id>/operator")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def operator(who: Caller, device_id: str) -> ResponseReturnValue:
        one = _known(pages, device_id)
        _live(
            lambda: pages.store.devices.set_operator(
                one.id, needs_operator=not one.needs_operator, by=by(who), at=request_instant()
            )
        )
        pages.staff.tell("system.device-changed")
        return pages.staff.go(f"{DEVICES}/{one.id}")

    @found.post(f"{DEVICES}/<device_id>/revoke")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def revoke(who: Caller, device_id: str) -> ResponseReturnValue:
        one, form = _known(pages, device_id), RevokeForm()
        if not form.validate_on_submit():
            return _page(pages, one, _move_form(pages, bare=True), form, 422)
        _live(lambda: pages.store.devices.revoke(one.id, by=by(who), at=request_instant()))
        pages.staff.tell("system.revoked")
        return pages.staff.go(f"{DEVICES}/{one.id}")


def _moved(pages: OperatorPages, one: Device, form: MoveForm, who: Caller) -> bool:
    """Move a device. Return False, with the fault at the field, if it would serve nothing or stay where it is."""
    place = form.point.data
    point = pages.programme.points.get(place)
    kept = [service for service in one.services if point is not None and service in point.services]
    if place == one.point:
        refuse(form.point, "system.same-place")
    elif one.services and not kept:
        refuse(form.point, "system.serves-nothing")
    else:
        at = request_instant()
        _live(lambda: pages.store.devices.move(one.id, place, services=kept, by=by(who), at=at))
        return True
    return False


def _live(do: object) -> None:
    """Do one act. A device that was revoked meanwhile is a conflict."""
    try:
        do()  # type: ignore[operator]
    except UnknownDevice:
        raise Problem("not-found") from None


def _move_form(pages: OperatorPages, *, bare: bool = False) -> MoveForm:
    form = MoveForm(formdata=None) if bare else MoveForm()
    form.point.choices = pages.place_choices()
    return form


def _known(pages: OperatorPages, device_id: str) -> Device:
    one = pages.store.devices.find(device_id)
    if one is None:
        raise Problem("not-found")
    return one


def _page(
    pages: OperatorPages, one: Device, move: MoveForm, revoke: RevokeForm, status: int = 200
) -> ResponseReturnValue:
    at = request_instant()
    row = row_of(one, pages.held().get(one.id, 0), at)
    return pages.page("device", status, row=row, state=state_of(one, at), move=move, revoke=revoke, now=at)
