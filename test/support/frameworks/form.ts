import type { IncomingMessage } from "node:http";
import busboy from "busboy";
import type { FormSize } from "otel-experiments/testing";

/** Reads a multipart form with busboy, and continues from busboy's `close` event, as is usual. */
export function readForm(request: IncomingMessage, next: (error: unknown, form?: FormSize) => void): void {
  const form = { fields: 0, bytes: 0 };
  const parser = busboy({ headers: request.headers });
  parser.on("field", () => form.fields++);
  parser.on("file", (_name, file) => file.on("data", (chunk: Buffer) => (form.bytes += chunk.length)));
  parser.on("error", next);
  parser.on("close", () => next(undefined, form));
  request.pipe(parser);
}
