"""`python -m keys`: make, list, rotate and retire signing keys; show, sign and check trust bundles."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from edge.cli import Refusal, emit, json_option, main_group, run
from edge.clock import Clock, SystemClock
from edge.instants import parse_rfc3339, rfc3339
from edge.settings import load_settings
from edge.strictjson import loads
from keys.admitted import ADMISSIBLE, read_offer, write_offer
from keys.bundle import (
    BUNDLE,
    LIFETIME,
    SEPARATOR,
    BundleError,
    ProgrammePin,
    TrustBundle,
    read_pin,
    sign_bundle,
    verify_bundle,
)
from keys.errors import BadKey, TokenError
from keys.jwk import is_thumbprint, public_jwk
from keys.keyset import Purpose, VerificationKey
from keys.store import KeyState, KeyStore, StoredKey, StoreError, key_store
from keys.tokens import parse_unverified

_DESCRIPTION_HINT: Final = (
    "needed: version, issuer, status_lists (addresses), programme {version, sha256, effective_at as RFC 3339}"
)
_PURPOSE: Final = click.Choice([purpose.value for purpose in Purpose])
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)


@dataclass(frozen=True)
class KeysCli:
    """What every command works with: the key folder, if one was named, and a clock."""

    folder: Path | None
    clock: Clock

    def store(self) -> KeyStore:
        """Open the key folder named on the command line, otherwise the folder in YUNJU_KEYS."""
        return key_store(load_settings(os.environ), self.folder)


@main_group("keys")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The key folder. Default: the setting YUNJU_KEYS.",
)
@click.pass_context
def main(context: click.Context, folder: Path | None) -> None:
    """Signing keys and the trust bundle.

    Keys lie encrypted in one folder (mode 0700) with a passphrase file. Back up both, apart from each other. The root
    key belongs on a machine without network: give its folder with --folder.
    """
    context.obj = KeysCli(folder, SystemClock() if context.obj is None else context.obj)


@main.command()
@click.argument("purpose", type=_PURPOSE)
@json_option
@click.pass_obj
def generate(desk: KeysCli, purpose: str, as_json: bool) -> None:
    """Make the first key of a PURPOSE. It signs at once. `rotate` makes later keys."""
    with _refusals():
        stored = desk.store().begin(Purpose(purpose), desk.clock.now())
    _show_key(stored, desk, as_json)


@main.command("list")
@json_option
@click.pass_obj
def list_keys(desk: KeysCli, as_json: bool) -> None:
    """List the keys: purpose, id, what each does now, and until when."""
    with _refusals():
        keys, admitted = desk.store().list(), desk.store().admitted.list()
    lines = [*(_line(key, desk) for key in keys), *map(_admitted_line, admitted)]
    text = "\n".join(lines) or "no keys yet: `python -m keys generate card` makes one"
    own = [key.to_json() | {"now": _doing(key, desk)} for key in keys]
    emit([*own, *(key.to_json() | {"now": "admitted"} for key in admitted)], as_json, text)


@main.command()
@click.argument("purpose", type=_PURPOSE)
@click.option("--at-once", is_flag=True, help="Sign with the new key now, because the old key is compromised.")
@json_option
@click.pass_obj
def rotate(desk: KeysCli, purpose: str, at_once: bool, as_json: bool) -> None:
    """Make the next key of a PURPOSE.

    It is published first and signs some days later. The old key is trusted until everything that it signed has expired.
    Publish a new trust bundle afterwards.
    """
    with _refusals():
        stored = desk.store().rotate(Purpose(purpose), desk.clock.now(), at_once=at_once)
    _show_key(stored, desk, as_json)


@main.command()
@click.argument("kid")
@json_option
@click.pass_obj
def retire(desk: KeysCli, kid: str, as_json: bool) -> None:
    """Stop a key from signing. Everything that it signed stays trusted."""
    _change(desk, kid, KeyState.PASSIVE, as_json)


@main.command()
@click.argument("kid")
@json_option
@click.pass_obj
def disable(desk: KeysCli, kid: str, as_json: bool) -> None:
    """Take a key out of use and out of the next bundle. `enable` undoes this."""
    _change(desk, kid, KeyState.DISABLED, as_json)


@main.command()
@click.argument("kid")
@json_option
@click.pass_obj
def enable(desk: KeysCli, kid: str, as_json: bool) -> None:
    """Put a retired or disabled key into use again."""
    _change(desk, kid, KeyState.ACTIVE, as_json)


@main.command()
@click.argument("kid")
@click.confirmation_option(prompt="Everything this key signed will be refused, for ever. Go on?")
@json_option
@click.pass_obj
def compromise(desk: KeysCli, kid: str, as_json: bool) -> None:
    """Take a compromised key out for ever. Then run `rotate --at-once`, publish a bundle, and reissue the key's
    cards.
    """
    _change(desk, kid, KeyState.COMPROMISED, as_json)


@main.command()
@click.argument("kid")
@click.pass_obj
def public(desk: KeysCli, kid: str) -> None:
    """Print a key's public JWK. For a root, this is the content of the file that YUNJU_ROOT names."""
    with _refusals():
        stored = desk.store().find(kid)
    click.echo(json.dumps(public_jwk(stored.public.key)))


