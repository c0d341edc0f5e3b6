"""TLS: the real clients against a certificate that the test makes, and what must not pass."""

import re
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import httpx
import openai
import pytest

from bantam_process import BantamProcess, make_home


def make_pair(folder, name="localhost"):
    """-> a certificate for 127.0.0.1 that is signed by itself, and its key."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True, capture_output=True, timeout=60)  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("tls") / "home")


@pytest.fixture(scope="module")
def server(home, tmp_path_factory):
    certificate, key = make_pair(tmp_path_factory.mktemp("tls") / "pair")
    arguments = ["--model", "all-MiniLM-L6-v2", "--model", "smollm2", "--tls-cert", certificate, "--tls-key", key]
    with BantamProcess(home, arguments) as running:
        running.certificate, running.key = certificate, key
        yield running
        status = running.stop()
    assert status == 0, running.log()


def trusting(server):
    return ssl.create_default_context(cafile=str(server.certificate))


def gauge(server, name):
    with httpx.Client(verify=trusting(server)) as client:
        return float(re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", client.get(server.url + "/metrics").text, re.MULTILINE)[1])


def eventually(condition, within_s=30):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_openai_client_embeds_and_streams(server):
    assert f"https://127.0.0.1:{server.port}" in server.log()
    with httpx.Client(verify=trusting(server)) as transport:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", http_client=transport)
        assert len(client.embeddings.create(model="all-MiniLM-L6-v2", input="hello").data[0].embedding) == 384
        asked = {"model": "smollm2", "messages": [{"role": "user", "content": "Name a fruit."}], "max_tokens": 12, "temperature": 0}
        whole = client.chat.completions.create(**asked).choices[0].message.content
        pieces = [c.choices[0].delta.content or "" for c in client.chat.completions.create(**asked, stream=True) if c.choices]
        assert "".join(pieces) == whole and len(pieces) > 3


def test_a_client_that_leaves_stops_its_text(server):
    with httpx.Client(verify=trusting(server)) as client:
        body = {"model": "smollm2", "prompt": "Once upon a time", "max_tokens": 2000, "stream": True, "ignore_eos": True}
        with client.stream("POST", server.url + "/v1/completions", json=body, timeout=60) as reply:
            lines = reply.iter_lines()  # whose end would be the connection's
            next(lines)
            eventually(lambda: gauge(server, "bantam_generation_running") == 1)
    eventually(lambda: gauge(server, "bantam_generation_running") == 0)
    assert gauge(server, "bantam_generation_tokens_total") < 2000


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_and_the_protocol(server, version):
    context = trusting(server)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", server.port)) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
        assert tls.selected_alpn_protocol() == "http/1.1"
        tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert tls.recv(100).startswith(b"HTTP/1.1 200")


def test_who_does_not_trust_it_does_not_ask(server):
    failed = gauge(server, "bantam_tls_handshakes_failed_total")
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.get(server.url + "/healthz")
    eventually(lambda: gauge(server, "bantam_tls_handshakes_failed_total") > failed)


def test_plain_http_is_told_so(server):
    reply = httpx.get(f"http://127.0.0.1:{server.port}/healthz")
    assert reply.status_code == 400 and "https://" in reply.json()["error"]["message"]


def test_the_signal_reads_the_pair_again(home, tmp_path):
    def name_served():
        served = ssl.get_server_certificate(("127.0.0.1", running.port))
        return subprocess.run(["openssl", "x509", "-noout", "-subject"], input=served, capture_output=True, text=True, timeout=60).stdout

    certificate, key = make_pair(tmp_path / "pair", "first")
    arguments = ["--model", "all-MiniLM-L6-v2", "--tls-cert", certificate, "--tls-key", key]
    with BantamProcess(home, arguments) as running:
        assert "first" in name_served()
        make_pair(tmp_path / "pair", "second")
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: "second" in name_served())
        key.write_text("no key")
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: "the TLS certificate stays as it was: --tls-key" in running.log())
        assert "second" in name_served()
        assert running.stop() == 0


def test_what_is_wrong_is_said_at_the_start(bantam_binary, tmp_path):
    certificate, key = make_pair(tmp_path / "one")
    _, other = make_pair(tmp_path / "other")

    def refused(*arguments):
        done = subprocess.run([bantam_binary, "serve", *arguments], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    code, said = refused("--tls-cert", certificate, "--tls-key", other)
    assert code == 78 and str(other) in said and "does not belong" in said
    code, said = refused("--tls-cert", certificate, "--tls-key", tmp_path / "nowhere")
    assert code == 78 and "nowhere" in said
    for arguments in (["--tls-cert", certificate], ["--tls-key", key], ["--tls-cert", "", "--tls-key", key],
                      ["--tls-cert", certificate, "--tls-key", key, "--unix-socket", tmp_path / "s"]):  # fmt: skip
        code, said = refused(*arguments)
        assert code == 64 and "--tls" in said, arguments


def test_libssl_is_loaded_for_tls_alone(server, bantam_server):
    def libraries(process):
        return Path(f"/proc/{process.pid}/maps").read_text()

    assert "libssl" in libraries(server.process)
    assert "libssl" not in libraries(bantam_server("--model", "all-MiniLM-L6-v2").process)
