#!/usr/bin/env python3
"""Makes tiny random models with heads and tokenizers, and what the real pipelines of transformers and the CrossEncoder of
sentence-transformers answer with them. tests/cli/test_tasks.py asks bantam the same.

Each folder has a model as save_pretrained writes it and answers.json: a list of {"task", "arguments" (of the command line),
"inputs" (its lines), "answers"}. Extractive question answering has left the pipelines of transformers 5: here its rules are
written down once more, over the real model and the real tokenizer's windows.

  make_task_golden.py [NAME ...]      # all of them without a name
"""
import json
import pathlib
import random
import shutil
import sys
import tempfile
import warnings

import numpy as np
import torch
import transformers as t
from sentence_transformers import CrossEncoder, SparseEncoder
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sparse_encoder.modules import SpladePooling
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent

WORDS = """parcel refund invoice delivery address order account password payment card late broken missing arrived yesterday
tomorrow customer service please cancel change return label printer Berlin London Müller Ada Lovelace Grace Hopper works at
the in of and was born to is a company engine wrote first program notes machine where who when what why how my your our""".split()
TEXTS = [
    "Where is my parcel?", "I want my money back, now!", "Ada Lovelace was born in London.", "", " ", "a", "?",
    "Grace Hopper wrote the first compiler; Ada Lovelace wrote the first program.",
    "Müller's naïve café costs 12.50 € — déjà vu?", "我想要退款，包裹在哪里？", "包裹 parcel 退款 refund", "日本語のテキスト",
    "the 👩‍👩‍👧 family 😀😀 emoji", "e\u0301 combining and \u200bzero width", "UPPER lower MiXeD", "tabs\tand   spaces  ",
    "don't can't won't it's", "[MASK] is no mask here", "<s> neither </s> [SEP] [CLS]", "12345 67890 3.14159 1e-5",
    "http://example.com/a?b=c&d=e", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]


def long_text(count, seed):
    source = random.Random(seed)
    words = [source.choice(WORDS) + source.choice(["", "", "", ",", "."]) for _ in range(count)]
    return " ".join(words)


def some_texts():
    return TEXTS + [long_text(n, n) for n in (3, 9, 17, 40)]


CORPUS = TEXTS + [long_text(60, 100 + n) for n in range(40)]


WITH_TYPES = ["input_ids", "token_type_ids", "attention_mask"]


def word_piece(limit):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False))
    ids = {token: tokenizer.token_to_id(token) for token in special}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    tokenizer.decoder = decoders.WordPiece()
    return t.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=limit, unk_token="[UNK]", pad_token="[PAD]",
                                     cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", model_input_names=WITH_TYPES)


def byte_level(limit):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=420, special_tokens=special, show_progress=False,
                                                              initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return t.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=limit, unk_token="<unk>", pad_token="<pad>",
                                     cls_token="<s>", sep_token="</s>", bos_token="<s>", eos_token="</s>",
                                     mask_token=t.AddedToken("<mask>", lstrip=True, special=True),
                                     model_input_names=["input_ids", "attention_mask"])


def unigram(limit):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=260, special_tokens=special, unk_token="[UNK]",
                                                                  show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.decoder = decoders.Metaspace()
    return t.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=limit, unk_token="[UNK]", pad_token="[PAD]",
                                     cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", model_input_names=WITH_TYPES)


def word_piece_without_types(limit):
    tokenizer = word_piece(limit)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return tokenizer


def byte_level_brackets(limit):
    """As ModernBERT's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=420, special_tokens=special, show_progress=False,
                                                              initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.decoder = decoders.ByteLevel()
    return t.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=limit, unk_token="[UNK]", pad_token="[PAD]",
                                     cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
                                     model_input_names=["input_ids", "attention_mask"])


def sentence_piece(limit):
    """As XLM-RoBERTa's, without its map of characters."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=260, special_tokens=special, unk_token="<unk>",
                                                                  show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.decoder = decoders.Metaspace()
    return t.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=limit, unk_token="<unk>", pad_token="<pad>",
                                     cls_token="<s>", sep_token="</s>", bos_token="<s>", eos_token="</s>", mask_token="<mask>",
                                     model_input_names=["input_ids", "attention_mask"])


SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, hidden_dropout_prob=0.0,
             attention_probs_dropout_prob=0.0)
