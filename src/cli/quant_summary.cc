#include "cli/quant_summary.h"

#include <map>
#include <optional>

#include "base/text_util.h"
#include "cli/output.h"

namespace bantam::cli {
namespace {

std::optional<double> Number(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::string Text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? EscapeForTerminal(std::string_view(value->get_string())) : "";
}

std::string Format(const std::optional<double>& number, bool bytes) {
  if (!number) return "";
  return bytes ? HumanBytes(static_cast<uint64_t>(std::max(*number, 0.0))) : fmt::format("{:.2f}", *number);
}

const json::object& Part(const json::object& object, std::string_view key) {
  static const json::object kNone;
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

}  // namespace

std::string QuantSummary(const json::object& report) {
  const json::object &before = Part(report, "before"), &after = Part(report, "after");
  const std::string type = Text(report, "type");
  std::vector<std::vector<std::string>> rows = {{"", "original", type}};
  const auto row = [&](std::string title, std::string_view key, bool bytes) {
    std::string a = Format(Number(before, key), bytes), b = Format(Number(after, key), bytes);
    if (!a.empty() || !b.empty()) rows.push_back({std::move(title), std::move(a), std::move(b)});
  };
  row("file", "file_bytes", true);
  row("memory", "memory_bytes", true);
  row("ms, 16 tokens", "ms_16_tokens", false);
  row("ms, 128 tokens", "ms_128_tokens", false);
  const std::string metric = Text(report, "metric");
  if (!metric.empty()) row(metric + ", %", "metric", false);
  std::string out = AlignColumns(rows, {1, 2}) + "\n";

  std::vector<std::pair<std::string, std::string>> fields;
  if (const auto drop = Number(report, "drop")) {
    const auto limit = Number(report, "max_drop");
    fields.emplace_back("drop",
                        fmt::format("{:.2f} points{}", *drop, limit ? fmt::format(" (at most {:g})", *limit) : ""));
  }
  const auto mean = Number(report, "cosine_mean"), minimum = Number(report, "cosine_min");
  if (mean && minimum) fields.emplace_back("cosine", fmt::format("{:.4f} mean, {:.4f} least", *mean, *minimum));
  const auto texts = Number(report, "texts");
  const std::string data = Text(report, "data");
  if (texts)
    fields.emplace_back("measured on", fmt::format("{:.0f} texts of {}", *texts, data.empty() ? "ours" : data));
  std::string kept;
  if (const json::value* list = report.if_contains("kept"); list != nullptr && list->is_array()) {
    for (const json::value& name : list->get_array()) {
      if (!name.is_string()) continue;
      kept += (kept.empty() ? "" : "\n") + EscapeForTerminal(std::string_view(name.get_string()));
    }
  }
  fields.emplace_back("kept higher", kept.empty() ? "nothing" : kept);
  if (const auto threads = Number(report, "threads")) {
    fields.emplace_back("machine", fmt::format("{}, {:.0f} threads", Text(report, "isa"), *threads));
  }
  return out + AlignFields(fields);
}

std::string DecoderQuantSummary(const json::object& report) {
  const json::object &before = Part(report, "before"), &after = Part(report, "after");
  std::vector<std::vector<std::string>> rows = {
      {"", "original", Text(report, "type")},
      {"tensors", Format(Number(report, "bytes_before"), true), Format(Number(report, "bytes_after"), true)}};
  for (const auto& [title, key] :
       {std::pair("perplexity", "perplexity"), std::pair("prompt, tokens/s", "prefill_tokens_per_s"),
        std::pair("generate, tokens/s", "decode_tokens_per_s")}) {
    std::string a = Format(Number(before, key), false), b = Format(Number(after, key), false);
    if (!a.empty() || !b.empty()) rows.push_back({title, std::move(a), std::move(b)});
  }
  std::map<std::string, int> counts;
  if (const json::value* list = report.if_contains("matrices"); list != nullptr && list->is_array()) {
    for (const json::value& matrix : list->get_array()) {
      if (matrix.is_object()) ++counts[Text(matrix.get_object(), "type")];
    }
  }
  std::string formats;
  for (const auto& [name, count] : counts) {
    formats += fmt::format("{}{} x {}", formats.empty() ? "" : ", ", count, name);
  }
  std::vector<std::pair<std::string, std::string>> fields = {
      {"bits a weight", Format(Number(report, "bits_per_weight"), false)}, {"matrices", formats}};
  if (const auto rise = Number(report, "rise")) {
    const auto limit = Number(report, "max_rise");
    fields.emplace_back("rise", fmt::format("{:.2f} %{}", *rise, limit ? fmt::format(" (at most {:g})", *limit) : ""));
  }
  const auto mean = Number(report, "kl_mean"), p99 = Number(report, "kl_p99");
  if (mean && p99) {
    fields.emplace_back("divergence", fmt::format("{:.5f} nats a token on average (Kullback-Leibler), one in a hundred "
                                                  "above {:.4f}",
                                                  *mean, *p99));
  }
  if (const auto same = Number(report, "same_top")) {
    fields.emplace_back("same first choice", fmt::format("{:.2f} % of the tokens", 100 * *same));
  }
  const std::string text = Text(report, "text");
  if (const auto tokens = Number(report, "tokens")) {
    fields.emplace_back("measured on",
                        fmt::format("{:.0f} tokens of {}", *tokens, text.empty() ? "our sentences" : text));
  }
  if (const auto threads = Number(report, "threads")) {
    fields.emplace_back("machine", fmt::format("{}, {:.0f} threads", Text(report, "isa"), *threads));
  }
  if (const json::value* rounded = report.if_contains("rounded_before");
      rounded != nullptr && rounded->is_bool() && rounded->get_bool()) {
    fields.emplace_back("mind", "the original's weights were rounded to blocks before: errors add up");
  }
  return AlignColumns(rows, {1, 2}) + "\n" + AlignFields(fields);
}

}  // namespace bantam::cli
