# SPDX-License-Identifier: Apache-2.0
# Every target of ours links `project_flags`; generated code does not.
set(ASSAY_SANITIZE "" CACHE STRING "Sanitizers to build with: asan (address and undefined) or tsan")
option(ASSAY_WERROR "Treat warnings as errors" ON)
option(ASSAY_FUZZ "Build for the fuzzers of tests/fuzz (clang only)" OFF)
if(ASSAY_FUZZ)
  set(ASSAY_WERROR OFF) # clang warns where gcc does not
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE}")
endif()

add_library(project_flags INTERFACE)
target_include_directories(project_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(project_flags INTERFACE _GNU_SOURCE
                           ASSAY_VERSION="${PROJECT_VERSION}")
target_compile_options(project_flags INTERFACE
  -fno-strict-aliasing -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wswitch-enum -Wundef -Wvla -Wformat=2 -fstack-protector-strong
  $<$<BOOL:${ASSAY_WERROR}>:-Werror>
  $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)

if(ASSAY_FUZZ)
  # The whole code is watched. Adding 0 to NULL, as an empty span does, is no mistake.
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=pointer-overflow
                      -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(ASSAY_SANITIZE STREQUAL "asan")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(ASSAY_SANITIZE STREQUAL "tsan")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(ASSAY_SANITIZE)
  message(FATAL_ERROR "ASSAY_SANITIZE is '${ASSAY_SANITIZE}': expected asan, tsan or nothing")
endif()
