// For tests only: where the real data sets and the real model are, and what to do when they are not there.
//
//   BANTAM_REQUIRE_DATA(path, "intent-clinc150/clinc150_full.jsonl");   // Path; or a named skip, a failure in CI
//   BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/paths.h"

namespace bantam::testing {

// $BANTAM_TEST_DATA, else ../shared/data beside the repository (tests run in its root).
inline Path TestDataFolder() {
  const char* variable = std::getenv("BANTAM_TEST_DATA");
  return variable != nullptr && *variable != '\0' ? Path(variable) : Path("../shared/data");
}

inline bool InCi() {
  const char* ci = std::getenv("CI");
  return ci != nullptr && std::string_view(ci) == "true";
}

// A fresh folder that the destructor removes.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bantam-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const Path& path() const { return path_; }
  Path operator/(std::string_view name) const { return path_ / name; }

 private:
  Path path_;
};

}  // namespace bantam::testing

#define BANTAM_REQUIRE_FILE(variable, candidate)                            \
  const ::bantam::Path variable = (candidate);                              \
  if (!std::filesystem::exists(variable)) {                                 \
    if (::bantam::testing::InCi()) FAIL() << "missing in CI: " << variable; \
    GTEST_SKIP() << "missing: " << variable;                                \
  }                                                                         \
  static_assert(true)
#define BANTAM_REQUIRE_DATA(variable, name) BANTAM_REQUIRE_FILE(variable, ::bantam::testing::TestDataFolder() / (name))
#define BANTAM_REQUIRE_MODEL(variable, name) \
  BANTAM_REQUIRE_FILE(variable, ::bantam::ModelsFolder().value_or(".") / (name))

// ASSERT_OK(result): fails the test with the error's message.
#define ASSERT_OK(expression)                                             \
  do {                                                                    \
    const auto& bantam_ok_ = (expression);                                \
    ASSERT_TRUE(bantam_ok_.has_value()) << bantam_ok_.error().ToString(); \
  } while (false)
#define EXPECT_OK(expression)                                             \
  do {                                                                    \
    const auto& bantam_ok_ = (expression);                                \
    EXPECT_TRUE(bantam_ok_.has_value()) << bantam_ok_.error().ToString(); \
  } while (false)
// ASSERT_OK_AND_ASSIGN(auto x, F())
#define ASSERT_OK_AND_ASSIGN(declaration, ...)                         \
  auto BANTAM_CONCAT(bantam_assigned_, __LINE__) = (__VA_ARGS__);      \
  ASSERT_TRUE(BANTAM_CONCAT(bantam_assigned_, __LINE__).has_value())   \
      << BANTAM_CONCAT(bantam_assigned_, __LINE__).error().ToString(); \
  declaration = *std::move(BANTAM_CONCAT(bantam_assigned_, __LINE__))
