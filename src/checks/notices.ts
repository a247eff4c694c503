import { processWide } from "../process-wide.ts";
import { isAttentive, isServing, showOnce } from "./development.ts";
import { infoOnce, warnOnce } from "./diagnostics.ts";
import { NOTICES, type NoticeName } from "./notice-texts.ts";

/** Notices at places that already write a message of their own to `diag`: `diag` does not get these. */
const IN_DIAG: ReadonlySet<NoticeName> = new Set(["OUTSIDE_REQUEST", "NOT_EXPOSED", "OVERRIDE_IGNORED", "UNTRUSTED"]);

const said = processWide("notices.v1", () => new Set<NoticeName>());

/** Shown also before the process has served a request: its HTTP server is handling one. */
const BEFORE_SERVING: ReadonlySet<NoticeName> = new Set(["NOT_MOUNTED", "BEHIND_ROUTE"]);

/** Shows a notice, once in a process; none in a script that serves no request. Never throws. */
export function notice(name: NoticeName, parts: Readonly<Record<string, string>> = {}): void {
  if (!isAttentive() || said().has(name) || !(isServing() || BEFORE_SERVING.has(name))) return;
  said().add(name);
  const message = NOTICES[name].replaceAll(/\{(\w+)\}/g, (_, part: string) => parts[part] ?? "");
  if (!IN_DIAG.has(name)) warnOnce(name, message);
  showOnce("OtelExperimentsWarning", `OTEL_EXPERIMENTS_${name}`, message);
}

/** Shows the settings, at the end of the first request. Never throws. */
export function announce(message: string): void {
  infoOnce("READY", message);
  showOnce("OtelExperimentsInfo", "OTEL_EXPERIMENTS_READY", message);
}

/** Whether a notice has been shown. Another one would only be its consequence. */
export function hasSaid(name: NoticeName): boolean {
  return said().has(name);
}
