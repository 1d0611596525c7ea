"""Read by every Python process of a simulated machine as it starts: the machine's own address and its own clock.

HOST_ADDRESS: the address from which it calls. HOST_CLOCK: a file with the seconds by which its clock is
off, read at each look; the time of day is read in edge/clock.py alone.
"""

import os
import socket
from datetime import timedelta
from pathlib import Path

from edge.clock import SystemClock

_ADDRESS = os.environ["HOST_ADDRESS"]
_OFF = Path(os.environ["HOST_CLOCK"])
_connect, _now = socket.socket.connect, SystemClock.now


def connect_from_here(self, address):
    """Call from the machine's own address."""
    if self.family == socket.AF_INET and self.type & socket.SOCK_STREAM and self.getsockname()[1] == 0:
        self.bind((_ADDRESS, 0))
    return _connect(self, address)


def own_time(self):
    """Tell the time as this machine's clock does."""
    return _now(self) + timedelta(seconds=float(_OFF.read_text() or 0))


socket.socket.connect = connect_from_here
SystemClock.now = own_time
