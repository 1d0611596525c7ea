"""A process of its own that imports one file and tells what it did and how much memory it took: FOLDER FILE."""

import json
import sys
from pathlib import Path

from issuer.applications.importing import ImportOptions, bring_in, look
from tests.issuer.builders import BY, NOON, make_desk

LIST = ImportOptions("list", department="development", ground="gold-12", limb="b", reference="穗云发改〔2026〕1号")


def kilobytes(name):
    """A figure of this process, as the kernel keeps it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def main(folder, file):
    """Import the file, then look at the same file again."""
    desk, told = make_desk(Path(folder), ready=False), []
    before = kilobytes("VmRSS")
    with Path(file).open("rb") as opened:
        done = bring_in(desk, opened, LIST, by=BY, at=NOON, progress=told.append)
        again = look(desk, opened, LIST, at=NOON)
        once_more = bring_in(desk, opened, LIST, by=BY, at=NOON)
    grown = kilobytes("VmHWM") - before
    steady = told == sorted(told) and told[-1] == done.rows
    values = {"new": done.new, "known": again.counts["known"], "made": once_more.new, "steady": steady}
    sys.stdout.write(json.dumps(values | {"form": done.form, "steps": len(told), "megabytes": grown // 1024}))
    desk.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
