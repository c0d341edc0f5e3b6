// How a Redis keeps an answer and a question: a few fields with their lengths behind a checksum over them, the kind of
// row and the key they are for. What is not exactly that is no row.
#pragma once

#include <optional>

#include "route/cache_store.h"

namespace bantam {

struct AnswerRow {
  int64_t created_us = 0;
  std::string epoch, value;
};

std::string PackAnswer(const Sha256Digest& key, const AnswerRow& row);
std::optional<AnswerRow> UnpackAnswer(const Sha256Digest& key, std::string_view bytes);
std::string PackQuestion(const StoredQuestion& question);
std::optional<StoredQuestion> UnpackQuestion(const Sha256Digest& key, std::string_view bytes);

// Of an answer's first kAnswerHead bytes, or fewer: when and under which epoch it was stored, unchecked.
inline constexpr size_t kAnswerHead = 512;
std::optional<AnswerRow> PeekAnswer(std::string_view bytes);

std::optional<Sha256Digest> DigestOfHex(std::string_view hex);

}  // namespace bantam
