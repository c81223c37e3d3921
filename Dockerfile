# Two stages: build, and an image that holds the gateway, the certificate authorities and nothing else.
#
#   docker build --tag wxgate .
#   docker run --publish 8080:8080 --volume "$PWD/gateway.toml:/etc/wxgate/gateway.toml:ro" --env WX_SECRET wxgate
#
# `tests/it/image.rs` reads the last stage and runs the gateway in the same root.

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
RUN make image-root && mv target/image-root /image

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/wxgate", "health", "-c", "/etc/wxgate/gateway.toml"]
ENTRYPOINT ["/wxgate"]
CMD ["run", "-c", "/etc/wxgate/gateway.toml"]
