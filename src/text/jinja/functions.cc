// Global functions.
#include <locale.h>
#include <time.h>

#include "base/text_util.h"
#include "text/jinja/callables.h"
#include "text/jinja/operations.h"

namespace bantam::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;  // as in Jinja's sandbox

Result<Value> Range(Call& call) {
  BANTAM_TRY(const int64_t first, IntArgument(call, 0, 0));
  BANTAM_TRY(const int64_t second, IntArgument(call, 1, 0));
  BANTAM_TRY(const int64_t step, IntArgument(call, 2, 1));
  const bool has_begin = call.Given(1) != nullptr;
  const int64_t begin = has_begin ? first : 0, end = has_begin ? second : first;
  if (step == 0) return Err(ErrorCode::kInvalidArgument, "the step must not be 0");
  const int64_t distance = step > 0 ? end - begin : begin - end;
  const int64_t stride = step > 0 ? step : -step;
  const int64_t count = distance <= 0 ? 0 : (distance - 1) / stride + 1;
  if (count > kMaxRange) {
    return Err(ErrorCode::kTooLarge, "range: {} numbers are more than the limit, {}", count, kMaxRange);
  }
  std::vector<Value> items;
  for (int64_t i = 0; i < count; ++i) items.emplace_back(Int{begin + i * step});
  BANTAM_TRY(List* const list, call.heap.NewList(ListKind::kRange, std::move(items)));
  return Value(list);
}

Status SetAll(Call& call, Dict& dict) {
  for (const Value& each : call.positional) {
    const auto* other = If<Dict*>(each);
    if (other == nullptr) return Err(ErrorCode::kInvalidArgument, "needs a dict, not {}", TypeName(each));
    for (const Dict::Entry& entry : (*other)->entries()) {
      BANTAM_RETURN_IF_ERROR(call.heap.Set(dict, entry.key, entry.value));
    }
  }
  for (const NamedValue& each : call.named) {
    BANTAM_TRY(const Value key, each.Key(call.heap));
    BANTAM_RETURN_IF_ERROR(call.heap.Set(dict, key, each.value));
  }
  return Ok();
}

Result<Value> MakeNamespace(Call& call) {
  BANTAM_TRY(Namespace* const names, call.heap.NewNamespace());
  BANTAM_RETURN_IF_ERROR(SetAll(call, names->attributes));
  return Value(names);
}

Result<Value> MakeDict(Call& call) {
  BANTAM_TRY(Dict* const dict, call.heap.NewDict());
  BANTAM_RETURN_IF_ERROR(SetAll(call, *dict));
  return Value(dict);
}

Result<Value> RaiseException(Call& call) {
  BANTAM_TRY(const TextRef message, TextArgument(call, 0));
  return Err(ErrorCode::kInvalidArgument, "the template refuses these messages: {}",
             EscapeForTerminal(message->view(), 500));
}

}  // namespace

std::span<const Callable> Functions() {
  static constexpr Callable kTable[] = {
      {"dict", MakeDict, {}, 0, true},
      {"namespace", MakeNamespace, {}, 0, true},
      {"raise_exception", RaiseException, {"message"}, 1},
      {"range", Range, {"start", "stop", "step"}, 1},
      {"strftime_now", FormatTime, {"format"}, 1},
  };
  return kTable;
}

Result<Value> FormatTime(Call& call) {
  BANTAM_TRY(const MarkedText* const format, StringArgument(call, 0));
  if (format->view().find('\0') != std::string_view::npos) {
    return Err(ErrorCode::kInvalidArgument, "the format holds a zero byte");
  }
  if (format->size() > 1000) return Err(ErrorCode::kTooLarge, "strftime_now: a format of more than 1000 bytes");
  if (format->empty()) return call.heap.Text("");
  // strftime() returns 0 both for "too small" and for nothing; the extra character tells them apart.
  const std::string padded = std::string(format->view()) + "|";
  std::string out(16'384, '\0');
  static const locale_t kEnglish = ::newlocale(LC_ALL_MASK, "C", nullptr);  // whatever the host program has set
  const size_t length = ::strftime_l(out.data(), out.size(), padded.c_str(), &call.machine.time, kEnglish);
  if (length == 0) return Err(ErrorCode::kInvalidArgument, "the format gives too long a text");
  out.resize(length - 1);
  return call.heap.Text(MarkedText(std::move(out), !format->content().empty()));
}

}  // namespace bantam::jinja
