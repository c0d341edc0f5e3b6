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

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/generation_engine.h"
#include "files/model_folder.h"
#include "layers/weight_type.h"
#include "tasks/adapter_options.h"
#include "tasks/compare_texts.h"
#include "tasks/infill.h"
#include "tasks/tool_use.h"
#include "text/chat_template.h"
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
  std::vector<int32_t> stop_ids = {};                               // besides the model's own
  bool ignore_eos = false;                                          // not the model's own
  std::vector<int32_t> shown_ids = {};                              // control tokens that are part of the text
  int n = 1;                                                        // texts; the i-th has the seed sampling.seed + i
  std::shared_ptr<const grammar::Constraint> constraint = nullptr;  // of Generator::Constrain
  // Of the generator's adapters; none: each with its own scale.
  std::optional<std::vector<LoraUse>> adapters = {};
  MonotonicTime deadline = MonotonicTime::max();
  int priority = 0;      // lower goes first
  std::string key = {};  // whose: keys of one priority get equal shares
};

struct TextEnd {
  FinishReason reason = FinishReason::kStop;
  std::string stop = {};  // the stop string, if it was one
  GenerationSummary summary = {};
};

struct TextEvent {
  int index = 0;                         // which of the texts: those of the first call, then those of the next
  std::string text = {};                 // what comes next, in whole characters
  std::vector<TokenChoice> tokens = {};  // those said since the last event of this text
  std::optional<TextEnd> end = {};       // the last event of this text
  MonotonicTime at = {};                 // when it came
};

// When a reader that waits is woken. Each time costs the threads that compute two switches, which no one gains from who
// has use for whole texts only: such a reader finds the pieces when their text has ended, each with its time.
enum class WakeAt { kPiece, kEnd };

// The texts of a call, or of several that began together. Of one thread at a time, but Cancel, which any may call. The
// end of the stream cancels what still runs.
class TextStream {
 public:
  virtual ~TextStream() = default;
  // Waits for the next event, at most `timeout_ms` if that is positive: then an empty event without an end. Nothing
  // after the last text's end. The error of one text ends all of them.
  virtual Result<std::optional<TextEvent>> Next(int timeout_ms = 0) = 0;
  virtual void Cancel() = 0;
  virtual int prompt_tokens() const = 0;  // of all calls together; a prompt of several texts counts once
  // When the turn of the first of its texts came; nothing before.
  virtual std::optional<MonotonicTime> began() const = 0;
};

struct GeneratedText {
  std::string text;
  std::vector<TokenChoice> tokens;
  TextEnd end;
};

struct GeneratorOptions {
  WeightType weight_type = WeightType::kBlocks;  // the block formats of the file
  std::vector<AdapterOptions> adapters = {};
  GenerationOptions engine = {};
  // A smaller model with the same tokens, whose drafts this one verifies: a name in the store, a folder or a GGUF file.
  std::string draft = {};
};

// The decoder of a model that drafts for another one. kInvalidArgument where its tokens are not those of `tokenizer`.
Result<std::unique_ptr<Decoder>> LoadDraftDecoder(std::string_view reference, WeightType weight_type,
                                                  const Tokenizer& tokenizer, std::string_view model_name);

// Everything may be called from any thread. Streams must end before the generator does.
class Generator {
 public:
  // A name in the model store, a model's folder or a GGUF file.
  static Result<std::unique_ptr<Generator>> Load(std::string_view reference, const GeneratorOptions& options);
  // Whether a model is one that writes text. Where the same checkpoints are read as encoders too, those are not that
  // say how their vectors are pooled.
  static bool IsFor(const ModelFolder& model);
  // As Load, of a model that is open already.
  static Result<std::unique_ptr<Generator>> FromModel(ModelFolder model, const GeneratorOptions& options);
  virtual ~Generator() = default;

