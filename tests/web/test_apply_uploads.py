"""A paper in pieces at `/apply`: the calls and their refusals, and Chromium going on after the connection broke."""

import re
from hashlib import sha256
from io import BytesIO
from random import Random

import pytest
from PIL import Image
from playwright.sync_api import expect

from issuer.applications import uploads
from issuer.applications.attachments import Attachments
from issuer.applications.files import plain_file
from issuer.applications.records import Filter, find, listed
from issuer.applications.states import State
from issuer.applications.uploads import PIECE
from tests.issuer.applying import pdf
from tests.issuer.builders import resident_id
from tests.waiting import until
from tests.web.site import Site
from tests.web.staffing import Browser, text_of
from tests.web.test_accessibility import violations
from tests.web.test_application_flow import PHONE, fill_in
from tests.web.test_apply import begun

pytestmark = pytest.mark.slow
PLACES = iter(range(1, 250))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine of its own."""
    made = Site(tmp_path_factory.mktemp("uploads"))
    yield made
    made.close()


@pytest.fixture
def visitor(site):
    """Somebody whose browser opened an application, as far as its papers."""
    made = Browser(site.app, site.base, f"203.0.113.{next(PLACES)}")
    begun(made)
    return made


@pytest.fixture(scope="module")
def scan():
    """A scan of more than two pieces, as a JPEG file: nothing in it can be packed."""
    noise = Random(5).randbytes(700 * 800 * 3)
    target = BytesIO()
    Image.frombytes("RGB", (700, 800), noise).save(target, "JPEG", quality=92)
    data = target.getvalue()
    assert 2 * PIECE < len(data) < 4 * PIECE
    return data


def announce(visitor, data, key="degree", **changes):
    """Say what is coming."""
    told = {"size": str(len(data)), "sha256": sha256(data).hexdigest(), **changes}
    return visitor.send(f"/apply/papers/{key}/upload", form="/apply/papers", **told)


def piece(visitor, upload, offset, data, key="degree"):
    """Send one piece."""
    values = {"offset": str(offset), "piece": (BytesIO(data), "blob")}
    return visitor.send(f"/apply/papers/{key}/upload/{upload}", form="/apply/papers", **values)


def send_all(visitor, data, key="degree", content=None):
    """Send a whole file in pieces; return its upload."""
    upload, content = announce(visitor, data, key).json["upload"], content or data
    for offset in range(0, len(data), PIECE):
        answer = piece(visitor, upload, offset, content[offset : offset + PIECE], key)
        assert answer.status_code == 200, answer.json
    return upload


def finish(visitor, upload, key="degree", **told):
    """Send the paper's form, with the upload in place of a file."""
    return visitor.send(f"/apply/papers/{key}", form="/apply/papers", upload=upload, **told)


def held(site, visitor):
    """The application that a browser opened."""
    with visitor.client.session_transaction(base_url=site.base) as session:
        return find(site.office.desk, session["application"])


def kept(site, application):
    """The files of an application, as they are kept."""
    desk = site.office.desk
    store = Attachments(desk.attachments, desk.register)
    return [(one.key, store.open(one.id)) for one in application.files]


def test_a_file_in_pieces_is_kept_as_one_that_came_at_once(site, visitor, scan):
    """Byte for byte the copy that the plain form makes; no piece is left behind."""
    upload = send_all(visitor, scan)
    assert finish(visitor, upload).status_code == 303
    plain = plain_file(scan, most_bytes=10_000_000, pages_most=30).data
    assert kept(site, held(site, visitor)) == [("degree", plain)]
    assert uploads.on_the_way(site.office.desk, held(site, visitor).id) == {}
    assert finish(visitor, upload).status_code == 422


def test_the_server_says_where_a_file_goes_on(visitor, scan):
    """A piece twice, a piece too far, a piece at no number: the right offset, and nothing is counted twice."""
    upload = announce(visitor, scan).json["upload"]
    piece(visitor, upload, 0, scan[:PIECE])
    for offset in (0, 2 * PIECE, "", "-1", "x", "9" * 40, "²"):
        answer = piece(visitor, upload, offset, scan[:PIECE])
        assert (answer.status_code, answer.json) == (409, {"code": "offset", "offset": PIECE})
    assert announce(visitor, scan).json == {"upload": upload, "offset": PIECE, "piece": PIECE}


def test_another_applicants_upload_is_out_of_reach(site, visitor, scan):
    """Knowing its id helps nobody: no piece goes in, and the file comes to nobody else's application."""
    upload = send_all(visitor, scan)
    other = Browser(site.app, site.base, f"203.0.113.{next(PLACES)}")
    begun(other)
    answer = piece(other, upload, len(scan), b"x")
    assert (answer.status_code, answer.json) == (404, {"code": "no-upload"})
    answer = finish(other, upload)
    assert answer.status_code == 422
    assert "没有收到这份文件" in text_of(answer)
    assert held(site, other).files == ()
    assert finish(visitor, upload).status_code == 303


