#!/bin/sh
# Sees to the Debian packages that a list names, one `package  # reason` a line. Installs what is missing as root and keeps
# the services it brings from starting; as anybody else it says what is missing and stops.
set -eu
list=$1

if ! command -v dpkg-query >/dev/null; then
    echo "note: not a Debian system; the tests need what $list names, please provide it" >&2
    exit 0
fi

missing=
for package in $(sed 's/#.*//' "$list"); do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "error: system packages are missing:$missing" >&2
    echo "hint: sudo apt-get install --no-install-recommends$missing" >&2
    echo "hint: \`make check\` runs the tests that do without them" >&2
    exit 1
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then # exit 101 of this file is Debian's way to say: do not start services
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
echo "installing system packages:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
