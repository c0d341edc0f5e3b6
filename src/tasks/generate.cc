#include "tasks/generate.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "base/text_util.h"
#include "files/gguf.h"
#include "files/stop_tokens.h"
#include "models/decoder.h"
#include "models/encoder.h"
#include "models/lora_adapter.h"
#include "tasks/text_pieces.h"

namespace bantam {
namespace {

// What the engine's thread says and the stream's one reader waits for.
class EventQueue {
 public:
  explicit EventQueue(WakeAt wake) : wake_(wake) {}

  void Put(Result<TextEvent> event) {
    const bool last = !event || event->end;
    if (event) event->at = MonotonicNow();
    std::unique_lock lock(mutex_);
    events_.push_back(std::move(event));
    if (ready_ || (wake_ == WakeAt::kEnd && !last)) return;
    ready_ = true;
    // Outside of the lock, or the reader wakes up to wait for it; but whoever has the last event may destroy us.
    if (!last) lock.unlock();
    changed_.notify_one();
  }

  std::optional<Result<TextEvent>> Take(int timeout_ms) {
    std::unique_lock lock(mutex_);
    const auto ready = [&] { return ready_; };
    if (timeout_ms <= 0) {
      changed_.wait(lock, ready);
    } else if (!changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), ready)) {
      return std::nullopt;
    }
    Result<TextEvent> event = std::move(events_.front());
    events_.pop_front();
    ready_ = !events_.empty();
    return event;
  }

  void NoteBegin() {
    std::lock_guard lock(mutex_);
    if (!began_) began_ = MonotonicNow();
  }
  std::optional<MonotonicTime> began() const {
    std::lock_guard lock(mutex_);
    return began_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  const WakeAt wake_;
  bool ready_ = false;  // some of the events are for the reader: then all are
  std::deque<Result<TextEvent>> events_;
  std::optional<MonotonicTime> began_;  // the first of the texts
};

// One of the n texts, on the engine's thread.
class TextWriter final : public GenerationListener {
 public:
  TextWriter(int index, const Tokenizer& tokenizer, std::span<const int32_t> prompt_ids, const GenerateCall& call,
             EventQueue& events)
      : index_(index), pieces_(tokenizer, prompt_ids, call.shown_ids), stops_(call.stop), events_(events) {}

  void OnBegin() override { events_.NoteBegin(); }

  bool OnToken(const TokenChoice& token) override {
    tokens_.push_back(token);
    std::string shown = stops_.Add(pieces_.Add(token.id));
    if (stops_.found()) {
      last_ = std::move(shown);
      return false;
    }
    if (!shown.empty()) events_.Put(TextEvent{.index = index_, .text = std::move(shown), .tokens = TakeTokens()});
    return true;
  }

  void OnDone(const Result<GenerationSummary>& summary) override {
    // The stream may be gone as soon as it has the last event.
    if (!summary) return events_.Put(summary.error());
    TextEvent event{.index = index_, .text = std::move(last_), .tokens = TakeTokens()};
    if (!stops_.found()) event.text = stops_.Add(pieces_.Finish());
    event.end = TextEnd{.reason = summary->reason, .stop = stops_.found().value_or(""), .summary = *summary};
    if (stops_.found()) {
      event.end->reason = FinishReason::kStop;  // also when half a character at the end completed it
    } else {
      event.text += stops_.Finish();
    }
    events_.Put(std::move(event));
  }

 private:
  std::vector<TokenChoice> TakeTokens() { return std::exchange(tokens_, {}); }

  const int index_;
  PieceDecoder pieces_;
  StopStrings stops_;
  EventQueue& events_;
  std::vector<TokenChoice> tokens_;
  std::string last_;
};

class StreamImpl final : public TextStream {
 public:
  StreamImpl(GenerationEngine& engine, WakeAt wake) : engine_(engine), events_(wake) {}

  // What still runs writes into this: it is cancelled and waited for.
  ~StreamImpl() override {
    Cancel();
    while (num_ended_ < ids_.size()) (void)Take(0);
  }

