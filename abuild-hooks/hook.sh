# shellcheck shell=sh disable=SC1091 # the files beside this one
# abuild-buildinfo: what abuild.conf sources. docs/hooks.md explains every choice in here.
#
# The rules of this file: it parses under busybox ash, dash and bash; it is inert in every program but abuild;
# it prints nothing on stdout; it never fails; what it runs, it runs in a subshell that cannot end the build.

if [ "${program:-}" = abuild ] && [ -z "${_buildinfo_dir:-}" ] && [ -n "${_abuild_buildinfo:-}" ] &&
	[ ! -e /.abuild-buildinfo/off ]; then

_buildinfo_dir=${_abuild_buildinfo%/*}
_buildinfo_hooks=0.1.0
if [ -r /.abuild-buildinfo/inside ]; then # in the chroot of rootbld: the settings of the outside
	. /.abuild-buildinfo/inside
	( : >/tmp/.abuild-buildinfo.entered ) 2>/dev/null || : # the outside asks for it where a build fails
fi

# Is the setting $1 a yes, as people write it? $2 is what it is where it is empty, $3 where it is neither yes nor no
# (capture/settings.py has the same table).
_buildinfo_on() {
	case $1 in
	1 | [Yy] | [Yy][Ee][Ss] | [Tt][Rr][Uu][Ee] | [Oo][Nn]) return 0 ;;
	0 | [Nn] | [Nn][Oo] | [Ff][Aa][Ll][Ss][Ee] | [Oo][Ff][Ff]) return 1 ;;
	'') [ "$2" = yes ] ;;
	*) [ "$3" = yes ] ;;
	esac
}

_buildinfo_strict() {
	_buildinfo_on "${BUILDINFO_STRICT:-}" no yes
}

_buildinfo_is_odd() {
	_buildinfo_on "$1" no yes && ! _buildinfo_on "$1" no no
}

# Tell of settings that are neither yes nor no, and of names that nobody reads: in one line, once for each build.
_buildinfo_tell_settings() {
	[ ! -e /.abuild-buildinfo/inside ] || return 0 # the outside has told
	_buildinfo_odd=$(
		exec 2>/dev/null
		set +eufx
		unset -f set command printf eval unset
		unalias -a
		IFS='
'
		for _buildinfo_name in $(set | command sed -n 's/^\(BUILDINFO_[A-Za-z0-9_]*\)=.*/\1/p'); do
			_buildinfo_value=
			eval "_buildinfo_value=\${$_buildinfo_name-}"
			case $_buildinfo_name in
			BUILDINFO_STRICT | BUILDINFO_FINALIZE | BUILDINFO_KEEP | BUILDINFO_SIGN)
				! _buildinfo_is_odd "$_buildinfo_value" || printf '; %s is neither yes nor no, and read as yes' "$_buildinfo_name"
				;;
			BUILDINFO_OBSERVE | BUILDINFO_PATHS | BUILDINFO_QUIET)
				! _buildinfo_is_odd "$_buildinfo_value" || printf '; %s is neither yes nor no, and read as no' "$_buildinfo_name"
				;;
			BUILDINFO_LOG)
				case $_buildinfo_value in
				[!/]*) printf '; %s is no absolute path, and nothing is written there' "$_buildinfo_name" ;;
				esac
				;;
			BUILDINFO_CAPTURES | BUILDINFO_ENVIRONMENT | BUILDINFO_KEEP_PATHS | BUILDINFO_PATH_PATTERNS | BUILDINFO_TOOLS) ;;
			BUILDINFO_TEST_*) ;;
			*)
				eval "[ -z \"\${$_buildinfo_name+x}\" ]" || # else a line of some text only looked like it
					printf '; no setting is named %s' "$_buildinfo_name"
				;;
			esac
		done
	) || :
	[ -z "$_buildinfo_odd" ] ||
		printf 'abuild-buildinfo: %s: %s (check with: abuild-buildinfo doctor)\n' "${pkgname:-?}" "${_buildinfo_odd#; }" >&2 || :
}

