"""Real client packages, each with the calls that its users make, against the default models. tools/compatibility.py makes
docs/compatibility.md from a run: a row for each test with a `works` or `does_not` mark, here, in test_ollama_manage.py and in
test_tensors.py.

A call that does not work is here too, with what comes of it: the day it does, its test fails."""

import asyncio
import json

import httpx
import numpy as np
import pytest

from bantam_process import REPOSITORY, BantamProcess, make_home, real_home

WRITER, ENCODER, ALIAS = "smollm2", "all-MiniLM-L6-v2", "gpt-3.5-turbo"
MODELS = REPOSITORY / "src/tasks/golden/models"
QUESTION = [{"role": "user", "content": "Name three colours of the rainbow."}]
TEXTS = ["Where is my parcel?", "The sky is blue."]
SCHEMA = {
    "type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "maximum": 150}},
    "required": ["name", "age"], "additionalProperties": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    if not (real_home() / "models" / WRITER).is_dir():
        pytest.skip(f"{WRITER} is not in the model store; fetch it with: make setup")
    models = [WRITER, ENCODER, MODELS / "classes", MODELS / "rank_raw"]
    arguments = [x for model in models for x in ("--model", model)] + ["--alias", f"{ALIAS}={WRITER}", "--context", "4096"]
    with BantamProcess(make_home(tmp_path_factory.mktemp("clients") / "home"), arguments) as running:
        yield running.url
        assert running.stop() == 0, running.log()


@pytest.fixture(scope="module")
def vectors(url):
    """What every client must get for TEXTS."""
    return np.array(httpx.post(url + "/embed", json={"inputs": TEXTS}).json())


works, does_not = pytest.mark.works, pytest.mark.does_not


def same(got, expected, tolerance=1e-6):
    np.testing.assert_allclose(np.array(got, dtype=np.float64), expected, atol=tolerance)


# ---------------------------------------------------------------------------------------------------------------- openai


@pytest.fixture
def openai_client(url):
    import openai

    return openai.OpenAI(base_url=url + "/v1", api_key="unused", max_retries=0, timeout=120)


@works("openai", "`chat.completions.create`, whole and streamed, `stream_options`")
def test_openai_chat(openai_client):
    call = {"model": WRITER, "messages": QUESTION, "temperature": 0, "max_tokens": 12}
    whole = openai_client.chat.completions.create(**call)
    assert whole.choices[0].message.content and whole.usage.completion_tokens == 12
    *chunks, last = openai_client.chat.completions.create(**call, stream=True, stream_options={"include_usage": True})
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (whole.usage.prompt_tokens, 12)


@works("openai", "`chat.completions.parse`: a Pydantic model as `response_format`")
def test_openai_parse(openai_client):
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int

    answer = openai_client.chat.completions.parse(model=WRITER, messages=QUESTION, response_format=Person, seed=1, max_tokens=200)
    assert isinstance(answer.choices[0].message.parsed, Person)


@works("openai", "`chat.completions.create` with `tools`, and its results sent back")
def test_openai_tools(openai_client):
    tools = [{"type": "function", "function": {"name": "save", "description": "Saves a person.", "parameters": SCHEMA}}]
    answer = openai_client.chat.completions.create(model=WRITER, messages=QUESTION, tools=tools, tool_choice="required", seed=1, max_tokens=200)
    (call, *_) = answer.choices[0].message.tool_calls
    assert call.function.name == "save" and set(json.loads(call.function.arguments)) == {"name", "age"}
    back = [*QUESTION, answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "saved"}]
    assert openai_client.chat.completions.create(model=WRITER, messages=back, tools=tools, max_tokens=4).choices[0].finish_reason


@works("openai", "`completions.create`, `n`, `logprobs`, `stop`")
def test_openai_completions(openai_client):
    answer = openai_client.completions.create(model=WRITER, prompt="The sky is", n=2, logprobs=1, max_tokens=4, stop=["\n\n"])
    assert len(answer.choices) == 2 and answer.choices[0].logprobs.token_logprobs


