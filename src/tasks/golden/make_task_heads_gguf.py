#!/usr/bin/env python3
"""Writes the classifiers and re-rankers of models/ as GGUF files, models/NAME_gguf/, with the package `gguf`.

The answers are those of the checkpoint, so make_task_golden.py comes first. What the file does not say, the command line
does: which function the scores go through.
"""
import json
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "tests/support"))

import gguf  # noqa: E402
from gguf_models import write_classifier  # noqa: E402

NAMES = ["classes", "classes_distilbert", "multi_label", "rank_raw", "rank_xlm_roberta", "rank_modernbert"]


def function_of(config):
    """What a case is to be asked with in its place."""
    if config.get("problem_type") == "multi_label_classification":
        return ["--function", "sigmoid"]
    if config.get("sentence_transformers", {}).get("activation_fn", "").endswith("Identity"):
        return ["--function", "none"]
    return []


for name in NAMES:
    source, folder = HERE / "models" / name, HERE / "models" / f"{name}_gguf"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    limit = json.loads((source / "tokenizer_config.json").read_text())["model_max_length"]

    def more(writer):
        writer.add_context_length(limit)  # shorter than the table of positions: where the reference cuts
        # Most files say nothing of their pooling; that the tensors decide is shown by all but one.
        if name == "rank_raw":
            writer.add_pooling_type(gguf.PoolingType.RANK)

    # The checkpoints are of half precision: nothing is lost.
    write_classifier(source, folder / "model.gguf", "F16", more=more)
    config = json.loads((source / "config.json").read_text())
    cases = json.loads((source / "answers.json").read_text())
    for case in cases:
        if "--function" not in case["arguments"]:
            case["arguments"] = case["arguments"] + function_of(config)
    (folder / "answers.json").write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{folder.name}: {sum(f.stat().st_size for f in folder.iterdir()) // 1024} KB")
