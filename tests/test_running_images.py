"""The built images, run: what is in them and what is not, whose they are, that they serve on a read-only root.

`make images` builds them and runs this file. IMAGES names a folder in which they were built already (its `images`).
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.hosts.province import resident_id
from tests.images import Image, Store
from tests.parts import part

pytestmark = pytest.mark.soak

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("verifier", "issuer", "worker", "all")
SIGNING = re.compile(rb'BEGIN ([A-Z]+ )?PRIVATE KEY|"d"\s*:\s*"[A-Za-z0-9_-]{43}"')
SERVES = """
check() { python -c "$HEALTH"; }
check 2>/dev/null && exit 9  # nothing serves yet: a check that holds now would hold always
"$@" &
server=$!
for turn in $(seq 240); do check 2>/dev/null && break; kill -0 $server || exit 8; sleep 0.5; done
check && python -c "
import http.client as h
for path in ('/healthz', '/readyz', '/counter', '/office'):
    c = h.HTTPConnection('127.0.0.1', 8000, timeout=20); c.request('GET', path); a = c.getresponse()
    print(path, a.status)
"
code=$?
[ -z "$THEN" ] || python -c "$THEN" || code=7
kill -TERM $server; wait $server
exit $code
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Every target: built from this tree, unless IMAGES names a folder with them."""
    part("buildah", "buildah")
    part("unshare", "util-linux")
    made = os.environ.get("IMAGES")
    folder = Path(made) if made else tmp_path_factory.mktemp("images")
    if made is None:
        part("debootstrap", "debootstrap")
        built = subprocess.run(
            ["tools/images.sh"], cwd=ROOT, env=os.environ | {"STORE": str(folder / "images")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert built.returncode == 0, built.stderr[-4000:]
    store = Store(folder)
    yield {target: store.open(f"yunju-{target}") for target in TARGETS}
    store.close()
    if made is None:
        shutil.rmtree(folder)


@pytest.fixture
def data(tmp_path):
    """What the image sees as /data: a folder of its own user."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, 10001, 10001)
    for place in (tmp_path, *tmp_path.parents):  # the image's user has no way through pytest's own folders otherwise
        if place.stat().st_uid == os.getuid() and place.name.startswith("pytest"):
            place.chmod(0o755)
    return folder


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_says_what_runs_it(images: dict[str, Image], target: str) -> None:
    """Number of its user, data folder, health check; nothing of the machine that built it."""
    config = images[target].config
    assert config["User"] == "10001:10001"
    assert config["Volumes"] == {"/data": {}}
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    names = {pair.partition("=")[0] for pair in config["Env"]}
    surfaces = {"verifier": "verifier,counter,wallet,audit", "issuer": "issuer,office"}.get(target)
    assert (f"YUNJU_SURFACES={surfaces}" in config["Env"]) is (surfaces is not None)
    assert names - {"YUNJU_SURFACES"} == {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "YUNJU_VAR"}


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_can_build_and_install_nothing(images: dict[str, Image], target: str) -> None:
    """No compiler, no installer of packages, no tests, no tools, no history; the pages' assets are in."""
    image = images[target]
    programs = {path.rpartition("/")[2] for under in ("usr/bin", "usr/local", "opt") for path in image.files(under)}
    assert "python3" in programs
    assert programs & {"gcc", "cc", "c++", "g++", "clang", "ld", "make", "pip", "pip3", "npm", "node", "git"} == set()
    assert not any(image.holds(f"/srv/yunju/{left}") for left in ("tests", "tools", ".git", "var", "node_modules"))
    assert len(image.files("srv/yunju/web/static/vendor")) > 3
    assert not image.holds("/opt/setup")


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_holds_no_signing_key_and_no_data(images: dict[str, Image], target: str) -> None:
    """No PEM, no private JWK among the application's files; /data is empty."""
    root = images[target].root
    held = [path for path in (root / "srv/yunju").rglob("*") if path.is_file() and SIGNING.search(path.read_bytes())]
    assert held == []
    assert images[target].files("data") == set()


