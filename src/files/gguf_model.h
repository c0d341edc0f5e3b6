// A GGUF file as the model folder that it was converted from: the architecture's config.json from metadata keys,
// tensors under the names of the original checkpoint, pooling and limits. What is called how is data: gguf_names.cc.
#pragma once

#include "files/gguf.h"
#include "files/model_folder.h"
#include "files/model_store.h"

namespace bantam {

// An architecture that is not in the table opens under its own name, for inspection: whoever is to compute with it
// refuses it by that.
Result<ModelFolder> OpenGgufModel(const Path& path, const std::optional<ModelManifest>& manifest);

// The one GGUF model of a folder: a file, or the first part of a split one. Nothing when there is none.
Result<std::optional<Path>> FindGgufIn(const Path& folder);

// Whether the file begins as a GGUF file does.
bool LooksLikeGguf(const Path& path);
bool LooksLikeGguf(std::span<const std::byte> bytes);

}  // namespace bantam