  void CountPrompt(size_t tokens) { prompt_tokens_ += static_cast<int>(tokens); }
  Status Add(const GenerateCall& call, GenerationRequest request, const Tokenizer& tokenizer) {
    // Behind an encoder a text goes on from nothing.
    std::span<const int32_t> before = request.prompt_ids;
    if (engine_.decoder().start_token()) before = {};
    writers_.push_back(
        std::make_unique<TextWriter>(static_cast<int>(writers_.size()), tokenizer, before, call, events_));
    request.listener = writers_.back().get();
    request.joins = !ids_.empty();
    BANTAM_TRY(const uint64_t id, engine_.Submit(std::move(request)));
    ids_.push_back(id);
    return Ok();
  }

  Result<std::optional<TextEvent>> Next(int timeout_ms) override {
    if (num_ended_ == ids_.size()) return std::optional<TextEvent>();
    std::optional<Result<TextEvent>> event = Take(timeout_ms);
    if (!event) return std::optional(TextEvent{});
    if (!*event) return std::move(*event).error();
    return std::optional(*std::move(*event));
  }

  void Cancel() override {
    for (const uint64_t id : ids_) engine_.Cancel(id);
  }
  int prompt_tokens() const override { return prompt_tokens_; }
  std::optional<MonotonicTime> began() const override { return events_.began(); }

 private:
  std::optional<Result<TextEvent>> Take(int timeout_ms) {
    std::optional<Result<TextEvent>> event = events_.Take(timeout_ms);
    if (event && (!*event || (*event)->end)) ++num_ended_;
    return event;
  }

  GenerationEngine& engine_;
  int prompt_tokens_ = 0;
  EventQueue events_;
  std::vector<std::unique_ptr<TextWriter>> writers_;
  std::vector<uint64_t> ids_;
  size_t num_ended_ = 0;
};

class GeneratorImpl final : public Generator {
 public:
  GeneratorImpl(std::string name, std::string architecture, std::unique_ptr<Tokenizer> tokenizer,
                std::unique_ptr<GenerationEngine> engine, std::vector<int32_t> stop_tokens, Result<ChatTemplate> chat,
                Result<FimTokens> fim_tokens, std::shared_ptr<const ModelUse> in_use)
      : name_(std::move(name)),
        architecture_(std::move(architecture)),
        tokenizer_(std::move(tokenizer)),
        stop_tokens_(std::move(stop_tokens)),
        chat_(std::move(chat)),
        fim_tokens_(std::move(fim_tokens)),
        in_use_(std::move(in_use)),
        engine_(std::move(engine)) {}

  Result<std::unique_ptr<TextStream>> Start(std::span<const GenerateCall> calls, WakeAt wake) override {
    auto stream = std::make_unique<StreamImpl>(*engine_, wake);
    for (const GenerateCall& call : calls) BANTAM_RETURN_IF_ERROR(Add(call, *stream));
    return std::unique_ptr<TextStream>(std::move(stream));
  }

  Result<std::vector<Comparison>> Compare(std::span<const CompareCall> calls, CompareOptions options) const override {
    if (!options.adapters) options.adapters = OwnAdapters();
    return CompareTexts(*engine_, calls, options);
  }

  Status AddAdapter(const AdapterOptions& options) override {
    BANTAM_TRY(auto adapter, LoraAdapter::Load(options.path, engine_->decoder()));
    adapters_.push_back({options.name, std::move(adapter), options.scale});
    return Ok();
  }
  std::span<const NamedAdapter> adapters() const override { return adapters_; }
  std::vector<LoraUse> AdaptersOf(const GenerateCall& call) const override {
    return call.adapters.value_or(OwnAdapters());
  }

  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  const GenerationEngine& engine() const override { return *engine_; }
  const std::string& model_name() const override { return name_; }
  const std::string& architecture() const override { return architecture_; }
  const std::vector<int32_t>& stop_tokens() const override { return stop_tokens_; }
  const Result<ChatTemplate>& chat_template() const override { return chat_; }
  const Result<FimTokens>& fim_tokens() const override { return fim_tokens_; }

