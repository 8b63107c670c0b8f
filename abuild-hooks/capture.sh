# shellcheck shell=sh
# abuild-buildinfo: the bodies of the events. Sourced by hook.sh in a subshell of abuild, so that abuild's own
# variables are at hand; standard output goes nowhere, standard error to the capture's log, descriptor 3 back
# to hook.sh. docs/capture-format.md describes every file that is written here.
#
# Raw facts only: nothing is parsed that need not be. Programs are called with "command", because an APKBUILD may
# define a function of the same name.
# shellcheck disable=SC2154,SC2153 # abuild's variables

_buildinfo_format=1

# Names that are recorded where they are exported. The first paragraph is Debian's (Dpkg::BuildInfo), the second is
# abuild's default.conf, then one line for each language or driver.
_buildinfo_whitelist='
POSIXLY_CORRECT GETCONF_DIR RESOLV_HOST_CONF RESOLV_MULTI RESOLV_REORDER RES_OPTIONS
CC CPP CXX OBJC OBJCXX PC FC M2C AS LD AR RANLIB MAKE AWK LEX YACC
ASFLAGS ASFLAGS_FOR_BUILD CFLAGS CFLAGS_FOR_BUILD CPPFLAGS CPPFLAGS_FOR_BUILD CXXFLAGS CXXFLAGS_FOR_BUILD
OBJCFLAGS OBJCFLAGS_FOR_BUILD OBJCXXFLAGS OBJCXXFLAGS_FOR_BUILD DFLAGS DFLAGS_FOR_BUILD FFLAGS FFLAGS_FOR_BUILD
LDFLAGS LDFLAGS_FOR_BUILD ARFLAGS LFLAGS YFLAGS MAKEFLAGS GNUMAKEFLAGS
LD_ASSUME_KERNEL LD_AUDIT LD_BIND_NOT LD_BIND_NOW LD_DYNAMIC_WEAK LD_LIBRARY_PATH LD_ORIGIN_PATH
LD_PREFER_MAP_32BIT_EXEC LD_PRELOAD
TZ TZDIR DATEMSK LANG LANGUAGE LC_ALL LC_CTYPE LC_NUMERIC LC_TIME LC_COLLATE LC_MONETARY LC_MESSAGES LC_PAPER
LC_NAME LC_ADDRESS LC_TELEPHONE LC_MEASUREMENT LC_IDENTIFICATION LOCPATH I18NPATH NLSPATH GCONV_PATH
DEB_BUILD_OPTIONS DEB_BUILD_PROFILES DEB_VENDOR DPKG_ROOT DPKG_ADMINDIR DPKG_DATADIR DPKG_ORIGINS_DIR
DPKG_DEB_COMPRESSOR_TYPE DPKG_DEB_COMPRESSOR_LEVEL DPKG_GENSYMBOLS_CHECK_LEVEL

JOBS SAMUFLAGS CARGO_BUILD_JOBS CMAKE_BUILD_PARALLEL_LEVEL CTEST_PARALLEL_LEVEL CTEST_OUTPUT_ON_FAILURE
CTEST_NO_TESTS_ACTION PERL_MM_USE_DEFAULT RUST_LIBC_UNSTABLE_MUSL_V1_2_3
BUILDCC BUILDCXX BUILDLD BUILDCPPFLAGS BUILDCXXFLAGS BUILDCFLAGS BUILDLDFLAGS
HOSTCC HOSTCXX HOSTLD HOSTCPPFLAGS HOSTCXXFLAGS HOSTCFLAGS HOSTLDFLAGS CROSS_COMPILE CBUILDROOT
CBUILD CBUILD_ARCH CHOST CARCH CTARGET CTARGET_ARCH BOOTSTRAP ABUILD_BOOTSTRAP APORTS_BOOTSTRAP USE_CCACHE
PKG_CONFIG PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR lt_cv_sys_lib_dlsearch_path_spec
FAKEROOTDONTTRYCHOWN TAR_OPTIONS PIGZ GZIP
GOFLAGS GOOS GOARCH GOARM GOAMD64 GOARM64 GO386 GOMIPS GOPPC64 GORISCV64 GOEXPERIMENT GOPROXY GOSUMDB GONOSUMDB
GOPRIVATE GOTOOLCHAIN GOCACHE GOMODCACHE GOTMPDIR GOPATH GOROOT GOWORK GO111MODULE CGO_ENABLED CGO_CFLAGS
CGO_CPPFLAGS CGO_CXXFLAGS CGO_LDFLAGS
RUSTFLAGS RUSTC RUSTC_WRAPPER RUSTDOCFLAGS RUSTC_BOOTSTRAP CARGO_HOME CARGO_TARGET_DIR CARGO_INCREMENTAL
CARGO_ENCODED_RUSTFLAGS CARGO_PROFILE_RELEASE_OPT_LEVEL CARGO_PROFILE_RELEASE_PANIC
CARGO_PROFILE_RELEASE_CODEGEN_UNITS CARGO_PROFILE_RELEASE_LTO CARGO_PROFILE_RELEASE_DEBUG
CARGO_PROFILE_RELEASE_STRIP
PYTHONHASHSEED PYTHONDONTWRITEBYTECODE PYTHONOPTIMIZE PYTHONPATH PYTHONHOME SETUPTOOLS_SCM_PRETEND_VERSION
FLIT_NO_NETWORK PIP_INDEX_URL PIP_NO_INDEX
NODE_ENV NODE_OPTIONS NODE_PATH NPM_CONFIG_REGISTRY npm_config_registry npm_config_build_from_source
JAVA_HOME JAVA_OPTS JAVA_TOOL_OPTIONS _JAVA_OPTIONS MAVEN_OPTS GRADLE_OPTS ANT_OPTS
CMAKE_GENERATOR CMAKE_BUILD_TYPE CMAKE_PREFIX_PATH CMAKE_TOOLCHAIN_FILE CMAKE_C_COMPILER_LAUNCHER
CMAKE_CXX_COMPILER_LAUNCHER CMAKE_C_FLAGS CMAKE_CXX_FLAGS CMAKE_LIBRARY_PATH CMAKE_INCLUDE_PATH
CCACHE_DIR CCACHE_DISABLE CCACHE_BASEDIR CCACHE_PREFIX CCACHE_SLOPPINESS CCACHE_COMPILERCHECK CCACHE_NOHASHDIR
PERL5LIB PERL_HASH_SEED RUBYOPT RUBYLIB GEM_HOME GEM_PATH LUA_PATH LUA_CPATH GHCRTS ZIG_GLOBAL_CACHE_DIR HARECACHE
'

