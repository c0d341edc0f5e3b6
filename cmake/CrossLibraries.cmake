# The libraries of the rooms up to models/ for another architecture, from what this machine has anyway: fmt and Boost.JSON
# as headers, two functions of libcrypto in plain C++, GoogleTest from the sources that libgtest-dev depends on. So the kernels and models of aarch64 are tested
# without a second set of packages; the whole binary is built on aarch64 itself.
find_package(Threads REQUIRED)

# Only these folders of /usr/include, whose headers are the same for every architecture.
set(headers ${CMAKE_BINARY_DIR}/portable-headers)
file(MAKE_DIRECTORY ${headers})
foreach(library fmt boost)
  if(NOT EXISTS /usr/include/${library})
    message(FATAL_ERROR "/usr/include/${library} is missing: run tools/setup.sh test")
  endif()
  file(CREATE_LINK /usr/include/${library} ${headers}/${library} SYMBOLIC)
endforeach()

add_library(portable_fmt INTERFACE)
target_include_directories(portable_fmt SYSTEM INTERFACE ${headers})
target_compile_definitions(portable_fmt INTERFACE FMT_HEADER_ONLY)
add_library(fmt::fmt ALIAS portable_fmt)

add_library(portable_boost_json STATIC ${PROJECT_SOURCE_DIR}/cmake/cross/boost_json.cc)
target_include_directories(portable_boost_json SYSTEM PUBLIC ${headers})
target_compile_definitions(portable_boost_json PUBLIC BOOST_ALL_NO_LIB)
add_library(Boost::json ALIAS portable_boost_json)

add_library(portable_crypto STATIC ${PROJECT_SOURCE_DIR}/cmake/cross/crypto.cc)
target_include_directories(portable_crypto PUBLIC ${PROJECT_SOURCE_DIR}/cmake/cross)
add_library(OpenSSL::Crypto ALIAS portable_crypto)

if(BANTAM_TESTS)
  if(NOT EXISTS /usr/src/googletest/CMakeLists.txt)
    message(FATAL_ERROR "/usr/src/googletest is missing: run tools/setup.sh test")
  endif()
  set(INSTALL_GTEST OFF)
  add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
endif()
