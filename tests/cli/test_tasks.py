"""bantam classify, tag, rerank, qa and fill-mask: the answers of the real pipelines, as src/tasks/golden/make_task_golden.py
stored them, on tiny models; and what is refused."""

import json
import pathlib
import shutil
import subprocess

import pytest

MODELS = pathlib.Path(__file__).parents[2] / "src/tasks/golden/models"
CASES = [
    (folder.name, number, case)
    for folder in sorted(MODELS.iterdir())
    for number, case in enumerate(json.loads((folder / "answers.json").read_text()))
]


def ask(bantam, task, model, arguments, inputs):
    if task == "embed":
        text = "".join(line + "\n" for line in inputs)
        output = bantam(task, "--model", MODELS / model, *arguments, "--threads", 1, text=text)
        return [json.loads(line) for line in output.splitlines()]
    json_lines = ["--json"] if task in ("classify", "tag", "fill-mask") else []
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in inputs)
    output = bantam(task, "--model", MODELS / model, *arguments, *json_lines, "--threads", 1, text=text)
    return [json.loads(line) for line in output.splitlines()]


def same_order(ours, theirs, key):
    """Scores in order agree; where two are nearly equal either may come first."""
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a["score"] == pytest.approx(b["score"], abs=1e-4, rel=1e-4)
    scores = {key(b): b["score"] for b in theirs}
    last = min((b["score"] for b in theirs), default=0)
    for a in ours:
        # What is not in the reference's list is as good as its last one.
        assert a["score"] == pytest.approx(scores.get(key(a), last), abs=1e-4, rel=1e-4), (a, theirs)


def check(task, arguments, ours, theirs):
    if task == "classify":
        same_order(ours["labels"], theirs, lambda x: x["label"])
    elif task == "rerank":
        same_order(ours["results"], theirs, lambda x: x["index"])
    elif task == "tag":
        assert [{k: v for k, v in e.items() if k != "score"} for e in ours["entities"]] == [
            {k: v for k, v in e.items() if k != "score"} for e in theirs
        ]
        for a, b in zip(ours["entities"], theirs):
            assert a["score"] == pytest.approx(b["score"], abs=1e-4)
    elif task == "fill-mask":
        assert len(ours["masks"]) == len(theirs)
        for a, b in zip(ours["masks"], theirs):
            same_order(a, b, lambda x: (x["token"], x["token_str"], x["sequence"]))
    elif task == "embed":
        weights = {str(i): v for i, v in zip(ours["indices"], ours["values"])}
        assert weights == pytest.approx(theirs, abs=1e-4) or set(weights) ^ set(theirs)
        # Of a weight near zero, or of two that are nearly equal, either side may be kept.
        least = min(theirs.values(), default=0) if arguments[:1] == ["--top-k"] else 0
        for index in set(weights) ^ set(theirs):
            assert weights.get(index, theirs.get(index)) == pytest.approx(least, abs=1e-4)
        assert ours["indices"] == sorted(ours["indices"]) and len(ours["tokens"]) == len(ours["values"])
    elif task == "qa":
        same_order(ours["answers"], theirs, lambda x: (x["answer"], x["start"], x["end"]))
    else:
        raise AssertionError(task)


@pytest.mark.parametrize("model, number, case", CASES, ids=[f"{model}-{number}" for model, number, _ in CASES])
def test_answers_equal_the_reference(bantam, model, number, case):
    answers = ask(bantam, case["task"], model, case["arguments"], case["inputs"])
    assert len(answers) == len(case["answers"])
    for line, ours, theirs in zip(case["inputs"], answers, case["answers"]):
        try:
            check(case["task"], case["arguments"], ours, theirs)
        except AssertionError as error:
            raise AssertionError(f"{line!r}: {error}\nours   {ours}\ntheirs {theirs}") from None


def test_lines_alone_or_together_and_in_int8(bantam):
    case = json.loads((MODELS / "classes" / "answers.json").read_text())[0]
    together = ask(bantam, "classify", "classes", case["arguments"], case["inputs"])
    for line, answer in list(zip(case["inputs"], together))[:6]:
        assert ask(bantam, "classify", "classes", case["arguments"], [line]) == [answer]
    int8 = ask(bantam, "classify", "classes", [*case["arguments"], "--dtype", "int8"], case["inputs"])
    for a, b in zip(together, int8):
        ours = {x["label"]: x["score"] for x in b["labels"]}
        assert all(abs(x["score"] - ours[x["label"]]) < 0.15 for x in a["labels"])


