# The page at /: web/build.mjs bundles web/ with the packages of deps/web into
# one C file. Without BATCHSYNC_WEB that file is an empty list.

# web_source(OUT): makes OUT, the list of src/api/page.h.
function(web_source out)
    if(NOT BATCHSYNC_WEB)
        file(CONFIGURE OUTPUT ${out} CONTENT "#include \"api/page.h\"\n
const struct page_file page_files[] = {{.path = 0}};\n" @ONLY)
        return()
    endif()
    find_program(NODE NAMES node nodejs)
    find_program(NPM npm)
    if(NOT NODE OR NOT NPM)
        message(FATAL_ERROR "The page at / needs Node.js and npm: install them "
            "(scripts/setup does), or build without it: -DBATCHSYNC_WEB=OFF")
    endif()
    set(deps ${PROJECT_SOURCE_DIR}/deps/web)
    set(installed ${deps}/node_modules/.package-lock.json)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/web/*)
    add_custom_command(
        OUTPUT ${installed}
        COMMAND ${NPM} ci --no-audit --no-fund --ignore-scripts --silent
        DEPENDS ${deps}/package-lock.json ${deps}/package.json
        WORKING_DIRECTORY ${deps}
        COMMENT "Installing the page's packages"
        VERBATIM)
    add_custom_command(
        OUTPUT ${out}
        COMMAND ${NODE} ${PROJECT_SOURCE_DIR}/web/build.mjs ${out}
        DEPENDS ${installed} ${files}
        COMMENT "Bundling the page"
        VERBATIM)
endfunction()
