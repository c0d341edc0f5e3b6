"""bantam audit and bantam cache, on logs that this file chains by itself and a cache that a driver fills."""

import csv
import hashlib
import io
import json
import os
import signal
import subprocess

import pytest


def chain(records):
    """The lines of an audit log, as the header of src/route/audit_log.h describes them."""
    lines, previous = [], "0" * 64
    for number, record in enumerate(records, 1):
        fields = {
            "v": 1, "seq": number, "time": f"2026-11-03T12:00:{number % 60:02}.123456Z", "request_id": f"req-{number:03}",
            "route": "refund_status", "decision": "answer", "source": "local model", "confidence": 0.93, "threshold": 0.7,
            "nearest": [{"text": "where is my refund", "route": "refund_status", "similarity": 0.91}], "outcome": "ok",
            "latency_ms": 4.2, "cost": 0.0, "question_sha256": "a" * 64, "answer_sha256": "b" * 64,
            "route_file_sha256": "c" * 64, "head_sha256": "d" * 64,
        } | record | {"prev": previous}  # fmt: skip
        body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)[:-1]
        previous = hashlib.sha256(body.encode()).hexdigest()
        lines.append(f'{body},"hash":"{previous}"}}\n')
    return lines


TIMEOUT = {
    "route": "", "decision": "unsure", "confidence": 0.31, "outcome": "upstream_timeout",
    "problem": '"big" did not answer in time', "question": "evil \x1b[31m", "answer": "I'm not sure",
}  # fmt: skip


@pytest.fixture
def home(tmp_path):
    (tmp_path / "state" / "helpdesk").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def bantam(bantam_binary, home):
    def run(*arguments, code=0):
        environment = os.environ | {"BANTAM_HOME": str(home)}
        done = subprocess.run(
            [bantam_binary, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, f"{done.returncode}: {done.stderr}{done.stdout}"
        return done.stdout if code == 0 else done.stderr

    return run


@pytest.fixture
def log(home):
    path = home / "state" / "helpdesk" / "audit.jsonl"
    path.write_text("".join(chain([{}, TIMEOUT] + [{}] * 20)))
    return path


def test_verify(bantam, log):
    assert "22 records, the chain is intact" in bantam("audit", "verify", "--assistant", "helpdesk")
    lines = log.read_text().splitlines(keepends=True)
    last = json.loads(lines[-1])["hash"]
    assert json.loads(bantam("audit", "verify", "--json")) == {
        "ok": True, "records": 22, "last_hash": last, "purged": 0, "unfinished_bytes": 0, "first_bad_line": None, "problem": None,
    }  # fmt: skip
    bantam("audit", "verify", "--contains", last.upper())
    log.write_text("".join(lines[:-1]))  # cut at the end: the chain cannot tell, a noted hash can
    bantam("audit", "verify")
    assert "no record with the hash" in bantam("audit", "verify", "--contains", last, code=65)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [*lines[:4], lines[4].replace("0.93", "0.94"), *lines[5:]], 5),
        (lambda lines: lines[:7] + lines[8:], 8),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], 3),
        (lambda lines: lines[1:], 1),
        (lambda lines: [*lines[:9], "{}\n", *lines[9:]], 10),
    ],
)
def test_verify_names_the_line(bantam, log, change, line):
    log.write_text("".join(change(log.read_text().splitlines(keepends=True))))
    problem = bantam("audit", "verify", "--log", log, code=65)
    assert f"audit.jsonl:{line}: " in problem and problem.count("audit.jsonl") == 1


def test_verify_of_an_unfinished_record(bantam, log):
    log.write_text(log.read_text() + '{"v":1,"se')
    assert "10 bytes are an unfinished record" in bantam("audit", "verify")