def test_truncation_is_told(bantam):
    long = "parcel " * 300
    line, short = ask(bantam, "classify", "classes", [], [long, "parcel"])
    assert line["truncated"] is True and "truncated" not in short and set(short) == {"label", "score"}
    ranking = ask(bantam, "rerank", "rank_raw", [], [{"query": "refund", "documents": ["parcel", long]}])[0]["results"]
    assert {r["index"]: r.get("truncated", False) for r in ranking} == {0: False, 1: True}


def test_rerank_of_lines(bantam):
    documents = ["the parcel arrived", "", "ada wrote a program", "refund please"]
    output = bantam("rerank", "-m", MODELS / "rank_raw", "-q", "where is my parcel?", "-n", 3, text="\n".join(documents))
    rows = [json.loads(line) for line in output.splitlines()]
    assert len(rows) == 3 and [r["score"] for r in rows] == sorted((r["score"] for r in rows), reverse=True)
    assert all(documents[r["index"]] == r["document"] for r in rows)
    squashed = bantam("rerank", "-m", MODELS / "rank_raw", "-q", "where is my parcel?", "--function", "sigmoid", text="a\nb")
    assert all(0 < json.loads(line)["score"] < 1 for line in squashed.splitlines())
    assert bantam("rerank", "-m", MODELS / "rank_raw", "-q", "x", text="") == ""


def test_long_texts_are_read_to_the_end(bantam):
    text = "where is it " * 100 + "Ada Lovelace"
    (row,) = ask(bantam, "tag", "names", ["--aggregation", "none", "--ignore", ""], [text])
    assert row["windows"] > 3
    places = [e["start"] for e in row["entities"]]
    assert places == sorted(places) and len(set(places)) == len(places), "each token once, in order"
    assert row["entities"][-1]["end"] == len(text)
    answers = ask(bantam, "qa", "answers", ["--window", 64, "--top-k", 1000], [{"question": "who?", "context": text}])
    assert answers[0]["windows"] > 3
    assert all(text[a["start"] : a["end"]] == a["answer"] for a in answers[0]["answers"])


def test_qa_of_one_text_or_one_question(bantam, tmp_path):
    context = tmp_path / "context.txt"
    context.write_text("Ada Lovelace wrote the first program.")
    by_context = bantam("qa", "-m", MODELS / "answers", "--context", context, text="who?\nwhat?\n")
    by_question = bantam("qa", "-m", MODELS / "answers", "--question", "who?", text=context.read_text())
    assert len(by_context.splitlines()) == 2 and by_context.splitlines()[0] == by_question.strip()


def test_unpaired_utf8_and_spaces(bantam, bantam_binary):
    done = subprocess.run(
        [bantam_binary, "tag", "-m", MODELS / "names", "-a", "none", "--ignore", ""],
        input=b"Ada \xff\xfe Lovelace\n", capture_output=True, check=True,
    )  # fmt: skip
    spans = json.loads(done.stdout)["entities"]
    assert spans[-1]["end"] == len("Ada ?? Lovelace")


