# Installing Debian packages with care; sourced by the other scripts.
#
#   apt_need PACKAGE…    installs those that are missing. Says what it does before it does it,
#                        never asks for a password, starts no service. Fails, after saying why
#                        and printing the line to run by hand, where it may not.

apt_missing() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      printf '%s ' "$package"
  done
}

# Whether this user may: as root, or with a sudo that asks nothing. Sets apt_root.
apt_may_install() {
  apt_root=
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" = 0 ] && return
  apt_root='sudo -n'
  command -v sudo >/dev/null && sudo -n true 2>/dev/null
}

apt_by_hand() {
  printf '  %s\n  To install by hand: sudo apt-get install %s\n' "$1" "${*:2}"
  return 1
}

# A new service must not start to listen: Debian asks policy-rc.d, and 101 says no.
apt_hold_services() {
  [ -e /usr/sbin/policy-rc.d ] && return
  printf '#!/bin/sh\nexit 101\n' | $apt_root tee /usr/sbin/policy-rc.d >/dev/null
  $apt_root chmod 755 /usr/sbin/policy-rc.d
  trap '$apt_root rm -f /usr/sbin/policy-rc.d' EXIT
}

apt_release_services() {
  [ -n "$(trap -p EXIT)" ] || return 0
  $apt_root rm -f /usr/sbin/policy-rc.d
  trap - EXIT
}

# Tests and the demo start their own servers; the system's stay off, now and after a restart.
apt_disable_services() {
  local package
  for package in "$@"; do
    case $package in
      orthanc | postgresql)
        if [ -d /run/systemd/system ]; then
          $apt_root systemctl disable --now "$package" >/dev/null 2>&1 || true
        fi
        $apt_root update-rc.d "$package" disable >/dev/null 2>&1 || true
        printf '  The system service of %s is left disabled.\n' "$package"
        ;;
    esac
  done
}

apt_need() {
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
    { printf '  This machine has no apt; install the equivalents of: %s\n' "$*"; return 1; }
  local missing
  missing=$(apt_missing "$@")
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086 # a list of words
  set -- $missing

  if ! apt_may_install; then
    apt_by_hand "Not installed, for want of root or of sudo without a password: $*" "$@"
    return
  fi

  local log
  log=$(mktemp)
  printf '  Installing with apt, about a minute: %s\n' "$*"
  apt-get install --simulate "$@" >/dev/null 2>&1 ||
    $apt_root apt-get update -q >"$log" 2>&1 || true
  apt_hold_services
  if $apt_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1; then
    apt_release_services
    apt_disable_services "$@"
    rm -f "$log"
    return 0
  fi
  apt_release_services
  printf '  apt said: %s\n' "$(grep -E '^E:' "$log" | tail -n 2 | tr '\n' ' ')"
  rm -f "$log"
  apt_by_hand "apt could not install: $*" "$@"
}
