#!/usr/bin/env bash
# Compares protos/ with those of the commit before this one: usage scripts/breaking.sh [commit].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
base=${1:-HEAD~1}

if ! git rev-parse --quiet --verify "$base^{commit}" >/dev/null 2>&1; then
    echo "buf breaking: there is no commit $base here, so there is nothing to compare with"
    exit 0
fi
if ! git cat-file -e "$base:protos" 2>/dev/null || ! git cat-file -e "$base:buf.yaml" 2>/dev/null; then
    echo "buf breaking: $base has no protos, so there is nothing to compare with"
    exit 0
fi
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
git archive "$base" buf.yaml protos third_party | tar -x -C "$before"
.venv/bin/buf breaking --against "$before"