@pytest.mark.parametrize(
    "arguments, text, code, says",
    [
        (["tag", "-m", "classes"], "x", 65, 'no token-classification head ("architectures" ["BertForSequenceClassification"]: sequence classification); use bantam classify'),
        (["classify", "-m", "names"], "x", 65, "no sequence-classification head"),
        (["qa", "-m", "masked"], "{}", 65, "no question-answering head"),
        (["fill-mask", "-m", "answers"], "[MASK]", 65, "no masked-language-model head"),
        (["rerank", "-m", "classes", "-q", "x"], "x", 65, "has 3 labels; a cross-encoder that ranks has one"),
        (["classify", "-m", "classes", "--labels", "a,b"], "x", 64, 'no label of model "classes" begins with "entail"'),
        (["classify", "-m", "inference", "--labels", "a,b", "--entailment", "yes"], "x", 64, 'no label "yes"; its labels: entailment'),
        (["classify", "-m", "inference", "--labels", "a,b", "--template", "no place"], "x", 64, "has no {}"),
        (["classify", "-m", "inference", "--labels", "a " * 200], "x", 64, "shorten it"),
        (["fill-mask", "-m", "masked"], "no mask", 64, "the text has no [MASK]"),
        (["fill-mask", "-m", "masked"], "word " * 100 + "[MASK]", 64, "has no [MASK] within the 64 tokens"),
        (["tag", "-m", "names", "--stride", "62"], "x", 64, "cannot share 62"),
        (["qa", "-m", "answers"], '{"question": "", "context": "x"}', 64, "the question is empty"),
        (["qa", "-m", "answers"], '{"question": "x", "context": ""}', 64, "the text to answer from is empty"),
        (["qa", "-m", "answers", "--window", "20"], '{"question": "%s", "context": "x"}' % ("who " * 30), 64, "shorten it"),
        (["qa", "-m", "answers"], '{"question": "x"}', 65, "standard input:1"),
        (["classify", "-m", "classes", "--json"], '"fine"\n{"text": 5}', 65, "standard input:2"),
        (["classify", "-m", "classes", "--json"], '["one"]', 65, "array of two strings"),
        (["rerank", "-m", "rank_raw"], '{"query": "x", "documents": [5]}', 65, '"documents[0]" is 5'),
        (["classify", "-m", "classes", "--function", "tanh"], "x", 64, "softmax"),
        (["classify", "-m", "classes", "--template", "{}"], "x", 64, "--labels"),
        (["embed", "-m", "classes", "--sparse"], "x", 65, "no masked-language-model head"),
        (["embed", "-m", "sparse", "--dimensions", "4"], "x", 64, "--dimensions is not for weights of words"),
        (["embed", "-m", "sparse", "--no-truncate"], "fine\n" + "parcel " * 90, 64, "line 2 has"),
        (["embed", "-m", "sparse", "--prompt-name", "nobody"], "x", 64, "it has: "),
    ],
)  # fmt: skip
def test_errors_teach(bantam, arguments, text, code, says):
    arguments = [MODELS / a if i > 0 and arguments[i - 1] == "-m" else a for i, a in enumerate(arguments)]
    assert says in bantam(*arguments, text=text, code=code)


def changed(folder, name, change):
    copy = folder / name
    shutil.copytree(MODELS / name, copy)
    config = json.loads((copy / "config.json").read_text())
    change(config)
    (copy / "config.json").write_text(json.dumps(config))
    return copy


@pytest.mark.parametrize(
    "model, change, says",
    [
        ("classes", lambda c: c.update(id2label={"0": "a"}), '"id2label" has 1 labels, the classifier\'s weights 3'),
        ("classes", lambda c: c.update(id2label={"0": "a", "1": "b", "7": "c"}), '"2"'),
        ("classes", lambda c: c.update(id2label={"0": "a", "1": "b", "2": 5}), '"2" is 5'),
        ("classes", lambda c: c.update(problem_type="guess"), '"problem_type" is "guess"'),
        ("classes", lambda c: c.update(hidden_size=33), "hidden_size"),
        ("rank_raw", lambda c: c.update(sentence_transformers={"activation_fn": "os.system"}), "known: Identity and Sigmoid"),
        ("masked", lambda c: c.update(vocab_size=5), "weight"),
        ("masked", lambda c: c.update(architectures=["BertForQuestionAnswering"]), "qa_outputs"),
    ],
)
def test_broken_heads_are_named(bantam, tmp_path, model, change, says):
    task = {"classes": "classify", "rank_raw": "rerank", "masked": "fill-mask"}[model]
    arguments = ["--query", "x"] if task == "rerank" else []
    folder = changed(tmp_path, model, change)
    assert says in bantam(task, "-m", folder, *arguments, text="[MASK]", code=65)


def test_every_masked_language_model_can_weigh_words(bantam):
    (row,) = [json.loads(x) for x in bantam("embed", "-m", MODELS / "masked", "--sparse", "--top-k", 3, text="where is my parcel?").splitlines()]
    assert len(row["indices"]) == len(row["values"]) == 3 and min(row["values"]) > 0


def test_show_names_the_heads(bantam):
    heads = {name: json.loads(bantam("show", MODELS / name, "--json"))["head"] for name in ("names", "masked", "answers", "rank_raw")}
    assert heads["names"]["kind"] == "tokens" and heads["names"]["labels"][1] == "B-PER"
    assert heads["masked"]["kind"] == "masked_lm" and heads["answers"] == {"kind": "spans"}
    assert "bantam qa" in bantam("show", MODELS / "answers") and "bantam rerank" in bantam("show", MODELS / "rank_raw")


@pytest.mark.parametrize("command", ["classify", "tag", "rerank", "qa", "fill-mask"])
def test_help_has_examples(bantam, command):
    assert f"bantam {command} --model" in bantam(command, "--help")
