#include "text/grammar/schema_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "text/grammar/regex_parser.h"
#include "text/grammar/schema_formats.h"

namespace bantam::grammar {
namespace {

// Digits that a double keeps whatever they are: bounds hold for who reads numbers as doubles, too.
constexpr size_t kSafeDigits = 15;
constexpr size_t kMostBoundDigits = 60;

// Exprs of unsigned numbers, by hand: patterns of digits.
class Digits {
 public:
  explicit Digits(ExprPool& pool) : pool_(pool) {}

  uint32_t Range(char first, char last) {
    if (first > last) return pool_.Never();
    return pool_.Chars({{static_cast<uint32_t>(first), static_cast<uint32_t>(last)}});
  }
  uint32_t Any(size_t least, uint32_t most) {
    return pool_.Repeat(Range('0', '9'), static_cast<uint32_t>(least), most);
  }

  // All: 0, or up to so many digits; then a fraction, if any.
  uint32_t All(size_t digits, size_t fraction) {
    const uint32_t whole =
        pool_.Alt({Range('0', '0'), pool_.Seq({Range('1', '9'), Any(0, static_cast<uint32_t>(digits - 1))})});
    return pool_.Seq({whole, Fraction(fraction)});
  }
  uint32_t Fraction(size_t digits) {
    if (digits == 0) return pool_.Empty();
    return pool_.Optional(pool_.Seq({Range('.', '.'), Any(1, static_cast<uint32_t>(digits))}));
  }

  // Those that are not whole.
  uint32_t Fractions() {
    return pool_.Seq({Any(1, kForever), Range('.', '.'), Any(0, kForever), Range('1', '9'), Any(0, kForever)});
  }

  // At least (or more than) a bound that is not negative. With the numbers of All; what is too long falls away there.
  uint32_t AtLeast(const Decimal& bound, bool strict) {
    const uint32_t tail = AnyTail();
    const size_t length = bound.whole.size();
    std::vector<uint32_t> ways{pool_.Seq({Range('1', '9'), Any(length, kForever), tail})};
    std::vector<uint32_t> same;
    for (size_t i = 0; i < length; ++i) {
      std::vector<uint32_t> way = same;
      way.push_back(Range(static_cast<char>(bound.whole[i] + 1), '9'));
      way.push_back(Any(length - i - 1, static_cast<uint32_t>(length - i - 1)));
      way.push_back(tail);
      ways.push_back(pool_.Seq(std::move(way)));
      same.push_back(Range(bound.whole[i], bound.whole[i]));
    }
    if (bound.fraction.empty()) {
      same.push_back(strict ? pool_.Seq({Range('.', '.'), Any(0, kForever), Range('1', '9'), Any(0, kForever)}) : tail);
    } else {
      same.push_back(Range('.', '.'));
      same.push_back(FractionAtLeast(bound.fraction, strict));
    }
    ways.push_back(pool_.Seq(std::move(same)));
    return pool_.Alt(std::move(ways));
  }

  uint32_t AtMost(const Decimal& bound, bool strict) {
    const uint32_t tail = AnyTail();
    const size_t length = bound.whole.size();
    std::vector<uint32_t> ways;
    if (length > 1) ways.push_back(pool_.Seq({Any(1, static_cast<uint32_t>(length - 1)), tail}));
    std::vector<uint32_t> same;
    for (size_t i = 0; i < length; ++i) {
      std::vector<uint32_t> way = same;
      way.push_back(Range('0', static_cast<char>(bound.whole[i] - 1)));
      way.push_back(Any(length - i - 1, static_cast<uint32_t>(length - i - 1)));
      way.push_back(tail);
      ways.push_back(pool_.Seq(std::move(way)));
      same.push_back(Range(bound.whole[i], bound.whole[i]));
    }
    const uint32_t zeros = pool_.Optional(pool_.Seq({Range('.', '.'), pool_.Repeat(Range('0', '0'), 1, kForever)}));
    if (bound.fraction.empty()) {
      same.push_back(strict ? pool_.Never() : zeros);
    } else {
      same.push_back(pool_.Optional(pool_.Seq({Range('.', '.'), FractionAtMost(bound.fraction, strict)})));
    }
    ways.push_back(pool_.Seq(std::move(same)));
    return pool_.Alt(std::move(ways));
  }

 private:
  uint32_t AnyTail() { return pool_.Optional(pool_.Seq({Range('.', '.'), Any(1, kForever)})); }

