"""Small machines: R-04, R-05, R-08 and R-09 of cases.txt. The other limits are tested beside their sources; cases.txt names the tests."""

import os
import re
import resource
import subprocess
import time
from pathlib import Path

import httpx

from bantam_process import BantamProcess, make_home
from raw_http import connect, exchange, post_json, refusal, request


def test_r09_threads_are_those_of_the_affinity_mask(bantam_binary):
    allowed = sorted(os.sched_getaffinity(0))
    for cpus in {1, len(allowed)}:
        done = subprocess.run([bantam_binary, "info"], capture_output=True, text=True, timeout=60,
                              preexec_fn=lambda cpus=cpus: os.sched_setaffinity(0, set(allowed[:cpus])))  # fmt: skip
        assert done.returncode == 0
        threads = next(line.split()[-1] for line in done.stdout.splitlines() if line.startswith("threads"))
        assert int(threads) <= cpus


def test_r08_no_thread_for_a_connection(writer_file, tmp_path):
    with BantamProcess(make_home(tmp_path / "home"), ["--model", writer_file]) as server:
        def threads():
            return len(os.listdir(f"/proc/{server.process.pid}/task"))

        httpx.get(server.url + "/healthz")
        before = threads()
        clients = [httpx.Client() for _ in range(100)]
        for client in clients:
            assert client.get(server.url + "/v1/models").status_code == 200
        # A worker more starts when a request comes before the last one's worker has put its things away: a few, not one for each.
        assert threads() <= before + len(clients) // 10
        for client in clients:
            client.close()
        assert server.stop() == 0


def test_r04_too_little_memory_is_refused_before_it_loads(bantam_binary, tmp_path):
    done = subprocess.run([bantam_binary, "serve", "--model", "all-MiniLM-L6-v2", "--memory", "1M", "--port", "0"], capture_output=True, text=True,
                          env=os.environ | {"BANTAM_HOME": str(make_home(tmp_path / "home"))}, timeout=60)  # fmt: skip
    assert done.returncode == 70 and "needs" in done.stderr and "--memory allows 1.0 MiB" in done.stderr, (done.returncode, done.stderr)


def own_memory(pid):
    status = (Path("/proc") / str(pid) / "status").read_text()
    return sum(int(kib) for kib in re.findall(r"^(?:RssAnon|VmSwap):\s*(\d+) kB", status, re.M)) * 1024


def gauge(server, name):
    page = httpx.get(server.url + "/metrics")
    found = re.search(rf"^{name} (\S+)$", page.text, re.M)
    assert found, (page.status_code, page.text[:400])
    return float(found[1])


def test_r05_memory_that_runs_short_while_serving(writer_file, tmp_path):
    """Bodies that never end, and connections that wait, fill it: who comes then is refused, what is light is answered, and afterwards all is as it was."""
    ask = post_json("/v1/completions", {"model": "tiny", "prompt": "a", "max_tokens": 3, "temperature": 0})
    # A sanitizer's own memory is the process's too, and what it keeps of freed memory would never be free again, or only after a while.
    plain = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:allocator_release_to_os_interval_ms=100"}
    with BantamProcess(make_home(tmp_path / "before"), ["--model", writer_file, "--memory", "1G"], plain) as server:
        assert exchange(server.port, ask).status == 200
        rest = min(own_memory(server.process.pid) for _ in range(15) if time.sleep(0.1) is None)
        # The limit is a tenth more than --memory, beside what the process has without models.
        bare = gauge(server, "bantam_memory_limit_bytes") - 1.1 * (1 << 30)
    limit = max(16 << 20, int((rest * 10 / 9 + (8 << 20) - bare) / 1.1))
    with BantamProcess(make_home(tmp_path / "home"), ["--model", writer_file, "--memory", str(limit)], plain) as server:
        def taken():
            return gauge(server, "bantam_memory_bytes") / gauge(server, "bantam_memory_limit_bytes")

        def pressure():
            return gauge(server, "bantam_memory_pressure")

        def fill(open_some, is_full, most):
            held = []
            while not is_full():
                assert len(held) < most, (len(held), taken())
                held += open_some()
                time.sleep(0.1)
            return held

        def begin_body(num_bytes, left):
            connection = connect(server.port)
            head = request("POST", "/v1/completions", f"Content-Length: {num_bytes}", "Content-Type: application/json")
            connection.sendall(head + b" " * (num_bytes - left))
            return connection

        def wait():
            connection = connect(server.port)
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return connection

        def recovers(held):
            for connection in held:
                connection.close()
            deadline = time.monotonic() + 10
            while (after := exchange(server.port, ask)).status != 200 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert after.json()["choices"] == before.json()["choices"] and pressure() == 0

        resource.setrlimit(resource.RLIMIT_NOFILE, (most := resource.getrlimit(resource.RLIMIT_NOFILE)[1], most))
        before = exchange(server.port, ask)
        assert before.status == 200 and pressure() == 0
        held = fill(lambda: [begin_body(4_000_000, 1)], lambda: pressure() == 2, 100)
        refused = exchange(server.port, ask, wait_for_close=True)
        refusal(refused, 503)
        assert refused.headers["Retry-After"] == "1" and refused.closed and pressure() == 2
        assert httpx.get(server.url + "/healthz").status_code == 200
        recovers(held)

        def ends_connections():
            return httpx.get(server.url + "/healthz").headers.get("Connection") == "close"

        # Connections: their memory is the allocator's then, in small pieces. From the first pressure on replies end them, until bodies bring the second.
        held = fill(lambda: [wait() for _ in range(200)], ends_connections, 20_000)
        recovers(held + fill(lambda: [begin_body(32_768, 1) for _ in range(50)], lambda: pressure() == 2, 20_000))
        assert "new requests are refused with 503" in server.log() and "enough is free again" in server.log()
        assert server.stop() == 0
