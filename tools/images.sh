#!/usr/bin/env bash
# images.sh: build every target of the Dockerfile and look into the images themselves: files, user, health check, answers.
# As root on Debian with buildah (`apt-get install buildah debootstrap`); no daemon runs. BASE names the image to start
# from; without BASE a Debian with Python is made by debootstrap, for machines that reach no registry of images.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export BUILDAH_ISOLATION=chroot
work=$(mktemp -d)
store=(--root "$work/images" --runroot "$work/run")
buildah() { command buildah "${store[@]}" "$@"; }
container=
end() {
    buildah umount --all >/dev/null 2>&1 || true
    buildah rm --all >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap end EXIT

fail() { echo "error: $1" >&2; exit 1; }

# What this machine needs to reach its package registries goes into the build and into no image.
build_options=()
for file in "${PIP_CONFIG_FILE:-/etc/pip.conf}" "${SSL_CERT_FILE:-}"; do
    [ ! -f "$file" ] || build_options+=(--volume "$file:$file:ro")
done
for name in PIP_CONFIG_FILE PIP_CERT SSL_CERT_FILE NODE_EXTRA_CA_CERTS http_proxy https_proxy no_proxy; do
    [ -z "${!name:-}" ] || build_options+=(--env "$name=${!name}")
done

if [ -z "${BASE:-}" ]; then
    mirror=$(awk '/^deb /{print $2; exit} /^URIs:/{print $2; exit}' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true)
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/base" "$mirror" >/dev/null
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/base" / >/dev/null
    buildah commit --quiet "$container" yunju-base >/dev/null
    buildah rm "$container" >/dev/null
    container=
    BASE=localhost/yunju-base
fi

# A verifier's image is looked at for what it must not hold, every image for what it must.
look() { # look TARGET
    local root user health
    container=$(buildah from "yunju-$1")
    root=$(buildah mount "$container")
    user=$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")
    health=$(buildah inspect --format '{{.Docker.Config.Healthcheck}}' "$container")
    [ "$user" = 10001:10001 ] || fail "$1 runs as $user"
    [ "$health" != "<nil>" ] || fail "$1 has no health check"
    [ -f "$root/srv/yunju/wsgi.py" ] || fail "$1 has no application"
    [ -n "$(ls -A "$root/srv/yunju/web/static/vendor")" ] || fail "$1 has no assets"
    for left in tests tools .git var node_modules; do
        [ ! -e "$root/srv/yunju/$left" ] || fail "$1 holds $left"
    done
    ! find "$root/opt/yunju" "$root/usr/bin" "$root/usr/local" \( -name pip -o -name gcc -o -name cc \) | grep . || fail "$1 can build or install"
    ! grep -rlE 'BEGIN ([A-Z]+ )?PRIVATE KEY' "$root/srv/yunju" | grep . || fail "$1 holds a private key"
    if [ "$1" = verifier ]; then
        [ ! -e "$root/srv/yunju/issuer" ] || fail "the verifier holds the issuer's code"
        [ ! -e "$root/srv/yunju/web/office" ] || fail "the verifier holds the office's pages"
    else
        [ -d "$root/srv/yunju/issuer" ] || fail "$1 lacks the issuer's code"
    fi
    buildah run "$container" -- python -m ops doctor --help >/dev/null || fail "$1 does not run its own commands"
    printf '%-9s user %s, %s MB over the base, health check, no compiler, no installer, no key\n' "$1" "$user" \
        "$(($(du -sm "$root/opt/yunju" | cut -f1) + $(du -sm "$root/srv/yunju" | cut -f1)))"
    buildah umount "$container" >/dev/null
    buildah rm "$container" >/dev/null
    container=
}

for target in verifier issuer worker all; do
    buildah bud --quiet --layers --format docker --build-arg "BASE=$BASE" --target "$target" \
        "${build_options[@]}" -t "yunju-$target" . >/dev/null
    look "$target"
done
