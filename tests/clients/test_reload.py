"""Hot reload: a route file, models and keys that change under a server that answers all the while."""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import httpx
import pytest

from bantam_process import BantamProcess, make_home
from stories_model import write_stories

FILE = """version: 1
name: desk
routes:
  - name: hours
    utterances: [when are you open, opening hours, what are your opening hours, are you open today, when do you close]
    action: {type: respond, response: utter_hours}
  - name: thanks
    utterances: [thanks, thank you, thanks a lot, many thanks, cheers]
    action: {type: respond, response: utter_thanks}
  - name: refund
    utterances: [i want my money back, refund please, return my order please, i want to return my order, give me a refund]
    action: {type: form, form: refund_form}
out_of_scope: {utterances: [tell me a joke, write a poem, who won the match, what is the capital of France]}
decision: {policy: threshold, confidence_threshold: 0.3}
forms:
  refund_form:
    slots:
      order: {type: regex, pattern: '[A-Z]{2}\\d{6}', prompt: "Which order?", error: "It looks like AB123456."}
      note: {type: text, prompt: "Anything else?", optional: true}
    done: "Done with {order}."
    submit: {type: respond}
responses:
  utter_hours: "Open from VERSION."
  utter_thanks: "Welcome from VERSION."
"""
HOURS = "what are your opening hours"


def eventually(condition, within_s=60):
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


