"""What normalization changes in the headers of a package's tar members, and nothing else: the dialect stays as found.

Canonical order of pax records: as GNU tar writes them for abuild 3.11 to 3.18 (`start_header` in its `create.c`: the
link target, the name, numbers, owners, attributes; then what abuild overrides), `abuild-tar`'s checksum last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from buildinfo.apk.reads.headers import Reading
from buildinfo.apk.tarheader import CHECKSUM_KEY, XATTR_PREFIX, Member
from buildinfo.apk.tarpatch import Headers
from buildinfo.normalize.job import Policy

_PROCESS: Final = re.compile(rb"PaxHeaders\.[1-9]").search
_XATTR: Final = XATTR_PREFIX.encode()
_CHECKSUM: Final = CHECKSUM_KEY.encode()
_OCTAL_LIMIT: Final = 8**11
"""The first modification time that a header block has no room for: tar writes a record for it, and 0 into the block."""
_ORDER: Final = {
    key: rank
    for rank, key in enumerate(
        (
            *(b"linkpath", b"path", b"uid", b"gid", b"size", b"mtime", b"devmajor", b"devminor", b"uname", b"gname"),
            *(b"SCHILY.acl.access", b"SCHILY.acl.default", b"RHT.security.selinux", _XATTR, b"", b"ctime", b"atime"),
            _CHECKSUM,
        )
    )
}
"""Records in tar's order; the prefix stands for all extended attributes, the empty key for what is not known."""


@dataclass(slots=True)
class HeaderRules:
    """The steps that touch headers, bound to a policy.

    Attributes:
        users, groups: names whose ids become 0, as abuild >= 3.13 writes them.
        one_time: give every member the epoch, as abuild >= 3.5 does.
        done: names of the steps that found something to change so far.
    """

    policy: Policy
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    one_time: bool = False
    done: set[str] = field(default_factory=set)

    def time(self, member: Member) -> int | float:
        """The modification time that the member will have."""
        if "times" not in self.policy.leaks:
            return member.mtime
        if self.one_time or self.policy.timestamps == "set" or member.mtime > self.policy.epoch:
            return self.policy.epoch
        return member.mtime

    def expected(self, reading: Reading) -> Reading:
        """What apk is to read of an entry in the place of this."""
        if "owners" not in self.policy.leaks:
            return reading
        user, group = (name.decode("utf-8", "surrogateescape") for name in (reading.uname, reading.gname))
        return reading._replace(
            uid=0 if user in self.users else reading.uid, gid=0 if group in self.groups else reading.gid
        )

    def apply(self, member: Member) -> bytes:
        """The header blocks as they are to be; the member's own `raw_headers` where nothing changes."""
        steps = self._steps(member)
        if not steps:
            return member.raw_headers
        headers = Headers.parse(member.raw_headers)
        if "times" in steps:
            headers.set_number("mtime", self.policy.epoch)
        if "owners" in steps:
            for field in self._own_ids(member):
                headers.set_number(field, 0)
        if member.pax:
            headers.set_pax(self._records(headers.pax(), steps, {field.encode() for field in self._own_ids(member)}))
        if "pax" in steps:
            headers.drop_process_id()
        raw = headers.build()
        if raw != member.raw_headers:
            self.done |= steps
        return raw

    def _steps(self, member: Member) -> set[str]:
        """Which steps may have something to do; cheap, and right for the members that nothing is to change in."""
        leaks = self.policy.leaks
        steps = set()
        # A record may state the time of the block in other words.
        spoken = "mtime" in member.pax and 0 <= self.policy.epoch < _OCTAL_LIMIT
        if self.time(member) != member.mtime or (self.one_time and "times" in leaks and spoken):
            steps.add("times")
        if "owners" in leaks and self._own_ids(member):
            steps.add("owners")
        if member.pax and "pax" in leaks and self._pax_differs(member):
            steps.add("pax")
        return steps

    def _own_ids(self, member: Member) -> list[Literal["uid", "gid"]]:
        """The ids of the aport's own user and group that are not 0."""
        ids: list[Literal["uid", "gid"]] = []
        if member.uid and member.uname in self.users:
            ids.append("uid")
        if member.gid and member.gname in self.groups:
            ids.append("gid")
        return ids

    def _pax_differs(self, member: Member) -> bool:
        pax = member.pax
        if pax.get("atime", b"0") != b"0" or pax.get("ctime", b"0") != b"0":
            return True
        if len(member.xattrs) > 1 or len(pax) > 3 or "pax" in self.policy.forms:
            keys = [key.encode("utf-8", "surrogateescape") for key in pax]
            if keys != self._sorted_keys(keys):
                return True
        return _PROCESS(member.raw_headers, 0, 100) is not None

    def _records(
        self, records: list[tuple[bytes, bytes]], steps: set[str], replaced: set[bytes]
    ) -> list[tuple[bytes, bytes]]:
        """The pax records as they are to be, without those that a field of the header block now says."""
        if "times" in steps:
            replaced.add(b"mtime")
        found = {key: value for key, value in records if key not in replaced}  # the last of equal keys counts
        if "pax" not in steps:
            return [(key, value) for key, value in records if key in found]
        for key in (b"atime", b"ctime"):
            if key in found:
                found[key] = b"0"
        return [(key, found[key]) for key in self._sorted_keys(list(found))]

    def _sorted_keys(self, keys: list[bytes]) -> list[bytes]:
        if "pax" in self.policy.forms:
            return sorted(keys, key=_rank)
        attributes = iter(sorted(key for key in keys if key.startswith(_XATTR)))
        return [next(attributes) if key.startswith(_XATTR) else key for key in keys]


def _rank(key: bytes) -> tuple[int, bytes]:
    return _ORDER.get(_XATTR if key.startswith(_XATTR) else key, _ORDER[b""]), key