DEBERTA = dict(relative_attention=True, position_buckets=8, max_relative_positions=-1, pos_att_type="p2c|c2p", type_vocab_size=0,
               norm_rel_ebd="layer_norm", share_att_key=True, position_biased_input=False)


def labelled(names):
    return dict(id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)})


def write_model(name, make_tokenizer, config_class, model_class, limit=64, positions=80, extra=None, std=0.25, **options):
    folder = HERE / "models" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer = make_tokenizer(limit)
    config = config_class(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, max_position_embeddings=positions,
                          **{**SIZES, **options})
    torch.manual_seed(sum(map(ord, name)))
    model = model_class._from_config(config).eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            if p.dim() == 1 and "bias" not in key:
                p.uniform_(0.5, 1.5)
            else:
                p.normal_(0, 0.3 if "bias" in key else std)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    path = folder / "config.json"
    stored = json.loads(path.read_text())
    stored.pop("transformers_version", None)
    stored.update(extra or {})
    path.write_text(json.dumps(stored, indent=1) + "\n")
    return folder


def tokenizer_of(folder, special=False):
    """special: whether "[SEP]" in a text is that token. With bantam a text never holds special tokens, but for masks."""
    return t.AutoTokenizer.from_pretrained(folder, split_special_tokens=not special)


def pipe(folder, task, **options):
    """The real pipeline, in f32."""
    tokenizer = tokenizer_of(folder, special=task == "fill-mask")
    return t.pipeline(task, model=str(folder), tokenizer=tokenizer, dtype=torch.float32, device="cpu", **options)


def write_answers(folder, cases):
    (folder / "answers.json").write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")) + "\n")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{folder.name}: {size // 1024} KB, {sum(len(c['inputs']) for c in cases)} answers")


def classified(folder, inputs, **options):
    classifier = pipe(folder, "text-classification", top_k=None)
    return [classifier({"text": i} if isinstance(i, str) else {"text": i[0], "text_pair": i[1]}, truncation=True, **options)
            for i in inputs]


# The pipeline takes an empty second text for none at all.
PAIRS = [[a, b] for a, b in zip(some_texts(), reversed(some_texts())) if b] + [["short", long_text(90, 1)], [long_text(90, 2), "short"],
                                                                         [long_text(90, 3), long_text(70, 4)]]


def make_classes():
    folder = write_model("classes", word_piece, t.BertConfig, t.BertForSequenceClassification,
                         **labelled(["complaint", "praise", "question"]))
    inputs = some_texts() + [long_text(200, 7)]
    write_answers(folder, [
        {"task": "classify", "arguments": ["--top-k", "0"], "inputs": inputs, "answers": classified(folder, inputs)},
        {"task": "classify", "arguments": ["--top-k", "0", "--function", "none"], "inputs": inputs[:8],
         "answers": classified(folder, inputs[:8], function_to_apply="none")},
        {"task": "classify", "arguments": ["--top-k", "0"], "inputs": PAIRS, "answers": classified(folder, PAIRS)},
    ])


def make_multi_label():
    folder = write_model("multi_label", byte_level, t.RobertaConfig, t.RobertaForSequenceClassification, type_vocab_size=1,
                         problem_type="multi_label_classification", **labelled(["joy", "anger", "fear", "surprise"]))
    inputs = some_texts()
    write_answers(folder, [
        {"task": "classify", "arguments": ["--top-k", "0"], "inputs": inputs, "answers": classified(folder, inputs)},
        {"task": "classify", "arguments": ["--top-k", "0", "--function", "softmax"], "inputs": PAIRS,
         "answers": classified(folder, PAIRS, function_to_apply="softmax")},
    ])


def ranked(folder, queries):
    encoder = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32},
                           processor_kwargs={"split_special_tokens": True})
    return [[{"index": r["corpus_id"], "score": float(r["score"])} for r in encoder.rank(q, documents)] for q, documents in queries]


def plain_texts(folder):
    """Unigram's own pieces may spell a special token, which split_special_tokens then still makes of a text; bantam does not."""
    special = t.AutoTokenizer.from_pretrained(folder).all_special_tokens
    return [x for x in some_texts() if x.strip() and not any(token in x for token in special)]


def rank_cases(folder, without=None):
    documents = [x for x in plain_texts(folder) if x != without] + [long_text(150, 11)]
    queries = [["where is my parcel?", documents], ["退款", documents[:9]], [long_text(30, 12), documents[5:]]]
    lines = [{"query": q, "documents": d} for q, d in queries]
    return [{"task": "rerank", "arguments": [], "inputs": lines, "answers": ranked(folder, queries)}]


