"""What the image and the compose file promise to an operator, read from the files themselves."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edge.clock import SystemClock
from edge.settings import load_settings
from issuer.publishing.setup import set_up
from issuer.register.issuer import open_issuer
from tests.web.composition import GIVEN, composed

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"https?://(?!127\.0\.0\.1|issuer:)[\w.-]+|\b[\w-]+(\.[\w-]+)*\.(com|org|net|io|cn)\b")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, continued lines joined, comments left out."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined) if name]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Each stage's instructions, by its name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, rest in instructions():
        if name == "FROM":
            stage = found[rest.split(" AS ")[1]] = []
        elif name != "ARG":
            stage.append((name, rest))
    return found


def values(name: str, stage: str = "base") -> list[str]:
    """What a stage says for an instruction; `base` is what all images share."""
    return [rest for found, rest in stages()[stage] if found == name]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """The services of compose.yaml, as Docker Compose understands them."""
    return composed(tmp_path_factory.mktemp("composed"))


def volumes(service: dict) -> list[tuple[str, str, bool]]:
    """What a service sees: the volume or file, where, and whether it may only read."""
    return [(one["source"].removeprefix("/"), one["target"], one.get("read_only", False)) for one in service["volumes"]]


def test_base_image_is_an_argument() -> None:
    """Every stage starts from BASE or from an earlier stage, so that a district uses its own image."""
    begun = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert begun == ["${BASE}", "build", "${BASE}", "base", "base", "base", "base"]
    assert instructions()[0][0] == "ARG"


def test_the_images_differ_in_surfaces_and_code_alone() -> None:
    """Each target is the base with a tree; the last one, which needs no name, is everything."""
    targets = ["verifier", "issuer", "worker", "all"]
    assert list(stages())[-4:] == targets
    assert [values("COPY", name) for name in targets] == [
        ["--from=build-verifier /build /srv/yunju"], *[["--from=build /build /srv/yunju"]] * 3,
    ]  # fmt: skip
    assert all({"RUN", "USER", "VOLUME"}.isdisjoint(dict(stages()[name])) for name in targets)
    for name in ("verifier", "issuer"):
        assert load_settings(dict(pair.split("=", 1) for pair in values("ENV", name))).surfaces
    assert values("CMD", "worker") == ['["python", "-m", "ops", "work"]']


def test_every_room_of_the_server_goes_into_the_image() -> None:
    """What pyproject.toml packs, the agent's room alone left out: let into the build, and compiled there."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]["find"]
    rooms = {name.rstrip("*") for name in packed["include"]} - {"devices"}
    assert rooms == {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "devices", "tests", "tools"}
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [room for room in sorted(rooms) if f"!{room}" not in let_in] == []
    [compiled] = [run for run in " && ".join(values("RUN", "build")).split("&&") if "compileall" in run]
    assert rooms <= set(compiled.split())


@pytest.mark.slow
def test_the_verifiers_image_serves_without_the_issuers_code(tmp_path: Path) -> None:
    """Pages, readiness, work and doctor run in a tree without what its stage removes; another surface is refused."""
    tree, folder = tmp_path / "tree", tmp_path / "var"
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in (rule[1:] for rule in rules if rule.startswith("!") and (ROOT / rule[1:]).is_dir()):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "wsgi.py", tree)
    [removed] = values("RUN", "build-verifier")
    subprocess.run(removed, shell=True, cwd=tree, check=True)
    assert not [path for path in tree.rglob("*.py") if path.parts[len(tree.parts)] == "issuer"]
    environ = {**os.environ, "YUNJU_VAR": str(folder), "YUNJU_BASE_URL": "https://card.test", "PYTHONPATH": ""}
    issuer = open_issuer(load_settings({"YUNJU_VAR": str(folder)}))
    set_up(issuer, SystemClock().now())
    issuer.close()
    [surfaces] = (pair for pair in values("ENV", "verifier") if pair.startswith("YUNJU_SURFACES="))
    environ |= dict([surfaces.split("=", 1)])

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=tree, env=environ | more, capture_output=True, text=True, check=False
        )

    for room in ("verifier", "accounts"):
        assert run("-m", room, "init").returncode == 0
    asked = (
        "import wsgi; client = wsgi.application.test_client(); "
        "print([client.get(path).status_code for path in ('/readyz', '/counter', '/audit')])"
    )
    assert run("-c", asked).stdout.strip() == "[200, 200, 303]", "auditors are sent to the sign-in"
    assert run("-m", "ops", "work", "--once").returncode == 0
    assert "Traceback" not in run("-m", "ops", "doctor").stderr
    refused = run("-c", "import wsgi", YUNJU_SURFACES="issuer")
    assert (refused.returncode, "take the image of all" in refused.stderr) == (3, True)


