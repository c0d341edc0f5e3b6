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

// The cases whose names begin so.
void RunCases(std::string_view prefix) {
  size_t ran = 0;
  for (const auto& cases : {WeightFileCases(), ShardCases(), JsonCases()}) {
    for (const HostileCase& hostile : cases) {
      if (!hostile.name.starts_with(prefix)) continue;
      RunCase(hostile);
      ++ran;
    }
  }
  EXPECT_GT(ran, 0u) << "no case is called " << prefix;
}

TEST(HostileFolder, Valid) { RunCases("valid/"); }
TEST(HostileFolder, F38_HeaderLength) { RunCases("F-38/"); }
TEST(HostileFolder, F39_HeaderText) { RunCases("F-39/"); }
TEST(HostileFolder, F40_HeaderDepthAndSize) { RunCases("F-40/"); }
TEST(HostileFolder, F41_DuplicateKeys) { RunCases("F-41/"); }
TEST(HostileFolder, F44_ShapesTypesAndRanges) { RunCases("F-44/"); }
TEST(HostileFolder, F45_Metadata) { RunCases("F-45/"); }
TEST(HostileFolder, F46_ShardsOutsideTheFolder) { RunCases("F-46/"); }
TEST(HostileFolder, F47_ShardsThatAreNotThere) { RunCases("F-47/"); }
TEST(HostileFolder, F50_DeepConfig) { RunCases("F-50/"); }
TEST(HostileFolder, F51_CodeReferencesAreIgnored) { RunCases("valid/F-51"); }
TEST(HostileFolder, F52_Config) { RunCases("F-52/"); }
TEST(HostileFolder, F61_OtherFormats) { RunCases("F-61/"); }
TEST(HostileFolder, Modules) { RunCases("modules/"); }
TEST(HostileFolder, Pooling) { RunCases("pooling/"); }
TEST(HostileFolder, Prompts) { RunCases("prompts/"); }

}  // namespace
}  // namespace bantam::testing