 private:
  Status Add(const GenerateCall& call, StreamImpl& stream) {
    constexpr int kMostTexts = 128;
    if (call.n < 1 || call.n > kMostTexts) {
      return Err(ErrorCode::kInvalidArgument, "\"n\" is {}, expected 1 to {}", call.n, kMostTexts);
    }
    if (std::ranges::any_of(call.stop, &std::string::empty)) {
      return Err(ErrorCode::kInvalidArgument, "\"stop\" holds an empty text, which every text contains");
    }
    GenerationRequest request{.prompt_ids = {}, .sampling = call.sampling, .max_tokens = call.max_tokens};
    if (call.prompt_ids) {
      request.prompt_ids = *call.prompt_ids;
    } else {
      request.prompt_ids = tokenizer_->Encode(call.prompt, {.recognize_special_tokens = call.trusted}).ids;
    }
    request.stop_ids = call.stop_ids;
    if (!call.ignore_eos) request.stop_ids.insert(request.stop_ids.end(), stop_tokens_.begin(), stop_tokens_.end());
    request.deadline = call.deadline;
    request.priority = call.priority;
    request.key = call.key;
    request.adapters = AdaptersOf(call);
    request.constraint = call.constraint;
    stream.CountPrompt(request.prompt_ids.size());
    for (int i = 0; i < call.n; ++i) {
      request.sampling.seed = call.sampling.seed + static_cast<uint64_t>(i);
      BANTAM_RETURN_IF_ERROR(stream.Add(call, request, *tokenizer_));
    }
    return Ok();
  }

  std::vector<LoraUse> OwnAdapters() const {
    std::vector<LoraUse> uses;
    for (const NamedAdapter& own : adapters_) {
      if (own.scale != 0) uses.push_back({own.adapter, own.scale});
    }
    return uses;
  }

  const std::string name_, architecture_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  const std::vector<int32_t> stop_tokens_;
  const Result<ChatTemplate> chat_;
  const Result<FimTokens> fim_tokens_;
  const std::shared_ptr<const ModelUse> in_use_;
  std::vector<NamedAdapter> adapters_;
  const std::unique_ptr<GenerationEngine> engine_;  // last: its thread uses the tokenizer
};

}  // namespace

Result<std::unique_ptr<Decoder>> LoadDraftDecoder(std::string_view reference, WeightType weight_type,
                                                  const Tokenizer& tokenizer, std::string_view model_name) {
  BANTAM_TRY(ModelFolder model, OpenModel(reference));
  const std::string name = EscapeForTerminal(model.name);
  if (!IsKnownDecoder(model.architecture) || model.tokenizer_json.empty()) {
    return Err(ErrorCode::kInvalidArgument, "the draft model {} is no model that writes text", name);
  }
  BANTAM_TRY(const std::unique_ptr<Tokenizer> own, Tokenizer::Load(model.tokenizer_json));
  for (int32_t id = 0; id < std::max(own->vocab_size(), tokenizer.vocab_size()); ++id) {
    const std::string_view ours = tokenizer.TokenText(id), theirs = own->TokenText(id);
    if (ours == theirs) continue;
    return Err(
        ErrorCode::kInvalidArgument,
        "the draft model {} has other tokens than {}: token {} is \"{}\" in one and \"{}\" in the other; a draft "
        "model must be one of the same family",
        name, EscapeForTerminal(model_name), id, EscapeForTerminal(theirs, 40), EscapeForTerminal(ours, 40));
  }
  BANTAM_TRY(std::unique_ptr<Decoder> decoder, LoadDecoder(model, {.weight_type = weight_type}));
  if (!decoder->start_token()) return decoder;
  return Err(ErrorCode::kUnsupported, "the draft model {} has an encoder: only decoders draft", name);
}

Result<std::unique_ptr<Generator>> Generator::Load(std::string_view reference, const GeneratorOptions& options) {
  BANTAM_TRY(ModelFolder model, OpenModel(reference));
  return FromModel(std::move(model), options);
}

