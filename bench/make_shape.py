"""Makes one checkpoint of bench/shapes.py with random weights, and onnxruntime's and OpenVINO's models of it: make_shape.py NAME FOLDER.

FOLDER gets `model/` (config.json and safetensors, as transformers saves them) and, for a shape that is measured beside others, the files
that bench/peers.py looks for. What cannot be made is printed as a line of JSON.
"""

import contextlib
import json
import logging
import os
import sys
import traceback
import warnings
from pathlib import Path

import make_models
from shapes import SHAPES


def write_static(shape, folder):
    """model2vec's folder: a table of word vectors. Its tokenizer is not needed to measure with ids."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = shape.config["vocab_size"], shape.config["hidden_dim"]
    save_file({"embeddings": torch.randn(rows, columns)}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "hidden_dim": columns, "normalize": True}))


def write_checkpoint(shape, folder):
    import torch
    from transformers import AutoConfig, AutoModel

    if shape.model_type == "model2vec":
        return write_static(shape, folder)
    torch.manual_seed(1)
    model = AutoModel.from_config(AutoConfig.for_model(shape.model_type, **shape.config)).eval()
    with torch.no_grad():  # not the start values, which are all but zero: activations get ranges of the usual size
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.04)
    model.save_pretrained(folder)


def make_openvino(folder, vocab_size):
    """NNCF with static scales, calibrated on a few random sequences: enough for the speed, which is all that is measured here."""
    import nncf
    import numpy
    import openvino

    chosen = numpy.random.default_rng(1)
    samples = []
    for tokens in (16, 32, 64, 128):
        ids = chosen.integers(5, vocab_size, (1, tokens), dtype=numpy.int64)
        samples.append({"input_ids": ids, "attention_mask": numpy.ones_like(ids)})
    model = openvino.Core().read_model(folder / "f32.onnx")
    quantized = nncf.quantize(model, nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(samples), fast_bias_correction=True)
    openvino.save_model(quantized, folder / "openvino-int8.xml")


def make_fused(folder, config):
    from onnxruntime.transformers import optimizer

    fused = optimizer.optimize_model(str(folder / "f32.onnx"), model_type="bert", num_heads=config["num_attention_heads"],
                                     hidden_size=config["hidden_size"], opt_level=0)  # fmt: skip
    fused.save_model_to_file(str(folder / "f32-fused.onnx"))
    make_models.quantize(folder / "f32-fused.onnx", folder / "int8-fused.onnx")


def main():
    shape = next(s for s in SHAPES if s.name == sys.argv[1])
    folder = Path(sys.argv[2])
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    model = folder / "model"
    write_checkpoint(shape, model)
    if not shape.beside:
        return
    config = json.loads((model / "config.json").read_text())
    make_models.export_f32(model, folder / "f32.onnx")
    makers = {
        "onnxruntime": lambda: make_models.quantize(folder / "f32.onnx", folder / "int8.onnx"),
        "onnxruntime, fused": lambda: make_fused(folder, config),
        "openvino": lambda: make_openvino(folder, config["vocab_size"]),
    }
    for name, maker in makers.items():
        try:
            with contextlib.redirect_stdout(sys.stderr):  # NNCF draws its progress there
                maker()
        except Exception as error:  # whatever a library throws: the page names it
            traceback.print_exc()
            print(json.dumps({"made": name, "error": f"{type(error).__name__}: {error}"}), flush=True)
    for file in folder.glob("f32*"):  # gigabytes that nobody measures
        file.unlink()


if __name__ == "__main__":
    main()
