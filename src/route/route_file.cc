#include "route/route_file.h"

#include <cstdlib>

#include "base/text_util.h"
#include "route/route_file_reader.h"

namespace bantam {

const Route* RouteFile::FindRoute(std::string_view route) const {
  for (const Route& candidate : routes) {
    if (candidate.name == route) return &candidate;
  }
  return nullptr;
}

const UpstreamConfig* RouteFile::FindUpstream(std::string_view model) const {
  for (const UpstreamConfig& candidate : upstreams) {
    if (candidate.name == model) return &candidate;
  }
  return nullptr;
}

bool RouteFile::IsWithin(std::string_view route, std::string_view ancestor) const {
  // The file is checked against circles, but only once all of it is read.
  for (size_t steps = 0; steps <= routes.size(); ++steps) {
    if (route == ancestor) return true;
    const Route* found = FindRoute(route);
    if (found == nullptr || found->parent.empty()) return false;
    route = found->parent;
  }
  return false;
}

const Slot* Form::FindSlot(std::string_view slot) const {
  for (const Slot& candidate : slots) {
    if (candidate.name == slot) return &candidate;
  }
  return nullptr;
}

void RouteFileReading::HashBytes(std::string_view bytes) {
  hash.Update(fmt::format("{} ", bytes.size())).Update(bytes);
}

bool CheckName(std::string_view what, std::string_view name, YamlPlace place, Problems& problems) {
  bool good = !name.empty() && name.size() <= 64 && name.front() != '.';
  for (const char c : name) {
    good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '-' || c == '.');
  }
  if (!good) {
    problems.Error(place, "\"{}\" is no name for {}; use letters, digits, '_', '-' and '.', at most 64 of them",
                   EscapeForTerminal(name, 60), what);
  }
  return good;
}

std::optional<std::string> EnvironmentName(std::string_view text) {
  if (!text.starts_with(kEnvironmentPrefix)) return std::nullopt;
  const std::string name(text.substr(kEnvironmentPrefix.size()));
  bool good = !name.empty();
  for (const char c : name) good = good && ((c | 0x20) >= 'a' ? (c | 0x20) <= 'z' || c == '_' : c >= '0' && c <= '9');
  return good ? std::optional(name) : std::nullopt;
}

std::optional<std::string> EnvironmentValue(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
}

Error AtEncoder(const RouteFile& file, Error problem) {
  problem.message =
      fmt::format("{}:{}:{}: {}", file.path.string(), file.encoder_line, file.encoder_column, problem.message);
  // A model that is not there is a mistake in the file; one that is broken is not.
  if (problem.code == ErrorCode::kNotFound) problem.code = ErrorCode::kBadConfig;
  return problem;
}

Result<RouteFile> LoadRouteFile(const Path& path) {
  Result<std::string> text = ReadFile(path, uint64_t{8} << 20);
  if (!text) {
    return Err(ErrorCode::kBadConfig, "{}; give the route file with -c FILE", text.error().message);
  }
  return ParseRouteFile(*text, path);
}

Result<RouteFile> ParseRouteFile(std::string_view text, const Path& path) {
  RouteFile file;
  file.path = path;
  Problems problems(path);
  YamlParse yaml = ParseYaml(text);
  for (const YamlProblem& problem : yaml.problems) problems.Error(problem.place, "{}", problem.text);
  // What could be read of a broken document would give follow-up errors that mislead.
  if (!yaml.complete) return problems.AsError();

  RouteFileReading reading{.file = file, .problems = problems};
  reading.HashBytes(text);
  YamlMap top(yaml.root, "the route file", problems);
  if (top.valid()) {
    ReadSettings(top, reading);
    ReadCache(top, reading);
    ReadDecision(top, reading);
    ReadModels(top, reading);
    ReadPrivacy(top, reading);
    ReadLearning(top, reading);
    ReadRoutes(top, reading);
    ReadForms(top, reading);
    ReadTests(top, reading);
    top.Finish();
    CheckRouteFile(reading);
  }
  if (problems.any()) return problems.AsError();
  file.sha256 = HexOf(reading.hash.Finish());
  file.warnings = problems.Warnings();
  return file;
}

}  // namespace bantam
