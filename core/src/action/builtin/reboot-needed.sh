# Says whether the machine waits for a reboot, and for what.
if [ -e /run/reboot-required ]; then
    echo "reboot needed"
    if [ -r /run/reboot-required.pkgs ]; then sort -u /run/reboot-required.pkgs; fi
elif command -v needs-restarting >/dev/null 2>&1; then
    if needs-restarting -r; then echo "no reboot needed"; else echo "reboot needed"; fi
elif command -v zypper >/dev/null 2>&1; then
    if zypper --quiet needs-rebooting; then echo "no reboot needed"; else echo "reboot needed"; fi
elif [ -d "/lib/modules/$(uname -r)" ] || [ -d "/usr/lib/modules/$(uname -r)" ]; then
    echo "no reboot needed"
else
    echo "reboot needed: the modules of the running kernel are gone"
fi