@works("openai", "`embeddings.create`: base64, which it asks for unless told otherwise, and floats")
def test_openai_embeddings(openai_client, vectors):
    for more in ({}, {"encoding_format": "float"}):
        same([row.embedding for row in openai_client.embeddings.create(model=ENCODER, input=TEXTS, **more).data], vectors)


@works("openai", "`decisions.create`: predicates, choices and scores, by a model that writes text or an encoder")
def test_openai_decisions(openai_client):
    choice = {"type": "choice", "name": "topic", "instructions": "What is it about?", "choices": [{"value": "parcels"}, {"value": "weather"}]}
    for model in (WRITER, ENCODER):
        (answer,) = openai_client.decisions.create(model=model, input=TEXTS[0], questions=[choice]).answers
        assert (answer.type, answer.name) == ("choice", "topic") and 0 <= answer.confidence <= 1
    assert answer.choice == "parcels"
    more = [{"type": "predicate", "instructions": "It is a question."}, {"type": "score", "instructions": "How urgent?", "levels": [{"label": "low"}, {"label": "high"}]}]
    predicate, score = openai_client.decisions.create(model=WRITER, input=TEXTS[0], questions=more).answers
    assert 0 <= predicate.probability <= 1 and 0 <= score.score <= 1


@works("openai", "`models.list`, `models.retrieve`, errors as its exceptions, `AsyncOpenAI`")
def test_openai_models(openai_client, url):
    import openai

    assert {model.id for model in openai_client.models.list()} >= {WRITER, ENCODER, ALIAS}
    assert openai_client.models.retrieve(WRITER).id == WRITER
    with pytest.raises(openai.NotFoundError):
        openai_client.chat.completions.create(model="gpt-9", messages=QUESTION)
    with pytest.raises(openai.BadRequestError):
        openai_client.chat.completions.create(model=WRITER, messages=QUESTION, temperature=9)

    async def ask():
        async with openai.AsyncOpenAI(base_url=url + "/v1", api_key="unused", max_retries=0) as client:
            return await client.chat.completions.create(model=ALIAS, messages=QUESTION, max_tokens=4)

    assert asyncio.run(ask()).choices[0].message.content


@works("openai", "`responses.create`, whole and streamed, `responses.stream`; `tools`, and their results sent back")
def test_openai_responses(openai_client):
    call = {"model": WRITER, "input": QUESTION, "temperature": 0, "max_output_tokens": 12}
    whole = openai_client.responses.create(**call)
    assert whole.output_text and whole.usage.output_tokens == 12
    streamed = [event.delta for event in openai_client.responses.create(**call, stream=True) if event.type == "response.output_text.delta"]
    assert "".join(streamed) == whole.output_text
    with openai_client.responses.stream(**call) as stream:
        assert [event.type for event in stream][-1] == "response.incomplete"
    tools = [{"type": "function", "name": "save", "description": "Saves a person.", "parameters": SCHEMA, "strict": True}]
    more = {"model": WRITER, "tools": tools, "max_output_tokens": 200, "extra_body": {"seed": 1}}
    answer = openai_client.responses.create(input=QUESTION, tool_choice="required", **more)
    (made, *_) = answer.output
    assert made.name == "save" and set(json.loads(made.arguments)) == {"name", "age"}
    back = [*QUESTION, *answer.output, {"type": "function_call_output", "call_id": made.call_id, "output": "saved"}]
    assert openai_client.responses.create(input=back, **more).output


@works("openai", "`responses.parse`: a Pydantic model as `text_format`")
def test_openai_responses_parse(openai_client):
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int

    answer = openai_client.responses.parse(model=WRITER, input=QUESTION, text_format=Person, max_output_tokens=200, extra_body={"seed": 1})
    assert isinstance(answer.output_parsed, Person)