# Programs whose path is recorded where they are there, in four kinds.
_buildinfo_tools='
cc gcc c++ g++ clang clang++ cpp gfortran gdc ldc2 dmd gnat go rustc cargo ghc javac java kotlinc scalac dotnet hare
harec vala valac zig nim crystal ocamlfind ocamlopt fpc mrustc tcc
ld ld.bfd ld.lld ld.gold mold as nasm yasm ar ranlib strip objcopy
python3 perl ruby lua luajit node deno bun php guile tclsh R gawk awk sh bash busybox m4 bison flex
make cmake meson muon ninja samu scons waf bazel autoconf automake libtool pkgconf pkg-config gradle mvn ant npm yarn
pnpm pip3 patch swig protoc ccache sccache distcc tar pigz gzip xz zstd apk abuild fakeroot scanelf bwrap git
'

# The files of a capture that only the inside of a chroot can know. Of all else the outside has its own.
_buildinfo_inside='
sources.sha256 sources.sha512 sources.size environment installed installed.repositories sysroot sysroot.repositories
tools tools.real tools.stat banners usrlocal observations paths conditions world captured tree
'

# Those that answer at once, and how to ask them.
_buildinfo_banners='cc clang ld as make tar pigz apk python3 samu ninja'

_buildinfo_body() {
	IFS=' 	
'
	_buildinfo_umask=$(umask)
	umask 077 # for our files alone: a program that may write files of its own runs in _buildinfo_theirs
	case $1 in
	building) _buildinfo_body_building "$@" ;;
	packing) _buildinfo_body_packing ;;
	packed) _buildinfo_body_packed ;;
	chroot) _buildinfo_body_chroot ;;
	merge) _buildinfo_body_merge ;;
	newest) shift && _buildinfo_body_newest "$@" ;;
	esac
}

# Run a program with the umask of the build, without our descriptor, and no function of its name.
_buildinfo_theirs() (
	umask "$_buildinfo_umask"
	exec "$@" 3>&-
)

# --- the events ----------------------------------------------------------------------------------------------

_buildinfo_body_building() {
	_buildinfo_open || return
	_buildinfo_recipe
}

_buildinfo_body_packing() {
	_buildinfo_open || return
	if [ ! -e /.abuild-buildinfo/inside ]; then
		[ -e "$_buildinfo_capture/recipe" ] || _buildinfo_recipe || return
		_buildinfo_requested || return
	fi
	_buildinfo_world
}

_buildinfo_body_packed() {
	( cd "$pkgbasedir" && command find . ! -path './.control.*' -print0 ) >"$_buildinfo_capture/tree" || return
	for _buildinfo_file in "$pkgbasedir"/.control.*/.PKGINFO; do
		_buildinfo_name=${_buildinfo_file%/.PKGINFO}
		command cp "$_buildinfo_file" "$_buildinfo_capture/pkginfo/${_buildinfo_name##*/.control.}" || return
	done
	_buildinfo_seal
}

_buildinfo_body_chroot() {
	if [ ! -e "$_buildinfo_capture/recipe" ]; then # nobody told us of the building
		_buildinfo_open && _buildinfo_recipe || return
	fi
	command mkdir -p "$BUILD_ROOT/.abuild-buildinfo" &&
		command cp "$_buildinfo_dir/hook.sh" "$_buildinfo_dir/capture.sh" "$BUILD_ROOT/.abuild-buildinfo/" || return
	command chmod -R a+rX "$BUILD_ROOT/.abuild-buildinfo" || return
	# Its abuild reads this file, whatever configuration the outside was told to read.
	if [ -w "$BUILD_ROOT/etc/abuild.conf" ]; then
		cat >>"$BUILD_ROOT/etc/abuild.conf" <<-'EOF'

			_abuild_buildinfo=/.abuild-buildinfo/hook.sh; . "$_abuild_buildinfo"; unset _abuild_buildinfo
		EOF
	fi
	# The settings of the outside, since the chroot has neither its environment nor its configuration.
	for _buildinfo_name in BUILDINFO_ENVIRONMENT BUILDINFO_TOOLS BUILDINFO_OBSERVE BUILDINFO_STRICT; do
		eval "_buildinfo_value=\${$_buildinfo_name:-}"
		case $_buildinfo_value in
		*[!A-Za-z0-9_\ .+-]*) ;;
		?*) printf "%s='%s'\n" "$_buildinfo_name" "$_buildinfo_value" ;;
		esac
	done >"$BUILD_ROOT/.abuild-buildinfo/inside"
}

