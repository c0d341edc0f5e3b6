// A prompt -> text, in pieces as it is written: tokenizer, decoder and stop strings of one model behind one call.
//
//   BANTAM_TRY(auto generator, Generator::Load("smollm2", {}));
//   BANTAM_TRY(auto stream, generator->Start({.prompt = "Once upon a time", .max_tokens = 64}));
//   while (true) {
//     BANTAM_TRY(std::optional<TextEvent> event, stream->Next());
//     if (!event) break;                       // all texts have ended
//     Print(event->text);
//   }
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/generation_engine.h"
#include "layers/weight_type.h"
#include "text/tokenizer.h"

namespace bantam {

struct GenerateCall {
  std::string prompt = {};
  std::optional<std::vector<int32_t>> prompt_ids = {};  // in place of `prompt`, as they are
  // Special tokens in the prompt's text are recognised: only where the text is not a stranger's.
  bool trusted = false;
  SamplingParams sampling = {};
  int max_tokens = 0;  // 0: as many as the model and the cache allow
  std::vector<std::string> stop = {};
  std::vector<int32_t> stop_ids = {};  // besides the model's own
  bool ignore_eos = false;             // not the model's own
  int n = 1;                           // texts; the i-th has the seed sampling.seed + i
  MonotonicTime deadline = MonotonicTime::max();
};

struct TextEnd {
  FinishReason reason = FinishReason::kStop;
  std::string stop = {};  // the stop string, if it was one
  GenerationSummary summary = {};
};

struct TextEvent {
  int index = 0;                         // which of the n texts
  std::string text = {};                 // what comes next, in whole characters
  std::vector<TokenChoice> tokens = {};  // those said since the last event of this text
  std::optional<TextEnd> end = {};       // the last event of this text
};

// One call's texts. Of one thread at a time, but Cancel, which any may call. The end of the stream cancels what still
// runs.
class TextStream {
 public:
  virtual ~TextStream() = default;
  // Waits for the next event, at most `timeout_ms` if that is positive: then an empty event without an end. Nothing
  // after the last text's end. The error of one text ends all of them.
  virtual Result<std::optional<TextEvent>> Next(int timeout_ms = 0) = 0;
  virtual void Cancel() = 0;
  virtual int prompt_tokens() const = 0;
};

struct GeneratedText {
  std::string text;
  std::vector<TokenChoice> tokens;
  TextEnd end;
};

struct GeneratorOptions {
  WeightType weight_type = WeightType::kBlocks;  // the block formats of the file
  GenerationOptions engine = {};
};

// Everything may be called from any thread. Streams must end before the generator does.
class Generator {
 public:
  // A name in the model store, a model's folder or a GGUF file.
  static Result<std::unique_ptr<Generator>> Load(std::string_view reference, const GeneratorOptions& options);
  virtual ~Generator() = default;

  // kInvalidArgument for what can never run, kOverloaded when the queue is full.
  virtual Result<std::unique_ptr<TextStream>> Start(const GenerateCall& call) = 0;
  // The whole texts.
  Result<std::vector<GeneratedText>> Generate(const GenerateCall& call);

  virtual const Tokenizer& tokenizer() const = 0;
  virtual const GenerationEngine& engine() const = 0;
  virtual const std::string& model_name() const = 0;
  virtual const std::string& architecture() const = 0;
  virtual const std::vector<int32_t>& stop_tokens() const = 0;  // the model's own
};

}  // namespace bantam
