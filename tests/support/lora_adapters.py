"""LoRA adapters of the trained Llama of the data sets (stories_model.py), with weights that a seed makes."""

import json

import gguf
import numpy as np

MODULES = {"self_attn.q_proj": ("attn_q", 64, 64), "self_attn.v_proj": ("attn_v", 64, 32), "mlp.down_proj": ("ffn_down", 172, 64)}
LAYERS, RANK = 5, 4


def halves(seed):
    """-> (layer, module, A [rank, in], B [out, rank]) of every product."""
    random = np.random.default_rng(seed)
    for layer in range(LAYERS):
        for module, (_, inputs, outputs) in MODULES.items():
            yield layer, module, *(random.normal(0, 0.2, shape).astype(np.float32) for shape in ((RANK, inputs), (outputs, RANK)))


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(values.tobytes() for values in tensors.values()))


def write_peft(folder, seed, **config):
    tensors = {}
    for layer, module, a, b in halves(seed):
        name = f"base_model.model.model.layers.{layer}.{module}.lora_"
        tensors |= {f"{name}A.weight": a, f"{name}B.weight": b}
    folder.mkdir()
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": RANK, "lora_alpha": RANK} | config))
    return folder


def write_gguf(path, seed):
    """The same adapter as write_peft's, as llama.cpp's converter makes it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(RANK))
    for layer, module, a, b in halves(seed):
        name = f"blk.{layer}.{MODULES[module][0]}.weight.lora_"
        if module == "self_attn.q_proj":  # 8 heads of 8: the two values that turn together side by side
            b = b.reshape(8, 2, 4, RANK).swapaxes(1, 2).reshape(64, RANK)
        writer.add_tensor(name + "a", a)
        writer.add_tensor(name + "b", np.ascontiguousarray(b))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
