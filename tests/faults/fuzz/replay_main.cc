// Runs a fuzz target without libFuzzer: over every file of a folder, and over seeded mutations of them.
//   sse_fuzz CORPUS [MUTATIONS]     sse_fuzz FILE
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "base/file_io.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace bantam {
namespace {

void Run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::string Mutate(std::string bytes, const std::vector<std::string>& corpus, std::mt19937& random) {
  const auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
  for (size_t edits = 1 + below(4); edits > 0; --edits) {
    const size_t at = below(bytes.size() + 1);
    switch (below(6)) {
      case 0:
        if (!bytes.empty()) bytes[below(bytes.size())] = static_cast<char>(random());
        break;
      case 1:
        bytes.resize(at);
        break;
      case 2:
        bytes.erase(at, below(16));
        break;
      case 3:
        bytes.insert(at, 1 + below(3), static_cast<char>(random()));
        break;
      case 4: {  // a part of another file
        const std::string& other = corpus[below(corpus.size())];
        const size_t from = below(other.size());
        bytes.insert(at, other, from, below(80));
        break;
      }
      default: {  // a byte that means something to the format
        static constexpr std::string_view kBytes = "\n\r:{}[]\",0 9\\\x80\xFF";
        bytes.insert(at, 1, kBytes[below(kBytes.size())]);
      }
    }
  }
  return bytes;
}

int Main(int argc, char** argv) {
  if (argc < 2) return 64;
  std::vector<Path> files;
  if (std::filesystem::is_directory(argv[1])) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry.path());
  } else {
    files.emplace_back(argv[1]);
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const Path& file : files) {
    auto bytes = ReadFile(file);
    if (!bytes) {
      std::fprintf(stderr, "%s\n", bytes.error().message.c_str());
      return 1;
    }
    corpus.push_back(*std::move(bytes));
    Run(corpus.back());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no files in %s\n", argv[1]);
    return 1;
  }
  const int mutations = argc > 2 ? std::atoi(argv[2]) : 0;
  std::mt19937 random(4);
  for (int i = 0; i < mutations; ++i) Run(Mutate(corpus[random() % corpus.size()], corpus, random));
  std::printf("%zu files, %d mutations\n", corpus.size(), mutations);
  return 0;
}

}  // namespace
}  // namespace bantam

int main(int argc, char** argv) { return bantam::Main(argc, argv); }
