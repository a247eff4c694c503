import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { Command } from "./command.ts";

const DIST = new URL("../../dist/src/index.js", import.meta.url);

/** What is left some time after the end: a service that has lost its starter takes six seconds at most, when nobody is busy. */
async function leftBy(command: Command): Promise<{ processes: readonly number[]; files: readonly string[] }> {
  const limit = performance.now() + 30_000;
  while (performance.now() < limit && command.running().length > 0) await pause(50);
  return { processes: command.running(), files: command.files() };
}

const NOTHING = { processes: [], files: [] };

beforeAll(() => {
  if (!existsSync(DIST)) throw new Error("dist/ is missing, from which the services run; build first: npm run build");
});

describe("npm start", { timeout: 180_000 }, () => {
  test("CHK-N01 says what came of the shoppers by variant and service, that all holds, and leaves nothing", async () => {
    const command = new Command(["--once", "--shoppers", "60"]);
    await command.endsWith(0);
    const { stdout, stderr } = command;
    for (const variant of ["control", "express", "single_page"]) {
      expect(stdout).toMatch(new RegExp(`^${variant} +\\d+ +\\d+ +[\\d.]+ % .*[\\d.]+ +[\\d.]+$`, "m"));
      for (const service of ["gateway", "cart", "inventory", "tax", "fraud", "payment", "order"]) {
        expect(stdout).toMatch(new RegExp(`^${service} +${variant} +\\d+ +0 +[\\d.]+ +[\\d.]+$`, "m"));
      }
    }
    expect(stdout.match(/^holds /gm)).toHaveLength(17);
    expect(stdout).not.toContain("BROKEN");
    expect(stderr).toContain("shoppers: 60 of 60");
    expect(stderr).not.toMatch(/error|warning/i);
    expect(await leftBy(command)).toEqual(NOTHING);
  });

  test("CHK-N02 stays up after the summary, shows each variant at its signed address, and ends in order by Ctrl-C", async () => {
    const command = new Command(["--shoppers", "5"]);
    await command.shows("express       http");
    const addresses = [...command.stdout.matchAll(/^(\w+) +(http:\S+)\/#override=(\S+)$/gm)];
    expect(addresses.map(([, variant]) => variant)).toEqual(["control", "single_page", "express"]);
    for (const [, variant, gateway, token = ""] of addresses) {
      const answer = await fetch(`${gateway}/api/shop`, { headers: { "x-experiment-override": token } });
      expect(await answer.json()).toMatchObject({ checkout: variant });
    }
    command.process.kill("SIGINT");
    await command.endsWith(0);
    expect(await leftBy(command)).toEqual(NOTHING);
  });

  // The last figure is the number of processes that run by then: a keeper, PostgreSQL, and nine services.
  test.each([
    ["CHK-N03", "SIGINT", 130, "among its shoppers", "shoppers: ", 11],
    ["CHK-N04", "SIGTERM", 143, "among its shoppers", "shoppers: ", 11],
    ["CHK-N05", "SIGINT", 130, "while its database starts", "mail ", 1],
    ["CHK-N06", "SIGTERM", 143, "while its services start", "database ", 2],
  ] as const)(
    "%s stops by %s with exit code %i %s, and leaves nothing",
    async (_id, signal, code, _when, text, processes) => {
      const command = new Command(["--shoppers", "600"]);
      await command.shows(text);
      await vi.waitFor(() => expect(command.running().length).toBeGreaterThanOrEqual(processes));
      // npm passes on a signal that the terminal has sent already.
      command.process.kill(signal);
      command.process.kill(signal);
      await command.endsWith(code);
      expect(command.stderr).toMatch(new RegExp(`\\nStopped by ${signal}, and every process with it.\\n$`));
      expect(command.stdout).toBe("");
      expect(await leftBy(command)).toEqual(NOTHING);
    },
  );

  test("CHK-N07 leaves nothing when it is killed", async () => {
    const command = new Command(["--shoppers", "600"]);
    await command.shows("shoppers: ");
    command.process.kill("SIGKILL");
    await command.endsWith(null);
    expect(await leftBy(command)).toEqual(NOTHING);
  });

  test("CHK-N08 names a service that ends by itself among the shoppers", async () => {
    const command = new Command(["--shoppers", "600"]);
    await command.shows("shoppers: ");
    process.kill(command.pidOf("cart"), "SIGKILL");
    await command.endsWith(1);
    expect(command.stderr).toContain("The cart service ended by itself: SIGKILL. Its last lines:\n  (none)");
    expect(await leftBy(command)).toEqual(NOTHING);
  });

  test("CHK-N09 names a service that does not start, with its reason and what to do", async () => {
    const command = new Command([], { OVERRIDE_SECRET: "short" });
    await command.endsWith(1);
    expect(command.stderr).toMatch(/The gateway service did not start: exit 1. Its last lines:\n(?: {2}.*\n)*.*secret/);
    expect(command.stderr).toContain("run it alone: see examples/checkout/README.md");
    expect(await leftBy(command)).toEqual(NOTHING);
  });

  test("CHK-N10 says that DATABASE_URL cannot be used, and what to do", async () => {
    const command = new Command([], { DATABASE_URL: "postgres://127.0.0.1:1/shop" });
    await command.endsWith(1);
    expect(command.stderr).toMatch(/DATABASE_URL names a PostgreSQL that cannot be used: .*ECONNREFUSED.* unset it/);
    expect(await leftBy(command)).toEqual(NOTHING);
  });

  test("CHK-N11 ends with exit code 1 and says what is broken, here by a provider that never answers in time", async () => {
    const command = new Command(["--shoppers", "5"], { STALL_RATE: "1", STALL_MS: "5000" });
    await command.endsWith(1);
    expect(command.stdout).toMatch(/^BROKEN {2}each checkout ends as .*\n.*in the step payment by provider_timeout/m);
    expect(command.stdout.match(/^BROKEN/gm)).toHaveLength(1);
    expect(await leftBy(command)).toEqual(NOTHING);
  });

  test("CHK-N12 explains its options, and refuses others", async () => {
    const help = new Command(["--help"]);
    await help.endsWith(0);
    expect(help.stdout).toMatch(/^Usage: npm start .*--shoppers N.*--seed N.*--once/s);
    const misspelt = new Command(["--shopers", "3"]);
    await misspelt.endsWith(2);
    expect(misspelt.stderr).toMatch(/^Unknown option '--shopers'.*\n\nUsage: /s);
    const nobody = new Command(["--shoppers", "0"]);
    await nobody.endsWith(2);
    expect(nobody.stderr).toMatch(/^--shoppers is "0"; write a number from 1 to 10000\n\nUsage: /);
  });
});
