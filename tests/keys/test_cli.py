"""`python -m keys`, as an operator types it: what it prints, refuses and exits with."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from edge.clock import FixedClock
from edge.instants import rfc3339
from keys.__main__ import main
from keys.bundle import LIFETIME, verify_bundle
from keys.jwk import key_from_jwk, thumbprint
from keys.keyset import Purpose
from keys.store import SCHEDULES, KeyStore
from tests.keys.builders import AT, DAY


@pytest.fixture
def clock():
    """Return the clock that the commands read."""
    return FixedClock(AT)


@pytest.fixture
def keys(tmp_path, clock):
    """Return a function that runs one command line and gives its result."""

    def run(*words, code=0):
        result = CliRunner().invoke(main, ["--folder", str(tmp_path / "keys"), *words], obj=clock)
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def description(tmp_path):
    """Return a file that describes a bundle."""
    path = tmp_path / "bundle.json"
    path.write_text(
        json.dumps(
            {
                "version": 3,
                "issuer": "https://issuer.example",
                "status_lists": ["https://issuer.example/v1/status-lists/1"],
                "programme": {"version": "2026.1", "sha256": "ab" * 32, "effective_at": rfc3339(AT)},
            }
        )
    )
    return path


def made(result):
    """Return the id that a command printed with --json."""
    return json.loads(result.stdout)["kid"]


def commands(group, *path):
    """Yield the words of every command below a group."""
    for name, command in group.commands.items():
        yield (*path, name)
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)


@pytest.mark.parametrize("words", [(), *commands(main)], ids=" ".join)
def test_every_command_has_help(keys, words):
    """A sentence of its own, beside click's usage."""
    text = keys(*words, "--help").output
    assert text.startswith("Usage: ")
    assert any(line.strip().endswith(".") for line in text.splitlines())


def test_a_key_is_made_listed_and_rotated(keys, clock):
    """The listing says what each key is doing now."""
    first = made(keys("generate", "card", "--json"))
    assert f"{first}  signing" in keys("list").output
    second = made(keys("rotate", "card", "--json"))
    assert f"{second}  waiting" in keys("list").output
    clock.advance(SCHEDULES[Purpose.CARD].lead)
    listed = {entry["kid"]: entry["now"] for entry in json.loads(keys("list", "--json").output)}
    assert listed == {first: "trusted", second: "signing"}
    clock.advance(SCHEDULES[Purpose.CARD].overlap)
    assert {entry["now"] for entry in json.loads(keys("list", "--json").output)} == {"over", "trusted"}


def test_an_empty_folder_says_what_to_do(keys):
    """No traceback and no silence."""
    assert "generate" in keys("list").output
    assert json.loads(keys("list", "--json").output) == []


def test_a_second_first_key_is_refused_with_a_remedy(keys):
    """`error:` and `hint:` on stderr, exit 1."""
    keys("generate", "card")
    refused = keys("generate", "card", code=1)
    assert refused.stderr == "error: a card key is in use already\nhint: python -m keys rotate card\n"
    assert refused.stdout == ""


def test_misuse_exits_with_two(keys):
    """An unknown purpose or command."""
    assert "error:" in keys("generate", "everything", code=2).stderr
    assert "error:" in keys("nonsense", code=2).stderr


def test_disable_enable_retire_and_compromise(keys):
    """Each state by its own word; compromised is for ever, and asked for twice."""
    kid = made(keys("generate", "card", "--json"))
    assert "disabled" in keys("disable", kid).output
    assert "signing" in keys("enable", kid).output
    assert "trusted" in keys("retire", kid).output
    assert "stopped" in keys("compromise", kid, code=1).stderr
    assert "compromised" in keys("compromise", kid, "--yes").output
    assert "never used again" in keys("enable", kid, code=1).stderr
    assert "no key of this id" in keys("disable", "unknown", code=1).stderr


def test_the_jwk_set_holds_published_keys_and_no_root(keys):
    """What a bundle would list, as RFC 7517 writes it."""
    keys("generate", "root")
    kid = made(keys("generate", "card", "--json"))
    assert [jwk["kid"] for jwk in json.loads(keys("jwks").output)["keys"]] == [kid]


def test_a_roots_public_half_is_printed(keys):
    """What the setting YUNJU_ROOT wants in its file."""
    kid = made(keys("generate", "root", "--json"))
    jwk = json.loads(keys("public", kid).output)
    assert key_from_jwk(jwk)
    assert thumbprint(jwk) == kid


def test_no_command_prints_a_private_key_or_the_passphrase(keys, tmp_path):
    """Whatever is asked for."""
    kid = made(keys("generate", "card", "--json"))
    secret = (tmp_path / "keys" / "passphrase").read_text()
    for words in (("list",), ("list", "--json"), ("public", kid), ("jwks",), ("retire", kid, "--json")):
        output = keys(*words).output
        assert secret not in output
        assert '"d"' not in output
        assert "PRIVATE" not in output


