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
		case $_buildinfo_value in
		*://* | *[Pp][Aa][Ss][Ss][Ww]* | *[Tt][Oo][Kk][Ee][Nn]=* | *[Ss][Ee][Cc][Rr][Ee][Tt]=*)
			_buildinfo_value=$(_buildinfo_cut "$_buildinfo_value")
			;;
		esac
		printf '%s=%s\0' "$_buildinfo_name" "$_buildinfo_value" || return
	done
}

# Cut user information, query and fragment out of every URL in a text, and what is called a password, token or secret,
# as redact.py does and explains: first a line break before each further URL of a list, at last the line breaks away.
_buildinfo_cut() {
	printf '%s' "$1" | command sed \
		-e 's![,|][A-Za-z][A-Za-z0-9+.-]*://!\n&!g' \
		-e 's!://[^][/?#[:space:]:]*:[0-9]*[^]0-9/?#[:space:]][^[:space:]]*@!://!g' \
		-e 's!://[^/?#[:space:]]*@!://!g' \
		-e 's!\(://[^?#[:space:]]*\)[?#][^[:space:]]*!\1!g' \
		-e 's!\n!!g' \
		-e 's!\([Pp][Aa][Ss][Ss][Ww][Oo]*[Rr]*[Dd]=\)[^[:space:]]*!\1!g' \
		-e 's!\([Tt][Oo][Kk][Ee][Nn]=\)[^[:space:]]*!\1!g' \
		-e 's!\([Ss][Ee][Cc][Rr][Ee][Tt]=\)[^[:space:]]*!\1!g'
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
