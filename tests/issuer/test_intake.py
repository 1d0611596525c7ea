"""Applications from other platforms: once however often they are sent, checked at once, decided by two persons."""

import uuid
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from accounts.http import Authenticator
from accounts.rights import EVERYWHERE, SMALLEST, Right
from accounts.store import AccountStore
from edge.clock import FixedClock
from edge.http import create_frame
from issuer.api.applications import application_blueprint
from issuer.applications import office, service
from issuer.applications.content import Applicant
from issuer.applications.intake import LIST, BadTold, Differs, IntakeOutcome, IntakeText, check, find_told, take_in
from issuer.applications.records import Filter, counted, find, history, listed
from issuer.applications.states import State
from issuer.register import office_log
from issuer.register.application_tables import APPLICATIONS, NOTICES
from issuer.register.office_log import OfficeAction
from tests.issuer.applying import LATER, OFFICER
from tests.issuer.builders import BASE_URL, BY, NOON, TODAY, resident_id

NUMBER = resident_id(sequence=321)
WHO = {"name": "何嘉欣", "id_type": "resident-id", "id_number": NUMBER, "phone": "13800000099"}
BODY = {"channel": "province", "receipt": "GD-2026-000017", "person": WHO, "ground": "gold-6", "employer": "某单位"}


def told(**changes):
    """An application as a platform tells it."""
    who = Applicant("何嘉欣", "resident-id", NUMBER, phone="13800000099")
    values = {"channel": "province", "channel_receipt": "GD-1", "person": who, "ground": "gold-6", "employer": "某单位"}
    return IntakeText(**(values | changes))


def taken(desk, at=NOON, **changes):
    """Take one in."""
    return take_in(desk, check(desk, told(**changes), TODAY), by="integrator:i", at=at)


class Platform:
    """A platform's server at one issuer."""

    def __init__(self, desk, folder):
        self.accounts = AccountStore.open(f"sqlite:///{folder}/accounts.db")
        clock = FixedClock(NOON)
        app = create_frame("platform", clock=clock)
        app.register_blueprint(application_blueprint(desk, Authenticator(self.accounts, clock, (BASE_URL,))))
        self.client = app.test_client()

    def send(self, rights=frozenset({Right.INTAKE}), where=EVERYWHERE, **changes):
        until = NOON + timedelta(days=1)
        name = uuid.uuid4().hex
        _, token = self.accounts.integrators.add(name, {where: rights}, expires_at=until, by=BY, at=NOON)
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.post("/v1/applications", json=BODY | changes, headers=headers)


@pytest.fixture
def platform(desk, tmp_path):
    """A platform that sends to this desk."""
    made = Platform(desk, tmp_path)
    yield made
    made.accounts.close()


def test_an_application_sent_twice_is_one(desk, platform):
    """The first answer tells our receipt and the code, every later one the receipt; the office sees one, handed in."""
    first, again = platform.send(), platform.send()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["receipt"] == again.json["receipt"]
    assert "code" not in again.json
    (line,) = listed(desk, Filter(), limit=9)
    assert (line.channel, line.channel_receipt, line.state) == ("province", "GD-2026-000017", State.SUBMITTED)
    assert "paper:contract" in line.lacking
    assert find(desk, line.id).due_on == date(2026, 11, 9)
    opened = service.opened(desk, first.json["receipt"], first.json["code"])
    assert opened == line.id == find_told(desk, "province", "GD-2026-000017").id
    with desk.register.read() as connection:
        assert [one.action for one in office_log.newest(connection, 9)].count(OfficeAction.APPLICATION_RECEIVED) == 1
        assert connection.execute(sa.select(sa.func.count()).select_from(NOTICES)).scalar_one() == 1


