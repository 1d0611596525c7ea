"""docs/integrators.md on webhooks: its Python and its shell lines verify and sign what is really sent."""

from __future__ import annotations

import base64
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from edge.instants import to_epoch
from tests.hooks.receiver import verified
from tests.parts import part

PAGE = (Path(__file__).parents[2] / "docs" / "integrators.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Webhooks: being told")[1].split("\n## ")[0]


def block(kind: str) -> str:
    """The section's code of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)[0]


def test_the_pages_python_verifies_a_call(place, receiver):
    """The real call passes; another body, another secret, an old time do not."""
    spoken = {"base64": base64}
    exec(compile(block("python"), "docs/integrators.md", "exec"), spoken)
    is_ours = spoken["is_ours"]
    hook, old = place.hook(receiver.url)
    new = place.hooks.registry.rotate(hook.id, by="cli:admin", at=place.clock.now())
    place.hooks.queue.try_out(hook.id, at=place.clock.now())
    place.send()
    (headers, body), now = receiver.calls[0], to_epoch(place.clock.now())
    assert is_ours(old, headers, body, now)
    assert is_ours(new, headers, body, now)
    assert not is_ours(new, headers, body + b" ", now)
    assert not is_ours("whsec_" + "A" * 44, headers, body, now)
    assert not is_ours(new, headers, body, now + timedelta(minutes=6).total_seconds())


@pytest.mark.parts
def test_the_pages_shell_lines_sign_a_call_that_verifies(receiver):
    """By curl and openssl alone, as they stand there."""
    part("curl", "curl")
    part("openssl", "openssl")
    script = f"set -eu\nURL={receiver.url}\n{block('text')}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    ((headers, body),) = receiver.calls
    assert verified(re.search(r"SECRET=(\S+)", script)[1], headers, body)
    assert receiver.got == [{"type": "hook.test"}]
