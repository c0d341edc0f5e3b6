#include "api/endpoints/endpoint.h"

#include <gtest/gtest.h>

#include <set>

#include "api/openapi_schemas.h"
#include "base/json.h"

namespace bantam {
namespace {

const Endpoint* Find(std::string_view method, std::string_view path) {
  bool other_method = false;
  return FindEndpoint(method, path, &other_method);
}

TEST(Endpoints, WorkWithAndWithoutTheirBasePath) {
  for (const Endpoint& endpoint : Endpoints()) {
    std::string path = endpoint.path;
    while (path.find('{') != std::string::npos) path.replace(path.find('{'), path.find('}') - path.find('{') + 1, "x");
    EXPECT_EQ(Find(endpoint.method, path), &endpoint) << path;
  }
  EXPECT_EQ(Find("POST", "/chat/completions"), Find("POST", "/v1/chat/completions"));
  EXPECT_EQ(Find("POST", "/v1/tokenize"), Find("POST", "/tokenize"));
  EXPECT_EQ(Find("GET", "/models/a/b:c"), Find("GET", "/v1/models/a/b:c"));
  EXPECT_EQ(Find("HEAD", "/"), Find("GET", "/"));
  EXPECT_EQ(Find("GET", "/v1/"), nullptr);
  EXPECT_EQ(Find("GET", "/v1/models/"), nullptr);
  EXPECT_EQ(Find("POST", "/v1/v1/embeddings"), nullptr);
  EXPECT_EQ(Find("POST", "/v1/v2/models/a/infer"), Find("POST", "/v2/models/a/infer"));
}

TEST(Endpoints, PathsHaveValuesInTheirMiddle) {
  const auto values = [](std::string method, std::string path) {
    HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    std::vector<std::string> copies;
    for (const std::string_view value : PathValues(request)) copies.emplace_back(value);
    return copies;
  };
  using Values = std::vector<std::string>;
  EXPECT_EQ(values("POST", "/v2/models/hf.co/a/b:Q8_0/infer"), Values{"hf.co/a/b:Q8_0"});
  EXPECT_EQ(values("POST", "/v2/models/a/b/versions/1/infer"), (Values{"a/b", "1"}));
  EXPECT_EQ(values("POST", "/v1/v2/models/a/versions/b/versions/1/infer"), (Values{"a/versions/b", "1"}));
  EXPECT_EQ(values("POST", "/v2/models/a/versions/1/2/infer"), Values{"a/versions/1/2"});
  EXPECT_EQ(values("GET", "/v2/models/a/infer"), Values{"a/infer"});
  EXPECT_EQ(values("GET", "/v1/models/a/b"), Values{"a/b"});
  EXPECT_EQ(values("GET", "/models/a"), Values{"a"});
  EXPECT_EQ(values("GET", "/v2"), Values{});
  EXPECT_EQ(Find("POST", "/v2/models//infer"), nullptr);
  EXPECT_EQ(Find("POST", "/v2/models/infer"), nullptr);
  EXPECT_EQ(Find("GET", "/v2/models/a/versions/1/ready"), Find("GET", "/v2/models/a/b/versions/2/ready"));
  EXPECT_NE(Find("GET", "/v2/models/a/versions/1/ready"), Find("GET", "/v2/models/a/ready"));
  // A path of eight KiB that nearly fits, everywhere.
  std::string long_path = "/v2/models";
  while (long_path.size() < 8000) long_path += "/versions/";
  EXPECT_EQ(Find("POST", long_path), nullptr);
}

TEST(Endpoints, TwoRowsOfOneNameKeepApart) {
  EXPECT_EQ(Find("POST", "/embed")->family, ApiFamily::kTei);
  EXPECT_EQ(Find("POST", "/v1/embed")->family, ApiFamily::kCohere);
  EXPECT_NE(Find("POST", "/rerank"), Find("POST", "/v1/rerank"));
}

TEST(Endpoints, AnotherMethodIsToldFromNoPath) {
  bool other_method = false;
  EXPECT_EQ(FindEndpoint("GET", "/api/chat", &other_method), nullptr);
  EXPECT_TRUE(other_method);
  other_method = false;
  EXPECT_EQ(FindEndpoint("GET", "/api/nothing", &other_method), nullptr);
  EXPECT_FALSE(other_method);
}

TEST(Endpoints, EveryPathHasAFamily) {
  EXPECT_EQ(FamilyOf("/api/chat"), ApiFamily::kOllama);
  EXPECT_EQ(FamilyOf("/api/delete"), ApiFamily::kOllama);
  EXPECT_EQ(FamilyOf("/api/no/such"), ApiFamily::kOllama);
  EXPECT_EQ(FamilyOf("/predict"), ApiFamily::kTei);
  EXPECT_EQ(FamilyOf("/v2/rerank"), ApiFamily::kCohere);
  EXPECT_EQ(FamilyOf("/systemone"), ApiFamily::kTypeSafe);
  EXPECT_EQ(FamilyOf("/v2"), ApiFamily::kOpenInference);
  EXPECT_EQ(FamilyOf("/v2/repository/nothing"), ApiFamily::kOpenInference);
  EXPECT_EQ(FamilyOf("/messages"), ApiFamily::kAnthropic);
  EXPECT_EQ(FamilyOf("/v1/messages/batches"), ApiFamily::kAnthropic);
  EXPECT_EQ(FamilyOf("/nothing"), ApiFamily::kOpenAi);
}

TEST(Endpoints, NameSchemasThatThereAre) {
  const auto schemas = ParseJson(OpenApiSchemas(), "schemas.json");
  ASSERT_TRUE(schemas.has_value()) << schemas.error().message;
  const json::object& known = schemas->as_object();
  std::set<std::string, std::less<>> used = {"OpenAiError",    "OllamaError",   "TeiError",           "CohereError",
                                             "AnyRerankError", "TypeSafeError", "OpenInferenceError", "AnthropicError"};
  for (const Endpoint& endpoint : Endpoints()) {
    for (const std::string_view name : {std::string_view(endpoint.request), std::string_view(endpoint.reply)}) {
      if (name.empty() || name.find('/') != std::string_view::npos) continue;
      EXPECT_TRUE(known.contains(name)) << endpoint.path << " names " << name;
      used.emplace(name);
    }
    const std::string_view method = endpoint.method;
    const std::set<std::string_view> kNoBody = {"/v1/reload", "/v1/learning/propose", "/v1/learning/promote",
                                                "/api/blobs/{digest}", "/v1/console/route-file/tests"};
    EXPECT_TRUE(method != "POST" || endpoint.request[0] != '\0' || kNoBody.contains(endpoint.path)) << endpoint.path;
  }
  const std::string_view text = OpenApiSchemas();
  for (const auto& [name, schema] : known) {
    const bool referred = text.find("#/components/schemas/" + std::string(name) + "\"") != std::string_view::npos;
    EXPECT_TRUE(referred || used.contains(std::string_view(name))) << name << " is used by nothing";
  }
}

}  // namespace
}  // namespace bantam
