"""What is asked of models, and by which names: H-23 to H-30 and H-47 of cases.txt."""

import json
import urllib.parse

import pytest

from raw_http import ASSISTANT, ENCODER, WRITER, refusal, request

COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
USER = [{"role": "user", "content": "a"}]


def complete(**fields):
    return {"model": WRITER, "prompt": "a", "max_tokens": 6, "temperature": 0, **fields}


def chat(**fields):
    return {"model": WRITER, "messages": USER, "max_tokens": 6, "temperature": 0, **fields}


def test_h23_a_text_without_end(ask):
    reply = ask(COMPLETIONS, complete(prompt=[97] * 3900, max_tokens=100_000, ignore_eos=True)).json()
    assert reply["choices"][0]["finish_reason"] == "length" and reply["usage"]["total_tokens"] <= 4097
    timed = ask(COMPLETIONS, complete(max_tokens=4000, ignore_eos=True, timeout_ms=200)).json()
    assert timed["choices"][0]["finish_reason"] in ("deadline", "length")


GRAMMARS = {
    "nested": "root ::= " + "(" * 60_000,
    "nested and closed": "root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000,
    "chain of rules": "".join(f"r{i} ::= r{i + 1}\n" for i in range(5000)) + 'r5000 ::= "a"\nroot ::= r0',
    "left recursion": 'root ::= root "a"',
    "indirect left recursion": "root ::= a\na ::= b\nb ::= a",
    "10^9 times": 'root ::= "a"{0,1000000000}',
    "nested counts": 'root ::= ((("a"{1,1000}){1,1000}){1,1000}){1,1000}',
    "undefined rule": "root ::= nowhere",
    "nothing again and again": 'root ::= ("")*',
    "no root": 'a ::= "b"',
    "empty": "",
    "half a class": "root ::= [a",
    "class backwards": "root ::= [z-a]",
    "a quantifier of nothing": "root ::= *",
    "not a grammar": "\x00\x01\x02",
    "beyond Unicode": 'root ::= "\\U00110000"',
    "more than 64 KiB": 'root ::= "' + "a" * 70_000 + '"',
}
MAY_WORK = {"chain of rules", "left recursion", "nested counts", "nothing again and again", "more than 64 KiB", "empty"}


@pytest.mark.parametrize("name", GRAMMARS)
def test_h24_grammars(ask, name):
    reply = ask(COMPLETIONS, complete(grammar=GRAMMARS[name]))
    if reply.status == 200:
        assert name in MAY_WORK, reply.body
    else:
        assert refusal(reply, 400, 413)["param"] == "grammar"


PATTERNS = ["^+[a-z]$", "(?<=x)*", "(" * 10_000, "a{1,1000000000}", "((a{1,1000}){1,1000}){1,1000}", "[", "\\", "(?P<x", "a**", "\\1", "(?R)"]
SCHEMAS = [5, [], {"type": 5}, {"type": "poem"}, {"$ref": "#/nowhere"}, {"$ref": "http://169.254.169.254/"}, {"$ref": "file:///etc/passwd"},
           {"enum": []}, {"minLength": -1}, {"minimum": "a"}, {"properties": 5}, {"required": "a"}, {"allOf": {}}, {"pattern": 5},
           *({"type": "string", "pattern": p} for p in PATTERNS)]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_h24_schemas(ask, schema):
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    reply = ask(CHAT, chat(response_format=asked))
    if reply.status != 200:
        assert refusal(reply, 400, 413)["param"] == "response_format"


def test_h24_schemas_too_deep_and_too_large(ask):
    deep = {}
    for _ in range(60):
        deep = {"type": "array", "items": deep}
    wide = {"type": "object", "properties": {f"p{i}": {"enum": ["x" * 100]} for i in range(5000)}}
    loop = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    for schema in (deep, wide, loop):
        reply = ask(CHAT, chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}))
        if reply.status != 200:
            assert refusal(reply, 400, 413)["param"] == "response_format"


@pytest.mark.parametrize("pattern", PATTERNS, ids=range(len(PATTERNS)))
def test_h24_patterns(ask, pattern):
    reply = ask(COMPLETIONS, complete(guided_regex=pattern))
    if reply.status != 200:
        assert refusal(reply, 400, 413)["param"] == "guided_regex"


def test_h26_a_grammar_without_an_end(ask):
    reply = ask(COMPLETIONS, complete(grammar='root ::= "\\x00" root | "\\x01"', max_tokens=50))
    assert reply.status in (200, 400)
    assert ask(COMPLETIONS, complete()).status == 200


