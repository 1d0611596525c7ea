"""`python -m verifier hooks`: integrators' webhooks, events that could not be sent to them, and sending them again."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import click

from accounts.rights import DEPARTMENT
from edge.cli import Refusal, emit, json_option
from edge.instants import InstantError, parse_asked, rfc3339, rfc3339_or_none
from edge.settings import Settings
from edge.stores import ACCOUNTS, refuse_absent_store
from hooks.events import KINDS
from hooks.queue import Delivery, WebhookStanding
from hooks.registry import Hook, NewHook, RefusedHook
from hooks.service import Hooks
from verifier.cli.opening import CLOCK
from verifier.trust.published import read_programme

_SINCE_HELP = "Send the events from this instant on (RFC 3339). Default: {}."
_HOOK = click.argument("hook_id", metavar="HOOK")


@click.group("hooks")
def hooks() -> None:
    """Webhooks of integrators: register them, list given-up events, send them again. The background work does the
    sending.
    """


@hooks.command("add")
@click.argument("integrator")
@click.argument("url")
@click.option("--kind", "kinds", multiple=True, required=True, help="A kind of events, or a group such as `booking`.")
@click.option("--point", "points", multiple=True, help="A point or dept-CODE. Default: all points of the integrator.")
@click.option("--since", help=_SINCE_HELP.format("from now"))
@json_option
@click.pass_obj
def add(settings: Settings, /, integrator: str, url: str, since: str | None, as_json: bool, **chosen: Any) -> None:  # noqa: ANN401 - click's values
    """Send events to the server of INTEGRATOR (its id) at URL, and show the webhook's secret once."""
    points = frozenset(chosen["points"])
    _refuse_unknown(settings, points)
    new = NewHook(integrator, url, tuple(chosen["kinds"]), points, _instant(since))
    with _opened(settings) as found:
        made, secret = found.registry.add(new, by=_actor(), at=CLOCK.now())
    text = f"secret: {secret}   (not shown again)\nid:     {made.id}\nkinds:  {', '.join(made.kinds)}"
    emit({**_row(made, None), "secret": secret}, as_json, text)


@hooks.command("kinds")
@json_option
def list_kinds(as_json: bool) -> None:
    """List the kinds of events to choose from, and the log of each."""
    emit(dict(KINDS), as_json, "\n".join(f"{kind:<30} {log}" for kind, log in KINDS.items()))


@hooks.command("list")
@json_option
@click.pass_obj
def list_hooks(settings: Settings, as_json: bool) -> None:
    """List the webhooks: waiting events, given-up events, the last accepted call and the last fault."""
    with _opened(settings) as found:
        standing = found.queue.standing()
        rows = [(one, standing.get(one.id)) for one in found.registry.listed()]
    emit([_row(*row) for row in rows], as_json, "\n".join(_line(*row) for row in rows) or "no webhook yet")


@hooks.command("test")
@_HOOK
@json_option
@click.pass_obj
def try_out(settings: Settings, hook_id: str, as_json: bool) -> None:
    """Send a test event of the kind hook.test, which carries no data, to HOOK."""
    with _opened(settings) as found:
        found.registry.find(hook_id)
        name = found.queue.try_out(hook_id, at=CLOCK.now())
    emit({"webhook_id": name}, as_json, f"{name} is queued; `hooks list` tells how it went")


@hooks.command("rotate")
@_HOOK
@click.option("--keep-hours", type=click.IntRange(0, 720), default=24, show_default=True,
              help="For how long the old secret signs beside the new one.")  # fmt: skip
@json_option
@click.pass_obj
def rotate(settings: Settings, hook_id: str, keep_hours: int, as_json: bool) -> None:
    """Give HOOK another secret and show it once. For a while, every call carries both signatures."""
    with _opened(settings) as found:
        at, keep = CLOCK.now(), timedelta(hours=keep_hours)
        secret = found.registry.rotate(hook_id, by=_actor(), at=at, keep=keep)
    until = rfc3339(at + keep)
    emit(
        {"id": hook_id, "secret": secret, "old_until": until}, as_json, f"secret: {secret}\nthe old one: until {until}"
    )


@hooks.command("stop")
@_HOOK
@json_option
@click.pass_obj
def stop(settings: Settings, hook_id: str, as_json: bool) -> None:
    """Send nothing more to HOOK. Waiting events are kept; `resume` goes on from there."""
    with _opened(settings) as found:
        found.registry.stop(hook_id, by=_actor(), at=CLOCK.now())
    emit({"stopped": hook_id}, as_json, f"{hook_id} is stopped")


@hooks.command("resume")
@_HOOK
@click.option("--since", help=_SINCE_HELP.format("where the webhook stood"))
@json_option
@click.pass_obj
def resume(settings: Settings, hook_id: str, since: str | None, as_json: bool) -> None:
    """Send to HOOK again, from where it stood or from an instant on. Waiting events are due at once."""
    with _opened(settings) as found:
        found.registry.resume(hook_id, by=_actor(), at=CLOCK.now(), since=_instant(since))
    emit({"resumed": hook_id}, as_json, f"{hook_id} goes on")