@does_not("openai", "`responses.create` with `previous_response_id`", "400: nothing is stored; send the conversation as `input`")
def test_openai_stored_responses(openai_client):
    import openai

    first = openai_client.responses.create(model=WRITER, input="hello", max_output_tokens=4)
    with pytest.raises(openai.BadRequestError, match="no response is stored"):
        openai_client.responses.create(model=WRITER, input="hello", previous_response_id=first.id)


# ------------------------------------------------------------------------------------------------------------- anthropic


@pytest.fixture
def anthropic_client(url):
    import anthropic

    return anthropic.Anthropic(base_url=url, api_key="unused", max_retries=0, timeout=120)


@works("anthropic", "`messages.create`, `messages.stream`, `messages.count_tokens`, `stop_sequences`")
def test_anthropic_messages(anthropic_client):
    call = {"model": WRITER, "messages": QUESTION, "system": "You are brief.", "extra_body": {"temperature": 0}, "max_tokens": 12}
    whole = anthropic_client.messages.create(**call)
    assert whole.content[0].text and whole.usage.output_tokens == 12
    with anthropic_client.messages.stream(**call) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text
    counted = anthropic_client.messages.count_tokens(model=WRITER, messages=QUESTION, system="You are brief.")
    assert counted.input_tokens == whole.usage.input_tokens + whole.usage.cache_read_input_tokens
    stop = whole.content[0].text.split()[1]
    assert anthropic_client.messages.create(**call, stop_sequences=[stop]).stop_sequence == stop


@works("anthropic", "`messages.create` with `tools`, and their results sent back")
def test_anthropic_tools(anthropic_client):
    tools = [{"name": "save", "description": "Saves a person.", "input_schema": SCHEMA}]
    call = {"model": WRITER, "tools": tools, "max_tokens": 200, "extra_body": {"seed": 1}}
    answer = anthropic_client.messages.create(messages=QUESTION, tool_choice={"type": "any"}, **call)
    use = answer.content[0]
    assert answer.stop_reason == "tool_use" and use.name == "save" and set(use.input) == {"name", "age"}
    back = [*QUESTION, {"role": "assistant", "content": answer.content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "saved"} for block in answer.content]}]  # fmt: skip
    assert anthropic_client.messages.create(messages=back, **call).stop_reason


@works("anthropic", "`messages.parse`: a Pydantic model as `output_format`")
def test_anthropic_parse(anthropic_client):
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int

    answer = anthropic_client.messages.parse(model=WRITER, messages=QUESTION, output_format=Person, max_tokens=200, extra_body={"seed": 1})
    assert isinstance(answer.parsed_output, Person)


@works("anthropic", "`models.list`, errors as its exceptions, `AsyncAnthropic`")
def test_anthropic_models(anthropic_client, url):
    import anthropic

    assert {model.id for model in anthropic_client.models.list()} >= {WRITER, ENCODER, ALIAS}
    with pytest.raises(anthropic.NotFoundError):
        anthropic_client.messages.create(model="claude-9", messages=QUESTION, max_tokens=4)

    async def ask():
        async with anthropic.AsyncAnthropic(base_url=url, auth_token="unused", max_retries=0) as client:
            return await client.messages.create(model=ALIAS, messages=QUESTION, max_tokens=4)

    assert asyncio.run(ask()).content[0].text


# ---------------------------------------------------------------------------------------------------------------- ollama


@pytest.fixture
def ollama_client(url):
    import ollama

    return ollama.Client(host=url, timeout=120)


@works("ollama", "`generate` and `chat`, whole and streamed")
def test_ollama_texts(ollama_client):
    options = {"temperature": 0, "num_predict": 12}
    whole = ollama_client.chat(WRITER, QUESTION, options=options)
    assert whole.message.content == "".join(part.message.content for part in ollama_client.chat(WRITER, QUESTION, options=options, stream=True))
    assert ollama_client.generate(WRITER, QUESTION[0]["content"], options=options).response == whole.message.content


@works("ollama", "`chat` with `format` as a JSON Schema")
def test_ollama_format(ollama_client):
    answer = json.loads(ollama_client.chat(WRITER, QUESTION, format=SCHEMA, options={"seed": 1}).message.content)
    assert set(answer) == {"name", "age"}


