"""`python -m bench`: runs the benchmarks, prints a table and writes bench-latest.json."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import audit, decode, desks, devices, ledger, ledger_redis, office, over_http, tokens
from bench.rows import Row, table
from bench.world import BenchWorld


def main() -> None:
    """Run all, or those named."""
    parser = argparse.ArgumentParser(description="Each figure beside a floor measured in the same run.")
    parser.add_argument("--full", action="store_true", help="with a million holders; takes long")
    benches = ["tokens", "ledger", "http", "devices", "audit", "decode", "desks", "office", []]
    parser.add_argument("only", nargs="*", choices=benches, help="these alone")
    asked = parser.parse_args()
    rows: list[Row] = []
    if not asked.only or "tokens" in asked.only:
        with TemporaryDirectory() as folder:
            rows += tokens.run(BenchWorld(Path(folder), "http://127.0.0.1:8000"), full=asked.full)
    if not asked.only or "ledger" in asked.only:
        rows += ledger.run(asked.full)
        rows += ledger_redis.run(asked.full)
    if not asked.only or "http" in asked.only:
        rows += over_http.run(asked.full)
    if not asked.only or "devices" in asked.only:
        rows += devices.run(asked.full)
    if not asked.only or "audit" in asked.only:
        rows += audit.run(asked.full)
    if not asked.only or "decode" in asked.only:
        rows += decode.run(asked.full)
    if not asked.only or "desks" in asked.only:
        rows += desks.run(short="desks" not in asked.only and not asked.full)
    if not asked.only or "office" in asked.only:
        rows += office.run(full=asked.full)
    print(table(rows))
    Path("bench-latest.json").write_text(json.dumps([{**asdict(row), "ratio": row.ratio} for row in rows], indent=1))


if __name__ == "__main__":
    main()
