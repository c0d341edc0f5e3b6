// What people write for a model of a hub or a registry.
//
//   hf.co/OWNER/REPO[:QUANT][@REVISION]     also huggingface.co/..., hf:..., https://..., and plain OWNER/REPO
//   ollama.com/NAME[:TAG]                   also ollama.com/library/NAME, ollama.com/USER/NAME, ollama:..., and plain
//   NAME[:TAG]
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace bantam {

struct PullReference {
  enum class Source { kHub, kRegistry };
  Source source = Source::kHub;
  std::string repository;  // "OWNER/REPO"; of a registry "library/NAME" or "USER/NAME"
  std::string variant;     // of the hub a quantization, a file or "safetensors", or empty; of a registry the tag
  std::string revision;    // of the hub, "main" by default

  // One spelling for all: "hf.co/OWNER/REPO:QUANT@REVISION", "ollama.com/library/NAME:TAG".
  std::string Text() const;
};

// `from`: "hub", "ollama", or "" to tell by the reference. kInvalidArgument shows how it is written.
Result<PullReference> ParsePullReference(std::string_view text, std::string_view from = {});

// Whether a model's name is such a reference by its first part, its server: then it is no path.
bool LooksLikePullReference(std::string_view text);

}  // namespace bantam
