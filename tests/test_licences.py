"""Which licences ship with the product, and the bill of materials that names every package of the locks."""

import json
import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "Apache Software License",
    "Apache-2.0",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT License",
    "MIT-0",
    "MIT-CMU",
    "Mozilla Public License 2.0 (MPL 2.0)",  # files of its own, unaltered: certifi
    "OFL-1.1",  # the font
    "PSF-2.0",
    "Python Software Foundation License",
}
"""Permissive licences, and two that ask something for their own files alone. Another one is a decision first."""

EXTRA = {"qrcode": {"Other/Proprietary License"}}
"""What a package says beside its licence: qrcode's classifier for a paper that it follows; its own text is BSD."""


def locked(name: str = "core") -> dict[str, str]:
    """Return the packages of a lock with their versions."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", text, re.MULTILINE))


def shipped_npm() -> dict[str, str]:
    """Return the npm packages whose files ship, with their licences."""
    packages = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    return {
        path.partition("node_modules/")[2]: told["license"]
        for path, told in packages.items()
        if path and not told.get("dev")
    }


def licences(package: str) -> set[str]:
    """Return what a Python package says of its licence."""
    told = metadata(package)
    if told.get("License-Expression"):
        return set(re.split(r" (?:OR|AND) ", told["License-Expression"]))
    named = {each.split(" :: ")[-1] for each in told.get_all("Classifier", []) if each.startswith("License")}
    return named or {told.get("License", "none")}


@pytest.mark.parametrize("package", sorted(locked()))
def test_a_package_that_ships_has_a_licence_of_the_list(package):
    """Of every locked Python package."""
    assert licences(package) - EXTRA.get(package, set()) <= ALLOWED


def test_a_page_ships_no_other_licence():
    """Of every npm package whose files are copied."""
    for package, said in shipped_npm().items():
        assert set(re.split(r" (?:OR|AND) ", said.strip("()"))) <= ALLOWED, package


@pytest.mark.slow
def test_the_bill_of_materials_names_every_package(tmp_path):
    """`make sbom`: CycloneDX, each Python and npm package that ships with its version, twice alike."""
    bills = []
    for number in range(2):
        target = tmp_path / f"{number}.json"
        subprocess.run([sys.executable, "tools/sbom.py", str(target)], cwd=ROOT, check=True)
        bills.append(target.read_text(encoding="utf-8"))
    assert bills[0] == bills[1]
    bill = json.loads(bills[0])
    named = {(each["name"].lower(), each["version"]) for each in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert {(name.lower(), version) for name, version in locked().items()} <= named
    assert set(shipped_npm()) <= {name for name, _ in named}
