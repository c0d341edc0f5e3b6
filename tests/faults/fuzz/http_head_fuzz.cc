// The head of a request. What is accepted has one reading: no second length, no coding beside a length, nothing in a
// name or value that could end a line.
#include <cstddef>
#include <cstdint>

#include "api/request_head.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bantam;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  IsLoopbackHost(HostOfHeader(bytes), {"example.com"});
  RequestHead head;
  const auto problem = ParseRequestHead(std::string(bytes) + "\r\n\r\n", head);
  if (problem) {
    BANTAM_CHECK(problem->status >= 400 && problem->status < 600 && !problem->message.empty());
    return 0;
  }
  BANTAM_CHECK(!head.method.empty() && (head.path.starts_with('/') || head.path == "*"));
  BANTAM_CHECK(!(head.chunked && head.content_length.has_value()));
  BANTAM_CHECK(head.headers.size() <= kMaxHeaders && size <= kMaxHeadBytes);
  size_t lengths = 0, codings = 0, hosts = 0;
  for (const auto& [name, value] : head.headers) {
    BANTAM_CHECK(name.find_first_of(std::string_view("\r\n\0: \t", 6)) == std::string::npos && !name.empty());
    BANTAM_CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    lengths += name == "content-length";
    codings += name == "transfer-encoding";
    hosts += name == "host";
  }
  BANTAM_CHECK(lengths <= 1 && codings <= 1 && hosts <= 1 && lengths + codings <= 1);
  return 0;
}
