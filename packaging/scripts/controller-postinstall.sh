#!/bin/sh
# deb: `configure`, with the version before as second word. rpm: how many of this package there are now.
set -eu

make_user() {
  if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers shanty.conf
  elif ! getent passwd shanty-controller >/dev/null; then
    useradd --system --user-group --home-dir /var/lib/shanty --no-create-home --shell /usr/sbin/nologin shanty-controller
  fi
}

units() {
  command -v systemctl >/dev/null || return 0
  if [ "$first" = yes ]; then systemctl --no-reload preset shanty.service || true; fi
  [ -d /run/systemd/system ] || return 0
  systemctl daemon-reload
  if [ "$first" = yes ]; then
    # Skipped before `shanty init`.
    systemctl --no-block start shanty.service || true
  else
    systemctl --no-block try-restart shanty.service || true
  fi
}

first=no
case ${1-} in
  configure) [ -n "${2-}" ] || first=yes ;;
  1) first=yes ;;
  2) ;;
  *) exit 0 ;;
esac
make_user
units
