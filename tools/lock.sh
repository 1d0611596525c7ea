#!/bin/sh
# Writes requirements/*.txt anew: every package pinned with its hashes, no address of any registry (docs/decisions/0003).
# An argument is handed on, as in: tools/lock.sh --upgrade-package flask
set -eu
compile() { .venv/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url --no-strip-extras \
    --python-version 3.11 --python-platform linux "$@" pyproject.toml; }

compile "$@" -o requirements/core.txt
for extra in setup dev devices devices-test scanner postgres hsm tracing fuzz compose; do
    compile "$@" --extra "$extra" -c requirements/core.txt -o "requirements/$extra.txt"
done
# pip takes a package and the same package with an extra for two: where both are asked for, both must be pinned.
.venv/bin/python - <<'PY'
import re
from pathlib import Path

for path in Path("requirements").glob("*.txt"):
    blocks = re.split(r"\n(?=\S)", path.read_text("utf-8").rstrip("\n"))
    plain = [re.sub(r"^([\w.-]+)\[[^\]]+\]==", r"\1==", block) for block in blocks]
    both = [text for pair in zip(plain, blocks, strict=True) for text in dict.fromkeys(pair)]
    path.write_text("\n".join(dict.fromkeys(both)) + "\n", "utf-8")
PY
.venv/bin/npm install --package-lock-only --ignore-scripts
# npm notes where a package takes donations; a lock says what to install and nothing else.
.venv/bin/python - <<'PY'
import json
from pathlib import Path

path = Path("package-lock.json")
lock = json.loads(path.read_text("utf-8"))
for package in lock["packages"].values():
    package.pop("funding", None)
path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n", "utf-8")
PY
