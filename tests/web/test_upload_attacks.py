"""What an attacker tries at `/apply` and `/office`, a line each; the lines that are proven elsewhere are named here.

| line | where |
|---|---|
| polyglot PDF, EXIF | tests/issuer/test_application_files.py, tests/web/test_apply.py |
| XLSX zip bomb, macro, external links | tests/issuer/test_importing.py, and at the page below |
| script named .jpg, path names, two gigabytes, CSV formulas, CSRF at every form, guessing | below |
| an upload that stalls or drips | tests/web/test_office_secrecy.py, tests/test_serving_slowly.py |
| session fixation | tests/web/test_apply.py, tests/web/test_staff_frame.py |
| TOTP replay | tests/web/test_staff_second_step.py |
"""

import csv
import re
import tracemalloc
from io import BytesIO
from itertools import product

import pytest

from accounts.rights import Grant, Role
from issuer.applications.importing import ImportOptions, look
from issuer.applications.records import find
from tests.issuer.applying import handed_in, pdf
from tests.issuer.builders import BY, photo, resident_id
from tests.issuer.test_importing import HOSTILE
from tests.web.site import Site
from tests.web.staffing import PASSWORD, Browser, text_of
from tests.web.test_apply import begun, receipt_of
from tests.web.test_office_routes import named

pytestmark = pytest.mark.slow
TWO_GB = 2 << 30
PLACES = iter(range(1, 250))
EDGE = "edge-of-the-parts"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with an officer."""
    made = Site(tmp_path_factory.mktemp("attacks"))
    made.office.accounts.people.add("liu.ying", PASSWORD, [Grant(Role.OFFICER)], by=BY, at=made.clock.now())
    yield made
    made.close()


@pytest.fixture
def visitor(site):
    """Somebody at an address of their own."""
    return Browser(site.app, site.base, f"203.0.113.{next(PLACES)}")


@pytest.fixture
def officer(site, visitor):
    """An officer who signed in."""
    assert visitor.sign_in("liu.ying").status_code == 303
    return visitor


class Endless:
    """A body of two gigabytes that is made as it is read, and counts what was read of it."""

    def __init__(self, head: bytes) -> None:
        self.head, self.taken = head, 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, zeros after the head."""
        size = min(size if size >= 0 else TWO_GB, TWO_GB - self.taken, 1 << 16)
        piece = (self.head[self.taken : self.taken + size] + bytes(size))[:size]
        self.taken += size
        return piece


def files_of(site):
    """Every file on the machine's disk, with its size."""
    return {path: path.stat().st_size for path in site.settings.var.rglob("*") if path.is_file()}


