"""`python -m ops`: the commands for operators of the system."""

from __future__ import annotations

from importlib.util import find_spec

from edge.cli import main_group, run
from ops.doctor import doctor
from ops.keeping import backup, restore
from ops.work import work


@main_group("ops")
def main() -> None:
    """Run the system: the demonstration, the background work, checks, backups."""


main.add_command(backup)
main.add_command(doctor)
main.add_command(restore)
main.add_command(work)
if find_spec("web.demo") is not None:  # A verifier's image has no demonstration
    from ops.run import run as serve

    main.add_command(serve)

if __name__ == "__main__":
    run(main)
