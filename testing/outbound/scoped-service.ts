import { once } from "node:events";
import type { createServer, RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { WireConnection } from "../wire/client.ts";

/** A service that runs functions while it serves a request. */
export interface ScopedService {
  /**
   * Sends the service a request with these header lines, runs `fn` while the request is served, and returns its result.
   */
  serve<T>(lines: readonly string[], fn: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * Starts a service on a free port of loopback. `listen` wraps the service's listener with the adapter under test; `create`
 * can be the `createServer` of a `node:http` that OpenTelemetry has patched.
 */
export async function startScopedService(
  listen: (listener: RequestListener) => RequestListener,
  create?: typeof createServer,
): Promise<ScopedService> {
  // Imported here, because a static import of node:http starts undici, even for code that only reads the contracts.
  const createHttpServer = create ?? (await import("node:http")).createServer;
  const jobs = new Map<string, () => Promise<void>>();
  const idle: WireConnection[] = [];
  const server = createHttpServer(
    listen((request, response) => {
      const job = jobs.get(request.url ?? "");
      jobs.delete(request.url ?? "");
      void Promise.resolve(job?.()).then(() => response.end());
    }),
  );
  // Connections wait here until the next call, however long that takes.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  let served = 0;
  return {
    async serve<T>(lines: readonly string[], fn: () => Promise<T>) {
      const path = `/${++served}`;
      const done = Promise.withResolvers<T>();
      // An error of `fn` is the caller's, not the server's.
      done.promise.catch(() => undefined);
      jobs.set(path, async () => {
        try {
          done.resolve(await fn());
        } catch (error) {
          done.reject(error);
        }
      });
      const connection = idle.pop() ?? (await WireConnection.open(port));
      await connection.send({ path, lines });
      idle.push(connection);
      return done.promise;
    },
    async close() {
      for (const connection of idle) connection.close();
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
