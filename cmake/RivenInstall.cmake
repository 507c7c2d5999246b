# What `cmake --install` leaves: the two programs, the public headers and a CMake package with two doors:
#   Riven::check   histories and their checkers, for people who only have histories; needs neither libssh nor libnl
#   Riven::riven   everything, for your own database or workload; see tests/consumer
include(CMakePackageConfigHelpers)

set(check_layers core history checkers)
get_property(layers GLOBAL PROPERTY RIVEN_LAYERS)
list(REMOVE_ITEM layers agent ${check_layers}) # the agent is a program, not something to link

add_library(riven_check INTERFACE)
add_library(riven_all INTERFACE)
foreach(layer IN LISTS check_layers)
  target_link_libraries(riven_check INTERFACE riven_${layer})
endforeach()
target_link_libraries(riven_all INTERFACE riven_check)
foreach(layer IN LISTS layers)
  target_link_libraries(riven_all INTERFACE riven_${layer})
endforeach()
set_target_properties(riven_check PROPERTIES EXPORT_NAME check)
set_target_properties(riven_all PROPERTIES EXPORT_NAME riven)
add_library(Riven::check ALIAS riven_check)
add_library(Riven::riven ALIAS riven_all)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Riven)
list(TRANSFORM check_layers PREPEND riven_)
list(TRANSFORM layers PREPEND riven_)
install(TARGETS riven_check ${check_layers} EXPORT RivenCheck ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS riven_all ${layers} EXPORT RivenAll ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT RivenCheck NAMESPACE Riven:: FILE RivenCheck.cmake DESTINATION ${package_dir})
install(EXPORT RivenAll NAMESPACE Riven:: FILE RivenAll.cmake DESTINATION ${package_dir})
foreach(program riven riven-agent)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

# Headers that show a third party's types are private to their layer, whatever their name; so is the agent.
file(GLOB_RECURSE headers RELATIVE ${PROJECT_SOURCE_DIR} harness/*.h checkers/*.h nemesis/*.h workloads/*.h)
foreach(header IN LISTS headers)
  file(STRINGS ${PROJECT_SOURCE_DIR}/${header} third_party REGEX "#include <(libssh|netlink|httplib|zstd|CLI|boost|libpq|mysql|mariadb|hiredis)")
  if(NOT third_party AND NOT header MATCHES "^nemesis/agent/")
    get_filename_component(folder ${header} DIRECTORY)
    install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/riven/${folder})
  endif()
endforeach()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/RivenConfig.cmake.in ${PROJECT_BINARY_DIR}/RivenConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/RivenConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/RivenConfig.cmake ${PROJECT_BINARY_DIR}/RivenConfigVersion.cmake DESTINATION ${package_dir})
