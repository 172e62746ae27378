#!/usr/bin/env bash
# Makes a virtual environment with the newest supported Python of this machine: usage scripts/make-venv.sh <folder>.
set -euo pipefail
folder=$1
[[ -x "$folder/bin/python" ]] && exit 0 # another make was first

for candidate in python3.12 python3.11 python3 python; do
    # A name on the PATH need not run: version managers leave shims of versions that are not chosen.
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    [[ "$version" == 3.11 || "$version" == 3.12 ]] || continue
    if ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        lacking=$version
        continue
    fi
    echo "making $folder with Python $version"
    # Built beside and renamed is not possible (its scripts hold absolute paths), so a broken one is removed.
    "$candidate" -m venv "$folder" || { rm -rf "$folder"; exit 1; }
    exit 0
done

if [[ -n "${lacking:-}" ]]; then
    echo "Python $lacking is here, but its venv module is not. On Debian and Ubuntu: apt-get install python$lacking-venv" >&2
else
    echo "No Python 3.11 or 3.12 was found on the PATH. Install one of them and run make again." >&2
fi
exit 1
