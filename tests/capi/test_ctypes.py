"""Another language binds to the shared library: Python, by ctypes alone."""

import ctypes
import json
import subprocess
import threading

import pytest

C_STRING = ctypes.c_size_t(-1)


class ModelOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("dtype", ctypes.c_int),
        ("num_threads", ctypes.c_int32),
        ("store_folder", ctypes.c_char_p),
        ("no_packed_files", ctypes.c_int32),
        ("log", ctypes.c_void_p),
        ("log_user_data", ctypes.c_void_p),
    ]


class TextInfo(ctypes.Structure):
    _fields_ = [("num_tokens", ctypes.c_uint32), ("truncated", ctypes.c_uint32)]


class Tokens(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("num_tokens", ctypes.c_size_t),
        ("ids", ctypes.POINTER(ctypes.c_int32)),
        ("offsets", ctypes.c_void_p),
        ("num_before_cut", ctypes.c_size_t),
    ]


@pytest.fixture(scope="module")
def library(shared_prefix):
    lib = ctypes.CDLL(str(shared_prefix / "lib/libbantam.so.0"))
    lib.bantam_last_error.restype = ctypes.c_char_p
    lib.bantam_model_free.argtypes = [ctypes.c_void_p]
    lib.bantam_model_tokenizer.restype = ctypes.c_void_p
    lib.bantam_model_tokenizer.argtypes = [ctypes.c_void_p]
    lib.bantam_model_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p,
                                       ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]  # fmt: skip
    lib.bantam_tokenizer_encode.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p,
                                            ctypes.c_void_p]  # fmt: skip
    return lib


@pytest.fixture(scope="module")
def model(library, model_folder):
    options = ModelOptions(struct_size=ctypes.sizeof(ModelOptions))
    handle = ctypes.c_void_p()
    status = library.bantam_model_load(str(model_folder).encode(), ctypes.byref(options), ctypes.byref(handle))
    assert status == 0, library.bantam_last_error()
    yield handle
    library.bantam_model_free(handle)


def embed(library, model, text):
    vector, info = (ctypes.c_float * 384)(), TextInfo()
    data = text.encode()
    status = library.bantam_model_embed(model, data, len(data), None, vector, 384, ctypes.byref(info))
    assert status == 0, library.bantam_last_error()
    return list(vector), info.num_tokens


def test_vectors_are_the_commands_bit_for_bit(library, model, bantam_binary, model_folder):
    text = "Where is my refund?"
    out = subprocess.run([bantam_binary, "embed", "--model", model_folder], input=text, text=True, check=True,
                         capture_output=True).stdout  # fmt: skip
    vector, num_tokens = embed(library, model, text)
    assert num_tokens == 8
    assert vector == [ctypes.c_float(value).value for value in json.loads(out)["embedding"]]


def test_tokens(library, model):
    tokens = ctypes.POINTER(Tokens)()
    text = "Where is my refund?".encode()
    own = library.bantam_model_tokenizer(model)
    assert library.bantam_tokenizer_encode(own, text, len(text), None, ctypes.byref(tokens)) == 0
    assert tokens[0].ids[: tokens[0].num_tokens] == [101, 2073, 2003, 2026, 25416, 8630, 1029, 102]
    library.bantam_tokens_free(tokens)


def test_threads_have_their_own_errors_and_share_a_model(library, model):
    expected, _ = embed(library, model, "shared")
    seen = []

    def work(number):
        handle = ctypes.c_void_p()
        status = library.bantam_model_load(f"./nowhere-{number}".encode(), None, ctypes.byref(handle))
        same = embed(library, model, "shared")[0] == expected
        seen.append((status, f"nowhere-{number}" in library.bantam_last_error().decode(), same))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(2, True, True)] * 8
