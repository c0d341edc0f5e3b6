#include "trace/export_options.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/log.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr std::string_view kPath = "/v1/traces";

std::string WithPath(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url.ends_with(kPath) ? url : url.append(kPath);
}

std::string_view Trimmed(std::string_view text) {
  constexpr const char* kSpace = " \t";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// "%20": a space. What is no such triple stays as it is.
std::string PercentDecoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// "a=1,b=2". Values may be secret: an error tells the place alone.
Result<HttpHeaders> ReadPairs(std::string_view text, const char* variable) {
  HttpHeaders pairs;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = Trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return Err(ErrorCode::kInvalidArgument, "{}: entry {} is not NAME=VALUE; write NAME=VALUE,NAME=VALUE", variable,
                 number);
    }
    pairs.emplace_back(Trimmed(pair.substr(0, equals)), PercentDecoded(Trimmed(pair.substr(equals + 1))));
  }
  return pairs;
}

struct Named {
  const char* name;  // of the option or variable
  std::string value;
};

// The first that is set; an empty value is as good as none.
Named FirstSet(std::initializer_list<const char*> names, const ReadVariable& variable) {
  for (const char* name : names) {
    if (std::string value = variable(name); !value.empty()) return {name, std::move(value)};
  }
  return {*names.begin(), ""};
}

Named Address(const std::string& option, const ReadVariable& variable) {
  if (!option.empty()) return {"--otlp", WithPath(option)};
  if (variable("OTEL_SDK_DISABLED") == "true") return {"--otlp", ""};
  Named named = FirstSet({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"}, variable);
  if (!named.value.empty() && named.name == std::string_view("OTEL_EXPORTER_OTLP_ENDPOINT")) {
    while (named.value.ends_with('/')) named.value.pop_back();
    named.value += kPath;
  }
  return named;
}

// What a platform sets for all its programs is no reason not to start; it is one to say what will be missing.
void WarnOfProtocol(const ReadVariable& variable) {
  const Named protocol = FirstSet({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}, variable);
  if (protocol.value.empty() || protocol.value == "http/json") return;
  Log(LogLevel::kWarning, "{} is {}: spans are sent as http/json, which a collector takes at its port for HTTP (4318)",
      protocol.name, EscapeForTerminal(protocol.value));
}

void AddServiceName(const ReadVariable& variable, Resource& resource) {
  constexpr std::string_view kServiceName = "service.name";
  const std::string name = variable("OTEL_SERVICE_NAME");
  const auto same = std::ranges::find(resource, kServiceName, &Resource::value_type::first);
  if (same == resource.end()) {
    resource.insert(resource.begin(), {std::string(kServiceName), name.empty() ? "bantam" : name});
  } else if (!name.empty()) {
    same->second = name;
  }
}

}  // namespace

std::string ReadEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::optional<ExportOptions>> ReadExportOptions(const std::string& option, const ReadVariable& variable) {
  Named address = Address(option, variable);
  if (address.value.empty()) return std::optional<ExportOptions>();
  if (const auto origin = OriginOf(address.value); !origin) {
    return Err(origin.error().code, "{}: {}", address.name, origin.error().message);
  }
  WarnOfProtocol(variable);
  ExportOptions options{.url = std::move(address.value)};
  const Named headers = FirstSet({"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"}, variable);
  BANTAM_TRY(options.headers, ReadPairs(headers.value, headers.name));
  constexpr const char* kAttributes = "OTEL_RESOURCE_ATTRIBUTES";
  BANTAM_TRY(options.resource, ReadPairs(variable(kAttributes), kAttributes));
  AddServiceName(variable, options.resource);
  options.ca_file =
      FirstSet({"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"}, variable).value;
  return std::optional(std::move(options));
}

}  // namespace bantam
