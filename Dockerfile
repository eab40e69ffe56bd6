# Two stages on Debian 13, which has every dependency as a package: the first
# one builds, the second one contains the program and its libraries.
#
#     docker build -t batchsync .
#     docker run --rm batchsync --help
#
# The base is pinned by digest; docs/deployment.md says how to renew it.

FROM debian:trixie-slim@sha256:d7e12182ce18b85b93007c1dedf31f2d29e01ccf3182cc4017c709b6259bc132 AS build

ARG DEBIAN_FRONTEND=noninteractive

WORKDIR /usr/src/batchsync
COPY deps/packages.txt deps/
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
        $(awk '$1 == "build" { print $4 }' deps/packages.txt) \
 && rm -rf /var/lib/apt/lists/*

COPY CMakeLists.txt ./
COPY cmake cmake
COPY deps deps
COPY proto proto
COPY schema schema
COPY web web
COPY src src

# Without debug information; assertions stay, as in every build.
RUN cmake -S . -B build -G Ninja \
 && cmake --build build --target batchsync \
 && DESTDIR=/install cmake --install build --prefix /usr/local --strip


FROM debian:trixie-slim@sha256:d7e12182ce18b85b93007c1dedf31f2d29e01ccf3182cc4017c709b6259bc132

ARG DEBIAN_FRONTEND=noninteractive

LABEL org.opencontainers.image.title="batchsync" \
      org.opencontainers.image.description="Keeps a pgvector store in step with microservices"

COPY deps/packages.txt /usr/share/doc/batchsync/
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
        $(awk '!/^#/ && NF && $5 != "-" { print $5 }' \
            /usr/share/doc/batchsync/packages.txt) \
 && rm -rf /var/lib/apt/lists/* /var/cache/ldconfig/aux-cache /var/log/*

# The program in /usr/local/bin, the schemas in /etc/batchsync/services.
COPY --from=build /install/ /

# By number, so that an orchestrator can see that it is not root. It needs
# neither a name nor a home directory nor a writable file.
USER 10001:10001

EXPOSE 3000
STOPSIGNAL SIGTERM

# Alive, not ready: a restart does not help when the database is down. The image
# has no HTTP client, but bash can connect.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${PORT:-3000} && printf 'GET /livez HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]

ENTRYPOINT ["batchsync"]
CMD ["serve"]
