#include "trace/export_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/testing.h"

namespace bantam {
namespace {

Result<std::optional<ExportOptions>> Read(const std::string& option, std::map<std::string, std::string> variables) {
  return ReadExportOptions(option, [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
  });
}

std::string UrlOf(const std::string& option, std::map<std::string, std::string> variables) {
  const auto read = Read(option, std::move(variables));
  if (!read) return read.error().message;
  return *read ? (*read)->url : "none";
}

constexpr const char* kBase = "OTEL_EXPORTER_OTLP_ENDPOINT";
constexpr const char* kTraces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

TEST(ExportOptions, TheAddress) {
  EXPECT_EQ(UrlOf("", {}), "none");
  EXPECT_EQ(UrlOf("", {{kBase, ""}}), "none");
  EXPECT_EQ(UrlOf("http://c:4318", {}), "http://c:4318/v1/traces");
  EXPECT_EQ(UrlOf("http://c:4318/", {}), "http://c:4318/v1/traces");
  EXPECT_EQ(UrlOf("http://c:4318/v1/traces", {}), "http://c:4318/v1/traces");
  EXPECT_EQ(UrlOf("", {{kBase, "http://c/otlp/"}}), "http://c/otlp/v1/traces");
  EXPECT_EQ(UrlOf("", {{kBase, "http://c"}, {kTraces, "http://t/here"}}), "http://t/here");
  EXPECT_EQ(UrlOf("http://o", {{kBase, "http://c"}, {kTraces, "http://t"}}), "http://o/v1/traces");
  EXPECT_EQ(UrlOf("", {{kBase, "http://c"}, {"OTEL_SDK_DISABLED", "true"}}), "none");
  EXPECT_EQ(UrlOf("http://o", {{"OTEL_SDK_DISABLED", "true"}}), "http://o/v1/traces");
}

TEST(ExportOptions, AWrongAddressIsNamed) {
  EXPECT_THAT(UrlOf("collector:4318", {}), ::testing::HasSubstr("--otlp: \"collector:4318"));
  EXPECT_THAT(UrlOf("", {{kBase, "grpc://c"}}), ::testing::HasSubstr(kBase));
  EXPECT_THAT(UrlOf("http://user:secret@c", {}), ::testing::Not(::testing::HasSubstr("secret")));
}

TEST(ExportOptions, HeadersAndResource) {
  const auto read = Read("http://c", {{"OTEL_EXPORTER_OTLP_HEADERS", " api-key = a%20b%zz ,, x=1=2"},
                                      {"OTEL_RESOURCE_ATTRIBUTES", "service.name=other,host.name=h"},
                                      {"OTEL_SERVICE_NAME", "desk"},
                                      {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"}});
  ASSERT_OK(read);
  const ExportOptions& options = **read;
  EXPECT_EQ(options.headers, (HttpHeaders{{"api-key", "a b%zz"}, {"x", "1=2"}}));
  EXPECT_EQ(options.resource, (Resource{{"service.name", "desk"}, {"host.name", "h"}}));
  EXPECT_EQ(options.ca_file, "/ca.pem");
  EXPECT_EQ((*Read("http://c", {}))->resource, (Resource{{"service.name", "bantam"}}));
  const auto wrong = Read("http://c", {{"OTEL_EXPORTER_OTLP_HEADERS", "a=1,secret"}});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, ::testing::HasSubstr("OTEL_EXPORTER_OTLP_HEADERS: entry 2"));
  EXPECT_THAT(wrong.error().message, ::testing::Not(::testing::HasSubstr("secret")));
}

}  // namespace
}  // namespace bantam
