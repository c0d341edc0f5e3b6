// Every named way to break a model folder, each refused with a message that says what and where, within the memory that
// the bytes on disk explain.
#include <gtest/gtest.h>

#include "base/testing.h"
#include "base/text_util.h"
#include "files/allocation_meter.h"
#include "files/hostile_model.h"
#include "files/model_folder.h"

namespace bantam::testing {
namespace {

uint64_t LargestFile(const Path& folder) {
  uint64_t largest = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_symlink() && entry.is_regular_file()) largest = std::max<uint64_t>(largest, entry.file_size());
  }
  return largest;
}

std::vector<std::string> FilesIn(const Path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) names.push_back(entry.path());
  std::sort(names.begin(), names.end());
  return names;
}

void RunCase(const HostileCase& hostile) {
  SCOPED_TRACE(hostile.name);
  TempFolder temp;
  WriteValidFolder(temp.path());
  hostile.mutate(temp.path());
  const std::vector<std::string> before = FilesIn(temp.path());
  size_t peak_bytes = 0;
  const auto result = [&] {
    AllocationMeter meter;
    auto opened = OpenModelFolder(temp.path());
    peak_bytes = AllocationMeter::PeakBytes();
    return opened;
  }();
  EXPECT_LE(peak_bytes, (size_t{32} << 20) + 2 * LargestFile(temp.path()));
  EXPECT_EQ(FilesIn(temp.path()), before);
  if (hostile.message_parts.empty()) {
    EXPECT_OK(result);
    return;
  }
  ASSERT_FALSE(result.has_value());
  const std::string& message = result.error().message;
  EXPECT_TRUE(result.error().code == ErrorCode::kCorrupt || result.error().code == ErrorCode::kUnsupported ||
              result.error().code == ErrorCode::kNotFound)
      << result.error().ToString();
  EXPECT_NE(message.find(temp.path().string()), std::string::npos) << message;
  for (const std::string& part : hostile.message_parts) {
    EXPECT_NE(message.find(part), std::string::npos) << "no «" << part << "» in: " << message;
  }
  EXPECT_EQ(message.find_first_of("\n\r\x1B"), std::string::npos) << message;
  EXPECT_LE(message.size(), 1000u);
}

TEST(HostileModel, WeightFiles) {
  for (const HostileCase& hostile : WeightFileCases()) RunCase(hostile);
}
TEST(HostileModel, Shards) {
  for (const HostileCase& hostile : ShardCases()) RunCase(hostile);
}
TEST(HostileModel, JsonFiles) {
  for (const HostileCase& hostile : JsonCases()) RunCase(hostile);
}

}  // namespace
}  // namespace bantam::testing
