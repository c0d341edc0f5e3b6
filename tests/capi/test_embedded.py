"""examples/embedded/home: a device that decides in process, in little memory, without a network, as the server does."""

import http.server
import json
import os
import struct
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from test_package import STRICT, pkg_config, run

# Loaded before the library: a device that opens a socket or starts a thread ends there and then.
GUARD = r"""
#include <stdio.h>
#include <stdlib.h>
static int refuse(const char *what) { fprintf(stderr, "guard: %s was called\n", what); abort(); }
int socket(int a, int b, int c) { (void)a; (void)b; (void)c; return refuse("socket"); }
int connect(int a, const void *b, unsigned c) { (void)a; (void)b; (void)c; return refuse("connect"); }
int pthread_create(void *a, const void *b, void *c, void *d) { (void)a; (void)b; (void)c; (void)d; return refuse("pthread_create"); }
"""
ROOMS = ["kitchen", "bedroom", "living room", "hall"]
BUDGET = "decision: {policy: risk, max_error: 0.3, delta: 0.2}\n"


def messages():
    """A hundred and more, of which some are half said, some the same, some nothing for a device."""
    said = ["how do I bake a birthday cake", "who wrote Hamlet"]
    said += [f"turn the {room} light to {percent} percent" for room in ROOMS for percent in (5, 40, 100)]
    said += [f"set the heating in the {room} to {degrees} degrees" for room in ROOMS for degrees in (17, 19.5, 23)]
    said += [text for room in ROOMS for text in (f"dim the light in the {room}", "30 percent", "make it warmer", room, "21")]
    said += [text for minutes in (1, 10, 90) for text in ("set a timer please", f"{minutes}", f"light off in {minutes} minutes")]
    said += ["lights on please", "it is so dark", "good night", "everything off", "I can't see a thing", "no more light",
             "will it rain tomorrow", "do I need a coat", "how warm will it get", "is there snow coming", "Is there snow coming?",
             "how do I bake a cake", "tell me something", "play the radio", "who are you", "open the door", "lights", "warm", "dark", "lights out"]  # fmt: skip
    said += [f"{start} {end}" for start in ("please", "could you", "hey,", "now", "quickly") for end in (
        "switch on the light", "switch everything off", "make the kitchen brighter", "cancel", "heat the hall to 20 degrees", "off")]  # fmt: skip
    return said


@pytest.fixture(scope="module")
def device(shared_prefix, examples, tmp_path_factory):
    """(program, environment, environment with the guard)"""
    folder = tmp_path_factory.mktemp("device")
    run(["gcc", *STRICT, *pkg_config(shared_prefix, "--cflags"), examples / "home.c", "-o", folder / "home",
         *pkg_config(shared_prefix, "--libs")])  # fmt: skip
    (folder / "guard.c").write_text(GUARD)
    run(["gcc", "-shared", "-fPIC", "-fno-builtin", folder / "guard.c", "-o", folder / "guard.so"])
    environment = os.environ | {"LD_LIBRARY_PATH": str(shared_prefix / "lib")}
    return folder / "home", environment, environment | {"LD_PRELOAD": str(folder / "guard.so")}


class Device:
    """The program with its standard input open, so that it can be looked at while it lives."""

    def __init__(self, program, route_file, state, home, environment, *options):
        self.process = subprocess.Popen([program, route_file, state, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment | {"BANTAM_HOME": str(home)})  # fmt: skip

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n").split("\t")

    def status(self, field):
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith(field + ":")))

    def descriptors(self):
        folder = Path(f"/proc/{self.process.pid}/fd")
        return [os.readlink(folder / name) for name in os.listdir(folder)]

    def end(self):
        self.process.stdin.close()
        return self.process.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def test_it_is_small_and_alone(device, bantam_home, examples, tmp_path, record_property):
    program, _, guarded = device
    # The first use of a model packs its weights, which takes more and happens before a device is delivered.
    with Device(program, examples / "home.yaml", tmp_path / "packing", bantam_home, guarded) as home:
        home.say("lights on please")
    with Device(program, examples / "home.yaml", tmp_path / "state", bantam_home, guarded) as home:
        for text in messages():
            assert len(home.say(text)) == 4, text
        peak = home.status("VmHWM") / 1024
        record_property("peak_mib", peak)
        assert peak < 64, f"{peak:.1f} MiB; training included"
        assert home.status("Threads") == 1
        assert not [target for target in home.descriptors() if target.startswith("socket:")]
        assert home.end() == 0
    # The next start takes the head from the state folder.
    with Device(program, examples / "home.yaml", tmp_path / "state", bantam_home, guarded) as home:
        assert home.say("lights on please")[0] == "on"
        assert home.status("VmHWM") / 1024 < peak