@works("ollama", "`embed`, `embeddings`")
def test_ollama_embed(ollama_client, vectors):
    same(ollama_client.embed(ENCODER, TEXTS).embeddings, vectors)
    same(ollama_client.embeddings(ENCODER, TEXTS[0]).embedding, vectors[0])


@works("ollama", "`list`, `show`, `ps`, `AsyncClient`")
def test_ollama_models(ollama_client, url):
    import ollama

    assert f"{WRITER}:latest" in {model.model for model in ollama_client.list().models}
    assert ollama_client.show(WRITER).details.format == "gguf" and ollama_client.ps().models

    async def ask():
        return await ollama.AsyncClient(host=url).generate(WRITER, "Hello", options={"num_predict": 2})

    assert asyncio.run(ask()).response


@does_not("ollama", "`push`", "501: nothing is sent to a registry from here")
def test_ollama_push(ollama_client):
    import ollama

    with pytest.raises(ollama.ResponseError):
        ollama_client.push(WRITER)


@does_not("ollama", "`generate` with `keep_alive=0` and no prompt", "400 for a model that the server was started with; one that came on demand goes")
def test_ollama_unload(ollama_client):
    import ollama

    with pytest.raises(ollama.ResponseError, match="keeps it"):
        ollama_client.generate(WRITER, keep_alive=0)


# ------------------------------------------------------------------------------------------------------------- langchain


@works("langchain-openai", "`ChatOpenAI`: `invoke`, `stream`, `with_structured_output`, `bind_tools`")
def test_langchain_openai_chat(url):
    import langchain_openai

    model = langchain_openai.ChatOpenAI(model=WRITER, base_url=url + "/v1", api_key="unused", temperature=0, max_tokens=60, max_retries=0)
    whole = model.invoke("Name three colours.")
    assert whole.content == "".join(chunk.content for chunk in model.stream("Name three colours."))
    schema = {"title": "Person", "description": "A person.", **SCHEMA}
    assert set(model.with_structured_output(schema, method="json_schema").invoke("Who is Ada?")) == {"name", "age"}
    tool = {"name": "save", "description": "Saves a person.", "parameters": SCHEMA}
    assert model.bind_tools([tool], tool_choice="save").invoke("Save Ada, 36.").tool_calls[0]["name"] == "save"


@works("langchain-openai", "`OpenAIEmbeddings(check_embedding_ctx_length=False)`")
def test_langchain_openai_embeddings(url, vectors):
    import langchain_openai

    embeddings = langchain_openai.OpenAIEmbeddings(model=ENCODER, base_url=url + "/v1", api_key="unused", check_embedding_ctx_length=False)
    same(embeddings.embed_documents(TEXTS), vectors)
    same(embeddings.embed_query(TEXTS[0]), vectors[0])


@does_not("langchain-openai", "`OpenAIEmbeddings` as it comes",
          "it sends numbers of tokens of OpenAI's own vocabulary; the 400 names the switch above, for read as ours they would be other words")
def test_langchain_openai_embeddings_by_tokens(url):
    import langchain_openai
    import openai
    import tiktoken

    try:  # which fetches its vocabulary from the network
        tiktoken.get_encoding("cl100k_base")
        embeddings = langchain_openai.OpenAIEmbeddings(model=ENCODER, base_url=url + "/v1", api_key="unused", max_retries=0)
        ask = lambda: embeddings.embed_documents(TEXTS)  # noqa: E731
    except Exception:  # without a network: what it would send
        client = openai.OpenAI(base_url=url + "/v1", api_key="unused", max_retries=0)
        ask = lambda: client.embeddings.create(model=ENCODER, input=[[9064, 374], [791]], encoding_format="base64")  # noqa: E731
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        ask()