@hooks.command("remove")
@_HOOK
@json_option
@click.pass_obj
def remove(settings: Settings, hook_id: str, as_json: bool) -> None:
    """Delete HOOK, with everything that waits for it."""
    with _opened(settings) as found:
        found.registry.remove(hook_id, by=_actor(), at=CLOCK.now())
    emit({"removed": hook_id}, as_json, f"{hook_id} is removed")


@hooks.command("dead")
@click.option("--hook", "hook_id", help="Only of this webhook.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many to show at most."
)
@json_option
@click.pass_obj
def list_dead(settings: Settings, hook_id: str | None, limit: int, as_json: bool) -> None:
    """List events that were given up after every try failed, newest first. --json shows their content."""
    with _opened(settings) as found:
        rows = found.queue.dead(hook_id, limit=limit)
    emit([_dead(one) for one in rows], as_json, "\n".join(map(_dead_line, rows)) or "nothing was given up")


@hooks.command("again")
@click.argument("webhook_id", required=False)
@click.option("--hook", "hook_id", help="All given-up events of this webhook.")
@json_option
@click.pass_obj
def again(settings: Settings, webhook_id: str | None, hook_id: str | None, as_json: bool) -> None:
    """Send again the given-up event WEBHOOK_ID, or all given-up events of a webhook, under the same webhook-id."""
    if (webhook_id is None) == (hook_id is None):
        raise click.UsageError("give either a WEBHOOK_ID or --hook HOOK")
    with _opened(settings) as found:
        names = None if webhook_id is None else [webhook_id]
        number = found.queue.again(hook=hook_id, names=names, by=_actor(), at=CLOCK.now())
    if not number:
        raise Refusal("nothing of that was given up", "`python -m verifier hooks dead` lists what was")
    emit({"again": number}, as_json, f"{number} are sent again")


@contextmanager
def _opened(settings: Settings) -> Iterator[Hooks]:
    refuse_absent_store(ACCOUNTS, settings.accounts_url)
    found = Hooks.open(settings)
    try:
        yield found
    except RefusedHook as error:
        raise Refusal(str(error), error.hint) from None
    finally:
        found.close()


def _refuse_unknown(settings: Settings, points: frozenset[str]) -> None:
    programme = read_programme(settings.programme)
    unknown = points - {*programme.points, *(f"{DEPARTMENT}{code}" for code in programme.departments)}
    if unknown:
        raise Refusal(
            f"no point {min(unknown)}", "`python -m verifier point list` lists them; a department is dept-CODE"
        )


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_asked(text)
    except InstantError as error:
        raise Refusal(str(error), "write an instant as 2026-10-31T09:00:00Z") from None


def _actor() -> str:
    try:
        return f"cli:{getpass.getuser()}"[:80]
    except (KeyError, OSError):  # A user id without a name, as in some containers
        return f"cli:uid-{os.getuid()}"


def _line(one: Hook, standing: WebhookStanding | None) -> str:
    waiting, dead = (0, 0) if standing is None else (standing.waiting, standing.dead)
    state = f"stopped ({one.stopped_why})" if one.stopped_at is not None else "live"
    sent = "never" if one.sent_at is None else rfc3339(one.sent_at)
    fault = "" if one.fault is None or one.fault_at is None else f"  last fault {rfc3339(one.fault_at)}: {one.fault}"
    return f"{one.id}  {one.url}  {state}  {waiting} wait, {dead} given up, last taken {sent}{fault}"


def _row(one: Hook, standing: WebhookStanding | None) -> dict[str, object]:
    return {
        "id": one.id,
        "integrator": one.integrator,
        "url": one.url,
        "kinds": list(one.kinds),
        "points": sorted(one.points),
        "created_at": rfc3339(one.created_at),
        "starts_at": rfc3339(one.starts_at),
        "stopped_at": rfc3339_or_none(one.stopped_at),
        "stopped_why": one.stopped_why,
        "old_secret_until": rfc3339_or_none(one.old_until),
        "waiting": 0 if standing is None else standing.waiting,
        "dead": 0 if standing is None else standing.dead,
        "sent_at": rfc3339_or_none(one.sent_at),
        "fault_at": rfc3339_or_none(one.fault_at),
        "fault": one.fault,
    }


def _dead(one: Delivery) -> dict[str, object]:
    return {
        "webhook_id": one.name,
        "hook": one.hook,
        "kind": one.kind,
        "queued_at": rfc3339(one.queued_at),
        "dead_at": rfc3339_or_none(one.dead_at),
        "tries": one.tries,
        "fault": one.fault,
        "payload": one.payload,
    }


def _dead_line(one: Delivery) -> str:
    return f"{one.name}  {one.kind}  {one.tries} tries, given up {rfc3339_or_none(one.dead_at)}: {one.fault}"
