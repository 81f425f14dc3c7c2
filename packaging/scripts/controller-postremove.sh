#!/bin/sh
# deb: `remove`, then `purge` when that is asked for. rpm: how many of this package are left.
set -eu

# The authority, the journal and all output: without a backup no agent ever links again.
purge() {
  rm -rf /var/lib/shanty
  rm -f /etc/shanty/shanty.toml /etc/shanty/bot-token
  rmdir /etc/shanty 2>/dev/null || true
  if getent passwd shanty-controller >/dev/null && command -v userdel >/dev/null; then userdel shanty-controller || true; fi
}

case ${1-} in
  remove | 0) if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi ;;
  purge) purge ;;
esac
