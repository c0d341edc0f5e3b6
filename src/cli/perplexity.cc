// bantam perplexity: how well a model predicts a text, and what a smaller copy of it lost.
#include <CLI/CLI.hpp>

#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/dtype_option.h"
#include "cli/kv_type_option.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "engine/generation_engine.h"
#include "files/model_folder.h"
#include "learn/perplexity.h"
#include "text/tokenizer.h"

namespace bantam::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{256} << 20;

struct Options {
  std::string file, model, against;
  DtypeOption dtype = DtypeOption::Automatic();
  KvTypeOption kv_type;
  PerplexityOptions measure;
  int threads = 0;
  bool json = false;
};

Result<std::unique_ptr<Decoder>> Load(const std::string& reference, std::optional<WeightType> type) {
  BANTAM_TRY(ModelFolder model, OpenModel(reference));
  BANTAM_TRY(auto decoder, LoadDecoder(model, {.weight_type = type.value_or(TypeOfOriginal(*model.weights))}));
  if (!decoder->start_token()) return decoder;
  return Err(ErrorCode::kUnsupported,
             "{}: the text of a model with an encoder depends on a prompt, which a file has none of",
             EscapeForTerminal(model.name));
}

json::object Figures(const PerplexityFigures& figures) {
  return {{"perplexity", figures.perplexity}, {"standard_error", figures.standard_error}};
}

std::string Line(const PerplexityFigures& figures) {
  return fmt::format("{:.4f} (standard error {:.4f})", figures.perplexity, figures.standard_error);
}

Status RunPerplexity(Options options) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(const std::string text, ReadFile(options.file, kMaxTextBytes));
  BANTAM_TRY(const WeightType type, options.dtype.TypeOfDecoder());
  BANTAM_TRY(const ModelFolder model, OpenModel(options.model));
  BANTAM_TRY(const auto tokenizer, Tokenizer::Load(model.tokenizer_json));
  BANTAM_TRY(const auto decoder, Load(options.model, type));
  BANTAM_RETURN_IF_ERROR(options.dtype.Check(decoder->weight_type(), options.model));
  options.measure.kv_type = options.kv_type.type().value_or(DefaultKvType(decoder->weight_type()));
  std::unique_ptr<Decoder> original;
  if (!options.against.empty()) {
    BANTAM_TRY(original, Load(options.against, std::nullopt));
  }
  const std::vector<int32_t> ids = tokenizer->Encode(text, {.add_special_tokens = false}).ids;
  // What the tokenizer puts before every text begins each window.
  const TokenTemplate& single = tokenizer->single_template();
  if (!single.empty() && single.front().kind == TemplatePiece::Kind::kToken) options.measure.bos_id = single.front().id;
  ThreadPool pool(options.threads > 0 ? options.threads : ThreadPool::DefaultThreads());
  std::optional<ProgressBar> progress(std::in_place, "perplexity");
  options.measure.progress = [&](double fraction) { progress->Update("windows", fraction); };
  if (original == nullptr) {
    BANTAM_TRY(const PerplexityFigures figures, MeasurePerplexity(*decoder, pool, ids, options.measure));
    progress.reset();
    if (options.json) {
      json::object object = Figures(figures);
      object["tokens"] = figures.num_tokens;
      object["windows"] = figures.num_windows;
      object["context"] = options.measure.context;
      return Print(ToJson(object) + "\n");
    }
    return Print(AlignFields({{"perplexity", Line(figures)},
                              {"scored", fmt::format("{} tokens in {} windows of {}", figures.num_tokens,
                                                     figures.num_windows, options.measure.context)}}));
  }
  BANTAM_TRY(const DivergenceFigures apart, MeasureDivergence(*original, *decoder, pool, ids, options.measure));
  progress.reset();
  if (options.json) {
    json::object object = Figures(apart.other);
    object["original"] = Figures(apart.original);
    object["kl_mean"] = apart.kl_mean;
    object["kl_p99"] = apart.kl_p99;
    object["same_top"] = apart.same_top;
    object["tokens"] = apart.other.num_tokens;
    object["windows"] = apart.other.num_windows;
    object["context"] = options.measure.context;
    return Print(ToJson(object) + "\n");
  }
  return Print(AlignFields({{"perplexity", Line(apart.other)},
                            {"of the original", Line(apart.original)},
                            {"divergence", fmt::format("{:.5f} nats a token on average (Kullback-Leibler), one in a "
                                                       "hundred above {:.4f}",
                                                       apart.kl_mean, apart.kl_p99)},
                            {"same first choice", fmt::format("{:.2f} % of the tokens", 100 * apart.same_top)},
                            {"scored", fmt::format("{} tokens in {} windows of {}", apart.other.num_tokens,
                                                   apart.other.num_windows, options.measure.context)}}));
}

}  // namespace

Run SetUpPerplexity(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("FILE", options->file, "A text, in UTF-8")->required();
  app.add_option("--model,-m", options->model,
                 "A model that writes text: a name from 'bantam list', a folder or a .gguf file")
      ->type_name("MODEL|DIR|FILE")
      ->required();
  app.add_option("--against", options->against,
                 "The original that --model is a smaller copy of: also prints how far their predictions are apart")
      ->type_name("MODEL|DIR|FILE");
  options->dtype.AddTo(app, "Weights of --model");
  options->kv_type.AddTo(app);
  app.add_option("--context", options->measure.context,
                 "Tokens of a window; the second half of each is scored, as llama.cpp does")
      ->check(CLI::Range(8, 1 << 20))
      ->capture_default_str();
  app.add_option("--max-tokens", options->measure.max_tokens, "Read so many tokens of the text (0: all)")
      ->capture_default_str();
  app.add_option("--threads,-t", options->threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--json", options->json, "One JSON object");
  app.footer(
      "Lower is better; a figure means something only beside one of the same text and tokenizer.\n\n"
      "Examples:\n"
      "  bantam perplexity book.txt --model smollm2\n"
      "  bantam perplexity book.txt --model ./smollm2-q4.gguf --against smollm2");
  return [options] { return RunPerplexity(*options); };
}

}  // namespace bantam::cli