  // The bound's fraction does not end in 0.
  uint32_t FractionAtLeast(std::string_view bound, bool strict) {
    std::vector<uint32_t> ways, same;
    for (const char digit : bound) {
      std::vector<uint32_t> way = same;
      way.push_back(Range(static_cast<char>(digit + 1), '9'));
      way.push_back(Any(0, kForever));
      ways.push_back(pool_.Seq(std::move(way)));
      same.push_back(Range(digit, digit));
    }
    same.push_back(strict ? pool_.Seq({Any(0, kForever), Range('1', '9'), Any(0, kForever)}) : Any(0, kForever));
    ways.push_back(pool_.Seq(std::move(same)));
    return pool_.Alt(std::move(ways));
  }

  uint32_t FractionAtMost(std::string_view bound, bool strict) {
    std::vector<uint32_t> ways, same;
    for (size_t i = 0; i < bound.size(); ++i) {
      std::vector<uint32_t> way = same;
      way.push_back(Range('0', static_cast<char>(bound[i] - 1)));
      way.push_back(Any(0, kForever));
      ways.push_back(pool_.Seq(std::move(way)));
      same.push_back(Range(bound[i], bound[i]));
      if (i + 1 < bound.size()) ways.push_back(pool_.Seq(same));  // ends here: less, as the rest is not 0
    }
    if (!strict) {
      same.push_back(pool_.Repeat(Range('0', '0'), 0, kForever));
      ways.push_back(pool_.Seq(std::move(same)));
    }
    return pool_.Alt(std::move(ways));
  }

  ExprPool& pool_;
};

// Decimal digits, read from the left, that are a multiple.
Dfa Multiples(uint32_t of) {
  Dfa dfa;
  std::array<bool, 257> begins{};
  for (size_t byte = '0'; byte <= '9' + 1; ++byte) begins[byte] = true;
  dfa.classes = ByteClasses::From(begins);
  // Residues from state 1; 0 has read nothing.
  for (uint32_t state = 0; state <= of; ++state) {
    const uint32_t residue = state == 0 ? 0 : state - 1;
    dfa.final.push_back(state == 1 ? 1 : 0);
    for (const uint8_t byte : dfa.classes.first) {
      dfa.next.push_back(byte < '0' || byte > '9' ? kDead : 1 + (residue * 10 + (byte - '0')) % of);
    }
  }
  return dfa;
}

long double Value(const json::value& number) {
  if (number.is_int64()) return static_cast<long double>(number.get_int64());
  if (number.is_uint64()) return static_cast<long double>(number.get_uint64());
  return static_cast<long double>(number.get_double());
}

long double Value(const Decimal& decimal) {
  const std::string text = decimal.whole + "." + decimal.fraction + "0";
  const long double value = std::strtold(text.c_str(), nullptr);
  return decimal.negative ? -value : value;
}

}  // namespace

std::optional<Decimal> Decimal::From(const json::value& number) {
  std::string text;
  if (number.is_int64()) {
    text = fmt::format("{}", number.get_int64());
  } else if (number.is_uint64()) {
    text = fmt::format("{}", number.get_uint64());
  } else if (number.is_double()) {
    AppendJsonNumber(number.get_double(), text);
  } else {
    return std::nullopt;
  }
  Decimal out;
  std::string_view rest = text;
  if (rest.starts_with('-')) out.negative = true, rest.remove_prefix(1);
  int exponent = 0;
  if (const size_t e = rest.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view power = rest.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    if (std::from_chars(power.data(), power.data() + power.size(), exponent).ec != std::errc()) return std::nullopt;
    rest = rest.substr(0, e);
  }
  const size_t point = std::min(rest.find('.'), rest.size());
  out.whole = rest.substr(0, point);
  if (point < rest.size()) out.fraction = rest.substr(point + 1);
  for (; exponent > 0; --exponent) {
    out.whole += out.fraction.empty() ? '0' : out.fraction.front();
    if (!out.fraction.empty()) out.fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    out.fraction.insert(out.fraction.begin(), out.whole.empty() ? '0' : out.whole.back());
    if (!out.whole.empty()) out.whole.pop_back();
  }
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size()));
  if (out.whole.empty()) out.whole = "0";
  while (out.fraction.ends_with('0')) out.fraction.pop_back();
  if (out.IsZero()) out.negative = false;
  if (out.whole.size() > kMostBoundDigits || out.fraction.size() > kMostBoundDigits) return std::nullopt;
  return out;
}

// What is excluded is told with all other values.
bool NumberRules::Allow(const json::value& number) const {
  const long double value = Value(number);
  for (const NumberBound& bound : bounds) {
    const long double at = Value(bound.at);
    if (bound.strict && value == at) return false;
    if (bound.is_maximum ? value > at : value < at) return false;
  }
  return std::ranges::all_of(multiples,
                             [&](uint32_t of) { return std::fmod(value, static_cast<long double>(of)) == 0; });
}

