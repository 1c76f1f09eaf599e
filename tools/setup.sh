#!/usr/bin/env bash
# Builds the environment in .venv from the hashed locks.
#
#   tools/setup.sh run    what the product needs
#   tools/setup.sh dev    that, and what building and testing need
#   tools/setup.sh htj2k  beside one of them, the encoder of HTJ2K (docs/sending.md)
#
# Needs Python 3.11 or newer with venv, and a package index that pip can reach. PYTHON=… names
# another interpreter. Run again, it does only what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:?say run, dev or htj2k}
venv=.venv
unset PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE # a caller's habits are not ours
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} UV_PYTHON_DOWNLOADS=never UV_NO_CONFIG=1

say() { printf '%s\n' "$*"; }
stop() { printf '%s\n' "$*" >&2; exit 1; }

find_python() {
  local name
  for name in "${PYTHON:-python3}" python3.11 python3.12 python3.13 python3.14; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$name"
      return
    fi
  done
  stop "Python 3.11 or newer is needed; run: sudo apt-get install python3 python3-venv"
}

make_venv() {
  "$venv/bin/python" -c 'import pip' 2>/dev/null && return
  local python
  python=$(find_python)
  "$python" -c 'import venv, ensurepip' 2>/dev/null ||
    stop "Python's venv module is missing; run: sudo apt-get install python3-venv"
  say "Making $venv with $("$python" --version)"
  "$python" -m venv --clear "$venv"
}

pip() { "$venv/bin/python" -m pip --quiet "$@"; }

# uv does not read pip's settings; where they name an index, it is handed on.
hand_on_index() {
  local index
  index=${PIP_INDEX_URL:-$("$venv/bin/python" -m pip config get global.index-url 2>/dev/null || true)}
  if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then export UV_DEFAULT_INDEX=$index; fi
}

install_lock() { # the lock, and "sync" to take away what it does not name, or "add"
  local lock=$1 manner=$2
  local -a words=(pip install -r "$lock")
  [ "$manner" = sync ] && words=(pip sync "$lock")
  # No build isolation: what comes as source (flask-principal) is built with the setuptools of
  # build.txt and not with whatever is newest.
  if "$venv/bin/uv" "${words[@]}" --quiet --python "$venv/bin/python" --require-hashes \
    --no-build-isolation --compile-bytecode; then
    return
  fi
  say "uv could not do it; once more with pip, which takes some minutes"
  pip install --require-hashes --no-deps --no-build-isolation --use-pep517 -r "$lock" ||
    stop "The package index could not be reached or lacks a pinned version; look at pip's message above and run make again"
}

make_venv
say "Installing $(grep -c == requirements/$what.txt) packages as requirements/$what.txt pins them"
pip install --require-hashes --no-deps -r requirements/build.txt ||
  stop "pip could not install requirements/build.txt; look at its message above and run make again"
hand_on_index
case $what in
  run) install_lock requirements/run.txt add ;;
  dev) install_lock requirements/dev.txt sync ;;
  htj2k) install_lock requirements/htj2k.txt add && exit ;;
  *) stop "say run, dev or htj2k" ;;
esac

# The project itself: a link to this folder, from what is here, without an index.
pip install --no-index --no-deps --no-build-isolation --editable .
"$venv/bin/python" -m compileall -q pacs_bridge || true # each start is quicker; nothing depends on it

touch "$venv/.installed-run"
if [ "$what" = dev ]; then touch "$venv/.installed-dev"; fi