# What the chroot left is what a build left: nothing in it is followed, and of this build's own capture alone is taken
# what only the inside can know. What the outside captured, and what becomes of the capture, it cannot say.
_buildinfo_body_merge() {
	_buildinfo_inner=$BUILD_ROOT/tmp/.abuild-buildinfo
	# Files of more than 64 MiB, which is counted in halves of a KiB, are none of ours.
	if [ -L "$_buildinfo_inner" ] ||
		[ -n "$(command find "$_buildinfo_inner" ! -type d \( ! -type f -o -size +131072 \))" ]; then
		echo "the chroot left something else than files and folders for a capture" >&2
		return 1
	fi
	set -- "$_buildinfo_inner/$pkgname-$pkgver-r$pkgrel.$CARCH".*
	if [ $# -ne 1 ] || [ ! -d "$1" ]; then
		echo "the chroot left no capture, or more than one: its abuild did not load the hooks" >&2
		return 1
	fi
	[ ! -s "$1/log" ] || command head -c 65536 "$1/log" >&2
	if [ -e "$1/told" ]; then # a step failed in there, and the user knows
		: >"$_buildinfo_capture/told"
		return
	fi
	if [ ! -e "$1/complete" ]; then
		echo "the chroot left no complete capture" >&2
		return 1
	fi
	_buildinfo_inner=$1
	set --
	for _buildinfo_name in $_buildinfo_inside; do
		[ ! -f "$_buildinfo_inner/$_buildinfo_name" ] || set -- "$@" "$_buildinfo_inner/$_buildinfo_name"
	done
	command cp "$@" "$_buildinfo_capture/" && command cp "$_buildinfo_inner/complete" "$_buildinfo_capture/inner" &&
		command cp "$_buildinfo_inner/pkginfo"/* "$_buildinfo_capture/pkginfo/" || return
	# The build could not write there, so these are facts, whatever it left.
	_buildinfo_database "$BUILD_ROOT" installed || return
	if [ -r "$BUILD_ROOT/etc/apk/world" ]; then
		command cp "$BUILD_ROOT/etc/apk/world" "$_buildinfo_capture/world" || return
	fi
	_buildinfo_local && _buildinfo_requested && _buildinfo_seal
}

# The newest build time in the index that apk index just wrote to the file behind --output or -o.
_buildinfo_body_newest() {
	while [ $# -gt 1 ]; do
		case $1 in
		-o | --output) _buildinfo_file=$2 ;;
		esac
		shift
	done
	command gzip -dc "$_buildinfo_file" | command tar -xOf - APKINDEX |
		command awk -F: '$1 == "t" && $2 > newest { newest = $2 } END { if (newest) print newest }' >&3
}

# --- the parts -----------------------------------------------------------------------------------------------

_buildinfo_open() {
	printf 'abuild-buildinfo capture %s\nhooks %s\n' "$_buildinfo_format" "$_buildinfo_hooks" \
		>"$_buildinfo_capture/format"
}

# Write NAME=VALUE with a NUL behind it for each of the named variables that is set.
_buildinfo_values() {
	for _buildinfo_name; do
		eval "[ -z \"\${$_buildinfo_name+x}\" ] || printf '%s=%s\\0' \"\$_buildinfo_name\" \"\${$_buildinfo_name}\"" || return
	done
}

# What is built: the values that abuild's shell holds, the repository, the epoch, and the files in startdir.
_buildinfo_recipe() {
	command cp "$APKBUILD" "$_buildinfo_capture/APKBUILD" || return
	_buildinfo_repository >"$_buildinfo_capture/repository" || return
	_buildinfo_choose_epoch || return
	_buildinfo_hash_inputs || return
	_buildinfo_local || return
	_buildinfo_brought=$(_buildinfo_find_brought) || return
	# Last: its presence says that all of the above is there.
	_buildinfo_values pkgname pkgver pkgrel pkgdesc url arch license options source subpackages allpackages depends \
		makedepends makedepends_build makedepends_host checkdepends install triggers pkgusers pkggroups maintainer \
		md5sums sha256sums sha512sums CARCH force forceroot nodeps install_deps keep keep_build _buildinfo_brought \
		>"$_buildinfo_capture/recipe"
}

# What the APKBUILD says is public, query and fragment of a URL as well. Print the number of each source (0: of url) in
# whose query or fragment stands what it does not say: a value of the environment that abuild was called with.
_buildinfo_find_brought() {
	case "$url $source" in
	*://*[?#]*) ;;
	*) return 0 ;;
	esac
	[ -r "/proc/$$/environ" ] || return 0
	# shellcheck disable=SC2086 # words
	set -f -- "$url" $source
	command tr '\0' '\n' <"/proc/$$/environ" | _words=$(printf '%s\n' "$@") _public=$_buildinfo_whitelist command awk '
		FILENAME != "-" { text = text $0 "\n"; next }
		!count {
			count = split(ENVIRON["_words"], words, "\n")
			for (i = 1; i <= count; i++) words[i] = match(words[i], /:\/\/[^?#]*[?#]/) ? substr(words[i], RSTART + RLENGTH) : ""
			split(ENVIRON["_public"], names)
			for (i in names) public[names[i]]
		}
		{
			at = index($0, "=")
			value = substr($0, at + 1)
			if (value == "" || (at && substr($0, 1, at - 1) in public) || index(text, value)) next
			for (i = 1; i <= count; i++) if (index(words[i], value)) found[i]
		}
		END { for (i in found) print i - 1 }
	' "$APKBUILD" -
}

# Ask git about the aport, and change nothing of the repository: no index is refreshed, no monitor started, and for root
# nothing fetched. The repository is the one that holds startdir, even where the caller's environment names another (a
# build that a git hook starts has GIT_DIR and GIT_INDEX_FILE); where none holds it, the one that is named. Traces would
# stand between the answers.
_buildinfo_ask_git() (
	[ -n "$_buildinfo_named" ] || unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES \
		GIT_COMMON_DIR GIT_NAMESPACE GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_REPLACE_REF_BASE GIT_NO_REPLACE_OBJECTS \
		GIT_IMPLICIT_WORK_TREE GIT_CONFIG
	unset GIT_TRACE GIT_TRACE_SETUP GIT_TRACE_SETTINGS GIT_TRACE_PERFORMANCE \
		GIT_TRACE_PACKET GIT_TRACE_PACK_ACCESS GIT_TRACE_REFS GIT_TRACE2 GIT_TRACE2_EVENT GIT_TRACE2_PERF
	if [ -n "$_buildinfo_foreign" ]; then
		export GIT_NO_LAZY_FETCH=1
		set -- -c safe.directory='*' "$@"
	fi
	umask "$_buildinfo_umask"
	exec 3>&-
	exec git --no-optional-locks -C "$startdir" -c core.fsmonitor=false -c log.showSignature=false "$@"
)

# Standard output: what git says of the aport. Sets commit (of the aport), its time, and whether the tree is dirty.
_buildinfo_repository() {
	_buildinfo_commit=
	_buildinfo_dirty=
	_buildinfo_commit_time=
	_buildinfo_shallow=
	_buildinfo_foreign=
	_buildinfo_named=
	unset -f git
	if ! command -v git >/dev/null; then
		printf 'state=absent\0'
		return
	fi
	_buildinfo_state=tracked
	set -- rev-parse --show-prefix --is-shallow-repository --git-path shallow
	if ! _buildinfo_place=$(_buildinfo_ask_git "$@" 2>/dev/null); then
		_buildinfo_foreign=1
		if ! _buildinfo_place=$(_buildinfo_ask_git "$@" 2>/dev/null); then
			_buildinfo_foreign=
			_buildinfo_named=${GIT_DIR:-}
			if [ -z "$_buildinfo_named" ] || ! _buildinfo_place=$(_buildinfo_ask_git "$@" 2>/dev/null); then
				_buildinfo_named=
				case $(export LC_ALL=C && _buildinfo_ask_git "$@" 2>&1 >/dev/null) in
				*"dubious ownership"*) printf 'state=refused\0' ;;
				*) printf 'state=none\0' ;;
				esac
				return
			fi
		fi
	fi
	# Three lines: the folder below the top level with a slash behind it (may be empty), true or false, a path.
	_buildinfo_prefix=${_buildinfo_place%%"
"*}
	_buildinfo_place=${_buildinfo_place#*"
"}
	_buildinfo_ask_git -c core.quotePath=false ls-files >"$_buildinfo_capture/tracked" || return
	while IFS= read -r _buildinfo_file; do
		[ "$_buildinfo_file" != "${APKBUILD##*/}" ] || _buildinfo_commit=yes
	done <"$_buildinfo_capture/tracked"
	if [ -n "$_buildinfo_commit" ]; then
		_buildinfo_commit=$(_buildinfo_ask_git log -1 --format='%H %ct' -- .)
		_buildinfo_commit_time=${_buildinfo_commit#* }
		_buildinfo_commit=${_buildinfo_commit%% *}
	else
		_buildinfo_state=untracked
	fi
	_buildinfo_ask_git status --porcelain -z -- . >"$_buildinfo_capture/status" || return
	[ ! -s "$_buildinfo_capture/status" ] || _buildinfo_dirty=-dirty
	case $_buildinfo_place in
	true*)
		_buildinfo_file=${_buildinfo_place#*"
"}
		if ( cd "$startdir" && command grep -qx "$_buildinfo_commit" "$_buildinfo_file" ); then
			_buildinfo_shallow=boundary
		fi
		;;
	esac
	_buildinfo_remote=$(_buildinfo_ask_git config --get remote.origin.url)
	_buildinfo_remote=$(_buildinfo_cut "$_buildinfo_remote")
	printf '%s=%s\0' state "$_buildinfo_state" prefix "$_buildinfo_prefix" remote "$_buildinfo_remote" \
		commit "$_buildinfo_commit" time "$_buildinfo_commit_time" dirty "$_buildinfo_dirty" shallow "$_buildinfo_shallow"
}

# The caller's value; else the commit's time, unless the commit is only where a shallow clone was cut; else the
# APKBUILD's own time, as abuild does. What is set already, the recipe or abuild itself has chosen.
_buildinfo_choose_epoch() {
	_buildinfo_epoch=$(_buildinfo_number "${SOURCE_DATE_EPOCH:-}") || return
	if [ -n "$_buildinfo_epoch" ] && [ "${SOURCE_DATE_EPOCH:-}" = "$_buildinfo_callers_epoch" ]; then
		_buildinfo_rule=caller
	elif [ "${_buildinfo_epoch:-$_buildinfo_commit_time}" = "$_buildinfo_commit_time" ] &&
		[ -n "$_buildinfo_commit_time" ] && [ -z "$_buildinfo_shallow" ]; then
		_buildinfo_epoch=$_buildinfo_commit_time
		_buildinfo_rule=commit
	else
		_buildinfo_value=$(command stat -c %Y "$APKBUILD") || return
		if [ "${_buildinfo_epoch:-$_buildinfo_value}" = "$_buildinfo_value" ]; then
			_buildinfo_epoch=$_buildinfo_value
			_buildinfo_rule=mtime
		else
			_buildinfo_rule=recipe
		fi
	fi
	printf '%s %s\n' "$_buildinfo_rule" "$_buildinfo_epoch" >"$_buildinfo_capture/epoch" || return
	echo "$_buildinfo_epoch $_buildinfo_commit$_buildinfo_dirty" >&3
}

# Print a number of seconds without the blanks and zeros that may stand before it, or the blanks behind it. Other text is
# no time: fails, with a line in "reason" for the user.
_buildinfo_number() {
	_buildinfo_value=${1#"${1%%[![:space:]]*}"}
	_buildinfo_value=${_buildinfo_value%"${_buildinfo_value##*[![:space:]]}"}
	case $_buildinfo_value in
	*[!0-9]* | ?????????????*)
		printf '%s' "SOURCE_DATE_EPOCH is '$(printf '%.40s' "$1" | command tr -c ' -~' '?')', not a number of seconds" \
			>"$_buildinfo_capture/reason"
		return 1
		;;
	0?*) _buildinfo_value=${_buildinfo_value#"${_buildinfo_value%%[!0]*}"} && _buildinfo_value=${_buildinfo_value:-0} ;;
	esac
	printf %s "$_buildinfo_value"
}

# Hash the recipe, local sources, install scripts and triggers, and what else git tracks beside them. Names that are not
# one line, and tracked files beyond a thousand, go to inputs.skipped instead.
_buildinfo_hash_inputs() (
	set -- "${APKBUILD##*/}"
	_buildinfo_known="
${APKBUILD##*/}
"
	for _buildinfo_file in $source $install $triggers; do
		! _buildinfo_is_remote "$_buildinfo_file" || continue
		_buildinfo_file=${_buildinfo_file%%=*}
		case $_buildinfo_known in
		*"
$_buildinfo_file
"*) continue ;;
		esac
		_buildinfo_known="$_buildinfo_known$_buildinfo_file
"
		[ ! -f "$startdir/$_buildinfo_file" ] || set -- "$@" "$_buildinfo_file"
	done
	if [ -e "$_buildinfo_capture/tracked" ]; then
		while IFS= read -r _buildinfo_file; do
			case $_buildinfo_known in
			*"
$_buildinfo_file
"*) continue ;;
			esac
			case $_buildinfo_file in
			\"*) printf '%s\n' "$_buildinfo_file" ;; # git quotes what is not one plain line
			*)
				[ -f "$startdir/$_buildinfo_file" ] || continue
				if [ $# -lt 1000 ]; then
					set -- "$@" "$_buildinfo_file"
				else
					printf '%s\n' "$_buildinfo_file"
				fi
				;;
			esac
		done <"$_buildinfo_capture/tracked" >"$_buildinfo_capture/inputs.skipped"
	fi
	_buildinfo_hash "$startdir" inputs "$@"
)

_buildinfo_is_remote() {
	case ${1#*::} in
	http://* | https://* | ftp://*) return 0 ;;
	esac
	return 1
}

# Hash and measure the named files of a folder: $2.sha256, $2.sha512, $2.size.
_buildinfo_hash() {
	cd "$1" || return
	_buildinfo_to=$_buildinfo_capture/$2
	shift 2
	command stat -L -c '%s %n' -- "$@" >"$_buildinfo_to.size" || return
	_buildinfo_bytes=0
	while read -r _buildinfo_value _buildinfo_line; do
		_buildinfo_bytes=$((_buildinfo_bytes + _buildinfo_value))
	done <"$_buildinfo_to.size"
	_buildinfo_sum sha256 "$@" >"$_buildinfo_to.sha256" &
	_buildinfo_child=$!
	_buildinfo_sum sha512 "$@" >"$_buildinfo_to.sha512"
	_buildinfo_rc=$?
	wait "$_buildinfo_child" && return "$_buildinfo_rc"
}

# Hash files with what is quicker: openssl takes longer to start, and a fraction of the time for each megabyte.
_buildinfo_sum() {
	_buildinfo_value=$1
	shift
	case " $*" in
	*" -"*) _buildinfo_bytes=0 ;; # openssl would take it for an option
	esac
	if [ "$_buildinfo_bytes" -gt 4000000 ] && command -v openssl >/dev/null; then
		command openssl dgst -r "-$_buildinfo_value" "$@"
	else
		command "${_buildinfo_value}sum" -- "$@"
	fi
}

# What finalize needs on this machine and nobody else should see. The process is named with its start time.
_buildinfo_local() {
	_buildinfo_pid=$$
	[ ! -r "/proc/$$/stat" ] || read -r _buildinfo_start <"/proc/$$/stat"
	_buildinfo_start=${_buildinfo_start##*) }
	_buildinfo_boot=
	[ ! -r /proc/sys/kernel/random/boot_id ] || read -r _buildinfo_boot </proc/sys/kernel/random/boot_id
	_buildinfo_values REPODEST SRCDEST HOME repo startdir BUILD_ROOT ABUILD_USERDIR PACKAGER_PRIVKEY APORTSDIR \
		_buildinfo_pid _buildinfo_start _buildinfo_boot BUILDINFO_KEEP BUILDINFO_KEEP_PATHS BUILDINFO_SIGN BUILDINFO_PATHS BUILDINFO_PATH_PATTERNS \
		>"$_buildinfo_capture/local"
}

# The build dependencies that abuild worked out, where it did (not with -d).
_buildinfo_requested() {
	_buildinfo_values builddeps hostdeps nodeps >"$_buildinfo_capture/requested"
}

# With what and how: all of it outside fakeroot, while the build dependencies are installed.
_buildinfo_world() {
	_buildinfo_find_tools & # asking a dozen programs takes longer than all the rest
	_buildinfo_tools_child=$!
	_buildinfo_remotes= # of the recipe's sources, the names that abuild gives the fetched files
	for _buildinfo_file in $source; do
		_buildinfo_is_remote "$_buildinfo_file" || continue
		_buildinfo_file=${_buildinfo_file%%::*}
		_buildinfo_file=${_buildinfo_file##*/}
		[ ! -f "$SRCDEST/$_buildinfo_file" ] || _buildinfo_remotes="$_buildinfo_remotes $_buildinfo_file"
	done
	if [ -n "$_buildinfo_remotes" ]; then
		# shellcheck disable=SC2086
		( _buildinfo_hash "$SRCDEST" sources $_buildinfo_remotes ) || return
	fi
	_buildinfo_environment >"$_buildinfo_capture/environment" || return
	_buildinfo_database / installed || return
	if [ -n "${CBUILDROOT:-}" ]; then
		_buildinfo_database "$CBUILDROOT" sysroot || return
	fi
	_buildinfo_conditions || return
	wait "$_buildinfo_tools_child" && : >"$_buildinfo_capture/captured"
}

_buildinfo_environment() {
	_buildinfo_exported="
$(export -p)"
	for _buildinfo_name in $_buildinfo_whitelist ${BUILDINFO_ENVIRONMENT:-}; do
		case $_buildinfo_exported in
		*"
export $_buildinfo_name="* | *"
declare -x $_buildinfo_name="*) ;;
		*) continue ;;
		esac
		eval "_buildinfo_value=\${$_buildinfo_name-}"
		! _buildinfo_suspect "$_buildinfo_value" || _buildinfo_value=$(_buildinfo_cut "$_buildinfo_value")
		printf '%s=%s\0' "$_buildinfo_name" "$_buildinfo_value" || return
	done
}

# Whether a text may hold what _buildinfo_cut cuts.
_buildinfo_suspect() {
	case $1 in
	*@* | *//* | *[Pp][Aa][Ss][Ss]* | *[Pp][Ww]* | *[Pp][Ss][Kk]* | *[Tt][Oo][Kk][Ee][Nn]* | *[Ss][Ee][Cc][Rr][Ee][Tt]* | \
		*[Cc][Rr][Ee][Dd]* | *[Aa][Uu][Tt][Hh]* | *[Kk][Ee][Yy]* | *[Cc][Oo][Oo][Kk][Ii][Ee]* | *-----BEGIN* | \
		*[Bb][Ee][Aa][Rr][Ee][Rr]* | *[Bb][Aa][Ss][Ii][Cc]* | *-[uU][[:space:]]* | *--user* | *--proxy-user*) ;;
	*) _buildinfo_shaped "$1" ;;
	esac
}

_buildinfo_shaped() {
	case $1 in
	*gh[opsur]_* | *github_pat_* | *gl*-* | *AKIA* | *ASIA* | *xox* | *npm_* | *pypi-* | *k_[lt]* | *AIza* | *hf_* | *eyJ*) ;;
	*) return 1 ;;
	esac
}

