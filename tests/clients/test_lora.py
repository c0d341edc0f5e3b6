"""LoRA adapters through the real `openai` package: each request chooses its own, several are computed in one step."""

import concurrent.futures
import json
import subprocess

import httpx
import openai
import pytest

from bantam_process import BantamProcess, make_home
from lora_adapters import write_gguf, write_peft
from stories_model import write_stories

TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message.content + '\\n' }}{% endfor %}"
PROMPT = "Once upon a time there was a big dog. He liked to play in the park with his friends. One day the dog"


@pytest.fixture(scope="module")
def files(test_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    write_gguf(folder / "b.gguf", 2)
    return {"model": write_stories(test_data / "weights-stories260k", folder / "stories.gguf", chat_template=TEMPLATE),
            "a": write_peft(folder / "a", 1), "b": folder / "b.gguf", "b-peft": write_peft(folder / "b-peft", 2)}  # fmt: skip


@pytest.fixture(scope="module")
def server(files, tmp_path_factory):
    home = make_home(tmp_path_factory.mktemp("generation") / "home")
    options = ["--model", files["model"], "--lora", f"a={files['a']}", "--lora", f"b={files['b']}", "--dtype", "f32"]
    with BantamProcess(home, options) as running:
        yield running
        status = running.stop()
    assert status == 0, running.log()


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0, timeout=120)


def text(client, model, prompt=PROMPT, **more):
    more = {"extra_body": {"lora": more.pop("lora")}, **more} if "lora" in more else more
    answer = client.completions.create(model=model, prompt=prompt, **{"temperature": 0, "max_tokens": 50, **more})
    assert answer.model == model
    return answer.choices[0].text


def command(bantam_binary, *arguments):
    done = subprocess.run([bantam_binary, *map(str, arguments)], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)["texts"][0]["text"]


def test_models_name_base_and_adapters(server):
    models = {model["id"]: model for model in httpx.get(server.url + "/v1/models").json()["data"]}
    assert set(models) == {"stories", "a", "b"}
    assert "parent" not in models["stories"] and models["a"]["parent"] == models["b"]["parent"] == "stories"
    scales = {name: [row["scale"] for row in model["bantam"]["lora"]] for name, model in models.items()}
    assert scales == {"stories": [0, 0], "a": [1, 0], "b": [0, 1]}
    assert [(row["id"], row["name"]) for row in models["a"]["bantam"]["lora"]] == [(0, "a"), (1, "b")]


def test_each_is_what_the_command_writes(client, files, bantam_binary):
    def run(*adapters):
        adapters = [option for adapter in adapters for option in ("--lora", adapter)]
        return command(bantam_binary, "run", files["model"], PROMPT, "--raw", "--json", "--dtype", "f32", "--temperature", 0, "-n", 50, *adapters)

    base, a, b = (text(client, name) for name in ("stories", "a", "b"))
    assert len({base, a, b}) == 3
    assert (base, a, b) == (run(), run(files["a"]), run(files["b"]))
    assert b == run(files["b-peft"])  # the same adapter in the other format
    assert text(client, "stories", lora=[{"id": 0}, {"id": 1, "scale": 0.5}]) == run(files["a"], f"{files['b']}:0.5")


def test_a_request_may_list_adapters(client):
    base, a, b = (text(client, name) for name in ("stories", "a", "b"))
    assert text(client, "stories", lora=[{"id": 0, "scale": 1}]) == a
    assert text(client, "a", lora=[{"id": 1}]) == b
    assert text(client, "a", lora=[]) == text(client, "b", lora=[{"id": 1, "scale": 0}]) == base
    both = text(client, "stories", lora=[{"id": 0}, {"id": 1}])
    assert both not in (base, a, b)
    chat = [
        client.chat.completions.create(model=name, messages=[{"role": "user", "content": PROMPT}], temperature=0, max_tokens=30).choices[0].message.content
        for name in ("stories", "a", "b")
    ]
    assert len(set(chat)) == 3


