import { startWireServer, type WireServer } from "../../testing/wire/server.ts";

/**
 * A server that makes clients follow redirects and retry: `/hop/URL` redirects there, `/try/…` fails the first time.
 * Answers come in another order than requests: every third one waits until some later ones are answered.
 */
export function startDisorderlyServer(): Promise<WireServer> {
  const tried = new Set<string>();
  let answered = 0;
  return startWireServer(async ({ start }) => {
    const path = start.split(" ")[1] ?? "";
    for (let turns = (answered++ % 3) * 2; turns > 0; turns--) await new Promise(setImmediate);
    if (path.startsWith("/hop/")) return { status: 307, lines: [`location: ${path.slice("/hop".length)}`] };
    if (path.startsWith("/try/") && !tried.has(path)) {
      tried.add(path);
      return { status: 503, lines: ["retry-after: 0"] };
    }
    return {};
  });
}
