import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort, passedOn, sendWhenListening } from "./programs.ts";

const ROOT = join(import.meta.dirname, "../../..");
const FILES = ["app.mjs", "otel.mjs"] as const;
const [, quickStart = ""] = readFileSync(join(ROOT, "README.md"), "utf8")
  .split(/^## /m)
  .filter((part, i) => i === 0 || part.startsWith("Quick start"));

test("FHR-07 the quick start of the README is the code that runs here", () => {
  const blocks = [...quickStart.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  expect(blocks).toEqual(FILES.map((file) => readFileSync(join(import.meta.dirname, "quick-start", file), "utf8")));
});

test("FHR-08 the quick start answers the variants that the README says, and prints a span with them", async () => {
  const answers = [...quickStart.matchAll(/^curl -H "x-user-id: (\w+)" localhost:8080 +# (\w+)$/gm)];
  expect(answers.map(([, , variant]) => variant)).toEqual(["control", "one_click"]);
  const [, command = ""] = /^(OTEL_TRACES_EXPORTER=console node --import .*)$/m.exec(quickStart) ?? [];
  const [variable = "", , ...args] = command.split(" ");
  const port = await freePort();
  const child = spawn(process.execPath, args, {
    cwd: join(import.meta.dirname, "quick-start"),
    env: { ...passedOn(), PORT: String(port), ...Object.fromEntries([variable.split("=")]) },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
  const closed = new Promise<void>((resolve) => void child.on("close", () => resolve()));
  const [, shown = ""] = /^```text\n( {2}'experiment.*?)^```$/ms.exec(quickStart) ?? [];
  try {
    for (const [, user, variant] of answers) {
      const { body } = await sendWhenListening(port, { lines: [`x-user-id: ${user}`] });
      expect(body).toBe(`${variant}\n`);
    }
    await expect.poll(() => stdout, { timeout: 30_000 }).toContain("'experiment.checkout.variant': 'one_click'");
  } finally {
    child.kill();
    await closed;
  }
  const lines = shown
    .trim()
    .split("\n")
    .map((line) => line.trim());
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) expect(stdout).toContain(line);
  expect(stderr).toContain("[OTEL_EXPERIMENTS_READY]");
  expect(stderr).not.toContain("Warning:");
});
