"""bantam.h by itself: it compiles everywhere, and promises what it promised before."""

import re
import subprocess

import abi
import pytest

from bantam_process import REPOSITORY


@pytest.mark.parametrize(
    "compiler",
    ["gcc -x c -std=c11", "gcc -x c -std=c17", "g++ -x c++ -std=c++11", "g++ -x c++ -std=c++20"],
)
def test_compiles_without_a_warning(compiler, tmp_path):
    source = tmp_path / "alone.c"
    source.write_text("#include <bantam/bantam.h>\nint main(void) { return BANTAM_OK; }\n")
    subprocess.run(
        [*compiler.split(), "-Wall", "-Wextra", "-pedantic", "-Werror", "-Wstrict-prototypes" if "-x c -" in compiler
         else "-Wold-style-cast", "-fsyntax-only", f"-I{REPOSITORY / 'include'}", source], check=True)  # fmt: skip


def test_the_promise_is_kept():
    lines, before = abi.abi_lines(), abi.ABI.read_text(encoding="utf-8").splitlines()
    gone = sorted(set(before) - set(lines))
    assert not gone, f"programs that are built already need these; taking them away is a new soname: {gone}"
    new = sorted(set(lines) - set(before))
    assert not new, f"an addition: tests/capi/abi.py --write, and say it in CHANGELOG.md: {new}"


def test_structs_of_options_and_results_begin_with_their_size():
    fixed = {"bantam_text", "bantam_text_info", "bantam_span", "bantam_message", "bantam_nearest", "bantam_slot",
             "bantam_ranked", "bantam_budget", "bantam_part", "bantam_input", "bantam_document", "bantam_tagged_span"}  # fmt: skip
    for name, members in abi.structs().items():
        assert (members[0] == "struct_size") == (name not in fixed), name


def test_the_reference_names_everything():
    page = (REPOSITORY / "docs/reference/c-api.md").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", page))
    members = {member for names in abi.structs().values() for member in names}
    macros = set(re.findall(r"#define (BANTAM_(?!BANTAM_H|API|INT_ENUM)\w+)", abi.HEADER.read_text(encoding="utf-8")))
    wanted = set(abi.functions()) | set(abi.enumerators()) | set(abi.typedefs()) | members | macros
    assert not sorted(wanted - words)
    named = set(re.findall(r"`(bantam_\w+)", page))
    assert not sorted(named - set(abi.functions()) - set(abi.typedefs())), "names that bantam.h does not have"