def test_image_does_not_run_as_root() -> None:
    """The last USER is a number other than 0, which a cluster's policy can check without a user table."""
    user, group = values("USER")[-1].split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_image_has_no_compiler_and_no_installer() -> None:
    """The last stage installs nothing; what it takes from the build has pip removed."""
    assert not re.search(r"apt-get|apk |pip install|gcc|build-essential", " ".join(values("RUN")))
    assert any("pip uninstall" in rest for name, rest in instructions() if name == "RUN")


def test_data_folder_is_a_volume_of_the_user() -> None:
    """Data lies outside the image, in a folder that only the service's user may read."""
    assert values("VOLUME") == ["/data"]
    assert any("YUNJU_VAR=/data" in rest for rest in values("ENV"))
    assert any("-m 0700 /data" in rest for rest in values("RUN"))


def test_health_check_asks_the_application() -> None:
    """The image says by itself whether it serves, without curl."""
    [check] = values("HEALTHCHECK")
    assert "/healthz" in check
    assert '"python"' in check


def test_installs_are_held_to_hashes() -> None:
    """Nothing enters the image that the locks do not name by hash."""
    runs = " && ".join(rest for name, rest in instructions() if name == "RUN").split("&&")
    installs = [run for run in runs if "pip install" in run]
    assert installs
    assert all("--require-hashes" in run for run in installs)
    assert any("npm ci" in run and "--ignore-scripts" in run for run in runs)


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", ".dockerignore", "gunicorn.conf.py", "Makefile"])
def test_no_address_is_named(name: str) -> None:
    """No file of the delivery names a host of anybody's."""
    assert ADDRESS.search((ROOT / name).read_text(encoding="utf-8")) is None


