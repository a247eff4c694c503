/**
 * `npm run bench` measures single functions, `npm run bench -- servers` whole processes under load. Each loads only its
 * own part, since the functions' part sets OpenTelemetry's globals.
 */
const [what, ...args] = process.argv.slice(2);
switch (what) {
  case undefined:
    await (await import("./functions.ts")).measureFunctions();
    break;
  case "servers":
    await (await import("./servers/run.ts")).measureServers(args);
    break;
  default:
    console.error(`npm run bench -- ${what} is unknown; write nothing, or servers`);
    process.exitCode = 2;
}
