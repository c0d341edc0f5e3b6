// JSON, as requests and config files bring it. What is read is written as text that reads the same; whatever is asked
// of its members is an answer or an error.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/json.h"

namespace bantam {
namespace {

bool Same(const json::value& a, const json::value& b) {
  if (a.is_double() && b.is_number()) {
    return std::abs(a.get_double() - b.to_number<double>()) <= 1e-15 * std::abs(a.get_double());
  }
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), Same);
  if (!a.is_object()) return a == b;
  return std::ranges::equal(a.get_object(), b.get_object(), [](const auto& x, const auto& y) {
    return x.key() == y.key() && Same(x.value(), y.value());
  });
}

}  // namespace
}  // namespace bantam

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bantam;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = ParseJson(text, "fuzz", {.max_depth = 32, .max_bytes = 1 << 16});
  if (!value) {
    BANTAM_CHECK(value.error().message.starts_with("fuzz"));
    return 0;
  }
  const std::string written = ToJson(*value);
  const auto again = ParseJson(written, "written");
  BANTAM_CHECK(again.has_value() && Same(*value, *again), "{} was written as {}", text, written);
  const auto object = JsonObject::From(*value, "fuzz");
  if (!object) return 0;
  for (const auto& [key, member] : value->get_object()) {
    (void)object->Int(key, INT64_MIN, INT64_MAX).has_value();
    (void)object->Int(key, 1, 64).has_value();
    (void)object->Number(key, -1e300, 1e300).has_value();
    (void)object->String(key).has_value();
    (void)object->BoolOr(key, true).has_value();
    (void)object->Array(key).has_value();
    (void)object->Object(key).has_value();
  }
  return 0;
}
