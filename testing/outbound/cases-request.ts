import assert from "node:assert/strict";
import { headerValues } from "../wire/http-bytes.ts";
import { startWireServer } from "../wire/server.ts";
import type { OutboundCase } from "./harness.ts";
import { arrived, CHECKOUT, onStage } from "./stage.ts";

/** Behaviour that the adapter does not change. */
export const requestCases: readonly OutboundCase[] = [
  {
    id: "OUT-08",
    title: "does not change method, body and the other headers",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const request = { method: "POST", headers: { "x-one": "a, b", "content-type": "text/plain" }, body: "ünïcode" };
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x?y=1&z=%20`, request));
        const [{ start, lines, body } = { start: "", lines: [], body: "" }] = allowed.requests;
        assert.equal(start, "POST /x?y=1&z=%20 HTTP/1.1");
        assert.deepEqual(headerValues(lines, "x-one"), ["a, b"]);
        assert.deepEqual(headerValues(lines, "content-type"), ["text/plain"]);
        assert.equal(Buffer.from(body, "latin1").toString("utf8"), "ünïcode");
      }),
  },
  {
    id: "OUT-09",
    title: "does not change the caller's headers",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const headers = Object.freeze({ baggage: "user=1", "x-one": "1" });
        const request = Object.freeze({ headers });
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, request));
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, request));
        assert.deepEqual(request, { headers: { baggage: "user=1", "x-one": "1" } });
        assert.deepEqual(arrived(allowed), [`user=1,${CHECKOUT}`, `user=1,${CHECKOUT}`]);
      }),
  },
  {
    id: "OUT-10",
    title: "returns the answer and the error of the wrapped client",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const found = await serve(CHECKOUT, () => client.request(`${allowed.origin}/found`));
        assert.deepEqual(found, { status: 200, body: "answer to /found" });
        const gone = await startWireServer();
        await gone.close();
        await assert.rejects(
          serve(CHECKOUT, () => client.request(`${gone.origin}/x`)),
          (error) => error instanceof Error && codeOf(error) === "ECONNREFUSED",
        );
      }),
  },
];

function codeOf(error: unknown): unknown {
  if (typeof error !== "object" || error === null) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  return "cause" in error ? codeOf(error.cause) : undefined;
}
