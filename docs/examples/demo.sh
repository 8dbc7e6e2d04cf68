#!/usr/bin/env bash
# Prefetch the example application, then install and run it where there is no network.
#
#   docs/examples/demo.sh BIN
#
# BIN: the folder with `python` and `cachi2ish`. Writes to demo-output/. `make demo` calls it.
set -euo pipefail

bin=$1
cd "$(dirname "$0")/../.."
example=docs/examples/notes
work=demo-output

say() { printf '\n== %s\n' "$1"; }

# Show a command as a reader would type it, then run it.
run() {
    local word line=
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./=-]*) line+=" '$word'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '   $%s\n' "$line"
    PATH="$bin:$PATH" "$@"
}

# Connecting a datagram socket sends nothing; it only asks the kernel for a way to the address (one that is
# set aside for documentation). Without a network there is none.
probe='
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    try:
        probe.connect(("192.0.2.1", 9))
    except OSError as error:
        raise SystemExit(f"no way out: {error}")
print("there is a way out")
'

# A network namespace of its own has no interface that is up: root may make one, others inside a user namespace.
offline=()
if unshare --net true 2>/dev/null; then
    offline=(unshare --net)
elif unshare --map-root-user --net true 2>/dev/null; then
    offline=(unshare --map-root-user --net)
fi

cut_off() { if [ ${#offline[@]} -gt 0 ]; then "${offline[@]}" "$@"; else "$@"; fi; }

rm -rf "$work"
mkdir -p "$work"

say "1. Prefetch: every sdist that requirements.txt and requirements-build.txt pin, verified"
run cachi2ish fetch-deps --source "$example" --output "$work/out" '{"type": "pip"}'

say "2. The environment for the build"
run cachi2ish generate-env "$work/out" --output "$work/cachi2ish.env"
sed 's/^/   /' "$work/cachi2ish.env"

say "3. Point direct URLs and git requirements at the output (this example has none)"
run cachi2ish inject-files "$work/out"

say "4. A fresh virtual environment, and the network cut off"
"$bin/python" -m venv "$work/venv"
# shellcheck disable=SC1091
. "$work/cachi2ish.env"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
# A pip cache of its own: nothing that an earlier run has built may help.
export PIP_CACHE_DIR="$PWD/$work/pip-cache"
unset PIP_EXTRA_INDEX_URL PIP_INDEX_URL
if [ ${#offline[@]} -gt 0 ]; then
    printf '   outside: '
    "$bin/python" -c "$probe" || true
    printf '   inside (%s): ' "${offline[*]}"
    if cut_off "$bin/python" -c "$probe"; then
        echo "error: the network is still there" >&2
        exit 1
    fi
else
    echo "   This system lets us make no network namespace (it takes Linux, and the right to use unshare), so the"
    echo "   network is not cut off: only PIP_NO_INDEX keeps pip from it."
fi

say "5. Install: pip builds every package from its sdist; this takes one to five minutes, without a word"
cut_off "$work/venv/bin/pip" install --quiet --require-hashes -r "$example/requirements.txt"
cut_off "$work/venv/bin/pip" list | sed 's/^/   /'

say "6. Run the application"
cut_off "$work/venv/bin/python" "$example/notes.py" list --today 2026-01-01 | sed 's/^/   /'
cut_off "$work/venv/bin/python" "$example/notes.py" show ship-the-release | sed 's/^/   /'

say "Done: $(find "$work/out/deps/pip" -type f | wc -l | tr -d ' ') files in $work/out/deps/pip, and what they are in $work/out/bom.json"
