import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { runCommand } from "./command.ts";

/** Why tests are skipped without it. */
export const NO_CHROMIUM = "there is no program chromium, and CHROMIUM names none";

/** Few lines, and an early end where nothing can be downloaded. */
const APT = [
  "-qq",
  "--option=Dpkg::Use-Pty=0",
  "--option=DPkg::Lock::Timeout=60",
  "--option=Acquire::Retries=0",
  "--option=Acquire::http::Timeout=20",
];

/** The path of Chromium: that of the variable `CHROMIUM`, or the program `chromium`. */
export function findChromium(): string | undefined {
  const { CHROMIUM } = process.env;
  return CHROMIUM === undefined || CHROMIUM === "" ? findProgram("chromium") : CHROMIUM;
}

/** Installs Chromium if it is missing and can be installed. If it cannot, says why; the tests with it are skipped. */
export async function installChromium(): Promise<void> {
  if (findChromium() !== undefined) return;
  const apt = findProgram("apt-get");
  if (apt === undefined || process.getuid?.() !== 0) {
    console.log(`The tests of the shop page are skipped: ${NO_CHROMIUM}. On Debian, root's npm test installs it.`);
    return;
  }
  console.log("Installing Chromium with apt-get for the tests of the shop page, which takes about a minute …");
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  // Some of the lists may be out of reach, and the others enough.
  await runCommand([apt, "update", ...APT], { env });
  const exitCode = await runCommand([apt, "install", "-y", "--no-install-recommends", ...APT, "chromium"], { env });
  if (exitCode === 0) return;
  console.log(`The tests of the shop page are skipped: Chromium was not installed, apt-get ended with ${exitCode}.`);
}

function findProgram(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
