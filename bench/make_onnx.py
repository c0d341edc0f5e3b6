"""Makes the ONNX models that onnxruntime is measured with, from the same safetensors file that Bantam reads.

Four of them, because which is fastest depends on the length and the machine: f32 and int8 (dynamic, per channel), each as
exported and fused by onnxruntime's own BERT optimizer. Pooling and normalisation are in the graph: ids in, unit vector out.
They lie in build/bench/ and are made again when the model or this file changes.
"""

import hashlib
import logging
import os
import sys
import warnings
from pathlib import Path

VARIANTS = {"f32": ["f32.onnx", "f32-fused.onnx"], "int8": ["int8.onnx", "int8-fused.onnx"]}


def key_of(model_folder):
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update((model_folder / "config.json").read_bytes())
    digest.update(str((model_folder / "model.safetensors").stat().st_size).encode())
    return digest.hexdigest()


def export_f32(model_folder, target):
    import torch
    from transformers import AutoModel

    class Embedder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = AutoModel.from_pretrained(model_folder, attn_implementation="eager").eval()

        def forward(self, input_ids, attention_mask):
            hidden = self.bert(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=torch.zeros_like(input_ids)
            ).last_hidden_state
            keep = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * keep).sum(1) / keep.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, p=2, dim=1)

    ids = torch.randint(1000, 2000, (2, 16))
    torch.onnx.export(
        Embedder().eval(), (ids, torch.ones_like(ids)), str(target), dynamo=False, opset_version=17,
        input_names=["input_ids", "attention_mask"], output_names=["embedding"],
        dynamic_axes={"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"}, "embedding": {0: "batch"}},
    )  # fmt: skip


def make(model_folder, folder):
    """Fills `folder` with the four models if they are not there yet."""
    key = key_of(model_folder)
    stamp = folder / "onnx.key"
    if stamp.is_file() and stamp.read_text() == key:
        return
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    export_f32(model_folder, folder / "f32.onnx")
    fused = optimizer.optimize_model(str(folder / "f32.onnx"), model_type="bert", num_heads=12, hidden_size=384, opt_level=0)
    fused.save_model_to_file(str(folder / "f32-fused.onnx"))
    for source, target in (("f32.onnx", "int8.onnx"), ("f32-fused.onnx", "int8-fused.onnx")):
        quantize_dynamic(
            folder / source, folder / target, per_channel=True, weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )  # fmt: skip
    logging.disable(logging.NOTSET)
    stamp.write_text(key)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