# --- before the APKBUILD: what the user decides is kept, since a recipe may set the same variables ------------

# Keep the settings, the epoch that was set, and the folder of captures. Inside rootbld that is one which the outside
# can read afterwards.
_buildinfo_keep() {
	_buildinfo_callers_epoch=${SOURCE_DATE_EPOCH:-}
	for _buildinfo_word in CAPTURES STRICT FINALIZE KEEP KEEP_PATHS SIGN ENVIRONMENT TOOLS OBSERVE PATHS PATH_PATTERNS QUIET LOG; do
		eval "_buildinfo_kept_$_buildinfo_word=\${BUILDINFO_$_buildinfo_word-}"
	done
	if [ -e /.abuild-buildinfo/inside ]; then
		_buildinfo_captures=/tmp/.abuild-buildinfo
	elif [ -n "${BUILDINFO_CAPTURES:-}" ]; then
		_buildinfo_captures=$BUILDINFO_CAPTURES
	elif [ -n "${XDG_STATE_HOME:-${HOME:-}}" ]; then
		_buildinfo_captures=${XDG_STATE_HOME:-$HOME/.local/state}/abuild-buildinfo/captures
	else
		_buildinfo_captures=/dev/null/HOME-is-not-set # where nobody, root neither, can make a folder
	fi
}

# Give the settings back the values that were kept. One that does not differ is not touched: it may be read-only.
_buildinfo_restore() {
	for _buildinfo_name in CAPTURES STRICT FINALIZE KEEP KEEP_PATHS SIGN ENVIRONMENT TOOLS OBSERVE PATHS PATH_PATTERNS QUIET LOG; do
		eval "[ \"\${BUILDINFO_$_buildinfo_name-}\" = \"\$_buildinfo_kept_$_buildinfo_name\" ] ||
			BUILDINFO_$_buildinfo_name=\$_buildinfo_kept_$_buildinfo_name"
	done
}

# abuild enters startdir right before it reads the APKBUILD: every configuration has been read, all of abuild's own
# functions are there, and FAKEROOT is empty for root with -F. Two of these functions are ours from then on.
_buildinfo_begin() {
	_buildinfo_keep
	[ "${ABUILD_LOG_CMD-}" != _buildinfo_log ] || unset ABUILD_LOG_CMD
	# shellcheck disable=SC2317 # called by abuild
	logcmd() { _buildinfo_log "$@"; return 0; }
	if [ -z "${FAKEROOT:-}" ]; then # abuild calls its child without fakeroot
		# shellcheck disable=SC2317
		do_fakeroot() { _buildinfo_pack "$@"; }
	fi
}
_buildinfo_keep
if [ -z "${FAKEROOTKEY:-}" ]; then
	cd() {
		command cd "$@" || return
		if [ "$#" -eq 1 ] && [ "$1" = "${startdir:-}" ] && [ "${APKBUILD%/*}" = "$1" ]; then
			unset -f cd
			_buildinfo_begin
		fi
	}
fi

