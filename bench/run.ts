/**
 * `npm run bench` measures single functions, `npm run bench -- servers` whole processes under load, and `npm run bench
 * -- statistics` simulates what the report's intervals promise. Each loads only its own part, since the functions' part
 * sets OpenTelemetry's globals.
 */
const [what, ...args] = process.argv.slice(2);
switch (what) {
  case undefined:
    await (await import("./functions.ts")).measureFunctions();
    break;
  case "servers":
    await (await import("./servers/run.ts")).measureServers(args);
    break;
  case "statistics":
    (await import("./statistics/run.ts")).simulateStatistics();
    break;
  default:
    console.error(`npm run bench -- ${what} is unknown; write nothing, servers or statistics`);
    process.exitCode = 2;
}
