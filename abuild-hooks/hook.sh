# shellcheck shell=sh disable=SC1091 # the files beside this one
# abuild-buildinfo: what abuild.conf sources. docs/hooks.md explains every choice in here.
#
# The rules of this file: it parses under busybox ash, dash and bash; it is inert in every program but abuild;
# it prints nothing on stdout; it never fails; what it runs, it runs in a subshell that cannot end the build.

if [ "${program:-}" = abuild ] && [ -z "${_buildinfo_dir:-}" ] && [ -n "${_abuild_buildinfo:-}" ] &&
	[ ! -e /.abuild-buildinfo/off ]; then

_buildinfo_dir=${_abuild_buildinfo%/*}
_buildinfo_callers_epoch=${SOURCE_DATE_EPOCH:-}
_buildinfo_hooks=0.1.0
if [ -r /.abuild-buildinfo/inside ]; then # in the chroot of rootbld: the settings of the outside
	. /.abuild-buildinfo/inside
fi

# Set _buildinfo_capture, the folder of the build that process $1 leads, and _buildinfo_log_file, where the
# bodies write what they have to say. Inside rootbld the folder is one that the outside can read afterwards.
_buildinfo_locate() {
	_buildinfo_leader=$1
	if [ -e /.abuild-buildinfo/inside ]; then
		_buildinfo_capture=/tmp/.abuild-buildinfo
	elif [ -n "${BUILDINFO_CAPTURES:-}" ]; then
		_buildinfo_capture=$BUILDINFO_CAPTURES
	elif [ -n "${XDG_STATE_HOME:-${HOME:-}}" ]; then
		_buildinfo_capture=${XDG_STATE_HOME:-$HOME/.local/state}/abuild-buildinfo/captures
	else
		_buildinfo_capture=/dev/null/HOME-is-not-set # where nobody, root neither, can make a folder
	fi
	_buildinfo_capture=$_buildinfo_capture/${pkgname:-}-${pkgver:-}-r${pkgrel:-}.${CARCH:-}.$1
	_buildinfo_log_file=/dev/null
	if [ -f "$_buildinfo_capture/log" ] && [ -w "$_buildinfo_capture/log" ]; then
		_buildinfo_log_file=$_buildinfo_capture/log
	fi
}

# Run the body of event $1 for the build that process $2 leads. What the body prints on descriptor 3 ends in
# _buildinfo_said. Returns 0, except in strict mode, where a body that failed makes it 1. After a step that
# failed the others of that build are left out: half of the truth makes no record.
_buildinfo_event() {
	_buildinfo_said=
	_buildinfo_status=0
	[ -n "${pkgname:-}" ] || return 0
	_buildinfo_locate "$2"
	case $1 in
	building | chroot | packing | package) # whichever comes first: abuild can be told to pack alone
		if ! _buildinfo_make "$1" "$2"; then
			_buildinfo_complain "no capture can be written to ${_buildinfo_capture%/*}: this build has no record, its packages are not affected" \
				"make that a folder you can write to, or set BUILDINFO_CAPTURES to one; check with: abuild-buildinfo doctor"
			return
		fi
		;;
	esac
	if _buildinfo_is_broken; then
		[ "${BUILDINFO_STRICT:-}" != 1 ]
		return
	fi
	_buildinfo_said=$(
		exec 3>&1 >/dev/null 2>>"$_buildinfo_log_file" </dev/null
		# What the recipe did to the shell is not for us.
		set +eufxC
		unset -f cd command echo printf read test true umask wait apk fakeroot bwrap
		unalias -a
		. "$_buildinfo_dir/capture.sh" && _buildinfo_body "$@"
	) || _buildinfo_status=$?
	[ "$_buildinfo_status" -ne 0 ] || return 0
	case $1 in
	newest) _buildinfo_loss="the time of the index is the clock's" ;;
	*) _buildinfo_loss="this build has no record" ;;
	esac
	_buildinfo_complain "the $1 step failed with status $_buildinfo_status: $_buildinfo_loss, its packages are not affected"
}

# Make the folder of the capture.
_buildinfo_make() {
	case $_buildinfo_capture in
	[!/]*) return 1 ;; # relative: the build changes its folder
	esac
	if [ "$1" = building ] && [ -d "$_buildinfo_capture" ]; then # left behind by another process that had our number
		command mv "$_buildinfo_capture" "$_buildinfo_capture.$(command date +%s)" 2>/dev/null || return
	fi
	[ ! -d "$_buildinfo_capture" ] || return 0
	( umask 077; command mkdir -p "$_buildinfo_capture/pkginfo" && : >"$_buildinfo_capture/log" ) 2>/dev/null || return
	_buildinfo_locate "$2"
}

# Is $1 one of the words behind it? ("$*" would depend on the APKBUILD's IFS.)
_buildinfo_among() {
	_buildinfo_wanted=$1
	shift
	for _buildinfo_word; do
		[ "$_buildinfo_word" != "$_buildinfo_wanted" ] || return 0
	done
	return 1
}

# Has a step of this build failed? Processes of one build, and the two sides of rootbld, tell each other by a file.
_buildinfo_is_broken() {
	[ -n "${_buildinfo_told:-}" ] || [ -e "$_buildinfo_capture/told" ]
}

# Say once for each build what went wrong ($1) and what to do ($2). Returns 1 in strict mode.
_buildinfo_complain() {
	if ! _buildinfo_is_broken; then
		_buildinfo_told=1
		# The child of root -F that cannot leave a mark leaves the telling to its parent, which fails as well.
		if ( : >"$_buildinfo_capture/told" ) 2>/dev/null || [ "$_buildinfo_leader" = $$ ] || [ "${BUILDINFO_STRICT:-}" = 1 ]; then
			_buildinfo_advice="run: abuild-buildinfo doctor"
			if [ "$_buildinfo_log_file" != /dev/null ] && [ ! -e /.abuild-buildinfo/inside ]; then
				_buildinfo_advice="$_buildinfo_advice; the reason is in $_buildinfo_log_file"
			fi
			printf 'abuild-buildinfo: %s: %s (%s)\n' "${pkgname:-?}" "$1" "${2:-$_buildinfo_advice}" >&2 || :
		fi
	fi
	[ "${BUILDINFO_STRICT:-}" != 1 ]
}

# --- building: called by abuild's logcmd with the message, before SOURCE_DATE_EPOCH is chosen ---------------

_buildinfo_log() {
	case ${1:-} in
	"building "* | "chroot building "*) _buildinfo_building "$1" || return 1 ;;
	"ERROR: "*) _buildinfo_failed "$1" ;;
	esac
	# shellcheck disable=SC2086 # abuild splits it, too
	[ -z "$_buildinfo_chain" ] || $_buildinfo_chain "$@"
}

_buildinfo_building() {
	# The caller's logger may be exported: give the build the value that it would have without us.
	if [ -n "$_buildinfo_chained" ]; then
		ABUILD_LOG_CMD=$_buildinfo_chain
		# shellcheck disable=SC2317 # called by abuild
		logcmd() { _buildinfo_log "$@"; return 0; }
	fi
	_buildinfo_event building $$ "$1" || return 1
	_buildinfo_adopt_epoch
}

# Export what the body chose, unless abuild or the caller has chosen before.
_buildinfo_adopt_epoch() {
	_buildinfo_epoch=${_buildinfo_said%% *}
	case $_buildinfo_epoch in
	'' | *[!0-9]*) return 0 ;;
	esac
	: "${SOURCE_DATE_EPOCH:=$_buildinfo_epoch}"
	_buildinfo_commit=${_buildinfo_said#* }
	case $_buildinfo_commit in
	*[!0-9a-f]*) [ "${_buildinfo_commit%-dirty}" != "$_buildinfo_commit" ] || _buildinfo_commit= ;;
	esac
	: "${ABUILD_LAST_COMMIT:=$_buildinfo_commit}"
	export SOURCE_DATE_EPOCH ABUILD_LAST_COMMIT
}

_buildinfo_failed() {
	[ -n "${pkgname:-}" ] || return 0
	_buildinfo_locate $$
	if [ -d "$_buildinfo_capture" ]; then
		( printf '%s\n' "$1" >>"$_buildinfo_capture/errors" ) 2>/dev/null || :
	fi
}

# Does this process run a command in which abuild calls logcmd before it builds? Asked only where the caller
# has a logger of their own, since build() could see our name in it otherwise.
_buildinfo_leads() (
	set -f
	# shellcheck disable=SC2046
	set -- $(tr '\0' ' ' <"/proc/$$/cmdline")
	while [ $# -gt 0 ] && [ "${1##*/}" != abuild ]; do shift; done
	[ $# -eq 0 ] || shift
	OPTIND=1
	while getopts ":AcC:dD:fFhkKmnP:qrs:vV" _buildinfo_word; do :; done
	shift $((OPTIND - 1))
	[ $# -gt 0 ] || exit 0
	for _buildinfo_word; do
		case $_buildinfo_word in
		all | rootbld | build_abuildrepo) exit 0 ;;
		esac
	done
	exit 1
) 2>/dev/null

