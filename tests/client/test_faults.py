"""Faults of a call on its way: each ends in one entry or in no entry, and in an error that names the remedy."""

import httpx
import pytest
from yunju_client import Client, DeviceCredential, Patience, errors, new_id

from cards.claims import Form
from tests.client.parties import RIGHTS, Parties
from tests.verifier.world import BASE

LOST = "the answer is lost on the way back"


def lose_answer(request, serve):
    """The server serves the call, and its answer is cut off."""
    serve(request).read()
    raise httpx.RemoteProtocolError(LOST)


def refuse(request, serve):
    """Nobody listens."""
    raise httpx.ConnectError("refused")


def answer(status, *, text="", kind="text/html", **headers):
    """Something before the server answers in its place."""

    def said(request, serve):
        return httpx.Response(status, text=text, headers={"Content-Type": kind, **headers})

    return said


def use_of(parties: Parties) -> dict[str, object]:
    """A silver holder's visit to the gym."""
    card = parties.world.card("silver", Form.PRINT)
    return {"presentation": card.shown(), "service": "gym-visit", "id_checked": True, "point": "gym"}


def operations(parties: Parties) -> list[str]:
    """The operation ids that were sent."""
    return [one.headers["Idempotency-Key"] for one in parties.wire.sent]


@pytest.mark.parametrize("who", ["server", "device"])
def test_an_answer_lost_after_the_grant_is_asked_for_again_and_counts_once(parties, who):
    """The same operation, a fresh proof for each attempt: one entry, told as the first answer again."""
    caller, use = getattr(parties, who)(), use_of(parties)
    use |= {"point": None} if who == "device" else {}
    parties.wire.sent.clear()
    parties.wire.trouble = [lose_answer, lose_answer]
    given = caller.check_in(**use)
    assert (given.outcome, given.replayed, given.quotas[0].remaining) == ("granted", True, 1)
    assert len(parties.entries()) == 1
    sent = operations(parties)
    assert (len(sent), len(set(sent))) == (3, 1)
    assert len({one.headers.get("DPoP", str(index)) for index, one in enumerate(parties.wire.sent)}) == 3


def test_a_server_that_is_down_and_comes_up_again_counts_once(parties):
    """Growing delays, the same operation, one entry."""
    gym, use = parties.server(), use_of(parties)
    parties.wire.trouble = [refuse, refuse, answer(502), answer(503, **{"Retry-After": "7"}), lose_answer]
    assert gym.check_in(**use).outcome == "granted"
    assert parties.slept == [0.5, 1.0, 2.0, 7.0, 8.0]
    assert len(set(operations(parties))) == 1
    assert len(parties.entries()) == 1


def test_a_server_that_stays_down_is_an_error_that_names_the_operation(parties):
    """Whoever keeps the operation id goes on with it later, in another process too: one entry."""
    gym, use = parties.server(patience=Patience(attempts=3, share=lambda: 1.0)), use_of(parties)
    parties.wire.trouble = [lose_answer, refuse, refuse]
    with pytest.raises(errors.UnreachableError) as away:
        gym.check_in(**use)
    error = away.value
    assert (error.attempts, error.reason) == (3, "the server cannot be reached (ConnectError)")
    assert error.operation is not None
    assert error.operation in error.remedy
    assert set(operations(parties)) == {error.operation}
    assert gym.check_in(**use, operation=error.operation).replayed
    assert len(parties.entries()) == 1


def test_a_call_that_must_not_arrive_twice_is_not_sent_again(parties):
    """An operator's sign-in whose answer was lost: look first, says the error; a refused connection is tried again."""
    turnstile = parties.device()
    parties.world.operator("2001", {"gym": RIGHTS})
    parties.wire.sent.clear()
    parties.wire.trouble = [refuse, lose_answer]
    with pytest.raises(errors.UnreachableError, match="must not arrive twice"):
        turnstile.sign_operator_in(operator="2001", pin="493817")
    assert len(parties.wire.sent) == 2


