"""The checks under tools/ refuse what they should: each is run on a tiny repository made for it."""

import hashlib
import platform
import shutil
import subprocess
import sys

import pytest

from bantam_process import REPOSITORY


def repository(folder, files, tools):
    """A git repository with these files and copies of these tools."""
    for name in tools:
        (folder / "tools").mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / "tools" / name, folder / "tools" / name)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    "content, complaint",
    [
        ("see /ro" + "ot/notes.txt\n", "a path of one machine"),
        ('open("/ho' + 'me/someone/data")\n', "a path of one machine"),
        ("https://py" + "pi.org/simple\n", "a package registry's host"),
        (b"\0" * 1_500_001, "1500001 bytes"),
    ],
)
def test_repository_check_refuses(tmp_path, content, complaint):
    folder = repository(tmp_path, {"docs/page.md": content}, ["check_repo.sh"])
    result = run(folder / "tools" / "check_repo.sh")
    assert result.returncode == 1
    assert complaint in result.stdout and result.stdout.startswith("docs/page.md:1")


def test_repository_check_lets_ordinary_files_through(tmp_path):
    folder = repository(tmp_path, {"a.sh": "ls $HOME/work/x ./tmp/y ~/.local/share /usr/bin/env\n", ".gitignore": "/build/\n",
                                   "build/log": "/ro" + "ot/x"}, ["check_repo.sh"])  # fmt: skip
    result = run(folder / "tools" / "check_repo.sh")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "changed, complaint",
    [
        ({}, None),
        ({"a.js": "let a = 2;\n"}, "web/vendor/one: not as one@1.0.0 has it"),
        ({"b.js": ""}, "web/vendor/one/b.js: not in SHA256SUMS"),
    ],
)
def test_vendored_files(tmp_path, changed, complaint):
    content = "let a = 1;\n"
    sums = f"# one@1.0.0 sha512-x\n{hashlib.sha256(content.encode()).hexdigest()}  a.js\n"
    files = {f"web/vendor/one/{name}": text for name, text in ({"a.js": content, "SHA256SUMS": sums} | changed).items()}
    result = run(repository(tmp_path, files, ["check_vendored.sh"]) / "tools" / "check_vendored.sh")
    assert result.returncode == (1 if complaint else 0)
    assert (complaint or "the files of one@1.0.0 are as they were published") in result.stdout + result.stderr


@pytest.mark.parametrize(
    "page, complaint",
    [
        ("[a](missing.md)\n", "page.md:1: missing.md: no such file"),
        ("# One\n\n[a](#two)\n", "page.md:3: #two: no such heading"),
        ("# One, `two` & three!\n\n[a](#one-two--three) [b](https://example.com/x) `[c](no.md)`\n", None),
        ("```\n[a](missing.md)\n```\n", None),
    ],
)
def test_docs_check(tmp_path, page, complaint):
    folder = repository(tmp_path, {"page.md": page}, ["check_docs.py"])
    result = run(sys.executable, folder / "tools" / "check_docs.py")
    assert result.returncode == (1 if complaint else 0)
    assert (complaint or "every link leads somewhere") in result.stdout


KERNEL = 'extern "C" int Install(int x) { return x + 1; }\n'
LEAKY = "#include <vector>\nint Sum(const std::vector<int>& v) { std::vector<int> w(v); w.push_back(1); return w.back(); }\n"


@pytest.mark.parametrize("source, complaint", [(KERNEL, None), (LEAKY, "weak symbols"), (None, "no object under")])
def test_kernel_symbols(tmp_path, source, complaint):
    files = {"src/kernels/avx2/install.cc": source or KERNEL, "src/kernels/scalar/install.cc": LEAKY}
    folder = repository(tmp_path, files, ["check_kernel_symbols.sh"])
    objects = folder / "build" / "src" / "kernels" / "bantam_kernels.dir" / "avx2"
    objects.mkdir(parents=True)
    if source:
        subprocess.run(["g++", "-O0", "-c", folder / "src/kernels/avx2/install.cc", "-o", objects / "install.cc.o"], check=True)
    result = run(folder / "tools" / "check_kernel_symbols.sh", folder / "build")
    assert result.returncode == (1 if complaint else 0), result.stdout
    assert (complaint or "1 objects, none weak") in result.stdout


VEX, EVEX = ('#include <immintrin.h>\nextern "C" void Install(__m256i* x) { asm("%%{%s%%} vpdpbusd %%1, %%1, %%0" : "+x"(x[0]) : "x"(x[1])); }\n' % e
             for e in ("vex", "evex"))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="encodings of x86-64")
