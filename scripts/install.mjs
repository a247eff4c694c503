// Installs the dependencies where they are missing or the lock file has changed.
// Runs before `npm start` and `npm test`, under whatever Node is outside; everything after it runs on the pinned one.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const STAMP = "node_modules/.installed-lock";

process.chdir(new URL("..", import.meta.url).pathname);

const lock = createHash("sha256").update(readFileSync("package-lock.json")).digest("hex");
const installed = existsSync(STAMP) ? readFileSync(STAMP, "utf8") : "";
if (installed !== lock) {
  console.log("Installing dependencies (only when package-lock.json has changed) …");
  const { status, signal } = spawnSync("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) {
    console.error(`npm ci ended with ${signal ?? status}; is the npm registry reachable? Try: npm ci`);
    process.exit(1);
  }
  writeFileSync(STAMP, lock);
}