@pytest.mark.parametrize("field", ["file", "piece", "name"])
def test_two_gigabytes_of_unknown_length_are_refused_early_without_memory_or_disk(site, visitor, field):
    """Sent in chunks, so that no length gives them away: a file, a piece, a plain field. Little more than the bound
    is read, the memory stays below a few files, and no byte lies on the disk.
    """
    begun(visitor)
    path, most = "/apply/papers/degree", 11_000_000
    if field == "piece":
        told = {"size": "9000000", "sha256": "0" * 64}
        path += f"/upload/{visitor.send(f'{path}/upload', form='/apply/papers', **told).json['upload']}"
        most = 400_000
    token = visitor.token("/apply/papers")
    shown = f'form-data; name="{field}"' + ('; filename="a.pdf"' if field != "name" else "")
    head = f'--{EDGE}\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
    body = Endless(f"{head}--{EDGE}\r\nContent-Disposition: {shown}\r\n\r\n".encode())
    before = files_of(site)
    tracemalloc.start()
    answer = visitor.client.post(
        path,
        base_url=site.base,
        headers={"Origin": site.base, "Content-Type": f"multipart/form-data; boundary={EDGE}"},
        environ_overrides={
            "REMOTE_ADDR": visitor.address,
            "wsgi.input": body,
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
        },
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 400 <= answer.status_code < 500
    assert body.taken <= most
    assert peak < 4 * most + 8_000_000
    grown = {path: size for path, size in files_of(site).items() if before.get(path) != size}
    assert sum(grown.values()) - sum(before.get(path, 0) for path in grown) < 100_000


NAMES = [
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/cron.d/evil",
    "C:\\papers\\SECRET-NAME.jpg",
    "a.pdf\0.sh",
    "名字-SECRET-NAME.pdf",
    ".htaccess",
    "x" * 5000,
]


def test_a_path_in_a_files_name_leads_nowhere_and_is_kept_nowhere(site, visitor):
    """The client's name for a file is thrown away: files lie under names of our own, in one folder."""
    begun(visitor)
    before = set(files_of(site))
    for name in NAMES:
        answer = visitor.send("/apply/papers/degree", form="/apply/papers", file=(BytesIO(pdf()), name))
        assert answer.status_code == 303, name
    made = {path for path in files_of(site) if path not in before and "register.db" not in path.name}
    assert len(made) == len(NAMES)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", path.name) for path in made)
    assert {path.parent.parent for path in made} == {site.settings.attachments}
    told = {part.encode() for name in NAMES for part in re.split(r"[/\\]", name) if len(part) > 8}
    everything = b"".join(path.read_bytes() for path in files_of(site))
    assert [part for part in told if part in everything] == []


def held(site, visitor):
    """The application that a browser opened."""
    with visitor.client.session_transaction(base_url=site.base) as session:
        return find(site.office.desk, session["application"])


def test_a_script_named_jpg_is_refused_and_a_picture_named_sh_is_taken(site, visitor):
    """Neither the name nor the type that a browser tells counts: the content does."""
    begun(visitor)
    for data, name, kind, status in (
        (b"#!/bin/sh\necho evil\n", "holiday.jpg", "image/jpeg", 422),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.png", "image/png", 422),
        (photo(), "evil.sh", "text/x-shellscript", 303),
    ):
        answer = visitor.send("/apply/papers/identity", form="/apply/papers", file=(BytesIO(data), name, kind))
        assert answer.status_code == status, name
    assert [one.media for one in held(site, visitor).files] == ["image/jpeg"]


def test_a_hostile_workbook_is_refused_at_the_page_beside_its_field(site, officer):
    """Bomb, macro, external link: 422 with the remedy, and nothing waits to be imported."""
    values = {"kind": "list", "department": "development", "ground": "gold-12/b", "reference": "文号1"}
    for what in ("a zip bomb", "macros", "links to other files", "an embedded file", "an entity"):
        data = HOSTILE[what][0]().getvalue()
        answer = officer.send("/office/import", file=(BytesIO(data), "list.xlsx"), **values)
        assert answer.status_code == 422, what
        assert "file-fault" in answer.get_data(as_text=True), what


def test_a_formula_in_a_list_is_refused_and_none_leaves_in_a_file(site, visitor, officer):
    """A cell that begins like a formula is a fault of its row; no cell of the worklist's file begins like one."""
    starts = ["=", "+", "-", "@", "＝", "＋"]
    lines = [f'林志远,{resident_id(sequence=910 + place)},"{one}cmd|calc"' for place, one in enumerate(starts)]
    options = ImportOptions("list", department="development", ground="gold-12", limb="b", reference="文号")
    file = BytesIO("\n".join(["姓名,证件号码,单位名称", *lines]).encode())
    found = look(site.office.desk, file, options, at=site.clock.now())
    assert [(fault.row, fault.code) for fault in found.faults] == [(row, "formula-start") for row in range(2, 8)]
    assert found.new == 0
    handed_in(site.office.desk, at=site.clock.now(), name="=1+1")
    exported = officer.get("/office/worklist.csv?tab=all").get_data(as_text=True)
    cells = list(csv.reader(exported.lstrip("\ufeff").splitlines()))
    assert len(cells) >= 2
    assert [cell for line in cells for cell in line if cell[:1] in set("=+-@\t＝＋－＠")] == []


def test_every_form_of_the_office_and_of_applying_wants_its_token(site, officer):
    """Another site's page sends nothing in anybody's name: each post without the form's token is refused, all alike."""
    begun(officer)
    rules = [rule for rule in site.app.url_map.iter_rules() if rule.rule.split("/")[1] in {"apply", "office"}]
    paths = {named(rule.rule) for rule in rules if "POST" in (rule.methods or set())}
    assert len(paths) > 40
    place = {"REMOTE_ADDR": officer.address}
    headers, taken = {"Origin": site.base}, {}
    for path, token in product(sorted(paths), (None, "IjAwIg.nonsense.token")):
        values = {"sure": "yes"} | ({} if token is None else {"csrf_token": token})
        answer = officer.client.post(path, data=values, base_url=site.base, headers=headers, environ_base=place)
        if answer.status_code != 400:
            taken[path] = answer.status_code
    assert taken == {}


def test_guessing_of_receipts_learns_nothing_and_is_slowed(site, visitor):
    """A receipt that exists with a wrong code looks like one that does not exist; after ten the place waits."""
    begun(visitor)
    receipt, code = receipt_of(visitor)
    guesser = Browser(site.app, site.base, f"203.0.113.{next(PLACES)}")
    plain = re.compile(r'value="[^"]*"')
    known = guesser.send("/apply/status", receipt=receipt, code="wrongwrongwrong1")
    unknown = guesser.send("/apply/status", receipt=receipt[:-6] + "999999", code=code)
    assert known.status_code == unknown.status_code == 403
    assert plain.sub("", known.get_data(as_text=True)) == plain.sub("", unknown.get_data(as_text=True))
    assert "回执号与查询码不符" in text_of(known)
    answers = [
        guesser.send("/apply/status", receipt=receipt[:-6] + f"{number:06d}", code=code).status_code
        for number in range(12)
    ]
    assert 429 in answers
    assert set(answers) == {403, 429}
    with guesser.client.session_transaction(base_url=site.base) as session:
        assert "application" not in session
