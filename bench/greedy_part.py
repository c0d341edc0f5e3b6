"""Whether greedy text is llama.cpp's, from the same file of a trained model: in floats of 32 bits, and as each computes with the file's blocks."""

import tempfile
from pathlib import Path

from contest import LLAMA, Failed, commands, real_home, run, say
from generate_http import Server
from report import table

TOKENS = 32
PROMPTS = [
    "Explain how bread is made.",
    "What is the capital of France?",
    "Write a short poem about the sea.",
    "Give me three tips for learning a new language.",
    "What is photosynthesis?",
    "Summarize the story of Cinderella in two sentences.",
    "How do I boil an egg?",
    "What are the primary colors?",
    "Write a polite email asking for a day off.",
    "Why is the sky blue?",
    "Name three famous scientists.",
    "What is the difference between a cat and a dog?",
    "Translate 'good morning' into Spanish.",
    "What is 7 times 8?",
    "Explain what a computer is to a child.",
    "List the days of the week.",
    "What should I eat for breakfast?",
    "Describe a rainy day.",
    "How does a bicycle work?",
    "Who wrote Romeo and Juliet?",
]


def answers(name, path, more, label):
    say(f"greedy text: {label}, {name}")
    with tempfile.TemporaryDirectory() as home, Server(name, path, Path(home), more, label) as server:
        return [server.chat(message, TOKENS) for message in PROMPTS]


def measure(folder):
    """-> [[how, of how many prompts the texts are the same]]"""
    blocks = next((real_home() / "models" / "smollm2").glob("*.gguf"), None)
    if blocks is None:
        raise Failed("the store has no smollm2: run make run once")
    floats = folder / "smollm2-f32.gguf"
    try:
        run([LLAMA / "llama-quantize", "--allow-requantize", blocks, floats, "F32"], "llama-quantize")
        ours = {"f32": answers("bantam", blocks, ["--dtype", "f32"], "greedy, floats"), "auto": answers("bantam", blocks, [], "greedy, blocks")}
        cache = ["--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attn", "off"]
        theirs = {"f32": answers("llama-server", floats, cache, "greedy, floats"), "blocks": answers("llama-server", blocks, [], "greedy, blocks")}
    finally:
        floats.unlink(missing_ok=True)

    def same(a, b):
        return f"{sum(x == y for x, y in zip(a, b))} of {len(PROMPTS)}"

    return [
        ["`--dtype f32`", "weights and cache in f32", same(ours["f32"], theirs["f32"])],
        ["`--dtype auto`", "weights and cache in f32", same(ours["auto"], theirs["f32"])],
        ["`--dtype f32`", "as it comes", same(ours["f32"], theirs["blocks"])],
        ["`--dtype auto`", "as it comes", same(ours["auto"], theirs["blocks"])],
    ]


def page(rows):
    return [
        "## The same text\n",
        f"SmolLM2-135M-Instruct (Q4_1) answers {len(PROMPTS)} questions greedily: how many of the texts are llama-server's own, all {TOKENS} tokens of them. In floats of 32"
        " bits both compute the same model. With blocks each rounds activations to 8 bits on its own way, and texts part where two tokens are about as probable.\n",
        table(["Bantam", "llama-server", "the same"], rows),
        "```\n" + "\n".join(f"{what}: {command}" for what, command in commands.items() if what.startswith("greedy, floats")) + "\n```\n",
    ]