def test_without_an_open_application_nothing_is_taken(site, scan):
    """A stranger, and a paper that the ground does not ask for."""
    stranger = Browser(site.app, site.base, f"203.0.113.{next(PLACES)}")
    told = {"size": "9", "sha256": "0" * 64}
    assert stranger.send("/apply/papers/degree/upload", form="/apply/status", **told).status_code == 404
    begun(stranger)
    assert announce(stranger, scan, "no-such-paper").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"size": str(2 << 30)}, 413, "too-large"),
        ({"size": "10000001"}, 413, "too-large"),
        ({"size": "0"}, 422, "empty"),
        ({"size": "many"}, 422, "empty"),
        ({"sha256": "no hash"}, 422, "malformed"),
        ({"sha256": None}, 422, "malformed"),
    ],
)
def test_what_is_announced_wrongly_is_refused_before_a_byte_of_it(visitor, changes, status, code):
    """Two gigabytes, one byte too much, nothing, no hash."""
    answer = announce(visitor, b"data", **changes)
    assert (answer.status_code, answer.json) == (status, {"code": code})


def test_a_piece_beyond_its_bound_is_not_read(visitor, scan):
    """A piece has a size of its own, far below a file's."""
    upload = announce(visitor, scan).json["upload"]
    assert piece(visitor, upload, 0, bytes(PIECE + 20_000)).status_code == 413
    assert announce(visitor, scan).json["offset"] == 0


def test_content_swapped_on_the_way_is_refused(site, visitor, scan):
    """Another file's bytes under this file's announcement."""
    upload = send_all(visitor, scan, content=bytes(reversed(scan)))
    answer = finish(visitor, upload)
    assert answer.status_code == 422
    assert "与所选文件不一致" in text_of(answer)
    assert held(site, visitor).files == ()


def test_half_a_file_is_no_paper(site, visitor, scan):
    """The form that comes too early is told so; afterwards the file goes on."""
    upload = announce(visitor, scan).json["upload"]
    piece(visitor, upload, 0, scan[:PIECE])
    answer = finish(visitor, upload)
    assert answer.status_code == 422
    assert "没有传完" in text_of(answer)
    assert f"传到 {100 * PIECE // len(scan)}%" in text_of(answer)
    assert held(site, visitor).files == ()
    assert announce(visitor, scan).json["offset"] == PIECE


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"#!/bin/sh\nrm -rf /" * 9, "只收 PDF"),
        (pdf() + b"PK\x03\x04" + bytes(PIECE), "不是单纯的 PDF"),
        (b"\xff\xd8\xff\xe0broken", "无法读取"),
    ],
)
def test_what_comes_in_pieces_goes_through_the_same_check(site, visitor, data, said):
    """A script, a document that is two things, a broken picture: refused whole, and no piece stays."""
    upload = send_all(visitor, data)
    answer = finish(visitor, upload)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert uploads.on_the_way(site.office.desk, held(site, visitor).id) == {}


def test_a_day_that_cannot_be_costs_no_file(site, visitor, scan):
    """The form is wrong and the file is not: it waits, and comes with the form that is right."""
    upload = send_all(visitor, scan, "contract")
    assert finish(visitor, upload, "contract", begins="yesterday").status_code == 422
    assert announce(visitor, scan, "contract").json == {"upload": upload, "offset": len(scan), "piece": PIECE}
    assert finish(visitor, upload, "contract", begins="2026-01-01", ends="2028-12-31").status_code == 303
    assert [one.key for one in held(site, visitor).files] == ["contract"]


def test_pieces_from_one_place_are_bounded_in_rate(site, visitor, scan, monkeypatch):
    """Beyond the limit the answer says when to go on; nothing that arrived is lost."""
    at = site.clock.now()
    monkeypatch.setattr(site.clock, "now", lambda: at)
    upload = announce(visitor, scan).json["upload"]
    piece(visitor, upload, 0, scan[:PIECE])
    token = visitor.token("/apply/papers")

    def again():
        path, values = f"/apply/papers/degree/upload/{upload}", {"csrf_token": token, "offset": "0"}
        place, headers = {"REMOTE_ADDR": visitor.address}, {"Origin": visitor.base}
        return visitor.client.post(path, data=values, base_url=visitor.base, headers=headers, environ_base=place)

    answers = [again() for _ in range(200)]
    assert answers[0].status_code == 409
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert announce(visitor, scan).json["offset"] == PIECE


