// The tokenizer of a Hugging Face folder as the keys "tokenizer.ggml.*" of a GGUF file: the inverse of
// gguf_tokenizer.h. What such keys cannot say is refused by name; whoever writes a file compares the two tokenizers.
#pragma once

#include "files/gguf_writer.h"

namespace bantam::text {

// From tokenizer.json (BPE, of bytes or with a token for each byte), tokenizer_config.json and chat_template.jinja of
// `folder`. vocab_size: rows of the word table; ids without a token become unused ones.
Status PutGgufVocab(const Path& folder, int64_t vocab_size, GgufWriter& gguf);

}  // namespace bantam::text
