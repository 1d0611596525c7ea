"""The client is a package of its own: it installs from the checkout, by itself, with its types."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[2] / "client"
ASKED = """
import importlib.metadata, importlib.resources, json, sys
sys.path.insert(0, sys.argv[1])
import yunju_client
found = importlib.metadata.distribution("yunju-client")
typed = importlib.resources.files("yunju_client").joinpath("py.typed").is_file()
ours = [name for name in sys.modules if name.split(".")[0] in {"edge", "keys", "cards", "flask", "msgspec"}]
print(json.dumps([yunju_client.__file__, found.requires, typed, ours]))
"""


@pytest.mark.slow
def test_it_installs_from_the_checkout_and_brings_three_libraries_and_its_types(tmp_path):
    """`pip install ./client`: what is installed is imported from there, without a file of the server."""
    source = tmp_path / "client"
    shutil.copytree(CLIENT, source, ignore=shutil.ignore_patterns("__pycache__"))
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(source)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-I", "-c", ASKED, str(target)]
    place, requires, typed, ours = json.loads(subprocess.check_output(command, cwd=tmp_path))
    assert Path(place).is_relative_to(target)
    assert {re.split(r"[<>=]", one)[0] for one in requires} == {"cryptography", "httpx", "PyJWT"}
    assert (typed, ours) == (True, [])


def test_its_agent_and_its_package_tell_one_version():
    """What the server sees of a client is what was installed."""
    from yunju_client.sending import AGENT

    version = tomllib.loads((CLIENT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"yunju-client/{version}" == AGENT
