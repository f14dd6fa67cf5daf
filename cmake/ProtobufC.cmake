# SPDX-License-Identifier: Apache-2.0
# Generates C from the contracts into the build tree; nothing generated is committed.
assay_pkg(PROTOBUF_C "libprotobuf-c>=1.4.0")
find_program(PROTOC_C protoc-c REQUIRED)

function(assay_protos target)
  set(root "${CMAKE_SOURCE_DIR}/proto")
  set(out "${CMAKE_BINARY_DIR}/gen")
  file(MAKE_DIRECTORY "${out}")
  set(sources)
  foreach(proto ${ARGN})
    string(REGEX REPLACE "\\.proto$" "" base "${proto}")
    add_custom_command(
      OUTPUT "${out}/${base}.pb-c.c" "${out}/${base}.pb-c.h"
      COMMAND "${PROTOC_C}" "--proto_path=${root}" "--c_out=${out}" "${root}/${proto}"
      DEPENDS "${root}/${proto}"
      COMMENT "protoc-c ${proto}")
    list(APPEND sources "${out}/${base}.pb-c.c")
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC "${out}")
  target_link_libraries(${target} PUBLIC PkgConfig::PROTOBUF_C)
endfunction()
