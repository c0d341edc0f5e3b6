// Executes VEX vpdpbusd where the processor does not: SIGILL hands over the registers as XSAVE wrote them to the stack,
// the handler changes the destination there and steps over the instruction, and the return from the signal loads them.
#include <immintrin.h>
#include <signal.h>
#include <ucontext.h>

#include <cpuid.h>

#include <cstdint>
#include <cstring>

#include "kernels/testing/avx2vnni.h"

namespace bantam::testing {
namespace {

// The standard XSAVE area (Intel SDM volume 1, 13.4): the signal frame has it uncompacted.
constexpr int kXmmOffset = 160, kSoftwareOffset = 464, kHeaderOffset = 512;
constexpr uint32_t kXsaveMagic = 0x46505853;  // FP_XSTATE_MAGIC1: the frame goes beyond the first 512 bytes
constexpr uint64_t kSseState = 2, kAvxState = 4;
uint32_t g_high_halves_offset = 0;  // of the upper halves of ymm, from CPUID

struct Vpdpbusd {
  int destination, unsigned_bytes, signed_bytes;  // ymm registers
};
constexpr int kLength = 5;  // C4, two bytes of prefix, opcode, ModRM

// Only the form that our asm can take: 256 bits, registers.
bool Decode(const uint8_t* code, Vpdpbusd* out) {
  const bool is_vex3 = code[0] == 0xc4, is_map_0f38 = (code[1] & 0x1f) == 2;
  const bool is_w0_256_66 = (code[2] & 0x87) == 0x05;
  const bool is_register_form = (code[4] & 0xc0) == 0xc0;
  if (!is_vex3 || !is_map_0f38 || !is_w0_256_66 || code[3] != 0x50 || !is_register_form) return false;
  // The prefix holds the upper bits of reg and rm, and all of the second operand, inverted.
  out->destination = (code[4] >> 3 & 7) | ((code[1] & 0x80) != 0 ? 0 : 8);
  out->signed_bytes = (code[4] & 7) | ((code[1] & 0x20) != 0 ? 0 : 8);
  out->unsigned_bytes = ~(code[2] >> 3) & 15;
  return true;
}

struct Frame {
  uint8_t* area;

  uint8_t* Half(int reg, int half) const {
    return area + (half == 0 ? uint32_t{kXmmOffset} : g_high_halves_offset) + 16 * reg;
  }
  // A state in its initial configuration is zero whatever lies in its place, until its bit is set.
  void MakeValid(uint64_t state, uint8_t* begin) const {
    uint64_t valid;
    std::memcpy(&valid, area + kHeaderOffset, sizeof valid);
    if ((valid & state) != 0) return;
    std::memset(begin, 0, 16 * 16);
    valid |= state;
    std::memcpy(area + kHeaderOffset, &valid, sizeof valid);
  }
};

void Execute(const Frame& frame, const Vpdpbusd& op) {
  for (int half = 0; half < 2; ++half) {
    int32_t sums[4];
    std::memcpy(sums, frame.Half(op.destination, half), sizeof sums);
    const uint8_t* a = frame.Half(op.unsigned_bytes, half);
    int8_t b[16];
    std::memcpy(b, frame.Half(op.signed_bytes, half), sizeof b);
    for (int i = 0; i < 16; ++i) sums[i / 4] += a[i] * b[i];
    std::memcpy(frame.Half(op.destination, half), sums, sizeof sums);
  }
}

void OnInvalidInstruction(int, siginfo_t*, void* context) {
  auto* user = static_cast<ucontext_t*>(context);
  greg_t& rip = user->uc_mcontext.gregs[REG_RIP];
  auto* area = reinterpret_cast<uint8_t*>(user->uc_mcontext.fpregs);
  uint32_t magic = 0;
  if (area != nullptr) std::memcpy(&magic, area + kSoftwareOffset, sizeof magic);
  Vpdpbusd op;
  if (magic != kXsaveMagic || !Decode(reinterpret_cast<const uint8_t*>(rip), &op)) {
    signal(SIGILL, SIG_DFL);  // not ours: it traps again and ends the process
    return;
  }
  const Frame frame{area};
  frame.MakeValid(kSseState, area + kXmmOffset);
  frame.MakeValid(kAvxState, area + g_high_halves_offset);
  Execute(frame, op);
  rip += kLength;
}

}  // namespace

bool EmulateVexVpdpbusd() {
  uint32_t size = 0, offset = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(0xd, 2, &size, &offset, &ecx, &edx) == 0 || size != 16 * 16) return false;
  g_high_halves_offset = offset;
  struct sigaction action{};
  action.sa_sigaction = OnInvalidInstruction;
  action.sa_flags = SA_SIGINFO;
  return sigaction(SIGILL, &action, nullptr) == 0;
}

}  // namespace bantam::testing
