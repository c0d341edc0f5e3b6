"""bantam list, show, embed, bench and info: the real binary on the real model."""

import json
import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

MODEL = "all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def bantam(bantam_binary, bantam_home):
    def run(*arguments, code=0, text="", home=bantam_home, environment=None):
        done = subprocess.run(
            [bantam_binary, *map(str, arguments)],
            env=os.environ | {"BANTAM_HOME": str(home)} | (environment or {}),
            input=text.encode(),
            capture_output=True,
            timeout=300,
        )
        assert done.returncode == code, f"{done.returncode}: {done.stderr.decode()}{done.stdout.decode()[:2000]}"
        return (done.stdout if code == 0 else done.stderr).decode()

    return run


def rows(output):
    return [json.loads(line) for line in output.splitlines()]


def vectors(output):
    return np.array([row["embedding"] for row in rows(output)], dtype=np.float32)


def test_one_object_a_line_in_order(bantam):
    text = "Where is my refund?\n\nWhere is my refund?\r\nnot terminated, ünïcödé"
    result = rows(bantam("embed", "--model", MODEL, text=text))
    assert len(result) == 4
    assert all(set(row) == {"embedding"} and len(row["embedding"]) == 384 for row in result)
    assert result[0] == result[2] != result[1]
    assert np.linalg.norm(result[3]["embedding"]) == pytest.approx(1, abs=1e-6)
    assert bantam("embed", text="") == ""


def test_a_cut_line_says_so(bantam):
    result = rows(bantam("embed", "--dtype", "int8", text="dog " * 300 + "\ndog\n"))
    assert result[0]["truncated"] is True
    assert "truncated" not in result[1]


def test_matrix_is_the_same_as_the_lines(bantam, tmp_path):
    lines = [f"{'word ' * (n % 40)}number {n}" for n in range(600)]
    (tmp_path / "in.txt").write_text("\n".join(lines))
    output = tmp_path / "out.npy"
    for dtype in ("int8", "f32"):
        assert bantam("embed", "--dtype", dtype, "--output", output, tmp_path / "in.txt") == ""
        matrix = np.load(output)
        assert matrix.dtype == np.float32 and matrix.shape == (600, 384)
        assert sorted(os.listdir(tmp_path)) == ["in.txt", "out.npy"]
        from_stdin = bantam("embed", "--dtype", dtype, "--threads", 1, "-", text="\n".join(lines))
        np.testing.assert_array_equal(vectors(from_stdin), matrix)
    assert np.load(output).shape == (600, 384)
    bantam("embed", "--output", output, text="")
    assert np.load(output).shape == (0, 384)


