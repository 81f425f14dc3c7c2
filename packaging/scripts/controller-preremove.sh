#!/bin/sh
# deb: `remove` or `upgrade`. rpm: how many of this package will be left.
set -eu
case ${1-} in
  remove | 0) ;;
  *) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then systemctl stop shanty.service || true; fi
if command -v systemctl >/dev/null; then systemctl --no-reload disable shanty.service || true; fi
