#!/usr/bin/env bash
# Build the image of the mirror: prefetch what it has beyond that of cachi2ish, then build with the network cut off.
#
#   containers/mirror-image.sh BIN
#
# BIN: the folder with `cachi2ish`. `make mirror-image` calls it. From the environment:
#   ENGINE        podman (which is the default), buildah or docker
#   IMAGE         the image of cachi2ish, from `make image`
#   MIRROR_IMAGE  the name of the result
#   ARCH          for which architecture, as Python's platform tags spell it
set -euo pipefail

bin=$1
engine=${ENGINE:-podman}
image=${IMAGE:-localhost/cachi2ish}
mirror=${MIRROR_IMAGE:-localhost/cachi2ish-mirror}
arch=${ARCH:-$(uname -m)}
[ "$arch" = arm64 ] && arch=aarch64
cd "$(dirname "$0")/.."
work=build/mirror-image

command -v "$engine" >/dev/null || {
    echo "error: there is no $engine here; name another engine: make mirror-image ENGINE=docker" >&2
    exit 1
}
inspect=(image inspect)
[ "$engine" = buildah ] && inspect=(inspect --type image)
if [[ $image == localhost/* ]] && ! "$engine" "${inspect[@]}" "$image" >/dev/null 2>&1; then
    echo "error: there is no image $image; make it with make image" >&2
    exit 1
fi

ask() {
    if [ "$engine" != buildah ]; then
        "$engine" run --rm --network none --entrypoint python3 "$image" "$@"
        return
    fi
    local container
    container=$(buildah from --pull-never "$image")
    buildah run --network none "$container" -- python3 "$@"
    buildah rm "$container" >/dev/null
}
python=$(ask -c 'import platform; print(platform.python_version())')

# Wheels, for the Python that the image has: half of what the mirror needs is written in C or Cython.
"$bin/cachi2ish" fetch-deps --source requirements --output "$work/out" '{
    "type": "pip",
    "requirements_files": ["mirror.txt"],
    "requirements_build_files": [],
    "targets": [{"python": "'"$python"'", "platform": "manylinux_2_28_'"$arch"'"}]
}'
"$bin/cachi2ish" generate-env "$work/out" --for-output-dir /prefetched/out --output "$work/cachi2ish.env"

# The format that has health checks: docker has no other, and needs no word for it.
format=(--format docker)
[ "$engine" = docker ] && format=()
"$engine" build --network none "${format[@]}" --build-arg "IMAGE=$image" --tag "$mirror" \
    --file containers/mirror.Containerfile .
echo "built $mirror: $engine run --publish 127.0.0.1:8417:8417 --volume cachi2ish-mirror:/mirror $mirror"
