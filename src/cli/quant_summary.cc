#include "cli/quant_summary.h"

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

}  // namespace

std::string QuantSummary(const json::object& report) {
  static const json::object kNone;
  const auto part = [&](std::string_view key) -> const json::object& {
    const json::value* value = report.if_contains(key);
    return value != nullptr && value->is_object() ? value->get_object() : kNone;
  };
  const json::object &before = part("before"), &after = part("after");
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

}  // namespace bantam::cli
