#!/usr/bin/env python3
"""Asks the question-answering pipeline of transformers 4, which version 5 no longer has, what answers.json says it answers.
make_task_golden.py writes that by rules of its own, because everything else of it needs version 5.

  check_qa_golden.py      # with transformers 4.57 and torch; prints how many answers are equal, exit status 1 for any that is not
"""

import json
import pathlib
import sys
import warnings

import torch
import transformers as t

MODELS = pathlib.Path(__file__).resolve().parent / "models"
NAMES = {"--window": "max_seq_len", "--stride": "doc_stride", "--top-k": "top_k", "--max-answer": "max_answer_len"}


def options_of(arguments):
    options = {"handle_impossible_answer": "--maybe-none" in arguments, "align_to_words": "--any-place" not in arguments}
    for flag, name in NAMES.items():
        if flag in arguments:
            options[name] = int(arguments[arguments.index(flag) + 1])
    return options


def same(ours, theirs):
    return len(ours) == len(theirs) and all(
        abs(a["score"] - b["score"]) < 1e-5 and (a["start"], a["end"], a["answer"]) == (b["start"], b["end"], b["answer"])
        for a, b in zip(ours, theirs)
    )


def main():
    assert t.__version__.startswith("4."), f"transformers {t.__version__} has no question answering pipeline"
    warnings.filterwarnings("ignore")
    t.logging.set_verbosity_error()
    equal, different = 0, 0
    for folder in sorted(MODELS.glob("answers*")):
        tokenizer = t.PreTrainedTokenizerFast.from_pretrained(folder, split_special_tokens=True)  # text is text
        model = t.AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()
        answerer = t.QuestionAnsweringPipeline(model=model, tokenizer=tokenizer, device="cpu")
        for case in json.loads((folder / "answers.json").read_text()):
            for line, ours in zip(case["inputs"], case["answers"]):
                theirs = answerer(question=line["question"], context=line["context"], **options_of(case["arguments"]))
                theirs = theirs if isinstance(theirs, list) else [theirs]
                if same(ours, theirs):
                    equal += 1
                    continue
                different += 1
                print(f"{folder.name} {case['arguments']} {line}\n  stored   {ours}\n  pipeline {theirs}")
    print(f"{equal} equal, {different} not, transformers {t.__version__}")
    return different > 0


if __name__ == "__main__":
    sys.exit(main())
