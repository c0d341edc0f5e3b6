#include "files/model_stamp.h"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "base/sha256.h"

namespace bantam {
namespace {

std::string StampOfFile(const Path& file, std::string_view name) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return {};
  return fmt::format("{} {} {} {} {}.{:09}\n", name, info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

}  // namespace

std::string ModelStamp(const Path& model) {
  std::error_code ec;
  if (!std::filesystem::is_directory(model, ec)) return StampOfFile(model, "");
  std::vector<std::string> lines;
  auto entry = std::filesystem::recursive_directory_iterator(model, ec);
  for (; !ec && entry != std::filesystem::recursive_directory_iterator(); entry.increment(ec)) {
    const Path name = entry->path().lexically_relative(model);
    std::error_code ignored;
    if (entry->is_directory(ignored)) {
      if (name == "packed") entry.disable_recursion_pending();
      continue;
    }
    lines.push_back(StampOfFile(entry->path(), name.string()));
  }
  std::ranges::sort(lines);
  std::string all;
  for (const std::string& line : lines) all += line;
  return all.empty() ? all : Sha256Hex(all);
}

}  // namespace bantam
