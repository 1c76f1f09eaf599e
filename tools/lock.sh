#!/usr/bin/env bash
# Compiles the hashed locks from requirements/*.in. Pins that stand are kept as long as they
# fit; `make lock UPGRADE=--upgrade` takes the newest. The locks hold no address.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} UV_PYTHON_DOWNLOADS=never UV_CUSTOM_COMPILE_COMMAND="make lock"

compile() {
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-annotate "$@" >/dev/null
}
compile ${UPGRADE:-} requirements/dev.in -o requirements/dev.txt
compile ${UPGRADE:-} requirements/run.in -c requirements/dev.txt -o requirements/run.txt
compile ${UPGRADE:-} requirements/htj2k.in -c requirements/dev.txt -o requirements/htj2k.txt
compile ${UPGRADE:-} requirements/build.in -o requirements/build.txt

if grep -nE '://|--(index|extra|find)' requirements/*.txt; then
  echo "A lock names an address; take it out before it is committed." >&2
  exit 1
fi
echo "Locked: $(grep -c '==' requirements/run.txt) packages to run, $(grep -c '==' requirements/dev.txt) to build and test."