  // kInvalidArgument for what can never run, kOverloaded when the queue is full. Several calls: all begin, or none
  // does.
  virtual Result<std::unique_ptr<TextStream>> Start(std::span<const GenerateCall> calls,
                                                    WakeAt wake = WakeAt::kPiece) = 0;
  Result<std::unique_ptr<TextStream>> Start(const GenerateCall& call, WakeAt wake = WakeAt::kPiece) {
    return Start(std::span(&call, 1), wake);
  }
  // The whole texts.
  Result<std::vector<GeneratedText>> Generate(const GenerateCall& call);
  // How probable what might follow is.
  virtual Result<std::vector<Comparison>> Compare(std::span<const CompareCall> calls, CompareOptions options) const = 0;

  // Before the first call. kUnsupported or kCorrupt for what does not fit the model, naming the file and what it has.
  virtual Status AddAdapter(const AdapterOptions& options) = 0;
  virtual std::span<const NamedAdapter> adapters() const = 0;  // in the order in which they came
  virtual std::vector<LoraUse> AdaptersOf(const GenerateCall& call) const = 0;

  virtual const Tokenizer& tokenizer() const = 0;
  virtual const GenerationEngine& engine() const = 0;
  virtual const std::string& model_name() const = 0;
  virtual const std::string& architecture() const = 0;
  virtual const std::vector<int32_t>& stop_tokens() const = 0;  // the model's own
  // kNotFound where the model's files have none, else what is wrong with it.
  virtual const Result<ChatTemplate>& chat_template() const = 0;
  // Whether messages can become a prompt: by a template, or of a model with an encoder, which has none, the last of a
  // user as it stands.
  bool can_chat() const;
  // kUnsupported for models that cannot fill in the middle.
  virtual const Result<FimTokens>& fim_tokens() const = 0;
  // Messages as the prompt that the model was trained on; what they say never becomes a control token.
  Result<std::vector<int32_t>> ChatPromptIds(const ChatInput& input) const;
  // For calls whose text is held to a grammar; what one finds out serves the next. Must not outlive the generator.
  // kUnsupported for tokenizers whose tokens are not pieces of text.
  Result<std::shared_ptr<const grammar::Constraint>> Constrain(std::shared_ptr<const grammar::Grammar> grammar) const;
  // The same, kept under `key` for calls that come again; the 32 used last are kept. `compile` makes the grammar where
  // there is none, outside any lock.
  Result<std::shared_ptr<const grammar::Constraint>> Constrain(
      const std::string& key, const std::function<Result<std::shared_ptr<const grammar::Grammar>>()>& compile) const {
    return Constrain(key, compile, {});
  }
  // How the model calls functions: null without a chat template.
  const ToolUse* tool_use() const;
  // The tokens of the vocabulary that begin and end calls, for GenerateCall::shown_ids.
  const std::vector<int32_t>& tool_markers() const;
  // As Constrain, of a text with calls in it: markers are their tokens.
  Result<std::shared_ptr<const grammar::Constraint>> ConstrainCalls(
      const std::string& key, const std::function<Result<std::shared_ptr<const grammar::Grammar>>()>& compile) const {
    return Constrain(key, compile, tool_markers());
  }

 private:
  Result<std::shared_ptr<const grammar::Constraint>> Constrain(
      const std::string& key, const std::function<Result<std::shared_ptr<const grammar::Grammar>>()>& compile,
      std::span<const int32_t> markers) const;

  struct Tools {
    std::unique_ptr<const ToolUse> use;
    std::vector<int32_t> markers;
  };
  const Tools& tools() const;

  mutable std::once_flag tools_once_;
  mutable Tools tools_;  // when first wanted, as what follows
  mutable std::mutex table_mutex_;
  mutable std::shared_ptr<const grammar::TokenTable> table_, call_table_;
  // Used last first.
  mutable std::list<std::pair<std::string, std::shared_ptr<const grammar::Constraint>>> kept_;
};

}  // namespace bantam
