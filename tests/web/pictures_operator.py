"""Pictures of the pages of whoever runs the system: a part of `tests/web/pictures.py`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta

from playwright.sync_api import Page

from accounts.rights import Right
from hooks.queue import DELAYS
from hooks.registry import NewHook
from hooks.service import Hooks
from tests.web.site import BY, Site


def hooked(site: Site) -> str:
    """Add an integrator with a webhook for which an event was given up; the integrator's name."""
    at, name = site.clock.now(), f"区妇幼保健院 HIS {secrets.token_hex(2)}"
    rights, end = (
        {"gym": frozenset({Right.CHECK_IN, Right.VOID}), "library": frozenset({Right.BOOKINGS})},
        timedelta(90),
    )
    made, _ = site.office.accounts.integrators.add(name, rights, expires_at=at + end, by=BY, at=at)
    hooks = Hooks.open(site.settings)
    hook, _ = hooks.registry.add(NewHook(made.id, "https://his.example/yunju", ("check_in", "booking")), by=BY, at=at)
    hooks.queue.try_out(hook.id, at=at)
    for number in range(len(DELAYS) + 1):
        one = hooks.queue.claim(hook.id, at + timedelta(days=10 * number))
        assert one is not None
        hooks.queue.failed(one, "answered 500", at)
    hooks.close()
    return name


def operator_pages(page: Page, label: str) -> Iterator[tuple[str, Page]]:
    """What is due, devices, operators, integrators, webhooks, settings; `label`: an integrator with a webhook."""
    for path in (
        "", "/devices", "/devices/new", "/operators", "/operators/new", "/integrators", "/integrators/new",
        "/hooks", "/hooks/new", "/log", "/settings", "/licences",
    ):  # fmt: skip
        page.goto(f"/operator{path}")
        yield f"operator{path.replace('/', '-')}", page
    page.goto("/operator/devices")
    page.locator("main table a").first.click()
    yield "operator-device", page
    page.goto("/operator/devices/new")
    page.select_option("#point", "gym")
    page.fill("#label", "前台平板")
    page.click("#make-code")
    yield "operator-device-code", page
    page.goto("/operator/operators/new")
    page.fill("#code", f"7{secrets.randbelow(9000) + 1000}")
    page.fill("#name", "陈敏仪")
    page.select_option("#point", "gym")
    page.check("[name=rights][value=check-in]")
    page.click("form button.main")
    yield "operator-pin", page
    page.goto("/operator/operators")
    page.locator("main table a").first.click()
    yield "operator-operator", page
    page.goto("/operator/integrators/new")
    page.fill("#label", "某系统")
    page.click("[name=do][value=more]")
    page.click("form button.main")
    yield "operator-integrator-places", page
    page.goto("/operator/hooks/new")
    page.click("form button.main")
    yield "operator-hook-faults", page
    page.select_option("#integrator", label=label)
    page.fill("#url", "https://his.example/other")
    page.check("[name=kinds][value=check_in]")
    page.click("form button.main")
    yield "operator-hook-secret", page
