#include "cli/embed_sparse.h"

#include <fmt/format.h>

#include "base/json.h"
#include "cli/output.h"

namespace bantam::cli {
namespace {

constexpr size_t kLinesAtOnce = 64;

Status CheckOptions(const EmbedOptions& options) {
  const char* wrong = !options.sink.output.empty()        ? "--output"
                      : !options.sink.save_ranges.empty() ? "--save-ranges"
                      : options.dimensions > 0            ? "--dimensions"
                      : options.tokens                    ? "--tokens"
                      : options.output_type != "float32"  ? "--output-type"
                                                          : nullptr;
  if (wrong == nullptr) return Ok();
  return Err(ErrorCode::kInvalidArgument, "{} is not for weights of words, which come as JSON lines", wrong);
}

void AppendLine(const SparseVector& vector, const Tokenizer& tokenizer, std::string& out) {
  out += "{\"tokens\": [";
  for (size_t i = 0; i < vector.indices.size(); ++i) {
    if (i > 0) out += ", ";
    out += QuoteJson(tokenizer.TokenText(vector.indices[i]));
  }
  out += fmt::format("], \"indices\": [{}], \"values\": [", fmt::join(vector.indices, ", "));
  for (size_t i = 0; i < vector.values.size(); ++i) {
    if (i > 0) out += ", ";
    AppendJsonNumber(vector.values[i], out);
  }
  out += "]";
  if (vector.truncated) out += fmt::format(", \"truncated\": true, \"text_tokens\": {}", vector.text_tokens);
  out += "}\n";
}

}  // namespace

Status EmbedSparseLines(const SparseEmbedder& embedder, const TextPrompt& prompt, const EmbedOptions& options,
                        LineReader& reader) {
  BANTAM_RETURN_IF_ERROR(CheckOptions(options));
  EndQuietlyOnClosedPipe();
  const SparseOptions sparse{
      .top_k = static_cast<size_t>(options.top_k), .prompt = &prompt, .truncate = !options.no_truncate};
  size_t num_lines = 0, num_truncated = 0;
  while (true) {
    BANTAM_TRY(const std::vector<std::string> lines, reader.Next(kLinesAtOnce));
    if (lines.empty()) break;
    auto vectors = embedder.Embed(lines, sparse);
    if (!vectors) return InLines(std::move(vectors).error(), num_lines);
    std::string out;
    for (const SparseVector& vector : *vectors) {
      AppendLine(vector, *embedder.model().tokenizer, out);
      num_truncated += vector.truncated;
    }
    BANTAM_RETURN_IF_ERROR(Print(out));
    num_lines += lines.size();
  }
  ReportTruncated(num_truncated, num_lines, embedder.max_tokens());
  return Ok();
}

}  // namespace bantam::cli
