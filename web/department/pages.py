"""The departments' blueprint: every page of `/department`, each with its right, and their lines in the navigation."""

from __future__ import annotations

from flask import Blueprint

from accounts.rights import Right
from verifier.service import Verifier
from web.department.certificates import add_certificates
from web.department.held import add_held
from web.department.requests import add_requests
from web.department.shared import DeskPages
from web.department.statements import add_statements
from web.department.subscribers import add_subscribers
from web.department.telephone import add_telephone
from web.staff.frame import StaffFrame


def department_pages(staff: StaffFrame, verifier: Verifier) -> Blueprint:
    """Return the departments' pages."""
    found = staff.blueprint("department", keeps=True)
    staff.door("/department", "door.department", "building", Right.BOOKINGS)
    staff.door("/department/held", "door.held", "wait", Right.OVERRIDE)
    staff.door("/department/statements", "door.statements", "download", Right.STATEMENT)
    pages = DeskPages(staff, verifier, "department")
    add_requests(found, pages)
    add_telephone(found, pages)
    add_held(found, pages)
    add_statements(found, pages)
    add_subscribers(found, pages)
    add_certificates(found, pages)
    return found
