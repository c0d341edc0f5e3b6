// Configurations of other programs as route files. What has no counterpart here is named, place by place, never dropped
// silently: it is for the caller to refuse, or to tell.
//
//   BANTAM_TRY(const Imported imported, ImportRouteFile(ImportSource::kRasa, files, "desk"));
//   if (!imported.losses.empty()) ...
//   WriteRouteFile(imported.draft)
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "route/import/route_file_draft.h"
#include "route/yaml_reader.h"

namespace bantam {

// rasa: nlu, domain and rules, in one file or several. semantic-router: what RouteLayer.to_file() writes, YAML or JSON.
// litellm: a proxy's config.yaml.
enum class ImportSource { kRasa, kSemanticRouter, kLiteLlm };

struct Imported {
  RouteFileDraft draft;
  std::vector<std::string> losses;  // `domain.yml:14:5: the form "booking" ...`
};

// kBadConfig for files that are not what they are said to be. An empty name: "assistant".
Result<Imported> ImportRouteFile(ImportSource source, std::span<const Path> files, const std::string& name);

// One file that is read, and where what it cannot give is noted. Internal to this folder.
class ImportReader {
 public:
  ImportReader(const YamlNode& root, std::string file, Imported& out)
      : root_(root), file_(std::move(file)), out_(out) {}

  const YamlNode& root() const { return root_; }
  RouteFileDraft& draft() { return out_.draft; }
  template <typename... Args>
  void Lose(YamlPlace place, fmt::format_string<Args...> format, Args&&... args) {
    out_.losses.push_back(
        fmt::format("{}:{}:{}: {}", file_, place.line, place.column, fmt::format(format, std::forward<Args>(args)...)));
  }
  // Every key of `map` but these.
  void LoseOthers(const YamlNode& map, std::span<const std::string_view> known, std::string_view what);

 private:
  const YamlNode& root_;
  const std::string file_;
  Imported& out_;
};

// What is in the scalar under `key`; empty when it is absent, null or no scalar.
std::string TextAt(const YamlNode& map, std::string_view key);

void ReadRasa(std::span<ImportReader> files);
void ReadSemanticRouter(std::span<ImportReader> files);
void ReadLiteLlm(std::span<ImportReader> files);

}  // namespace bantam
