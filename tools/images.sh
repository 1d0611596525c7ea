#!/usr/bin/env bash
# images.sh: build every target of the Dockerfile without a daemon, as root on Debian with buildah.
# BASE names the image to start from. Without BASE a Debian with Python is made by debootstrap, for machines that reach
# no registry of images; BASE_ROOT names a folder with such a Debian that is there already.
# STORE is the folder in which the images are kept; without STORE they go where this machine's buildah and podman keep theirs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export BUILDAH_ISOLATION=chroot
work=$(mktemp -d)
store=()
[ -z "${STORE:-}" ] || store=(--root "$STORE" --runroot "$work/run")
buildah() { command buildah "${store[@]}" "$@"; }
container=
end() {
    [ -z "$container" ] || buildah rm "$container" >/dev/null 2>&1 || true
    rm -rf --one-file-system "$work"
}
trap end EXIT

# What this machine needs to reach its package registries goes into the build and into no image: files that are mounted while
# it runs. (--env would stay in the image.)
authorities=${SSL_CERT_FILE:-${NODE_EXTRA_CA_CERTS:-}}
{
    echo "[global]"
    [ -z "$authorities" ] || echo "cert = $authorities"
    [ -z "${PIP_INDEX_URL:-}" ] || echo "index-url = $PIP_INDEX_URL"
} >"$work/pip.conf"
{
    cat "${NPM_CONFIG_USERCONFIG:-$HOME/.npmrc}" 2>/dev/null || true
    echo
    [ -z "$authorities" ] || echo "cafile=$authorities"
} >"$work/npmrc"
build_options=(--volume "$work/pip.conf:/root/.config/pip/pip.conf:ro" --volume "$work/npmrc:/root/.npmrc:ro")
for file in "${PIP_CONFIG_FILE:-/etc/pip.conf}" "$authorities"; do
    [ ! -f "$file" ] || build_options+=(--volume "$file:$file:ro")
done
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || build_options+=(--build-arg "$name=${!name}")
done

# The mirror that this machine's own apt uses; nothing where it names none.
mirror() { sed -n -E 's/^(deb (\[[^]]*\] )?|URIs: *)([^ ]+).*/\3/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null | head -n 1; }

if [ -z "${BASE:-}" ]; then
    if [ -z "${BASE_ROOT:-}" ]; then
        BASE_ROOT=$work/base
        # Without syncs: a half-made folder is thrown away, not repaired.
        debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$BASE_ROOT" "$(mirror)" >/dev/null
    fi
    container=$(buildah from scratch)
    root=$(buildah mount "$container")
    # Neither the packages as they were fetched, nor the lists of what could be.
    tar -C "$BASE_ROOT" --exclude=./var/cache/apt/archives/*.deb --exclude=./var/lib/apt/lists/* --exclude=./proc/* --exclude=./sys/* -c . | tar -C "$root" -x
    buildah umount "$container" >/dev/null
    BASE=localhost/yunju-base
    buildah commit --quiet --format docker "$container" "$BASE" >/dev/null
    buildah rm "$container" >/dev/null
    container=
fi

for target in verifier issuer worker all; do
    buildah bud --quiet --layers --format docker --build-arg "BASE=$BASE" --target "$target" \
        "${build_options[@]}" -t "yunju-$target" . >/dev/null
    echo "built yunju-$target"
done
