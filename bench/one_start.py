"""Starts one command and prints how long its first line of output took and its peak of resident memory, as JSON.

    python3 -S one_start.py COMMAND…        one text goes to its standard input

A process of its own because Linux counts the memory of the process that forks into the peak of the one it starts, until that calls
exec: measured from bench/run.py, everything would be as large as bench/run.py. This one has 10 MB, less than any contestant.
"""

import json
import os
import sys
import time

READ, WRITE = 0, 1
text, lines = os.pipe(), os.pipe()
started = time.perf_counter()
process = os.posix_spawnp(
    sys.argv[1], sys.argv[1:], os.environ,
    file_actions=[(os.POSIX_SPAWN_DUP2, text[READ], 0), (os.POSIX_SPAWN_DUP2, lines[WRITE], 1),
                  (os.POSIX_SPAWN_CLOSE, text[WRITE]), (os.POSIX_SPAWN_CLOSE, lines[READ])],
)  # fmt: skip
os.close(text[READ])
os.close(lines[WRITE])
os.write(text[WRITE], b"where is my parcel\n")
os.close(text[WRITE])
output = b""
while b"\n" not in output and (received := os.read(lines[READ], 65536)):
    output += received
elapsed = time.perf_counter() - started
while os.read(lines[READ], 65536):
    pass
_, status, usage = os.wait4(process, 0)
code = os.waitstatus_to_exitcode(status)
if code != 0 or b"embedding" not in output:
    raise SystemExit(f"{sys.argv[1:]} ended with {code}, first line {output[:80]!r}")
print(json.dumps({"first_embedding_ms": elapsed * 1000, "peak_rss_mib": usage.ru_maxrss / 1024}))
