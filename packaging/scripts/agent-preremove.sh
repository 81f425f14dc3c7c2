#!/bin/sh
# deb: `remove` or `upgrade`. rpm: how many of this package will be left.
set -eu
case ${1-} in
  remove | 0) ;;
  *) exit 0 ;;
esac
# What runs goes on to its end: nobody can start anything any more.
if [ -d /run/systemd/system ]; then
  systemctl stop shanty-agent-exp.service shanty-executor-exp.service || true
  systemctl stop shanty-agent.service shanty-executor.service || true
fi
if command -v systemctl >/dev/null; then
  systemctl --no-reload disable shanty-agent.service shanty-executor.service || true
fi
