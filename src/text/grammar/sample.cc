#include "text/grammar/sample.h"

namespace bantam::grammar {

std::shared_ptr<const TokenTable> ByteTokens() {
  static const std::shared_ptr<const TokenTable> table = [] {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    return TokenTable::FromBytes(tokens);
  }();
  return table;
}

std::optional<std::string> RandomText(const std::shared_ptr<const Constraint>& constraint, std::mt19937_64& random,
                                      size_t most_tokens) {
  ConstraintState state(constraint);
  std::string text;
  const TokenTable& tokens = constraint->tokens();
  std::vector<uint32_t> allowed((static_cast<size_t>(tokens.size()) + 31) / 32);
  std::vector<int32_t> all, closing;
  for (size_t step = 0; step < most_tokens; ++step) {
    if (state.IsDone()) return text;
    if (state.CanEnd() && random() % 4 == 0) return text;
    if (!state.Mask(allowed)) return std::nullopt;
    all.clear();
    closing.clear();
    for (int32_t id = 0; id < tokens.size(); ++id) {
      if ((allowed[static_cast<size_t>(id) / 32] >> id % 32 & 1) == 0) continue;
      all.push_back(id);
      if (tokens.BytesOf(id).find_first_of("\"]}") != std::string_view::npos) closing.push_back(id);
    }
    const bool closes = !closing.empty() && (step > most_tokens / 2 || random() % 4 == 0);
    const std::vector<int32_t>& from = closes ? closing : all;
    const int32_t id = from[random() % from.size()];
    BANTAM_CHECK(state.Accept(id).has_value(), "a mask holds a token that is not accepted");
    text += tokens.BytesOf(id);
  }
  return std::nullopt;
}

}  // namespace bantam::grammar
