import { processWide } from "../process-wide.ts";
import { isAttentive, isServing, showOnce } from "./development.ts";
import { infoOnce, warnOnce } from "./diagnostics.ts";
import { NOTICES, type NoticeName } from "./notice-texts.ts";

/** The kinds that `diag` has a message for already, at the same places. There it is said as before. */
const IN_DIAG: ReadonlySet<NoticeName> = new Set(["OUTSIDE_REQUEST", "NOT_EXPOSED", "OVERRIDE_IGNORED", "UNTRUSTED"]);

const said = processWide("notices.v1", () => new Set<NoticeName>());

/** Said also of a process that has served nothing yet: its HTTP server has a request under way. */
const BEFORE_SERVING: ReadonlySet<NoticeName> = new Set(["NOT_MOUNTED", "BEHIND_ROUTE"]);

/** Says what is missing. A script that serves nobody stays quiet. Never throws. */
export function notice(name: NoticeName, parts: Readonly<Record<string, string>> = {}): void {
  if (!isAttentive() || said().has(name) || !(isServing() || BEFORE_SERVING.has(name))) return;
  said().add(name);
  const message = NOTICES[name].replaceAll(/\{(\w+)\}/g, (_, part: string) => parts[part] ?? "");
  if (!IN_DIAG.has(name)) warnOnce(name, message);
  showOnce("OtelExperimentsWarning", `OTEL_EXPERIMENTS_${name}`, message);
}

/** Says what holds, at the end of the first request. Never throws. */
export function announce(message: string): void {
  infoOnce("READY", message);
  showOnce("OtelExperimentsInfo", "OTEL_EXPERIMENTS_READY", message);
}

/** Whether a message has been said, of which another one would be a consequence. */
export function hasSaid(name: NoticeName): boolean {
  return said().has(name);
}
