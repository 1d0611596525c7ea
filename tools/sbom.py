"""Writes the software bill of materials of the shipped product from the locks: CycloneDX JSON, `python tools/sbom.py
FILE`.

The Python packages come from requirements/core.txt by cyclonedx. The npm packages of the pages come from
package-lock.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def python_bill() -> dict[str, Any]:
    """Return the bill of the locked Python packages."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--pyproject"]
    asked = [*command, str(ROOT / "pyproject.toml"), str(ROOT / "requirements" / "core.txt")]
    made = subprocess.run(asked, check=True, capture_output=True, text=True)
    bill: dict[str, Any] = json.loads(made.stdout)
    return bill


def npm_components() -> list[dict[str, Any]]:
    """Return the npm packages whose files the pages ship, as components."""
    locked = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    return [
        {
            "type": "library",
            "bom-ref": f"npm:{name}@{told['version']}",
            "name": name,
            "version": told["version"],
            "purl": f"pkg:npm/{name.replace('@', '%40')}@{told['version']}",
            "licenses": [{"expression": told["license"]}],
        }
        for path, told in sorted(locked.items())
        if (name := path.partition("node_modules/")[2]) and not told.get("dev")
    ]


def main(target: str) -> None:
    """Write the bill to a file."""
    bill = python_bill()
    bill["components"] = [*bill.get("components", []), *npm_components()]
    Path(target).write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