@pytest.mark.parametrize("status", [408, 429, 503])
def test_the_server_is_left_alone_as_long_as_it_asks(parties, status):
    """`Retry-After` is waited for; more than the patience allows is told at once, with the seconds."""
    gym, use = parties.server(), use_of(parties)
    parties.wire.trouble = [answer(status, **{"Retry-After": "20"})]
    assert gym.check_in(**use).outcome == "granted"
    assert parties.slept == [20.0]
    told = '{"type":"/problems/x","title":"Busy","status":0,"code":"x","hint":"Wait.","message":{"zh":"-","en":"-"}}'
    parties.wire.trouble = [answer(status, text=told, kind="application/problem+json", **{"Retry-After": "900"})]
    with pytest.raises(errors.TooManyRequestsError if status == 429 else errors.UnavailableError) as busy:
        gym.check_in(**use)
    assert (busy.value.retry_after, parties.slept) == (900.0, [20.0])


def test_too_many_calls_at_the_real_server_wait_as_it_says(parties):
    """Public checks of one address are counted; the server's own `Retry-After` is taken."""
    gym = parties.server(patience=Patience(attempts=1))
    shown = parties.world.card("gold", Form.PRINT).shown()
    with pytest.raises(errors.TooManyRequestsError) as busy:
        all(gym.public_check(presentation=shown) for _ in range(200))
    assert busy.value.retry_after
    assert (busy.value.status, busy.value.code) == (429, "too-many-requests")


@pytest.mark.parametrize("off", [-300, 7200])
def test_a_clock_that_is_off_is_told_with_the_servers_time(parties, off):
    """The client sends no other time than this machine's: it says how far off the clock is, and sends nothing again."""
    parties.device()
    true = parties.world.clock.now().timestamp()
    key = DeviceCredential(parties.kept.key, parties.kept.token)
    wrong = Client(BASE, key, **parties.options(now=lambda: true + off))
    sent = len(parties.wire.sent)
    with pytest.raises(errors.ClockError) as told:
        wrong.point_today("gym")
    assert told.value.server_time is not None
    assert told.value.server_time.timestamp() == pytest.approx(true, abs=1)
    assert told.value.ahead_seconds == pytest.approx(off, abs=1)
    assert f"{abs(off)} s {'ahead of' if off > 0 else 'behind'} the server's" in str(told.value)
    assert len(parties.wire.sent) == sent + 1


def test_a_revoked_credential_stops_the_caller_at_once(parties):
    """An integrator's token and a device's: an error of its own, with what to do, and no second attempt."""
    gym, turnstile = parties.server(), parties.device()
    now = parties.world.clock.now()
    parties.world.accounts.integrators.revoke(parties.integrator.id, by="cli:admin", at=now)
    parties.world.accounts.devices.revoke(parties.kept.device, by="cli:admin", at=now)
    parties.wire.sent.clear()
    for caller, code in ((gym, "bad-token"), (turnstile, "device-revoked")):
        with pytest.raises(errors.CredentialError) as refused:
            caller.point_today("gym")
        assert (refused.value.code, refused.value.type) == (code, f"/problems/{code}")
        assert refused.value.remedy
        assert refused.value.message["zh"]
    assert len(parties.wire.sent) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(parties, status):
    """Neither to a stranger's host nor to the own: the credential goes nowhere else, and no path is told."""
    gym, use = parties.server(), use_of(parties)
    place = {"Location": "https://elsewhere.example/taken?secret=1"}
    parties.wire.trouble = [answer(status, **place)]
    with pytest.raises(errors.RedirectedError, match=r"names https://elsewhere\.example") as told:
        gym.check_in(**use)
    assert "secret" not in str(told.value)
    assert [str(one.url) for one in parties.wire.sent] == [f"{BASE}/v1/check-ins"]


def endless(request, serve):
    """An answer without end, which packs well."""
    return httpx.Response(200, headers={"Content-Type": "application/json"}, stream=Endless())


class Endless(httpx.SyncByteStream):
    def __iter__(self):
        while True:
            yield b" " * 65536