def test_why(bantam, log):
    text = bantam("audit", "why", "req-001")
    assert 'chose the route "refund_status" with confidence 0.930, at or above the threshold 0.700' in text
    assert '0.910  "where is my refund"  (refund_status)' in text
    text = bantam("audit", "why", "req-002", "-c", "examples/helpdesk/bantam.yaml")
    assert "upstream_timeout" in text and '"big" did not answer in time' in text
    assert "\x1b" not in text and "evil \\x1B[31m" in text
    assert bantam("audit", "why", "2") == text  # by its number
    for id in ["chatcmpl-req-002", "classify-req-002"]:  # by the `id` of the reply, as people copy it
        assert bantam("audit", "why", id) == text
    assert "no decision" in bantam("audit", "why", "chatcmpl-", code=65)
    assert json.loads(bantam("audit", "why", "req-002", "--json"))["outcome"] == "upstream_timeout"
    assert "several request ids" in bantam("audit", "why", "req-0", code=64)
    assert "no decision" in bantam("audit", "why", "nobody", code=65)


def test_why_of_a_changed_log(bantam, log):
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([*lines[:4], lines[4].replace("0.93", "0.94"), *lines[5:]]))
    for number in ["5", "6", "22"]:  # itself, the next, the last
        problem = bantam("audit", "why", number, code=65)
        assert "do not trust" in problem and "audit.jsonl:5: " in problem
        assert "do not trust" in bantam("audit", "why", number, "--json", code=65)
    assert "do not trust" not in bantam("audit", "why", "4")
    log.write_text("".join([*lines[:4], "no record\n", *lines[5:]]))
    bantam("audit", "why", "req-004")
    assert bantam("audit", "why", "req-006", code=65).count("audit.jsonl:5:") == 1


def test_a_turn_of_a_form(bantam, log):
    turn = {"decision": "form", "source": "rule", "confidence": 1.0, "threshold": 0.0}
    log.write_text("".join(chain([turn, turn | {"nearest": []}])))
    text = bantam("audit", "why", "1")
    assert "A rule answered" in text and "The large model was not asked" in text and "The encoder looked" in text
    assert "confidence" not in text and "any model" not in text
    assert "The encoder looked" not in bantam("audit", "why", "2")
    assert ">=" not in bantam("audit", "tail")


def test_tail(bantam, log):
    rows = bantam("audit", "tail", "-n", "3").splitlines()
    assert len(rows) == 4 and "req-020" in rows[1] and "req-022" in rows[3]
    assert len(bantam("audit", "tail").splitlines()) == 11
    assert bantam("audit", "tail", "-n", "2", "--json") == "".join(log.read_text().splitlines(keepends=True)[-2:])
    assert len(bantam("audit", "tail", "-n", "1000").splitlines()) == 23