def tool(name="f", parameters=None):
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [
    {"tools": [tool(f"f{i}") for i in range(10_000)]}, {"tools": [tool("f" * 10_240)]}, {"tools": [tool("")]}, {"tools": [tool("a\nb")]},
    {"tools": [tool("f", 5)]}, {"tools": [tool("f", {"type": "object", "properties": {"a": {"pattern": "(" * 100}}})]},
    {"tools": [{"type": "poem"}]}, {"tools": [5]}, {"tools": {}, "tool_choice": "f"}, {"tools": [{}]}, {"tools": [tool(), tool()]},
    {"tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "g"}}}, {"tools": [tool()], "tool_choice": "often"},
    {"tools": [tool()], "tool_choice": 5}, {"tool_choice": "required"},
    {"messages": [*USER, {"role": "tool", "content": "x", "tool_call_id": 5}]},
    {"messages": [*USER, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{" * 1000}}]}]},
    {"messages": [*USER, {"role": "assistant", "tool_calls": 5}]},
]  # fmt: skip


@pytest.mark.parametrize("fields", TOOLS, ids=range(len(TOOLS)))
def test_h27_tools(ask, fields):
    reply = ask(CHAT, chat(**fields))
    if reply.status != 200:
        assert refusal(reply, 400)["param"].split("[")[0].split(".")[0] in {*fields, "tools", "tool_choice", "messages"}


def test_h27_parameters_may_be_left_out(ask):
    assert ask(CHAT, chat(tools=[tool("f", None)])).status == 200


TEMPLATES = ["{{ 7 * 7 }}", "{% for i in range(10**9) %}x{% endfor %}", "{{ ''.__class__.__mro__ }}", "{{ cycler.__init__.__globals__ }}", "{{", 5]


@pytest.mark.parametrize("template", TEMPLATES, ids=range(len(TEMPLATES)))
def test_h28_templates_of_requests_are_not_used(ask, template):
    plain = ask(CHAT, chat()).json()
    reply = ask(CHAT, chat(chat_template=template))
    if reply.status == 200:
        assert reply.json()["choices"] == plain["choices"] and reply.json()["usage"]["prompt_tokens"] == plain["usage"]["prompt_tokens"]
    else:
        assert refusal(reply, 400)["param"] == "chat_template"


def test_h28_variables_replace_nothing_of_the_conversation(ask):
    plain = ask(CHAT, chat()).json()
    for name in ("messages", "tools", "add_generation_prompt", "bos_token", "eos_token", "tokenize", "raise_exception", "range", "namespace", "loop"):
        for value in ([{"role": "user", "content": "something else that is longer"}], "x", False, None):
            reply = ask(CHAT, chat(chat_template_kwargs={name: value}))
            if reply.status == 200:
                assert reply.json()["usage"]["prompt_tokens"] == plain["usage"]["prompt_tokens"], (name, value)
            else:
                assert refusal(reply, 400)["param"].startswith("chat_template_kwargs")


NAMES = ["gpt-9", "../../etc/passwd", "a/../../b", "%2e%2e%2f", "..\\..\\x", "tiny\0", "x" * 10_240, "tiny:tag@sha256:../", "/etc/passwd",
         "file:///etc/passwd", "．．／", "\u2024\u2024/", "tiny ", " tiny", "TINY\n", "..", ".", "~/x", "$HOME", "`id`", "a" * 255 + "/b", "con", "tiny.gguf"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_h29_names_of_models(ask, send, name):
    for path, body in ((COMPLETIONS, {"prompt": "a"}), (CHAT, {"messages": USER}), ("/v1/embeddings", {"input": "a"}), ("/v1/classify", {"input": "a"})):
        error = refusal(ask(path, {"model": name, **body}), 404, 400)
        assert error["param"] == "model" and "passwd:" not in error["message"] and "root:" not in error["message"]
    for path in ("/api/show", "/api/embed", "/api/chat", "/api/generate"):
        reply = ask(path, {"model": name, "input": "a", "messages": USER, "prompt": "a"})
        assert reply.status in (400, 404) and set(reply.json()) == {"error"}
    path = "/v1/models/" + urllib.parse.quote(name[:1000], safe="").replace(".", "%2E")
    assert send(request("GET", path), method="GET").status in (400, 404)


def test_h29_an_empty_name(ask):
    for name in ("", None, 5, {}, []):
        assert refusal(ask(COMPLETIONS, {"model": name, "prompt": "a"}), 400, 404)["param"] == "model"


DIGESTS = ["sha256:", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha256:" + "g" * 64, "sha256:../../../../etc/passwd", "..%2f..%2fetc%2fpasswd",
           "md5:" + "0" * 32, "sha256-" + "0" * 64]  # fmt: skip


@pytest.mark.parametrize("digest", DIGESTS)
def test_h30_blobs(send, digest):
    for method in ("HEAD", "POST"):
        reply = send(request(method, f"/api/blobs/{digest}", body=b"x" if method == "POST" else b""), method=method)
        assert reply.status in (400, 403, 404, 405, 501), reply.status


MANAGE = [("/api/create", {"model": "m", "from": "/etc/passwd"}), ("/api/create", {"model": "../m", "from": WRITER}), ("/api/create", {"model": "m", "files": {"a": "sha256:../x"}}),
          ("/api/pull", {"model": "http://169.254.169.254/x"}), ("/api/pull", {"model": "../../x"}), ("/api/pull", {"model": "127.0.0.1:1/../x"}),
          ("/api/push", {"model": WRITER}), ("/api/copy", {"source": "../../etc", "destination": "x"}), ("/api/copy", {"source": ENCODER, "destination": "../x"}),
          ("/api/copy", {"source": ENCODER, "destination": "/etc/x"})]  # fmt: skip


@pytest.mark.parametrize("path, body", MANAGE, ids=range(len(MANAGE)))
def test_h30_management(ask, path, body):
    reply = ask(path, body | {"stream": False})
    assert reply.status in (400, 403, 404, 501), (reply.status, reply.body)
    assert set(reply.json()) == {"error"} and "root:" not in reply.body.decode()


def test_h30_delete(send):
    for name in ("../../etc/passwd", "/etc", "..", "", "no-such"):
        body = json.dumps({"model": name}).encode()
        assert send(request("DELETE", "/api/delete", "Content-Type: application/json", body=body), method="DELETE").status in (400, 403, 404)


STREAMED = [{}, {"n": 3, "seed": 1}, {"logprobs": 2}, {"n": 2, "logprobs": 1, "seed": 1}, {"stream_options": {"include_usage": True}}, {"guided_regex": "[ab]{4}c"}]


@pytest.mark.parametrize("fields", STREAMED, ids=range(len(STREAMED)))
def test_h47_streams_are_the_whole(ask, fields):
    body = complete(**{"temperature": 1.2 if "seed" in fields else 0, "max_tokens": 12, "prompt": "é", **fields})
    whole = ask(COMPLETIONS, {k: v for k, v in body.items() if k != "stream_options"}).json()
    lines = [line for line in ask(COMPLETIONS, body | {"stream": True}).body.decode().split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    texts, reasons, tokens, usage = {}, {}, {}, None
    for event in (json.loads(line.removeprefix("data: ")) for line in lines[:-1]):
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            index = choice["index"]
            assert index not in reasons
            texts[index] = texts.get(index, "") + choice["text"]
            tokens.setdefault(index, []).extend((choice.get("logprobs") or {}).get("tokens", []))
            if choice["finish_reason"]:
                reasons[index] = choice["finish_reason"]
    for choice in whole["choices"]:
        index = choice["index"]
        assert (texts[index], reasons[index]) == (choice["text"], choice["finish_reason"])
        assert tokens[index] == (choice.get("logprobs") or {}).get("tokens", [])
    if "stream_options" in fields:
        assert usage["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_h47_tools_and_documents_in_streams(ask):
    for fields in ({"tools": [tool("f", {"type": "object", "properties": {}})], "tool_choice": "required", "max_tokens": 80},
                   {"response_format": {"type": "json_object"}, "max_tokens": 40}):  # fmt: skip
        whole = ask(CHAT, chat(**fields)).json()["choices"][0]
        lines = [line for line in ask(CHAT, chat(**fields, stream=True)).body.decode().split("\n\n") if line]
        deltas = [json.loads(line.removeprefix("data: "))["choices"] for line in lines[:-1]]
        text = "".join(choice["delta"].get("content") or "" for choices in deltas for choice in choices)
        calls = "".join(call["function"].get("arguments", "") for choices in deltas for choice in choices for call in choice["delta"].get("tool_calls") or [])
        assert text == (whole["message"].get("content") or "")
        assert calls == "".join(call["function"]["arguments"] for call in whole["message"].get("tool_calls") or [])


def test_h15_the_assistant_takes_no_lists_of_names(ask):
    assert refusal(ask(CHAT, {"model": [ASSISTANT], "messages": USER}), 400)["param"] == "model"
