"""A decoder of random weights as a GGUF file, with what tests of tool calls and infilling need: a vocabulary of all bytes, a chat
template that knows functions, and tokens for the middle of a text. It knows nothing: whatever it writes in good form was held to it."""

import gguf
import numpy as np

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>",
           "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>")  # fmt: skip
# As Qwen's: functions in the system's message, calls between markers, results as a user's turn.
TEMPLATE = (
    "{% if tools %}<|im_start|>system\n<tools>{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}\n</tools>\n"
    'Call with <tool_call>{"name": NAME, "arguments": {}}</tool_call>.<|im_end|>\n{% endif %}'
    "{% for m in messages %}{% if m.role == 'tool' %}<|im_start|>user\n<tool_response>\n{{ m.content }}\n</tool_response><|im_end|>\n"
    "{% else %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}{% for call in m.tool_calls or [] %}"
    "<tool_call>\n{\"name\": \"{{ call.function.name }}\", \"arguments\": {{ call.function.arguments | tojson }}}\n</tool_call>"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# The same of a model that thinks: a prompt opens a thought where it is asked to, and shows those of earlier turns.
THINKING_TEMPLATE = TEMPLATE.replace(
    "{{ m.content or '' }}{%", "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content or '' }}{%"
).replace("assistant\n{% endif %}", "assistant\n{% if enable_thinking %}<think>\n{% endif %}{% endif %}")


def spellings():
    """How GPT-2's byte-level vocabulary spells the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def token_ids(text):
    """Each byte is a token, whose id is its value; a special token stands for its spelling where a list says so."""
    return list(text.encode())


def special_id(text):
    return 256 + SPECIAL.index(text)


# For calls of functions: a bias so that a model that does not know when to stop does, and arguments that leave it little to say.
ENDING = {str(special_id("<|im_end|>")): 3}
WEATHER = {
    "type": "object",
    "properties": {"city": {"enum": ["Bonn", "Ulm"]}, "days": {"type": "integer", "minimum": 1, "maximum": 14}},
    "required": ["city", "days"], "additionalProperties": False,
}  # fmt: skip


def write_tiny_decoder(path, special=SPECIAL, chat_template=TEMPLATE, seed=1):
    hidden, layers, heads, inner, length = 64, 2, 4, 128, 4096
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(length)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    nul = spellings()[0]
    tokens = spellings() + list(special) + [nul * 2]  # the one merge, which no text of a test needs: a file must have some
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * len(special) + [gguf.TokenType.NORMAL])
    writer.add_token_merges([f"{nul} {nul}"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(258 if len(special) > 2 else 256)
    writer.add_add_bos_token(False)
    writer.add_chat_template(chat_template)

    def add(name, *shape, scale=0.2):
        writer.add_tensor(name, (random.standard_normal(shape) * scale).astype(np.float32))

    add("token_embd.weight", len(tokens), hidden, scale=1)
    for layer in range(layers):
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(hidden, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"blk.{layer}.{name}.weight", hidden, hidden)
        for name in ("ffn_gate", "ffn_up"):
            add(f"blk.{layer}.{name}.weight", inner, hidden)
        add(f"blk.{layer}.ffn_down.weight", hidden, inner)
    writer.add_tensor("output_norm.weight", np.ones(hidden, np.float32))
    add("output.weight", len(tokens), hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
