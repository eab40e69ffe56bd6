# How everything is compiled: warnings, hardening, sanitizers.

add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wconversion -Wsign-conversion -Wnull-dereference
    -Wno-unused-parameter -Wno-missing-field-initializers
    -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wlogical-op)
endif()
if(BATCHSYNC_WERROR)
    add_compile_options(-Werror)
endif()

# Hardening; tests/hardening.sh reads it off the program. FORTIFY needs an
# optimized build, and would hide calls from the sanitizers.
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_compile_options(-fstack-protector-strong)
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)

if(BATCHSYNC_SANITIZE)
    add_compile_options(-fsanitize=address,undefined
        -fno-sanitize-recover=undefined)
    add_link_options(-fsanitize=address,undefined)
    # gcc guesses values that instrumented code cannot have.
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-Wno-format-truncation)
    endif()
elseif(BATCHSYNC_TSAN)
    add_compile_options(-fsanitize=thread)
    add_link_options(-fsanitize=thread)
else()
    add_compile_options(-U_FORTIFY_SOURCE
        $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
endif()

if(BATCHSYNC_FUZZ) # coverage of what is fuzzed, not of the harness alone
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()
