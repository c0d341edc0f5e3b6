#include "text/grammar/constraint.h"

#include "base/text_util.h"
#include "text/grammar/readings.h"
#include "text/grammar/regex_parser.h"

namespace bantam::grammar {

struct Constraint::Shared {
  std::mutex mutex;
  std::shared_ptr<Readings> cache;
};

Constraint::Constraint(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTable> tokens)
    : grammar_(std::move(grammar)), tokens_(std::move(tokens)), shared_(std::make_unique<Shared>()) {
  shared_->cache = std::make_shared<Readings>(grammar_, tokens_);
}

Constraint::~Constraint() = default;

std::shared_ptr<const Constraint> Constraint::Create(std::shared_ptr<const Grammar> grammar,
                                                     std::shared_ptr<const TokenTable> tokens) {
  return std::shared_ptr<const Constraint>(new Constraint(std::move(grammar), std::move(tokens)));
}

std::shared_ptr<Readings> Constraint::Cache() const {
  const std::lock_guard lock(shared_->mutex);
  bool full = false;
  {
    const std::lock_guard inner(shared_->cache->mutex);
    full = shared_->cache->size_bytes() > Limits::kCacheBytes;
  }
  if (full) shared_->cache = std::make_shared<Readings>(grammar_, tokens_);
  return shared_->cache;
}

ConstraintState::ConstraintState(std::shared_ptr<const Constraint> constraint)
    : constraint_(std::move(constraint)), cache_(constraint_->Cache()), set_(cache_->start()) {}

bool ConstraintState::Mask(std::span<uint32_t> allowed) const {
  BANTAM_CHECK(allowed.size() * 32 >= static_cast<size_t>(constraint_->tokens().size()));
  const std::lock_guard lock(cache_->mutex);
  if (set_ == kDead) return std::ranges::fill(allowed, 0), false;
  return cache_->Mask(set_, allowed);
}

Status ConstraintState::Accept(int32_t token) {
  const std::string_view bytes = constraint_->tokens().BytesOf(token);
  if (bytes.empty())
    return Err(ErrorCode::kInvalidArgument, "token {} is a control token, or none: a constrained text has none of them",
               token);
  if (AcceptBytes(bytes)) return Ok();
  return Err(ErrorCode::kInvalidArgument, "token {} (\"{}\") may not come next", token, EscapeForTerminal(bytes, 60));
}

Status ConstraintState::AcceptBytes(std::string_view bytes) {
  if (std::shared_ptr<Readings> now = constraint_->Cache(); now != cache_) {
    const std::scoped_lock lock(now->mutex, cache_->mutex);
    if (set_ != kDead) set_ = now->Import(*cache_, set_);
    std::swap(cache_, now);
  }
  const std::lock_guard lock(cache_->mutex);
  uint32_t set = set_;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (set != kDead) set = cache_->Step(set, static_cast<uint8_t>(bytes[i]));
    if (set == kDead)
      return Err(ErrorCode::kInvalidArgument, "byte {} of \"{}\" may not come next", i, EscapeForTerminal(bytes, 60));
  }
  set_ = set;
  return Ok();
}

bool ConstraintState::CanEnd() const {
  const std::lock_guard lock(cache_->mutex);
  return set_ != kDead && cache_->CanEnd(set_);
}

bool ConstraintState::IsDone() const {
  const std::lock_guard lock(cache_->mutex);
  return set_ == kDead || cache_->IsDone(set_);
}

std::string ConstraintState::ForcedBytes(size_t max_bytes) const {
  const std::lock_guard lock(cache_->mutex);
  std::string bytes;
  for (uint32_t set = set_; set != kDead && bytes.size() < max_bytes;) {
    const int byte = cache_->ForcedByte(set);
    if (byte < 0) break;
    bytes += static_cast<char>(byte);
    set = cache_->Step(set, static_cast<uint8_t>(byte));
  }
  return bytes;
}

std::vector<int32_t> ConstraintState::ForcedTokens() const {
  const std::string bytes = ForcedBytes();
  if (bytes.size() < 2) return {};
  std::vector<int32_t> ids = constraint_->tokens().Cut(bytes);
  ConstraintState after = *this;
  if (!after.AcceptBytes(bytes) || !after.IsDone()) {
    if (!ids.empty()) ids.pop_back();
  }
  return ids;
}

namespace {

Result<std::shared_ptr<const Grammar>> FromExpr(const ExprPool& pool, uint32_t expr, std::string_view name) {
  GrammarBuilder builder;
  BANTAM_TRY(const uint32_t root, builder.AddRule("root"));
  Result<uint32_t> end = builder.AddExpr(builder.start(root), pool, expr, Spelling::kPlain);
  if (!end) return Err(end.error().code, "{}: {}", name, end.error().message);
  builder.nfa.AddEmpty(*end, builder.final(root));
  return builder.Build(root, name);
}

}  // namespace

Result<std::shared_ptr<const Grammar>> FromChoices(std::span<const std::string> choices, std::string_view name) {
  if (choices.empty()) return Err(ErrorCode::kInvalidArgument, "{}: no choice is given", name);
  ExprPool pool;
  std::vector<uint32_t> parts;
  size_t bytes = 0;
  for (const std::string& choice : choices) {
    bytes += choice.size();
    if (bytes > Limits::kTextBytes)
      return Err(ErrorCode::kTooLarge, "{}: more than {} of choices, the limit", name, HumanBytes(Limits::kTextBytes));
    if (const auto at = FirstInvalidUtf8(choice))
      return Err(ErrorCode::kInvalidArgument, "{}: byte {} of choice {} is not well-formed UTF-8", name, *at,
                 parts.size() + 1);
    parts.push_back(pool.Literal(choice));
  }
  return FromExpr(pool, pool.Alt(std::move(parts)), name);
}

Result<std::shared_ptr<const Grammar>> FromRegex(std::string_view pattern, std::string_view name) {
  ExprPool pool;
  BANTAM_TRY(const uint32_t expr, ParseRegex(pattern, name, pool));
  return FromExpr(pool, expr, name);
}

}  // namespace bantam::grammar
