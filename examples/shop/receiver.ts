import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { ResourceMetrics, ResourceSpans, Telemetry } from "./otlp.ts";

/** A substitute for a collector: it keeps the exported telemetry. */
export interface Receiver {
  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** The telemetry received so far. */
  readonly telemetry: Telemetry;
  close(): void;
}

/** Receives OTLP/HTTP as JSON, on a free port of loopback. */
export async function startReceiver(): Promise<Receiver> {
  const resourceSpans: ResourceSpans[] = [];
  const resourceMetrics: ResourceMetrics[] = [];

  const server = createServer((request, response) => {
    receive(request).then(
      (status) => response.writeHead(status, { "content-type": "application/json" }).end("{}"),
      () => response.writeHead(400).end(),
    );
  });

  async function receive(request: IncomingMessage): Promise<number> {
    // why: only the exporters know the port, and they write OTLP's JSON
    const body = (await json(request)) as Partial<Telemetry>;
    if (request.url === "/v1/traces") resourceSpans.push(...(body.resourceSpans ?? []));
    else if (request.url === "/v1/metrics") resourceMetrics.push(...(body.resourceMetrics ?? []));
    else return 404;
    return 200;
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    telemetry: { resourceSpans, resourceMetrics },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
