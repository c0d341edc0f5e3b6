#!/usr/bin/env python3
"""`make hostile`: builds what the cases of cases.txt need under AddressSanitizer and UndefinedBehaviorSanitizer, runs exactly their
tests, then the scheduler's and the server's tests under ThreadSanitizer, and says in one line how many cases hold.

    tests/hostile/run.py                          everything (the first build takes long: two more builds of nearly all sources)
    tests/hostile/run.py --only http,faults       some groups of cases: files, http, limits, faults, parsers
    tests/hostile/run.py --preset dev --no-tsan   the same cases without sanitizers
    tests/hostile/run.py --no-build               what is built already; a program that is not there fails its cases
"""

import argparse
import os
import resource
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict

from suite import FUZZERS, GROUPS, REPOSITORY, cpp_tests, python_tests, read_cases, resolve

# Who shares data between threads: the engines with their queues, the server with what it asks of them, and what traces, learns and sends beside it.
THREADED = {
    "engine": ("bantam_engine_test", "EncoderEngine*:EngineWithoutThread*:Generation*:FairShares*:KvBlocks*:DrainRate*:TokenVectors*"),
    "server": ("bantam_api_test", "HttpServerTest*:TlsServerTest*:Pool*:EngineWatch*:ApiKeys*"),
    "trace": ("bantam_trace_test", "SpanExporter*:RequestTrace*"),
    "route": ("bantam_route_test", "Learner*:LateAnswers*:EscalationQueue*:SendQueued*:SessionLocks*:CircuitBreaker*:Spending*:Usage*:AuditLog*:ResultCache*:Router*"),
}
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:exitcode=86",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:exitcode=86",
}
if (DATA := REPOSITORY.parent / "shared/data").is_dir():
    os.environ.setdefault("BANTAM_TEST_DATA", str(DATA))
os.environ["BANTAM_ALL_FAULTS"] = "1"  # of test_faulty_system.py: each call once
# AddressSanitizer makes frames several times larger, and depths are bounded for the stack of a program without it.
resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
UNDER = {"asan": "under ASan+UBSan", "tsan": "under TSan"}


def program_path(preset, program):
    folder = REPOSITORY / "build" / preset
    if program == "bantam":
        return folder / program
    if program.endswith("_fuzz") or (REPOSITORY / "tests/faults" / f"{program.removeprefix('bantam_')}.cc").exists():
        return folder / "tests/faults" / program
    return folder / "src" / program.removeprefix("bantam_").removesuffix("_test") / program


def build(preset, targets, jobs):
    """One target after the other, so that a failure names its program."""
    for target in targets:
        print(f"hostile: building {preset} {target}", flush=True)
        subprocess.run([REPOSITORY / "tools/build.sh", preset, target, "-j", str(jobs)], check=True)


def read_junit(path):
    """-> {test: why it did not pass, or ""}, tests named as in a JUnit file: (class, name)."""
    results = {}
    for case in ElementTree.parse(path).iter("testcase"):
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped") is not None or case.get("result") == "skipped" or case.get("status") == "notrun"
        why = "skipped" if skipped else ""
        if problem is not None:
            why = (problem.get("message") or "failed").split("\n")[0]
        results[case.get("classname"), case.get("name")] = why
    return results


def run_program(preset, program, tests, reports):
    """-> {"Suite.Test": why it did not pass, or ""}. Tests with parameters count as one, which fails by its first failure."""
    path, report = program_path(preset, program), reports / f"{preset}-{program}.xml"
    if not path.exists():
        return dict.fromkeys(tests, "its program is not built")
    report.unlink(missing_ok=True)
    names = ":".join(f"{test}:*/{test}/*" for test in sorted(tests))
    print(f"hostile: {program}, {len(tests)} tests", flush=True)
    done = subprocess.run([path, f"--gtest_filter={names}", f"--gtest_output=xml:{report}", "--gtest_brief=1"], cwd=REPOSITORY,
                          env=os.environ | SANITIZERS)  # fmt: skip
    if not report.exists():  # a sanitizer ended it
        return dict.fromkeys(tests, f"{program} ended with {done.returncode}; the report is above")
    outcome = defaultdict(list)
    for (suite, name), why in read_junit(report).items():
        outcome[f"{suite.split('/')[-1]}.{name.split('/')[0]}"].append(why)
    results = {test: next((why for why in outcome[test] if why), "") if outcome[test] else "did not run" for test in tests}
    if done.returncode != 0 and not any(results.values()):
        return dict.fromkeys(tests, f"{program} ended with {done.returncode}; the report is above")
    return results


def run_fuzzer(preset, program, tests):
    """As ctest does it: the corpus, and 20,000 mutations made from a seed."""
    path, corpus = program_path(preset, program), FUZZERS.parent / "corpus" / program.removeprefix("bantam_").removesuffix("_fuzz")
    if not path.exists():
        return dict.fromkeys(tests, "its program is not built")
    print(f"hostile: {program}", flush=True)
    status = subprocess.run([path, corpus, "20000"], cwd=REPOSITORY, env=os.environ | SANITIZERS).returncode
    return dict.fromkeys(tests, f"{program} ended with {status}; the report is above" if status else "")