class Desk:
    """The server and its route file."""

    def __init__(self, folder, *arguments):
        self.file = folder / "desk.yaml"
        self.write("v0")
        # AddressSanitizer keeps what was freed, up to a quarter of a GiB; test_nothing_grows would see that grow.
        quarantine = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"}
        self.server = BantamProcess(make_home(folder / "home"), ["-c", self.file, *arguments], environment=quarantine).start()
        self.url, self.http = self.server.url, httpx.Client(base_url=self.server.url, timeout=60)

    def write(self, version, text=FILE):
        new = self.file.with_suffix(".new")
        new.write_text(text.replace("VERSION", version))
        new.rename(self.file)

    def say(self, text=HOURS, session=None, http=None, **more):
        body = {"model": "desk", "messages": [{"role": "user", "content": text}], **more}
        reply = (http or self.http).post("/v1/chat/completions", json=body, headers={"X-Bantam-Session": session} if session else {})
        assert reply.status_code == 200, reply.text
        return reply.json()["choices"][0]["message"]["content"]

    def reload(self, status=200):
        reply = self.http.post("/v1/reload")
        assert reply.status_code == status, reply.text
        return reply.json()

    def hang_up(self):
        self.server.process.send_signal(signal.SIGHUP)

    def reloads(self, result):
        found = re.search(rf'^bantam_reloads_total{{result="{result}"}} (\d+)', self.http.get("/metrics").text, re.MULTILINE)
        return int(found[1]) if found else 0

    def audit(self, binary):
        environment = os.environ | {"BANTAM_HOME": str(self.server.home)}
        return subprocess.run([binary, "audit", "verify", "-c", self.file], env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def desk(tmp_path, request):
    running = Desk(tmp_path, *getattr(request, "param", ()))
    yield running
    running.server.kill()


def test_a_changed_answer_is_given_after_sighup(desk, bantam_binary):
    assert desk.say() == "Open from v0." and desk.say() == "Open from v0."  # of the cache, the second time
    desk.write("v1")
    assert desk.say() == "Open from v0."
    desk.hang_up()
    eventually(lambda: desk.reloads("ok") == 1)
    assert desk.say() == "Open from v1."
    assert re.search(r"reloaded in \d+ ms: desk: a decision succeeded", desk.server.log())
    desk.write("v2")
    report = desk.reload()
    assert [(part["kind"], part["result"]) for part in report["parts"]] == [("assistant", "reloaded")]
    assert desk.say() == "Open from v2." and desk.say("thanks a lot") == "Welcome from v2."
    assert desk.reload()["parts"] == [{"kind": "assistant", "name": "desk", "result": "unchanged"}]
    assert desk.reloads("ok") == 3 and desk.reloads("failed") == 0
    assert desk.server.stop() == 0
    done = desk.audit(bantam_binary)
    assert done.returncode == 0, done.stderr
    # Each record says by which file it was decided.
    log = next(desk.server.home.glob("state/desk/audit.jsonl")).read_text()
    assert len(set(re.findall(r'"route_file_sha256":"(\w+)"', log))) == 3


BROKEN = {
    "a typing error": (FILE.replace("utterances: [thanks", "utterence: [thanks"), r"desk\.yaml:8:5: .*utterence"),
    "no YAML": (FILE + "\n  - [", r"desk\.yaml:\d+:\d+: "),
    "a test that fails": (FILE + f'tests:\n  - {{say: "{HOURS}", expect: {{route: thanks}}}}\n', r'desk\.yaml:26:5: the test "what are your opening hours": route: expected "thanks"'),
    "no such encoder": (FILE.replace("name: desk", "name: desk\nencoder: {model: nope}"), r"desk\.yaml:3:18: .*nope"),
    "another name": (FILE.replace("name: desk", "name: other"), r'desk\.yaml:2:7: the assistant is called "other"'),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_leaves_the_old_one(desk, bantam_binary, kind):
    text, expected = BROKEN[kind]
    desk.write("v1", text)
    status = 409 if kind == "another name" else 422
    failed = desk.reload(status)
    assert re.search(expected, failed["error"]["message"]) and failed["parts"][0]["result"] == "failed"
    desk.hang_up()
    eventually(lambda: desk.reloads("failed") == 2)
    assert desk.say() == "Open from v0." and desk.reloads("ok") == 0
    assert len(re.findall(expected, desk.server.log())) == 2, desk.server.log()
    if kind != "another name":  # which is no mistake of the file
        checked = subprocess.run([bantam_binary, "check", "-c", desk.file], env=os.environ | {"BANTAM_HOME": str(desk.server.home)},
                                 capture_output=True, text=True, timeout=120)  # fmt: skip
        assert checked.returncode == 78 and re.search(expected, checked.stderr), checked.stderr
    desk.write("v2")
    desk.reload()
    assert desk.say() == "Open from v2."


def test_requests_in_flight_are_answered_by_the_old_or_the_new_one(desk, bantam_binary):
    """Whatever is asked while files come and go is answered, and by one of them from end to end."""
    stop, answers = threading.Event(), []

    def ask(number):
        with httpx.Client(base_url=desk.url, timeout=60) as http:
            while not stop.is_set():
                begun = time.monotonic()
                hours = number % 2 == 0
                stream = http.post("/v1/chat/completions", json={"model": "desk", "messages": [{"role": "user", "content": HOURS if hours else "thanks a lot"}]},
                                   headers={"Cache-Control": "no-store"} if number % 4 < 2 else {})  # fmt: skip
                assert stream.status_code == 200, stream.text
                answers.append((begun, time.monotonic(), stream.json()["choices"][0]["message"]["content"]))

    versions = []  # when a version was certainly served, and until when
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, number) for number in range(8)]
        try:
            begun = time.monotonic()
            for number in range(1, 7):
                before = len(answers)
                eventually(lambda before=before: len(answers) > before + 40)
                versions.append((f"v{number - 1}", begun, time.monotonic()))
                desk.write(f"v{number}")
                desk.reload()
                begun = time.monotonic()
        finally:
            stop.set()
        for each in asking:
            each.result()
    assert len(answers) >= 200
    seen = {text for _, _, text in answers}
    assert all(re.fullmatch(r"(Open|Welcome) from v\d\.", text) for text in seen)
    for version, begun, ended in versions:
        within = [text for asked, answered, text in answers if asked > begun and answered < ended]
        assert within and all(text.endswith(f"{version}.") for text in within), version
    assert desk.server.stop() == 0
    done = desk.audit(bantam_binary)
    assert done.returncode == 0, done.stderr
    records = next(desk.server.home.glob("state/desk/audit.jsonl")).read_text().count("\n")
    assert records == len(answers)


def test_forms_go_on_and_those_that_are_gone_are_told(desk):
    desk.say("refund please", session="a")
    desk.say("refund please", session="b")
    desk.write("v1")
    desk.reload()
    assert "Anything else" in desk.say("AB123456", session="a")
    without = re.sub(r"forms:.*?responses:", "responses:", FILE, flags=re.DOTALL).replace("{type: form, form: refund_form}", "{type: respond, response: utter_thanks}")
    desk.write("v2", without)
    desk.reload()
    told = desk.say("AB123456", session="b")
    assert told.startswith("What I was asking you for is no longer needed")
    assert desk.say(session="b") == "Open from v2."
    own = without.replace("responses:\n", 'responses:\n  utter_form_gone: "No more refunds here."\n')
    desk.write("v3", own)
    desk.reload()
    assert desk.say(session="a") == "No more refunds here.\n\nOpen from v3."


def usage(pid):
    status = dict(re.findall(r"^(VmRSS|Threads):\s+(\d+)", open(f"/proc/{pid}/status").read(), re.MULTILINE))
    return int(status["VmRSS"]) / 1024, int(status["Threads"]), len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.parametrize("desk", [("--workers", 1)], indirect=True)  # others start when there is work for them