@pytest.mark.parametrize("level, source, complaint", [
    ("avx2vnni", VEX, None), ("avx2vnni", EVEX, "only AVX-512 has: vpdpbusd"), ("avx2vnni", KERNEL, "no vpdpbusd in its VEX encoding"),
    ("avx2", EVEX, "only AVX-512 has"), ("avx512vnni", EVEX, None)])
def test_kernel_encodings(tmp_path, level, source, complaint):
    folder = repository(tmp_path, {f"src/kernels/{level}/install.cc": source}, ["check_kernel_symbols.sh"])
    objects = folder / "build" / "src" / "kernels" / "bantam_kernels.dir" / level
    objects.mkdir(parents=True)
    subprocess.run(["g++", "-O2", "-mavx2", "-c", folder / f"src/kernels/{level}/install.cc", "-o", objects / "install.cc.o"], check=True)
    result = run(folder / "tools" / "check_kernel_symbols.sh", folder / "build")
    assert result.returncode == (1 if complaint else 0), result.stdout
    assert (complaint or "1 objects, none weak") in result.stdout


CTEST = """<testsuite tests="3" failures="{failures}" skipped="1">
<testcase name="A.Runs" classname="A.Runs" status="run"><system-out>ok</system-out></testcase>
<testcase name="A.Second" classname="A.Second" status="{status}"><system-out>x</system-out></testcase>
<testcase name="Avx512.Dot" classname="Avx512.Dot" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
<system-out>[ RUN      ] Avx512.Dot
a_test.cc:7: Skipped
this CPU has
no AVX-512

[  SKIPPED ] Avx512.Dot (0 ms)</system-out></testcase>
</testsuite>"""
PYTEST = """<testsuites><testsuite><testcase classname="clients.test_a" name="test_x"/>
<testcase classname="clients.test_a" name="test_y"><skipped type="pytest.skip" message="no data sets"/></testcase></testsuite></testsuites>"""


@pytest.mark.parametrize("failed", [0, 1])
def test_summary_names_skips_and_counts(tmp_path, failed):
    status = "fail" if failed else "run"
    (tmp_path / "ctest.xml").write_text(CTEST.format(failures=failed, status=status))
    (tmp_path / "pytest.xml").write_text(PYTEST)
    (tmp_path / "ctest.log").write_text("...\n100% tests passed, 0 tests failed out of 3\n")
    (tmp_path / "pytest.log").write_text("==== 1 passed, 1 skipped in 0.1s ====\n")
    result = run(sys.executable, REPOSITORY / "tools" / "test_summary.py", tmp_path)
    assert result.returncode == failed
    assert "ctest: Avx512.Dot: this CPU has no AVX-512" in result.stdout
    assert "pytest: clients.test_a.test_y: no data sets" in result.stdout
    assert result.stdout.endswith(f"{3 - failed} passed, {failed} failed, 2 skipped\n")


def test_a_test_that_was_not_built_is_a_failure(tmp_path):
    (tmp_path / "ctest.xml").write_text(
        '<testsuite><testcase name="api_test_NOT_BUILT" classname="api_test_NOT_BUILT" status="notrun">'
        '<skipped message="Unable to find executable"/><system-out/></testcase></testsuite>'
    )
    (tmp_path / "pytest.xml").write_text("<testsuite/>")
    result = run(sys.executable, REPOSITORY / "tools" / "test_summary.py", tmp_path)
    assert result.returncode == 1
    assert result.stdout.endswith("0 passed, 1 failed, 0 skipped\n")


def test_summary_fails_without_a_report(tmp_path):
    (tmp_path / "ctest.xml").write_text("<testsuite/>")
    result = run(sys.executable, REPOSITORY / "tools" / "test_summary.py", tmp_path)
    assert result.returncode == 1
    assert "pytest: wrote no report" in result.stdout


def test_summary_counts_the_cross_built_tests(tmp_path):
    for name in ("ctest", "pytest"):
        (tmp_path / f"{name}.xml").write_text("<testsuite/>")
    (tmp_path / "aarch64.log").write_text("100% tests passed, 0 tests failed out of 3\n")
    result = run(sys.executable, REPOSITORY / "tools" / "test_summary.py", tmp_path)
    assert result.returncode == 1
    assert "aarch64: wrote no report" in result.stdout
    (tmp_path / "aarch64.xml").write_text(CTEST.format(failures=0, status="run"))
    result = run(sys.executable, REPOSITORY / "tools" / "test_summary.py", tmp_path)
    assert result.returncode == 0
    assert result.stdout.endswith("2 passed, 0 failed, 1 skipped\n")
