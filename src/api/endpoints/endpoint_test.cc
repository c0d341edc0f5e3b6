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
    const std::string path = std::string(endpoint.path) + (endpoint.Has(kPrefix) ? "x" : "");
    EXPECT_EQ(Find(endpoint.method, path), &endpoint) << path;
  }
  EXPECT_EQ(Find("POST", "/chat/completions"), Find("POST", "/v1/chat/completions"));
  EXPECT_EQ(Find("POST", "/v1/tokenize"), Find("POST", "/tokenize"));
  EXPECT_EQ(Find("GET", "/models/a/b:c"), Find("GET", "/v1/models/a/b:c"));
  EXPECT_EQ(Find("HEAD", "/"), Find("GET", "/"));
  EXPECT_EQ(Find("GET", "/v1/"), nullptr);
  EXPECT_EQ(Find("GET", "/v1/models/"), nullptr);
  EXPECT_EQ(Find("POST", "/v1/v1/embeddings"), nullptr);
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
  EXPECT_EQ(FamilyOf("/messages"), ApiFamily::kAnthropic);
  EXPECT_EQ(FamilyOf("/v1/messages/batches"), ApiFamily::kAnthropic);
  EXPECT_EQ(FamilyOf("/nothing"), ApiFamily::kOpenAi);
}

TEST(Endpoints, NameSchemasThatThereAre) {
  const auto schemas = ParseJson(OpenApiSchemas(), "schemas.json");
  ASSERT_TRUE(schemas.has_value()) << schemas.error().message;
  const json::object& known = schemas->as_object();
  std::set<std::string, std::less<>> used = {"OpenAiError",    "OllamaError",   "TeiError",      "CohereError",
                                             "AnyRerankError", "TypeSafeError", "AnthropicError"};
  for (const Endpoint& endpoint : Endpoints()) {
    for (const std::string_view name : {std::string_view(endpoint.request), std::string_view(endpoint.reply)}) {
      if (name.empty() || name.find('/') != std::string_view::npos) continue;
      EXPECT_TRUE(known.contains(name)) << endpoint.path << " names " << name;
      used.emplace(name);
    }
    const std::string_view method = endpoint.method;
    const std::set<std::string_view> kNoBody = {"/v1/reload", "/v1/learning/propose", "/v1/learning/promote"};
    const bool takes_nothing = endpoint.Has(kPrefix) || kNoBody.contains(endpoint.path);
    EXPECT_TRUE(method != "POST" || endpoint.request[0] != '\0' || takes_nothing) << endpoint.path;
  }
  const std::string_view text = OpenApiSchemas();
  for (const auto& [name, schema] : known) {
    const bool referred = text.find("#/components/schemas/" + std::string(name) + "\"") != std::string_view::npos;
    EXPECT_TRUE(referred || used.contains(std::string_view(name))) << name << " is used by nothing";
  }
}

}  // namespace
}  // namespace bantam
