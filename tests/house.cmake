# The house tests itself: tidy, each header alone, each layer linked with what it declares and nothing else.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME tidy COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/tidy/tidy.py ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
add_test(NAME tidy_itself COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/tidy/test_tidy.py)
add_test(NAME readme COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/tidy/readme_test.py
         ${PROJECT_SOURCE_DIR}/README.md $<TARGET_FILE:riven>)
set_tests_properties(tidy tidy_itself readme PROPERTIES LABELS house TIMEOUT 60)

# riven_headers_alone(FOLDERS...): one generated source a header, so that each header includes what it needs. A header with a
# source of its name is compiled alone there: it is included first (tidy).
function(riven_headers_alone)
  set(generated "")
  foreach(folder IN LISTS ARGN)
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/${folder}/*.h)
    foreach(header IN LISTS headers)
      string(REGEX REPLACE "[.]h$" ".cpp" own ${header})
      if(EXISTS ${PROJECT_SOURCE_DIR}/${own})
        continue()
      endif()
      string(REGEX REPLACE "[/.]" "_" stem ${header})
      set(source ${CMAKE_CURRENT_BINARY_DIR}/headers_alone/${stem}.cpp)
      file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
      list(APPEND generated ${source})
    endforeach()
  endforeach()
  add_library(headers_alone OBJECT EXCLUDE_FROM_ALL ${generated})
  target_link_libraries(headers_alone PRIVATE riven_options riven_core)
  target_include_directories(headers_alone SYSTEM PRIVATE ${RIVEN_NL_INCLUDE})  # for headers of the agent
endfunction()
riven_headers_alone(harness checkers nemesis workloads)

# A layer is linked whole, every object of it, with its declared dependencies alone: an include that reaches for a symbol of
# a layer above does not link. Layers that are headers only have nothing to link.
get_property(layers GLOBAL PROPERTY RIVEN_LAYERS)
add_custom_target(layers_link)
foreach(layer IN LISTS layers)
  get_target_property(type riven_${layer} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    add_executable(link_${layer} EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/empty_main.cpp)
    target_link_libraries(link_${layer} PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,riven_${layer}> riven_options)
    add_dependencies(layers_link link_${layer})
  endif()
endforeach()

foreach(target headers_alone layers_link)
  add_test(NAME ${target} COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target ${target})
  set_tests_properties(${target} PROPERTIES LABELS house TIMEOUT 1500 RESOURCE_LOCK build_tree)
endforeach()

# Riven installed and used from outside, and the whole of it on real containers.
if(NOT RIVEN_SANITIZE)
  add_test(NAME consumer COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/consumer/run ${PROJECT_BINARY_DIR} riven-node-etcd:bookworm)
  add_test(NAME e2e COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/e2e/whole_runs.py ${PROJECT_BINARY_DIR})
  set(living_faults ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/e2e/living_faults.py ${PROJECT_BINARY_DIR})
  add_test(NAME living_faults COMMAND ${living_faults} LivingFaults LivingSqlServer)
  add_test(NAME living_faults_from_host COMMAND ${living_faults} LivingFaultsFromHost)
  add_test(NAME isolation_levels
           COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/e2e/isolation_levels.py ${PROJECT_BINARY_DIR})
  set_tests_properties(consumer e2e living_faults living_faults_from_host isolation_levels PROPERTIES LABELS docker TIMEOUT 900)
  # With RIVEN_NIGHTLY 20 rounds of each power loss and a storm; steps.py bounds the step in either case.
  set_tests_properties(e2e isolation_levels PROPERTIES TIMEOUT 14400)
endif()
