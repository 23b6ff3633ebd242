# cmake -DROOT=<source tree> -P includes.cmake
#
# Fails, with file and include, where an include points the wrong way along
#   measurement <- tests-network <- probe, collector <- reports
# where a quoted include is not root-relative or does not exist, and where a source has more than 600 lines.
# Before that it checks itself: on a tree of its own it must find every fault that it is there to find.
cmake_minimum_required(VERSION 3.25)
set(LINES_MAX 600)
set(FOLDERS measurement tests-network probe collector reports)

# What a file may include, as a regular expression on the included path.
function(allowed_of file out)
  if(file MATCHES "^measurement/")
    set(allowed "^measurement/")
  elseif(file MATCHES "^tests-network/([^/]+)/")
    set(allowed "^(measurement/|tests-network/[^/]+$|tests-network/steps/|tests-network/${CMAKE_MATCH_1}/)")
  elseif(file MATCHES "^tests-network/")
    set(allowed "^(measurement/|tests-network/[^/]+$|tests-network/steps/)")
  elseif(file MATCHES "^probe/")
    set(allowed "^(measurement|tests-network|probe)/")
  elseif(file MATCHES "^collector/store/([^/]+)/")
    set(allowed "^(measurement/|tests-network/|collector/[^/]+$|collector/store/[^/]+$|collector/store/${CMAKE_MATCH_1}/)")
  elseif(file MATCHES "^collector/")
    set(allowed "^(measurement/|tests-network/|collector/[^/]+$|collector/store/[^/]+$|collector/[^/]+/[^/]+$)")
  elseif(file MATCHES "^reports/([^/]+)/")
    set(allowed "^(measurement/|collector/query\\.h$|reports/[^/]+$|reports/${CMAKE_MATCH_1}/)")
  elseif(file MATCHES "^reports/")
    set(allowed "^(measurement/|collector/query\\.h$|reports/[^/]+$)")
  else()
    set(allowed "")
  endif()
  set(${out} "${allowed}" PARENT_SCOPE)
endfunction()

function(file_check root file out)
  set(faults "")
  allowed_of(${file} allowed)
  file(STRINGS ${root}/${file} lines REGEX "^[ \t]*#[ \t]*include")
  foreach(line IN LISTS lines)
    if(line MATCHES "include[ \t]*\"([^\"]*)\"")
      set(included ${CMAKE_MATCH_1})
      if(included MATCHES "(^|/)\\.\\.?/" OR NOT included MATCHES "/")
        list(APPEND faults "${file} includes \"${included}\": write the path from the root of the tree")
      elseif(NOT EXISTS ${root}/${included})
        list(APPEND faults "${file} includes \"${included}\", which does not exist from the root of the tree")
      elseif(allowed AND NOT included MATCHES "${allowed}")
        list(APPEND faults "${file} includes \"${included}\": includes may not point that way")
      endif()
    elseif(line MATCHES "include[ \t]*<((measurement|tests-network|probe|collector|reports)/[^>]*)>")
      list(APPEND faults "${file} includes <${CMAKE_MATCH_1}>: our own headers stand in quotes")
    endif()
  endforeach()
  file(READ ${root}/${file} text)
  string(REGEX MATCHALL "\n" ends "${text}")
  list(LENGTH ends count)
  if(count GREATER LINES_MAX)
    list(APPEND faults "${file} has ${count} lines: split it, ${LINES_MAX} is the most")
  endif()
  set(${out} "${faults}" PARENT_SCOPE)
endfunction()

