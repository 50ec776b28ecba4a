# The sample applications: one image with both, the command chooses which. Without one it is a landing replica.
#
#   docker build -t rookery-samples .
#   docker run --init -e ... rookery-samples node dist/apps/api/src/main.js
#
# Stays with what the classic builder knows, so that Compose v1 can build it too.

FROM node:24-bookworm-slim AS manifests
WORKDIR /app
COPY package.json package-lock.json ./

# No install scripts: the native parts come prebuilt, and there is no compiler in here.
FROM manifests AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM manifests AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.base.json ./
COPY tools tools
COPY libs libs
COPY apps apps
RUN node tools/build-apps.mjs api landing && npm run build:lib && chmod +x dist/rookery/node/src/cli/main.js

FROM node:24-bookworm-slim
ENV NODE_ENV=production NO_COLOR=1 HTTP_HOST=0.0.0.0 HTTP_PORT=3000
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist/apps dist/apps
COPY --from=build /app/dist/libs dist/libs
# The command `rookery doctor`, to be run inside of a container. The applications use what they were built with.
COPY --from=build /app/dist/rookery /opt/rookery
RUN ln -s /opt/rookery/node/src/cli/main.js /usr/local/bin/rookery
# The user `node`, by number: Kubernetes cannot tell from a name that it is not root.
USER 1000:1000
# HTTP, and the other nodes.
EXPOSE 3000 4370
# Serve on for HTTP_DRAIN_MS (500), finish what is being answered, say goodbye to the cluster, end: 10 seconds at most after that.
STOPSIGNAL SIGTERM
CMD ["node", "dist/apps/landing/src/main.js"]
