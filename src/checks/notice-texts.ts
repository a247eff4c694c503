/**
 * The notices about common mistakes of new users: what is missing, and the code to write. `{name}` stands for a part that
 * the program fills in. docs/troubleshooting.md shows each of them. Each is shown once in a process, in development or
 * where `OTEL_LOG_LEVEL` asks for it; otherwise not in production.
 */
export const NOTICES = {
  NOT_MOUNTED:
    "this process answers HTTP requests, and no adapter is mounted, so no request has a variant; mount your framework's before the routes, in Express app.use(expressExperiments(experiments))",
  BEHIND_ROUTE:
    "{call} was called in a request that the middleware has not seen, so it has no variant; mount your framework's adapter before this route, in Express app.use(expressExperiments(experiments))",
  OUTSIDE_REQUEST:
    "{call} was called where no request is known, so it has no variant; call it in the request's own handler, or find the request by experiments.of(req)",
  NO_SUBJECT:
    "a request has no subject, so nothing is assigned to it; give the adapter { subject: (req) => … }, mount it behind the middleware that finds out who the user is, and give visitors without an account an id too",
  NOTHING_ASSIGNED:
    'use("{key}") found no variant, since nothing assigns one and no caller is trusted; assign it by the options of your adapter: { subject: (req) => …, assign: ["{key}"] }',
  NOT_AWAITED:
    'use("{key}") was called before its variant was decided; write await experiments.assign("{key}", …), or give the adapter { assign: ["{key}"] }',
  NOT_EXPOSED:
    'convert("{name}") counts for no experiment, since the request used none; call experiments.use(key) where the variant makes a difference, or write convert("{name}", { experiment: key })',
  NO_SDK:
    "no OpenTelemetry SDK is registered, so no span and no metric shows a variant; load one first: node --import ./otel.js app.js",
  OVERRIDE_IGNORED: "an override was ignored: {why}",
  UNTRUSTED: "a caller sent experiments or fields, and they were ignored; {fix}",
  NO_DESTINATION:
    'a request has a variant to pass on, and propagateTo names no destination; name your services: createExperiments({ …, propagateTo: ["https://*.shop.internal"] })',
  UNWRAPPED:
    "a call to {origin}, which propagateTo names, carried no variant, since its client is not wrapped; write const fetch = experimentFetch(experiments), or instrumentOutgoing(experiments) for all clients",
  MANY_OPEN:
    "{count} results of createExperiments are open, and each of them looks at every outgoing request; make one for the process, and close those of tests: await experiments.close()",
} as const;

/** The name of a notice, without the `OTEL_EXPERIMENTS_` of its code. */
export type NoticeName = keyof typeof NOTICES;