@works("langchain-ollama", "`ChatOllama`: `invoke`, `stream`, `with_structured_output`; `OllamaLLM`; `OllamaEmbeddings`")
def test_langchain_ollama(url, vectors):
    import langchain_ollama

    model = langchain_ollama.ChatOllama(model=WRITER, base_url=url, temperature=0, num_predict=60)
    assert model.invoke("Name three colours.").content == "".join(chunk.content for chunk in model.stream("Name three colours."))
    schema = {"title": "Person", "description": "A person.", **SCHEMA}
    assert set(model.with_structured_output(schema, method="json_schema").invoke("Who is Ada?")) == {"name", "age"}
    assert langchain_ollama.OllamaLLM(model=WRITER, base_url=url, num_predict=4).invoke("The sky is")
    same(langchain_ollama.OllamaEmbeddings(model=ENCODER, base_url=url).embed_documents(TEXTS), vectors)


# --------------------------------------------------------------------------------------------------------------- litellm


@works("litellm", "`completion` and `embedding` with `openai/` models, whole and streamed")
def test_litellm_openai(url, vectors):
    import litellm

    call = {"model": f"openai/{WRITER}", "messages": QUESTION, "api_base": url + "/v1", "api_key": "unused", "temperature": 0, "max_tokens": 12}
    whole = litellm.completion(**call).choices[0].message.content
    assert whole and whole == "".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**call, stream=True))
    data = litellm.embedding(model=f"openai/{ENCODER}", input=TEXTS, api_base=url + "/v1", api_key="unused").data
    same([row["embedding"] for row in data], vectors)


@works("litellm", "`completion` with `ollama_chat/` and `ollama/`, `embedding` with `ollama/`")
def test_litellm_ollama(url, vectors):
    import litellm

    call = {"messages": QUESTION, "api_base": url, "temperature": 0, "max_tokens": 12}
    whole = litellm.completion(model=f"ollama_chat/{WRITER}", **call).choices[0].message.content
    streamed = litellm.completion(model=f"ollama_chat/{WRITER}", stream=True, **call)
    assert whole and whole == "".join(chunk.choices[0].delta.content or "" for chunk in streamed)
    assert litellm.completion(model=f"ollama/{WRITER}", **call).choices[0].message.content
    data = litellm.embedding(model=f"ollama/{ENCODER}", input=TEXTS, api_base=url).data
    same([row["embedding"] for row in data], vectors)


@works("litellm", "`rerank` with `cohere/` (`api_base=URL/v2/rerank`) and `infinity/` (`api_base=URL/infinity`)")
def test_litellm_rerank(url):
    import litellm

    expected = httpx.post(url + "/v1/rerank", json={"query": "parcel", "documents": TEXTS}).json()["results"]
    for provider, base in (("cohere", url + "/v2/rerank"), ("infinity", url + "/infinity")):
        answer = litellm.rerank(model=f"{provider}/rank_raw", query="parcel", documents=TEXTS, api_base=base, api_key="unused")
        assert [row["index"] for row in answer.results] == [row["index"] for row in expected], provider


# ---------------------------------------------------------------------------------------------------------------- cohere


@works("cohere", "`ClientV2`: `rerank`, `embed`; errors as its exceptions")
def test_cohere(url, vectors):
    import cohere

    client = cohere.ClientV2(api_key="unused", base_url=url)
    expected = httpx.post(url + "/v1/rerank", json={"query": "parcel", "documents": TEXTS}).json()["results"]
    answer = client.rerank(model="rank_raw", query="parcel", documents=TEXTS, top_n=2)
    assert [(row.index, row.relevance_score) for row in answer.results] == [(row["index"], row["relevance_score"]) for row in expected]
    embedded = client.embed(model=ENCODER, texts=TEXTS, input_type="search_document", embedding_types=["float"])
    same(embedded.embeddings.float_, vectors)
    with pytest.raises(cohere.BadRequestError, match="cannot rerank"):
        client.rerank(model=ENCODER, query="x", documents=TEXTS)


@does_not("cohere", "`ClientV2.chat`", "Cohere's chat is not served: 404. The clients of OpenAI and Ollama chat")
def test_cohere_chat(url):
    import cohere

    with pytest.raises(cohere.NotFoundError):
        cohere.ClientV2(api_key="unused", base_url=url).chat(model=WRITER, messages=QUESTION)