def make_rank_raw():
    folder = write_model("rank_raw", word_piece, t.BertConfig, t.BertForSequenceClassification, num_labels=1,
                         extra={"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.1.0"}})
    write_answers(folder, rank_cases(folder))


def make_rank_sigmoid():
    folder = write_model("rank_sigmoid", unigram, t.DebertaV2Config, t.DebertaV2ForSequenceClassification, num_labels=1, **DEBERTA)
    write_answers(folder, rank_cases(folder))


def make_rank_xlm_roberta():
    folder = write_model("rank_xlm_roberta", sentence_piece, t.XLMRobertaConfig, t.XLMRobertaForSequenceClassification, num_labels=1,
                         type_vocab_size=1)
    # Many cuts of a run of one letter have the same score: which is taken, libraries decide differently.
    write_answers(folder, rank_cases(folder, without=next(x for x in TEXTS if x.startswith("aaaa"))))


def make_rank_modernbert():
    folder = write_model("rank_modernbert", byte_level_brackets, t.ModernBertConfig, t.ModernBertForSequenceClassification,
                         num_labels=1, num_hidden_layers=3, local_attention=16, classifier_pooling="mean")
    write_answers(folder, rank_cases(folder))


def make_classes_distilbert():
    folder = write_model("classes_distilbert", word_piece_without_types, t.DistilBertConfig, t.DistilBertForSequenceClassification,
                         hidden_dim=48, **labelled(["complaint", "praise", "question"]))
    inputs = some_texts() + [long_text(200, 7)]
    write_answers(folder, [
        {"task": "classify", "arguments": ["--top-k", "0"], "inputs": inputs, "answers": classified(folder, inputs)},
        {"task": "classify", "arguments": ["--top-k", "0"], "inputs": PAIRS, "answers": classified(folder, PAIRS)},
    ])


def make_inference():
    folder = write_model("inference", unigram, t.DebertaV2Config, t.DebertaV2ForSequenceClassification, **DEBERTA,
                         **labelled(["entailment", "neutral", "contradiction"]))
    texts = plain_texts(folder) + [long_text(120, 21)]
    labels = ["delivery", "money back", "praise", "日本"]
    cases = []
    zero_shot = pipe(folder, "zero-shot-classification")
    for arguments, options in ([], {}), (["--multi-label"], {"multi_label": True}), \
            (["--template", "All of it is about {}!"], {"hypothesis_template": "All of it is about {}!"}):
        answers = [zero_shot(text, labels, **options) for text in texts]
        cases.append({"task": "classify", "arguments": ["--top-k", "0", "--labels", ",".join(labels), *arguments], "inputs": texts,
                      "answers": [[{"label": x, "score": s} for x, s in zip(a["labels"], a["scores"])] for a in answers]})
    one = [zero_shot(text, ["delivery"]) for text in texts]
    cases.append({"task": "classify", "arguments": ["--top-k", "0", "--labels", "delivery"], "inputs": texts,
                  "answers": [[{"label": x, "score": s} for x, s in zip(a["labels"], a["scores"])] for a in one]})
    write_answers(folder, cases)


def tag_cases(folder, texts):
    cases = []
    for strategy in "none", "simple", "first", "average", "max":
        tagger = pipe(folder, "token-classification", aggregation_strategy=strategy)
        answers = [tagger(text) for text in texts]
        cases.append({"task": "tag", "arguments": ["--aggregation", strategy], "inputs": texts, "answers": answers})
    long_ones = [long_text(n, n) for n in (50, 90, 200)] + [" ".join(TEXTS)]
    for strategy, stride in ("simple", 8), ("first", 0), ("average", 20), ("max", 31):
        tagger = pipe(folder, "token-classification", aggregation_strategy=strategy, stride=stride)
        answers = [tagger(text) for text in long_ones]
        cases.append({"task": "tag", "arguments": ["--aggregation", strategy, "--stride", str(stride)], "inputs": long_ones,
                      "answers": answers})
    for case in cases:
        for answer in case["answers"]:
            for entity in answer:
                entity["score"] = float(entity["score"])
                entity["start"], entity["end"] = int(entity["start"]), int(entity["end"])
    return cases


