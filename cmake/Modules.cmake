# A module is a folder. Where FOLDER/NAME/NAME.c exists, it ends in a descriptor
# `const struct KIND KIND_NAME`; the registry of all of them is generated here, so that adding a
# folder adds the module and no other file changes.
#
#   dialtone_modules(<target> KIND <kind> HEADER <header that declares struct kind> FOLDER <folder>)
#
# adds every source of every module to <target>, and a generated file that defines
#   const struct <kind> *const <kind>_registry[];   ending with NULL
# which <header> declares.
function(dialtone_modules target)
  cmake_parse_arguments(ARG "" "KIND;HEADER;FOLDER" "" ${ARGN})
  file(GLOB entries CONFIGURE_DEPENDS RELATIVE ${ARG_FOLDER} ${ARG_FOLDER}/*/*.c)
  set(names "")
  foreach(entry IN LISTS entries)
    get_filename_component(folder ${entry} DIRECTORY)
    get_filename_component(stem ${entry} NAME_WE)
    if(folder STREQUAL stem)
      list(APPEND names ${folder})
    endif()
  endforeach()
  list(SORT names)
  set(externs "")
  set(rows "")
  foreach(name IN LISTS names)
    string(APPEND externs "extern const struct ${ARG_KIND} ${ARG_KIND}_${name};\n")
    string(APPEND rows "    &${ARG_KIND}_${name},\n")
    file(GLOB sources CONFIGURE_DEPENDS ${ARG_FOLDER}/${name}/*.c)
    target_sources(${target} PRIVATE ${sources})
  endforeach()
  set(path ${PROJECT_BINARY_DIR}/generated/${ARG_KIND}_registry.c)
  file(CONFIGURE OUTPUT ${path} CONTENT
"#include \"${ARG_HEADER}\"

${externs}
const struct ${ARG_KIND} *const ${ARG_KIND}_registry[] = {
${rows}    0,
};
")
  target_sources(${target} PRIVATE ${path})
endfunction()

# dialtone_embed(<target> <file> <symbol>): the file's bytes as `const char <symbol>[]`, zero-terminated,
# so that a program carries its defaults and runs from any folder.
function(dialtone_embed target file symbol)
  set(path ${PROJECT_BINARY_DIR}/generated/${symbol}.c)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} hex HEX)
  string(REPEAT "." 32 line)
  string(REGEX REPLACE "(${line})" "\\1\n" lines "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${lines}")
  file(CONFIGURE OUTPUT ${path} CONTENT
"extern const char ${symbol}[];
const char ${symbol}[] = {
${bytes}0};
")
  target_sources(${target} PRIVATE ${path})
endfunction()
