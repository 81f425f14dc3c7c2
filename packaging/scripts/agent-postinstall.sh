#!/bin/sh
# deb: `configure`, with the version before as second word. rpm: how many of this package there are now.
set -eu

opt=/opt/shanty
own=@VERSION@

# The newest version that is there becomes the stable one: one that an update brought in meanwhile stays.
choose_version() {
  now=
  if [ -x "$opt/stable/shanty-agent" ]; then now=$(readlink "$opt/stable"); fi
  now=${now##*/}
  newest=$(printf '%s\n%s\n' "$now" "$own" | sort -V | tail -n 1)
  if [ "$newest" = "$own" ] && [ "$now" != "$own" ]; then
    ln -sfn "versions/$own" "$opt/stable.new"
    mv -Tf "$opt/stable.new" "$opt/stable"
  fi
}

# What an update put above the units of the version before would hide those of this one.
show_units() {
  for unit in shanty-agent shanty-executor shanty-agent-exp shanty-executor-exp; do
    unit=/etc/systemd/system/$unit.service
    if [ -f "$unit" ] && head -n 1 "$unit" | grep -q '^# Put here by shanty-agent update,'; then rm -f "$unit"; fi
  done
}

make_user() {
  if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers shanty-agent.conf
  elif ! getent passwd shanty >/dev/null; then
    useradd --system --user-group --home-dir /var/lib/shanty-agent --no-create-home --shell /usr/sbin/nologin shanty
  fi
}

units() {
  command -v systemctl >/dev/null || return 0
  if [ "$first" = yes ]; then systemctl --no-reload preset shanty-executor.service shanty-agent.service || true; fi
  [ -d /run/systemd/system ] || return 0
  systemctl daemon-reload
  if [ "$first" = yes ]; then
    # Skipped before `shanty-agent join`.
    systemctl --no-block start shanty-executor.service shanty-agent.service || true
  else
    # What runs goes on.
    systemctl --no-block try-restart shanty-executor.service shanty-agent.service || true
  fi
}

first=no
case ${1-} in
  configure) [ -n "${2-}" ] || first=yes ;;
  1) first=yes ;;
  2) ;;
  *) exit 0 ;;
esac
choose_version
show_units
make_user
units