# Set _buildinfo_capture, the folder of this build, and _buildinfo_log_file, where the bodies write what they have to
# say. What somebody else put there, or a link, is neither.
_buildinfo_locate() {
	_buildinfo_restore
	_buildinfo_capture=$_buildinfo_captures/${pkgname:-}-${pkgver:-}-r${pkgrel:-}.${CARCH:-}.$$
	_buildinfo_log_file=/dev/null
	if _buildinfo_is_foreign "$_buildinfo_captures" || _buildinfo_is_foreign "$_buildinfo_capture"; then
		_buildinfo_capture=/dev/null/${_buildinfo_capture##*/} # where nobody, root neither, can make a folder
		return
	fi
	if [ -f "$_buildinfo_capture/log" ] && [ -w "$_buildinfo_capture/log" ]; then
		_buildinfo_log_file=$_buildinfo_capture/log
	fi
}

# Run the body of event $1. What the body prints on descriptor 3 ends in
# _buildinfo_said. Returns 0, except in strict mode, where a body that failed makes it 1. After a step that
# failed the others of that build are left out: half of the truth makes no record.
_buildinfo_event() {
	_buildinfo_said=
	_buildinfo_status=0
	[ -n "${pkgname:-}" ] || return 0
	_buildinfo_locate
	case $1 in
	building | chroot | packing) # whichever comes first: abuild can be told to pack alone
		_buildinfo_announced=1
		_buildinfo_make "$1" || _buildinfo_status=$?
		if [ "$_buildinfo_status" -ne 0 ]; then
			_buildinfo_loss="this build has no record, its packages are not affected"
			_buildinfo_reason="no capture can be written to $_buildinfo_captures: $_buildinfo_loss"
			[ "$_buildinfo_status" -ne 3 ] ||
				_buildinfo_reason="no capture is written to $_buildinfo_captures, which is a link, or another user's or for others to write to: $_buildinfo_loss"
			_buildinfo_complain "$_buildinfo_reason" \
				"make that a folder that you alone can write to, or set BUILDINFO_CAPTURES to one; check with: abuild-buildinfo doctor"
			return
		fi
		;;
	esac
	if _buildinfo_is_broken; then
		! _buildinfo_strict
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
	_buildinfo_reason=
	if [ -r "$_buildinfo_capture/reason" ] && read -r _buildinfo_reason <"$_buildinfo_capture/reason" || [ -n "$_buildinfo_reason" ]; then
		_buildinfo_complain "$_buildinfo_reason: $_buildinfo_loss" "unset it, or set it to one such as \$(date +%s)"
		return
	fi
	_buildinfo_complain "the $1 step failed with status $_buildinfo_status: $_buildinfo_loss, its packages are not affected"
}

# Is $1 something, and no folder of the user's own?
_buildinfo_is_foreign() {
	# shellcheck disable=SC3067 # busybox ash, dash and bash have -O
	[ -L "$1" ] || { [ -e "$1" ] && { [ ! -d "$1" ] || [ ! -O "$1" ]; }; }
}

# Make the folder of the capture. Returns 3 where others could put something into the folder of captures.
_buildinfo_make() {
	case $_buildinfo_captures in
	[!/]*) return 1 ;; # relative: the build changes its folder
	esac
	! _buildinfo_is_foreign "$_buildinfo_captures" || return 3
	if [ "$1" = building ] && [ -d "$_buildinfo_capture" ]; then # left behind by another process that had our number
		command mv "$_buildinfo_capture" "$_buildinfo_capture.$(command date +%s)" 2>/dev/null || return
	fi
	[ ! -d "$_buildinfo_capture" ] || return 0
	(
		umask 077
		[ -d "$_buildinfo_captures" ] || command mkdir -p "$_buildinfo_captures" || exit
		_buildinfo_mode=$(command stat -c %a "$_buildinfo_captures") || exit
		case $_buildinfo_mode in
		*[2367] | *[2367]?) exit 3 ;;
		esac
		command mkdir "$_buildinfo_capture" "$_buildinfo_capture/pkginfo" && : >"$_buildinfo_capture/log"
	) 2>/dev/null || return
	_buildinfo_locate
	_buildinfo_tell_settings
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
		_buildinfo_report error "$1"
		_buildinfo_told=1
		( : >"$_buildinfo_capture/told" ) 2>/dev/null || :
		_buildinfo_advice="run: abuild-buildinfo doctor"
		if [ "$_buildinfo_log_file" != /dev/null ] && [ ! -e /.abuild-buildinfo/inside ]; then
			_buildinfo_advice="$_buildinfo_advice; the reason is in $_buildinfo_log_file"
		fi
		printf 'abuild-buildinfo: %s: %s (%s)\n' "${pkgname:-?}" "$1" "${2:-$_buildinfo_advice}" >&2 || :
	fi
	! _buildinfo_strict
}