def test_nothing_grows(desk):
    pid = desk.server.process.pid
    before = None
    for number in range(60):
        desk.write(f"v{number + 1}")
        desk.reload()
        assert desk.say() == f"Open from v{number + 1}."
        if number == 9:
            before = usage(pid)
    mebibytes, threads, descriptors = usage(pid)
    print(f"after 10 and 60 reloads: {before} {(mebibytes, threads, descriptors)} MiB, threads, descriptors")
    assert threads <= before[1] and descriptors <= before[2]
    assert mebibytes < before[0] + 16


def test_reloading_is_management(desk, tmp_path):
    listed = desk.http.get("/openapi.json").json()["paths"]["/v1/reload"]["post"]
    assert "summary" in listed
    assert desk.http.get("/v1/reload").status_code == 405
    page = desk.http.post("/v1/reload", headers={"Origin": "http://evil.example", "Content-Type": "text/plain"})
    assert page.status_code in (403, 415)


def test_keys_are_a_part_of_it(tmp_path, bantam_binary):
    keys = tmp_path / "keys.yaml"
    made = {}
    for name, role in (("caller", "user"), ("boss", "admin")):
        command = [bantam_binary, "key", "new", name, "--file", keys, "--json", "--role", role]
        made[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)["key"]
    server = BantamProcess(make_home(tmp_path / "home"), ["--model", "all-MiniLM-L6-v2", "--api-keys", keys]).start()
    try:
        def reload(key):
            return httpx.post(server.url + "/v1/reload", headers={"Authorization": f"Bearer {made[key]}"} if key else {}, timeout=60)

        assert reload(None).status_code == 401 and reload("caller").status_code == 403
        done = reload("boss")
        assert done.status_code == 200, done.text
        assert [(p["kind"], p["result"]) for p in done.json()["parts"]] == [("keys", "reloaded"), ("model", "unchanged")]
    finally:
        server.kill()


def test_a_model_is_replaced_once_its_new_version_works(tmp_path, test_data):
    """A new version that loads takes the place of the old one; one that does not is refused with the reason."""
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    model = home / "models" / "one.gguf"
    write_stories(test_data / "weights-stories260k", model)
    good = model.read_bytes()
    server = BantamProcess(home, ["--model", "one", "--context", 256]).start()
    http = httpx.Client(base_url=server.url, timeout=60)

    def write(data):
        new = model.with_suffix(".new")
        new.write_bytes(data)
        new.rename(model)

    def tell():
        body = {"model": "one", "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}
        reply = http.post("/v1/completions", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()["choices"][0]["text"]

    try:
        text = tell()
        write(good[: len(good) // 2])
        broken = http.post("/v1/reload")
        assert broken.status_code == 500 and "one.gguf" in broken.json()["error"]["message"], broken.text
        assert tell() == text and "one stays as it was: " in server.log()
        write(good)
        done = http.post("/v1/reload").json()
        assert [(p["name"], p["result"]) for p in done["parts"]] == [("one", "reloaded")]
        assert tell() == text and "one was replaced by its new version" in server.log()
        assert http.post("/v1/reload").json()["parts"][0]["result"] == "unchanged"
    finally:
        server.kill()


def test_the_encoder_is_a_part_of_the_assistant(tmp_path):
    """A copy of the encoder under the same name is loaded; what it answers does not change."""
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    real = (make_home(tmp_path / "real") / "models" / "all-MiniLM-L6-v2").resolve()
    place = home / "models" / "all-MiniLM-L6-v2"
    shutil.copytree(real, place, ignore=shutil.ignore_patterns("packed"))
    desk_file = tmp_path / "desk.yaml"
    desk_file.write_text(FILE.replace("VERSION", "v0"))
    server = BantamProcess(home, ["-c", desk_file]).start()
    http = httpx.Client(base_url=server.url, timeout=60)
    try:
        vector = http.post("/v1/embeddings", json={"model": "all-MiniLM-L6-v2", "input": "hello"}).json()["data"]
        new = home / "models" / ".new"
        shutil.copytree(real, new, ignore=shutil.ignore_patterns("packed"))
        place.rename(home / "models" / ".old")
        new.rename(place)
        assert [p["result"] for p in http.post("/v1/reload").json()["parts"]] == ["reloaded"]
        assert http.post("/v1/embeddings", json={"model": "all-MiniLM-L6-v2", "input": "hello"}).json()["data"] == vector
        (place / "tokenizer.json").write_text("{")
        failed = http.post("/v1/reload")
        assert failed.status_code >= 400 and "desk.yaml:" in failed.json()["error"]["message"], failed.text
        assert http.post("/v1/embeddings", json={"model": "all-MiniLM-L6-v2", "input": "hello"}).json()["data"] == vector
    finally:
        server.kill()
