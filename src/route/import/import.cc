#include "route/import/import.h"

#include <algorithm>

#include "base/check.h"
#include "base/text_util.h"

namespace bantam {

void ImportReader::LoseOthers(const YamlNode& map, std::span<const std::string_view> known, std::string_view what) {
  for (const YamlNode::Entry& entry : map.entries) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    const YamlNode& value = entry.value;
    const bool nothing = value.kind == YamlNode::Kind::kNull ||
                         (value.kind == YamlNode::Kind::kScalar && value.plain && value.scalar == "null") ||
                         (value.kind == YamlNode::Kind::kMap && value.entries.empty()) ||
                         (value.kind == YamlNode::Kind::kSequence && value.items.empty());
    if (!nothing) Lose(entry.key_place, "\"{}\"{} has no counterpart", EscapeForTerminal(entry.key, 60), what);
  }
}

std::string TextAt(const YamlNode& map, std::string_view key) {
  const YamlNode::Entry* entry = map.Find(key);
  if (entry == nullptr || entry->value.kind != YamlNode::Kind::kScalar) return {};
  if (entry->value.plain && (entry->value.scalar == "null" || entry->value.scalar == "~")) return {};
  return entry->value.scalar;
}

Result<Imported> ImportRouteFile(ImportSource source, std::span<const Path> files, const std::string& name) {
  Imported out;
  if (!name.empty()) out.draft.name = name;
  std::vector<YamlParse> documents;
  documents.reserve(files.size());  // readers refer to them
  std::vector<ImportReader> readers;
  for (const Path& file : files) {
    const std::string shown = EscapeForTerminal(file.string(), 400);
    BANTAM_TRY(const std::string text, ReadFile(file, uint64_t{8} << 20));
    const YamlParse& yaml = documents.emplace_back(ParseYaml(text));
    for (const YamlProblem& problem : yaml.problems)
      return Err(ErrorCode::kBadConfig, "{}:{}:{}: {}", shown, problem.place.line, problem.place.column, problem.text);
    if (yaml.root.kind != YamlNode::Kind::kMap)
      return Err(ErrorCode::kBadConfig, "{} is {}, expected a mapping", shown, YamlKindName(yaml.root.kind));
    readers.emplace_back(yaml.root, shown, out);
  }
  BANTAM_CHECK(!readers.empty());
  switch (source) {
    case ImportSource::kRasa:
      ReadRasa(readers);
      break;
    case ImportSource::kSemanticRouter:
      ReadSemanticRouter(readers);
      break;
    case ImportSource::kLiteLlm:
      ReadLiteLlm(readers);
      break;
  }
  if (out.draft.routes.size() < 2) {
    return Err(ErrorCode::kBadConfig,
               "found {} route{} in {}; a route file needs two at least, or there is nothing to decide",
               out.draft.routes.size(), out.draft.routes.size() == 1 ? "" : "s",
               files.size() == 1 ? EscapeForTerminal(files[0].string(), 400) : fmt::format("{} files", files.size()));
  }
  return out;
}

}  // namespace bantam
