"""Bodies that are wrong as JSON or as what an endpoint takes, and texts that are long or strange: H-01, H-02, H-08 to H-20 and H-56 of cases.txt."""

import json
import socket
import threading

import pytest
from raw_http import ASSISTANT, ENCODER, WRITER, refusal


COMPLETIONS, CHAT, EMBEDDINGS = "/v1/completions", "/v1/chat/completions", "/v1/embeddings"
CONTEXT = 4096  # of the model that writes


def complete(**fields):
    return {"model": WRITER, "prompt": "a", "max_tokens": 4, "temperature": 0, **fields}


def raw_field(name, literal):
    """A completion with one field whose value is written as it stands."""
    return b'{"model": "tiny", "prompt": "a", "max_tokens": 4, "%s": %s}' % (name.encode(), literal.encode())


BODIES = [b"", b"{", b"{}", b"[]", b"null", b'"x"', b"5", b"{}{}", b"{} x", b"{]", b"{'model': 'tiny'}", b'{"model": "tiny",}', b"\0", b"// {}"]


@pytest.mark.parametrize("path", [COMPLETIONS, CHAT, EMBEDDINGS])
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_h01_bodies(ask, path, body):
    error = refusal(ask(path, body), 400)
    assert error["param"] in (("model", "prompt") if body == b"{}" else (None,))


def test_h01_a_key_twice(ask):
    assert "duplicate" in refusal(ask(COMPLETIONS, b'{"model": "tiny", "prompt": "a", "prompt": "b"}'), 400)["message"]


