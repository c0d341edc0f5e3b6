# Our own code compiles without a warning; third-party headers come in as SYSTEM and are exempt.
add_library(bantam_warnings INTERFACE)
target_compile_options(bantam_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Werror
  # At -O2 gcc 12 sees uninitialised strings behind BANTAM_TRY where there are none; the dev build looks for real ones.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-maybe-uninitialized>)

add_library(bantam_hardening INTERFACE)
target_compile_options(bantam_hardening INTERFACE
  -fstack-protector-strong -fstack-clash-protection $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
target_link_options(bantam_hardening INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)

if(BANTAM_SANITIZE)
  add_compile_options(-fsanitize=${BANTAM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BANTAM_SANITIZE})
  if(BANTAM_SANITIZE MATCHES "thread")
    # gcc 12 has no TSan model of atomic_thread_fence and says so as an error under -Werror.
    add_compile_options(-Wno-tsan)
  endif()
endif()
