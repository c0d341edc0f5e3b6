// Who is let in, who is not, and how often.
#include "api/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/base64.h"
#include "base/testing.h"

namespace bantam {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::TempFolder;

HttpRequest With(std::string header, std::string value, std::string id = "1") {
  HttpRequest request;
  request.path = "/v1/embeddings";
  request.request_id = std::move(id);
  request.headers.emplace_back(std::move(header), std::move(value));
  return request;
}
HttpRequest Bearer(const std::string& key, std::string id = "1") {
  return With("authorization", "Bearer " + key, std::move(id));
}

ApiKey Key(const std::string& name, const std::string& secret) { return {.name = name, .sha256 = Sha256Of(secret)}; }

TEST(ApiKeys, CallersAreKeptApartByWhateverHeaderTheySend) {
  EXPECT_EQ(CallerOf(HttpRequest()), "");
  EXPECT_EQ(CallerOf(Bearer("one")), "Bearer one");
  EXPECT_EQ(CallerOf(With("x-api-key", "one")), "one");
  EXPECT_EQ(CallerOf(With("api-key", "two")), "two");
}

TEST(ApiKeys, AKeyIsTakenFromEveryHeaderThatClientsUse) {
  ApiKeys keys({Key("a", "one"), Key("b", "two")});
  for (const char* secret : {"one", "two"}) {
    EXPECT_OK(keys.Admit(Bearer(secret), false).status);
    EXPECT_OK(keys.Admit(With("authorization", std::string("bearer   ") + secret), false).status);
    EXPECT_OK(keys.Admit(With("x-api-key", secret), false).status);
    EXPECT_OK(keys.Admit(With("api-key", secret), false).status);
    std::string pair = "anybody:" + std::string(secret), basic = "Basic ";
    AppendBase64(std::as_bytes(std::span(pair)), basic);
    EXPECT_OK(keys.Admit(With("authorization", basic), false).status);
  }
}

TEST(ApiKeys, AllElseIsRefused) {
  ApiKeys keys({Key("a", "one")});
  EXPECT_EQ(keys.Admit(HttpRequest(), false).status.error().code, ErrorCode::kUnauthenticated);
  for (const char* secret : {"", "on", "onee", "One", "two", "one "}) {
    const auto verdict = keys.Admit(Bearer(secret), false);
    ASSERT_FALSE(verdict.status) << secret;
    EXPECT_EQ(verdict.status.error().code, ErrorCode::kUnauthenticated);
    EXPECT_EQ(verdict.status.error().message.find("onee"), std::string::npos)
        << "what was sent may be somebody's secret";
  }
  for (const char* value : {"Basic one", "Basic b25l", "Basic ", "Bearer", "Basic b25lOg==", "one"}) {
    EXPECT_FALSE(keys.Admit(With("authorization", value), false).status) << value;
  }
}

TEST(ApiKeys, ManagementTakesAnAdmin) {
  ApiKey admin = Key("root", "two");
  admin.admin = true;
  ApiKeys keys({Key("a", "one"), admin});
  EXPECT_EQ(keys.Admit(Bearer("one"), true).status.error().code, ErrorCode::kForbidden);
  EXPECT_OK(keys.Admit(Bearer("two"), true).status);
  EXPECT_OK(keys.Admit(Bearer("two"), false).status);
}

TEST(ApiKeys, SoManyAMinute) {
  ApiKey key = Key("a", "one");
  key.requests_per_minute = 3;
  ApiKeys keys({key, Key("b", "two")});
  MonotonicTime now = MonotonicNow();
  for (int i = 0; i < 3; ++i) EXPECT_OK(keys.Admit(Bearer("one"), false, now).status);
  const auto refused = keys.Admit(Bearer("one"), false, now);
  ASSERT_FALSE(refused.status);
  EXPECT_EQ(refused.status.error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(refused.retry_after_s, 20);
  EXPECT_OK(keys.Admit(Bearer("two"), false, now).status);  // another key has its own count
  now += 19s;
  EXPECT_FALSE(keys.Admit(Bearer("one"), false, now).status);
  now += 2s;
  EXPECT_OK(keys.Admit(Bearer("one"), false, now).status);
  EXPECT_FALSE(keys.Admit(Bearer("one"), false, now).status);
  // A minute's worth at most is saved up. A key of the same name in a new file goes on with its count.
  now += 3600s;
  for (int i = 0; i < 2; ++i) EXPECT_OK(keys.Admit(Bearer("one"), false, now).status);
  keys.Replace({key});
  EXPECT_OK(keys.Admit(Bearer("one"), false, now).status);
  EXPECT_FALSE(keys.Admit(Bearer("one"), false, now).status);
  EXPECT_FALSE(keys.Admit(Bearer("two"), false, now).status) << "it is in the file no more";
}

TEST(ApiKeys, SoManyAtOnce) {
  ApiKey key = Key("a", "one");
  key.concurrent = 2;
  ApiKeys keys({key});
  EXPECT_OK(keys.Admit(Bearer("one", "1"), false).status);
  EXPECT_OK(keys.Admit(Bearer("one", "2"), false).status);
  EXPECT_EQ(keys.Admit(Bearer("one", "3"), false).status.error().code, ErrorCode::kOverloaded);
  keys.Finished(Bearer("one", "3"));  // it was never let in
  EXPECT_FALSE(keys.Admit(Bearer("one", "4"), false).status);
  keys.Finished(Bearer("one", "1"));
  keys.Finished(Bearer("one", "1"));
  EXPECT_OK(keys.Admit(Bearer("one", "5"), false).status);
  EXPECT_FALSE(keys.Admit(Bearer("one", "6"), false).status);
}

class KeyFile : public ::testing::Test {
 protected:
  Result<std::vector<ApiKey>> Read(const std::string& text) {
    std::ofstream(path_) << text;
    return ReadApiKeys(path_);
  }
  TempFolder temp_;
  Path path_ = temp_.path() / "keys.yaml";
};

TEST_F(KeyFile, WhatIsWrittenIsRead) {
  ApiKey first = Key("web site", "one"), second = Key("ops", "two");
  second.admin = true;
  second.requests_per_minute = 60;
  second.concurrent = 4;
  ASSERT_OK_AND_ASSIGN(const auto keys, Read("keys:\n" + ApiKeyEntry(first) + ApiKeyEntry(second)));
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].name, "web site");
  EXPECT_EQ(keys[0].sha256, first.sha256);
  EXPECT_FALSE(keys[0].admin);
  EXPECT_TRUE(keys[1].admin);
  EXPECT_EQ(keys[1].requests_per_minute, 60);
  EXPECT_EQ(keys[1].concurrent, 4);
}

