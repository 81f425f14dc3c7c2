# $1 is the database; the dump comes on standard input.
dropdb --if-exists -- "$1.new"
createdb -- "$1.new"
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname="$1.new" > /dev/null
dropdb --if-exists -- "$1"
psql --no-psqlrc --quiet --dbname=postgres --set=from="$1.new" --set=to="$1" <<< 'alter database :"from" rename to :"to"'