_buildinfo_chain=
_buildinfo_chained=
if [ -z "${ABUILD_LOG_CMD+x}" ]; then
	ABUILD_LOG_CMD=_buildinfo_log
elif [ "$ABUILD_LOG_CMD" != _buildinfo_log ] && [ -z "${FAKEROOTKEY:-}" ] && _buildinfo_leads; then
	_buildinfo_chain=$ABUILD_LOG_CMD
	_buildinfo_chained=1
	ABUILD_LOG_CMD=_buildinfo_log
fi

# --- packing: abuild's own call of fakeroot is the moment before and the moment after -----------------------

fakeroot() {
	if ! _buildinfo_among create_apks "$@"; then
		command fakeroot "$@"
		return
	fi
	_buildinfo_event packing $$ || return 1
	_buildinfo_adopt_epoch
	_buildinfo_packed=0
	command fakeroot "$@" || _buildinfo_packed=$?
	[ "$_buildinfo_packed" -eq 0 ] || return "$_buildinfo_packed"
	_buildinfo_event packed $$
}

# Root with -F has no fakeroot: there abuild's child signs each package, and that is the moment.
_buildinfo_sign() {
	if _buildinfo_among control.tar.gz "$@"; then
		_buildinfo_event package "$PPID" || return 1
	fi
	command abuild-sign "$@"
}
if [ -z "${FAKEROOTKEY:-}" ]; then
	alias abuild-sign=_buildinfo_sign
