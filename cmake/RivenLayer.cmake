# One static library for each layer of the house (see docs/design.md): riven_layer(NAME DEPENDS ...).
# Sources are the .cpp files of the folder; a layer links, and so may include, only what it DEPENDS on.
find_package(Threads REQUIRED)

add_library(riven_options INTERFACE)
target_compile_features(riven_options INTERFACE cxx_std_20)
target_compile_options(riven_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
# g++ 12 sees overlapping and endless copies in std::string's operator+ and insert where there are none (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(riven_options INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds
                                                 -Wno-stringop-overread)
endif()
# Only with the compilers that the tests run with: another's new warning must not keep anybody from building.
if(RIVEN_WERROR AND ((CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13) OR
                     (CMAKE_CXX_COMPILER_ID STREQUAL Clang AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)))
  target_compile_options(riven_options INTERFACE -Werror)
endif()
if(RIVEN_SANITIZE)
  target_compile_options(riven_options INTERFACE -fsanitize=${RIVEN_SANITIZE} -fno-omit-frame-pointer
                                                 -fno-sanitize-recover=all)
  target_link_options(riven_options INTERFACE -fsanitize=${RIVEN_SANITIZE})
endif()

# Standard headers that many sources include, precompiled once for all layers: a tenth of a second instead of one for each
# source. Riven's own headers stay out, so that an edit rebuilds no more than what includes the header.
if(RIVEN_PCH)
  # Both let ccache see through a precompiled header.
  target_compile_options(riven_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
                                                 $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
  add_library(riven_pch OBJECT ${CMAKE_CURRENT_LIST_DIR}/precompiled.cpp)
  target_link_libraries(riven_pch PRIVATE riven_options)
  target_precompile_headers(riven_pch PRIVATE <algorithm> <atomic> <charconv> <chrono> <cmath> <condition_variable> <deque>
                            <filesystem> <fstream> <functional> <map> <memory> <mutex> <numeric> <optional> <set> <sstream>
                            <string> <thread> <unordered_map> <unordered_set> <variant> <vector>)
endif()

# riven_precompile(TARGET FROM): TARGET begins with what the target FROM precompiles.
function(riven_precompile target from)
  if(RIVEN_PCH)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()

# riven_layer(NAME [FAST] [SOURCES ...] [DEPENDS layers...] [PRIVATE libs...] [PUBLIC libs...])
# FAST: optimised to the full, for what is on the path of each operation of a run or of each entry of a history.
# Without SOURCES every .cpp in the current folder (not below it) is compiled.
function(riven_layer name)
  set_property(GLOBAL APPEND PROPERTY RIVEN_LAYERS ${name})
  cmake_parse_arguments(arg "FAST" "" "SOURCES;DEPENDS;PRIVATE;PUBLIC" ${ARGN})
  if(NOT arg_SOURCES)
    file(GLOB arg_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  endif()
  if(arg_SOURCES)
    add_library(riven_${name} STATIC ${arg_SOURCES})
    target_include_directories(riven_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/riven>)
    target_compile_features(riven_${name} PUBLIC cxx_std_20)
    target_link_libraries(riven_${name} PRIVATE $<BUILD_INTERFACE:riven_options> ${arg_PRIVATE})
    target_link_libraries(riven_${name} PUBLIC Threads::Threads ${arg_PUBLIC})
    foreach(dependency IN LISTS arg_DEPENDS)
      target_link_libraries(riven_${name} PUBLIC riven_${dependency})
    endforeach()
    riven_precompile(riven_${name} riven_pch)
    if(NOT arg_FAST)
      # Waits for networks, disks and people; a third less to compile.
      target_compile_options(riven_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
    endif()
  else()
    add_library(riven_${name} INTERFACE)
    target_compile_features(riven_${name} INTERFACE cxx_std_20)
    target_include_directories(riven_${name} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                       $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/riven>)
    foreach(dependency IN LISTS arg_DEPENDS)
      target_link_libraries(riven_${name} INTERFACE riven_${dependency})
    endforeach()
  endif()
endfunction()

# riven_builtin_sources(OUT FOLDER): the .cpp files that FOLDER/builtin.inc lists, one RIVEN_BUILTIN(name) a line.
# A file that is not listed, or a line without a file, is a configure error.
function(riven_builtin_sources out folder)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/builtin.inc)
  file(STRINGS ${folder}/builtin.inc lines REGEX "^RIVEN_BUILTIN\\([a-z0-9_]+\\)")
  set(listed "")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^RIVEN_BUILTIN\\(([a-z0-9_]+)\\).*" "\\1" name "${line}")
    if(NOT EXISTS ${folder}/${name}.cpp)
      message(FATAL_ERROR "${folder}/builtin.inc lists ${name}, but there is no ${name}.cpp beside it")
    endif()
    list(APPEND listed ${folder}/${name}.cpp)
  endforeach()
  file(GLOB present CONFIGURE_DEPENDS ${folder}/*.cpp)
  foreach(file IN LISTS present)
    if(NOT file IN_LIST listed)
      message(FATAL_ERROR "${file} is not listed in ${folder}/builtin.inc: add RIVEN_BUILTIN(<name>) there")
    endif()
  endforeach()
  set(${out} ${listed} PARENT_SCOPE)
endfunction()
