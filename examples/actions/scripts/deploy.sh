# $1 is the version. Every parameter is also a variable: P_REF, P_MIGRATE.
cd /srv/app
git fetch --quiet --tags origin
git rev-parse --quiet --verify "$1^{commit}" > new-version
bin/switch "$(cat new-version)"
if [ "$P_MIGRATE" = true ]; then bin/migrate; fi
bin/workers restart --queue=mail