@main.command()
@click.argument("purpose", type=click.Choice(sorted(purpose.value for purpose in ADMISSIBLE)))
@click.pass_obj
def offer(desk: KeysCli, purpose: str) -> None:
    """Print the public key with which this server signs as PURPOSE, for the issuer's `admit`.

    A counter server makes its own receipt and log keys. Compare the id in another way, such as by telephone.
    """
    with _refusals():
        store, now = desk.store(), desk.clock.now()
        key = store.find(store.signer(Purpose(purpose), now).kid).public
    click.echo(write_offer(key).decode("ascii"))
    click.echo(f"its id, to be compared at the issuer: {key.kid}", err=True)


@main.command()
@click.argument("file", type=_FILE)
@click.option("--kid", required=True, help="The key's id as the other server's operator reads it out.")
@json_option
@click.pass_obj
def admit(desk: KeysCli, file: Path, kid: str, as_json: bool) -> None:
    """Register the key that another server offered in FILE. The next trust bundle lists it."""
    with _refusals():
        key = read_offer(file.read_bytes()[: 2 * BUNDLE.max_length])
        if key.kid != kid:
            raise Refusal(f"the file holds the key {key.kid}", "ask for the offer again; somebody may have changed it")
        desk.store().admitted.admit(key)
    emit(key.to_json(), as_json, _admitted_line(key))


@main.command()
@click.argument("kid")
@json_option
@click.pass_obj
def dismiss(desk: KeysCli, kid: str, as_json: bool) -> None:
    """Take another server's key out of the next trust bundle. From then on, everything that it signed is refused."""
    with _refusals():
        key = desk.store().admitted.dismiss(kid)
    emit(key.to_json(), as_json, f"{key.purpose:<8} {key.kid}  dismissed; publish a new trust bundle")


@main.command()
@click.pass_obj
def jwks(desk: KeysCli) -> None:
    """Print the public keys that are in use or still needed as a JWK set (RFC 7517). Trust comes from the bundle, not
    from this.
    """
    with _refusals():
        keys = desk.store().key_set(desk.clock.now())
    click.echo(json.dumps(keys.jwks(), indent=2))


@main.group()
def bundle() -> None:
    """Trust bundles: show, verify, sign."""


@bundle.command("show")
@click.argument("file", type=_FILE)
def bundle_show(file: Path) -> None:
    """Print the content of a bundle FILE, without checking its signer."""
    with _refusals():
        token = parse_unverified(_document(file).split(SEPARATOR)[0], BUNDLE)
    click.echo("not verified: `python -m keys bundle verify` checks the signature", err=True)
    click.echo(json.dumps(dict(token.claims), indent=2, ensure_ascii=False))


@bundle.command("verify")
@click.argument("file", type=_FILE)
@click.option("--root", required=True, help="The pinned root: its thumbprint, or a file with its public JWK.")
@click.option("--seen-version", type=click.IntRange(min=0), default=0, help="Refuse a bundle older than this version.")
@json_option
@click.pass_obj
def bundle_verify(desk: KeysCli, file: Path, root: str, seen_version: int, as_json: bool) -> None:
    """Verify a bundle FILE against the pinned root, now."""
    with _refusals():
        pin = _read_pin(root)
        now = desk.clock.now()
        trusted = verify_bundle(_document(file), pin, now, seen_version=seen_version)
        after = trusted.pin_after(pin)
    due = " (renewal due)" if trusted.renewal_due(now) else ""
    text = f"good: version {trusted.version} of {trusted.issuer}, until {rfc3339(trusted.expires_at)}{due}"
    rolled = f"\na new root takes over; pin it from now on: {after}" if after != pin else ""
    value = {
        "version": trusted.version,
        "issuer": trusted.issuer,
        "expires_at": rfc3339(trusted.expires_at),
        "renewal_due": trusted.renewal_due(now),
        "keys": [key.kid for key in trusted.keys],
        "pin": after,
    }
    emit(value, as_json, text + rolled)


