"""Makes the models that the other runtimes are measured with, from the same safetensors file that Bantam reads.

- onnxruntime: four, because which is fastest depends on the length and the machine: f32 and int8 (dynamic, per channel), each as exported
  and fused by onnxruntime's own BERT optimizer. Pooling and normalisation are in the graph: ids in, unit vector out.
- OpenVINO: the exported f32 graph, and int8 by NNCF (static activation scales, calibrated on bench/questions.txt and the help desk's examples).
- CTranslate2: its own converter; it quantizes when it loads.
- llama.cpp: GGUF files of f32, f16 and q8_0, written with its own Python package (tests/support/gguf_models.py).
- infinity-emb: the model's folder with an int8 ONNX graph beside it, as its onnxruntime engine looks for.

They lie in build/bench/ and are made again when the model or the file that makes them changes. What cannot be made is printed as a line of
JSON and the rest is made all the same.

    make_models.py MODEL FOLDER
"""

import hashlib
import inspect
import json
import logging
import os
import shutil
import sys
import traceback
import warnings
from pathlib import Path

SUPPORT = Path(__file__).resolve().parents[1] / "tests" / "support"
sys.path.insert(0, str(SUPPORT))


def key_of(model_folder):
    digest = hashlib.sha256(Path(__file__).read_bytes() + (SUPPORT / "gguf_models.py").read_bytes())
    digest.update((model_folder / "config.json").read_bytes())
    digest.update(str((model_folder / "model.safetensors").stat().st_size).encode())
    return digest.hexdigest()


def export_f32(model_folder, target, pooled=True):
    """Ids in; unit vectors out, or the hidden states."""
    import torch
    from transformers import AutoModel

    class Embedder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = AutoModel.from_pretrained(model_folder, attn_implementation="eager").eval()

        def forward(self, input_ids, attention_mask):
            types = {"token_type_ids": torch.zeros_like(input_ids)} if takes_types else {}
            hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask, **types).last_hidden_state
            if not pooled:
                return hidden
            keep = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * keep).sum(1) / keep.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, p=2, dim=1)

    embedder = Embedder().eval()
    takes_types = "token_type_ids" in inspect.signature(embedder.bert.forward).parameters
    ids = torch.randint(1000, 2000, (2, 16))
    output = "embedding" if pooled else "last_hidden_state"
    torch.onnx.export(
        embedder, (ids, torch.ones_like(ids)), str(target), dynamo=False, opset_version=17,
        input_names=["input_ids", "attention_mask"], output_names=[output],
        dynamic_axes={"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"},
                      output: {0: "batch"} if pooled else {0: "batch", 1: "tokens"}},
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


def quantize(source, target):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source, target, per_channel=True, weight_type=QuantType.QInt8, extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT}
    )


def make_onnx(model_folder, folder):
    from onnxruntime.transformers import optimizer

    export_f32(model_folder, folder / "f32.onnx")
    fused = optimizer.optimize_model(str(folder / "f32.onnx"), model_type="bert", num_heads=12, hidden_size=384, opt_level=0)
    fused.save_model_to_file(str(folder / "f32-fused.onnx"))
    quantize(folder / "f32.onnx", folder / "int8.onnx")
    quantize(folder / "f32-fused.onnx", folder / "int8-fused.onnx")


def make_llama(model_folder, folder):
    from gguf_models import write_sentence_bert

    for dtype in ("f32", "f16", "q8_0"):
        write_sentence_bert(model_folder, folder / f"llama-{dtype}.gguf", dtype.upper())


def make_infinity(model_folder, folder):
    target = folder / "infinity"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(model_folder, target, ignore=shutil.ignore_patterns("packed", "bantam.json", "README.md"))
    export_f32(model_folder, folder / "hidden.onnx", pooled=False)
    quantize(folder / "hidden.onnx", target / "model_quantized.onnx")
    (folder / "hidden.onnx").unlink()


# In this order: OpenVINO's begins with onnxruntime's f32 graph.
MAKERS = {"onnx": make_onnx, "openvino": make_openvino, "ctranslate2": make_ctranslate2, "llama": make_llama, "infinity": make_infinity}


def make(model_folder, folder):
    """Fills `folder` with the models that are not there yet."""
    key = key_of(model_folder)
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    for name, maker in MAKERS.items():
        stamp = folder / f"{name}.key"
        if stamp.is_file() and stamp.read_text() == key:
            continue
        try:
            maker(model_folder, folder)
            stamp.write_text(key)
        except Exception as error:  # whatever a library throws: the report names it
            traceback.print_exc()
            print(json.dumps({"made": name, "error": f"{type(error).__name__}: {error}"}), flush=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
