# The supervisor, on an empty file system:
#   docker build -t missioncontrol .
#   docker run -p 127.0.0.1:4222:4222 -p 127.0.0.1:8080:8080 -v missions:/data missioncontrol serve --insecure
# An agent, for programs that run on Alpine:
#   docker build -t missioncontrol-agent --target agent .

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=0.1.0-dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-X main.buildVersion=$VERSION" -o /out/supervisor ./cmd/supervisor
RUN mkdir -m 700 /out/data

FROM alpine:3.22 AS agent
COPY --from=build /out/supervisor /usr/local/bin/supervisor
USER 65532:65532
ENTRYPOINT ["supervisor", "agent", "run"]

FROM scratch AS supervisor
# Brokers and stores behind TLS are checked against the usual authorities.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/supervisor /supervisor
USER 65532:65532
ENV SUPERVISOR_DATA_DIR=/data SUPERVISOR_LISTEN=0.0.0.0:4222 SUPERVISOR_HTTP=0.0.0.0:8080
VOLUME /data
EXPOSE 4222 8080
# Over HTTP it is this supervisor that answers, not one of those that share its broker,
# and while the broker is away it is degraded, which restarting it would not help.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s CMD ["/supervisor", "health", "--http", "127.0.0.1:8080"]
ENTRYPOINT ["/supervisor"]
CMD ["serve"]
