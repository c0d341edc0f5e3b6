#include "route/answer_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "base/text_util.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

// A change of what is stored or of how keys are made must not read old entries as new ones.
constexpr std::string_view kFormat = "bantam answer 4";

// What is stored is a hit's only work beside its reply, so it is fields one after the other and not JSON, which took
// half of the time: numbers as they lie in memory, texts and lists behind their sizes.
static_assert(std::endian::native == std::endian::little);

class Packer {
 public:
  template <typename T>
  void Number(const T& number) {
    static_assert(std::is_trivially_copyable_v<T>);
    out_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void Text(const std::string& text) {
    Number(static_cast<uint32_t>(text.size()));
    out_ += text;
  }
  template <typename T, typename Field>
  void List(const std::vector<T>& items, Field field) {
    Number(static_cast<uint32_t>(items.size()));
    for (const T& item : items) field(*this, item);
  }
  template <typename T, typename Field>
  void Optional(const std::optional<T>& value, Field field) {
    Number(value.has_value());
    if (value) field(*this, *value);
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

// Of bytes that anybody may have written. After the first that do not fit nothing is read.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}
  template <typename T>
  void Number(T& number) {
    const std::string_view bytes = Bytes(sizeof number);
    if (!bytes.empty()) std::memcpy(&number, bytes.data(), sizeof number);
  }
  void Text(std::string& text) {
    text = Bytes(Size());
    failed_ = failed_ || FirstInvalidUtf8(text);
  }
  template <typename T, typename Field>
  void List(std::vector<T>& items, Field field) {
    for (size_t left = Size(); left > 0 && !failed_; --left) field(*this, items.emplace_back());
  }
  template <typename T, typename Field>
  void Optional(std::optional<T>& value, Field field) {
    uint8_t there = 0;
    Number(there);
    if (there != 0) field(*this, value.emplace());
  }
  bool complete() const { return !failed_ && rest_.empty(); }

 private:
  size_t Size() {
    uint32_t size = 0;
    Number(size);
    failed_ = failed_ || size > rest_.size();  // an item takes a byte at least
    return failed_ ? 0 : size;
  }
  std::string_view Bytes(size_t size) {
    failed_ = failed_ || size > rest_.size();
    if (failed_) return {};
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view rest_;
  bool failed_ = false;
};

// What is kept, in order: of a Packer and a const answer, or of an Unpacker and an empty one.
template <typename Io, typename Answer>
void Walk(Io& io, Answer& answer) {
  const auto text = [](Io& own, auto& value) { own.Text(value); };
  const auto number = [](Io& own, auto& value) { own.Number(value); };
  io.Text(answer.text);
  io.Text(answer.route);
  io.Number(answer.confidence);
  io.Number(answer.threshold);
  io.Optional(answer.p_correct, number);
  io.List(answer.prediction_set, text);
  io.Optional(answer.budget, [](Io& own, auto& budget) {
    own.Number(budget.max_error);
    own.Number(budget.delta);
    own.Number(budget.threshold);
    own.Number(budget.num_calibration);
  });
  io.Text(answer.calibration_id);
  io.Number(answer.decision);
  io.Text(answer.model);
  io.Text(answer.finish_reason);
  io.Number(answer.prompt_tokens);
  io.Number(answer.completion_tokens);
  io.List(answer.nearest, [](Io& own, auto& example) {
    own.Text(example.text);
    own.Text(example.route);
    own.Number(example.similarity);
  });
}

bool IsShare(double value) { return value >= 0 && value <= 1; }

bool IsPlausible(const AssistantAnswer& answer) {
  const auto decision = static_cast<size_t>(answer.decision);
  const BudgetInForce budget = answer.budget.value_or(BudgetInForce());
  return IsShare(static_cast<double>(answer.confidence)) && answer.threshold >= 0 &&
         IsShare(answer.p_correct.value_or(0)) && IsShare(budget.max_error) && IsShare(budget.delta) &&
         budget.threshold >= 0 && budget.num_calibration >= 0 && decision < kNumDecisionKinds &&
         answer.prompt_tokens >= 0 && answer.completion_tokens >= 0 &&
         std::ranges::all_of(
             answer.nearest, [](const NearestExample& example) { return std::abs(example.similarity) <= 1.01f; });
}

void AddCommon(CacheKey& key, std::string_view kind, const AnswerIdentity& identity, const AssistantRequest& request) {
  key.Add(kFormat).Add(kind).Add(identity.route_file).Add(identity.intents).Add(identity.asker);
  for (const ChatMessage& message : request.messages) {
    if (message.role == "system" || message.role == "developer") key.Add(message.role).Add(message.content);
  }
  // Who asks and how it is billed do not change an answer: a client that names each of its users still shares them.
  json::object parameters;
  if (!request.upstream_parameters.empty()) {
    parameters = request.upstream_parameters;
    for (const char* name : {"user", "safety_identifier", "prompt_cache_key", "service_tier"}) parameters.erase(name);
  }
  key.Add("parameters").Add(ToJson(parameters));
}

Sha256Digest KeyIn(const Sha256Digest& partition, std::string_view question) {
  const std::string_view bytes(reinterpret_cast<const char*>(partition.data()), partition.size());
  return CacheKey().Add(bytes).Add(NormalizeQuestion(question)).Finish();
}

}  // namespace

std::string EncodeAnswer(const AssistantAnswer& answer) {
  Packer packer;
  Walk(packer, answer);
  return packer.Take();
}

std::optional<AssistantAnswer> DecodeAnswer(std::string_view bytes) {
  Unpacker unpacker(bytes);
  AssistantAnswer answer;
  Walk(unpacker, answer);
  if (!unpacker.complete() || !IsPlausible(answer)) return std::nullopt;
  answer.source = AnswerSource::kCache;
  answer.cache_hit = true;
  return answer;
}

std::optional<std::string> AskerOf(CacheScope scope, const AssistantRequest& request) {
  if (scope == CacheScope::kGlobal) return "everybody";
  if (scope == CacheScope::kTenant) return "tenant " + request.tenant;
  for (const char* name : {"safety_identifier", "user"}) {
    const json::value* user = request.upstream_parameters.if_contains(name);
    if (user == nullptr || !user->is_string() || user->get_string().empty()) continue;
    return fmt::format("user {} {} {}", request.tenant.size(), request.tenant, std::string_view(user->get_string()));
  }
  return std::nullopt;
}

Sha256Digest LocalAnswerKey(const AnswerIdentity& identity, const AssistantRequest& request,
                            std::string_view question) {
  CacheKey key;
  AddCommon(key, "local", identity, request);
  return KeyIn(key.Finish(), question);
}

Sha256Digest UpstreamPartition(const AnswerIdentity& identity, const AssistantRequest& request, size_t question_index) {
  CacheKey key;
  AddCommon(key, "upstream", identity, request);
  key.Add("history");
  for (size_t i = 0; i < request.messages.size(); ++i) {
    if (i != question_index) key.Add(request.messages[i].role).Add(request.messages[i].content);
  }
  return key.Finish();
}

Sha256Digest UpstreamAnswerKey(const AnswerIdentity& identity, const AssistantRequest& request,
                               std::string_view question, size_t question_index) {
  return KeyIn(UpstreamPartition(identity, request, question_index), question);
}

}  // namespace bantam
