// bantam pull: a model from Hugging Face's hub or Ollama's registry into the store.
#include <CLI/CLI.hpp>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/pull_display.h"
#include "cli/signal_stop.h"
#include "files/model_folder.h"
#include "models/decoder.h"
#include "models/encoder.h"
#include "store/pull.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string model, from, name;
  int retries = 5;
  bool json = false;
};

// What the model is good for here; an error when its files cannot be read. They were checked against what their server
// says, which is not what they mean.
Result<std::string> Use(const std::string& name) {
  auto model = OpenModel(name);
  if (!model) {
    return Err(model.error().code, "\"{}\" came as its server has it, but cannot be read: {}", name,
               model.error().message);
  }
  if (IsKnownDecoder(model->architecture)) return "bantam run " + name;
  if (IsKnownArchitecture(model->architecture)) return "bantam show " + name;
  return Err(ErrorCode::kUnsupported,
             "\"{}\" is there, but its architecture \"{}\" is not known here: 'bantam show {}' says what it is, "
             "'bantam rm {}' removes it",
             name, EscapeForTerminal(model->architecture), name, name);
}

Status RunPull(const Options& options) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(const PullReference reference, ParsePullReference(options.model, options.from));
  BANTAM_TRY(RemoteSettings settings, RemoteSettings::FromEnvironment());
  settings.max_retries = options.retries;
  const SignalStop stop;
  PullOptions pull;
  if (!options.name.empty()) pull.name = options.name;
  pull.stop = stop.token();
  Result<Pulled> pulled = Err(ErrorCode::kInternal, "not begun");
  {
    PullDisplay display(EscapeForTerminal(reference.repository, 60), options.json);
    pull.on_progress = [&](const PullProgress& progress) { display.Show(progress); };
    pulled = PullModel(reference, settings, pull);
  }
  if (!pulled && options.json) {
    BANTAM_RETURN_IF_ERROR(Print(ToJson(json::object{{"error", pulled.error().message}}) + "\n"));
  }
  if (!pulled && pulled.error().code == ErrorCode::kCancelled) {
    return Err(ErrorCode::kCancelled, "stopped; what has come is kept, and 'bantam pull {}' goes on with it",
               EscapeForTerminal(options.model));
  }
  if (!pulled) return pulled.error();
  const auto use = Use(pulled->name);
  if (options.json) {
    json::object model{{"name", pulled->name},
                       {"path", pulled->folder.string()},
                       {"size_bytes", pulled->size_bytes},
                       {"fetched_bytes", pulled->fetched_bytes},
                       {"was_there", pulled->was_there}};
    BANTAM_RETURN_IF_ERROR(Print(ToJson(json::object{{"model", std::move(model)}}) + "\n"));
  } else {
    BANTAM_RETURN_IF_ERROR(
        Print(fmt::format("{}: {}{}{}\n", pulled->name, pulled->was_there ? "is there, whole, " : "",
                          HumanBytes(pulled->size_bytes), use ? fmt::format("; next: {}", *use) : std::string())));
  }
  return use ? Ok() : Status(use.error());
}

}  // namespace

Run SetUpPull(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model,
                 "hf.co/OWNER/REPO[:QUANT][@REVISION], or OWNER/REPO; ollama.com/NAME[:TAG], or NAME[:TAG]")
      ->type_name("REFERENCE")
      ->required();
  app.add_option("--from", options->from, "Where MODEL is, in place of telling by how it is written: hub or ollama")
      ->check(CLI::IsMember({"hub", "ollama"}));
  app.add_option("--name", options->name, "Name in the store; default: the repository's, with the quantization");
  app.add_option("--retries", options->retries, "How often a broken connection is tried again without a byte coming")
      ->capture_default_str()
      ->check(CLI::Range(0, 100));
  app.add_flag("--json", options->json, "JSON lines, as Ollama's /api/pull has them");
  app.footer(
      "Of a repository with GGUF files QUANT says which, such as Q4_K_M, or names the file; without it Q4_K_M, else "
      "Q8_0,\nelse what is near is taken. Of others the files of a safetensors model are; ':safetensors' asks for them "
      "where there\nare both. Pickles and code never are. What was cut off goes on where it stopped; everything is "
      "checked by its hash.\n\n"
      "HF_ENDPOINT names another hub, HF_TOKEN (or the file of 'hf auth login') opens private and gated models,\n"
      "BANTAM_OLLAMA_REGISTRY names another registry.\n\n"
      "Examples:\n"
      "  bantam pull hf.co/HuggingFaceTB/SmolLM2-360M-Instruct-GGUF:Q8_0\n"
      "  bantam pull sentence-transformers/all-mpnet-base-v2\n"
      "  bantam pull hf.co/Qwen/Qwen3-0.6B@main --name qwen3\n"
      "  bantam pull ollama.com/library/smollm2:135m");
  return [options] { return RunPull(*options); };
}

}  // namespace bantam::cli