@pytest.mark.parametrize("path", ["/apply/papers/degree/upload", f"/apply/papers/degree/upload/{'x' * 22}"])
def test_a_piece_without_the_token_is_refused(site, visitor, path):
    """Another site's page sends nothing in a visitor's name."""
    answer = visitor.client.post(
        path, data={"size": "1"}, base_url=site.base, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 400


# -- in a browser ------------------------------------------------------------------------------------------------------


class Line:
    """The line between a page and the server: counts the pieces, and can be cut in the middle of a file."""

    def __init__(self, page) -> None:
        self.offsets, self.whole_after = [], None
        self._page = page
        page.route(re.compile(r"/upload/[A-Za-z0-9_-]{22}$"), self._passes)

    def _passes(self, route) -> None:
        offset = int(re.search(rb'name="offset"\r\n\r\n(\d+)', route.request.post_data_buffer)[1])
        if self.whole_after is not None and len(self.offsets) >= self.whole_after:
            route.abort("connectionreset")
            return
        self.offsets.append(offset)
        route.continue_()


def at_papers(opened, number):
    """A phone at the papers of an application."""
    page = opened("/apply/new?limb=gold-6.a", viewport=PHONE)
    fill_in(page, resident_id(sequence=number))
    page.click("[type=submit]")
    expect(page.locator("#missing")).to_be_visible()
    return page


def choose(page, data, key="degree"):
    """Choose a file and press its button."""
    page.set_input_files(f"#{key}-file", {"name": "IMG_0001.JPG", "mimeType": "image/jpeg", "buffer": data})
    page.click(f"#{key} form[data-upload] button[type=submit]")


def kept_of(site, page):
    """The files of the application that a page shows, as they are kept: found by the receipt on the page."""
    receipt = page.locator("main .mono").first.inner_text()
    (found,) = listed(site.office.desk, Filter(states=frozenset({State.DRAFT}), text=receipt), limit=2)
    return kept(site, find(site.office.desk, found.id))


@pytest.mark.browser
def test_a_broken_connection_costs_one_piece_and_the_page_goes_on_by_itself(opened, site, scan):
    """Cut after the first piece: the page says so, and goes on once the line is back; the paper is whole."""
    page = at_papers(opened, 801)
    line = Line(page)
    line.whole_after = 1
    choose(page, scan)
    expect(page.locator("#degree .preview")).to_have_js_property("naturalWidth", 700)
    expect(page.locator("#identity .preview")).to_be_hidden()
    status = page.locator("#degree [role=status]")
    expect(status).to_contain_text("连接中断")
    expect(page.locator("#degree .percent")).not_to_have_text("0%")
    assert violations(page) == []
    line.whole_after = None
    expect(page.locator("#degree .pill.ok")).to_be_visible()
    assert line.offsets == list(range(0, len(scan), PIECE))
    plain = plain_file(scan, most_bytes=10_000_000, pages_most=30).data
    until(lambda: kept_of(site, page) == [("degree", plain)])


@pytest.mark.browser
def test_after_the_page_was_closed_the_same_file_goes_on_and_another_begins_anew(opened, site, scan):
    """The page says how far a file came; chosen again it goes on from there, and nothing is sent twice."""
    page = at_papers(opened, 802)
    line = Line(page)
    line.whole_after = 2
    choose(page, scan)
    expect(page.locator("#degree [role=status]")).to_contain_text("连接中断")
    page.reload()
    expect(page.locator("#degree .rest")).to_contain_text(f"{100 * 2 * PIECE // len(scan)}%")
    line.whole_after = None
    choose(page, scan)
    expect(page.locator("#degree .pill.ok")).to_be_visible()
    assert line.offsets == list(range(0, len(scan), PIECE))
    choose(page, pdf("another"), "identity")
    expect(page.locator("#identity .pill.ok")).to_be_visible()
    assert line.offsets[-1] == 0
    until(lambda: sorted(key for key, _ in kept_of(site, page)) == ["degree", "identity"])


@pytest.mark.browser
def test_a_file_beyond_the_bound_is_said_to_be_before_it_is_read(opened, site, tmp_path):
    """The page says so beside the file in place of an earlier fault, and sends nothing."""
    page = at_papers(opened, 803)
    choose(page, b"#!/bin/sh\n" * 99)
    expect(page.locator("#degree-fault")).to_be_visible()
    line = Line(page)
    large = tmp_path / "IMG_0001.JPG"
    large.write_bytes(bytes(10_000_001))
    page.set_input_files("#degree-file", large)  # the browser reads it itself: handing it over took ten seconds
    page.click("#degree form[data-upload] button[type=submit]")
    expect(page.locator("#degree .upload-fault")).to_contain_text("文件过大")
    expect(page.locator("#degree-fault")).to_have_count(0)  # of the file before
    expect(page.locator("#degree .uploading")).to_be_hidden()
    assert line.offsets == []


@pytest.mark.browser
def test_what_the_server_refuses_is_said_by_the_plain_page(opened, site):
    """No picture and no document: the same sentence as without a script."""
    page = at_papers(opened, 804)
    choose(page, b"#!/bin/sh\n" * 99)
    expect(page.locator("#degree-fault")).to_contain_text("只收 PDF")
