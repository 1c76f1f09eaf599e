#!/usr/bin/env bash
# Installs the peers and judges that tests speak with: Debian packages by apt, npm packages
# into .peers. What cannot be installed here is named, and the tests that need it skip
# (under CI=true they fail).
set -uo pipefail
cd "$(dirname "$0")/.."
. tools/apt.sh

packages=(orthanc orthanc-dicomweb dcmtk dicom3tools libgdcm-tools libpixelmed-java default-jre-headless postgresql chromium)
command -v npm >/dev/null || packages+=(npm) # Debian's; others' nodejs brings its own

if ! apt_need "${packages[@]}" && apt_may_install; then
  # One unknown package must cost only itself.
  for package in $(apt_missing "${packages[@]}"); do apt_need "$package"; done
fi

if ! command -v npm >/dev/null; then
  echo "  npm is missing, and with it the peers of tools/peers/package.json; the tests that need them skip."
elif ! cmp -s tools/peers/package-lock.json .peers/package-lock.json; then
  echo "Installing the npm peers into .peers"
  mkdir -p .peers
  cp tools/peers/package.json tools/peers/package-lock.json .peers/
  if ! (cd .peers && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error); then
    rm -f .peers/package-lock.json # so that the next run tries again
    echo "  npm could not install them; the tests that need them skip."
  fi
fi
exit 0