def test_the_same_receipt_with_other_content_is_refused_and_changes_nothing(desk, platform):
    """A platform that uses a number again is told; what came first stays."""
    platform.send()
    other = platform.send(person=WHO | {"name": "何佳欣"})
    assert (other.status_code, other.json["code"]) == (409, "application-differs")
    assert platform.send(channel="district").status_code == 201
    assert [find(desk, one.id).content.name for one in listed(desk, Filter(), limit=9)] == ["何嘉欣", "何嘉欣"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"channel": "elsewhere"}, "$.channel"),
        ({"channel": "list-development"}, "$.channel"),
        ({"channel": "own"}, "$.channel"),
        ({"receipt": " "}, "$.receipt"),
        ({"receipt": "a\nb"}, "$.receipt"),
        ({"ground": "gold-99"}, "$.ground"),
        ({"ground": "gold-12"}, "$.limb"),
        ({"ground": "silver-3", "limb": "a", "figures": {"university-rank": "viele"}}, "$.figures.university-rank"),
        ({"figures": {"investment": "1"}}, "$.figures.investment"),
        ({"employer_kind": "mine"}, "$.employer_kind"),
        ({"person": WHO | {"id_number": NUMBER[:-1] + ("0" if NUMBER[-1] != "0" else "1")}}, "$.person.id_number"),
        ({"person": WHO | {"id_type": "library-card"}}, "$.person.id_type"),
        ({"person": WHO | {"email": "nobody"}}, "$.person.email"),
        ({"person": WHO | {"name": "*"}}, "$.person.name"),
        ({"basis_ends": "soon"}, "$.basis_ends"),
    ],
)
def test_what_cannot_be_taken_is_named_by_field(desk, platform, changes, path):
    """One fault, one field, no number quoted; nothing is written."""
    answer = platform.send(**changes)
    assert answer.status_code == 422
    assert path in [one["path"] for one in answer.json.get("fields", [])]
    assert NUMBER[:-1] not in answer.get_data(as_text=True)
    assert counted(desk, Filter()) == {}


def test_all_faults_are_told_at_once(desk):
    """A platform's developer mends everything in one go."""
    who = Applicant("何嘉欣", "resident-id", "1", phone="x")
    with pytest.raises(BadTold) as caught:
        check(desk, told(person=who, ground="none", channel="x", employer="a\tb"), TODAY)
    assert {one.field for one in caught.value.faults} >= {"phone", "ground", "channel", "employer"}


@pytest.mark.parametrize(
    ("rights", "where"),
    [
        (SMALLEST, EVERYWHERE),
        (frozenset({Right.DOCUMENTS, Right.NAMES, Right.CHECK_IN, Right.BOOKINGS}), EVERYWHERE),
        (frozenset({Right.INTAKE}), "gym"),
    ],
)
def test_only_the_right_of_its_own_hands_in(platform, rights, where):
    """What an integrator gets when nothing is said hands in nothing, and neither does another place's right."""
    assert platform.send(rights, where).json["code"] == "not-permitted"


def test_a_platforms_application_goes_the_same_way_as_any_other(desk):
    """Claimed and reviewed; nothing passes while papers are missing; its history begins with the channel."""
    made = taken(desk)
    office.claim(desk, made.id, OFFICER, at=LATER)
    with pytest.raises(office.Objected):
        office.forward(desk, made.id, OFFICER, advice="approve", at=LATER)
    assert history(desk, made.id)[-1].act == "import"
    assert find(desk, made.id).recorded_by == "integrator:i"


def test_nothing_of_a_person_stands_in_the_clear(desk):
    """Sealed content and keyed hashes: the row holds neither name nor number."""
    taken(desk)
    with desk.register.read() as connection:
        row = connection.execute(sa.select(APPLICATIONS)).one()
    for value in row:
        assert NUMBER not in str(value)
        assert "何嘉欣" not in str(value)


def test_a_list_names_its_lines_by_person_ground_and_reference(desk):
    """The same line of the same list is known again, with another reference it is another; a change is refused."""
    line = {"channel": f"{LIST}development", "channel_receipt": "", "ground": "gold-12", "limb": "b"}
    line |= {"listed_by": "development", "reference": "穗云发改〔2026〕1号", "basis_ends": date(2027, 12, 31)}
    assert [taken(desk, **line).outcome for _ in range(2)] == [IntakeOutcome.NEW, IntakeOutcome.KNOWN]
    assert taken(desk, **(line | {"reference": "穗云发改〔2026〕2号"})).outcome is IntakeOutcome.NEW
    with pytest.raises(Differs):
        taken(desk, **(line | {"post": "总监"}))
