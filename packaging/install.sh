#!/bin/sh
# Installs the Shanty agent on this host, or another version of it, and joins the controller that this script is from.
# What is below in quotes was filled in by that controller. docs/INSTALL.md tells what each E0xx means; `--help` tells the options.
# Nothing runs before the last line was read, so a script that was cut off on its way does nothing.
set -euf

server='@SERVER@'
pins='@PINS@'
version='@VERSION@'
# kind, architecture, oldest GNU libc, bytes, SHA-256, name
artifacts='@ARTIFACTS@'

usage() {
	cat <<'EOF'
Installs the Shanty agent and joins its controller.

  --name NAME          name of this host in Shanty [default: its host name]
  --run-as USER,USER   users that commands may run as; the first is the default [default: nobody, for root]
  --token-file FILE    file with the join token; without it SHANTY_TOKEN is used, or you are asked
  --no-join            install only: for images; join later with this script and a token
  --no-start           do not start the agent
  --prefix DIR         install below DIR [default: /, and ~/.shanty for others than root]
  --proxy URL          reach the controller through this proxy
  --bundle FILE        install this artifact of the release instead of fetching one
  --dry-run            say what would be done
  --uninstall          remove the agent; --purge removes its identity, configuration and user too
  --yes                do not ask
EOF
}

say() {
	printf '%s\n' "$*"
}

# Code, what happened, what to do.
fail() {
	printf 'install.sh: %s (%s)\n  %s\n' "$2" "$1" "$3" >&2
	exit "${4:-1}"
}

have() {
	command -v "$1" >/dev/null 2>&1
}

as_root() {
	[ "$uid" = 0 ] && [ -z "$root" ]
}

# ---- what was asked for

parse() {
	name='' run_as='' token_file='' join=yes start=yes prefix='' proxy='' bundle='' dry='' uninstall='' purge='' yes=''
	while [ $# -gt 0 ]; do
		case $1 in
		--name | --run-as | --token-file | --prefix | --proxy | --bundle)
			[ $# -ge 2 ] || fail E001 "$1 takes a value" "See --help." 64
			# A variable that is not set must not install somewhere else, or under another name.
			[ -n "$2" ] || fail E001 "$1 takes a value, and was given an empty one" "Leave $1 out, or write its value." 64
			case $1 in
			--name) name=$2 ;;
			--run-as) run_as=$2 ;;
			--token-file) token_file=$2 ;;
			--prefix) prefix=$2 ;;
			--proxy) proxy=$2 ;;
			--bundle) bundle=$2 ;;
			esac
			shift
			;;
		--no-join) join='' ;;
		--no-start) start='' ;;
		--dry-run) dry=yes ;;
		--uninstall) uninstall=yes ;;
		--purge) purge=yes ;;
		--yes) yes=yes ;;
		--help | -h)
			usage
			exit 0
			;;
		*) fail E001 "there is no option $1" "See --help." 64 ;;
		esac
		shift
	done
	[ -z "$purge" ] || [ -n "$uninstall" ] || fail E001 "--purge goes with --uninstall only" "See --help." 64
	# Nothing that is started needs to know it: it stands in no environment from here on.
	token=${SHANTY_TOKEN:-}
	unset SHANTY_TOKEN
	places
}

places() {
	uid=$(id -u)
	root=$prefix
	while [ "$root" != "${root%/}" ]; do root=${root%/}; done
	if [ -z "$prefix" ] && [ "$uid" != 0 ]; then
		[ -n "${HOME:-}" ] || fail E002 "this is not root, and HOME is not set" "Name a folder with --prefix, or run it as root."
		root=$HOME/.shanty
	fi
	case $root in
	'' | /*) ;;
	*) fail E001 "--prefix takes an absolute path" "Write for example --prefix /srv/shanty." 64 ;;
	esac
	opt=$root/opt/shanty
	state=$root/var/lib/shanty-agent
	program=$opt/stable/shanty-agent
	record=$opt/installed
}

# ---- what this host is

detect() {
	[ "$(uname -s)" = Linux ] || fail E010 "this is $(uname -s), and the agent runs on Linux" "There is no agent for it."
	case $(uname -m) in
	x86_64 | amd64) arch=x86_64 ;;
	aarch64 | arm64) arch=aarch64 ;;
	*) fail E011 "there is no agent for $(uname -m)" "It runs on x86_64 and aarch64." ;;
	esac
	if have getconf && [ "$(getconf LONG_BIT 2>/dev/null || echo 64)" = 32 ]; then
		fail E011 "this system has 32 bits, on a processor with 64" "There is no agent for it."
	fi
	libc=$(libc_version)
	systemd=''
	if as_root && [ -d /run/systemd/system ] && have systemctl; then systemd=yes; fi
	if have sha256sum; then
		digester=sha256sum
	elif have shasum; then
		digester='shasum -a 256'
	elif have openssl; then
		digester='openssl dgst -sha256 -r'
	else
		fail E014 "nothing here computes SHA-256" "Install coreutils, or openssl."
	fi
}

# `glibc 2.36`, `musl`, or `unknown`.
libc_version() {
	if have getconf && libc_said=$(getconf GNU_LIBC_VERSION 2>/dev/null) && [ -n "$libc_said" ]; then
		say "$libc_said"
	elif have ldd; then
		libc_said=$(ldd --version 2>&1 || :)
		case $libc_said in
		*musl*) say musl ;;
		*GLIBC* | *GNU*) say "glibc $(say "$libc_said" | sed -n '1s/.* \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p')" ;;
		*) say unknown ;;
		esac
	else
		say unknown
	fi
}

digest() {
	$digester <"$1" | sed 's/[^0-9a-f].*//'
}

