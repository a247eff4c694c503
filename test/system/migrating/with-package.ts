// The same service after it has moved to the package.
import http from "node:http";
import { createExperiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
  trustInbound: ["127.0.0.0/8"],
  propagateTo: [({ hostname }) => hostname === "127.0.0.1"],
});
const fetch = experimentFetch(experiments);

async function answer(url: string): Promise<string> {
  const { searchParams } = new URL(url, "http://127.0.0.1");
  if (searchParams.has("edge")) experiments.record("checkout", "one_click");
  const variant = experiments.use("checkout") ?? "none";
  const [next, ...rest] = searchParams.getAll("next");
  if (next === undefined) return variant;
  const behind = new URL(next);
  for (const one of rest) behind.searchParams.append("next", one);
  const answered = await fetch(behind);
  return `${variant} ${await answered.text()}`;
}

http
  .createServer(nodeExperiments(experiments, (req, res) => void answer(req.url ?? "").then((text) => res.end(text))))
  .listen(0, "127.0.0.1", function (this: http.Server) {
    process.send?.(this.address());
  });
