#!/usr/bin/env bash
# Runs a whole round in front of you: against Orthanc where it is or may be installed, else
# against the sandbox's own PACS. Further words go to `pacs-bridge demo`.
set -uo pipefail
cd "$(dirname "$0")/.."
. tools/apt.sh

pacs=orthanc
case " $* " in
  *" --pacs"*) exec .venv/bin/pacs-bridge demo "$@" ;;
esac
if ! [ -x /usr/sbin/Orthanc ] && ! command -v Orthanc >/dev/null; then
  echo "The demo sends to a real PACS, Orthanc, which is not installed."
  if ! apt_need orthanc; then
    pacs=sandbox
    echo "  So the round runs against the sandbox's own PACS instead."
  fi
fi
exec .venv/bin/pacs-bridge demo --pacs "$pacs" "$@"
