"""GET /v1/usage: who answered and what it cost, over time, across a restart and a reload."""

import time

import httpx

from learning_shop import PARCEL, WAREHOUSE, eventually, write_shop

PRICE = (100 * 1 + 2 * 2) / 1e6  # of each of the large model's answers


def messages(usage, history):
    return sum(bucket["messages"] for bucket in usage["histories"][history]["buckets"])


def test_usage_over_time(bantam_server, tmp_path, teacher):
    file = write_shop(tmp_path, teacher)
    server = bantam_server("-c", file)
    client = httpx.Client(base_url=server.url, timeout=60)

    def say(text):
        message = {"model": "shop", "messages": [{"role": "user", "content": text}]}
        return client.post("/v1/chat/completions", json=message).json()["bantam"]["source"]

    fresh = client.get("/v1/usage").json()
    assert fresh["object"] == "usage" and fresh["assistant"] == "shop"
    assert fresh["answer_cost"] is None and fresh["since_start"]["cost_if_all_escalated"] is None
    assert [history["buckets"] for history in fresh["histories"]] == [[], [], []]
    [budget] = fresh["budgets"]
    assert budget == {"name": "big", "period_s": 86400, "max_budget": 5, "spent": 0, "token_budget": None, "spent_tokens": 0}

    sources = [say(text) for text in ("when are you open", "refund please", WAREHOUSE.format(1), PARCEL.format(1))]
    local, upstream = sources.count("local model"), sources.count("upstream")
    assert local >= 2 and upstream >= 1
    # Escalations are labelled, and what was drawn for the audit.
    usage = eventually(lambda: (u := client.get("/v1/usage").json())["since_start"]["label_cost"] > (upstream - 0.5) * PRICE and u)
    counts = usage["since_start"]
    assert (counts["messages"], counts["local_model"], counts["upstream"], counts["escalated"]) == (4, local, upstream, upstream)
    assert abs(counts["cost"] - upstream * PRICE) < 1e-12
    assert abs(counts["cost_if_all_escalated"] - 4 * PRICE) < 1e-12
    assert round(counts["label_cost"] / PRICE, 6) in range(upstream, 5)
    assert [messages(usage, history) for history in range(3)] == [4, 4, 4]
    assert [history["bucket_width_s"] for history in usage["histories"]] == [60, 3600, 86400]
    for history in usage["histories"]:
        for bucket in history["buckets"]:
            assert bucket["start_time"] % history["bucket_width_s"] == 0
    assert usage["budgets"][0]["spent"] > counts["cost"]

    file.write_text(file.read_text() + "# changed\n")
    assert client.post("/v1/reload").status_code == 200
    assert client.get("/v1/usage").json()["since_start"]["messages"] == 4, "a reload forgets nothing"

    server.stop()
    time.sleep(1.1)  # the start is told in whole seconds
    server.start()
    say("opening hours")
    again = client.get("/v1/usage").json()
    assert again["since_start"]["messages"] == 1
    assert [messages(again, history) for history in range(3)] == [5, 5, 5], "the audit log tells of the time before"
    assert again["known_since"] < again["start_time"]
    assert abs(again["answer_cost"] - PRICE) < 1e-12


def test_a_server_without_an_assistant(bantam_server):
    server = bantam_server("--model", "all-MiniLM-L6-v2")
    refused = httpx.get(server.url + "/v1/usage")
    assert refused.status_code == 404 and "serve a route file" in refused.json()["error"]["message"]
