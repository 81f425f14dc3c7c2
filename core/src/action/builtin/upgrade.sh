# Installs all updates without a question, and removes nothing.
if command -v apt-get >/dev/null 2>&1; then
    # Lists what should be restarted instead of doing it.
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
    apt-get -qq update
    apt-get -qy -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold upgrade
elif command -v dnf >/dev/null 2>&1; then
    dnf -y upgrade
elif command -v zypper >/dev/null 2>&1; then
    zypper --non-interactive update
elif command -v apk >/dev/null 2>&1; then
    apk upgrade --update-cache
else
    echo "no apt-get, dnf, zypper or apk on this machine" >&2
    exit 69
fi