# Print a text without what looks like a secret. This is secrets.py and addresses.py once more, which explain it.
_buildinfo_cut() {
	if _buildinfo_shaped "$1"; then
		printf '%s ' "$1" | LC_ALL=C command sed -E -e "$_buildinfo_shapes" -e "$_buildinfo_jwt"
	else
		printf '%s ' "$1"
	fi | _buildinfo_cut_words
}

_buildinfo_shapes='s!(^|[^A-Za-z0-9])(gh[opsur]_[A-Za-z0-9_]{6}|github_pat_[A-Za-z0-9_]{6}|gl(pat|dt|rt|cbt|ptt|ft|soat|imt|agent|ffct)-[A-Za-z0-9_-]{6}|(AKIA|ASIA)[A-Z0-9]{8}|xox[a-z]-[A-Za-z0-9-]{6}|npm_[A-Za-z0-9]{20}|pypi-[A-Za-z0-9_-]{16}|[sr]k_(live|test)_[A-Za-z0-9]{6}|AIza[A-Za-z0-9_-]{20}|hf_[A-Za-z0-9]{20})[A-Za-z0-9_.+/=-]*!\1...!g'
_buildinfo_jwt='s!(^|[^A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6}[A-Za-z0-9_-]*[.][A-Za-z0-9_-]{4}[A-Za-z0-9_-]*[.][A-Za-z0-9_.+/=-]*!\1...!g'