bool Generator::IsFor(const ModelFolder& model) {
  if (!IsKnownDecoder(model.architecture)) return false;
  if (!IsKnownArchitecture(model.architecture)) return true;
  if (model.gguf != nullptr) {
    return std::ranges::none_of(model.gguf->metadata().all(),
                                [](const auto& entry) { return entry.first.ends_with(".pooling_type"); });
  }
  std::error_code ignored;
  return !std::filesystem::exists(model.path / "modules.json", ignored);
}

Result<std::unique_ptr<Generator>> Generator::FromModel(ModelFolder model, const GeneratorOptions& options) {
  if (!IsKnownDecoder(model.architecture)) {
    return Err(ErrorCode::kUnsupported, "{} has \"model_type\" \"{}\", which generates no text here; known: {}",
               EscapeForTerminal(model.name), EscapeForTerminal(model.architecture), KnownDecoders());
  }
  if (model.tokenizer_json.empty()) {
    return Err(ErrorCode::kNotFound, "{} has no tokenizer.json: text cannot be read without",
               EscapeForTerminal(model.transformer_folder.string(), 400));
  }
  // Beside each other, as far as there are processors: each takes as long as the other.
  Result<std::unique_ptr<Decoder>> loaded = Err(ErrorCode::kOutOfMemory, "not enough memory to load the weights");
  const auto load = [&] {
    try {
      loaded = LoadDecoder(model, {.weight_type = options.weight_type});
    } catch (const std::bad_alloc&) {
    }
  };
  std::jthread loading;
  try {
    loading = std::jthread(load);
  } catch (const std::system_error&) {  // the system has no thread to give
    load();
  }
  auto read_tokenizer =
      model.gguf != nullptr ? Tokenizer::FromGguf(model.gguf->metadata()) : Tokenizer::Load(model.tokenizer_json);
  // Most of what it is asked for does without.
  Result<ChatTemplate> chat =
      model.gguf != nullptr ? ChatTemplate::FromGguf(*model.gguf) : ChatTemplate::Load(model.path);
  auto read_stop_tokens = ReadStopTokens(model);
  if (loading.joinable()) loading.join();
  BANTAM_TRY(std::unique_ptr<Tokenizer> tokenizer, std::move(read_tokenizer));
  BANTAM_TRY(std::vector<int32_t> stop_tokens, std::move(read_stop_tokens));
  BANTAM_TRY(std::unique_ptr<Decoder> decoder, std::move(loaded));
  Result<FimTokens> fim = FindFimTokens(*tokenizer, model.gguf == nullptr ? nullptr : &model.gguf->metadata());
  model.weights.reset();
  std::unique_ptr<Decoder> draft;
  if (!options.draft.empty()) {
    BANTAM_TRY(draft, LoadDraftDecoder(options.draft, options.weight_type, *tokenizer, model.name));
  }
  BANTAM_TRY(std::unique_ptr<GenerationEngine> engine,
             GenerationEngine::Create(std::move(decoder), options.engine, std::move(draft)));
  auto generator =
      std::make_unique<GeneratorImpl>(model.name, model.architecture, std::move(tokenizer), std::move(engine),
                                      std::move(stop_tokens), std::move(chat), std::move(fim), std::move(model.in_use));
  for (const AdapterOptions& adapter : options.adapters) BANTAM_RETURN_IF_ERROR(generator->AddAdapter(adapter));
  return std::unique_ptr<Generator>(std::move(generator));
}

namespace {

// What a model that answers one text at a time is asked.
Result<std::vector<int32_t>> LastOfUser(const Tokenizer& tokenizer, const json::value& messages) {
  const json::array* list = messages.if_array();
  for (size_t i = list == nullptr ? 0 : list->size(); i > 0; --i) {
    const json::object* message = (*list)[i - 1].if_object();
    const json::value* role = message == nullptr ? nullptr : message->if_contains("role");
    const json::value* content = message == nullptr ? nullptr : message->if_contains("content");
    if (role == nullptr || *role != "user" || content == nullptr || !content->is_string()) continue;
    return tokenizer.Encode(content->get_string(), {}).ids;
  }
  return Err(ErrorCode::kInvalidArgument, "\"messages\" has none of a user, which this model would answer");
}

}  // namespace

