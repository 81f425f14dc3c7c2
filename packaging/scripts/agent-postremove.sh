#!/bin/sh
# deb: `remove`, then `purge` when that is asked for. rpm: how many of this package are left.
set -eu

# Programs only; identity, configuration and what ran stay. With them go units of the install script, which would start what is not there:
# it may have put an archive over this package.
remove() {
  rm -rf /opt/shanty
  for unit in shanty-agent shanty-executor shanty-agent-exp shanty-executor-exp; do
    unit=/etc/systemd/system/$unit.service
    if grep -q "^ExecStart=/opt/shanty/" "$unit" 2>/dev/null; then rm -f "$unit"; fi
  done
  if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
}

purge() {
  rm -rf /var/lib/shanty-agent /var/lib/shanty-executor
  rm -f /etc/shanty/agent.toml /etc/shanty/agent.toml.old /etc/shanty/agent.toml.old.* /etc/shanty/host.toml /etc/shanty/release-roots
  rmdir /etc/shanty 2>/dev/null || true
  if getent passwd shanty >/dev/null && command -v userdel >/dev/null; then userdel shanty || true; fi
}

case ${1-} in
  remove | 0) remove ;;
  purge)
    remove
    purge
    ;;
esac
