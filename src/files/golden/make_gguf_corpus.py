"""Small GGUF files, written by the format's own Python package: what the reader's tests and its fuzzer begin with."""

from pathlib import Path

import gguf
import numpy

FOLDER = Path("src/files/fuzz/gguf_corpus")
random = numpy.random.default_rng(20261125)


def write(name, fill, **options):
    writer = gguf.GGUFWriter(str(FOLDER / name), "bert", **options)
    fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def values(*shape):
    return random.standard_normal(shape).astype(numpy.float32)


def every_type(writer):
    for kind in gguf.GGMLQuantizationType:
        try:
            data = gguf.quants.quantize(values(2, 256), kind)
        except NotImplementedError:
            elements, size = gguf.GGML_QUANT_SIZES[kind]
            data = random.integers(0, 256, (2, 256 // elements * size), dtype=numpy.uint8)
        if kind.name in READ:
            writer.add_tensor(f"blk.0.{kind.name}.weight", data, raw_dtype=kind)
    writer.add_tensor("ids", numpy.arange(6, dtype=numpy.int32).reshape(2, 3))


READ = ("F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS").split()


def metadata(writer):
    writer.add_uint8("a.u8", 1)
    writer.add_int8("a.i8", -1)
    writer.add_uint16("a.u16", 2)
    writer.add_int16("a.i16", -2)
    writer.add_uint32("a.u32", 3)
    writer.add_int32("a.i32", -3)
    writer.add_uint64("a.u64", 4)
    writer.add_int64("a.i64", -4)
    writer.add_float32("a.f32", 0.5)
    writer.add_float64("a.f64", 0.25)
    writer.add_bool("a.bool", True)
    writer.add_string("a.string", "text \u00e4")
    writer.add_array("a.ints", [1, 2, 3])
    writer.add_array("a.strings", ["one", "", "three"])
    writer.add_array("a.nested", [[1, 2], [3]])


def vocabulary(writer):
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", "\u2581a", "b"])
    writer.add_token_scores([0.0, 0.0, 0.0, -1.0, -2.0])
    writer.add_token_types([2, 3, 3, 1, 1])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{{ messages }}")


def aligned(writer):
    writer.add_custom_alignment(64)
    writer.add_tensor("a", values(3))
    writer.add_tensor("b", values(5, 2))


def three_tensors(writer):
    for name in ("a", "b", "c"):
        writer.add_tensor(name, values(4))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.gguf"):
        old.unlink()
    write("every_type.gguf", every_type)
    write("metadata.gguf", metadata)
    write("vocabulary.gguf", vocabulary)
    write("aligned.gguf", aligned)
    write("split.gguf", three_tensors, split_max_tensors=1)


main()