def test_tail_follows(bantam, bantam_binary, log):
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:5]))
    process = subprocess.Popen(
        [bantam_binary, "audit", "tail", "-f", "-n", "1", "--json", "--log", log],
        stdout=subprocess.PIPE,
        text=True,
        # A shell gives its background jobs an ignored SIGINT, which they would pass on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout.readline() == lines[4]
        with log.open("a") as out:
            out.write(lines[5] + lines[6][:40])
            out.flush()
            assert process.stdout.readline() == lines[5]
            out.write(lines[6][40:])
            out.flush()
            assert process.stdout.readline() == lines[6]
        bantam("audit", "purge", "--older-than", "1h")  # puts another file in the log's place
        assert json.loads(process.stdout.readline())["decision"] == "purge"
        with log.open("a") as out:
            out.write(lines[7])
            out.flush()
            assert process.stdout.readline() == lines[7]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


def test_which_assistant(bantam, home, log):
    bantam("audit", "verify")  # the only one
    (home / "state" / "other").mkdir()
    assert "helpdesk, other" in bantam("audit", "verify", code=64)
    assert "has no state" in bantam("cache", "stats", "--assistant", "nobody", code=65)
    assert "use 1 to 64 letters" in bantam("cache", "stats", "--assistant", "../evil", code=64)


@pytest.fixture
def driver(bantam_binary):
    path = bantam_binary.parent / "tests/faults/bantam_crash_driver"
    if not path.is_file():
        pytest.skip(f"no {path}: a build without tests")
    return path


def test_cache(bantam, home, driver):
    assert "cannot read the cache" in bantam("cache", "stats", code=65)
    file = home / "state" / "helpdesk" / "cache.db"
    running = subprocess.Popen([driver, "cache", file, "0"], stdout=subprocess.PIPE)
    try:
        running.stdout.read(16 * 50)
        os.kill(running.pid, signal.SIGSTOP)
        stats = json.loads(bantam("cache", "stats", "--json"))  # beside a server that stands still
        assert stats["entries"] >= 49 and stats["value_bytes"] > 49 * 20
        os.kill(running.pid, signal.SIGCONT)
        for _ in range(60):  # it stores on until the pipe of its acknowledgements is full
            flushed = bantam("cache", "flush")
            if json.loads(bantam("cache", "stats", "--json"))["entries"] == 0:
                break
        else:
            pytest.fail("entries are left after 60 flushes")
        assert flushed == f"flushed, by the running server (process {running.pid})\n"
    finally:
        running.kill()
        running.wait()
    assert bantam("cache", "flush", "--assistant", "helpdesk") == "flushed\n"
    assert json.loads(bantam("cache", "stats", "--json"))["entries"] == 0
    assert " 0 answers" in bantam("cache", "stats")


def talk(number, **fields):
    return {"question": f"question {number}", "answer": f"answer {number}", "session": "e" * 64} | fields


@pytest.fixture
def talks(home):
    path = home / "state" / "helpdesk" / "audit.jsonl"
    path.write_text("".join(chain([talk(1), talk(2, session="f" * 64), talk(3, route='=cmd,"x"')])))
    return path


def test_export(bantam, talks):
    lines = [json.loads(line) for line in bantam("audit", "export").splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3] and not any("question" in line for line in lines)
    lines = [json.loads(line) for line in bantam("audit", "export", "--texts").splitlines()]
    assert lines[1]["question"] == "question 2" and lines[1]["session"] == "f" * 64
    part = bantam("audit", "export", "--since", "2026-11-03T12:00:02Z", "--until", "2026-11-03T12:00:03Z")
    assert json.loads(part)["seq"] == 2
    assert bantam("audit", "export", "--until", "2026-11-03") == ""
    rows = list(csv.DictReader(io.StringIO(bantam("audit", "export", "--format", "csv", "--texts"))))
    assert rows[0]["answer"] == "answer 1" and rows[0]["confidence"] == "0.93"
    assert rows[2]["route"] == "'=cmd,\"x\""  # no formula in a spreadsheet
    assert "--since" in bantam("audit", "export", "--since", "yesterday", code=64)


def test_purge(bantam, talks):
    assert "2 records would" in bantam("audit", "purge", "--session", "e" * 64, "--dry-run")
    assert "question 1" in talks.read_text()
    assert json.loads(bantam("audit", "purge", "--session", "e" * 64, "--json")) == {
        "records": 2, "sequence": 4, "torn_removed": False, "candidates": 0, "examples": 0, "queued": 0, "dry_run": False,
    }  # fmt: skip
    assert "question 1" not in talks.read_text() and "question 2" in talks.read_text()
    assert "texts of 2 records were taken out" in bantam("audit", "verify")
    assert "taken out of the log, as the record purge-4 says" in bantam("audit", "why", "req-001")
    assert bantam("audit", "why", "4") == bantam("audit", "why", "purge-4") and "of the conversation eeee" in bantam("audit", "why", "4")
    assert "which texts?" in bantam("audit", "purge", code=64)
    assert "no record that has texts fits" in bantam("audit", "purge", "--request", "nobody")
    bantam("audit", "purge", "--session", "f" * 64, "--log", talks)
    assert "question 2" not in talks.read_text()
    talks.write_text(talks.read_text().replace("0.93", "0.94", 1))
    bantam("audit", "verify", code=65)


def test_key_file(bantam, tmp_path):
    key = tmp_path / "audit.key"
    bantam("key", "audit", key)
    assert key.stat().st_mode & 0o777 == 0o600 and len(key.read_text()) == 65
    assert "exists" in bantam("key", "audit", key, code=69)
    route_file = tmp_path / "b.yaml"
    with open("examples/helpdesk/bantam.yaml") as example:
        text = example.read()
    route_file.write_text(text.replace("audit: {content: hash}", "audit: {content: hash, key_file: audit.key}"))
    assert "write content: text" in bantam("check", "--no-model", "-c", route_file, code=78)
