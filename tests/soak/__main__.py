"""`python -m tests.soak --minutes 30`: the soak over both stores, and its report; exit 1 when anything was wrong."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.soak.judging import shown
from tests.soak.run import STORES, Plan, soak


def say(text: str) -> None:
    """Tell a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Read the arguments, soak, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of traffic, shared by the stores")
    parser.add_argument("--store", choices=STORES, action="append", help="one store alone")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of every choice by chance")
    parser.add_argument("--holders", type=int, default=80)
    parser.add_argument("--report", type=Path, help="write the figures there too, as JSON")
    asked = parser.parse_args()
    stores = asked.store or list(STORES)
    say(f"seed {asked.seed}")
    verdicts = {}
    for store in stores:
        plan = Plan(store, asked.minutes * 60 / len(stores), asked.seed, asked.holders)
        with TemporaryDirectory(prefix="yunju-soak-") as folder:
            verdicts[store] = soak(plan, Path(folder), say)
        say(shown(store, verdicts[store]))
    if asked.report is not None:
        told = {store: {"wrong": one.wrong, "figures": one.figures} for store, one in verdicts.items()}
        asked.report.write_text(json.dumps(told, ensure_ascii=False, indent=2), "utf-8")
    return 1 if any(one.wrong for one in verdicts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
