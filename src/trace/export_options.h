// Where spans go: the address that an option names, or the variables that programs with OpenTelemetry share.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/http_client.h"
#include "trace/otlp_json.h"

namespace bantam {

struct ExportOptions {
  std::string url = {};                       // of traces
  HttpHeaders headers = {};                   // of the operator's: may hold a key, never printed
  Resource resource = {};                     // "service.name" among it
  std::string ca_file = {};                   // PEM; "": the system's certificates
  std::chrono::milliseconds timeout{10'000};  // of one request
};

// "": not set.
using ReadVariable = std::function<std::string(const char* name)>;
std::string ReadEnvironment(const char* name);

// Nothing where neither the option nor a variable names a collector. kInvalidArgument names the option or variable.
//
//   --otlp URL, OTEL_EXPORTER_OTLP_ENDPOINT   a collector; /v1/traces follows, unless the option ends so already
//   OTEL_EXPORTER_OTLP_TRACES_ENDPOINT        the whole address; goes before the other variable
//   OTEL_EXPORTER_OTLP[_TRACES]_HEADERS       name=value,...: sent with every request
//   OTEL_EXPORTER_OTLP[_TRACES]_CERTIFICATE   a file of certificates to trust
//   OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
//   OTEL_SDK_DISABLED=true                    no variable counts
Result<std::optional<ExportOptions>> ReadExportOptions(const std::string& option, const ReadVariable& variable);

}  // namespace bantam
