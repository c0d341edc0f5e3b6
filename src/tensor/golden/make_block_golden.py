"""Blocks of every quantised type of GGUF with the values that the Python package `gguf` gives for them: random bytes, and scales that are
zero, negative, subnormal, large, infinite or not a number.

blocks.bin, for each type: its name in 8 bytes, the number of blocks (u32), the bytes of a block (u32), its elements (u32), the
blocks, their values (f32).
"""

from pathlib import Path

import gguf
import numpy

HALVES = {  # where a block keeps its 16-bit floats
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2],
    "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
}
SCALES = numpy.array([1.0, -1.0, 0.0, -0.0, 6e-8, -6e-8, 5.9e-5, 6.1e-5, 0.0123, -0.377, 65504, -65504, numpy.inf, numpy.nan],
                     dtype=numpy.float16)
ELEMENTS = 14 * 256  # of the longest blocks: one of each scale


def main():
    random = numpy.random.default_rng(20261125)
    out = bytearray()
    for name, halves in HALVES.items():
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (max(len(SCALES), ELEMENTS // elements // 4), size), dtype=numpy.uint8)
        for row, block in enumerate(blocks):
            for number, at in enumerate(halves):
                if row < len(SCALES):
                    scale = SCALES[(row + 3 * number) % len(SCALES)]
                else:
                    scale = numpy.float16(random.normal() * 10.0 ** random.integers(-6, 3))
                block[at : at + 2] = numpy.array([scale]).view(numpy.uint8)
        with numpy.errstate(invalid="ignore"):
            values = gguf.quants.dequantize(blocks, kind)
        assert values.shape == (len(blocks), elements) and values.dtype == numpy.float32
        out += name.encode().ljust(8, b"\0") + numpy.array([len(blocks), size, elements], dtype="<u4").tobytes()
        out += blocks.tobytes() + values.tobytes()
    (Path(__file__).parent / "blocks.bin").write_bytes(out)


main()