# Standard input: the text and a blank.
_buildinfo_cut_words() {
	LC_ALL=C command awk '
		function find_query(text) { return match(text, /[?#]/) ? RSTART : 0 }
		function body(at) { return substr(part[at], 1, length(part[at]) - length(tail[at])) }
		function authority(text,    at) {
			if (match(text, /[?#]/)) text = substr(text, 1, RSTART - 1)
			at = index(text, "/")
			return at ? substr(text, 1, at - 1) : text
		}
		function is_host(text) {
			return text ~ /^[[A-Za-z]/ && text !~ /^v[0-9]/ || text ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]/
		}
		# The place of the last @ before a query that may be the end of a password; 0 if there is none.
		function shade(text, free,    count, i, piece, place) {
			if (match(text, /[?#]/)) text = substr(text, 1, RSTART - 1)
			count = split(text, piece, "@")
			place = length(text) + 1
			for (i = count; i > 1; i--) {
				place -= length(piece[i]) + 1
				if ((free || place > 1 && piece[i - 1] !~ /\/$/) && is_host(piece[i])) return place
			}
			return 0
		}
		function last_at(text,    count, piece) {
			count = split(text, piece, "@")
			return count > 1 ? length(text) - length(piece[count]) : 0
		}
		function without_login(text,    at, colon, host, user, secret, start) {
			at = last_at(text)
			colon = index(text, ":")
			host = substr(text, at + 1)
			if (!at || !colon || colon > at) return text
			user = substr(text, 1, colon - 1)
			secret = substr(text, colon + 1, at - colon - 1)
			if (secret == "" || !is_host(host) || host ~ /^(sha1|sha256|sha384|sha512|md5):/) return text
			start = match(user, /[^=,;"'\''(|<>[{]*$/) ? RSTART : length(user) + 1
			user = substr(user, start)
			if (user !~ /^[A-Za-z0-9._%+~$-]+$/ || tolower(user) ~ /^(\.|\.\.|mailto|pkg|sip|sips|xmpp|acct)$/) return text
			return substr(text, 1, start - 1) host
		}
		function choose(at, start) { place = at; begin = start }
		# Where the host of the address in a part begins: place and begin; place is 0 if it has no user.
		function find_host(at, scheme,    text, name, user, colon, port, end) {
			choose(0, 0)
			text = body(at)
			name = authority(text)
			if (index(name, "@")) {
				user = substr(name, 1, index(name, "@") - 1)
				end = last_at(name) + 1
				if (!index(user, ":")) {
					if (user != "" || scheme) choose(at, end)
					return
				}
				choose(at, end)
				if (loose[at]) {
					end = shade(body(loose[at]), 1) + 1
					if (loose[at] > at || end > begin) choose(loose[at], end)
				}
				end = behind_query(text)
				if (place == at && end > begin) choose(at, end)
				return
			}
			if (!last[at] || name ~ /^\[/) return
			colon = index(name, ":")
			port = substr(name, colon + 1)
			if (colon && port !~ /^[1-9][0-9][0-9]?[0-9]?[0-9]?$/) {
				choose(last[at], last_at(body(last[at])) + 1)
				return
			}
			user = colon ? substr(name, 1, colon - 1) : name
			if (!scheme || user == "" || !colon && (index(user, ".") || tolower(user) == "localhost")) return
			if (shady[at]) choose(shady[at], shade(body(shady[at])) + 1)
			else if (!colon && substr(text, length(name) + 1) ~ /^[?#]/ && behind_query(text)) choose(at, behind_query(text))
		}
		# Where the host begins, where what looks like a query names nothing: it is the rest of a password.
		function behind_query(text,    query, rest, at) {
			query = find_query(text)
			rest = query ? substr(text, query + 1) : ""
			at = last_at(rest)
			return at && substr(rest, 1, at - 1) !~ /[=&]/ ? query + at + 1 : 0
		}
		# A word in pieces, without what is to be cut of its addresses.
		function addresses(word,    count, at, text, on, query, inside, dropping, before, scheme, odd) {
			split("", piece)
			count = split(word, part, "//")
			pieces = 0
			if (word !~ /[@?#]/) {
				for (at = 1; at <= count; at++) piece[++pieces] = (at > 1 ? "//" : "") part[at]
				return
			}
			for (at = count; at > 1; at--) {
				tail[at] = at < count && match(part[at], /[,|][A-Za-z][A-Za-z0-9+.-]*:$/) ? substr(part[at], RSTART) : ""
				text = body(at)
				on = at < count && tail[at] == "" ? at + 1 : 0
				last[at] = on && last[on] ? last[on] : index(text, "@") ? at : 0
				if (text ~ /[?#]/) on = 0
				shady[at] = on && shady[on] ? shady[on] : shade(text) ? at : 0
				loose[at] = on && loose[on] ? loose[on] : shade(text, 1) ? at : 0
			}
			tail[1] = ""
			piece[++pieces] = without_login(part[1])
			for (at = 2; at <= count; at++) {
				before = part[at - 1]
				if (at == 2 || tail[at - 1] != "") inside = dropping = 0
				if (dropping) {
					piece[++pieces] = tail[at]
					continue
				}
				text = body(at)
				scheme = before ~ /:$/
				if (scheme || before == "" || before ~ /[=,;"'\''(|<>[{]$/) {
					find_host(at, scheme)
					if (scheme || place || index(authority(text), ".")) inside = 1
					if (place) {
						at = place
						text = substr(body(at), begin)
						odd = match(authority(text), /[&=]/) ? RSTART : 0
						if (odd) {
							text = substr(text, 1, odd - 1)
							dropping = 1
						}
					}
				}
				query = inside ? find_query(text) : 0
				if (query) {
					text = substr(text, 1, query - 1)
					dropping = 1
				}
				piece[++pieces] = "//" text tail[at]
			}
		}
		function is_secret(name, value,    plain, lower, flat) {
			if (length(name) > 64) name = substr(name, length(name) - 63)
			if (tolower(name) !~ /pass|pwd|pw|psk|token|secret|cred|auth|key|cookie/) return 0
			plain = name
			sub(/^-+/, "", plain)
			if (name ~ /^-D/) plain = substr(plain, 2)
			lower = tolower(plain)
			if (match(lower, /([_.-](value|text|hex|raw|prod|dev|test|staging|old|new)|[_.-]?(base64|b64|string))$/)) plain = substr(plain, 1, RSTART - 1)
			sub(/[_.-]*[0-9]+$/, "", plain)
			lower = tolower(plain)
			if (lower ~ /(^|[_.-])(public|pub|primary|foreign|cache|sort|hot|partition|index|map|dict|unique|function|menu|arrow|shortcut|compose|modifier|host|known|lookup|hash|group|order|search|any)[_.-]?keys?$/) return 0
			if (lower ~ /^(with|without|enable|disable|have|has|use|no|need|needs|want|support|allow|require|build)[_.-]/ && tolower(value) ~ /^["'\'']?(0|1|y|n|yes|no|on|off|true|false|enabled|disabled|auto|none)?["'\'']?[,;]?$/) return 0
			flat = lower
			gsub(/[_.-]/, "", flat)
			if (flat ~ /(passwo?r?ds?|passphrase|passcode|passwort|token|secrets?|credentials?|authorization|cookie)$/) return 1
			if (flat ~ /(api|access|private|priv|auth|signing|encryption|master|deploy|session|shared|storage|account|service)keys?$/) return 1
			if (flat ~ /(ssh|db|sql|user|root|admin|proxy|smtp|mail|ftp|http|login|store|key|gpg|svn|git|my|pg|ldap|vpn)(pass|pwd)$/) return plain != "OLDPWD"
			if (plain == "PWD" || plain == "OLDPWD") return 0
			return lower ~ /((^|[_.-])(pass|pwd|pw|psk|creds?)|[_.-](auth|keys?))$/ || plain ~ /[a-z0-9](Pass|Pwd|Psk|Creds?|Auth|Keys?)$/
		}
		function around(word) {
			lead = match(word, /^[\\"'\''(<{[]*/) ? substr(word, 1, RLENGTH) : ""
			trail = match(word, /[]\\"'\'')>},;]*$/) ? substr(word, RSTART) : ""
			if (length(lead) + length(trail) > length(word)) trail = substr(word, length(lead) + 1)
			return substr(word, length(lead) + 1, length(word) - length(lead) - length(trail))
		}
		function is_way(word) {
			return tolower(around(word)) ~ /^(bearer|basic|token|digest|negotiate|ntlm|apikey|aws4-hmac-sha256)$/
		}
		function is_odd(word, sign,    some) { return (split(word, some, sign) - 1) % 2 && sign != "" }
		function in_key(word) {
			if (place = index(word, "-----END")) {
				print substr(word, place)
				head = 0
			}
		}
		function in_head(word,    at, private) {
			at = index(word, "-----")
			if (!at) {
				head = word ~ /^[A-Z0-9]+$/ ? (word == "PRIVATE" ? 2 : head) : 0
				return 0
			}
			private = head == 2
			head = 0
			if (private) {
				print substr(word, 1, at + 4) "..."
				head = 3
				in_key(substr(word, at + 5))
			}
			return private
		}
		function is_value(word,    was) {
			was = pending
			pending = ""
			if (was == "option" && word ~ /^-/) return 0
			if (was == "basic" && word !~ /^["'\'']?[+-9=A-Z_a-z][+-9=A-Z_a-z][+-9=A-Z_a-z][+-9=A-Z_a-z][+-9=A-Z_a-z][+-9=A-Z_a-z][+-9=A-Z_a-z][+-9=A-Z_a-z]/) return 0
			if (was == "login" && (!index(word, ":") || is_numbers(word))) return 0
			if (word ~ /^(=|:|:=|==|=>|\\)$/ || is_way(word)) {
				pending = word == "\\" ? was : "name"
				print word
				return 1
			}
			around(word)
			print lead (length(lead) + length(trail) < length(word) ? "..." : "") trail
			quoted("\"", index(lead, "\""), word, 1)
			if (quote == "") quoted("\047", index(lead, "\047"), word, 1)
			return 1
		}
		function is_numbers(word) { return word ~ /^["'\'']?[0-9]+:[0-9]+["'\'']?$/ }
		function quoted(sign, there, word, close_it) {
			if (there && is_odd(word, sign)) {
				quote = sign
				closes = close_it
			}
		}
		# Prints a piece of a word up to what is secret, and says whether it has such.
		function names(word, text, is_last,    i, j, count, parts, of, field, at, sign, there, name, rest, user) {
			count = split(text, field, "=")
			at = 0
			for (i = 1; i <= count; i++) {
				parts = split(field[i], of, ":")
				if (!parts) at += i < count
				for (j = 1; j <= parts; j++) {
					at += length(of[j])
					sign = j < parts ? ":" : i < count ? "=" : ""
					if (sign == "") break
					at++
					name = length(of[j]) > 80 ? substr(of[j], length(of[j]) - 79) : of[j]
					if (!match(name, /[A-Za-z0-9_.-]+[\\]*["'\'']?$/)) continue
					name = substr(name, RSTART)
					sub(/[\\]*["'\'']?$/, "", name)
					user = name == "--user" || name == "--proxy-user"
					if (!(user && sign == "=") && !is_secret(name, "x")) continue
					there = at < length(text)
					if (sign == ":" && !there && !is_last) {
						tell(text)
						return 0
					}
					rest = substr(text, at + 1)
					if (user ? !index(rest, ":") || is_numbers(rest) : !is_secret(name, rest)) continue
					if (is_way(rest) || sign == ":" && !there) {
						tell(text)
						pending = "name"
						return 1
					}
					tell(substr(text, 1, at))
					put_secret(word, rest, sign)
					return 1
				}
			}
			tell(text)
			return 0
		}
		function tell(text) {
			print text
			told = told text
		}
		function put_secret(word, rest, sign,    outer, inner) {
			outer = substr(word, 1, 1)
			if (outer != "\"" && outer != "\047") outer = ""
			sub(/^[\\]+/, "", rest)
			inner = substr(rest, 1, 1)
			if (inner != "\"" && inner != "\047") inner = ""
			if (sign == ":") print "..."
			if (outer != "" && !is_odd(word, outer) && is_odd(told, outer)) print outer
			quoted(inner, inner != "", word, 0)
			if (quote == "") quoted(outer, outer != "", word, 1)
		}
		function plain_word(word,    i, text) {
			if (word !~ /^-/ && word ~ /^[%+-9A-Z_a-z]*$/ && word !~ /-----BEGIN$/ &&
				tolower(word) !~ /^(password|passwd|passphrase|bearer|basic)$/) {
				print word
				return
			}
			if (length(word) > 8192) {
				print "..."
				return
			}
			addresses(word)
			told = ""
			for (i = 1; i <= pieces; i++) if (names(word, piece[i], i == pieces)) return
			if (word ~ /-----BEGIN$/) {
				head = 1
				return
			}
			text = around(word)
			if ((text ~ /^--[A-Za-z0-9_.-]+$/ || text ~ /^-([Pp]assword|passwd|passphrase|pass|storepass|keypass|[Tt]oken|[Ss]ecret|[Aa]pi[Kk]ey|psk|pw)$/) && is_secret(text, "x") || tolower(text) ~ /^(password|passwd|passphrase)$/) pending = "option"
			else if (tolower(text) == "bearer") pending = "name"
			else if (tolower(text) == "basic") pending = "basic"
			else if (word ~ /^(-u|-U|--user|--proxy-user)$/) pending = "login"
		}
		function has_blank(text) {
			return index(text, "\t") || index(text, "\r") || index(text, "\v") || index(text, "\f") || index(text, "\037")
		}
		function put_blank(blank) { if (quote == "" && head != 3) print blank }
		function put_word(word) {
			if (quote != "") {
				if (index(word, quote)) {
					if (closes) print quote
					quote = ""
				}
			} else if (head == 3) in_key(word)
			else if (!(head && in_head(word)) && !(pending != "" && is_value(word))) plain_word(word)
		}
		BEGIN {
			RS = " "
			ORS = ""
		}
		NR > 1 { put_blank(" ") }
		quote == "" && !head && pending == "" && /^[%+,.-9A-Z_a-z][%+-9A-Z_a-z]*$/ && !/^[PpBb]|BEGIN$/ {
			print
			next
		}
		{
			lines = split($0, line, "\n")
			for (i = 1; i <= lines; i++) {
				if (i > 1) put_blank("\n")
				if (!has_blank(line[i])) {
					if (line[i] != "") put_word(line[i])
					continue
				}
				blanks = line[i]
				gsub("[^\t\r\v\f\037]+", "", blanks)
				split(blanks, blank, "")
				words = split(line[i], word, "[\t\r\v\f\037]")
				for (j = 1; j <= words; j++) {
					if (j > 1) put_blank(blank[j - 1])
					if (word[j] != "") put_word(word[j])
				}
			}
		}
	'
}

# Copy what apk knows of the root in $1 to files whose names begin with $2.
_buildinfo_database() {
	for _buildinfo_file in lib/apk/db usr/lib/apk/db; do
		if [ -r "${1%/}/$_buildinfo_file/installed" ]; then
			command cp "${1%/}/$_buildinfo_file/installed" "$_buildinfo_capture/$2" || return
			break
		fi
	done
	for _buildinfo_file in "${1%/}"/etc/apk/repositories "${1%/}"/etc/apk/repositories.d/*.list; do
		if [ -r "$_buildinfo_file" ]; then
			_buildinfo_value=
			while read -r _buildinfo_line || [ -n "$_buildinfo_line" ]; do
				_buildinfo_value="$_buildinfo_value$_buildinfo_line
"
			done <"$_buildinfo_file"
			case $_buildinfo_value in
			*://*) _buildinfo_cut "$_buildinfo_value" ;;
			*) printf '%s' "$_buildinfo_value" ;;
			esac
		fi
	done >"$_buildinfo_capture/$2.repositories"
}

_buildinfo_find_tools() {
	# Cross-compilers are not on the list, but named by the variables.
	for _buildinfo_name in $_buildinfo_tools ${CC%% *} ${CXX%% *} ${LD%% *} ${BUILDINFO_TOOLS:-}; do
		unset -f "$_buildinfo_name" 2>/dev/null
		command -v "$_buildinfo_name"
	done >"$_buildinfo_capture/tools"
	_buildinfo_ask_tools &
	_buildinfo_child=$!
	set --
	while read -r _buildinfo_file; do
		case $_buildinfo_file in
		/*) set -- "$@" "$_buildinfo_file" ;;
		esac
	done <"$_buildinfo_capture/tools"
	_buildinfo_file=${CC:-cc}
	if command -v "${_buildinfo_file%% *}" >/dev/null; then # the compiler proper behind the C driver
		# shellcheck disable=SC2086 # options may stand in CC
		_buildinfo_file=$(_buildinfo_theirs $_buildinfo_file -print-prog-name=cc1 2>/dev/null)
		case $_buildinfo_file in
		/*) set -- "$@" "$_buildinfo_file" ;;
		esac
	fi
	if [ $# -eq 0 ]; then
		: >"$_buildinfo_capture/tools"
		wait "$_buildinfo_child"
		return
	fi
	printf '%s\n' "$@" >"$_buildinfo_capture/tools" &&
		command realpath "$@" >"$_buildinfo_capture/tools.real" &&
		command stat -L -c '%s %Y %n' -- "$@" >"$_buildinfo_capture/tools.stat" &&
		wait "$_buildinfo_child"
}

_buildinfo_ask_tools() {
	[ -z "${forceroot:-}" ] || _buildinfo_banners="$_buildinfo_banners fakeroot" # else the packages say it
	for _buildinfo_name in $_buildinfo_banners; do
		if command -v "$_buildinfo_name" >/dev/null; then
			printf '%s\0' "$_buildinfo_name"
			_buildinfo_theirs "$_buildinfo_name" --version 2>&1
			printf '\0'
		fi
	done >"$_buildinfo_capture/banners"
}

# Print the first file below a folder, if there is one. Links are not followed.
_buildinfo_holds() {
	for _buildinfo_line in "$1"/* "$1"/.[!.]*; do
		if [ -d "$_buildinfo_line" ] && [ ! -L "$_buildinfo_line" ]; then
			_buildinfo_holds "$_buildinfo_line" && return
		elif [ -e "$_buildinfo_line" ] || [ -L "$_buildinfo_line" ]; then
			printf '%s\n' "$_buildinfo_line"
			return
		fi
	done
	return 1
}

_buildinfo_conditions() {
	_buildinfo_zone=
	if [ -z "${TZ:-}" ] && [ -L /etc/localtime ]; then
		_buildinfo_zone=$(command readlink /etc/localtime)
	fi
	_buildinfo_sandbox=none
	if [ -e /.abuild-buildinfo/inside ]; then
		_buildinfo_sandbox=rootbld
		command cp /etc/apk/world "$_buildinfo_capture/world" # what rootbld asked for, besides the recipe's wishes
		case " $options " in
		*[[:space:]]net[[:space:]]*) _buildinfo_sandbox=rootbld+net ;;
		esac
	fi
	_buildinfo_processors=
	[ "${MAKEFLAGS:-}" = "-j${JOBS:-}" ] || _buildinfo_processors=$(command nproc)
	_buildinfo_gzip=gzip
	! command -v pigz >/dev/null || _buildinfo_gzip=pigz
	for _buildinfo_file in /usr/local/bin /usr/local/sbin /usr/local/include /usr/local/lib; do
		_buildinfo_holds "$_buildinfo_file" || :
	done >"$_buildinfo_capture/usrlocal"
	if _buildinfo_on "${BUILDINFO_OBSERVE:-}" no no; then
		{
			printf 'user=%s\0host=%s\0' "$(command id -un)" "$(command uname -n)"
			printf 'kernel=%s\0time=%s\0' "$(command uname -srm)" "$(command date +%s)"
		} >"$_buildinfo_capture/observations"
	fi
	_buildinfo_values startdir srcdir pkgbasedir builddir tmpdir REPODEST SRCDEST HOME CBUILDROOT CCACHE_DIR \
		>"$_buildinfo_capture/paths" || return
	_buildinfo_values _buildinfo_umask _buildinfo_zone _buildinfo_sandbox _buildinfo_gzip _buildinfo_processors program_version JOBS CBUILD \
		CHOST CTARGET CARCH USE_CCACHE PATH >"$_buildinfo_capture/conditions"
}

# The capture is complete if every part of it is: say so with a checksum of each of its files, in one rename.
_buildinfo_seal() {
	(
		cd "$_buildinfo_capture" || exit
		if [ ! -e captured ]; then
			echo "not complete: an earlier step failed" >&2
			exit 1
		fi
		set --
		for _buildinfo_file in * pkginfo/*; do
			case $_buildinfo_file in
			log | errors | reason | complete | complete.new | told | tried) ;;
			*) [ ! -f "$_buildinfo_file" ] || set -- "$@" "$_buildinfo_file" ;;
			esac
		done
		command sha256sum -- "$@" >complete.new && command mv complete.new complete
	)
}