function(tree_check root out out_count)
  set(faults "")
  set(patterns "")
  foreach(folder IN LISTS FOLDERS ITEMS tests)
    list(APPEND patterns ${root}/${folder}/*.c ${root}/${folder}/*.h)
  endforeach()
  file(GLOB_RECURSE files RELATIVE ${root} ${patterns})
  foreach(file IN LISTS files)
    file_check(${root} ${file} found)
    list(APPEND faults ${found})
  endforeach()
  list(LENGTH files count)
  set(${out} "${faults}" PARENT_SCOPE)
  set(${out_count} ${count} PARENT_SCOPE)
endfunction()

# Each row: file|include|whether it is a fault. The included file is made where it starts with a folder of ours.
set(CASES
  "measurement/a.c|measurement/base/x.h|no"
  "measurement/base/b.c|measurement/x.h|no"
  "measurement/c.c|tests-network/x.h|yes"
  "measurement/d.c|collector/x.h|yes"
  "tests-network/a.c|measurement/x.h|no"
  "tests-network/b.c|tests-network/steps/x.h|no"
  "tests-network/c.c|probe/x.h|yes"
  "tests-network/d.c|tests-network/web/x.h|yes"
  "tests-network/web/a.c|tests-network/web/x.h|no"
  "tests-network/web/b.c|tests-network/x.h|no"
  "tests-network/web/c.c|tests-network/steps/x.h|no"
  "tests-network/web/d.c|tests-network/tor/x.h|yes"
  "tests-network/steps/a.c|tests-network/web/x.h|yes"
  "probe/a.c|tests-network/web/x.h|no"
  "probe/capture/b.c|probe/x.h|no"
  "probe/c.c|collector/query.h|yes"
  "probe/d.c|reports/x.h|yes"
  "collector/a.c|tests-network/x.h|no"
  "collector/b.c|collector/store/x.h|no"
  "collector/serve/c.c|collector/detect/x.h|no"
  "collector/d.c|probe/x.h|yes"
  "collector/e.c|reports/x.h|yes"
  "collector/f.c|collector/store/sqlite/x.h|yes"
  "collector/store/sqlite/a.c|collector/store/sqlite/x.h|no"
  "collector/store/sqlite/b.c|collector/store/x.h|no"
  "collector/store/sqlite/c.c|collector/store/clickhouse/x.h|yes"
  "reports/a.c|collector/query.h|no"
  "reports/b.c|collector/x.h|yes"
  "reports/c.c|tests-network/x.h|yes"
  "reports/d.c|probe/x.h|yes"
  "reports/html/a.c|reports/html/x.h|no"
  "reports/html/b.c|reports/x.h|no"
  "reports/html/c.c|reports/csv/x.h|yes"
  "reports/html/d.c|collector/query.h|no"
  "reports/html/e.c|collector/store/x.h|yes"
  "tests/unit/a.c|collector/store/sqlite/x.h|no"
  "tests/unit/b.c|x.h|yes"
  "probe/e.c|x.h|yes"
  "probe/f.c|../measurement/x.h|yes"
  "probe/g.c|measurement/none.h|yes")

function(self_check root)
  file(REMOVE_RECURSE ${root})
  set(expected_count 0)
  foreach(case IN LISTS CASES)
    string(REPLACE "|" ";" fields ${case})
    list(GET fields 0 file)
    list(GET fields 1 included)
    list(GET fields 2 is_fault)
    if(included MATCHES "^[a-z].*/" AND NOT included MATCHES "none\\.h$")
      file(WRITE ${root}/${included} "")
    endif()
    file(WRITE ${root}/${file} "#include <stdio.h>\n#include \"${included}\"\n")
    file_check(${root} ${file} found)
    if((is_fault AND NOT found) OR (found AND NOT is_fault))
      message(FATAL_ERROR "This check is broken: ${file} including \"${included}\" must be a fault: ${is_fault}. Found: ${found}")
    endif()
    if(is_fault)
      math(EXPR expected_count "${expected_count} + 1")
      if(NOT "${found}" MATCHES "${file} includes")
        message(FATAL_ERROR "This check is broken: its message names no file and include: ${found}")
      endif()
    endif()
  endforeach()
  file(WRITE ${root}/probe/h.c "#include <probe/x.h>\n")
  string(REPEAT "\n" ${LINES_MAX} most)
  file(WRITE ${root}/probe/i.c "${most}")
  file(WRITE ${root}/probe/j.c "${most}\n")
  tree_check(${root} faults count)
  list(LENGTH faults fault_count)
  math(EXPR expected_count "${expected_count} + 2")
  if(NOT fault_count EQUAL expected_count)
    message(FATAL_ERROR "This check is broken: it finds ${fault_count} of ${expected_count} faults in its own tree")
  endif()
  file(REMOVE_RECURSE ${root})
endfunction()

if(NOT IS_DIRECTORY "${ROOT}/measurement")
  message(FATAL_ERROR "There is no tree at \"${ROOT}\": give -DROOT=<source tree>")
endif()
self_check(${CMAKE_CURRENT_BINARY_DIR}/includes-self-check)
tree_check(${ROOT} faults count)
if(faults)
  list(JOIN faults "\n  " text)
  message(FATAL_ERROR "Includes or lengths that break the layout:\n  ${text}")
endif()
message(STATUS "${count} sources: every include points the right way, none is too long")