fi

# --- rootbld: the chroot gets the hook files, and the outside takes the capture that they leave --------------

bwrap() {
	if [ -n "${BUILD_ROOT:-}" ] && [ -d "${BUILD_ROOT:-}" ]; then
		_buildinfo_event chroot $$ || return 1
		if _buildinfo_is_broken; then # abuild 3.12 and older read the user's own copy of the hooks in there
			( command mkdir -p "$BUILD_ROOT/.abuild-buildinfo" && : >"$BUILD_ROOT/.abuild-buildinfo/off" ) 2>/dev/null || :
		fi
	fi
	command bwrap "$@"
}

# --- index: all packages of this build exist, and apk has not looked at them yet -----------------------------

apk() {
	for _buildinfo_word; do
		case $_buildinfo_word in
		index | mkndx)
			_buildinfo_index "$@"
			return
			;;
		add | del | fix | update | upgrade | info | list | version | verify | fetch | search) break ;;
		esac
	done
	command apk "$@"
}

_buildinfo_index() {
	_buildinfo_word=${PWD%/*}
	if [ "${_buildinfo_word##*/}" != "${repo:-}" ] || [ "$PWD" = "${startdir:-}" ]; then
		command apk "$@" # not in $REPODEST/$repo/ARCH: the recipe's own
		return
	fi
	_buildinfo_finalize || return 1
	if [ -n "${SOURCE_DATE_EPOCH:-}" ] && [ -z "${_buildinfo_newest:-}" ]; then
		command apk "$@"
		return
	fi
	# No build in this process: the index itself says what its newest package is. mkndx comes second and keeps it.
	if _buildinfo_among mkndx "$@"; then
		command apk "$@"
		return
	fi
	command apk "$@" || return
	_buildinfo_event newest $$ "$@" || return 1
	case $_buildinfo_said in
	'' | *[!0-9]*) return 0 ;;
	esac
	_buildinfo_newest=$_buildinfo_said
	SOURCE_DATE_EPOCH=$_buildinfo_newest
	export SOURCE_DATE_EPOCH
	command apk "$@"
}

_buildinfo_finalize() {
	[ -n "${pkgname:-}" ] || return 0
	_buildinfo_locate $$
	if [ ! -d "$_buildinfo_capture" ] || [ -e "$_buildinfo_capture/finalized" ]; then
		return 0
	fi
	if [ -n "${BUILD_ROOT:-}" ] && [ -d "${BUILD_ROOT:-}" ]; then
		_buildinfo_event merge $$ || return 1
	elif [ -e "$_buildinfo_capture/complete" ] && [ ! -e "$_buildinfo_capture/requested" ]; then
		_buildinfo_event requested $$ || return 1
	fi
	if _buildinfo_is_broken; then
		[ "${BUILDINFO_STRICT:-}" != 1 ]
		return
	fi
	if [ ! -e "$_buildinfo_capture/complete" ]; then
		_buildinfo_complain "packages were made but the hooks saw no packing, so there is no record"
		return
	fi
	[ "${BUILDINFO_FINALIZE:-1}" = 1 ] || return 0
	[ ! -e "$_buildinfo_capture/tried" ] || return 0
	_buildinfo_status=0
	_buildinfo_said=$(
		exec 2>&1 >/dev/null </dev/null
		set +eux
		true >"$_buildinfo_capture/tried"
		. "$_buildinfo_dir/program.sh"
		# shellcheck disable=SC2154 # set in program.sh
		exec "$_buildinfo_python" -I -m buildinfo finalize --before-index "$_buildinfo_capture"
	) || _buildinfo_status=$?
	if [ "$_buildinfo_status" -eq 0 ]; then
		case $_buildinfo_said in # what the packager has to know of packages that are there
		"abuild-buildinfo: "*) printf '%s\n' "$_buildinfo_said" >&2 || : ;;
		esac
		return 0
	fi
	( printf '%s\n' "$_buildinfo_said" >>"$_buildinfo_log_file" ) 2>/dev/null || :
	_buildinfo_complain "finalize ended with status $_buildinfo_status: no record; the packages are whole, but may not be normalized" \
		"when its cause is mended, run: abuild-buildinfo finalize '$_buildinfo_capture'; its log: $_buildinfo_log_file"
}

fi
