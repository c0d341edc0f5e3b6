#include "text/grammar/schema_formats.h"

#include <algorithm>
#include <array>

namespace bantam::grammar {
namespace {

struct Format {
  std::string_view name, pattern;
};
#define BANTAM_DATE \
  "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
#define BANTAM_TIME "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define BANTAM_LABEL "[a-z0-9A-Z]{1,12}(-[a-z0-9A-Z]{1,12}){0,3}"
#define BANTAM_OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define BANTAM_HTTP "https?://"
#define BANTAM_HOST BANTAM_LABEL "(\\." BANTAM_LABEL "){0,4}"
#define BANTAM_EMAIL "[a-zA-Z0-9_+-]{1,32}(\\.[a-zA-Z0-9_+-]{1,16}){0,3}@" BANTAM_LABEL "(\\." BANTAM_LABEL "){1,3}"
#define BANTAM_PATH "(/[a-zA-Z0-9._~-]{0,100}){0,20}(\\?[a-zA-Z0-9._~=&-]{0,200})?(#[a-zA-Z0-9._~-]{0,100})?"
#define BANTAM_URI BANTAM_HTTP BANTAM_HOST "(:[1-9][0-9]{0,3})?" BANTAM_PATH
#define BANTAM_REFERENCE                                                                      \
  "(" BANTAM_URI "|/[a-zA-Z0-9._~-]{1,100}" BANTAM_PATH "|[a-zA-Z0-9._~-]{1,100}" BANTAM_PATH \
  "|#[a-zA-Z0-9._~-]{0,100})"
#define BANTAM_POINTER "(/([a-zA-Z0-9._ -]|~[01]){0,100}){0,20}"
#define BANTAM_REGEX_PART "([a-zA-Z0-9 _,:;@/-]|\\\\[dDwWsS.]|\\.|\\[\\^?(a-z|A-Z|0-9){1,3}\\])[*+?]?"
// Fewer texts than each format has, none that is not of it: no 29th of February, no leap second, eight groups in IPv6,
// no "--" in a host's name.
constexpr std::array kFormats{
    Format{"date", BANTAM_DATE},
    Format{"time", BANTAM_TIME},
    Format{"date-time", BANTAM_DATE "T" BANTAM_TIME},
    Format{"duration",
           "P([0-9]{1,4}W|[0-9]{1,4}D|[0-9]{1,4}Y([0-9]{1,2}M([0-9]{1,2}D)?)?|[0-9]{1,4}M([0-9]{1,2}D)?|([0-9]{1,4}D)?"
           "T([0-9]{1,4}H([0-9]{1,2}M([0-9]{1,2}S)?)?|[0-9]{1,4}M([0-9]{1,2}S)?|[0-9]{1,4}S))"},
    Format{"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
    Format{"ipv4", BANTAM_OCTET "(\\." BANTAM_OCTET "){3}"},
    Format{"ipv6", "[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){7}"},
    Format{"hostname", BANTAM_HOST},
    Format{"email", BANTAM_EMAIL},
    Format{"uri", BANTAM_URI},
    Format{"idn-hostname", BANTAM_HOST},
    Format{"idn-email", BANTAM_EMAIL},
    Format{"iri", BANTAM_URI},
    Format{"uri-reference", BANTAM_REFERENCE},
    Format{"iri-reference", BANTAM_REFERENCE},
    Format{"uri-template",
           BANTAM_HTTP BANTAM_HOST "(/([a-zA-Z0-9._~-]{1,100}|\\{[a-zA-Z][a-zA-Z0-9_]{0,30}\\})){0,20}"},
    Format{"json-pointer", BANTAM_POINTER},
    Format{"relative-json-pointer", "(0|[1-9][0-9]{0,3})(#|" BANTAM_POINTER ")"},
    Format{"regex", "\\^?(" BANTAM_REGEX_PART "|\\((" BANTAM_REGEX_PART "){1,20}\\)[*+?]?){1,50}\\$?"},
    // Not of JSON Schema, but written by OpenAPI's tools.
    Format{"byte", "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"},
    Format{"binary", "[^]*"},
    Format{"password", "[^]*"},
};
#undef BANTAM_HTTP
#undef BANTAM_HOST
#undef BANTAM_EMAIL
#undef BANTAM_PATH
#undef BANTAM_URI
#undef BANTAM_REFERENCE
#undef BANTAM_POINTER
#undef BANTAM_REGEX_PART
#undef BANTAM_DATE
#undef BANTAM_TIME
#undef BANTAM_LABEL
#undef BANTAM_OCTET

// Of OpenAPI: bounds of numbers. All that are written are doubles; without an exponent, they are floats.
struct NumberFormat {
  std::string_view name;
  json::value least, most;
};
const std::array kNumberFormats{
    NumberFormat{"int8", INT8_MIN, INT8_MAX},    NumberFormat{"int16", INT16_MIN, INT16_MAX},
    NumberFormat{"int32", INT32_MIN, INT32_MAX}, NumberFormat{"int64", INT64_MIN, INT64_MAX},
    NumberFormat{"uint8", 0, UINT8_MAX},         NumberFormat{"uint16", 0, UINT16_MAX},
    NumberFormat{"uint32", 0, UINT32_MAX},       NumberFormat{"uint64", 0, UINT64_MAX},
    NumberFormat{"float", nullptr, nullptr},     NumberFormat{"double", nullptr, nullptr},
};

}  // namespace

std::optional<std::string_view> PatternOfFormat(std::string_view format) {
  const auto at = std::ranges::find(kFormats, format, &Format::name);
  return at == kFormats.end() ? std::nullopt : std::optional(at->pattern);
}

bool AddNumberFormat(std::string_view format, NumberRules& rules) {
  const auto at = std::ranges::find(kNumberFormats, format, &NumberFormat::name);
  if (at == kNumberFormats.end()) return false;
  if (at->least.is_null()) {
    rules.exponents &= format != "float";
    return true;
  }
  rules.bounds.push_back({*Decimal::From(at->least), false, false});
  rules.bounds.push_back({*Decimal::From(at->most), false, true});
  return true;
}

std::string KnownFormats() {
  std::string out;
  for (const Format& format : kFormats) out += fmt::format("{}{}", out.empty() ? "" : ", ", format.name);
  for (const NumberFormat& format : kNumberFormats) out += fmt::format(", {}", format.name);
  return out;
}

}  // namespace bantam::grammar