BAD = {
    "endless": (endless, "larger than 1000000 bytes"),
    "a page of a proxy": (answer(200, text="<html>"), "is text/html, not JSON"),
    "a page about an error": (answer(404, text="<html>"), "is text/html, not JSON"),
    "no JSON": (answer(201, text="{", kind="application/json"), "is no JSON"),
    "too deep": (answer(201, text="[" * 200_000, kind="application/json"), "is no JSON"),
    "a list": (answer(201, text="[]", kind="application/json"), "the answer is no object"),
    "a member lacking": (answer(201, text='{"id": "1"}', kind="application/json"), "the answer lacks outcome"),
    "another type": (answer(201, text='{"id": 1}', kind="application/json"), "the answer.id is of another type"),
    "no problem document": (answer(409, text="[]", kind="application/problem+json"), "is no problem document"),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_answer_that_is_none_is_an_error_with_the_operation(parties, kind):
    """Too large, no JSON, another shape: not taken for a grant; the same operation still counts once."""
    trouble, said = BAD[kind]
    gym, use = parties.server(most_bytes=1_000_000), use_of(parties)
    parties.wire.trouble = [trouble]
    with pytest.raises(errors.BadAnswerError, match=said) as told:
        gym.check_in(**use)
    assert told.value.operation == operations(parties)[0]
    assert gym.check_in(**use, operation=told.value.operation).outcome == "granted"


def test_what_an_answer_tells_beyond_the_shape_is_passed_over(parties):
    """A server that is newer than the client serves it."""
    more = '{"server_time": "x", "time": "y", "fresh": {"much": 1}}'
    parties.wire.trouble = [answer(200, text=more, kind="application/json")]
    assert parties.server().server_time().time == "y"


def test_an_operation_id_of_another_operation_is_a_conflict(parties):
    """And what is not well formed is told member by member."""
    gym, use, operation = parties.server(), use_of(parties), new_id()
    gym.check_in(**use, operation=operation)
    with pytest.raises(errors.OperationConflictError):
        gym.check_in(**use | {"service": "museum-visit"}, operation=operation)
    with pytest.raises(errors.InvalidError) as told:
        gym.check_in(service="no such service", presentation="x", point="gym")
    assert list(told.value.fields) == ["$.service"]
    with pytest.raises(errors.NotPermittedError):
        parties.server(points="air-dom").look(presentation="x", point="gym")
    with pytest.raises(errors.NotFoundError):
        gym.point("nowhere")


@pytest.mark.parametrize(
    "address",
    ["http://cards.example", "ftp://cards.example", "cards.example", "https://a:b@cards.example", "https://c.example/x",
     "http://127.0.0.1.cards.example", "https://cards.example?x"],
)  # fmt: skip
def test_a_credential_goes_to_no_address_that_others_can_read(address):
    """Plain http only on this machine, unless a frightening word is said; no path, no user in the address."""
    with pytest.raises(errors.MisuseError):
        Client(address, "yj_" + "a" * 40)
    assert Client("http://127.0.0.1:8000/", "yj_" + "a" * 40).server == "http://127.0.0.1:8000"
    assert Client("http://cards.example", "yj_" + "a" * 40, dangerous_plain_http=True)


def test_no_secret_shows_in_a_text(parties):
    """Neither token nor key stands in what a program prints of a client, a credential, a folder or an error."""
    parties.device()
    key = DeviceCredential(parties.kept.key, parties.kept.token)
    assert parties.kept.token not in repr(key) + repr(parties.kept) + repr(Client(BASE, key))
    with pytest.raises(errors.MisuseError) as told:
        Client(BASE, f"{parties.kept.token}\nX-More: 1")
    assert parties.kept.token not in str(told.value)


def test_a_key_that_others_can_read_is_not_used(parties):
    """Mode 0644, and no key at all: said with what to do."""
    from yunju_client import open_device

    parties.device()
    file = parties.kept.path / "device.key"
    file.chmod(0o644)
    with pytest.raises(errors.MisuseError, match="chmod 600"):
        open_device(parties.kept.path)
    file.chmod(0o600)
    file.write_bytes(b"no key")
    with pytest.raises(errors.MisuseError, match="is no key"):
        open_device(parties.kept.path)
    with pytest.raises(errors.MisuseError, match="no device was enrolled"):
        open_device(parties.kept.path / "other")


def test_ids_that_would_lead_elsewhere_are_not_sent(parties):
    """An id is one part of the path, whatever stands in it."""
    gym = parties.server()
    for entry in ("", "..", "."):
        with pytest.raises(errors.MisuseError):
            gym.void(entry, reason="other")
    with pytest.raises(errors.YunjuError):
        gym.void("../../v1/bookings?x=1", reason="other")
    assert parties.wire.sent[-1].url.raw_path == b"/v1/check-ins/..%2F..%2Fv1%2Fbookings%3Fx%3D1/void"
    with pytest.raises(errors.MisuseError, match="16 to 64"):
        gym.check_in(service="gym-visit", presentation="x", operation="short")