def run_tests(preset, program, tests, reports, jobs):
    if program is None:
        return run_python(preset, tests, reports, jobs)
    return run_fuzzer(preset, program, tests) if program.endswith("_fuzz") else run_program(preset, program, tests, reports)


def run_python(preset, tests, reports, jobs):
    report, environment = reports / f"{preset}-pytest.xml", os.environ | SANITIZERS
    report.unlink(missing_ok=True)
    python = subprocess.run([REPOSITORY / "tools/venv.sh", "test", "tools/requirements-test.txt"], cwd=REPOSITORY, check=True,
                            capture_output=True, text=True).stdout.strip()  # fmt: skip
    environment |= {"BANTAM_BINARY": str(program_path(preset, "bantam")), "PYTHONDONTWRITEBYTECODE": "1"}
    print(f"hostile: pytest, {len(tests)} tests", flush=True)
    subprocess.run([f"{python}/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(jobs), "--dist", "worksteal", f"--junitxml={report}",
                    *sorted(tests)],
                   cwd=REPOSITORY, env=environment)  # fmt: skip
    if not report.exists():
        return dict.fromkeys(tests, "pytest wrote no report")
    outcome = defaultdict(list)
    for (module, name), why in read_junit(report).items():  # pytest.ini lies in tests/
        outcome[f"tests/{module.replace('.', '/')}.py::{name.split('[')[0]}"].append(why)
    return {test: next((why for why in outcome[test] if why), "") if outcome[test] else "did not run" for test in tests}


def run_threaded(reports):
    """-> {"engine": (tests, problem)} under ThreadSanitizer."""
    results = {}
    for name, (program, names) in THREADED.items():
        path, report = program_path("tsan", program), reports / f"tsan-{program}.xml"
        report.unlink(missing_ok=True)
        if not path.exists():
            results[name] = (0, "its program is not built")
            continue
        print(f"hostile: {program} under TSan", flush=True)
        done = subprocess.run([path, f"--gtest_filter={names}", f"--gtest_output=xml:{report}", "--gtest_brief=1"], cwd=REPOSITORY,
                              env=os.environ | SANITIZERS)  # fmt: skip
        problem = f"{program} ended with {done.returncode}; the report is above" if done.returncode else ""
        results[name] = (len(read_junit(report)) if report.exists() else 0, problem)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="asan", help="what the cases run under: asan or dev (default asan)")
    parser.add_argument("--only", default=",".join(GROUPS.values()), help="groups of cases, with commas between them")
    parser.add_argument("--no-tsan", action="store_true", help="leave out the tests under ThreadSanitizer")
    parser.add_argument("--no-build", action="store_true", help="run what is there")
    parser.add_argument("-j", "--jobs", type=int, default=len(os.sched_getaffinity(0)), help="compilers at once")
    arguments = parser.parse_args()
    groups = arguments.only.split(",")
    if unknown := set(groups) - set(GROUPS.values()):
        parser.error(f"--only {','.join(sorted(unknown))}: there are {', '.join(GROUPS.values())}")

    cases = [case for case in read_cases() if case.group in groups]
    cpp, python = cpp_tests(), python_tests()
    wanted, of_case = defaultdict(set), {}
    for case in cases:
        of_case[case.id] = resolve(case, cpp, python)
        for program, test in of_case[case.id]:
            wanted[program].add(test)
    reports = REPOSITORY / "build/hostile"
    reports.mkdir(parents=True, exist_ok=True)
    if not arguments.no_build:
        build(arguments.preset, [program or "bantam" for program in sorted(wanted, key=str)], arguments.jobs)
        if not arguments.no_tsan:
            build("tsan", [program for program, _ in THREADED.values()], arguments.jobs)

    results = {}
    for program, tests in sorted(wanted.items(), key=lambda item: str(item[0])):
        results |= run_tests(arguments.preset, program, tests, reports, arguments.jobs)
    threaded = {} if arguments.no_tsan else run_threaded(reports)

    counts, failed = {group: [0, 0] for group in groups}, 0
    for case in cases:
        problems = [f"{test}: {results[test]}" for _, test in of_case[case.id] if results[test]]
        if not case.tests:
            continue
        counts[case.group][0] += not problems
        counts[case.group][1] += 1
        failed += bool(problems)
        for problem in problems:
            print(f"hostile: {case.id} ({case.what}): {problem}")
    for case in cases:
        if case.reason:
            print(f"hostile: {case.id} ({case.what}) is not promised: {case.reason}")
    for name, (_, problem) in threaded.items():
        failed += bool(problem)
        if problem:
            print(f"hostile: TSan, {name}: {problem}")
    line = ", ".join(f"{group} {held}/{of}" for group, (held, of) in counts.items())
    line += f" {UNDER.get(arguments.preset, 'in the ' + arguments.preset + ' build, without sanitizers')}"
    if threaded:
        line += "; TSan: " + ", ".join(f"{name} {'FAILED' if problem else f'clean in {tests} tests'}" for name, (tests, problem) in threaded.items())
    print(f"hostile: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
