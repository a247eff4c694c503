import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const TAX = join(import.meta.dirname, "../../examples/checkout/tax");

test("CHK-S15 a service exports traces, metrics and logs over gRPC where OTEL_EXPORTER_OTLP_PROTOCOL says so", async () => {
  const called = new Set<string>();
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    called.add(String(headers[":path"]));
    // An empty answer, and the status of success.
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.resume().on("end", () => stream.end(Buffer.alloc(5)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());

  const child = fork(join(TAX, "main.ts"), {
    cwd: TAX,
    execArgv: ["--import", "./telemetry.ts"],
    env: {
      ...process.env,
      NODE_ENV: "production",
      OTEL_SERVICE_NAME: "tax",
      // why: a server on a TCP port has an address of this form
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [{ port }] = (await once(child, "message")) as [{ port: number }]; // why: a service sends nothing else
  const response = await fetch(`http://127.0.0.1:${port}/tax`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ country: "DE", amountCents: 3 }),
  });
  // 19 % of three cents is more than half a cent.
  expect(await response.json()).toEqual({ rate: 19, taxCents: 1 });

  // What is left is exported when the service stops, here because its parent is gone.
  child.disconnect();
  expect(await once(child, "exit")).toEqual([0, null]);
  const signals = ["logs.v1.Logs", "metrics.v1.Metrics", "trace.v1.Trace"];
  expect(called).toEqual(new Set(signals.map((name) => `/opentelemetry.proto.collector.${name}Service/Export`)));
});
