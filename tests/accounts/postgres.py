"""A PostgreSQL server of the tests, in a temporary folder. Only a local socket reaches the server."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_numbers = count()


def binaries():
    """The folder of initdb and postgres, where PostgreSQL and its driver are installed; else None."""
    if importlib.util.find_spec("psycopg") is None:
        return None
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in places if (place / "pg_isready").exists()), None)


@contextmanager
def server():
    """Run a server; yields a function that makes a new database and returns its address."""
    user = "postgres" if os.getuid() == 0 else None  # it refuses to be started by root
    # Not in pytest's folder: that is closed to other users, and every run closes it again.
    with tempfile.TemporaryDirectory(prefix="yunju-pg-") as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        yield from _serve(binaries(), folder, user)


def _serve(place, folder, user):
    def command(*line):
        subprocess.run([place / line[0], *line[1:]], check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

    def make():
        name = f"accounts_{next(_numbers)}"
        command("createdb", "-h", folder, "-U", "yunju", name)
        return f"postgresql://yunju@/{name}?host={folder}"

    data = folder / "data"
    command("initdb", "-D", data, "-A", "trust", "-U", "yunju", "--no-sync", "-E", "UTF8", "--no-locale")
    line = [place / "postgres", "-D", data, "-c", "listen_addresses=", "-k", folder, "-F"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(line, user=user, cwd=folder, stdout=log, stderr=log)
    try:
        _wait([place / "pg_isready", "-q", "-h", folder, "-U", "yunju", "-d", "postgres"])
        yield make
    finally:
        running.send_signal(signal.SIGQUIT)  # at once: nobody needs these data again
        running.wait(30)


def _wait(ready):
    for _ in range(300):
        if subprocess.run(ready, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise TimeoutError("PostgreSQL does not answer")
