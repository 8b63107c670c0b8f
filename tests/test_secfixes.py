"""secfixes as data: the grammar of real aports, and what people really wrote into them."""

from __future__ import annotations

from typing import Any

import pytest
from building import APKBUILD, Builder

BLOCK = "# secfixes:\n#   1.2-r0:\n#     - CVE-2024-0001\n"


def security(builder: Builder, block: str) -> dict[str, Any]:
    assert BLOCK in APKBUILD
    builder.build(builder.aport(APKBUILD.replace(BLOCK, block)))
    return builder.record().get("security", {})


def test_items_that_are_not_indented_further_are_read_too(builder: Builder) -> None:
    """As in python3 and ncurses."""
    block = "# secfixes:\n#   3.6.8-r1:\n#   - CVE-2019-5010\n#   - CVE-2018-20406\n"
    assert security(builder, block) == {"fixed": [{"version": "3.6.8-r1", "ids": ["CVE-2019-5010", "CVE-2018-20406"]}]}


@pytest.mark.parametrize("first", [True, False])
def test_rejections_are_never_taken_for_fixes(builder: Builder, first: bool) -> None:
    """As in go (first) and openssl, curl, git (last)."""
    rejected, fixed = "#   0:\n#     - CVE-2022-41716\n", "#   1.1-r0:\n#     - CVE-2021-1234\n"
    block = "# secfixes:\n" + (rejected + fixed if first else fixed + rejected)
    assert security(builder, block) == {
        "fixed": [{"version": "1.1-r0", "ids": ["CVE-2021-1234"]}],
        "rejected": ["CVE-2022-41716"],
    }


def test_a_block_in_the_header_is_read(builder: Builder) -> None:
    """As in git, nginx and nodejs."""
    text = APKBUILD.replace(BLOCK, "").replace(
        "# Maintainer", "#\n# secfixes:\n#   2.30.2-r0:\n#     - CVE-2021-21300\n#\n# Maintainer", 1
    )
    builder.build(builder.aport(text))
    assert builder.record()["security"] == {"fixed": [{"version": "2.30.2-r0", "ids": ["CVE-2021-21300"]}]}
    assert builder.record()["source"]["maintainer"] == "Test Packager <packager@example.org>"


def test_what_is_no_well_formed_id_is_kept_apart(builder: Builder) -> None:
    """CVE-46838 stands in linux-lts; the others in Alpine's security database."""
    block = (
        "# secfixes:\n#   5.10.4-r0:\n#     - CVE-46838\n#     - CVE-2020-29568 XSA-349\n#     - XSA-207\n"
        "#     - CVE-2019-2426 (+ regression fix)\n#     - CVE_2019-9999\n#     - CVE N/A ZBX-11023\n"
        "#     - CVE-2021-35940.patch\n#     - CVE-2020-29568 CVE-2020-29568\n"
        "#   5.9-r1:\n#     - GHSA-abcd-1234-efgh\n"
    )
    assert security(builder, block) == {
        "fixed": [
            {
                "version": "5.10.4-r0",
                "ids": ["CVE-2020-29568", "CVE-2019-2426"],
                "aliases": ["CVE-46838", "XSA-349", "XSA-207", "CVE_2019-9999", "ZBX-11023", "CVE-2021-35940.patch"],
                "remarks": ["(+ regression fix)", "CVE", "N/A"],
            },
            {"version": "5.9-r1", "aliases": ["GHSA-abcd-1234-efgh"]},
        ]
    }


def test_an_aport_without_secfixes_has_no_security_table(builder: Builder) -> None:
    assert security(builder, "") == {}


def test_a_note_behind_a_version_and_commas_between_ids_lose_nothing(builder: Builder) -> None:
    block = "# secfixes:\n#   1.1-r0: # urgent\n#     - CVE-2024-0001, CVE-2024-0002\n"
    assert security(builder, block) == {"fixed": [{"version": "1.1-r0", "ids": ["CVE-2024-0001", "CVE-2024-0002"]}]}


@pytest.mark.parametrize(
    "between", ["#\n", "#\n#\n", "# see https://example.org/advisories for more\n", "#  \n", "##\n"]
)
def test_a_comment_inside_the_block_does_not_end_it(builder: Builder, between: str) -> None:
    """abuild reads on to the first line that is no comment: fixes and rejections behind it would vanish."""
    block = f"# secfixes:\n#   1.2-r0:\n#     - CVE-2024-0001\n{between}#     - CVE-2024-0002\n"
    block += f"{between}#   1.1-r0:\n{between}#     - CVE-2023-0001\n{between}#   0:\n#     - CVE-2022-0001\n"
    assert security(builder, block) == {
        "fixed": [
            {"version": "1.2-r0", "ids": ["CVE-2024-0001", "CVE-2024-0002"]},
            {"version": "1.1-r0", "ids": ["CVE-2023-0001"]},
        ],
        "rejected": ["CVE-2022-0001"],
    }


def test_a_second_block_counts_and_what_stands_outside_does_not(builder: Builder) -> None:
    block = (
        "#     - CVE-2020-0001\n\n# secfixes:\n#   1.2-r0:\n#     - CVE-2024-0001\n\n#     - CVE-2020-0002\n\n"
        "# secfixes: older ones\n#     - CVE-2020-0003\n#   1.1-r0\n#     - CVE-2023-0001\n"
    )
    assert security(builder, block) == {
        "fixed": [{"version": "1.2-r0", "ids": ["CVE-2024-0001"]}, {"version": "1.1-r0", "ids": ["CVE-2023-0001"]}]
    }
