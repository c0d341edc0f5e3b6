# One room = one static library `bantam_<name>`, with its tests beside its sources.
#
#   bantam_room(text SOURCES tokenizer.cc DEPS files TESTS tokenizer_test.cc LIBS PkgConfig::Re2)
#
# SOURCES  the room's .cc files          DEPS  earlier rooms, by name
# TESTS    GoogleTest files, one binary  LIBS  third-party targets, private to the room
# SLOW_TESTS  the same for tests of a minute or more: an own binary, ctest label "slow", an hour's time
# CONVERSION  adds -Wconversion: for rooms where untrusted sizes come in
function(bantam_room name)
  cmake_parse_arguments(ROOM "CONVERSION" "" "SOURCES;DEPS;TESTS;SLOW_TESTS;LIBS" ${ARGN})
  add_library(bantam_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(bantam_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM ROOM_DEPS PREPEND bantam_ OUTPUT_VARIABLE deps)
  target_link_libraries(bantam_${name}
    PUBLIC ${deps} PRIVATE bantam_warnings bantam_hardening ${ROOM_LIBS})
  if(ROOM_CONVERSION)
    target_compile_options(bantam_${name} PRIVATE -Wconversion)
  endif()
  if(BANTAM_TESTS AND ROOM_TESTS)
    add_executable(bantam_${name}_test ${ROOM_TESTS})
    target_link_libraries(bantam_${name}_test
      PRIVATE bantam_${name} bantam_warnings bantam_hardening ${ROOM_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
    gtest_discover_tests(bantam_${name}_test
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${name} TIMEOUT 300)
  endif()
  if(BANTAM_TESTS AND ROOM_SLOW_TESTS)
    add_executable(bantam_${name}_slow_test ${ROOM_SLOW_TESTS})
    target_link_libraries(bantam_${name}_slow_test
      PRIVATE bantam_${name} bantam_warnings bantam_hardening ${ROOM_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
    gtest_discover_tests(bantam_${name}_slow_test
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS slow TIMEOUT 3600)
  endif()
endfunction()

# bantam_fuzzer(name room sources...): fuzz/NAME.cc as a libFuzzer program. Needs clang; only with BANTAM_FUZZ.
function(bantam_fuzzer name room)
  if(BANTAM_FUZZ)
    add_executable(${name} fuzz/${name}.cc ${ARGN})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_compile_definitions(${name} PRIVATE BANTAM_FUZZ_TARGET)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name} PRIVATE bantam_${room})
  endif()
endfunction()
