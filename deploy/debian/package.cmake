# The Debian package:  cpack --config build/CPackConfig.cmake
# Its files are a component of their own, which `cmake --install` leaves alone.

set(debian ${PROJECT_SOURCE_DIR}/deploy/debian)
file(GLOB schemas CONFIGURE_DEPENDS RELATIVE
    ${PROJECT_SOURCE_DIR}/schema/services
    ${PROJECT_SOURCE_DIR}/schema/services/*.json)
list(FILTER schemas EXCLUDE REGEX "[.]cases[.]json$")
set(conffiles "/etc/batchsync/batchsync.env\n")
foreach(schema ${schemas})
    string(APPEND conffiles "/etc/batchsync/services/${schema}\n")
endforeach()
file(WRITE ${PROJECT_BINARY_DIR}/debian/conffiles ${conffiles})

install(FILES ${debian}/batchsync.service DESTINATION /usr/lib/systemd/system
    COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${debian}/batchsync.env DESTINATION /etc/batchsync
    PERMISSIONS OWNER_READ OWNER_WRITE COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES LICENSE RENAME copyright DESTINATION /usr/share/doc/batchsync
    COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES docs/configuration.md docs/deployment.md schema/grants.sql
    DESTINATION /usr/share/doc/batchsync
    COMPONENT debian EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_CMAKE_PROJECTS
    "${PROJECT_BINARY_DIR};batchsync;Unspecified;/"
    "${PROJECT_BINARY_DIR};batchsync;debian;/")
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE
    OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME batchsync)
set(CPACK_PACKAGE_VENDOR batchsync)
set(CPACK_PACKAGE_CONTACT "The batchsync authors <batchsync@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
    "keeps a pgvector store in step with microservices")
set(CPACK_PACKAGE_DESCRIPTION
    "Reads records from services over gRPC, embeds their text, and keeps
 PostgreSQL with pgvector, and a graph of what is related, up to date.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# procps has the kill by which the service reloads.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates, procps, tzdata")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS tzdata-legacy)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS postgresql)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${PROJECT_BINARY_DIR}/debian/conffiles
    ${debian}/postinst ${debian}/prerm ${debian}/postrm)
include(CPack)
