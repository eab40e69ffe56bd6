# cmake -D OUT=file.c -D FILE=text -D NAME=name -D HEADER=a/b.h -P EmbedText.cmake
# Writes `const unsigned char name[]`, the file's bytes, and `const size_t
# name_len`.
file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x..,){16})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n
const unsigned char ${NAME}[] = {\n${bytes}\n};
const size_t ${NAME}_len = sizeof(${NAME});\n")
