"""`bantam template` against Python's Jinja2, set up as transformers does: every template of the data set chat-templates with
every kind of conversation, llama.cpp's cases, generated white space and expressions.

A case is the same when both give the same text, or both refuse. EXPLAINED lists what may differ, and why."""

import json
import random
import subprocess

import pytest

import jinja_expressions
import jinja_reference
from chat_conversations import CONVERSATIONS, conversation

SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

# (template, conversation) -> why ours is not the reference's.
EXPLAINED = {}


@pytest.fixture(scope="session")
def templates(test_data):
    folder = test_data / "chat-templates"
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(folder.glob("*/*.jinja"))}


def split_variables(variables):
    """A request line as `bantam template --batch` takes it."""
    own = ("messages", "tools", "documents", "add_generation_prompt")
    line = {name: variables[name] for name in own if name in variables}
    line["chat_template_kwargs"] = {name: value for name, value in variables.items() if name not in own}
    return line


def run_batch(binary, lines):
    done = subprocess.run([binary, "template", "--batch", "--now", jinja_reference.NOW_TEXT],
                          input="".join(json.dumps(line) + "\n" for line in lines).encode(), capture_output=True, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    answers = [json.loads(line) for line in done.stdout.decode("utf-8").split("\n")[:-1]]
    assert len(answers) == len(lines)
    return answers


def check(binary, cases, explained=None, refused_only_here=()):
    """cases: [(name, template, variables, special tokens)]. Prints how many were the same."""
    explained = dict(explained or {})
    lines = [{"template": template, "special_tokens": tokens, **split_variables(variables)} for _, template, variables, tokens in cases]
    differences, refused, unused = [], 0, set(explained)
    for (name, template, variables, tokens), answer in zip(cases, run_batch(binary, lines)):
        text, error = jinja_reference.render(template, {**tokens, **variables})
        if answer.get("text") == text and (text is None) == ("error" in answer):
            refused += text is None
            if text is not None:
                assert "".join(piece["text"] for piece in answer["pieces"]) == text, name
        elif name in explained:
            unused.discard(name)
        elif any(words in answer.get("error", {}).get("message", "") for words in refused_only_here):
            explained[name] = "by what the error says"
        else:
            differences.append(f"{name}: {template[:200]!r}\n  ours      {ascii(answer.get('text', answer.get('error')))[-600:]}\n"
                               f"  reference {ascii(text)[-600:] if error is None else f'{type(error).__name__}: {error}'}")  # fmt: skip
    print(f"{len(cases) - len(differences) - len(explained)} of {len(cases)} cases the same ({refused} refused by both), {len(explained)} explained")
    assert not differences, f"{len(differences)} of {len(cases)} differ\n" + "\n".join(differences[:40])
    assert not unused, f"explained, but the same: {sorted(unused)}"


def test_every_template_with_every_conversation(bantam_binary, templates):
    cases = []
    for file, source in templates.items():
        for name in CONVERSATIONS:
            chat = conversation(name)
            variables = {**chat.pop("variables", {}), **chat}
            cases.append(((file, name), source, variables, SPECIAL_TOKENS))
    check(bantam_binary, cases, EXPLAINED)


def test_contexts_of_minja(bantam_binary, templates, test_data):
    contexts = sorted((test_data / "chat-templates/minja-contexts").glob("*.json"))
    assert contexts
    cases = []
    for path in contexts:
        variables = json.loads(path.read_text("utf-8"))
        tokens = {name: variables.pop(name) for name in ("bos_token", "eos_token")}
        cases += [((file, path.name), source, variables, tokens) for file, source in templates.items()]
    check(bantam_binary, cases)


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def test_chat_cases_of_llamacpp(bantam_binary, test_data):
    cases = []
    for case in read_lines(test_data / "chat-templates/llamacpp_chat_cases.jsonl"):
        variables = {"messages": case["messages"], "add_generation_prompt": case["add_generation_prompt"]}
        cases.append((case["name"], case["template"], variables, {name: case[name] for name in ("bos_token", "eos_token")}))
    check(bantam_binary, cases)


def test_jinja_cases_of_llamacpp(bantam_binary, test_data):
    cases = read_lines(test_data / "chat-templates/llamacpp_jinja_cases.jsonl")
    answers = run_batch(bantam_binary, [{"template": case["template"], **split_variables(case["vars"])} for case in cases])
    wrong = [f"{case['name']}: {case['template']!r}\n  ours {answer}\n  expected {case['expected']!r}"
             for case, answer in zip(cases, answers) if answer.get("text") != case["expected"]]  # fmt: skip
    print(f"{len(cases) - len(wrong)} of {len(cases)} give the expected text")
    assert not wrong, f"{len(wrong)} of {len(cases)} differ\n" + "\n".join(wrong[:40])
    check(bantam_binary, [(case["name"], case["template"], case["vars"], {}) for case in cases])


def test_white_space_around_tags(bantam_binary):
    random_ = random.Random(3)
    spaces = ["", " ", "\n", "  \n", "\n  ", "\t", "\n\n", " \u00a0\n", "\r\n", "a", "a ", " a\n", "\r"]
    cases = []
    for number in range(4_000):
        parts = []
        for _ in range(random_.randint(1, 4)):
            begin, end = random_.choice(["", "-", "+"]), random_.choice(["", "-", "+"])
            tag = random_.choice(["{%B if 1 E%}X{%B endif E%}", "{#B c E#}", "{{B 1 E}}", "{%B raw E%} {{ y }} {% z %}\n  {%B endraw E%}",
                                  "{%B set x E%} b \n {%B endset E%}[{{B x E}}]", "{%B for i in [1,2] E%} {{B i E}} \n {%B endfor E%}"])  # fmt: skip
            if tag[:2] == "{{" or "}}" in tag:
                end = "" if end == "+" else end  # +}} is not in the grammar
            parts += [random_.choice(spaces), tag.replace("B", begin).replace("E", end)]
        parts.append(random_.choice(spaces))
        cases.append((number, "".join(parts), {}, {}))
    check(bantam_binary, cases)


def test_expressions(bantam_binary):
    check(bantam_binary, [(text, text, jinja_expressions.VARIABLES, {}) for text in jinja_expressions.BY_HAND], jinja_expressions.EXPLAINED)


def test_generated_expressions(bantam_binary):
    cases = [(number, text, jinja_expressions.VARIABLES, {}) for number, text in enumerate(jinja_expressions.generate(3_000, seed=5))]
    check(bantam_binary, cases, refused_only_here=jinja_expressions.REFUSED_ONLY_HERE)
