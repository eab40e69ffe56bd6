#!/usr/bin/env bash
# The rules of the house that a compiler does not know: which room may include
# which, where each foreign library lives, what is not called, how long a file
# may be, and how it is laid out.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

FAULTS=0
fault() {
  printf 'lint: %s\n' "$*"
  FAULTS=$((FAULTS + 1))
}

# floor ROOM ALLOWED...: what the files of a room may include of ours.
floor() {
  local room=$1 line allowed
  shift
  while IFS=: read -r file number line; do
    line=${line#*\"}
    line=${line%%\"*}
    for allowed in "$@"; do
      # shellcheck disable=SC2053  # a pattern on purpose
      [[ $line == $allowed ]] && continue 2
    done
    fault "$file:$number: $room/ must not include \"$line\""
  done < <(grep -nE '^#include "' -r "src/$room" --include='*.[ch]' \
    2>/dev/null || true)
}

# The floors, lowest first: a room includes itself and rooms below it.
# record/ and sync/ stand on base/, and of net/ on op.h alone.
floor base 'base/*'
floor clock 'base/*' 'clock/*'
floor config 'base/*' 'clock/*' 'config/*'
floor net 'base/*' 'net/*'
floor record 'base/*' 'record/*'
floor sync 'base/*' 'net/op.h' 'record/*' 'sync/*'
BELOW=('base/*' 'config/*' 'net/*' 'clock/*' 'record/*' 'sync/*')
floor source "${BELOW[@]}" 'source/*' 'coordinator.pb-c.h'
floor embed "${BELOW[@]}" 'embed/*'
BELOW+=('source/*' 'embed/*')
floor db "${BELOW[@]}" 'db/*'
for room in events metrics daemon ops api app cli; do
  BELOW+=("db/*" "$room/*")
  floor "$room" "${BELOW[@]}" 'version.h'
done

# home HEADER FILES: a foreign header is included nowhere else.
home() {
  local header=$1 pattern=$2 file
  while read -r file; do
    # shellcheck disable=SC2053  # a pattern on purpose
    [[ $file == $pattern ]] ||
      fault "$file: <$header> has its home in $pattern"
  done < <(grep -rlE "^#include [<\"]$header" src --include='*.[ch]' || true)
}

home 'yyjson\.h' 'src/base/json.h'
home 'jansson\.h' 'src/base/json.h'
home 'openssl/' 'src/base/crypto*'
home 'curl/' 'src/net/http/http_*'
home 'zlib\.h' 'src/net/http/http_*'
home '(brotli/|zstd\.h)' 'src/net/http/http_uncompress.c'
home 'libpq-fe\.h' 'src/net/pg/pg*'
home 'grpc/' 'src/net/rpc/rpc*'
home 'llhttp\.h' 'src/net/http/http_server*'
home 'uv\.h' 'src/net/*'
home 'glib' 'src/@(clock|embed/static)/*'

# What brings its own loop is touched behind net/ alone.
while IFS= read -r line; do
  fault "$line: net/ is the only room that calls libuv"
done < <(grep -nE '\buv_[a-z_]+' -r src --include='*.[ch]' |
  grep -v '^src/net/' | cut -d: -f1,2 || true)

# One file a library that brings its own loop or threads.
for header in 'curl/curl\.h' 'libpq-fe\.h' 'grpc/grpc\.h' 'llhttp\.h'; do
  files=$(grep -rlE "^#include [<\"]$header" src | wc -l)
  [ "$files" -le 1 ] || fault "<$header> is included by $files files of src/"
done

while IFS= read -r line; do
  fault "$line: not called here"
done < <(grep -nE \
  '\b(strcpy|strcat|sprintf|vsprintf|gets|alloca|system|popen|fork|sleep|usleep|atoi|atol|strtok)\(' \
  -r src --include='*.[ch]' | cut -d: -f1,2 || true)

while read -r lines file; do
  [ "$lines" -le 500 ] || fault "$file has $lines lines; 500 is the most"
done < <(git ls-files -co --exclude-standard 'src/*.[ch]' | xargs wc -l |
  grep -v ' total$')

# shellcheck disable=SC2016  # the dollars below are awk's
# functions: each function of src/ and its file.
functions() {
  git ls-files -co --exclude-standard 'src/*.c' | xargs awk '
    /^[a-z].*\(/ { head = $0; sub(/\(.*/, "", head); sub(/.*[ *]/, "", head) }
    /^{/ && head != "" { print head, FILENAME; head = "" }
    /^}/ { head = "" }' | sort -u
}

# Functions are named module_verb, static ones too: no two files share a name.
while read -r name files; do
  fault "$name() is a function of several files: $files"
done < <(functions | awk '{ n[$1]++; files[$1] = files[$1] " " $2 }
    END { for (i in n) if (n[i] > 1) print i files[i] }')

# And a name says which file it is of: it has a word of the file's name, be it
# in the singular or the plural. Public ones may have their header's.
PUBLIC=$(grep -rhoE '\b[a-z0-9_]+\(' src --include='*.h' | sort -u)
while read -r name file; do
  [[ $'\n'$PUBLIC$'\n' == *$'\n'"$name("$'\n'* ]] ||
    fault "$file: $name() has no word of its file's name"
done < <(functions | awk '{
    n = split($2, path, "/"); sub(/\.c$/, "", path[n])
    split(path[n], words, "_"); m = split($1, parts, "_"); found = 0
    for (w in words) for (i = 1; i <= m; i++) {
      a = words[w]; b = parts[i]; sub(/s$/, "", a); sub(/s$/, "", b)
      if (a == b) found = 1
    }
    if (!found) print }')

# Tables are named with their schema, which takes the place of "@.".
while IFS= read -r line; do
  fault "$line: write @. before the table's name (src/db/call.h)"
done < <(git grep -nE \
  '"[^"]*\b(FROM|JOIN|INTO|UPDATE|USING|ANALYZE|LOCK TABLE) +(tenants|microservices|vector_embeddings|knowledge_graph_nodes|knowledge_graph_edges|batch_sync_[a-z_]+)\b' \
  -- src ':!src/db/migrate/adopt*' ':!src/db/migrate/migrat*.c' |
  cut -d: -f1,2 || true)

# A folder that one can take in at a glance.
while read -r count dir; do
  [ "$count" -le 22 ] || fault "$dir/ has $count files; 22 is the most"
done < <(git ls-files -co --exclude-standard 'src/*.[ch]' | xargs -n1 dirname |
  sort | uniq -c)

# The page: small modules, nothing that its own policy forbids, no other host.
while read -r lines file; do
  [ "$lines" -le 250 ] || fault "$file has $lines lines; 250 is the most"
done < <(git ls-files -co --exclude-standard 'web/src/*.js' |
  grep -v 'src/texts.js' | xargs wc -l | grep -v ' total$')
while read -r count dir; do
  [ "$count" -le 22 ] || fault "$dir/ has $count files; 22 is the most"
done < <(git ls-files -co --exclude-standard web | xargs -n1 dirname |
  sort | uniq -c)
while IFS= read -r line; do
  fault "$line: not in the page"
done < <(git grep --untracked -nE \
  'innerHTML|\beval\(|new Function|https?://|document\.write|console\.' \
  -- web/src web/style | cut -d: -f1,2 || true)

while IFS= read -r line; do
  fault "$line: left over"
done < <(git grep -nwE 'TODO|FIXME|XXX|HACK' -- src web scripts bench |
  cut -d: -f1,2 || true)

# A variable is documented. (The test config_markdown compares the whole page.)
while read -r name; do
  grep -q "^| \`$name\`" docs/configuration.md ||
    fault "docs/configuration.md: no row for $name"
done < <(tr -d '\n' <src/config/config_table.c | grep -oE '\{"[A-Z_]+",[^}]*\}' |
  grep -oE '^\{"[A-Z_]+' | tr -d '{"')

# The version has its section.
version=$(sed -n 's/^project(batchsync VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
grep -q "^## $version\b" CHANGELOG.md ||
  fault "CHANGELOG.md: no section for $version"

# Files and folders that the documentation names exist.
while IFS=: read -r file number path; do
  [ -e "$path" ] || fault "$file:$number: there is no $path"
done < <(git ls-files -z '*.md' ':!examples' ':!bench' | xargs -0 grep -noP \
  '(?<![\w./-])(src|web|tests|schema|scripts|deploy|deps|examples|proto)/[\w./-]*\w' |
  grep -vE 'NAME|ROOM|NNNN')

# Other versions lay out differently.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
  while read -r file; do
    clang-format --dry-run -Werror "$file" >/dev/null 2>&1 ||
      fault "$file: clang-format would change it"
  done < <(git ls-files -co --exclude-standard 'src/*.[ch]' 'tests/*.[ch]')
else
  echo "lint: clang-format 14 is not here, layout not checked"
fi

shellcheck -x scripts/setup scripts/demo scripts/test scripts/lib/*.sh \
  tests/*.sh bench/run bench/section bench/lib/*.sh bench/sections/*.sh \
  .ci/run || fault "shellcheck"

[ "$FAULTS" -eq 0 ] || { echo "lint: $FAULTS faults"; exit 1; }
echo "lint: clean"
