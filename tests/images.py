"""Images that tools/images.sh built, read and run without a daemon: the image's own files, user, settings, commands.

An image is run as a cluster runs it: root read-only, no capability, no new privileges, a network of its own, the
image's user, and nothing writable but /data, /tmp and /dev/shm.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.parts import part

_LOCKED = """
set -eu
root=$1 data=$2 user=$3 group=$4 folder=$5; shift 5
ip link set lo up
mount --bind "$root" "$root"
mount --bind "$data" "$root/data"
mount -t tmpfs -o size=64m tmpfs "$root/tmp"
mount -t tmpfs -o size=64m tmpfs "$root/dev/shm"  # as every runtime of containers gives one
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs --bounding-set=-all \
    --inh-caps=-all env -i -C "$folder" "$@"
"""


@dataclass(frozen=True)
class Image:
    """One built image, mounted at `root`; `config` is what it says of itself."""

    name: str
    root: Path
    config: dict

    def holds(self, path: str) -> bool:
        """Tell whether a path of the image is there."""
        return (self.root / path.lstrip("/")).exists()

    def files(self, under: str) -> set[str]:
        """Return the paths of all files below a folder, seen from that folder."""
        base = self.root / under.lstrip("/")
        return {str(path.relative_to(base)) for path in base.rglob("*") if not path.is_dir()}

    def megabytes(self, *folders: str) -> int:
        """Return the room that folders take."""
        told = subprocess.run(
            ["du", "-smc", *(str(self.root / one.lstrip("/")) for one in folders)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return int(told.stdout.split()[-2])

    def run(self, *command: str, data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the image, locked down, with its own settings and these; `data` is what it sees as /data."""
        user, _, group = self.config["User"].partition(":")
        environ = [*self.config["Env"], *(f"{name}={value}" for name, value in settings.items())]
        return subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", _LOCKED, "locked",
             str(self.root), str(data), user, group, self.config["WorkingDir"], *environ, *command],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip


class Store:
    """A folder of images."""

    def __init__(self, folder: Path) -> None:
        self._buildah = [
            part("buildah", "buildah"), "--root", str(folder / "images"), "--runroot", str(folder / "run"),
        ]  # fmt: skip
        self._containers: list[str] = []

    def open(self, name: str) -> Image:
        """Mount one image."""
        container = self._ask("from", "--pull-never", f"localhost/{name}")
        self._containers.append(container)
        told = json.loads(self._ask("inspect", "--type", "image", f"localhost/{name}"))
        return Image(name, Path(self._ask("mount", container)), told["Docker"]["config"])

    def close(self) -> None:
        """Let go of what was mounted."""
        for container in self._containers:
            self._ask("rm", container)

    def _ask(self, *words: str) -> str:
        done = subprocess.run([*self._buildah, *words], capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
