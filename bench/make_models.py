"""Makes the models that the other runtimes are measured with, from the same safetensors file that Bantam reads.

- onnxruntime: four, because which is fastest depends on the length and the machine: f32 and int8 (dynamic, per channel), each as exported
  and fused by onnxruntime's own BERT optimizer. Pooling and normalisation are in the graph: ids in, unit vector out.
- OpenVINO: the exported f32 graph, and int8 by NNCF (static activation scales, calibrated on bench/questions.txt and the help desk's examples).
- CTranslate2: its own converter; it quantizes when it loads.

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


def make_openvino(model_folder, folder):
    import nncf
    import numpy
    import openvino
    import yaml
    from tokenizers import Tokenizer

    here = Path(__file__).resolve().parent
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.no_padding()
    routes = yaml.safe_load((here.parent / "examples/helpdesk/bantam.yaml").read_text())["routes"]
    texts = (here / "questions.txt").read_text().splitlines() + [line for route in routes for line in route.get("utterances", [])]
    samples = []
    for text in texts:
        ids = numpy.asarray([tokenizer.encode(text).ids], dtype=numpy.int64)
        samples.append({"input_ids": ids, "attention_mask": numpy.ones_like(ids)})
    model = openvino.Core().read_model(folder / "f32.onnx")
    quantized = nncf.quantize(
        model, nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(samples)
    )
    openvino.save_model(quantized, folder / "openvino-int8.xml")


def make_ctranslate2(model_folder, folder):
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(model_folder)).convert(str(folder / "ctranslate2"), force=True)


def make(model_folder, folder):
    """Fills `folder` with the models if they are not there yet."""
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
    make_openvino(model_folder, folder)
    make_ctranslate2(model_folder, folder)
    logging.disable(logging.NOTSET)
    stamp.write_text(key)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
