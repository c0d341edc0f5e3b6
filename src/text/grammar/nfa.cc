#include "text/grammar/nfa.h"

#include <algorithm>
#include <map>

namespace bantam::grammar {

Error Budget::TooMuchWork() {
  return Err(ErrorCode::kTooLarge,
             "it takes more than {} steps to build, the limit: use smaller repetition counts or fewer alternatives",
             Limits::kWork);
}

Error Budget::TooManyStates() {
  return Err(ErrorCode::kTooLarge,
             "it takes more than {} states, the limit: use smaller repetition counts or fewer alternatives",
             Limits::kDfaStates);
}

Status Nfa::Check() const {
  if (heads_.size() <= Limits::kNfaStates) return Ok();
  return Err(ErrorCode::kTooLarge, "it unfolds to more than {} states, the limit: use smaller repetition counts",
             Limits::kNfaStates);
}

uint32_t Nfa::AddText(uint32_t from, std::string_view bytes) {
  for (const char byte : bytes) {
    const uint32_t to = AddState();
    AddBytes(from, to, static_cast<uint8_t>(byte), static_cast<uint8_t>(byte));
    from = to;
  }
  return from;
}

// Sequences with the same end share its states.
void Nfa::AddUtf8(uint32_t from, uint32_t to, const CodePointSet& chars) {
  if (!chars.empty() && chars.ranges().back().last < 0x80) {
    for (const auto& [first, last] : chars.ranges())
      AddBytes(from, to, static_cast<uint8_t>(first), static_cast<uint8_t>(last));
    return;
  }
  std::map<std::array<uint32_t, 3>, uint32_t> shared;  // (first, last, to) -> a state before it
  for (const CodePointRange& range : chars.ranges()) {
    EachUtf8Sequence(range, [&](std::span<const ByteRange> sequence) {
      uint32_t end = to;
      for (size_t i = sequence.size() - 1; i > 0; --i) {
        const auto [at, added] = shared.try_emplace({sequence[i].first, sequence[i].last, end}, 0);
        if (added) {
          at->second = AddState();
          AddBytes(at->second, end, sequence[i].first, sequence[i].last);
        }
        end = at->second;
      }
      AddBytes(from, end, sequence[0].first, sequence[0].last);
    });
  }
}

void Nfa::AddChars(uint32_t from, uint32_t to, const CodePointSet& chars, Spelling spelling) {
  const auto escapes = [](const CodePointRange& range) {
    return range.first < 0x20 || (range.first <= '"' && range.last >= '"') ||
           (range.first <= '\\' && range.last >= '\\');
  };
  if (spelling == Spelling::kPlain || std::ranges::none_of(chars.ranges(), escapes)) return AddUtf8(from, to, chars);
  static const CodePointSet escaped{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
  static const CodePointSet plain = escaped.Complement();
  AddUtf8(from, to, chars.Intersect(plain));
  const CodePointSet rest = chars.Intersect(escaped);
  if (rest.empty()) return;
  const uint32_t slash = AddByte(from, '\\');
  uint32_t zeros = 0, high[2] = {0, 0};
  for (const CodePointRange& range : rest.ranges()) {
    for (uint32_t c = range.first; c <= range.last; ++c) {
      static constexpr std::string_view kShort = "\"\"\\\\\bb\ff\nn\rr\tt";
      for (size_t i = 0; i < kShort.size(); i += 2) {
        if (static_cast<uint8_t>(kShort[i]) == c)
          AddBytes(slash, to, static_cast<uint8_t>(kShort[i + 1]), static_cast<uint8_t>(kShort[i + 1]));
      }
      if (c > 0x1F) continue;
      if (zeros == 0) zeros = AddText(slash, "u00");
      if (high[c >> 4] == 0) high[c >> 4] = AddByte(zeros, c < 0x10 ? '0' : '1');
      const uint32_t low = c & 15;
      for (const char digit : {"0123456789abcdef"[low], "0123456789ABCDEF"[low]}) {
        AddBytes(high[c >> 4], to, static_cast<uint8_t>(digit), static_cast<uint8_t>(digit));
        if (low < 10) break;
      }
    }
  }
}

void Nfa::AddAnyJsonChar(uint32_t from, uint32_t to) {
  static const CodePointSet plain = CodePointSet{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}.Complement();
  AddUtf8(from, to, plain);
  const uint32_t slash = AddByte(from, '\\');
  for (const char c : std::string_view("\"\\/bfnrt"))
    AddBytes(slash, to, static_cast<uint8_t>(c), static_cast<uint8_t>(c));
  const auto hex = [&](uint32_t a, uint32_t b, std::string_view digits) {
    for (const char c : digits) AddBytes(a, b, static_cast<uint8_t>(c), static_cast<uint8_t>(c));
  };
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  // u, then a digit but d, or d and one below 8: no surrogate. Otherwise a high one, \u, a low one.
  const uint32_t u = AddByte(slash, 'u');
  const uint32_t three = AddState(), two = AddState(), one = AddState(), d = AddState(), high = AddState(),
                 high_one = AddState(), pair = AddState();
  hex(u, three, "0123456789abcefABCEF");
  hex(u, d, "dD");
  hex(three, two, kHex);
  hex(two, one, kHex);
  hex(one, to, kHex);
  hex(d, two, "01234567");
  hex(d, high, "89abAB");
  hex(high, high_one, kHex);
  hex(high_one, pair, kHex);
  const uint32_t low = AddText(pair, "\\u"), low_d = AddState(), low_two = AddState(), low_one = AddState();
  hex(low, low_d, "dD");
  hex(low_d, low_two, "cdefCDEF");
  hex(low_two, low_one, kHex);
  hex(low_one, to, kHex);
}

Result<uint32_t> Nfa::AddExpr(uint32_t from, const ExprPool& pool, uint32_t id, Spelling spelling,
                              const RuleMaker* make_rule) {
  BANTAM_RETURN_IF_ERROR(Check());
  const Expr& expr = pool[id];
  switch (expr.kind) {
    case Expr::Kind::kNever:
      return AddState();
    case Expr::Kind::kEmpty:
      return from;
    case Expr::Kind::kChars: {
      const uint32_t to = AddState();
      AddChars(from, to, expr.chars, spelling);
      return to;
    }
    case Expr::Kind::kRule: {
      const uint32_t to = AddState();
      AddCall(from, to, expr.rule);
      return to;
    }
    case Expr::Kind::kBegin:
    case Expr::Kind::kEnd: {
      const uint32_t to = AddState();
      AddEmpty(from, to, expr.kind == Expr::Kind::kBegin ? EdgeKind::kBegin : EdgeKind::kEnd);
      return to;
    }
    case Expr::Kind::kSeq:
      for (const uint32_t part : expr.parts) {
        BANTAM_TRY(from, AddExpr(from, pool, part, spelling, make_rule));
      }
      return from;
    case Expr::Kind::kAlt: {
      const uint32_t to = AddState();
      for (const uint32_t part : expr.parts) {
        const uint32_t begin = AddState();  // an alternative that loops must not lead into the others
        AddEmpty(from, begin);
        BANTAM_TRY(const uint32_t end, AddExpr(begin, pool, part, spelling, make_rule));
        AddEmpty(end, to);
      }
      return to;
    }
    case Expr::Kind::kRepeat:
      break;
  }
  return AddRepeat(from, pool, id, spelling, make_rule);
}

Result<uint32_t> Nfa::AddRepeat(uint32_t from, const ExprPool& pool, uint32_t id, Spelling spelling,
                                const RuleMaker* make_rule) {
  const Expr& expr = pool[id];
  const uint32_t part = expr.parts[0], least = expr.least, most = expr.most;
  if (make_rule != nullptr && pool.IsCounted(id)) {
    BANTAM_TRY(const NewRule rule, (*make_rule)());
    BANTAM_TRY(const uint32_t last, AddExpr(rule.start, pool, part, spelling, make_rule));
    AddEmpty(last, rule.final);
    const uint32_t to = AddState();
    AddCall(from, to, rule.number, {std::max(least, 1U), most});
    if (least == 0) AddEmpty(from, to);
    return to;
  }
  for (uint32_t i = 0; i < least; ++i) {
    const uint32_t before = from;
    BANTAM_TRY(from, AddExpr(from, pool, part, spelling, make_rule));
    if (from == before) return from;  // the empty text, however often
  }
  const uint32_t end = AddState();
  if (most == kForever) {
    const uint32_t loop = AddState();
    AddEmpty(from, loop);
    AddEmpty(loop, end);
    BANTAM_TRY(const uint32_t again, AddExpr(loop, pool, part, spelling, make_rule));
    AddEmpty(again, loop);
    return end;
  }
  for (uint32_t i = least; i < most; ++i) {
    AddEmpty(from, end);
    const uint32_t begin = AddState();
    AddEmpty(from, begin);
    BANTAM_TRY(from, AddExpr(begin, pool, part, spelling, make_rule));
    if (from == begin) break;
  }
  AddEmpty(from, end);
  return end;
}

ByteClasses ByteClasses::From(const std::array<bool, 257>& begins) {
  ByteClasses classes;
  for (size_t byte = 0; byte < 256; ++byte) {
    if (byte == 0 || begins[byte]) classes.first.push_back(static_cast<uint8_t>(byte));
    classes.of[byte] = static_cast<uint8_t>(classes.first.size() - 1);
  }
  return classes;
}

ByteClasses ByteClasses::Of(const Nfa& nfa) {
  std::array<bool, 257> begins{};
  for (uint32_t state = 0; state < nfa.num_states(); ++state) {
    nfa.EachEdge(state, [&](const Nfa::Edge& edge) {
      if (edge.kind != Nfa::EdgeKind::kBytes) return;
      begins[edge.first] = true;
      begins[edge.last + size_t{1}] = true;
    });
  }
  return From(begins);
}

}  // namespace bantam::grammar