# Append a line to the log of builds that BUILDINFO_LOG names: what became of this one ($1), and why ($2). Once for each
# build, by the process that leads it: finalize does so for those that go well. schemas/build-log.schema.json says more.
_buildinfo_report() {
	[ -z "${_buildinfo_reported:-}" ] && [ ! -e /.abuild-buildinfo/inside ] || return 0
	case ${BUILDINFO_LOG:-} in
	/*) ;;
	*) return 0 ;;
	esac
	_buildinfo_reported=1
	(
		exec 2>/dev/null </dev/null
		set +eufxC
		unset -f command printf exec unset
		unalias -a
		_buildinfo_line=$(
			printf '{"time": %s, "result": "%s", "reason": "%s", ' \
				"$(command date +%s)" "$1" "$(_buildinfo_plain "$2")"
			printf '"origin": "%s", "version": "%s", "arch": "%s", "repository": "%s", "capture": "%s"}' \
				"$(_buildinfo_plain "${pkgname:-}")" "$(_buildinfo_plain "${pkgver:-}-r${pkgrel:-}")" \
				"$(_buildinfo_plain "${CARCH:-}")" "$(_buildinfo_plain "${repo:-}")" \
				"$(_buildinfo_plain "$_buildinfo_captures/${_buildinfo_capture##*/}")"
		)
		printf '%s\n' "$_buildinfo_line" >>"$BUILDINFO_LOG"
	) || :
}

# What of a text can stand in a JSON string as it is.
_buildinfo_plain() {
	printf '%s' "$1" | command tr -cd ' !#-[]-~'
}

# --- building: called by abuild's logcmd with the message, before SOURCE_DATE_EPOCH is chosen ---------------

_buildinfo_log() {
	case ${1:-} in
	"building "* | "chroot building "*) _buildinfo_building "$1" || return 1 ;;
	"ERROR: "*) _buildinfo_failed "$1" ;;
	esac
	case ${ABUILD_LOG_CMD:-_buildinfo_log} in
	_buildinfo_log) ;;
	*) $ABUILD_LOG_CMD "$@" ;; # unquoted: abuild splits it, too
	esac
}

_buildinfo_building() {
	_buildinfo_event building "$1" || return 1
	_buildinfo_adopt_epoch
}

# Export what the body chose. What abuild or the caller has chosen before is the same number, but for blanks and zeros
# before it, which no tool needs and some refuse.
_buildinfo_adopt_epoch() {
	_buildinfo_epoch=${_buildinfo_said%% *}
	case $_buildinfo_epoch in
	'' | *[!0-9]*) return 0 ;;
	esac
	SOURCE_DATE_EPOCH=$_buildinfo_epoch
	_buildinfo_commit=${_buildinfo_said#* }
	case $_buildinfo_commit in
	*[!0-9a-f]*) [ "${_buildinfo_commit%-dirty}" != "$_buildinfo_commit" ] || _buildinfo_commit= ;;
	esac
	: "${ABUILD_LAST_COMMIT:=$_buildinfo_commit}"
	export SOURCE_DATE_EPOCH ABUILD_LAST_COMMIT
}

_buildinfo_failed() {
	[ -n "${pkgname:-}" ] && [ -z "${FAKEROOTKEY:-}" ] || return 0 # there every file seems to be our own
	_buildinfo_locate
	[ -d "$_buildinfo_capture" ] || return 0
	( printf '%s\n' "$1" >>"$_buildinfo_capture/errors" ) 2>/dev/null || :
	_buildinfo_report failed "${1#ERROR: }"
	# Of builds of one aport that failed, the last says enough.
	for _buildinfo_word in "${_buildinfo_capture%.*}".*; do
		if [ "$_buildinfo_word" != "$_buildinfo_capture" ] && [ -e "$_buildinfo_word/errors" ] &&
			[ ! -e "$_buildinfo_word/complete" ] && [ ! -e "/proc/${_buildinfo_word##*.}" ]; then
			( command rm -rf "$_buildinfo_word" ) 2>/dev/null || :
		fi
	done
}

if [ -z "${ABUILD_LOG_CMD+x}" ]; then
	ABUILD_LOG_CMD=_buildinfo_log # until _buildinfo_begin
fi

# --- packing: abuild's own call of fakeroot is the moment before and the moment after -----------------------

fakeroot() {
	_buildinfo_pack command fakeroot "$@"
}