# ------------------------------------------------------------------------------------------------------- huggingface_hub


@works("huggingface_hub", "`InferenceClient`: `chat_completion` (`base_url`), whole and streamed")
def test_huggingface_chat(url):
    import huggingface_hub

    client = huggingface_hub.InferenceClient(base_url=url + "/v1", api_key="unused")
    whole = client.chat_completion(QUESTION, model=WRITER, temperature=0, max_tokens=12).choices[0].message.content
    chunks = client.chat_completion(QUESTION, model=WRITER, temperature=0, max_tokens=12, stream=True)
    assert whole and whole == "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


@works("huggingface_hub", "`InferenceClient`: `feature_extraction`, `sentence_similarity` with `model=URL/embed`, `URL/similarity`")
def test_huggingface_tasks(url, vectors):
    import huggingface_hub

    client = huggingface_hub.InferenceClient(api_key="unused")
    same(client.feature_extraction(TEXTS, model=url + "/embed"), vectors)
    near = client.sentence_similarity(TEXTS[0], other_sentences=TEXTS, model=url + "/similarity")
    same(near, vectors @ vectors[0], 1e-5)


@does_not("huggingface_hub", "`InferenceClient.text_classification` with `model=URL/predict`",
          "of an answer in the shape of Text Embeddings Inference it keeps the first label alone, which is the best")
def test_huggingface_text_classification(url):
    import huggingface_hub

    label = huggingface_hub.InferenceClient(api_key="unused").text_classification("where is my parcel?", model=url + "/predict")
    assert label.label == httpx.post(url + "/predict", json={"inputs": "where is my parcel?"}).json()[0]["label"]


@does_not("huggingface_hub", "`InferenceClient.text_generation`", "Text Generation Inference's `/generate` is not served; `chat_completion` is")
def test_huggingface_text_generation(url):
    import huggingface_hub

    with pytest.raises(huggingface_hub.errors.HfHubHTTPError):
        huggingface_hub.InferenceClient(base_url=url + "/generate").text_generation("The sky is", max_new_tokens=4)


# ----------------------------------------------------------------------------------------------------------- typesafe-sdk


@pytest.fixture
def typesafe(url):
    import typesafe_sdk

    with typesafe_sdk.TypeSafeClient(api_key="unused", base_url=url, timeout=120, model=WRITER) as client:
        yield client


@works("typesafe-sdk", "`system_one`: `Noul`, `Choice`, `Score`; `models.list`, errors as its exceptions")
def test_typesafe(typesafe):
    import typesafe_sdk
    from typesafe_sdk import Choice, Noul, Score

    questions = {
        "question": Noul(instructions="Is it a question?"),
        "topic": Choice(instructions="What is it about?", criteria={"parcels": "things that are sent", "weather": None}),
        "urgent": Score(instructions="How urgent is it?", criteria=["not at all", "somewhat", "very"]),
    }
    reply = typesafe.system_one(state={"text": TEXTS[0]}, questions=questions)
    assert 0 <= reply.nouls["question"].noul <= 1 and 0 <= reply.scores["urgent"].score <= 2
    assert set(reply.choices["topic"].probabilities) == {"parcels", "weather"}
    assert {model.name for model in typesafe.models.list().models} >= {WRITER, ENCODER}
    with pytest.raises(typesafe_sdk.TypeSafeNotFoundError):
        typesafe.system_one(state="x", questions=questions, model="gpt-9")


@does_not("typesafe-sdk", "`system_one` with images, `Box`", "models here read text: 415 for its multipart bodies, 422 for a box")
def test_typesafe_images(typesafe):
    import typesafe_sdk

    with pytest.raises(typesafe_sdk.TypeSafeUnprocessableEntityError):
        typesafe.system_one(state="x", questions={"where": typesafe_sdk.Box(instructions="Where is the dog?")})
