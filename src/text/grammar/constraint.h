// Text that a model writes, held to a JSON Schema, a grammar, a pattern or a list of choices.
//
//   BANTAM_TRY(auto grammar, grammar::FromSchema(schema, "schema", {}));
//   BANTAM_TRY(auto constraint, grammar::Constraint::Create(grammar, token_table));
//   grammar::ConstraintState state(constraint);     // one for each text
//   state.Mask(allowed);                            // before each token
//   BANTAM_RETURN_IF_ERROR(state.Accept(token));    // after it
#pragma once

#include "text/grammar/grammar.h"
#include "text/grammar/token_table.h"

namespace bantam::grammar {

class Readings;

// A grammar with a tokenizer's tokens. Any thread; what states find out is kept for all of them, up to a limit in
// bytes.
class Constraint {
 public:
  static std::shared_ptr<const Constraint> Create(std::shared_ptr<const Grammar> grammar,
                                                  std::shared_ptr<const TokenTable> tokens);
  ~Constraint();
  const TokenTable& tokens() const { return *tokens_; }

 private:
  friend class ConstraintState;
  Constraint(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTable> tokens);
  // The cache that is in use; a new one in the place of one that is full.
  std::shared_ptr<Readings> Cache() const;

  const std::shared_ptr<const Grammar> grammar_;
  const std::shared_ptr<const TokenTable> tokens_;
  struct Shared;
  const std::unique_ptr<Shared> shared_;
};

// Where one text is. A copy costs two counted pointers. One thread at a time.
class ConstraintState {
 public:
  explicit ConstraintState(std::shared_ptr<const Constraint> constraint);

  // allowed: a bit for each token, [at least tokens().size() / 32, rounded up]; the rest is cleared. Control tokens are
  // never among them: with CanEnd() the caller adds the one that ends the text. False: no token may follow.
  bool Mask(std::span<uint32_t> allowed) const;
  // kInvalidArgument, and nothing changes, for a token that the mask does not hold.
  Status Accept(int32_t token);
  Status AcceptBytes(std::string_view bytes);
  bool CanEnd() const;
  bool IsDone() const;  // ends here: nothing may follow
  // What must follow whatever is chosen, at most `max_bytes`.
  std::string ForcedBytes(size_t max_bytes = 256) const;
  // The same in tokens; what a longer token might yet begin with is left out.
  std::vector<int32_t> ForcedTokens() const;

 private:
  std::shared_ptr<const Constraint> constraint_;
  std::shared_ptr<Readings> cache_;
  uint32_t set_ = 0;
};

// The whole text is one of these. kInvalidArgument for an empty list and text that is not well-formed.
Result<std::shared_ptr<const Grammar>> FromChoices(std::span<const std::string> choices, std::string_view name);
// The whole text matches.
Result<std::shared_ptr<const Grammar>> FromRegex(std::string_view pattern, std::string_view name);

}  // namespace bantam::grammar