NAMES = labelled(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


def short_texts(folder):
    """Those that fit: the pipeline cuts longer ones, bantam reads them in windows."""
    tokenizer = tokenizer_of(folder)
    return [x for x in some_texts() if len(tokenizer(x)["input_ids"]) <= 64]


def make_names():
    folder = write_model("names", word_piece, t.BertConfig, t.BertForTokenClassification, **NAMES)
    write_answers(folder, tag_cases(folder, short_texts(folder)))


def make_names_byte_level():
    folder = write_model("names_byte_level", byte_level, t.RobertaConfig, t.RobertaForTokenClassification, type_vocab_size=1, **NAMES)
    write_answers(folder, tag_cases(folder, short_texts(folder)))


def make_masked():
    folder = write_model("masked", word_piece, t.BertConfig, t.BertForMaskedLM)
    fill_cases(folder, "[MASK]")


def make_masked_byte_level():
    folder = write_model("masked_byte_level", byte_level, t.RobertaConfig, t.RobertaForMaskedLM, type_vocab_size=1)
    fill_cases(folder, "<mask>")


def fill_cases(folder, mask):
    texts = [x.format(mask) for x in ("Where is my {}?", "{0}", "the {0} of {0} and {0}.", "包裹在{}里？", "😀 {} 😀", "a{}b {}".replace("{}", "{0}"),
                                      "  {0}  spaces")]
    filler = pipe(folder, "fill-mask")
    cases = []
    for arguments, options in ([], {}), (["--top-k", "3"], {"top_k": 3}), (["--targets", "parcel,refund,zebra"],
                                                                            {"targets": ["parcel", "refund", "zebra"]}):
        answers = [filler(text, **options) for text in texts]
        answers = [a if isinstance(a[0], list) else [a] for a in answers]
        cases.append({"task": "fill-mask", "arguments": arguments, "inputs": texts, "answers": answers})
    write_answers(folder, cases)


def sparse_model(name, make_tokenizer, config_class, model_class, pooling, activation, **options):
    """A SparseEncoder as sentence-transformers saves it; its answers are weights by token id."""
    folder = write_model(name, make_tokenizer, config_class, model_class, std=0.15, **options)
    transformer = Transformer(str(folder), transformer_task="fill-mask", model_kwargs={"dtype": torch.float32},
                              processor_kwargs={"split_special_tokens": True})
    encoder = SparseEncoder(modules=[transformer, SpladePooling(pooling, activation)], device="cpu",
                            prompts={"query": "where: ", "document": ""})
    with tempfile.TemporaryDirectory() as saved:
        encoder.save_pretrained(saved)
        for part in "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "1_SpladePooling/config.json":
            (folder / part).parent.mkdir(exist_ok=True)
            shutil.copy(pathlib.Path(saved) / part, folder / part)
    texts = [x for x in some_texts() if "\n" not in x] + [long_text(90, 41)]
    cases = []
    for arguments, call in ([], {}), (["--top-k", "5"], {"max_active_dims": 5}), (["--prompt-name", "query"], {"prompt_name": "query"}):
        vectors = encoder.encode(texts, convert_to_sparse_tensor=False, **call)
        answers = [{int(i): round(float(v[i]), 5) for i in v.nonzero()[:, 0]} for v in vectors]
        cases.append({"task": "embed", "arguments": arguments, "inputs": texts, "answers": answers})
    write_answers(folder, cases)


def make_sparse():
    sparse_model("sparse", word_piece, t.BertConfig, t.BertForMaskedLM, "max", "relu")


def make_sparse_sum():
    sparse_model("sparse_sum", byte_level, t.RobertaConfig, t.RobertaForMaskedLM, "sum", "log1p_relu", type_vocab_size=1)


class Answerer:
    """Extractive question answering as transformers 4 did it."""

    def __init__(self, folder):
        self.tokenizer = tokenizer_of(folder)
        self.model = t.AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()

    def windows(self, question, context, max_seq_len, doc_stride):
        return self.tokenizer(question, context, truncation="only_second", max_length=max_seq_len, stride=doc_stride,
                              return_overflowing_tokens=True, return_offsets_mapping=True)

    def best_spans(self, encoding, i, wanted, max_answer_len):
        names = [n for n in self.tokenizer.model_input_names if n in encoding]
        with torch.no_grad():
            out = self.model(**{n: torch.tensor([encoding[n][i]]) for n in names})
        allowed = np.array([s == 1 for s in encoding.sequence_ids(i)])
        allowed |= np.array(encoding["input_ids"][i]) == self.tokenizer.cls_token_id
        start, end = (np.where(allowed, x[0].numpy(), -10000.0) for x in (out.start_logits, out.end_logits))
        start, end = (np.exp(x - x.max()) / np.exp(x - x.max()).sum() for x in (start, end))
        no_answer = float(start[0] * end[0])
        start[0] = end[0] = 0
        scores = np.tril(np.triu(np.outer(start, end)), max_answer_len - 1)
        order = np.argsort(-scores, axis=None, kind="stable")[:wanted]
        spans = [(*np.unravel_index(o, scores.shape), float(scores.flat[o])) for o in order]
        return [(s, e, p) for s, e, p in spans if s > 0 and allowed[s] and allowed[e] and p > 0], no_answer

    def __call__(self, question, context, top_k=1, max_seq_len=64, doc_stride=None, max_answer_len=15, none=False, words=True):
        doc_stride = min(max_seq_len // 2, 128) if doc_stride is None else doc_stride
        encoding = self.windows(question, context, max_seq_len, doc_stride)
        answers, nulls = [], []
        for i in range(len(encoding["input_ids"])):
            spans, no_answer = self.best_spans(encoding, i, 2 * top_k + 10 if words else top_k, max_answer_len)
            nulls.append(no_answer)
            for s, e, score in spans:
                window = encoding[i] if hasattr(encoding[i], "token_to_word") else encoding.encodings[i]
                begin, stop = encoding["offset_mapping"][i][s][0], encoding["offset_mapping"][i][e][1]
                if words:
                    begin = window.word_to_chars(window.token_to_word(int(s)), sequence_index=1)[0]
                    stop = window.word_to_chars(window.token_to_word(int(e)), sequence_index=1)[1]
                text = context[begin:stop]
                same = next((a for a in answers if a["answer"].lower() == text.lower()), None)
                if same:
                    same["score"] += score
                else:
                    answers.append({"score": score, "start": begin, "end": stop, "answer": text})
        if none:
            answers.append({"score": min(nulls), "start": 0, "end": 0, "answer": ""})
        return sorted(answers, key=lambda a: a["score"], reverse=True)[:top_k]


def qa_cases(folder):
    answerer = Answerer(folder)
    contexts = [x for x in some_texts() if x.strip() and x != "?"] + [long_text(100, 31), long_text(300, 32)]
    questions = ["Who wrote the first program?", "where?", "退款？", "What was it that Ada Lovelace wrote?"]
    lines = [{"question": questions[i % len(questions)], "context": c} for i, c in enumerate(contexts)]
    cases = []
    for arguments, options in ((["--window", "64"], {}), (["--window", "64", "--top-k", "4"], {"top_k": 4}),
                               (["--window", "48", "--stride", "10", "--top-k", "3", "--maybe-none"],
                                {"max_seq_len": 48, "doc_stride": 10, "top_k": 3, "none": True}),
                               (["--window", "64", "--any-place", "--max-answer", "5", "--top-k", "2"],
                                {"words": False, "max_answer_len": 5, "top_k": 2})):
        if "--stride" not in arguments:
            arguments, options = arguments + ["--stride", "20"], {**options, "doc_stride": 20}
        answers = [answerer(x["question"], x["context"], **options) for x in lines]
        cases.append({"task": "qa", "arguments": arguments, "inputs": lines, "answers": answers})
    return cases


def make_answers():
    folder = write_model("answers", word_piece, t.BertConfig, t.BertForQuestionAnswering)
    write_answers(folder, qa_cases(folder))


def make_answers_byte_level():
    folder = write_model("answers_byte_level", byte_level, t.RobertaConfig, t.RobertaForQuestionAnswering, type_vocab_size=1)
    write_answers(folder, qa_cases(folder))


MAKERS = {f.__name__[5:]: f for f in (make_classes, make_multi_label, make_rank_raw, make_rank_sigmoid, make_rank_xlm_roberta,
                                      make_rank_modernbert, make_classes_distilbert, make_inference, make_names,
                                      make_names_byte_level, make_masked, make_masked_byte_level, make_answers,
                                      make_answers_byte_level, make_sparse, make_sparse_sum)}

warnings.filterwarnings("ignore")
torch.set_num_threads(1)  # the same sums on every machine
t.logging.set_verbosity_error()
t.utils.logging.disable_progress_bar()
for model_name, maker in MAKERS.items():
    if len(sys.argv) == 1 or model_name in sys.argv[1:]:
        maker()
