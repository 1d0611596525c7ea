"""`/operator/hooks`: webhooks of integrators: registered, stopped, resumed; given-up events, and sending them again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from flask import Blueprint
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField

from accounts.rights import Caller, Right
from edge.http import request_instant
from edge.problems import Problem
from hooks.events import KINDS
from hooks.queue import WebhookStanding
from hooks.registry import Hook, NewHook, RefusedHook
from hooks.service import Hooks
from web.operator.shared import OperatorPages, TicksField, by
from web.staff.forms import Longest, Needed, StaffForm, option, refuse, stripped

HOOKS: Final = "/operator/hooks"
GROUPS: Final = tuple(dict.fromkeys(kind.partition(".")[0] for kind in KINDS))
DEAD_MOST: Final = 50
_FAULTS: Final = (
    (re.compile("answered 410: gone"), "gone"),
    (re.compile("answered (?P<what>[0-9]+)"), "answered"),
    (re.compile("too slow"), "slow"),
    (re.compile("the answer (?:breaks off|is too long)"), "unreadable"),
    (re.compile("the address is private"), "private"),
    (re.compile("(?P<what>SSL[A-Za-z]*|[A-Za-z]*Certificate[A-Za-z]*)"), "certificate"),
    (re.compile("(?P<what>[A-Za-z]+)"), "no-connection"),
)
"""What the queue keeps of a failed call (hooks/sending.py, edge/fetch.py), each with the word of the pages for it."""


class NewHookForm(StaffForm):
    """The integrator, the events, the points and the address of a new webhook."""

    integrator = SelectField("system.integrator-label", [Needed()], choices=[])
    url = StringField("system.hook-url", [Needed(), Longest(400)], filters=[stripped])
    kinds = TicksField("system.hook-kinds", [Needed()], choices=[])
    points = TicksField("system.hook-points", choices=[])


@dataclass(frozen=True, slots=True)
class HookRow:
    """A webhook in the list, with its integrator's name and the state of its queue."""

    hook: Hook
    label: str
    standing: WebhookStanding

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups of its kinds."""
        return tuple(group for group in GROUPS if any(kind.startswith(f"{group}.") for kind in self.hook.kinds))


def fault_words(pages: OperatorPages, fault: str) -> str:
    """Return a kept fault in the words of the page. A fault without such words stays as it was kept."""
    for pattern, key in _FAULTS:
        if (found := pattern.fullmatch(fault)) is not None:
            return pages.staff.word(f"system.hook-fault.{key}", **found.groupdict())
    return fault


def add_hooks(found: Blueprint, pages: OperatorPages, hooks: Hooks) -> None:
    """Add the list, the page that registers a webhook, and the acts on one."""
    needs = pages.staff.needs

    @found.get(HOOKS)
    @needs(Right.SYSTEM, Right.ACCOUNTS)
    def list_hooks(who: Caller) -> ResponseReturnValue:
        del who
        rows, dead = _rows(pages, hooks), hooks.queue.dead(limit=DEAD_MOST)
        labels = {row.hook.id: row.label for row in rows}
        return pages.page("hooks", rows=rows, dead=dead, labels=labels, now=request_instant(),
                          fault_words=partial(fault_words, pages))  # fmt: skip

    @found.route(f"{HOOKS}/new", methods=["GET", "POST"])
    @needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def new_hook(who: Caller) -> ResponseReturnValue:
        form = _form(pages)
        if form.validate_on_submit():
            chosen = NewHook(
                form.integrator.data,
                str(form.url.data),
                tuple(form.kinds.data or ()),
                frozenset(form.points.data or ()),
            )
            try:
                made, secret = hooks.registry.add(chosen, by=by(who), at=request_instant())
                return pages.page("hook-secret", made=made, secret=secret)
            except RefusedHook as error:
                refuse(form.points if error.code == "rights" else form.url, f"system.hook-refused.{error.code}")
        return pages.page("hook-new", 422 if form.errors else 200, form=form)

    _add_acts(found, pages, hooks)


@contextmanager
def _known() -> Iterator[None]:
    """Answer not found if a webhook was removed meanwhile or never existed."""
    try:
        yield
    except RefusedHook:
        raise Problem("not-found") from None


def _add_acts(found: Blueprint, pages: OperatorPages, hooks: Hooks) -> None:
    """Add the acts on a webhook or a given-up event: one button for each."""
    needs = pages.staff.needs

    def done(key: str, count: int = 0) -> ResponseReturnValue:
        pages.staff.tell(key, count=count)
        return pages.staff.go(HOOKS)

    @found.post(f"{HOOKS}/<hook_id>/rotate")
    @needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def rotate_hook(who: Caller, hook_id: str) -> ResponseReturnValue:
        with _known():
            secret = hooks.registry.rotate(hook_id, by=by(who), at=request_instant())
        return pages.page("hook-secret", made=hooks.registry.find(hook_id), secret=secret)

    @found.post(f"{HOOKS}/<hook_id>/stop")
    @needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def stop_hook(who: Caller, hook_id: str) -> ResponseReturnValue:
        with _known():
            hooks.registry.stop(hook_id, by=by(who), at=request_instant())
        return done("system.hook-is-stopped")

    @found.post(f"{HOOKS}/<hook_id>/resume")
    @needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def resume_hook(who: Caller, hook_id: str) -> ResponseReturnValue:
        with _known():
            hooks.registry.resume(hook_id, by=by(who), at=request_instant())
        return done("system.hook-is-resumed")

    @found.post(f"{HOOKS}/<hook_id>/test")
    @needs(Right.SYSTEM, Right.ACCOUNTS)
    def test_hook(who: Caller, hook_id: str) -> ResponseReturnValue:
        del who
        with _known():
            hooks.queue.try_out(hooks.registry.find(hook_id).id, at=request_instant())
        return done("system.hook-is-tested")

    @found.post(f"{HOOKS}/<hook_id>/again")
    @needs(Right.SYSTEM, Right.ACCOUNTS)
    def send_again(who: Caller, hook_id: str) -> ResponseReturnValue:
        number = hooks.queue.again(hook=hook_id, by=by(who), at=request_instant())
        return done("system.hook-sent-again", number)


def _form(pages: OperatorPages) -> NewHookForm:
    form, at = NewHookForm(), request_instant()
    live = [one for one in pages.store.integrators.list() if one.alive(at)]
    form.integrator.choices = [
        option("", pages.staff.word("system.choose")),
        *(option(one.id, one.label) for one in live),
    ]
    form.kinds.choices = [option(group, pages.staff.word(f"system.hook-kind.{group}")) for group in GROUPS]
    form.points.choices = [option(code, name) for code, name in pages.places()]
    return form


def _rows(pages: OperatorPages, hooks: Hooks) -> list[HookRow]:
    labels: dict[str, Any] = {one.id: one.label for one in pages.store.integrators.list()}
    standing, nothing = hooks.queue.standing(), WebhookStanding(0, None, 0)
    return [
        HookRow(one, labels.get(one.integrator, one.integrator), standing.get(one.id, nothing))
        for one in hooks.registry.listed()
    ]
