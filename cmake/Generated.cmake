# Sources made at build time: the protobuf messages of proto/ and what is
# embedded in the binary: the SQL of schema/sql/, the description of the HTTP API,
# and the page (Web.cmake).

set(GENERATED ${PROJECT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${GENERATED})
web_source(${GENERATED}/page_files.c)

add_custom_command(
    OUTPUT ${GENERATED}/coordinator.pb-c.c ${GENERATED}/coordinator.pb-c.h
    COMMAND ${PROTOC} --plugin=protoc-gen-c=${PROTOC_GEN_C}
        --c_out=${GENERATED} --proto_path=${PROJECT_SOURCE_DIR}/proto
        coordinator.proto
    DEPENDS ${PROJECT_SOURCE_DIR}/proto/coordinator.proto
    VERBATIM)

file(GLOB SQL_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schema/sql/*.sql)
add_custom_command(
    OUTPUT ${GENERATED}/migrations.c
    COMMAND ${CMAKE_COMMAND} -D OUT=${GENERATED}/migrations.c
        -D "FILES=${SQL_FILES}" -P ${PROJECT_SOURCE_DIR}/cmake/EmbedSql.cmake
    DEPENDS ${SQL_FILES} ${PROJECT_SOURCE_DIR}/cmake/EmbedSql.cmake
    VERBATIM)

set(OPENAPI ${PROJECT_SOURCE_DIR}/src/api/openapi/openapi.json)
add_custom_command(
    OUTPUT ${GENERATED}/openapi.c
    COMMAND ${CMAKE_COMMAND} -D OUT=${GENERATED}/openapi.c -D FILE=${OPENAPI}
        -D NAME=openapi_text -D HEADER=api/openapi/openapi.h
        -P ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake
    DEPENDS ${OPENAPI} ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake
    VERBATIM)

add_library(batchsync_generated STATIC
    ${GENERATED}/coordinator.pb-c.c ${GENERATED}/coordinator.pb-c.h
    ${GENERATED}/migrations.c ${GENERATED}/page_files.c
    ${GENERATED}/openapi.c)
target_include_directories(batchsync_generated PUBLIC
    ${GENERATED} ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(batchsync_generated PUBLIC PkgConfig::PROTOBUF_C)

# Leaves the file alone when nothing in it changes.
file(CONFIGURE OUTPUT ${GENERATED}/version.h
    CONTENT "#define BATCHSYNC_VERSION \"@PROJECT_VERSION@\"\n" @ONLY)
