import { type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";

/** What reached OpenTelemetry's `diag`. */
export interface DiagLog {
  /** One line for each call, with the level before it. */
  readonly lines: readonly string[];
  /** Takes the lines out. */
  take(): readonly string[];
}

/** Makes itself the process's diag logger. */
export function recordDiag(logLevel = DiagLogLevel.WARN): DiagLog {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  const logger: DiagLogger = {
    error: at("error"),
    warn: at("warn"),
    info: at("info"),
    debug: at("debug"),
    verbose: at("verbose"),
  };
  diag.setLogger(logger, { logLevel, suppressOverrideMessage: true });
  return { lines, take: () => lines.splice(0) };
}