# Whether version $1 is at least $2; both are numbers with dots.
at_least() {
	[ "$1" = "$2" ] && return 0
	[ "${1%%.*}" -ne "${2%%.*}" ] && {
		[ "${1%%.*}" -gt "${2%%.*}" ]
		return
	}
	rest_1=${1#"${1%%.*}"} rest_2=${2#"${2%%.*}"}
	[ -n "$rest_2" ] || return 0
	[ -n "$rest_1" ] || return 1
	at_least "${rest_1#.}" "${rest_2#.}"
}

# Whoever may write above a place chooses what stands there: the agent does not start in such a place. What links lead to counts as well.
check_place() {
	have ls || return 0
	named=$state
	until [ -d "${named:-/}" ]; do named=${named%/*}; done
	real=$(cd -P "${named:-/}" && pwd -P)
	for above in "$named" "${real%/}"; do
		while :; do
			check_folder "${above:-/}"
			[ -n "$above" ] || break
			above=${above%/*}
		done
	done
}

check_folder() {
	read -r mode_of _ owner_of _ <<EOF
$(ls -ldnL "$1")
EOF
	# The folder of the link is its user's, once this host has joined; the executor keeps its own elsewhere.
	[ "$owner_of" = 0 ] || [ "$owner_of" = "$uid" ] || { as_root && { [ "$1" = "$state" ] || [ "$1" = "$real" ]; } && [ -d "$state" ] && [ "$owner_of" = "$(id -u shanty 2>/dev/null)" ]; } ||
		fail E016 "$1 belongs to another user, who could put another agent below it" "Choose another place with --prefix, or give it to this user, or to root."
	case $mode_of in
	?????????[tT]*) ;;
	?????w* | ????????w*)
		fail E016 "$1 can be changed by other users, and the agent does not start below it" "Run \`chmod go-w $1\`, or choose another place with --prefix."
		;;
	esac
}

# ---- which artifact

# Sets kind, size, sha and file.
choose() {
	kind='' had='' needs=''
	if as_root && have dpkg-query; then
		wanted='deb tar'
	elif as_root && have rpm; then
		wanted='rpm tar'
	else
		wanted=tar
	fi
	if [ -n "$bundle" ]; then
		[ -r "$bundle" ] || fail E002 "the artifact $bundle cannot be read" "Name a file that is there, with --bundle."
		bundle_sha=$(digest "$bundle")
		wanted='deb rpm tar'
	fi
	for way in $wanted; do
		while read -r a_kind a_arch a_glibc a_size a_sha a_file; do
			[ "$a_arch" = "$arch" ] || {
				had="$had $a_arch"
				continue
			}
			[ "$a_kind" = "$way" ] || continue
			[ -z "$bundle" ] || [ "$a_sha" = "$bundle_sha" ] || continue
			if [ "$a_glibc" != none ]; then
				case $libc in
				glibc\ [0-9]*) at_least "${libc#glibc }" "$a_glibc" ;;
				*) false ;;
				esac || {
					needs=$a_glibc
					continue
				}
			fi
			kind=$a_kind size=$a_size sha=$a_sha file=$a_file
			return
		done <<EOF
$artifacts
EOF
	done
	[ -z "$bundle" ] || [ -n "$needs" ] ||
		fail E030 "$bundle is none of the files of version $version for $arch" "Copy the file anew: its SHA-256 is $bundle_sha."
	[ -z "$needs" ] ||
		fail E012 "the agent needs GNU libc $needs or newer, and this host has $libc" "Use a newer release of the system, or ask for an agent that needs no libc."
	fail E011 "this controller has no agent for $arch" "It has:${had:- none}. Put one into its folder of artifacts."
}

# ---- the way to the controller

choose_downloader() {
	proxy=${proxy:-${SHANTY_PROXY:-${https_proxy:-${HTTPS_PROXY:-}}}}
	if [ -n "$proxy" ]; then
		case $proxy in
		http://* | https://*) ;;
		*) fail E023 "the proxy $(shown_proxy) is no URL" "Write for example --proxy http://proxy.example.net:3128." ;;
		esac
		https_proxy=$proxy HTTPS_PROXY=$proxy
		export https_proxy HTTPS_PROXY
	fi
	if have curl; then
		downloader=curl
	elif have wget && wget --version 2>/dev/null | grep -q 'GNU Wget'; then
		downloader=gnu_wget
	elif have wget; then
		downloader=wget
	elif have python3; then
		downloader=python3
	else
		fail E013 "there is nothing here that downloads" "Install curl, wget or python3, or copy a file and use --bundle."
	fi
}

# Without the name and password that it may hold.
shown_proxy() {
	case $proxy in
	*://*@*) say "${proxy%%://*}://${proxy##*@}" ;;
	*) say "${proxy##*@}" ;;
	esac
}

# Fetches path $1 into file $2, or with a third argument what is said of it. The digest of what was fetched is checked before anything is done
# with it; the pin tells earlier, and better, that somebody else answers. What a user has configured for a downloader does not count.
fetch() {
	url=https://$server/$1
	: >"$scratch/headers"
	: >"$scratch/tunnel"
	case $downloader in
	curl)
		curl -q -fsSk ${3:+-I} --proto '=https' --pinnedpubkey "$pins" --connect-timeout 15 --max-time 900 \
			-D "$scratch/headers" -w '%{http_connect}' -o "$2" "$url" 2>"$scratch/said" >"$scratch/tunnel"
		;;
	gnu_wget)
		wget --no-config -nv -S ${3:+--spider} --no-check-certificate --pinnedpubkey="$pins" -T 30 -t 2 -O "$2" "$url" 2>"$scratch/said"
		;;
	wget)
		wget -q -S ${3:+--spider} --no-check-certificate -T 30 -O "$2" "$url" 2>"$scratch/said"
		;;
	python3)
		python3 -c '
import ssl, sys, urllib.error as e, urllib.request as r
context = ssl._create_unverified_context()
asked = r.Request(sys.argv[1], method="HEAD" if sys.argv[3] else "GET")
try:
    with r.urlopen(asked, timeout=30, context=context) as answer, open(sys.argv[2], "wb") as file:
        file.write(str(answer.headers).encode() if sys.argv[3] else b"")
        for piece in iter(lambda: answer.read(65536), b""):
            file.write(piece)
except e.HTTPError as error:
    sys.exit("%s%s" % (error.headers, error))
' "$url" "$2" "${3:-}" 2>"$scratch/said"
		;;
	esac
}

# The same, and what went wrong in words. A controller that is busy is asked again, and so is one that broke off.
get() {
	waited=0 broken=0
	while :; do
		code=0
		fetch "$@" || code=$?
		[ "$code" != 0 ] || return 0
		if by_proxy; then
			break
		elif is_busy; then
			pause=$(asked_to_wait)
			[ $((waited + pause)) -le 300 ] ||
				fail E024 "the controller at $server has been busy for $waited s" "Run this again later." 75
			say "The controller is busy; trying again in $pause s."
		elif broke_off && [ "$broken" -lt 5 ]; then
			broken=$((broken + 1)) pause=3
			say "The connection to the controller broke off; trying again in $pause s."
		else
			break
		fi
		sleep "$pause"
		waited=$((waited + pause))
	done
	did_not_get "$1"
}

# Whether a proxy in between said no.
by_proxy() {
	case $(cat "$scratch/tunnel") in
	'' | 000 | 2??) ;;
	*) return 0 ;;
	esac
	grep -qi -e 'proxy tunneling failed' -e 'tunnel connection failed' -e 'connect tunnel failed' -e 'from proxy after connect' "$scratch/said"
}

is_busy() {
	grep -q -e 'error: 503' -e 'ERROR 503' -e 'HTTP/[0-9.]* 503' -e 'HTTP Error 503' "$scratch/said"
}

# Seconds, as the controller said, within reason.
asked_to_wait() {
	seconds=$(cat "$scratch/headers" "$scratch/said" | tr -d '\r' |
		sed -n 's/^ *[Rr]etry-[Aa]fter: *\([0-9][0-9]*\)$/\1/p' | tail -n 1)
	case $seconds in
	'' | 0*) seconds=3 ;;
	[1-9] | [1-5][0-9]) ;;
	*) seconds=60 ;;
	esac
	say "$seconds"
}

broke_off() {
	case $downloader:$code in
	curl:18 | curl:52 | curl:55 | curl:56 | curl:92) return 0 ;;
	curl:35) grep -qi -e reset -e SYSCALL -e 'unexpected eof' "$scratch/said" ;;
	gnu_wget:4) grep -qi -e reset -e 'connection closed' "$scratch/said" ;;
	*) return 1 ;;
	esac
}

did_not_get() {
	last=$(tail -n 1 "$scratch/said")
	through=${proxy:+$(shown_proxy)}
	# Some repeat what they were told.
	case $proxy:$last in
	?*:*"$proxy"*) last=${last%%"$proxy"*}$through${last#*"$proxy"} ;;
	esac
	if by_proxy; then
		told=$(cat "$scratch/tunnel")
		case $told in
		'' | 000 | 2??) told=$(grep -i -e tunnel -e 'from proxy' "$scratch/said" | tail -n 1) ;;
		407) told="it wants a name and a password (407)" ;;
		*) told="it answered $told" ;;
		esac
		fail E023 "the proxy ${through:-in between} did not let us through: $told" \
			"See --proxy, which may be http://NAME:PASSWORD@HOST:PORT, and whether the proxy may reach $server."
	fi
	case $downloader:$code in
	curl:90 | gnu_wget:5)
		fail E021 "whoever answers at $server is not the controller: its key is not the pinned one$(by_whom)" \
			"A proxy that looks into TLS must leave $server alone; otherwise make a new line with \`shanty token create --install\`."
		;;
	curl:22 | gnu_wget:8)
		fail E022 "the controller at $server did not give $1: $last" "Its log says why; make a new line with \`shanty token create --install\`."
		;;
	curl:5 | curl:97)
		fail E023 "the proxy ${through:-in between} did not let us through: $last" "See --proxy, and whether it may reach $server."
		;;
	curl:23 | gnu_wget:3) cannot_write ;;
	*)
		fail E020 "the controller at $server cannot be reached${through:+ through $through}: $last" \
			"Let this host connect to $server, or name a proxy with --proxy."
		;;
	esac
}

# Who signed the certificate that is presented instead of ours.
by_whom() {
	[ "$downloader" = curl ] || return 0
	whose=$(curl -q -ksv --max-time 15 -o /dev/null "https://$server/i" 2>&1 | sed -n 's/^\* *issuer: *//p' | tail -n 1 | tr -cd '[:print:]')
	[ -z "$whose" ] || printf ', and was signed by %s' "$whose"
}

# Certificates are good for a time: with another clock nothing connects, and nobody says why.
check_clock() {
	get i "$scratch/head" headers
	cat "$scratch/said" >>"$scratch/head" 2>/dev/null || :
	theirs=$(tr -d '\r' <"$scratch/head" | sed -n 's/^ *[Ss]hanty-[Tt]ime: *\([0-9][0-9]*\)$/\1/p' | tail -n 1)
	[ -n "$theirs" ] || return 0
	ours=$(date +%s)
	off=$((ours - theirs))
	if [ "$off" -gt 300 ] || [ "$off" -lt -300 ]; then
		fail E015 "the clock of this host says $(person_time "$ours"), and the controller's says $(person_time "$theirs")" \
			"Set the clock that is wrong, and run this again."
	fi
}

person_time() {
	date -u -d "@$1" '+%Y-%m-%d %H:%M:%S UTC' 2>/dev/null || say "$1 seconds since 1970"
}

# ---- putting it there

# Why, as far as it can be seen.
cannot_write() {
	at=$opt
	until [ -e "${at:-/}" ]; do at=${at%/*}; done
	at=${at:-/}
	other="or choose another place with --prefix"
	if [ ! -d "$at" ]; then
		fail E031 "$opt cannot be written: $at is no folder" "Move it away, $other."
	elif [ ! -w "$at" ] && [ "$uid" = 0 ]; then
		fail E031 "$opt cannot be written: $at is read-only" "Mount it so that it can be written, $other."
	elif [ ! -w "$at" ]; then
		fail E031 "$opt cannot be written: this user may not write in $at" "Run this as another user, such as root, $other."
	fi
	free=$(df -Pk "$at" 2>/dev/null | awk 'NR == 2 { print $4 }' || :)
	fail E031 "$opt cannot be written: ${free:-too few} KiB are free there, and it needs $((${size:-0} / 200 + 1024))" "Make room there, $other."
}

# Nobody else installs here meanwhile.
lock() {
	mkdir -p "$opt" 2>/dev/null || cannot_write
	if have flock; then
		exec 9<"$opt"
		flock -n 9 || fail E004 "another installation is under way in $opt" "Wait until it is done."
	else
		mkdir "$opt/.lock" 2>/dev/null || fail E004 "another installation is under way in $opt" "Wait until it is done; if there is none, remove $opt/.lock."
		locked=$opt/.lock
	fi
}

clean_up() {
	[ -z "$stage" ] || rm -rf "$stage"
	[ -z "$scratch" ] || rm -rf "$scratch"
	[ -z "$locked" ] || rmdir "$locked" 2>/dev/null || :
}

# What was updated meanwhile is not taken back by a controller, or a line, of before.
refuse_older() {
	[ -x "$program" ] && have sort || return 0
	has=$("$program" --version 2>/dev/null | sed -n 's/^shanty-agent //p')
	[ -n "$has" ] && [ "$has" != "$version" ] || return 0
	newest=$(printf '%s\n%s\n' "$has" "$version" | sed 's/-/~/' | sort -V | tail -n 1 | sed 's/~/-/')
	[ "$newest" = "$version" ] ||
		fail E035 "shanty-agent $has is here, and this controller hands out $version, which is older" "Update the controller, or remove the agent with --uninstall first."
}

# Whether this very artifact is here, and whole.
is_installed() {
	[ -r "$record" ] && [ -x "$program" ] || return 1
	read -r was_kind was_sha was_version was_program <"$record" || return 1
	[ "$was_kind $was_sha $was_version" = "$kind $sha $version" ] && [ "$(digest "$program")" = "$was_program" ]
}

install_artifact() {
	stage=$opt/.new.$$
	mkdir -m 0755 "$stage" 2>/dev/null || cannot_write
	free=$(df -Pk "$stage" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge $((size / 200 + 1024)) ] || cannot_write
	if [ -n "$bundle" ]; then
		cp "$bundle" "$stage/artifact" || cannot_write
	else
		say "Fetching $file ..."
		get "a/$file" "$stage/artifact"
	fi
	came=$(digest "$stage/artifact")
	[ "$came" = "$sha" ] ||
		fail E030 "$file is not what it should be: its SHA-256 is $came, and not $sha" "Nothing of it was run. Try again; if it stays so, tell who runs the controller."
	case $kind in
	tar) unpack ;;
	deb) package dpkg -i "$stage/artifact" ;;
	rpm) package rpm -U --replacepkgs --oldpackage "$stage/artifact" ;;
	esac
	[ -x "$program" ] || fail E034 "$file did not bring $program" "Tell who runs the controller."
	printf '%s %s %s %s\n' "$kind" "$sha" "$version" "$(digest "$program")" >"$record.new" || cannot_write
	mv -f "$record.new" "$record"
	rm -rf "$stage"
	stage=''
	installed=yes
	changed=yes
}

package() {
	# A script's own links and units would hide those of the package.
	if [ -r "$record" ] && grep -q '^tar ' "$record"; then remove_units; fi
	"$@" >"$scratch/said" 2>&1 || fail E034 "$1 did not install $file: $(tail -n 3 "$scratch/said")" "Mend what it says, and run this again."
}

unpack() {
	if ! have tar || ! have gzip; then fail E017 "tar or gzip is missing here" "Install both."; fi
	mkdir "$stage/version"
	gzip -dc <"$stage/artifact" | tar -xf - -C "$stage/version" 2>"$scratch/said" || cannot_write
	rm -f "$stage/artifact"
	new=$stage/version/shanty-agent
	[ -f "$new" ] || fail E034 "$file holds no shanty-agent" "Tell who runs the controller."
	[ "$uid" != 0 ] || chown -R 0:0 "$stage/version"
	chmod -R go-w "$stage/version"
	chmod 0755 "$stage/version" "$new"
	tries_it "$new"
	mkdir -p "$opt/versions" "$root/usr/bin" 2>/dev/null || cannot_write
	# The links point at whole versions at any time.
	old=''
	if [ -e "$opt/versions/$version" ]; then
		old=$opt/.old.$$
		mv "$opt/versions/$version" "$old"
	fi
	mv "$stage/version" "$opt/versions/$version" || cannot_write
	[ -z "$old" ] || rm -rf "$old"
	link_to "versions/$version" "$opt/stable"
	link_to "$opt/stable/shanty-agent" "$root/usr/bin/shanty-agent"
	if [ -n "$systemd" ]; then put_units; fi
	if as_root && have restorecon; then restorecon -R "$opt" /usr/bin/shanty-agent || :; fi
}

# It runs here at all, before anything points at it.
tries_it() {
	if is=$("$1" --version 2>"$scratch/said"); then
		[ "$is" = "shanty-agent $version" ] || fail E033 "the agent says that it is \"$is\", and not version $version" "Tell who runs the controller."
		return
	fi
	why=$(tail -n 1 "$scratch/said")
	case $why in
	*[Pp]ermission\ denied*)
		fail E032 "$opt is mounted so that no program in it can run (noexec)" "Mount it without noexec, or choose another place with --prefix."
		;;
	*) fail E033 "the agent does not run here: $why" "This host has $libc; the agent was made for others." ;;
	esac
}

link_to() {
	rm -f "$2.new"
	ln -s "$1" "$2.new" || cannot_write
	mv -fT "$2.new" "$2" 2>/dev/null || {
		rm -f "$2"
		mv -f "$2.new" "$2"
	}
}

units='shanty-agent.service shanty-executor.service shanty-agent-exp.service shanty-executor-exp.service'

put_units() {
	from=$opt/versions/$version
	if [ -f "$from/sysusers.conf" ] && ! id shanty >/dev/null 2>&1; then
		if have systemd-sysusers; then
			systemd-sysusers "$from/sysusers.conf"
		else
			useradd --system --user-group --home-dir /var/lib/shanty-agent --no-create-home --shell /usr/sbin/nologin shanty
		fi || fail E034 "the user shanty could not be made" "Make it, and run this again."
	fi
	for unit in $units; do
		[ -f "$from/systemd/$unit" ] || continue
		cmp -s "$from/systemd/$unit" "/etc/systemd/system/$unit" || cp "$from/systemd/$unit" "/etc/systemd/system/$unit"
	done
	systemctl daemon-reload
}

remove_units() {
	for unit in $units; do
		[ ! -f "/etc/systemd/system/$unit" ] || rm -f "/etc/systemd/system/$unit"
	done
	[ -z "$systemd" ] || systemctl daemon-reload
}

# ---- joining

is_joined() {
	[ -e "$state/identity.pem" ]
}

# The units run a link of its own user, by /etc/shanty/agent.toml; a host that joined for one process has neither.
refuse_other_setup() {
	[ -n "$systemd" ] && is_joined && [ -f "$state/agent.toml" ] && [ ! -f "$root/etc/shanty/agent.toml" ] || return 0
	fail E036 "this host joined without --link-user: its agent is one process, by $state/agent.toml, and the units start another" \
		"Keep it as it is; or stop it, move $state away, give its name back with \`shanty hosts remove\` and \`shanty hosts free\`, and run this again with a token."
}

its_name() {
	[ -z "$config" ] || sed -n 's/^name *= *"\(.*\)"$/\1/p' "$config" | head -n 1
}

find_config() {
	config=''
	for place in "$state/agent.toml" "$root/etc/shanty/agent.toml"; do
		[ ! -f "$place" ] || config=$place
	done
}

needs_token() {
	[ -n "$join" ] && ! is_joined
}

# Before anything is fetched.
find_token() {
	needs_token || return 0
	if [ -z "$token" ] && [ -z "$token_file" ] && (: </dev/tty) 2>/dev/null; then
		printf 'Join token: ' >/dev/tty
		stty -echo </dev/tty
		read -r token </dev/tty || :
		stty echo </dev/tty
		printf '\n' >/dev/tty
	fi
	if [ -n "$token_file" ]; then
		[ -r "$token_file" ] || fail E002 "the token file $token_file cannot be read" "Name a file that is there, with --token-file."
		return
	fi
	case $token in
	'') fail E002 "there is no join token" "Paste the whole line of \`shanty token create --install\`, or use --token-file." ;;
	sht1.*.*.*) ;;
	*) fail E002 "what was given is no join token: it begins with sht1. and has four parts" "Paste the whole line of \`shanty token create --install\`." ;;
	esac
}

join_controller() {
	set -- join --server "$server"
	[ -z "$name" ] || set -- "$@" --name "$name"
	if [ "$uid" = 0 ]; then
		run_as=${run_as:-nobody}
	fi
	[ -z "$run_as" ] || set -- "$@" --run-as "$run_as"
	if as_root && [ -n "$systemd" ] && "$program" join --help 2>/dev/null | grep -q -e --link-user; then
		set -- "$@" --link-user shanty
	else
		mkdir -p "${state%/*}" 2>/dev/null || cannot_write
		set -- "$@" --data-dir "$state"
	fi
	if [ -n "$token_file" ]; then
		"$program" "$@" --token-file "$token_file" 9<&- >"$scratch/joined" 2>"$scratch/said" || did_not_join $?
	else
		printf '%s\n' "$token" | "$program" "$@" --token-file - 9<&- >"$scratch/joined" 2>"$scratch/said" || did_not_join $?
	fi
	joined=yes
	changed=yes
}

did_not_join() {
	why=$(sed 's/^shanty-agent: //' "$scratch/said" | tail -n 3)
	case $1 in
	75) fail E041 "the agent is installed, and did not reach the controller: $why" "Run this again when it can be reached." 75 ;;
	77) fail E040 "the agent is installed, and did not join: $why" "Make a new token, or choose another --name, and run this again." 77 ;;
	*) fail E040 "the agent is installed, and did not join: $why" "Mend that, and run this again." "$1" ;;
	esac
}

# ---- running

start_agent() {
	[ -n "$systemd" ] && [ -n "$start" ] && is_joined || return 0
	present=''
	for unit in shanty-executor.service shanty-agent.service; do
		systemctl cat "$unit" >/dev/null 2>&1 || continue
		present="$present $unit"
		systemctl enable --quiet "$unit" || fail E050 "$unit cannot be enabled" "See \`systemctl status $unit\`."
		if [ -n "$changed" ] || ! systemctl is-active --quiet "$unit"; then
			systemctl restart "$unit" 9<&- || did_not_start
		fi
	done
	[ -z "$present" ] || have_link
}

did_not_start() {
	result=$(systemctl show -p Result "$unit" 2>/dev/null || :)
	result=${result#Result=}
	[ "$result" != timeout ] || fail E051 "the agent has no link to the controller yet" "See \`journalctl -u $unit\`; it goes on trying."
	fail E050 "$unit does not start: $result" "See \`journalctl -u $unit\`."
}

# The agent says when its link is up. That it was started is no word of that: without a link it says after a while that it goes on trying.
have_link() {
	for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		case $(systemctl show -p StatusText shanty-agent.service 2>/dev/null || :) in
		'StatusText=Works as host '*) return 0 ;;
		esac
		sleep 1
	done
	fail E051 "the agent runs, and has no link to the controller yet (after $attempt s)" "See \`journalctl -u shanty-agent\`; it goes on trying."
}

# ---- the end

tell() {
	if [ -n "$installed" ]; then
		say "Installed shanty-agent $version in $opt."
	elif [ -n "$changed" ]; then
		say "shanty-agent $version was here already."
	else
		say "shanty-agent $version was here already; nothing was changed."
	fi
	if ! is_joined; then
		say "This host has not joined. Run this again with a token when it should."
		return
	fi
	find_config
	its=$(its_name)
	[ -z "$joined" ] || sed -n 's/^Key: */Fingerprint of its key: /p' "$scratch/joined"
	if [ -n "$joined" ] && [ "$uid" = 0 ]; then
		say "Commands run as $run_as; see run_as in $config."
	fi
	if [ -n "$systemd" ] && [ -n "$start" ] && [ -n "${present:-}" ]; then
		say "Seen by the controller: yes, as ${its:-this host}. It runs under systemd."
	elif [ -n "$joined" ]; then
		say "Seen by the controller: yes, it joined as ${its:-this host}. It does not run yet; start it with:"
		supervised
		say "  $(how_to_run)"
	else
		say "It has joined as ${its:-this host}. Unless it runs already, start it with:"
		say "  $(how_to_run)"
	fi
}

# Not every version has it.
supervised() {
	[ -z "$systemd" ] && "$program" supervise --help >/dev/null 2>&1 || return 0
	say "  (with supervise in place of run it is started again when it ends, and can be updated)"
}

how_to_run() {
	if [ -n "$systemd" ]; then
		say "systemctl enable --now shanty-executor shanty-agent"
	else
		say "$root/usr/bin/shanty-agent run --data-dir $state"
	fi
}

plan() {
	say "This would be done on this host ($arch, $libc${systemd:+, systemd}):"
	if is_installed; then
		say "  shanty-agent $version is in $opt already, and stays"
	elif [ -n "$bundle" ]; then
		say "  install shanty-agent $version in $opt from $bundle ($kind)"
	else
		say "  fetch $file ($size bytes) with $downloader from $server, and install it in $opt ($kind)"
	fi
	if is_joined; then
		find_config
		say "  it has joined as $(its_name), and keeps its identity and configuration"
	elif [ -n "$join" ]; then
		say "  join $server${name:+ as $name}"
	fi
	if [ -n "$systemd" ] && [ -n "$start" ]; then say "  start it under systemd"; fi
	say "Nothing was changed."
}

# ---- removing

remove() {
	systemd=''
	if as_root && [ -d /run/systemd/system ] && have systemctl; then systemd=yes; fi
	if [ ! -e "$opt" ] && [ ! -e "$state" ] && [ ! -L "$root/usr/bin/shanty-agent" ]; then
		say "There is nothing of Shanty in ${root:-/}."
		return
	fi
	[ -w "${opt%/*}" ] || [ ! -e "$opt" ] || fail E061 "this user may not remove $opt" "Run it as who installed it."
	gone=$opt
	[ -z "$purge" ] || gone="$opt, and its identity and configuration"
	if [ -n "$dry" ]; then
		say "This would remove $gone. Nothing was changed."
		return
	fi
	if [ -z "$yes" ]; then
		(: </dev/tty) 2>/dev/null || fail E005 "nobody can be asked whether $gone shall go" "Add --yes."
		printf 'Remove %s? [y/N] ' "$gone" >/dev/tty
		read -r answer </dev/tty || answer=''
		case $answer in
		y | Y | yes) ;;
		*) fail E003 "nothing was removed" "Answer y, or add --yes." ;;
		esac
	fi
	find_config
	its=$(its_name)
	stop_agent
	if as_root && have dpkg-query && dpkg-query -W shanty-agent >/dev/null 2>&1; then
		how=-r
		[ -z "$purge" ] || how=-P
		dpkg "$how" shanty-agent >/dev/null || fail E034 "dpkg does not remove shanty-agent" "See what \`dpkg $how shanty-agent\` says."
	elif as_root && have rpm && rpm -q shanty-agent >/dev/null 2>&1; then
		rpm -e shanty-agent || fail E034 "rpm does not remove shanty-agent" "See what \`rpm -e shanty-agent\` says."
	fi
	[ -z "$systemd" ] || remove_units
	rm -rf "$opt"
	[ ! -L "$root/usr/bin/shanty-agent" ] || rm -f "$root/usr/bin/shanty-agent"
	if [ -n "$purge" ]; then
		rm -rf "$state" "$root/var/lib/shanty-executor"
		# A controller on the same machine has its own there.
		set +f
		rm -f "$root/etc/shanty/agent.toml" "$root"/etc/shanty/agent.toml.old* "$root/etc/shanty/host.toml" "$root/etc/shanty/release-roots"
		set -f
		rmdir "$root/etc/shanty" 2>/dev/null || :
		if as_root && id shanty >/dev/null 2>&1; then userdel shanty 2>/dev/null || :; fi
	fi
	[ -z "$root" ] || prune
	say "Removed shanty-agent from ${root:-this host}."
	if [ -z "$purge" ] && [ -e "$state" ]; then say "Its identity is still in $state; --purge removes that too."; fi
	[ -z "$its" ] || say "The controller still knows the host: \`shanty hosts remove $its\` removes it there."
}

stop_agent() {
	if [ -n "$systemd" ]; then
		# What is tried first: with its end the usual ones begin.
		for unit in shanty-agent-exp.service shanty-executor-exp.service shanty-agent.service shanty-executor.service; do
			systemctl disable --now --quiet "$unit" 2>/dev/null || :
		done
	fi
	if [ -e "$state/lock" ] && have flock && ! flock -n "$state/lock" true; then
		fail E062 "the agent of $state runs" "Stop it first."
	fi
}

# Folders below a prefix that only we made.
prune() {
	for folder in opt usr/bin usr var/lib var etc; do
		rmdir "$root/$folder" 2>/dev/null || :
	done
	[ -n "$prefix" ] || rmdir "$root" 2>/dev/null || :
}

# ---- all of it

main() {
	scratch='' stage='' locked='' installed='' changed='' joined=''
	parse "$@"
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	umask 022
	if [ -n "$uninstall" ]; then
		remove
		return
	fi
	scratch=$(mktemp -d) || fail E031 "no temporary folder can be made" "Make room in ${TMPDIR:-/tmp}."
	detect
	check_place
	choose
	refuse_other_setup
	[ -n "$dry" ] || find_token
	if needs_token || { [ -z "$bundle" ] && ! is_installed; }; then
		choose_downloader
		check_clock
	fi
	if [ -n "$dry" ]; then
		plan
		return
	fi
	lock
	if ! is_installed; then
		refuse_older
		install_artifact
	fi
	if needs_token; then join_controller; fi
	start_agent
	tell
}

# The brace is closed by the last character only.
{ main "$@" </dev/null; }