def test_answers_before_more_is_sent(bantam_binary, bantam_home):
    process = subprocess.Popen(
        [bantam_binary, "embed", "--dtype", "int8"],
        env=os.environ | {"BANTAM_HOME": str(bantam_home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    for question in (b"first\n", b"second\n"):
        process.stdin.write(question)
        process.stdin.flush()
        assert len(json.loads(process.stdout.readline())["embedding"]) == 384
    process.stdin.close()
    assert process.stdout.read() == b"" and process.wait(30) == 0


def test_a_closed_pipe_ends_quietly(bantam_binary, bantam_home):
    command = f"yes 'a line' | head -20000 | '{bantam_binary}' embed --dtype int8 | head -1 | cut -c1-13"
    done = subprocess.run(
        ["bash", "-c", command], env=os.environ | {"BANTAM_HOME": str(bantam_home)}, capture_output=True, timeout=120
    )
    assert done.stdout == b'{"embedding":\n'
    assert done.stderr == b""


@pytest.mark.parametrize(
    "arguments, code, says",
    [
        (["embed", "--model", "no-such"], 65, 'no model "no-such" in'),
        (["embed", "--model", "../etc"], 65, "bantam list"),
        (["embed", "--model", "tests"], 65, "a folder is named with a slash, as in ./tests"),
        (["embed", "--model", "./tests"], 65, "has no config.json"),
        (["embed", "--dtype", "fp8"], 64, "fp8"),
        (["embed", "--threads", "0"], 64, "--threads"),
        (["embed", "/no/such/file"], 65, "cannot open /no/such/file"),
        (["embed", "/"], 64, "is a folder"),
        (["embed", "--output", "/no/such/folder/x.npy"], 65, "cannot create"),
        (["show", "no-such"], 65, "which holds all-MiniLM-L6-v2"),
        (["show"], 64, "MODEL is required"),
        (["bench", "embed", "--tokens", "600"], 64, "takes at most 512"),
        (["bench", "everything"], 64, "embed"),
        (["bench", "tokenize"], 64, "--data FILE"),
        (["bench", "tokenize", "--data", "/no/such/file"], 65, "cannot open /no/such/file"),
        (["bench", "embed", "--data", "x", "--tokens", "8"], 64, "excludes"),
    ],
)
def test_errors_teach(bantam, arguments, code, says):
    assert says in bantam(*arguments, code=code)


def test_other_formats_are_named(bantam, tmp_path):
    for name, content, says in [
        ("model.bin", b"PK\x03\x04", "pickle files are never loaded"),
        ("model.onnx", b"", "ONNX"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ]:
        (tmp_path / name).write_bytes(content)
        assert says in bantam("show", tmp_path / name, code=65)


def test_list_and_verify(bantam, bantam_home, tmp_path):
    model = json.loads(bantam("list", "--json"))["models"][0]
    assert model["name"] == MODEL and model["parameters"] == 22713216 and model["license"].startswith("Apache-2.0")
    assert MODEL in bantam("list") and "22.7M" in bantam("list")
    assert json.loads(bantam("list", "--json", "--verify"))["models"][0]["verified"] is True

    # A byte of a small file changes; the weights are not copied for this.
    copy = tmp_path / "models" / MODEL
    copy.mkdir(parents=True)
    for path in (bantam_home / "models" / MODEL).iterdir():
        if path.name == "config.json":
            copy.joinpath(path.name).write_bytes(path.read_bytes().replace(b"1e-12", b"1e-13"))
        elif path.is_dir():
            shutil.copytree(path, copy / path.name)
        else:
            copy.joinpath(path.name).symlink_to(path)
    assert "1 file is not as fetched" in bantam("list", "--verify", home=tmp_path, code=65)
    empty = tmp_path / "empty"
    assert "make setup" in bantam("list", home=empty)
    assert json.loads(bantam("list", "--json", home=empty)) == {"models": []}


def test_show(bantam):
    shown = json.loads(bantam("show", f"{MODEL}:latest", "--json"))
    assert shown["name"] == MODEL and shown["architecture"] == "bert"
    assert shown["sha256"] == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert (shown["dimensions"], shown["max_tokens"], shown["parameters"]) == (384, 256, 22713216)
    assert shown["pooling"] == "mean" and shown["normalized"] is True and shown["code_references"] is False
    assert shown["tokenizer"] == {"kind": "WordPiece", "vocab_size": 30522}
    assert "pooling       mean, then length 1" in bantam("show", MODEL)


def test_show_names_the_head(bantam):
    golden = pathlib.Path(__file__).parents[2] / "src/models/golden"
    shown = json.loads(bantam("show", golden / "roberta_classes", "--json"))
    assert (shown["architecture"], shown["known"], shown["dimensions"], shown["layers"]) == ("roberta", True, 40, 2)
    assert shown["max_tokens"] == 70  # its table has two rows before the first position
    assert shown["head"] == {"kind": "sequence", "labels": [f"LABEL_{i}" for i in range(4)], "multi_label": False}
    assert "5 labels for each token: LABEL_0, LABEL_1" in bantam("show", golden / "bert_tokens")
    assert "head" not in json.loads(bantam("show", golden / "qwen3", "--json"))


def test_show_tells_the_limit_that_holds(bantam, bantam_home, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(bantam_home / "models" / MODEL, copy)
    (copy / "sentence_bert_config.json").write_text('{"max_seq_length": 5000, "do_lower_case": false}')
    assert json.loads(bantam("show", copy, "--json"))["max_tokens"] == 512
    assert "512 (its files say 5000, its position table ends there)" in bantam("show", copy)


@pytest.mark.parametrize("dtype", ["f32", "int8"])
def test_bench(bantam, dtype):
    result = json.loads(
        bantam("bench", "embed", "--model", MODEL, "--batch", 2, "--tokens", 8, "--threads", 1, "--dtype", dtype,
               "--repeat", 5, "--json")
    )  # fmt: skip
    assert (result["batch"], result["tokens"], result["threads"], result["dtype"]) == (2, 8, 1, dtype)
    assert 0 < result["min_ms"] <= result["median_ms"] <= result["p99_ms"]
    assert result["sequences_per_s"] == pytest.approx(2000 / result["median_ms"])
    assert result["isa"] == json.loads(bantam("info", "--json"))["isa"]["picked"]


def test_bench_of_texts(bantam, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("where is my refund\n\n" + "word " * 600 + "\n")
    tokens = [len(json.loads(line)["ids"]) for line in bantam("tokenize", "--model", MODEL, texts).splitlines()]
    result = json.loads(
        bantam("bench", "embed", "--model", MODEL, "--data", texts, "--batch", 2, "--threads", 1, "--repeat", 2, "--json")
    )
    assert (result["sequences"], result["tokens"]) == (3, tokens[0] + tokens[1] + 256)  # the last is cut
    assert result["sequences_per_s"] == pytest.approx(3000 / result["median_ms"])
    result = json.loads(
        bantam("bench", "tokenize", "--model", MODEL, "--data", texts, "--threads", 2, "--repeat", 3, "--json")
    )
    size = len(texts.read_bytes()) - 3
    assert (result["lines"], result["tokens"], result["bytes"]) == (3, sum(tokens), size)
    assert result["mb_per_s"] == pytest.approx(size / 1e3 / result["median_ms"])
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert "no lines" in bantam("bench", "tokenize", "--model", MODEL, "--data", empty, code=64)


def test_info(bantam):
    info = json.loads(bantam("info", "--json"))
    assert "scalar" in info["isa"]["supported"] and info["threads"] >= 1 and info["models"] >= 1
    assert json.loads(bantam("info", "--json", environment={"BANTAM_ISA": "scalar"}))["isa"]["picked"] == "scalar"
    assert "BANTAM_ISA" in bantam("info", environment={"BANTAM_ISA": "mmx"}, code=64)
    assert "picked" in bantam("info")


@pytest.mark.parametrize("command", ["list", "show", "embed", "bench", "info"])
def test_help_has_examples(bantam, command):
    assert f"\n  bantam {command}" in bantam(command, "--help") or f"| bantam {command}" in bantam(command, "--help")
