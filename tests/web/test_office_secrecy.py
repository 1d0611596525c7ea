"""Where identity numbers and papers must not be: stores, attachments, published files, logs, mails, backups."""

import http.client
import io
import json
import logging
import re
import uuid
from datetime import timedelta
from io import BytesIO

import pytest

from accounts.rights import EVERYWHERE, Grant, Right, Role
from issuer.applications.attachments import Attachments
from issuer.applications.notices import MAIL, SMS
from issuer.applications.records import Filter, find, listed
from issuer.applications.sending import send_due
from issuer.applications.states import State
from ops.backup import make_backup
from tests.issuer.applying import pdf
from tests.issuer.builders import resident_id
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser
from tests.web.test_apply import all_papers, begun, receipt_of, send_paper

pytestmark = pytest.mark.slow
APPLIED, TOLD, LISTED, WRONG = (resident_id(sequence=sequence) for sequence in (951, 952, 953, 954))
WRONG = WRONG[:-1] + ("0" if WRONG[-1] != "0" else "1")
MARK = "a-word-of-the-paper"
SECRETS = (APPLIED, TOLD, LISTED, WRONG, APPLIED[-8:], TOLD[-8:], LISTED[-8:], WRONG[-8:])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with an officer."""
    made = Site(tmp_path_factory.mktemp("secrecy"))
    grants = [Grant(Role.OFFICER)]
    made.office.accounts.people.add("officer", PASSWORD, grants, by=BY, at=made.clock.now())
    yield made
    made.close()


class Heard(logging.Handler):
    """Everything that any logger said, with what goes along."""

    def __init__(self) -> None:
        super().__init__()
        self.said = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        told = {name: str(value) for name, value in record.__dict__.items() if name != "exc_info"}
        self.said.write(f"{record.getMessage()} {told} {record.exc_info}\n")


@pytest.fixture
def heard():
    """What is logged meanwhile, from the finest level on."""
    handler, root = Heard(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.said
    root.setLevel(level)
    root.removeHandler(handler)


def applied(site, number):
    """Somebody applies by the pages, with a slip before."""
    visitor = Browser(site.app, site.base, "198.51.100.91")
    told = {"name": "何嘉欣", "id_type": "resident-id", "phone": "13800001111", "email": "someone@host.example"}
    for each in (WRONG, number):
        visitor.send("/apply/new?limb=gold-6.a", **told, id_number=each)
    visitor.send("/apply/employer", employer="某公司", employer_kind="registered-or-taxed", post="")
    visitor.send("/apply/ground", ground="gold-6.a")
    all_papers(visitor)
    send_paper(visitor, "contract", pdf(MARK), begins="2026-01-01", ends="2028-12-31")
    visitor.send("/apply/hand-in", form="/apply/papers")


def told_by_a_platform(site, number):
    """A platform tells an application, once right and once wrong."""
    at = site.clock.now()
    rights, until = {EVERYWHERE: frozenset({Right.INTAKE})}, at + timedelta(days=9)
    token = site.office.accounts.integrators.add(uuid.uuid4().hex, rights, expires_at=until, by=BY, at=at)[1]
    answers = []
    for each in (WRONG, number):
        who = {"name": "何嘉欣", "id_type": "resident-id", "id_number": each, "phone": "13800001112"}
        body = {"channel": "province", "receipt": "GD-1", "person": who, "ground": "gold-6", "employer": "某公司"}
        headers = {"Authorization": f"Bearer {token}"}
        answers.append(site.app.test_client().post("/v1/applications", json=body, headers=headers))
    return answers


def imported(site, *numbers):
    """An officer looks at a list with a slip in it, and imports the good rows."""
    officer = Browser(site.app, site.base, "198.51.100.92")
    officer.sign_in("officer")
    lines = "".join(f"林志远,{number},某公司\n" for number in numbers)
    told = {"kind": "list", "department": "development", "ground": "gold-12/b", "reference": "函1号"}
    file = (BytesIO(f"姓名,证件号码,单位\n{lines}".encode()), f"{numbers[0]}.csv")
    looked = officer.send("/office/import", **told, file=file)
    draft = re.search(r'action="(/office/import/[^"]+)"', looked.get_data(as_text=True))[1]
    return [looked, officer.send(draft, form="/office/import", skip_faulty="yes")]


def test_no_identity_number_and_no_paper_is_found_anywhere(site, heard, tmp_path):
    """By pages, call and import, with slips on each way: grepped in every file, log line, mail and answer."""
    applied(site, APPLIED)  # whoever typed a number sees it again beside the fault; nobody else does
    answers = [*told_by_a_platform(site, TOLD), *imported(site, WRONG, LISTED)]
    sent = []
    assert send_due(site.office.desk, {MAIL: sent.append, SMS: sent.append}, site.clock.now()) == []
    made = listed(site.office.desk, Filter(states=frozenset({State.SUBMITTED})), limit=99)
    assert {APPLIED, TOLD, LISTED} <= {find(site.office.desk, one.id).content.identity.number for one in made}
    make_backup(site.settings, tmp_path / "backup", b"a passphrase of the tests", site.clock.now())
    places = {f"answer {number}": answer.data for number, answer in enumerate(answers)}
    places |= {"log": heard.getvalue().encode(), "notices": repr([(one, one.told) for one in sent]).encode()}
    for folder in (site.settings.var, tmp_path / "backup"):
        places |= {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(sent) >= 3
    assert len(places) > 30
    for place, data in places.items():
        for secret in (*SECRETS, MARK):
            for form in (secret.encode(), json.dumps(secret).encode(), secret.encode("utf-16-le")):
                assert form not in data, (place, secret[:3])


def test_an_upload_that_breaks_off_leaves_nothing_and_holds_nobody_up(site):
    """Half a paper, then silence: others are answered meanwhile, no file and no row is left; the whole one is kept."""
    visitor = Browser(site.app, site.base, "198.51.100.93")
    begun(visitor)
    token, cookie = visitor.token("/apply/papers"), visitor.client.get_cookie("yunju_forms", domain="127.0.0.1").value
    store = Attachments(site.settings.attachments, site.office.desk.register)
    before = sorted(path for path in store._folder.rglob("*"))
    edge = "edge-of-the-parts"
    part = f'--{edge}\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n--{edge}\r\n'
    part += 'Content-Disposition: form-data; name="file"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
    whole = part.encode() + pdf(MARK) + f"\r\n--{edge}--\r\n".encode()
    headers = {
        "Cookie": f"yunju_forms={cookie}",
        "Origin": site.base,
        "Content-Type": f"multipart/form-data; boundary={edge}",
        "Content-Length": str(len(whole)),
    }

    def connected():
        call = http.client.HTTPConnection(site.base.removeprefix("http://"), timeout=60)
        call.putrequest("POST", "/apply/papers/degree")
        for name, value in headers.items():
            call.putheader(name, value)
        call.endheaders()
        return call

    stalled = connected()
    stalled.send(whole[: len(whole) // 2])
    other = http.client.HTTPConnection(site.base.removeprefix("http://"), timeout=60)
    other.request("GET", "/healthz")
    assert other.getresponse().status == 200
    other.close()
    stalled.close()
    (application,) = [one for one in _drafts(site) if one.content.phone == "13800001111"][-1:]
    assert find(site.office.desk, application.id).files == ()
    assert sorted(path for path in store._folder.rglob("*")) == before
    slow = connected()
    for start in range(0, len(whole), 97):
        slow.send(whole[start : start + 97])
    assert slow.getresponse().status == 303
    slow.close()
    assert [file.key for file in find(site.office.desk, application.id).files] == ["degree"]
    assert receipt_of(visitor)[0] == application.receipt


def _drafts(site):
    """Applications that are being filled in, newest last."""
    found = listed(site.office.desk, Filter(states=frozenset({State.DRAFT})), limit=99)
    return sorted((find(site.office.desk, one.id) for one in found), key=lambda one: one.created_at)