def test_two_adapters_at_once(client, server):
    """Many requests at the same time, of base and adapters, with prompts that begin alike: each text is what it is alone."""
    kinds = [("stories", {}), ("a", {}), ("b", {}), ("stories", {"lora": [{"id": 0, "scale": 0.5}, {"id": 1, "scale": 0.5}]})]
    prompts = [PROMPT, PROMPT + " was", "Once upon"]
    jobs = [(model, prompt, more) for prompt in prompts for model, more in kinds] * 2
    alone = [text(client, model, prompt, **more) for model, prompt, more in jobs[: len(prompts) * len(kinds)]]
    steps = httpx.get(server.url + "/metrics").text
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        together = list(pool.map(lambda job: text(client, job[0], job[1], **job[2]), jobs))
    assert together == alone * 2
    assert steps.count("bantam_generation_steps_total{") <= 1  # adapters are counted with their model


@pytest.mark.parametrize(
    "lora, says",
    [
        ([{"id": 2}], "lora[0]"),
        ([{"scale": 1}], "id"),
        ([{"id": 0}, {"id": 0}], "twice"),
        ([{"id": 0, "scale": "much"}], "scale"),
        ([{"id": 0, "scale": 1e9}], "scale"),
        ({"id": 0}, "lora"),
        ([7], "lora[0]"),
    ],
)
def test_wrong_lists_are_refused(server, lora, says):
    answer = httpx.post(server.url + "/v1/completions", json={"model": "stories", "prompt": "One", "lora": lora})
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"] and answer.json()["error"]["param"].startswith("lora")


def test_a_model_without_a_name_is_the_base(server):
    answer = httpx.post(server.url + "/v1/completions", json={"prompt": "One", "max_tokens": 2}).json()
    assert answer["model"] == "stories"


def test_an_adapter_without_a_name_belongs_to_the_model(files, tmp_path, client):
    home = make_home(tmp_path / "home")
    options = ["--model", files["model"], "--lora", files["a"], "--lora", f"{files['b']}:0", "--lora", f"strong={files['b']}:2", "--dtype", "f32"]
    with BantamProcess(home, options) as running:
        other = openai.OpenAI(base_url=f"{running.url}/v1", api_key="unused", max_retries=0, timeout=120)
        assert text(other, "stories") == text(client, "a")
        assert text(other, "stories", lora=[]) == text(client, "stories")
        assert text(other, "stories", lora=[{"id": 1}]) == text(client, "b")
        assert text(other, "strong") == text(client, "stories", lora=[{"id": 1, "scale": 2}])
        rows = httpx.get(running.url + "/v1/models/stories").json()["bantam"]["lora"]
        assert rows == [{"id": 0, "scale": 1.0}, {"id": 1, "scale": 0}, {"id": 2, "scale": 0, "name": "strong"}]
        assert running.stop() == 0


def test_what_cannot_be_served_is_named(files, tmp_path, bantam_binary):
    def error(*arguments):
        done = subprocess.run([bantam_binary, *map(str, arguments)], capture_output=True, timeout=120)
        assert done.returncode != 0 and not done.stdout
        return done.stderr.decode()

    serve = ("serve", "--port", 0, "--model", files["model"], "--lora")
    assert "no LoRA adapter" in error(*serve, f"x={tmp_path / 'nothing'}")
    assert "a model of that name is served already" in error(*serve, f"stories={files['a']}")
    assert "a model of that name is served already" in error(*serve, f"a={files['a']}", "--lora", f"a={files['b']}")
    assert "no name before '='" in error(*serve, f"={files['a']}")
    wrong = write_peft(tmp_path / "dora", 1, use_dora=True)
    assert "use_dora" in error(*serve, f"x={wrong}") and "use_dora" in error("run", files["model"], "One", "--lora", wrong)
    wide = write_peft(tmp_path / "rank", 1, r=8)
    message = error("run", files["model"], "One", "--lora", wide)
    assert "layers.0.mlp.down_proj.lora_B.weight" in message and "rank of 8" in message
    assert "no model is served that writes text" in error("serve", "--port", 0, "--model", "all-MiniLM-L6-v2", "--lora", f"x={files['a']}")
