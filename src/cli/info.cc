// bantam info: what this program is and what it found on this machine. The first thing to paste into a bug report.
#include <CLI/CLI.hpp>

#include "base/json.h"
#include "base/paths.h"
#include "base/text_util.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "files/model_store.h"
#include "kernels/isa.h"

namespace bantam::cli {
namespace {

Status RunInfo(bool as_json) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  BANTAM_TRY(const Path home, BantamHome());
  std::string compiled, supported;
  json::array compiled_json, supported_json;
  for (const IsaInfo& info : ListIsas()) {
    const std::string name(IsaName(info.isa));
    if (info.compiled) compiled += (compiled.empty() ? "" : " ") + name, compiled_json.emplace_back(name);
    if (info.compiled && info.supported)
      supported += (supported.empty() ? "" : " ") + name, supported_json.emplace_back(name);
  }
  const auto models = ListModels();
  const size_t num_models = models ? models->size() : 0;
  const char* forced = std::getenv("BANTAM_ISA");
  const std::string isa(IsaName(kernels->isa));
  if (as_json) {
    return Print(ToJson(json::object{
                     {"version", BANTAM_VERSION},
                     {"isa", json::object{{"compiled", compiled_json}, {"supported", supported_json}, {"picked", isa}}},
                     {"threads", ThreadPool::DefaultThreads()},
                     {"home", home.string()},
                     {"models", num_models}}) +
                 "\n");
  }
  return Print(AlignFields({
      {"version", BANTAM_VERSION},
      {"instruction sets compiled in", compiled},
      {"that run here", supported},
      {"picked", isa + (forced != nullptr && *forced != '\0' ? " (by BANTAM_ISA)" : "")},
      {"threads", fmt::format("{}", ThreadPool::DefaultThreads())},
      {"home", EscapeForTerminal(home.string(), 400)},
      {"models", num_models == 0 ? "none yet: run 'make setup' in the repository"
                                 : fmt::format("{}, see 'bantam list'", num_models)},
  }));
}

}  // namespace

Run SetUpInfo(CLI::App& app) {
  auto as_json = std::make_shared<bool>(false);
  app.add_flag("--json", *as_json, "One JSON object instead of text");
  app.footer(
      "BANTAM_ISA=scalar, avx2, ... forces an instruction set; BANTAM_HOME says where models and state lie.\n\n"
      "Examples:\n"
      "  bantam info\n"
      "  BANTAM_ISA=avx2 bantam info --json");
  return [as_json] { return RunInfo(*as_json); };
}

}  // namespace bantam::cli
