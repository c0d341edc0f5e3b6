// A parsed template. Chains (a + b - c, a.b.c | d | e) are one node with a list, not a tree as deep as they are long.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace bantam::jinja {

struct Expr;

struct CallArguments {
  struct Named {
    std::string_view name;
    const Expr* value = nullptr;
  };
  std::vector<const Expr*> positional;
  std::vector<Named> named;
  const Expr* star = nullptr;         // *list
  const Expr* double_star = nullptr;  // **dict
};

// What may follow an operand.
struct Suffix {
  enum class Kind : uint8_t { kAttribute, kItem, kSlice, kCall, kFilter, kTest };
  Kind kind = Kind::kAttribute;
  bool negated = false;  // is not
  uint32_t at = 0;
  std::string_view name;               // of the attribute, filter or test
  const Callable* callable = nullptr;  // of the filter or test; null for one that does not exist
  const Expr* index = nullptr;
  const Expr* bounds[3] = {};  // of a slice; null where left out
  CallArguments arguments;
};

enum class Operator : uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct Expr {
  enum class Kind : uint8_t {
    kLiteral,
    kName,
    kList,
    kTuple,
    kDict,      // operands: key, value, key, value
    kSuffixed,  // operands[0], then suffixes
    kNot,
    kNegative,
    kPositive,
    kArithmetic,  // operands[0] operators[0] operands[1] ..., from the left
    kConcat,      // a ~ b ~ c
    kCompare,     // as kArithmetic, but each with the next
    kAnd,
    kOr,
    kConditional,  // value, condition, other (may be null)
  };
  Kind kind = Kind::kLiteral;
  uint32_t at = 0;  // byte of the source, for errors
  Value literal;
  uint32_t symbol = 0;    // of a name
  std::string_view name;  // of a name
  std::vector<const Expr*> operands;
  std::vector<Operator> operators;
  std::vector<Suffix> suffixes;
};

// What is assigned to: a name, an attribute of a namespace, or several.
struct Target {
  uint32_t at = 0;
  uint32_t symbol = 0;
  std::string_view name;
  std::string_view attribute;  // namespace.attribute
  std::vector<Target> parts;   // a, (b, c)
};

struct Node;
using Body = std::vector<const Node*>;

struct MacroNode {
  struct Parameter {
    uint32_t symbol = 0;
    std::string_view name;
    const Expr* other = nullptr;  // its default
  };
  std::string_view name;
  std::vector<Parameter> parameters;
  Body body;
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};

struct Node {
  enum class Kind : uint8_t {
    kText,
    kPrint,
    kIf,
    kFor,
    kSet,
    kSetBlock,
    kMacro,
    kCall,
    kFilter,
    kWith,
    kScoped,
    kBreak,
    kContinue,
  };
  struct Branch {
    const Expr* condition = nullptr;  // null: else
    Body body;
  };
  Kind kind = Kind::kText;
  uint32_t at = 0;
  std::string_view text;
  const Expr* value = nullptr;      // printed, assigned, iterated or called
  const Expr* condition = nullptr;  // of a for
  bool recursive = false;
  Target target;
  Body body;
  Body otherwise;                                           // else of a for
  std::vector<Branch> branches;                             // of an if
  std::vector<Suffix> filters;                              // of a filter block or a block that is set
  const MacroNode* macro = nullptr;                         // also of a call block
  std::vector<std::pair<Target, const Expr*>> assignments;  // of a with
};

// Owns what the nodes point into.
struct Ast {
  std::string source;               // line ends made '\n'
  std::deque<std::string> strings;  // names and texts that are not as in the source
  std::deque<Expr> expressions;
  std::deque<Node> nodes;
  std::deque<MacroNode> macros;
  std::vector<std::string_view> symbols;
  Body body;
};

}  // namespace bantam::jinja
