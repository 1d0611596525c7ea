"""Resolves every lock again and shows what would change: `make lock-check`. Nothing is installed or changed.

Exit 0: every lock can still be resolved, with or without changes. Exit 1: a lock cannot be resolved; the resolver's own
words follow.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = (
    "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-strip-extras",
    "--python-version", "3.11", "--python-platform", "linux",
)  # fmt: skip
PIN = re.compile(r"^([\w.-]+(?:\[[\w,.-]+\])?)==([\w.+!]+)", re.MULTILINE)


def pins(text: str) -> dict[str, str]:
    """Return each pinned requirement of a lock, with its extras, and its version; a plain one beside it is left out."""
    found = dict(PIN.findall(text))
    twice = {name.partition("[")[0] for name in found if "[" in name}
    return {name: version for name, version in found.items() if name not in twice}


def moves(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """Yield what differs between two resolutions, in words."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None:
            yield f"{name} {new} would come"
        elif new is None:
            yield f"{name} {old} would go"
        elif old != new:
            yield f"{name} {old} would become {new}"


def resolved(extra: str | None, core: Path | None, out: Path) -> dict[str, str]:
    """Resolve what pyproject.toml asks, with nothing pinned but the core; SystemExit with the resolver's words."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS, "pyproject.toml", "-o", str(out)]
    command += ["--extra", extra] if extra else []
    command += ["-c", str(core)] if core else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(f"error: {extra or 'core'} cannot be resolved any more\n{done.stderr}")
        raise SystemExit(1)
    return pins(out.read_text("utf-8"))


def main() -> int:
    """Compare every lock with a resolution of now."""
    moved = 0
    with tempfile.TemporaryDirectory() as folder:
        core = Path(folder) / "core.txt"
        names = sorted(path.stem for path in (ROOT / "requirements").glob("*.txt") if path.stem != "core")
        for name in ["core", *names]:
            is_core = name == "core"
            out = core if is_core else Path(folder) / f"{name}.txt"
            found = resolved(None if is_core else name, None if is_core else core, out)
            held = pins((ROOT / "requirements" / f"{name}.txt").read_text("utf-8"))
            for line in moves(held, found):
                moved += 1
                print(f"{name}: {line}")
    print(f"{moved} would move; `make lock` takes them in" if moved else "nothing would move")
    return 0


if __name__ == "__main__":
    sys.exit(main())