bool Generator::can_chat() const {
  const Result<ChatTemplate>& chat = chat_template();
  return chat.has_value() || (chat.error().code == ErrorCode::kNotFound && engine().decoder().start_token());
}

Result<std::vector<int32_t>> Generator::ChatPromptIds(const ChatInput& input) const {
  const Result<ChatTemplate>& chat = chat_template();
  if (!chat && can_chat()) return LastOfUser(tokenizer(), input.messages);
  if (!chat) return chat.error();
  BANTAM_TRY(const RenderedChat rendered, chat->Render(input));
  return EncodeChat(tokenizer(), rendered).ids;
}

Result<std::shared_ptr<const grammar::Constraint>> Generator::Constrain(
    std::shared_ptr<const grammar::Grammar> grammar) const {
  const std::lock_guard lock(table_mutex_);
  if (table_ == nullptr) {
    BANTAM_TRY(table_, grammar::TokenTable::From(tokenizer()));
  }
  return grammar::Constraint::Create(std::move(grammar), table_);
}

const Generator::Tools& Generator::tools() const {
  std::call_once(tools_once_, [this] {
    if (!chat_template()) return;
    tools_.use = std::make_unique<ToolUse>(*chat_template());
    for (const std::string_view marker : tools_.use->format().markers()) {
      if (const int32_t id = tokenizer().TokenId(marker); id >= 0) tools_.markers.push_back(id);
    }
  });
  return tools_;
}

const ToolUse* Generator::tool_use() const { return tools().use.get(); }
const std::vector<int32_t>& Generator::tool_markers() const { return tools().markers; }

Result<std::shared_ptr<const grammar::Constraint>> Generator::Constrain(
    const std::string& key, const std::function<Result<std::shared_ptr<const grammar::Grammar>>()>& compile,
    std::span<const int32_t> markers) const {
  constexpr size_t kKept = 32;
  const auto find = [&] { return std::ranges::find(kept_, key, [](const auto& one) { return one.first; }); };
  {
    const std::lock_guard lock(table_mutex_);
    if (const auto found = find(); found != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, found);
      return kept_.front().second;
    }
  }
  BANTAM_TRY(std::shared_ptr<const grammar::Grammar> grammar, compile());
  std::shared_ptr<const grammar::Constraint> constraint;
  if (markers.empty()) {
    BANTAM_TRY(constraint, Constrain(std::move(grammar)));
  } else {
    const std::lock_guard lock(table_mutex_);
    if (call_table_ == nullptr) {
      BANTAM_TRY(call_table_, grammar::TokenTable::From(tokenizer(), markers));
    }
    constraint = grammar::Constraint::Create(std::move(grammar), call_table_);
  }
  const std::lock_guard lock(table_mutex_);
  // Another thread may have been as quick.
  if (const auto found = find(); found != kept_.end()) return found->second;
  kept_.emplace_front(key, constraint);
  if (kept_.size() > kKept) kept_.pop_back();
  return constraint;
}

Result<std::vector<GeneratedText>> Generator::Generate(const GenerateCall& call) {
  BANTAM_TRY(const std::unique_ptr<TextStream> stream, Start(call, WakeAt::kEnd));
  std::vector<GeneratedText> texts(static_cast<size_t>(call.n));
  while (true) {
    BANTAM_TRY(std::optional<TextEvent> event, stream->Next());
    if (!event) return texts;
    GeneratedText& text = texts[static_cast<size_t>(event->index)];
    text.text += event->text;
    std::ranges::move(event->tokens, std::back_inserter(text.tokens));
    if (event->end) text.end = *std::move(event->end);
  }
}

}  // namespace bantam
