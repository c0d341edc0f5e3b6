"""A system that fails at any one call, and a clock that jumps: D-05 and D-15 of cases.txt. The C library's calls are intercepted by
tests/support/faulty_libc.c, which is preloaded."""

import os
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from bantam_process import BantamProcess, find_binary, make_home
from shop_routes import SHOP_ROUTES

FILE = """version: 1
name: shop
decision: {policy: threshold, confidence_threshold: 0.4}
cache: {ttl: 24h}
audit: {content: text}
""" + SHOP_ROUTES
FAULTS = {"EIO": {"FAULT_ERRNO": "5"}, "EINTR": {"FAULT_ERRNO": "4"}, "short": {"FAULT_SHORT": "1"}}
# Every call in `make hostile`; here a few of them, others on each day.
SAMPLE = 0 if os.environ.get("BANTAM_ALL_FAULTS") else 4


@pytest.fixture(scope="session")
def faulty_libc(tmp_path_factory):
    library = tmp_path_factory.mktemp("faulty") / "faulty_libc.so"
    source = Path(__file__).resolve().parents[1] / "support/faulty_libc.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def which(calls):
    if not SAMPLE or calls <= SAMPLE:
        return range(1, calls + 1)
    step = calls / SAMPLE
    today = int(time.time() // 86_400) % 97 / 97
    return sorted({1 + int((n + today) * step) % calls for n in range(SAMPLE)})


def ask(server, text, session=None):
    body = {"model": "shop", "messages": [{"role": "user", "content": text}]} | ({"metadata": {"session_id": session}} if session else {})
    started = time.monotonic()
    reply = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60)
    assert reply.status_code in (200, 500, 503), reply.text
    assert time.monotonic() - started < 20
    return reply.json()["choices"][0]["message"]["content"] if reply.status_code == 200 else reply.json()["error"]["message"]


def talk(server):
    return [ask(server, text) for text in ("when do you close", "please refund me", "when do you close")]


def audited(home, file):
    done = subprocess.run([find_binary(), "audit", "verify", "-c", file], env=os.environ | {"BANTAM_HOME": str(home)}, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_d05_any_call_on_the_state_may_fail(faulty_libc, tmp_path, fault):
    """The server starts and answers, or says in a word what it could not do. Afterwards the stores are whole, and it answers as ever."""
    file = tmp_path / "shop.yaml"
    file.write_text(FILE)

    def run(number, home):
        report = tmp_path / "report"
        more = faulty_libc | FAULTS[fault] | {"FAULT_UNDER": str(home / "state"), "FAULT_REPORT": str(report)} | ({"FAULT_AT": str(number)} if number else {})
        answers, server = None, BantamProcess(home, ["-c", file], more)
        try:
            with server:
                answers = talk(server)
                status = server.stop()
        except RuntimeError:  # it did not start
            status = server.process.returncode
        assert status in (0, 65, 69, 70, 74), (fault, number, status, server.log()[-3000:])
        assert "Sanitizer" not in server.log(), server.log()[-6000:]
        return answers, int(report.read_text()) if report.exists() else 0

    whole, calls = run(None, make_home(tmp_path / "home-0"))
    assert whole == ["From 9 to 17.", "Send it back.", "From 9 to 17."] and calls > 20
    for number in which(calls):
        home = make_home(tmp_path / f"home-{number}")
        answers, _ = run(number, home)
        assert answers is None or all(len(answer) > 0 for answer in answers)
        with BantamProcess(home, ["-c", file]) as server:  # what was left does not stop it
            assert talk(server) == whole, (fault, number)
            assert server.stop() == 0
        status, said = audited(home, file)
        assert status == 0, (fault, number, said)


@pytest.mark.parametrize("fault", FAULTS)
def test_d05_any_call_of_a_copy_may_fail(faulty_libc, writer_file, tmp_path, fault):
    """`bantam quantize`: the file is there as a whole or not at all, and an error names it."""
    (out := tmp_path / "out").mkdir()
    command, report = [find_binary(), "quantize", writer_file, out / "small.gguf", "--type", "q8_0", "--force"], tmp_path / "report"
    more = os.environ | {"BANTAM_HOME": str(make_home(tmp_path / "home"))}

    def run(number):
        environment = more | faulty_libc | FAULTS[fault] | {"FAULT_UNDER": str(out), "FAULT_REPORT": str(report)} | ({"FAULT_AT": str(number)} if number else {})
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    assert run(None).returncode == 0
    weights = 120_000  # bytes at the end; before them the file says how fast the model was, each time another way
    whole, calls = (out / "small.gguf").read_bytes()[-weights:], int(report.read_text())
    for number in which(calls):
        (out / "small.gguf").unlink(missing_ok=True)
        done = run(number)
        assert done.returncode == 0 or done.returncode in (69, 74) and str(out) in done.stderr, (fault, number, done.returncode, done.stderr)
        # Where only the folder's own sync failed, the file is there, and whole.
        left = {path.name: path.read_bytes()[-weights:] for path in out.iterdir()}
        assert left == {"small.gguf": whole} or (left == {} and done.returncode != 0), (fault, number, list(left))


def test_d15_a_clock_that_jumps(faulty_libc, tmp_path):
    """An hour and a day forth and back, and past 2038: nobody waits longer, what is kept stays kept, and the log verifies."""
    file, clock = tmp_path / "shop.yaml", tmp_path / "clock"
    file.write_text(FILE.replace("cache: {ttl: 24h}", "cache: {ttl: 3h}"))
    home = make_home(tmp_path / "home")

    def set_clock(seconds):  # in one piece: it is read at any time
        (tmp_path / "next").write_text(str(seconds))
        (tmp_path / "next").rename(clock)

    def cached(server):
        body = {"model": "shop", "messages": [{"role": "user", "content": "when do you close"}]}
        reply = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=20).json()
        assert reply["choices"][0]["message"]["content"] == "From 9 to 17."
        return reply["bantam"]["source"] == "cache"

    set_clock(0)
    with BantamProcess(home, ["-c", file], faulty_libc | {"CLOCK_FILE": str(clock)}) as server:
        assert not cached(server) and cached(server)
        found = {}
        for seconds in (3600, -3600, 0, 86_400, -86_400, 0, 15 * 365 * 86_400):
            set_clock(seconds)
            found[seconds] = cached(server)
            assert ask(server, "please refund me", "someone") == "Send it back."
            assert httpx.get(server.url + "/readyz", timeout=5).status_code == 200
        # Within its three hours it is there, before its own time too; a day later it is answered anew.
        assert found[3600] and found[-3600] and not found[86_400] and not found[15 * 365 * 86_400], found
        assert server.stop() == 0
    assert audited(home, file)[0] == 0
    with BantamProcess(home, ["-c", file]) as server:  # the clock is right again: records of 2041 are no obstacle
        assert ask(server, "please refund me") == "Send it back."
        assert server.stop() == 0
    assert audited(home, file)[0] == 0
