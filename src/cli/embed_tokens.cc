#include "cli/embed_tokens.h"

#include <fmt/format.h>

#include "base/json.h"
#include "cli/output.h"

namespace bantam::cli {
namespace {

constexpr size_t kLinesAtOnce = 64;

void AppendVectorText(std::span<const float> vector, VectorType type, const ValueRanges* ranges, std::string& out) {
  out += '[';
  if (type == VectorType::kFloat32) {
    for (size_t i = 0; i < vector.size(); ++i) {
      if (i > 0) out += ", ";
      AppendJsonNumber(vector[i], out);
    }
  } else {
    std::string bytes;
    AppendVector(vector, type, ranges, bytes);
    const bool is_signed = type == VectorType::kInt8 || type == VectorType::kBinary;
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (i > 0) out += ", ";
      out += std::to_string(is_signed ? static_cast<int>(static_cast<signed char>(bytes[i]))
                                      : static_cast<int>(static_cast<unsigned char>(bytes[i])));
    }
  }
  out += ']';
}

}  // namespace

Error InLines(Error error, size_t lines_before) {
  const std::string_view message = error.message;
  if (!message.starts_with("text ")) return error;
  size_t number = 0, used = 5;
  for (; used < message.size() && message[used] >= '0' && message[used] <= '9'; ++used) {
    number = number * 10 + static_cast<size_t>(message[used] - '0');
  }
  error.message = fmt::format("line {}{}", lines_before + number, message.substr(used));
  return error;
}

void ReportTruncated(size_t num_truncated, size_t num_lines, int max_tokens) {
  if (num_truncated == 0) return;
  fmt::print(stderr, "bantam embed: {} of {} lines were cut at {} tokens; --no-truncate refuses them\n", num_truncated,
             num_lines, max_tokens);
}

Status EmbedTokenLines(Embedder& embedder, const TextPrompt& prompt, const EmbedOptions& options, LineReader& reader) {
  const std::string& output = options.sink.output;
  if (!output.empty() || options.dimensions > 0 || !options.sink.save_ranges.empty()) {
    return Err(ErrorCode::kInvalidArgument, "{} is not for vectors of tokens, which come as JSON lines",
               !output.empty()          ? "--output"
               : options.dimensions > 0 ? "--dimensions"
                                        : "--save-ranges");
  }
  if (NeedsRanges(options.sink.type) && options.sink.ranges.empty()) {
    return Err(ErrorCode::kInvalidArgument, "vectors of tokens in {} need --ranges", options.output_type);
  }
  EndQuietlyOnClosedPipe();
  EmbedCall call;
  call.prompt = &prompt;
  call.truncate = !options.no_truncate;
  std::optional<ValueRanges> ranges;
  size_t num_lines = 0, num_truncated = 0, limit = 0;
  while (true) {
    BANTAM_TRY(const std::vector<std::string> lines, reader.Next(kLinesAtOnce));
    if (lines.empty()) break;
    auto vectors = embedder.EmbedTokens(lines, options.role, call);
    if (!vectors) return InLines(std::move(vectors).error(), num_lines);
    if (!options.sink.ranges.empty() && !ranges) {
      BANTAM_TRY(ranges, ReadRanges(options.sink.ranges, vectors->columns));
    }
    std::string out;
    for (size_t i = 0; i < lines.size(); ++i) {
      const TokenVectors::Text& text = vectors->texts[i];
      out += "{\"tokens\": [";
      for (size_t row = 0; row < text.token_ids.size(); ++row) {
        if (row > 0) out += ", ";
        out += QuoteJson(embedder.tokenizer().TokenText(text.token_ids[row]));
      }
      out += "], \"embeddings\": [";
      const std::span<const float> rows = vectors->rows(i);
      for (size_t row = 0; row < text.token_ids.size(); ++row) {
        if (row > 0) out += ", ";
        AppendVectorText(rows.subspan(row * vectors->columns, vectors->columns), options.sink.type,
                         ranges ? &*ranges : nullptr, out);
      }
      out += "]";
      if (text.truncated) {
        out += fmt::format(", \"truncated\": true, \"text_tokens\": {}", text.text_tokens);
        ++num_truncated;
        limit = text.num_tokens;
      }
      out += "}\n";
    }
    BANTAM_RETURN_IF_ERROR(Print(out));
    num_lines += lines.size();
  }
  ReportTruncated(num_truncated, num_lines, static_cast<int>(limit));
  return Ok();
}

}  // namespace bantam::cli
