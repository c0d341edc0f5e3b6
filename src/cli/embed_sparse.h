// The part of `bantam embed` that gives weights of words.
#pragma once

#include "cli/embed_tokens.h"
#include "tasks/sparse_embed.h"

namespace bantam::cli {

// JSON lines on standard output.
Status EmbedSparseLines(const SparseEmbedder& embedder, const TextPrompt& prompt, const EmbedOptions& options,
                        LineReader& reader);

}  // namespace bantam::cli
