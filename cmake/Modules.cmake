# SPDX-License-Identifier: Apache-2.0
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# assay_module(NAME SOURCES a.c ... USES target ...): one folder, one static library. What a folder
# may use is what it names here; a target that it does not name is not on its link line.
function(assay_module name)
  cmake_parse_arguments(M "" "" "SOURCES;USES" ${ARGN})
  add_library(${name} STATIC ${M_SOURCES})
  target_link_libraries(${name} PUBLIC project_flags ${M_USES})
  set_property(GLOBAL APPEND PROPERTY ASSAY_MODULES ${name})
endfunction()

# assay_pkg(NAME package>=version): an imported target for a library that pkg-config knows.
function(assay_pkg name spec)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${spec})
endfunction()
