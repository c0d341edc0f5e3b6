// Which LoRA adapters a request's texts are written with: those of the model that it names, or those of "lora", as
// llama.cpp's clients send them.
#pragma once

#include <string>

#include "api/served_model.h"
#include "base/json.h"

namespace bantam {

// "lora": [{"id": 0, "scale": 0.5}]; the ids are those of /v1/models. Several count together, [] means none.
Status ReadAdapters(const JsonObject& body, const ServedModel& model, GenerateCall& call, std::string& at);

}  // namespace bantam
