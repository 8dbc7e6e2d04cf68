#!/usr/bin/env bash
# Build the image of cachi2ish: prefetch what it is made of, then build with the network cut off.
#
#   containers/image.sh BIN
#
# BIN: the folder with `cachi2ish`. `make image` calls it. From the environment:
#   ENGINE  podman (which is the default), buildah or docker
#   BASE    the image to begin with, which has Python 3.11 or later, pip and git
#   IMAGE   the name of the result
#   ARCH    for which architecture, as Python's platform tags spell it
set -euo pipefail

bin=$1
engine=${ENGINE:-podman}
base=${BASE:-localhost/cachi2ish-base}
image=${IMAGE:-localhost/cachi2ish}
arch=${ARCH:-$(uname -m)}
[ "$arch" = arm64 ] && arch=aarch64
cd "$(dirname "$0")/.."
work=build/image

command -v "$engine" >/dev/null || {
    echo "error: there is no $engine here; name another engine: make image ENGINE=docker" >&2
    exit 1
}
inspect=(image inspect)
[ "$engine" = buildah ] && inspect=(inspect --type image)
# An engine would look for it in registries, and say that it found none there.
if [[ $base == localhost/* ]] && ! "$engine" "${inspect[@]}" "$base" >/dev/null 2>&1; then
    echo "error: there is no image $base; make it with make base, or name another one: make image BASE=NAME" >&2
    exit 1
fi

# Four come as wheels: isal and msgspec are written in C, pydantic-core in Rust, and PyYAML in Cython. The others are built
# from their sdists.
"$bin/cachi2ish" fetch-deps --source . --output "$work/out" '{
    "type": "pip",
    "requirements_files": ["requirements/image.txt"],
    "requirements_build_files": ["requirements/image-build.txt"],
    "binary": {"packages": "isal,msgspec,pydantic-core,pyyaml", "arch": "'"$arch"'"}
}'
"$bin/cachi2ish" generate-env "$work/out" --for-output-dir /prefetched/out --output "$work/cachi2ish.env"

"$engine" build --network none --build-arg "BASE=$base" --tag "$image" --file Containerfile .
echo "built $image: $engine run --rm $image --help"
