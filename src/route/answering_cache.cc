// Answers that were given before: to the same question, and, in place of asking the large model, to one that means the
// same.
#include "base/sha256.h"
#include "route/answer_codec.h"
#include "route/answering.h"

namespace bantam {

bool Answering::CacheIsUsed() const {
  return parts_.cache != nullptr && file_.cache_enabled && !request_.no_store && AskerOf(file_.cache_scope, request_);
}

Answering::CacheIdentity Answering::Identity() const {
  std::string intents = parts_.intents->identity();
  if (policy_.caution() > 0) intents += fmt::format(" caution {}", policy_.caution());
  if (file_.generation > 0) intents += fmt::format(" generation {}", file_.generation);
  return {std::move(intents), AskerOf(file_.cache_scope, request_).value_or("")};
}

bool Answering::FindInCache(Where where) {
  if (!CacheIsUsed()) return false;
  notes_.cache_looked_up = true;
  const CacheIdentity own = Identity();
  const AnswerIdentity identity{file_.sha256, own.intents, own.asker};
  const auto find = [&](const Sha256Digest& key) {
    return where == Where::kMemory ? parts_.cache->FindInMemory(key) : parts_.cache->Find(key);
  };
  std::optional<std::string> stored = find(LocalAnswerKey(identity, request_, question()));
  if (!stored && !parts_.upstreams.empty()) {
    stored = find(UpstreamAnswerKey(identity, request_, question(), question_index_));
  }
  if (!stored) return false;
  std::optional<AssistantAnswer> answer = DecodeAnswer(*stored);
  if (!answer) return false;
  answer_ = *std::move(answer);
  return true;
}

void Answering::StoreLocal() {
  if (!CacheIsUsed()) return;
  CountTokens();
  const CacheIdentity own = Identity();
  parts_.cache->Store(LocalAnswerKey({file_.sha256, own.intents, own.asker}, request_, question()),
                      EncodeAnswer(answer_));
}

void Answering::StoreUpstream(const Understanding& understanding) {
  if (!CacheIsUsed()) return;
  const CacheIdentity own = Identity();
  const AnswerIdentity identity{file_.sha256, own.intents, own.asker};
  const SimilarKey similar{UpstreamPartition(identity, request_, question_index_), question(), answer_.route,
                           understanding.vector};
  const bool by_vector = parts_.similar != nullptr && !understanding.vector.empty();
  parts_.cache->StoreSimilar(UpstreamAnswerKey(identity, request_, question(), question_index_), EncodeAnswer(answer_),
                             by_vector ? &similar : nullptr);
}

bool Answering::FindSimilar(const Understanding& understanding) {
  // A choice of ours that was taken up has no vector of its own question.
  if (parts_.similar == nullptr || !CacheIsUsed() || understanding.vector.empty() || !earlier_question_.empty())
    return false;
  const CacheIdentity own = Identity();
  const Sha256Digest partition = UpstreamPartition({file_.sha256, own.intents, own.asker}, request_, question_index_);
  const auto found =
      parts_.similar->Find(partition, question(), answer_.route, understanding.vector, request_.deadline);
  if (!found) return false;
  notes_.similar =
      SimilarNote{.similarity = found->similarity, .verdict = "refused", .question_sha256 = Sha256Hex(found->question)};
  if (found->refusal) {
    notes_.similar->check = PairCheckName(found->refusal->check);
    notes_.similar->reason = found->refusal->reason;
  }
  std::optional<AssistantAnswer> answer = found->answer ? DecodeAnswer(*found->answer) : std::nullopt;
  if (!answer) return false;
  if (parts_.similar->Audits(request_.request_id)) {
    audited_ = std::move(answer);
    notes_.similar->verdict = "audited";
    return false;
  }
  GiveSimilar(*std::move(answer));
  return true;
}

// The decision stays the one that was just made; what the large model had said is given again.
void Answering::GiveSimilar(AssistantAnswer stored) {
  notes_.similar->verdict = "hit";
  answer_.source = AnswerSource::kCache;
  answer_.cache_hit = true;
  answer_.decision = stored.decision;
  answer_.text = std::move(stored.text);
  answer_.model = std::move(stored.model);
  answer_.finish_reason = std::move(stored.finish_reason);
  answer_.prompt_tokens = stored.prompt_tokens;
  answer_.completion_tokens = stored.completion_tokens;
}

// The same answer said in other words is the same answer: a large model never says it twice alike.
void Answering::JudgeAudit() {
  const double wanted = parts_.similar->rule().audit_similarity;
  bool same = audited_->text == answer_.text;
  if (Embedder* embedder = parts_.intents->embedder(); !same && wanted < 1 && embedder != nullptr) {
    const auto before = embedder->Embed(audited_->text), now = embedder->Embed(answer_.text);
    if (!before || !now) return;  // cannot tell: no part of the estimate
    same = Cosine(before->vector, now->vector) >= wanted;
  }
  notes_.similar->verdict = same ? "audited_same" : "audited_different";
  parts_.similar->TakeAudit(same);
}

}  // namespace bantam
