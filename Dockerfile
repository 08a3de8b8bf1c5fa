# The authorization server, and in the target `example` an MCP server that takes its tokens. See docs/deployment.md.
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN node_modules/.bin/tsc -p tsconfig.build.json --declaration false && chmod 755 dist/cli/main.js

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM build AS example
COPY examples ./examples
ENV NODE_ENV=production
USER 10001:10001
CMD ["node", "examples/koa-mcp-server.ts"]

FROM ${NODE_IMAGE} AS server
COPY package.json LICENSE /app/
COPY --from=dependencies /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist
COPY deploy/prepare.sh deploy/users.acl /app/deploy/
# The directories are here so that volumes mounted on them belong to the user below.
RUN ln -s /app/dist/cli/main.js /usr/local/bin/guardmint \
  && mkdir -p /etc/guardmint /var/lib/guardmint/keys /var/lib/guardmint/data /run/guardmint /run/redis \
  && chown -R 10001:10001 /var/lib/guardmint /run/guardmint /run/redis \
  && chmod -R go-rwx /var/lib/guardmint /run/guardmint
ENV NODE_ENV=production \
  GUARDMINT_HOST=0.0.0.0 \
  GUARDMINT_KEYS_DIR=/var/lib/guardmint/keys \
  GUARDMINT_DATA_DIR=/var/lib/guardmint/data
# guardmint.json is looked for here.
WORKDIR /etc/guardmint
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GUARDMINT_MANAGEMENT_PORT || 9000}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and handles SIGTERM itself: requests in flight finish, within ten seconds.
CMD ["node", "--enable-source-maps", "/app/dist/server/main.js"]