# Run a command that may be the one that packs.
_buildinfo_pack() {
	if ! _buildinfo_among create_apks "$@"; then
		"$@"
		return
	fi
	_buildinfo_event packing || return 1
	_buildinfo_adopt_epoch
	_buildinfo_packed=0
	"$@" || _buildinfo_packed=$?
	[ "$_buildinfo_packed" -eq 0 ] || return "$_buildinfo_packed"
	_buildinfo_event packed
}

# --- rootbld: the chroot gets the hook files, and the outside takes the capture that they leave --------------

bwrap() {
	if [ -z "${BUILD_ROOT:-}" ] || [ ! -d "${BUILD_ROOT:-}" ]; then
		command bwrap "$@"
		return
	fi
	_buildinfo_event chroot || return 1
	if _buildinfo_is_broken; then # abuild 3.12 and older read the user's own copy of the hooks in there
		( command mkdir -p "$BUILD_ROOT/.abuild-buildinfo" && : >"$BUILD_ROOT/.abuild-buildinfo/off" ) 2>/dev/null || :
	fi
	_buildinfo_status=0
	command bwrap "$@" || _buildinfo_status=$?
	if [ "$_buildinfo_status" -ne 0 ] && [ ! -e "$BUILD_ROOT/tmp/.abuild-buildinfo.entered" ] && ! _buildinfo_is_broken; then
		_buildinfo_outside "$_buildinfo_status" || :
	fi
	return "$_buildinfo_status"
}

# bwrap ended with status $1, and no abuild of the chroot read the hooks: nothing was built, so nothing is left behind.
_buildinfo_outside() {
	command rm -rf "$_buildinfo_capture" 2>/dev/null || :
	_buildinfo_advice="its message is above"
	[ "$(command id -u)" -ne 0 ] || _buildinfo_advice="abuild rootbld asks bwrap for what it does not do for root: build as a user"
	_buildinfo_log_file=/dev/null
	_buildinfo_complain "bwrap ended with status $1, and no build began in the chroot: there is nothing to record" "$_buildinfo_advice"
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
	_buildinfo_indexed=1
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
	_buildinfo_event newest "$@" || return 1
	case $_buildinfo_said in
	'' | *[!0-9]*) return 0 ;;
	esac
	_buildinfo_newest=$_buildinfo_said
	SOURCE_DATE_EPOCH=$_buildinfo_newest
	export SOURCE_DATE_EPOCH
	command apk "$@"
}

# abuild signs the index that it made. If that did not come through the function apk, APK leads past it.
_buildinfo_sign() {
	if [ -n "${_buildinfo_announced:-}" ] && [ -z "${_buildinfo_indexed:-}" ]; then
		for _buildinfo_word; do
			case $_buildinfo_word in
			APKINDEX.tar.gz*)
				_buildinfo_indexed=1
				_buildinfo_bypassed || return 1
				;;
			esac
		done
	fi
	command abuild-sign "$@"
}
if [ -z "${FAKEROOTKEY:-}" ]; then
	alias abuild-sign=_buildinfo_sign # busybox ash refuses functions with a "-" in their name
fi

_buildinfo_bypassed() {
	_buildinfo_collect || return 1
	if [ -z "$_buildinfo_ready" ] || ! _buildinfo_on "${BUILDINFO_FINALIZE:-}" yes yes; then
		return 0
	fi
	_buildinfo_complain "APK is not the word apk, so the index was made past the hooks: this build has no record" \
		"unset APK; for this build run: abuild-buildinfo finalize --reindex '$_buildinfo_capture'"
}

