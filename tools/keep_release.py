"""Keep the folder of a release for the tests of upgrades: `python tools/keep_release.py COMMIT`.

That release's own code makes the folder, in a copy of its tree: demonstration data, four uses at counters, a signed
log. It becomes tests/fixtures/var-COMMIT.tar.xz, which tests/ops/test_upgrade.py upgrades and serves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
USES = (("silver", "gym-visit", "gym"), ("gold", "library-facilities", "library"),
        ("diamond", "hospital-registration", "hosp-baiyun"), ("gold", "culture-facilities", "culture"))  # fmt: skip


def keep(commit: str) -> Path:
    """Make the folder by the commit's code, and pack it."""
    told = subprocess.run(["git", "rev-parse", "--short", commit], cwd=ROOT, check=True, capture_output=True, text=True)
    name = told.stdout.strip()
    target = ROOT / "tests" / "fixtures" / f"var-{name}.tar.xz"
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--detach", str(tree), commit], cwd=ROOT, check=True)
        try:
            environ = {**os.environ, "PYTHONPATH": str(tree)}
            command = [sys.executable, __file__, "--make", str(Path(folder) / "var")]
            subprocess.run(command, cwd=tree, env=environ, check=True)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)
        with tarfile.open(target, "w:xz") as packed:
            packed.add(Path(folder) / "var", "var")
    return target


def make(folder: Path) -> None:
    """Make a machine in a folder by the code that is imported here: another release's, where `keep` started this."""
    from tests.web.auditing import Counters, wait_for_log  # noqa: PLC0415 - not of the tree that this file lies in
    from tests.web.site import Site  # noqa: PLC0415 - as above

    site = Site(folder)
    try:
        counters, cards = Counters(site), {tier: site.printed(tier) for tier in ("silver", "gold", "diamond")}
        made = [counters.use(cards[tier], service, point)["id"] for tier, service, point in USES]
        for entry in made:
            wait_for_log(site, counters, entry)
        told = {"at": site.clock.now().isoformat(timespec="seconds"), "base": site.base, "first": made[0], **cards}
    finally:
        site.close()
    (folder / "fixture.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make(Path(sys.argv[2]))
    else:
        print(keep(sys.argv[1]))
