# cmake -D OUT=file.c -D "FILES=a.sql;b.sql" -P EmbedSql.cmake
# Writes `const struct migration migrations[]` (db/migrate/migration.h), one entry
# a file in the order of their names, the text as a C string.
list(SORT FILES)
set(body "#include \"db/migrate/migration.h\"\n\n")
string(APPEND body "const struct migration migrations[] = {\n")
foreach(path ${FILES})
    get_filename_component(name ${path} NAME_WE)
    file(READ ${path} text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n     \"" text "${text}")
    string(APPEND body "    {\"${name}\",\n     \"${text}\"},\n")
endforeach()
string(APPEND body "    {0, 0},\n};\n")
file(WRITE ${OUT} "${body}")
