"""Programs in C, built against the installed library in each way that the how-to names."""

import json
import os
import re
import shlex
import shutil
import subprocess

import abi
import pytest

from bantam_process import REPOSITORY

TEXTS = ("Where is my refund?", "I want my money back")
STRICT = ["-std=c11", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror"]


def run(command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def pkg_config(prefix, *arguments):
    """What it prints, as arguments; it writes them for a shell."""
    return shlex.split(
        run(["pkg-config", *arguments, "bantam"], env=os.environ | {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")})
    )


def with_cmake(prefix, examples, folder, *options):
    run(["cmake", "-S", examples, "-B", folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", *options])
    run(["cmake", "--build", folder])
    return folder


def with_pkg_config(prefix, examples, folder, *static):
    folder.mkdir()
    flags = pkg_config(prefix, "--cflags")
    libraries = pkg_config(prefix, *static, "--libs")
    for name in ("similarity", "home"):
        run(["gcc", *STRICT, *flags, examples / f"{name}.c", "-o", folder / name, *libraries, "-lm"])
    return folder


@pytest.fixture(scope="module", params=["cmake-shared", "cmake-static", "pkg-config-shared", "pkg-config-static"])
def programs(request, shared_prefix, static_prefix, examples, tmp_path_factory):
    """(folder with the built examples, environment to run them in)"""
    how, kind = request.param.rsplit("-", 1)
    folder = tmp_path_factory.mktemp("build") / request.param
    if how == "cmake":
        # Built in a copy: nothing but the installed files and the example.
        sources = folder.parent / "sources"
        shutil.copytree(examples, sources)
        option = ["-DBANTAM_STATIC=ON"] if kind == "static" else []
        with_cmake(static_prefix if kind == "static" else shared_prefix, sources, folder, *option)
    else:
        prefix = static_prefix if kind == "static" else shared_prefix
        with_pkg_config(prefix, examples, folder, *(["--static"] if kind == "static" else []))
    needed = run(["readelf", "-d", folder / "similarity"])
    assert ("libbantam.so.0" in needed) == (kind == "shared")
    # cmake has written where the library lies into the program.
    environment = os.environ | ({"LD_LIBRARY_PATH": str(shared_prefix / "lib")} if how != "cmake" else {})
    return folder, environment


def cosine_by_the_command(bantam_binary, model, *options):
    """The cosine of TEXTS."""
    out = run([bantam_binary, "embed", "--model", model, *options], input="\n".join(TEXTS))
    a, b = (json.loads(line)["embedding"] for line in out.splitlines())
    dot = lambda x, y: sum(p * q for p, q in zip(x, y))  # noqa: E731
    return dot(a, b) / (dot(a, a) * dot(b, b)) ** 0.5


@pytest.fixture(scope="module")
def reference(bantam_binary, model_folder):
    return cosine_by_the_command(bantam_binary, model_folder)


def test_similarity_is_that_of_the_command(programs, model_folder, reference):
    folder, environment = programs
    out = run([folder / "similarity", model_folder, *TEXTS], env=environment)
    assert float(out) == pytest.approx(reference, abs=2e-6)
    assert 0.3 < reference < 0.95


def test_prompts_and_dimensions(programs, bantam_binary, tmp_path):
    folder, environment = programs
    for part in ("base", "cases/prompts"):
        shutil.copytree(REPOSITORY / "src/tasks/golden/sentence" / part, tmp_path, dirs_exist_ok=True)
    similarity = lambda *options: run([folder / "similarity", f"{tmp_path}/", *TEXTS, *options], env=environment)  # noqa: E731
    expected = cosine_by_the_command(bantam_binary, f"{tmp_path}/", "--dimensions", "8", "--prompt-name", "passage")
    assert float(similarity("8", "passage")) == pytest.approx(expected, abs=2e-6)
    assert similarity("8") != similarity("8", "passage") != similarity("0", "passage")
    done = subprocess.run([folder / "similarity", f"{tmp_path}/", *TEXTS, "8", "nobody"], capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and "it has: document, passage, query" in done.stderr


def test_errors_reach_the_user(programs):
    folder, environment = programs
    done = subprocess.run([folder / "similarity", "./nowhere", "a", "b"], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "nowhere" in done.stderr and done.stdout == ""


def test_decisions(programs, bantam_home, examples, tmp_path):
    folder, environment = programs
    environment = environment | {"BANTAM_HOME": str(bantam_home)}
    lines = ["turn the kitchen light to 40 percent", "good night", "bake a birthday cake", "set a timer please", "20", "will it rain tomorrow"]
    command = [folder / "home", examples / "home.yaml", tmp_path / "state"]
    out = [line.split("\t") for line in run(command, input="\n".join(lines) + "\n", env=environment).splitlines()]
    assert [(row[0], row[2], row[3]) for row in out] == [
        ("level", 'do level room="kitchen" percent="40"', "The light in the kitchen goes to 40 percent."),
        ("off", "do off", "Off."),
        ("-", "-", "I am only a device."),
        ("timer", "-", "In how many minutes?"),
        ("timer", 'do timer minutes="20"', "Off in 20 minutes."),
        ("forecast", "(asked later)", "I have no window. I will ask somebody who does."),
    ]


def test_only_the_interface_is_exported(shared_prefix):
    library = shared_prefix / "lib/libbantam.so"
    exported = set()
    for line in run(["nm", "-D", "--defined-only", library]).splitlines():
        kind, name = line.split()[1:3]
        if kind != "A":  # the version's own name
            exported.add(name.split("@")[0])
    assert sorted(exported) == abi.functions()
    assert "SONAME" in run(["readelf", "-d", library]) and "[libbantam.so.0]" in run(["readelf", "-d", library])
    assert "BANTAM_0" in run(["readelf", "-V", library])


def test_no_server_comes_with_the_library(static_prefix, shared_prefix):
    needed = run(["readelf", "-d", shared_prefix / "lib/libbantam.so"])
    assert "prometheus" not in needed and "libcurl" not in needed
    members = run(["ar", "t", static_prefix / "lib/libbantam.a"]).split()
    assert "http_server.cc.o" not in members and "assistant.cc.o" in members


def test_components_are_what_they_are_called(install, build_folder):
    def files(*components):
        prefix = install(*components)
        return sorted(str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir())

    version = re.search(r"VERSION (\d+\.\d+\.\d+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]
    assert files("shared") == ["lib/libbantam.so", "lib/libbantam.so.0", f"lib/libbantam.so.{version}"]
    assert files("static") == ["lib/libbantam.a"]
    assert files("headers") == [
        "include/bantam/bantam.h",
        "lib/cmake/bantam/bantamConfig.cmake",
        "lib/cmake/bantam/bantamConfigVersion.cmake",
        "lib/pkgconfig/bantam.pc",
    ]
    gateway = ["bin/bantam-grpc"] if (build_folder / "bantam-grpc").exists() else []  # where gRPC is installed
    assert files("program") == [
        "bin/bantam",
        *gateway,
        "share/bash-completion/completions/bantam",
        "share/fish/vendor_completions.d/bantam.fish",
        "share/man/man1/bantam.1",
        "share/zsh/site-functions/_bantam",
    ]


def test_a_package_without_libraries_says_so(install, examples, tmp_path):
    done = subprocess.run(["cmake", "-S", examples, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={install('headers')}"],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode != 0 and "there is no libbantam" in done.stderr


def test_the_how_tos_program_compiles_and_runs(shared_prefix, model_folder, tmp_path):
    page = (REPOSITORY / "docs/howto/embed-in-a-program.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    assert blocks
    flags = pkg_config(shared_prefix, "--cflags", "--libs")
    for number, block in enumerate(blocks):
        source = tmp_path / f"block{number}.c"
        source.write_text(block)
        run(["gcc", *STRICT, source, "-o", source.with_suffix(""), *flags])
        environment = os.environ | {"LD_LIBRARY_PATH": str(shared_prefix / "lib"), "BANTAM_HOME": str(model_folder.parents[1])}
        assert run([source.with_suffix("")], env=environment, cwd=REPOSITORY)
