"""`python -m tests.fuzz [--minutes M] [NAME …]`: every target in turn, each in a process of its own; a table, faults.

The time is shared out alike, in rounds, so that a first fault is told early. Inputs that opened new ways are kept under
build/fuzz and are where the next run begins. Exit 1 where anything was found.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tests.fuzz.names import NAMES

ROOT = Path(__file__).parents[2]
ROUND_S = 45
"""The most seconds that a target has at a stretch."""


def one_round(name: str, seconds: float, folder: Path) -> dict:
    """Run one target; a process that dies without telling is a fault of its own."""
    told = folder / f"{name}.json"
    told.unlink(missing_ok=True)
    log = folder / f"{name}.log"
    command = [sys.executable, "-m", "tests.fuzz.driver", name, str(seconds), str(folder)]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "client")])}
    with log.open("w") as out:
        ended = subprocess.run(command, cwd=ROOT, env=environ, stdout=out, stderr=out, check=False)
    found = (
        json.loads(told.read_text())
        if told.exists()
        else {"engine": "?", "executions": 0, "seconds": 0, "peak_mb": 0, "faults": {}}
    )
    if ended.returncode or not told.exists():
        found["faults"][f"the process ended with {ended.returncode}"] = {"value": "", "told": log.read_text()[-3000:]}
    return found


def run(names: list[str], minutes: float, folder: Path) -> dict[str, dict]:
    """Share the minutes out and go round; the sum of what each target did."""
    whole: dict[str, dict] = defaultdict(
        lambda: {"executions": 0, "seconds": 0.0, "peak_mb": 0, "engine": "", "faults": {}}
    )
    left = minutes * 60
    while left > 1:
        share = max(2.0, min(ROUND_S, left / len(names)))
        for name in names:
            found = one_round(name, share, folder)
            for figure in ("executions", "seconds"):
                whole[name][figure] += found[figure]
            whole[name]["peak_mb"] = max(whole[name]["peak_mb"], found["peak_mb"])
            whole[name]["engine"] = found["engine"]
            whole[name]["faults"] |= found["faults"]
            for key in found["faults"]:
                print(f"! {name}: {key}", flush=True)
            (folder / "summary.json").write_text(json.dumps(whole, ensure_ascii=False, indent=1))
        left -= share * len(names)
    return whole


def table(whole: dict[str, dict]) -> str:
    """What was done, a line each."""
    lines = [f"{'target':<24}{'executions':>12}{'seconds':>9}{'peak MB':>9}{'faults':>8}"]
    lines += [
        f"{name:<24}{one['executions']:>12,}{one['seconds']:>9.0f}{one['peak_mb']:>9}{len(one['faults']):>8}"
        for name, one in whole.items()
    ]
    lines.append(f"{'all':<24}{sum(one['executions'] for one in whole.values()):>12,}")
    return "\n".join(lines)


def main() -> int:
    """Run what is asked for."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("names", nargs="*", choices=[[], *NAMES], help="targets; all of them where none is named")
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz")
    given = asked.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    whole = run(given.names or list(NAMES), given.minutes, given.folder.resolve())
    print(table(whole))
    faults = [(name, key, told) for name, one in whole.items() for key, told in one["faults"].items()]
    for name, key, told in faults:
        print(f"\n{name}: {key}\n  input {told['value'][:600]}\n{told['told'][-1500:]}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