@bundle.command("sign")
@click.argument("description", type=_FILE)
@click.option(
    "--keys", "listed", type=_FOLDER, help="The folder of the keys to list, if the root lies in another folder."
)
@click.pass_obj
def bundle_sign(desk: KeysCli, description: Path, listed: Path | None) -> None:
    """Sign a bundle and print it. Its version, issuer, status lists and programme come from a JSON DESCRIPTION.

    After `rotate root`, the old root and the new root both sign until the new root takes over.
    """
    now = desk.clock.now().replace(microsecond=0)
    with _refusals():
        store = desk.store()
        keys = (KeyStore(listed) if listed else store).published(now)
        root, old_root = store.roots(now)
        text = sign_bundle(_describe(description, now, keys), root, old_root=old_root)
    click.echo(text)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise Refusal(str(error), error.hint) from None
    except BundleError as error:
        raise Refusal(f"{error.reason}: {error}", "see docs/decisions/0010-trust-bundle.md") from None
    except TokenError as error:
        raise Refusal(f"{error.reason}: {error}", "is this file a trust bundle?") from None
    except BadKey as error:
        raise Refusal(str(error), "give a root's thumbprint or public JWK; for `admit`, what `offer` printed") from None


def _change(desk: KeysCli, kid: str, state: KeyState, as_json: bool) -> None:
    with _refusals():
        stored = desk.store().set_state(kid, state)
    _show_key(stored, desk, as_json)


def _show_key(stored: StoredKey, desk: KeysCli, as_json: bool) -> None:
    emit(stored.to_json() | {"now": _doing(stored, desk)}, as_json, _line(stored, desk))


def _line(key: StoredKey, desk: KeysCli) -> str:
    until = f"signs {rfc3339(key.signs_from)} to {rfc3339(key.signs_until)}, trusted to {rfc3339(key.public.not_after)}"
    return f"{key.purpose:<8} {key.kid}  {_doing(key, desk):<11}  {until}"


def _admitted_line(key: VerificationKey) -> str:
    until = f"another server's, trusted {rfc3339(key.not_before)} to {rfc3339(key.not_after)}"
    return f"{key.purpose:<8} {key.kid}  {'admitted':<11}  {until}"


def _doing(key: StoredKey, desk: KeysCli) -> str:
    at = desk.clock.now()
    if key.state in (KeyState.DISABLED, KeyState.COMPROMISED):
        return key.state.value
    if at >= key.public.not_after:
        return "over"
    if key.waits(at):
        return "waiting"
    return "signing" if key.may_sign(at) else "trusted"


def _document(file: Path) -> str:
    if file.stat().st_size > 4 * BUNDLE.max_length:
        raise BundleError("malformed", "the file is too large to be a trust bundle")
    return file.read_bytes().decode("utf-8", "replace").strip()


def _read_pin(root: str) -> str:
    try:
        return root if is_thumbprint(root) else read_pin(Path(root).read_bytes())
    except OSError:
        raise BadKey("the root is neither a thumbprint nor a file that can be read") from None


def _describe(file: Path, now: datetime, keys: tuple[VerificationKey, ...]) -> TrustBundle:
    try:
        match loads(file.read_bytes()):
            case {
                "version": int(version),
                "issuer": str(issuer),
                "status_lists": [*lists],
                "programme": {"version": str(programme), "sha256": str(sha256), "effective_at": str(effective)},
            } if all(isinstance(uri, str) for uri in lists):
                pin = ProgrammePin(programme, sha256, parse_rfc3339(effective))
                return TrustBundle(version, issuer, now, now + LIFETIME, keys, tuple(lists), pin)
    except ValueError as error:
        raise Refusal(f"{file}: {error}", _DESCRIPTION_HINT) from None
    raise Refusal(f"{file} does not describe a bundle", _DESCRIPTION_HINT)


if __name__ == "__main__":
    run(main)