def test_a_bundle_is_signed_shown_and_verified(keys, tmp_path, description, clock):
    """The whole of a publication by hand."""
    root = made(keys("generate", "root", "--json"))
    card = made(keys("generate", "card", "--json"))
    signed = tmp_path / "trust-bundle.jwt"
    signed.write_text(keys("bundle", "sign", str(description)).stdout)
    assert verify_bundle(signed.read_text().strip(), root, AT).version == 3
    shown = keys("bundle", "show", str(signed))
    assert json.loads(shown.stdout)["ver"] == 3
    assert "not verified" in shown.stderr
    pin = tmp_path / "root.jwk"
    pin.write_text(keys("public", root).output)
    for given in (root, str(pin)):
        assert "good: version 3" in keys("bundle", "verify", str(signed), "--root", given).output
    told = json.loads(keys("bundle", "verify", str(signed), "--root", root, "--json").output)
    assert told["keys"] == [card]
    assert told["pin"] == root
    assert "rolled-back" in keys("bundle", "verify", str(signed), "--root", root, "--seen-version", "4", code=1).stderr
    assert "unknown-root" in keys("bundle", "verify", str(signed), "--root", card, code=1).stderr
    clock.advance(LIFETIME)
    assert "expired" in keys("bundle", "verify", str(signed), "--root", root, code=1).stderr


def test_a_roll_over_tells_the_new_pin(keys, tmp_path, description):
    """After `rotate root` both sign, and the old pin is told its successor."""
    old = made(keys("generate", "root", "--json"))
    new = made(keys("rotate", "root", "--json"))
    signed = tmp_path / "trust-bundle.jwt"
    signed.write_text(keys("bundle", "sign", str(description)).stdout)
    assert f"pin it from now on: {new}" in keys("bundle", "verify", str(signed), "--root", old).output


def test_the_root_may_lie_in_a_folder_of_its_own(keys, tmp_path, description):
    """The offline machine signs for keys that it gets as a folder."""
    root = made(keys("generate", "root", "--json"))
    card = KeyStore(tmp_path / "online").begin(Purpose.CARD, AT)
    text = keys("bundle", "sign", str(description), "--keys", str(tmp_path / "online")).stdout.strip()
    assert [key.kid for key in verify_bundle(text, root, AT).keys] == [card.kid]


@pytest.mark.parametrize("content", ["", "{}", "[]", "\xff", '{"version": 1}', '{"version": true}'])
def test_a_file_that_describes_no_bundle_is_refused(keys, tmp_path, content):
    """The hint tells what is needed."""
    keys("generate", "root")
    path = tmp_path / "bad.json"
    path.write_bytes(content.encode("latin-1"))
    assert "hint: needed: version" in keys("bundle", "sign", str(path), code=1).stderr


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a.b.c", b"x" * 300_000])
def test_a_file_that_is_no_bundle_is_refused(keys, tmp_path, content):
    """Shown or verified, whatever its bytes."""
    path = tmp_path / "bad.jwt"
    path.write_bytes(content)
    assert "malformed" in keys("bundle", "show", str(path), code=1).stderr
    assert "malformed" in keys("bundle", "verify", str(path), "--root", "A" * 43, code=1).stderr


def test_a_root_that_is_none_is_refused(keys, tmp_path, description):
    """Neither a thumbprint nor a file with a JWK."""
    (tmp_path / "root.jwk").write_text("[]")
    for given in ("nonsense", str(tmp_path / "root.jwk")):
        assert "hint:" in keys("bundle", "verify", str(description), "--root", given, code=1).stderr


def test_a_bundle_without_a_root_key_is_refused(keys, description):
    """The remedy is a command."""
    assert "no root key may sign" in keys("bundle", "sign", str(description), code=1).stderr


def test_the_folder_comes_from_the_settings(tmp_path):
    """Without --folder, YUNJU_KEYS; as a process of its own."""
    environment = {"YUNJU_KEYS": str(tmp_path / "set"), "PATH": "", "PYTHONPATH": "."}
    words = [sys.executable, "-m", "keys", "generate", "receipt", "--json"]
    done = subprocess.run(words, env=environment, capture_output=True, check=True)
    assert (tmp_path / "set" / f"{json.loads(done.stdout)['kid']}.pem").exists()


def test_the_clock_of_a_key_is_the_injected_one(keys):
    """Rules and commands read one clock."""
    told = json.loads(keys("generate", "log", "--json").output)
    assert told["not_before"] == rfc3339(AT)
    assert told["signs_until"] == rfc3339(AT + SCHEDULES[Purpose.LOG].use)
    assert SCHEDULES[Purpose.LOG].overlap > 3650 * DAY
