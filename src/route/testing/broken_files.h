// For tests only: what a database file may turn into between two runs, and whether it was put aside.
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "base/testing.h"

namespace bantam::testing {

struct Breakage {
  const char* name;
  std::function<void(const Path& file)> apply;  // to a closed, healthy file
  bool moved_aside = true;
};

inline std::string Slurp(const Path& file) { return ReadFile(file).value_or(""); }
inline void Spit(const Path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::vector<Breakage> Breakages() {
  const auto edit = [](std::function<void(std::string&)> change) {
    return [change](const Path& file) {
      std::string bytes = Slurp(file);
      change(bytes);
      Spit(file, bytes);
    };
  };
  return {
      {"cut in the middle of a page", edit([](std::string& b) { b.resize(b.size() / 2 + 100); })},
      {"cut to ten bytes", edit([](std::string& b) { b.resize(10); })},
      {"first page zero", edit([](std::string& b) { std::fill(b.begin(), b.begin() + 4096, '\0'); })},
      {"second page zero", edit([](std::string& b) { std::fill(b.begin() + 4096, b.begin() + 8192, '\0'); })},
      {"second page noise", edit([](std::string& b) {
         for (size_t i = 4096; i < 8192; ++i) b[i] = static_cast<char>(i * 2654435761u >> 13);
       })},
      {"text", [](const Path& f) { Spit(f, "hello, this is no database\n"); }},
      {"another program's",
       [](const Path& f) {
         std::string bytes = Slurp(f);
         bytes.replace(68, 4, "abcd");  // application_id in the header
         Spit(f, bytes);
       }},
      {"from a newer version",
       [](const Path& f) {
         std::string bytes = Slurp(f);
         bytes.replace(60, 4, std::string("\0\0\0\x63", 4));  // user_version
         Spit(f, bytes);
       }},
      {"a folder", [](const Path& f) { std::filesystem::remove(f), std::filesystem::create_directory(f); }},
      {"a FIFO", [](const Path& f) { std::filesystem::remove(f), ::mkfifo(f.c_str(), 0600); }},
      {"empty", [](const Path& f) { Spit(f, ""); }, false},
      {"gone, its WAL still there",
       [](const Path& f) {
         std::filesystem::remove(f);
         Spit(f.string() + "-wal", std::string(100'000, 'w'));
       },
       false},
      {"with a WAL of noise", [](const Path& f) { Spit(f.string() + "-wal", std::string(100'000, 'w')); }, false},
  };
}

inline int CountMovedAside(const Path& file) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(file.parent_path())) {
    const std::string name = entry.path().filename().string();
    count += name.starts_with(file.filename().string() + ".corrupt-") && !name.ends_with("-wal");
  }
  return count;
}

}  // namespace bantam::testing