# Bring together what there is of this build. Sets _buildinfo_ready where it can be finalized; returns 1 where strict
# mode fails the build.
_buildinfo_collect() {
	_buildinfo_ready=
	[ -n "${pkgname:-}" ] || return 0
	_buildinfo_locate
	if [ ! -d "$_buildinfo_capture" ]; then
		if [ -z "${_buildinfo_announced:-}" ] || [ -n "${_buildinfo_recorded:-}" ] || _buildinfo_names_package; then
			return 0
		fi
		_buildinfo_complain "the capture of this build is gone from $_buildinfo_captures: this build has no record"
		return
	fi
	[ ! -e "$_buildinfo_capture/finalized" ] || return 0
	if [ -n "${BUILD_ROOT:-}" ] && [ -d "${BUILD_ROOT:-}" ]; then
		_buildinfo_event merge || return 1
	fi
	if _buildinfo_is_broken; then
		_buildinfo_report error "a step of the hooks failed: this build has no record"
		! _buildinfo_strict
		return
	fi
	if [ ! -e "$_buildinfo_capture/complete" ]; then
		_buildinfo_complain "packages were made but the hooks saw no packing, so there is no record"
		return
	fi
	_buildinfo_ready=1
}

# Does the record name the package that is there? abuild 3.12 indexes each folder in a subshell: the second one does not
# know of the first.
_buildinfo_names_package() (
	set +ex
	_buildinfo_file=$REPODEST/$repo/$CARCH/$pkgname-$pkgver-r$pkgrel
	_buildinfo_said=$(command sha256sum "$_buildinfo_file.apk" | command cut -d' ' -f1) &&
		command grep -q "\"$_buildinfo_said\"" "$_buildinfo_file.$CARCH.buildinfo.toml"
) 2>/dev/null

_buildinfo_finalize() {
	_buildinfo_collect || return 1
	if [ -z "$_buildinfo_ready" ] || ! _buildinfo_on "${BUILDINFO_FINALIZE:-}" yes yes || [ -e "$_buildinfo_capture/tried" ]; then
		return 0
	fi
	_buildinfo_status=0
	_buildinfo_said=$(
		exec 2>&1 >/dev/null </dev/null
		set +eux
		umask 022 # as abuild's for its packages, whatever the recipe did
		true >"$_buildinfo_capture/tried"
		. "$_buildinfo_dir/program.sh"
		# What the user has decided, for the program to ask: this capture is his own.
		export BUILDINFO_QUIET="${BUILDINFO_QUIET:-}" BUILDINFO_LOG="${BUILDINFO_LOG:-}" BUILDINFO_CAPTURES="$_buildinfo_captures"
		# shellcheck disable=SC2154 # set in program.sh
		exec "$_buildinfo_python" -I -m buildinfo finalize --before-index "$_buildinfo_capture"
	) || _buildinfo_status=$?
	if [ "$_buildinfo_status" -eq 0 ]; then
		_buildinfo_recorded=1
		case $_buildinfo_said in # what the packager has to know of packages that are there
		"abuild-buildinfo: "*) printf '%s\n' "$_buildinfo_said" >&2 || : ;;
		esac
		return 0
	fi
	( printf '%s\n' "$_buildinfo_said" >>"$_buildinfo_log_file" ) 2>/dev/null || :
	_buildinfo_complain "finalize ended with status $_buildinfo_status: no record; $(_buildinfo_look)" \
		"when its cause is mended, run: abuild-buildinfo finalize '$_buildinfo_capture'; its log: $_buildinfo_log_file"
}

# Say what became of the packages, after a look: abuild ignores a tar or gzip that fails, and then makes empty ones.
_buildinfo_look() (
	set +eufx
	_buildinfo_said=
	for _buildinfo_name in "$_buildinfo_capture"/pkginfo/*; do
		for _buildinfo_file in "$REPODEST/$repo"/*/"${_buildinfo_name##*/}-$pkgver-r$pkgrel.apk"; do
			if [ ! -f "$_buildinfo_file" ] || ! command gzip -t <"$_buildinfo_file" ||
				! command gzip -dc <"$_buildinfo_file" | command grep -aq "^pkgname = ${_buildinfo_name##*/}\$"; then
				_buildinfo_said="$_buildinfo_said ${_buildinfo_file##*/}"
			fi
		done
	done 2>/dev/null
	if [ -n "$_buildinfo_said" ]; then
		printf 'these packages cannot be read:%s' "$_buildinfo_said"
	else
		printf 'the packages are whole, but may not be normalized'
	fi
)

fi
