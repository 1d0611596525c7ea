"""An issuer's office in a temporary folder, people with valid identities, photos; all with sensible defaults."""

import functools
import itertools
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image

from cards.claims import Form
from cards.programme.load import load_programme
from cards.status import Status, verify_status_list
from edge.strictjson import loads
from issuer.issuing.issuing import issue
from issuer.publishing.folder import BUNDLE_FILE, ROOT_FILE, list_file
from issuer.publishing.setup import set_up
from issuer.register.database import Register
from issuer.register.holders import NewGround, NewHolder, add_ground, add_holder
from issuer.register.identity import IdType, check_identity
from issuer.register.issuer import Issuer
from keys.bundle import verify_bundle
from keys.store import KeyStore

ROOT = Path(__file__).resolve().parents[2]
BAIYUN = ROOT / "cards" / "programmes" / "baiyun.toml"
EXAMPLE = ROOT / "cards" / "programmes" / "example.toml"
SECRET = b"a secret of the tests, long enough to be one"
NOON = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)  # 12:00 in Guangzhou, a Monday
TODAY = date(2026, 11, 2)
DAY = timedelta(days=1)
BY = "cli:tester"
BASE_URL = "http://localhost"

_people = itertools.count(1)


@functools.cache
def programme(path=BAIYUN):
    """Return a shipped programme, loaded once."""
    return load_programme(path)


def make_desk(folder, *, at=NOON, url=None, path=BAIYUN, ready=True, **changes):
    """Return an office in `folder`, with keys and a first publication unless `ready` is False."""
    keys = KeyStore(folder / "keys")
    values = {
        "register": Register.open(url or f"sqlite:///{folder}/register.db", SECRET),
        "programme": programme(path),
        "programme_file": path,
        "keys": keys,
        "published": folder / "published",
        "status_ttl": timedelta(seconds=300),
        "base_url": BASE_URL,
        "attachments": folder / "attachments",
        "roots": keys,
    }
    desk = Issuer(**(values | changes))
    if ready:
        set_up(desk, at)
    return desk


def resident_id(birth="19900307", sequence=1, region="440111"):
    """Return a resident ID with the right check character; nobody's."""
    body = f"{region}{birth}{sequence:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    return body + "10X98765432"[total % 11]


def identity(number=None, kind=IdType.RESIDENT_ID, country=None):
    """Return a checked identity; without a number a new one each time."""
    if number is None:
        each = next(_people)
        number = resident_id(birth=f"19{10 + each // 900:02d}0307", sequence=each % 900 + 1)
    return check_identity(kind, number, today=TODAY, country=country)


def person(desk, name="张启明", *, ground="silver-6", at=NOON, number=None, **told):
    """Register a person with a ground and return the holder."""
    holder = add_holder(desk, NewHolder(name, identity(number), "020-12345678"), by=BY, at=at)
    if ground is not None:
        give_ground(desk, holder, ground, at=at, **told)
    return holder


def give_ground(desk, holder, code="silver-6", *, at=NOON, **told):
    """Approve a ground of a holder."""
    return add_ground(desk, holder.id, NewGround(code, **told), by=BY, at=at)


def print_card(desk, holder, *, at=NOON):
    """Issue a holder's printed card."""
    return issue(desk, holder.id, Form.PRINT, by=BY, at=at)


def photo(width=358, height=441, *, mode="RGB", form="JPEG", **saved):
    """Return a picture as a file's bytes."""
    target = BytesIO()
    Image.new(mode, (width, height), "white" if mode in ("RGB", "L") else 0).save(target, form, **saved)
    return target.getvalue()


def published_bundle(desk, *, at=NOON, seen_version=0):
    """Return the published trust bundle, verified under the published root."""
    root = loads((desk.published / ROOT_FILE).read_bytes())
    return verify_bundle((desk.published / BUNDLE_FILE).read_text(), root, at, seen_version=seen_version)


def published_list(desk, number=0, *, at=NOON, seen=None):
    """Return a published status list, verified as a verifier does."""
    bundle = published_bundle(desk, at=at)
    return verify_status_list(
        (desk.published / list_file(number)).read_text(),
        bundle.key_set(),
        at,
        uri=f"{desk.programme.status_base}{number}",
        issuer=desk.programme.issuer,
        bundle_version=bundle.version,
        seen=seen,
    )


def published_status(desk, card, *, at=NOON) -> Status:
    """Return what verifiers are told of a card."""
    return published_list(desk, card.status_list, at=at).statuses.lookup(card.status_index)