Status AddNumber(const NumberRules& rules, Nfa& nfa, uint32_t from, uint32_t to, Budget& budget) {
  ExprPool pool;
  Digits digits(pool);
  if (rules.any()) {
    const uint32_t sign = pool.Optional(digits.Range('-', '-'));
    // No exponent that a double has no number for.
    const uint32_t exponent = pool.Optional(pool.Seq(
        {pool.Chars({{'E', 'E'}, {'e', 'e'}}), pool.Optional(pool.Chars({{'+', '+'}, {'-', '-'}})), digits.Any(1, 2)}));
    // Integers have no -0.
    const uint32_t whole =
        pool.Alt({digits.Range('0', '0'), pool.Seq({sign, digits.Range('1', '9'), digits.Any(0, 15)})});
    const uint32_t all =
        rules.fractions ? pool.Seq({sign, digits.All(16, 16), rules.exponents ? exponent : pool.Empty()}) : whole;
    BANTAM_TRY(const uint32_t end, nfa.AddExpr(from, pool, all, Spelling::kPlain));
    return nfa.AddEmpty(end, to), Ok();
  }
  size_t most = 0, fraction = 0;
  for (const NumberBound& bound : rules.bounds) {
    most = std::max(most, bound.at.whole.size());
    fraction = std::max(fraction, bound.at.fraction.size());
  }
  for (const Decimal& each : rules.excluded) most = std::max(most, each.whole.size());
  // A bound is kept by doubles, too, when all digits together are few.
  const bool fraction_fits = rules.fractions && rules.multiples.empty() && most < kSafeDigits;
  // A fraction remains one in a double when they are few, too.
  if (!rules.integers) most = std::max<size_t>(most, 8);
  const size_t fraction_digits = fraction_fits ? kSafeDigits - std::clamp<size_t>(most, 1, kSafeDigits) : 0;
  const size_t whole_digits = rules.integers ? std::max<size_t>(most, fraction_fits ? kSafeDigits : 16) : most;
  for (const bool negative : {false, true}) {
    BANTAM_TRY(Dfa dfa, DfaOf(pool, digits.All(whole_digits, fraction_digits), Spelling::kPlain, budget));
    const auto also = [&](const Result<Dfa>& other) -> Status {
      if (!other) return other.error();
      BANTAM_TRY(dfa, Product(dfa, *other, Combine::kBoth, budget));
      return Ok();
    };
    bool none = false;
    if (negative) BANTAM_RETURN_IF_ERROR(also(DfaOf(pool, digits.AtLeast(Decimal{}, true), Spelling::kPlain, budget)));
    for (const NumberBound& bound : rules.bounds) {
      if (bound.is_maximum != negative) {  // limits the digits from above
        none |= negative != bound.at.negative && !(bound.at.IsZero() && !negative);
        if (bound.at.negative == negative || bound.at.IsZero()) {
          BANTAM_RETURN_IF_ERROR(also(DfaOf(pool, digits.AtMost(bound.at, bound.strict), Spelling::kPlain, budget)));
        }
      } else if (bound.at.negative == negative) {
        BANTAM_RETURN_IF_ERROR(also(DfaOf(pool, digits.AtLeast(bound.at, bound.strict), Spelling::kPlain, budget)));
      }
    }
    for (const Decimal& each : rules.excluded) {
      if (each.negative != negative) continue;
      const uint32_t others = pool.Alt({digits.AtMost(each, true), digits.AtLeast(each, true)});
      BANTAM_RETURN_IF_ERROR(also(DfaOf(pool, others, Spelling::kPlain, budget)));
    }
    if (!rules.integers) BANTAM_RETURN_IF_ERROR(also(DfaOf(pool, digits.Fractions(), Spelling::kPlain, budget)));
    for (const uint32_t of : rules.multiples) BANTAM_RETURN_IF_ERROR(also(Multiples(of)));
    if (none || dfa.IsEmpty()) continue;
    BANTAM_RETURN_IF_ERROR(AddDfa(dfa, nfa, negative ? nfa.AddByte(from, '-') : from, to));
  }
  return Ok();
}

namespace {

Status CheckLengths(const StringRules& rules) {
  if (rules.min_length <= Limits::kRepeat && (rules.max_length == UINT64_MAX || rules.max_length <= Limits::kRepeat))
    return Ok();
  return Err(ErrorCode::kTooLarge, "lengths above {} cannot be counted: leave \"minLength\" and \"maxLength\" out",
             Limits::kRepeat);
}

uint32_t MostChars(const StringRules& rules) {
  return rules.max_length == UINT64_MAX ? kForever : static_cast<uint32_t>(rules.max_length);
}

// ^[a-z]{2,9}$: the repetition, or null.
const Expr* OnlyRepetition(const ExprPool& pool, uint32_t expr) {
  const std::vector<uint32_t>& parts = pool[expr].parts;
  if (pool[expr].kind != Expr::Kind::kSeq || parts.size() != 3 || pool[parts[0]].kind != Expr::Kind::kBegin ||
      pool[parts[1]].kind != Expr::Kind::kRepeat || pool[parts[2]].kind != Expr::Kind::kEnd)
    return nullptr;
  const Expr& repeat = pool[parts[1]];
  return pool[repeat.parts[0]].kind == Expr::Kind::kChars ? &repeat : nullptr;
}

}  // namespace

