"""The blueprint for operators of the system: every page of `/operator`, each with its right, and the navigation."""

from __future__ import annotations

from flask import Blueprint

from accounts.rights import Right
from hooks.service import Hooks
from web.operator.devices import add_devices
from web.operator.due import add_due
from web.operator.hooks import add_hooks
from web.operator.integrators import add_integrators
from web.operator.operators import add_operators
from web.operator.shared import HeldByDevice, OperatorPages, none_held
from web.staff.frame import StaffFrame


def operator_pages(staff: StaffFrame, hooks: Hooks, held: HeldByDevice = none_held) -> Blueprint:
    """Return the operator's pages. `held` counts the offline records of each device that wait for a supervisor."""
    found = staff.blueprint("operator")
    both = (Right.SYSTEM, Right.ACCOUNTS)
    staff.door("/operator", "door.due", "shield", Right.SYSTEM)
    staff.door("/operator/devices", "door.devices", "phone", *both)
    staff.door("/operator/operators", "door.operators", "identity", *both)
    staff.door("/operator/integrators", "door.integrators", "server", *both, holds=("/operator/hooks",))
    staff.door("/operator/log", "door.account-log", "list", *both)
    staff.door("/operator/settings", "door.settings", "key", Right.SYSTEM, holds=("/operator/licences",))
    pages = OperatorPages(staff, held)
    add_due(found, pages)
    add_devices(found, pages)
    add_operators(found, pages)
    add_integrators(found, pages)
    add_hooks(found, pages, hooks)
    return found
