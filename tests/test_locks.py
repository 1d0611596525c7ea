"""What is installed is pinned: each name has a hash, no lock names an address, the manifest tells what was copied."""

import ast
import hashlib
import json
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "core": None,
    "setup": "setup",
    "dev": "dev",
    "devices": "devices",
    "devices-test": "devices-test",
    "scanner": "scanner",
    "postgres": "postgres",
    "hsm": "hsm",
    "tracing": "tracing",
    "fuzz": "fuzz",
    "compose": "compose",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ADDRESS = re.compile(r"https?://|git\+|@\s*file:|--(extra-)?index-url|--find-links", re.IGNORECASE)


def canonical(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(lock: str) -> set[str]:
    """The names that pyproject.toml asks of this lock."""
    extra = LOCKS[lock]
    lines = PROJECT["dependencies"] + (PROJECT["optional-dependencies"][extra] if extra else [])
    return {canonical(re.split(r"[<>=\[;~! ]", line, maxsplit=1)[0]) for line in lines}


def pins(text: str) -> dict[str, str]:
    """The names of a lock and their versions."""
    return {
        canonical(name): version
        for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,.-]+\])?==([\w.+!]+)", text, re.MULTILINE)
    }


def read_lock(lock: str) -> str:
    """A lock's text."""
    return (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_every_name_with_hashes(lock: str) -> None:
    """Each dependency asked for is pinned, and each pin is followed by at least one SHA-256."""
    text = read_lock(lock)
    assert wanted(lock) <= set(pins(text))
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("path", [*(f"requirements/{lock}.txt" for lock in LOCKS), "package-lock.json", ".npmrc"])
def test_lock_names_no_address(path: str) -> None:
    """Any index or mirror serves: no lock says where a file comes from."""
    assert ADDRESS.search((ROOT / path).read_text(encoding="utf-8")) is None


@pytest.mark.parametrize("lock", [lock for lock in LOCKS if lock != "core"])
def test_locks_agree_with_the_core(lock: str) -> None:
    """One version of each package, whichever of the locks are installed."""
    core, other = pins(read_lock("core")), pins(read_lock(lock))
    assert {name: version for name, version in other.items() if core.get(name, version) != version} == {}


PINNED = re.compile(r"^([\w.-]+)(?:\[([\w,.-]+)\])?==", re.MULTILINE)


def extras_pinned(text: str) -> dict[str, set[str]]:
    """The names of a lock and the extras that each is pinned with."""
    found: dict[str, set[str]] = {}
    for name, extras in PINNED.findall(text):
        found.setdefault(canonical(name), set()).update(filter(None, extras.split(",")))
    return found


def bare_pins(text: str) -> list[str]:
    """What Debian's pip would look for afresh: packages asked for with an extra that the lock pins without.

    Read as that pip does, from what each locked package that is installed here asks for itself.
    """
    pinned, faults = extras_pinned(text), []
    for name, extras in pinned.items():
        for line in requires(name) or []:
            asked = Requirement(line)
            holds = asked.marker is None or any(asked.marker.evaluate({"extra": one}) for one in {"", *extras})
            missing = asked.extras - pinned.get(canonical(asked.name), set(asked.extras))
            if holds and missing:
                faults.append(f"{name} asks for {asked.name}[{','.join(sorted(missing))}]")
    return faults


def requires(name: str) -> list[str] | None:
    """What an installed distribution asks for; None where it is not installed (a lock of another kind of machine)."""
    try:
        return distribution(name).requires
    except PackageNotFoundError:
        return None


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_asked_for_with_an_extra_is_pinned_with_it(lock: str) -> None:
    """Debian 12's pip looks for an unpinned version otherwise, and hash-checking mode refuses it."""
    assert bare_pins(read_lock(lock)) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_pinned_with_an_extra_is_pinned_without_it_too(lock: str) -> None:
    """Another package may ask for it without: pip takes the two for different ones, and looks for the newest."""
    pinned = PINNED.findall(read_lock(lock))
    plain = {name for name, extras in pinned if not extras}
    assert {name for name, extras in pinned if extras} <= plain


def test_our_own_extras_are_pinned_with_their_extras_too() -> None:
    """What pyproject.toml asks for with an extra, as psycopg[binary], stands so in the lock of its kind."""
    faults = []
    for lock, extra in LOCKS.items():
        lines = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
        pinned = extras_pinned(read_lock(lock))
        asked = [Requirement(line) for line in lines]
        faults += [str(one) for one in asked if one.extras - pinned[canonical(one.name)]]
    assert faults == []


def test_a_pin_that_lost_its_extra_is_found() -> None:
    """The rule itself can fail: the very line that stopped `make test` on a fresh machine."""
    text = read_lock("dev")
    assert "coverage[toml]==" in text
    assert bare_pins(text.replace("coverage[toml]==", "coverage==")) == ["pytest-cov asks for coverage[toml]"]


def test_nothing_is_installed_by_an_index_name_that_is_not_ours() -> None:
    """Whoever publishes that name would run code on counters: installs name the checkout's own lists."""
    named = subprocess.run(
        ["git", "grep", "-nE", r"pip install[^#]*['\" ]yunju", "--", ".", ":!CHANGELOG.md", ":!tests/test_locks.py"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert named.stdout == ""


def test_the_check_of_the_locks_tells_what_would_move() -> None:
    """New, gone, another version; nothing for what stays."""
    moves = runpy.run_path(str(ROOT / "tools/lock_check.py"))["moves"]
    before, after = {"a": "1", "b[x]": "1", "c": "1"}, {"a": "1", "b[x]": "2", "d": "1"}
    assert list(moves(before, after)) == ["b[x] 1 would become 2", "c 1 would go", "d 1 would come"]


def test_the_licence_is_told_wherever_one_looks() -> None:
    """LICENSE in full, pyproject.toml, README, and a notice for every package whose files are copied."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["license"] == "Apache-2.0"
    assert all((ROOT / name).exists() for name in PROJECT["license-files"])
    assert "(LICENSE)" in (ROOT / "README.md").read_text(encoding="utf-8")
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    manifest = json.loads((ROOT / "web/static/vendor/manifest.json").read_bytes())
    assert [one["package"] for one in manifest["assets"] if one["package"] not in notice] == []


@cache
def distributions_of_modules() -> Mapping[str, list[str]]:
    """Which installed distributions bring each top-level module: read once, since every package's files are listed."""
    return packages_distributions()


def imported(folder: str) -> set[str]:
    """The top-level modules that the files under a folder import, ours and the standard library's left out."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / folder).rglob("*.py"))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    froms = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    strangers = {name.split(".")[0] for name in plain | froms} - sys.stdlib_module_names
    ours = {path.stem for folder in (ROOT, ROOT / "client") for path in folder.iterdir()}
    return strangers - ours


@pytest.mark.parametrize(
    ("folder", "locks"),
    [
        *((room, ("core",)) for room in ("accounts", "audit", "cards", "hooks", "issuer", "ledger")),
        ("edge", ("core", "postgres")),
        ("verifier", ("core",)),
        ("web", ("core", "tracing")),
        ("keys", ("core", "hsm")),
        ("devices", ("core", "devices", "scanner")),
        ("tests", ("dev", "setup", "postgres", "devices-test", "hsm", "tracing", "fuzz")),
        ("bench", ("dev",)),
        ("client", ("dev",)),
    ],
)
def test_what_is_imported_is_locked(folder: str, locks: tuple[str, ...]) -> None:
    """No room counts on a package that only happens to be installed on its author's machine."""
    owners = {
        "smartcard": ["pyscard"],
        "serial": ["pyserial"],
        "ykman": ["yubikey-manager"],
        "yubikit": ["yubikey-manager"],
    }
    owners |= distributions_of_modules()
    pinned = {name for lock in locks for name in pins(read_lock(lock))}
    unlocked = {top for top in imported(folder) if not pinned & {canonical(name) for name in owners.get(top, [top])}}
    assert unlocked == set()


def test_core_serves_debians_python() -> None:
    """On Debian 12's Python 3.11.2 the Redis client needs async-timeout, which later ones do not."""
    assert "async-timeout" in pins(read_lock("core"))


def test_msgspec_is_pinned_exactly() -> None:
    """The reader of request bodies changes deliberately (decision 0002)."""
    assert "msgspec==0.22.0" in PROJECT["dependencies"]


def test_npm_lock_pins_every_package_exactly() -> None:
    """package.json names exact versions, and the lock has the same ones with their integrity."""
    package = json.loads((ROOT / "package.json").read_bytes())
    locked = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    asked = package["dependencies"] | package["devDependencies"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert all(entry["integrity"].startswith("sha512-") for path, entry in locked.items() if path)


def test_copied_assets_are_what_the_manifest_says() -> None:
    """Every served file has the hash that was written down, and a licence text travels with each package."""
    manifest = json.loads((ROOT / "web/static/vendor/manifest.json").read_bytes())
    for asset in manifest["assets"]:
        assert any("LICENSE" in file["path"] for file in asset["files"]), asset["package"]
        for file in asset["files"]:
            assert hashlib.sha256((ROOT / file["path"]).read_bytes()).hexdigest() == file["sha256"], file["path"]


def test_assets_without_npm_are_refused_with_a_remedy(tmp_path: Path) -> None:
    """Where node_modules is missing the script says what to run and writes no manifest."""
    (tmp_path / "tools").mkdir()
    for name in ("tools/assets.py", "package-lock.json"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, str(tmp_path / "tools/assets.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "hint: " in done.stderr
    assert not (tmp_path / "web/static/vendor/manifest.json").exists()


@pytest.mark.parametrize("script", ["find-python.sh", "system-packages.sh", "lock.sh", "../.ci/run"])
def test_setup_scripts_are_valid_and_executable(script: str) -> None:
    """A set-up script can be run as it lies in the tree and has no fault of grammar."""
    path = ROOT / "tools" / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0


def test_system_packages_each_have_a_reason() -> None:
    """Nobody wonders later why a machine needs a package."""
    lines = (ROOT / "tools/system-packages-test.txt").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    assert listed
    assert [line for line in listed if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+\s+# \S.*", line)] == []
