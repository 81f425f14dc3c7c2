# Lists packages that have updates, by what this machine has. It changes the lists of packages and nothing else.
if command -v apt-get >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then apt-get -qq update; fi
    apt-get -qq --simulate upgrade | sed -n 's/^Inst //p'
elif command -v dnf >/dev/null 2>&1; then
    # 100 means that there are some.
    dnf --quiet check-update || [ $? -eq 100 ]
elif command -v zypper >/dev/null 2>&1; then
    zypper --quiet list-updates
elif command -v apk >/dev/null 2>&1; then
    apk --quiet update
    apk version -l '<'
else
    echo "no apt-get, dnf, zypper or apk on this machine" >&2
    exit 69
fi