Result<std::optional<uint32_t>> StringExpr(const StringRules& rules, ExprPool& pool) {
  BANTAM_RETURN_IF_ERROR(CheckLengths(rules));
  if (rules.min_length > rules.max_length) return std::optional(pool.Never());
  const auto least = static_cast<uint32_t>(rules.min_length);
  const uint32_t most = MostChars(rules), any = pool.Chars(CodePointSet::All());
  const bool has_lengths = least > 0 || most != kForever;
  if (rules.excludes()) return std::optional<uint32_t>();
  if (rules.patterns.size() + rules.formats.size() > 1) return std::optional<uint32_t>();
  if (!rules.formats.empty()) {
    if (has_lengths) return std::optional<uint32_t>();
    const std::string& format = rules.formats.front();
    BANTAM_TRY(const uint32_t expr, ParseRegex(*PatternOfFormat(format), format, pool));
    return std::optional(expr);
  }
  if (rules.patterns.empty()) return std::optional(pool.Repeat(any, least, most));
  BANTAM_TRY(const uint32_t expr, ParseRegex(rules.patterns.front().first, rules.patterns.front().second, pool));
  if (const Expr* repeat = OnlyRepetition(pool, expr); repeat != nullptr) {
    const uint32_t from = std::max(repeat->least, least), to = std::min(repeat->most, most);
    return std::optional(from > to ? pool.Never() : pool.Repeat(repeat->parts[0], from, to));
  }
  if (has_lengths) return std::optional<uint32_t>();
  const uint32_t all = pool.Repeat(any, 0, kForever);
  return std::optional(pool.Seq({all, expr, all}));  // it may stand anywhere
}

Result<Dfa> StringDfa(const StringRules& rules, Spelling spelling, Budget& budget) {
  ExprPool pool;
  BANTAM_RETURN_IF_ERROR(CheckLengths(rules));
  const uint32_t any = pool.Chars(CodePointSet::All());
  const uint32_t all = pool.Repeat(any, 0, kForever);
  const bool counted = rules.min_length > 0 || rules.max_length != UINT64_MAX;
  if (rules.min_length > rules.max_length) return DfaOf(pool, pool.Never(), spelling, budget);
  const uint32_t most = MostChars(rules);
  std::optional<Dfa> dfa;
  const auto also = [&](uint32_t expr) -> Status {
    BANTAM_TRY(Dfa other, DfaOf(pool, expr, spelling, budget));
    if (!dfa) return dfa = std::move(other), Ok();
    BANTAM_TRY(dfa, Product(*dfa, other, Combine::kBoth, budget));
    return Ok();
  };
  if (counted) BANTAM_RETURN_IF_ERROR(also(pool.Repeat(any, static_cast<uint32_t>(rules.min_length), most)));
  for (const auto& [pattern, name] : rules.patterns) {
    BANTAM_TRY(const uint32_t expr, ParseRegex(pattern, name, pool));
    Status done = also(pool.Seq({all, expr, all}));  // it may stand anywhere
    if (!done) return Err(done.error().code, "{}: {}", name, done.error().message);
  }
  for (const std::string& format : rules.formats) {
    BANTAM_TRY(const uint32_t expr, ParseRegex(*PatternOfFormat(format), format, pool));
    BANTAM_RETURN_IF_ERROR(also(expr));
  }
  if (!dfa) BANTAM_RETURN_IF_ERROR(also(all));
  const auto without = [&](uint32_t expr) -> Status {
    BANTAM_TRY(const Dfa other, DfaOf(pool, expr, spelling, budget));
    BANTAM_TRY(dfa, Product(*dfa, other, Combine::kFirstOnly, budget));
    return Ok();
  };
  for (const auto& [pattern, name] : rules.excluded_patterns) {
    BANTAM_TRY(const uint32_t expr, ParseRegex(pattern, name, pool));
    BANTAM_RETURN_IF_ERROR(without(pool.Seq({all, expr, all})));
  }
  if (!rules.excluded.empty()) {
    std::vector<uint32_t> texts;
    for (const std::string& each : rules.excluded) texts.push_back(pool.Literal(each));
    BANTAM_RETURN_IF_ERROR(without(pool.Alt(std::move(texts))));
  }
  return *std::move(dfa);
}

}  // namespace bantam::grammar
