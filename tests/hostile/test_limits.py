"""Small machines: R-08 and R-09 of cases.txt. The other limits are tested beside their sources; cases.txt names the tests."""

import os
import subprocess

import httpx

from bantam_process import BantamProcess, make_home


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
        assert threads() <= before + 1
        for client in clients:
            client.close()
        assert server.stop() == 0


def test_r04_too_little_memory_is_refused_before_it_loads(bantam_binary, tmp_path):
    done = subprocess.run([bantam_binary, "serve", "--model", "all-MiniLM-L6-v2", "--memory", "1M", "--port", "0"], capture_output=True, text=True,
                          env=os.environ | {"BANTAM_HOME": str(make_home(tmp_path / "home"))}, timeout=60)  # fmt: skip
    assert done.returncode == 70 and "needs" in done.stderr and "--memory allows 1.0 MiB" in done.stderr, (done.returncode, done.stderr)