def test_the_verifiers_image_has_no_line_of_the_issuers_code(images: dict[str, Image]) -> None:
    """What issues cards is in the others and not in it: what is missing are these folders and files alone."""
    here, all_of_it = (images[name].files("srv/yunju") for name in ("verifier", "all"))
    assert here <= all_of_it
    gone = {path for path in all_of_it - here if not path.endswith(".pyc")}
    places = ("issuer/", "web/apply/", "web/office/", "web/templates/apply/", "web/templates/office/", "web/seeding")
    assert {path for path in gone if not path.startswith(places)} == {"web/demo.py", "web/surfaces/issuer.py"}
    assert len([path for path in gone if path.startswith("issuer/")]) > 50


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_locked_down(images: dict[str, Image], target: str, data: Path) -> None:
    """Its user, no capability, no new privileges; nothing but /data and /tmp can be written to."""
    script = (
        "id -u; grep -hE '^(CapEff|CapBnd|NoNewPrivs):' /proc/self/status | tr -d '[:blank:]'; "
        "for place in / /srv/yunju /opt/yunju /data /tmp; do "
        "touch $place/x 2>/dev/null && echo written $place; done; true"
    )
    told = images[target].run("sh", "-c", script, data=data)
    zero = "0" * 16
    assert told.stdout.split("\n") == [
        "10001", f"CapEff:{zero}", f"CapBnd:{zero}", "NoNewPrivs:1", "written /data", "written /tmp", "",
    ], told.stderr  # fmt: skip


def test_the_whole_image_serves_and_works(images: dict[str, Image], data: Path) -> None:
    """The stores are made by its own commands; its own command serves; its own health check tells before from after."""
    image = images["all"]
    settings = {"YUNJU_BASE_URL": "https://card.test"}
    for words in (
        ["issuer", "init", "--root-keys", "/data/root"], ["accounts", "init"], ["verifier", "init"],
        ["accounts", "person", "--help"], ["keys", "list"], ["ops", "work", "--once"],
    ):  # fmt: skip
        done = image.run("python", "-m", *words, data=data, **settings)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    health = image.config["Healthcheck"]["Test"][-1]
    served = image.run("sh", "-c", SERVES, "serve", *image.config["Cmd"], data=data, HEALTH=health, **settings)
    assert served.returncode == 0, served.stderr
    statuses = dict(line.split() for line in served.stdout.splitlines() if line.startswith("/"))
    assert (statuses["/healthz"], statuses["/readyz"], statuses["/counter"]) == ("200", "200", "200"), served.stderr


def test_the_verifiers_image_runs_its_own_commands(images: dict[str, Image], data: Path) -> None:
    """Keys of its own, stores, doctor, background work; the issuer's command is not there."""
    image = images["verifier"]
    settings = {"YUNJU_BASE_URL": "https://card.test"}
    for words in (
        ["keys", "generate", "receipt"],
        ["keys", "generate", "log"],
        ["accounts", "init"],
        ["verifier", "init"],
    ):
        done = image.run("python", "-m", *words, data=data, **settings)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    doctor = image.run("python", "-m", "ops", "doctor", "--json", data=data, **settings)
    assert '"documents"' in doctor.stdout, doctor.stderr
    assert "Traceback" not in doctor.stderr
    refused = image.run("python", "-m", "issuer", "init", data=data, **settings)
    assert "No module named issuer" in refused.stderr


