import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

// What docs/migrating.md promises: a chain of services moves one by one, in any order, and the variant goes through.

const KINDS = ["by-hand", "with-package"] as const;
type Kind = (typeof KINDS)[number];

const children: ChildProcess[] = [];
const origins = new Map<Kind, string>();

beforeAll(async () => {
  await Promise.all(
    KINDS.map(async (kind) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, `${kind}.ts`)], {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      children.push(child);
      const [{ port }] = (await once(child, "message")) as [AddressInfo]; // why: the services send their address
      origins.set(kind, `http://127.0.0.1:${port}`);
    }),
  );
});

afterAll(async () => {
  for (const child of children) {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
});

const chains = KINDS.flatMap((edge) => KINDS.flatMap((middle) => KINDS.map((leaf) => [edge, middle, leaf] as const)));

test.each(chains)("MIG-01 edge %s, middle %s, leaf %s: each has the variant of the edge", async (...kinds) => {
  const [edge = "", ...behind] = kinds.map((kind) => origins.get(kind) ?? "");
  const url = new URL("?edge", edge);
  for (const one of behind) url.searchParams.append("next", one);
  const answer = await fetch(url);
  expect(await answer.text()).toBe("one_click one_click one_click");
});