@pytest.mark.parametrize("depth", [65, 100_000, 1_000_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
def test_h02_depth(ask, depth, opening):
    nested = opening * min(depth, (4 << 20) // len(opening) - 100)
    assert "deep" in refusal(ask(COMPLETIONS, b'{"model": "tiny", "prompt": ' + nested), 400)["message"]


NOT_UTF8 = {"overlong": b"\xc0\xaf", "0xFF": b"\xff", "cut": b"\xf0\x9f\x98", "surrogate": b"\xed\xa0\x80", "beyond": b"\xf4\x90\x80\x80"}


@pytest.mark.parametrize("bad", NOT_UTF8.values(), ids=NOT_UTF8)
def test_h08_invalid_utf8(ask, bad):
    message = refusal(ask(COMPLETIONS, b'{"model": "tiny", "prompt": "a' + bad + b'"}'), 400)["message"]
    assert "UTF-8" in message


def test_h08_other_encodings(ask):
    for bom in (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"):
        refusal(ask(COMPLETIONS, bom + b'{"model": "tiny", "prompt": "a"}'), 400)
    refusal(ask(COMPLETIONS, '{"model": "tiny", "prompt": "a"}'.encode("utf-16")), 400)


def test_h09_escapes(ask):
    for half in (r"\ud800", r"\udc00\ud800", r"\ud800x", r"\ud83d\u0041"):
        assert "surrogate" in refusal(ask(COMPLETIONS, raw_field("suffix", f'"{half}"')), 400)["message"]
    counts = []
    for text in ("ab", "a\0b", "a\uffffb", "a\U0001f642b"):  # none is the end of anything
        reply = ask(COMPLETIONS, complete(prompt=text))
        assert reply.status == 200
        counts.append(reply.json()["usage"]["prompt_tokens"])
    assert counts == [2, 3, 5, 6]


def events(reply):
    lines = [line for line in reply.body.decode().split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


@pytest.mark.parametrize("max_tokens", range(1, 9))
def test_h10_cut_characters(ask, max_tokens):
    """The model writes bytes, so that nearly every text ends inside a character."""
    for seed, prompt in enumerate(("\U0001f642\U0001f643", "漢字", "é")):
        body = complete(prompt=prompt, max_tokens=max_tokens, temperature=1.5, seed=seed)
        whole = ask(COMPLETIONS, body)
        assert whole.status == 200
        choice = whole.json()["choices"][0]  # json() reads strictly
        streamed = events(ask(COMPLETIONS, body | {"stream": True}))
        assert "".join(event["choices"][0]["text"] for event in streamed if event["choices"]) == choice["text"]
    stop = complete(prompt="\U0001f642", stop=["�", "\U0001f642"], max_tokens=40, temperature=1.5, seed=1)
    assert not set("�\U0001f642") & set(ask(COMPLETIONS, stop).json()["choices"][0]["text"])


NUMBERS = ["NaN", "Infinity", "-Infinity", "1e400", "0x10", "01", "+1", ".5", "1.", "1_000", '"5"', "true", "[1]", "{}"]


@pytest.mark.parametrize("field", ["temperature", "max_tokens", "seed", "top_p", "n"])
@pytest.mark.parametrize("literal", NUMBERS)
def test_h12_numbers(ask, field, literal):
    error = refusal(ask(COMPLETIONS, raw_field(field, literal).replace(b'"max_tokens": 4, "max_tokens"', b'"max_tokens"')), 400)
    assert error["param"] in (field, None)


def test_h12_numbers_that_are_right(ask):
    for field, literal in (("seed", "1.0"), ("n", "1.0"), ("temperature", "-0"), ("temperature", "1e0")):
        assert ask(COMPLETIONS, raw_field(field, literal)).status == 200, (field, literal)
    for literal in ("9223372036854775807", "9223372036854775808", "18446744073709551616", "1e300"):
        assert refusal(ask(COMPLETIONS, raw_field("seed", literal)), 400)["param"] == "seed"


LONG = {
    "a": "a" * ((4 << 20) - 300), "^": "^" * (1 << 20), "spaces": " " * (1 << 20), "newlines": "\\n" * (1 << 20),
    "combining marks": "e" + "\u0301" * (1 << 19), "emoji": "\U0001f468‍" * 100_000, "one word": "wo" * 150_000,
    "digits": "1" * (1 << 20), "zalgo": "a\u0300\u0301\u0302" * 100_000, "nul": "\\u0000" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_h13_long_texts(ask, text):
    """What a model that writes cannot hold is refused with the counts; an encoder reads the beginning of it, and says so."""
    body = b'{"model": "tiny", "prompt": "%s"}' % text.encode()
    error = refusal(ask(COMPLETIONS, body), 400)
    assert error["param"] == "prompt" and str(CONTEXT) in error["message"]
    reply = ask(EMBEDDINGS, body.replace(b'"tiny", "prompt"', b'"%s", "input"' % ENCODER.encode()))
    assert reply.status == 200 and int(reply.headers["X-Bantam-Tokens"]) <= 256


def test_h14_the_context_to_the_token(ask):
    for num_tokens in (CONTEXT + 1, CONTEXT):
        error = refusal(ask(COMPLETIONS, complete(prompt=[97] * num_tokens)), 400)
        assert error["param"] == "prompt" and str(CONTEXT) in error["message"]
    reply = ask(COMPLETIONS, complete(prompt=[97] * (CONTEXT - 1), max_tokens=100, ignore_eos=True)).json()
    assert reply["choices"][0]["finish_reason"] == "length" and reply["usage"]["completion_tokens"] <= 2


@pytest.fixture
def listener():
    """A port on which nobody may call."""
    called = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        def accept():
            try:
                called.append(server.accept())
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert not called, "the server made an outgoing connection"


MESSAGES = [[], [{"role": "user"}], [{"role": "user", "content": None}], [{"role": "user", "content": ""}], [{"role": "wizard", "content": "a"}],
            [{"role": "user", "content": [{"type": "poem", "text": "a"}]}], [{"role": "user", "content": [5]}], ["a"], "a", {"a": 1}, None,
            [{"content": "a"}], [[]]]  # fmt: skip


@pytest.mark.parametrize("model", [WRITER, ASSISTANT])
@pytest.mark.parametrize("messages", MESSAGES, ids=range(len(MESSAGES)))
def test_h15_messages(ask, model, messages):
    reply = ask(CHAT, {"model": model, "messages": messages, "max_tokens": 1})
    if reply.status != 200 or model == ASSISTANT:  # a model may be asked to go on after nothing
        assert refusal(reply, 400)["param"].startswith("messages")


@pytest.mark.parametrize("model", [WRITER, ASSISTANT])
def test_h15_nothing_is_fetched(ask, listener, model):
    for url in (listener, "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "data:image/png;base64,AAAA"):
        parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]
        error = refusal(ask(CHAT, {"model": model, "messages": [{"role": "user", "content": parts}]}), 400)
        assert error["param"].startswith("messages[0].content")


BLOCKS = [5, [], {}, {"type": 5}, {"type": "text"}, {"type": "text", "text": 5}, {"type": "poem", "text": "a"}, {"type": "tool_use", "id": "a", "name": "b", "input": 5},
          {"type": "tool_use", "name": "b", "input": {}}, {"type": "tool_result"}, {"type": "tool_result", "tool_use_id": "a", "content": [[]]}, {"type": "thinking", "thinking": 5},
          {"type": "input_text", "text": None}, {"type": "output_text"}]  # fmt: skip


def items(path, model, content, role="user"):
    messages = [{"role": role, "content": content}]
    return {"model": model, "messages": messages, "max_tokens": 1} if path == "/v1/messages" else {"model": model, "input": messages, "max_output_tokens": 1}


@pytest.mark.parametrize("model", [WRITER, ASSISTANT])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_h15_blocks(ask, listener, path, model):
    url = listener
    fetched = [{"type": "image", "source": {"type": "url", "url": url}}, {"type": "document", "source": {"type": "url", "url": url}},
               {"type": "input_image", "image_url": url}, {"type": "input_file", "file_url": url}]  # fmt: skip
    for role in ("user", "assistant"):
        for block in BLOCKS + fetched:
            reply = ask(path, items(path, model, [block], role))
            assert reply.status == 400 and len(reply.json()["error"]["message"]) < 1000, (role, block)


@pytest.mark.parametrize("path, type_", [("/v1/messages", "text"), ("/v1/responses", "input_text")])
def test_h15_a_hundred_thousand_blocks(ask, path, type_):
    """Refused for its tokens alone, in the time that it takes to read them."""
    reply = ask(path, items(path, WRITER, [{"type": type_, "text": "a"}] * 100_000))
    assert reply.status == 400 and "tokens" in reply.json()["error"]["message"]


@pytest.mark.parametrize("value", ["0", "-1", "-2147483648", "1.5", "-9223372036854775808"])
def test_h16_max_tokens_refused(ask, value):
    assert refusal(ask(COMPLETIONS, b'{"model": "tiny", "prompt": "a", "max_tokens": %s}' % value.encode()), 400)["param"] == "max_tokens"


def test_h16_max_tokens_beyond_the_context(ask):
    for value in (1 << 31, 10**9, None):
        reply = ask(COMPLETIONS, complete(max_tokens=value, stop=["e", "a", "o", " ", "�"], temperature=1, seed=1))
        if reply.status == 200:
            assert reply.json()["usage"]["completion_tokens"] <= CONTEXT
        else:
            assert refusal(reply, 400)["param"] == "max_tokens"
    assert refusal(ask(COMPLETIONS, complete(max_tokens=1 << 63)), 400)["param"] == "max_tokens"


OUT_OF_RANGE = [("temperature", -1), ("temperature", 1e38), ("top_p", -0.1), ("top_p", 1.1), ("top_p", 2), ("top_k", -2), ("min_p", -1), ("min_p", 2),
                ("presence_penalty", 1e9), ("frequency_penalty", -1e9), ("repetition_penalty", 0), ("repetition_penalty", -1), ("typical_p", 2),
                ("seed", 1 << 64)]  # fmt: skip


@pytest.mark.parametrize("field, value", OUT_OF_RANGE)
def test_h17_sampling_refused(ask, field, value):
    assert refusal(ask(COMPLETIONS, complete(**{field: value})), 400)["param"] == field


EDGES = [("temperature", 1e-38), ("temperature", 2), ("top_p", 1), ("top_p", 1e-9), ("top_k", 0), ("top_k", 1 << 30), ("min_p", 1), ("seed", -1),
         ("presence_penalty", 2), ("frequency_penalty", -2), ("repetition_penalty", 1e-3)]  # fmt: skip


@pytest.mark.parametrize("field, value", EDGES)
def test_h17_sampling_at_the_edges(ask, field, value):
    reply = ask(COMPLETIONS, complete(temperature=1) | {field: value, "max_tokens": 20})
    if reply.status == 200:
        assert reply.json()["usage"]["completion_tokens"] >= 1
    else:
        refusal(reply, 400)


COUNTS = [(COMPLETIONS, {"n": 0}), (COMPLETIONS, {"n": -1}), (COMPLETIONS, {"n": 10**9}), (COMPLETIONS, {"n": 1 << 40}), (COMPLETIONS, {"best_of": 10**9}),
          (COMPLETIONS, {"n": 3, "best_of": 2}), (COMPLETIONS, {"logprobs": 10**6}), (COMPLETIONS, {"logprobs": -1}), (CHAT, {"top_logprobs": 5}),
          (CHAT, {"logprobs": True, "top_logprobs": 10**6})]  # fmt: skip


@pytest.mark.parametrize("path, fields", COUNTS, ids=range(len(COUNTS)))
def test_h18_counts(ask, path, fields):
    body = complete() if path == COMPLETIONS else {"model": WRITER, "messages": [{"role": "user", "content": "a"}], "max_tokens": 4}
    assert refusal(ask(path, body | fields), 400)["param"] in fields


STOPS = [5, {"a": 1}, [5], [None], ["a", []], ["x" * 1_000_000], ["x"] * 10_000]


@pytest.mark.parametrize("stop", STOPS, ids=range(len(STOPS)))
def test_h19_stop_strings_refused(ask, stop):
    assert refusal(ask(COMPLETIONS, complete(stop=stop)), 400)["param"].startswith("stop")


def test_h19_empty_stop_strings(ask):
    for stop in ("", [""], []):
        reply = ask(COMPLETIONS, complete(stop=stop))
        if reply.status != 200:
            assert refusal(reply, 400)["param"].startswith("stop")


OPTIONS = [{"num_ctx": -1}, {"num_ctx": 1 << 40}, {"num_predict": -3}, {"num_batch": 0}, {"num_thread": 10**6}, {"num_keep": -1}, {"num_gpu": -5},
           {"n_discard": -1}, {"n_keep": -1}, {"repeat_last_n": -1}, {"repeat_last_n": 1 << 40}, {"mirostat": 9}, {"seed": 1 << 70}]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(f"{k}={v}" for k, v in o.items()))
def test_h20_options_of_other_servers(ask, options):
    """Refused by name or ignored, never used to reach into anything."""
    for path, fields in (("/api/generate", {"options": {"num_predict": 3} | options, "stream": False}), (COMPLETIONS, {"max_tokens": 3} | options)):
        reply = ask(path, {"model": WRITER, "prompt": "a", **fields})
        assert reply.status in (200, 400), reply.body
        if reply.status == 400:
            assert next(iter(options)) in reply.body.decode()


def test_h20_keep_alive(ask):
    for value in ("9e99h", "5 parsecs", {}, [], "1e400s", 1e300, "-", "--1"):
        reply = ask("/api/generate", {"model": WRITER, "prompt": "a", "stream": False, "options": {"num_predict": 1}, "keep_alive": value})
        assert reply.status in (200, 400), (value, reply.body)


def infer(head, tail=b"", length=None):
    head = head if isinstance(head, bytes) else json.dumps(head).encode()
    headers = [f"Inference-Header-Content-Length: {len(head) if length is None else length}"] if tail or length is not None else []
    return head + tail, headers


def text_input(size=None, **more):
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES"} | ({} if size is None else {"parameters": {"binary_data_size": size}}) | more]}


ONE = b"\x03\0\0\0one"
TENSORS = {
    "no data": infer(text_input()),
    "a datatype that is no text": infer(text_input(datatype="FP32", data=[1.5])),
    "a datatype that is none": infer(text_input(datatype="\x1b[31m" * 1000, data=["a"])),
    "a shape of less": infer(text_input(data=["a", "b"])),
    "a shape of more": infer(text_input(shape=[2], data=["a"])),
    "a shape that overflows": infer(text_input(shape=[2**32, 2**32], data=["a"])),
    "a shape of 2^64": infer(text_input(shape=[2**64], data=["a"])),
    "a shape below zero": infer(text_input(shape=[-1], data=["a"])),
    "nothing": infer(text_input(shape=[0], data=[])),
    "too many": infer(text_input(shape=[5000], data=["a"] * 5000)),
    "numbers": infer(text_input(data=[1])),
    "lists without end": infer(b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":' + b"[" * 100_000),
    "more bytes than there are": infer(text_input(2**62), ONE),
    "fewer bytes than there are": infer(text_input(7), ONE + b"x"),
    "bytes after the elements": infer(text_input(8), ONE + b"x"),
    "an element of 4 GiB": infer(text_input(7), b"\xff\xff\xff\xffone"),
    "an element that is cut": infer(text_input(3), ONE[:3]),
    "not UTF-8": infer(text_input(5), b"\x01\0\0\0\xff"),
    "bytes and no header": (json.dumps(text_input(7)).encode() + ONE, []),
    "a header beyond the body": infer(text_input(7), ONE, 10**6),
    "a header below zero": infer(text_input(7), ONE, -1),
    "a header that is no number": infer(text_input(7), ONE, "0x10"),
    "a header of 2^70": infer(text_input(7), ONE, 2**70),
    "a header that cuts the JSON": infer(text_input(7), ONE, 20),
    "no JSON and no text": infer(b"", length=0),
    "no JSON and not UTF-8": infer(b"\xff\xfe", length=0),
    "one input twice": infer({"inputs": text_input(data=["a"])["inputs"] * 2}),
    "a thousand inputs": infer({"inputs": text_input(data=["a"])["inputs"] * 1000}),
    "a thousand outputs": infer(text_input(data=["a"]) | {"outputs": [{"name": str(i)} for i in range(1000)]}),
}


def test_h56_tensors(ask):
    for name, (body, headers) in TENSORS.items():
        reply = ask(f"/v2/models/{ENCODER}/infer", body, *headers)
        assert reply.status == 400, (name, reply.status, reply.body[:400])
        (message,) = reply.json().values()
        assert 0 < len(message) <= 1000 and not any(ord(c) < 32 or ord(c) == 127 for c in message), (name, message)
