// Installs the dependencies if they are missing or the lock file has changed. Runs before `npm start` and `npm test`,
// on the Node of the caller's PATH. Everything after it runs on the pinned Node.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const STAMP = "node_modules/.installed-lock";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const lock = createHash("sha256").update(readFileSync("package-lock.json")).digest("hex");
const installed = existsSync(STAMP) ? readFileSync(STAMP, "utf8") : "";
if (installed !== lock) await install();

async function install() {
  if (lstatSync("node_modules", { throwIfNoEntry: false })?.isSymbolicLink()) {
    // npm ci would empty the folder that the link leads to, which other checkouts may use.
    console.error("node_modules is a link to a folder that does not match package-lock.json. Install in that folder.");
    process.exit(1);
  }
  console.log("Installing dependencies, which takes about a minute; only when package-lock.json has changed …");
  // In its own process group: npm continues for a while after Ctrl-C, and would disturb the next install.
  const npm = spawn("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], {
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  const stop = (signal) => {
    try {
      if (npm.pid !== undefined) process.kill(-npm.pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const [code, signal] = await new Promise((resolve, reject) => {
    npm.once("error", reject).once("close", (...end) => resolve(end));
  });
  if (code !== 0) {
    console.error(`npm ci ended with ${signal ?? code}. Is the npm registry reachable? To see more: npm ci`);
    process.exit(1);
  }
  writeFileSync(STAMP, lock);
}
