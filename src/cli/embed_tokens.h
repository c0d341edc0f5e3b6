// The part of `bantam embed` that gives a vector for each token.
#pragma once

#include <string>

#include "cli/line_reader.h"
#include "cli/vector_sink.h"
#include "tasks/embed.h"

namespace bantam::cli {

struct EmbedOptions {
  std::string model = "all-MiniLM-L6-v2";
  std::string prompt_name, prompt, input_type;
  bool has_prompt = false;
  PromptChoice::Role role = PromptChoice::Role::kNone;
  int dimensions = 0;
  bool no_truncate = false;
  bool tokens = false;
  bool sparse = false;
  int top_k = 0;  // of weights of words; 0: all
  std::string output_type = "float32";
  VectorSinkOptions sink;
};

// JSON lines on standard output; a matrix of one row a line there is none.
Status EmbedTokenLines(Embedder& embedder, const TextPrompt& prompt, const EmbedOptions& options, LineReader& reader);

// "text 3" of a part of the input is line 259 of all.
Error InLines(Error error, size_t lines_before);

// To standard error, if there were any: never silent, in a matrix nothing else tells.
void ReportTruncated(size_t num_truncated, size_t num_lines, int max_tokens);

}  // namespace bantam::cli