def test_build_context_holds_no_data() -> None:
    """Everything is left out and a few names are let in: none of them data, keys, history or tests."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert let_in.isdisjoint({"var", ".git", ".venv", "tests", "node_modules", ".env"})
    assert all((ROOT / name).exists() for name in let_in)


def test_each_service_gives_up_privileges(services: dict[str, dict]) -> None:
    """Read-only, no capability, no new privileges, no root, and a data volume of its own."""
    data = []
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        built = "build" in service  # ours, whose image names its user
        assert built or not service["user"].startswith("0"), name
        data += [source for source, target, _ in volumes(service) if target == "/data"]
    assert sorted(data) == [
        "issuer-data", "issuer-data", "redis-data", "redis-replica-data",
        "verifier-a-data", "verifier-a-data", "verifier-b-data",
    ], "a part shares its data with its own work alone"  # fmt: skip


@pytest.mark.parametrize("part", ["issuer", "verifier-a"])
def test_each_part_has_its_background_work_beside_it(services: dict[str, dict], part: str) -> None:
    """The same settings and data as its web workers, another command, a health check of its own."""
    web, work = services[part], services[f"{part}-work"]
    assert work["command"] == ["python", "-m", "ops", "work"]
    assert work["healthcheck"]["test"] == ["CMD", "python", "-m", "ops", "work", "--status"]
    for shared in ("environment", "volumes", "image", "build"):
        assert work[shared] == web[shared]


@pytest.mark.parametrize("unit", ["web", "work"])
def test_units_run_apart_without_privileges(unit: str) -> None:
    """A machine without containers runs the same two processes, each restarted by itself."""
    text = (ROOT / f"deploy/systemd/yunju-{unit}.service").read_text(encoding="utf-8")
    assert ("-m ops work" if unit == "work" else "-m gunicorn --config gunicorn.conf.py wsgi:application") in text
    for line in ("User=yunju", "NoNewPrivileges=yes", "ProtectSystem=strict", "Restart=always", "UMask=0077"):
        assert line in text.splitlines()


def test_each_service_runs_the_image_of_its_part(services: dict[str, dict]) -> None:
    """The verifiers' has no line of the issuer's code; compose builds it by the target of the same name."""
    built = {name: (one["image"], one["build"]["target"]) for name, one in services.items() if "build" in one}
    assert len(built) == 5
    for name, told in built.items():
        part = name.partition("-")[0]
        assert told == (f"yunju-{part}:local", part)
    assert {target for _, target in built.values()} <= stages().keys()


def test_ports_are_published_on_loopback_only(services: dict[str, dict]) -> None:
    """TLS ends at the front; nothing else is reached from outside, and nothing is open to the network by default."""
    ports = {name: service["ports"] for name, service in services.items() if service.get("ports")}
    assert set(ports) == {"front"}
    assert [port["host_ip"] for port in ports["front"]] == ["127.0.0.1"]


@pytest.mark.parametrize("name", ["verifier-a", "verifier-a-work", "verifier-b"])
def test_verifier_has_no_register_and_reads_published_documents_only(services: dict[str, dict], name: str) -> None:
    """The verifiers get the signed documents read-only, and of the issuer's data and passwords nothing at all."""
    verifier = services[name]
    assert ("published", "/published", True) in volumes(verifier)
    assert not any(source.startswith("issuer") for source, _, _ in volumes(verifier))
    assert "issuer" not in verifier["environment"]["YUNJU_SURFACES"].split(",")
    assert "YUNJU_REGISTER_URL" not in verifier["environment"]
    assert GIVEN["ISSUER_DATABASE_PASSWORD"] not in str(verifier)


@pytest.mark.parametrize("name", ["issuer", "issuer-work", "verifier-a", "verifier-a-work", "verifier-b"])
def test_each_service_starts_with_the_settings_of_the_file(
    services: dict[str, dict], name: str, tmp_path: Path
) -> None:
    """No value is refused, and none contradicts another; the office signs in at its own address."""
    given = services[name]["environment"] | {"YUNJU_VAR": str(tmp_path), "YUNJU_PUBLISHED": str(tmp_path / "published")}
    settings = load_settings(given)
    assert settings.base_url == "https://card.test"
    assert settings.staff_url == ("https://office.card.test" if name.startswith("issuer") else "https://card.test")


def test_the_verifier_asks_the_issuer_beside_it(services: dict[str, dict]) -> None:
    """What only the register knows (bookings by number, photos) is asked at the issuer's service and port, no other."""
    asked = urlsplit(services["verifier-a"]["environment"]["YUNJU_ISSUER_URL"])
    assert services["verifier-a"]["environment"]["YUNJU_PLAIN_HOSTS"] == asked.hostname
    assert "issuer" in services[asked.hostname]["environment"]["YUNJU_SURFACES"].split(",")
    assert any(f"0.0.0.0:{asked.port}" in command for command in values("CMD"))


def test_gunicorn_opens_nothing_before_the_fork() -> None:
    """SQLite connections, locks and threads do not survive a fork: the application is loaded in each worker."""
    conf = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert conf["preload_app"] is False
    assert conf["worker_class"] == "gthread"
    assert conf["accesslog"] is None
    assert conf["bind"].startswith("127.0.0.1:")
    assert conf["control_socket_disable"] is True
