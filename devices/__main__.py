"""`python -m devices`: readers, read, write, personalise, agent, simulate."""

from __future__ import annotations

from devices.cli_agent import agent, simulate
from devices.cli_cards import personalise, read, readers, write
from edge.cli import main_group, run


@main_group("devices")
def main() -> None:
    """Chip cards, tags and scanners at a counter; writing cards at the office."""


for _command in (readers, read, write, personalise, agent, simulate):
    main.add_command(_command)

if __name__ == "__main__":
    run(main)
