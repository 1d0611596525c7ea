#!/bin/sh
# Prints the name of a Python 3.11 or later that can make a virtual environment; says what to install where there is none.
set -eu
for name in python3 python3.14 python3.13 python3.12 python3.11; do
    "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$name"
        exit 0
    fi
    found=$name
done
if [ -n "${found:-}" ]; then
    echo "error: $found cannot make a virtual environment" >&2
    echo "hint: apt-get install python3-venv" >&2
else
    echo "error: no Python 3.11 or later found" >&2
    echo "hint: on Debian 12 and later: apt-get install python3 python3-venv" >&2
fi
exit 1
