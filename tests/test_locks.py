"""What is installed is pinned: each name has a hash, no lock names an address, the manifest tells what was copied."""

import ast
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

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


def imported(folder: str) -> set[str]:
    """The top-level modules that the files under a folder import, ours and the standard library's left out."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / folder).rglob("*.py"))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    froms = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    strangers = {name.split(".")[0] for name in plain | froms} - sys.stdlib_module_names
    ours = {path.stem for path in ROOT.iterdir()}
    return strangers - ours


@pytest.mark.parametrize(
    ("folder", "locks"),
    [
        *(
            (room, ("core",))
            for room in ("accounts", "audit", "cards", "edge", "issuer", "keys", "ledger", "verifier", "web")
        ),
        ("devices", ("core", "devices", "scanner")),
        ("tests", ("dev", "setup", "postgres", "devices-test", "hsm", "tracing")),
        ("bench", ("dev",)),
    ],
)
def test_what_is_imported_is_locked(folder: str, locks: tuple[str, ...]) -> None:
    """No room counts on a package that only happens to be installed on its author's machine."""
    owners = packages_distributions()
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
