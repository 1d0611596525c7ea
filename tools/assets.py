"""Copies the ready files that the pages and the printed card use out of node_modules, and writes a manifest of them.

The manifest beside the files names the package, the version, the licence and the SHA-256 of each file. So anybody can
compare the served files with the pinned files. Nothing is bundled or rewritten.
"""

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = Path("web/static/vendor/manifest.json")


@dataclass(frozen=True, slots=True)
class Asset:
    """One npm package: the place of its files, the files, and the licence text that must go with them."""

    package: str
    folder: Path
    files: tuple[str, ...]
    licences: tuple[str, ...]


IDB_TYPES = tuple(
    f"build/{name}.d.ts" for name in ("async-iterators", "database-extras", "entry", "index", "util", "wrap-idb-value")
)

ASSETS = (
    Asset("lean-qr", Path("web/static/vendor/lean-qr"), ("index.mjs",), ("LICENSE",)),
    Asset(
        "zxing-wasm",
        Path("web/static/vendor/zxing-wasm"),
        ("dist/iife/reader/index.js", "dist/reader/zxing_reader.wasm"),
        ("LICENSE",),
    ),
    Asset("fflate", Path("web/static/vendor/fflate"), ("esm/browser.js",), ("LICENSE",)),
    # Its types come along: the type checker reads them instead of the minified script.
    Asset("idb", Path("web/static/vendor/idb"), (*IDB_TYPES, "build/index.js"), ("LICENSE",)),
    Asset("chart.js", Path("web/static/vendor/chart.js"), ("dist/chart.umd.min.js",), ("LICENSE.md",)),
    # Contained in chart.js's file: its licence travels along.
    Asset("@kurkle/color", Path("web/static/vendor/kurkle-color"), (), ("LICENSE.md",)),
    Asset(
        "@expo-google-fonts/noto-sans-sc",
        Path("edge/vendor/noto-sans-sc"),
        ("400Regular/NotoSansSC_400Regular.ttf", "700Bold/NotoSansSC_700Bold.ttf"),
        ("LICENSE_FONT",),
    ),
)


def copy_asset(asset: Asset, root: Path) -> list[dict[str, str]]:
    """Copy one package's files under `root`; gives their manifest rows. Raises FileNotFoundError if npm has not run."""
    source = root / "node_modules" / asset.package
    target = root / asset.folder
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    rows = []
    for name in (*asset.files, *asset.licences):
        path = target / Path(name).name
        shutil.copyfile(source / name, path)
        content = path.read_bytes()
        rows.append({"path": str(path.relative_to(root)), "from": name, "sha256": hashlib.sha256(content).hexdigest()})
    return rows


def manifest(root: Path) -> dict[str, object]:
    """Copy every asset under `root` and describe the result, in the order of ASSETS."""
    lock = json.loads((root / "package-lock.json").read_bytes())["packages"]
    described = []
    for asset in ASSETS:
        pinned = lock[f"node_modules/{asset.package}"]
        entry = {"package": asset.package, "version": pinned["version"], "licence": pinned["license"]}
        described.append({**entry, "integrity": pinned["integrity"], "files": copy_asset(asset, root)})
    return {"assets": described}


def main() -> int:
    """Copy all assets of this tree and write the manifest; 1 with a remedy where node_modules lacks one."""
    try:
        described = manifest(ROOT)
    except FileNotFoundError as missing:
        print(f"error: {missing.filename} is missing\nhint: .venv/bin/npm ci", file=sys.stderr)
        return 1
    (ROOT / MANIFEST).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
