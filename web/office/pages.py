"""The office's blueprint: every page of `/office`, each with its right, and their lines in the navigation."""

from __future__ import annotations

from flask import Blueprint

from accounts.rights import Right
from issuer.register.issuer import Issuer
from web.office.application import add_application
from web.office.exporting import add_exporting
from web.office.holders import add_holders
from web.office.importing import add_importing
from web.office.keys import add_keys
from web.office.notices import add_notices
from web.office.reading import add_reading
from web.office.shared import OfficePages
from web.office.worklist import add_worklist
from web.staff.frame import StaffFrame


def office_pages(staff: StaffFrame, issuer: Issuer) -> Blueprint:
    """Return the office's pages, for officers, reviewers and approvers."""
    found = staff.blueprint("office")
    staff.door("/office", "door.office", "list", Right.APPLICATIONS)
    staff.door("/office/holders", "door.holders", "person", Right.HOLDERS)
    staff.door("/office/renewals", "door.renewals", "calendar", Right.HOLDERS)
    staff.door("/office/print", "door.print", "print", Right.CARDS)
    staff.door("/office/import", "door.import", "up", Right.APPLICATIONS)
    staff.door("/office/notices", "door.notices", "phone", Right.APPLICATIONS)
    staff.door("/office/programme", "door.programme", "gift", Right.APPLICATIONS, Right.HOLDERS)
    staff.door("/office/keys", "door.keys", "key", Right.KEYS, last=True)
    staff.door("/office/log", "door.office-log", "shield", Right.HOLDERS, Right.AUDIT, last=True)
    pages = OfficePages(staff, issuer)
    add_worklist(found, pages)
    add_exporting(found, pages)
    add_application(found, pages)
    add_holders(found, pages)
    add_importing(found, pages)
    add_notices(found, pages)
    add_keys(found, pages)
    add_reading(found, pages)
    return found
