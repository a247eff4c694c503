import { type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";

/** The lines that were logged with OpenTelemetry's `diag`. */
export interface DiagLog {
  /** One line per call, starting with the level. */
  readonly lines: readonly string[];
  /** Returns the lines and clears them. */
  take(): readonly string[];
}

/** Sets a logger for the process's `diag` that records the lines. */
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
