"""A PostgreSQL server of the tests' own, in a temporary folder, reached by a socket alone."""

import importlib.util
import os
import shutil
import subprocess
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_numbers = count()


def binaries():
    """The folder of initdb and pg_ctl, where PostgreSQL and its driver are installed; else None."""
    if importlib.util.find_spec("psycopg") is None:
        return None
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in places if (place / "pg_ctl").exists()), None)


@contextmanager
def server(folder):
    """Run a server over `folder`; yields a function that makes a new database and returns its address."""
    data, place = folder / "data", binaries()
    user = "postgres" if os.getuid() == 0 else None  # it refuses to be started by root
    folder.mkdir()
    for path in (folder, *folder.parents):
        if path == Path("/tmp") or user is None:
            break
        path.chmod(0o755)
    if user is not None:
        shutil.chown(folder, user)

    def command(*line):
        subprocess.run([place / line[0], *line[1:]], check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

    command("initdb", "-D", data, "-A", "trust", "-U", "yunju", "--no-sync", "-E", "UTF8", "--no-locale")
    command("pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", f"-c listen_addresses='' -k {folder} -F", "start")

    def make():
        name = f"accounts_{next(_numbers)}"
        command("createdb", "-h", folder, "-U", "yunju", name)
        return f"postgresql://yunju@/{name}?host={folder}"

    try:
        yield make
    finally:
        command("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