def test_the_workers_image_works_by_itself(images: dict[str, Image], data: Path) -> None:
    """Its command is the background work; its health check holds while it runs and not before."""
    image = images["worker"]
    assert image.config["Cmd"] == ["python", "-m", "ops", "work"]
    settings = {"YUNJU_BASE_URL": "https://card.test"}
    for words in (["issuer", "init", "--root-keys", "/data/root"], ["accounts", "init"], ["verifier", "init"]):
        assert image.run("python", "-m", *words, data=data, **settings).returncode == 0
    script = (
        'check() { python -m ops work --status; }; check >/dev/null 2>&1 && exit 9; "$@" & work=$!; '
        "for turn in $(seq 60); do check >/dev/null 2>&1 && break; kill -0 $work || exit 8; sleep 0.5; done; "
        "check; code=$?; kill -TERM $work; wait $work; exit $code"
    )
    done = image.run("sh", "-c", script, "work", *image.config["Cmd"], data=data, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert image.config["Healthcheck"]["Test"][1:] == ["python", "-m", "ops", "work", "--status"]


CHECKS_IN = """
import http.client, json, os
from edge.clock import SystemClock
from edge.encoding import b64u
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
signer, base = FileSigner.generate(), os.environ['YUNJU_BASE_URL']
def send(path, value, token=None, **headers):
    data, operation = json.dumps(value).encode(), headers.get('Idempotency-Key')
    proof = build_proof(signer, 'POST', base + path, data, token, SystemClock().now(), operation=operation)
    given = {'Content-Type': 'application/json', 'DPoP': proof, **headers}
    if token: given['Authorization'] = 'DPoP ' + token
    c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=60); c.request('POST', path, data, given)
    a = c.getresponse(); return a.status, json.loads(a.read())
code = json.loads(os.environ['DEVICE'])['code']
status, made = send('/v1/devices/enrolments', {'code': code, 'jwk': public_jwk(signer.public_key)})
assert status == 201, made
for card in (os.environ['CARD'], os.environ['CARD'][:-4] + 'AAAA'):
    asked = {'presentation': card, 'service': 'steward-certificate', 'id_checked': True, 'reference': 'ZS-2026-0001'}
    status, told = send('/v1/check-ins', asked, made['access_token'], **{'Idempotency-Key': b64u(os.urandom(16))})
    print('check-in', status, told.get('outcome'), told.get('reason') or told.get('code'))
"""


ISSUING = {"YUNJU_BASE_URL": "https://card.test", "YUNJU_SURFACES": "issuer,office"}
VERIFYING = ISSUING | {"YUNJU_SURFACES": "verifier,counter,wallet,audit", "YUNJU_ROOT": "/data/root.jwk"}


def published_card(images: dict[str, Image], office: Path, data: Path) -> str:
    """Let the issuer's image make its stores, admit the verifier's keys, issue a printed card and publish."""
    issuer, verifier = images["issuer"], images["verifier"]

    def run(line: str) -> str:
        return ran(issuer, *line.split(), data=office, **ISSUING).stdout

    run("issuer init --root-keys /data/root")
    run("accounts init")
    for purpose in ("receipt", "log"):
        ran(verifier, "keys", "generate", purpose, data=data, **VERIFYING)
        offer = ran(verifier, "keys", "offer", purpose, data=data, **VERIFYING)
        (office / f"{purpose}.json").write_text(offer.stdout)
        run(f"keys admit /data/{purpose}.json --kid {offer.stderr.split()[-1]}")
    (office / "number").write_text(resident_id(7))
    holder = json.loads(run("issuer holder add --name 周晓宁 --id-file /data/number --phone 13800138000 --json"))["id"]
    run(f"issuer holder ground {holder} silver-6")
    number = json.loads(run(f"issuer card issue {holder} --json"))["number"]
    run("issuer publish --root-keys /data/root")
    return run(f"issuer card qr {number} --format text").strip()


def test_a_card_of_the_issuers_image_is_granted_by_the_verifiers_and_logged_by_the_workers(
    images: dict[str, Image], tmp_path: Path, data: Path
) -> None:
    """Three images, two folders of data: one publishes, one grants on what was published, one signs the log."""
    verifier, office = images["verifier"], tmp_path / "office"
    office.mkdir(mode=0o700)
    os.chown(office, 10001, 10001)
    card = published_card(images, office, data)
    shutil.copytree(office / "published", data / "published")
    shutil.copy(office / "published/root.jwk", data)
    for path in (data, *data.rglob("*")):
        os.chown(path, 10001, 10001)
    for room in ("accounts", "verifier"):
        ran(verifier, room, "init", data=data, **VERIFYING)
    line = "accounts device add --point hrss --no-operator --json"
    device = ran(verifier, *line.split(), data=data, **VERIFYING).stdout
    asked = {"HEALTH": verifier.config["Healthcheck"]["Test"][-1], "THEN": CHECKS_IN, "DEVICE": device, "CARD": card}
    served = verifier.run("sh", "-c", SERVES, "serve", *verifier.config["Cmd"], data=data, **asked, **VERIFYING)
    assert served.returncode == 0, served.stdout + served.stderr
    said = [line for line in served.stdout.splitlines() if line.startswith("check-in")]
    assert said == ["check-in 201 granted None", "check-in 201 denied bad-signature"], served.stdout + served.stderr
    signed = data / "log-checkpoint/state.json"
    assert not signed.exists(), "the verifier's web workers sign no checkpoint"
    ran(images["worker"], "ops", "work", "--once", data=data, **VERIFYING)
    assert signed.exists(), "the worker's image signed the log's first checkpoint"


def ran(image: Image, *words: str, data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m …` in an image; it must end well."""
    done = image.run("python", "-m", *words, data=data, **settings)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done


@pytest.mark.parametrize("target", TARGETS)
def test_sizes_are_those_of_the_handbook(images: dict[str, Image], target: str) -> None:
    """The page on deployment tells each image's size over its base, to a tenth."""
    page = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    told = {name: int(size) for name, size in re.findall(r"^\| `(\w+)` \|[^|]*\| (\d+) MB \|", page, re.MULTILINE)}
    assert images[target].megabytes("/opt/yunju", "/srv/yunju") == pytest.approx(told[target], rel=0.1)