def bits(number):
    return struct.pack("<d", number).hex()


def float_bits(number):
    return struct.pack("<f", number).hex()


def device_evidence(row):
    route, confidence, act, _, *why = row
    why = dict(part.split("=", 1) for part in why)
    budget = [float(number) for number in why["budget"].split(",")] if why["budget"] else None
    return {
        "route": None if route == "-" else route,
        "confidence": float_bits(float(confidence)),
        "p_correct": bits(float(why["p_correct"])) if why["p_correct"] else None,
        "set": [name for name in why["set"].split(",") if name],
        "budget": [bits(number) for number in budget] if budget else None,
        "calibration": why["calibration"] or None,
    }


def server_evidence(told):
    budget = told["budget"]
    if budget:
        threshold = float("inf") if budget["threshold"] is None else budget["threshold"]
        budget = [bits(float(n)) for n in (budget["max_error"], budget["delta"], threshold, budget["num_calibration"])]
    return {
        "route": told["route"],
        "confidence": float_bits(told["confidence"]),
        "p_correct": None if told["p_correct"] is None else bits(told["p_correct"]),
        "set": told["prediction_set"],
        "budget": budget,
        "calibration": told["calibration_id"],
    }


@pytest.mark.parametrize("decision", ["", BUDGET], ids=["threshold", "budget"])
def test_it_decides_as_the_server_to_the_last_bit(device, bantam_server, bantam_home, examples, tmp_path, decision):
    program, environment, _ = device
    route_file = tmp_path / "home.yaml"
    route_file.write_text((examples / "home.yaml").read_text(encoding="utf-8") + decision)
    server = bantam_server("-c", route_file)
    said, compared, taken = messages(), 0, set()
    assert len(said) >= 100
    with Device(program, route_file, tmp_path / "state", bantam_home, environment, "--why") as home:
        for text in said:
            body = {"model": "home", "messages": [{"role": "user", "content": text}], "metadata": {"session_id": "stdin"}}
            told = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60).json()["bantam"]
            mine = device_evidence(home.say(text))
            assert mine == server_evidence(told), text
            compared += 1
            taken.add(mine["route"])
    assert compared >= 100
    assert {"on", "level", "heating", "timer", None} <= taken, taken


class Large(http.server.BaseHTTPRequestHandler):
    """A large model that repeats the question."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        delta = {"content": "You asked: " + body["messages"][-1]["content"]}
        events = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]  # fmt: skip
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def test_what_it_cannot_answer_is_sent_when_the_network_is_back(device, bantam_home, examples, tmp_path):
    program, environment, guarded = device
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Large) as large:
        threading.Thread(target=large.serve_forever, daemon=True).start()
        route_file = tmp_path / "home.yaml"
        text = (examples / "home.yaml").read_text(encoding="utf-8")
        route_file.write_text(text.replace("http://127.0.0.1:1/v1", f"http://127.0.0.1:{large.server_address[1]}/v1"))
        questions = ["will it rain tomorrow", "do I need an umbrella"]
        with Device(program, route_file, tmp_path / "state", bantam_home, guarded) as home:
            for question in questions:
                assert home.say(question)[2] == "(asked later)"
            home.process.kill()  # the device is switched off
        with Device(program, route_file, tmp_path / "state", bantam_home, environment) as home:
            assert home.say("/send") == [questions[0], f"You asked: {questions[0]}"]
            assert home.process.stdout.readline().split("\t")[0] == questions[1]
            assert home.say("lights on please")[0] == "on"
            assert home.end() == 0
        large.shutdown()
