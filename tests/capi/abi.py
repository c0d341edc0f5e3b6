"""What libbantam promises to programs that were built against it: its functions, enumerators and the layout of its structs.

    tests/capi/abi.py          compares bantam.h with src/capi/libbantam.abi
    tests/capi/abi.py --write  rewrites that file, for an addition; a line that disappears from it is a new soname

The layout is that of 64-bit Linux, where all members have the same place on x86-64 and aarch64.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HEADER = REPOSITORY / "include/bantam/bantam.h"
ABI = REPOSITORY / "src/capi/libbantam.abi"


def header_text():
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)


def functions():
    return sorted(set(re.findall(r"\b(bantam_\w+)\s*\(", " ".join(re.findall(r"BANTAM_API[^;]*;", header_text())))))


def enumerators():
    return [name for body in re.findall(r"typedef enum \w+ BANTAM_INT_ENUM \{(.*?)\}", header_text(), re.DOTALL)
            for name in re.findall(r"\b(BANTAM_\w+)\b", body)]  # fmt: skip


def structs():
    """{name: [member, ...]} of the structs that programs see into."""
    found = {}
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", header_text(), re.DOTALL):
        members = []
        for declaration in filter(str.strip, body.split(";")):
            members += [re.findall(r"\w+", part)[-1] for part in declaration.split(",")]
        found[name] = members
    return found


def typedefs():
    return sorted(set(re.findall(r"\b(bantam_\w+)\b", " ".join(
        re.findall(r"typedef (?:struct|enum) (bantam_\w+)", header_text())
        + re.findall(r"typedef void \(\*(bantam_\w+)\)", header_text())))))  # fmt: skip


def abi_lines():
    """The promise as sorted lines, asked of the C compiler."""
    lines = [f"function {name}" for name in functions()]
    program = ["#include <bantam/bantam.h>", "#include <stdio.h>", "int main(void) {"]
    for name in enumerators():
        program.append(f'  printf("enumerator {name} %d\\n", (int){name});')
    for struct, members in structs().items():
        for member in members:
            program.append(f'  printf("member {struct}.{member} at %zu, %zu bytes\\n", offsetof({struct}, {member}), '
                           f'sizeof ((({struct} *)0)->{member}));')  # fmt: skip
    program.append("  return 0;\n}")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "abi.c")
        source.write_text("\n".join(program), encoding="utf-8")
        subprocess.run(["cc", "-std=c11", f"-I{REPOSITORY / 'include'}", source, "-o", source.with_suffix("")], check=True)
        printed = subprocess.run([source.with_suffix("")], check=True, capture_output=True, text=True).stdout
    return sorted(lines + printed.splitlines())


def main():
    lines = abi_lines()
    if sys.argv[1:] == ["--write"]:
        ABI.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return 0
    before = ABI.read_text(encoding="utf-8").splitlines()
    for line in sorted(set(before) - set(lines)):
        print(f"gone or changed: {line}")
    for line in sorted(set(lines) - set(before)):
        print(f"new: {line}")
    return 0 if lines == before else 1


if __name__ == "__main__":
    sys.exit(main())
