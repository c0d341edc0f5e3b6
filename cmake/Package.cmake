# The installable library: libbantam.a and libbantam.so with the C interface, its header, and what pkg-config and CMake need
# to find them. Both libraries are made of the objects that the rooms have anyway: nothing is compiled twice.
#
#   cmake --install build/release --prefix /opt/bantam                        everything
#   cmake --install build/release --prefix /opt/bantam --component static     program, shared, static or headers alone;
#                                                       with the program come its manual page and the shells' completion
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Neither api/ nor cli/: no server comes into a program that links us.
set(library_rooms base net trace kernels tensor files text layers models engine tasks learn route capi)
set(soversion 0)

list(TRANSFORM library_rooms REPLACE "(.+)" "$<TARGET_OBJECTS:bantam_\\1>" OUTPUT_VARIABLE objects)
add_library(bantam_static STATIC ${objects})

# The archives give what the C interface reaches, and no more.
add_library(bantam_shared SHARED $<TARGET_OBJECTS:bantam_capi>)
target_link_libraries(bantam_shared PRIVATE bantam_route bantam_learn bantam_tasks fmt::fmt bantam_hardening)
set(map ${PROJECT_SOURCE_DIR}/src/capi/libbantam.map)
target_link_options(bantam_shared PRIVATE LINKER:--version-script=${map})
if(NOT BANTAM_SANITIZE)  # whose own symbols are the program's
  target_link_options(bantam_shared PRIVATE LINKER:--no-undefined)
endif()
set_target_properties(bantam_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${soversion} LINK_DEPENDS ${map})
set_target_properties(bantam_static bantam_shared PROPERTIES
  OUTPUT_NAME bantam LINKER_LANGUAGE CXX
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

# The manual page is what the program says about itself.
set(man_page ${CMAKE_BINARY_DIR}/package/bantam.1)
add_custom_command(OUTPUT ${man_page} COMMAND bantam help --man > ${man_page} DEPENDS bantam VERBATIM
  COMMENT "Writing the manual page")
add_custom_target(bantam_man ALL DEPENDS ${man_page})

# What `make install` builds.
add_custom_target(bantam_package DEPENDS bantam bantam_man bantam_static bantam_shared)
if(TARGET bantam-grpc)
  add_dependencies(bantam_package bantam-grpc)
endif()

install(TARGETS bantam RUNTIME COMPONENT program)
install(FILES ${man_page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
# Each under the name by which its shell looks for it.
foreach(completion bantam.bash:bash-completion/completions/bantam bantam.zsh:zsh/site-functions/_bantam
    bantam.fish:fish/vendor_completions.d/bantam.fish)
  string(REGEX MATCH "^(.*):(.*)/(.*)$" ignored ${completion})
  install(FILES src/cli/shell/${CMAKE_MATCH_1} DESTINATION ${CMAKE_INSTALL_DATADIR}/${CMAKE_MATCH_2}
    RENAME ${CMAKE_MATCH_3} COMPONENT program)
endforeach()
install(TARGETS bantam_shared LIBRARY COMPONENT shared NAMELINK_COMPONENT shared)
install(TARGETS bantam_static ARCHIVE COMPONENT static)
install(FILES include/bantam/bantam.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bantam COMPONENT headers)

set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/bantam)
configure_package_config_file(cmake/bantamConfig.cmake.in ${CMAKE_BINARY_DIR}/package/bantamConfig.cmake
  INSTALL_DESTINATION ${cmake_folder} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
# Before 1.0 a minor version may take something away.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/bantamConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/bantamConfig.cmake ${CMAKE_BINARY_DIR}/package/bantamConfigVersion.cmake
  DESTINATION ${cmake_folder} COMPONENT headers)

# The prefix is where the file lies: --prefix may differ from what was configured, and the folder may be moved.
file(RELATIVE_PATH up_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" up_to_prefix ${up_to_prefix})
configure_file(cmake/bantam.pc.in ${CMAKE_BINARY_DIR}/package/bantam.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/bantam.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT headers)