TEST_F(KeyFile, MistakesAreNamedWithTheirPlace) {
  const std::string hash = HexOf(Sha256Of("one"));
  const std::pair<std::string, std::string> cases[] = {
      {"", "the file of keys"},
      {"keys: []\n", "nobody could ask"},
      {"keys:\n  - name: a\n", "sha256"},
      {"keys:\n  - sha256: \"" + hash + "\"\n", "name"},
      {"keys:\n  - name: a\n    sha256: my-secret-key\n", "64 hexadecimal digits"},
      {"keys:\n  - name: a\n    sha256: \"" + hash + "\"\n    role: god\n", "role"},
      {"keys:\n  - name: a\n    sha256: \"" + hash + "\"\n    rpm: 3\n", "rpm"},
      {"keys:\n  - name: a\n    sha256: \"" + hash + "\"\n  - name: a\n    sha256: \"" + hash + "\"\n", "second key"},
  };
  for (const auto& [text, part] : cases) {
    const auto keys = Read(text);
    ASSERT_FALSE(keys) << text;
    EXPECT_EQ(keys.error().code, ErrorCode::kBadConfig);
    EXPECT_THAT(keys.error().message, HasSubstr(part));
    EXPECT_THAT(keys.error().message, HasSubstr("keys.yaml"));
    EXPECT_EQ(keys.error().message.find("my-secret-key"), std::string::npos) << "a secret may have been written there";
  }
  EXPECT_THAT(ReadApiKeys(temp_.path() / "none").error().message, HasSubstr("bantam key new"));
}

}  // namespace
}  // namespace bantam
